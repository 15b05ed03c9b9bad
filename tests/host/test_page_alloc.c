/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_page_alloc.c - the page allocator against a map of owners, on random boards
 *
 * The model knows for each frame who owns it.  After each allocation it says whether
 * the block may be handed out, whether it comes from the first zone that could serve it,
 * and, where there was none, that merging everything would not have made one.
 */
#include "mm_world.h"

#include <asm/memory.h>
#include <mm/buddy.h>
#include <mm/kmap.h>
#include <mm/memmap.h>
#include <string.h>

#define MAX_HELD 4096

struct held {
	struct page *page;
	unsigned order;
	gfp_t gfp;
	u32 id;
	int extra_refs;
};

static struct held held[MAX_HELD];
static unsigned nr_held;
static u32 last_id;

static u32 *stamp_of(struct page *page)
{
	return kmap_local_page(page);
}

/* What random requests ask for. */
struct request {
	gfp_t gfp;
	unsigned order;
	int nid;	   /* NUMA_NO_NODE: this hart's */
	zone_mask_t reach; /* 0: not by reach */
};

static zone_mask_t allowed(const struct request *r)
{
	switch (r->gfp & (__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM)) {
	case 0:
	case __GFP_HIGHMEM:
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

/* The zone that @r must be served from, or NULL.  Found in node_data's fallback, not in lists. */
static const struct zone *expected_zone(const struct request *r)
{
	const struct pglist_data *node = start_node(r);
	zone_mask_t mask = allowed(r) & (r->reach ? r->reach : 0xff);

	for (struct zone **z = node->fallback; *z; z++)
		if ((mask >> (*z)->type & 1) &&
		    !((r->gfp & __GFP_THISNODE) && (*z)->nid != node->nid) &&
		    world_can_serve(*z, r->order))
			return *z;
	return NULL;
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

static struct page *request(const struct request *r)
{
	const struct zone *zone = expected_zone(r);
	struct page *page = ask(r);
	struct held *h = &held[nr_held];

	if (!zone) {
		EXPECT(!page);
		return NULL;
	}
	if (!page)
		host_fail(__FILE__, __LINE__, "order %u not served, zone %s could", r->order,
			  zone->name);
	check_handed_out(page, r);
	EXPECT(page_zone(page) == zone);
	*h = (struct held){ page, r->order, r->gfp, ++last_id, 0 };
	nr_held++;
	world_set_owner(page_to_pfn(page), 1UL << r->order, h->id);
	for (unsigned long i = 0; i < 1UL << r->order; i++)
		*stamp_of(page + i) = h->id;
	return page;
}

static struct page *take(gfp_t gfp, unsigned order)
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

static void give(unsigned n)
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

static void give_all(void)
{
	while (nr_held)
		give((unsigned)rnd_below(nr_held));
}

static unsigned random_order(void)
{
	return (unsigned)rnd_below(1 + rnd_below(NR_ORDERS));
}

static void random_request(void)
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

/* A free that can't be right, of frame @pfn. */
static void wrong_free(unsigned long pfn)
{
	unsigned order = (unsigned)rnd_below(NR_ORDERS + 2);
	u32 who = world_owner(pfn);
	unsigned long before = page_reports.bad_free, nr = nr_free_pages();

	for (unsigned i = 0; i < nr_held; i++) {
		struct held *h = &held[i];

		/* A right one, or one that only drops a reference. */
		if (h->id == who && h->page == pfn_to_page(pfn) &&
		    (order == h->order || h->extra_refs))
			return;
	}
	page_reports_expect(true);
	if (rnd() & 1 && order < NR_ORDERS)
		free_pages((unsigned long)__va(PFN_PHYS(pfn)), order);
	else if (who != OWNER_NONE)
		__free_pages(pfn_to_page(pfn), order);
	else
		page_reports.bad_free++;
	page_reports_expect(false);
	EXPECT_EQ(page_reports.bad_free, before + 1);
	EXPECT_EQ(nr_free_pages(), nr);
	page_reports.bad_free = 0;
}

static void random_split(void)
{
	struct held h;
	unsigned n;

	if (!nr_held)
		return;
	n = (unsigned)rnd_below(nr_held);
	h = held[n];
	if (PageHead(h.page) || h.extra_refs || nr_held + (1UL << h.order) >= MAX_HELD)
		return;
	split_page(h.page, h.order);
	held[n] = held[--nr_held];
	for (unsigned long i = 0; i < 1UL << h.order; i++) {
		EXPECT_EQ(page_count(h.page + i), 1);
		held[nr_held++] = (struct held){ h.page + i, 0, h.gfp, h.id, 0 };
	}
}

/* Memory reserved at boot becomes free. */
static void random_unreserve(void)
{
	unsigned long pfn = world_first + rnd_below(world_end - world_first), end = pfn;
	unsigned long max = 1 + rnd_below(3000);

	while (end - pfn < max && world_owner(end) == OWNER_RESERVED)
		end++;
	EXPECT_EQ(free_reserved_area(PFN_PHYS(pfn), PFN_PHYS(end)), end - pfn);
	world_set_owner(pfn, end - pfn, OWNER_FREE);
}

static void random_reference(void)
{
	struct held *h = &held[rnd_below(nr_held ? nr_held : 1)];

	if (!nr_held)
		return;
	get_page(PageHead(h->page) ? h->page + rnd_below(1UL << h->order) : h->page);
	h->extra_refs++;
}

/* @grow: of 85 steps so many allocate, the others give back. */
static void random_step(unsigned grow)
{
	unsigned what = (unsigned)rnd_below(100);

	if (what < grow)
		random_request();
	else if (what < 85 && nr_held)
		give((unsigned)rnd_below(nr_held));
	else if (what < 90)
		wrong_free(world_first + rnd_below(world_end - world_first));
	else if (what < 93 && nr_held)
		wrong_free(page_to_pfn(held[rnd_below(nr_held)].page));
	else if (what < 94)
		random_split();
	else if (what < 97)
		random_reference();
	else if (what < 98)
		random_unreserve();
	else if (what < 99)
		page_alloc_merge();
	else if (!rnd_below(8))
		give_all();
}

/* After everything came back and merged, the blocks are the largest possible. */
static void check_merged(void)
{
	struct zone *zone;

	page_alloc_merge();
	for_each_zone(zone) {
		unsigned long nr[NR_ORDERS], largest = 0;

		EXPECT_EQ(zone_parked_blocks(zone), 0);
		zone_free_blocks(zone, nr);
		for (unsigned order = 0; order < NR_ORDERS; order++)
			if (nr[order])
				largest = order;
		for (unsigned order = (unsigned)largest + 1; order < NR_ORDERS; order++)
			EXPECT(!world_can_serve(zone, order));
	}
	world_check();
}

TEST(random_boards)
{
	for (int board = 0; board < 40; board++) {
		unsigned grow = 0;
		struct world w;

		world_random(&w);
		world_build(&w);
		nr_held = 0;
		for (int step = 0; step < 3000; step++) {
			if (step % 500 == 0)
				grow = (unsigned)rnd_range(30, 60);
			random_step(grow);
			if (!rnd_below(50))
				world_check();
		}
		give_all();
		check_merged();
	}
}

/* Full, with single pages; then all back, in random order. */
TEST(exhaust_and_return)
{
	struct world w = { .base = 0x80000000, .bytes = 16 * MiB,
			   .bank = { { 0x80000000, 0x81000000, 0 } } };
	unsigned long before[NR_ORDERS], after[NR_ORDERS];

	world_build(&w);
	nr_held = 0;
	zone_free_blocks(zone_table[0], before);
	while (nr_held < MAX_HELD && take(GFP_ATOMIC | __GFP_NOWARN, 0))
		;
	EXPECT(nr_held < MAX_HELD);
	EXPECT_EQ(nr_free_pages(), 0);
	world_check();
	give_all();
	check_merged();
	zone_free_blocks(zone_table[0], after);
	EXPECT(!memcmp(before, after, sizeof(before)));
}

static const struct world plain = { .base = 0x80000000, .bytes = 32 * MiB,
				    .bank = { { 0x80000000, 0x82000000, 0 } } };

/* Zone 0: 8 MiB, zone 1: 8 MiB, zone 2: the rest, all of it for normal requests. */
static const struct world three_zones = { .base = 0x80000000, .bytes = 32 * MiB,
					  .bank = { { 0x80000000, 0x82000000, 0 } },
					  .cut = { 0x80800000, 0x81000000 },
					  .dma = 1, .dma32 = 3 };

/* Two nodes, two zones each. */
static const struct world two_nodes = { .base = 0x80000000, .bytes = 64 * MiB,
					.bank = { { 0x80000000, 0x81000000, 0 },
						  { 0x82000000, 0x83000000, 1 } },
					.cut = { 0x80800000, 0x82800000 },
					.dma = 1, .dma32 = 3 };

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
	} want[] = { { GFP_ATOMIC, 2, 0 }, { GFP_ATOMIC | __GFP_DMA32, 1, 0 },
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
	struct world w = { .base = 0x80000000, .bytes = 64 * MiB,
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

TEST(gfp_in_words)
{
	char text[GFP_TEXT_LEN], small[8];

	EXPECT_EQ(GFP_KERNEL, __GFP_WAIT | __GFP_IO | __GFP_FS);
	EXPECT_STR(gfp_describe(0, text, sizeof(text)), "0");
	EXPECT_STR(gfp_describe(GFP_KERNEL, text, sizeof(text)), "GFP_KERNEL");
	EXPECT_STR(gfp_describe(GFP_HIGHUSER_MOVABLE, text, sizeof(text)), "GFP_HIGHUSER_MOVABLE");
	EXPECT_STR(gfp_describe(GFP_NOIO | GFP_DMA, text, sizeof(text)), "GFP_NOIO|__GFP_DMA");
	EXPECT_STR(gfp_describe(0x80000001, text, sizeof(text)), "__GFP_DMA|0x80000000");
	EXPECT_STR(gfp_describe(GFP_KERNEL, small, sizeof(small)), "GFP_KER");
	EXPECT(strlen(gfp_describe(~0U, text, sizeof(text))) + 1 < GFP_TEXT_LEN);
	for (unsigned bit = 0; bit < 21; bit++)
		EXPECT(!strstr(gfp_describe(1U << bit, text, sizeof(text)), "0x"));
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
	page->block -= 1U << BLOCK_MARK_SHIFT;
	page_set_flag(page, PG_locked);
	__free_pages(page, 3);
	expect_refused("flags 0x1");
	page_clear_flag(page, PG_locked);
	page_set_flag(page, PG_uptodate); /* harmless */
	give(0);
	__free_pages(page, 3);
	expect_refused("free, refcount 0");
	page = take(GFP_ATOMIC | __GFP_COMP, 3);
	__free_pages(page + 1, 0);
	expect_refused("compound");
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
			  b->state == BLOCK_IS_FREE || b->state == BLOCK_IS_PARKED);
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
		unsigned long nr[4] = { 0 }, from;
		struct world w;

		world_random(&w);
		world_build(&w);
		nr_held = 0;
		for (int i = 0; i < 300; i++)
			random_request();
		while (nr_held > 150)
			give((unsigned)rnd_below(nr_held));
		EXPECT(!memmap_walk(0, ~0UL, count_block, nr));
		EXPECT_EQ(nr[BLOCK_IS_FREE] + nr[BLOCK_IS_PARKED], nr_free_pages());
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
	give_all();
}

/* Each invariant, broken on purpose: the validator says which. */
#define EXPECT_FAULT(text, breaking, mending)                                          \
	do {                                                                           \
		breaking;                                                              \
		EXPECT(zone_validate(zone, fault, sizeof(fault)) < 0);                 \
		if (!strstr(fault, text))                                              \
			host_fail(__FILE__, __LINE__, "no \"%s\" in: %s", text, fault); \
		EXPECT_PANIC(text, page_alloc_validate());                             \
		this_hart->irqs_off = false;                                           \
		mending;                                                               \
		EXPECT(zone_validate(zone, fault, sizeof(fault)) == 0);                \
	} while (0)

TEST(validator_speaks)
{
	struct page *page, *freed;
	char fault[192];
	struct zone *zone;

	build(&plain);
	zone = zone_table[0];
	page = take(GFP_ATOMIC, 0);
	freed = index_page(zone->area[3].first);
	EXPECT_FAULT("nr_free is", zone->nr_free++, zone->nr_free--);
	EXPECT_FAULT("refcount 1", freed->_refcount++, freed->_refcount--);
	EXPECT_FAULT("flags", freed->flags ^= 1, freed->flags ^= 1);
	EXPECT_FAULT("block word", freed->block ^= 1, freed->block ^= 1);
	EXPECT_FAULT("links back", freed->prev = 7, freed->prev = 0);
	EXPECT_FAULT("blocks on the list", zone->area[3].nr++, zone->area[3].nr--);
	EXPECT_FAULT("bit 0 of orders", zone->orders ^= 8, zone->orders ^= 8);
	EXPECT_FAULT("expected an aligned one", zone->area[3].first += 0x4000000,
		     zone->area[3].first -= 0x4000000);
	EXPECT_FAULT("expected the head of a block", page->block = 0,
		     page->block = zone->mark + BLOCK_USED);
	EXPECT_FAULT("expected the head of a block", page->block += 4, page->block -= 4);
	EXPECT_FAULT("managed", zone->managed_pages += 1 << 20, zone->managed_pages -= 1 << 20);
	EXPECT_FAULT("pages free, expected",
		     page->block = zone->mark + BLOCK_PARKED, page->block += 0x10);
	give(0);
	EXPECT_FAULT("block word", page->block += 1, page->block -= 1);
	world_check();
}

TEST(buddies_that_are_both_free_are_found)
{
	struct page *page, *buddy;
	struct free_area *area;
	char fault[192];
	struct zone *zone;

	build(&plain);
	zone = zone_table[0];
	area = &zone->area[0];
	do {
		page = take(GFP_ATOMIC, 0);
		buddy = pfn_to_page(page_to_pfn(page) ^ 1);
	} while (area->first != page_index(buddy));
	page->block = zone->mark + BLOCK_FREE;
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
	struct world w = { .base = 0x80000000, .bytes = 2 * GiB - 8 * MiB,
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
