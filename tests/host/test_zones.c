/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_zones.c - devices with ceilings, on the allocator itself
 *
 * Windows go through zone_plan.c and zone.c; what alloc_pages_for_reach() serves is held against
 * the windows' bytes, frame by frame: nothing else may come, and all that may must.
 */
#include "mm_world.h"

#include <asm/memory.h>
#include <mm/memmap.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WINDOWS 12
#define MAX_TAKEN   70000

#define RIGID	 (__GFP_MEMALLOC | __GFP_NOWARN)
#define ANYWHERE (RIGID | __GFP_HIGHMEM | __GFP_MOVABLE)

static struct world world;
static struct zone_window windows[MAX_WINDOWS];
static struct phys_range ranges[MAX_WINDOWS * 3];
static unsigned nr_ranges;

static struct {
	struct page *page;
	unsigned order;
} taken[MAX_TAKEN];
static unsigned nr_taken;

/* A board with one bank at @start, and no devices. */
static void one_bank(phys_addr_t start, phys_addr_t end)
{
	world = (struct world){ .base = start,
				.bytes = end - start,
				.bank = { { start, end, 0 } },
				.windows = windows };
	nr_ranges = 0;
}

/* A device of @bits behind a bus that shows its addresses from @bus on at @start. */
static void device(unsigned bits, phys_addr_t bus, phys_addr_t start, u64 bytes)
{
	u64 end = min(bus + bytes, (u64)BIT_ULL(bits));

	ranges[nr_ranges] = (struct phys_range){ start, start + (end - bus) };
	windows[world.nr_windows++] =
		(struct zone_window){ .range = &ranges[nr_ranges++], .nr_ranges = 1, .bits = bits };
}

/* One more range of the device that was added last. */
static void and_range(phys_addr_t start, phys_addr_t end)
{
	ranges[nr_ranges++] = (struct phys_range){ start, end };
	windows[world.nr_windows - 1].nr_ranges++;
}

static bool in_window(const struct zone_window *w, phys_addr_t start, phys_addr_t end)
{
	for (unsigned i = 0; i < w->nr_ranges; i++)
		if (w->range[i].start <= start && w->range[i].end >= end)
			return true;
	return false;
}

/* Frames are looked at one by one: ranges that touch are two in a window of a test. */
static bool block_in_window(const struct zone_window *w, const struct page *page, unsigned order)
{
	phys_addr_t at = PFN_PHYS(page_to_pfn(page));

	for (unsigned long i = 0; i < 1UL << order; i++, at += PAGE_SIZE)
		if (!in_window(w, at, at + PAGE_SIZE))
			return false;
	return true;
}

/* The place of @zone in the order that this hart asks zones in. */
static unsigned place_of(const struct zone *zone)
{
	unsigned i = 0;

	while (node_data[numa_node_id()]->fallback[i] != zone)
		i++;
	return i;
}

/* All that @reach has for @gfp, from @top on downwards; how many pages. */
static unsigned long exhaust(zone_mask_t reach, gfp_t gfp, unsigned top,
			     const struct zone_window *w)
{
	unsigned long pages = 0;

	for (int order = (int)top; order >= 0; order--) {
		unsigned place = 0;
		const struct zone *last = NULL;
		struct page *page;

		while ((page = alloc_pages_for_reach(reach, gfp, (unsigned)order))) {
			struct zone *zone = page_zone(page);

			EXPECT(reach >> zone->type & 1);
			EXPECT(world.reserves || place_of(zone) >= place);
			place = place_of(zone);
			EXPECT(!last || world.reserves || last->nid != zone->nid ||
			       last->type >= zone->type);
			last = zone;
			if (w)
				EXPECT(block_in_window(w, page, (unsigned)order));
			if (gfp == RIGID)
				EXPECT(strcmp(zone->name, "MOVABLE"));
			EXPECT(nr_taken < MAX_TAKEN);
			taken[nr_taken].page = page;
			taken[nr_taken++].order = (unsigned)order;
			pages += 1UL << order;
		}
	}
	return pages;
}

static void give_back(void)
{
	while (nr_taken) {
		unsigned i = (unsigned)rnd_below(nr_taken);

		__free_pages(taken[i].page, taken[i].order);
		taken[i] = taken[--nr_taken];
	}
}

/* Free frames that @w covers wholly; those of MOVABLE only if @movable. */
static unsigned long free_in_window(const struct zone_window *w, bool movable)
{
	unsigned long nr = 0;

	for (unsigned long pfn = world_first; pfn < world_end; pfn++)
		if (world_owner(pfn) == OWNER_FREE &&
		    in_window(w, PFN_PHYS(pfn), PFN_PHYS(pfn + 1)) &&
		    (movable || world_zone_type(pfn) < world_plan.nr_zones))
			nr++;
	return nr;
}

