/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_depot.c - magazines: between a hart's stack and the slabs
 *
 * A hart has two of a cache: the one that its stack is, and another, full or empty as a rule, so
 * that a hart that allocates and frees at the edge of one needn't go further each time.  When both
 * are empty it gets a full one from its node's depot for one of them, when both are full an empty
 * one: so what one hart frees and another allocates moves without being looked at, for one hold of
 * the lock.  When the depot has none, objects come from slabs; when it has enough, they go back
 * there.
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
 * Draining: each hart parts with its magazines, in an interrupt, and who asked for it empties them:
 * objects go to slabs some at a time (slab_give), and interrupts are on in between.
 *
 * Locking: a hart's with interrupts off; the depot with the node's lock.
 * Cost: interrupts off for 60 instructions when magazines change places, some 1,500 when objects
 *   come from slabs or go there.
 */
#include <asm/barrier.h>
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
	return nr + (unsigned)(other % sizeof(struct magazine));
}

/* @m, which has @nr objects of @rounds, becomes the hart's stack. */
static void load(struct slab_stack *stack, struct magazine *m, unsigned nr, unsigned rounds)
{
	stack->full = &m->bottom + rounds;
	stack->top = &m->bottom + nr;
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
	unsigned nr = stack_other_nr(stack);

	if (unlikely(*stack->top)) /* the handle didn't lead here as yet */
		return pop(stack);
	if (unlikely(nr)) {
		full = stack_other(stack);
		stack->other = (unsigned long)m;
		load(stack, full, nr, s->rounds);
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
	else if (likely(stack->other)) /* instead of the full one: it has room */
		push_to(&n->spare, &n->nr_spare, m);
	else
		stack->other = (unsigned long)m;
	spin_unlock_raw(&n->lock);
	if (full)
		load(stack, full, s->rounds, s->rounds);
	else
		load(stack, m, nr, s->rounds);
	return pop(stack);
}

void *stack_refill(struct kmem_cache *s, struct slab_stack *stack)
{
	if (unlikely(stack->full == slab_no_slot)) {
		if (s->watched)
			return NULL;
		if (!s->rounds)
			return take_one(s, near_node(s));
		stack = this_cpu_ptr(s->stacks); /* the handle led elsewhere till now */
	}
	return refill(s, stack);
}

void *stack_refill_own(struct kmem_cache *s)
{
	return refill(s, this_cpu_ptr(s->stacks));
}

/* ---- a hart that frees ---- */

/* An empty one; the other one goes to the depot for it, if there is one.  NULL: the depot has
 * enough, or no memory. */
static __always_inline struct magazine *leave_other(struct kmem_cache *s, struct slab_stack *stack)
{
	struct magazine *full = stack_other(stack), *empty = NULL;
	struct kmem_cache_node *n = near_node(s);
	bool room;

	if (!full)
		return new_magazine();
	spin_lock_raw(&n->lock);
	room = n->nr_full < s->depot_max;
	if (room) {
		push_to(&n->full, &n->nr_full, full);
		empty = pop_from(&n->spare, &n->nr_spare);
	}
	spin_unlock_raw(&n->lock);
	if (!room)
		return NULL;
	stack->other = 0;
	return empty ? empty : new_magazine();
}

/* Some of what is on the stack goes to the slabs. */
static void give_some(struct kmem_cache *s, struct slab_stack *stack)
{
	stack->top -= slab_give_step(s, &stack_loaded(stack)->slot[0], nr_loaded(stack));
}

/* Room for one more object on the stack, which is full; false: there's none. */
static bool make_room(struct kmem_cache *s, struct slab_stack *stack)
{
	struct magazine *m = stack_loaded(stack), *other = stack_other(stack);
	unsigned nr = stack_other_nr(stack), rounds = s->rounds;

	if (!other || nr == rounds) {
		other = leave_other(s, stack);
		nr = 0;
	}
	if (other) {
		stack->other = likely(m) ? (unsigned long)m + rounds : 0;
		load(stack, other, nr, rounds);
	} else if (m) {
		give_some(s, stack);
	}
	return other || m;
}

void stack_put(struct kmem_cache *s, struct slab_stack *stack, void *object)
{
	/* There may be room: the handle led elsewhere. */
	if (s->rounds && (stack->top != stack->full || make_room(s, stack)))
		*++stack->top = object;
	else
		slab_give_step(s, &object, 1);
}

bool stack_empty(struct kmem_cache *s)
{
	struct slab_stack *stack = s->rounds ? this_cpu_ptr(s->stacks) : NULL;
	unsigned nr = stack ? nr_loaded(stack) : 0;
	struct magazine *m, *other;

	if (!nr)
		return false;
	m = stack_loaded(stack);
	other = stack_other(stack);
	if (stack_other_nr(stack) == s->rounds)
		other = leave_other(s, stack);
	if (stack_other_nr(stack)) {
		give_some(s, stack);
		return !nr_loaded(stack);
	}
	stack->other = (unsigned long)m + nr;
	smp_wmb(); /* it's never bare for others (stack_is_bare) */
	if (other)
		load(stack, other, 0, s->rounds);
	else
		unload(stack);
	return true;
}

/* ---- all of it ---- */

/* Magazines on their way to the slabs. */
struct drain {
	struct kmem_cache *s;
	struct magazine *first; /* harts add theirs at the same time */
};

static void drain_add(struct drain *d, struct magazine *m, unsigned nr)
{
	if (!m)
		return;
	m->bottom = (void *)(unsigned long)nr;
	m->next = __atomic_load_n(&d->first, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&d->first, &m->next, m, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
}

/* The two of @stack. */
static void drain_stack(struct drain *d, struct slab_stack *stack)
{
	drain_add(d, stack_other(stack), stack_other_nr(stack));
	drain_add(d, stack_loaded(stack), nr_loaded(stack));
	stack->other = 0;
	unload(stack);
}

static void drain_end(struct drain *d)
{
	struct magazine *m = __atomic_load_n(&d->first, __ATOMIC_ACQUIRE), *next;

	for (; m; m = next) {
		next = m->next;
		slab_give(d->s, m->slot, (unsigned)(unsigned long)m->bottom);
		kmem_cache_free(slab_magazines, m);
	}
}

void stack_drain(struct kmem_cache *s, struct slab_stack *stack)
{
	struct drain d = { .s = s };

	drain_stack(&d, stack);
	drain_end(&d);
}

static void drain_here(void *drain)
{
	struct drain *d = drain;

	drain_stack(d, this_cpu_ptr(d->s->stacks));
}

bool stack_is_bare(const struct kmem_cache *s, unsigned cpu)
{
	const struct slab_stack *stack = per_cpu_ptr(s->stacks, cpu);

	if (READ_ONCE(stack->top) != slab_no_slot)
		return false;
	smp_rmb(); /* stack_empty() */
	return !READ_ONCE(stack->other);
}

static bool keeps_some(unsigned int cpu, void *drain)
{
	const struct drain *d = drain;

	return !stack_is_bare(d->s, cpu);
}

void stacks_drain_harts(struct kmem_cache *s)
{
	struct drain d = { .s = s };

	if (!s->rounds)
		return;
	on_each_hart_cond(keeps_some, drain_here, &d, true);
	drain_end(&d);
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
