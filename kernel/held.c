// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that somebody holds. A page of the device that was mapped can be referred to long after nothing maps it: by direct
 * I/O under way, a pipe, another process's buffer. Its block may leave its file, at once and durably, but nobody else gets
 * it before the last reference is gone: else the holder reads or writes what is not his.
 *
 * An idle page of a DAX device has one reference; a held one has more. New ones are made by way of page tables alone, so that
 * a page that nothing maps and that is idle stays so.
 *
 * exposed	one bit a huge page, in DRAM: some page of it was put into page tables in this mount. It is set before that
 *		happens, in the fault's iomap_begin, and cleared where all of the huge page is free and idle. Where it is clear
 *		nobody looks at pages: files that are not mapped pay nothing.
 * held		one bit a block of an AG, in DRAM: freed by a transaction that has committed, and held. The block's bit in the
 *		AG's `reserved` array stays set, so that it is neither free nor the file's; on the device it is free, and after
 *		a power cut there is nobody left to hold it.
 *
 * late		page frames, in DRAM, and their inodes: held when what was stored to them by way of a mapping was flushed, or
 *		when the page cache forgot them. Their holder stores without a fault (stores.c). Freed since, or another
 *		file's: flushing does no harm.
 *
 * A page table entry that is gone may live on in the TLB of a processor. munmap(2) and exit(2) clear entries, take the mapping
 * off the file, and flush last: whoever frees a block in between finds nothing that maps it. The kernel closes this only
 * for mappings with VM_PFNMAP or VM_MIXEDMAP, which mremap(2) cannot let grow where they are. So all processors forget what
 * they know before an exposed block of a file that was mapped is anybody else's. Not where the file is evicted: mappings
 * let go of it behind their flush.
 *
 * Who finds no space looks whether holders have let go; a worker looks every second. Unmounting and the removal of the
 * device wait until no exposed page is held, whether its block is free or a file's: what comes after us knows nothing of it.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <asm/tlbflush.h>

#include "alloc.h"
#include "daxfs.h"
#include "device.h"
#include "held.h"
#include "persist.h"
#include "points.h"
#include "space.h"

#define LOOK_INTERVAL	HZ		/* of the worker */
#define WAIT_INTERVAL	(HZ / 20)	/* of whoever waits */
#define SAY_INTERVAL	(60 * HZ)
#define BOUNDED_WAIT	(30 * HZ)	/* of a task that is exiting, or the kernel's own */

static bool is_held(const struct daxfs_sb_info *sbi, u64 block)
{
	return page_ref_count(daxfs_page(sbi, block)) > 1;
}

static u64 huge_of(const struct daxfs_sb_info *sbi, u64 block)
{
	return (block - sbi->align_blocks) / DAXFS_HUGE_BLOCKS;
}

int daxfs_held_init(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	sbi->exposed_bits = huge_of(sbi, sbi->block_count - 1) + 1;
	sbi->exposed = kvcalloc(BITS_TO_LONGS(sbi->exposed_bits), sizeof(long), GFP_KERNEL);
	return sbi->exposed ? 0 : -ENOMEM;
}

bool daxfs_any_held(struct daxfs_sb_info *sbi, u64 block, u64 count)
{
	u64 end = block + count, stop;

	for (; block < end; block = stop) {
		stop = min(end, block + DAXFS_HUGE_BLOCKS - (block - sbi->align_blocks) % DAXFS_HUGE_BLOCKS);
		if (!test_bit(huge_of(sbi, block), sbi->exposed))
			continue;
		for (; block < stop; block++)
			if (is_held(sbi, block))
				return true;
		cond_resched();
	}
	return false;
}

/* ---- stores by way of references ---- */

void daxfs_note_held(struct inode *inode, unsigned long pfn)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);

	mutex_lock(&sbi->late_lock);
	xa_store(&sbi->late, pfn, xa_mk_value(inode->i_ino), GFP_NOFS | __GFP_NOFAIL);
	WRITE_ONCE(DAXFS_I(inode)->late, true);
	mutex_unlock(&sbi->late_lock);
	schedule_delayed_work(&sbi->held_work, LOOK_INTERVAL);
}

