/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_validate.c - is what a cache says of itself true?
 *
 * Of a slab that is on a list of its node's: each of its pages is one of @s; following the numbers
 * in its free objects takes objects - objects_used steps to NO_OBJECT, so no object is there twice.
 * It's on the list of the empty ones if and only if objects_used == 0.  Slabs without free objects
 * are on no list: that there are nr_slabs - partial.nr - empty.nr of them is seen in nr_used.
 *
 *     nr_used  == sum(objects_used of slabs on a list) + objects * (nr_slabs - those)
 *     empty.nr <= min_partial
 *     nr_full  == magazines in the depot, each with s->rounds objects
 *     nr_spare == empty ones in it; nr_full + nr_spare <= s->depot_max
 *
 * What a magazine has is an object of a slab of @s, once.
 *
 * Locking: the node's lock for slabs and the depot; this hart's magazines with interrupts off, the
 *   other harts' are theirs.
 * Cost: O(free objects), and rounds^2 for a magazine.
 */
#include <base/errno.h>
#include <kernel/percpu.h>

#include "internal.h"
#include "slab.h"

#include <stdio.h>

/* What is being checked, and where to say what's wrong. */
struct check {
	struct kmem_cache *s;
	char *fault;
	size_t bytes;
};

#define FAULT(c, fmt, ...) \
	(snprintf((c)->fault, (c)->bytes, "%s: " fmt, (c)->s->name, __VA_ARGS__), -EFAULT)

/* ---- slabs ---- */

static int check_pages(const struct check *c, const struct page *slab)
{
	for (unsigned i = 0; i < 1U << c->s->order; i++)
		if (slab[i].mapping != c->s || !page_flag(&slab[i], PG_slab))
			return FAULT(c,
				     "page %u of the slab at pfn 0x%lx has mapping %p flags 0x%lx, "
				     "expected %p and PG_slab",
				     i, page_to_pfn(slab), slab[i].mapping,
				     (unsigned long)slab[i].flags, (void *)c->s);
	if (PageTail(slab) || block_order(slab) != c->s->order)
		return FAULT(c, "the slab at pfn 0x%lx has order %u, expected %u",
			     page_to_pfn(slab), block_order(slab), c->s->order);
	return 0;
}

static int check_chain(const struct check *c, const struct page *slab)
{
	const struct kmem_cache *s = c->s;
	unsigned nr_free = s->objects - slab->objects_used, next = slab->object_free, nr = 0;

	for (; next < s->objects && nr < nr_free; nr++)
		next = *link_of(s, slab_object(s, slab, next)) ^ s->key;
	if (nr == nr_free && next == NO_OBJECT && nr)
		return 0;
	return FAULT(c, "the slab at pfn 0x%lx has %u free objects, then %u, expected %u, then %u",
		     page_to_pfn(slab), nr, next, nr_free, NO_OBJECT);
}

/* Those on @list, which are empty or not: how many, and what they have in use is added to @nr_used;
 * or -EFAULT. */
static long check_slab_list(const struct check *c, const struct page_list *list, bool empty,
			    unsigned long *nr_used)
{
	unsigned long prev = 0;
	long nr = 0;

	for (u32 at = list->first; at && nr <= (long)list->nr; at = index_page(at)->next) {
		const struct page *slab = index_page(at);

		if (slab->prev != prev)
			return FAULT(c, "the slab at pfn 0x%lx comes after page %lu, expected %lu",
				     page_to_pfn(slab), (unsigned long)slab->prev, prev);
		if (check_pages(c, slab) || check_chain(c, slab))
			return -EFAULT;
		if (empty != !slab->objects_used)
			return FAULT(c, "the slab at pfn 0x%lx has %u objects in use, is listed %s",
				     page_to_pfn(slab), slab->objects_used,
				     empty ? "as empty" : "as one in use");
		prev = at;
		nr++;
		*nr_used += slab->objects_used;
	}
	if (nr != (long)list->nr)
		return FAULT(c, "%ld slabs are listed, expected %lu", nr, (unsigned long)list->nr);
	return nr;
}

