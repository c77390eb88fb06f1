// SPDX-License-Identifier: GPL-2.0
/*
 * Undo transactions. Establishes that whatever one transaction changed is on the device wholly or not at all, and is
 * durable when daxfs_tx_commit() returns. How a transaction goes is told in daxfs.h.
 *
 * The order of persistence:
 *	FENCE 1 (tx_ready)	the old bytes of everything are durable; only then is anything changed in place
 *	FENCE 2 (tx_commit)	the new bytes are durable; only then does the commit word move
 *	FENCE 3 (tx_commit)	the commit word is durable; only then do locks drop and freed blocks become free
 * The slot's entries are valid exactly while its commit word holds the sequence before theirs. So a transaction that is
 * cancelled after it logged must move the commit word too: else its entries could follow those of the slot's next user.
 *
 * Space in the slot: what is queued is estimated when queued, and daxfs_tx_add() leaves that much.
 */
#include <linux/bitops.h>
#include <linux/lockdep.h>
#include <linux/sched/mm.h>
#include <linux/sort.h>

#define DAXFS_DEFINES_TX
#include "ag.h"
#include "alloc.h"
#include "bits.h"
#include "checksum.h"
#include "daxfs.h"
#include "device.h"
#include "error.h"
#include "held.h"
#include "inode_blocks.h"
#include "journal.h"
#include "persist.h"
#include "points.h"
#include "sites.h"
#include "trace.h"

#define TX_ITEMS	512
#define TX_TAIL_BYTES	(32 * 1024)	/* kept for what ends an operation, see daxfs_tx_has_room() */
#define TX_BUFFERS	64		/* more than the largest change of a tree, or of two directories, takes */
#define TX_KEPT_BUFFERS	4
#define TX_NOTED	64		/* more entries than most transactions log: those are never read back */
#define MERGE_GAP	64		/* bytes that are cheaper to log than to begin a new entry behind them */
#define FILL_BYTES	64		/* equal words that are shorter than this are logged as they are */
#define SEQUENCE_MASK	((1ull << DAXFS_SEQUENCE_BITS) - 1)

enum tx_map { TX_BITMAP, TX_INODE_MAP, TX_ORPHANS, TX_COUNTER };
enum tx_op { TX_SET, TX_CLEAR, TX_NOTHING };

struct tx_item {
	u32 agno;
	u32 first;		/* bit in the map; of TX_COUNTER the inode's place in the AG */
	s32 count;		/* bits; of TX_ORPHANS the change of the number of orphans in the group */
	u8 map;
	u8 op;			/* of TX_COUNTER: TX_SET takes a free inode, TX_CLEAR gives it back */
};

/* What an entry says. */
struct logged {
	u64 offset;
	u32 length;
	u32 stored;	/* bytes behind the entry */
	bool fill;
};

struct daxfs_tx {
	struct super_block *sb;
	struct daxfs_sb_info *sbi;
	struct daxfs_journal *journal;
	void *outer;		/* current->journal_info of somebody else */
	unsigned int nofs;
	int error;
	bool ready;
	bool locked;
	u32 position, ordinal;
	u32 last;		/* where the last entry begins: it may still grow */
	struct logged *last_logged;	/* what it says; NULL: none was logged */
	u32 estimate;		/* bytes that the queue may need in the slot */
	u32 logged_bytes, lines, fences;
	u64 sequence;
	u64 started;
	u32 items;
	u32 buffers;		/* given out */
	void *buffer[TX_BUFFERS];	/* the first TX_KEPT_BUFFERS stay with the slot: most changes allocate nothing */
	struct logged noted[TX_NOTED];	/* the first entries */
	struct logged behind;		/* the one behind them that was logged, or loaded, last */
	struct tx_item item[TX_ITEMS];
};

static u32 slot_bytes(const struct daxfs_sb_info *sbi)
{
	return sbi->journal_blocks << DAXFS_BLOCK_SHIFT;
}

void *daxfs_tx_buffer(struct daxfs_tx *tx)
{
	void **buffer = &tx->buffer[tx->buffers];

	if (WARN_ON_ONCE(tx->buffers == TX_BUFFERS))
		return NULL;
	if (!*buffer)
		*buffer = kmalloc(DAXFS_BLOCK_SIZE, GFP_NOFS);
	if (*buffer)
		tx->buffers++;
	return *buffer;
}

static void drop_buffers(struct daxfs_tx *tx, u32 keep)
{
	u32 i;

	for (i = keep; i < TX_BUFFERS && tx->buffer[i]; i++) {
		kfree(tx->buffer[i]);
		tx->buffer[i] = NULL;
	}
}

int daxfs_journals_alloc(struct super_block *sb)
{
	static struct lock_class_key __maybe_unused key;
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 i;

	init_waitqueue_head(&sbi->journal_wait);
	sbi->journals = kvcalloc(sbi->journal_count, sizeof(*sbi->journals), GFP_KERNEL);
	sbi->journal_busy = bitmap_zalloc(sbi->journal_count, GFP_KERNEL);
	if (!sbi->journals || !sbi->journal_busy)
		return -ENOMEM;
	for (i = 0; i < sbi->journal_count; i++) {
		struct daxfs_journal *journal = &sbi->journals[i];

		journal->tx = kvzalloc(sizeof(*journal->tx), GFP_KERNEL);
		if (!journal->tx)
			return -ENOMEM;
		journal->tx->sb = sb;
		journal->tx->sbi = sbi;
		journal->tx->journal = journal;
#ifdef CONFIG_DEBUG_LOCK_ALLOC
		lockdep_init_map(&journal->dep_map, "daxfs_journal", &key, 0);
#endif
	}
	return 0;
}