/* Of one inode, or of all for 0. True: some are left. late_lock is held, and the device is there. */
static bool flush_late(struct daxfs_sb_info *sbi, u64 ino)
{
	unsigned long pfn;
	bool left = false;
	void *entry;

	xa_for_each(&sbi->late, pfn, entry) {
		if (ino && xa_to_value(entry) != ino)
			continue;
		/* Before the flush: then all that was stored is there. */
		if (page_ref_count(pfn_to_page(pfn)) <= 1)
			xa_set_mark(&sbi->late, pfn, XA_MARK_0);
		else
			left = true;
		daxfs_flush(sbi, page_address(pfn_to_page(pfn)), DAXFS_BLOCK_SIZE);
		cond_resched();
	}
	/* FENCE, before the next fsync() finds nothing to flush. */
	daxfs_fence(sbi);
	xa_for_each_marked(&sbi->late, pfn, entry, XA_MARK_0)
		xa_erase(&sbi->late, pfn);
	return left;
}

void daxfs_flush_held(struct inode *inode)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	int alive = dax_read_lock();

	mutex_lock(&sbi->late_lock);
	if (dax_alive(sbi->dax_dev))
		WRITE_ONCE(DAXFS_I(inode)->late, flush_late(sbi, inode->i_ino));
	mutex_unlock(&sbi->late_lock);
	dax_read_unlock(alive);
}

void daxfs_flush_all_held(struct daxfs_sb_info *sbi)
{
	int alive;

	if (xa_empty(&sbi->late))
		return;
	alive = dax_read_lock();
	mutex_lock(&sbi->late_lock);
	if (dax_alive(sbi->dax_dev))
		flush_late(sbi, 0);
	mutex_unlock(&sbi->late_lock);
	dax_read_unlock(alive);
}

bool daxfs_any_late(struct daxfs_sb_info *sbi)
{
	return !xa_empty(&sbi->late);
}

/* ---- stores by way of mappings that are being taken down ---- */

static bool any_exposed(struct daxfs_sb_info *sbi, u64 block, u32 count)
{
	u64 end = huge_of(sbi, block + count - 1) + 1;

	return find_next_bit(sbi->exposed, end, huge_of(sbi, block)) < end;
}

#ifdef CONFIG_X86
static void forget_translations(void *unused)
{
	__flush_tlb_all();
}
#endif

bool daxfs_end_stores(struct daxfs_sb_info *sbi, u32 agno, u32 first, u32 count)
{
	if (!any_exposed(sbi, daxfs_ag_start(sbi, agno) + first, count))
		return false;
#ifdef CONFIG_X86
	on_each_cpu(forget_translations, NULL, true);
#else
	flush_tlb_all();
#endif
	return true;
}

/* ---- freed blocks ---- */

/* How many blocks from `block` on, at most `count`, are all held, or all not. */
static u32 alike(const struct daxfs_sb_info *sbi, u64 block, u32 count, bool held)
{
	u32 i;

	for (i = 0; i < count && is_held(sbi, block + i) == held; i++)
		;
	return i;
}

/* Nobody has freed a held block of this AG before: memory for the marks. */
static unsigned long *held_blocks(struct daxfs_ag *ag)
{
	if (!ag->held)
		ag->held = kvcalloc(BITS_TO_LONGS(ag->blocks), sizeof(long), GFP_NOFS | __GFP_NOFAIL);
	return ag->held;
}

static void hold(struct daxfs_sb_info *sbi, u32 agno, u32 first, u32 count)
{
	struct daxfs_ag *ag = &sbi->ags[agno];
	unsigned long *held = held_blocks(ag);

	spin_lock(&ag->reserve_lock);
	bitmap_set(held, first, count);
	ag->held_blocks += count;
	spin_unlock(&ag->reserve_lock);
	atomic64_add(count, &sbi->held_blocks);
	schedule_delayed_work(&sbi->held_work, LOOK_INTERVAL);
}

