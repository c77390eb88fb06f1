// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes: read and judged once, in daxfs_iget(); stored whole; given up when the last name and the last user are gone.
 *
 * Inode number x 512 is the inode's place on the device. A number from outside is believed only after its bounds, its
 * bit in the inode map, magic number, checksum, self number, and, where there is one, generation. What is judged and
 * loaded is a copy: the device's bytes may change meanwhile. They may later too, so that what of the fork steers a walk is
 * checked again with each load (extent_tree.c, dir_tree.c).
 */
#include <linux/exportfs.h>
#include <linux/iversion.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <linux/writeback.h>

#include "daxfs.h"

static struct kmem_cache *daxfs_inode_cache;

static void init_once(void *object)
{
	struct daxfs_inode_info *info = object;

	init_rwsem(&info->lock);
	inode_init_once(&info->vfs_inode);
}

int daxfs_inode_cache_init(void)
{
	daxfs_inode_cache = kmem_cache_create("daxfs_inode", sizeof(struct daxfs_inode_info), 0,
					      SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, init_once);
	return daxfs_inode_cache ? 0 : -ENOMEM;
}

void daxfs_inode_cache_exit(void)
{
	/* Inodes are freed after a grace period. */
	rcu_barrier();
	kmem_cache_destroy(daxfs_inode_cache);
}

struct inode *daxfs_alloc_inode(struct super_block *sb)
{
	struct daxfs_inode_info *info = alloc_inode_sb(sb, daxfs_inode_cache, GFP_KERNEL);

	if (!info)
		return NULL;
	memset((u8 *)info + offsetof(struct daxfs_inode_info, raw), 0,
	       offsetof(struct daxfs_inode_info, vfs_inode) - offsetof(struct daxfs_inode_info, raw));
	daxfs_init_ioends(info);
	seqlock_init(&info->found_lock);
	INIT_LIST_HEAD(&info->mapped);
	INIT_LIST_HEAD(&info->windows);
	return &info->vfs_inode;
}

void daxfs_free_inode(struct inode *inode)
{
	kmem_cache_free(daxfs_inode_cache, DAXFS_I(inode));
}

/* ---- locks ---- */

void daxfs_lock_inodes(struct inode *a, struct inode *b, struct inode *c, struct inode *d)
{
	struct inode *inodes[] = { a, b, c, d };
	unsigned int i, j;

	for (i = 1; i < ARRAY_SIZE(inodes); i++)
		for (j = i; j && inodes[j] && (!inodes[j - 1] || inodes[j - 1]->i_ino > inodes[j]->i_ino); j--)
			swap(inodes[j - 1], inodes[j]);
	for (i = 0; i < ARRAY_SIZE(inodes) && inodes[i]; i++)
		if (!i || inodes[i] != inodes[i - 1])
			down_write_nested(&DAXFS_I(inodes[i])->lock, i);
}

void daxfs_unlock_inodes(struct inode *a, struct inode *b, struct inode *c, struct inode *d)
{
	if (a)
		up_write(&DAXFS_I(a)->lock);
	if (b && b != a)
		up_write(&DAXFS_I(b)->lock);
	if (c && c != a && c != b)
		up_write(&DAXFS_I(c)->lock);
	if (d && d != a && d != b && d != c)
		up_write(&DAXFS_I(d)->lock);
}

/* ---- reading ---- */

bool daxfs_raw_inode_ok(struct daxfs_sb_info *sbi, const struct daxfs_inode *raw, u64 ino)
{
	return le32_to_cpu(raw->magic) == DAXFS_INODE_MAGIC && le64_to_cpu(raw->ino) == ino && daxfs_inode_ok(sbi, raw);
}

static bool times_ok(const struct daxfs_inode *raw)
{
	return le32_to_cpu(raw->atime_nsec) < NSEC_PER_SEC && le32_to_cpu(raw->mtime_nsec) < NSEC_PER_SEC &&
	       le32_to_cpu(raw->ctime_nsec) < NSEC_PER_SEC && le32_to_cpu(raw->btime_nsec) < NSEC_PER_SEC;
}

