/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_reclaim.c - a cache of pages that shrinks, by those who need memory and by kswapd, where all
 * memory but some 64 MiB is held in large blocks (the ballast), so that large machines cost no more
 */
#include <kernel/smp.h>
#include <mm/buddy.h>
#include <mm/init.h>
#include <mm/mm_thread.h>
#include <mm/oom.h>
#include <mm/page_alloc.h>
#include <mm/shrinker.h>
#include <mm/vmscan.h>
#include <mm/vmstat.h>
#include <mm/watermark.h>
#include <sched/thread.h>
#include <sched/timer.h>
#include <shell/ktap.h>

#include "chain.h"

#define PLENTY	     16384UL /* pages that the ballast leaves, shared by the harts, and */
#define PLENTY_LEAST 2048UL  /* so many at least, above the watermarks */
#define FEW	     400UL   /* with fewer nothing can be shown */
#define MAX_EATERS   16
#define EAT_NS	     2000000000ull
#define GFP_TRY	     (GFP_KERNEL | __GFP_NOWARN)
#define GFP_UNHEARD  (GFP_ATOMIC & ~__GFP_KSWAPD_RECLAIM) /* kswapd isn't told */
#define GFP_MOVES    (GFP_HIGHUSER_MOVABLE | __GFP_NOWARN | __GFP_NORETRY)
#define GFP_CACHE    (GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY | __GFP_RECLAIMABLE)

/* ---- the cache ---- */

static struct {
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
} cache = { .lock = SPINLOCK_INIT };

static void add(unsigned long *counter, unsigned long nr)
{
	__atomic_fetch_add(counter, nr, __ATOMIC_SEQ_CST);
}

static unsigned long cache_count(struct shrinker *s, struct shrink_control *sc)
{
	return READ_ONCE(cache.pages.nr);
}

static struct page *cache_take(void)
{
	struct page *page;

	spin_lock(&cache.lock);
	page = pop(&cache.pages);
	spin_unlock(&cache.lock);
	return page;
}

static void look(const struct shrink_control *sc)
{
	add(&cache.scans, 1);
	add(&cache.by_tester, current == cache.tester);
	add(&cache.by_kswapd, !!(mm_current()->flags & PF_KSWAPD));
	add(&cache.wrong, !(mm_current()->flags & PF_MEMALLOC) || !preemptible());
	__atomic_fetch_or(&cache.gfp_any, sc->gfp_mask, __ATOMIC_RELAXED);
	__atomic_fetch_and(&cache.gfp_all, sc->gfp_mask, __ATOMIC_RELAXED);
}

static unsigned long reclaim(gfp_t gfp)
{
	return try_to_free_pages(node_data[numa_node_id()], (zone_mask_t)~0, 0, gfp);
}

/* Reclaim inside of reclaim frees nothing, and gets a page from the reserves. */
static void need_memory(void)
{
	struct page *page = alloc_page(GFP_TRY);

	add(&cache.wrong, !page);
	if (page)
		__free_page(page);
	add(&cache.wrong, reclaim(GFP_TRY));
}

static unsigned long cache_scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long freed = 0;
	struct page *page;

	if (cache.not_kswapd && (mm_current()->flags & PF_KSWAPD))
		return SHRINK_STOP;
	look(sc);
	add(&cache.inside, 1);
	if (cache.nap_ms)
		msleep(cache.nap_ms);
	if (cache.allocates)
		need_memory();
	if (!cache.stops) {
		while (freed < sc->nr_to_scan && (page = cache_take())) {
			__free_page(page);
			freed++;
		}
		mm_account_reclaimed_pages(freed);
	}
	add(&cache.inside, -1UL);
	return cache.stops ? SHRINK_STOP : freed;
}

static struct shrinker shrinker = {
	.count_objects = cache_count,
	.scan_objects = cache_scan,
	.seeks = DEFAULT_SEEKS,
};

static void forget_scans(void)
{
	cache.scans = cache.by_tester = cache.by_kswapd = cache.wrong = 0;
	cache.gfp_any = 0;
	cache.gfp_all = ~0U;
	cache.tester = current;
}

