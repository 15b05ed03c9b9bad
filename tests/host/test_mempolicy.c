/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_mempolicy.c - where a thread's pages come from, and what the nodes count
 *
 * Four nodes; node 3 has no memory.  From node 0: 2 is nearer than 1.
 */
#include <mm/mempolicy.h>
#include <mm/vmstat.h>

#include <base/errno.h>
#include <kernel/preempt.h>

#include "mm_world.h"

#include <string.h>

#define NODES	   3
#define NODE_PAGES (16 * MiB >> PAGE_SHIFT)

static struct page *held[4 * NODE_PAGES];
static unsigned long nr_held;

static struct world nodes = { .base = 0x80000000,
			      .bytes = 48 * MiB,
			      .bank = { { 0x80000000, 0x81000000, 0 },
					{ 0x81000000, 0x82000000, 1 },
					{ 0x82000000, 0x83000000, 2 } },
			      .cut = { 0x80800000 } };

/* This thread's hart is on node @nid. */
static void run_on(int nid)
{
	numa_node = nid;
	world_run_as(0);
}

static void build(void)
{
	nr_held = 0;
	world_build(&nodes);
	page_alloc_reset();
	node_set_distance(0, 1, 40);
	node_set_distance(0, 2, 15);
	node_set_distance(3, 1, 15);
	node_set_hart(3, 3);
	numa_node = 0;
	page_alloc_init(&world_plan);
	run_on(0);
	EXPECT_EQ(set_mempolicy(MPOL_DEFAULT, 0), 0);
}

static unsigned long node_free(int nid)
{
	unsigned long free = 0;
	struct zone *z;

	for_each_zone(z)
		if (z->nid == nid)
			free += z->nr_free + zone_listed_pages(z);
	return free;
}

/* The node that the next page comes from, or -1. */
static int next(gfp_t gfp)
{
	struct page *page = alloc_page(gfp | __GFP_NOWARN);

	if (!page)
		return -1;
	held[nr_held++] = page;
	return page_to_nid(page);
}

/* Take all that @gfp may have; the nodes in the order in which each first gave a page. */
static unsigned take_all(gfp_t gfp, int order[NODES])
{
	unsigned nr = 0;
	int nid;

	while ((nid = next(gfp)) >= 0) {
		unsigned i = 0;

		while (i < nr && order[i] != nid)
			i++;
		if (i == nr)
			order[nr++] = nid;
	}
	return nr;
}

/* Only what others than GFP_KERNEL may have is left on node @nid. */
static void fill(int nid)
{
	struct page *page;

	while ((page = alloc_pages_node(nid, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0))) {
		EXPECT_EQ(page_to_nid(page), nid);
		held[nr_held++] = page;
	}
}

/* Pages that GFP_KERNEL leaves on node @nid. */
static unsigned long kept(int nid)
{
	unsigned long pages = 0;
	struct zone *z;

	for_each_zone(z)
		if (z->nid == nid)
			pages += z->watermark[WMARK_MIN] +
				 z->lowmem_reserve[zone_table[nr_zones - 1]->type];
	return pages;
}

static void give_all(void)
{
	while (nr_held)
		__free_page(held[--nr_held]);
	EXPECT_EQ(set_mempolicy(MPOL_DEFAULT, 0), 0);
	drain_local_pages();
	page_alloc_validate();
	EXPECT(!irqs_disabled());
}

struct stats {
	unsigned long n[NODES][NR_NUMA_STAT_ITEMS];
};

static struct stats stats_now(void)
{
	struct stats s;

	for (int nid = 0; nid < NODES; nid++)
		for (int i = 0; i < NR_NUMA_STAT_ITEMS; i++)
			s.n[nid][i] = numa_stat_read(nid, (enum numa_stat_item)i);
	return s;
}

/* Since @from node @nid counted just this. */
static void expect_stats(const struct stats *from, int nid, const unsigned long want[6])
{
	struct stats now = stats_now();

	for (int i = 0; i < NR_NUMA_STAT_ITEMS; i++)
		if (now.n[nid][i] - from->n[nid][i] != want[i])
			host_fail(__FILE__, __LINE__, "node %d item %d: %lu, expected %lu", nid, i,
				  now.n[nid][i] - from->n[nid][i], want[i]);
}

TEST(by_default_near_first)
{
	int order[NODES];

	build();
	EXPECT_EQ(take_all(GFP_KERNEL, order), 3);
	EXPECT(order[0] == 0 && order[1] == 2 && order[2] == 1);
	for (int nid = 0; nid < NODES; nid++)
		EXPECT(node_free(nid) <= kept(nid));
	give_all();
}

