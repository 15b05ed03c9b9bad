/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_page_cases.c - the page allocator case by case: zones, nodes, reports, wrong frees,
 * references, walks, the validator, boot
 */
#include "mm_hold.h"

#include <asm/memory.h>
#include <mm/buddy.h>
#include <mm/kmap.h>
#include <mm/memmap.h>
#include <string.h>

static const struct world plain = { .base = 0x80000000,
				    .bytes = 32 * MiB,
				    .bank = { { 0x80000000, 0x82000000, 0 } } };

/* Zone 0: 8 MiB, zone 1: 8 MiB, zone 2: the rest, all of it for normal requests. */
static const struct world three_zones = { .base = 0x80000000,
					  .bytes = 32 * MiB,
					  .bank = { { 0x80000000, 0x82000000, 0 } },
					  .cut = { 0x80800000, 0x81000000 },
					  .dma = 1,
					  .dma32 = 3 };

/* Two nodes, two zones each. */
static const struct world two_nodes = { .base = 0x80000000,
					.bytes = 64 * MiB,
					.bank = { { 0x80000000, 0x81000000, 0 },
						  { 0x82000000, 0x83000000, 1 } },
					.cut = { 0x80800000, 0x82800000 },
					.dma = 1,
					.dma32 = 3 };

static void build(const struct world *w)
{
	world_build(w);
	nr_held = 0;
	host_log_clear();
}

TEST(highest_zone_first_and_only_within_the_mask)
{
	static const struct {
		gfp_t gfp;
		int first, last; /* zone types, in the order used */
	} want[] = { { GFP_ATOMIC, 2, 0 },
		     { GFP_ATOMIC | __GFP_DMA32, 1, 0 },
		     { GFP_ATOMIC | __GFP_DMA, 0, 0 } };

	for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
		int type = want[i].first;

		build(&three_zones);
		for (;;) {
			struct page *page = take(want[i].gfp | __GFP_NOWARN, 4);

			if (!page)
				break;
			EXPECT(page_zone(page)->type <= type);
			type = page_zone(page)->type;
		}
		EXPECT_EQ(type, want[i].last);
		for (int t = 0; t < 3; t++)
			EXPECT_EQ(world_can_serve(zone_table[t], 4), t > want[i].first);
		give_all();
		check_merged();
	}
}

TEST(reach_is_a_set_of_zones)
{
	struct request r = { GFP_ATOMIC | __GFP_NOWARN, 3, NUMA_NO_NODE, 0x5 };
	struct page *page;

	build(&three_zones);
	page = request(&r);
	EXPECT_EQ(page_zone(page)->type, 2);
	while ((page = request(&r)))
		EXPECT(page_zone(page)->type != 1);
	EXPECT_EQ(zone_table[1]->nr_free, zone_table[1]->managed_pages);
	EXPECT_EQ(zone_table[0]->nr_free >> 3, 0);
	r.reach = 0x2;
	page = request(&r);
	EXPECT_EQ(page_zone(page)->type, 1);
	r.gfp |= __GFP_DMA; /* its zone isn't in the device's reach */
	EXPECT(!request(&r));
	give_all();
}

TEST(nodes_by_distance)
{
	struct request r = { GFP_ATOMIC | __GFP_NOWARN, 5, 1, 0 };
	struct page *page;

	build(&two_nodes);
	EXPECT_EQ(nr_nodes, 2);
	EXPECT_EQ(node_data[1]->nr_zones, 2);
	EXPECT(node_data[0]->fallback[0]->nid == 0 && node_data[0]->fallback[2]->nid == 1);
	EXPECT(node_data[1]->fallback[0]->nid == 1 && node_data[1]->fallback[2]->nid == 0);
	EXPECT(node_data[0]->fallback[0]->type > node_data[0]->fallback[1]->type);
	page = request(&r);
	EXPECT_EQ(page_to_nid(page), 1);
	r.gfp |= __GFP_THISNODE;
	while ((page = request(&r)))
		EXPECT_EQ(page_to_nid(page), 1);
	r.gfp &= ~__GFP_THISNODE;
	page = request(&r);
	EXPECT_EQ(page_to_nid(page), 0);
	give_all();
}

