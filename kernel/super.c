// SPDX-License-Identifier: GPL-2.0
/*
 * Mount and unmount. The order of a mount is the order of trust: the device, a superblock whose fields are in range, the
 * journals (rolled back), the superblock's checksum, AG headers, the root, orphans.
 *
 * The superblock's checksum comes after the journals because a crash may have torn it: it is changed inside transactions
 * like everything else. Until then only its geometry is used, and journals whose headers check out are what vouches for
 * that.
 */
#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/compat.h>
#include <linux/exportfs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/statfs.h>

#include "ag.h"
#include "alloc.h"
#include "buffered.h"
#include "checksum.h"
#include "daxfs.h"
#include "device.h"
#include "error.h"
#include "export.h"
#include "failure.h"
#include "held.h"
#include "icache.h"
#include "inode.h"
#include "inode_blocks.h"
#include "journal.h"
#include "media.h"
#include "points.h"
#include "reclaim.h"
#include "recovery.h"
#include "removal.h"
#include "sites.h"
#include "stats.h"
#include "superblock.h"

struct mount_options {
	char log_prefix[64];	/* "daxfs (DEVICE)"; the device by the name that the mount gives, until it is found */
	enum daxfs_dax_mode dax;
	enum daxfs_errors_mode errors;
	bool norecovery;
};

/* About options: in the kernel's log for mount(2), for the caller of fsopen(2) with him. */
#define option_error(fc, format, ...)	invalf(fc, "%s: " format, (fc)->log.prefix, ##__VA_ARGS__)
#define option_warning(fc, format, ...)	warnf(fc, "%s: " format, (fc)->log.prefix, ##__VA_ARGS__)

static void drop_bdev_cache(struct block_device *bdev)
{
	/* Tools reach the same bytes through the block device's page cache. */
	sync_blockdev(bdev);
	invalidate_bdev(bdev);
}

static int open_journals(struct super_block *sb)
{
	int err = daxfs_journals_alloc(sb);

	if (!err)
		err = daxfs_journals_open(sb);
	/* What was rolled back may have been the superblock. */
	return err ?: daxfs_reread_super(sb);
}

static int open_root(struct super_block *sb)
{
	u64 ino = le64_to_cpu(DAXFS_SB(sb)->believed.root_ino);
	struct inode *root = daxfs_iget(sb, ino);

	if (root == ERR_PTR(-ESTALE))
		return daxfs_corrupt(sb, ino, ino / DAXFS_INODES_PER_BLOCK, "the root directory is not in use");
	if (IS_ERR(root))
		return PTR_ERR(root);
	if (!S_ISDIR(root->i_mode)) {
		iput(root);
		return daxfs_corrupt(sb, ino, ino / DAXFS_INODES_PER_BLOCK, "the root is no directory");
	}
	sb->s_root = d_make_root(root);
	if (!sb->s_root)
		return -ENOMEM;
	WRITE_ONCE(DAXFS_SB(sb)->mounted, true);
	return 0;
}

static const struct super_operations daxfs_super_operations;

static void set_vfs_limits(struct super_block *sb)
{
	sb->s_magic = DAXFS_STATFS_MAGIC;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_max_links = DAXFS_LINK_MAX;
	sb->s_time_gran = 1;
	sb->s_time_min = S64_MIN;
	sb->s_time_max = S64_MAX;
	sb->s_flags |= SB_I_VERSION | SB_NOSEC;
	sb->s_op = &daxfs_super_operations;
	sb->s_export_op = &daxfs_export_operations;
}

/* A read-only mount recovers too where it may write: else a file could be seen in the middle of an operation. */
static int recover_orphans(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	if (sbi->read_only_device || sbi->norecovery || sbi->unrecovered ||
	    le32_to_cpu(sbi->believed.ro_compat) & ~DAXFS_RO_COMPAT_KNOWN)
		return 0;
	return daxfs_recover_orphans(sb);
}

