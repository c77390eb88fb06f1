// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on names. Each is one transaction over up to two directories and two inodes, whose locks are held from
 * before its first look to its commit: it happens as a whole or not at all, and is durable when it returns.
 *
 * Everything that can fail, and every allocation, comes before daxfs_tx_ready(); the VFS's inodes change only after
 * it. An inode that loses its last name becomes an orphan in the same transaction; its last iput() frees it, and
 * recovery does if that does not come to pass.
 */
#include <linux/iversion.h>
#include <linux/namei.h>

#include "alloc.h"
#include "buffered.h"
#include "data.h"
#include "daxfs.h"
#include "device.h"
#include "dir.h"
#include "error.h"
#include "ialloc.h"
#include "icache.h"
#include "inode.h"
#include "ioctl.h"
#include "iops.h"
#include "journal.h"
#include "namei.h"
#include "symlink.h"

/* The transaction of one operation, and its change of one or two directories. */
struct name_change {
	struct daxfs_tx *tx;
	struct inode *from_dir, *to_dir;	/* may be the same */
	struct daxfs_dir_change *from, *to;	/* then so are these */
};

static int name_change_begin(struct name_change *change, struct inode *from_dir, struct inode *to_dir)
{
	*change = (struct name_change){ .from_dir = from_dir, .to_dir = to_dir };
	change->tx = daxfs_tx_begin(from_dir->i_sb);
	if (IS_ERR(change->tx))
		return PTR_ERR(change->tx);
	change->from = daxfs_dir_begin(change->tx, from_dir);
	change->to = from_dir == to_dir ? change->from : daxfs_dir_begin(change->tx, to_dir);
	if (IS_ERR(change->from))
		return PTR_ERR(change->from);
	return PTR_ERR_OR_ZERO(change->to);
}

static int prepare_dirs(struct name_change *change)
{
	int err = daxfs_dir_prepare(change->from);

	if (!err && change->to != change->from)
		err = daxfs_dir_prepare(change->to);
	if (err)
		return err;
	daxfs_tx_add_core(change->tx, change->from_dir);
	if (change->to_dir != change->from_dir)
		daxfs_tx_add_core(change->tx, change->to_dir);
	return daxfs_tx_ready(change->tx);
}

/* The last of what can fail, if `err` says that nothing has. After an error the transaction is gone. */
static int name_change_ready(struct name_change *change, int err)
{
	if (!err)
		err = prepare_dirs(change);
	if (err && !IS_ERR(change->tx))
		daxfs_tx_cancel(change->tx);
	return err;
}

static void store_dir(struct inode *dir, struct daxfs_dir_change *change)
{
	daxfs_dir_apply(change);
	inode_set_mtime_to_ts(dir, inode_set_ctime_current(dir));
	inode_inc_iversion(dir);
	daxfs_store_inode(dir);
}

/* After daxfs_tx_ready(): the directories, with the link counts that the caller has set. */
static void name_change_store(struct name_change *change)
{
	store_dir(change->from_dir, change->from);
	if (change->to_dir != change->from_dir)
		store_dir(change->to_dir, change->to);
}

/* What a change of its names does to an inode, beside its link count. */
static void store_named(struct inode *inode)
{
	inode_set_ctime_current(inode);
	inode_inc_iversion(inode);
	daxfs_store_inode(inode);
}

static int find_name(struct inode *dir, const struct qstr *name, u64 *ino, u8 *type)
{
	int err, gate = daxfs_enter(DAXFS_SB(dir->i_sb));

	if (gate < 0)
		return gate;
	down_read(&DAXFS_I(dir)->lock);
	err = daxfs_dir_lookup(dir, name, ino, type);
	up_read(&DAXFS_I(dir)->lock);
	daxfs_leave(gate);
	return err;
}