TEST(thisnode)
{
	build();
	for (int nid = 0; nid < NODES; nid++) {
		unsigned long other = node_free((nid + 1) % NODES);

		fill(nid);
		EXPECT(node_free(nid) <= kept(nid));
		EXPECT_EQ(node_free((nid + 1) % NODES), other);
		give_all();
	}
	/* None there at all. */
	EXPECT(!alloc_pages_node(3, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0));
	EXPECT_EQ(page_to_nid(held[nr_held++] = alloc_pages_node(3, GFP_KERNEL, 0)), 1);
	give_all();
}

TEST(bind_never_leaves_its_nodes)
{
	unsigned long other;
	int order[NODES];

	build();
	EXPECT_EQ(set_mempolicy(MPOL_BIND, 1 << 1 | 1 << 2), 0);
	other = node_free(0);
	EXPECT_EQ(take_all(GFP_KERNEL, order), 2);
	EXPECT(order[0] == 2 && order[1] == 1); /* the nearer one first */
	EXPECT(node_free(1) <= kept(1) && node_free(2) <= kept(2));
	EXPECT_EQ(node_free(0), other);
	EXPECT(!alloc_pages(GFP_KERNEL | __GFP_NOWARN, 9));
	EXPECT_EQ(node_free(0), other);
	/* Who says himself where from isn't bound. */
	EXPECT_EQ(page_to_nid(held[nr_held++] = alloc_pages_node(0, GFP_KERNEL, 0)), 0);
	give_all();
}

/* Pages on this hart's lists are found too, and those of zones that nobody may go to are left. */
TEST(bind_takes_the_last_page)
{
	int order[NODES];

	build();
	EXPECT_EQ(set_mempolicy(MPOL_BIND, 1 << 1), 0);
	EXPECT_EQ(take_all(GFP_KERNEL, order), 1);
	for (int i = 0; i < 40; i++) {
		__free_page(held[--nr_held]);
		EXPECT_EQ(next(GFP_KERNEL), 1);
		EXPECT_EQ(next(GFP_KERNEL), -1);
	}
	give_all();
}

TEST(preferred_falls_back)
{
	int order[NODES];

	build();
	EXPECT_EQ(set_mempolicy(MPOL_PREFERRED, 1 << 1), 0);
	EXPECT_EQ(take_all(GFP_KERNEL, order), 3);
	/* By node 1's distances: 0 and 2 are equally far, so 0. */
	EXPECT(order[0] == 1 && order[1] == 0 && order[2] == 2);
	give_all();

	/* No node: the nearest, as by default. */
	EXPECT_EQ(set_mempolicy(MPOL_PREFERRED, 0), 0);
	EXPECT_EQ(next(GFP_KERNEL), 0);
	run_on(2);
	EXPECT_EQ(set_mempolicy(MPOL_PREFERRED, 0), 0);
	EXPECT_EQ(next(GFP_KERNEL), 2);
	run_on(0);
	give_all();
}

TEST(interleave_alternates)
{
	static const int turn[] = { 0, 2, 0, 2 }, all[] = { 0, 1, 2 };
	int order[NODES];

	build();
	EXPECT_EQ(set_mempolicy(MPOL_INTERLEAVE, 1 << 0 | 1 << 2), 0);
	for (int i = 0; i < 400; i++)
		EXPECT_EQ(next(GFP_KERNEL), turn[i % 4]);
	/* What is freed to this hart's lists doesn't come back out of turn. */
	for (int i = 0; i < 100; i++)
		__free_page(held[--nr_held]);
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(next(GFP_KERNEL), turn[i % 4]);
	EXPECT_EQ(set_mempolicy(MPOL_INTERLEAVE, 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3), 0);
	for (int i = 0; i < 300; i++)
		EXPECT_EQ(next(GFP_KERNEL), all[i % 3]);
	/* A full node's turn goes elsewhere, and the last page is found. */
	take_all(GFP_KERNEL, order);
	for (int nid = 0; nid < NODES; nid++)
		EXPECT(node_free(nid) <= kept(nid));
	give_all();
}

/* A request that the bound nodes have no zone for: node 0 alone has the lowest. */
TEST(zones_come_first)
{
	build();
	EXPECT_EQ(set_mempolicy(MPOL_BIND, 1 << 1), 0);
	EXPECT_EQ(next(GFP_KERNEL | __GFP_DMA), 0);
	EXPECT_EQ(next(GFP_KERNEL), 1);
	give_all();
}

