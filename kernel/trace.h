/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module's tracepoints: a public interface, documented in daxfs(5). Arguments are plain numbers beside the inode or
 * super_block, so that BPF programs on the raw arguments do not follow layouts of ours. Offsets and lengths in bytes,
 * durations in nanoseconds. What stands behind a member is its meaning in daxfs(5), whose tables are made of this file.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM daxfs

#if !defined(DAXFS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DAXFS_TRACE_H

#include <linux/fs.h>
#include <linux/tracepoint.h>

#include "daxfs_trace_format.h"

/* __print_symbolic() of rows of daxfs_trace_format.h: PRINT_ROWS(number ROWS(ROW_SYMBOL)). */
#define ROW_SYMBOL(number, enumerator, name, meaning) , { number, name }
#define PRINT_ROWS(arguments...) __print_symbolic(arguments)

/* A mapping was asked for: entry of iomap_begin. */
TRACE_EVENT(daxfs_get_blocks_enter,
	TP_PROTO(const struct inode *inode, u64 offset, u64 length, unsigned int flags),
	TP_ARGS(inode, offset, length, flags),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, offset)		/* in the file */
		__field(u64, length)		/* that is asked for */
		__field(unsigned int, flags)	/* of the kernel: IOMAP_* */
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->offset = offset;
		__entry->length = length;
		__entry->flags = flags;
	),
	TP_printk("dev %d:%d ino %llu offset %llu length %llu flags 0x%x", MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->ino, __entry->offset, __entry->length, __entry->flags)
);

/* ... and was answered. */
TRACE_EVENT(daxfs_get_blocks_exit,
	TP_PROTO(const struct inode *inode, u64 offset, u64 mapped, u64 disk_offset, unsigned int state, u32 allocated,
		 int error, u64 duration),
	TP_ARGS(inode, offset, mapped, disk_offset, state, allocated, error, duration),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, offset)		/* as asked for */
		__field(u64, mapped)		/* bytes from offset on; 0 on error */
		__field(u64, disk_offset)	/* on the device; 0 for a hole or on error */
		__field(unsigned int, state)	/* enum daxfs_map_state; 0 on error */
		__field(u32, allocated)		/* blocks newly taken */
		__field(int, error)		/* 0, or a negative errno */
		__field(u64, duration)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->offset = offset;
		__entry->mapped = mapped;
		__entry->disk_offset = disk_offset;
		__entry->state = state;
		__entry->allocated = allocated;
		__entry->error = error;
		__entry->duration = duration;
	),
	TP_printk("dev %d:%d ino %llu offset %llu mapped %llu disk %llu state %s allocated %u error %d ns %llu",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino, __entry->offset, __entry->mapped,
		  __entry->disk_offset, PRINT_ROWS(__entry->state DAXFS_MAP_STATES(ROW_SYMBOL)), __entry->allocated,
		  __entry->error, __entry->duration)
);

/* A page fault ended. */
TRACE_EVENT(daxfs_fault,
	TP_PROTO(const struct inode *inode, u64 offset, u64 address, unsigned int order, unsigned int flags,
		 unsigned int result, unsigned int reason, u64 duration),
	TP_ARGS(inode, offset, address, order, flags, result, reason, duration),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, offset)		/* of the page in the file */
		__field(u64, address)		/* that was touched */
		__field(unsigned int, order)	/* 0 (4 KiB) or 9 (2 MiB) */
		__field(unsigned int, flags)	/* of the kernel: FAULT_FLAG_* */
		__field(unsigned int, result)	/* of the kernel: VM_FAULT_* */
		__field(unsigned int, reason)	/* enum daxfs_fault_reason */
		__field(u64, duration)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->offset = offset;
		__entry->address = address;
		__entry->order = order;
		__entry->flags = flags;
		__entry->result = result;
		__entry->reason = reason;
		__entry->duration = duration;
	),
	TP_printk("dev %d:%d ino %llu offset %llu address 0x%llx order %u flags 0x%x result 0x%x reason %s ns %llu",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino, __entry->offset, __entry->address,
		  __entry->order, __entry->flags, __entry->result,
		  PRINT_ROWS(__entry->reason DAXFS_FAULT_REASONS(ROW_SYMBOL)), __entry->duration)
);

/* A read-only page became writable. */
TRACE_EVENT(daxfs_pfn_mkwrite,
	TP_PROTO(const struct inode *inode, u64 offset, unsigned int result, u64 duration),
	TP_ARGS(inode, offset, result, duration),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, offset)		/* of the page in the file */
		__field(unsigned int, result)	/* of the kernel: VM_FAULT_* */
		__field(u64, duration)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->offset = offset;
		__entry->result = result;
		__entry->duration = duration;
	),
	TP_printk("dev %d:%d ino %llu offset %llu result 0x%x ns %llu", MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->ino, __entry->offset, __entry->result, __entry->duration)
);

