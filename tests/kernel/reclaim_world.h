/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reclaim_world.h - for suites: a cache of pages that shrinks when asked, on a machine made small
 *
 * All memory but some 64 MiB is held in large blocks, the ballast, so that large machines cost no
 * more.
 */
#ifndef TESTS_RECLAIM_WORLD_H
#define TESTS_RECLAIM_WORLD_H

#include <kernel/spinlock.h>
#include <mm/shrinker.h>
#include <shell/ktap.h>

#include "chain.h"

#define GFP_TRY	    (GFP_KERNEL | __GFP_NOWARN)
#define GFP_UNHEARD (GFP_ATOMIC & ~__GFP_KSWAPD_RECLAIM) /* kswapd isn't told */
#define GFP_CACHE   (GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY | __GFP_RECLAIMABLE)

struct test_cache {
	spinlock_t lock;
	struct chain pages; /* under lock */
	unsigned nap_ms;    /* its scan sleeps so long */
	bool stops;	    /* and frees nothing */
	bool not_kswapd;    /* nothing for kswapd, which may be at work for its own reasons */
	bool allocates;	    /* and needs memory itself */
	struct thread *tester;
	/* What the scans saw; atomic. */
	unsigned long scans, by_tester, by_kswapd, wrong;
	gfp_t gfp_all, gfp_any;
	unsigned long inside;
};
extern struct test_cache test_cache;
extern struct shrinker test_cache_shrinker;

/* What it frees when asked to: for further shrinkers. */
unsigned long test_cache_scan(struct shrinker *s, struct shrink_control *sc);

/* What small_hold() holds. */
extern struct chain small_held;

/* small_begin - make the machine small; false, and the case skipped, if it's too small already. */
bool small_begin(struct ktap *t);

/* small_end - the machine as it was, which is checked. */
void small_end(struct ktap *t);

/* small_hold - hold what can be had with @gfp, but for @leave pages. */
void small_hold(gfp_t gfp, unsigned long leave);

/* test_cache_fill - it takes half of what is above the watermarks; how many pages. */
unsigned long test_cache_fill(struct ktap *t);

/* test_cache_forget - what the scans saw. */
void test_cache_forget(void);

/* All zones' high watermarks, and what is lent. */
unsigned long small_high_pages(void);

/* try_reclaim - as one who needs a page by @gfp; how many it got. */
unsigned long try_reclaim(gfp_t gfp);

#endif
