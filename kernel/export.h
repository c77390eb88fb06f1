/* SPDX-License-Identifier: GPL-2.0 */
/* File handles. */
#ifndef DAXFS_EXPORT_H
#define DAXFS_EXPORT_H

#include "daxfs.h"

extern const struct export_operations daxfs_export_operations;

#endif /* DAXFS_EXPORT_H */
