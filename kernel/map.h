/* SPDX-License-Identifier: GPL-2.0 */
/* Changes of a file's extents. The inode lock is held exclusive. */
#ifndef DAXFS_MAP_H
#define DAXFS_MAP_H

#include "daxfs.h"
#include "extent_tree.h"

/*
 * Changing the map, in the caller's transaction. prepare: reserves tree blocks, builds what is new out of place, logs
 * what changes in place and queues allocations; may fail, nothing is stored. apply, after daxfs_tx_ready(): stores the
 * new fork and nodes (the caller stores the inode's core and seals it); cannot fail. A change lives in the transaction's
 * buffers: whoever does not apply it just cancels the transaction.
 */
/* As many blocks as `run` has become mapped to it in `state`, from the path's key on. They were a hole, or mapped to the
 * same disk blocks (conversion of a state). */
struct daxfs_tree_change *daxfs_map_prepare_set(struct daxfs_tx *tx, struct inode *inode, const struct daxfs_path *path,
						struct daxfs_run run, enum daxfs_extent_state state, bool sparing);
/* Blocks from file_block on, `count` of them, become a hole; their disk blocks are queued as free. Takes at most what one
 * transaction can; *removed_from tells how far it came, from the END of the range backwards. */
struct daxfs_tree_change *daxfs_map_prepare_remove(struct daxfs_tx *tx, struct inode *inode, u64 file_block, u64 count,
						   u64 *removed_from);
/* An extent that `file_block` lies inside of becomes two. What comes to lie at a boundary needs no tree block later. */
struct daxfs_tree_change *daxfs_map_prepare_split(struct daxfs_tx *tx, struct inode *inode, u64 file_block);
/*
 * Moving extents along the file, those of one leaf at a time, beside a hole: [*gap, *gap + distance) is not mapped, before
 * and afterwards. Allocates nothing, so it cannot run out of space; logs at most a leaf and the way to it.
 * down: the next extents behind the hole move to its start; *gap is where they end then, or DAXFS_END_OF_KEYS: there
 * are no more. up: the last extents in front of the hole, but at or behind `first`, move to its end; *gap is where they began;
 * `first`: there are no more. Nothing may lie across `first`.
 */
struct daxfs_tree_change *daxfs_map_prepare_shift_down(struct daxfs_tx *tx, struct inode *inode, u64 *gap, u64 distance);
struct daxfs_tree_change *daxfs_map_prepare_shift_up(struct daxfs_tx *tx, struct inode *inode, u64 first, u64 *gap,
						     u64 distance);
/* Blocks [file_block, +count), all of them written, move to `disk_block`, where the caller copied them; the old blocks
 * are queued as free. -EAGAIN where they are not in one leaf, or too many pieces for one transaction. */
struct daxfs_tree_change *daxfs_map_prepare_move(struct daxfs_tx *tx, struct inode *inode, u64 file_block,
						 u64 disk_block, u32 count);
void daxfs_map_apply(struct daxfs_tree_change *change);

#endif /* DAXFS_MAP_H */