void daxfs_journals_free(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 i;

	for (i = 0; sbi->journals && i < sbi->journal_count; i++) {
		if (sbi->journals[i].tx)
			drop_buffers(sbi->journals[i].tx, 0);
		daxfs_unmap_range(sbi->journals[i].slot);
		kvfree(sbi->journals[i].tx);
	}
	kvfree(sbi->journals);
	bitmap_free(sbi->journal_busy);
}

/* journal_info may be another filesystem's: only a pointer to one of our own transactions counts. */
bool daxfs_in_tx(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	void *info = current->journal_info;
	u32 i;

	if (!info || !sbi->journals)
		return false;
	for (i = 0; i < sbi->journal_count; i++)
		if (sbi->journals[i].tx == info)
			return true;
	return false;
}

/* A free slot, near this CPU's own, or -1. */
static int take_slot(struct daxfs_sb_info *sbi)
{
	u32 start = raw_smp_processor_id() % sbi->journal_count;
	u32 i;

	for (i = 0; i < sbi->journal_count; i++) {
		u32 slot = (start + i) % sbi->journal_count;

		if (!test_and_set_bit_lock(slot, sbi->journal_busy))
			return slot;
	}
	return -1;
}

struct daxfs_tx *daxfs_tx_begin_internal(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_tx *tx;
	int slot = -1;

	if (WARN_ON_ONCE(daxfs_in_tx(sb)))
		return ERR_PTR(-EDEADLK);
	if (daxfs_is_shutdown(sbi))
		return ERR_PTR(-EIO);
	might_sleep();
	wait_event(sbi->journal_wait, (slot = take_slot(sbi)) >= 0);
	tx = sbi->journals[slot].tx;
	lock_map_acquire(&tx->journal->dep_map);
	tx->nofs = memalloc_nofs_save();
	tx->outer = current->journal_info;
	current->journal_info = tx;
	tx->error = 0;
	tx->ready = tx->locked = false;
	tx->position = DAXFS_JOURNAL_BODY_OFFSET;
	tx->last_logged = NULL;
	tx->ordinal = tx->estimate = tx->logged_bytes = tx->lines = tx->fences = tx->items = tx->buffers = 0;
	tx->sequence = (tx->journal->sequence + 1) & SEQUENCE_MASK;
	tx->started = trace_daxfs_commit_enabled() ? ktime_get_ns() : 0;
	return tx;
}

struct daxfs_tx *daxfs_tx_begin(struct super_block *sb)
{
	if (!daxfs_writable(sb))
		return ERR_PTR(-EROFS);
	/* Reservations of tree blocks inside the transaction cannot begin another one: make the room now. */
	daxfs_ag_make_room(sb, 0);
	return daxfs_tx_begin_internal(sb);
}

/* The slot is free and the task without a transaction. */
static void end(struct daxfs_tx *tx)
{
	struct daxfs_sb_info *sbi = tx->sbi;
	struct daxfs_journal *journal = tx->journal;
	unsigned int nofs = tx->nofs;

	WARN_ON_ONCE(current->journal_info != tx);
	drop_buffers(tx, TX_KEPT_BUFFERS);
	current->journal_info = tx->outer;
	lock_map_release(&journal->dep_map);
	clear_bit_unlock(journal->id, sbi->journal_busy);
	smp_mb__after_atomic();
	if (waitqueue_active(&sbi->journal_wait))
		wake_up(&sbi->journal_wait);
	memalloc_nofs_restore(nofs);
}

static void flush(struct daxfs_tx *tx, const void *p, u32 bytes)
{
	(daxfs_flush)(tx->sbi, p, bytes);
	tx->lines += (offset_in_page(p) % 64 + bytes + 63) / 64;
}

static void fence(struct daxfs_tx *tx)
{
	(daxfs_fence)(tx->sbi);
	tx->fences++;
}

/* The sites are the calls of these, see sites.h. */
#define flush(...) daxfs_site(flush, __VA_ARGS__)
#define fence(...) daxfs_site(fence, __VA_ARGS__)

static struct daxfs_journal_entry *entry_at(struct daxfs_tx *tx, u32 position)
{
	return tx->journal->slot + position;
}

static u32 entry_bytes(u32 bytes)
{
	return sizeof(struct daxfs_journal_entry) + ALIGN(bytes, 8);
}

/*
 * Each member is loaded once and held against what a transaction can have logged there: the slot's bytes may change
 * under us as all others of the device. NULL: they did.
 */