/* ---- the machine made small ---- */

static struct chain ballast, held;

static unsigned long high_pages(void)
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
	return max(PLENTY / num_online_harts(), PLENTY_LEAST) + 4 * high_pages();
}

/* What the kernel can't use, then from the lowest zones first: what is left lies in the highest. */
static void take_ballast(void)
{
	struct page *page;

	while ((page = alloc_pages_for_reach(mm_zone_plan()->mask_movable, GFP_MOVES, MAX_ORDER)))
		push(&ballast, page);
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		while (nr_free_pages() > plenty() + (1UL << MAX_ORDER) &&
		       (page = alloc_pages_for_reach((zone_mask_t)(1u << type), GFP_CACHE,
						     MAX_ORDER)))
			push(&ballast, page);
}

/* False, and the case skipped, on a machine that is too small. */
static bool begin(struct ktap *t)
{
	take_ballast();
	cache.nap_ms = 0;
	cache.stops = cache.allocates = cache.not_kswapd = false;
	forget_scans();
	if (nr_free_pages() >= FEW)
		return true;
	free_chain(&ballast, MAX_ORDER);
	ktap_skip(t, "too little memory");
	return false;
}

/* The cache takes half of what is above the watermarks, and gives it back when asked. */
static unsigned long fill_cache(struct ktap *t)
{
	unsigned long high = high_pages(), whole = (max(nr_free_pages(), high) - high) / 2;

	while (cache.pages.nr < whole) {
		struct page *page = alloc_page(GFP_CACHE);

		if (!page)
			break;
		spin_lock(&cache.lock);
		push(&cache.pages, page);
		spin_unlock(&cache.lock);
	}
	KTAP_EXPECT_EQ(t, register_shrinker(&shrinker, "test"), 0);
	KTAP_EXPECT_EQ(t, cache.pages.nr, whole);
	return whole;
}

static void end(struct ktap *t)
{
	char fault[ZONE_FAULT_LEN] = "";
	struct zone *zone;

	unregister_shrinker(&shrinker);
	KTAP_EXPECT_EQ(t, cache.inside, 0);
	KTAP_EXPECT_EQ(t, cache.wrong, 0);
	free_chain(&cache.pages, 0);
	free_chain(&held, 0);
	free_chain(&ballast, MAX_ORDER);
	drain_all_pages();
	for_each_zone(zone) {
		zone_validate(zone, fault, sizeof(fault));
		KTAP_EXPECT_STREQ(t, fault, "");
	}
}

/* Hold what can be had with @gfp, but for @leave pages. */
static void hold(gfp_t gfp, unsigned long leave)
{
	struct page *page;

	while (nr_free_pages() > leave && (page = alloc_page(gfp | __GFP_NOWARN)))
		push(&held, page);
}

/* ---- many threads against half of the memory ---- */

struct eater {
	struct chain chain;
	unsigned long leave, failed;
	u64 until_ns;
};

/* Eat until hardly anything of the cache is left, or for long enough. */
static int eat(void *arg)
{
	struct eater *e = arg;

	while (READ_ONCE(cache.pages.nr) > e->leave && ktime_ns() < e->until_ns) {
		struct page *page = alloc_page(GFP_TRY);

		if (page) {
			push(&e->chain, page);
		} else {
			e->failed += READ_ONCE(cache.pages.nr) != 0;
			break;
		}
	}
	return 0;
}

static void run_eaters(struct ktap *t, unsigned long leave)
{
	unsigned nr = min(2 * num_online_harts(), (unsigned)MAX_EATERS);
	static struct eater eater[MAX_EATERS];
	struct thread *thread[MAX_EATERS];
	u64 until = ktime_ns() + EAT_NS;

	for (unsigned i = 0; i < nr; i++) {
		eater[i] = (struct eater){ .leave = leave, .until_ns = until };
		thread[i] = kthread_run(eat, &eater[i], "eater/%u", i);
		/* The first may have eaten the others' stacks. */
		KTAP_EXPECT(t, i || thread[i] != NULL);
	}
	for (unsigned i = 0; i < nr; i++) {
		if (thread[i])
			kthread_join(thread[i]);
		KTAP_EXPECT_EQ(t, eater[i].failed, 0);
		free_chain(&eater[i].chain, 0);
	}
}

