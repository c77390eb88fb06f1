// SPDX-License-Identifier: GPL-2.0
/*
 * What a mount does before it believes anything: transactions that did not commit are rolled back; later, when inodes
 * can be read, orphans are freed and operations that were cut off are finished.
 *
 * A crash in the middle of this is harmless: rolling back twice gives the same bytes, and a slot's entries stay valid
 * until its commit word moves, which is after they were applied, flushed and fenced.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "ag.h"
#include "checksum.h"
#include "daxfs.h"
#include "device.h"
#include "error.h"
#include "icache.h"
#include "journal.h"
#include "media.h"
#include "persist.h"
#include "points.h"
#include "recovery.h"
#include "shift.h"
#include "superblock.h"
#include "trace.h"
#include "truncate.h"

#define SEQUENCE_MASK	((1ull << DAXFS_SEQUENCE_BITS) - 1)
#define UNIT_SHIFT	DAXFS_INODE_SHIFT	/* no lock covers less than an inode */

/*
 * More entries than a transaction can have: 512 runs (TX_ITEMS) of seven each, and what is dirty in 64 nodes. A large journal
 * has room for many more, which an image could have us hold in memory and sort.
 */
#define MAX_ENTRIES	16384

/* What an entry undoes, read once and judged. */
struct undo {
	u64 offset;
	u32 length;
	u32 position;		/* of the entry in its journal's slot */
	u32 journal;
};

/* All that is to be undone: judged together, before the first byte is written. */
struct recovery {
	struct super_block *sb;
	struct undo *undos;
	u32 count, room;
	bool has_super;
	struct daxfs_super super;		/* block 0 as it is to become */
	/* An entry as it was read: nobody else stores to it. */
	struct {
		struct daxfs_journal_entry header;
		u8 data[DAXFS_JOURNAL_MAX_DATA];
	} entry;
};

/* Bytes that follow the header of an entry. */
static u32 data_bytes(const struct daxfs_journal_entry *entry)
{
	return entry->kind == cpu_to_le32(DAXFS_JOURNAL_FILL) ? sizeof(u64) : le32_to_cpu(entry->length);
}

/* What they stand for into place, where `length` bytes belong to the entry. */
static void restore(const void *data, bool fill, u32 length, void *target)
{
	if (fill)
		memset64(target, *(const u64 *)data, length / sizeof(u64));
	else
		memcpy(target, data, length);
}

static int open_journal(struct super_block *sb, u32 id)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_journal *journal = &sbi->journals[id];
	struct daxfs_journal_header header;
	u64 word;
	u32 i;

	journal->id = id;
	journal->block = le64_to_cpu(sbi->believed.journal_block) + (u64)id * sbi->journal_blocks;
	journal->slot = daxfs_map_range(sbi, journal->block, sbi->journal_blocks);
	if (!journal->slot)
		return -ENOMEM;
	/* All of it: what is bad behind the entries would be read when the slot is used. */
	for (i = 0; i < sbi->journal_blocks; i++)
		if (!daxfs_block_readable(sbi, journal->block + i))
			return daxfs_media_error(sb, 0, journal->block + i);
	header = *(const struct daxfs_journal_header *)journal->slot;
	if (le32_to_cpu(header.magic) != DAXFS_JOURNAL_MAGIC || le32_to_cpu(header.id) != id ||
	    le32_to_cpu(header.blocks) != sbi->journal_blocks || le64_to_cpu(header.block) != journal->block ||
	    le32_to_cpu(header.crc) != daxfs_journal_header_crc(sbi, &header))
		return daxfs_corrupt(sb, 0, journal->block, "header of journal %u", id);
	word = le64_to_cpu(READ_ONCE(*(__le64 *)(journal->slot + DAXFS_JOURNAL_COMMIT_OFFSET)));
	journal->sequence = word & SEQUENCE_MASK;
	if (daxfs_commit_word(sbi, id, journal->sequence) != cpu_to_le64(word))
		return daxfs_corrupt(sb, 0, journal->block, "commit word of journal %u", id);
	return 0;
}