static noinline const struct logged *load_logged(struct daxfs_tx *tx, u32 position)
{
	const struct daxfs_journal_entry *entry = entry_at(tx, position);
	struct logged *logged = &tx->behind;
	u32 left = tx->position - position;

	if (left < sizeof(*entry))
		return NULL;
	logged->offset = le64_to_cpu(READ_ONCE(entry->offset));
	logged->length = le32_to_cpu(READ_ONCE(entry->length));
	logged->fill = READ_ONCE(entry->kind) == cpu_to_le32(DAXFS_JOURNAL_FILL);
	logged->stored = logged->fill ? sizeof(u64) : logged->length;
	if (logged->stored <= left - sizeof(*entry) &&
	    logged->length <= DAXFS_BLOCK_SIZE - (logged->offset & (DAXFS_BLOCK_SIZE - 1)) &&
	    logged->offset >> DAXFS_BLOCK_SHIFT < tx->sbi->block_count)
		return logged;
	return NULL;
}

static __always_inline const struct logged *logged_at(struct daxfs_tx *tx, u32 ordinal, u32 position)
{
	return likely(ordinal < TX_NOTED) ? &tx->noted[ordinal] : load_logged(tx, position);
}

static __always_inline void *target_at(struct daxfs_tx *tx, u64 offset)
{
	return daxfs_block(tx->sbi, offset >> DAXFS_BLOCK_SHIFT) + (offset & (DAXFS_BLOCK_SIZE - 1));
}

/* Bytes [from, to) of what an entry logs, and zeros up to where the next entry begins. */
static void copy_old(struct daxfs_tx *tx, struct daxfs_journal_entry *entry, u64 offset, u32 from, u32 to)
{
	void *data = entry + 1;

	/* The word that the bytes end in. Where it holds some already, it was cleared when they came. */
	if (to % 8 && round_down(to, 8) >= from)
		*(u64 *)(data + round_down(to, 8)) = 0;
	memcpy(data + from, target_at(tx, offset) + from, to - from);
}

/*
 * Old bytes of a range into the slot; a `fill` is one word that repeats, and is stored once. The entry's checksum is
 * left for seal_entry().
 */
static void log_entry(struct daxfs_tx *tx, u64 place, u32 bytes, bool fill)
{
	struct daxfs_journal_entry *entry = entry_at(tx, tx->position);
	u32 size = fill ? sizeof(u64) : bytes;

	if (tx->position + entry_bytes(size) > slot_bytes(tx->sbi)) {
		tx->error = tx->error ?: -ENOSPC;
		return;
	}
	tx->last_logged = likely(tx->ordinal < TX_NOTED) ? &tx->noted[tx->ordinal] : &tx->behind;
	*tx->last_logged = (struct logged){ .offset = place, .length = bytes, .stored = size, .fill = fill };
	entry->crc = 0;
	entry->ordinal = cpu_to_le32(tx->ordinal++);
	entry->sequence = cpu_to_le64(tx->sequence);
	entry->offset = cpu_to_le64(place);
	entry->length = cpu_to_le32(bytes);
	entry->kind = cpu_to_le32(fill ? DAXFS_JOURNAL_FILL : DAXFS_JOURNAL_BYTES);
	copy_old(tx, entry, place, 0, size);
	tx->last = tx->position;
	tx->position += entry_bytes(size);
	tx->logged_bytes += size;
}

/* The last entry takes in a range that begins in it, or a little behind it. False: that is not where the range lies. */
static bool extend_last(struct daxfs_tx *tx, u64 place, u32 bytes)
{
	struct daxfs_journal_entry *entry = entry_at(tx, tx->last);
	struct logged *last = tx->last_logged;
	u32 now;

	if (!last || last->fill || place < last->offset || place > last->offset + last->length + MERGE_GAP ||
	    (place ^ last->offset) >> DAXFS_BLOCK_SHIFT)
		return false;
	now = max_t(u32, last->length, place + bytes - last->offset);
	if (tx->last + entry_bytes(now) > slot_bytes(tx->sbi))
		return false;
	entry->length = cpu_to_le32(now);
	copy_old(tx, entry, last->offset, last->length, now);
	tx->position = tx->last + entry_bytes(now);
	tx->logged_bytes += now - last->length;
	last->length = last->stored = now;
	return true;
}

static void log_range(struct daxfs_tx *tx, u64 block, u32 offset, u32 bytes)
{
	const void *old = daxfs_block(tx->sbi, block) + offset;
	u64 place = (block << DAXFS_BLOCK_SHIFT) + offset;
	bool fill = bytes >= FILL_BYTES && bytes % sizeof(u64) == 0 &&
		    !memcmp(old, old + sizeof(u64), bytes - sizeof(u64));

	if (fill || !extend_last(tx, place, bytes))
		log_entry(tx, place, bytes, fill);
}

void daxfs_tx_add(struct daxfs_tx *tx, u64 block, u32 offset, u32 bytes)
{
	if (WARN_ON_ONCE(tx->ready || !bytes || offset >= DAXFS_BLOCK_SIZE || bytes > DAXFS_BLOCK_SIZE - offset ||
			 block >= tx->sbi->block_count)) {
		tx->error = tx->error ?: -EIO;
		return;
	}
	if (tx->position + entry_bytes(bytes) + tx->estimate > slot_bytes(tx->sbi)) {
		tx->error = tx->error ?: -ENOSPC;
		return;
	}
	log_range(tx, block, offset, bytes);
}