/* The inode of that name, NULL for none. The directory's i_rwsem holds the name. */
static struct inode *find_inode(struct inode *dir, const struct qstr *name)
{
	struct inode *inode;
	u64 ino;
	u8 type;
	int err = find_name(dir, name, &ino, &type);

	if (err)
		return err == -ENOENT ? NULL : ERR_PTR(err);
	if (ino == dir->i_ino || ino == d_inode(dir->i_sb->s_root)->i_ino)
		return ERR_PTR(daxfs_corrupt(dir->i_sb, dir->i_ino, 0, "a name of the directory itself, or of the root"));
	inode = daxfs_iget_outside(dir->i_sb, ino, false);
	if (inode == ERR_PTR(-ESTALE))
		return ERR_PTR(daxfs_corrupt(dir->i_sb, dir->i_ino, 0, "a name of inode %llu, which is not in use", ino));
	if (!IS_ERR(inode) && daxfs_dirent_type(inode->i_mode) != type) {
		iput(inode);
		return ERR_PTR(daxfs_corrupt(dir->i_sb, dir->i_ino, 0, "a name of inode %llu has type %u", ino, type));
	}
	return inode;
}

static struct dentry *daxfs_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct dentry *alias;
	struct inode *inode;

	if (dentry->d_name.len > DAXFS_NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	inode = find_inode(dir, &dentry->d_name);
	/* A directory that has another name moves here, so that it never has two dentries; but not below itself. */
	alias = d_splice_alias(inode, dentry);
	if (alias == ERR_PTR(-ELOOP))
		return ERR_PTR(daxfs_corrupt(dir->i_sb, dir->i_ino, 0, "a name of a directory that it lies in"));
	return alias;
}

/* The fork of an inode that has no blocks yet, and its core. */
static void store_new_inode(struct inode *inode, const struct daxfs_symlink *link)
{
	struct daxfs_inode *raw = DAXFS_I(inode)->raw;
	u32 from, to;

	/* The inode was logged as far as it was not zero, or whole. */
	daxfs_inode_rest(raw, &from, &to);
	if (from < to)
		memset((void *)raw + from, 0, to - from);
	raw->rdev_major = cpu_to_le32(MAJOR(inode->i_rdev));
	raw->rdev_minor = cpu_to_le32(MINOR(inode->i_rdev));
	raw->fork_count = 0;
	raw->tree_height = 0;
	if (link)
		daxfs_symlink_store(inode, link);
	else if (S_ISDIR(inode->i_mode))
		raw->format = DAXFS_FORMAT_DIRECTORY;
	else
		raw->format = S_ISREG(inode->i_mode) ? DAXFS_FORMAT_EXTENTS : DAXFS_FORMAT_NONE;
	daxfs_store_inode(inode);
}

static int add_new(struct inode *dir, struct dentry *dentry, struct inode *inode, struct daxfs_symlink *link)
{
	struct name_change change;
	bool is_dir = S_ISDIR(inode->i_mode);
	int err;

	if (is_dir && dir->i_nlink >= DAXFS_LINK_MAX)
		return -EMLINK;
	err = name_change_begin(&change, dir, dir);
	if (!err)
		err = daxfs_dir_add(change.to, &dentry->d_name, inode->i_ino, daxfs_dirent_type(inode->i_mode));
	if (!err && link)
		err = daxfs_symlink_prepare(change.tx, inode, link);
	if (!err)
		daxfs_tx_new_inode(change.tx, inode);
	err = name_change_ready(&change, err);
	if (err)
		return err;
	if (is_dir)
		inc_nlink(dir);
	name_change_store(&change);
	store_new_inode(inode, link);
	return daxfs_tx_commit(change.tx);
}

/* Out of sight first: whoever is promised its number next must not meet it. Inside the gate. */
static void drop_new_inode(struct inode *inode)
{
	remove_inode_hash(inode);
	daxfs_forget_new_inode(inode);
	discard_new_inode(inode);
}

