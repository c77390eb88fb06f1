// SPDX-License-Identifier: GPL-2.0
/*
 * The superblock: read at mount, its fields believed only within their ranges; changed inside transactions. And the repair
 * intents beside it.
 */
#include <linux/blkdev.h>

#include "ag.h"
#include "checksum.h"
#include "daxfs.h"
#include "device.h"
#include "journal.h"
#include "superblock.h"

static int refuse(struct super_block *sb, const char *what)
{
	pr_err("daxfs (%pg): the superblock cannot be used: %s: run fsck.daxfs\n", sb->s_bdev, what);
	return -EUCLEAN;
}

static int check_features(struct super_block *sb, const struct daxfs_super *super)
{
	u32 incompat = le32_to_cpu(super->incompat) & ~DAXFS_INCOMPAT_KNOWN;
	u32 ro_compat = le32_to_cpu(super->ro_compat) & ~DAXFS_RO_COMPAT_KNOWN;

	if (le32_to_cpu(super->version) != DAXFS_VERSION_1) {
		pr_err("daxfs (%pg): format version %u: this module knows version %u\n", sb->s_bdev,
		       le32_to_cpu(super->version), DAXFS_VERSION_1);
		return -EINVAL;
	}
	if (incompat) {
		pr_err("daxfs (%pg): unknown incompatible features 0x%x: needs a newer module\n", sb->s_bdev, incompat);
		return -EINVAL;
	}
	if (ro_compat && !sb_rdonly(sb)) {
		pr_err("daxfs (%pg): unknown features 0x%x allow only reading: mount with -o ro\n", sb->s_bdev,
		       ro_compat);
		return -EROFS;
	}
	return 0;
}

static int read_ag_geometry(struct super_block *sb, const struct daxfs_super *super)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 usable, last;
	u32 ag_blocks;

	sbi->block_count = le64_to_cpu(super->block_count);
	sbi->align_blocks = le32_to_cpu(super->align_blocks);
	sbi->ag_count = le32_to_cpu(super->ag_count);
	sbi->initialised_ags = le32_to_cpu(super->initialised_ags);
	sbi->ag_shift = super->ag_blocks_log2;
	if (super->block_log2 != DAXFS_BLOCK_SHIFT || super->inode_log2 != DAXFS_INODE_SHIFT)
		return refuse(sb, "block or inode size");
	if (sbi->ag_shift < DAXFS_MIN_AG_BLOCKS_LOG2 || sbi->ag_shift > DAXFS_MAX_AG_BLOCKS_LOG2)
		return refuse(sb, "allocation group size");
	if (sbi->block_count > sbi->device_blocks) {
		pr_err("daxfs (%pg): the filesystem has %llu blocks, the device %llu\n", sb->s_bdev, sbi->block_count,
		       sbi->device_blocks);
		return -EINVAL;
	}
	if ((sbi->align_blocks && sbi->align_blocks < DAXFS_MIN_ALIGN_BLOCKS) || sbi->block_count <= sbi->align_blocks)
		return refuse(sb, "alignment");
	ag_blocks = 1u << sbi->ag_shift;
	usable = sbi->block_count - sbi->align_blocks;
	sbi->bitmap_blocks = max(1u, ag_blocks / DAXFS_BITS_PER_MAP_BLOCK);
	sbi->orphan_map_blocks = max(1u, ag_blocks / DAXFS_ORPHAN_BLOCKS / DAXFS_BITS_PER_MAP_BLOCK);
	sbi->map_end = DAXFS_AG_BITMAP_BLOCK + 2 * sbi->bitmap_blocks + sbi->orphan_map_blocks;
	sbi->head_blocks = round_up(sbi->map_end, DAXFS_HUGE_BLOCKS);
	if (!sbi->ag_count || sbi->ag_count > DAXFS_MAX_AGS || DIV_ROUND_UP_ULL(usable, ag_blocks) != sbi->ag_count)
		return refuse(sb, "number of allocation groups");
	if (sbi->ag_count > INT_MAX / sizeof(struct daxfs_ag)) {
		pr_err("daxfs (%pg): %u allocation groups: the module mounts fewer\n", sb->s_bdev, sbi->ag_count);
		return -EINVAL;
	}
	last = usable - ((u64)(sbi->ag_count - 1) << sbi->ag_shift);
	if (last < sbi->head_blocks + DAXFS_MIN_AG_SPARE_BLOCKS)
		return refuse(sb, "last allocation group");
	if (!sbi->initialised_ags || sbi->initialised_ags > sbi->ag_count)
		return refuse(sb, "number of initialised allocation groups");
	return 0;
}

