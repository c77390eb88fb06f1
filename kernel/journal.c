// SPDX-License-Identifier: GPL-2.0
/*
 * Undo transactions. Establishes that whatever one transaction changed is on the device wholly or not at all, and is
 * durable when daxfs_tx_commit() returns. How a transaction goes is told in daxfs.h.
 *
 * The order of persistence:
 *	FENCE 1 (tx_ready)	the old bytes of everything are durable; only then is anything changed in place
 *	FENCE 2 (tx_commit)	the new bytes are durable; only then does the commit word move
 *	FENCE 3 (tx_commit)	the commit word is durable; only then do locks drop and freed blocks become free
 * The slot's entries are valid exactly while its commit word holds the sequence before theirs.
 *
 * Until then a transaction only notes, in memory, which ranges it will change. It gets a slot last, when all else that it
 * waits for is its own: whoever holds one waits for fences alone. So slots are held for as long as a commit takes, about as
 * many as there are processors are enough, and who waits for a busy AG keeps nobody else from committing.
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
#define TX_NOTED	64		/* more entries than most transactions log: these take no memory of their own */
#define TX_CHUNK	(DAXFS_BLOCK_SIZE / sizeof(struct logged))
#define TX_TAG		5ul		/* in current->journal_info: no pointer of anybody else ends so */
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

/* What an entry will say. */
struct logged {
	u64 offset;
	void *target;	/* the bytes there */
	u32 length;
	bool fill;	/* one word that repeats */
};

struct daxfs_tx {
	struct super_block *sb;
	struct daxfs_sb_info *sbi;
	struct daxfs_journal *journal;	/* from the moment on when it is about to be written to */
	void *outer;		/* current->journal_info of somebody else */
	unsigned int nofs;
	int error;
	bool ready;
	bool locked;
	bool frees_mapped;	/* blocks that somebody may have mapped */
	u32 slot_bytes;
	u32 position;		/* in the slot, of the entry behind the last */
	u32 entries;
	u32 estimate;		/* bytes that the queue may need in the slot */
	u32 logged_bytes, lines, fences;
	u64 sequence;
	u64 started;
	u32 items;
	u32 buffers;		/* given out */
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	struct lockdep_map dep_map;	/* AG locks nest in it */
#endif
	struct logged *last;	/* entry; `none` where there is none */
	struct logged none;
	void *buffer[TX_BUFFERS];	/* the first TX_KEPT_BUFFERS stay: most changes allocate nothing */
	struct logged noted[TX_NOTED];	/* the first entries */
	struct tx_item item[TX_ITEMS];
	u32 chunks;
	struct logged *chunk[];	/* the entries behind them, TX_CHUNK each; NULL: none yet */
};

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

static void drop_memory(struct daxfs_tx *tx, u32 keep)
{
	u32 i;

	for (i = keep; i < TX_BUFFERS && tx->buffer[i]; i++) {
		kfree(tx->buffer[i]);
		tx->buffer[i] = NULL;
	}
	for (i = 0; i < tx->chunks && tx->chunk[i]; i++) {
		kfree(tx->chunk[i]);
		tx->chunk[i] = NULL;
	}
}

/* ---- transactions and slots ---- */

static void free_tx(struct daxfs_tx *tx)
{
	if (!tx)
		return;
	drop_memory(tx, 0);
	kvfree(tx);
}

/* Callers of a transaction are told of damage and of full devices, not of full memory: this waits. */
static struct daxfs_tx *new_tx(struct super_block *sb)
{
	static struct lock_class_key __maybe_unused key;
	u32 bytes = DAXFS_SB(sb)->journal_blocks << DAXFS_BLOCK_SHIFT;
	u32 entries = bytes / (sizeof(struct daxfs_journal_entry) + sizeof(u64));
	u32 chunks = DIV_ROUND_UP(entries, TX_CHUNK);
	struct daxfs_tx *tx = kvzalloc(struct_size(tx, chunk, chunks), GFP_NOFS | __GFP_NOFAIL);

	tx->sb = sb;
	tx->sbi = DAXFS_SB(sb);
	tx->chunks = chunks;
	tx->slot_bytes = bytes;
	/* In no block that there is: nothing lies behind it. */
	tx->none.offset = U64_MAX;
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	lockdep_init_map(&tx->dep_map, "daxfs_tx", &key, 0);
#endif
	return tx;
}

