/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What daxtrace's programs and its user space share: the rows that are measured, the counters, and the state of a fault
 * from which the reason of a fallback is told. Every counter is kept per CPU and only grows.
 */
#ifndef DAXFS_BPF_DAXTRACE_H
#define DAXFS_BPF_DAXTRACE_H

#include <linux/types.h>

#include "lib/format/daxfs_trace_format.h"

/* One row each: name, key in JSON, label in the report. The order is that of the report. */
#define DAXTRACE_OPS(row) \
	row(FAULT_PMD_READ, "fault_pmd_read", "2 MiB, read") \
	row(FAULT_PMD_WRITE, "fault_pmd_write", "2 MiB, write") \
	row(FAULT_PMD_FALLBACK, "fault_pmd_fallback", "2 MiB, fell back to 4 KiB") \
	row(FAULT_PMD_AGAIN, "fault_pmd_again", "2 MiB, tried again with mmap_lock") \
	row(FAULT_PTE_READ, "fault_pte_read", "4 KiB, read") \
	row(FAULT_PTE_WRITE, "fault_pte_write", "4 KiB, write") \
	row(FAULT_MKWRITE, "fault_pfn_mkwrite", "read-only page made writable") \
	row(FAULT_ERROR, "fault_error", "failed") \
	row(FAULT_OTHER, "fault_other", "of another size or result") \
	row(SYNC_FLUSH, "map_sync_flush", "MAP_SYNC metadata flush") \
	row(MAP_READ, "get_blocks_read", "for read()") \
	row(MAP_WRITE, "get_blocks_write", "for write()") \
	row(MAP_FAULT_READ, "get_blocks_fault_read", "for a read fault") \
	row(MAP_FAULT_WRITE, "get_blocks_fault_write", "for a write fault") \
	row(MAP_OTHER, "get_blocks_other", "to zero, seek, report, unshare") \
	row(WRITE_DONE, "write_done", "write completed") \
	row(COMMIT, "commit", "transaction committed") \
	row(WRITEBACK, "writeback", "mmap stores flushed (msync, fsync)")

enum daxtrace_op_id {
#define DAXTRACE_OP_ID(name, key, label) DAXTRACE_OP_##name,
	DAXTRACE_OPS(DAXTRACE_OP_ID)
#undef DAXTRACE_OP_ID
	DAXTRACE_OP_COUNT,
};

/* Bucket b of a histogram counts durations in [2^b, 2^(b+1)) ns; the first takes 0 too, the last is open. */
#define DAXTRACE_BUCKETS 40

struct daxtrace_op {
	__u64 count;
	__u64 errors;		/* of `count` */
	__u64 total_ns;
	__u64 max_ns;
	__u64 bytes;		/* mapped, written or flushed */
	__u64 allocated;	/* blocks newly taken, where the filesystem says so */
	__u64 histogram[DAXTRACE_BUCKETS];
};

/* Why a fault was not one of 2 MiB. The numbers are stable: they are in JSON. */
enum daxtrace_reason {
	DAXTRACE_REASON_NONE = 0,
	DAXTRACE_REASON_COLOUR = 1,
	DAXTRACE_REASON_PRIVATE_COW = 2,
	DAXTRACE_REASON_VMA_START = 3,
	DAXTRACE_REASON_VMA_END = 4,
	DAXTRACE_REASON_VMA_EDGE = 5,		/* either of the two: daxfs does not say which */
	DAXTRACE_REASON_EOF = 6,
	DAXTRACE_REASON_PTE_CONFLICT = 7,
	DAXTRACE_REASON_MAP_ERROR = 8,
	DAXTRACE_REASON_SHORT_EXTENT = 9,
	DAXTRACE_REASON_HOLE = 10,
	DAXTRACE_REASON_PHYS_MISALIGNED = 11,
	DAXTRACE_REASON_NO_HUGE_PAGE = 12,	/* daxfs */
	DAXTRACE_REASON_PARTLY_ALLOCATED = 13,	/* daxfs */
	DAXTRACE_REASON_RACED = 14,
	DAXTRACE_REASON_OTHER = 15,
	/* Not fallbacks: 4 KiB faults that no 2 MiB attempt came before. */
	DAXTRACE_REASON_NO_ATTEMPT = 16,
	DAXTRACE_REASON_PTE_TABLE = 17,
	DAXTRACE_REASON_COUNT = 18,
};