TEST(distances_order_the_nodes)
{
	struct world w = { .base = 0x80000000,
			   .bytes = 64 * MiB,
			   .bank = { { 0x80000000, 0x81000000, 0 },
				     { 0x81000000, 0x82000000, 1 },
				     { 0x82000000, 0x83000000, 2 } } };

	world_build(&w);
	page_alloc_reset();
	node_set_distance(0, 1, 40);
	node_set_distance(0, 2, 15);
	node_set_distance(2, 2, 90);
	page_alloc_init(&world_plan);
	EXPECT_EQ(node_data[0]->fallback[0]->nid, 0);
	EXPECT_EQ(node_data[0]->fallback[1]->nid, 2);
	EXPECT_EQ(node_data[0]->fallback[2]->nid, 1);
	EXPECT(!node_data[0]->fallback[3]);
	EXPECT_EQ(node_data[2]->fallback[0]->nid, 2);
	EXPECT_EQ(node_data[2]->fallback[1]->nid, 0);
	EXPECT_EQ(node_distance(0, 2), 15);
	EXPECT_EQ(node_distance(1, 2), 20);
}

TEST(contradictions_are_reported_once)
{
	build(&plain);
	EXPECT(!alloc_pages(__GFP_DMA | __GFP_HIGHMEM, 0));
	EXPECT(host_log_contains("__GFP_DMA|__GFP_HIGHMEM"));
	host_log_clear();
	EXPECT(!alloc_pages(GFP_KERNEL | __GFP_DMA | __GFP_HIGHMEM, 0));
	EXPECT_STR(host_log(), "");
	EXPECT(!alloc_pages(__GFP_DMA | __GFP_DMA32, 0));
	EXPECT(host_log_contains("__GFP_DMA|__GFP_DMA32"));
	EXPECT_EQ(page_reports.nonsense, 3);
}

TEST(failures_are_reported_now_and_then)
{
	unsigned lines = 0;

	build(&three_zones);
	while (take(GFP_ATOMIC | __GFP_ZERO | __GFP_NOWARN, 10))
		;
	EXPECT_STR(host_log(), "");
	page_reports.failed = 0;
	EXPECT(!alloc_pages(GFP_ATOMIC | __GFP_ZERO, 10));
	EXPECT(host_log_contains("order 10, 4096 KiB (GFP_ATOMIC|__GFP_ZERO)"));
	EXPECT(host_log_contains("zone Z0: 0 of"));
	EXPECT(host_log_contains("zone Z2: "));
	for (int i = 0; i < 1000; i++) {
		host_log_clear();
		EXPECT(!alloc_pages(GFP_ATOMIC | __GFP_DMA, 10));
		lines += host_log()[0] != '\0';
		EXPECT(!host_log_contains("zone Z2: "));
	}
	EXPECT(lines > 5 && lines < 15);
	EXPECT_EQ(page_reports.failed, 1001);
	EXPECT_PANIC("__GFP_NOFAIL", EXPECT(!alloc_pages(GFP_KERNEL | __GFP_NOFAIL, 10)));
	give_all();
}

TEST(dma32_without_a_zone_fails_with_the_report)
{
	struct page *page;

	build(&plain);
	page_alloc_reset();
	world_plan.mask_dma32 = 0;
	page_alloc_init(&world_plan);
	page = alloc_pages(GFP_KERNEL | GFP_DMA32, 0);
	EXPECT(!page);
	EXPECT(host_log_contains("no zone of this board may serve it"));
	EXPECT(!alloc_pages(GFP_KERNEL, NR_ORDERS));
	EXPECT(host_log_contains("the largest is 10"));
}

static void expect_refused(const char *why)
{
	EXPECT_EQ(page_reports.bad_free, 1);
	EXPECT_EQ(host_warnings, 1);
	if (!host_log_contains(why))
		host_fail(__FILE__, __LINE__, "no \"%s\" in: %s", why, host_log());
	page_reports.bad_free = 0;
	host_warnings = 0;
	host_log_clear();
	world_check();
}