/* All of the huge page is free: that of an AG which holds none of it. */
static void hide(struct daxfs_sb_info *sbi, u32 agno, u32 huge)
{
	struct daxfs_space s = { .sbi = sbi, .ag = &sbi->ags[agno], .agno = agno };

	spin_lock(&s.ag->reserve_lock);
	if (daxfs_huge_is_free(&s, huge))
		clear_bit(huge_of(sbi, daxfs_ag_start(sbi, agno)) + huge, sbi->exposed);
	spin_unlock(&s.ag->reserve_lock);
}

/* Of one exposed huge page. */
static void settle_exposed(struct super_block *sb, u32 agno, u32 first, u32 count)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 block = daxfs_ag_start(sbi, agno) + first;
	u32 done, run;

	for (done = 0; done < count; done += run) {
		run = alike(sbi, block + done, count - done, false);
		if (run) {
			daxfs_freed_release(sb, agno, first + done, run);
			continue;
		}
		/* Let go in between: it becomes free a little later. */
		run = alike(sbi, block + done, count - done, true) ?: 1;
		hold(sbi, agno, first + done, run);
	}
	hide(sbi, agno, first / DAXFS_HUGE_BLOCKS);
}

void daxfs_freed_settle(struct super_block *sb, u32 agno, u32 first, u32 count)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 base = huge_of(sbi, daxfs_ag_start(sbi, agno));
	u32 end = first + count;

	while (first < end) {
		u64 huge = base + first / DAXFS_HUGE_BLOCKS;
		u64 next = find_next_bit(sbi->exposed, base + DIV_ROUND_UP(end, DAXFS_HUGE_BLOCKS), huge);
		u32 stop = min_t(u64, end, (next - base) * DAXFS_HUGE_BLOCKS);

		if (next > huge) {
			daxfs_freed_release(sb, agno, first, stop - first);
			first = stop;
			continue;
		}
		stop = min_t(u64, end, (next - base + 1) * DAXFS_HUGE_BLOCKS);
		settle_exposed(sb, agno, first, stop - first);
		first = stop;
	}
}

/* ---- letting go ---- */

/* The next run of held blocks at or behind *first that are idle now; they lose their mark. */
static u32 take_idle(struct daxfs_sb_info *sbi, u32 agno, u32 *first)
{
	struct daxfs_ag *ag = &sbi->ags[agno];
	u64 start = daxfs_ag_start(sbi, agno);
	u32 count = 0, stop;

	spin_lock(&ag->reserve_lock);
	*first = find_next_bit(ag->held, ag->blocks, *first);
	while (*first < ag->blocks && is_held(sbi, start + *first))
		*first = find_next_bit(ag->held, ag->blocks, *first + 1);
	if (*first < ag->blocks) {
		/* Not across a huge page, so that hide() is asked for each. */
		stop = min(ag->blocks, round_down(*first, DAXFS_HUGE_BLOCKS) + DAXFS_HUGE_BLOCKS);
		stop = find_next_zero_bit(ag->held, stop, *first);
		count = alike(sbi, start + *first, stop - *first, false);
		bitmap_clear(ag->held, *first, count);
		ag->held_blocks -= count;
	}
	spin_unlock(&ag->reserve_lock);
	return count;
}

/* Inside the gate; held_lock is held: a block that has lost its mark, and is not free yet, nobody else would find. */
static void let_go(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 first = 0, count;

	while ((count = take_idle(sbi, agno, &first))) {
		daxfs_point(let_go);
		daxfs_freed_release(sb, agno, first, count);
		daxfs_note_space(sbi);
		atomic64_sub(count, &sbi->held_blocks);
		hide(sbi, agno, first / DAXFS_HUGE_BLOCKS);
		first += count;
	}
}

