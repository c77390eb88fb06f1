// SPDX-License-Identifier: GPL-2.0
/*
 * The device below: judged and mapped. After daxfs_device_map() every block of it has an address.
 *
 * The mapping is asked for in steps of at most 1 GiB, because drivers count a request in 32 bits and a device-mapper table
 * answers for one target at a time. A device is one range of addresses, or is put together from parts (linear and striped
 * targets): then it is mapped in pieces of the largest power of two that no border between parts lies inside of.
 */
#include <linux/blkdev.h>
#include <linux/pfn_t.h>
#include <linux/vmalloc.h>

#include "daxfs.h"
#include "device.h"

#define MAX_PIECE_SHIFT	18	/* 1 GiB */
#define MIN_PIECE_SHIFT	9	/* 2 MiB: of smaller ones no block of a file could be huge, and the table were long */

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

/* The range of addresses at `page`: its length, or an error. */
static long map_step(struct super_block *sb, u64 page, void **address)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	long pages = min_t(u64, 1l << MAX_PIECE_SHIFT, sbi->device_blocks - page), got;
	pfn_t pfn;

	got = direct_access(sbi, page, pages, address, &pfn);
	if (got <= 0) {
		pr_err("daxfs (%pg): cannot map page %llu of the device: error %ld\n", sb->s_bdev, page, got);
		return got ? got : -EIO;
	}
	if (!pfn_t_has_page(pfn)) {
		pr_err("daxfs (%pg): the namespace has no struct pages: run ndctl create-namespace -f -e NAMESPACE -m fsdax\n",
		       sb->s_bdev);
		return -EOPNOTSUPP;
	}
	return got;
}

/* Finds `whole`, or `piece_shift`. */
static int measure_parts(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	void *first = NULL, *expected = NULL, *address;
	u64 page, borders = 0;
	long got;

	for (page = 0; page < sbi->device_blocks; page += got) {
		got = map_step(sb, page, &address);
		if (got < 0)
			return got;
		if (!page)
			first = address;
		else if (address != expected)
			borders |= page;
		if (borders & ((1u << MIN_PIECE_SHIFT) - 1)) {
			pr_err("daxfs (%pg): the device is put together from parts that do not begin and end at multiples of 2 MiB: lay the device-mapper targets out in whole 2 MiB, stripes too\n",
			       sb->s_bdev);
			return -EOPNOTSUPP;
		}
		expected = address + (got << PAGE_SHIFT);
		cond_resched();
	}
	if (borders) {
		sbi->piece_shift = min_t(u8, __ffs64(borders), MAX_PIECE_SHIFT);
	} else {
		sbi->whole = first;
		sbi->whole_pfn = page_to_pfn(virt_to_page(first));
	}
	return 0;
}

static int map_pieces(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u64 pieces = DIV_ROUND_UP_ULL(sbi->device_blocks, 1ull << sbi->piece_shift), i;
	long got;

	sbi->pieces = kvcalloc(pieces, sizeof(*sbi->pieces), GFP_KERNEL);
	if (!sbi->pieces)
		return -ENOMEM;
	for (i = 0; i < pieces; i++) {
		got = map_step(sb, i << sbi->piece_shift, &sbi->pieces[i]);
		if (got < 0)
			return got;
		cond_resched();
	}
	return 0;
}

/* What align_blocks had to be, modulo 2 MiB, for groups to start on 2 MiB of physical memory in the part at `block`. */
static u32 wanted_alignment(const struct daxfs_sb_info *sbi, u64 block)
{
	return (block - page_to_pfn(daxfs_page(sbi, block))) & (DAXFS_HUGE_BLOCKS - 1);
}

void daxfs_check_alignment(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 wanted = wanted_alignment(sbi, 0), offset = (sbi->align_blocks - wanted) & (DAXFS_HUGE_BLOCKS - 1);
	u64 block;

	for (block = 0; !sbi->whole && block < sbi->device_blocks; block += 1ull << sbi->piece_shift) {
		if (wanted_alignment(sbi, block) == wanted)
			continue;
		pr_warn("daxfs (%pg): parts of the device cannot be mapped in pages of 2 MiB: let each of them start at a multiple of 2 MiB of memory (pvcreate --dataalignment 2M)\n",
			sb->s_bdev);
		return;
	}
	if (!offset)
		return;
	if (wanted && wanted < DAXFS_MIN_ALIGN_BLOCKS)
		wanted += DAXFS_HUGE_BLOCKS;
	pr_warn("daxfs (%pg): nothing can be mapped in pages of 2 MiB: allocation groups start %u KiB behind a multiple of 2 MiB of memory: to mend it make the filesystem anew with mkfs.daxfs --align %u\n",
		sb->s_bdev, offset << (DAXFS_BLOCK_SHIFT - 10), wanted);
}

void *daxfs_map_range(struct daxfs_sb_info *sbi, u64 block, u32 count)
{
	void *first = daxfs_block(sbi, block), *mapped;
	struct page **pages;
	u32 i;

	for (i = 1; i < count && daxfs_block(sbi, block + i) == first + ((size_t)i << DAXFS_BLOCK_SHIFT); i++)
		;
	if (i == count)
		return first;
	pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;
	for (i = 0; i < count; i++)
		pages[i] = daxfs_page(sbi, block + i);
	mapped = vmap(pages, count, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	return mapped;
}

void daxfs_unmap_range(const void *address)
{
	if (is_vmalloc_addr(address))
		vunmap(address);
}

int daxfs_device_check(struct super_block *sb)
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
	return 0;
}

int daxfs_device_map(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	int err, id;

	sbi->device_blocks = bdev_nr_bytes(sb->s_bdev) >> DAXFS_BLOCK_SHIFT;
	if (sbi->device_blocks < 1 << DAXFS_MIN_AG_BLOCKS_LOG2 >> 1) {
		pr_err("daxfs (%pg): the device is too small\n", sb->s_bdev);
		return -EINVAL;
	}
	id = dax_read_lock();
	err = measure_parts(sb);
	if (!err && !sbi->whole)
		err = map_pieces(sb);
	dax_read_unlock(id);
	return err;
}

void daxfs_device_unmap(struct daxfs_sb_info *sbi)
{
	kvfree(sbi->pieces);
	sbi->pieces = NULL;
	sbi->whole = NULL;
}