/* Counters by a number of daxfs_trace_format.h have one more, for the numbers that have no row there. */
#define DAXTRACE_ALLOC_KINDS	(DAXFS_ALLOC_KIND_COUNT + 1)
#define DAXTRACE_MAP_STATES	(DAXFS_MAP_STATE_COUNT + 1)

struct daxtrace_totals {
	__u64 seen;			/* completed operations that passed the filters */
	__u64 recorded;
	__u64 dropped_no_start;		/* began before tracing, or there was no memory to remember its start */
	__u64 other_device;		/* completed operations that the filters left out */
	__u64 other_task;
	__u64 children_missed;		/* no memory to follow a new process */
	__u64 sync_faults;		/* faults in MAP_SYNC mappings */
	__u64 sync_dirty;		/* ... whose metadata had to be flushed first */
	__u64 short_writes;		/* chunks of which less was copied than asked */
	__u64 commit_entries;
	__u64 commit_logged_bytes;
	__u64 commit_flushed_lines;
	__u64 commit_fences;
	__u64 converted;		/* unwritten to written */
	__u64 converted_bytes;
	__u64 convert_errors;
	__u64 alloc_errors;
	__u64 alloc_calls[DAXTRACE_ALLOC_KINDS];
	__u64 alloc_blocks[DAXTRACE_ALLOC_KINDS];
	__u64 map_states[DAXTRACE_MAP_STATES];	/* mappings that were given, of any filesystem */
	__u64 recoveries;
	__u64 recovery_entries;
	__u64 recovery_bytes;
	__u64 reasons[DAXTRACE_REASON_COUNT];
};

/* What is known of a 2 MiB fault when it ends. Addresses and lengths in bytes, page offsets in pages. */
struct daxtrace_pmd_fault {
	__u64 address;
	__u64 pgoff;
	__u64 max_pgoff;	/* of the file, rounded up */
	__u64 vma_start;
	__u64 vma_end;
	__u64 map_offset;	/* the mapping that iomap_begin gave */
	__u64 map_length;
	__u64 map_device;	/* on the whole device, partition start included */
	__u32 map_state;	/* enum daxfs_map_state */
	__u8 write;
	__u8 shared;
	__u8 asked;		/* iomap_begin was called */
	__u8 mapped;		/* ... and succeeded */
	__u8 hole_fallback;	/* dax_pmd_load_hole_fallback */
};

#define DAXTRACE_PMD_SIZE	(2ull << 20)
#define DAXTRACE_PMD_PAGES	512ull
#define DAXTRACE_PMD_ORDER	9

/* Why it fell back, in the order in which fs/dax.c decides. */
static inline __u32 daxtrace_pmd_reason(const struct daxtrace_pmd_fault *fault)
{
	__u64 start = fault->address & ~(DAXTRACE_PMD_SIZE - 1);
	__u64 position = (fault->pgoff & ~(DAXTRACE_PMD_PAGES - 1)) << 12;
	__u64 skip = position - fault->map_offset;

	if ((fault->pgoff ^ (fault->address >> 12)) & (DAXTRACE_PMD_PAGES - 1))
		return DAXTRACE_REASON_COLOUR;
	if (fault->write && !fault->shared)
		return DAXTRACE_REASON_PRIVATE_COW;
	if (start < fault->vma_start)
		return DAXTRACE_REASON_VMA_START;
	if (fault->vma_end - start < DAXTRACE_PMD_SIZE)
		return DAXTRACE_REASON_VMA_END;
	if ((fault->pgoff | (DAXTRACE_PMD_PAGES - 1)) >= fault->max_pgoff)
		return DAXTRACE_REASON_EOF;
	if (!fault->asked)
		return DAXTRACE_REASON_PTE_CONFLICT;
	if (!fault->mapped)
		return DAXTRACE_REASON_MAP_ERROR;
	if (skip > fault->map_length || fault->map_length - skip < DAXTRACE_PMD_SIZE)
		return DAXTRACE_REASON_SHORT_EXTENT;
	if (fault->hole_fallback || fault->map_state == DAXFS_MAP_HOLE || fault->map_state == DAXFS_MAP_UNWRITTEN)
		return DAXTRACE_REASON_HOLE;
	if (fault->map_state != DAXFS_MAP_WRITTEN)
		return DAXTRACE_REASON_OTHER;
	if ((fault->map_device + skip) & (DAXTRACE_PMD_SIZE - 1))
		return DAXTRACE_REASON_PHYS_MISALIGNED;
	return DAXTRACE_REASON_OTHER;
}

