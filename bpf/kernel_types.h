/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's structs that daxtrace reads, each cut down to the members it uses. CO-RE finds their real offsets in the
 * running kernel's BTF, so that nothing here depends on a version, an order or a padding.
 */
#ifndef DAXFS_BPF_KERNEL_TYPES_H
#define DAXFS_BPF_KERNEL_TYPES_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct block_device {
	__u64 bd_start_sect;
};

struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
	struct block_device *s_bdev;
};

struct inode {
	struct super_block *i_sb;
};

struct vm_operations_struct {
	void *map_pages;
};

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	unsigned long vm_flags;
	const struct vm_operations_struct *vm_ops;
};

typedef struct {
	unsigned long pmd;
} pmd_t;

/* CO-RE wants the kind of a member to agree: an enum here, though only its bits are read. */
enum fault_flag {
	FAULT_FLAG_WRITE = 0x1,
	FAULT_FLAG_MKWRITE = 0x2,
	FAULT_FLAG_VMA_LOCK = 0x1000,	/* since 6.4: its real value is asked for */
};

struct vm_fault {
	struct vm_area_struct *vma;
	unsigned long pgoff;
	unsigned long address;
	enum fault_flag flags;
	pmd_t *pmd;
};

struct iomap {
	__u64 addr;
	__s64 offset;
	__u64 length;
	__u16 type;
};

struct iomap_iter {
	struct inode *inode;
	__s64 pos;
	__u64 len;
	__s64 processed;	/* gone in 6.15: ask with bpf_core_field_exists */
	unsigned int flags;
	struct iomap iomap;
};

struct task_struct {
	int tgid;
};

#pragma clang attribute pop

/* Values that have not changed from 6.1 to 6.18. */
#define PAGE_SHIFT		12
#define SECTOR_SHIFT		9

#define VM_SHARED		0x00000008ul
#define VM_SYNC			0x00800000ul

#endif
