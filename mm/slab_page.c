/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_page.c - slabs: blocks of pages cut into objects
 *
 * A slab is a compound page.  Objects are numbered from its start; a free one holds the number of
 * the next, mixed with the cache's key, at s->link.  So what somebody writes to a freed object
 * leads to a number that is too large, which is found, or to another object of the slab, never to
 * an address.  A new slab's objects are chained in a random order.
 *
 *     descriptor    objects_used = 3, object_free = 5          [ . | . | 2 | . | . | 0 ]
 *                                                                ^       |         | ^
 *     slabs with free objects are on their node's list           '-------'<--------' 5
 *
 * Invariants: a slab is on one of its node's lists if and only if object_free != NO_OBJECT: on
 *   empty if objects_used == 0, else on partial;
 *   objects_used + length of the chain == s->objects.                      (slab_validate)
 * Locking: the node's lock (rank SLAB) for descriptors, chains and lists.  Pages are allocated and
 *   freed without it.
 * Cost: some 12 instructions for an object taken, 20 for one given back, 400 for a slab released.
 *   Interrupts are off for GIVE_STEP objects, or RELEASE_STEP slabs that these were the last of.
 */
#include <kernel/panic.h>
#include <mm/page_alloc.h>
#include <mm/vmstat.h>

#include "internal.h"
#include "slab.h"
#include "slab_debug.h"

#define GIVE_STEP    16U
#define RELEASE_STEP 2U

/* ---- taking ---- */

/* The chain of @slab ends here, @nr objects on: somebody wrote to a free object.  What
 * is left of it is lost, and counts as used. */
static __noinline void chain_broken(struct kmem_cache *s, struct page *slab, void *object,
				    unsigned nr)
{
	slab_report(s, object, "was written to after it was freed");
	slab_node(s, slab)->nr_used += s->objects - slab->objects_used - nr;
	slab->objects_used = (u16)s->objects;
	slab->object_free = NO_OBJECT;
}

/* Up to @max objects of @slab, which has one. */
static unsigned take_from(struct kmem_cache *s, struct page *slab, void **out, unsigned max)
{
	unsigned next = slab->object_free, nr = 0, objects = s->objects, key = s->key;
	char *first = slab_first(s, slab);

	while (nr < max && next != NO_OBJECT) {
		char *object = first + next * s->size;

		next = *link_of(s, object) ^ key;
		if (unlikely(next >= objects && next != NO_OBJECT)) {
			chain_broken(s, slab, object, nr);
			return nr;
		}
		out[nr++] = object;
	}
	slab->object_free = (u16)next;
	slab->objects_used = (u16)(slab->objects_used + nr);
	return nr;
}

/* @slab of a debugged cache has no free object any more, or has one again.  The node's lock is
 * held. */
static __cold void list_whole(struct kmem_cache_node *n, struct page *slab, bool whole)
{
	if (whole)
		page_list_add(&n->whole, slab);
	else
		page_list_del(&n->whole, slab);
}

/* A slab of @n with a free object, on the list of those that are in use; NULL: there's none. */
static struct page *open_slab(struct kmem_cache_node *n)
{
	struct page *slab;

	if (n->partial.first)
		return index_page(n->partial.first);
	slab = page_list_pop(&n->empty);
	if (slab)
		page_list_add(&n->partial, slab);
	return slab;
}

unsigned slab_take(struct kmem_cache *s, struct kmem_cache_node *n, void **out, unsigned max)
{
	struct page *slab;
	unsigned nr = 0;

	while (nr < max && (slab = open_slab(n))) {
		nr += take_from(s, slab, out + nr, max - nr);
		if (slab->object_free == NO_OBJECT) {
			page_list_del(&n->partial, slab);
			if (slab_debugged(s))
				list_whole(n, slab, true);
		}
	}
	n->nr_used += nr;
	return nr;
}

bool slab_in_chain(const struct kmem_cache *s, const struct page *slab, unsigned nr)
{
	unsigned at = slab->object_free;

	for (unsigned i = 0; i < s->objects && at < s->objects; i++) {
		if (at == nr)
			return true;
		at = *link_of(s, slab_object(s, slab, at)) ^ s->key;
	}
	return false;
}