static void add_of_inode(struct daxfs_tx *tx, struct inode *inode, u32 from, u32 bytes)
{
	/* Nobody else sees a new inode: its lock may be free. */
	if (!(inode->i_state & I_NEW))
		lockdep_assert_held_write(&DAXFS_I(inode)->lock);
	daxfs_tx_add(tx, inode->i_ino / DAXFS_INODES_PER_BLOCK,
		     ((inode->i_ino % DAXFS_INODES_PER_BLOCK) << DAXFS_INODE_SHIFT) + from, bytes);
}

void daxfs_tx_add_inode(struct daxfs_tx *tx, struct inode *inode)
{
	add_of_inode(tx, inode, 0, DAXFS_INODE_SIZE);
}

void daxfs_tx_add_core(struct daxfs_tx *tx, struct inode *inode)
{
	add_of_inode(tx, inode, 0, offsetof(struct daxfs_inode, fork));
}

void daxfs_tx_add_fork(struct daxfs_tx *tx, struct inode *inode, const union daxfs_fork *fork, u32 used)
{
	const union daxfs_fork *old = &DAXFS_I(inode)->raw->fork;
	u32 from = 0, to = used / 8;

	while (from < to && old->words[from] == fork->words[from])
		from++;
	while (from < to && old->words[to - 1] == fork->words[to - 1])
		to--;
	if (from < to)
		add_of_inode(tx, inode, offsetof(struct daxfs_inode, fork) + from * 8, (to - from) * 8);
}

/*
 * What one queued run can take of the slot. For each map block that it may reach: the words at its ends, the words
 * between them as one filled entry, or all of them where they are few; the block's checksum. And the AG header.
 */
static u32 run_bytes(u32 count)
{
	u32 blocks = (count - 1) / DAXFS_BITS_PER_MAP_BLOCK + 2;

	return blocks * (entry_bytes(FILL_BYTES + 16) + 2 * entry_bytes(8) + entry_bytes(4)) +
	       entry_bytes(sizeof(struct daxfs_ag_header));
}

static bool queue(struct daxfs_tx *tx, enum tx_map map, enum tx_op op, u32 agno, u32 first, s32 count, u32 bytes)
{
	if (WARN_ON_ONCE(tx->ready)) {
		tx->error = tx->error ?: -EIO;
		return false;
	}
	if (tx->items == TX_ITEMS || tx->position + tx->estimate + bytes > slot_bytes(tx->sbi)) {
		tx->error = tx->error ?: -ENOSPC;
		return false;
	}
	tx->item[tx->items++] = (struct tx_item){ .agno = agno, .first = first, .count = count, .map = map, .op = op };
	tx->estimate += bytes;
	return true;
}

static void queue_run(struct daxfs_tx *tx, enum tx_map map, enum tx_op op, struct daxfs_run run)
{
	u32 agno, first;

	/* Blocks to free come from the device: they may be anything. */
	if (!run.count || run.count > DAXFS_MAX_RUN || !daxfs_block_valid(tx->sbi, run.block, run.count)) {
		tx->error = tx->error ?: daxfs_corrupt(tx->sb, 0, run.block, "a run of %u blocks outside the filesystem",
						       run.count);
		return;
	}
	agno = daxfs_ag_of(tx->sbi, run.block);
	first = run.block - daxfs_ag_start(tx->sbi, agno);
	if (agno >= tx->sbi->initialised_ags || agno != daxfs_ag_of(tx->sbi, run.block + run.count - 1) ||
	    first < daxfs_fixed_blocks(tx->sbi, agno)) {
		tx->error = tx->error ?: daxfs_corrupt(tx->sb, 0, run.block,
						       "a run of %u blocks where none can be allocated", run.count);
		return;
	}
	if (!queue(tx, map, op, agno, first, run.count, run_bytes(run.count)) && map == TX_BITMAP && op == TX_SET)
		daxfs_unreserve(tx->sb, run);
}

void daxfs_tx_alloc(struct daxfs_tx *tx, struct daxfs_run run)
{
	queue_run(tx, TX_BITMAP, TX_SET, run);
}

void daxfs_tx_free(struct daxfs_tx *tx, struct daxfs_run run)
{
	queue_run(tx, TX_BITMAP, TX_CLEAR, run);
}

void daxfs_tx_inode_chunk(struct daxfs_tx *tx, struct daxfs_run run)
{
	queue_run(tx, TX_BITMAP, TX_SET, run);
	queue_run(tx, TX_INODE_MAP, TX_SET, run);
}

void daxfs_tx_inode_blocks_free(struct daxfs_tx *tx, struct daxfs_run run)
{
	queue_run(tx, TX_BITMAP, TX_CLEAR, run);
	queue_run(tx, TX_INODE_MAP, TX_CLEAR, run);
}