static unsigned long (*blocks_before)[NR_ORDERS];

static void note_blocks(unsigned long (*blocks)[NR_ORDERS])
{
	struct zone *zone;

	drain_all_pages();
	for_each_zone(zone)
		zone_free_blocks(zone, blocks[zone->id]);
}

static void check_same_blocks(void)
{
	unsigned long now[MAX_ZONES][NR_ORDERS];
	struct zone *zone;

	note_blocks(now);
	for_each_zone(zone)
		for (unsigned order = 0; order < NR_ORDERS; order++)
			EXPECT_EQ(now[zone->id][order], blocks_before[zone->id][order]);
	world_check();
}

/* Zones of @mask are empty, the others as they were. */
static void check_left(zone_mask_t mask, const unsigned long *free_before)
{
	struct zone *zone;

	for_each_zone(zone)
		EXPECT_EQ(zone->nr_free + zone_listed_pages(zone),
			  mask >> zone->type & 1 ? 0 : free_before[zone->id]);
}

/* @reach, served in full with @gfp, by @top and less. */
static unsigned long try_reach(zone_mask_t reach, gfp_t gfp, unsigned top,
			       const struct zone_window *w)
{
	unsigned long free_before[MAX_ZONES], nr;
	zone_mask_t mask = world_plan.mask_normal;
	struct zone *zone;

	if (gfp == ANYWHERE)
		mask |= world_plan.mask_movable;
	for_each_zone(zone)
		free_before[zone->id] = zone->nr_free + zone_listed_pages(zone);
	nr = exhaust(reach, gfp, top, w);
	check_left(reach & mask, free_before);
	give_back();
	check_same_blocks();
	return nr;
}

/* Each device, then each zone alone. */
static void try_world(void)
{
	unsigned long blocks[MAX_ZONES][NR_ORDERS];

	world_build(&world);
	blocks_before = blocks;
	note_blocks(blocks);
	for (unsigned i = 0; i < world.nr_windows; i++) {
		const struct zone_window *w = &windows[i];
		unsigned top = rnd() & 1 ? MAX_ORDER : (unsigned)rnd_range(4, NR_ORDERS);
		unsigned long nr = try_reach(w->reach, RIGID, top, w), exact;

		exact = free_in_window(w, false);
		EXPECT(nr <= exact);
		if (!world_plan.nr_dropped)
			EXPECT_EQ(nr, exact);
		if (!world_plan.mask_movable)
			continue;
		nr = try_reach(w->reach, ANYWHERE, top, w);
		if (!world_plan.nr_dropped)
			EXPECT_EQ(nr, free_in_window(w, true));
	}
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		try_reach((zone_mask_t)(1U << type), ANYWHERE, MAX_ORDER, NULL);
}

static void expect_zones(int nr, int nr_dropped)
{
	EXPECT_EQ(world_plan.nr_zones, nr);
	EXPECT_EQ(world_plan.nr_dropped, nr_dropped);
}

/* 28, 30, 32 and 40 bits, as addresses are: a board of 5 GiB from 0 on. */
TEST(four_ceilings_on_five_gib)
{
	if (sizeof(long) == 4)
		return; /* no room for such a board */
	one_bank(0, 5 * GiB);
	device(40, 0, 0, ~0ULL);
	device(28, 0, 0, ~0ULL);
	device(32, 0, 0, ~0ULL);
	device(30, 0, 0, ~0ULL);
	try_world();
	expect_zones(4, 0);
}

/* The same four, whose buses move what they see: all ceilings within 64 MiB, at odd pages. */
TEST(four_ceilings_behind_buses)
{
	one_bank(0x80000000, 0x84000000);
	device(28, 0x0f000000, 0x80000000, GiB);	   /* up to 0x81000000 */
	device(30, 0x3e801000, 0x80000000, GiB);	   /* up to 0x817ff000 */
	device(32, 0xfd003000, 0x80001000, GiB);	   /* from the second page to 0x82ffe000 */
	device(40, 0xfffc400800, 0x80000800, 32ULL * GiB); /* half pages at both ends */
	try_world();
	EXPECT_EQ(world_plan.zone[world_plan.nr_zones - 1].start, 0x83c00000);
	expect_zones(6, 0);
}

