/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_page_reserves.c - who may take the last pages: watermarks, reserves of lower zones, large
 * atomic requests, and what harts keep when little is left
 */
#include "mm_world.h"

#include <kernel/preempt.h>
#include <kernel/smp.h>
#include <kernel/sysctl.h>
#include <mm/mm_thread.h>
#include <mm/node_daemon.h>
#include <mm/vmscan.h>
#include <mm/watermark.h>
#include <string.h>

#define MOST 65536

static struct page *page[MOST];
static unsigned long nr;

/* Three zones of 16, 16 and 32 MiB; the same on two nodes. */
static const struct world three_zones = { .base = 0x80000000,
					  .bytes = 64 * MiB,
					  .bank = { { 0x80000000, 0x84000000, 0 } },
					  .cut = { 0x81000000, 0x82000000 },
					  .dma = 1,
					  .dma32 = 3,
					  .reserves = true };
static const struct world two_nodes = { .base = 0x80000000,
					.bytes = 64 * MiB,
					.bank = { { 0x80000000, 0x80800000, 0 },
						  { 0x80800000, 0x81000000, 1 },
						  { 0x81000000, 0x81c00000, 1 },
						  { 0x81c00000, 0x82000000, 0 },
						  { 0x82000000, 0x83000000, 0 },
						  { 0x83000000, 0x84000000, 1 } },
					.cut = { 0x81000000, 0x82000000 },
					.dma = 1,
					.dma32 = 3,
					.reserves = true };
static const struct world plain = { .base = 0x80000000,
				    .bytes = 64 * MiB,
				    .bank = { { 0x80000000, 0x84000000, 0 } },
				    .reserves = true };

static void build(const struct world *w, unsigned harts)
{
	nr_harts = harts;
	min_free_kbytes = 0;
	nr = 0;
	world_build(w);
}

/* All that @gfp gets; how many pages. */
static unsigned long exhaust(gfp_t gfp, unsigned order)
{
	unsigned long before = nr;

	while (nr < MOST && (page[nr] = alloc_pages(gfp | __GFP_NOWARN, order)))
		nr++;
	EXPECT(nr < MOST);
	return (nr - before) << order;
}

static void give(unsigned long n, unsigned order)
{
	while (n--)
		__free_pages(page[--nr], order);
}

static unsigned long zone_total(const struct zone *zone)
{
	return zone->nr_free + zone_listed_pages(zone);
}

/* ---- by flags ---- */

static unsigned long lowered(unsigned long mark, bool high, bool atomic)
{
	if (high)
		mark -= mark / 2;
	if (atomic)
		mark -= mark / 4;
	return mark;
}

TEST(each_kind_of_request_stops_at_its_mark)
{
	static const struct {
		gfp_t gfp;
		bool high, atomic, all;
	} kind[] = { { GFP_KERNEL, 0, 0, 0 },
		     { GFP_USER, 0, 0, 0 },
		     { GFP_NOFS | __GFP_RETRY_MAYFAIL, 0, 0, 0 },
		     { GFP_NOIO | __GFP_NORETRY, 0, 0, 0 },
		     { GFP_HIGHUSER_MOVABLE, 0, 0, 0 },
		     { GFP_KERNEL | __GFP_RECLAIMABLE, 0, 0, 0 },
		     { GFP_NOWAIT, 0, 0, 0 },
		     { 0, 0, 0, 0 },
		     { GFP_KERNEL | __GFP_HIGH, 1, 0, 0 },
		     { GFP_ATOMIC, 1, 1, 0 },
		     { GFP_ATOMIC | __GFP_NOMEMALLOC, 1, 1, 0 },
		     { GFP_KERNEL | __GFP_MEMALLOC, 0, 0, 1 },
		     { GFP_ATOMIC | __GFP_MEMALLOC, 0, 0, 1 },
		     { GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOMEMALLOC, 0, 0, 0 } };
	static const unsigned orders[] = { 0, 1, 4, 5, 9, 10 };

	for (unsigned i = 0; i < ARRAY_SIZE(kind) * ARRAY_SIZE(orders); i++) {
		unsigned k = i / ARRAY_SIZE(orders), order = orders[i % ARRAY_SIZE(orders)];
		unsigned long leave;

		build(&plain, 1);
		leave = lowered(zone_table[0]->watermark[WMARK_MIN], kind[k].high, kind[k].atomic);
		leave = kind[k].all ? 0 : leave;
		exhaust(kind[k].gfp, order);
		EXPECT(nr_free_pages() >= leave);
		/* Early allocations took from some of the largest blocks. */
		if (order <= 4)
			EXPECT(nr_free_pages() < leave + (1UL << order) + (order ? 64 : 0));
		page_alloc_validate();
	}
}

