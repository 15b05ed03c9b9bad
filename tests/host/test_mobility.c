/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_mobility.c - isolation, migration, certain frames, compaction, CMA, against a model
 *
 * The model is what each holder knows of its pages: numbers written into movable pages, which they
 * must keep wherever they go; lists of unmovable blocks and of ranges; and how many frames there
 * are in all.  Every step may fail on demand.
 */
#include "mm_world.h"

#include <asm/memory.h>
#include <base/errno.h>
#include <kernel/fault_inject.h>
#include <kernel/time.h>
#include <mm/cma.h>
#include <mm/compaction.h>
#include <mm/contig.h>
#include <mm/discover.h>
#include <mm/kmap.h>
#include <mm/memmap.h>
#include <mm/node_daemon.h>
#include <mm/page_isolation.h>
#include <mm/watermark.h>
#include <string.h>

#define GFP_MOVE (__GFP_HIGHMEM | __GFP_MOVABLE | __GFP_NOWARN)

static unsigned fail_percent, unwilling; /* of a hundred */
static unsigned long nr_failed;

bool should_fail_now(struct fault_attr *attr, size_t bytes);
bool should_fail_now(struct fault_attr *attr, size_t bytes)
{
	bool fail = rnd_below(100) < fail_percent;

	nr_failed += fail;
	return fail;
}

bool discover_reusable(unsigned i, struct discover_area *area)
{
	return false;
}

/* ---- an owner of movable pages ---- */

static struct page_list pages;
static unsigned nr_isolated, nr_moved, nr_putback;
static u32 last_number;

static u32 *word_of(struct page *page)
{
	return kmap_local_page(page);
}

static bool isolate(struct page *page, isolate_mode_t mode)
{
	EXPECT(PageMovable(page) && page_count(page) == 2);
	if (rnd_below(100) < unwilling)
		return false;
	page_list_del(&pages, page);
	nr_isolated++;
	return true;
}

static const struct movable_operations ops;

static int migrate(struct page *dst, struct page *src, enum migrate_mode mode)
{
	EXPECT(PageLocked(src) && PageLocked(dst) && page_count(dst) == 1);
	EXPECT(PageIsolated(src));
	if (rnd_below(100) < unwilling)
		return rnd() & 1 ? -EAGAIN : -EBUSY;
	*word_of(dst) = *word_of(src);
	dst->index = src->index;
	get_page(dst);
	__SetPageMovable(dst, &ops);
	page_list_add(&pages, dst);
	__ClearPageMovable(src);
	put_page(src);
	nr_isolated--;
	nr_moved++;
	return 0;
}

static void putback(struct page *page)
{
	page_list_add(&pages, page);
	nr_isolated--;
	nr_putback++;
}

static const struct movable_operations ops = { isolate, migrate, putback };

static bool take_movable(void)
{
	struct page *page = alloc_page(GFP_MOVE);

	if (!page)
		return false;
	page->index = ++last_number;
	*word_of(page) = page->index * 2654435761u;
	page_list_add(&pages, page);
	__SetPageMovable(page, &ops);
	return true;
}

static void drop_movable(struct page *page)
{
	EXPECT_EQ(*word_of(page), page->index * 2654435761u);
	page_list_del(&pages, page);
	__ClearPageMovable(page);
	put_page(page);
}

/* About @percent of them, at random. */
static void drop_some(unsigned percent)
{
	for (u32 next = pages.first; next;) {
		struct page *page = index_page(next);

		next = page->next;
		if (rnd_below(100) < percent)
			drop_movable(page);
	}
}

/* ---- the world ---- */

static unsigned long total;

static const struct world plain = { .base = 0x80000000,
				    .bytes = 32 * MiB,
				    .bank = { { 0x80000000, 0x82000000, 0 } } };

static void begin(const struct world *w)
{
	const struct fault_point *point;

	for_each_table(fault_point, point)
		point->attr->probability = 100; /* should_fail_now() is ours */
	fail_percent = unwilling = 0;
	pages = (struct page_list){ 0 };
	nr_isolated = nr_moved = nr_putback = 0;
	cma_reset();
	compaction_reset();
	world_build(w);
	total = nr_free_pages();
}

/* Everything is sound, and @held pages are used besides those of the owner. */
static void check(unsigned long held)
{
	page_alloc_validate();
	EXPECT_EQ(nr_isolated, 0);
	EXPECT_EQ(nr_free_pages() + pages.nr + held, total);
	for (u32 next = pages.first; next; next = index_page(next)->next)
		EXPECT_EQ(*word_of(index_page(next)), index_page(next)->index * 2654435761u);
	for (unsigned i = 0; i < nr_zones; i++)
		EXPECT(!(zone_table[i]->bypass & BYPASS_ISOLATE));
}

