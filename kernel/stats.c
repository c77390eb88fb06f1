// SPDX-License-Identifier: GPL-2.0
/* /sys/fs/daxfs/DEVICE/: counters since mount, one number a file. They are the instrument for flush and fence figures. */
#include <linux/fs.h>
#include <linux/sysfs.h>

#include "alloc.h"
#include "daxfs.h"
#include "held.h"
#include "stats.h"

static struct kset *daxfs_kset;

struct stat_attribute {
	struct attribute attr;
	u64 (*read)(struct daxfs_sb_info *sbi);
};

#define COUNTER(member)							\
static u64 read_##member(struct daxfs_sb_info *sbi)			\
{									\
	u64 sum = 0;							\
	int cpu;							\
									\
	for_each_possible_cpu(cpu)					\
		sum += per_cpu_ptr(sbi->counters, cpu)->member;		\
	return sum;							\
}									\
STAT(member)

#define STAT(member)							\
static struct stat_attribute attr_##member = {				\
	.attr = { .name = #member, .mode = 0444 },			\
	.read = read_##member,						\
}

COUNTER(commits);
COUNTER(flushed_lines);
COUNTER(fences);
COUNTER(logged_bytes);
COUNTER(looks);

static u64 read_free_blocks(struct daxfs_sb_info *sbi)
{
	return daxfs_free_blocks(sbi);
}
STAT(free_blocks);

/* Over the AGs in use. */
#define SUM(name, member)						\
static u64 read_##name(struct daxfs_sb_info *sbi)			\
{									\
	u32 agno, ags = smp_load_acquire(&sbi->initialised_ags);	\
	u64 sum = 0;							\
									\
	for (agno = 0; agno < ags; agno++)				\
		sum += READ_ONCE(sbi->ags[agno].member);		\
	return sum;							\
}									\
STAT(name)

/* Freed, and out of reach until nobody refers to their pages. Of an unmounting: all that it waits for. */
static u64 read_held_blocks(struct daxfs_sb_info *sbi)
{
	u64 first;

	if (READ_ONCE(sbi->closing))
		return daxfs_count_held(sbi, &first);
	return atomic64_read(&sbi->held_blocks);
}
STAT(held_blocks);

SUM(kept_blocks, kept_blocks);		/* the part of free_blocks that windows keep */
SUM(free_huge_pages, free_huge);	/* of the AGs whose bitmap was counted in this mount */

static u64 read_initialised_ags(struct daxfs_sb_info *sbi)
{
	return READ_ONCE(sbi->initialised_ags);
}
STAT(initialised_ags);

static struct attribute *daxfs_attrs[] = {
	&attr_commits.attr,
	&attr_flushed_lines.attr,
	&attr_fences.attr,
	&attr_logged_bytes.attr,
	&attr_looks.attr,
	&attr_free_blocks.attr,
	&attr_kept_blocks.attr,
	&attr_held_blocks.attr,
	&attr_initialised_ags.attr,
	&attr_free_huge_pages.attr,
	NULL,
};
ATTRIBUTE_GROUPS(daxfs);

static ssize_t stat_show(struct kobject *kobj, struct attribute *attr, char *buffer)
{
	struct daxfs_sb_info *sbi = container_of(kobj, struct daxfs_sb_info, kobj);
	struct stat_attribute *stat = container_of(attr, struct stat_attribute, attr);

	return sysfs_emit(buffer, "%llu\n", stat->read(sbi));
}

static void stat_release(struct kobject *kobj)
{
	complete(&container_of(kobj, struct daxfs_sb_info, kobj)->kobj_gone);
}

static const struct sysfs_ops stat_ops = {
	.show = stat_show,
};

static const struct kobj_type stat_type = {
	.sysfs_ops = &stat_ops,
	.default_groups = daxfs_groups,
	.release = stat_release,
};

int daxfs_stats_add(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);
	int err;

	init_completion(&sbi->kobj_gone);
	sbi->kobj.kset = daxfs_kset;
	err = kobject_init_and_add(&sbi->kobj, &stat_type, NULL, "%s", sb->s_id);
	if (err)
		daxfs_stats_remove(sbi);
	return err;
}

/* Readers hold the kobject: wait for the last one before sbi goes. */
void daxfs_stats_remove(struct daxfs_sb_info *sbi)
{
	if (!sbi->kobj.kset)
		return;
	kobject_put(&sbi->kobj);
	wait_for_completion(&sbi->kobj_gone);
	sbi->kobj.kset = NULL;
}

int daxfs_stats_init(void)
{
	daxfs_kset = kset_create_and_add("daxfs", NULL, fs_kobj);
	return daxfs_kset ? 0 : -ENOMEM;
}

void daxfs_stats_exit(void)
{
	kset_unregister(daxfs_kset);
}
