// SPDX-License-Identifier: GPL-2.0
/*
 * Whether blocks can be read: memory that has failed is met here, before its bytes are loaded from anywhere else.
 */
#include "bits.h"
#include "daxfs.h"
#include "error.h"
#include "media.h"

bool daxfs_block_readable(struct daxfs_sb_info *sbi, u64 block)
{
	const void *from = daxfs_block(sbi, block);
	pgoff_t page = (sbi->dax_start >> PAGE_SHIFT) + block;
	u8 buffer[256];
	size_t at;

	/* What the driver knows is not even tried. */
	if (daxfs_is_poison(dax_direct_access(sbi->dax_dev, page, 1, DAX_ACCESS, NULL, NULL)))
		return false;
	for (at = 0; at < DAXFS_BLOCK_SIZE; at += sizeof(buffer))
		if (copy_mc_to_kernel(buffer, from + at, sizeof(buffer)))
			return false;
	return true;
}

int daxfs_first_touch(struct super_block *sb, u64 ino, u64 block)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	u32 agno = daxfs_ag_of(sbi, block);
	u32 bit = block - daxfs_ag_start(sbi, agno);
	unsigned long *touched = daxfs_ag_bits(&sbi->ags[agno], &sbi->ags[agno].touched);

	if (touched && test_bit(bit, touched))
		return 0;
	if (!daxfs_block_readable(sbi, block))
		return daxfs_media_error(sb, ino, block);
	if (touched)
		set_bit(bit, touched);
	return 0;
}