static bool fork_ok(const struct daxfs_inode *raw)
{
	u16 count = le16_to_cpu(raw->fork_count);

	switch (raw->format) {
	case DAXFS_FORMAT_NONE:
		return !count && !raw->tree_height;
	case DAXFS_FORMAT_EXTENTS:
		return count <= DAXFS_FORK_EXTENTS && !raw->tree_height;
	case DAXFS_FORMAT_EXTENT_TREE:
		return count && count <= DAXFS_FORK_INDEX && raw->tree_height &&
		       raw->tree_height <= DAXFS_MAX_TREE_HEIGHT;
	case DAXFS_FORMAT_INLINE:
		return !count && !raw->tree_height && le64_to_cpu(raw->size) <= DAXFS_FORK_SIZE;
	case DAXFS_FORMAT_DIRECTORY:
		return count <= DAXFS_FORK_INDEX && raw->tree_height <= DAXFS_MAX_TREE_HEIGHT &&
		       !count == !raw->tree_height;
	}
	return false;
}

static bool format_fits_mode(const struct daxfs_inode *raw)
{
	bool extents = raw->format == DAXFS_FORMAT_EXTENTS || raw->format == DAXFS_FORMAT_EXTENT_TREE;

	switch (le16_to_cpu(raw->mode) & S_IFMT) {
	case S_IFREG:
		return extents;
	case S_IFDIR:
		return raw->format == DAXFS_FORMAT_DIRECTORY;
	case S_IFLNK:
		return (extents || raw->format == DAXFS_FORMAT_INLINE) && raw->size &&
		       le64_to_cpu(raw->size) <= DAXFS_SYMLINK_MAX;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return raw->format == DAXFS_FORMAT_NONE;
	}
	return false;
}

/* What recovery would do is known, possible and in range. */
static bool operation_ok(const struct daxfs_inode *raw)
{
	u64 first = le64_to_cpu(raw->operation_arg[0]), count = le64_to_cpu(raw->operation_arg[1]);
	bool extents = raw->format == DAXFS_FORMAT_EXTENTS || raw->format == DAXFS_FORMAT_EXTENT_TREE;

	switch (raw->operation) {
	case DAXFS_OPERATION_NONE:
		return true;
	case DAXFS_OPERATION_TRUNCATE:
		return extents && first <= DAXFS_MAX_FILE_BLOCK;
	case DAXFS_OPERATION_COLLAPSE:
		return extents && S_ISREG(le16_to_cpu(raw->mode)) && count && first <= DAXFS_MAX_FILE_BLOCK &&
		       count <= DAXFS_MAX_FILE_BLOCK - first;
	}
	return false;
}

/* A directory is as long as its tree has blocks: what adds to it and takes off it stays in range. */
static bool size_ok(struct daxfs_sb_info *sbi, const struct daxfs_inode *raw)
{
	u64 size = le64_to_cpu(raw->size);

	if (S_ISDIR(le16_to_cpu(raw->mode)))
		return size % DAXFS_BLOCK_SIZE == 0 && size / DAXFS_BLOCK_SIZE <= sbi->block_count;
	return size <= MAX_LFS_FILESIZE;
}

static bool rdev_ok(const struct daxfs_inode *raw)
{
	return MAJOR(~(dev_t)0) >= le32_to_cpu(raw->rdev_major) && MINORMASK >= le32_to_cpu(raw->rdev_minor);
}

/* What is wrong with an inode in use, as a word; NULL for nothing. */
static const char *judge(struct daxfs_sb_info *sbi, const struct daxfs_inode *raw)
{
	if (!format_fits_mode(raw))
		return "mode and format";
	if (!fork_ok(raw))
		return "fork";
	if (!size_ok(sbi, raw))
		return "size";
	if (!rdev_ok(raw))
		return "device number";
	if (le64_to_cpu(raw->blocks) > sbi->block_count)
		return "number of blocks";
	if (le32_to_cpu(raw->nlink) > DAXFS_LINK_MAX)
		return "link count";
	if (le32_to_cpu(raw->flags) & ~DAXFS_INODE_FLAGS_KNOWN)
		return "flags";
	if (!times_ok(raw))
		return "timestamp";
	if (!operation_ok(raw))
		return "operation";
	return NULL;
}

