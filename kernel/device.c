// SPDX-License-Identifier: GPL-2.0
/*
 * The device below: found, judged and mapped. After daxfs_device_open() every block of it has an address.
 *
 * The mapping is asked for in pieces of 1 GiB, because drivers count a request in 32 bits and a device-mapper table
 * answers for one target at a time. Each piece must be one range of addresses.
 */
#include <linux/blkdev.h>
#include <linux/pfn_t.h>

#include "daxfs.h"

#define PIECE_PAGES	(1l << DAXFS_PIECE_SHIFT)

/*
 * With bad blocks in the range the plain access refuses all of it. The address is the same either way: the copies that
 * may meet poison are machine-check safe.
 */
static long direct_access(struct daxfs_sb_info *sbi, u64 page, long pages, void **address, pfn_t *pfn)
{
	pgoff_t at = (sbi->dax_start >> PAGE_SHIFT) + page;
	long got = dax_direct_access(sbi->dax_dev, at, pages, DAX_ACCESS, address, pfn);

	if (daxfs_is_poison(got))
		got = dax_direct_access(sbi->dax_dev, at, pages, DAX_RECOVERY_WRITE, address, pfn);
	return min(got, pages);
}

static int map_piece(struct super_block *sb, u64 page, long pages, void **piece)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	long done = 0;

	while (done < pages) {
		void *address;
		pfn_t pfn;
		long got = direct_access(sbi, page + done, pages - done, &address, &pfn);

		if (got <= 0) {
			pr_err("daxfs (%pg): cannot map page %llu of the device: error %ld\n", sb->s_bdev, page + done,
			       got);
			return got ? got : -EIO;
		}
		if (!pfn_t_has_page(pfn)) {
			pr_err("daxfs (%pg): the namespace has no struct pages: run ndctl create-namespace -f -e NAMESPACE -m fsdax\n",
			       sb->s_bdev);
			return -EOPNOTSUPP;
		}
		if (!done) {
			*piece = address;
		} else if (address != *piece + (done << PAGE_SHIFT)) {
			pr_err("daxfs (%pg): the device is put together from parts that are no multiple of 1 GiB: lay the device-mapper targets out in whole GiB\n",
			       sb->s_bdev);
			return -EOPNOTSUPP;
		}
		done += got;
	}
	return 0;
}

static int map_device(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 pieces, i;
	int err = 0, id;

	sbi->device_blocks = bdev_nr_bytes(sb->s_bdev) >> DAXFS_BLOCK_SHIFT;
	if (sbi->device_blocks < 1 << DAXFS_MIN_AG_BLOCKS_LOG2 >> 1) {
		pr_err("daxfs (%pg): the device is too small\n", sb->s_bdev);
		return -EINVAL;
	}
	pieces = DIV_ROUND_UP_ULL(sbi->device_blocks, PIECE_PAGES);
	sbi->pieces = kvcalloc(pieces, sizeof(*sbi->pieces), GFP_KERNEL);
	if (!sbi->pieces)
		return -ENOMEM;
	id = dax_read_lock();
	for (i = 0; i < pieces && !err; i++) {
		u64 page = i << DAXFS_PIECE_SHIFT;

		err = map_piece(sb, page, min_t(u64, PIECE_PAGES, sbi->device_blocks - page), &sbi->pieces[i]);
	}
	dax_read_unlock(id);
	return err;
}

int daxfs_device_open(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	struct block_device *bdev = sb->s_bdev;

	if (PAGE_SIZE != DAXFS_BLOCK_SIZE || !sb_set_blocksize(sb, DAXFS_BLOCK_SIZE)) {
		pr_err("daxfs (%pg): needs pages and device blocks of at most 4096 bytes\n", bdev);
		return -EINVAL;
	}
	sbi->read_only_device = bdev_read_only(bdev);
	if (!IS_ALIGNED(get_start_sect(bdev), PAGE_SECTORS) || !IS_ALIGNED(bdev_nr_sectors(bdev), PAGE_SECTORS)) {
		pr_err("daxfs (%pg): the partition does not start and end at multiples of 4096 bytes: align it, best to 2 MiB\n",
		       bdev);
		return -EINVAL;
	}
	if (daxfs_dax_get(sb)) {
		pr_err("daxfs (%pg): the device has no DAX: daxfs needs persistent memory in fsdax mode (ndctl create-namespace -f -e NAMESPACE -m fsdax; not raw, sector or devdax)\n",
		       bdev);
		return -EOPNOTSUPP;
	}
	if (!dax_synchronous(sbi->dax_dev)) {
		pr_err("daxfs (%pg): flushed stores are not durable on this device (virtio-pmem): attach it to the guest as an NVDIMM or reserve it with memmap=\n",
		       bdev);
		return -EOPNOTSUPP;
	}
	return map_device(sb);
}

void daxfs_device_close(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	daxfs_dax_put(sb);
	kvfree(sbi->pieces);
	sbi->pieces = NULL;
}