static void queue_inode(struct daxfs_tx *tx, enum tx_op op, u64 ino)
{
	u64 block = ino / DAXFS_INODES_PER_BLOCK;
	u32 agno = daxfs_ag_of(tx->sbi, block);
	u32 place = ino - daxfs_ag_start(tx->sbi, agno) * DAXFS_INODES_PER_BLOCK;

	queue(tx, TX_COUNTER, op, agno, place, 1, entry_bytes(sizeof(struct daxfs_ag_header)));
}

void daxfs_tx_inode_take(struct daxfs_tx *tx, u64 ino)
{
	queue_inode(tx, TX_SET, ino);
}

void daxfs_tx_inode_give(struct daxfs_tx *tx, u64 ino)
{
	queue_inode(tx, TX_CLEAR, ino);
}

void daxfs_tx_orphan(struct daxfs_tx *tx, u64 ino, bool set)
{
	u64 block = ino / DAXFS_INODES_PER_BLOCK;
	u32 agno = daxfs_ag_of(tx->sbi, block);
	u32 group = (block - daxfs_ag_start(tx->sbi, agno)) / DAXFS_ORPHAN_BLOCKS;

	queue(tx, TX_ORPHANS, TX_NOTHING, agno, group, set ? 1 : -1, run_bytes(1));
}

bool daxfs_tx_has_room(struct daxfs_tx *tx, u32 runs)
{
	u64 bytes = (u64)runs * run_bytes(DAXFS_MAX_RUN) + TX_TAIL_BYTES;

	return tx->items + runs + 16 <= TX_ITEMS && tx->position + tx->estimate + bytes <= slot_bytes(tx->sbi);
}

static int compare_items(const void *left, const void *right)
{
	const struct tx_item *a = left, *b = right;

	if (a->agno != b->agno)
		return a->agno < b->agno ? -1 : 1;
	if (a->map != b->map)
		return a->map < b->map ? -1 : 1;
	return a->first < b->first ? -1 : a->first > b->first;
}

/* Sorted by AG and place; neighbours with one fate become one item, orphans of one group too. */
static int sort_items(struct daxfs_tx *tx)
{
	u32 from, to = 0;
	int err = 0;

	sort(tx->item, tx->items, sizeof(tx->item[0]), compare_items, NULL);
	for (from = 1; from < tx->items; from++) {
		struct tx_item *last = &tx->item[to], *item = &tx->item[from];
		bool same = last->agno == item->agno && last->map == item->map;

		if (same && item->map == TX_ORPHANS && last->first == item->first) {
			last->count += item->count;
			continue;
		}
		if (same && item->map <= TX_INODE_MAP) {
			if (item->first < last->first + last->count)
				err = daxfs_corrupt(tx->sb, 0, daxfs_ag_start(tx->sbi, item->agno) + item->first,
						    "a block is allocated or freed twice");
			else if (item->op == last->op && item->first == last->first + last->count) {
				last->count += item->count;
				continue;
			}
		}
		tx->item[++to] = *item;
	}
	tx->items = tx->items ? to + 1 : 0;
	return err;
}

static u32 map_base(const struct daxfs_sb_info *sbi, enum tx_map map)
{
	return map == TX_BITMAP ? 0 : map == TX_INODE_MAP ? sbi->bitmap_blocks : 2 * sbi->bitmap_blocks;
}

/* AG locks nest in the journal slot, so that lockdep lets us hold many; ascending order keeps them from deadlock. */
static int lock_ags(struct daxfs_tx *tx)
{
	u32 i;
	int err;

	for (i = 0; i < tx->items; i++) {
		if (i && tx->item[i].agno == tx->item[i - 1].agno)
			continue;
		if (tx->item[i].map == TX_BITMAP)
			err = daxfs_ag_count(tx->sb, tx->item[i].agno);
		else
			err = daxfs_ag_load(tx->sb, tx->item[i].agno);
		if (err)
			return err;
	}
	for (i = 0; i < tx->items; i++)
		if (!i || tx->item[i].agno != tx->item[i - 1].agno)
			mutex_lock_nest_lock(&tx->sbi->ags[tx->item[i].agno].lock, tx->journal);
	tx->locked = true;
	return 0;
}

static void unlock_ags(struct daxfs_tx *tx)
{
	u32 i;

	if (!tx->locked)
		return;
	for (i = 0; i < tx->items; i++)
		if (!i || tx->item[i].agno != tx->item[i - 1].agno)
			mutex_unlock(&tx->sbi->ags[tx->item[i].agno].lock);
	tx->locked = false;
}

/* Old bytes of an AG's header that wait for a neighbour, while others are logged: close ranges share an entry. */
struct pending {
	u64 block;
	u32 from, to;
};

static void flush_pending(struct daxfs_tx *tx, struct pending *pending)
{
	if (pending->block)
		log_range(tx, pending->block, pending->from, pending->to - pending->from);
	pending->block = 0;
}

static void pend(struct daxfs_tx *tx, struct pending *pending, u64 block, u32 from, u32 to)
{
	if (pending->block == block && from <= pending->to + MERGE_GAP) {
		pending->to = max(pending->to, to);
		return;
	}
	flush_pending(tx, pending);
	*pending = (struct pending){ .block = block, .from = from, .to = to };
}

