// SPDX-License-Identifier: GPL-2.0
/* Inode flags (lsattr, FS_IOC_FSGETXATTR), the filesystem's label and UUID, and shutdown with XFS's number. */
#include <linux/compat.h>
#include <linux/ctype.h>
#include <linux/fileattr.h>
#include <linux/iversion.h>
#include <linux/mount.h>
#include <linux/pagemap.h>

#include "daxfs.h"
#include "device.h"
#include "error.h"
#include "inode.h"
#include "ioctl.h"
#include "superblock.h"

#define DAXFS_IOC_SHUTDOWN	_IOR('X', 125, __u32)

/* What the caller wants to be on the device first. Names and allocations are, always. */
enum {
	DAXFS_SHUTDOWN_SYNC = 0,	/* everything, mmap stores and times too */
	DAXFS_SHUTDOWN_LOGFLUSH = 1,	/* metadata */
	DAXFS_SHUTDOWN_NOLOGFLUSH = 2,
};

static const struct {
	u32 flag;	/* DAXFS_INODE_* */
	u32 fs_flag;	/* FS_*_FL */
	u32 vfs_flag;	/* S_* */
} inode_flags[] = {
	{ DAXFS_INODE_IMMUTABLE, FS_IMMUTABLE_FL, S_IMMUTABLE },
	{ DAXFS_INODE_APPEND, FS_APPEND_FL, S_APPEND },
	{ DAXFS_INODE_NOATIME, FS_NOATIME_FL, S_NOATIME },
	{ DAXFS_INODE_NODUMP, FS_NODUMP_FL, 0 },
	{ DAXFS_INODE_SYNC, FS_SYNC_FL, S_SYNC },
	{ DAXFS_INODE_DIRSYNC, FS_DIRSYNC_FL, S_DIRSYNC },
	{ DAXFS_INODE_DAX, FS_DAX_FL, 0 },	/* S_DAX changes only while nobody has the inode */
};

int daxfs_fileattr_get(struct dentry *dentry, struct fileattr *fa)
{
	u32 flags = READ_ONCE(DAXFS_I(d_inode(dentry))->flags), fs_flags = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(inode_flags); i++)
		if (flags & inode_flags[i].flag)
			fs_flags |= inode_flags[i].fs_flag;
	fileattr_fill_flags(fa, fs_flags);
	return 0;
}

/*
 * The file has become immutable. What is dirty is written back, which takes the right to store away from all mappings: they
 * fault again, and find the flag. invalidate_lock sorts out the faults that have not seen it.
 */
static int stop_stores(struct inode *inode)
{
	int err;

	inode_dio_wait(inode);
	filemap_invalidate_lock(inode->i_mapping);
	err = filemap_write_and_wait(inode->i_mapping);
	filemap_invalidate_unlock(inode->i_mapping);
	return err;
}

/* i_rwsem is held, which every other writer of the flags holds too. */
int daxfs_fileattr_set(IDMAP_ARG, struct dentry *dentry, struct fileattr *fa)
{
	struct inode *inode = d_inode(dentry);
	struct daxfs_inode_info *info = DAXFS_I(inode);
	u32 flags = 0, known = 0, old_flags = info->flags;
	unsigned int vfs_flags = 0, vfs_mask = 0, old_vfs_flags = inode->i_flags, i;
	struct timespec64 old_ctime = inode_get_ctime(inode);
	int err;

	if (fa->fsx_projid || fa->fsx_extsize || fa->fsx_cowextsize)
		return -EOPNOTSUPP;
	for (i = 0; i < ARRAY_SIZE(inode_flags); i++) {
		known |= inode_flags[i].fs_flag;
		vfs_mask |= inode_flags[i].vfs_flag;
		if (fa->flags & inode_flags[i].fs_flag) {
			flags |= inode_flags[i].flag;
			vfs_flags |= inode_flags[i].vfs_flag;
		}
	}
	if (fa->flags & ~known || (fa->fsx_valid && fa->fsx_xflags & ~FS_XFLAG_COMMON))
		return -EOPNOTSUPP;
	if ((flags & DAXFS_INODE_DIRSYNC && !S_ISDIR(inode->i_mode)) ||
	    (flags & DAXFS_INODE_DAX && !S_ISDIR(inode->i_mode) && !S_ISREG(inode->i_mode)))
		return -EINVAL;
	if (old_flags & flags & DAXFS_INODE_IMMUTABLE && flags != old_flags)
		return -EPERM;
	WRITE_ONCE(info->flags, flags);
	inode_set_flags(inode, vfs_flags, vfs_mask);
	err = S_ISREG(inode->i_mode) && vfs_flags & ~old_vfs_flags & S_IMMUTABLE ? stop_stores(inode) : 0;
	if (!err) {
		inode_set_ctime_current(inode);
		inode_inc_iversion(inode);
		err = daxfs_commit_inode(inode);
	}
	if (err) {
		WRITE_ONCE(info->flags, old_flags);
		inode_set_flags(inode, old_vfs_flags & vfs_mask, vfs_mask);
		inode_set_ctime_to_ts(inode, old_ctime);
		return err;
	}
	if (daxfs_wants_dax(inode) != !!IS_DAX(inode))
		d_mark_dontcache(inode);	/* read anew at the next use, with S_DAX as it then should be */
	return 0;
}

