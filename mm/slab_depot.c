/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_depot.c - magazines: between a hart's stack and the slabs
 *
 * A hart has two of a cache: the one that its stack is, and another, full or empty, so that a hart
 * that allocates and frees at the edge of one needn't go further each time.  When both are empty it
 * gets a full one from its node's depot for one of them, when both are full an empty one: so what
 * one hart frees and another allocates moves without being looked at, for one hold of the lock.
 * When the depot has none, objects come from slabs; when it has enough, they go back there.
 *
 *     hart 0  [stack][other]   hart 1  [stack][other]
 *                  \               /
 *            depot  [full][full][full]  [spare][spare]     s->depot_max of a node at most
 *                        |
 *                      slabs
 *
 * Magazines are objects of a cache that has none itself.  When there is no memory for one, objects
 * go directly to their slabs.
 *
 * Locking: a hart's with interrupts off; the depot with the node's lock.
 */
#include <kernel/percpu.h>
#include <kernel/smp.h>

#include "slab.h"
#include "slab_debug.h"

#include <stddef.h>

void *slab_no_slot[1];

static unsigned nr_loaded(const struct slab_stack *stack)
{
	struct magazine *m = stack_loaded(stack);

	return m ? (unsigned)(stack->top - &m->bottom) : 0;
}

unsigned stack_count(const struct kmem_cache *s, const struct slab_stack *stack,
		     unsigned *magazines)
{
	void **top = READ_ONCE(stack->top);
	unsigned long other = READ_ONCE(stack->other);
	unsigned nr = 0;

	if (top != slab_no_slot) {
		++*magazines;
		nr = (unsigned long)top % sizeof(struct magazine) / sizeof(void *);
		nr -= offsetof(struct magazine, bottom) / sizeof(void *);
	}
	*magazines += other ? 1 : 0;
	return nr + (other & STACK_FULL ? s->rounds : 0);
}

/* @m, which has @nr objects, becomes the hart's stack. */
static void load(struct kmem_cache *s, struct slab_stack *stack, struct magazine *m, unsigned nr)
{
	stack->top = &m->bottom + nr;
	stack->full = &m->bottom + s->rounds;
}

static void unload(struct slab_stack *stack)
{
	stack->top = stack->full = slab_no_slot;
}

static struct magazine *new_magazine(void)
{
	struct magazine *m = kmem_cache_alloc(slab_magazines, GFP_NOWAIT | __GFP_NOMEMALLOC);

	if (m)
		m->bottom = NULL;
	return m;
}

static void *pop(struct slab_stack *stack)
{
	void *object = *stack->top;

	if (object)
		stack->top--;
	return object;
}

/* ---- a hart that allocates ---- */

static struct magazine *pop_from(struct magazine **list, u32 *nr)
{
	struct magazine *m = *list;

	if (m) {
		*list = m->next;
		--*nr;
	}
	return m;
}

static void push_to(struct magazine **list, u32 *nr, struct magazine *m)
{
	m->next = *list;
	*list = m;
	++*nr;
}

/* An object of a cache without magazines, or when there's no memory for one. */
static void *take_one(struct kmem_cache *s, struct kmem_cache_node *n)
{
	void *object;

	spin_lock_raw(&n->lock);
	object = slab_take_one(s, n);
	spin_unlock_raw(&n->lock);
	return object;
}

static void *refill(struct kmem_cache *s, struct slab_stack *stack)
{
	struct kmem_cache_node *n = near_node(s);
	struct magazine *m = stack_loaded(stack), *full;
	unsigned nr = 0;

	if (unlikely(*stack->top)) /* the handle didn't lead here as yet */
		return pop(stack);
	if (stack->other & STACK_FULL) {
		full = stack_other(stack);
		stack->other = (unsigned long)m;
		load(s, stack, full, s->rounds);
		return pop(stack);
	}
	if (!m && s->rounds)
		m = new_magazine();
	if (!m)
		return take_one(s, n);
	spin_lock_raw(&n->lock);
	full = pop_from(&n->full, &n->nr_full);
	if (!full)
		nr = slab_take(s, n, m->slot, (s->rounds + 1U) / 2);
	else if (stack->other) /* instead of the full one: it has room */
		push_to(&n->spare, &n->nr_spare, m);
	else
		stack->other = (unsigned long)m;
	spin_unlock_raw(&n->lock);
	if (full)
		load(s, stack, full, s->rounds);
	else
		load(s, stack, m, nr);
	return pop(stack);
}

