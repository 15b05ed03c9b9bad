/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_numa.c - nodes by distance, and threads with policies
 */
#include <base/errno.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/mempolicy.h>
#include <mm/vmstat.h>
#include <sched/thread.h>
#include <sched/timer.h>
#include <shell/ktap.h>

#include "high_pages.h"

#define PAGES  60
#define ROUNDS 20

static nodemask_t node_has_memory(int nid)
{
	return node_data[nid]->present_pages ? 1u << nid : 0;
}

/* The nodes that have memory; true, and the case is skipped, if it's one. */
static bool one_node(struct ktap *t, nodemask_t *nodes)
{
	int nid;

	*nodes = 0;
	for_each_node_id(nid)
		*nodes |= node_has_memory(nid);
	if (*nodes & (*nodes - 1))
		return false;
	ktap_skip(t, "one node has all memory");
	return true;
}

static int first_of(nodemask_t nodes)
{
	int nid = 0;

	while (!(nodes >> nid & 1))
		nid++;
	return nid;
}

/* How many of PAGES pages taken as this thread's policy says come from @nodes. */
static int count_from(nodemask_t nodes, gfp_t gfp)
{
	struct page *page[PAGES];
	int from = 0, got;

	for (got = 0; got < PAGES && (page[got] = alloc_page(gfp)); got++)
		from += nodes >> page_to_nid(page[got]) & 1;
	while (got--)
		__free_page(page[got]);
	return from;
}

/* Functions, not the macros themselves: each use of those is code. */
static void expect_from(struct ktap *t, nodemask_t nodes, gfp_t gfp)
{
	if (!KTAP_EXPECT_EQ(t, count_from(nodes, gfp), PAGES))
		ktap_diag(t, "%s: of nodes 0x%x", t->name, nodes);
}

static void expect_set(struct ktap *t, enum mpol_mode mode, nodemask_t nodes, int answer)
{
	if (!KTAP_EXPECT_EQ(t, set_mempolicy(mode, nodes), answer))
		ktap_diag(t, "%s: mode %d, nodes 0x%x", t->name, mode, nodes);
}

static void test_distances(struct ktap *t)
{
	int nid;

	for_each_node_id(nid) {
		unsigned last = 0, nr = 0;
		struct zone **z;

		for (z = node_data[nid]->fallback; *z; z++, nr++) {
			unsigned d = (*z)->nid == nid ? 0 : node_distance(nid, (*z)->nid);

			KTAP_EXPECT(t, d >= last);
			last = d;
		}
		KTAP_EXPECT_EQ(t, nr, nr_zones);
	}
}

static void test_thisnode(struct ktap *t)
{
	int nid;

	for_each_node_id(nid) {
		struct page *page =
			alloc_pages_node(nid, GFP_HIGHUSER | __GFP_THISNODE | __GFP_NOWARN, 0);

		if (!page) {
			KTAP_EXPECT(t, !node_has_memory(nid));
			continue;
		}
		KTAP_EXPECT_EQ(t, page_to_nid(page), nid);
		__free_page(page);
	}
}

/* On one node too: nonsense is refused, and a policy for all there is changes nothing. */
static void test_arguments(struct ktap *t)
{
	nodemask_t nodes = 0, mask;
	int nid;

	for_each_node_id(nid)
		nodes |= node_has_memory(nid);
	expect_set(t, MPOL_BIND, 1u << nr_nodes, -EINVAL);
	expect_set(t, MPOL_BIND, 0, -EINVAL);
	expect_set(t, MPOL_DEFAULT, nodes, -EINVAL);
	KTAP_EXPECT_EQ(t, get_mempolicy(&mask), MPOL_DEFAULT);
	expect_set(t, MPOL_BIND, nodes, 0);
	KTAP_EXPECT_EQ(t, get_mempolicy(&mask), MPOL_BIND);
	KTAP_EXPECT_EQ(t, mask, nodes);
	expect_from(t, nodes, GFP_HIGHUSER);
	expect_set(t, MPOL_DEFAULT, 0, 0);
}