/* Inside the gate. */
static int read_filesystem(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	int err;

	if (!daxfs_block_readable(sbi, 0) || !daxfs_block_readable(sbi, DAXFS_INTENT_BLOCK_A) ||
	    !daxfs_block_readable(sbi, DAXFS_INTENT_BLOCK_B)) {
		pr_err("daxfs (%pg): media error: the superblock or what lies beside it cannot be read: run fsck.daxfs\n",
		       sb->s_bdev);
		return -EIO;
	}
	sbi->super = daxfs_block(sbi, 0);
	err = daxfs_read_super(sb);
	if (!err)
		err = daxfs_check_intents(sb);
	if (!err)
		err = open_journals(sb);
	if (!err)
		err = daxfs_ags_open(sb);
	if (!err)
		err = daxfs_held_init(sb);
	if (err)
		return err;
	daxfs_check_alignment(sb);
	drop_bdev_cache(sb->s_bdev);
	daxfs_set_identity(sb, sbi->believed.uuid);
	/* While there is no root, damage is logged and does nothing else. */
	if (!sb_rdonly(sb))
		daxfs_prepare_inodes(sb, daxfs_ag_of(sbi, le64_to_cpu(sbi->believed.root_ino) / DAXFS_INODES_PER_BLOCK));
	err = daxfs_stats_add(sb);
	if (!err)
		err = open_root(sb);
	if (!err)
		err = recover_orphans(sb);
	return err;
}

static int open_filesystem(struct super_block *sb)
{
	int gate, err = daxfs_device_check(sb);

	if (!err)
		err = daxfs_dax_get(sb);
	if (!err)
		err = daxfs_device_map(sb);
	if (err)
		return err;
	drop_bdev_cache(sb->s_bdev);
	gate = daxfs_enter(DAXFS_SB(sb));
	if (gate < 0)
		return gate;
	err = read_filesystem(sb);
	daxfs_leave(gate);
	return err;
}

static int daxfs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	const struct mount_options *options = fc->fs_private;
	struct daxfs_sb_info *sbi;
	int err;

	if (options->norecovery && !sb_rdonly(sb))
		return option_error(fc, "norecovery needs ro");
	sbi = kvzalloc(sizeof(*sbi), GFP_KERNEL);
	if (!sbi)
		return -ENOMEM;
	sb->s_fs_info = sbi;
	sbi->sb = sb;
	daxfs_note_opened(&sbi->opened, sb);
	sbi->errors_mode = options->errors;
	sbi->norecovery = options->norecovery;
	sbi->dax_mode = options->dax;
	mutex_init(&sbi->super_lock);
	daxfs_errors_init(sbi);
	daxfs_failure_init(sbi);
	daxfs_held_prepare(sbi);
	daxfs_inode_work_init(sbi);
	daxfs_reclaim_init(sbi);
	init_waitqueue_head(&sbi->fault_wait);
	sbi->counters = alloc_percpu(struct daxfs_counters);
	if (!sbi->counters)
		return -ENOMEM;
	sbi->convert_wq = alloc_workqueue("daxfs-convert/%s", WQ_MEM_RECLAIM | WQ_FREEZABLE, 0, sb->s_id);
	if (!sbi->convert_wq)
		return -ENOMEM;
	set_vfs_limits(sb);
	err = open_filesystem(sb);
	if (err)
		return err;
	pr_info("daxfs (%pg): mounted, %u of %u allocation groups in use%s\n", sb->s_bdev, sbi->initialised_ags,
		sbi->ag_count, sb_rdonly(sb) ? ", read-only" : "");
	return 0;
}

/* What was kept for files to come: nobody knows of it any more when the filesystem is used next. */
static void give_inodes(struct super_block *sb)
{
	daxfs_inode_work_stop(DAXFS_SB(sb));
	daxfs_give_inodes(sb, false);
}