void *stack_refill(struct kmem_cache *s, struct slab_stack *stack)
{
	if (unlikely(stack->full == slab_no_slot)) {
		if (s->watched)
			return NULL;
		stack = this_cpu_ptr(s->stacks); /* the handle led elsewhere till now */
	}
	return refill(s, stack);
}

void *stack_refill_own(struct kmem_cache *s)
{
	return refill(s, this_cpu_ptr(s->stacks));
}

/* ---- a hart that frees ---- */

/* The hart's full other one goes to the depot, or what's in it to the slabs.  An empty one, or
 * NULL. */
static struct magazine *give_other(struct kmem_cache *s, struct slab_stack *stack)
{
	struct magazine *full = stack_other(stack), *empty = NULL;
	struct kmem_cache_node *n = near_node(s);
	bool room;

	if (!full)
		return new_magazine();
	stack->other = 0;
	spin_lock_raw(&n->lock);
	room = n->nr_full < s->depot_max;
	if (room) {
		push_to(&n->full, &n->nr_full, full);
		empty = pop_from(&n->spare, &n->nr_spare);
	}
	spin_unlock_raw(&n->lock);
	if (!room) {
		slab_give(s, full->slot, s->rounds);
		return full;
	}
	return empty ? empty : new_magazine();
}

void stack_put(struct kmem_cache *s, struct slab_stack *stack, void *object)
{
	struct magazine *m = stack_loaded(stack), *empty = stack_other(stack);

	if (!s->rounds) {
		slab_give(s, &object, 1);
		return;
	}
	if (unlikely(stack->top != stack->full)) { /* the handle led elsewhere */
		*++stack->top = object;
		return;
	}
	if (!empty || (stack->other & STACK_FULL))
		empty = give_other(s, stack);
	if (!empty) {
		slab_give(s, &object, 1);
		return;
	}
	stack->other = m ? (unsigned long)m | STACK_FULL : 0;
	load(s, stack, empty, 0);
	*++stack->top = object;
}

bool stack_empty(struct kmem_cache *s)
{
	struct slab_stack *stack = s->rounds ? this_cpu_ptr(s->stacks) : NULL;
	struct magazine *m = stack ? stack_loaded(stack) : NULL;
	unsigned nr = m ? nr_loaded(stack) : 0;

	if (!nr)
		return false;
	load(s, stack, m, 0);
	slab_give(s, m->slot, nr);
	return true;
}

/* ---- all of it ---- */

/* The other one first. */
bool stack_drain(struct kmem_cache *s, struct slab_stack *stack)
{
	struct magazine *m = stack_other(stack);
	unsigned nr = stack->other & STACK_FULL ? s->rounds : 0;

	if (m) {
		stack->other = 0;
	} else {
		m = stack_loaded(stack);
		nr = nr_loaded(stack);
		unload(stack);
	}
	if (!m)
		return false;
	slab_give(s, m->slot, nr);
	kmem_cache_free(slab_magazines, m);
	return true;
}

static void drain_here(void *cache)
{
	struct kmem_cache *s = cache;

	stack_drain(s, this_cpu_ptr(s->stacks));
}

static bool keeps_some(unsigned int cpu, void *cache)
{
	const struct kmem_cache *s = cache;
	const struct slab_stack *stack = per_cpu_ptr(s->stacks, cpu);

	return READ_ONCE(stack->other) || READ_ONCE(stack->top) != slab_no_slot;
}

void stacks_drain_harts(struct kmem_cache *s)
{
	if (!s->rounds)
		return;
	for (unsigned magazines = 0; magazines < 2; magazines++)
		on_each_hart_cond(keeps_some, drain_here, s, true);
}

void depot_drain(struct kmem_cache *s, struct kmem_cache_node *n)
{
	struct magazine *m;
	unsigned long flags;

	do {
		unsigned nr = s->rounds;

		spin_lock_irqsave(&n->lock, flags);
		m = pop_from(&n->full, &n->nr_full);
		if (!m) {
			m = pop_from(&n->spare, &n->nr_spare);
			nr = 0;
		}
		spin_unlock_irqrestore(&n->lock, flags);
		if (m) {
			slab_give(s, m->slot, nr);
			kmem_cache_free(slab_magazines, m);
		}
	} while (m);
}

void stacks_drain(struct kmem_cache *s)
{
	stacks_drain_harts(s);
	for (unsigned nid = 0; nid < MAX_NUMNODES; nid++)
		if (s->node[nid])
			depot_drain(s, s->node[nid]);
}