/* Bits [first, end) of one map block are what the change expects them to be, and their words are logged. */
static int check_and_log_bits(struct daxfs_tx *tx, u32 agno, u32 index, u32 first, u32 end, bool set,
			      struct pending *header)
{
	u64 block = daxfs_ag_start(tx->sbi, agno) + DAXFS_AG_BITMAP_BLOCK + index;
	u32 crc = daxfs_map_crc_offset(tx->sbi, index);
	u32 word = first / 64, last = (end - 1) / 64, odd;
	int err = daxfs_ag_verify_map_locked(tx->sb, agno, index);

	if (err)
		return err;
	odd = daxfs_odd_word(daxfs_ag_map(tx->sbi, agno, index), first, end, !set);
	if (odd != DAXFS_NO_WORD)
		return daxfs_corrupt(tx->sb, 0, block, "map word %u: to be %s is already so", odd,
				     set ? "set" : "cleared");
	if (last > word + FILL_BYTES / 8) {
		/* The words between the ends are all alike. */
		log_range(tx, block, word * 8, 8);
		log_entry(tx, (block << DAXFS_BLOCK_SHIFT) + word * 8 + 8, (last - word - 1) * 8, true);
		word = last;
	}
	log_range(tx, block, word * 8, (last - word + 1) * 8);
	pend(tx, header, daxfs_ag_start(tx->sbi, agno) + DAXFS_AG_HEADER_BLOCK, crc, crc + 4);
	return 0;
}

/* A group's bit follows the number of its orphans: decide whether it flips. The array is there before anything is
 * stored. */
static int decide_orphans(struct daxfs_tx *tx, struct tx_item *item)
{
	struct daxfs_ag *ag = &tx->sbi->ags[item->agno];
	int before, after;

	if (!ag->orphans) {
		ag->orphans = kvzalloc(tx->sbi->orphan_map_blocks * DAXFS_BITS_PER_MAP_BLOCK, GFP_NOFS);
		if (!ag->orphans)
			return -ENOMEM;
	}
	before = ag->orphans[item->first];
	after = before + item->count;
	if (after < 0 || after > (int)(DAXFS_ORPHAN_BLOCKS * DAXFS_INODES_PER_BLOCK))
		return daxfs_corrupt(tx->sb, 0, daxfs_ag_start(tx->sbi, item->agno) + item->first * DAXFS_ORPHAN_BLOCKS,
				     "%d orphans in a group of 64 inodes", after);
	item->op = !before == !after ? TX_NOTHING : after ? TX_SET : TX_CLEAR;
	return 0;
}

static int check_and_log_item(struct daxfs_tx *tx, struct tx_item *item, struct pending *header)
{
	u32 first = item->first, end;
	int err;

	if (item->map == TX_ORPHANS) {
		err = decide_orphans(tx, item);
		if (err || item->op == TX_NOTHING)
			return err;
	}
	if (item->map == TX_COUNTER)
		return 0;
	for (end = first + (item->map == TX_ORPHANS ? 1 : item->count); first < end;) {
		u32 block = first / DAXFS_BITS_PER_MAP_BLOCK;
		u32 base = block * DAXFS_BITS_PER_MAP_BLOCK;
		u32 stop = min(end, base + DAXFS_BITS_PER_MAP_BLOCK);

		err = check_and_log_bits(tx, item->agno, map_base(tx->sbi, item->map) + block, first - base, stop - base,
					 item->op == TX_SET, header);
		if (err)
			return err;
		first = stop;
	}
	return 0;
}

/* What the queue changes in the AG's counters; false where a counter would leave its range. */
static bool move_counters(struct daxfs_ag_header *header, const struct tx_item *item)
{
	u32 free_blocks = le32_to_cpu(header->free_blocks);
	u32 inode_blocks = le32_to_cpu(header->inode_blocks);
	u32 free_inodes = le32_to_cpu(header->free_inodes);
	u32 groups = le32_to_cpu(header->orphan_groups);
	u32 blocks = le32_to_cpu(header->blocks);

	if (item->op == TX_NOTHING)
		return true;
	switch (item->map) {
	case TX_BITMAP:
		free_blocks += item->op == TX_SET ? -item->count : item->count;
		break;
	case TX_INODE_MAP:
		inode_blocks += item->op == TX_SET ? item->count : -item->count;
		free_inodes += (item->op == TX_SET ? item->count : -item->count) * (s32)DAXFS_INODES_PER_BLOCK;
		break;
	case TX_ORPHANS:
		groups += item->op == TX_SET ? 1 : -1;
		break;
	case TX_COUNTER:
		free_inodes += item->op == TX_SET ? -1 : 1;
		break;
	}
	header->free_blocks = cpu_to_le32(free_blocks);
	header->inode_blocks = cpu_to_le32(inode_blocks);
	header->free_inodes = cpu_to_le32(free_inodes);
	header->orphan_groups = cpu_to_le32(groups);
	return free_blocks <= blocks && inode_blocks <= blocks && groups <= blocks &&
	       free_inodes <= inode_blocks * DAXFS_INODES_PER_BLOCK;
}