/* A chunk of write(2) was completed. */
TRACE_EVENT(daxfs_write_done,
	TP_PROTO(const struct inode *inode, u64 offset, u64 length, u64 written, u64 size, u32 allocated, int error,
		 u64 duration),
	TP_ARGS(inode, offset, length, written, size, allocated, error, duration),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, offset)		/* of the chunk in the file */
		__field(u64, length)		/* that was to be written */
		__field(u64, written)		/* bytes of it that were copied */
		__field(u64, size)		/* of the file, afterwards */
		__field(u32, allocated)		/* blocks newly taken */
		__field(int, error)		/* 0, or a negative errno */
		__field(u64, duration)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->offset = offset;
		__entry->length = length;
		__entry->written = written;
		__entry->size = size;
		__entry->allocated = allocated;
		__entry->error = error;
		__entry->duration = duration;
	),
	TP_printk("dev %d:%d ino %llu offset %llu length %llu written %llu size %llu allocated %u error %d ns %llu",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->ino, __entry->offset, __entry->length,
		  __entry->written, __entry->size, __entry->allocated, __entry->error, __entry->duration)
);

/* Unwritten blocks became written. */
TRACE_EVENT(daxfs_convert,
	TP_PROTO(const struct inode *inode, u64 offset, u64 length, int error),
	TP_ARGS(inode, offset, length, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, offset)		/* in the file */
		__field(u64, length)
		__field(int, error)		/* 0, or a negative errno */
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->offset = offset;
		__entry->length = length;
		__entry->error = error;
	),
	TP_printk("dev %d:%d ino %llu offset %llu length %llu error %d", MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->ino, __entry->offset, __entry->length, __entry->error)
);

/* Blocks were reserved. */
TRACE_EVENT(daxfs_alloc,
	TP_PROTO(const struct super_block *sb, u64 ino, unsigned int kind, u64 goal, u32 want, u64 block, u32 count,
		 int error),
	TP_ARGS(sb, ino, kind, goal, want, block, count, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)		/* whose, or near which */
		__field(unsigned int, kind)	/* enum daxfs_alloc_kind */
		__field(u64, goal)		/* block to start looking at; 0 for none */
		__field(u32, want)		/* blocks */
		__field(u64, block)		/* the first one reserved; 0 on error */
		__field(u32, count)		/* of blocks reserved; 0 on error */
		__field(int, error)		/* 0, or a negative errno */
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->ino = ino;
		__entry->kind = kind;
		__entry->goal = goal;
		__entry->want = want;
		__entry->block = block;
		__entry->count = count;
		__entry->error = error;
	),
	TP_printk("dev %d:%d ino %llu kind %s goal %llu want %u block %llu count %u error %d", MAJOR(__entry->dev),
		  MINOR(__entry->dev), __entry->ino,
		  PRINT_ROWS(__entry->kind DAXFS_ALLOC_KINDS(ROW_SYMBOL)), __entry->goal, __entry->want,
		  __entry->block, __entry->count, __entry->error)
);

/* A transaction is durable. */
TRACE_EVENT(daxfs_commit,
	TP_PROTO(const struct super_block *sb, u32 journal, u64 sequence, u32 entries, u32 logged_bytes,
		 u32 flushed_lines, u32 fences, u64 duration),
	TP_ARGS(sb, journal, sequence, entries, logged_bytes, flushed_lines, fences, duration),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, journal)		/* number of the slot */
		__field(u64, sequence)		/* of the transaction in its journal */
		__field(u32, entries)		/* of the undo log */
		__field(u32, logged_bytes)	/* old bytes that the log kept */
		__field(u32, flushed_lines)	/* cache lines written back */
		__field(u32, fences)		/* store fences */
		__field(u64, duration)
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->journal = journal;
		__entry->sequence = sequence;
		__entry->entries = entries;
		__entry->logged_bytes = logged_bytes;
		__entry->flushed_lines = flushed_lines;
		__entry->fences = fences;
		__entry->duration = duration;
	),
	TP_printk("dev %d:%d journal %u sequence %llu entries %u logged %u lines %u fences %u ns %llu",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->journal, __entry->sequence, __entry->entries,
		  __entry->logged_bytes, __entry->flushed_lines, __entry->fences, __entry->duration)
);

/* A transaction that did not commit was rolled back at mount. */
TRACE_EVENT(daxfs_recovery,
	TP_PROTO(const struct super_block *sb, u32 journal, u64 sequence, u32 entries, u32 bytes),
	TP_ARGS(sb, journal, sequence, entries, bytes),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, journal)		/* number of the slot */
		__field(u64, sequence)		/* of the transaction in its journal */
		__field(u32, entries)		/* of the undo log */
		__field(u32, bytes)		/* that were put back */
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->journal = journal;
		__entry->sequence = sequence;
		__entry->entries = entries;
		__entry->bytes = bytes;
	),
	TP_printk("dev %d:%d journal %u sequence %llu entries %u bytes %u", MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->journal, __entry->sequence, __entry->entries, __entry->bytes)
);

#endif /* DAXFS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