TEST(wrong_frees_are_named)
{
	struct page *page;

	build(&plain);
	page = take(GFP_ATOMIC, 3);
	__free_pages(page, 2);
	expect_refused("order 2");
	__free_pages(page, 4);
	expect_refused("page 0 of a block of order 3");
	__free_pages(page + 5, 0);
	expect_refused("page 5 of a block of order 3");
	free_pages((unsigned long)page_address(page) + 8, 3);
	expect_refused("no page of the linear map");
	free_pages((unsigned long)__va(0x7ffff000), 0);
	expect_refused("no page of the linear map");
	free_pages(0, 3);
	EXPECT_EQ(page_reports.bad_free, 0);
	page->block += 1U << BLOCK_MARK_SHIFT; /* mapped once */
	__free_pages(page, 3);
	expect_refused("used");
	EXPECT_EQ(page_count(page), 1);
	__free_pages(page, 3 + (1U << BLOCK_MARK_SHIFT)); /* the same word */
	expect_refused("order 1027");
	page->block -= 1U << BLOCK_MARK_SHIFT;
	page->_refcount = 0;
	__free_pages(page, 3);
	expect_refused("free, refcount 0");
	page->_refcount = 1;
	page_set_flag(page, PG_locked);
	__free_pages(page, 3);
	expect_refused("flags locked");
	page_clear_flag(page, PG_locked);
	page_set_flag(page, PG_uptodate); /* harmless */
	give(0);
	__free_pages(page, 3);
	expect_refused("free, refcount 0");
	page = take(GFP_ATOMIC | __GFP_COMP, 3);
	__free_pages(page + 1, 0);
	expect_refused("compound");
	page[1].block = page->block - 3; /* a tail that claims to be a page */
	page_reports_expect(true);
	__free_pages(page + 1, 0);
	page_reports_expect(false);
	EXPECT_EQ(page_reports.bad_free, 1);
	page_reports.bad_free = 0;
	page[1].block = 0;
	__free_pages(page, 0);
	expect_refused("compound");
	give(0);
	page = pfn_to_page(page_to_pfn(virt_to_page(mem_segments)));
	__free_pages(page, 0);
	expect_refused("reserved");
}

TEST(references)
{
	struct page *page;

	build(&plain);
	page = take(GFP_ATOMIC, 2);
	get_page(page);
	EXPECT_EQ(page_count(page), 2);
	__free_pages(page, 2);
	EXPECT_EQ(page_count(page), 1);
	EXPECT(page_ref_add_unless_zero(page, 2));
	EXPECT(!page_ref_sub_and_test(page, 2));
	page_set_flag(page, PG_found);
	give(0);
	EXPECT_EQ(page_ref_count(page), 0);
	EXPECT(!page_ref_add_unless_zero(page, 1));
	world_check();
}

static bool count_block(const struct memmap_block *b, void *arg)
{
	unsigned long *nr = arg;

	nr[b->state] += b->nr_pages;
	EXPECT_EQ(b->zone->type, world_zone_type(b->pfn));
	for (unsigned long i = 0; i < b->nr_pages; i++) {
		u32 who = world_owner(b->pfn + i);

		EXPECT_EQ(who == OWNER_FREE,
			  b->state == BLOCK_IS_FREE || b->state == BLOCK_IS_LISTED);
		EXPECT_EQ(who == OWNER_RESERVED || who == OWNER_TABLES,
			  b->state == BLOCK_IS_RESERVED);
		EXPECT(who != OWNER_NONE);
	}
	return false;
}

static bool stop_at_once(const struct memmap_block *b, void *arg)
{
	++*(unsigned *)arg;
	return true;
}