/* Called where s_root was set: nothing runs any more but what is waited for here. s_umount is held: no user is waited for. */
static void daxfs_put_super(struct super_block *sb)
{
	daxfs_reclaim_all(sb);
	give_inodes(sb);
	WRITE_ONCE(DAXFS_SB(sb)->mounted, false);
	daxfs_errors_note(sb);
}

/* The last part of an unmount. The superblock may be gone. */
static void give_back(struct daxfs_sb_info *sbi)
{
	daxfs_stats_remove(sbi);
	daxfs_failure_stopped(sbi);
	daxfs_put_bdev(&sbi->opened);
	daxfs_held_exit(sbi);
	daxfs_ags_close(sbi);
	daxfs_journals_free(sbi);
	daxfs_dax_put(sbi);
	daxfs_device_unmap(sbi);
	if (sbi->convert_wq)
		destroy_workqueue(sbi->convert_wq);
	free_percpu(sbi->counters);
	kvfree(sbi);
}

/* Nobody refers to a page of the device. */
static void finish_unmount(struct daxfs_sb_info *sbi)
{
	daxfs_flush_all_held(sbi);
	pr_info("daxfs (%pg): unmounted\n", sbi->opened.bdev);
	drop_bdev_cache(sbi->opened.bdev);
	give_back(sbi);
}

/* ---- unmounting in the background ---- */

static struct workqueue_struct *unmount_wq;

static void unmount_later(struct work_struct *work)
{
	struct daxfs_sb_info *sbi = container_of(work, struct daxfs_sb_info, unmount_work);

	daxfs_wait_unheld(sbi, NULL, TASK_IDLE);
	finish_unmount(sbi);
	/* daxfs_exit() waits for what is left of us. */
	module_put(THIS_MODULE);
}

/*
 * Whoever unmounts waits no longer, but others get the device only behind what he waited for. Nothing of ours uses the
 * superblock from here on: it is the VFS's to free, and its reference on the module goes with it.
 */
static void leave_to_worker(struct daxfs_sb_info *sbi)
{
	u64 first, held = daxfs_count_held(sbi, &first);

	if (!held) {
		finish_unmount(sbi);
		return;
	}
	__module_get(THIS_MODULE);
	sbi->sb = NULL;
	daxfs_outlive_super(&sbi->opened);
	pr_warn("daxfs (%pg): the unmounting goes on in the background: the device stays in use until nobody refers to %llu blocks (the first is block %llu)\n",
		sbi->opened.bdev, held, first);
	INIT_WORK(&sbi->unmount_work, unmount_later);
	queue_work(unmount_wq, &sbi->unmount_work);
}

/*
 * Also of a mount that failed on the way.
 *
 * Behind daxfs_shutdown_super() the superblock is nobody's any more but ours: sync(2) and its kin pass it by while we
 * wait for holders. Whoever mounts the device anew waits, or is told EBUSY (failure.c): he would take held blocks for
 * free ones.
 */
static void daxfs_kill_sb(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	bool mounted;

	if (!sbi) {
		kill_block_super(sb);
		return;
	}
	mounted = sbi->mounted;
	daxfs_failure_stop(sbi);
	daxfs_shutdown_super(sb);
	daxfs_failure_closed(sbi);
	daxfs_inode_work_stop(sbi);
	daxfs_held_stop(sbi);
	sb->s_fs_info = NULL;
	/* A signal that kills ends the waiting of this task: the holder may be a pipe of its own. */
	if (!mounted)
		give_back(sbi);
	else if (!daxfs_wait_unheld(sbi, "unmounting", TASK_KILLABLE))
		finish_unmount(sbi);
	else
		leave_to_worker(sbi);
}

static int daxfs_sync_fs(struct super_block *sb, int wait)
{
	/* Every transaction is durable when it returns, and the VFS has written the inodes. */
	daxfs_flush_all_held(DAXFS_SB(sb));
	return daxfs_is_shutdown(DAXFS_SB(sb)) ? -EIO : 0;
}

