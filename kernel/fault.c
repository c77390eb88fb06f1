// SPDX-License-Identifier: GPL-2.0
/*
 * Page faults on mapped files. What allocates and zeroes is fault_fill() in iomap.c; here is the locking around it, and
 * the answer to "why was this not a 2 MiB page" for the tracepoint.
 *
 * Metadata is durable when the DAX code returns, so a MAP_SYNC mapping needs nothing more. The size never moves here.
 */
#include <linux/mm.h>
#include <linux/xarray.h>

#include "data.h"
#include "daxfs.h"
#include "fault.h"
#include "iomap.h"
#include "trace.h"
#include "zero.h"

#define HUGE_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#define HUGE_COLOUR	((1ul << HUGE_ORDER) - 1)

static bool is_shared_write(const struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_WRITE && vmf->vma->vm_flags & VM_SHARED;
}

/* What can be seen without any lock to make 2 MiB impossible: then nothing needs to be begun. */
static enum daxfs_fault_reason hopeless(const struct vm_fault *vmf, const struct inode *inode)
{
	unsigned long start = vmf->address & PMD_MASK;

	if ((vmf->pgoff ^ vmf->address >> PAGE_SHIFT) & HUGE_COLOUR || start < vmf->vma->vm_start ||
	    vmf->vma->vm_end - start < PMD_SIZE)
		return DAXFS_FAULT_VMA;
	if (vmf->flags & FAULT_FLAG_WRITE && !(vmf->vma->vm_flags & VM_SHARED))
		return DAXFS_FAULT_PRIVATE;
	if (((u64)vmf->pgoff | HUGE_COLOUR) > (i_size_read(inode) - 1) >> PAGE_SHIFT)
		return DAXFS_FAULT_EOF;
	return DAXFS_FAULT_NONE;
}

/* Looked up afterwards, and only if somebody listens. */
static enum daxfs_fault_reason why_fallback(const struct vm_fault *vmf, struct inode *inode)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);
	struct xarray *cached = &inode->i_mapping->i_pages;
	unsigned long first = vmf->pgoff & ~HUGE_COLOUR, index = first;
	struct daxfs_map map;

	if (daxfs_lookup_shared(inode, first, &map))
		return DAXFS_FAULT_ERROR;
	if (map.count < DAXFS_HUGE_BLOCKS)
		return map.state == DAXFS_MAP_WRITTEN ? DAXFS_FAULT_SHORT_EXTENT : DAXFS_FAULT_PARTLY_MAPPED;
	if (map.state != DAXFS_MAP_HOLE && !daxfs_congruent(sbi, map.disk_block, first))
		return DAXFS_FAULT_NOT_CONGRUENT;
	if (xa_find(cached, &index, first + HUGE_COLOUR, XA_PRESENT))
		return xa_get_order(cached, index) < HUGE_ORDER ? DAXFS_FAULT_CACHED_SMALL : DAXFS_FAULT_OTHER;
	if (map.state == DAXFS_MAP_HOLE && is_shared_write(vmf))
		return DAXFS_FAULT_NO_HUGE_PAGE;
	return DAXFS_FAULT_OTHER;
}

static __always_inline vm_fault_t fault_locked(struct vm_fault *vmf, unsigned int order, bool write, int *err)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	vm_fault_t result;
	pfn_t pfn;

	filemap_invalidate_lock_shared(inode->i_mapping);
	/* Once more, under the lock: see stop_stores(). */
	result = write && IS_IMMUTABLE(inode) ? VM_FAULT_SIGBUS :
		 dax_iomap_fault(vmf, daxfs_dax_order(order), &pfn, err, &daxfs_fault_iomap_ops);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	return result;
}

/* Once. */
static noinline bool make_room(struct inode *inode, u64 file_block, bool *tried)
{
	if (*tried)
		return false;
	*tried = true;
	return daxfs_settle_due(inode->i_sb) || !daxfs_fill_around(inode, file_block);
}

static vm_fault_t fault(struct vm_fault *vmf, unsigned int order)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	bool write = is_shared_write(vmf);
	bool tried = false;
	vm_fault_t result;
	int err = 0;

	if (daxfs_is_shutdown(DAXFS_SB(inode->i_sb)) || (write && IS_IMMUTABLE(inode)))
		return VM_FAULT_SIGBUS;
	if (write) {
		sb_start_pagefault(inode->i_sb);
		file_update_time(vmf->vma->vm_file);
	}
	for (;;) {
		result = fault_locked(vmf, order, write, &err);
		if (likely(err != -ENOSPC) || !make_room(inode, vmf->pgoff, &tried))
			break;
		err = 0;
	}
	if (write)
		sb_end_pagefault(inode->i_sb);
	return result;
}

static vm_fault_t traced_fault(struct vm_fault *vmf, unsigned int order)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	bool traced = trace_daxfs_fault_enabled();
	enum daxfs_fault_reason reason = DAXFS_FAULT_NONE;
	u64 start = daxfs_trace_start(traced);
	vm_fault_t result = VM_FAULT_FALLBACK;

	if (order)
		reason = hopeless(vmf, inode);
	if (reason == DAXFS_FAULT_NONE)
		result = fault(vmf, order);
	if (!traced)
		return result;
	if (reason == DAXFS_FAULT_NONE && result & VM_FAULT_FALLBACK)
		reason = why_fallback(vmf, inode);
	trace_daxfs_fault(inode, (u64)vmf->pgoff << PAGE_SHIFT, vmf->address, order, vmf->flags,
			  (__force u32)result, reason, daxfs_trace_duration(start));
	return result;
}

static vm_fault_t daxfs_huge_fault(struct vm_fault *vmf, DAXFS_FAULT_ORDER_ARG)
{
	/* The kernel tries 1 GiB first: nothing may be begun for that. */
	if (daxfs_fault_order(order) != HUGE_ORDER)
		return VM_FAULT_FALLBACK;
	return traced_fault(vmf, HUGE_ORDER);
}

static vm_fault_t daxfs_fault(struct vm_fault *vmf)
{
	return traced_fault(vmf, 0);
}

/* A page that is mapped read-only is written to: the DAX code must mark it dirty, the file gets its mtime. */
static vm_fault_t daxfs_pfn_mkwrite(struct vm_fault *vmf)
{
	u64 start = daxfs_trace_start(trace_daxfs_pfn_mkwrite_enabled());
	vm_fault_t result = fault(vmf, 0);

	trace_daxfs_pfn_mkwrite(file_inode(vmf->vma->vm_file), (u64)vmf->pgoff << PAGE_SHIFT, (__force u32)result,
				daxfs_trace_duration(start));
	return result;
}

/*
 * There is nothing to map around a fault that has no fault of its own yet. But only where this operation exists does the
 * kernel call fault() under the lock of the VMA: else each fault of 4 KiB drops it, and begins again under mmap_lock.
 */
static vm_fault_t daxfs_map_pages(struct vm_fault *vmf, pgoff_t first, pgoff_t last)
{
	return 0;
}

const struct vm_operations_struct daxfs_vm_ops = {
	.map_pages	= daxfs_map_pages,
	.fault		= daxfs_fault,
	.huge_fault	= daxfs_huge_fault,
	.page_mkwrite	= daxfs_fault,
	.pfn_mkwrite	= daxfs_pfn_mkwrite,
};