static int try_create(IDMAP_ARG, struct inode *dir, struct dentry *dentry, umode_t mode, dev_t rdev,
		      struct daxfs_symlink *link)
{
	struct inode *inode;
	int err, gate;

	gate = daxfs_enter(DAXFS_SB(dir->i_sb));
	if (gate < 0)
		return gate;
	inode = daxfs_new_inode(IDMAP, dir, mode, rdev);
	if (IS_ERR(inode)) {
		daxfs_leave(gate);
		return PTR_ERR(inode);
	}
	if (S_ISDIR(mode))
		set_nlink(inode, 2);
	daxfs_lock_inodes(dir, inode, NULL, NULL);
	err = add_new(dir, dentry, inode, link);
	daxfs_unlock_inodes(dir, inode, NULL, NULL);
	if (err)
		drop_new_inode(inode);
	else
		d_instantiate_new(dentry, inode);
	daxfs_leave(gate);
	return err;
}

/* Blocks of directories and of symbolic links are taken inside the transaction, where nothing is waited for. */
static int create_one(IDMAP_ARG, struct inode *dir, struct dentry *dentry, umode_t mode, dev_t rdev,
		      struct daxfs_symlink *link)
{
	struct daxfs_shortage shortage = daxfs_shortage(DAXFS_SB(dir->i_sb));
	int err;

	if (dentry->d_name.len > DAXFS_NAME_MAX)
		return -ENAMETOOLONG;
	do
		err = try_create(IDMAP, dir, dentry, mode, rdev, link);
	while (unlikely(err == -ENOSPC) && (daxfs_make_space(dir->i_sb, &shortage) || daxfs_settle_due(dir->i_sb)));
	return err;
}

static int daxfs_create(IDMAP_ARG, struct inode *dir, struct dentry *dentry, umode_t mode, bool exclusive)
{
	return create_one(IDMAP, dir, dentry, mode, 0, NULL);
}

static int daxfs_mknod(IDMAP_ARG, struct inode *dir, struct dentry *dentry, umode_t mode, dev_t rdev)
{
	return create_one(IDMAP, dir, dentry, mode, rdev, NULL);
}

static int daxfs_mkdir(IDMAP_ARG, struct inode *dir, struct dentry *dentry, umode_t mode)
{
	return create_one(IDMAP, dir, dentry, mode | S_IFDIR, 0, NULL);
}

static int daxfs_symlink(IDMAP_ARG, struct inode *dir, struct dentry *dentry, const char *target)
{
	struct daxfs_symlink link = { .target = target, .length = strlen(target) };

	if (link.length > DAXFS_SYMLINK_MAX)
		return -ENAMETOOLONG;
	return create_one(IDMAP, dir, dentry, S_IFLNK | 0777, 0, &link);
}

/* No name, so that its inode is an orphan from the first: durable as such, and freed by recovery. */
static int store_tmpfile(struct inode *inode)
{
	struct daxfs_tx *tx = daxfs_tx_begin(inode->i_sb);
	int err;

	if (IS_ERR(tx))
		return PTR_ERR(tx);
	daxfs_tx_new_inode(tx, inode);
	daxfs_tx_orphan(tx, inode->i_ino, true);
	err = daxfs_tx_ready(tx);
	if (err) {
		daxfs_tx_cancel(tx);
		return err;
	}
	clear_nlink(inode);
	store_new_inode(inode, NULL);
	return daxfs_tx_commit(tx);
}

static int daxfs_tmpfile(IDMAP_ARG, struct inode *dir, struct file *file, umode_t mode)
{
	int err, gate = daxfs_enter(DAXFS_SB(dir->i_sb));
	struct inode *inode;

	if (gate < 0)
		return gate;
	inode = daxfs_new_inode(IDMAP, dir, mode, 0);
	if (IS_ERR(inode)) {
		daxfs_leave(gate);
		return PTR_ERR(inode);
	}
	daxfs_lock_inodes(inode, NULL, NULL, NULL);
	err = store_tmpfile(inode);
	daxfs_unlock_inodes(inode, NULL, NULL, NULL);
	if (err)
		drop_new_inode(inode);
	daxfs_leave(gate);
	if (err)
		return finish_open_simple(file, err);
	set_nlink(inode, 1);	/* d_tmpfile() takes it away again */
	d_tmpfile(file, inode);
	unlock_new_inode(inode);
	return finish_open_simple(file, 0);
}