/* What S_DAX should be, by mount option and flag. It is what it was when the inode came into memory. */
bool daxfs_wants_dax(const struct inode *inode)
{
	switch (DAXFS_SB(inode->i_sb)->dax_mode) {
	case DAXFS_DAX_ALWAYS:
		return S_ISREG(inode->i_mode);
	case DAXFS_DAX_INODE:
		return S_ISREG(inode->i_mode) && DAXFS_I(inode)->flags & DAXFS_INODE_DAX;
	case DAXFS_DAX_NEVER:
		break;
	}
	return false;
}

static void set_vfs_flags(struct inode *inode, u32 flags)
{
	unsigned int vfs = daxfs_wants_dax(inode) ? S_DAX : 0;

	if (flags & DAXFS_INODE_IMMUTABLE)
		vfs |= S_IMMUTABLE;
	if (flags & DAXFS_INODE_APPEND)
		vfs |= S_APPEND;
	if (flags & DAXFS_INODE_NOATIME)
		vfs |= S_NOATIME;
	if (flags & DAXFS_INODE_SYNC)
		vfs |= S_SYNC;
	if (flags & DAXFS_INODE_DIRSYNC)
		vfs |= S_DIRSYNC;
	inode_set_flags(inode, vfs, S_DAX | S_IMMUTABLE | S_APPEND | S_NOATIME | S_SYNC | S_DIRSYNC);
}

void daxfs_set_inode_ops(struct inode *inode)
{
	set_vfs_flags(inode, DAXFS_I(inode)->flags);
	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &daxfs_file_inode_operations;
		inode->i_fop = &daxfs_file_operations;
		inode->i_mapping->a_ops = IS_DAX(inode) ? &daxfs_dax_aops : &daxfs_buffered_aops;
		break;
	case S_IFDIR:
		inode->i_op = &daxfs_dir_inode_operations;
		inode->i_fop = &daxfs_dir_operations;
		break;
	case S_IFLNK:
		inode->i_op = &daxfs_symlink_inode_operations;
		break;
	default:
		inode->i_op = &daxfs_special_inode_operations;
		init_special_inode(inode, inode->i_mode, inode->i_rdev);
	}
}

static struct timespec64 raw_time(__le64 sec, __le32 nsec)
{
	return (struct timespec64){ .tv_sec = (s64)le64_to_cpu(sec), .tv_nsec = le32_to_cpu(nsec) };
}

static void load_inode(struct inode *inode, const struct daxfs_inode *raw)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);

	inode->i_mode = le16_to_cpu(raw->mode);
	i_uid_write(inode, le32_to_cpu(raw->uid));
	i_gid_write(inode, le32_to_cpu(raw->gid));
	set_nlink(inode, le32_to_cpu(raw->nlink));
	inode->i_size = le64_to_cpu(raw->size);
	inode->i_generation = le32_to_cpu(raw->generation);
	inode->i_rdev = MKDEV(le32_to_cpu(raw->rdev_major), le32_to_cpu(raw->rdev_minor));
	inode_set_atime_to_ts(inode, raw_time(raw->atime_sec, raw->atime_nsec));
	inode_set_mtime_to_ts(inode, raw_time(raw->mtime_sec, raw->mtime_nsec));
	inode_set_ctime_to_ts(inode, raw_time(raw->ctime_sec, raw->ctime_nsec));
	inode_set_iversion_queried(inode, le64_to_cpu(raw->change));
	info->btime = raw_time(raw->btime_sec, raw->btime_nsec);
	info->flags = le32_to_cpu(raw->flags);
	info->project = le32_to_cpu(raw->project);
	info->blocks = le64_to_cpu(raw->blocks);
	info->parent = le64_to_cpu(raw->parent);
	info->unfinished = raw->operation != DAXFS_OPERATION_NONE;
	info->sound_end = le64_to_cpu(raw->operation_arg[0]);
	info->stored = true;
	inode->i_blocks = info->blocks << (DAXFS_BLOCK_SHIFT - 9);
	daxfs_set_inode_ops(inode);
}

/* Where nothing is written and the map is lost, the inode itself says what it is: number and checksum. */
static bool may_be_inode(struct super_block *sb, u64 ino)
{
	return daxfs_inode_in_map(sb, ino) || (!daxfs_writable(sb) && daxfs_inode_map_lost(sb, ino));
}

