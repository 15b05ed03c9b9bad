/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_page_types.c - what stands where: pageblocks' types, what one type takes from another, and
 * how few pageblocks unmovable pages spoil
 */
#include "mm_world.h"

#include <kernel/smp.h>
#include <mm/memmap.h>
#include <string.h>

static const struct world plain = { .base = 0x80000000,
				    .bytes = 64 * MiB,
				    .bank = { { 0x80000000, 0x84000000, 0 } } };

#define UNMOVABLE   GFP_KERNEL
#define MOVABLE	    (GFP_KERNEL | __GFP_MOVABLE)
#define RECLAIMABLE (GFP_KERNEL | __GFP_RECLAIMABLE)

static void bypass(bool on)
{
	struct zone *zone = zone_table[0];
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	zone_bypass(zone, BYPASS_DEBUG, on);
	spin_unlock_irqrestore(&zone->lock, flags);
	drain_all_pages();
}

/* One block at a time, as the rules of mm/pageblock.c are for: no lists. */
static void build(void)
{
	nr_harts = 1;
	world_build(&plain);
	bypass(true);
}

static unsigned type_at(const struct page *page)
{
	return get_pageblock_migratetype(page);
}

static unsigned long pageblock_at(const struct page *page)
{
	return page_to_pfn(page) >> PAGEBLOCK_ORDER;
}

static unsigned long count_type(unsigned type)
{
	struct zone *zone = zone_table[0];
	unsigned long nr = 0;

	for (unsigned long pfn = zone->start_pfn; pfn < zone->end_pfn; pfn += pageblock_nr_pages)
		nr += *pageblock_of(zone, pfn_to_page(pfn)) == type;
	return nr;
}

/* All of the zone's pages, one by one. */
static struct page *page[16384];
static unsigned long nr;

static void take_all(gfp_t gfp, unsigned long leave)
{
	for (nr = 0; nr_free_pages() > leave; nr++)
		EXPECT(page[nr] = alloc_page(gfp));
}

TEST(unmovable_pages_claim_one_pageblock_and_stay_in_it)
{
	unsigned long before, first;

	build();
	before = count_type(MIGRATE_MOVABLE);
	page[0] = alloc_page(UNMOVABLE);
	first = pageblock_at(page[0]);
	EXPECT_EQ(type_at(page[0]), MIGRATE_UNMOVABLE);
	EXPECT_EQ(count_type(MIGRATE_MOVABLE), before - 1);
	EXPECT_EQ(page_to_pfn(page[0]) & 511, 0); /* the largest block */
	for (nr = 1; nr < 512; nr++) {
		page[nr] = alloc_page(UNMOVABLE);
		EXPECT_EQ(pageblock_at(page[nr]), first);
	}
	page[nr] = alloc_page(UNMOVABLE);
	EXPECT(pageblock_at(page[nr++]) != first);
	EXPECT_EQ(count_type(MIGRATE_UNMOVABLE), 2);
	page[nr] = alloc_page(MOVABLE);
	EXPECT_EQ(type_at(page[nr++]), MIGRATE_MOVABLE);
	while (nr)
		__free_page(page[--nr]);
	EXPECT_EQ(count_type(MIGRATE_MOVABLE), before);
	world_check();
}

/* Reclaimable pages prefer what unmovable ones have, of blocks of the same size. */
TEST(the_largest_block_goes_and_the_nearer_type_first)
{
	unsigned long left;

	build();
	take_all(MOVABLE, 0);
	/* Free again: 256 pages of the last pageblock as a movable block, 64 of another. */
	for (unsigned long i = 0; i < nr; i++) {
		unsigned long at = page_to_pfn(page[i]) - world_first;

		if ((at >= 512 * 9 && at < 512 * 9 + 64) || (at >= 512 * 7 && at < 512 * 7 + 256))
			__free_page(page[i]);
	}
	left = nr_free_pages();
	EXPECT_EQ(left, 64 + 256);
	/* From the larger one: half a pageblock, so that it changes. */
	EXPECT_EQ(page_to_pfn(alloc_page(UNMOVABLE)) - world_first, 512 * 7);
	EXPECT_EQ(count_type(MIGRATE_UNMOVABLE), 1);
	/* 128 of unmovable there now, more than 64 movable: reclaimable takes those. */
	EXPECT_EQ(page_to_pfn(alloc_page(RECLAIMABLE)) - world_first, 512 * 7 + 128);
	EXPECT_EQ(count_type(MIGRATE_RECLAIMABLE), 0); /* a quarter only */
	/* 64 each of unmovable, movable and in its own list: unmovable goes on in its own. */
	for (unsigned i = 0; i < 127; i++)
		EXPECT(page_to_pfn(alloc_page(UNMOVABLE)) - world_first < 512 * 8);
	/* Then it takes the largest that reclaimable pages have, not the movable one. */
	EXPECT(page_to_pfn(alloc_page(UNMOVABLE)) - world_first < 512 * 8);
	/* A movable page takes the smallest that will do, of its own while there is one. */
	EXPECT(page_to_pfn(alloc_page(MOVABLE)) - world_first >= 512 * 9);
	page_alloc_validate();
}

