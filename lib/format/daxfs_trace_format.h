/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The numbers of the running filesystem that programs see, in tracepoints and statfs(2): one header, three readers (kernel,
 * BPF, C++). Each makes what it needs of the rows, and so does daxfs(5): nobody else writes a number or a name.
 *
 * A row is
 *	row(number, enumerator, name, meaning)
 * with the name as traces and JSON have it, and the meaning as daxfs(5) does. Numbers and names are an interface: a new row
 * goes to the end, with the next number, and none goes away.
 *
 * A reader may be older than the module: what has no row is counted, as "other".
 */
#ifndef DAXFS_TRACE_FORMAT_H
#define DAXFS_TRACE_FORMAT_H

#define DAXFS_STATFS_MAGIC	0x50444658u	/* f_type of statfs(2) */

/* What space was asked for. */
#define DAXFS_ALLOC_KINDS(row) \
	row(0, DAXFS_ALLOC_META, "meta", "metadata: fills holes, remainders of heads first") \
	row(1, DAXFS_ALLOC_SMALL, "small", "data of a file of less than 64 KiB: fills holes") \
	row(2, DAXFS_ALLOC_DATA, "data", "data of a larger file: congruent where possible, in a huge page of its own") \
	row(3, DAXFS_ALLOC_HUGE, "huge", "one whole free huge page or nothing, for 2 MiB at once") \
	row(4, DAXFS_ALLOC_MEDIUM, "medium", "data of a file of 64 KiB to 2 MiB: large holes, else as data") \
	row(5, DAXFS_ALLOC_TAIL, "tail", \
	    "what a large file has behind its last 2 MiB, moved when nobody writes to it any more: large holes or nothing")

/* What a range of a file is mapped to. */
#define DAXFS_MAP_STATES(row) \
	row(0, DAXFS_MAP_HOLE, "hole", "it has no blocks") \
	row(1, DAXFS_MAP_WRITTEN, "written", "its blocks hold file data") \
	row(2, DAXFS_MAP_UNWRITTEN, "unwritten", "it has blocks, and reads as zeros")

/* Why a fault of 2 MiB fell back to 4 KiB. */
#define DAXFS_FAULT_REASONS(row) \
	row(0, DAXFS_FAULT_NONE, "none", "it did not fall back, or was one of 4 KiB") \
	row(1, DAXFS_FAULT_VMA, "vma too small or not aligned", \
	    "the mapping does not cover the 2 MiB, or differs from the file offset modulo 2 MiB") \
	row(2, DAXFS_FAULT_PRIVATE, "private mapping", "a store to one copies pages of 4 KiB") \
	row(3, DAXFS_FAULT_EOF, "beyond end of file", "the file ends inside the 2 MiB") \
	row(4, DAXFS_FAULT_SHORT_EXTENT, "extent shorter than 2 MiB", "the written blocks are not one piece") \
	row(5, DAXFS_FAULT_NOT_CONGRUENT, "extent not congruent", "the blocks do not begin on 2 MiB of the device") \
	row(6, DAXFS_FAULT_PARTLY_MAPPED, "partly mapped", "a hole or unwritten blocks, and only in part") \
	row(7, DAXFS_FAULT_NO_HUGE_PAGE, "no free huge page", "a store to a hole, and no 2 MiB to fill it with") \
	row(8, DAXFS_FAULT_ERROR, "error", "the file's map cannot be read") \
	row(9, DAXFS_FAULT_OTHER, "other", "none of these") \
	row(10, DAXFS_FAULT_CACHED_SMALL, "cached as 4 KiB", "part of the 2 MiB is cached as entries of 4 KiB")

#define DAXFS_ROW_ENUMERATOR(number, enumerator, name, meaning) enumerator = number,
enum daxfs_alloc_kind { DAXFS_ALLOC_KINDS(DAXFS_ROW_ENUMERATOR) };
enum daxfs_map_state { DAXFS_MAP_STATES(DAXFS_ROW_ENUMERATOR) };
enum daxfs_fault_reason { DAXFS_FAULT_REASONS(DAXFS_ROW_ENUMERATOR) };

#define DAXFS_ROW_ONE(number, enumerator, name, meaning) +1
#define DAXFS_ALLOC_KIND_COUNT	(DAXFS_ALLOC_KINDS(DAXFS_ROW_ONE))
#define DAXFS_MAP_STATE_COUNT	(DAXFS_MAP_STATES(DAXFS_ROW_ONE))
#define DAXFS_FAULT_REASON_COUNT (DAXFS_FAULT_REASONS(DAXFS_ROW_ONE))

#endif