static void shrink_under_load(struct ktap *t, unsigned nap_ms)
{
	unsigned long whole;

	if (!begin(t))
		return;
	cache.nap_ms = nap_ms;
	whole = fill_cache(t);
	hold(GFP_CACHE, high_pages()); /* quickly, by one alone */
	run_eaters(t, whole / 8);
	KTAP_EXPECT(t, cache.pages.nr < whole && cache.scans > 0);
	ktap_diag(t, "%lu of %lu pages left after %lu scans, %lu of them by kswapd", cache.pages.nr,
		  whole, cache.scans, cache.by_kswapd);
	end(t);
}

static void test_half_of_memory(struct ktap *t)
{
	shrink_under_load(t, 0);
	shrink_under_load(t, 2); /* a shrinker that sleeps */
}

/* ---- one at a time ---- */

static void test_direct(struct ktap *t)
{
	unsigned long before, freed;

	if (!begin(t))
		return;
	cache.not_kswapd = true;
	fill_cache(t);
	before = cache.pages.nr;
	freed = reclaim(GFP_KERNEL);
	KTAP_EXPECT(t, freed >= SWAP_CLUSTER_MAX && freed < before);
	KTAP_EXPECT(t, before - cache.pages.nr >= SWAP_CLUSTER_MAX);
	KTAP_EXPECT(t, cache.by_tester > 0);
	KTAP_EXPECT(t, !(mm_current()->flags & PF_MEMALLOC));
	end(t);
}

static unsigned long no_objects(struct shrinker *s, struct shrink_control *sc)
{
	return SHRINK_EMPTY;
}

/* Shrinkers that can't are no progress, and don't keep others from it. */
static void test_those_who_cannot(struct ktap *t)
{
	static struct shrinker empty = { .count_objects = no_objects, .scan_objects = cache_scan };

	if (!begin(t))
		return;
	cache.not_kswapd = true;
	register_shrinker(&empty, "empty");
	fill_cache(t);
	cache.stops = true;
	KTAP_EXPECT_EQ(t, reclaim(GFP_KERNEL), 0);
	KTAP_EXPECT(t, cache.scans > 0 && cache.scans <= (DEF_PRIORITY + 1) * nr_nodes);
	cache.stops = false;
	KTAP_EXPECT(t, reclaim(GFP_KERNEL) > 0);
	unregister_shrinker(&empty);
	end(t);
}

static void expect_gfp(struct ktap *t, gfp_t asked, gfp_t with, gfp_t without)
{
	forget_scans();
	reclaim(asked);
	KTAP_EXPECT(t, cache.by_tester > 0);
	KTAP_EXPECT_EQ(t, cache.gfp_all & with, with);
	KTAP_EXPECT_EQ(t, cache.gfp_any & without, 0);
}

/* What shrinkers may do: asked for by the request, forbidden by the thread. */
static void test_gfp(struct ktap *t)
{
	unsigned old;

	if (!begin(t))
		return;
	cache.not_kswapd = true;
	fill_cache(t);
	cache.stops = true; /* other threads that get here see it too: only kswapd, if woken */
	expect_gfp(t, GFP_KERNEL, __GFP_FS | __GFP_IO, 0);
	expect_gfp(t, GFP_NOFS, __GFP_IO, __GFP_FS);
	expect_gfp(t, GFP_NOIO, 0, __GFP_FS | __GFP_IO);
	old = memalloc_nofs_save();
	expect_gfp(t, GFP_KERNEL, __GFP_IO, __GFP_FS);
	memalloc_nofs_restore(old);
	old = memalloc_noio_save();
	expect_gfp(t, GFP_KERNEL, 0, __GFP_FS | __GFP_IO);
	memalloc_noio_restore(old);
	expect_gfp(t, GFP_KERNEL, __GFP_FS | __GFP_IO, 0);
	end(t);
}

