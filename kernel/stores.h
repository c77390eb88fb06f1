/* SPDX-License-Identifier: GPL-2.0 */
/* What was stored through page tables comes out of the processors' caches. */
#ifndef DAXFS_STORES_H
#define DAXFS_STORES_H

#include "daxfs.h"

struct writeback_control;

/* In the range of `wbc`, of a DAX file: flushed and fenced, and clean. -EIO: the device is gone. */
int daxfs_write_stores(struct address_space *mapping, struct writeback_control *wbc);
/* Pages of file blocks [first, last], whose entries are about to go, are noted where they are held. True: one is. */
bool daxfs_note_all_held(struct inode *inode, pgoff_t first, pgoff_t last);
/* The aop: somebody has stored to a page by way of a reference, and is about to give it back. */
bool daxfs_flush_folio(struct address_space *mapping, struct folio *folio);

#endif /* DAXFS_STORES_H */
