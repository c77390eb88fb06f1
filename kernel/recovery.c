// SPDX-License-Identifier: GPL-2.0
/*
 * What a mount does before it believes anything: transactions that did not commit are rolled back; later, when inodes
 * can be read, orphans are freed and operations that were cut off are finished.
 *
 * A crash in the middle of this is harmless: rolling back twice gives the same bytes, and a slot's entries stay valid
 * until its commit word moves, which is after they were applied, flushed and fenced.
 */
#include <linux/slab.h>

#include "daxfs.h"
#include "trace.h"

#define SEQUENCE_MASK	((1ull << DAXFS_SEQUENCE_BITS) - 1)

/* What is to be undone in one slot. */
struct undo {
	u32 *positions;
	u32 count;
	u32 bytes;
};

/* Undo may write anywhere in the filesystem but into the journals and the repair intents. */
bool daxfs_journal_target_ok(struct daxfs_sb_info *sbi, u64 offset, u32 length)
{
	u64 block = offset >> DAXFS_BLOCK_SHIFT;
	u64 journals = le64_to_cpu(sbi->super->journal_block);

	if (!length || length > DAXFS_JOURNAL_MAX_DATA || block >= sbi->block_count ||
	    length > DAXFS_BLOCK_SIZE - (offset & (DAXFS_BLOCK_SIZE - 1)))
		return false;
	if (block == DAXFS_INTENT_BLOCK_A || block == DAXFS_INTENT_BLOCK_B)
		return false;
	return block < journals || block >= journals + (u64)sbi->journal_count * sbi->journal_blocks;
}

static int open_journal(struct super_block *sb, u32 id)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_journal *journal = &sbi->journals[id];
	const struct daxfs_journal_header *header;
	u64 word;
	u32 i;

	journal->id = id;
	journal->block = le64_to_cpu(sbi->super->journal_block) + (u64)id * sbi->journal_blocks;
	journal->slot = daxfs_block(sbi, journal->block);
	if (daxfs_block(sbi, journal->block + sbi->journal_blocks - 1) !=
	    journal->slot + ((size_t)(sbi->journal_blocks - 1) << DAXFS_BLOCK_SHIFT)) {
		pr_err("daxfs (%pg): journal %u is not in one piece of memory\n", sb->s_bdev, id);
		return -EOPNOTSUPP;
	}
	/* All of it: what is bad behind the entries would be read when the slot is used. */
	for (i = 0; i < sbi->journal_blocks; i++)
		if (!daxfs_block_readable(sbi, journal->block + i))
			return daxfs_media_error(sb, 0, journal->block + i);
	header = journal->slot;
	if (le32_to_cpu(header->magic) != DAXFS_JOURNAL_MAGIC || le32_to_cpu(header->id) != id ||
	    le32_to_cpu(header->blocks) != sbi->journal_blocks || le64_to_cpu(header->block) != journal->block ||
	    le32_to_cpu(header->crc) != daxfs_journal_header_crc(sbi, header))
		return daxfs_corrupt(sb, 0, journal->block, "header of journal %u", id);
	word = le64_to_cpu(*(__le64 *)(journal->slot + DAXFS_JOURNAL_COMMIT_OFFSET));
	journal->sequence = word & SEQUENCE_MASK;
	if (daxfs_commit_word(sbi, id, journal->sequence) != cpu_to_le64(word))
		return daxfs_corrupt(sb, 0, journal->block, "commit word of journal %u", id);
	return 0;
}

/* The entry at `position`, if it is the next one of the open transaction. */
static const struct daxfs_journal_entry *entry_at(struct daxfs_sb_info *sbi, const struct daxfs_journal *journal,
						  u32 position, u32 ordinal)
{
	const struct daxfs_journal_entry *entry = journal->slot + position;
	u32 size = sbi->journal_blocks << DAXFS_BLOCK_SHIFT;
	u32 length;

	if (size - position < sizeof(*entry))
		return NULL;
	length = le32_to_cpu(entry->length);
	if (le32_to_cpu(entry->kind) > DAXFS_JOURNAL_FILL || !length || length > DAXFS_JOURNAL_MAX_DATA ||
	    (le32_to_cpu(entry->kind) == DAXFS_JOURNAL_FILL && length % sizeof(u64)) ||
	    daxfs_journal_data_bytes(entry) > size - position - sizeof(*entry) ||
	    le32_to_cpu(entry->ordinal) != ordinal ||
	    le64_to_cpu(entry->sequence) != ((journal->sequence + 1) & SEQUENCE_MASK) ||
	    le32_to_cpu(entry->crc) != daxfs_journal_crc(sbi, journal->id, position, entry))
		return NULL;
	return entry;
}