/* Ceilings in the middle of a block, and two that leave one page between them. */
TEST(ceilings_inside_a_block)
{
	one_bank(0x80000000, 0x82000000);
	device(28, 0, 0x80000000, 0x00601000);
	device(30, 0, 0x80000000, 0x00602000);
	device(32, 0, 0x80000000, 0x00607000);
	device(40, 0, 0x80333000, 0x01000000);
	try_world();
	expect_zones(6, 0);
	EXPECT_EQ(world_plan.zone[2].bytes, PAGE_SIZE);
}

/* Windows that don't start at 0, with holes, some of whose ranges share nothing. */
TEST(windows_in_pieces)
{
	one_bank(0x80000000, 0x83000000);
	device(32, 0, 0x80100000, 0x00300000);
	and_range(0x80800000, 0x80c01000);
	device(30, 0, 0x80400000, 0x00400000);
	and_range(0x81000000, 0x81000800); /* half a page is none */
	and_range(0x82000000, 0x84000000); /* beyond memory too */
	try_world();
	expect_zones(6, 0);
}

TEST(ceilings_with_movable)
{
	one_bank(0x80000000, 0x84000000);
	world.movable = 20 * MiB + PAGE_SIZE;
	device(28, 0, 0x80000000, 0x00601000);
	device(32, 0, 0x80000000, 0x01303000);
	device(40, 0, 0x80400000, 0x10000000);
	try_world();
	expect_zones(4, 0);
	EXPECT_EQ(world_plan.mask_movable, 0x10);
	EXPECT_EQ(node_data[0]->zone[4]->start_pfn, PFN_DOWN(0x82c00000));
	EXPECT_EQ(node_data[0]->zone[4]->end_pfn, PFN_DOWN(0x84000000));
	EXPECT_EQ(windows[0].reach, 3);
	EXPECT(!alloc_pages_for_reach(0x10, RIGID | __GFP_HIGHMEM, 0));
	EXPECT(!alloc_pages_for_reach(0x10, RIGID | __GFP_MOVABLE, 0));
	EXPECT_EQ(windows[2].reach, 0x1e);
}

/* Eight zones, nine, and more: what is dropped is lost to devices, never to the rest. */
TEST(eight_and_beyond)
{
	for (unsigned nr = 6; nr <= 11; nr++) {
		one_bank(0x80000000, 0x84000000);
		for (unsigned i = 0; i < nr; i++)
			device(32, 0, 0x80000000, (i + 1) * 0x00513000);
		try_world();
		expect_zones(min((int)nr + 1, 8), max((int)nr + 1, 8) - 8);
	}
}

/* Two nodes, each with all zones: near memory first, within it the highest zone. */
TEST(two_nodes)
{
	one_bank(0x80000000, 0x84000000);
	world.bank[0] = (struct world_bank){ 0x80000000, 0x81000000, 0 };
	world.bank[1] = (struct world_bank){ 0x81000000, 0x82000000, 1 };
	world.bank[2] = (struct world_bank){ 0x82000000, 0x83000000, 0 };
	world.bank[3] = (struct world_bank){ 0x83000000, 0x84000000, 1 };
	world.movable = 8 * MiB;
	device(28, 0, 0x80000000, 0x01801000);
	device(32, 0, 0x80800000, 0x02001000);
	try_world();
	expect_zones(4, 0);
	for (int nid = 0; nid < 2; nid++)
		EXPECT_EQ(node_data[nid]->zone[4]->present_pages, PFN_DOWN(4 * MiB));
}

TEST(random_boards)
{
	unsigned beyond = 0, movable = 0;

	for (int round = 0; round < 60; round++) {
		world_random(&world);
		world.windows = windows;
		world.reserves = rnd() & 1; /* a lower zone comes before a higher one's reserve */
		world.nr_windows = nr_ranges = 0;
		for (unsigned n = (unsigned)rnd_range(1, MAX_WINDOWS); n; n--) {
			u64 at = rnd_below(world.bytes), bytes = 1 + rnd_below(world.bytes - at);

			if (rnd() & 1) {
				at = ALIGN_DOWN(at, PAGE_SIZE);
				bytes = ALIGN_UP(bytes, PAGE_SIZE);
			}
			device(56, 0, world.base + at, bytes);
			at += bytes + 1 + rnd_below(MiB);
			if (at < world.bytes && (rnd() & 1))
				and_range(world.base + at,
					  world.base + at + 1 + rnd_below(world.bytes - at));
		}
		try_world();
		beyond += world_plan.nr_dropped > 0;
		movable += world_plan.mask_movable && world.movable > 8 * MiB;
	}
	EXPECT(beyond > 5);
	EXPECT(movable > 3);
}