static int add_link(struct inode *inode, struct inode *dir, const struct qstr *name)
{
	struct name_change change;
	int err;

	if (inode->i_nlink >= DAXFS_LINK_MAX)
		return -EMLINK;
	/* With a name recovery would not go on with it. */
	if (!inode->i_nlink && DAXFS_I(inode)->unfinished)
		return -EUCLEAN;
	err = name_change_begin(&change, dir, dir);
	if (!err)
		err = daxfs_dir_add(change.to, name, inode->i_ino, daxfs_dirent_type(inode->i_mode));
	if (!err) {
		daxfs_tx_add_core(change.tx, inode);
		if (!inode->i_nlink)	/* of O_TMPFILE; the VFS lets no other through */
			daxfs_tx_orphan(change.tx, inode->i_ino, false);
	}
	err = name_change_ready(&change, err);
	if (err)
		return err;
	inc_nlink(inode);
	DAXFS_I(inode)->parent = dir->i_ino;
	name_change_store(&change);
	store_named(inode);
	return daxfs_tx_commit(change.tx);
}

static int try_link(struct inode *inode, struct inode *dir, const struct qstr *name)
{
	int err, gate = daxfs_enter(DAXFS_SB(dir->i_sb));

	if (gate < 0)
		return gate;
	daxfs_lock_inodes(dir, inode, NULL, NULL);
	err = add_link(inode, dir, name);
	daxfs_unlock_inodes(dir, inode, NULL, NULL);
	daxfs_leave(gate);
	return err;
}

static int daxfs_link(struct dentry *old_dentry, struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(old_dentry);
	struct daxfs_shortage shortage = daxfs_shortage(DAXFS_SB(dir->i_sb));
	int err;

	if (dentry->d_name.len > DAXFS_NAME_MAX)
		return -ENAMETOOLONG;
	do
		err = try_link(inode, dir, &dentry->d_name);
	while (unlikely(err == -ENOSPC) && (daxfs_make_space(dir->i_sb, &shortage) || daxfs_settle_due(dir->i_sb)));
	if (err)
		return err;
	ihold(inode);
	d_instantiate(dentry, inode);
	return 0;
}

/* Link counts come from the device, and the VFS warns when one goes below zero. */
static int check_links(struct inode *inode, unsigned int at_least)
{
	if (inode->i_nlink >= at_least)
		return 0;
	return daxfs_corrupt(inode->i_sb, inode->i_ino, inode->i_ino >> 3, "%u links where at least %u names exist",
			     inode->i_nlink, at_least);
}

/* May `inode` lose a name? A directory loses its only one. */
static int check_removable(struct inode *inode)
{
	int err = check_links(inode, 1);

	if (!err && S_ISDIR(inode->i_mode))
		err = daxfs_dir_check_empty(inode);
	return err;
}

static bool loses_last_name(const struct inode *inode)
{
	return S_ISDIR(inode->i_mode) || inode->i_nlink == 1;
}

/* One whose truncate or collapse was given up is in the orphan map already. */
static void announce_orphan(struct daxfs_tx *tx, struct inode *inode)
{
	if (loses_last_name(inode) && DAXFS_I(inode)->raw->operation == DAXFS_OPERATION_NONE)
		daxfs_tx_orphan(tx, inode->i_ino, true);
}

static void drop_name(struct inode *inode)
{
	if (S_ISDIR(inode->i_mode))
		clear_nlink(inode);
	else
		drop_nlink(inode);
}

