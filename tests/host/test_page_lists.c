/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_page_lists.c - what each hart keeps for itself: hits, refills, drains, and nothing stranded
 */
#include "mm_world.h"

#include <asm/memory.h>
#include <mm/memmap.h>
#include <string.h>

#include "../../mm/pcp.h"

static const struct world plain = { .base = 0x80000000,
				    .bytes = 32 * MiB,
				    .bank = { { 0x80000000, 0x82000000, 0 } } };

static unsigned long listed(void)
{
	return zone_listed_pages(zone_table[0]);
}

static unsigned capacity(unsigned order)
{
	const struct zone_pcp *pcp = this_hart->pcp_zone[0];

	return (unsigned)(pcp->list[0][order].full - pcp->base[order]);
}

/* Every allocation of the zone's pages, then nothing: none is out of reach on a list. */
static unsigned long take_everything(struct page **page, unsigned long max)
{
	unsigned long n = 0;

	while (n < max && (page[n] = alloc_page(GFP_ATOMIC | __GFP_NOWARN)))
		n++;
	return n;
}

TEST(a_hit_writes_little_and_takes_no_lock)
{
	struct page *page, *again;
	u32 lock;

	world_build(&plain);
	__free_page(alloc_page(GFP_ATOMIC));
	lock = zone_table[0]->lock.word;
	for (int i = 0; i < 100; i++) {
		page = alloc_page(GFP_KERNEL);
		EXPECT_EQ(page_count(page), 1);
		page->mapping = page;
		page->index = 77;
		__free_page(page);
		again = alloc_page(GFP_ATOMIC);
		EXPECT(again == page); /* the last freed comes first */
		EXPECT_EQ(again->mapping_word, 0);
		EXPECT_EQ(again->index, 0);
		__free_page(again);
	}
	/* A debug build looks at each free under the lock: one turn each, and no more. */
	EXPECT((u16)(zone_table[0]->lock.word - lock) <= 200);
	world_check();
}

TEST(refills_are_batches_and_lists_have_an_end)
{
	static struct page *page[8192];
	unsigned batch = this_hart->pcp_zone[0]->batch;

	world_build(&plain);
	for (unsigned order = 0; order < PCP_ORDERS; order++) {
		unsigned most = capacity(order), n = 3 * most + 5;

		EXPECT(most >= 2 && n <= ARRAY_SIZE(page));
		drain_all_pages();
		EXPECT_EQ(listed(), 0);
		page[0] = alloc_pages(GFP_ATOMIC, order);
		EXPECT(listed() < max(batch, 2U << order));
		for (unsigned i = 1; i < n; i++)
			EXPECT(page[i] = alloc_pages(GFP_ATOMIC, order));
		for (unsigned i = 0; i < n; i++) {
			__free_pages(page[i], order);
			EXPECT(zone_hart_pages(zone_table[0], 0) <= (unsigned long)most << order);
			EXPECT(listed() <= 2UL * most << order); /* the depot has as much */
		}
		world_check();
	}
	drain_all_pages();
	EXPECT_EQ(listed(), 0);
	world_check();
}

/* Pages freed in any order merge again: upwards, downwards, every other one first, at random. */
TEST(drained_pages_merge_whole)
{
	static struct page *page[4096];
	unsigned long blocks[NR_ORDERS], whole[NR_ORDERS];

	world_build(&plain);
	drain_all_pages();
	zone_free_blocks(zone_table[0], whole);
	for (int how = 0; how < 4; how++) {
		unsigned long n = ARRAY_SIZE(page);

		for (unsigned long i = 0; i < n; i++)
			EXPECT(page[i] = alloc_page(GFP_ATOMIC));
		for (unsigned long i = 0; i < n; i++) {
			unsigned long k = how == 0   ? i
					  : how == 1 ? n - 1 - i
					  : how == 2 ? (2 * i) % n + (2 * i) / n
						     : i + rnd_below(n - i);
			struct page *p = page[k];

			if (how == 3)
				page[k] = page[i];
			__free_page(p);
			if (i % 512 == 0)
				page_alloc_validate();
		}
		drain_all_pages();
		zone_free_blocks(zone_table[0], blocks);
		EXPECT(!memcmp(blocks, whole, sizeof(whole)));
		world_check();
	}
	world_check();
}

