/* SPDX-License-Identifier: BSD-2-Clause */
#include "reclaim_world.h"

#include <kernel/smp.h>
#include <mm/buddy.h>
#include <mm/init.h>
#include <mm/mm_thread.h>
#include <mm/page_alloc.h>
#include <mm/vmscan.h>
#include <mm/watermark.h>
#include <sched/thread.h>
#include <sched/timer.h>

#define PLENTY	     16384UL /* pages that the ballast leaves, shared by the harts, and */
#define PLENTY_LEAST 2048UL  /* so many at least, above the watermarks */
#define FEW	     400UL   /* with fewer nothing can be shown */
#define GFP_MOVES    (GFP_HIGHUSER_MOVABLE | __GFP_NOWARN | __GFP_NORETRY)

/* ---- the cache ---- */

struct test_cache test_cache = { .lock = SPINLOCK_INIT };

static void add(unsigned long *counter, unsigned long nr)
{
	__atomic_fetch_add(counter, nr, __ATOMIC_SEQ_CST);
}

static unsigned long cache_count(struct shrinker *s, struct shrink_control *sc)
{
	return READ_ONCE(test_cache.pages.nr);
}

static struct page *cache_take(void)
{
	struct page *page;

	spin_lock(&test_cache.lock);
	page = pop(&test_cache.pages);
	spin_unlock(&test_cache.lock);
	return page;
}

static void look(const struct shrink_control *sc)
{
	add(&test_cache.scans, 1);
	add(&test_cache.by_tester, current == test_cache.tester);
	add(&test_cache.by_kswapd, !!(mm_current()->flags & PF_KSWAPD));
	add(&test_cache.wrong, !(mm_current()->flags & PF_MEMALLOC) || !preemptible());
	__atomic_fetch_or(&test_cache.gfp_any, sc->gfp_mask, __ATOMIC_RELAXED);
	__atomic_fetch_and(&test_cache.gfp_all, sc->gfp_mask, __ATOMIC_RELAXED);
}

unsigned long try_reclaim(gfp_t gfp)
{
	return try_to_free_pages(node_data[numa_node_id()], (zone_mask_t)~0, 0, gfp);
}

/* Reclaim inside of reclaim frees nothing, and gets a page from the reserves. */
static void need_memory(void)
{
	struct page *page = alloc_page(GFP_TRY);

	add(&test_cache.wrong, !page);
	if (page)
		__free_page(page);
	add(&test_cache.wrong, try_reclaim(GFP_TRY));
}

unsigned long test_cache_scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long freed = 0;
	struct page *page;

	if (test_cache.not_kswapd && (mm_current()->flags & PF_KSWAPD))
		return SHRINK_STOP;
	look(sc);
	add(&test_cache.inside, 1);
	if (test_cache.nap_ms)
		msleep(test_cache.nap_ms);
	if (test_cache.allocates)
		need_memory();
	if (!test_cache.stops) {
		while (freed < sc->nr_to_scan && (page = cache_take())) {
			__free_page(page);
			freed++;
		}
		mm_account_reclaimed_pages(freed);
	}
	add(&test_cache.inside, -1UL);
	return test_cache.stops ? SHRINK_STOP : freed;
}

struct shrinker test_cache_shrinker = {
	.count_objects = cache_count,
	.scan_objects = test_cache_scan,
	.seeks = DEFAULT_SEEKS,
};

void test_cache_forget(void)
{
	test_cache.scans = test_cache.by_tester = test_cache.by_kswapd = test_cache.wrong = 0;
	test_cache.gfp_any = 0;
	test_cache.gfp_all = ~0U;
	test_cache.tester = current;
}

/* ---- the machine made small ---- */

static struct chain ballast;
struct chain small_held;

unsigned long small_high_pages(void)
{
	unsigned long nr = 0;
	struct zone *zone;

	for_each_zone(zone)
		nr += zone->watermark[WMARK_HIGH] + zone_free_of(zone, MIGRATE_CMA);
	return nr;
}

/* Where the host has fewer CPUs than harts, each page that they want takes a time slice. */
static unsigned long plenty(void)
{
	return max(PLENTY / num_online_harts(), PLENTY_LEAST) + 4 * small_high_pages();
}

/* What the kernel can't use, then from the lowest zones first: what is left lies in the highest. */
static void take_ballast(void)
{
	struct page *page;

	while ((page = alloc_pages_for_reach(mm_zone_plan()->mask_movable |
						     mm_zone_plan()->mask_high,
					     GFP_MOVES, MAX_ORDER)))
		push(&ballast, page);
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		while (nr_free_pages() > plenty() + (1UL << MAX_ORDER) &&
		       (page = alloc_pages_for_reach((zone_mask_t)(1u << type), GFP_CACHE,
						     MAX_ORDER)))
			push(&ballast, page);
}

bool small_begin(struct ktap *t)
{
	take_ballast();
	test_cache.nap_ms = 0;
	test_cache.stops = test_cache.allocates = test_cache.not_kswapd = false;
	test_cache_forget();
	if (nr_free_pages() >= FEW)
		return true;
	free_chain(&ballast, MAX_ORDER);
	ktap_skip(t, "too little memory");
	return false;
}

unsigned long test_cache_fill(struct ktap *t)
{
	unsigned long high = small_high_pages(), whole = (max(nr_free_pages(), high) - high) / 2;

	while (test_cache.pages.nr < whole) {
		struct page *page = alloc_page(GFP_CACHE);

		if (!page)
			break;
		spin_lock(&test_cache.lock);
		push(&test_cache.pages, page);
		spin_unlock(&test_cache.lock);
	}
	KTAP_EXPECT_EQ(t, register_shrinker(&test_cache_shrinker, "test"), 0);
	KTAP_EXPECT_EQ(t, test_cache.pages.nr, whole);
	return whole;
}

void small_end(struct ktap *t)
{
	char fault[ZONE_FAULT_LEN] = "";
	struct zone *zone;

	unregister_shrinker(&test_cache_shrinker);
	KTAP_EXPECT_EQ(t, test_cache.inside, 0);
	KTAP_EXPECT_EQ(t, test_cache.wrong, 0);
	free_chain(&test_cache.pages, 0);
	free_chain(&small_held, 0);
	free_chain(&ballast, MAX_ORDER);
	drain_all_pages();
	for_each_zone(zone) {
		zone_validate(zone, fault, sizeof(fault));
		KTAP_EXPECT_STREQ(t, fault, "");
	}
}

void small_hold(gfp_t gfp, unsigned long leave)
{
	struct page *page;

	while (nr_free_pages() > leave && (page = alloc_page(gfp | __GFP_NOWARN)))
		push(&small_held, page);
}