/* Who comes later gets exactly what was kept for him. */
TEST(the_reserves_are_one_below_the_other)
{
	unsigned long min;

	build(&plain, 1);
	min = zone_table[0]->watermark[WMARK_MIN];
	exhaust(GFP_KERNEL, 0);
	EXPECT_EQ(exhaust(GFP_NOWAIT, 0), 0);
	EXPECT_EQ(exhaust(GFP_KERNEL | __GFP_HIGH, 0), min - lowered(min, true, false));
	EXPECT_EQ(nr_free_pages(), lowered(min, true, false));
	exhaust(GFP_ATOMIC, 0);
	EXPECT_EQ(nr_free_pages(), lowered(min, true, true));
	EXPECT_EQ(exhaust(GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOMEMALLOC, 0), 0);
	exhaust(GFP_KERNEL | __GFP_MEMALLOC, 0);
	EXPECT_EQ(nr_free_pages(), 0);
	give(nr, 0);
	page_alloc_validate();
}

/* A thread that frees memory; an interrupt handler on top of it isn't that thread. */
TEST(who_frees_memory_may_have_all)
{
	unsigned long min;
	unsigned old;

	build(&plain, 1);
	min = zone_table[0]->watermark[WMARK_MIN];
	old = memalloc_noreclaim_save();
	this_hart->preempt_count += HARDIRQ_OFFSET;
	exhaust(GFP_ATOMIC, 0);
	this_hart->preempt_count -= HARDIRQ_OFFSET;
	EXPECT_EQ(nr_free_pages(), lowered(min, true, true));
	EXPECT_EQ(exhaust(GFP_KERNEL | __GFP_NOMEMALLOC, 0), 0);
	exhaust(GFP_KERNEL, 0);
	EXPECT_EQ(nr_free_pages(), 0);
	memalloc_noreclaim_restore(old);
	give(nr, 0);
}

/* ---- lower zones ---- */

static unsigned long reserve_of(const struct zone *zone, zone_mask_t reach)
{
	unsigned highest = 0;

	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (reach >> type & 1)
			highest = type;
	return zone->lowmem_reserve[highest];
}

/* What is left after @gfp and @reach took all they could: each zone's reserve to the page, and all
 * of the zones that they can't have. */
static void check_left(gfp_t gfp, zone_mask_t reach, int nid)
{
	zone_mask_t mask = gfp & __GFP_DMA ? 1 : gfp & __GFP_DMA32 ? 3 : 7;
	struct zone *zone;

	mask &= reach;
	while (nr < MOST) {
		struct page *got = nid >= 0 ? alloc_pages_node(nid, gfp, 0)
					    : alloc_pages_for_reach(reach, gfp, 0);

		if (!got)
			break;
		page[nr++] = got;
	}
	for_each_zone(zone) {
		unsigned long min = zone->watermark[WMARK_MIN];

		if (!(mask >> zone->type & 1) || (gfp & __GFP_THISNODE && zone->nid != max(nid, 0)))
			EXPECT_EQ(zone_total(zone), zone->managed_pages);
		else
			EXPECT_EQ(zone_total(zone),
				  reserve_of(zone, mask) + lowered(min, gfp & __GFP_HIGH,
								   !(gfp & __GFP_DIRECT_RECLAIM)));
	}
	give(nr, 0);
}

