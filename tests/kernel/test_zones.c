/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_zones.c - what limited devices are given, on this board's own zones
 *
 * Each reach is emptied to the last page and given back.  tests/dts/qemu/ceilings.dtsi has devices
 * for the limits below; elsewhere it's those that the board has.
 */
#include <asm/memory.h>
#include <drivers/driver.h>
#include <lib/dma_limit.h>
#include <mm/discover.h>
#include <mm/init.h>
#include <mm/page_alloc.h>
#include <mm/watermark.h>
#include <shell/ktap.h>

DMA_LIMIT("hartwood,dma-28", 28);
DMA_LIMIT("hartwood,dma-30", 30);
DMA_LIMIT("hartwood,dma-32", 32);
DMA_LIMIT("hartwood,dma-40", 40);

/* To the last page, without sleeping; and from MOVABLE as well. */
#define RIGID	 (__GFP_MEMALLOC | __GFP_NOWARN)
#define ANYWHERE (RIGID | __GFP_HIGHMEM | __GFP_MOVABLE)

/* Blocks that a case holds, chained by `index`, as test_page_alloc.c does. */
static u32 chain[NR_ORDERS];

static bool covers(const struct dt_dma_map *map, const struct dt_dma_device *d, phys_addr_t start,
		   phys_addr_t end)
{
	for (unsigned i = d->first_range; i < d->first_range + d->nr_ranges; i++)
		if (start >= map->range[i].start && end <= map->range[i].end)
			return true;
	return false;
}

/* Has @zone a block of @order that isn't kept for somebody? */
static bool has_plenty(const struct zone *zone, unsigned order)
{
	unsigned long kept = wmark_pages(zone, WMARK_HIGH) + zone->nr_highatomic + (2UL << order);
	u32 orders = 0;

	for (unsigned i = 0; i < MAX_NR_ZONES; i++)
		kept += zone->lowmem_reserve[i];
	for (unsigned type = 0; type < MIGRATE_PCPTYPES; type++)
		orders |= READ_ONCE(zone->orders[type]);
	return READ_ONCE(zone->nr_free) > kept && orders >> order;
}

/* Was one passed over that is before @zone in the order in which this hart asks? */
static bool passed_over(const struct zone *zone, zone_mask_t reach, unsigned order)
{
	struct zone **z = NODE_DATA(numa_node_id())->fallback;

	for (; *z != zone; z++)
		if ((reach >> (*z)->type & 1) && has_plenty(*z, order))
			return true;
	return false;
}

static void give_back(void)
{
	for (unsigned order = 0; order < NR_ORDERS; order++) {
		while (chain[order]) {
			struct page *page = index_page(chain[order]);

			chain[order] = page->index;
			__free_pages(page, order);
		}
	}
}

/* Take all that device @d (NULL: anybody) with @reach can have. */
static void exhaust(struct ktap *t, const struct dt_dma_device *d, zone_mask_t reach, gfp_t gfp)
{
	const struct dt_dma_map *map = discover_dma_map();
	unsigned long wrong = 0;

	for (int order = MAX_ORDER; order >= 0; order--) {
		struct page *page;

		while ((page = alloc_pages_for_reach(reach, gfp, (unsigned)order))) {
			phys_addr_t at = page_to_phys(page);

			wrong += !(reach >> page_zone(page)->type & 1);
			wrong += passed_over(page_zone(page), reach, (unsigned)order);
			wrong += d && !covers(map, d, at, at + (PAGE_SIZE << order));
			page->index = chain[order];
			chain[order] = (u32)page_index(page);
		}
	}
	KTAP_EXPECT_EQ(t, wrong, 0);
}

