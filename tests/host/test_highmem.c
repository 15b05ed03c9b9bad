/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_highmem.c - a board most of whose memory has no address
 *
 * High memory is out of reach but between kmap_local_page() and kunmap_local(), so whatever touches
 * a page without them traps.
 */
#include "mm_world.h"

#include <mm/highmem.h>

#define MAX_HELD 2000

static const struct world capped = { .base = 0x80000000,
				     .bytes = 64 * MiB,
				     .bank = { { 0x80000000, 0x84000000, 0 } },
				     .high = 0x81800000 };

static struct held_block {
	struct page *page;
	unsigned order;
} block[MAX_HELD];
static unsigned nr;

static void fill(struct page *page, unsigned order, u8 with)
{
	for (unsigned long i = 0; i < 1UL << order; i++) {
		void *at = kmap_local_page(page + i);

		memset(at, with, PAGE_SIZE);
		kunmap_local(at);
	}
}

static bool holds(struct page *page, unsigned order, u8 with)
{
	bool same = true;

	for (unsigned long i = 0; i < 1UL << order; i++) {
		const u8 *at = kmap_local_page(page + i);

		same &= at[0] == with && at[rnd_below(PAGE_SIZE)] == with &&
			at[PAGE_SIZE - 1] == with;
		kunmap_local(at);
	}
	return same;
}

static void take_one(void)
{
	static const gfp_t extra[] = { 0,
				       __GFP_ZERO,
				       __GFP_HIGHMEM,
				       __GFP_HIGHMEM | __GFP_ZERO,
				       __GFP_HIGHMEM | __GFP_MOVABLE | __GFP_ZERO,
				       __GFP_DMA,
				       __GFP_DMA32 | __GFP_ZERO };
	gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN | extra[rnd_below(ARRAY_SIZE(extra))];
	unsigned order = (unsigned)rnd_below(4);
	struct page *page = alloc_pages(gfp, order);

	if (!page)
		return;
	EXPECT((gfp & __GFP_HIGHMEM) || !PageHighMem(page + (1UL << order) - 1));
	EXPECT_EQ(PageHighMem(page), zone_is_high(page_zone(page)));
	EXPECT_EQ(PageHighMem(page), !page_address(page));
	if (gfp & __GFP_ZERO)
		EXPECT(holds(page, order, 0));
	fill(page, order, (u8)page_to_pfn(page));
	block[nr++] = (struct held_block){ page, order };
}

static void give_one(void)
{
	unsigned i = (unsigned)rnd_below(nr);

	EXPECT(holds(block[i].page, block[i].order, (u8)page_to_pfn(block[i].page)));
	__free_pages(block[i].page, block[i].order);
	block[i] = block[--nr];
}

TEST(contents_are_reached_by_windows)
{
	unsigned long before;

	world_build(&capped);
	before = nr_free_pages();
	EXPECT_EQ(totalhigh_pages(), 40 * MiB / PAGE_SIZE);
	EXPECT_EQ(nr_free_highpages(), totalhigh_pages());
	for (int i = 0; i < 20000; i++) {
		if (nr == MAX_HELD || (nr && rnd_below(5) < 2))
			give_one();
		else
			take_one();
	}
	while (nr)
		give_one();
	EXPECT_EQ(host_windows(), 0);
	drain_all_pages();
	EXPECT_EQ(nr_free_pages(), before);
	world_check();
}

TEST(the_calls_for_contents)
{
	struct page *page[2];
	char text[4];

	world_build(&capped);
	for (int i = 0; i < 2; i++) {
		page[i] = alloc_page(GFP_HIGHUSER);
		EXPECT(PageHighMem(page[i]));
	}
	fill(page[0], 0, 7);
	memcpy_to_page(page[0], 4090, "abcdef", 6);
	copy_highpage(page[1], page[0]);
	clear_highpage(page[0]);
	EXPECT(holds(page[0], 0, 0));
	zero_user(page[1], 4091, 2);
	memcpy_from_page(text, page[1], 4090, 4);
	EXPECT(text[0] == 'a' && !text[1] && !text[2] && text[3] == 'd');
	EXPECT_EQ(host_windows(), 0);
	__free_page(page[0]);
	__free_page(page[1]);
}

/* What the kernel asks for fails sooner than it's high. */
TEST(low_memory_runs_out_alone)
{
	unsigned long high;

	world_build(&capped);
	high = nr_free_highpages();
	while (nr < MAX_HELD && (block[nr].page = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, 3)))
		nr++;
	EXPECT(nr < MAX_HELD);
	EXPECT_EQ(nr_free_highpages(), high);
	while (nr)
		__free_pages(block[--nr].page, 3);
}