/* daxfs's own reason in our numbers. A reason that comes new to the table makes a warning here. */
static inline __u32 daxtrace_daxfs_reason(__u32 reason, __u64 offset, __u64 address)
{
	if (reason >= DAXFS_FAULT_REASON_COUNT)
		return DAXTRACE_REASON_OTHER;
	switch ((enum daxfs_fault_reason)reason) {
	case DAXFS_FAULT_VMA:
		return ((offset ^ address) & (DAXTRACE_PMD_SIZE - 1)) >> 12 ? DAXTRACE_REASON_COLOUR :
									      DAXTRACE_REASON_VMA_EDGE;
	case DAXFS_FAULT_PRIVATE:
		return DAXTRACE_REASON_PRIVATE_COW;
	case DAXFS_FAULT_EOF:
		return DAXTRACE_REASON_EOF;
	case DAXFS_FAULT_SHORT_EXTENT:
		return DAXTRACE_REASON_SHORT_EXTENT;
	case DAXFS_FAULT_NOT_CONGRUENT:
		return DAXTRACE_REASON_PHYS_MISALIGNED;
	case DAXFS_FAULT_PARTLY_MAPPED:
		return DAXTRACE_REASON_PARTLY_ALLOCATED;
	case DAXFS_FAULT_NO_HUGE_PAGE:
		return DAXTRACE_REASON_NO_HUGE_PAGE;
	case DAXFS_FAULT_ERROR:
		return DAXTRACE_REASON_MAP_ERROR;
	case DAXFS_FAULT_CACHED_SMALL:
		return DAXTRACE_REASON_PTE_CONFLICT;
	case DAXFS_FAULT_NONE:
	case DAXFS_FAULT_OTHER:
		break;
	}
	return DAXTRACE_REASON_OTHER;
}

/* For the kernel's verifier: or clang checks one copy of a number and counts by another. */
#ifndef barrier_var
#define barrier_var(var) asm volatile("" : "+r"(var))
#endif

static inline void daxtrace_count_alloc(struct daxtrace_totals *sums, __u32 kind, __u32 blocks)
{
	barrier_var(kind);
	if (kind >= DAXFS_ALLOC_KIND_COUNT)
		kind = DAXFS_ALLOC_KIND_COUNT;
	sums->alloc_calls[kind]++;
	sums->alloc_blocks[kind] += blocks;
}

static inline void daxtrace_count_map(struct daxtrace_totals *sums, __u32 state)
{
	barrier_var(state);
	if (state >= DAXFS_MAP_STATE_COUNT)
		state = DAXFS_MAP_STATE_COUNT;
	sums->map_states[state]++;
}

static inline void daxtrace_count_reason(struct daxtrace_totals *sums, __u32 reason)
{
	barrier_var(reason);
	if (reason == DAXTRACE_REASON_NONE || reason >= DAXTRACE_REASON_COUNT)
		reason = DAXTRACE_REASON_OTHER;
	sums->reasons[reason]++;
}

#define DAXTRACE_FAULT_FALLBACK		0x0800u		/* VM_FAULT_* */
#define DAXTRACE_FAULT_NEEDDSYNC	0x2000u
#define DAXTRACE_FAULT_ERROR		0x0073u		/* OOM, SIGBUS, HWPOISON(_LARGE), SIGSEGV */
#define DAXTRACE_FAULT_MAPPED		0x7300u		/* NOPAGE, LOCKED, DONE_COW, NEEDDSYNC, COMPLETED */

