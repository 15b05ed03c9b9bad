/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_page_descriptors.c - which page descriptors an allocation writes, and which it believes
 *
 * Descriptors that were never written may say anything, even what only the allocator could have
 * written: forge() has each claim to head a free or used block of its own zone.
 */
#include "mm_ops.h"

#include <asm/memory.h>
#include <kernel/smp.h>
#include <mm/folio.h>
#include <mm/memmap.h>
#include <mm/watermark.h>
#include <string.h>

static const struct world plain = { .base = 0x80000000,
				    .bytes = 32 * MiB,
				    .bank = { { 0x80000000, 0x82000000, 0 } } };

#define FRAMES (32 * MiB / PAGE_SIZE)
static struct page before[FRAMES];

static void snapshot(void)
{
	memcpy(before, pfn_to_page(world_first), sizeof(before));
}

/* Descriptors that differ from the snapshot. */
static unsigned long written(void)
{
	const struct page *now = pfn_to_page(world_first);
	unsigned long nr = 0;

	for (unsigned long i = 0; i < FRAMES; i++)
		nr += memcmp(&before[i], &now[i], sizeof(*now)) != 0;
	return nr;
}

/* A split writes the block, an upper half for each order and, off the lists it came from, some
 * neighbours; a merge as many. */
#define MOST_WRITTEN (NR_ORDERS + 5UL)
#define BATCH	     64UL /* blocks at most that come or go with one of a hart's lists */

static void bypass(bool on)
{
	struct zone *zone = zone_table[0];
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	zone_bypass(zone, BYPASS_DEBUG, on);
	spin_unlock_irqrestore(&zone->lock, flags);
	drain_all_pages();
}

static void random_use(bool listed)
{
	static struct page *page[256];
	static unsigned order[256];
	unsigned long most;

	memset(page, 0, sizeof(page));
	for (int step = 0; step < 1500; step++) {
		unsigned i = (unsigned)rnd_below(ARRAY_SIZE(page));
		gfp_t gfp = GFP_KERNEL | __GFP_NOWARN | (rnd_below(2) ? __GFP_MOVABLE : 0);

		snapshot();
		if (page[i]) {
			__free_pages(page[i], order[i]);
			page[i] = NULL;
			EXPECT(written() <= (listed ? 2 * BATCH + MOST_WRITTEN : MOST_WRITTEN));
			continue;
		}
		order[i] =
			(unsigned)rnd_below(8) ? (unsigned)rnd_below(4) : (unsigned)rnd_below(10);
		gfp |= rnd_below(4) ? 0 : __GFP_COMP;
		page[i] = alloc_pages(gfp, order[i]);
		most = listed ? BATCH + MOST_WRITTEN : MOST_WRITTEN;
		/* A request that finds none takes back what the harts keep. */
		if (page[i])
			EXPECT(written() <= most + (gfp & __GFP_COMP ? 1UL << order[i] : 0));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(page); i++)
		if (page[i])
			__free_pages(page[i], order[i]);
}

TEST(an_allocation_writes_few_descriptors)
{
	world_build(&plain);
	bypass(true);
	random_use(false);
	bypass(false);
	world_check();
}

/* Those of a batch too, and not more of them than it has blocks. */
TEST(a_batch_writes_as_many_as_it_has_blocks)
{
	struct world w = plain;

	w.reserves = true;
	nr_harts = 1; /* which keeps the more */
	world_build(&w);
	random_use(true);
	drain_all_pages();
	world_check();
	nr_harts = WORLD_HARTS;
}

TEST(splitting_a_page_writes_each_once)
{
	world_build(&plain);
	for (unsigned order = 0; order < NR_ORDERS; order++) {
		struct page *page = alloc_pages(GFP_KERNEL, order);

		snapshot();
		split_page(page, order);
		EXPECT(written() <= 1UL << order);
		for (unsigned long i = 0; i < 1UL << order; i++)
			__free_page(page + i);
		page = alloc_pages(GFP_KERNEL | __GFP_COMP, order);
		snapshot();
		EXPECT_EQ(split_folio((struct folio *)page), 0);
		EXPECT(written() <= 1UL << order);
		for (unsigned long i = 0; i < 1UL << order; i++)
			__free_page(page + i);
	}
	drain_all_pages();
	world_check();
}

/* ---- never written, never believed ---- */