void daxfs_let_go(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 agno, ags = smp_load_acquire(&sbi->initialised_ags);
	int gate;

	if (!atomic64_read_acquire(&sbi->held_blocks))
		return;
	gate = daxfs_enter(sbi);
	if (gate < 0)
		return;
	mutex_lock(&sbi->held_lock);
	for (agno = 0; agno < ags; agno++)
		if (READ_ONCE(sbi->ags[agno].held_blocks))
			let_go(sb, agno);
	mutex_unlock(&sbi->held_lock);
	daxfs_leave(gate);
}

static void look(struct work_struct *work)
{
	struct daxfs_sb_info *sbi = container_of(work, struct daxfs_sb_info, held_work.work);

	daxfs_let_go(sbi->sb);
	daxfs_flush_all_held(sbi);
	if ((atomic64_read(&sbi->held_blocks) || !xa_empty(&sbi->late)) && !daxfs_is_shutdown(sbi))
		schedule_delayed_work(&sbi->held_work, LOOK_INTERVAL);
}

void daxfs_held_prepare(struct daxfs_sb_info *sbi)
{
	INIT_DELAYED_WORK(&sbi->held_work, look);
	mutex_init(&sbi->held_lock);
	mutex_init(&sbi->late_lock);
	xa_init(&sbi->late);
}

void daxfs_held_stop(struct daxfs_sb_info *sbi)
{
	cancel_delayed_work_sync(&sbi->held_work);
}

void daxfs_held_exit(struct daxfs_sb_info *sbi)
{
	xa_destroy(&sbi->late);
	kvfree(sbi->exposed);
}

/* ---- waiting for all of them ---- */

/* How many pages of one exposed huge page are held, and the first of their blocks. Of a device that is gone: none. */
static u32 count_held(struct daxfs_sb_info *sbi, u64 huge, u64 *first)
{
	u64 block = sbi->align_blocks + huge * DAXFS_HUGE_BLOCKS, end = min(block + DAXFS_HUGE_BLOCKS, sbi->block_count);
	int alive = dax_read_lock();
	u32 held = 0;

	if (dax_alive(sbi->dax_dev))
		for (; block < end; block++)
			if (is_held(sbi, block) && !held++)
				*first = block;
	dax_read_unlock(alive);
	return held;
}

u64 daxfs_count_held(struct daxfs_sb_info *sbi, u64 *first)
{
	u64 huge, block = 0, held = 0;

	*first = 0;
	for_each_set_bit(huge, sbi->exposed, sbi->exposed_bits) {
		held += count_held(sbi, huge, &block);
		if (held && !*first)
			*first = block;
		cond_resched();
	}
	return held;
}

static void say_held(struct daxfs_sb_info *sbi, const char *who)
{
	u64 first, held = daxfs_count_held(sbi, &first);

	if (held)
		pr_notice("daxfs (%pg): %s waits for %llu blocks (the first is block %llu) that direct I/O, a pipe or a buffer of another program refers to\n",
			  sbi->opened.bdev, who, held, first);
}

int daxfs_wait_unheld(struct daxfs_sb_info *sbi, const char *who, unsigned int state)
{
	/* Of those no signal ends the waiting, and the holder may be a pipe that this very task is about to close. */
	bool bounded = state == TASK_KILLABLE && current->flags & (PF_EXITING | PF_KTHREAD);
	unsigned long say = jiffies, limit = say + BOUNDED_WAIT;
	u64 huge, first;

	/* A mount that failed early. */
	if (!sbi->exposed)
		return 0;
	for_each_set_bit(huge, sbi->exposed, sbi->exposed_bits) {
		while (count_held(sbi, huge, &first)) {
			if (who && time_after_eq(jiffies, say)) {
				say_held(sbi, who);
				say = jiffies + SAY_INTERVAL;
			}
			if (signal_pending_state(state, current) || (bounded && time_after(jiffies, limit)))
				return -EINTR;
			set_current_state(state);
			schedule_timeout(WAIT_INTERVAL);
		}
		cond_resched();
	}
	daxfs_flush_all_held(sbi);
	return 0;
}