/* The entry at `position` comes to recovery->entry; false: it is not the next one of the open transaction. */
static bool read_entry(struct recovery *recovery, const struct daxfs_journal *journal, u32 position, u32 ordinal)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(recovery->sb);
	struct daxfs_journal_entry *entry = &recovery->entry.header;
	u32 left = (sbi->journal_blocks << DAXFS_BLOCK_SHIFT) - position, length, kind;

	if (left < sizeof(*entry))
		return false;
	memcpy(entry, journal->slot + position, sizeof(*entry));
	length = le32_to_cpu(entry->length);
	kind = le32_to_cpu(entry->kind);
	if (kind > DAXFS_JOURNAL_FILL || !length || length > DAXFS_JOURNAL_MAX_DATA ||
	    (kind == DAXFS_JOURNAL_FILL && length % sizeof(u64)) ||
	    data_bytes(entry) > left - sizeof(*entry) || le32_to_cpu(entry->ordinal) != ordinal ||
	    le64_to_cpu(entry->sequence) != ((journal->sequence + 1) & SEQUENCE_MASK))
		return false;
	memcpy(recovery->entry.data, journal->slot + position + sizeof(*entry), data_bytes(entry));
	return le32_to_cpu(entry->crc) == daxfs_journal_crc(sbi, journal->id, position, entry,
								 data_bytes(entry));
}

/*
 * Why an entry cannot be one of ours; NULL: it can. Transactions change the superblock as a whole, headers and maps of
 * groups, and what groups give out; never copies of the superblock, repair intents or journals.
 */
static const char *judge_target(struct recovery *recovery)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(recovery->sb);
	const struct daxfs_journal_entry *entry = &recovery->entry.header;
	u64 offset = le64_to_cpu(entry->offset), block = offset >> DAXFS_BLOCK_SHIFT;
	u64 journals = le64_to_cpu(sbi->believed.journal_block);
	u32 length = le32_to_cpu(entry->length);

	if (!offset && length == sizeof(recovery->super) && entry->kind == cpu_to_le32(DAXFS_JOURNAL_BYTES)) {
		if (recovery->has_super)
			return "the superblock, once more";
		memcpy(&recovery->super, recovery->entry.data, sizeof(recovery->super));
		recovery->has_super = true;
		return daxfs_super_undo_ok(sbi, &recovery->super) ? NULL : "what no transaction changes of the superblock";
	}
	if (!daxfs_block_valid(sbi, block, 1) || length > DAXFS_BLOCK_SIZE - (offset & (DAXFS_BLOCK_SIZE - 1)))
		return "what is no part of a block of the filesystem";
	if (block - daxfs_ag_start(sbi, daxfs_ag_of(sbi, block)) < DAXFS_AG_HEADER_BLOCK)
		return "a superblock, or what lies beside it";
	if (block >= journals && block - journals < (u64)sbi->journal_count * sbi->journal_blocks)
		return "a journal";
	return NULL;
}

/* Up to MAX_ENTRIES + 1. */
static u32 count_entries(struct recovery *recovery, const struct daxfs_journal *journal)
{
	u32 position = DAXFS_JOURNAL_BODY_OFFSET, count = 0;

	while (count <= MAX_ENTRIES && read_entry(recovery, journal, position, count)) {
		position += sizeof(recovery->entry.header) + ALIGN(data_bytes(&recovery->entry.header), 8);
		count++;
	}
	return count;
}

static int read_entries(struct recovery *recovery, const struct daxfs_journal *journal)
{
	const struct daxfs_journal_entry *entry = &recovery->entry.header;
	u32 position = DAXFS_JOURNAL_BODY_OFFSET, ordinal;
	const char *wrong;

	for (ordinal = 0; recovery->count < recovery->room && read_entry(recovery, journal, position, ordinal); ordinal++) {
		wrong = judge_target(recovery);
		if (wrong)
			return daxfs_corrupt(recovery->sb, 0, journal->block, "entry %u of journal %u undoes byte %llu: %s",
					     ordinal, journal->id, le64_to_cpu(entry->offset), wrong);
		recovery->undos[recovery->count++] = (struct undo){
			.offset = le64_to_cpu(entry->offset),
			.length = le32_to_cpu(entry->length),
			.position = position,
			.journal = journal->id,
		};
		position += sizeof(*entry) + ALIGN(data_bytes(entry), 8);
	}
	return 0;
}