/* The queue is sound against the maps and counters as they are, and their old bytes are in the slot. */
static int log_queue(struct daxfs_tx *tx)
{
	struct pending header = { };
	struct daxfs_ag_header counters;
	u32 i;
	int err;

	for (i = 0; i < tx->items; i++) {
		struct tx_item *item = &tx->item[i];
		u64 block = daxfs_ag_start(tx->sbi, item->agno) + DAXFS_AG_HEADER_BLOCK;

		if (!i || tx->item[i - 1].agno != item->agno) {
			counters = *daxfs_ag_raw(tx->sbi, item->agno);
			pend(tx, &header, block, 0, sizeof(counters));
		}
		err = check_and_log_item(tx, item, &header);
		if (err)
			return err;
		if (!move_counters(&counters, item))
			return daxfs_corrupt(tx->sb, 0, block, "the counters of the allocation group are wrong");
	}
	flush_pending(tx, &header);
	return 0;
}

/* Sets or clears bits [first, end) of a map block, and moves its checksum along. */
static void edit_bits(struct daxfs_tx *tx, u32 agno, u32 index, u32 first, u32 end, bool set)
{
	__le64 *map = daxfs_ag_map(tx->sbi, agno, index);
	__le32 *crc = (void *)daxfs_ag_raw(tx->sbi, agno) + daxfs_map_crc_offset(tx->sbi, index);
	u32 word = first / 64, last = (end - 1) / 64;
	/* log_queue() has seen that every bit of the range flips. */
	__le64 mask = daxfs_word_mask(word, first, end);

	WRITE_ONCE(map[word], map[word] ^ mask);
	if (word < last) {
		/* Who looks for space meanwhile sees all of these reserved, whatever their bits say. */
		memset(&map[word + 1], set ? 0xff : 0, (last - word - 1) * sizeof(*map));
		WRITE_ONCE(map[last], map[last] ^ daxfs_word_mask(last, first, end));
	}
	*crc = cpu_to_le32(le32_to_cpu(*crc) ^ daxfs_map_crc_flip(first, end));
}

static void edit_item(struct daxfs_tx *tx, const struct tx_item *item)
{
	struct daxfs_ag *ag = &tx->sbi->ags[item->agno];
	u32 first = item->first, end = first + (item->map == TX_ORPHANS ? 1 : item->count);

	if (item->map == TX_ORPHANS)
		ag->orphans[item->first] += item->count;
	if (item->map == TX_COUNTER || item->op == TX_NOTHING)
		return;
	if (item->map == TX_BITMAP && item->op == TX_CLEAR)
		daxfs_freed_hold(tx->sb, item->agno, item->first, item->count);
	while (first < end) {
		u32 block = first / DAXFS_BITS_PER_MAP_BLOCK;
		u32 base = block * DAXFS_BITS_PER_MAP_BLOCK;
		u32 stop = min(end, base + DAXFS_BITS_PER_MAP_BLOCK);

		edit_bits(tx, item->agno, map_base(tx->sbi, item->map) + block, first - base, stop - base,
			  item->op == TX_SET);
		first = stop;
	}
}

static void edit_maps(struct daxfs_tx *tx)
{
	u32 i;

	for (i = 0; i < tx->items; i++) {
		struct daxfs_ag_header *header = daxfs_ag_raw(tx->sbi, tx->item[i].agno);

		edit_item(tx, &tx->item[i]);
		move_counters(header, &tx->item[i]);
		if (i + 1 == tx->items || tx->item[i + 1].agno != tx->item[i].agno)
			daxfs_seal_ag(tx->sbi, header);
	}
}

/*
 * Calls for every logged range, in the order they were logged. One that is not as it was logged is damage, and nobody
 * knows any more what lies behind it: before the first store the transaction fails, later it goes on as it can.
 */
static __always_inline void each_entry(struct daxfs_tx *tx,
				       void (*call)(struct daxfs_tx *tx, struct daxfs_journal_entry *entry,
						    const struct logged *logged))
{
	u32 position = DAXFS_JOURNAL_BODY_OFFSET, ordinal;

	for (ordinal = 0; ordinal < tx->ordinal; ordinal++) {
		const struct logged *logged = logged_at(tx, ordinal, position);

		if (unlikely(!logged)) {
			tx->error = daxfs_corrupt(tx->sb, 0, tx->journal->block, "journal %u, in use: entry at byte %u",
						  tx->journal->id, position);
			return;
		}
		call(tx, entry_at(tx, position), logged);
		position += entry_bytes(logged->stored);
	}
}

/* The entry is as it will stay. Before this it does not check out, and nothing was changed yet that it would undo. */
static void seal_entry(struct daxfs_tx *tx, struct daxfs_journal_entry *entry, const struct logged *logged)
{
	u32 position = (void *)entry - tx->journal->slot;

	entry->crc = cpu_to_le32(daxfs_journal_crc(tx->sbi, tx->journal->id, position, entry, logged->stored));
}

