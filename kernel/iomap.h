/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel's iomap and DAX code asks of us, and a write(2) between them and file.c. */
#ifndef DAXFS_IOMAP_H
#define DAXFS_IOMAP_H

#include "data.h"
#include "daxfs.h"
#include "extent_tree.h"

/* A write(2) in progress, at daxfs_inode_info.write: under i_rwsem exclusive there is one an inode. */
struct daxfs_write {
	loff_t end;			/* of the whole call: decides what kind of space it gets */
	loff_t done;			/* everything before this is copied and mapped */
	int error;			/* iomap drops what iomap_end returns once bytes were copied */
	bool fence;			/* bytes were copied over written blocks: no transaction has fenced them */
	/* Between iomap_begin and iomap_end of blocks that are not written yet: one step, see daxfs_step_begin(). */
	bool filling;
	bool allocated;			/* `run` is a reservation, not unwritten blocks of the file */
	struct daxfs_step step;
	struct daxfs_path path;		/* to where `run` comes into the file */
	struct daxfs_run run;
	u64 start_ns;
	/* File blocks that got data behind mapped zero pages: unmapped once the inode lock is dropped. */
	u64 filled_from, filled_to;
};

extern const struct iomap_ops daxfs_read_iomap_ops;	/* lookups, seek, fiemap */
extern const struct iomap_ops daxfs_write_iomap_ops;	/* write(2) chunks */
extern const struct iomap_ops daxfs_fault_iomap_ops;	/* page faults */
extern const struct iomap_ops daxfs_alloc_iomap_ops;	/* writes that bypass DAX */

int daxfs_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 length);
loff_t daxfs_llseek(struct file *file, loff_t offset, int whence);

#endif /* DAXFS_IOMAP_H */