static int remove_name(struct inode *dir, const struct qstr *name, struct inode *inode)
{
	struct name_change change;
	bool is_dir = S_ISDIR(inode->i_mode);
	int err = check_removable(inode);

	if (!err && is_dir)
		err = check_links(dir, 3);
	if (err)
		return err;
	err = name_change_begin(&change, dir, dir);
	if (!err)
		err = daxfs_dir_remove(change.from, name);
	if (!err) {
		daxfs_tx_add_core(change.tx, inode);
		announce_orphan(change.tx, inode);
	}
	err = name_change_ready(&change, err);
	if (err)
		return err;
	drop_name(inode);
	if (is_dir)
		drop_nlink(dir);
	name_change_store(&change);
	store_named(inode);
	return daxfs_tx_commit(change.tx);
}

static int daxfs_unlink(struct inode *dir, struct dentry *dentry)
{
	int err, gate = daxfs_enter(DAXFS_SB(dir->i_sb));
	struct inode *inode = d_inode(dentry);

	if (gate < 0)
		return gate;
	daxfs_lock_inodes(dir, inode, NULL, NULL);
	err = remove_name(dir, &dentry->d_name, inode);
	daxfs_unlock_inodes(dir, inode, NULL, NULL);
	daxfs_leave(gate);
	return err;
}

/* A directory's entry for itself and its parent's for it move with `parent`: link counts of both parents. */
static void move_links(struct inode *from_dir, struct inode *to_dir, struct inode *inode)
{
	if (S_ISDIR(inode->i_mode)) {
		drop_nlink(from_dir);
		inc_nlink(to_dir);
	}
	DAXFS_I(inode)->parent = to_dir->i_ino;
}

static int check_move(struct inode *from_dir, struct inode *to_dir, struct inode *inode, bool replaces_dir)
{
	if (!S_ISDIR(inode->i_mode))
		return 0;
	if (from_dir != to_dir && !replaces_dir && to_dir->i_nlink >= DAXFS_LINK_MAX)
		return -EMLINK;
	return check_links(from_dir, 3);
}

static int move_name(struct inode *from_dir, const struct qstr *from, struct inode *inode, struct inode *to_dir,
		     const struct qstr *to, struct inode *target)
{
	struct name_change change;
	u8 type = daxfs_dirent_type(inode->i_mode);
	int err = check_move(from_dir, to_dir, inode, target);

	if (!err && target)
		err = check_removable(target);
	if (err)
		return err;
	err = name_change_begin(&change, from_dir, to_dir);
	if (!err)
		err = daxfs_dir_remove(change.from, from);
	if (!err && target)
		err = daxfs_dir_replace(change.to, to, inode->i_ino, type);
	else if (!err)
		err = daxfs_dir_add(change.to, to, inode->i_ino, type);
	if (!err) {
		daxfs_tx_add_core(change.tx, inode);
		if (target) {
			daxfs_tx_add_core(change.tx, target);
			announce_orphan(change.tx, target);
		}
	}
	err = name_change_ready(&change, err);
	if (err)
		return err;
	move_links(from_dir, to_dir, inode);
	if (target) {
		if (S_ISDIR(target->i_mode))
			drop_nlink(to_dir);
		drop_name(target);
		store_named(target);
	}
	name_change_store(&change);
	store_named(inode);
	return daxfs_tx_commit(change.tx);
}

