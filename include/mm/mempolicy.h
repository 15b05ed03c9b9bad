/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mempolicy.h - from which nodes a thread wants its pages
 *
 *     MPOL_DEFAULT     the node of the hart it runs on, then the others by distance
 *     MPOL_PREFERRED   the node named (none: as default), then the others by its distances
 *     MPOL_BIND        the nodes named, nearest first, and no other: reclaimed and failed there
 *     MPOL_INTERLEAVE  the nodes named by turns, page by page; then the others
 *
 * A policy holds for alloc_pages() of the thread, in no interrupt handler and not with
 * __GFP_THISNODE; alloc_pages_node() and alloc_pages_for_reach() say themselves where from.  Zone
 * flags come first: a request that no bound node has a zone for (GFP_DMA32, say) is served as by
 * default.  A policy is a number, mode and nodes, 0 the default: nothing is allocated or counted
 * for it.  Threads begin with the default.
 */
#ifndef MM_MEMPOLICY_H
#define MM_MEMPOLICY_H

#include <mm/page_alloc.h>

typedef unsigned int nodemask_t; /* bit n: node n */
#define NODE_MASK_ALL ((nodemask_t)~0u)

enum mpol_mode { MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE };

/*
 * set_mempolicy - from now on this thread takes its pages as @mode says of @nodes
 * 0; -EINVAL for a mode that isn't one, a node that isn't there, nodes with MPOL_DEFAULT, or, with
 * MPOL_BIND and MPOL_INTERLEAVE, none that has memory.  Thread context.
 */
int set_mempolicy(enum mpol_mode mode, nodemask_t nodes) __must_check;

/* get_mempolicy - this thread's; returns the mode. */
enum mpol_mode get_mempolicy(nodemask_t *nodes);

/*
 * policy_node - where alloc_pages() of @gfp begins here and now; *@nodes: it may come from these
 * An interleave policy has its turn.  Any context.
 */
struct pglist_data *policy_node(gfp_t gfp, nodemask_t *nodes);

/* policy_served - it got @page, where policy_node() said @node. */
void policy_served(const struct pglist_data *node, const struct page *page);

/*
 * numa_alloc_onnode - whole pages, one after the other, of node @nid and no other, uncleared
 * Their address, or NULL.  May sleep.  numa_free() gives back what it returned, @bytes as then; any
 * context.
 */
void *numa_alloc_onnode(size_t bytes, int nid) __must_check;
void numa_free(void *addr, size_t bytes);

/*
 * numa_alloc_interleaved - @nr single pages into @pages, from @nodes by turns, the lowest first
 * How many there were: less than @nr if memory ran out; each is freed for itself.  May sleep.
 */
unsigned long numa_alloc_interleaved(unsigned long nr, nodemask_t nodes,
				     struct page **pages) __must_check;

#endif