static u32 forged_word(const struct zone *zone)
{
	u32 word = zone->mark + (rnd_below(4) ? BLOCK_FREE : BLOCK_USED);

	return word + (u32)rnd_below(NR_ORDERS) +
	       ((u32)rnd_below(NR_MIGRATETYPES) << BLOCK_TYPE_SHIFT);
}

/* Every frame of a whole free block but its first. */
static bool forge(const struct memmap_block *b, void *arg)
{
	unsigned long *nr = arg;

	if (b->state != BLOCK_IS_FREE || b->nr_pages < MAX_BLOCK)
		return false;
	for (unsigned long i = 1; i < b->nr_pages; i++) {
		struct page *page = pfn_to_page(b->pfn + i);

		page->word0 = rnd_below(4) ? b->zone->word0_free : b->zone->word0;
		page->links = rnd_below(3) ? 0 : rnd();
		page->mapping_word = rnd();
		page->index = (u32)rnd();
		page->block = forged_word(b->zone);
		++*nr;
	}
	return false;
}

TEST(descriptors_that_were_never_written_are_not_believed)
{
	for (int board = 0; board < 12; board++) {
		unsigned long nr = 0;
		struct world w;

		do
			world_random(&w);
		while (w.bytes < 32 * MiB);
		w.reserves = board & 1;
		ops_begin(&w);
		memmap_walk(0, ~0UL, forge, &nr);
		EXPECT(nr || board);
		world_forged = true;
		for (int step = 1; step <= 20000; step++) {
			ops_step();
			if (step % 2000 == 0)
				ops_check();
		}
		ops_end();
		world_forged = false;
	}
}

/* ---- wrong frees, in each state that a page can be in ---- */

static unsigned long refused;

/* It's refused with @why, and not a byte has changed. */
static void refuse(struct page *page, unsigned order, const char *why)
{
	unsigned long nr = nr_free_pages();

	snapshot();
	host_log_clear();
	__free_pages(page, order);
	EXPECT_EQ(page_reports.bad_free, ++refused);
	EXPECT_EQ(written(), 0);
	EXPECT_EQ(nr_free_pages(), nr);
	if (!host_log_contains(why))
		host_fail(__FILE__, __LINE__, "no \"%s\" in: %s", why, host_log());
}

/* All orders but the block's own, of @page and of pages inside. */
static void refuse_others(struct page *page, unsigned order, const char *why)
{
	for (unsigned other = 0; other <= NR_ORDERS + 1; other++) {
		if (other != order)
			refuse(page, other, why);
		if (order)
			refuse(page + (1UL << order) - 1, other, "");
		if (order)
			refuse(page + 1, other, "");
	}
}

TEST(a_wrong_free_changes_nothing_whatever_the_page_is)
{
	static const unsigned orders[] = { 0, 1, 3, 4, 5, 9, 10 };

	world_build(&plain);
	refused = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(orders) * 2; i++) {
		unsigned order = orders[i / 2], comp = i & 1 ? __GFP_COMP : 0;
		struct page *page = alloc_pages(GFP_KERNEL | comp, order);

		refuse_others(page, order, "order");
		/* With more references, mapped, locked, on a list, a table, a slab. */
		get_page(page);
		refuse_others(page, order, "order");
		put_page(page);
		EXPECT(page_add_map(page));
		refuse(page, order, "used");
		EXPECT(page_remove_map(page));
		for (unsigned flag = 0; flag < NR_PAGE_FLAGS; flag++) {
			if (!(PAGE_FLAGS_BUSY >> flag & 1) || flag == PG_reserved)
				continue;
			page_set_flag(page, (enum page_flag)flag);
			refuse(page, order, "flags");
			refuse_others(page, order, "");
			page_clear_flag(page, (enum page_flag)flag);
		}
		/* Frozen: nobody has it now but who froze it. */
		EXPECT(page_ref_freeze(page, 1));
		refuse(page, order, "refcount 0");
		page_ref_unfreeze(page, 1);
		/* On this hart's list, then on the zone's. */
		__free_pages(page, order);
		refuse(page, order, "");
		refuse_others(page, order, "");
		drain_all_pages();
		refuse(page, order, "");
		refuse_others(page, order, "");
	}
	/* Memory of the tables. */
	refuse(virt_to_page(mem_segments), 0, "reserved");
	refuse_others(virt_to_page(mem_segments), 0, "reserved");
	EXPECT_EQ(nr_free_pages(), nr_managed_pages());
	world_check();
}
