/* SPDX-License-Identifier: GPL-2.0 */
/* Symbolic links. */
#ifndef DAXFS_SYMLINK_H
#define DAXFS_SYMLINK_H

#include "daxfs.h"

/* A symlink that is being made. */
struct daxfs_symlink {
	const char *target;
	size_t length;		/* 1 .. DAXFS_SYMLINK_MAX */
	u64 block;		/* of a target that the inode has no room for */
};

int daxfs_symlink_prepare(struct daxfs_tx *tx, struct inode *inode, struct daxfs_symlink *link);
void daxfs_symlink_store(struct inode *inode, const struct daxfs_symlink *link);
extern const struct inode_operations daxfs_symlink_inode_operations;

#endif /* DAXFS_SYMLINK_H */
