// SPDX-License-Identifier: GPL-2.0
/* Delay points, as told in points.h. Only in a module built with DAXFS_DEBUG_POINTS=y. */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "points.h"

enum mode { OFF, DELAY, PARK };

static const char *const mode_names[] = { "off", "delay", "park" };

struct point {
	const char *name;
	enum mode mode;
	u32 delay_us, percent;
	pid_t tid;		/* of PARK: 0 is anybody */
	u64 hits;		/* since it was armed */
	u32 parked;
	u32 turn;		/* moves with each "go" */
};

#define POINT(point) { .name = #point },
static struct point points[] = { DAXFS_EACH_POINT(POINT) };
#undef POINT

static DEFINE_SPINLOCK(points_lock);	/* all of the above; a leaf */
static DECLARE_WAIT_QUEUE_HEAD(points_wait);
static struct dentry *points_dir;

static bool released(struct point *point, u32 turn)
{
	bool yes;

	spin_lock(&points_lock);
	yes = point->turn != turn;
	spin_unlock(&points_lock);
	return yes;
}

static void park(struct point *point, u32 turn)
{
	if (!wait_event_timeout(points_wait, released(point, turn), DAXFS_PARK_SECONDS * HZ))
		pr_err("daxfs (points): %s[%d] was parked at %s for too long\n", current->comm, current->pid, point->name);
	spin_lock(&points_lock);
	point->parked--;
	spin_unlock(&points_lock);
}

void daxfs_point_reached(enum daxfs_point_id id)
{
	struct point *point = &points[id];
	u32 delay_us = 0, turn = 0;
	bool parks = false;

	might_sleep();
	if (READ_ONCE(point->mode) == OFF)
		return;
	spin_lock(&points_lock);
	point->hits++;
	if (point->mode == DELAY && get_random_u32() % 100 < point->percent)
		delay_us = point->delay_us;
	if (point->mode == PARK && (!point->tid || point->tid == current->pid)) {
		parks = true;
		turn = point->turn;
		point->parked++;
		WRITE_ONCE(point->mode, OFF);
	}
	spin_unlock(&points_lock);
	if (parks)
		park(point, turn);
	else if (delay_us)
		fsleep(delay_us);
}

static ssize_t point_read(struct file *file, char __user *buffer, size_t size, loff_t *pos)
{
	struct point *point = file->private_data;
	char text[64];
	int length;

	spin_lock(&points_lock);
	length = scnprintf(text, sizeof(text), "%s hits %llu parked %u\n", mode_names[point->mode], point->hits,
			   point->parked);
	spin_unlock(&points_lock);
	return simple_read_from_buffer(buffer, size, pos, text, length);
}

static int arm(struct point *point, const char *text)
{
	u32 delay_us = 0, percent = 100;
	int tid = 0;

	if (sscanf(text, "delay %u %u", &delay_us, &percent) >= 1) {
		if (delay_us > USEC_PER_SEC || percent > 100)
			return -EINVAL;
		point->delay_us = delay_us;
		point->percent = percent;
		point->hits = 0;
		WRITE_ONCE(point->mode, DELAY);
	} else if (!strcmp(text, "park") || sscanf(text, "park %d", &tid) == 1) {
		point->tid = tid;
		point->hits = 0;
		WRITE_ONCE(point->mode, PARK);
	} else if (!strcmp(text, "go") || !strcmp(text, "off")) {
		point->turn++;
		if (!strcmp(text, "off"))
			WRITE_ONCE(point->mode, OFF);
	} else {
		return -EINVAL;
	}
	return 0;
}

static ssize_t point_write(struct file *file, const char __user *buffer, size_t size, loff_t *pos)
{
	char text[64];
	int err;

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buffer, size))
		return -EFAULT;
	text[size] = 0;
	spin_lock(&points_lock);
	err = arm(file->private_data, strim(text));
	spin_unlock(&points_lock);
	wake_up_all(&points_wait);
	return err ?: size;
}

static const struct file_operations point_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.read	= point_read,
	.write	= point_write,
	.llseek	= default_llseek,
};

/* Without debugfs there is nothing to arm them with: that is no error. */
void daxfs_points_init(void)
{
	struct dentry *dir;
	int i;

	points_dir = debugfs_create_dir("daxfs", NULL);
	dir = debugfs_create_dir("points", points_dir);
	for (i = 0; i < DAXFS_POINTS; i++)
		debugfs_create_file(points[i].name, 0600, dir, &points[i], &point_fops);
}

void daxfs_points_exit(void)
{
	debugfs_remove(points_dir);
}
