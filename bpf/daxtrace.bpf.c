// SPDX-License-Identifier: GPL-2.0
/*
 * daxtrace's programs: they count and time in per-CPU maps, so that a summary needs no ring buffer and no reader that
 * keeps up. The begin of an operation is remembered in task storage: faults sleep and migrate, so a slot of a CPU would
 * be wrong, and storage costs less than a hash.
 *
 * Only tracepoints' arguments are used (tp_btf), whose positions are an interface; records in tracefs drift.
 *
 * A daxfs inode also passes fs/iomap and fs/dax.c. Where daxfs's own tracepoints are attached they count its operations,
 * and the general ones leave them alone.
 *
 * seen = recorded + dropped holds for every CPU: each completed operation that passes the filters is one of the two.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "kernel_types.h"
#include "daxtrace.h"

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 only_device;	/* the kernel's dev_t; 0: all */
const volatile __u32 only_tgid;		/* in the initial pid namespace; 0: none */
const volatile __u8 only_followed;	/* tasks marked by user space, only_tgid, and their later children */
const volatile __u8 daxfs_faults;	/* daxfs_fault and daxfs_pfn_mkwrite are attached */
const volatile __u8 daxfs_maps;		/* daxfs_get_blocks_* are attached */

__u8 enabled;

/* Of one task. Times are bpf_ktime_get_ns(), 0 when nothing is under way. */
struct task_state {
	__u64 followed;
	__u64 map_start;
	__u64 map_inode;
	__u64 pte_start;
	__u64 pmd_start;
	__u64 sync_start;
	__u64 writeback_start;
	__u64 writeback_pages;
	__u64 tried;			/* address whose 2 MiB fault has just fallen back, | 1 */
	__u32 map_flags;
	__u32 core_reason;		/* what fs/dax.c's part of a daxfs fault fell back for */
	struct daxtrace_pmd_fault pmd;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DAXTRACE_OP_COUNT);
	__type(key, __u32);
	__type(value, struct daxtrace_op);
} ops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct daxtrace_totals);
} totals SEC(".maps");

static __always_inline struct task_state *this_task(__u64 flags)
{
	return bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, flags);
}

static __always_inline bool wanted(const struct task_state *state)
{
	if (!only_followed)
		return true;
	if (only_tgid && bpf_get_current_pid_tgid() >> 32 == only_tgid)
		return true;
	return state && state->followed;
}

static __always_inline bool other_device(const struct super_block *sb)
{
	return only_device && sb->s_dev != only_device;
}

static __always_inline bool of_daxfs(const struct inode *inode)
{
	return inode->i_sb->s_magic == DAXFS_STATFS_MAGIC;
}