TEST(no_request_takes_what_a_lower_zone_keeps)
{
	static const gfp_t where[] = { 0, __GFP_DMA, __GFP_DMA32, __GFP_HIGHMEM };
	const struct world *boards[] = { &three_zones, &two_nodes };
	static const char *const ratios[] = { "256 256 256 256 256 256 256 256", "4 16 0 1 1 1 1 1",
					      "8 8 8 8 8 8 8 8" };

	for (unsigned i = 0; i < 2 * 4 * 3 * 8; i++) {
		gfp_t gfp = where[i / 2 % 4] | __GFP_NOWARN;
		zone_mask_t reach = (zone_mask_t)(i / 24);

		EXPECT_EQ(sysctl_write(sysctl_find("vm.lowmem_reserve_ratio"), ratios[i / 8 % 3]),
			  0);
		build(boards[i & 1], 1 + i % 3);
		if (reach) {
			check_left(gfp | GFP_KERNEL, reach, -1);
			check_left(gfp | GFP_ATOMIC, reach, -1);
			continue;
		}
		for (int nid = 0; nid < (int)nr_nodes; nid++) {
			check_left(gfp | GFP_KERNEL, 7, nid);
			check_left(gfp | GFP_ATOMIC | __GFP_THISNODE, 7, nid);
		}
	}
	EXPECT_EQ(sysctl_write(sysctl_find("vm.lowmem_reserve_ratio"), ratios[0]), 0);
}

/* A request for zones 0 and 2, of which this node has only zone 0: it keeps some for zone 1's. */
TEST(even_the_first_zone_of_a_request_keeps_what_it_keeps)
{
	struct world w = two_nodes;
	struct zone *zone;

	memset(w.bank, 0, sizeof(w.bank));
	w.bank[0] = (struct world_bank){ 0x80000000, 0x82000000, 0 };
	w.bank[1] = (struct world_bank){ 0x82000000, 0x84000000, 1 };
	w.dma = 5;
	EXPECT_EQ(sysctl_write(sysctl_find("vm.lowmem_reserve_ratio"), "4 4 4 4 4 4 4 4"), 0);
	for (unsigned order = 0; order < 5; order++) {
		build(&w, 1);
		zone = node_data[0]->zone[0];
		EXPECT(zone->lowmem_reserve[2] > 500);
		exhaust(GFP_KERNEL | __GFP_DMA, order);
		EXPECT(zone_total(zone) >= zone->watermark[WMARK_MIN] + zone->lowmem_reserve[2]);
	}
	EXPECT_EQ(sysctl_write(sysctl_find("vm.lowmem_reserve_ratio"),
			       "256 256 256 256 256 256 256 256"),
		  0);
}

/* Pages of a lower zone that its users free, while it has little, are not for the others. */
TEST(what_a_lower_zone_gets_back_stays_in_it)
{
	struct zone *low;
	unsigned long left;

	EXPECT_EQ(sysctl_write(sysctl_find("vm.lowmem_reserve_ratio"), "4 4 4 4 4 4 4 4"), 0);
	build(&three_zones, 1);
	low = zone_table[0];
	exhaust(GFP_KERNEL | __GFP_DMA, 0);
	left = nr;
	exhaust(GFP_KERNEL, 0);
	/* More than its high watermark, so that this hart keeps them. */
	for (unsigned long i = 0; i < 2 * low->watermark[WMARK_HIGH]; i++) {
		__free_page(page[--left]);
		EXPECT(!alloc_page(GFP_KERNEL | __GFP_NOWARN));
	}
	EXPECT(zone_listed_pages(low) || zone_total(low) > low->watermark[WMARK_HIGH]);
	EXPECT(alloc_page(GFP_KERNEL | __GFP_DMA));
	EXPECT_EQ(sysctl_write(sysctl_find("vm.lowmem_reserve_ratio"),
			       "256 256 256 256 256 256 256 256"),
		  0);
}

/* ---- little left, and what harts keep ---- */

/* Each hart's lists are as full as they get. */
static void fill_lists(void)
{
	static const gfp_t gfp[] = { GFP_KERNEL, GFP_KERNEL | __GFP_MOVABLE,
				     GFP_KERNEL | __GFP_RECLAIMABLE };
	static struct page *some[1200];

	for (unsigned i = 0; i < nr_harts * 3 * 6; i++) {
		unsigned order = i % 6 == 5 ? 9 : i % 6, n = order == 9 ? 1 : 1200 >> order;

		world_run_as(i / 18);
		for (unsigned j = 0; j < n; j++)
			EXPECT(some[j] = alloc_pages(gfp[i / 6 % 3], order));
		for (unsigned j = 0; j < n; j++)
			__free_pages(some[j], order);
	}
}

/* Single pages of every hart's, some of which go back. */
static void random_pages(unsigned long times)
{
	while (times--) {
		world_run_as((unsigned)rnd_below(nr_harts));
		if (rnd_below(2) && nr)
			__free_page(page[--nr]);
		else if (nr < MOST && (page[nr] = alloc_page(GFP_ATOMIC | __GFP_NOWARN)))
			nr++;
	}
}