static int read_journal_geometry(struct super_block *sb, const struct daxfs_super *super)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 ag_blocks = min(1ull << sbi->ag_shift, sbi->block_count - sbi->align_blocks);

	sbi->journal_count = le32_to_cpu(super->journal_count);
	sbi->journal_blocks = le32_to_cpu(super->journal_blocks);
	if (sbi->journal_count < DAXFS_MIN_JOURNALS || sbi->journal_count > DAXFS_MAX_JOURNALS ||
	    sbi->journal_blocks < DAXFS_MIN_JOURNAL_BLOCKS || sbi->journal_blocks > DAXFS_MAX_JOURNAL_BLOCKS)
		return refuse(sb, "number or size of journals");
	if (le64_to_cpu(super->journal_block) != sbi->align_blocks + sbi->map_end ||
	    daxfs_fixed_blocks(sbi, 0) > ag_blocks)
		return refuse(sb, "place of the journals");
	return 0;
}

int daxfs_read_super(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	const struct daxfs_super *super = &sbi->believed;
	int err;

	sbi->believed = *sbi->super;

	if (le64_to_cpu(super->magic) != DAXFS_SUPER_MAGIC) {
		pr_err("daxfs (%pg): no daxfs filesystem here\n", sb->s_bdev);
		return -EINVAL;
	}
	sbi->seed = daxfs_crc(~0u, &super->nonce, sizeof(super->nonce));
	sbi->hash_key[0] = le64_to_cpu(super->hash_key[0]);
	sbi->hash_key[1] = le64_to_cpu(super->hash_key[1]);
	err = check_features(sb, super);
	if (!err)
		err = read_ag_geometry(sb, super);
	if (!err)
		err = read_journal_geometry(sb, super);
	return err;
}

/* A repair that was cut off is finished by fsck, which knows how. */
int daxfs_check_intents(struct super_block *sb)
{
	u32 block;

	for (block = DAXFS_INTENT_BLOCK_A; block <= DAXFS_INTENT_BLOCK_B; block++) {
		const struct daxfs_intent *intent = daxfs_block(DAXFS_SB(sb), block);

		if (le32_to_cpu(intent->magic) != DAXFS_INTENT_MAGIC ||
		    le32_to_cpu(intent->crc) != daxfs_intent_crc(intent))
			continue;
		pr_err("daxfs (%pg): a repair was interrupted: run fsck.daxfs -p\n", sb->s_bdev);
		return -EUCLEAN;
	}
	return 0;
}

/* All that a transaction never changes is the same. */
static bool same_filesystem(const struct daxfs_super *a, const struct daxfs_super *b)
{
	struct daxfs_super other = *a;

	other.crc = b->crc;
	other.state = b->state;
	other.initialised_ags = b->initialised_ags;
	memcpy(other.label, b->label, sizeof(other.label));
	return !memcmp(&other, b, sizeof(other));
}

bool daxfs_super_undo_ok(struct daxfs_sb_info *sbi, const struct daxfs_super *old)
{
	u32 then = le32_to_cpu(old->initialised_ags), now = sbi->initialised_ags;

	/* One transaction takes one group into use. */
	return daxfs_super_ok(old) && same_filesystem(old, &sbi->believed) && then && (then == now || then + 1 == now);
}