static int check_slabs(const struct check *c, const struct kmem_cache_node *n)
{
	unsigned long nr_used = 0;
	long partial = check_slab_list(c, &n->partial, false, &nr_used), empty;

	empty = partial < 0 ? partial : check_slab_list(c, &n->empty, true, &nr_used);
	if (empty < 0)
		return -EFAULT;
	if ((unsigned long)(partial + empty) > n->nr_slabs)
		return FAULT(c, "%ld slabs are listed, expected %lu at most", partial + empty,
			     n->nr_slabs);
	if (empty > c->s->min_partial)
		return FAULT(c, "%ld empty slabs are kept, expected %u at most", empty,
			     c->s->min_partial);
	nr_used += (n->nr_slabs - (unsigned long)(partial + empty)) * c->s->objects;
	if (nr_used != n->nr_used)
		return FAULT(c, "%lu objects are used, expected %lu", nr_used, n->nr_used);
	return 0;
}

/* ---- magazines ---- */

static bool is_object(const struct kmem_cache *s, const void *object)
{
	struct page *page = virt_to_page(object);

	return page->mapping == s && page_flag(page, PG_slab) &&
	       slab_number(s, compound_head(page), object) != NO_OBJECT;
}

static int check_magazine(const struct check *c, const struct magazine *m, unsigned nr)
{
	if (!is_object(slab_magazines, m) || m->bottom)
		return FAULT(c, "the magazine at %p is none", (void *)m);
	for (unsigned i = 0; i < nr; i++) {
		if (!is_object(c->s, m->slot[i]))
			return FAULT(c, "slot %u of a magazine has %p, expected an object", i,
				     m->slot[i]);
		for (unsigned other = 0; other < i; other++)
			if (m->slot[i] == m->slot[other])
				return FAULT(c, "slots %u and %u of a magazine have both %p", other,
					     i, m->slot[i]);
	}
	return 0;
}

/* A list of the depot's: @expected magazines from @m on with @rounds objects each. */
static int check_list(const struct check *c, const struct magazine *m, unsigned rounds,
		      unsigned expected)
{
	unsigned nr = 0;

	for (; m && nr <= expected; m = m->next, nr++)
		if (check_magazine(c, m, rounds))
			return -EFAULT;
	if (nr != expected)
		return FAULT(c, "the depot has %u magazines of %u objects, expected %u", nr, rounds,
			     expected);
	return 0;
}

static int check_depot(const struct check *c, const struct kmem_cache_node *n)
{
	int err = check_list(c, n->full, c->s->rounds, n->nr_full);

	if (!err)
		err = check_list(c, n->spare, 0, n->nr_spare);
	if (!err && n->nr_full + n->nr_spare > c->s->depot_max)
		return FAULT(c, "the depot has %u magazines, expected %u at most",
			     (unsigned)(n->nr_full + n->nr_spare), c->s->depot_max);
	return err;
}

static int check_stack(const struct check *c, const struct slab_stack *stack)
{
	const struct magazine *m = stack_loaded(stack), *other = stack_other(stack);
	unsigned rounds = c->s->rounds;

	if (m && (stack->full != &m->bottom + rounds || stack->top > stack->full))
		return FAULT(c, "the stack's top is %p of %p-%p", (void *)stack->top,
			     (void *)&m->bottom, (void *)stack->full);
	if (!m && (stack->top != slab_no_slot || *stack->top))
		return FAULT(c, "the stack that is none has %p on top", *stack->top);
	if (m && check_magazine(c, m, (unsigned)(stack->top - &m->bottom)))
		return -EFAULT;
	return other ? check_magazine(c, other, stack_other_nr(stack)) : 0;
}

/* ---- all of it ---- */

static int check_node(const struct check *c, struct kmem_cache_node *n)
{
	int err;

	spin_lock_raw(&n->lock);
	err = check_slabs(c, n);
	if (!err)
		err = check_depot(c, n);
	spin_unlock_raw(&n->lock);
	return err;
}

int slab_validate(struct kmem_cache *s, char *fault, size_t bytes)
{
	const struct check c = { s, fault, bytes };
	unsigned long flags;
	int err = 0;

	local_irq_save(flags);
	for (unsigned nid = 0; nid < MAX_NUMNODES && !err; nid++)
		if (s->node[nid])
			err = check_node(&c, s->node[nid]);
	if (!err)
		err = check_stack(&c, this_cpu_ptr(s->stacks));
	local_irq_restore(flags);
	return err;
}

int slab_validate_all(char *fault, size_t bytes)
{
	struct kmem_cache *s = kmem_cache_next(NULL);

	while (s && !slab_validate(s, fault, bytes))
		s = kmem_cache_next(s);
	if (s)
		kmem_cache_leave(s);
	return s ? -EFAULT : 0;
}
