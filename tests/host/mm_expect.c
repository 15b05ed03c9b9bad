/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm_expect.c - see mm_expect.h
 */
#include "mm_expect.h"

#include <kernel/smp.h>
#include <mm/kmap.h>
#include <mm/memmap.h>
#include <mm/mm_thread.h>
#include <mm/watermark.h>
#include <string.h>

/* By zone id. */
static unsigned long nr_unowned[256];
static struct seen {
	unsigned long nr_free;
	u32 orders;
} seen[256];

void expect_owner(unsigned long pfn, unsigned long nr, u32 who)
{
	unsigned id = memmap_segment(pfn)->zone->id;

	nr_unowned[id] -= world_owner(pfn) == OWNER_FREE ? nr : 0;
	nr_unowned[id] += who == OWNER_FREE ? nr : 0;
	world_set_owner(pfn, nr, who);
}

static u32 orders_of(const struct zone *zone)
{
	return zone->orders[MIGRATE_UNMOVABLE] | zone->orders[MIGRATE_MOVABLE] |
	       zone->orders[MIGRATE_RECLAIMABLE];
}

void expect_look(void)
{
	struct zone *zone;

	for_each_zone(zone)
		seen[zone->id] = (struct seen){ zone->nr_free, orders_of(zone) };
}

/* The highest type of zone that @r may use, which is what lowmem_reserve goes by. */
static unsigned highest_type(const struct request *r)
{
	unsigned highest = 0;
	struct zone *zone;

	for_each_zone(zone)
		if (request_may_use(r, zone))
			highest = max(highest, (unsigned)zone->type);
	return highest;
}

static bool may_sleep(const struct request *r)
{
	return (r->gfp & __GFP_DIRECT_RECLAIM) && !irqs_disabled();
}

/* Pages that @r leaves in @zone, whatever happens. */
static unsigned long leaves(const struct request *r, const struct zone *zone, unsigned highest)
{
	unsigned long mark = zone->watermark[WMARK_MIN];
	bool frees = (r->gfp & __GFP_MEMALLOC) || (mm_current()->flags & PF_MEMALLOC);

	if (frees && !(r->gfp & __GFP_NOMEMALLOC))
		return 0;
	if (r->gfp & __GFP_HIGH) {
		mark -= mark / 2;
		if (!(r->gfp & __GFP_DIRECT_RECLAIM))
			mark -= mark / 4;
	}
	return mark + zone->lowmem_reserve[highest];
}

unsigned long expect_listed(const struct zone *zone)
{
	return nr_unowned[zone->id] - zone->nr_free;
}

void expect_failed(const struct request *r)
{
	unsigned highest = highest_type(r);
	unsigned long nr = 1UL << r->order;
	struct zone *zone;
	char fault[192];

	for_each_zone(zone) {
		unsigned long free = zone->nr_free;

		if (!request_may_use(r, zone) || r->order > MAX_ORDER)
			continue;
		if (!rnd_below(16))
			EXPECT_EQ(zone_validate(zone, fault, sizeof(fault)), 0);
		if (may_sleep(r))
			EXPECT_EQ(expect_listed(zone), 0);
		if (free < leaves(r, zone, highest) + nr)
			continue;
		EXPECT_EQ(orders_of(zone) >> r->order, 0);
		EXPECT(expect_listed(zone) || !world_can_serve(zone, r->order));
	}
}

void expect_zone(const struct request *r, const struct zone *zone)
{
	unsigned highest = highest_type(r);
	const struct pglist_data *node = node_data[r->nid == NUMA_NO_NODE ? 0 : r->nid];
	unsigned long nr = 1UL << r->order;
	bool first = true;

	EXPECT(request_may_use(r, zone));
	for (struct zone **z = node->fallback; *z != zone; z++) {
		const struct seen *was = &seen[(*z)->id];

		if (!request_may_use(r, *z))
			continue;
		first = false;
		EXPECT(!(was->orders >> r->order) ||
		       was->nr_free <
			       nr + wmark_pages(*z, WMARK_LOW) + (*z)->lowmem_reserve[highest]);
	}
	if (zone->nr_free >= leaves(r, zone, highest))
		return;
	/* It comes off this hart's list for its first zone. */
	if (zone->nr_free < seen[zone->id].nr_free)
		host_fail(__FILE__, __LINE__, "order %u, gfp 0x%lx leaves %lu in zone %s, not %lu",
			  r->order, (unsigned long)r->gfp, zone->nr_free, zone->name,
			  leaves(r, zone, highest));
	EXPECT(first || !zone->lowmem_reserve[highest]);
}

void expect_page(const struct request *r, struct page *page)
{
	unsigned long pfn = page_to_pfn(page), nr = 1UL << r->order;

	EXPECT_EQ(pfn & (nr - 1), 0);
	for (unsigned long i = 0; i < nr; i++)
		EXPECT_EQ(world_owner(pfn + i), OWNER_FREE);
	EXPECT_EQ(page->word0,
		  page_zone(page)->word0 | ((r->gfp & __GFP_COMP) && r->order ? 1U << PG_head : 0));
	EXPECT_EQ(page->mapping_word, 0);
	EXPECT_EQ(page->index, 0);
	EXPECT(page_zone(page) == memmap_segment(pfn)->zone);
	if ((r->gfp & __GFP_COMP) && r->order)
		EXPECT(compound_head(page + 1 + rnd_below(nr - 1)) == page);
	for (unsigned i = 0; (r->gfp & __GFP_ZERO) && i < 16; i++) {
		const u32 *words = kmap_local_page(page + rnd_below(nr));

		EXPECT_EQ(words[rnd_below(PAGE_SIZE / 4)], 0);
	}
}

void expect_begin(void)
{
	memset(nr_unowned, 0, sizeof(nr_unowned));
	for (unsigned long pfn = world_first; pfn < world_end; pfn++)
		if (world_owner(pfn) == OWNER_FREE)
			nr_unowned[memmap_segment(pfn)->zone->id]++;
}