TEST(not_in_interrupts_and_not_thisnode)
{
	build();
	EXPECT_EQ(set_mempolicy(MPOL_BIND, 1 << 1), 0);
	this_hart->preempt_count += HARDIRQ_OFFSET;
	for (int i = 0; i < 200; i++)
		EXPECT_EQ(next(GFP_ATOMIC), 0);
	this_hart->preempt_count -= HARDIRQ_OFFSET;
	EXPECT_EQ(next(GFP_KERNEL | __GFP_THISNODE), 0);
	EXPECT_EQ(next(GFP_KERNEL), 1);
	give_all();
}

/* Every way to a page: orders, flags that are no hit, orders that no list keeps. */
TEST(every_way_in)
{
	build();
	EXPECT_EQ(set_mempolicy(MPOL_PREFERRED, 1 << 1), 0);
	for (unsigned order = 0; order <= MAX_ORDER; order++) {
		static const gfp_t flags[] = { 0, __GFP_ZERO, __GFP_COMP, __GFP_MOVABLE };

		for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
			struct page *page = alloc_pages(GFP_KERNEL | flags[i], order);

			EXPECT(page && page_to_nid(page) == 1);
			__free_pages(page, order);
		}
	}
	for (int i = 0; i < 100; i++) {
		struct page *page = alloc_pages(GFP_KERNEL, 0), *two = alloc_pages(GFP_KERNEL, 1);

		EXPECT(page && page_to_nid(page) == 1 && two && page_to_nid(two) == 1);
		__free_pages(page, 0);
		__free_pages(two, 1);
	}
	give_all();
	EXPECT_EQ(next(GFP_KERNEL), 0);
	give_all();
}

TEST(bad_policies)
{
	nodemask_t mask;

	build();
	EXPECT_EQ(set_mempolicy(MPOL_BIND, 1 << 1), 0);
	EXPECT_EQ(set_mempolicy(MPOL_DEFAULT, 1), -EINVAL);
	EXPECT_EQ(set_mempolicy(MPOL_BIND, 0), -EINVAL);
	EXPECT_EQ(set_mempolicy(MPOL_INTERLEAVE, 0), -EINVAL);
	EXPECT_EQ(set_mempolicy(MPOL_BIND, 1 << 3), -EINVAL); /* no memory */
	EXPECT_EQ(set_mempolicy(MPOL_BIND, 1 << 4), -EINVAL); /* no node */
	EXPECT_EQ(set_mempolicy(MPOL_PREFERRED, 1u << 31 | 1), -EINVAL);
	EXPECT_EQ(set_mempolicy((enum mpol_mode)17, 1), -EINVAL);
	EXPECT_EQ(get_mempolicy(&mask), MPOL_BIND);
	EXPECT_EQ(mask, 1 << 1);
	EXPECT_EQ(next(GFP_KERNEL), 1);
	give_all();
	EXPECT_EQ(get_mempolicy(&mask), MPOL_DEFAULT);
	EXPECT_EQ(mask, 0);
}

/* As Linux defines them.  Items: hit, miss, foreign, interleave, local, other. */
TEST(counters)
{
	struct stats from;

	build();
	from = stats_now();
	EXPECT_EQ(set_mempolicy(MPOL_BIND, 1 << 1), 0);
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(next(GFP_KERNEL), 1);
	expect_stats(&from, 0, (unsigned long[6]){ 0 });
	expect_stats(&from, 1, (unsigned long[6]){ 10, 0, 0, 0, 0, 10 });

	from = stats_now();
	EXPECT_EQ(set_mempolicy(MPOL_INTERLEAVE, 7), 0);
	for (int i = 0; i < 30; i++)
		EXPECT_EQ(next(GFP_KERNEL), i % 3);
	expect_stats(&from, 0, (unsigned long[6]){ 10, 0, 0, 10, 10, 0 });
	expect_stats(&from, 1, (unsigned long[6]){ 10, 0, 0, 10, 0, 10 });
	expect_stats(&from, 2, (unsigned long[6]){ 10, 0, 0, 10, 0, 10 });

	/* Preferred, and full: wanted from 1, came from 0, on a hart of node 0. */
	EXPECT_EQ(set_mempolicy(MPOL_PREFERRED, 1 << 1), 0);
	fill(1);
	from = stats_now();
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(next(GFP_KERNEL), 0);
	expect_stats(&from, 0, (unsigned long[6]){ 0, 10, 0, 0, 10, 0 });
	expect_stats(&from, 1, (unsigned long[6]){ 0, 0, 10, 0, 0, 0 });

	/* By turns, and one is full: no interleave_hit there. */
	from = stats_now();
	EXPECT_EQ(set_mempolicy(MPOL_INTERLEAVE, 3), 0);
	for (int i = 0; i < 20; i++)
		EXPECT_EQ(next(GFP_KERNEL), 0);
	expect_stats(&from, 0, (unsigned long[6]){ 10, 10, 0, 10, 20, 0 });
	expect_stats(&from, 1, (unsigned long[6]){ 0, 0, 10, 0, 0, 0 });
	give_all();
}

