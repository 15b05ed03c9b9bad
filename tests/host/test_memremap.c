/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_memremap.c - regions of devices' memory, between and beyond memory
 *
 * Descriptors that nobody mapped trap here, so a region that is gone can't be touched.
 */
#include "mm_hold.h"

#include <asm/memory.h>
#include <mm/memmap.h>
#include <mm/memremap.h>
#include <string.h>

#define PIECE MEMREMAP_ALIGN

/* 32 MiB of memory, two no-map ranges in it, one in the middle of a block, and 8 MiB behind it. */
static const struct world board = {
	.base = 0x80000000,
	.bytes = 40 * MiB,
	.bank = { { 0x80000000, 0x81000000, 0 }, { 0x81000000, 0x82000000, 1 } },
	.nomap = { { 0x80880000, 0x80980000 }, { 0x80a80000, 0x81600000 } }
};

static struct page *freed; /* the last one */
static unsigned nr_freed;

static void count_free(struct page *page)
{
	freed = page;
	nr_freed++;
}

static const struct dev_pagemap_ops ops = { .page_free = count_free };

static struct dev_pagemap region(phys_addr_t start, phys_addr_t end)
{
	return (struct dev_pagemap){ .range = { start, end },
				     .type = MEMORY_DEVICE_GENERIC,
				     .ops = &ops };
}

static void build(void)
{
	world_build(&board);
	nr_held = nr_freed = 0;
	host_log_clear();
}

/* Registers it or not, and if not for this reason; nothing is left behind then. */
static void expect_refused(struct dev_pagemap *pgmap, int nid, int err, const char *why)
{
	unsigned long nr = nr_free_pages();
	unsigned mapped = world_mapped;

	host_log_clear();
	EXPECT_EQ(PTR_ERR(memremap_pages(pgmap, nid)), err);
	EXPECT(host_log_contains(why));
	EXPECT_EQ(nr_free_pages(), nr);
	EXPECT_EQ(world_mapped, mapped);
}

static void add(struct dev_pagemap *pgmap, int nid)
{
	void *at = memremap_pages(pgmap, nid);

	EXPECT(!IS_ERR(at));
	EXPECT(at == __va(pgmap->range.start));
}

static void check_region(struct dev_pagemap *pgmap, int nid)
{
	for (unsigned long pfn = PFN_DOWN(pgmap->range.start); pfn < PFN_DOWN(pgmap->range.end);
	     pfn++) {
		struct page *page = pfn_to_page(pfn);

		EXPECT(pfn_valid(pfn));
		EXPECT(!memmap_segment(pfn));
		EXPECT(is_zone_device_page(page));
		EXPECT(pgmap_of(page) == pgmap);
		EXPECT_EQ(page_count(page), 0);
		EXPECT_EQ(page_to_nid(page), nid);
		EXPECT_STR(page_zone(page)->name, "DEVICE");
		EXPECT_EQ(index_page(page_index(page)) - page, 0);
	}
}

TEST(regions_in_every_place)
{
	static const struct phys_range where[] = {
		{ 0x80880000, 0x80980000 }, /* beside memory in one block */
		{ 0x80a80000, 0x81600000 }, /* from the middle of a block over whole ones */
		{ 0x82000000, 0x82800000 }, /* behind all memory */
		{ 0x80c00000, 0x80c80000 }, /* one piece */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(where); i++) {
		struct dev_pagemap pgmap = region(where[i].start, where[i].end);
		unsigned long before;

		build();
		before = nr_free_pages();
		EXPECT(!pfn_valid(PFN_DOWN(where[i].start)));
		add(&pgmap, (int)i % 2);
		check_region(&pgmap, (int)i % 2);
		EXPECT(!pfn_valid(PFN_DOWN(where[i].end)) || where[i].end == 0x80980000 ||
		       where[i].end == 0x81600000);
		EXPECT_EQ(memunmap_pages(&pgmap), 0);
		EXPECT(!pfn_valid(PFN_DOWN(where[i].start)));
		/* A descriptor beside memory's stays mapped, and is nobody's. */
		if (i == 0)
			EXPECT(!pfn_to_page(PFN_DOWN(where[i].start))->block);
		EXPECT_EQ(nr_free_pages(), before);
		EXPECT_EQ(world_mapped, 0);
		world_check();
	}
}