static int exchange_names(struct inode *from_dir, const struct qstr *from, struct inode *inode, struct inode *to_dir,
			  const struct qstr *to, struct inode *other)
{
	bool both_dirs = S_ISDIR(inode->i_mode) && S_ISDIR(other->i_mode);
	struct name_change change;
	int err = check_move(from_dir, to_dir, inode, both_dirs);

	if (!err)
		err = check_move(to_dir, from_dir, other, both_dirs);
	if (err)
		return err;
	err = name_change_begin(&change, from_dir, to_dir);
	if (!err)
		err = daxfs_dir_replace(change.from, from, other->i_ino, daxfs_dirent_type(other->i_mode));
	if (!err)
		err = daxfs_dir_replace(change.to, to, inode->i_ino, daxfs_dirent_type(inode->i_mode));
	if (!err) {
		daxfs_tx_add_core(change.tx, inode);
		daxfs_tx_add_core(change.tx, other);
	}
	err = name_change_ready(&change, err);
	if (err)
		return err;
	move_links(from_dir, to_dir, inode);
	move_links(to_dir, from_dir, other);
	name_change_store(&change);
	store_named(inode);
	store_named(other);
	return daxfs_tx_commit(change.tx);
}

/*
 * A file that takes another's name has its data on the device first, because the name is durable at once: else a crash
 * would leave an empty file where the old one was. An exchange is such a replacement twice: programs that use it unlink
 * the old file next. i_rwsem of both is held, but no lock that writeback wants; where it fails, nothing is replaced.
 */
static int flush_replacement(struct inode *inode, struct inode *target, unsigned int flags)
{
	int err;

	if (!target)
		return 0;
	err = daxfs_flush_data(inode);
	if (!err && flags & RENAME_EXCHANGE)
		err = daxfs_flush_data(target);
	return err;
}

static int try_rename(struct inode *from_dir, struct dentry *from, struct inode *to_dir, struct dentry *to,
		      unsigned int flags)
{
	struct inode *inode = d_inode(from), *target = d_inode(to);
	struct inode *other_dir = from_dir == to_dir ? NULL : to_dir;
	int err, gate = daxfs_enter(DAXFS_SB(from_dir->i_sb));

	if (gate < 0)
		return gate;
	daxfs_lock_inodes(from_dir, other_dir, inode, target);
	if (flags & RENAME_EXCHANGE)
		err = exchange_names(from_dir, &from->d_name, inode, to_dir, &to->d_name, target);
	else
		err = move_name(from_dir, &from->d_name, inode, to_dir, &to->d_name, target);
	daxfs_unlock_inodes(from_dir, other_dir, inode, target);
	daxfs_leave(gate);
	return err;
}

/* The VFS has refused a directory's move below itself, a target of the other type, and two names of one inode. */
static int daxfs_rename(IDMAP_ARG, struct inode *from_dir, struct dentry *from, struct inode *to_dir,
			struct dentry *to, unsigned int flags)
{
	struct daxfs_shortage shortage = daxfs_shortage(DAXFS_SB(from_dir->i_sb));
	int err;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if (to->d_name.len > DAXFS_NAME_MAX)
		return -ENAMETOOLONG;
	err = flush_replacement(d_inode(from), d_inode(to), flags);
	if (err)
		return err;
	do
		err = try_rename(from_dir, from, to_dir, to, flags);
	while (unlikely(err == -ENOSPC) &&
	       (daxfs_make_space(from_dir->i_sb, &shortage) || daxfs_settle_due(from_dir->i_sb)));
	return err;
}

const struct inode_operations daxfs_dir_inode_operations = {
	.lookup		= daxfs_lookup,
	.create		= daxfs_create,
	.link		= daxfs_link,
	.unlink		= daxfs_unlink,
	.symlink	= daxfs_symlink,
	.mkdir		= daxfs_mkdir,
	.rmdir		= daxfs_unlink,
	.mknod		= daxfs_mknod,
	.rename		= daxfs_rename,
	.tmpfile	= daxfs_tmpfile,
	.setattr	= daxfs_setattr,
	.getattr	= daxfs_getattr,
	.fileattr_get	= daxfs_fileattr_get,
	.fileattr_set	= daxfs_fileattr_set,
};

const struct inode_operations daxfs_special_inode_operations = {
	.setattr	= daxfs_setattr,
	.getattr	= daxfs_getattr,
};
