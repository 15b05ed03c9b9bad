/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm_hold.c - see mm_hold.h
 */
#include "mm_hold.h"

#include <asm/memory.h>
#include <mm/kmap.h>

#include "../../mm/pcp.h"

struct held held[MAX_HELD];
unsigned nr_held;
static u32 last_id;

static u32 *stamp_of(struct page *page)
{
	return kmap_local_page(page);
}

static zone_mask_t allowed(const struct request *r)
{
	switch (r->gfp & (__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM)) {
	case __GFP_HIGHMEM:
		return world_plan.mask_normal | world_plan.mask_high |
		       (r->gfp & __GFP_MOVABLE ? world_plan.mask_movable : 0);
	case 0:
		return world_plan.mask_normal;
	case __GFP_DMA:
		return world_plan.mask_dma;
	case __GFP_DMA32:
		return world_plan.mask_dma32;
	default:
		return 0;
	}
}

static const struct pglist_data *start_node(const struct request *r)
{
	return node_data[r->reach || r->nid == NUMA_NO_NODE ? numa_node_id() : r->nid];
}

bool request_may_use(const struct request *r, const struct zone *zone)
{
	zone_mask_t mask = allowed(r) & (r->reach ? r->reach : 0xff);

	return (mask >> zone->type & 1) &&
	       !((r->gfp & __GFP_THISNODE) && zone->nid != start_node(r)->nid);
}

/* The first zone that @r can be served from, or NULL.  Found in node_data's fallback, not in lists;
 * it may take merging all that harts keep. */
static const struct zone *expected_zone(const struct request *r)
{
	for (struct zone **z = start_node(r)->fallback; *z; z++)
		if (request_may_use(r, *z) && world_can_serve(*z, r->order))
			return *z;
	return NULL;
}

/* A zone whose blocks for @r are all on lists for others is passed over for a later one. */
static bool later_than(const struct request *r, const struct zone *zone, const struct zone *first)
{
	for (struct zone **z = start_node(r)->fallback; *z; z++) {
		if (*z == first)
			return true;
		if (*z == zone)
			return false;
	}
	return false;
}

static struct page *ask(const struct request *r)
{
	if (r->reach)
		return alloc_pages_for_reach(r->reach, r->gfp, r->order);
	if (r->nid != NUMA_NO_NODE)
		return alloc_pages_node(r->nid, r->gfp, r->order);
	return alloc_pages(r->gfp, r->order);
}

static void check_handed_out(struct page *page, const struct request *r)
{
	unsigned long pfn = page_to_pfn(page), nr = 1UL << r->order;

	EXPECT_EQ(pfn & (nr - 1), 0);
	for (unsigned long i = 0; i < nr; i++)
		EXPECT_EQ(world_owner(pfn + i), OWNER_FREE);
	EXPECT_EQ(page_count(page), 1);
	EXPECT_EQ(page->mapping_word, 0);
	EXPECT_EQ(page->index, 0);
	EXPECT_EQ(page_zone(page)->type, world_zone_type(pfn));
	EXPECT_EQ(PageHead(page), (r->gfp & __GFP_COMP) && r->order);
	EXPECT(!PageTail(page) && !PageReserved(page));
	if (r->gfp & __GFP_ZERO)
		for (unsigned long i = 0; i < nr; i++)
			for (unsigned at = 0; at < PAGE_SIZE / 4; at += 1 + (unsigned)rnd_below(64))
				EXPECT_EQ(stamp_of(page + i)[at], 0);
	if (!PageHead(page))
		return;
	for (unsigned long i = 1; i < nr; i++) {
		EXPECT(PageTail(page + i));
		EXPECT(compound_head(page + i) == page);
		EXPECT(page_zone(page + i) == page_zone(page));
	}
	EXPECT_EQ(compound_order(page), r->order);
}

struct page *request(const struct request *r)
{
	const struct zone *zone = expected_zone(r);
	struct page *page = ask(r);
	struct held *h = &held[nr_held];