/* ---- new slabs ---- */

#ifdef CONFIG_SLAB_FREELIST_RANDOM
#define RANDOM_ORDER 1
#else
#define RANDOM_ORDER 0
#endif

static unsigned random_below(struct kmem_cache *s, unsigned max)
{
	s->random = s->random * 1664525 + 1013904223;
	return (unsigned)((u64)s->random * max >> 32);
}

/* A stride through all @objects numbers: it has no factor in common with them. */
static unsigned stride_of(unsigned objects, unsigned wish)
{
	for (;; wish++) {
		unsigned a = objects, b = wish;

		while (b) {
			unsigned rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return wish % objects;
	}
}

/* All objects but the first in a chain; which is the first. */
static unsigned chain_all(struct kmem_cache *s, struct page *slab)
{
	unsigned objects = s->objects, first = 0, stride = 1, nr;

	if (RANDOM_ORDER && objects > 2) {
		first = random_below(s, objects);
		stride = stride_of(objects, 1 + random_below(s, objects - 1));
	}
	nr = first;
	for (unsigned i = 0; i < objects; i++) {
		char *object = slab_object(s, slab, nr);
		unsigned next = nr + stride;

		if (next >= objects)
			next -= objects;
		if (s->ctor)
			s->ctor(object + s->pad);
		*link_of(s, object) = (u16)((i == objects - 1 ? NO_OBJECT : next) ^ s->key);
		nr = next;
	}
	return first;
}

static struct page *slab_pages(struct kmem_cache *s, gfp_t gfp, int nid, unsigned order)
{
	if (order)
		gfp |= __GFP_COMP;
	return nid == NUMA_NO_NODE ? alloc_pages(gfp, order) : alloc_pages_node(nid, gfp, order);
}

void *slab_new(struct kmem_cache *s, gfp_t gfp, int nid)
{
	struct kmem_cache_node *n;
	unsigned long flags;
	void *object = NULL;
	struct page *slab;

	gfp = (gfp & ~(GFP_ZONEMASK | __GFP_RECLAIMABLE | __GFP_ZERO | __GFP_COMP)) | s->gfp;
	slab = slab_pages(s, gfp, nid, s->order);
	if (!slab)
		return NULL;
	for (unsigned i = 0; i < 1U << s->order; i++) {
		slab[i].flags |= 1U << PG_slab;
		slab[i].mapping = s;
	}
	if (slab_debugged(s))
		slab_debug_fresh(s, slab);
	slab->objects_used = 0;
	slab->object_free = (u16)chain_all(s, slab);
	n = slab_node(s, slab);
	spin_lock_irqsave(&n->lock, flags);
	n->nr_slabs++;
	n->nr_used += take_from(s, slab, &object, 1);
	if (slab->object_free != NO_OBJECT)
		page_list_add(&n->partial, slab);
	else if (slab_debugged(s))
		list_whole(n, slab, true);
	if (slab_debugged(s))
		slab_debug_took(s, &object);
	spin_unlock_irqrestore(&n->lock, flags);
	return object;
}

static void *take_elsewhere(struct kmem_cache *s, int but)
{
	void *object = NULL;

	for (int nid = 0; nid < MAX_NUMNODES && !object; nid++) {
		struct kmem_cache_node *n = s->node[nid];
		unsigned long flags;

		if (!n || nid == but)
			continue;
		spin_lock_irqsave(&n->lock, flags);
		object = slab_take_one(s, n);
		spin_unlock_irqrestore(&n->lock, flags);
	}
	return object;
}

void *slab_more(struct kmem_cache *s, gfp_t gfp, int nid)
{
	gfp_t here = (gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_THISNODE | __GFP_NOWARN;
	void *object;

	if (nr_nodes == 1)
		return slab_new(s, gfp, NUMA_NO_NODE);
	if (gfp & __GFP_THISNODE)
		return slab_new(s, gfp, nid);
	object = slab_new(s, here & ~__GFP_NOFAIL, nid);
	if (!object)
		object = take_elsewhere(s, nid);
	return object ? object : slab_new(s, gfp, nid);
}

/* ---- giving back ---- */

void slab_release_now(struct kmem_cache *s, struct page *slab)
{
	if (slab_debugged(s))
		slab_debug_release(s, slab);
	for (unsigned i = 0; i < 1U << s->order; i++) {
		slab[i].flags &= ~(1U << PG_slab);
		slab[i].mapping = NULL;
	}
	__free_pages(slab, s->order);
}

void slab_release(struct kmem_cache *s, struct page *slab)
{
	if (!slab_defer(s, slab))
		slab_release_now(s, slab);
}

/* True if nothing uses @slab any more and @n has enough such. */
static __always_inline bool give(struct kmem_cache *s, struct kmem_cache_node *n, struct page *slab,
				 void *object)
{
	unsigned nr = slab_number(s, slab, object);

	if (unlikely(nr == NO_OBJECT || !slab->objects_used)) {
		slab_report(s, object, nr == NO_OBJECT ? "lies between two" : "was freed before");
		return false;
	}
	*link_of(s, object) = (u16)(slab->object_free ^ s->key);
	if (slab->object_free == NO_OBJECT) {
		if (slab_debugged(s))
			list_whole(n, slab, false);
		page_list_add(&n->partial, slab);
	}
	slab->object_free = (u16)nr;
	n->nr_used--;
	if (likely(--slab->objects_used))
		return false;
	page_list_del(&n->partial, slab);
	if (n->empty.nr < s->min_partial) {
		page_list_add(&n->empty, slab);
		return false;
	}
	n->nr_slabs--;
	return true;
}

bool slab_give_one(struct kmem_cache *s, struct kmem_cache_node *n, struct page *slab, void *object)
{
	return give(s, n, slab, object);
}

static void release_all(struct kmem_cache *s, struct page_list *slabs)
{
	struct page *slab;

	while ((slab = page_list_pop(slabs)))
		slab_release(s, slab);
}

unsigned slab_give_step(struct kmem_cache *s, void **object, unsigned nr)
{
	void **at = object + nr, **end = at - min(nr, GIVE_STEP);
	struct page_list empty = { 0 };
	struct kmem_cache_node *n = NULL;
	unsigned long flags;

	if (slab_debugged(s)) {
		slab_debug_give(s, object, nr);
		return nr;
	}
	local_irq_save_hit(flags);
	while (at > end && empty.nr < RELEASE_STEP) {
		struct page *slab = compound_head(virt_to_page(*--at));
		struct kmem_cache_node *its;

		its = slab_node(s, slab);
		if (unlikely(its != n)) {
			if (n)
				spin_unlock_raw(&n->lock);
			n = its;
			spin_lock_raw(&n->lock);
		}
		if (unlikely(give(s, n, slab, *at)))
			page_list_add(&empty, slab);
	}
	if (n)
		spin_unlock_raw(&n->lock);
	local_irq_restore(flags);
	if (unlikely(empty.nr))
		release_all(s, &empty);
	return (unsigned)(object + nr - at);
}

void slab_give(struct kmem_cache *s, void **object, unsigned nr)
{
	while (nr)
		nr -= slab_give_step(s, object, nr);
}

unsigned long slab_trim_node(struct kmem_cache *s, struct kmem_cache_node *n, unsigned keep)
{
	struct page_list empty = { 0 };
	unsigned long flags, nr;

	spin_lock_irqsave(&n->lock, flags);
	while (n->empty.nr > keep) {
		page_list_add(&empty, page_list_pop(&n->empty));
		n->nr_slabs--;
	}
	spin_unlock_irqrestore(&n->lock, flags);
	nr = empty.nr;
	release_all(s, &empty);
	return nr;
}

unsigned long slab_trim(struct kmem_cache *s, unsigned keep)
{
	unsigned long nr = 0;

	for (unsigned nid = 0; nid < MAX_NUMNODES; nid++)
		if (s->node[nid])
			nr += slab_trim_node(s, s->node[nid], keep);
	return nr;
}