static void end(void)
{
	drop_some(100);
	check(0);
	drain_all_pages();
	EXPECT_EQ(zone_free_of(zone_table[0], MIGRATE_ISOLATE), 0);
}

static unsigned long nr_whole(void)
{
	unsigned long nr = 0;

	for (unsigned i = 0; i < nr_zones; i++)
		for (unsigned order = PAGEBLOCK_ORDER; order < NR_ORDERS; order++)
			nr += (unsigned long)zone_table[i]->area[MIGRATE_MOVABLE][order].nr
			      << (order - PAGEBLOCK_ORDER);
	return nr;
}

/* No pageblock is free, half of all pages are. */
static void tear(void)
{
	while (take_movable())
		;
	drop_some(50);
	drain_all_pages();
}

TEST(isolated_pageblocks_give_nothing)
{
	unsigned long start = 0x80400, end_pfn = 0x80c00, before;
	struct page *page;

	begin(&plain);
	before = nr_free_pages();
	EXPECT_EQ(start_isolate_page_range(start, end_pfn), 0);
	drain_all_pages();
	EXPECT_EQ(test_pages_isolated(start, end_pfn), 0);
	EXPECT_EQ(zone_free_of(zone_table[0], MIGRATE_ISOLATE), end_pfn - start);
	EXPECT_EQ(nr_free_pages(), before);
	EXPECT_EQ(start_isolate_page_range(start + 100, start + 101), -EBUSY);
	page_alloc_validate();
	while ((page = alloc_page(GFP_ATOMIC | __GFP_NOWARN))) {
		EXPECT(page_to_pfn(page) < start || page_to_pfn(page) >= end_pfn);
		page->index = last_number;
		last_number = (u32)page_index(page);
	}
	page_alloc_validate();
	undo_isolate_page_range(start, end_pfn);
	EXPECT(alloc_pages(GFP_ATOMIC | __GFP_NOWARN, 9));
	page_alloc_validate();
}

TEST(a_pageblock_gets_its_type_back)
{
	struct page *page;

	for (unsigned type = 0; type < MIGRATE_PCPTYPES; type++) {
		unsigned long pfn;

		begin(&plain);
		page = alloc_page(type == MIGRATE_RECLAIMABLE ? __GFP_RECLAIMABLE
				  : type		      ? __GFP_MOVABLE
							      : 0);
		pfn = page_to_pfn(page);
		type = get_pageblock_migratetype(page);
		EXPECT_EQ(set_migratetype_isolate(page_zone(page), page), 0);
		EXPECT_EQ(get_pageblock_migratetype(page), MIGRATE_ISOLATE);
		EXPECT_EQ(set_migratetype_isolate(page_zone(page), page), -EBUSY);
		unset_migratetype_isolate(page_zone(page), page);
		EXPECT_EQ(get_pageblock_migratetype(page), type);
		/* Emptied meanwhile: anybody's. */
		EXPECT_EQ(set_migratetype_isolate(page_zone(page), page), 0);
		drain_all_pages();
		__free_page(page);
		drain_all_pages();
		unset_migratetype_isolate(page_zone(pfn_to_page(pfn)), pfn_to_page(pfn));
		EXPECT_EQ(get_pageblock_migratetype(pfn_to_page(pfn)), MIGRATE_MOVABLE);
		check(0);
	}
}

static struct page *new_page(struct page *page, unsigned long private)
{
	return alloc_page(GFP_ATOMIC);
}

/* An owner frees a page that is isolated, and one that is being put back. */
TEST(pages_freed_while_isolated)
{
	struct page *page;

	begin(&plain);
	for (int how = 0; how < 3; how++) {
		struct page_list list = { 0 };

		EXPECT(take_movable());
		page = index_page(pages.first);
		EXPECT(isolate_movable_page(page, 0));
		EXPECT(!isolate_movable_page(page, 0));
		EXPECT_EQ(page_count(page), 2);
		page_list_add(&list, page);
		__ClearPageMovable(page);
		put_page(page);
		nr_isolated--;
		if (how == 0) {
			putback_movable_pages(&list);
		} else {
			if (how == 2)
				get_page(page); /* somebody looks at it */
			EXPECT_EQ(migrate_pages(&list, new_page, NULL, 0, MIGRATE_SYNC, MR_SYSCALL),
				  0);
			if (how == 2)
				put_page(page);
		}
		check(0);
	}
}

TEST(compaction_makes_whole_blocks)
{
	for (unsigned keep = 0; keep < 2; keep++) {
		unsigned n;

		begin(&plain);
		tear();
		EXPECT_EQ(nr_whole(), 0);
		unwilling = keep * 30;
		n = pages.nr;
		for (unsigned i = 0; i <= keep * 8; i++) {
			compact_nodes();
			check(0);
		}
		EXPECT_EQ(pages.nr, n);
		EXPECT(nr_moved && (!keep || nr_putback));
		EXPECT(nr_whole() >= (keep ? 1 : nr_free_pages() / pageblock_nr_pages * 3 / 4));
		end();
	}
}