/* Nothing but @reach is touched, and nothing is left of it; then all merges as it was. */
static void try_reach(struct ktap *t, const struct dt_dma_device *d, zone_mask_t reach, gfp_t gfp)
{
	zone_mask_t mask = mm_zone_plan()->mask_normal;
	unsigned long before[MAX_ZONES], largest[MAX_ZONES], nr[NR_ORDERS];
	struct zone *zone;

	if (gfp == ANYWHERE)
		mask |= mm_zone_plan()->mask_movable | mm_zone_plan()->mask_high;
	drain_all_pages();
	for_each_zone(zone) {
		zone_free_blocks(zone, nr);
		before[zone->id] = zone_free_pages(zone);
		largest[zone->id] = nr[MAX_ORDER];
	}
	exhaust(t, d, reach & mask, gfp);
	for_each_zone(zone) {
		/* What CMA areas lend is for movable pages only. */
		unsigned long left = gfp == ANYWHERE ? 0 : zone_free_of(zone, MIGRATE_CMA);

		KTAP_EXPECT_EQ(t, zone_free_pages(zone),
			       mask & reach & 1U << zone->type ? left : before[zone->id]);
	}
	give_back();
	drain_all_pages();
	for_each_zone(zone) {
		zone_free_blocks(zone, nr);
		KTAP_EXPECT_EQ(t, zone_free_pages(zone), before[zone->id]);
		KTAP_EXPECT_EQ(t, nr[MAX_ORDER], largest[zone->id]);
	}
}

static void test_devices(struct ktap *t)
{
	const struct dt_dma_map *map = discover_dma_map();
	zone_mask_t done[32] = { 0 };
	unsigned nr = 0;

	if (!map->nr_devices)
		ktap_skip(t, "no DMA-limited device here");
	for (unsigned i = 0; i < map->nr_devices; i++) {
		zone_mask_t reach = dev_zone_reach(map->device[i].node);
		unsigned k = 0;

		KTAP_EXPECT_EQ(t, reach, discover_reach(i));
		while (k < nr && done[k] != reach)
			k++;
		if (!reach || k < nr || nr == ARRAY_SIZE(done))
			continue; /* seven of QEMU's virtio are like the first */
		done[nr++] = reach;
		try_reach(t, &map->device[i], reach, RIGID);
		try_reach(t, &map->device[i], reach, ANYWHERE);
	}
	page_alloc_validate();
}

/* Each zone number alone; what has none is never served. */
static void test_each_zone(struct ktap *t)
{
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		try_reach(t, NULL, (zone_mask_t)(1U << type), ANYWHERE);
	KTAP_EXPECT(t, !alloc_pages_for_reach(0, RIGID, 0));
	page_alloc_validate();
}

static void test_helpers(struct ktap *t)
{
	const struct dt_dma_map *map = discover_dma_map();

	KTAP_EXPECT_EQ(t, dev_zone_reach(0), 0xff); /* the root is no device */
	for (unsigned i = 0; i < map->nr_devices; i++) {
		struct page *page = dev_alloc_pages(map->device[i].node, RIGID, 1);

		KTAP_ASSERT_EQ(t, page != NULL,
			       (discover_reach(i) & mm_zone_plan()->mask_normal) != 0);
		if (!page)
			continue;
		KTAP_EXPECT(t, covers(map, &map->device[i], page_to_phys(page),
				      page_to_phys(page) + 2 * PAGE_SIZE));
		__free_pages(page, 1);
	}
}

/* MOVABLE comes first for those who may use it, and never for others. */
static void test_movable(struct ktap *t)
{
	zone_mask_t movable = mm_zone_plan()->mask_movable;
	struct zone *zone = NODE_DATA(numa_node_id())->fallback[0];
	struct page *page;

	if (!(movable >> zone->type & 1)) {
		ktap_skip(t, "no movable memory here: movablecore=");
		return;
	}
	KTAP_EXPECT_EQ(t, zone->start_pfn & (MAX_BLOCK - 1), 0);
	KTAP_EXPECT_STREQ(t, zone->name, "MOVABLE");
	page = alloc_page(GFP_HIGHUSER_MOVABLE);
	KTAP_ASSERT(t, page != NULL);
	KTAP_EXPECT(t, page_zone(page) == zone);
	__free_page(page);
	KTAP_EXPECT(t, !alloc_pages_for_reach(movable, RIGID, 0));
	KTAP_EXPECT(t, !alloc_pages_for_reach(movable, RIGID | __GFP_HIGHMEM, 0));
	KTAP_EXPECT(t, !alloc_pages_for_reach(movable, RIGID | __GFP_MOVABLE, 0));
	try_reach(t, NULL, 0xff, RIGID);
}

static const struct ktap_case cases[] = {
	{ "devices", test_devices },
	{ "each-zone", test_each_zone },
	{ "helpers", test_helpers },
	{ "movable", test_movable },
	{},
};
static const struct ktap_suite suite_zones = { "zones", cases };
TABLE_ENTRY(ktap_suite, suite_zones);