/* What other harts keep is everybody's for a caller that may wait, and this hart's for any. */
TEST(nothing_is_stranded)
{
	static struct page *page[8192];
	unsigned long n, more, few = capacity(0) - 1;

	world_build(&plain);
	n = take_everything(page, ARRAY_SIZE(page));
	EXPECT_EQ(nr_free_pages(), 0);
	/* Hart 1 frees some of each order's worth; hart 0 can't have them without waiting ... */
	world_run_as(1);
	for (unsigned long i = 0; i < few; i++)
		__free_page(page[--n]);
	world_run_as(0);
	EXPECT_EQ(listed(), few);
	EXPECT(!alloc_page(GFP_ATOMIC | __GFP_NOWARN));
	EXPECT_EQ(listed(), few);
	/* ... and has them all if it may. */
	for (more = 0; more < few; more++)
		EXPECT(page[n++] = alloc_page(GFP_KERNEL | __GFP_NOWARN));
	EXPECT(!alloc_page(GFP_KERNEL | __GFP_NOWARN));
	/* Its own, of another type, it has at once. */
	for (int i = 0; i < 10; i++) {
		__free_page(page[--n]);
		EXPECT(page[n++] = alloc_page(GFP_ATOMIC | __GFP_MOVABLE | __GFP_NOWARN));
	}
	while (n)
		__free_page(page[--n]);
	world_check();
}

/* What one hart frees another gets from the depot, the same pages, and a drain finds them there. */
TEST(pages_change_hands_by_the_depot)
{
	static struct page *page[4096];
	struct zone *zone;
	unsigned nr = 0, n;

	world_build(&plain);
	zone = zone_table[0];
	n = 2 * capacity(0);
	EXPECT(n <= ARRAY_SIZE(page));
	for (unsigned i = 0; i < n; i++)
		EXPECT(page[i] = alloc_page(GFP_ATOMIC));
	for (unsigned i = 0; i < n; i++)
		__free_page(page[i]);
	EXPECT(zone->nr_depot > 0);
	world_check();
	world_run_as(1);
	while (zone->nr_depot && nr < n) {
		unsigned long was = zone->nr_free;

		EXPECT(page[nr++] = alloc_page(GFP_ATOMIC));
		EXPECT_EQ(zone->nr_free, was);
	}
	EXPECT_EQ(zone->nr_depot, 0);
	while (nr)
		__free_page(page[--nr]);
	drain_all_pages();
	EXPECT_EQ(listed() + zone->nr_depot, 0);
	world_check();
	world_run_as(0);
}

TEST(a_dead_hart_gives_all_back)
{
	struct page *page[64];

	world_build(&plain);
	world_run_as(3);
	for (unsigned i = 0; i < ARRAY_SIZE(page); i++)
		EXPECT(page[i] = alloc_pages(GFP_ATOMIC, i % 4));
	for (unsigned i = 0; i < ARRAY_SIZE(page); i++)
		__free_pages(page[i], i % 4);
	EXPECT(zone_hart_pages(zone_table[0], 3) > 0);
	world_run_as(0);
	page_alloc_hart_dead(3);
	EXPECT_EQ(zone_hart_pages(zone_table[0], 3), 0);
	world_check();
}

/* A second free of a page on a list, of another order, of a tail: named, and nothing changes. */
TEST(wrong_frees_of_listed_pages)
{
	struct page *page;

	world_build(&plain);
	page = alloc_pages(GFP_ATOMIC, 2);
	page_reports_expect(true);
	__free_pages(page, 1);
	__free_pages(page, 3);
	__free_pages(page + 1, 0);
	EXPECT_EQ(page_reports.bad_free, 3);
	__free_pages(page, 2);
	EXPECT_EQ(page_reports.bad_free, 3);
	__free_pages(page, 2);
	put_page(page);
	EXPECT_EQ(page_reports.bad_free, 5);
	page_reports_expect(false);
	world_check();
}

TEST(the_validator_speaks)
{
	struct pcp_list *list;
	struct page *page;
	char fault[192];

	world_build(&plain);
	__free_page(page = alloc_page(GFP_ATOMIC));
	list = &this_hart->pcp_zone[0]->list[0][0];
	EXPECT_EQ(zone_validate(zone_table[0], fault, sizeof(fault)), 0);
	page->_refcount = 1;
	EXPECT_EQ(zone_validate(zone_table[0], fault, sizeof(fault)), -14);
	EXPECT(strstr(fault, "refcount 1"));
	page->_refcount = 0;
	page->block ^= 1;
	EXPECT_EQ(zone_validate(zone_table[0], fault, sizeof(fault)), -14);
	EXPECT(strstr(fault, "block word"));
	page->block ^= 1;
	list->top = list->full + 1;
	EXPECT_EQ(zone_validate(zone_table[0], fault, sizeof(fault)), -14);
	EXPECT(strstr(fault, "top is slot"));
	world_build(&plain);
}