TEST(compaction_for_one_block)
{
	struct zone *zone;
	unsigned long n;

	begin(&plain);
	zone = zone_table[0];
	tear();
	EXPECT(compaction_suitable(zone, 9));
	EXPECT_EQ(compact_zone_order(zone, 9, MIGRATE_ASYNC), COMPACT_SUCCESS);
	n = nr_whole();
	EXPECT(n >= 1 && n <= 3);
	EXPECT_EQ(compact_zone_order(zone, 9, MIGRATE_ASYNC), COMPACT_SUCCESS);
	EXPECT_EQ(nr_whole(), n);
	check(0);
	end();
	/* Nothing lets itself be moved: in vain, and put off the next times. */
	begin(&plain);
	zone = zone_table[0];
	tear();
	unwilling = 100;
	EXPECT_EQ(try_to_compact_pages(node_data[0], 0xff, GFP_KERNEL, 9), COMPACT_COMPLETE);
	EXPECT_EQ(try_to_compact_pages(node_data[0], 0xff, GFP_KERNEL, 9), COMPACT_DEFERRED);
	EXPECT_EQ(try_to_compact_pages(node_data[0], 0xff, GFP_ATOMIC, 9), COMPACT_SKIPPED);
	unwilling = 0;
	EXPECT_EQ(try_to_compact_pages(node_data[0], 0xff, GFP_KERNEL, 9), COMPACT_SUCCESS);
	EXPECT(!compaction_deferred(zone, 9));
	check(0);
	end();
}

TEST(the_score_tells)
{
	begin(&plain);
	EXPECT(fragmentation_score_node(node_data[0]) < 30);
	tear();
	EXPECT_EQ(fragmentation_score_node(node_data[0]), 100);
	kcompactd_do_work(node_data[0]);
	EXPECT(fragmentation_score_node(node_data[0]) <= 80);
	check(0);
	end();
}

/* ---- ranges ---- */

struct range {
	unsigned long pfn, nr;
};

static void give_range(struct range *r)
{
	free_contig_range(r->pfn, r->nr);
	r->nr = 0;
}

TEST(random_ranges_and_failures)
{
	nr_failed = 0;
	for (int round = 0; round < 6; round++) {
		struct page *block[200] = { 0 };
		struct range range[8] = { 0 };
		unsigned long held = 0, got = 0;
		struct world w = plain;

		if (round > 2)
			world_random(&w);
		begin(&w);
		while (pages.nr < total / 2 && take_movable())
			;
		for (int i = 0; i < 1500; i++) {
			unsigned k = (unsigned)rnd_below(ARRAY_SIZE(block));
			struct range *r = &range[rnd_below(ARRAY_SIZE(range))];

			unwilling = (unsigned)rnd_below(4) * 10;
			fail_percent = rnd_below(4) ? 0 : 20;
			if (block[k]) {
				held -= 1UL << block[k]->index;
				__free_pages(block[k], block[k]->index);
				block[k] = NULL;
			} else {
				unsigned order = (unsigned)rnd_below(5);

				block[k] = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, order);
				if (block[k]) {
					block[k]->index = order;
					held += 1UL << order;
				}
			}
			if (i % 10 == 0)
				drop_some(2);
			for (int n = 0; n < 20; n++)
				take_movable();
			if (r->nr) {
				held -= r->nr;
				give_range(r);
			} else {
				r->pfn = world_first + rnd_below(world_end - world_first);
				r->nr = rnd_range(1, i % 5 ? 100 : 3000);
				if (alloc_contig_range(r->pfn, r->pfn + r->nr, MIGRATE_MOVABLE,
						       GFP_ATOMIC | __GFP_NOWARN))
					r->nr = 0;
				held += r->nr;
				got += r->nr != 0;
				for (unsigned long n = 0; n < r->nr; n++)
					EXPECT(memmap_block_of(r->pfn + n) ==
						       pfn_to_page(r->pfn + n) &&
					       page_count(pfn_to_page(r->pfn + n)) == 1);
			}
			if (i % 50 == 0)
				compact_nodes();
			if (i % 7 == 0)
				check(held);
		}
		EXPECT(round > 2 || (got > 100 && nr_failed > 100));
		for (unsigned k = 0; k < ARRAY_SIZE(block); k++)
			if (block[k])
				__free_pages(block[k], block[k]->index);
		for (unsigned k = 0; k < ARRAY_SIZE(range); k++)
			if (range[k].nr)
				give_range(&range[k]);
		end();
	}
}

