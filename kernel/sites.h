/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Call sites of what makes stores persist. In a module that was built with DAXFS_SITES=y each call of the functions below
 * counts how often it was reached, and a test can break it; in any other they are plain calls.
 *
 * /sys/kernel/debug/daxfs_sites lists them, "FILE:FUNCTION:CALL:ORDINAL HITS": the name stays when lines move. Writing it:
 *	omit NAME	the call is left out
 *	delay NAME	a fence: it is executed where the next site is reached, behind the stores between
 *	run		all calls are made
 *	reset		the same, and hits are 0
 *
 * A file that defines some of them says so before it includes daxfs.h: DAXFS_DEFINES_PERSIST, DAXFS_DEFINES_SEALS or
 * DAXFS_DEFINES_TX.
 */
#ifndef DAXFS_SITES_H
#define DAXFS_SITES_H

#ifdef DAXFS_SITES

enum daxfs_site_mode { DAXFS_SITE_RUN, DAXFS_SITE_OMIT, DAXFS_SITE_DELAY };

struct daxfs_site {
	const char *file, *function, *call;
	u32 line;
	u32 ordinal;		/* among the function's sites of that call, by line, from 1 */
	u8 mode;
	u64 hits;		/* not exact where CPUs meet */
};

/* False: the call is left out, or made later. */
bool daxfs_site_reached(struct daxfs_site *site);
void daxfs_sites_init(void);
void daxfs_sites_exit(void);

/* Pointers, because the compiler may align the structs themselves as it likes. */
#define daxfs_site(name, ...)									\
do {												\
	static struct daxfs_site _site = {							\
		.file = __FILE_NAME__, .function = __func__, .call = #name, .line = __LINE__ };	\
	static struct daxfs_site *const _place __used __section("daxfs_sites") = &_site;	\
												\
	if (daxfs_site_reached(_place))								\
		name(__VA_ARGS__);								\
} while (0)

#ifndef DAXFS_DEFINES_PERSIST
#define daxfs_flush(...)		daxfs_site(daxfs_flush, __VA_ARGS__)
#define daxfs_fence(...)		daxfs_site(daxfs_fence, __VA_ARGS__)
#define daxfs_zero_blocks(...)		daxfs_site(daxfs_zero_blocks, __VA_ARGS__)
#endif

#ifndef DAXFS_DEFINES_SEALS
#define daxfs_seal_super(...)		daxfs_site(daxfs_seal_super, __VA_ARGS__)
#define daxfs_seal_ag(...)		daxfs_site(daxfs_seal_ag, __VA_ARGS__)
#define daxfs_seal_inode(...)		daxfs_site(daxfs_seal_inode, __VA_ARGS__)
#define daxfs_seal_node(...)		daxfs_site(daxfs_seal_node, __VA_ARGS__)
#define daxfs_seal_dirent(...)		daxfs_site(daxfs_seal_dirent, __VA_ARGS__)
#endif

#ifndef DAXFS_DEFINES_TX
#define daxfs_tx_add(...)		daxfs_site(daxfs_tx_add, __VA_ARGS__)
#define daxfs_tx_add_inode(...)		daxfs_site(daxfs_tx_add_inode, __VA_ARGS__)
#define daxfs_tx_add_core(...)		daxfs_site(daxfs_tx_add_core, __VA_ARGS__)
#define daxfs_tx_add_fork(...)		daxfs_site(daxfs_tx_add_fork, __VA_ARGS__)
#define daxfs_tx_alloc(...)		daxfs_site(daxfs_tx_alloc, __VA_ARGS__)
#define daxfs_tx_free(...)		daxfs_site(daxfs_tx_free, __VA_ARGS__)
#define daxfs_tx_inode_take(...)	daxfs_site(daxfs_tx_inode_take, __VA_ARGS__)
#define daxfs_tx_inode_give(...)	daxfs_site(daxfs_tx_inode_give, __VA_ARGS__)
#define daxfs_tx_inode_chunk(...)	daxfs_site(daxfs_tx_inode_chunk, __VA_ARGS__)
#define daxfs_tx_inode_blocks_free(...)	daxfs_site(daxfs_tx_inode_blocks_free, __VA_ARGS__)
#define daxfs_tx_orphan(...)		daxfs_site(daxfs_tx_orphan, __VA_ARGS__)
#endif

#else

#define daxfs_site(name, ...) name(__VA_ARGS__)

static inline void daxfs_sites_init(void)
{
}

static inline void daxfs_sites_exit(void)
{
}

#endif
#endif /* DAXFS_SITES_H */