static int compare_places(const void *left, const void *right)
{
	const struct undo *a = left, *b = right;

	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* By journal, the newest first. */
static int compare_ages(const void *left, const void *right)
{
	const struct undo *a = left, *b = right;

	if (a->journal != b->journal)
		return a->journal < b->journal ? -1 : 1;
	return a->position > b->position ? -1 : a->position < b->position;
}

/* Two open transactions never share a checksummed unit. Up to `end`, units are of journal `owner` and those before. */
static int check_apart(struct recovery *recovery)
{
	u32 owner = U32_MAX, i;
	u64 end = 0;

	sort(recovery->undos, recovery->count, sizeof(*recovery->undos), compare_places, NULL);
	for (i = 0; i < recovery->count; i++) {
		const struct undo *undo = &recovery->undos[i];
		u64 first = undo->offset >> UNIT_SHIFT;
		u64 behind = ((undo->offset + undo->length - 1) >> UNIT_SHIFT) + 1;

		if (undo->journal != owner && first < end)
			return daxfs_corrupt(recovery->sb, 0, undo->offset >> DAXFS_BLOCK_SHIFT,
					     "two journals undo byte %llu", undo->offset);
		owner = undo->journal;
		end = max(end, behind);
	}
	return 0;
}

static int read_journals(struct recovery *recovery)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(recovery->sb);
	u32 i, count;
	int err;

	for (i = 0; i < sbi->journal_count; i++) {
		err = open_journal(recovery->sb, i);
		if (err)
			return err;
		count = count_entries(recovery, &sbi->journals[i]);
		if (count > MAX_ENTRIES)
			return daxfs_corrupt(recovery->sb, 0, sbi->journals[i].block,
					     "journal %u has more entries than a transaction", i);
		recovery->room += count;
		cond_resched();
	}
	if (!recovery->room)
		return 0;
	recovery->undos = kvmalloc_array(recovery->room, sizeof(*recovery->undos), GFP_KERNEL);
	if (!recovery->undos)
		return -ENOMEM;
	for (i = 0; i < sbi->journal_count; i++) {
		err = read_entries(recovery, &sbi->journals[i]);
		if (err)
			return err;
	}
	return check_apart(recovery);
}

/* Old bytes back in place, flushed; the fence is the caller's. What was judged is what is read again, or nothing is done. */
static int apply(struct recovery *recovery, const struct undo *undo, u32 ordinal)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(recovery->sb);
	const struct daxfs_journal *journal = &sbi->journals[undo->journal];
	const struct daxfs_journal_entry *entry = &recovery->entry.header;
	void *target = daxfs_block(sbi, undo->offset >> DAXFS_BLOCK_SHIFT) + (undo->offset & (DAXFS_BLOCK_SIZE - 1));

	if (!read_entry(recovery, journal, undo->position, ordinal) || le64_to_cpu(entry->offset) != undo->offset ||
	    le32_to_cpu(entry->length) != undo->length)
		return daxfs_corrupt(recovery->sb, 0, journal->block, "journal %u changes while it is read", journal->id);
	if (undo->offset)
		restore(recovery->entry.data, entry->kind == cpu_to_le32(DAXFS_JOURNAL_FILL), undo->length, target);
	else
		memcpy(target, &recovery->super, sizeof(recovery->super));
	daxfs_flush(sbi, target, undo->length);
	return 0;
}

