/* SPDX-License-Identifier: GPL-2.0 */
/* The device: the gate to it, whether it may be written to, how it is mapped. */
#ifndef DAXFS_DEVICE_H
#define DAXFS_DEVICE_H

#include <linux/dax.h>

#include "daxfs.h"

/*
 * The gate that daxfs.h tells of: a token for daxfs_leave(), or -EIO after shutdown or when the device is gone.
 * It is the DAX core's own: before the driver unmaps the device, kill_dax() clears what dax_alive() reads and waits for
 * everybody inside. So it holds on any kernel, whether or not somebody tells us of the removal.
 */
static inline int daxfs_enter(const struct daxfs_sb_info *sbi)
{
	int gate = dax_read_lock();

	if (likely(!READ_ONCE(sbi->shutdown) && dax_alive(sbi->dax_dev)))
		return gate;
	dax_read_unlock(gate);
	return -EIO;
}

static inline void daxfs_leave(int gate)
{
	dax_read_unlock(gate);
}

/*
 * Whether metadata may change. Every begin of a change asks: transactions do. Calls that would change something outside of
 * them first, in memory or in the data, ask daxfs_may_write() before.
 */
static inline bool daxfs_writable(const struct super_block *sb)
{
	const struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	return !READ_ONCE(sbi->emergency_ro) && (!sb_rdonly(sb) || READ_ONCE(sbi->recovering));
}

static inline int daxfs_may_write(const struct super_block *sb)
{
	if (unlikely(daxfs_is_shutdown(DAXFS_SB(sb))))
		return -EIO;
	return likely(daxfs_writable(sb)) ? 0 : -EROFS;
}

/* Both say what is missing and what to run. Between them dax_dev is found (failure.c). */
int daxfs_device_check(struct super_block *sb);
int daxfs_device_map(struct super_block *sb);
void daxfs_device_unmap(struct daxfs_sb_info *sbi);
void daxfs_check_alignment(struct super_block *sb);	/* says what stands in the way of 2 MiB faults */
/* Blocks as one range of addresses; NULL without memory. */
void *daxfs_map_range(struct daxfs_sb_info *sbi, u64 block, u32 count);
void daxfs_unmap_range(const void *address);

#endif /* DAXFS_DEVICE_H */
