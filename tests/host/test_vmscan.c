/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_vmscan.c - reclaim, the notifiers and the report, with nobody else about
 */
#include "mm_world.h"

#include <base/errno.h>
#include <mm/oom.h>
#include <mm/shrinker.h>
#include <mm/vmscan.h>
#include <mm/watermark.h>

static const struct world one_zone = { .base = 0x80000000,
				       .bytes = 32 * MiB,
				       .bank = { { 0x80000000, 0x82000000, 0 } } };
static const struct world two_zones = { .base = 0x80000000,
					.bytes = 32 * MiB,
					.bank = { { 0x80000000, 0x82000000, 0 } },
					.cut = { 0x81000000 },
					.dma = 1 };

/* With watermarks, which worlds don't have unless they want some. */
static void build(const struct world *w)
{
	world_build(w);
	min_free_kbytes = 1024;
	setup_per_zone_wmarks();
	EXPECT(zone_table[0]->watermark[WMARK_MIN] > 0);
}

#define MOST 8192
static struct page *cached[MOST], *held[MOST];
static unsigned long nr_cached, nr_held, nr_scans;
static bool says; /* how many pages it gave back */

static unsigned long count(struct shrinker *s, struct shrink_control *sc)
{
	return nr_cached;
}

static unsigned long scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long nr = min(sc->nr_to_scan, nr_cached);

	EXPECT(mm_current()->flags & PF_MEMALLOC);
	EXPECT_EQ(try_to_free_pages(node_data[0], (zone_mask_t)~0, 0, GFP_KERNEL), 0);
	nr_scans++;
	for (unsigned long i = 0; i < nr; i++)
		__free_page(cached[--nr_cached]);
	if (says)
		mm_account_reclaimed_pages(nr);
	return nr;
}

static struct shrinker shrinker = { .count_objects = count,
				    .scan_objects = scan,
				    .seeks = DEFAULT_SEEKS };

static void fill(gfp_t gfp, unsigned long nr)
{
	nr_scans = 0;
	for (nr_cached = 0; nr_cached < nr; nr_cached++) {
		cached[nr_cached] = alloc_page(gfp);
		EXPECT(cached[nr_cached]);
	}
	register_shrinker(&shrinker, "test");
}

/* Until @zone, whose type is its bit in the reach, gives no more. */
static void hold(const struct zone *zone, gfp_t gfp)
{
	zone_mask_t reach = (zone_mask_t)(1u << zone->type);
	struct page *page;

	while (nr_held < MOST && (page = alloc_pages_for_reach(reach, gfp | __GFP_NOWARN, 0)))
		held[nr_held++] = page;
}

static void release_all(void)
{
	unregister_shrinker(&shrinker);
	while (nr_cached)
		__free_page(cached[--nr_cached]);
	while (nr_held)
		__free_page(held[--nr_held]);
	world_check();
}

TEST(direct_reclaim_frees_a_little)
{
	for (int i = 0; i < 2; i++) {
		unsigned long got;

		build(&one_zone);
		says = i;
		fill(GFP_KERNEL, 4000);
		got = try_to_free_pages(node_data[0], (zone_mask_t)~0, 0, GFP_KERNEL);
		EXPECT_EQ(got, 4000 - nr_cached);
		EXPECT(got >= SWAP_CLUSTER_MAX && got <= 2 * SHRINK_BATCH);
		EXPECT_EQ(mm_current()->flags, 0);
		release_all();
	}
}

TEST(an_allocation_gets_what_the_cache_has)
{
	build(&one_zone);
	fill(GFP_KERNEL, 4000);
	hold(zone_table[0], GFP_KERNEL);
	EXPECT_EQ(nr_cached, 0);
	EXPECT(zone_table[0]->nr_free <= zone_table[0]->watermark[WMARK_MIN]);
	release_all();
}

TEST(kswapd_stops_above_the_high_watermark)
{
	struct zone *zone;

	build(&one_zone);
	zone = zone_table[0];
	fill(GFP_KERNEL, 4000);
	hold(zone, GFP_NOWAIT);
	EXPECT_EQ(nr_scans, 0);
	EXPECT(zone->nr_free < zone->watermark[WMARK_LOW]);
	zone->watermark_boost = 0;
	kswapd.run(node_data[0]);
	EXPECT(zone->nr_free > zone->watermark[WMARK_HIGH]);
	EXPECT(zone->nr_free < zone->watermark[WMARK_HIGH] + 2 * SHRINK_BATCH);
	nr_scans = 0;
	kswapd.run(node_data[0]); /* nothing to do */
	EXPECT_EQ(nr_scans, 0);
	zone->watermark_boost = 300;
	kswapd.run(node_data[0]);
	EXPECT(zone->nr_free > zone->watermark[WMARK_HIGH] + 300);
	EXPECT_EQ(zone->watermark_boost, 0);
	release_all();
}