static int scan(struct super_block *sb, const struct daxfs_journal *journal, struct undo *undo)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 most = (sbi->journal_blocks << DAXFS_BLOCK_SHIFT) / (sizeof(struct daxfs_journal_entry) + 8);
	const struct daxfs_journal_entry *entry;
	u32 position = DAXFS_JOURNAL_BODY_OFFSET;

	*undo = (struct undo){ };
	if (!entry_at(sbi, journal, position, 0))
		return 0;
	undo->positions = kvmalloc_array(most, sizeof(*undo->positions), GFP_KERNEL);
	if (!undo->positions)
		return -ENOMEM;
	while ((entry = entry_at(sbi, journal, position, undo->count))) {
		u64 offset = le64_to_cpu(entry->offset);
		u32 length = le32_to_cpu(entry->length);

		if (!daxfs_journal_target_ok(sbi, offset, length))
			return daxfs_corrupt(sb, 0, journal->block, "entry %u of journal %u undoes byte %llu",
					     undo->count, journal->id, offset);
		undo->positions[undo->count++] = position;
		undo->bytes += length;
		position += sizeof(*entry) + ALIGN(daxfs_journal_data_bytes(entry), 8);
		if (position > sbi->journal_blocks << DAXFS_BLOCK_SHIFT)
			break;
	}
	return 0;
}

static void roll_back(struct super_block *sb, struct daxfs_journal *journal, const struct undo *undo)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	__le64 *word = journal->slot + DAXFS_JOURNAL_COMMIT_OFFSET;
	u32 i = undo->count;

	while (i--) {
		const struct daxfs_journal_entry *entry = journal->slot + undo->positions[i];
		u64 offset = le64_to_cpu(entry->offset);
		void *target = daxfs_block(sbi, offset >> DAXFS_BLOCK_SHIFT) + (offset & (DAXFS_BLOCK_SIZE - 1));

		daxfs_journal_restore(entry, target);
		daxfs_flush(sbi, target, le32_to_cpu(entry->length));
	}
	/* FENCE: the old state is durable before its entries lose their validity ... */
	daxfs_fence(sbi);
	daxfs_point(rolled_back);
	journal->sequence = (journal->sequence + 1) & SEQUENCE_MASK;
	WRITE_ONCE(*word, daxfs_commit_word(sbi, journal->id, journal->sequence));
	daxfs_flush(sbi, word, sizeof(*word));
	/* ... FENCE: and they have lost it before the slot is used again. */
	daxfs_fence(sbi);
	trace_daxfs_recovery(sb, journal->id, journal->sequence, undo->count, undo->bytes);
	pr_info("daxfs (%pg): journal %u: rolled back a transaction of %u entries, %u bytes\n", sb->s_bdev, journal->id,
		undo->count, undo->bytes);
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

/* All slots are read before the first byte is written: damage in one of them leaves everything to fsck. */
int daxfs_journals_open(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct undo *undos = kcalloc(sbi->journal_count, sizeof(*undos), GFP_KERNEL);
	bool needed = false;
	int err = 0;
	u32 i;

	if (!undos)
		return -ENOMEM;
	for (i = 0; i < sbi->journal_count && !err; i++) {
		err = open_journal(sb, i);
		if (!err)
			err = scan(sb, &sbi->journals[i], &undos[i]);
		needed |= undos[i].count > 0;
	}
	if (!err && needed)
		err = may_roll_back(sb);
	for (i = 0; i < sbi->journal_count; i++) {
		if (!err && undos[i].count)
			roll_back(sb, &sbi->journals[i], &undos[i]);
		kvfree(undos[i].positions);
	}
	kfree(undos);
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

		if (!daxfs_inode_in_map(sb, ino) || daxfs_first_touch(sb, ino, ino / DAXFS_INODES_PER_BLOCK) ||
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

static void finish_orphan(struct super_block *sb, u64 ino)
{
	struct inode *inode = daxfs_iget_orphan(sb, ino);
	int err = 0;

	if (IS_ERR(inode))
		return;
	if (inode->i_nlink && DAXFS_I(inode)->raw->operation != DAXFS_OPERATION_NONE)
		err = daxfs_resume_operation(inode);
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

	if (daxfs_ag_load(sb, agno) || !daxfs_ag_raw(sbi, agno)->orphan_groups)
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
	int err = 0;

	if (sbi->orphans_recovered)
		return 0;
	WRITE_ONCE(sbi->recovering, true);
	for (agno = 0; agno < sbi->initialised_ags && !err; agno++)
		err = recover_ag(sb, agno);
	WRITE_ONCE(sbi->recovering, false);
	if (!err)
		sbi->orphans_recovered = true;
	return err;
}