int daxfs_tx_ready(struct daxfs_tx *tx)
{
	int err = tx->error;

	WARN_ON_ONCE(tx->ready);
	if (!err && daxfs_is_shutdown(tx->sbi))
		err = -EIO;
	if (!err)
		err = sort_items(tx);
	if (!err)
		err = lock_ags(tx);
	if (!err)
		err = log_queue(tx);
	if (!err)
		err = tx->error;
	if (err) {
		WARN_ONCE(err == -ENOSPC, "daxfs (%s): a transaction of %u bytes and %u items outgrew its journal slot",
			  tx->sb->s_id, tx->position, tx->items);
		tx->error = err;
		unlock_ags(tx);
		return err;
	}
	if (tx->ordinal) {
		each_entry(tx, seal_entry);
		flush(tx, entry_at(tx, DAXFS_JOURNAL_BODY_OFFSET), tx->position - DAXFS_JOURNAL_BODY_OFFSET);
		fence(tx);	/* FENCE 1 */
	}
	if (tx->error) {
		unlock_ags(tx);
		return tx->error;
	}
	daxfs_point(logged);
	tx->ready = true;
	edit_maps(tx);
	return 0;
}

/* The transaction's entries are void from here on: it committed, or was rolled back. Durable on return (FENCE 3). */
static void move_commit_word(struct daxfs_tx *tx)
{
	__le64 *word = tx->journal->slot + DAXFS_JOURNAL_COMMIT_OFFSET;

	WRITE_ONCE(*word, daxfs_commit_word(tx->sbi, tx->journal->id, tx->sequence));
	flush(tx, word, sizeof(*word));
	fence(tx);
	tx->journal->sequence = tx->sequence;
}

static void flush_target(struct daxfs_tx *tx, struct daxfs_journal_entry *entry, const struct logged *logged)
{
	flush(tx, target_at(tx, logged->offset), logged->length);
}

static void restore_target(struct daxfs_tx *tx, struct daxfs_journal_entry *entry, const struct logged *logged)
{
	daxfs_journal_restore(entry + 1, logged->fill, logged->length, target_at(tx, logged->offset));
	flush_target(tx, entry, logged);
}

/* The in-memory side of the AGs follows what became durable. */
static void settle_item(struct daxfs_tx *tx, const struct tx_item *item)
{
	u64 ino = daxfs_ag_start(tx->sbi, item->agno) * DAXFS_INODES_PER_BLOCK + item->first;

	switch (item->map) {
	case TX_BITMAP:
		if (item->op == TX_SET)
			daxfs_reservation_kept(tx->sb, item->agno, item->first, item->count);
		else
			daxfs_freed_settle(tx->sb, item->agno, item->first, item->count);
		break;
	case TX_INODE_MAP:
		if (item->op == TX_SET)
			daxfs_inode_blocks_made(tx->sbi, item->agno, item->first, item->count);
		else
			daxfs_inode_blocks_gone(tx->sbi, item->agno, item->first, item->count);
		break;
	case TX_COUNTER:
		if (item->op == TX_SET)
			xa_erase(&tx->sbi->ags[item->agno].taken_inodes, ino);
		else
			daxfs_inode_given(tx->sbi, ino);
		break;
	}
}

int daxfs_tx_commit(struct daxfs_tx *tx)
{
	u32 i;

	if (WARN_ON_ONCE(!tx->ready)) {
		daxfs_tx_cancel(tx);
		return -EIO;
	}
	if (tx->ordinal) {
		daxfs_point(stored);
		each_entry(tx, flush_target);
		fence(tx);	/* FENCE 2: also what the caller flushed */
		daxfs_point(durable);
		move_commit_word(tx);
		daxfs_point(committed);
		daxfs_count(tx->sbi, commits, 1);
		daxfs_count(tx->sbi, logged_bytes, tx->logged_bytes);
		trace_daxfs_commit(tx->sb, tx->journal->id, tx->sequence, tx->ordinal, tx->logged_bytes, tx->lines,
				   tx->fences, tx->started ? ktime_get_ns() - tx->started : 0);
	}
	for (i = 0; i < tx->items; i++)
		settle_item(tx, &tx->item[i]);
	unlock_ags(tx);
	end(tx);
	return 0;
}

/*
 * Old bytes back in place. All entries of a transaction of ours were logged before anything was stored, so that the
 * order does not matter here. Durable before the commit word moves.
 */
static void roll_back(struct daxfs_tx *tx)
{
	u32 i;

	each_entry(tx, restore_target);
	fence(tx);
	daxfs_point(rolled_back);
	for (i = 0; i < tx->items; i++) {
		struct tx_item *item = &tx->item[i];

		if (item->map == TX_ORPHANS)
			tx->sbi->ags[item->agno].orphans[item->first] -= item->count;
		if (item->map == TX_BITMAP && item->op == TX_CLEAR)
			daxfs_freed_drop(tx->sb, item->agno, item->first, item->count);
	}
}

void daxfs_tx_cancel(struct daxfs_tx *tx)
{
	u32 i;

	if (tx->ready)
		roll_back(tx);
	if (tx->ordinal)
		move_commit_word(tx);
	unlock_ags(tx);
	for (i = 0; i < tx->items; i++) {
		struct tx_item *item = &tx->item[i];

		if (item->map == TX_BITMAP && item->op == TX_SET)
			daxfs_unreserve(tx->sb, (struct daxfs_run){
				.block = daxfs_ag_start(tx->sbi, item->agno) + item->first, .count = item->count });
	}
	end(tx);
}
