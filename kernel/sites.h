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
 * The calls are in persist.h, checksum.h and journal.h, behind their declarations. A file that defines some of them says
 * so before it includes anything: DAXFS_DEFINES_PERSIST, DAXFS_DEFINES_SEALS or DAXFS_DEFINES_TX.
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