TEST(walk_sees_every_frame_once)
{
	unsigned calls = 0;

	for (int board = 0; board < 10; board++) {
		unsigned long nr[NR_BLOCK_STATES] = { 0 }, from;
		struct world w;

		world_random(&w);
		world_build(&w);
		nr_held = 0;
		for (int i = 0; i < 300; i++)
			random_request();
		while (nr_held > 150)
			give((unsigned)rnd_below(nr_held));
		EXPECT(!memmap_walk(0, ~0UL, count_block, nr));
		EXPECT_EQ(nr[BLOCK_IS_FREE] + nr[BLOCK_IS_LISTED], nr_free_pages());
		EXPECT_EQ(nr[0] + nr[1] + nr[2] + nr[3], nr_present_pages());
		/* In two pieces it is the same, whatever block the cut hits. */
		memset(nr, 0, sizeof(nr));
		from = world_first + rnd_below(world_end - world_first);
		memmap_walk(world_first, from, count_block, nr);
		memmap_walk(from, world_end, count_block, nr);
		EXPECT_EQ(nr[0] + nr[1] + nr[2] + nr[3], nr_present_pages());
		give_all();
	}
	EXPECT(memmap_walk(0, ~0UL, stop_at_once, &calls));
	EXPECT_EQ(calls, 1);
}

TEST(block_of_any_frame)
{
	build(&plain);
	for (int i = 0; i < 200; i++)
		random_request();
	for (unsigned i = 0; i < nr_held; i++)
		for (unsigned long j = 0; j < 1UL << held[i].order; j++)
			EXPECT(memmap_block_of(page_to_pfn(held[i].page) + j) == held[i].page);
	EXPECT(!memmap_block_of(0x7ffff));
	EXPECT(!memmap_block_of(0x82000));
	held[0].page->block ^= BLOCK_USED; /* a broken map is no trap */
	EXPECT(!memmap_block_of(page_to_pfn(held[0].page)));
	held[0].page->block ^= BLOCK_USED;
	give_all();
}

#define EXPECT_FAULT(text, breaking, mending)                                           \
	do {                                                                            \
		breaking;                                                               \
		EXPECT(zone_validate(zone, fault, sizeof(fault)) < 0);                  \
		if (!strstr(fault, text))                                               \
			host_fail(__FILE__, __LINE__, "no \"%s\" in: %s", text, fault); \
		EXPECT_PANIC(text, page_alloc_validate());                              \
		this_hart->irqs_off = false;                                            \
		mending;                                                                \
		EXPECT(zone_validate(zone, fault, sizeof(fault)) == 0);                 \
	} while (0)

static char fault[192];

/* Put the only free block of order 3 on the list of @type. */
static void list_on(struct zone *zone, struct page *page, unsigned type)
{
	unsigned was = block_type(page);

	zone->area[type][3] = zone->area[was][3];
	zone->area[was][3] = (struct free_area){ 0 };
	zone->orders[was] &= ~8U;
	zone->orders[type] |= 8;
	page->block += (type - was) << BLOCK_TYPE_SHIFT;
}

TEST(validator_speaks)
{
	struct page *page, *freed;
	struct zone *zone;
	unsigned type;

	build(&plain);
	zone = zone_table[0];
	page = take(GFP_ATOMIC, 3);
	take(GFP_ATOMIC, 3); /* its buddy */
	drain_all_pages();
	for (type = 0; !(zone->orders[type] & 8);)
		type++;
	freed = index_page(zone->area[type][3].first);
	EXPECT_FAULT("nr_free is", zone->nr_free++, zone->nr_free--);
	EXPECT_FAULT("refcount 1", freed->_refcount++, freed->_refcount--);
	EXPECT_FAULT("flags", freed->flags ^= 1, freed->flags ^= 1);
	EXPECT_FAULT("block word", freed->block ^= 1, freed->block ^= 1);
	EXPECT_FAULT("links back", freed->prev = 7, freed->prev = 0);
	EXPECT_FAULT("blocks on the list", zone->area[type][3].nr++, zone->area[type][3].nr--);
	EXPECT_FAULT("bit 0 of orders", zone->orders[type] ^= 8, zone->orders[type] ^= 8);
	EXPECT_FAULT("expected an aligned one", zone->area[type][3].first += 0x4000000,
		     zone->area[type][3].first -= 0x4000000);
	EXPECT_FAULT("expected the head of a block", page->block = 0,
		     page->block = zone->mark + BLOCK_USED + 3);
	EXPECT_FAULT("expected the head of a block", page->block += 8, page->block -= 8);
	EXPECT_FAULT("managed", zone->managed_pages += 1 << 20, zone->managed_pages -= 1 << 20);
	EXPECT_FAULT("pages free, expected", page->block -= BLOCK_USED - BLOCK_FREE,
		     page->block += BLOCK_USED - BLOCK_FREE);
	EXPECT_FAULT("its pageblock has type", list_on(zone, freed, MIGRATE_CMA),
		     list_on(zone, freed, type));
	give(0);
	EXPECT_FAULT("block word", page->block += 1, page->block -= 1);
	world_check();
}