/* One journal's entries, the newest first. */
static int roll_back(struct recovery *recovery, struct daxfs_journal *journal, const struct undo *undos, u32 count)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(recovery->sb);
	__le64 *word = journal->slot + DAXFS_JOURNAL_COMMIT_OFFSET;
	u32 bytes = 0, i;
	int err;

	for (i = 0; i < count; i++) {
		err = apply(recovery, &undos[i], count - 1 - i);
		if (err)
			return err;
		bytes += undos[i].length;
	}
	/* FENCE: the old state is durable before its entries lose their validity ... */
	daxfs_fence(sbi);
	daxfs_point(rolled_back);
	journal->sequence = (journal->sequence + 1) & SEQUENCE_MASK;
	WRITE_ONCE(*word, daxfs_commit_word(sbi, journal->id, journal->sequence));
	daxfs_flush(sbi, word, sizeof(*word));
	/* ... FENCE: and they have lost it before the slot is used again. */
	daxfs_fence(sbi);
	trace_daxfs_recovery(recovery->sb, journal->id, journal->sequence, count, bytes);
	pr_info("daxfs (%pg): journal %u: rolled back a transaction of %u entries, %u bytes\n", recovery->sb->s_bdev,
		journal->id, count, bytes);
	return 0;
}

static int roll_back_all(struct recovery *recovery)
{
	const struct undo *undos = recovery->undos;
	u32 first, end;
	int err;

	sort(recovery->undos, recovery->count, sizeof(*recovery->undos), compare_ages, NULL);
	for (first = 0; first < recovery->count; first = end) {
		for (end = first; end < recovery->count && undos[end].journal == undos[first].journal;)
			end++;
		err = roll_back(recovery, &DAXFS_SB(recovery->sb)->journals[undos[first].journal], &undos[first],
				end - first);
		if (err)
			return err;
	}
	return 0;
}

static int may_roll_back(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	if (sbi->read_only_device) {
		pr_err("daxfs (%pg): was not unmounted and must be recovered, but the device is read-only: make it writable (blockdev --setrw)\n",
		       sb->s_bdev);
		return -EROFS;
	}
	if (sbi->norecovery) {
		pr_err("daxfs (%pg): was not unmounted and must be recovered: mount without norecovery, or run fsck.daxfs -p\n",
		       sb->s_bdev);
		return -EUCLEAN;
	}
	return 0;
}

/* Nothing was written. What can be read is shown as it lies there, perhaps in the middle of a transaction. */
static int go_without(struct super_block *sb, int err)
{
	if (!sb_rdonly(sb)) {
		pr_err("daxfs (%pg): the journals cannot be used: run fsck.daxfs; a mount with ro, without recovery, shows what can be read\n",
		       sb->s_bdev);
		return err;
	}
	pr_warn("daxfs (%pg): the journals cannot be used: mounted without recovery, read-only for good: copy what is needed and run fsck.daxfs\n",
		sb->s_bdev);
	DAXFS_SB(sb)->unrecovered = true;
	return 0;
}

/* All slots are read before the first byte is written: damage in one of them leaves everything to fsck. */
int daxfs_journals_open(struct super_block *sb)
{
	struct recovery *recovery = kvzalloc(sizeof(*recovery), GFP_KERNEL);
	int err;

	if (!recovery)
		return -ENOMEM;
	recovery->sb = sb;
	err = read_journals(recovery);
	if (err == -EUCLEAN || err == -EIO)
		err = go_without(sb, err);
	else if (!err && recovery->count)
		err = may_roll_back(sb) ?: roll_back_all(recovery);
	kvfree(recovery->undos);
	kvfree(recovery);
	return err;
}

/* ---- orphans ---- */

static bool is_orphan(const struct daxfs_inode *raw)
{
	return raw->mode && (!raw->nlink || raw->operation != DAXFS_OPERATION_NONE);
}

/* Calls for each orphan of a group. Damaged inodes are reported and left to fsck. */
static void each_in_group(struct super_block *sb, u32 agno, u32 group, void (*call)(struct super_block *sb, u64 ino))
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 first = daxfs_ag_start(sbi, agno) + group * DAXFS_ORPHAN_BLOCKS;
	u64 end = min(first + DAXFS_ORPHAN_BLOCKS, daxfs_ag_start(sbi, agno) + sbi->ags[agno].blocks);
	u64 ino;

	for (ino = first * DAXFS_INODES_PER_BLOCK; ino < end * DAXFS_INODES_PER_BLOCK; ino++) {
		const struct daxfs_inode *raw = daxfs_raw_inode(sbi, ino);

		if (daxfs_inode_in_map(sb, ino) <= 0 || daxfs_first_touch(sb, ino, ino / DAXFS_INODES_PER_BLOCK) ||
		    !is_orphan(raw))
			continue;
		if (daxfs_raw_inode_ok(sbi, raw, ino))
			call(sb, ino);
		else
			daxfs_corrupt(sb, ino, ino / DAXFS_INODES_PER_BLOCK, "orphan inode: damaged");
	}
}

