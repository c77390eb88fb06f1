/* SPDX-License-Identifier: GPL-2.0 */
/* Page faults of DAX files. */
#ifndef DAXFS_FAULT_H
#define DAXFS_FAULT_H

#include "daxfs.h"

extern const struct vm_operations_struct daxfs_vm_ops;

#endif /* DAXFS_FAULT_H */