static void test_policies(struct ktap *t)
{
	unsigned long turns[MAX_NUMNODES];
	nodemask_t nodes;
	int nid;

	if (one_node(t, &nodes))
		return;
	for_each_node_id(nid) {
		if (!node_has_memory(nid))
			continue;
		expect_set(t, MPOL_BIND, 1u << nid, 0);
		expect_from(t, 1u << nid, GFP_HIGHUSER);
		expect_from(t, 1u << nid, GFP_ATOMIC | __GFP_HIGHMEM);
		expect_set(t, MPOL_PREFERRED, 1u << nid, 0);
		expect_from(t, 1u << nid, GFP_HIGHUSER | __GFP_ZERO);
		turns[nid] = numa_stat_read(nid, NUMA_INTERLEAVE_HIT);
	}
	expect_set(t, MPOL_INTERLEAVE, nodes, 0);
	for (int i = 0; i < MAX_NUMNODES - 1; i++)
		expect_from(t, nodes, GFP_HIGHUSER);
	expect_set(t, MPOL_DEFAULT, 0, 0);
	nid = first_of(nodes);
	turns[nid] = numa_stat_read(nid, NUMA_INTERLEAVE_HIT) - turns[nid];
	for (int other = nid + 1; other < (int)nr_nodes; other++)
		if (node_has_memory(other))
			KTAP_EXPECT(t, numa_stat_read(other, NUMA_INTERLEAVE_HIT) - turns[other] -
						       turns[nid] + 1 <=
					       2);
}

/* ---- threads with and without policies take turns on a hart ---- */

struct taker {
	struct ktap *t;
	enum mpol_mode mode;
	nodemask_t nodes; /* its pages come from these */
	struct thread *thread;
};

/* Without a policy a page is taken off the hart's list, which nobody counts. */
static bool hits(int nid)
{
	for (int tries = 0; tries < 10; tries++) {
		unsigned long before = numa_stat_read(nid, NUMA_LOCAL);

		for (int i = 0; i < 4; i++)
			__free_page(alloc_page(GFP_HIGHUSER | __GFP_NOFAIL));
		if (numa_stat_read(nid, NUMA_LOCAL) - before < 4) /* others may count too */
			return true;
	}
	return false;
}

static int take_turns(void *arg)
{
	struct taker *k = arg;

	if (k->mode != MPOL_DEFAULT)
		expect_set(k->t, k->mode, k->nodes, 0);
	for (int i = 0; i < ROUNDS; i++) {
		expect_from(k->t, k->nodes, GFP_HIGHUSER);
		if (k->mode == MPOL_DEFAULT)
			KTAP_EXPECT(k->t, hits(numa_node_id()));
		yield();
	}
	return 0;
}

static int far_node(int from, nodemask_t nodes)
{
	return first_of(nodes & ~(1u << from));
}

static void test_turns(struct ktap *t)
{
	int near = *per_cpu_ptr(&numa_node, 0), far;
	struct taker k[4];
	nodemask_t nodes;

	if (one_node(t, &nodes))
		return;
	if (!node_has_memory(near)) {
		ktap_skip(t, "hart 0 has no memory near");
		return;
	}
	far = far_node(near, nodes);
	k[0] = (struct taker){ t, MPOL_DEFAULT, 1u << near, NULL };
	k[1] = (struct taker){ t, MPOL_BIND, 1u << far, NULL };
	k[2] = (struct taker){ t, MPOL_DEFAULT, 1u << near, NULL };
	k[3] = (struct taker){ t, MPOL_PREFERRED, 1u << far, NULL };
	for (unsigned i = 0; i < ARRAY_SIZE(k); i++) {
		k[i].thread = kthread_create(take_turns, &k[i], "taker/%u", i);
		KTAP_ASSERT(t, k[i].thread);
		KTAP_EXPECT_EQ(t, kthread_bind(k[i].thread, 0), 0);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(k); i++)
		wake_up_process(k[i].thread);
	for (unsigned i = 0; i < ARRAY_SIZE(k); i++)
		kthread_join(k[i].thread);
}