/* What is full for good costs the caches of the rest little, and then nothing. */
TEST(kswapd_gives_a_zone_up)
{
	unsigned long left, missing, runs = 0;
	struct zone *low, *high;

	build(&two_zones);
	low = zone_table[0];
	high = zone_table[1];
	fill(GFP_KERNEL, 2000);
	EXPECT(page_zone(cached[0]) == high && page_zone(cached[1999]) == high);
	hold(low, GFP_ATOMIC);
	missing = low->watermark[WMARK_HIGH] - low->nr_free;
	while (!kswapd_gave_up(low)) {
		EXPECT(++runs <= MAX_RECLAIM_RETRIES);
		wakeup_kswapd(low, GFP_KERNEL, 0);
		EXPECT(kswapd.state[0].asked);
		kswapd.state[0].asked = 0;
		kswapd.run(node_data[0]);
	}
	EXPECT(runs > 1 && 2000 - nr_cached <= runs * (2 * missing + 2 * SHRINK_BATCH));
	left = nr_cached;
	wakeup_kswapd(low, GFP_KERNEL, 0);
	EXPECT(!kswapd.state[0].asked);
	kswapd.run(node_data[0]);
	EXPECT_EQ(nr_cached, left);
	for (unsigned long i = 0; i < SWAP_CLUSTER_MAX; i++)
		__free_page(held[--nr_held]);
	EXPECT(!kswapd_gave_up(low));
	release_all();
}

TEST(wake_needs_the_flag)
{
	build(&one_zone);
	wakeup_kswapd(zone_table[0], GFP_KERNEL & ~__GFP_KSWAPD_RECLAIM, 0);
	EXPECT(!kswapd.state[0].asked);
	wakeup_kswapd(zone_table[0], GFP_ATOMIC, 0);
	EXPECT(kswapd.state[0].asked);
	kswapd.state[0].asked = 0;
}

/* ---- out of memory ---- */

static unsigned order_of_calls;
static int answer = NOTIFY_OK;

static int first(struct notifier_block *nb, unsigned long action, void *data)
{
	order_of_calls = order_of_calls * 10 + 1;
	return answer;
}

static int second(struct notifier_block *nb, unsigned long action, void *data)
{
	order_of_calls = order_of_calls * 10 + 2;
	if (nr_held) {
		__free_page(held[--nr_held]);
		++*(unsigned long *)data;
	}
	return NOTIFY_OK;
}

TEST(notifiers)
{
	struct notifier_block a = { .notifier_call = first, .priority = 5 };
	struct notifier_block b = { .notifier_call = second };
	struct oom_control oc = { NULL, (zone_mask_t)~0, 0, GFP_KERNEL, NULL };
	struct page *page;

	build(&one_zone);
	oc.node = node_data[0];
	EXPECT_EQ(register_oom_notifier(&b), 0);
	EXPECT_EQ(register_oom_notifier(&a), 0);
	EXPECT(!out_of_memory(&oc));
	EXPECT_EQ(order_of_calls, 12);
	order_of_calls = 0;
	answer = NOTIFY_OK | NOTIFY_STOP_MASK;
	EXPECT(!out_of_memory(&oc));
	EXPECT_EQ(order_of_calls, 1);
	answer = NOTIFY_OK;
	hold(zone_table[0], GFP_ATOMIC);
	order_of_calls = 0;
	page = alloc_pages(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN, 0);
	EXPECT(!page);
	EXPECT_EQ(order_of_calls, 0);
	page = alloc_pages(GFP_KERNEL, 0);
	EXPECT(page);
	__free_page(page);
	EXPECT_EQ(unregister_oom_notifier(&a), 0);
	EXPECT_EQ(unregister_oom_notifier(&a), -ENOENT);
	EXPECT_EQ(unregister_oom_notifier(&b), 0);
	release_all();
}

/* What the caller can't print is there later, as it was. */
TEST(report_is_recorded)
{
	unsigned long flags;

	build(&one_zone);
	fill(GFP_KERNEL, 10);
	shrinker.nr_objects[0] = 10;
	hold(zone_table[0], GFP_ATOMIC);
	page_reports.failed = 0;
	host_log_clear();
	kswapd.state[0].thread = (struct thread *)&one_zone; /* there is one */
	local_irq_save(flags);
	EXPECT(!alloc_page(GFP_ATOMIC));
	EXPECT_STR(host_log(), "");
	local_irq_restore(flags);
	EXPECT(kswapd.state[0].asked);
	while (nr_held > 3)
		__free_page(held[--nr_held]);
	kswapd.run(node_data[0]);
	EXPECT(host_log_contains("no block of order 0, 4 KiB (GFP_ATOMIC)"));
	EXPECT(host_log_contains("what is free is kept"));
	EXPECT(host_log_contains("cache test: 10 objects"));
	EXPECT(host_log_contains("used: "));
	host_log_clear();
	report_recorded_failure();
	EXPECT_STR(host_log(), "");
	kswapd.state[0].thread = NULL;
	kswapd.state[0].asked = 0;
	release_all();
}

TEST(report_says_why)
{
	struct oom_control oc = { NULL, (zone_mask_t)~0, 6, GFP_KERNEL, NULL };

	build(&one_zone);
	oc.node = node_data[0];
	host_log_clear();
	report_out_of_memory(&oc, 1);
	EXPECT(host_log_contains("not in one piece"));
	EXPECT(host_log_contains("    movable "));
	oc.reach = 0;
	host_log_clear();
	report_out_of_memory(&oc, 1);
	EXPECT(host_log_contains("no zone of this board may serve it"));
	release_all();
}
