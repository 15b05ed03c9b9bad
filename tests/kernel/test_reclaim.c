/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_reclaim.c - a cache of pages that shrinks, by those who need memory and by kswapd
 */
#include <kernel/smp.h>
#include <mm/buddy.h>
#include <mm/mm_thread.h>
#include <mm/oom.h>
#include <mm/page_alloc.h>
#include <mm/vmscan.h>
#include <mm/vmstat.h>
#include <mm/watermark.h>
#include <sched/thread.h>
#include <sched/timer.h>

#include "reclaim_world.h"

#define MAX_EATERS 16
#define EAT_NS	   2000000000ull

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

	while (READ_ONCE(test_cache.pages.nr) > e->leave && ktime_ns() < e->until_ns) {
		struct page *page = alloc_page(GFP_TRY);

		if (page) {
			push(&e->chain, page);
		} else {
			e->failed += READ_ONCE(test_cache.pages.nr) != 0;
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

	if (!small_begin(t))
		return;
	test_cache.nap_ms = nap_ms;
	whole = test_cache_fill(t);
	small_hold(GFP_CACHE, small_high_pages()); /* quickly, by one alone */
	run_eaters(t, whole / 8);
	KTAP_EXPECT(t, test_cache.pages.nr < whole && test_cache.scans > 0);
	ktap_diag(t, "%lu of %lu pages left after %lu scans, %lu of them by kswapd",
		  test_cache.pages.nr, whole, test_cache.scans, test_cache.by_kswapd);
	small_end(t);
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

	if (!small_begin(t))
		return;
	test_cache.not_kswapd = true;
	test_cache_fill(t);
	before = test_cache.pages.nr;
	freed = try_reclaim(GFP_KERNEL);
	KTAP_EXPECT(t, freed >= SWAP_CLUSTER_MAX && freed < before);
	KTAP_EXPECT(t, before - test_cache.pages.nr >= SWAP_CLUSTER_MAX);
	KTAP_EXPECT(t, test_cache.by_tester > 0);
	KTAP_EXPECT(t, !(mm_current()->flags & PF_MEMALLOC));
	small_end(t);
}

static unsigned long no_objects(struct shrinker *s, struct shrink_control *sc)
{
	return SHRINK_EMPTY;
}

/* Shrinkers that can't are no progress, and don't keep others from it. */
static void test_those_who_cannot(struct ktap *t)
{
	static struct shrinker empty = { .count_objects = no_objects,
					 .scan_objects = test_cache_scan };

	if (!small_begin(t))
		return;
	test_cache.not_kswapd = true;
	register_shrinker(&empty, "empty");
	test_cache_fill(t);
	test_cache.stops = true;
	KTAP_EXPECT_EQ(t, try_reclaim(GFP_KERNEL), 0);
	KTAP_EXPECT(t, test_cache.scans > 0 && test_cache.scans <= (DEF_PRIORITY + 1) * nr_nodes);
	test_cache.stops = false;
	KTAP_EXPECT(t, try_reclaim(GFP_KERNEL) > 0);
	unregister_shrinker(&empty);
	small_end(t);
}

static void expect_gfp(struct ktap *t, gfp_t asked, gfp_t with, gfp_t without)
{
	test_cache_forget();
	try_reclaim(asked);
	KTAP_EXPECT(t, test_cache.by_tester > 0);
	KTAP_EXPECT_EQ(t, test_cache.gfp_all & with, with);
	KTAP_EXPECT_EQ(t, test_cache.gfp_any & without, 0);
}

/* What shrinkers may do: asked for by the request, forbidden by the thread. */
static void test_gfp(struct ktap *t)
{
	unsigned old;

	if (!small_begin(t))
		return;
	test_cache.not_kswapd = true;
	test_cache_fill(t);
	test_cache.stops = true; /* other threads that get here see it too: only kswapd, if woken */
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
	small_end(t);
}

static void test_no_recursion(struct ktap *t)
{
	if (!small_begin(t))
		return;
	test_cache.not_kswapd = true;
	test_cache_fill(t);
	test_cache.allocates = true;
	small_hold(GFP_UNHEARD, 0); /* to the last page that it gets: the scan has the reserves */
	KTAP_EXPECT(t, try_reclaim(GFP_KERNEL) > 0);
	KTAP_EXPECT(t, test_cache.by_tester > 0);
	small_end(t);
}

static int reclaim_once(void *arg)
{
	try_reclaim(GFP_KERNEL);
	return 0;
}

static void test_unregister_while_scanning(struct ktap *t)
{
	struct thread *thread;

	if (!small_begin(t))
		return;
	test_cache.not_kswapd = true;
	test_cache.nap_ms = 30;
	test_cache_fill(t);
	thread = kthread_run(reclaim_once, NULL, "reclaimer");
	KTAP_EXPECT(t, thread && ktap_becomes(READ_ONCE(test_cache.inside)));
	unregister_shrinker(&test_cache_shrinker);
	KTAP_EXPECT_EQ(t, test_cache.inside, 0);
	if (thread)
		kthread_join(thread);
	small_end(t);
}

/* ---- kswapd ---- */

/* The zone that gets pages when the cache shrinks, for shrinkers don't know zones. */
static struct zone *cache_zone(struct ktap *t)
{
	KTAP_EXPECT(t, test_cache.pages.first != 0);
	return test_cache.pages.first ? page_zone(index_page(test_cache.pages.first))
				      : zone_table[0];
}

static bool is_balanced(const struct zone *zone)
{
	return usable(zone) >= zone->watermark[WMARK_HIGH];
}

/*
 * kswapd has done for @zone what it could: sleeps until then.  A run that freed only another node's
 * pages ends, and who is short asks again: so does this.  Each run gains some, or is one of those
 * after which it gives up.
 */
static bool kswapd_served(struct zone *zone)
{
	for (int i = 0; i < 100 * MAX_RECLAIM_RETRIES; i++) {
		if (!ktap_quiet())
			return false;
		if (!test_cache.pages.nr || is_balanced(zone) || kswapd_gave_up(zone))
			return true;
		wakeup_kswapd(zone, GFP_KERNEL, 0);
	}
	return false;
}

/* Who may not wait has others reclaim. */
static void without_waiting(struct ktap *t, gfp_t gfp)
{
	unsigned long wakes = vm_event_sum(KSWAPD_WAKE);
	struct zone *zone;

	if (!small_begin(t))
		return;
	test_cache_fill(t);
	zone = cache_zone(t);
	small_hold(gfp, 0);
	KTAP_EXPECT(t, vm_event_sum(KSWAPD_WAKE) != wakes);
	KTAP_EXPECT(t, kswapd_served(zone));
	KTAP_EXPECT(t, test_cache.by_kswapd > 0);
	KTAP_EXPECT_EQ(t, test_cache.by_tester, 0);
	small_end(t);
}

static void test_without_waiting(struct ktap *t)
{
	without_waiting(t, GFP_ATOMIC);
	without_waiting(t, GFP_NOWAIT);
}

static void test_kswapd_balances(struct ktap *t)
{
	struct zone *zone;

	if (!small_begin(t))
		return;
	test_cache_fill(t);
	zone = cache_zone(t);
	while (usable(zone) + PCP_ORDERS >= zone->watermark[WMARK_LOW]) {
		struct page *page = alloc_page(GFP_NOWAIT & ~__GFP_KSWAPD_RECLAIM);

		if (!page)
			break;
		push(&small_held, page);
	}
	KTAP_EXPECT(t, !is_balanced(zone));
	wakeup_kswapd(zone, GFP_KERNEL, 0);
	KTAP_EXPECT(t, kswapd_served(zone));
	/* Shrinkers don't know nodes: most of the cache may be another's. */
	KTAP_EXPECT(t, is_balanced(zone) || nr_nodes > 1);
	KTAP_EXPECT(t, test_cache.by_kswapd && !test_cache.by_tester);
	small_end(t);
}

/* From where waking a thread would not be allowed: it comes when interrupts are on again. */
static void test_wake_with_interrupts_off(struct ktap *t)
{
	unsigned long runs = vm_event_sum(PAGEOUTRUN), flags;
	struct zone *zone;

	if (!small_begin(t))
		return;
	small_hold(GFP_UNHEARD, 0);
	zone = page_zone(
		index_page(small_held.first)); /* the last that gave one is short for sure */
	kswapd_hopes_again(zone);
	local_irq_save(flags);
	wakeup_kswapd(zone, GFP_KERNEL, 0);
	local_irq_restore(flags);
	KTAP_EXPECT(t, ktap_becomes(vm_event_sum(PAGEOUTRUN) != runs));
	small_end(t);
}

static void test_gives_up(struct ktap *t)
{
	unsigned long freed = 0;
	struct zone *zone;

	if (!small_begin(t))
		return;
	small_hold(GFP_UNHEARD, 0);
	zone = page_zone(index_page(small_held.first)); /* the last that gave one */
	for (int i = 0; i < 100 * MAX_RECLAIM_RETRIES && !kswapd_gave_up(zone); i++) {
		wakeup_kswapd(zone, GFP_KERNEL, 0);
		msleep(1);
	}
	KTAP_EXPECT(t, kswapd_gave_up(zone));
	for (unsigned long i = 0; i < 8 * SWAP_CLUSTER_MAX && small_held.first; i++) {
		struct page *page = pop(&small_held);

		freed += page_zone(page) == zone;
		__free_page(page);
	}
	drain_all_pages();
	KTAP_EXPECT(t, !kswapd_gave_up(zone) || freed < 2 * SWAP_CLUSTER_MAX);
	small_end(t);
}

/* ---- nothing left ---- */

static unsigned long notified;

static int give_back(struct notifier_block *nb, unsigned long action, void *data)
{
	struct page *page;

	notified++;
	for (unsigned long i = 0; i < 2 * SWAP_CLUSTER_MAX && (page = pop(&small_held)); i++) {
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

	if (!small_begin(t))
		return;
	notified = 0;
	KTAP_EXPECT_EQ(t, register_oom_notifier(&nb), 0);
	small_hold(GFP_UNHEARD, 0);
	/* Other shrinkers may have some pages first. */
	while (!notified && (page = alloc_page(GFP_TRY)))
		push(&small_held, page);
	KTAP_EXPECT(t, notified > 0);
	notified = 0;
	KTAP_EXPECT(t, out_of_memory(&oc) && notified == 1);
	KTAP_EXPECT_EQ(t, unregister_oom_notifier(&nb), 0);
	KTAP_EXPECT(t, !out_of_memory(&oc) && notified == 1);
	small_end(t);
}

static int free_later(void *arg)
{
	msleep(50);
	free_chain(&small_held, 0);
	return 0;
}

/* It waits for memory rather than fail. */
static void test_nofail(struct ktap *t)
{
	unsigned long failed;
	struct thread *thread;
	struct page *page;

	if (!small_begin(t))
		return;
	thread = kthread_create(free_later, NULL, "later");
	small_hold(GFP_UNHEARD, 0);
	if (thread)
		wake_up_process(thread);
	else
		free_chain(&small_held, 0);
	failed = page_reports.failed;
	page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);
	KTAP_EXPECT(t, page != NULL);
	KTAP_EXPECT_EQ(t, page_reports.failed, failed);
	if (page)
		__free_page(page);
	if (thread)
		kthread_join(thread);
	small_end(t);
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