static void count_orphan(struct super_block *sb, u64 ino)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 block = ino / DAXFS_INODES_PER_BLOCK;
	u32 agno = daxfs_ag_of(sbi, block);

	sbi->ags[agno].orphans[(block - daxfs_ag_start(sbi, agno)) / DAXFS_ORPHAN_BLOCKS]++;
}

/* What the inode announces goes on; what it says was looked at when it was read. */
static int resume_operation(struct inode *inode)
{
	switch (DAXFS_I(inode)->raw->operation) {
	case DAXFS_OPERATION_TRUNCATE:
		return daxfs_resume_truncate(inode);
	case DAXFS_OPERATION_COLLAPSE:
		return daxfs_resume_collapse(inode);
	}
	return 0;
}

static void finish_orphan(struct super_block *sb, u64 ino)
{
	struct inode *inode;
	int err = 0;

	/* Else it would stay as it is until the next mount. */
	while ((inode = daxfs_iget_orphan(sb, ino)) == ERR_PTR(-ENOMEM))
		memalloc_retry_wait(GFP_KERNEL);
	if (IS_ERR(inode))
		return;
	if (inode->i_nlink && DAXFS_I(inode)->raw->operation != DAXFS_OPERATION_NONE)
		err = resume_operation(inode);
	if (err)
		pr_warn("daxfs (%pg): inode %llu: an operation that was cut off cannot be finished: error %d\n",
			sb->s_bdev, ino, err);
	/* Without a name it is freed here, in evict. */
	iput(inode);
}

static int recover_ag(struct super_block *sb, u32 agno)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_ag *ag = &sbi->ags[agno];
	u32 groups = DIV_ROUND_UP(ag->blocks, DAXFS_ORPHAN_BLOCKS), i, index;
	int err = daxfs_ag_load(sb, agno);

	/* A damaged header costs its AG. Where memory is short, its orphans would not be counted, and their map look wrong. */
	if (err)
		return err == -ENOMEM ? err : 0;
	if (!daxfs_ag_raw(sbi, agno)->orphan_groups)
		return 0;
	ag->orphans = kvzalloc(sbi->orphan_map_blocks * DAXFS_BITS_PER_MAP_BLOCK, GFP_KERNEL);
	if (!ag->orphans)
		return -ENOMEM;
	for (i = 0; i < sbi->orphan_map_blocks; i++)
		if (daxfs_ag_verify_map(sb, daxfs_ag_start(sbi, agno) + DAXFS_AG_BITMAP_BLOCK +
						    2 * sbi->bitmap_blocks + i))
			return 0;
	/* Counted before the first is freed, so that a group's bit falls with its last orphan. */
	for (i = 0; i < groups; i++) {
		index = 2 * sbi->bitmap_blocks + i / DAXFS_BITS_PER_MAP_BLOCK;
		if (test_bit_le(i % DAXFS_BITS_PER_MAP_BLOCK, daxfs_ag_map(sbi, agno, index)))
			each_in_group(sb, agno, i, count_orphan);
	}
	for (i = 0; i < groups; i++)
		if (ag->orphans[i])
			each_in_group(sb, agno, i, finish_orphan);
	return 0;
}

int daxfs_recover_orphans(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 agno;
	int err;

	if (sbi->orphans_recovered)
		return 0;
	WRITE_ONCE(sbi->recovering, true);
	err = daxfs_ags_store_count(sb);
	for (agno = 0; agno < sbi->initialised_ags && !err; agno++)
		err = recover_ag(sb, agno);
	WRITE_ONCE(sbi->recovering, false);
	if (!err)
		sbi->orphans_recovered = true;
	return err;
}
