// SPDX-License-Identifier: GPL-2.0
/*
 * Damage and media errors: said once a second at most, noted in the superblock, answered as errors= asks. And shutdown.
 *
 * "Read-only from here on" is a state of ours: SB_RDONLY is the VFS's, which freeze, thaw and remount rely on.
 *
 * The note is left by a worker, since locks may be held where damage is met. s_umount keeps the filesystem from being
 * frozen, made read-only or unmounted meanwhile. It is only tried: an unmount waits for the worker with s_umount held,
 * and so does whoever makes the filesystem read-only; both then leave the note themselves.
 */
#include "daxfs.h"

static void policy(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	switch (READ_ONCE(sbi->errors_mode)) {
	case DAXFS_ERRORS_SHUTDOWN:
		daxfs_shutdown(sb, "damage was found (errors=shutdown)");
		break;
	case DAXFS_ERRORS_RO:
		if (!xchg(&sbi->emergency_ro, true) && !sb_rdonly(sb))
			pr_err("daxfs (%s): read-only from here on (errors=remount-ro)\n", sb->s_id);
		break;
	case DAXFS_ERRORS_CONTINUE:
		break;
	}
}

/* While mounting there is nothing to protect yet: the mount fails or goes on without that AG. */
static void note_and_react(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	if (!sb->s_root)
		return;
	WRITE_ONCE(sbi->damaged, true);
	schedule_delayed_work(&sbi->error_work, 0);
	policy(sb);
}

int daxfs_corrupt(struct super_block *sb, u64 ino, u64 block, const char *format, ...)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct va_format vaf;
	va_list args;

	if (__ratelimit(&sbi->corrupt_limit)) {
		va_start(args, format);
		vaf.fmt = format;
		vaf.va = &args;
		if (ino)
			pr_err("daxfs (%s): damage: %pV (inode %llu, block %llu): unmount and run fsck.daxfs\n", sb->s_id,
			       &vaf, ino, block);
		else
			pr_err("daxfs (%s): damage: %pV (block %llu): unmount and run fsck.daxfs\n", sb->s_id, &vaf,
			       block);
		va_end(args);
	}
	note_and_react(sb);
	return -EUCLEAN;
}

int daxfs_media_error(struct super_block *sb, u64 ino, u64 block)
{
	if (__ratelimit(&DAXFS_SB(sb)->corrupt_limit))
		pr_err("daxfs (%s): media error: metadata of inode %llu, block %llu, cannot be read: unmount and run fsck.daxfs\n",
		       sb->s_id, ino, block);
	note_and_react(sb);
	return -EIO;
}

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

/* Transactions that are past daxfs_tx_ready() still complete; no other one starts. */
void daxfs_shutdown(struct super_block *sb, const char *why)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	if (!xchg(&sbi->shutdown, true))
		pr_alert("daxfs (%s): shut down: %s; unmount to use it again\n", sb->s_id, why);
}

void daxfs_errors_init(struct daxfs_sb_info *sbi)
{
	ratelimit_state_init(&sbi->corrupt_limit, HZ, 1);
	INIT_DELAYED_WORK(&sbi->error_work, note_errors);
}