TEST(pages_in_a_row_anywhere)
{
	struct page *page;

	begin(&plain);
	tear();
	page = alloc_contig_pages(1300, GFP_ATOMIC, NUMA_NO_NODE);
	EXPECT(page);
	check(1300);
	free_contig_range(page_to_pfn(page), 1300);
	EXPECT(!alloc_contig_pages(0, GFP_ATOMIC, NUMA_NO_NODE));
	EXPECT(!alloc_contig_pages(1UL << 20, GFP_ATOMIC, NUMA_NO_NODE));
	end();
}

/* ---- CMA ---- */

static struct cma *make_area(phys_addr_t start, phys_addr_t size)
{
	struct cma *cma = NULL;

	if (cma_init_reserved_mem(start, size, 0, "area", &cma))
		return NULL;
	total += size >> PAGE_SHIFT;
	total -= 1; /* the bitmap */
	return cma;
}

static void build_reserved(phys_addr_t start, phys_addr_t size)
{
	begin(&plain);
	memblock_reset();
	memblock_allow_resize();
	EXPECT(!memblock_add_node(0x80000000, 32 * MiB, 0));
	EXPECT(!memblock_reserve_kind(start, size, MEMBLOCK_RSRV_REUSABLE));
	page_alloc_reset();
	page_alloc_init(&world_plan);
	world_run_as(0);
	total = nr_free_pages();
}

TEST(an_area_is_lent_and_asked_back)
{
	struct cma *cma;
	struct page *page, *more;
	unsigned lent = 0;

	build_reserved(0x80c00000, 6 * MiB);
	EXPECT(!make_area(0x80c00000, 6 * MiB - PAGE_SIZE));
	EXPECT(!make_area(0x80c01000, 2 * MiB));
	EXPECT(!make_area(0x80a00000, 4 * MiB));
	cma = make_area(0x80c00000, 6 * MiB);
	EXPECT(cma);
	check(0);
	EXPECT_EQ(zone_free_of(zone_table[0], MIGRATE_CMA), 1536);
	/* What can't be moved stays out. */
	while ((page = alloc_page(GFP_ATOMIC | __GFP_NOWARN))) {
		EXPECT(page_to_pfn(page) - cma->base_pfn >= cma->count);
		page_list_add(&pages, page);
	}
	while ((page = page_list_pop(&pages)))
		__free_page(page);
	check(0);
	while (take_movable())
		;
	for (u32 i = pages.first; i; i = index_page(i)->next)
		lent += page_to_pfn(index_page(i)) - cma->base_pfn < cma->count;
	EXPECT(lent > 1000);
	drop_some(40);
	unwilling = 10;
	page = cma_alloc(cma, 700, 4, true);
	unwilling = 0;
	EXPECT(page && !(page_to_pfn(page) & 15));
	more = cma_alloc(cma, 300, 0, true);
	EXPECT(more && nr_moved);
	EXPECT_EQ(cma_used(cma), 1000);
	check(1000);
	EXPECT(!cma_alloc(cma, 537, 0, true));
	EXPECT(!cma_release(cma, pfn_to_page(cma->base_pfn - 1), 1));
	EXPECT(cma_release(cma, page, 700) && cma_release(cma, more, 300));
	nr_failed = 0;
	for (int i = 0; i < 300; i++) {
		unsigned long nr = rnd_range(1, 600);

		fail_percent = 20;
		page = cma_alloc(cma, nr, (unsigned)rnd_below(8), true);
		fail_percent = 0;
		check(page ? nr : 0);
		if (page)
			EXPECT(cma_release(cma, page, nr));
	}
	EXPECT_EQ(cma_used(cma), 0);
	EXPECT(nr_failed > 20);
	end();
	EXPECT_EQ(zone_free_of(zone_table[0], MIGRATE_CMA), 1536);
}

/* The watermarks hold for those who can't use what is lent. */
TEST(an_area_is_no_reserve_for_others)
{
	struct zone *zone;
	struct page *page;

	build_reserved(0x80c00000, 6 * MiB);
	EXPECT(make_area(0x80c00000, 6 * MiB));
	zone = zone_table[0];
	min_free_kbytes = 2048;
	setup_per_zone_wmarks();
	while ((page = alloc_page(GFP_NOWAIT | __GFP_NOWARN)))
		page_list_add(&pages, page);
	EXPECT_EQ(zone_free_of(zone, MIGRATE_CMA), 1536);
	EXPECT(zone->nr_free - 1536 >= zone->watermark[WMARK_MIN]);
	EXPECT(zone->nr_free - 1536 <= zone->watermark[WMARK_MIN] + 8);
	EXPECT(zone->bypass & BYPASS_PRESSURE);
	while ((page = page_list_pop(&pages)))
		__free_page(page);
	EXPECT(!(zone->bypass & BYPASS_PRESSURE));
	min_free_kbytes = 0;
	check(0);
	end();
}