/*
 * sync_fs and the write counts keep callers out; the note of errors waits for the thaw by itself. What is left is writeback
 * that began before, for stores that the VFS does not know of (direct I/O into a mapping): its completion converts.
 *
 * Who copies the device while it is frozen, through its page cache, is to get what is there now.
 */
static int daxfs_freeze_fs(struct super_block *sb)
{
	daxfs_wait_ioends(sb);
	drop_bdev_cache(sb->s_bdev);
	return 0;
}

static int daxfs_unfreeze_fs(struct super_block *sb)
{
	return 0;
}

/*
 * As many inodes as there is space for are more than 32 bits hold from 2 TiB on. The statfs(2) of a 32-bit program would
 * fail for that, although it can be told of 16 TiB of blocks. It is told that as many are in use as are.
 */
static void fit_inodes(struct kstatfs *stat)
{
	u64 used = stat->f_files > stat->f_ffree ? stat->f_files - stat->f_ffree : 0;

	if (!in_compat_syscall() || stat->f_blocks > U32_MAX || max(stat->f_files, stat->f_ffree) <= U32_MAX)
		return;
	stat->f_files = U32_MAX;
	stat->f_ffree = U32_MAX - min_t(u64, used, U32_MAX);
}

/* Inodes live in blocks like any others: every free block is worth eight. Blocks that hold none are there for the asking. */
static int daxfs_statfs(struct dentry *dentry, struct kstatfs *stat)
{
	struct super_block *sb = dentry->d_sb;
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 keep = sbi->meta_reserve + sbi->root_reserve;
	struct daxfs_inode_counts inodes;
	u64 free, usable, going, going_inodes;

	stat->f_type = DAXFS_STATFS_MAGIC;
	stat->f_bsize = stat->f_frsize = DAXFS_BLOCK_SIZE;
	stat->f_blocks = sbi->block_count - sbi->align_blocks - (u64)sbi->ag_count * sbi->map_end -
			 (u64)sbi->journal_count * sbi->journal_blocks;
	daxfs_reclaim_count(sb, &free, &going, &going_inodes);
	daxfs_count_inodes(sbi, &inodes);
	usable = free + inodes.empty_blocks + going;
	stat->f_bfree = usable;
	stat->f_bavail = usable > keep ? usable - keep : 0;
	stat->f_files = (inodes.inode_blocks + free) * DAXFS_INODES_PER_BLOCK;
	stat->f_ffree = inodes.free_inodes + going_inodes + free * DAXFS_INODES_PER_BLOCK;
	fit_inodes(stat);
	stat->f_namelen = DAXFS_NAME_MAX;
	stat->f_fsid = uuid_to_fsid(sb->s_uuid.b);
	return 0;
}

static const struct constant_table dax_modes[] = {
	{ "always", DAXFS_DAX_ALWAYS },
	{ "inode", DAXFS_DAX_INODE },
	{ "never", DAXFS_DAX_NEVER },
	{ }
};

static const struct constant_table errors_modes[] = {
	{ "remount-ro", DAXFS_ERRORS_RO },
	{ "shutdown", DAXFS_ERRORS_SHUTDOWN },
	{ "continue", DAXFS_ERRORS_CONTINUE },
	{ }
};

static int daxfs_show_options(struct seq_file *seq, struct dentry *root)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(root->d_sb);

	seq_printf(seq, ",dax=%s", dax_modes[sbi->dax_mode].name);
	seq_printf(seq, ",errors=%s", errors_modes[sbi->errors_mode].name);
	if (sbi->norecovery)
		seq_puts(seq, ",norecovery");
	if (READ_ONCE(sbi->emergency_ro))
		seq_puts(seq, ",emergency_ro");
	return 0;
}