TEST(what_is_refused)
{
	struct dev_pagemap pgmap, other = region(0x82000000, 0x82400000);

	build();
	pgmap = region(0x80000000, 0x80400000);
	expect_refused(&pgmap, 0, -EBUSY, "memory that the kernel manages");
	pgmap = region(0x80a80000, 0x81600000 + PIECE); /* its end */
	expect_refused(&pgmap, 0, -EBUSY, "memory that the kernel manages");
	pgmap = region(0x80880000, 0x81600000); /* around memory */
	expect_refused(&pgmap, 0, -EBUSY, "memory that the kernel manages");
	pgmap = region(0x80a80000 + PAGE_SIZE, 0x81600000);
	expect_refused(&pgmap, 0, -EINVAL, "aligned");
	pgmap = region(0x80a80000, 0x81600000 - PAGE_SIZE);
	expect_refused(&pgmap, 0, -EINVAL, "aligned");
	pgmap = region(0x80a80000, 0x80a80000);
	expect_refused(&pgmap, 0, -EINVAL, "empty");
	pgmap = region(0x82000000, 0x80000000);
	expect_refused(&pgmap, 0, -EINVAL, "wraps around");
	pgmap = region(~(phys_addr_t)0 - PIECE + 1, 0);
	expect_refused(&pgmap, 0, -EINVAL, "wraps around");
	pgmap = region(0x7ff80000, 0x80000000);
	expect_refused(&pgmap, 0, -ERANGE, "reach");
	pgmap = region(0x82400000, 0x82800000 + PIECE);
	expect_refused(&pgmap, 0, -ERANGE, "reach");
	pgmap = region(0x82000000, 0x82400000);
	expect_refused(&pgmap, 2, -EINVAL, "node");
	pgmap.ops = NULL;
	expect_refused(&pgmap, 0, -EINVAL, "operations");
	add(&other, NUMA_NO_NODE);
	for (phys_addr_t start = 0x82000000; start < 0x82400000; start += 3 * PIECE) {
		pgmap = region(start, start + 2 * PIECE);
		expect_refused(&pgmap, 0, -EEXIST, "overlaps another region");
	}
	expect_refused(&other, 0, -EEXIST, "overlaps another region");
	EXPECT_EQ(memunmap_pages(&pgmap), -ENOENT);
	EXPECT_EQ(memunmap_pages(&other), 0);
	EXPECT_EQ(memunmap_pages(&other), -ENOENT);
}

TEST(references)
{
	struct dev_pagemap pgmap = region(0x82000000, 0x82400000);
	struct page *page = pfn_to_page(PFN_DOWN(0x82001000));
	unsigned long bad;

	build();
	add(&pgmap, 0);
	bad = page_reports.bad_free;
	zone_device_page_init(page);
	EXPECT_EQ(page_count(page), 1);
	EXPECT_EQ(pgmap.nr_held, 1);
	EXPECT_EQ(memunmap_pages(&pgmap), -EBUSY);
	EXPECT(host_log_contains("held"));
	get_page(page);
	page_set_flag(page, PG_dirty);
	page->index = 7;
	put_page(page);
	EXPECT_EQ(nr_freed, 0);
	__free_page(page);
	EXPECT_EQ(nr_freed, 1);
	EXPECT(freed == page);
	EXPECT_EQ(page_count(page), 0);
	EXPECT_EQ(page->flags & PAGE_FLAGS_MASK, 0);
	EXPECT(pgmap_of(page) == &pgmap);
	EXPECT_EQ(page->index, 7);
	EXPECT_EQ(pgmap.nr_held, 0);
	EXPECT_EQ(page_reports.bad_free, bad);

	/* One too many, a wrong order, a busy page: reported, nothing else. */
	page_reports_expect(true);
	put_page(page);
	zone_device_page_init(page);
	__free_pages(page, 3);
	page_set_flag(page, PG_locked);
	put_page(page);
	page_reports_expect(false);
	EXPECT_EQ(page_reports.bad_free, bad + 3);
	EXPECT_EQ(nr_freed, 1);
	page_clear_flag(page, PG_locked);
	put_page(page);
	EXPECT_EQ(nr_freed, 2);
	EXPECT_EQ(memunmap_pages(&pgmap), 0);
	page_reports = (struct page_reports){ 0 };
	world_check();
}

/* No allocation is served from a region, and memory beside it merges up to it. */
TEST(the_buddies_beside_it)
{
	struct dev_pagemap a = region(0x80880000, 0x80980000), b = region(0x80a80000, 0x81600000);
	struct request r = { GFP_ATOMIC | __GFP_HIGHMEM | __GFP_MOVABLE | __GFP_NOWARN, 0,
			     NUMA_NO_NODE, 0 };

	build();
	add(&a, 0);
	add(&b, 1);
	/* Descriptors took pages that the model doesn't know of. */
	for (r.order = MAX_ORDER;; r.order--) {
		struct page *page;

		while ((page = alloc_pages(r.gfp, r.order))) {
			EXPECT(!is_zone_device_page(page));
			page->index = r.order;
			EXPECT(nr_held < MAX_HELD);
			held[nr_held++].page = page;
		}
		if (!r.order)
			break;
	}
	EXPECT_EQ(nr_free_pages(), 0);
	expect_refused(&(struct dev_pagemap){ .range = { 0x82000000, 0x82400000 }, .ops = &ops }, 0,
		       -ENOMEM, "no memory");
	while (nr_held) {
		nr_held--;
		__free_pages(held[nr_held].page, held[nr_held].page->index);
	}
	check_region(&a, 0);
	check_region(&b, 1);
	EXPECT_EQ(memunmap_pages(&a), 0);
	EXPECT_EQ(memunmap_pages(&b), 0);
	check_merged();
}