/* By default a batch for the hart's list counts as its blocks; all of them hits, and local. */
TEST(counters_by_default)
{
	struct stats from, now;

	build();
	drain_local_pages();
	from = stats_now();
	EXPECT_EQ(next(GFP_KERNEL), 0);
	now = stats_now();
	EXPECT(now.n[0][NUMA_HIT] > from.n[0][NUMA_HIT]);
	EXPECT_EQ(now.n[0][NUMA_LOCAL] - from.n[0][NUMA_LOCAL],
		  now.n[0][NUMA_HIT] - from.n[0][NUMA_HIT]);
	from = now;
	EXPECT_EQ(next(GFP_KERNEL), 0); /* a hit on the hart's list: not counted */
	expect_stats(&from, 0, (unsigned long[6]){ 0 });
	/* A node without memory wants from its nearest. */
	run_on(3);
	drain_local_pages();
	from = stats_now();
	EXPECT_EQ(next(GFP_KERNEL), 1);
	now = stats_now();
	EXPECT(now.n[1][NUMA_HIT] > from.n[1][NUMA_HIT]);
	EXPECT_EQ(now.n[1][NUMA_OTHER] - from.n[1][NUMA_OTHER],
		  now.n[1][NUMA_HIT] - from.n[1][NUMA_HIT]);
	run_on(0);
	give_all();
}

TEST(on_a_node)
{
	unsigned long before[NODES];
	void *at;

	build();
	for (int nid = 0; nid < NODES; nid++)
		before[nid] = node_free(nid);
	at = numa_alloc_onnode(5 * PAGE_SIZE + 1, 2);
	EXPECT(at);
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(page_to_nid(virt_to_page((char *)at + i * PAGE_SIZE)), 2);
	memset(at, 0xa5, 6 * PAGE_SIZE);
	EXPECT_EQ(node_free(2), before[2] - 6);
	EXPECT_EQ(node_free(0), before[0]);
	numa_free(at, 5 * PAGE_SIZE + 1);
	EXPECT_EQ(node_free(2), before[2]);
	numa_free(NULL, 5);
	EXPECT(!numa_alloc_onnode(0, 0) && !numa_alloc_onnode(1, -1) && !numa_alloc_onnode(1, 4));
	EXPECT(!numa_alloc_onnode(~(size_t)0, 0) && !numa_alloc_onnode(17 * MiB, 0));
	while ((at = numa_alloc_onnode(MiB, 1)))
		held[nr_held++] = virt_to_page(at);
	EXPECT_EQ(node_free(0), before[0]);
	while (nr_held)
		numa_free(page_address(held[--nr_held]), MiB);
	give_all();
}

TEST(interleaved)
{
	struct stats from;

	build();
	from = stats_now();
	nr_held = numa_alloc_interleaved(90, 7, held);
	EXPECT_EQ(nr_held, 90);
	for (int i = 0; i < 90; i++)
		EXPECT_EQ(page_to_nid(held[i]), i % 3);
	EXPECT_EQ(stats_now().n[1][NUMA_INTERLEAVE_HIT] - from.n[1][NUMA_INTERLEAVE_HIT], 30);
	give_all();
	EXPECT_EQ(numa_alloc_interleaved(5, 1 << 3, held), 0);
	nr_held = numa_alloc_interleaved(ARRAY_SIZE(held), 7, held);
	EXPECT(nr_held < ARRAY_SIZE(held));
	for (int nid = 0; nid < NODES; nid++)
		EXPECT(node_free(nid) <= kept(nid));
	give_all();
}

/* Random policies, orders and nodes: what a policy forbids doesn't happen. */
TEST(random_policies)
{
	build();
	for (int round = 0; round < 300; round++) {
		nodemask_t mask = (nodemask_t)rnd_range(1, 8);
		enum mpol_mode mode = (enum mpol_mode)rnd_range(1, 4);
		static struct {
			struct page *page;
			unsigned order;
		} got[64];
		unsigned n = 0;

		run_on((int)rnd_below(NODES + 1));
		EXPECT_EQ(set_mempolicy(mode, mask), 0);
		while (n < ARRAY_SIZE(got)) {
			unsigned order = (unsigned)rnd_below(rnd_below(2) ? 4 : 11);
			struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);

			if (!page)
				break;
			if (mode == MPOL_BIND)
				EXPECT(mask >> page_to_nid(page) & 1);
			got[n].page = page;
			got[n++].order = order;
		}
		while (n--)
			__free_pages(got[n].page, got[n].order);
	}
	run_on(0);
	give_all();
}