static int read_inode(struct inode *inode, bool orphan)
{
	struct super_block *sb = inode->i_sb;
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct daxfs_inode_info *info = DAXFS_I(inode);
	u64 block = inode->i_ino / DAXFS_INODES_PER_BLOCK;
	struct daxfs_inode raw;
	const char *wrong;
	int err = daxfs_first_touch(sb, inode->i_ino, block);

	if (err)
		return err;
	info->raw = daxfs_raw_inode(sbi, inode->i_ino);
	memcpy(&raw, info->raw, sizeof(raw));
	/* The block was given back in between: what was read is somebody's data. */
	smp_rmb();
	if (!may_be_inode(sb, inode->i_ino))
		return -ESTALE;
	if (!daxfs_raw_inode_ok(sbi, &raw, inode->i_ino))
		return daxfs_corrupt(sb, inode->i_ino, block, "inode: magic number, checksum or own number");
	if (!raw.mode || (!raw.nlink && !orphan))
		return -ESTALE;
	wrong = judge(sbi, &raw);
	if (wrong)
		return daxfs_corrupt(sb, inode->i_ino, block, "inode: %s", wrong);
	load_inode(inode, &raw);
	return 0;
}

static struct inode *get_inode(struct super_block *sb, u64 ino, bool orphan)
{
	struct inode *inode;
	int err;

	if (!may_be_inode(sb, ino))
		return ERR_PTR(-ESTALE);
	inode = iget_locked(sb, ino);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (!(inode->i_state & I_NEW))
		return inode;
	err = read_inode(inode, orphan);
	if (err) {
		iget_failed(inode);
		return ERR_PTR(err);
	}
	unlock_new_inode(inode);
	return inode;
}

struct inode *daxfs_iget(struct super_block *sb, u64 ino)
{
	return get_inode(sb, ino, false);
}

struct inode *daxfs_iget_orphan(struct super_block *sb, u64 ino)
{
	return get_inode(sb, ino, true);
}

/* ---- storing ---- */

/* mode stays 0 where the inode is being freed: this is for inodes in use. */
void daxfs_store_inode(struct inode *inode)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	struct daxfs_inode *raw = info->raw;
	struct timespec64 atime = inode_get_atime(inode), mtime = inode_get_mtime(inode), ctime = inode_get_ctime(inode);

	raw->mode = cpu_to_le16(inode->i_mode);
	raw->flags = cpu_to_le32(info->flags);
	raw->nlink = cpu_to_le32(inode->i_nlink);
	raw->uid = cpu_to_le32(i_uid_read(inode));
	raw->gid = cpu_to_le32(i_gid_read(inode));
	raw->project = cpu_to_le32(info->project);
	raw->generation = cpu_to_le32(inode->i_generation);
	/* Before the first time it is whatever a free inode says. */
	if (!daxfs_in_page_cache(inode) || !info->stored)
		raw->size = cpu_to_le64(i_size_read(inode));
	raw->blocks = cpu_to_le64(info->blocks);
	raw->atime_sec = cpu_to_le64(atime.tv_sec);
	raw->mtime_sec = cpu_to_le64(mtime.tv_sec);
	raw->ctime_sec = cpu_to_le64(ctime.tv_sec);
	raw->btime_sec = cpu_to_le64(info->btime.tv_sec);
	raw->atime_nsec = cpu_to_le32(atime.tv_nsec);
	raw->mtime_nsec = cpu_to_le32(mtime.tv_nsec);
	raw->ctime_nsec = cpu_to_le32(ctime.tv_nsec);
	raw->btime_nsec = cpu_to_le32(info->btime.tv_nsec);
	raw->change = cpu_to_le64(inode_peek_iversion(inode));
	raw->parent = cpu_to_le64(info->parent);
	raw->rdev_major = cpu_to_le32(MAJOR(inode->i_rdev));
	raw->rdev_minor = cpu_to_le32(MINOR(inode->i_rdev));
	daxfs_seal_inode(DAXFS_SB(inode->i_sb), raw);
	inode->i_blocks = info->blocks << (DAXFS_BLOCK_SHIFT - 9);
	info->stored = true;
}

loff_t daxfs_stored_size(struct inode *inode)
{
	struct daxfs_inode_info *info = DAXFS_I(inode);
	int gate = daxfs_enter(DAXFS_SB(inode->i_sb));
	loff_t size;

	if (gate < 0)
		return 0;
	/* A size that is not committed yet does not count: under the lock there is none. */
	down_read(&info->lock);
	size = le64_to_cpu(info->raw->size);
	up_read(&info->lock);
	daxfs_leave(gate);
	return size;
}