/* Pages that are taken before nothing is left: registering fails half-way, and leaves no trace. */
TEST(out_of_memory_half_way)
{
	struct dev_pagemap pgmap = region(0x80a80000, 0x81600000);

	build();
	for (unsigned left = 0;; left++) {
		unsigned long before = nr_free_pages();
		void *at;

		while (nr_held < MAX_HELD && nr_free_pages() > left)
			take(GFP_ATOMIC, nr_free_pages() - left > 4096 ? 9 : 0);
		drain_all_pages();
		EXPECT_EQ(nr_free_pages(), left);
		at = memremap_pages(&pgmap, 0);
		if (!IS_ERR(at)) {
			EXPECT(left > 10);
			EXPECT_EQ(memunmap_pages(&pgmap), 0);
			break;
		}
		EXPECT_EQ(PTR_ERR(at), -ENOMEM);
		EXPECT_EQ(nr_free_pages(), left);
		EXPECT_EQ(world_mapped, 0);
		EXPECT(!pfn_valid(PFN_DOWN(0x80a80000)));
		(void)before;
		give(nr_held - 1);
	}
	give_all();
	check_merged();
}

/* ---- random regions against a list of pieces ---- */

#define PIECES (40 * MiB / PIECE)
static u8 owner_of[PIECES]; /* 0: nobody, else number of the region + 1 */
static struct dev_pagemap maps[20];
static bool live[20];

static bool is_device_piece(unsigned i)
{
	phys_addr_t at = board.base + i * PIECE;

	return at >= 0x82000000 || (at >= 0x80880000 && at < 0x80980000) ||
	       (at >= 0x80a80000 && at < 0x81600000);
}

static bool sum_device(const struct memmap_block *b, void *arg)
{
	unsigned long *last = arg;

	EXPECT(b->pfn >= last[0]);
	last[0] = b->pfn + b->nr_pages;
	EXPECT(b->nr_pages > 0);
	if (b->state == BLOCK_IS_DEVICE)
		last[1] += b->nr_pages;
	return false;
}

static void check_walk(void)
{
	unsigned long walked[2] = { 0 }, nr = 0, from = world_first + rnd_below(5000);

	for (unsigned i = 0; i < PIECES; i++) {
		unsigned long pfn = world_first + i * PFN_DOWN(PIECE);

		if (owner_of[i])
			nr += PFN_DOWN(PIECE);
		EXPECT_EQ(device_pfn_valid(pfn + rnd_below(PFN_DOWN(PIECE))), owner_of[i] != 0);
		if (owner_of[i])
			EXPECT(pgmap_of(pfn_to_page(pfn)) == &maps[owner_of[i] - 1]);
	}
	EXPECT(!memmap_walk(0, from, sum_device, walked));
	EXPECT(!memmap_walk(from, ~0UL, sum_device, walked));
	EXPECT_EQ(walked[1], nr);
}

static void add_random(unsigned n)
{
	unsigned first = (unsigned)rnd_below(PIECES);
	unsigned end = min(first + 1 + (unsigned)rnd_below(6), (unsigned)PIECES);
	int err = 0;
	unsigned nr_live = 0;
	void *at;

	maps[n] = region(board.base + first * PIECE, board.base + end * PIECE);
	maps[n].type = rnd() & 1 ? MEMORY_DEVICE_PRIVATE : MEMORY_DEVICE_GENERIC;
	for (unsigned i = first; i < end; i++)
		if (!is_device_piece(i))
			err = -EBUSY;
	for (unsigned i = first; i < end && !err; i++)
		if (owner_of[i])
			err = -EEXIST;
	for (unsigned i = 0; i < ARRAY_SIZE(live); i++)
		nr_live += live[i];
	if (!err && nr_live == 16)
		err = -ENOSPC;
	at = memremap_pages(&maps[n], (int)rnd_below(2));
	EXPECT_EQ(IS_ERR(at) ? PTR_ERR(at) : 0, err);
	live[n] = !err;
	for (unsigned i = first; i < end && !err; i++)
		owner_of[i] = (u8)(n + 1);
}

TEST(random_regions)
{
	unsigned long before;

	build();
	before = nr_free_pages();
	memset(owner_of, 0, sizeof(owner_of));
	memset(live, 0, sizeof(live));
	for (unsigned round = 0; round < 3000; round++) {
		unsigned n = (unsigned)rnd_below(ARRAY_SIZE(maps));

		if (!live[n]) {
			add_random(n);
		} else if (rnd() & 1) {
			EXPECT_EQ(memunmap_pages(&maps[n]), 0);
			live[n] = false;
			for (unsigned i = 0; i < PIECES; i++)
				if (owner_of[i] == n + 1)
					owner_of[i] = 0;
		}
		if (!(round % 16))
			check_walk();
	}
	for (unsigned n = 0; n < ARRAY_SIZE(maps); n++)
		EXPECT_EQ(memunmap_pages(&maps[n]), live[n] ? 0 : -ENOENT);
	EXPECT_EQ(nr_free_pages(), before);
	EXPECT_EQ(world_mapped, 0);
	world_check();
}