TEST(movable_pages_take_the_smallest_of_others)
{
	struct page *got;

	build();
	take_all(UNMOVABLE, 0);
	for (unsigned long i = 0; i < nr; i++) {
		unsigned long at = page_to_pfn(page[i]) - world_first;

		if (at == 512 * 3 + 8 || (at >= 512 * 5 && at < 512 * 5 + 4) ||
		    (at >= 512 * 7 && at < 512 * 8))
			__free_page(page[i]);
	}
	/* A wholly free pageblock is movable, so that one first. */
	for (unsigned i = 0; i < 512; i++) {
		got = alloc_page(MOVABLE);
		EXPECT_EQ(type_at(got), MIGRATE_MOVABLE);
	}
	got = alloc_page(MOVABLE);
	EXPECT_EQ(page_to_pfn(got) - world_first, 512 * 3 + 8);
	EXPECT_EQ(type_at(got), MIGRATE_UNMOVABLE);
	got = alloc_pages(MOVABLE, 2);
	EXPECT_EQ(page_to_pfn(got) - world_first, 512 * 5);
	/* It goes back to the type of its pageblock. */
	__free_pages(got, 2);
	EXPECT_EQ(zone_free_of(zone_table[0], MIGRATE_UNMOVABLE), 4);
	page_alloc_validate();
}

/* Of two blocks of one size, reclaimable pages take that of unmovable ones, and the other way. */
TEST(of_equal_blocks_the_nearer_types)
{
	static const gfp_t gfp[] = { UNMOVABLE, RECLAIMABLE };

	for (unsigned i = 0; i < 2; i++) {
		struct page *near, *far;

		build();
		near = alloc_pages(gfp[i], 6);
		for (unsigned k = 1; k < 8; k++)
			EXPECT_EQ(pageblock_at(alloc_pages(gfp[i], 6)), pageblock_at(near));
		take_all(MOVABLE, 0);
		far = NULL;
		for (unsigned long k = 0; k < nr; k++)
			if (pageblock_at(page[k]) == (world_first >> PAGEBLOCK_ORDER) + 5) {
				far = far ? far : page[k];
				if (page_to_pfn(page[k]) % 512 < 64)
					__free_page(page[k]);
			}
		EXPECT(far && pageblock_at(near) != pageblock_at(far));
		__free_pages(near, 6);
		EXPECT_EQ(pageblock_at(alloc_page(gfp[!i])), pageblock_at(near));
	}
	page_alloc_validate();
}

/* Whole pageblocks serve everybody, and become the type that took them. */
TEST(whole_pageblocks_are_everybodys)
{
	static const gfp_t gfp[] = { UNMOVABLE, MOVABLE, RECLAIMABLE };

	build();
	for (unsigned i = 0; i < 12; i++) {
		unsigned order = 9 + (i & 1);
		struct page *got = alloc_pages(gfp[i % 3], order);

		for (unsigned k = 0; k <= (i & 1); k++)
			EXPECT_EQ(*pageblock_of(zone_table[0], got + 512 * k),
				  gfp[i % 3] == MOVABLE	    ? MIGRATE_MOVABLE
				  : gfp[i % 3] == UNMOVABLE ? MIGRATE_UNMOVABLE
							    : MIGRATE_RECLAIMABLE);
		page[i] = got;
	}
	for (unsigned i = 0; i < 12; i++)
		__free_pages(page[i], 9 + (i & 1));
	EXPECT_EQ(count_type(MIGRATE_UNMOVABLE) + count_type(MIGRATE_RECLAIMABLE), 0);
	world_check();
}

/* ---- how many pageblocks unmovable pages spoil ---- */

static struct {
	struct page *page;
	bool movable;
} held[12000];
static unsigned long nr_held_pages, nr_unmovable;

static void forget(unsigned long i)
{
	nr_unmovable -= !held[i].movable;
	__free_page(held[i].page);
	held[i] = held[--nr_held_pages];
}

/* Three quarters of memory in use, a tenth of that unmovable, all of it with random lifetimes. */
static void churn(bool by_type)
{
	nr_held_pages = nr_unmovable = 0;
	for (int step = 0; step < 400000; step++) {
		bool movable = rnd_below(10) != 0;

		if (nr_held_pages == ARRAY_SIZE(held)) {
			forget(rnd_below(nr_held_pages));
			continue;
		}
		held[nr_held_pages].page = alloc_page(movable && by_type ? MOVABLE : UNMOVABLE);
		EXPECT(held[nr_held_pages].page);
		held[nr_held_pages++].movable = movable;
		nr_unmovable += !movable;
	}
}

/* Pageblocks with a page that can't be moved. */
static unsigned long spoiled(void)
{
	static bool spoils[64];
	unsigned long n = 0;

	memset(spoils, 0, sizeof(spoils));
	for (unsigned long i = 0; i < nr_held_pages; i++)
		if (!held[i].movable)
			spoils[pageblock_at(held[i].page) - (world_first >> PAGEBLOCK_ORDER)] =
				true;
	for (unsigned i = 0; i < ARRAY_SIZE(spoils); i++)
		n += spoils[i];
	return n;
}

TEST(unmovable_pages_spoil_few_pageblocks)
{
	unsigned long least, few, many;

	nr_harts = 1;
	world_build(&plain);
	churn(true);
	few = spoiled();
	least = DIV_ROUND_UP(nr_unmovable, pageblock_nr_pages);
	while (nr_held_pages)
		forget(rnd_below(nr_held_pages));
	drain_all_pages();
	EXPECT_EQ(count_type(MIGRATE_UNMOVABLE), 0);
	world_check();
	churn(false);
	many = spoiled();
	while (nr_held_pages)
		forget(0);
	if (few > 2 * least + 2 || many < 4 * few)
		host_fail(__FILE__, __LINE__,
			  "%lu pageblocks with unmovable pages, at least %lu; "
			  "%lu without types",
			  few, least, many);
	nr_harts = WORLD_HARTS;
}