/*
 * Below its low watermark a zone gets everything that is freed: no list grows.  Each allocation
 * that isn't a hit takes blocks off its hart's lists, and the reclaim thread, which that woke,
 * all: from then on, until the zone is above its high watermark, harts keep less than a batch.
 */
TEST(harts_keep_next_to_nothing_while_little_is_left)
{
	unsigned long was, now;
	struct zone *zone;

	build(&plain, 8);
	zone = zone_table[0];
	fill_lists();
	was = zone_listed_pages(zone);
	EXPECT(was > 8 * 64);
	world_run_as(0);
	while (zone->nr_free >= zone->watermark[WMARK_LOW] - 8)
		EXPECT(page[nr++] = alloc_page(GFP_ATOMIC));
	was = zone_listed_pages(zone);
	for (unsigned i = 0; i < 2000; i++) {
		random_pages(1);
		now = zone_listed_pages(zone);
		EXPECT(now <= was || !(zone->bypass & BYPASS_PRESSURE));
		was = now;
		while (zone->nr_free >= zone->watermark[WMARK_LOW] - 8)
			EXPECT(page[nr++] = alloc_page(GFP_ATOMIC));
	}
	world_run_as(1);
	kswapd.run(node_data[0]);
	EXPECT_EQ(zone_listed_pages(zone), 0);
	for (unsigned i = 0; i < 5000; i++) {
		random_pages(1);
		if (zone->nr_free < zone->watermark[WMARK_LOW])
			EXPECT(zone_listed_pages(zone) <= nr_harts * 64);
	}
	world_run_as(0);
	give(nr, 0);
	EXPECT(!(zone->bypass & BYPASS_PRESSURE));
	page_alloc_validate();
}

/* Below low nothing that is freed stays on a list; at high and above it does, between as before.
 * The same where pages come back in large blocks. */
TEST(frees_bypass_the_lists_from_low_until_high)
{
	struct zone *zone;
	unsigned long low, high;

	for (unsigned order = 0; order < 8; order += 7) {
		build(&plain, 1);
		zone = zone_table[0];
		low = zone->watermark[WMARK_LOW];
		high = zone->watermark[WMARK_HIGH];
		while (zone->nr_free >= low) {
			EXPECT(page[nr++] = alloc_pages(GFP_ATOMIC, order));
			EXPECT_EQ(!!(zone->bypass & BYPASS_PRESSURE), zone->nr_free < low);
		}
		drain_all_pages();
		while (zone->nr_free + (1UL << order) < high) {
			__free_pages(page[--nr], order);
			EXPECT_EQ(zone_listed_pages(zone), 0);
			EXPECT(zone->bypass & BYPASS_PRESSURE);
		}
		__free_pages(page[--nr], order);
		EXPECT(!(zone->bypass & BYPASS_PRESSURE));
		give(nr, order);
	}
}

/* Requests wake the reclaim thread for more where types begin to mix; once it ran that ends. */
TEST(mixing_types_raises_the_marks_for_a_while)
{
	struct zone *zone;
	unsigned long most;

	build(&plain, 1);
	zone = zone_table[0];
	most = zone->watermark[WMARK_HIGH] * 3 / 2;
	while (zone->nr_free > zone->watermark[WMARK_HIGH] + 1000)
		EXPECT(page[nr++] = alloc_page(GFP_KERNEL | __GFP_MOVABLE));
	EXPECT_EQ(zone->watermark_boost, 0);
	/* No pageblock is whole any more: the next takes a part of one. */
	for (unsigned long i = 0; i < nr; i += 256)
		__free_page(page[i]);
	while (zone->orders[MIGRATE_MOVABLE] >> PAGEBLOCK_ORDER)
		EXPECT(alloc_pages(GFP_KERNEL | __GFP_MOVABLE, PAGEBLOCK_ORDER));
	for (unsigned i = 0; i < 300; i++)
		EXPECT(alloc_page(GFP_ATOMIC));
	EXPECT(zone->watermark_boost > 0 && zone->watermark_boost <= most);
	EXPECT_EQ(wmark_pages(zone, WMARK_MIN), zone->watermark[WMARK_MIN]);
	EXPECT_EQ(wmark_pages(zone, WMARK_HIGH),
		  zone->watermark[WMARK_HIGH] + zone->watermark_boost);
}