static const struct super_operations daxfs_super_operations = {
	.alloc_inode = daxfs_alloc_inode,
	.free_inode = daxfs_free_inode,
	.write_inode = daxfs_write_inode,
	.evict_inode = daxfs_evict_inode,
	.put_super = daxfs_put_super,
	.sync_fs = daxfs_sync_fs,
	.freeze_fs = daxfs_freeze_fs,
	.unfreeze_fs = daxfs_unfreeze_fs,
	.statfs = daxfs_statfs,
	.show_options = daxfs_show_options,
	DAXFS_SHUTDOWN_OP(daxfs_device_removed)
};

/* ---- options ---- */

static void set_log_prefix(struct fs_context *fc, const char *device)
{
	struct mount_options *options = fc->fs_private;

	snprintf(options->log_prefix, sizeof(options->log_prefix), "daxfs (%s)", device);
	/* The VFS begins with it what it says of an option's value. */
	fc->log.prefix = options->log_prefix;
}

enum { OPT_DAX, OPT_DAX_FLAG, OPT_ERRORS, OPT_NORECOVERY, OPT_EMERGENCY_RO };

static const struct fs_parameter_spec daxfs_parameters[] = {
	fsparam_flag("dax", OPT_DAX_FLAG),
	fsparam_enum("dax", OPT_DAX, dax_modes),
	fsparam_enum("errors", OPT_ERRORS, errors_modes),
	fsparam_flag("norecovery", OPT_NORECOVERY),
	fsparam_flag("emergency_ro", OPT_EMERGENCY_RO),
	{ }
};

static int daxfs_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct mount_options *options = fc->fs_private;
	struct fs_parse_result result;
	int opt = fs_parse(fc, daxfs_parameters, param, &result);

	/* The VFS keeps the source. */
	if (opt == -ENOPARAM && !strcmp(param->key, "source")) {
		if (param->type == fs_value_is_string)
			set_log_prefix(fc, kbasename(param->string));
		return opt;
	}
	switch (opt) {
	case -ENOPARAM:
		return option_error(fc, "unknown mount option '%s'", param->key);
	case OPT_DAX_FLAG:
		options->dax = DAXFS_DAX_ALWAYS;
		return 0;
	case OPT_DAX:
		options->dax = result.uint_32;
		return 0;
	case OPT_ERRORS:
		options->errors = result.uint_32;
		return 0;
	case OPT_NORECOVERY:
		options->norecovery = true;
		return 0;
	case OPT_EMERGENCY_RO:
		/* mount(8) hands back what it reads in /proc/mounts. */
		if (fc->purpose != FS_CONTEXT_FOR_RECONFIGURE)
			return option_error(fc, "emergency_ro is a state that is shown, not an option");
		return 0;
	}
	return opt;
}

static int daxfs_get_tree(struct fs_context *fc)
{
	return get_tree_bdev(fc, daxfs_fill_super);
}

/* Inside the gate; s_umount keeps the filesystem from being frozen. */
static int make_writable(struct super_block *sb, struct fs_context *fc)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	if (sbi->norecovery)
		return option_error(fc, "mounted with norecovery: unmount first");
	if (sbi->unrecovered)
		return option_error(fc, "the journals cannot be used: unmount and run fsck.daxfs");
	if (sbi->read_only_device)
		return option_error(fc, "the device was read-only when it was mounted: unmount first");
	if (le32_to_cpu(sbi->believed.ro_compat) & ~DAXFS_RO_COMPAT_KNOWN)
		return option_error(fc, "unknown features allow only reading");
	if (sbi->believed.state & cpu_to_le32(DAXFS_STATE_ERRORS))
		option_warning(fc, "damage was found earlier: unmount and run fsck.daxfs");
	return daxfs_recover_orphans(sb);
}