/* The policy goes with the thread, from hart to hart. */
static int take_everywhere(void *arg)
{
	struct taker *k = arg;

	expect_set(k->t, MPOL_BIND, k->nodes, 0);
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		if (kthread_bind(current, cpu)) /* it's off */
			continue;
		yield();
		KTAP_EXPECT_EQ(k->t, smp_processor_id(), cpu);
		expect_from(k->t, k->nodes, GFP_HIGHUSER);
	}
	return 0;
}

static void test_moves(struct ktap *t)
{
	nodemask_t nodes;
	struct taker k = { .t = t };

	if (one_node(t, &nodes))
		return;
	k.nodes = 1u << far_node(first_of(nodes), nodes);
	k.thread = kthread_run(take_everywhere, &k, "mover");
	KTAP_ASSERT(t, k.thread);
	kthread_join(k.thread);
}

/* ---- an interrupt handler has no policy ---- */

static int from_interrupt = -1;

static void take_one(struct timer *timer)
{
	struct page *page = alloc_page(GFP_ATOMIC | __GFP_HIGHMEM);

	(void)timer;
	WRITE_ONCE(from_interrupt, page ? page_to_nid(page) : -2);
	if (page)
		__free_page(page);
}

static int be_interrupted(void *arg)
{
	struct taker *k = arg;
	int here = numa_node_id();
	struct timer timer;

	timer_setup(&timer, take_one);
	expect_set(k->t, MPOL_BIND, k->nodes, 0);
	for (int i = 0; i < 5; i++) {
		WRITE_ONCE(from_interrupt, -1);
		KTAP_EXPECT_EQ(k->t, timer_start(&timer, ktime_ns() + 100000), 0);
		while (READ_ONCE(from_interrupt) == -1)
			expect_from(k->t, k->nodes, GFP_HIGHUSER);
		KTAP_EXPECT_EQ(k->t, from_interrupt, here);
	}
	timer_cancel_sync(&timer);
	return 0;
}

static void test_interrupts(struct ktap *t)
{
	int near = *per_cpu_ptr(&numa_node, 0);
	struct taker k = { .t = t };
	nodemask_t nodes;

	if (one_node(t, &nodes))
		return;
	if (!node_has_memory(near)) {
		ktap_skip(t, "hart 0 has no memory near");
		return;
	}
	k.nodes = 1u << far_node(near, nodes);
	k.thread = kthread_create(be_interrupted, &k, "interrupted");
	KTAP_ASSERT(t, k.thread);
	KTAP_EXPECT_EQ(t, kthread_bind(k.thread, 0), 0);
	wake_up_process(k.thread);
	kthread_join(k.thread);
}

static void test_helpers(struct ktap *t)
{
	struct page *page[PAGES];
	unsigned long got;
	nodemask_t nodes = 0;
	int nid;

	for_each_node_id(nid) {
		void *at = numa_alloc_onnode(3 * PAGE_SIZE, nid);

		nodes |= node_has_memory(nid);
		KTAP_EXPECT_EQ(t, at != NULL, node_has_low_memory(nid));
		if (at)
			KTAP_EXPECT_EQ(t, page_to_nid(virt_to_page(at)), nid);
		numa_free(at, 3 * PAGE_SIZE);
	}
	got = numa_alloc_interleaved(PAGES, nodes, page);
	KTAP_EXPECT_EQ(t, got, PAGES);
	while (got--)
		__free_page(page[got]);
	page_alloc_validate();
}

static const struct ktap_case cases[] = {
	{ "zones-by-distance", test_distances },
	{ "thisnode", test_thisnode },
	{ "arguments", test_arguments },
	{ "policies", test_policies },
	{ "turns-on-a-hart", test_turns },
	{ "from-hart-to-hart", test_moves },
	{ "interrupts", test_interrupts },
	{ "helpers", test_helpers },
	{},
};

static const struct ktap_suite suite_numa = { "numa", cases };
TABLE_ENTRY(ktap_suite, suite_numa);
