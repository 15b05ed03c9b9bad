/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mempolicy.c - from which nodes a thread wants its pages
 *
 * A policy is a word: the mode in its low byte, the nodes above; 0 is the default.  The hit path of
 * alloc_pages() doesn't know of it: while a thread with a policy runs, what its hart looks up
 * there leads to lists that are always empty (pcp_divert()), so each allocation comes to the slow
 * path, which asks.  On a machine of one node nobody does.
 *
 *     hart_local.pcp_first[] --> its lists      a thread without a policy runs
 *                            --> empty lists    a thread with one
 *
 * Locking: a thread sets its own policy only; the word and the hart's table change together, with
 *   interrupts off.
 * Cost: the scheduler compares two words at a switch, three instructions; where they differ the
 *   table is written, 32 words.  An allocation under a policy goes the slow path's length.
 */
#include <mm/mempolicy.h>

#include <base/errno.h>
#include <kernel/panic.h>
#include <mm/kmap.h>
#include <mm/mm_thread.h>
#include <mm/vmstat.h>
#include "internal.h"
#include "pcp.h"

#define POLICY(mode, nodes)  ((u32)(mode) | (nodes) << 8)
#define POLICY_MODE(policy)  ((enum mpol_mode)((policy)&0xff))
#define POLICY_NODES(policy) ((nodemask_t)((policy) >> 8))

_Static_assert(MAX_NUMNODES <= 8, "a policy's word has room for all nodes");

static nodemask_t nodes_with_memory(void)
{
	nodemask_t nodes = 0;
	int nid;

	for_each_node_id(nid)
		if (node_data[nid]->present_pages)
			nodes |= 1u << nid;
	return nodes;
}

int set_mempolicy(enum mpol_mode mode, nodemask_t nodes)
{
	struct mm_thread *mm = mm_current();
	unsigned long flags;

	if (nodes & ~((1u << nr_nodes) - 1))
		return -EINVAL;
	if (mode > MPOL_INTERLEAVE || (mode == MPOL_DEFAULT && nodes))
		return -EINVAL;
	if (mode >= MPOL_BIND) {
		nodes &= nodes_with_memory();
		if (!nodes)
			return -EINVAL;
	}
	local_irq_save(flags);
	mm->policy = mm->policy_again = (u16)POLICY(mode, nodes);
	mm->interleaved = MAX_NUMNODES - 1; /* the lowest is next */
	mempolicy_switch(mm->policy);
	local_irq_restore(flags);
	return 0;
}

enum mpol_mode get_mempolicy(nodemask_t *nodes)
{
	u32 policy = mm_current()->policy;

	*nodes = POLICY_NODES(policy);
	return POLICY_MODE(policy);
}

void mm_switch(struct mm_thread *prev, struct mm_thread *next)
{
	if (prev->policy != next->policy)
		mempolicy_switch(next->policy);
	kmap_switch(next);
}

void mempolicy_switch(u32 policy)
{
	pcp_divert(policy && nr_nodes > 1);
}

/* The node of @nodes, not empty, that comes after @nid. */
static int next_node_in(int nid, nodemask_t nodes)
{
	do
		nid = (nid + 1) % MAX_NUMNODES;
	while (!(nodes >> nid & 1));
	return nid;
}

/* May a node of @nodes serve @gfp at all? */
static bool nodes_serve(const struct pglist_data *node, gfp_t gfp, nodemask_t nodes)
{
	for (struct zone **z = node->zonelists[gfp_zonelist(gfp)]; *z; z++)
		if (nodes >> (*z)->nid & 1)
			return true;
	return false;
}

struct pglist_data *policy_node(gfp_t gfp, nodemask_t *nodes)
{
	struct pglist_data *local = local_node();
	struct mm_thread *mm = mm_current();
	nodemask_t wanted = POLICY_NODES(mm->policy);

	*nodes = NODE_MASK_ALL;
	if (likely(nr_nodes == 1) || in_interrupt() || (gfp & __GFP_THISNODE))
		return local;
	switch (POLICY_MODE(mm->policy)) {
	case MPOL_PREFERRED:
		return wanted ? node_data[next_node_in(MAX_NUMNODES - 1, wanted)] : local;
	case MPOL_BIND:
		if (nodes_serve(local, gfp, wanted))
			*nodes = wanted;
		return local;
	case MPOL_INTERLEAVE:
		mm->interleaved = (u32)next_node_in((int)mm->interleaved, wanted);
		return node_data[mm->interleaved];
	default:
		return local;
	}
}

void policy_served(const struct pglist_data *node, const struct page *page)
{
	if (likely(nr_nodes == 1) || in_interrupt() || page_to_nid(page) != node->nid)
		return;
	if (POLICY_MODE(mm_current()->policy) == MPOL_INTERLEAVE)
		numa_stat_add(node->nid, NUMA_INTERLEAVE_HIT, 1);
}

/* ---- by the caller's word, not the thread's ---- */

void *numa_alloc_onnode(size_t bytes, int nid)
{
	unsigned long nr = DIV_ROUND_UP(bytes, PAGE_SIZE);
	unsigned order = 0;
	struct page *page;

	while (1UL << order < nr)
		order++;
	if (!nr || nid < 0 || (unsigned)nid >= nr_nodes || order > MAX_ORDER)
		return NULL;
	page = alloc_pages_node(nid, GFP_KERNEL | __GFP_THISNODE, order);
	if (!page)
		return NULL;
	split_page(page, order);
	for (unsigned long i = nr; i < 1UL << order; i++)
		__free_page(page + i);
	return page_address(page);
}

void numa_free(void *addr, size_t bytes)
{
	for (size_t at = 0; addr && at < bytes; at += PAGE_SIZE)
		free_page((unsigned long)addr + at);
}

unsigned long numa_alloc_interleaved(unsigned long nr, nodemask_t nodes, struct page **pages)
{
	int nid = MAX_NUMNODES - 1;
	unsigned long i;

	nodes &= nodes_with_memory();
	for (i = 0; i < nr && nodes; i++) {
		nid = next_node_in(nid, nodes);
		pages[i] = alloc_pages_node(nid, GFP_KERNEL, 0);
		if (!pages[i])
			break;
		if (page_to_nid(pages[i]) == nid)
			numa_stat_add(nid, NUMA_INTERLEAVE_HIT, 1);
	}
	return i;
}