/* Each CPU keeps one that nobody uses. */
static struct daxfs_tx *get_tx(struct super_block *sb)
{
	struct daxfs_tx *tx = this_cpu_xchg(*DAXFS_SB(sb)->idle_tx, NULL);

	return tx ?: new_tx(sb);
}

static void put_tx(struct daxfs_tx *tx)
{
	drop_memory(tx, TX_KEPT_BUFFERS);
	if (this_cpu_cmpxchg(*tx->sbi->idle_tx, NULL, tx))
		free_tx(tx);
}

int daxfs_journals_alloc(struct super_block *sb)
{
	static struct lock_class_key __maybe_unused key;
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 __maybe_unused i;

	init_waitqueue_head(&sbi->journal_wait);
	sbi->journals = kvcalloc(sbi->journal_count, sizeof(*sbi->journals), GFP_KERNEL);
	sbi->idle_tx = alloc_percpu(struct daxfs_tx *);
	if (!sbi->journals || !sbi->idle_tx)
		return -ENOMEM;
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	for (i = 0; i < sbi->journal_count; i++)
		lockdep_init_map(&sbi->journals[i].dep_map, "daxfs_journal", &key, 0);
#endif
	return 0;
}

void daxfs_journals_free(struct daxfs_sb_info *sbi)
{
	u32 i;
	int cpu;

	for (i = 0; sbi->journals && i < sbi->journal_count; i++)
		daxfs_unmap_range(sbi->journals[i].slot);
	if (sbi->idle_tx)
		for_each_possible_cpu(cpu)
			free_tx(*per_cpu_ptr(sbi->idle_tx, cpu));
	free_percpu(sbi->idle_tx);
	kvfree(sbi->journals);
}

/* journal_info may be another filesystem's: only what we tagged is one of our own transactions. */
bool daxfs_in_tx(struct super_block *sb)
{
	unsigned long info = (unsigned long)current->journal_info;

	return (info & 7) == TX_TAG && ((struct daxfs_tx *)(info - TX_TAG))->sb == sb;
}

