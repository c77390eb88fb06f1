/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Delay points: places where a test can hold a task, to make the window of a race as wide as it likes. They exist in a
 * module that was built with DAXFS_DEBUG_POINTS=y and cost nothing in any other.
 *
 * Each is a file in /sys/kernel/debug/daxfs/points. Reading it tells "MODE hits N parked N". Writing it:
 *	delay US [PERCENT]	each task that comes by sleeps, or PERCENT of them do
 *	park [TID]		the next task to come by (the next time that thread does) waits for "go", others pass
 *	go			parked tasks go on
 *	off			the same, and nobody is held any more
 * Nobody stays parked longer than DAXFS_PARK_SECONDS. All points may sleep. What is locked there is told at each.
 */
#ifndef DAXFS_POINTS_H
#define DAXFS_POINTS_H

#define DAXFS_PARK_SECONDS	30

#define DAXFS_EACH_POINT(point)									\
	point(read)		/* a look-up for a read or a read fault is done; no lock but the caller's */	\
	point(lookup)		/* a write or a write fault saw a block that is not written; next the inode lock */	\
	point(reserve)		/* it has blocks for it, which nothing reaches yet; inode lock */	\
	point(filled)		/* a write fault has its block, and the DAX core does not know yet; its entry is locked */	\
	point(zero)		/* whole blocks are about to be zeroed, by a write fault or as new metadata */	\
	point(logged)		/* transaction: undo is durable (FENCE 1), nothing is stored in place; AG locks */	\
	point(stored)		/* all is stored, nothing flushed */				\
	point(durable)		/* all is durable (FENCE 2), the commit word is the old one */	\
	point(committed)	/* the commit word is durable (FENCE 3), locks still held */	\
	point(rolled_back)	/* recovery: old bytes are durable, the commit word is the old one; no lock */	\
	point(io_done)		/* direct write, in its end_io: data is on the device, its blocks are not converted; no lock */	\
	point(invalidate)	/* a write committed, zero pages are still mapped over its blocks; i_rwsem */	\
	point(split)		/* insert: the map is split where the hole is to come; i_rwsem, invalidate_lock */	\
	point(claim)		/* a block is known to have a free inode, and one is about to be promised; no lock */	\
	point(leaving)		/* empty blocks of inodes were chosen, to be given back; none is promised yet; no lock */	\
	point(promised)		/* all inodes of one of them are promised, and about to be looked at; no lock */	\
	point(let_go)		/* held blocks are idle and have lost their marks, and are not free yet; held_lock */	\
	point(meet)		/* a node is not known in this mount yet, and about to be verified; inode lock, shared */	\
	point(unmapped)		/* truncate, punch: nothing maps the blocks, they are not free; invalidate_lock */

#ifdef DAXFS_DEBUG_POINTS

#define DAXFS_POINT_ID(name) DAXFS_POINT_##name,
enum daxfs_point_id { DAXFS_EACH_POINT(DAXFS_POINT_ID) DAXFS_POINTS };
#undef DAXFS_POINT_ID

void daxfs_point_reached(enum daxfs_point_id id);
void daxfs_points_init(void);
void daxfs_points_exit(void);
#define daxfs_point(name) daxfs_point_reached(DAXFS_POINT_##name)

#else

static inline void daxfs_points_init(void)
{
}

static inline void daxfs_points_exit(void)
{
}
#define daxfs_point(name) do { } while (0)

#endif
#endif /* DAXFS_POINTS_H */