static void test_no_recursion(struct ktap *t)
{
	if (!begin(t))
		return;
	cache.not_kswapd = true;
	fill_cache(t);
	cache.allocates = true;
	hold(GFP_UNHEARD, 0); /* to the last page that it gets: the scan has the reserves */
	KTAP_EXPECT(t, reclaim(GFP_KERNEL) > 0);
	KTAP_EXPECT(t, cache.by_tester > 0);
	end(t);
}

static int reclaim_once(void *arg)
{
	reclaim(GFP_KERNEL);
	return 0;
}

static void test_unregister_while_scanning(struct ktap *t)
{
	struct thread *thread;

	if (!begin(t))
		return;
	cache.not_kswapd = true;
	cache.nap_ms = 30;
	fill_cache(t);
	thread = kthread_run(reclaim_once, NULL, "reclaimer");
	KTAP_EXPECT(t, thread && ktap_becomes(READ_ONCE(cache.inside)));
	unregister_shrinker(&shrinker);
	KTAP_EXPECT_EQ(t, cache.inside, 0);
	if (thread)
		kthread_join(thread);
	end(t);
}

/* ---- kswapd ---- */

/* The zone that gets pages when the cache shrinks, for shrinkers don't know zones. */
static struct zone *cache_zone(struct ktap *t)
{
	KTAP_EXPECT(t, cache.pages.first != 0);
	return cache.pages.first ? page_zone(index_page(cache.pages.first)) : zone_table[0];
}

static bool is_balanced(const struct zone *zone)
{
	return usable(zone) >= zone->watermark[WMARK_HIGH];
}

/* Who may not wait has others reclaim.  They give up where what is freed lies in another node. */
static void without_waiting(struct ktap *t, gfp_t gfp)
{
	unsigned long wakes = vm_event_sum(KSWAPD_WAKE);
	struct zone *zone;

	if (!begin(t))
		return;
	fill_cache(t);
	zone = cache_zone(t);
	hold(gfp, 0);
	KTAP_EXPECT(t, vm_event_sum(KSWAPD_WAKE) != wakes);
	KTAP_EXPECT(t, ktap_becomes(READ_ONCE(cache.by_kswapd) > 0));
	KTAP_EXPECT_EQ(t, cache.by_tester, 0);
	KTAP_EXPECT(t, ktap_becomes(!READ_ONCE(cache.pages.nr) || is_balanced(zone) ||
				    kswapd_gave_up(zone)));
	end(t);
}

static void test_without_waiting(struct ktap *t)
{
	without_waiting(t, GFP_ATOMIC);
	without_waiting(t, GFP_NOWAIT);
}

static void test_kswapd_balances(struct ktap *t)
{
	struct zone *zone;

	if (!begin(t))
		return;
	fill_cache(t);
	zone = cache_zone(t);
	while (usable(zone) + PCP_ORDERS >= zone->watermark[WMARK_LOW]) {
		struct page *page = alloc_page(GFP_NOWAIT & ~__GFP_KSWAPD_RECLAIM);

		if (!page)
			break;
		push(&held, page);
	}
	KTAP_EXPECT(t, !is_balanced(zone));
	wakeup_kswapd(zone, GFP_KERNEL, 0);
	KTAP_EXPECT(t, ktap_becomes(is_balanced(zone)));
	KTAP_EXPECT(t, cache.by_kswapd && !cache.by_tester);
	end(t);
}

/* From where waking a thread would not be allowed: it comes when interrupts are on again. */
static void test_wake_with_interrupts_off(struct ktap *t)
{
	unsigned long runs = vm_event_sum(PAGEOUTRUN), flags;
	struct zone *zone;

	if (!begin(t))
		return;
	hold(GFP_UNHEARD, 0);
	zone = page_zone(index_page(held.first)); /* the last that gave one is short for sure */
	kswapd_hopes_again(zone);
	local_irq_save(flags);
	wakeup_kswapd(zone, GFP_KERNEL, 0);
	local_irq_restore(flags);
	KTAP_EXPECT(t, ktap_becomes(vm_event_sum(PAGEOUTRUN) != runs));
	end(t);
}

