// SPDX-License-Identifier: GPL-2.0
/* The end of the table of call sites: the module's last object, see sites.c. */
#include "daxfs.h"
#include "sites.h"

extern struct daxfs_site *const daxfs_sites_end[];
struct daxfs_site *const daxfs_sites_end[0] __section("daxfs_sites");