int daxfs_commit_inode(struct inode *inode)
{
	int err, gate = daxfs_enter(DAXFS_SB(inode->i_sb));
	struct daxfs_tx *tx;

	if (gate < 0)
		return gate;
	down_write(&DAXFS_I(inode)->lock);
	tx = daxfs_tx_begin(inode->i_sb);
	err = PTR_ERR_OR_ZERO(tx);
	if (err)
		goto unlock;
	daxfs_tx_add_core(tx, inode);
	err = daxfs_tx_ready(tx);
	if (err) {
		daxfs_tx_cancel(tx);
		goto unlock;
	}
	daxfs_store_inode(inode);
	err = daxfs_tx_commit(tx);
unlock:
	up_write(&DAXFS_I(inode)->lock);
	daxfs_leave(gate);
	return err;
}

/* Times, which the VFS keeps dirty; everything else was durable when it changed. */
int daxfs_write_inode(struct inode *inode, struct writeback_control *wbc)
{
	if (!daxfs_writable(inode->i_sb) || !DAXFS_I(inode)->stored || !inode->i_nlink)
		return 0;
	return daxfs_commit_inode(inode);
}

static int set_size(struct inode *inode, loff_t size)
{
	struct address_space *mapping = inode->i_mapping;
	int err;

	inode_dio_wait(inode);
	filemap_invalidate_lock(mapping);
	err = daxfs_set_size(inode, size);
	filemap_invalidate_unlock(mapping);
	return err;
}

int daxfs_setattr(IDMAP_ARG, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int err;

	err = daxfs_may_write(inode->i_sb);
	/* The VFS looks at everything but a new size by an open descriptor. */
	if (!err && IS_IMMUTABLE(inode))
		err = -EPERM;
	if (!err)
		err = setattr_prepare(IDMAP, dentry, attr);
	if (err)
		return err;
	if (attr->ia_valid & ATTR_SIZE) {
		/* truncate(2) names no times, but moves them where it moves the size. */
		if (attr->ia_size != i_size_read(inode) && !(attr->ia_valid & (ATTR_MTIME | ATTR_CTIME))) {
			attr->ia_valid |= ATTR_MTIME | ATTR_CTIME;
			attr->ia_mtime = attr->ia_ctime = current_time(inode);
		}
		err = set_size(inode, attr->ia_size);
		if (err)
			return err;
	}
	setattr_copy(IDMAP, inode, attr);
	inode_inc_iversion(inode);
	return daxfs_commit_inode(inode);
}

int daxfs_getattr(IDMAP_ARG, const struct path *path, struct kstat *stat, u32 mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	struct daxfs_inode_info *info = DAXFS_I(inode);

	daxfs_fillattr(IDMAP, mask, inode, stat);
	stat->blocks = READ_ONCE(info->blocks) << (DAXFS_BLOCK_SHIFT - 9);
	stat->blksize = DAXFS_BLOCK_SIZE;
	if (mask & STATX_BTIME) {
		stat->result_mask |= STATX_BTIME;
		stat->btime = info->btime;
	}
	if (info->flags & DAXFS_INODE_IMMUTABLE)
		stat->attributes |= STATX_ATTR_IMMUTABLE;
	if (info->flags & DAXFS_INODE_APPEND)
		stat->attributes |= STATX_ATTR_APPEND;
	if (info->flags & DAXFS_INODE_NODUMP)
		stat->attributes |= STATX_ATTR_NODUMP;
	if (mask & STATX_DIOALIGN && S_ISREG(inode->i_mode)) {
		struct block_device *bdev = inode->i_sb->s_bdev;

		/*
		 * Through DAX none is needed. But programs take what they read here for the unit of their transfers and
		 * hand it to posix_memalign(3), which refuses 1: they get what ext4 and XFS say.
		 */
		stat->result_mask |= STATX_DIOALIGN;
		stat->dio_mem_align = bdev_dma_alignment(bdev) + 1;
		stat->dio_offset_align = bdev_logical_block_size(bdev);
	}
	stat->attributes_mask |= STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP;
	return 0;
}

/* ---- the end of an inode ---- */

