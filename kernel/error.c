// SPDX-License-Identifier: GPL-2.0
/*
 * Damage and media errors: said once a second at most, answered as errors= asks. And shutdown.
 *
 * "Read-only from here on" is a state of ours: SB_RDONLY is the VFS's, which freeze, thaw and remount rely on. The note in
 * the superblock is left by a worker (superblock.c), since locks may be held where damage is met.
 */
#include "daxfs.h"
#include "error.h"

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

/*
 * While mounting there is nothing to protect yet: the mount fails or goes on without that AG. While unmounting there is:
 * inodes are evicted and blocks given back when s_root is gone already.
 */
static void note_and_react(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	if (!READ_ONCE(sbi->mounted))
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

/* Transactions that are past daxfs_tx_ready() still complete; no other one starts. */
void daxfs_shutdown(struct super_block *sb, const char *why)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	if (!xchg(&sbi->shutdown, true))
		pr_alert("daxfs (%s): shut down: %s; unmount to use it again\n", sb->s_id, why);
}