static int daxfs_reconfigure(struct fs_context *fc)
{
	struct super_block *sb = fc->root->d_sb;
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	const struct mount_options *options = fc->fs_private;
	bool writable = fc->sb_flags_mask & SB_RDONLY && !(fc->sb_flags & SB_RDONLY);
	int gate, err = 0;

	if (writable && READ_ONCE(sbi->emergency_ro)) {
		pr_err("daxfs (%s): stays read-only, damage was found: unmount and run fsck.daxfs\n", sb->s_id);
		return option_error(fc, "damage was found: unmount and run fsck.daxfs");
	}
	if (options->norecovery != sbi->norecovery)
		return option_error(fc, "norecovery cannot be changed by a remount");
	/* Inodes in memory are what they are. */
	if (options->dax != sbi->dax_mode)
		return option_error(fc, "dax= cannot be changed by a remount: unmount first");
	sync_filesystem(sb);
	sbi->errors_mode = options->errors;
	if (fc->sb_flags_mask & SB_RDONLY && !writable) {
		daxfs_reclaim_all(sb);
		give_inodes(sb);
		daxfs_errors_note(sb);
	}
	if (writable && sb_rdonly(sb)) {
		gate = daxfs_enter(sbi);
		if (gate < 0)
			return gate;
		err = make_writable(sb, fc);
		daxfs_leave(gate);
	}
	return err;
}

static void daxfs_free_fc(struct fs_context *fc)
{
	kfree(fc->fs_private);
}

static const struct fs_context_operations daxfs_context_operations = {
	.parse_param = daxfs_parse_param,
	.get_tree = daxfs_get_tree,
	.reconfigure = daxfs_reconfigure,
	.free = daxfs_free_fc,
};

static int daxfs_init_fs_context(struct fs_context *fc)
{
	struct mount_options *options = kzalloc(sizeof(*options), GFP_KERNEL);

	if (!options)
		return -ENOMEM;
	if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE) {
		options->dax = DAXFS_SB(fc->root->d_sb)->dax_mode;
		options->errors = DAXFS_SB(fc->root->d_sb)->errors_mode;
		options->norecovery = DAXFS_SB(fc->root->d_sb)->norecovery;
	}
	fc->fs_private = options;
	fc->ops = &daxfs_context_operations;
	set_log_prefix(fc, fc->root ? fc->root->d_sb->s_id : "none");
	return 0;
}

static struct file_system_type daxfs_type = {
	.owner = THIS_MODULE,
	.name = "daxfs",
	.init_fs_context = daxfs_init_fs_context,
	.parameters = daxfs_parameters,
	.kill_sb = daxfs_kill_sb,
	.fs_flags = FS_REQUIRES_DEV | FS_ALLOW_IDMAP,
};

static int __init daxfs_init(void)
{
	int err = daxfs_inode_cache_init();

	daxfs_checksum_init();
	if (err)
		return err;
	err = -ENOMEM;
	unmount_wq = alloc_workqueue("daxfs-unmount", WQ_UNBOUND, 0);
	if (!unmount_wq)
		goto cache;
	err = daxfs_stats_init();
	if (err)
		goto workqueue;
	daxfs_points_init();
	daxfs_sites_init();
	err = register_filesystem(&daxfs_type);
	if (err)
		goto points;
	return 0;
points:
	daxfs_sites_exit();
	daxfs_points_exit();
	daxfs_stats_exit();
workqueue:
	destroy_workqueue(unmount_wq);
cache:
	daxfs_inode_cache_exit();
	return err;
}

static void __exit daxfs_exit(void)
{
	unregister_filesystem(&daxfs_type);
	destroy_workqueue(unmount_wq);
	daxfs_sites_exit();
	daxfs_points_exit();
	daxfs_stats_exit();
	daxfs_inode_cache_exit();
}

module_init(daxfs_init);
module_exit(daxfs_exit);
MODULE_DESCRIPTION("Filesystem for persistent memory");
MODULE_LICENSE("GPL");
MODULE_ALIAS_FS("daxfs");
