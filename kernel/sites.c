// SPDX-License-Identifier: GPL-2.0
/* Call sites, as told in sites.h. Only in a module built with DAXFS_SITES=y. */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "daxfs.h"
#include "sites.h"

/* The linker keeps the order of objects: this file is the module's first, sites_end.c its last. */
static struct daxfs_site *const sites_begin[0] __used __section("daxfs_sites");
extern struct daxfs_site *const daxfs_sites_end[];

static DEFINE_MUTEX(sites_lock);	/* whoever writes modes */
static bool fence_pending;
static struct dentry *sites_file;

/* The compiler must not know that no array of 0 elements reaches to another object. */
static struct daxfs_site *const *first_site(void)
{
	struct daxfs_site *const *first = sites_begin;

	OPTIMIZER_HIDE_VAR(first);
	return first;
}

#define each_site(place) for (place = first_site(); place < daxfs_sites_end; place++)

bool daxfs_site_reached(struct daxfs_site *site)
{
	WRITE_ONCE(site->hits, site->hits + 1);
	if (READ_ONCE(fence_pending)) {
		WRITE_ONCE(fence_pending, false);
		wmb();
	}
	switch (READ_ONCE(site->mode)) {
	case DAXFS_SITE_OMIT:
		return false;
	case DAXFS_SITE_DELAY:
		WRITE_ONCE(fence_pending, true);
		return false;
	}
	return true;
}

static bool alike(const struct daxfs_site *a, const struct daxfs_site *b)
{
	return !strcmp(a->file, b->file) && !strcmp(a->function, b->function) && !strcmp(a->call, b->call);
}

static void number(struct daxfs_site *site)
{
	struct daxfs_site *const *place;

	site->ordinal = 1;
	each_site(place)
		site->ordinal += alike(*place, site) && (*place)->line < site->line;
}

static void name_of(const struct daxfs_site *site, char *name, size_t size)
{
	scnprintf(name, size, "%s:%s:%s:%u", site->file, site->function, site->call, site->ordinal);
}

static int sites_show(struct seq_file *seq, void *unused)
{
	struct daxfs_site *const *place;
	char name[128];

	each_site(place) {
		name_of(*place, name, sizeof(name));
		seq_printf(seq, "%s %llu\n", name, (*place)->hits);
	}
	return 0;
}

static int set_mode(const char *wanted, u8 mode)
{
	struct daxfs_site *const *place;
	char name[128];

	each_site(place) {
		name_of(*place, name, sizeof(name));
		if (strcmp(name, wanted))
			continue;
		WRITE_ONCE((*place)->mode, mode);
		return 0;
	}
	return -ENOENT;
}

static void run_all(bool reset)
{
	struct daxfs_site *const *place;

	each_site(place) {
		WRITE_ONCE((*place)->mode, DAXFS_SITE_RUN);
		if (reset)
			(*place)->hits = 0;
	}
}

static ssize_t sites_write(struct file *file, const char __user *buffer, size_t size, loff_t *pos)
{
	char text[160], *word = text;
	int err = 0;

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buffer, size))
		return -EFAULT;
	text[size] = 0;
	word = strim(text);
	mutex_lock(&sites_lock);
	if (!strcmp(word, "run") || !strcmp(word, "reset"))
		run_all(word[1] == 'e');
	else if (strstarts(word, "omit "))
		err = set_mode(word + 5, DAXFS_SITE_OMIT);
	else if (strstarts(word, "delay "))
		err = set_mode(word + 6, DAXFS_SITE_DELAY);
	else
		err = -EINVAL;
	mutex_unlock(&sites_lock);
	return err ?: size;
}

static int sites_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, sites_show, NULL, 64 * 1024);
}

static const struct file_operations sites_fops = {
	.owner		= THIS_MODULE,
	.open		= sites_open,
	.read		= seq_read,
	.write		= sites_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

/* Without debugfs nobody asks: that is no error. */
void daxfs_sites_init(void)
{
	struct daxfs_site *const *place;

	each_site(place)
		number(*place);
	sites_file = debugfs_create_file("daxfs_sites", 0600, NULL, NULL, &sites_fops);
}

void daxfs_sites_exit(void)
{
	debugfs_remove(sites_file);
}