struct daxfs_tx *daxfs_tx_begin_internal(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_tx *tx;

	if (WARN_ON_ONCE(daxfs_in_tx(sb)))
		return ERR_PTR(-EDEADLK);
	if (daxfs_is_shutdown(sbi))
		return ERR_PTR(-EIO);
	might_sleep();
	tx = get_tx(sb);
	lock_map_acquire(&tx->dep_map);
	tx->nofs = memalloc_nofs_save();
	tx->outer = current->journal_info;
	current->journal_info = (void *)tx + TX_TAG;
	tx->journal = NULL;
	tx->last = &tx->none;
	tx->error = 0;
	tx->ready = tx->locked = tx->frees_mapped = false;
	tx->position = DAXFS_JOURNAL_BODY_OFFSET;
	tx->entries = tx->estimate = tx->logged_bytes = tx->lines = tx->fences = tx->items = tx->buffers = 0;
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

/* A free slot, this CPU's own or the next, or NULL. */
static struct daxfs_journal *try_slot(struct daxfs_sb_info *sbi)
{
	u32 start = raw_smp_processor_id() % sbi->journal_count;
	u32 i;

	for (i = 0; i < sbi->journal_count; i++) {
		struct daxfs_journal *journal = &sbi->journals[(start + i) % sbi->journal_count];

		if (!test_bit(0, &journal->busy) && !test_and_set_bit_lock(0, &journal->busy))
			return journal;
	}
	return NULL;
}

/* All locks are held; from here to the commit nothing is waited for but the device. One waiter is woken for each slot. */
static void take_slot(struct daxfs_tx *tx)
{
	struct daxfs_sb_info *sbi = tx->sbi;
	struct daxfs_journal *journal = try_slot(sbi);

	if (unlikely(!journal))
		wait_event_exclusive_cmd(sbi->journal_wait, (journal = try_slot(sbi)), , );
	lock_map_acquire(&journal->dep_map);
	tx->journal = journal;
	tx->sequence = (journal->sequence + 1) & SEQUENCE_MASK;
}

static void drop_slot(struct daxfs_tx *tx)
{
	struct daxfs_sb_info *sbi = tx->sbi;

	lock_map_release(&tx->journal->dep_map);
	clear_bit_unlock(0, &tx->journal->busy);
	smp_mb__after_atomic();
	if (waitqueue_active(&sbi->journal_wait))
		wake_up(&sbi->journal_wait);
}

/* The task is without a transaction. */
static void end(struct daxfs_tx *tx)
{
	unsigned int nofs = tx->nofs;

	WARN_ON_ONCE(current->journal_info != (void *)tx + TX_TAG);
	current->journal_info = tx->outer;
	lock_map_release(&tx->dep_map);
	put_tx(tx);
	memalloc_nofs_restore(nofs);
}

/* ---- what is logged ---- */

static void flush(struct daxfs_tx *tx, const void *p, u32 bytes)
{
	daxfs_write_lines(p, bytes);
	tx->lines += daxfs_lines_of(p, bytes);
}

static void fence(struct daxfs_tx *tx)
{
	(daxfs_fence)(tx->sbi);
	tx->fences++;
}

/* The sites are the calls of these, see sites.h. */
#define flush(...) daxfs_site(flush, __VA_ARGS__)
#define fence(...) daxfs_site(fence, __VA_ARGS__)

static u32 entry_bytes(u32 bytes)
{
	return sizeof(struct daxfs_journal_entry) + ALIGN(bytes, 8);
}

static u32 stored_bytes(const struct logged *logged)
{
	return logged->fill ? sizeof(u64) : logged->length;
}

static __always_inline struct logged *logged_at(struct daxfs_tx *tx, u32 entry)
{
	if (likely(entry < TX_NOTED))
		return &tx->noted[entry];
	entry -= TX_NOTED;
	return &tx->chunk[entry / TX_CHUNK][entry % TX_CHUNK];
}

/* Memory for one entry more; NULL: there is none. */
static __always_inline struct logged *next_logged(struct daxfs_tx *tx)
{
	struct logged **chunk;

	if (likely(tx->entries < TX_NOTED))
		return &tx->noted[tx->entries];
	chunk = &tx->chunk[(tx->entries - TX_NOTED) / TX_CHUNK];
	if (!*chunk)
		*chunk = kmalloc(DAXFS_BLOCK_SIZE, GFP_NOFS);
	return *chunk ? *chunk + (tx->entries - TX_NOTED) % TX_CHUNK : NULL;
}

static __always_inline void log_entry(struct daxfs_tx *tx, u64 place, void *target, u32 bytes, bool fill)
{
	u32 size = fill ? sizeof(u64) : bytes, position = tx->position + entry_bytes(size);
	struct logged *logged = next_logged(tx);

	if (unlikely(position > tx->slot_bytes || !logged)) {
		tx->error = tx->error ?: logged ? -ENOSPC : -ENOMEM;
		return;
	}
	logged->offset = place;
	logged->target = target;
	logged->length = bytes;
	logged->fill = fill;
	tx->last = logged;
	tx->entries++;
	tx->position = position;
	tx->logged_bytes += size;
}

/* The last entry takes in a range that begins in it, or a little behind it. False: that is not where the range lies. */
static __always_inline bool extend_last(struct daxfs_tx *tx, u64 place, u32 bytes)
{
	struct logged *last = tx->last;
	u32 now, more;

	if ((place ^ last->offset) >> DAXFS_BLOCK_SHIFT || place - last->offset > last->length + MERGE_GAP || last->fill)
		return false;
	now = max_t(u32, last->length, place + bytes - last->offset);
	more = ALIGN(now, 8) - ALIGN(last->length, 8);
	if (tx->position + more > tx->slot_bytes)
		return false;
	tx->position += more;
	tx->logged_bytes += now - last->length;
	last->length = now;
	return true;
}

/* `old` is what the block has there. */
static __always_inline void log_bytes(struct daxfs_tx *tx, u64 block, void *old, u32 offset, u32 bytes)
{
	u64 place = (block << DAXFS_BLOCK_SHIFT) + offset;
	const u64 *words = old;
	/* Most ranges show in their first words that they do not repeat one. */
	bool fill = bytes >= FILL_BYTES && bytes % sizeof(u64) == 0 && words[0] == words[1] &&
		    !memcmp(words, words + 1, bytes - sizeof(u64));

	if (fill || !extend_last(tx, place, bytes))
		log_entry(tx, place, old, bytes, fill);
}

static void log_range(struct daxfs_tx *tx, u64 block, u32 offset, u32 bytes)
{
	log_bytes(tx, block, daxfs_block(tx->sbi, block) + offset, offset, bytes);
}

/* An error where there is no such range, or no room for it. */
static __always_inline bool may_log(struct daxfs_tx *tx, u64 block, u32 offset, u32 bytes)
{
	if (WARN_ON_ONCE(tx->ready || !bytes || offset >= DAXFS_BLOCK_SIZE || bytes > DAXFS_BLOCK_SIZE - offset ||
			 block >= tx->sbi->block_count)) {
		tx->error = tx->error ?: -EIO;
		return false;
	}
	if (tx->position + entry_bytes(bytes) + tx->estimate > tx->slot_bytes) {
		tx->error = tx->error ?: -ENOSPC;
		return false;
	}
	return true;
}

void daxfs_tx_add(struct daxfs_tx *tx, u64 block, u32 offset, u32 bytes)
{
	if (may_log(tx, block, offset, bytes))
		log_range(tx, block, offset, bytes);
}

/*
 * User space may store to mapped data between this look and the one that writes the entry: words that are equal now need
 * not be then, and a filled entry would put one word over all that was there. So it never is one.
 */
void daxfs_tx_add_data(struct daxfs_tx *tx, u64 block, u32 offset, u32 bytes)
{
	u64 place = (block << DAXFS_BLOCK_SHIFT) + offset;

	if (may_log(tx, block, offset, bytes) && !extend_last(tx, place, bytes))
		log_entry(tx, place, daxfs_block(tx->sbi, block) + offset, bytes, false);
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
	add_of_inode(tx, inode, 0, DAXFS_CORE_BYTES);
}

void daxfs_tx_add_sizes(struct daxfs_tx *tx, struct inode *inode)
{
	add_of_inode(tx, inode, 0, offsetofend(struct daxfs_inode, blocks));
}

void daxfs_tx_add_operation(struct daxfs_tx *tx, struct inode *inode)
{
	add_of_inode(tx, inode, offsetof(struct daxfs_inode, operation_arg), sizeof_field(struct daxfs_inode, operation_arg));
}

void daxfs_tx_add_rest(struct daxfs_tx *tx, struct inode *inode, u32 from, u32 to)
{
	if (from < to)
		add_of_inode(tx, inode, from, to - from);
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
	if (tx->items == TX_ITEMS || tx->position + tx->estimate + bytes > tx->slot_bytes) {
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

	return tx->items + runs + 16 <= TX_ITEMS && tx->position + tx->estimate + bytes <= tx->slot_bytes;
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

static bool are_sorted(const struct daxfs_tx *tx)
{
	u32 i;

	for (i = 1; i < tx->items; i++)
		if (compare_items(&tx->item[i - 1], &tx->item[i]) > 0)
			return false;
	return true;
}

/* Sorted by AG and place; neighbours with one fate become one item, orphans of one group too. */
static int sort_items(struct daxfs_tx *tx)
{
	u32 from, to = 0;
	int err = 0;

	if (!are_sorted(tx))
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

/* AG locks nest in the transaction, so that lockdep lets us hold many; ascending order keeps them from deadlock. */
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
			mutex_lock_nest_lock(&tx->sbi->ags[tx->item[i].agno].lock, tx);
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
	u64 head = daxfs_ag_start(tx->sbi, agno) + DAXFS_AG_HEADER_BLOCK;
	u64 block = head - DAXFS_AG_HEADER_BLOCK + DAXFS_AG_BITMAP_BLOCK + index;
	__le64 *map = daxfs_block(tx->sbi, block);
	u32 crc = daxfs_map_crc_offset(tx->sbi, index);
	u32 word = first / 64, last = (end - 1) / 64, odd = DAXFS_NO_WORD;
	int err = daxfs_ag_verify_map_locked(tx->sb, agno, index);

	if (err)
		return err;
	if (word == last)
		odd = (READ_ONCE(map[word]) ^ (set ? 0 : cpu_to_le64(~0ull))) & daxfs_word_mask(word, first, end) ? word : odd;
	else
		odd = daxfs_odd_word(map, first, end, !set);
	if (unlikely(odd != DAXFS_NO_WORD))
		return daxfs_corrupt(tx->sb, 0, block, "map word %u: to be %s is already so", odd,
				     set ? "set" : "cleared");
	if (last > word + FILL_BYTES / 8) {
		/* The words between the ends are all alike. */
		log_bytes(tx, block, &map[word], word * 8, 8);
		word++;
		log_entry(tx, (block << DAXFS_BLOCK_SHIFT) + word * 8, &map[word], (last - word) * 8, true);
		word = last;
	}
	log_bytes(tx, block, &map[word], word * 8, (last - word + 1) * 8);
	/* In whole words, as the slot has it: two checksums of 4 bytes. */
	crc = round_down(crc, 8);
	pend(tx, header, head, crc, crc + 8);
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

static void load_counters(const struct daxfs_ag_header *header, struct daxfs_ag_counters *counters)
{
	counters->free_blocks = le32_to_cpu(READ_ONCE(header->free_blocks));
	counters->inode_blocks = le32_to_cpu(READ_ONCE(header->inode_blocks));
	counters->free_inodes = le32_to_cpu(READ_ONCE(header->free_inodes));
	counters->orphan_groups = le32_to_cpu(READ_ONCE(header->orphan_groups));
}

static void store_counters(struct daxfs_ag_header *header, const struct daxfs_ag_counters *counters)
{
	header->free_blocks = cpu_to_le32(counters->free_blocks);
	header->inode_blocks = cpu_to_le32(counters->inode_blocks);
	header->free_inodes = cpu_to_le32(counters->free_inodes);
	header->orphan_groups = cpu_to_le32(counters->orphan_groups);
}

/* What an item of the queue changes in its AG's counters. */
static void move_counters(struct daxfs_ag_counters *counters, const struct tx_item *item)
{
	s32 sign = item->op == TX_SET ? 1 : -1;

	if (item->op == TX_NOTHING)
		return;
	switch (item->map) {
	case TX_BITMAP:
		counters->free_blocks -= sign * item->count;
		break;
	case TX_INODE_MAP:
		counters->inode_blocks += sign * item->count;
		counters->free_inodes += sign * item->count * (s32)DAXFS_INODES_PER_BLOCK;
		break;
	case TX_ORPHANS:
		counters->orphan_groups += sign;
		break;
	case TX_COUNTER:
		counters->free_inodes -= sign;
		break;
	}
}

/* None has left its range. */
static bool are_counters(const struct daxfs_ag_counters *counters, u32 blocks)
{
	return counters->free_blocks <= blocks && counters->inode_blocks <= blocks && counters->orphan_groups <= blocks &&
	       counters->free_inodes <= counters->inode_blocks * DAXFS_INODES_PER_BLOCK;
}

/*
 * The queue is sound against the maps and counters as they are, and their old bytes are in the slot. What the counters will
 * be is kept: edit_maps() does not load them again, so that what was stored to them since is not sealed unchecked.
 */
static int log_queue(struct daxfs_tx *tx)
{
	struct pending header = { };
	u32 i;
	int err;

	for (i = 0; i < tx->items; i++) {
		struct tx_item *item = &tx->item[i];
		struct daxfs_ag *ag = &tx->sbi->ags[item->agno];
		u64 block = daxfs_ag_start(tx->sbi, item->agno) + DAXFS_AG_HEADER_BLOCK;

		if (!i || tx->item[i - 1].agno != item->agno) {
			load_counters(daxfs_ag_raw(tx->sbi, item->agno), &ag->counters);
			pend(tx, &header, block, 0, offsetof(struct daxfs_ag_header, reserved));
		}
		err = check_and_log_item(tx, item, &header);
		if (err)
			return err;
		move_counters(&ag->counters, item);
		if (!are_counters(&ag->counters, ag->blocks))
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
		const struct tx_item *item = &tx->item[i];

		edit_item(tx, item);
		if (i + 1 == tx->items || tx->item[i + 1].agno != item->agno) {
			struct daxfs_ag_header *header = daxfs_ag_raw(tx->sbi, item->agno);

			store_counters(header, &tx->sbi->ags[item->agno].counters);
			daxfs_seal_ag(tx->sbi, header);
		}
	}
}

/* Calls for every logged range. */
static __always_inline void each_entry(struct daxfs_tx *tx, void (*call)(struct daxfs_tx *tx, const struct logged *logged))
{
	u32 entry;

	for (entry = 0; entry < tx->entries; entry++)
		call(tx, logged_at(tx, entry));
}

/* The old bytes of one range, with zeros up to where the next entry begins. */
static void write_entry(struct daxfs_tx *tx, const struct logged *logged, u32 ordinal, u32 position)
{
	struct daxfs_journal_entry *entry = tx->journal->slot + position;
	u32 stored = stored_bytes(logged);
	void *data = entry + 1;

	entry->ordinal = cpu_to_le32(ordinal);
	entry->sequence = cpu_to_le64(tx->sequence);
	entry->offset = cpu_to_le64(logged->offset);
	entry->length = cpu_to_le32(logged->length);
	entry->kind = cpu_to_le32(logged->fill ? DAXFS_JOURNAL_FILL : DAXFS_JOURNAL_BYTES);
	if (stored % 8)
		*(u64 *)(data + round_down(stored, 8)) = 0;
	memcpy(data, logged->target, stored);
	entry->crc = cpu_to_le32(daxfs_journal_crc(tx->sbi, tx->journal->id, position, entry, stored));
}

/* The same of whole words, which nearly all are, in one pass that loads each word once. The processor is little-endian. */
static __always_inline void write_words(struct daxfs_tx *tx, const struct logged *logged, u64 seed, u32 ordinal, u32 position)
{
	u64 *to = tx->journal->slot + position, *end;
	u64 length = logged->length | (u64)(logged->fill ? DAXFS_JOURNAL_FILL : DAXFS_JOURNAL_BYTES) << 32, crc;
	const u64 *from = logged->target;
	__le32 *stored_crc = (__le32 *)to;

	BUILD_BUG_ON(offsetof(struct daxfs_journal_entry, sequence) != 8 ||
		     offsetof(struct daxfs_journal_entry, offset) != 16 ||
		     offsetof(struct daxfs_journal_entry, length) != 24 || sizeof(struct daxfs_journal_entry) != 32);
	crc = daxfs_crc_word(seed, (u64)position << 32 | tx->journal->id);
	crc = daxfs_crc_word(crc, (u64)ordinal << 32);
	crc = daxfs_crc_word(crc, tx->sequence);
	crc = daxfs_crc_word(crc, logged->offset);
	crc = daxfs_crc_word(crc, length);
	to[0] = (u64)ordinal << 32;
	to[1] = tx->sequence;
	to[2] = logged->offset;
	to[3] = length;
	to += 4;
	end = to + stored_bytes(logged) / 8;
	do {
		u64 word = READ_ONCE(*from++);

		*to++ = word;
		crc = daxfs_crc_word(crc, word);
	} while (to < end);
	*stored_crc = cpu_to_le32(crc);
}

static void write_entries(struct daxfs_tx *tx)
{
	u32 position = DAXFS_JOURNAL_BODY_OFFSET, entry;

	for (entry = 0; entry < tx->entries; entry++) {
		const struct logged *logged = logged_at(tx, entry);

		if (daxfs_have_crc_instruction() && likely(logged->length % 8 == 0))
			write_words(tx, logged, tx->sbi->seed, entry, position);
		else
			write_entry(tx, logged, entry, position);
		position += entry_bytes(stored_bytes(logged));
	}
	flush(tx, tx->journal->slot + DAXFS_JOURNAL_BODY_OFFSET, position - DAXFS_JOURNAL_BODY_OFFSET);
}

/* The entries of the transaction's sequence are void from here on. Durable on return: at a commit, FENCE 3. */
static void move_commit_word(struct daxfs_tx *tx)
{
	__le64 *word = tx->journal->slot + DAXFS_JOURNAL_COMMIT_OFFSET;

	WRITE_ONCE(*word, daxfs_commit_word(tx->sbi, tx->journal->id, tx->sequence));
	flush(tx, word, sizeof(*word));
	fence(tx);
	tx->journal->sequence = tx->sequence;
}

/*
 * The slot's first transaction of a mount leaves the sequence unused that the slot was left with. A power cut before
 * FENCE 1 may have lost the first entry of a transaction and kept later ones: nothing of it was undone, but a transaction
 * of the same sequence would bring them back to life as soon as its own first entries lie before them, and with them the
 * old bytes of places that others have changed since.
 */
static void void_leftovers(struct daxfs_tx *tx)
{
	move_commit_word(tx);
	tx->sequence = (tx->sequence + 1) & SEQUENCE_MASK;
	tx->journal->voided = true;
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
	if (tx->entries) {
		take_slot(tx);
		if (unlikely(!tx->journal->voided))
			void_leftovers(tx);
		write_entries(tx);
		fence(tx);	/* FENCE 1 */
	}
	daxfs_point(logged);
	tx->ready = true;
	edit_maps(tx);
	return 0;
}

static void flush_target(struct daxfs_tx *tx, const struct logged *logged)
{
	flush(tx, logged->target, logged->length);
}

/* By way of its own mappings alone a file's blocks are stored to; when it is evicted they are flushed from the last TLB. */
void daxfs_tx_data_goes(struct daxfs_tx *tx, const struct inode *inode)
{
	tx->frees_mapped |= IS_DAX(inode) && !list_empty_careful(&DAXFS_I(inode)->mapped) &&
			    !(READ_ONCE(inode->i_state) & I_FREEING);
}

/* Freed blocks are out of reach of whoever mapped them. Once for all of them. */
static void end_stores(struct daxfs_tx *tx)
{
	u32 i;

	for (i = 0; tx->frees_mapped && i < tx->items; i++) {
		const struct tx_item *item = &tx->item[i];

		if (item->map == TX_BITMAP && item->op == TX_CLEAR &&
		    daxfs_end_stores(tx->sbi, item->agno, item->first, item->count))
			return;
	}
}

/* The in-memory side of the AGs follows what became durable. */
static void settle_item(struct daxfs_tx *tx, const struct tx_item *item)
{
	u64 ino;

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
		ino = daxfs_ag_start(tx->sbi, item->agno) * DAXFS_INODES_PER_BLOCK + item->first;
		if (item->op == TX_SET)
			daxfs_promise_kept(tx->sbi, item->agno, ino);
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
	if (tx->entries) {
		daxfs_point(stored);
		each_entry(tx, flush_target);
		fence(tx);	/* FENCE 2: also what the caller flushed */
		daxfs_point(durable);
		move_commit_word(tx);
		daxfs_point(committed);
		daxfs_count(tx->sbi, commits, 1);
		daxfs_count(tx->sbi, logged_bytes, tx->logged_bytes);
		daxfs_count(tx->sbi, flushed_lines, tx->lines);
		trace_daxfs_commit(tx->sb, tx->journal->id, tx->sequence, tx->entries, tx->logged_bytes, tx->lines,
				   tx->fences, tx->started ? ktime_get_ns() - tx->started : 0);
		drop_slot(tx);
	}
	end_stores(tx);
	for (i = 0; i < tx->items; i++)
		settle_item(tx, &tx->item[i]);
	unlock_ags(tx);
	end(tx);
	return 0;
}

void daxfs_tx_cancel(struct daxfs_tx *tx)
{
	u32 i;

	/* Something is stored already: the slot stays as it is, for the next mount to roll back. */
	if (WARN_ON_ONCE(tx->ready))
		daxfs_shutdown(tx->sb, "a transaction was given up too late");
	unlock_ags(tx);
	for (i = 0; i < tx->items && !tx->ready; i++) {
		struct tx_item *item = &tx->item[i];

		if (item->map == TX_BITMAP && item->op == TX_SET)
			daxfs_unreserve(tx->sb, (struct daxfs_run){
				.block = daxfs_ag_start(tx->sbi, item->agno) + item->first, .count = item->count });
	}
	end(tx);
}