	if (!zone) {
		EXPECT(!page);
		return NULL;
	}
	if (!page && r->order) {
		/* Who can't wait doesn't merge all that its hart keeps. */
		drain_local_pages();
		page = ask(r);
	}
	if (!page)
		host_fail(__FILE__, __LINE__, "order %u not served, zone %s could", r->order,
			  zone->name);
	check_handed_out(page, r);
	EXPECT(request_may_use(r, page_zone(page)));
	EXPECT(later_than(r, page_zone(page), zone));
	if (page_zone(page) != zone)
		EXPECT(zone_listed_pages(zone) > 0);
	*h = (struct held){ page, r->order, r->gfp, ++last_id, 0 };
	nr_held++;
	world_set_owner(page_to_pfn(page), 1UL << r->order, h->id);
	for (unsigned long i = 0; i < 1UL << r->order; i++)
		*stamp_of(page + i) = h->id;
	return page;
}

struct page *take(gfp_t gfp, unsigned order)
{
	struct request r = { gfp, order, NUMA_NO_NODE, 0 };

	return request(&r);
}

/* Nobody wrote to the block while it was ours. */
static void check_stamps(const struct held *h)
{
	for (unsigned long i = 0; i < 1UL << h->order; i++)
		EXPECT_EQ(*stamp_of(h->page + i), h->id);
}

void give(unsigned n)
{
	struct held h = held[n];

	check_stamps(&h);
	for (; h.extra_refs; h.extra_refs--) {
		if (rnd() & 1)
			put_page(PageHead(h.page) ? h.page + rnd_below(1UL << h.order) : h.page);
		else
			__free_pages(h.page, h.order);
		EXPECT_EQ(page_count(h.page), h.extra_refs);
	}
	held[n] = held[--nr_held];
	world_set_owner(page_to_pfn(h.page), 1UL << h.order, OWNER_FREE);
	switch (rnd_below(4)) {
	case 0:
		put_page(PageHead(h.page) ? h.page + rnd_below(1UL << h.order) : h.page);
		break;
	case 1:
		free_pages((unsigned long)page_address(h.page), h.order);
		break;
	default:
		__free_pages(h.page, h.order);
	}
	EXPECT_EQ(page_reports.bad_free, 0);
}

void give_all(void)
{
	while (nr_held)
		give((unsigned)rnd_below(nr_held));
}

static unsigned random_order(void)
{
	return (unsigned)rnd_below(1 + rnd_below(NR_ORDERS));
}

void random_request(void)
{
	struct request r = { GFP_ATOMIC, random_order(), NUMA_NO_NODE, 0 };

	if (!rnd_below(4))
		r.gfp |= __GFP_DMA;
	else if (!rnd_below(4))
		r.gfp |= __GFP_DMA32;
	else if (!rnd_below(4))
		r.gfp |= __GFP_HIGHMEM | __GFP_MOVABLE;
	if (!rnd_below(4))
		r.gfp |= __GFP_THISNODE;
	if (!rnd_below(4))
		r.gfp |= __GFP_COMP;
	if (!rnd_below(8))
		r.gfp |= __GFP_ZERO;
	if (!rnd_below(4))
		r.nid = (int)rnd_below(nr_nodes);
	if (!rnd_below(4))
		r.reach = (zone_mask_t)rnd_range(1, 256);
	if (nr_held < MAX_HELD)
		request(&r);
}

/* After everything came back and merged, the blocks are the largest possible. */
void check_merged(void)
{
	struct zone *zone;

	drain_all_pages();
	for_each_zone(zone) {
		unsigned long nr[NR_ORDERS], largest = 0;

		EXPECT_EQ(zone_listed_pages(zone), 0);
		zone_free_blocks(zone, nr);
		for (unsigned order = 0; order < NR_ORDERS; order++)
			if (nr[order])
				largest = order;
		for (unsigned order = (unsigned)largest + 1; order < NR_ORDERS; order++)
			EXPECT(!world_can_serve(zone, order));
	}
	world_check();
}