struct daxtrace_fault {
	__u32 order;		/* of pages; we know 0 and 9 */
	__u32 result;		/* VM_FAULT_* */
	__u8 write;
	__u8 mkwrite;
	/*
	 * Under the lock of its VMA alone (6.4 and later), of a file without vm_operations.map_pages (ext4). Its fault of
	 * 4 KiB is not possible there, so the kernel takes mmap_lock and begins again with 2 MiB: no fallback yet.
	 */
	__u8 again;
};

/* The row of a fault that ended. */
static inline __u32 daxtrace_fault_op(const struct daxtrace_fault *fault)
{
	__u32 write = fault->write;

	if (fault->result & DAXTRACE_FAULT_ERROR)
		return DAXTRACE_OP_FAULT_ERROR;
	if (fault->order && fault->order != DAXTRACE_PMD_ORDER)
		return DAXTRACE_OP_FAULT_OTHER;
	if (fault->order && fault->result & DAXTRACE_FAULT_FALLBACK)
		return fault->again ? DAXTRACE_OP_FAULT_PMD_AGAIN : DAXTRACE_OP_FAULT_PMD_FALLBACK;
	if (fault->order && !fault->result)
		return DAXTRACE_OP_FAULT_PMD_FALLBACK;
	if (!(fault->result & DAXTRACE_FAULT_MAPPED))
		return DAXTRACE_OP_FAULT_OTHER;
	if (fault->order)
		return write ? DAXTRACE_OP_FAULT_PMD_WRITE : DAXTRACE_OP_FAULT_PMD_READ;
	if (fault->mkwrite)
		return DAXTRACE_OP_FAULT_MKWRITE;
	return write ? DAXTRACE_OP_FAULT_PTE_WRITE : DAXTRACE_OP_FAULT_PTE_READ;
}

/* Of Linux's iomap, unchanged from 6.1 to 6.18. */
#define IOMAP_HOLE		0
#define IOMAP_MAPPED		2
#define IOMAP_UNWRITTEN		3

#define IOMAP_WRITE		(1u << 0)
#define IOMAP_ZERO		(1u << 1)
#define IOMAP_REPORT		(1u << 2)
#define IOMAP_FAULT		(1u << 3)
#define IOMAP_UNSHARE		(1u << 7)
#define IOMAP_DAX		(1u << 8)

/* What the other types (delayed, inline, of later kernels) are is no state of daxfs. */
static inline __u32 daxtrace_iomap_state(__u32 type)
{
	switch (type) {
	case IOMAP_HOLE:
		return DAXFS_MAP_HOLE;
	case IOMAP_MAPPED:
		return DAXFS_MAP_WRITTEN;
	case IOMAP_UNWRITTEN:
		return DAXFS_MAP_UNWRITTEN;
	default:
		return DAXFS_MAP_STATE_COUNT;
	}
}

static inline __u32 daxtrace_map_op(__u32 iomap_flags)
{
	__u32 write = iomap_flags & IOMAP_WRITE;

	if (iomap_flags & (IOMAP_ZERO | IOMAP_REPORT | IOMAP_UNSHARE))
		return DAXTRACE_OP_MAP_OTHER;
	if (iomap_flags & IOMAP_FAULT)
		return write ? DAXTRACE_OP_MAP_FAULT_WRITE : DAXTRACE_OP_MAP_FAULT_READ;
	return write ? DAXTRACE_OP_MAP_WRITE : DAXTRACE_OP_MAP_READ;
}

/* The highest set bit, by arithmetic alone: each branch would double the paths that the verifier walks. */
static inline __u32 daxtrace_bucket(__u64 ns)
{
	__u64 bits;

	if (ns >> DAXTRACE_BUCKETS)
		return DAXTRACE_BUCKETS - 1;
	bits = ns | 1;
	bits |= bits >> 1;
	bits |= bits >> 2;
	bits |= bits >> 4;
	bits |= bits >> 8;
	bits |= bits >> 16;
	bits |= bits >> 32;
	/* How many ones: by pairs, nibbles, bytes, then the sum of the bytes. */
	bits -= bits >> 1 & 0x5555555555555555ull;
	bits = (bits & 0x3333333333333333ull) + (bits >> 2 & 0x3333333333333333ull);
	bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (__u32)((bits * 0x0101010101010101ull) >> 56) - 1;
}

#endif