static int ioctl_shutdown(struct super_block *sb, u32 __user *arg)
{
	u32 how;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (get_user(how, arg))
		return -EFAULT;
	if (how > DAXFS_SHUTDOWN_NOLOGFLUSH)
		return -EINVAL;
	if (daxfs_is_shutdown(DAXFS_SB(sb)))
		return 0;
	if (how == DAXFS_SHUTDOWN_SYNC) {
		/* Freezing writes everything back and lets no write come in between. */
		err = daxfs_freeze_bdev(sb->s_bdev);
		if (err)
			return err;
		daxfs_shutdown(sb, "asked for");
		daxfs_thaw_bdev(sb->s_bdev);
		return 0;
	}
	daxfs_shutdown(sb, "asked for");
	return 0;
}

static int ioctl_getlabel(struct super_block *sb, char __user *arg)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	int gate = daxfs_enter(sbi);
	char label[FSLABEL_MAX] = {};

	if (gate < 0)
		return gate;
	BUILD_BUG_ON(DAXFS_LABEL_SIZE > FSLABEL_MAX);
	mutex_lock(&sbi->super_lock);
	memcpy(label, sbi->believed.label, DAXFS_LABEL_SIZE - 1);
	mutex_unlock(&sbi->super_lock);
	daxfs_leave(gate);
	return copy_to_user(arg, label, sizeof(label)) ? -EFAULT : 0;
}

static int ioctl_setlabel(struct file *file, const char __user *arg)
{
	char label[FSLABEL_MAX];
	size_t length, i;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (copy_from_user(label, arg, sizeof(label)))
		return -EFAULT;
	length = strnlen(label, sizeof(label));
	if (length >= DAXFS_LABEL_SIZE)
		return -EINVAL;
	/* What mkfs.daxfs refuses too: it would garble terminals and logs. */
	for (i = 0; i < length; i++)
		if (iscntrl(label[i]))
			return -EINVAL;
	err = mnt_want_write_file(file);
	if (err)
		return err;
	err = daxfs_set_label(file_inode(file)->i_sb, label);
	mnt_drop_write_file(file);
	return err;
}

/* From Linux 6.9 on the VFS answers before we are asked. */
static int ioctl_getuuid(struct super_block *sb, struct fsuuid2 __user *arg)
{
	struct fsuuid2 uuid = { .len = sizeof(sb->s_uuid) };

	memcpy(uuid.uuid, &sb->s_uuid, sizeof(sb->s_uuid));
	return copy_to_user(arg, &uuid, sizeof(uuid)) ? -EFAULT : 0;
}

/* Also of a 32-bit caller, by way of compat_ptr_ioctl(): every argument has one layout. The VFS translates the numbers of flags. */
long daxfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct inode *inode = file_inode(file);
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case DAXFS_IOC_SHUTDOWN:
		return ioctl_shutdown(inode->i_sb, user);
	case FS_IOC_GETVERSION:
	case FS_IOC32_GETVERSION:
		return put_user(inode->i_generation, (int __user *)user);
	case FS_IOC_GETFSLABEL:
		return ioctl_getlabel(inode->i_sb, user);
	case FS_IOC_SETFSLABEL:
		return ioctl_setlabel(file, user);
	case FS_IOC_GETFSUUID:
		return ioctl_getuuid(inode->i_sb, user);
	default:
		return -ENOTTY;
	}
}