static void test_gives_up(struct ktap *t)
{
	unsigned long freed = 0;
	struct zone *zone;

	if (!begin(t))
		return;
	hold(GFP_UNHEARD, 0);
	zone = page_zone(index_page(held.first)); /* the last that gave one */
	for (int i = 0; i < 100 * MAX_RECLAIM_RETRIES && !kswapd_gave_up(zone); i++) {
		wakeup_kswapd(zone, GFP_KERNEL, 0);
		msleep(1);
	}
	KTAP_EXPECT(t, kswapd_gave_up(zone));
	for (unsigned long i = 0; i < 8 * SWAP_CLUSTER_MAX && held.first; i++) {
		struct page *page = pop(&held);

		freed += page_zone(page) == zone;
		__free_page(page);
	}
	drain_all_pages();
	KTAP_EXPECT(t, !kswapd_gave_up(zone) || freed < 2 * SWAP_CLUSTER_MAX);
	end(t);
}

/* ---- nothing left ---- */

static unsigned long notified;

static int give_back(struct notifier_block *nb, unsigned long action, void *data)
{
	struct page *page;

	notified++;
	for (unsigned long i = 0; i < 2 * SWAP_CLUSTER_MAX && (page = pop(&held)); i++) {
		__free_page(page);
		++*(unsigned long *)data;
	}
	return NOTIFY_OK;
}

static void test_oom_notifier(struct ktap *t)
{
	static struct notifier_block nb = { .notifier_call = give_back };
	struct oom_control oc = { node_data[numa_node_id()], (zone_mask_t)~0, 0, GFP_KERNEL,
				  __builtin_return_address(0) };
	struct page *page;

	if (!begin(t))
		return;
	notified = 0;
	KTAP_EXPECT_EQ(t, register_oom_notifier(&nb), 0);
	hold(GFP_UNHEARD, 0);
	page = alloc_page(GFP_TRY);
	KTAP_EXPECT(t, page != NULL);
	KTAP_EXPECT(t, notified > 0);
	if (page)
		__free_page(page);
	notified = 0;
	KTAP_EXPECT(t, out_of_memory(&oc) && notified == 1);
	KTAP_EXPECT_EQ(t, unregister_oom_notifier(&nb), 0);
	KTAP_EXPECT(t, !out_of_memory(&oc) && notified == 1);
	end(t);
}

static int free_later(void *arg)
{
	msleep(50);
	free_chain(&held, 0);
	return 0;
}

/* It waits for memory rather than fail. */
static void test_nofail(struct ktap *t)
{
	unsigned long failed;
	struct thread *thread;
	struct page *page;

	if (!begin(t))
		return;
	thread = kthread_create(free_later, NULL, "later");
	hold(GFP_UNHEARD, 0);
	if (thread)
		wake_up_process(thread);
	else
		free_chain(&held, 0);
	failed = page_reports.failed;
	page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	KTAP_EXPECT(t, page != NULL);
	KTAP_EXPECT_EQ(t, page_reports.failed, failed);
	if (page)
		__free_page(page);
	if (thread)
		kthread_join(thread);
	end(t);
}

static const struct ktap_case cases[] = {
	{ "direct", test_direct },
	{ "those-who-cannot", test_those_who_cannot },
	{ "gfp", test_gfp },
	{ "no-recursion", test_no_recursion },
	{ "unregister-while-scanning", test_unregister_while_scanning },
	{ "half-of-memory", test_half_of_memory },
	{ "without-waiting", test_without_waiting },
	{ "kswapd-balances", test_kswapd_balances },
	{ "wake-with-interrupts-off", test_wake_with_interrupts_off },
	{ "gives-up", test_gives_up },
	{ "oom-notifier", test_oom_notifier },
	{ "nofail", test_nofail },
	{},
};
static const struct ktap_suite suite_reclaim = { "reclaim", cases };
TABLE_ENTRY(ktap_suite, suite_reclaim);