TEST(buddies_that_are_both_free_are_found)
{
	struct page *page, *buddy;
	struct free_area *area;
	struct zone *zone;

	build(&plain);
	zone = zone_table[0];
	do {
		page = take(GFP_ATOMIC, 0);
		drain_all_pages();
		buddy = pfn_to_page(page_to_pfn(page) ^ 1);
		area = &zone->area[block_type(buddy)][0];
	} while (area->first != page_index(buddy));
	page->block = buddy->block;
	page->word0 = buddy->word0;
	page->links = area->first;
	buddy->prev = page_index(page);
	area->first = page_index(page);
	area->nr++;
	zone->nr_free++;
	EXPECT(zone_validate(zone, fault, sizeof(fault)) < 0);
	host_expect_contains(__FILE__, __LINE__, fault, "both free");
}

TEST(free_reserved_takes_only_reserved)
{
	struct world w = plain;
	struct page *page;
	unsigned long nr;

	w.reserved[0] = (struct phys_range){ 0x80000000, 0x80a00000 };
	build(&w);
	nr = nr_free_pages();
	/* Out of the middle of whole reserved blocks, crossing from one to the next. */
	EXPECT_EQ(free_reserved_area(0x80001800, 0x80500800), 0x4fe);
	world_set_owner(0x80002, 0x4fe, OWNER_FREE);
	EXPECT_EQ(nr_free_pages(), nr + 0x4fe);
	world_check();
	EXPECT_EQ(free_reserved_area(0x80001000, 0x80003000), 1);
	world_set_owner(0x80001, 1, OWNER_FREE);
	expect_refused("is not reserved");
	EXPECT_EQ(free_reserved_area(0x7f000000, 0x80001000), 0);
	expect_refused("no memory");
	page = take(GFP_KERNEL, 0);
	EXPECT_EQ(free_reserved_area(page_to_phys(page), page_to_phys(page) + PAGE_SIZE), 0);
	expect_refused("is not reserved");
	give(0);
	EXPECT_EQ(free_reserved_area(0x80500000, 0x80a00000), 0x500);
	world_set_owner(0x80500, 0x500, OWNER_FREE);
	EXPECT_EQ(free_reserved_area(0x80000000, 0x80000fff), 0);
	EXPECT_EQ(free_reserved_area(0x80000000, 0x80001000), 1);
	world_set_owner(0x80000, 1, OWNER_FREE);
	check_merged();
}

TEST(a_zone_boundary_in_the_middle_of_a_block)
{
	struct world w = plain;
	struct page *page;

	w.cut[0] = 0x80801000; /* one page into the third block */
	w.dma = 1;
	build(&w);
	EXPECT_EQ(nr_zones, 2);
	EXPECT_EQ(zone_table[0]->end_pfn, 0x80801);
	EXPECT_EQ(memmap_bytes(), 32 * MiB / 128);
	while ((page = take(GFP_ATOMIC | __GFP_DMA | __GFP_NOWARN, 0)))
		EXPECT(page_to_pfn(page) <= 0x80800);
	EXPECT_EQ(zone_table[0]->nr_free, 0);
	EXPECT_EQ(zone_table[1]->nr_free, zone_table[1]->managed_pages);
	give_all();
	check_merged();
}