/* An operation begins: the state to remember it in, or NULL if it is filtered out or there is no memory. */
static __always_inline struct task_state *begin(const struct super_block *sb)
{
	struct task_state *state;

	if (!enabled || other_device(sb))
		return NULL;
	if (!only_followed)
		return this_task(BPF_LOCAL_STORAGE_GET_F_CREATE);
	state = this_task(0);
	if (!wanted(state))
		return NULL;
	return state ? state : this_task(BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* An operation ended: the counters, with `seen` counted, or NULL if it is filtered out. */
static __always_inline struct daxtrace_totals *end(const struct super_block *sb, struct task_state **state)
{
	struct daxtrace_totals *sums;
	__u32 zero = 0;

	if (!enabled)
		return NULL;
	sums = bpf_map_lookup_elem(&totals, &zero);
	if (!sums)
		return NULL;
	if (other_device(sb)) {
		sums->other_device++;
		return NULL;
	}
	if (state || only_followed) {
		struct task_state *current_state = this_task(0);

		if (!wanted(current_state)) {
			sums->other_task++;
			return NULL;
		}
		if (state)
			*state = current_state;
	}
	sums->seen++;
	return sums;
}

static __always_inline struct daxtrace_op *record(struct daxtrace_totals *sums, __u32 row, __u64 duration, bool error)
{
	struct daxtrace_op *op = bpf_map_lookup_elem(&ops, &row);
	__u32 bucket = daxtrace_bucket(duration);

	sums->recorded++;
	if (!op)
		return NULL;
	op->count++;
	op->total_ns += duration;
	if (error)
		op->errors++;
	if (duration > op->max_ns)
		op->max_ns = duration;
	barrier_var(bucket);
	if (bucket < DAXTRACE_BUCKETS)
		op->histogram[bucket]++;
	return op;
}

/* The same of an operation whose begin must have been seen: else it is dropped. */
static __always_inline struct daxtrace_totals *end_begun(const struct super_block *sb, struct task_state **state)
{
	struct daxtrace_totals *sums = end(sb, state);

	if (!sums || *state)
		return sums;
	sums->dropped_no_start++;
	return NULL;
}

/* The time since *start, which it clears; 0 and counted as dropped when there was none. */
static __always_inline __u64 elapsed(struct daxtrace_totals *sums, __u64 *start)
{
	__u64 from = *start;
	__u64 duration;

	if (!from) {
		sums->dropped_no_start++;
		return 0;
	}
	*start = 0;
	duration = bpf_ktime_get_ns() - from;
	return duration ? duration : 1;
}

/* See daxtrace_fault.again. */
static __always_inline bool begins_again(const struct vm_fault *vmf)
{
	return bpf_core_enum_value_exists(enum fault_flag, FAULT_FLAG_VMA_LOCK) &&
	       vmf->flags & bpf_core_enum_value(enum fault_flag, FAULT_FLAG_VMA_LOCK) && !vmf->vma->vm_ops->map_pages;
}

static __always_inline __u32 fault_row(__u32 order, __u32 flags, __u32 result, bool again)
{
	const struct daxtrace_fault fault = {
		.order = order,
		.result = result,
		.write = flags & FAULT_FLAG_WRITE,
		.mkwrite = !!(flags & FAULT_FLAG_MKWRITE),
		.again = again,
	};

	return daxtrace_fault_op(&fault);
}

/* Children of a followed task are followed. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct task_state *state;
	struct daxtrace_totals *sums;
	__u32 zero = 0;

	if (!only_followed)
		return 0;
	state = bpf_task_storage_get(&tasks, parent, 0, 0);
	if (!(state && state->followed) && !(only_tgid && (__u32)parent->tgid == only_tgid))
		return 0;
	state = bpf_task_storage_get(&tasks, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (state) {
		state->followed = 1;
		return 0;
	}
	sums = bpf_map_lookup_elem(&totals, &zero);
	if (sums)
		sums->children_missed++;
	return 0;
}

/*
 * iomap: any filesystem's mappings for DAX. An iomap_iter without an iomap_iter_dstmap is the end of the loop or a
 * failed iomap_begin.
 */

/* A begin that no answer came to before the task's next step has failed. */
static __always_inline void settle_failed_map(const struct super_block *sb, struct task_state *state)
{
	struct daxtrace_totals *sums;
	__u64 start = state->map_start;

	if (!start)
		return;
	state->map_start = 0;
	sums = end(sb, NULL);
	if (sums)
		record(sums, daxtrace_map_op(state->map_flags), bpf_ktime_get_ns() - start, true);
}

/* Whether the loop ends here, as iomap_iter_advance() will decide. */
static __always_inline bool loop_ends(const struct iomap_iter *iter)
{
	if (!bpf_core_field_exists(iter->processed))
		return false;
	return iter->iomap.length && (iter->processed <= 0 || (__u64)iter->processed >= iter->len);
}

SEC("tp_btf/iomap_iter")
int BPF_PROG(on_iomap_iter, struct iomap_iter *iter)
{
	struct task_state *state;

	if (!(iter->flags & IOMAP_DAX) || (daxfs_maps && of_daxfs(iter->inode)))
		return 0;
	state = begin(iter->inode->i_sb);
	if (!state)
		return 0;
	if (loop_ends(iter)) {
		state->map_start = 0;
		return 0;
	}
	settle_failed_map(iter->inode->i_sb, state);
	state->map_flags = iter->flags;
	state->map_inode = (__u64)iter->inode;
	if (state->pmd_start)
		state->pmd.asked = 1;
	state->map_start = bpf_ktime_get_ns();
	return 0;
}

/* Keeps what the end of the 2 MiB fault under way will be judged by. */
static __always_inline void remember_mapping(struct task_state *state, const struct super_block *sb,
					     const struct iomap *iomap)
{
	state->pmd.mapped = 1;
	state->pmd.map_offset = (__u64)iomap->offset;
	state->pmd.map_length = iomap->length;
	state->pmd.map_state = daxtrace_iomap_state(iomap->type);
	state->pmd.map_device = iomap->addr;
	if (sb->s_bdev)
		state->pmd.map_device += sb->s_bdev->bd_start_sect << SECTOR_SHIFT;
}

SEC("tp_btf/iomap_iter_dstmap")
int BPF_PROG(on_iomap_iter_dstmap, struct inode *inode, struct iomap *iomap)
{
	struct task_state *state;
	struct daxtrace_totals *sums;
	struct daxtrace_op *op;
	__u64 duration;

	if (!enabled || (daxfs_maps && of_daxfs(inode)) || other_device(inode->i_sb))
		return 0;
	state = this_task(0);
	/* Most of iomap's users are not DAX: what did not begin as DAX is not ours, and not dropped either. */
	if (!state || !state->map_start || state->map_inode != (__u64)inode)
		return 0;
	sums = end(inode->i_sb, &state);
	if (!sums || !state)
		return 0;
	duration = elapsed(sums, &state->map_start);
	if (!duration)
		return 0;
	op = record(sums, daxtrace_map_op(state->map_flags), duration, false);
	if (op)
		op->bytes += iomap->length;
	daxtrace_count_map(sums, daxtrace_iomap_state(iomap->type));
	if (state->pmd_start)
		remember_mapping(state, inode->i_sb, iomap);
	return 0;
}

/* fs/dax.c: faults. */

SEC("tp_btf/dax_pmd_fault")
int BPF_PROG(on_dax_pmd_fault, struct inode *inode, struct vm_fault *vmf)
{
	struct task_state *state = begin(inode->i_sb);

	if (!state)
		return 0;
	state->pmd.asked = 0;
	state->pmd.mapped = 0;
	state->pmd.hole_fallback = 0;
	state->core_reason = 0;
	state->map_start = 0;
	state->pmd_start = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/dax_pmd_load_hole_fallback")
int BPF_PROG(on_dax_pmd_load_hole_fallback)
{
	struct task_state *state = this_task(0);

	if (state)
		state->pmd.hole_fallback = 1;
	return 0;
}

static __always_inline void count_sync(struct daxtrace_totals *sums, struct task_state *state, __u64 vm_flags,
				       __u32 result)
{
	/* One that falls back comes again as a fault of 4 KiB. */
	if (vm_flags & VM_SYNC && !(result & (DAXTRACE_FAULT_FALLBACK | DAXTRACE_FAULT_ERROR)))
		sums->sync_faults++;
	if (result & DAXTRACE_FAULT_NEEDDSYNC) {
		sums->sync_dirty++;
		state->sync_start = bpf_ktime_get_ns();
	}
}

/* The core's part of a fault that daxfs_fault will count: only what daxfs does not say. */
static __always_inline struct task_state *inside_daxfs(const struct super_block *sb, const struct vm_fault *vmf,
							__u32 result)
{
	struct task_state *state = begin(sb);
	struct daxtrace_totals *sums;
	__u32 zero = 0;

	if (!state || result & DAXTRACE_FAULT_FALLBACK)
		return state;
	sums = bpf_map_lookup_elem(&totals, &zero);
	if (sums)
		count_sync(sums, state, vmf->vma->vm_flags, result);
	return state;
}

static __always_inline __u32 pmd_reason(struct daxtrace_pmd_fault *fault, const struct vm_fault *vmf, __u64 max_pgoff,
					__u32 result)
{
	if (!(result & DAXTRACE_FAULT_FALLBACK))
		return DAXTRACE_REASON_RACED;
	fault->address = vmf->address;
	fault->pgoff = vmf->pgoff;
	fault->max_pgoff = max_pgoff;
	fault->vma_start = vmf->vma->vm_start;
	fault->vma_end = vmf->vma->vm_end;
	fault->write = vmf->flags & FAULT_FLAG_WRITE;
	fault->shared = !!(vmf->vma->vm_flags & VM_SHARED);
	return daxtrace_pmd_reason(fault);
}

SEC("tp_btf/dax_pmd_fault_done")
int BPF_PROG(on_dax_pmd_fault_done, struct inode *inode, struct vm_fault *vmf, unsigned long max_pgoff, int result)
{
	__u32 row = fault_row(9, vmf->flags, result, begins_again(vmf));
	struct task_state *state = NULL;
	struct daxtrace_totals *sums;
	__u64 duration;

	if (daxfs_faults && of_daxfs(inode)) {
		state = inside_daxfs(inode->i_sb, vmf, result);
		if (!state)
			return 0;
		state->pmd_start = 0;
		if (result & DAXTRACE_FAULT_FALLBACK)
			state->core_reason = pmd_reason(&state->pmd, vmf, max_pgoff, result);
		return 0;
	}
	sums = end_begun(inode->i_sb, &state);
	if (!sums)
		return 0;
	settle_failed_map(inode->i_sb, state);
	duration = elapsed(sums, &state->pmd_start);
	if (!duration)
		return 0;
	record(sums, row, duration, false);
	count_sync(sums, state, vmf->vma->vm_flags, result);
	if (row == DAXTRACE_OP_FAULT_PMD_FALLBACK) {
		state->tried = (vmf->address & ~(DAXTRACE_PMD_SIZE - 1)) | 1;
		daxtrace_count_reason(sums, pmd_reason(&state->pmd, vmf, max_pgoff, result));
	}
	return 0;
}

/* A 4 KiB fault that no 2 MiB attempt of this task has just preceded: was none allowed, or was it too late for one? */
static __always_inline void count_unattempted(struct daxtrace_totals *sums, struct task_state *state,
					      const struct vm_fault *vmf)
{
	__u64 tried = state->tried;

	state->tried = 0;
	if (tried != ((vmf->address & ~(DAXTRACE_PMD_SIZE - 1)) | 1) && !(vmf->flags & FAULT_FLAG_MKWRITE))
		daxtrace_count_reason(sums, vmf->pmd->pmd ? DAXTRACE_REASON_PTE_TABLE : DAXTRACE_REASON_NO_ATTEMPT);
}

SEC("tp_btf/dax_pte_fault")
int BPF_PROG(on_dax_pte_fault, struct inode *inode, struct vm_fault *vmf)
{
	struct task_state *state = begin(inode->i_sb);
	struct daxtrace_totals *sums;
	__u32 zero = 0;

	if (!state)
		return 0;
	sums = bpf_map_lookup_elem(&totals, &zero);
	if (!sums)
		return 0;
	count_unattempted(sums, state, vmf);
	if (daxfs_faults && of_daxfs(inode)) {
		/* daxfs_fault will count it, but has no view of the mapping. */
		count_sync(sums, state, vmf->vma->vm_flags, 0);
		return 0;
	}
	state->pmd_start = 0;
	state->map_start = 0;
	state->pte_start = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/dax_pte_fault_done")
int BPF_PROG(on_dax_pte_fault_done, struct inode *inode, struct vm_fault *vmf, int result)
{
	struct task_state *state = NULL;
	struct daxtrace_totals *sums;
	__u64 duration;

	if (daxfs_faults && of_daxfs(inode))
		return 0;
	sums = end_begun(inode->i_sb, &state);
	if (!sums)
		return 0;
	settle_failed_map(inode->i_sb, state);
	duration = elapsed(sums, &state->pte_start);
	if (!duration)
		return 0;
	record(sums, fault_row(0, vmf->flags, result, false), duration, false);
	count_sync(sums, state, vmf->vma->vm_flags, result);
	return 0;
}

/* The end of a MAP_SYNC fault whose metadata had to be flushed. */
SEC("tp_btf/dax_insert_pfn_mkwrite")
int BPF_PROG(on_dax_insert_pfn_mkwrite, struct inode *inode)
{
	struct task_state *state = NULL;
	struct daxtrace_totals *sums = end_begun(inode->i_sb, &state);
	__u64 duration;

	if (!sums)
		return 0;
	duration = elapsed(sums, &state->sync_start);
	if (duration)
		record(sums, DAXTRACE_OP_SYNC_FLUSH, duration, false);
	return 0;
}

/* fs/dax.c: msync and fsync flush what was stored through mappings. */

SEC("tp_btf/dax_writeback_range")
int BPF_PROG(on_dax_writeback_range, struct inode *inode)
{
	struct task_state *state = begin(inode->i_sb);

	if (state) {
		state->writeback_pages = 0;
		state->writeback_start = bpf_ktime_get_ns();
	}
	return 0;
}

SEC("tp_btf/dax_writeback_one")
int BPF_PROG(on_dax_writeback_one, struct inode *inode, unsigned long pgoff, unsigned long pglen)
{
	struct task_state *state = begin(inode->i_sb);

	if (state)
		state->writeback_pages += pglen;
	return 0;
}

SEC("tp_btf/dax_writeback_range_done")
int BPF_PROG(on_dax_writeback_range_done, struct inode *inode)
{
	struct task_state *state = NULL;
	struct daxtrace_totals *sums = end_begun(inode->i_sb, &state);
	struct daxtrace_op *op;
	__u64 duration;

	if (!sums)
		return 0;
	duration = elapsed(sums, &state->writeback_start);
	if (!duration)
		return 0;
	op = record(sums, DAXTRACE_OP_WRITEBACK, duration, false);
	if (op)
		op->bytes += state->writeback_pages << PAGE_SHIFT;
	return 0;
}

/*
 * daxfs: its tracepoints carry their durations. Their pointers are never NULL, but later kernels believe that only of
 * their own tracepoints.
 */

SEC("tp_btf/daxfs_get_blocks_enter")
int BPF_PROG(on_daxfs_get_blocks_enter, const struct inode *inode, __u64 offset, __u64 length, unsigned int flags)
{
	struct task_state *state = inode ? begin(inode->i_sb) : NULL;

	if (state) {
		state->map_flags = flags;
		state->map_start = 1;
		state->pmd.asked = 1;
	}
	return 0;
}

SEC("tp_btf/daxfs_get_blocks_exit")
int BPF_PROG(on_daxfs_get_blocks_exit, const struct inode *inode, __u64 offset, __u64 mapped, __u64 disk_offset,
	     unsigned int map_state, __u32 allocated, int error, __u64 duration)
{
	struct task_state *state = NULL;
	struct daxtrace_totals *sums = inode ? end(inode->i_sb, &state) : NULL;
	struct daxtrace_op *op;

	if (!sums)
		return 0;
	if (!state || !state->map_start) {
		sums->dropped_no_start++;
		return 0;
	}
	state->map_start = 0;
	if (!error) {
		state->pmd.mapped = 1;
		state->pmd.map_offset = offset;
		state->pmd.map_length = mapped;
		state->pmd.map_state = map_state;
		state->pmd.map_device = 0;	/* daxfs itself says when an extent is not congruent */
		daxtrace_count_map(sums, map_state);
	}
	op = record(sums, daxtrace_map_op(state->map_flags), duration, error);
	if (op) {
		op->bytes += error ? 0 : mapped;
		op->allocated += allocated;
	}
	return 0;
}

SEC("tp_btf/daxfs_fault")
int BPF_PROG(on_daxfs_fault, const struct inode *inode, __u64 offset, __u64 address, unsigned int order,
	     unsigned int flags, unsigned int result, unsigned int reason, __u64 duration)
{
	struct daxtrace_totals *sums = inode ? end(inode->i_sb, NULL) : NULL;
	struct task_state *state;
	__u32 row, why;

	if (!sums)
		return 0;
	row = fault_row(order, flags, result, false);
	record(sums, row, duration, false);
	if (row != DAXTRACE_OP_FAULT_PMD_FALLBACK)
		return 0;
	why = result ? daxtrace_daxfs_reason(reason, offset, address) : DAXTRACE_REASON_RACED;
	state = begin(inode->i_sb);
	if (state) {
		state->tried = (address & ~(DAXTRACE_PMD_SIZE - 1)) | 1;
		/* daxfs looks at its extents; what else there is, such as cached entries of 4 KiB, the core knows. */
		if (why == DAXTRACE_REASON_OTHER && state->core_reason)
			why = state->core_reason;
		state->core_reason = 0;
	}
	daxtrace_count_reason(sums, why);
	return 0;
}

SEC("tp_btf/daxfs_pfn_mkwrite")
int BPF_PROG(on_daxfs_pfn_mkwrite, const struct inode *inode, __u64 offset, unsigned int result, __u64 duration)
{
	struct daxtrace_totals *sums = inode ? end(inode->i_sb, NULL) : NULL;

	if (sums)
		record(sums, fault_row(0, FAULT_FLAG_WRITE | FAULT_FLAG_MKWRITE, result, false), duration, false);
	return 0;
}

SEC("tp_btf/daxfs_write_done")
int BPF_PROG(on_daxfs_write_done, const struct inode *inode, __u64 offset, __u64 length, __u64 written, __u64 size,
	     __u32 allocated, int error, __u64 duration)
{
	struct daxtrace_totals *sums = inode ? end(inode->i_sb, NULL) : NULL;
	struct daxtrace_op *op;

	if (!sums)
		return 0;
	op = record(sums, DAXTRACE_OP_WRITE_DONE, duration, error);
	if (op) {
		op->bytes += written;
		op->allocated += allocated;
	}
	if (written < length)
		sums->short_writes++;
	return 0;
}

SEC("tp_btf/daxfs_commit")
int BPF_PROG(on_daxfs_commit, const struct super_block *sb, __u32 journal, __u64 sequence, __u32 entries,
	     __u32 logged_bytes, __u32 flushed_lines, __u32 fences, __u64 duration)
{
	struct daxtrace_totals *sums = sb ? end(sb, NULL) : NULL;

	if (!sums)
		return 0;
	record(sums, DAXTRACE_OP_COMMIT, duration, false);
	sums->commit_entries += entries;
	sums->commit_logged_bytes += logged_bytes;
	sums->commit_flushed_lines += flushed_lines;
	sums->commit_fences += fences;
	return 0;
}

SEC("tp_btf/daxfs_convert")
int BPF_PROG(on_daxfs_convert, const struct inode *inode, __u64 offset, __u64 length, int error)
{
	struct daxtrace_totals *sums = inode ? end(inode->i_sb, NULL) : NULL;

	if (!sums)
		return 0;
	sums->recorded++;
	sums->converted++;
	if (error)
		sums->convert_errors++;
	else
		sums->converted_bytes += length;
	return 0;
}

SEC("tp_btf/daxfs_alloc")
int BPF_PROG(on_daxfs_alloc, const struct super_block *sb, __u64 ino, unsigned int kind, __u64 goal, __u32 want,
	     __u64 block, __u32 count, int error)
{
	struct daxtrace_totals *sums = sb ? end(sb, NULL) : NULL;

	if (!sums)
		return 0;
	sums->recorded++;
	if (error)
		sums->alloc_errors++;
	else
		daxtrace_count_alloc(sums, kind, count);
	return 0;
}

SEC("tp_btf/daxfs_recovery")
int BPF_PROG(on_daxfs_recovery, const struct super_block *sb, __u32 journal, __u64 sequence, __u32 entries,
	     __u32 bytes)
{
	struct daxtrace_totals *sums = sb ? end(sb, NULL) : NULL;

	if (!sums)
		return 0;
	sums->recorded++;
	sums->recoveries++;
	sums->recovery_entries += entries;
	sums->recovery_bytes += bytes;
	return 0;
}