/* Whatever harts keep, of whatever type and order: who may sleep gets it. */
TEST(who_may_sleep_gets_what_any_hart_keeps)
{
	static const gfp_t gfp[] = { GFP_KERNEL, GFP_NOIO | __GFP_NORETRY, GFP_NOFS | __GFP_MOVABLE,
				     GFP_USER | __GFP_RECLAIMABLE, GFP_KERNEL | __GFP_COMP };

	for (unsigned i = 0; i < ARRAY_SIZE(gfp) * 5; i++) {
		unsigned long min, held;

		build(&plain, 8);
		min = zone_table[0]->watermark[WMARK_MIN];
		fill_lists();
		EXPECT(zone_listed_pages(zone_table[0]) > 2000);
		world_run_as((unsigned)rnd_below(8));
		exhaust(gfp[i / 5], i % 5);
		held = nr_free_pages();
		EXPECT(held >= min && held < min + (1UL << i % 5) + (i % 5 ? 64 : 0));
		give(nr, i % 5);
		page_alloc_validate();
	}
}

/* ---- large atomic requests ---- */

static unsigned long nr_highatomic(void)
{
	struct zone *zone = zone_table[0];
	unsigned long blocks = 0;

	for (unsigned long pfn = zone->start_pfn; pfn < zone->end_pfn; pfn += pageblock_nr_pages)
		blocks += *pageblock_of(zone, pfn_to_page(pfn)) == MIGRATE_HIGHATOMIC;
	return blocks * pageblock_nr_pages;
}

/*
 * Below the low watermark a pageblock from which a large atomic request was served is kept for
 * the next, up to a hundredth of the zone; direct reclaim gives them back.  Again and again, with
 * some of their pages in use all the time.
 */
TEST(what_is_kept_for_large_atomic_requests_is_bounded)
{
	static const struct world large = { .base = 0x80000000,
					    .bytes = 512 * MiB,
					    .bank = { { 0x80000000, 0xa0000000, 0 } },
					    .reserves = true };
	static struct page *kept[4096];
	unsigned long most = 0;
	struct zone *zone;

	build(&large, 2);
	zone = zone_table[0];
	min_free_kbytes = 16384; /* room for the largest blocks below low */
	setup_per_zone_wmarks();
	while (zone->nr_free >= zone->watermark[WMARK_LOW] + 2048)
		EXPECT(page[nr++] = alloc_pages(GFP_KERNEL, 3));
	for (unsigned round = 0; round < 40; round++) {
		unsigned order = 10 - round % 10, n = 0; /* the largest while none is kept */
		unsigned long got;

		while (n < ARRAY_SIZE(kept) &&
		       (kept[n] = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, order)))
			n++;
		EXPECT(nr_highatomic() <= zone->managed_pages / 100);
		EXPECT_EQ(nr_highatomic(), zone->nr_highatomic);
		most = max(most, nr_highatomic());
		page_alloc_validate();
		/* Of some pageblocks nothing is freed. */
		for (unsigned i = 0; i < n; i++) {
			if (!(i % 4) || page_to_pfn(kept[i]) >> PAGEBLOCK_ORDER & 1)
				continue;
			__free_pages(kept[i], order);
			kept[i] = NULL;
		}
		page_alloc_validate();
		/* Everything above min goes to who may sleep. */
		got = exhaust(GFP_KERNEL, 0);
		EXPECT_EQ(zone_free_of(zone, MIGRATE_HIGHATOMIC), 0);
		EXPECT_EQ(nr_highatomic(), zone->nr_highatomic);
		for (unsigned i = 0; i < n; i++)
			if (kept[i])
				__free_pages(kept[i], order);
		give(got, 0);
		EXPECT(nr_highatomic() <= zone->managed_pages / 100);
		page_alloc_validate();
	}
	EXPECT(most >= pageblock_nr_pages);
	/* A sleeping request that could not be served otherwise. */
	while (alloc_page(GFP_KERNEL | __GFP_NOWARN))
		;
	EXPECT_EQ(zone_free_of(zone, MIGRATE_HIGHATOMIC), 0);
	EXPECT_EQ(zone->nr_free, zone->watermark[WMARK_MIN]);
	page_alloc_validate();
	nr_harts = WORLD_HARTS;
}