/* Boot writes one descriptor for a whole block: the others still hold garbage. */
TEST(boot_is_lazy)
{
	unsigned long untouched = 0;
	u64 *words;

	world_garbage = 0xa5a5a5a5a5a5a5a5ULL;
	build(&plain);
	world_garbage = 0;
	words = (u64 *)pfn_to_page(0x80400);
	for (unsigned i = 0; i < MAX_BLOCK * sizeof(struct page) / 8; i++)
		untouched += words[i] == ~0ULL / 0xff * 0xa5;
	EXPECT(untouched >= (MAX_BLOCK - 1) * sizeof(struct page) / 8);
	EXPECT(memmap_bytes() >= 32 * MiB / 128);
}

/* 1 TiB of sparse banks on 64 bits: only the banks' descriptors are mapped. */
TEST(large_and_sparse)
{
	struct world w = { .base = 0x80000000,
			   .bytes = 2 * GiB - 8 * MiB,
			   .bank = { { 0x80000000, 0x84000000, 0 },
				     { 0xf0000000, 0xf4321000, 0 } } };

	if (sizeof(long) == 8) {
		w.bytes = 1024 * GiB;
		w.bank[2] = (struct world_bank){ 0x1000000000, 0x1100000000, 1 };
		w.bank[3] = (struct world_bank){ 0xff00000000, 0xff40000000, 1 };
	} else {
		w.bytes = 1 * GiB;
		w.bank[1] = (struct world_bank){ 0xa0000000, 0xa4321000, 1 };
	}
	host_memory_init(w.base, MiB);
	if (sizeof(long) == 4)
		return; /* no address space for it beside the sanitizer's */
	build(&w);
	EXPECT_EQ(nr_nodes, 2);
	for (int i = 0; i < 50; i++)
		random_request();
	give_all();
	check_merged();
}

/* A bank in two regions, joined in the middle of a block. */
TEST(blocks_cross_regions_of_one_zone)
{
	struct world w = plain;

	w.hotplug = (struct phys_range){ 0x80801000, 0x80a00000 };
	build(&w);
	EXPECT_EQ(memblock.memory.nr, 3);
	EXPECT_EQ(nr_mem_segments, 1);
	while (take(GFP_ATOMIC | __GFP_NOWARN, 10))
		;
	EXPECT(world_nr_free() < MAX_BLOCK);
	give_all();
	check_merged();
}

TEST(clear_page_clears_all_of_it)
{
	char *addr;

	build(&plain);
	addr = page_address(take(GFP_ATOMIC, 2));
	memset(addr, 0xff, 4 * PAGE_SIZE);
	clear_page(addr + PAGE_SIZE);
	for (unsigned i = 0; i < 4 * PAGE_SIZE; i++)
		EXPECT_EQ(addr[i], i / PAGE_SIZE == 1 ? 0 : -1);
}

/* For a device that reaches one zone, with another device's zones full. */
TEST(a_full_zone_is_passed_over)
{
	struct request r = { GFP_ATOMIC | __GFP_NOWARN, 0, NUMA_NO_NODE, 0x4 };

	build(&three_zones);
	while (request(&r))
		;
	r.reach = 0;
	EXPECT_EQ(page_zone(request(&r))->type, 1);
	give_all();
}

TEST(memblock_is_closed_afterwards)
{
	build(&plain);
	EXPECT_EQ(memblock_phys_alloc_range(PAGE_SIZE, PAGE_SIZE, 0, 0, NUMA_NO_NODE), 0);
	EXPECT_PANIC("memblock", EXPECT(!memblock_alloc(64, 8)));
}

TEST(a_node_without_memory_asks_the_others)
{
	struct world w = plain;
	struct request r = { GFP_ATOMIC, 2, 0, 0 };

	w.bank[0].nid = 1;
	build(&w);
	EXPECT_EQ(nr_nodes, 2);
	EXPECT_EQ(node_data[0]->present_pages, 0);
	EXPECT_EQ(page_to_nid(request(&r)), 1);
	EXPECT_EQ(page_to_nid(take(GFP_ATOMIC, 0)), 1);
	r.gfp |= __GFP_THISNODE | __GFP_NOWARN;
	EXPECT(!request(&r));
	give_all();
}