int daxfs_reread_super(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_super now = *sbi->super;

	if (!daxfs_super_ok(&now))
		return refuse(sb, "checksum");
	/* Arrays were made for what it said before. */
	if (!same_filesystem(&now, &sbi->believed))
		return refuse(sb, "it changed while it was read");
	sbi->believed = now;
	sbi->initialised_ags = le32_to_cpu(now.initialised_ags);
	if (!sbi->initialised_ags || sbi->initialised_ags > sbi->ag_count)
		return refuse(sb, "number of initialised allocation groups");
	return 0;
}

int daxfs_commit_super(struct super_block *sb, struct daxfs_tx *tx, const struct daxfs_super *next)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	int err;

	lockdep_assert_held(&sbi->super_lock);
	daxfs_tx_add(tx, 0, 0, sizeof(*next));
	err = daxfs_tx_ready(tx);
	if (err) {
		daxfs_tx_cancel(tx);
		return err;
	}
	sbi->believed = *next;
	daxfs_seal_super(sbi, &sbi->believed);
	*sbi->super = sbi->believed;
	return daxfs_tx_commit(tx);
}

int daxfs_set_label(struct super_block *sb, const char *label)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_super next;
	struct daxfs_tx *tx;
	int err, gate = daxfs_enter(sbi);

	if (gate < 0)
		return gate;
	tx = daxfs_tx_begin(sb);
	err = PTR_ERR_OR_ZERO(tx);
	if (!err) {
		mutex_lock(&sbi->super_lock);
		next = sbi->believed;
		strtomem_pad(next.label, label, 0);
		err = daxfs_commit_super(sb, tx, &next);
		mutex_unlock(&sbi->super_lock);
	}
	daxfs_leave(gate);
	/* Tools that look at the device have its old blocks in the block device's page cache. */
	invalidate_bdev(sb->s_bdev);
	return err;
}

/*
 * ---- the note that damage was met ----
 *
 * A worker leaves it (error.c). s_umount keeps the filesystem from being frozen, made read-only or unmounted meanwhile. It
 * is only tried: an unmount waits for the worker with s_umount held, and so does whoever makes the filesystem read-only;
 * both then leave the note themselves.
 */

static void store_error_state(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_super next;
	struct daxfs_tx *tx;

	if (sbi->believed.state & cpu_to_le32(DAXFS_STATE_ERRORS))
		return;
	tx = daxfs_tx_begin_internal(sb);
	if (IS_ERR(tx))
		return;
	mutex_lock(&sbi->super_lock);
	next = sbi->believed;
	next.state |= cpu_to_le32(DAXFS_STATE_ERRORS);
	daxfs_commit_super(sb, tx, &next);
	mutex_unlock(&sbi->super_lock);
}

/* s_umount is held, and the filesystem is not frozen. A read-only mount stores nothing. */
static void leave_note(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	int gate;

	if (!READ_ONCE(sbi->damaged) || sb_rdonly(sb))
		return;
	gate = daxfs_enter(sbi);
	if (gate < 0)
		return;
	store_error_state(sb);
	daxfs_leave(gate);
}

static void note_errors(struct work_struct *work)
{
	struct daxfs_sb_info *sbi = container_of(to_delayed_work(work), struct daxfs_sb_info, error_work);
	struct super_block *sb = sbi->sb;
	bool done = false;

	if (down_read_trylock(&sb->s_umount)) {
		done = sb->s_writers.frozen == SB_UNFROZEN;
		if (done)
			leave_note(sb);
		up_read(&sb->s_umount);
	}
	if (!done)
		schedule_delayed_work(&sbi->error_work, HZ);
}

void daxfs_errors_note(struct super_block *sb)
{
	cancel_delayed_work_sync(&DAXFS_SB(sb)->error_work);
	leave_note(sb);
}

void daxfs_errors_init(struct daxfs_sb_info *sbi)
{
	ratelimit_state_init(&sbi->corrupt_limit, HZ, 1);
	INIT_DELAYED_WORK(&sbi->error_work, note_errors);
}
