/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_page_alloc.c - the page allocator against a map of owners, on random boards
 *
 * The model knows for each frame who owns it.  After each allocation it says whether
 * the block may be handed out, whether it comes from the first zone that could serve it,
 * and, where there was none, that merging everything would not have made one.
 */
#include "mm_hold.h"

#include <asm/memory.h>
#include <mm/memmap.h>
#include <string.h>

/* A free that can't be right, of frame @pfn. */
static void wrong_free(unsigned long pfn)
{
	unsigned order = (unsigned)rnd_below(NR_ORDERS + 2);
	u32 who = world_owner(pfn);
	unsigned long before = page_reports.bad_free, nr = nr_free_pages();

	for (unsigned i = 0; i < nr_held; i++) {
		struct held *h = &held[i];

		/* A right one, or one that only drops a reference. */
		if (h->id == who && h->page == pfn_to_page(pfn) &&
		    (order == h->order || h->extra_refs))
			return;
	}
	page_reports_expect(true);
	if (rnd() & 1 && order < NR_ORDERS)
		free_pages((unsigned long)__va(PFN_PHYS(pfn)), order);
	else if (who != OWNER_NONE)
		__free_pages(pfn_to_page(pfn), order);
	else
		page_reports.bad_free++;
	page_reports_expect(false);
	EXPECT_EQ(page_reports.bad_free, before + 1);
	EXPECT_EQ(nr_free_pages(), nr);
	page_reports.bad_free = 0;
}

static void random_split(void)
{
	struct held h;
	unsigned n;

	if (!nr_held)
		return;
	n = (unsigned)rnd_below(nr_held);
	h = held[n];
	if (PageHead(h.page) || h.extra_refs || nr_held + (1UL << h.order) >= MAX_HELD)
		return;
	split_page(h.page, h.order);
	held[n] = held[--nr_held];
	for (unsigned long i = 0; i < 1UL << h.order; i++) {
		EXPECT_EQ(page_count(h.page + i), 1);
		held[nr_held++] = (struct held){ h.page + i, 0, h.gfp, h.id, 0 };
	}
}

/* Memory reserved at boot becomes free. */
static void random_unreserve(void)
{
	unsigned long pfn = world_first + rnd_below(world_end - world_first), end = pfn;
	unsigned long max = 1 + rnd_below(3000);

	while (end - pfn < max && world_owner(end) == OWNER_RESERVED)
		end++;
	EXPECT_EQ(free_reserved_area(PFN_PHYS(pfn), PFN_PHYS(end)), end - pfn);
	world_set_owner(pfn, end - pfn, OWNER_FREE);
}

static void random_reference(void)
{
	struct held *h = &held[rnd_below(nr_held ? nr_held : 1)];

	if (!nr_held)
		return;
	get_page(PageHead(h->page) ? h->page + rnd_below(1UL << h->order) : h->page);
	h->extra_refs++;
}

/* @grow: of 85 steps so many allocate, the others give back. */
static void random_step(unsigned grow)
{
	unsigned what = (unsigned)rnd_below(100);

	if (what < grow)
		random_request();
	else if (what < 85 && nr_held)
		give((unsigned)rnd_below(nr_held));
	else if (what < 90)
		wrong_free(world_first + rnd_below(world_end - world_first));
	else if (what < 93 && nr_held)
		wrong_free(page_to_pfn(held[rnd_below(nr_held)].page));
	else if (what < 94)
		random_split();
	else if (what < 97)
		random_reference();
	else if (what < 98)
		random_unreserve();
	else if (what < 99)
		drain_all_pages();
	else if (!rnd_below(8))
		give_all();
}

TEST(random_boards)
{
	for (int board = 0; board < 100; board++) {
		unsigned grow = 0;
		struct world w;

		world_random(&w);
		world_build(&w);
		nr_held = 0;
		for (int step = 0; step < 4000; step++) {
			if (step % 500 == 0)
				grow = (unsigned)rnd_range(30, 60);
			random_step(grow);
			if (!rnd_below(50))
				world_check();
		}
		give_all();
		check_merged();
	}
}

/* Full, with single pages; then all back, in random order. */
TEST(exhaust_and_return)
{
	struct world w = { .base = 0x80000000,
			   .bytes = 16 * MiB,
			   .bank = { { 0x80000000, 0x81000000, 0 } } };
	unsigned long before[NR_ORDERS], after[NR_ORDERS];

	world_build(&w);
	nr_held = 0;
	zone_free_blocks(zone_table[0], before);
	while (nr_held < MAX_HELD && take(GFP_ATOMIC | __GFP_NOWARN, 0))
		;
	EXPECT(nr_held < MAX_HELD);
	EXPECT_EQ(nr_free_pages(), 0);
	world_check();
	give_all();
	check_merged();
	zone_free_blocks(zone_table[0], after);
	EXPECT(!memcmp(before, after, sizeof(before)));
}