static int free_blocks(struct inode *inode)
{
	switch (DAXFS_I(inode)->raw->format) {
	case DAXFS_FORMAT_EXTENTS:
	case DAXFS_FORMAT_EXTENT_TREE:
		return daxfs_free_all_blocks(inode);
	case DAXFS_FORMAT_DIRECTORY:
		return daxfs_dir_free_all_blocks(inode);
	}
	return 0;
}

static void free_orphan(struct inode *inode)
{
	int err, gate;

	sb_start_intwrite(inode->i_sb);
	gate = daxfs_enter(DAXFS_SB(inode->i_sb));
	err = gate < 0 ? gate : free_blocks(inode);
	if (!err)
		err = daxfs_free_raw_inode(inode);
	if (gate >= 0)
		daxfs_leave(gate);
	sb_end_intwrite(inode->i_sb);
	if (err)
		pr_warn("daxfs (%pg): inode %lu: not freed: error %d; the next mount tries again\n", inode->i_sb->s_bdev,
			inode->i_ino, err);
}

void daxfs_evict_inode(struct inode *inode)
{
	bool free = !inode->i_nlink && DAXFS_I(inode)->stored && !is_bad_inode(inode);

	daxfs_drop_all(inode);
	daxfs_forget_mapped(inode);
	daxfs_end_windows(inode);
	if (free && !daxfs_may_write(inode->i_sb))
		free_orphan(inode);
	clear_inode(inode);
}

/* ---- file handles: 64-bit inode number and generation, of the inode and where wanted of its directory ---- */

static int daxfs_encode_fh(struct inode *inode, u32 *fh, int *words, struct inode *parent)
{
	int need = parent ? 6 : 3;

	if (*words < need) {
		*words = need;
		return FILEID_INVALID;
	}
	*words = need;
	fh[0] = lower_32_bits(inode->i_ino);
	fh[1] = upper_32_bits(inode->i_ino);
	fh[2] = inode->i_generation;
	if (!parent)
		return DAXFS_FILEID_INO64_GEN;
	fh[3] = lower_32_bits(parent->i_ino);
	fh[4] = upper_32_bits(parent->i_ino);
	fh[5] = parent->i_generation;
	return DAXFS_FILEID_INO64_GEN_PARENT;
}

/* Inside the gate, which is open in daxfs_lookup() already. */
static struct inode *iget_outside(struct super_block *sb, u64 ino)
{
	int gate = daxfs_enter(DAXFS_SB(sb));
	struct inode *inode;

	if (gate < 0)
		return ERR_PTR(gate);
	inode = daxfs_iget(sb, ino);
	daxfs_leave(gate);
	return inode;
}

/*
 * An inode without a name is good for as long as somebody has it open, who may be a server's client of this very handle.
 * One that nobody has is not in memory, and read_inode() refuses it; one that is going is waited for.
 */
static struct dentry *handle_dentry(struct super_block *sb, const u32 *fh)
{
	struct inode *inode = iget_outside(sb, (u64)fh[1] << 32 | fh[0]);

	if (!IS_ERR(inode) && inode->i_generation != fh[2]) {
		iput(inode);
		inode = ERR_PTR(-ESTALE);
	}
	return d_obtain_alias(inode);
}

static struct dentry *daxfs_fh_to_dentry(struct super_block *sb, struct fid *fid, int words, int type)
{
	if (words < 3 || (type != DAXFS_FILEID_INO64_GEN && type != DAXFS_FILEID_INO64_GEN_PARENT))
		return NULL;
	return handle_dentry(sb, fid->raw);
}

static struct dentry *daxfs_fh_to_parent(struct super_block *sb, struct fid *fid, int words, int type)
{
	if (words < 6 || type != DAXFS_FILEID_INO64_GEN_PARENT)
		return NULL;
	return handle_dentry(sb, fid->raw + 3);
}

static struct dentry *daxfs_get_parent(struct dentry *child)
{
	return d_obtain_alias(iget_outside(child->d_sb, DAXFS_I(d_inode(child))->parent));
}

const struct export_operations daxfs_export_operations = {
	.encode_fh = daxfs_encode_fh,
	.fh_to_dentry = daxfs_fh_to_dentry,
	.fh_to_parent = daxfs_fh_to_parent,
	.get_parent = daxfs_get_parent,
};
