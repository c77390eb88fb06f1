/* SPDX-License-Identifier: GPL-2.0 */
/* fallocate(2). */
#ifndef DAXFS_FALLOCATE_H
#define DAXFS_FALLOCATE_H

#include "daxfs.h"

long daxfs_fallocate(struct file *file, int mode, loff_t offset, loff_t length);

#endif /* DAXFS_FALLOCATE_H */
