/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_rcu.c - slabs of SLAB_TYPESAFE_BY_RCU caches wait for readers before they go back
 *
 * Who reads under RCU may still look at an object that was freed: it may be another one of the same
 * cache by then, but it must be one.  So such a slab, when nothing in it is used any more, keeps
 * its pages, PG_slab and its cache until a grace period is over that began after it got here.  It's
 * on no list of its node's meanwhile and isn't in the node's figures, only in s->nr_waiting.
 *
 *     slab_defer() --> gathering --> waiting --> page allocator
 *                                ^           ^
 *                    a grace period begins   it's over, and the next begins if there are more
 *
 * Objects are freed under any lock, but a grace period begins by waking a thread.  So this asks for
 * one as the memory manager asks for its threads (node_daemon_kick()), and RCU's side, which knows
 * when it may, calls slab_rcu_begin() and, after the readers, slab_rcu_end()
 * (kernel/sched/slab_rcu.c).
 *
 * Invariants: something gathers => a grace period is under way or asked for; s->nr_waiting counts
 *   the slabs of @s that gather and wait.
 * Locking: readers.lock (rank SLAB), with no node's held.
 * Cost: none for other caches, but a test of each slab that goes back.
 */
#include <mm/slab_rcu.h>

#include <mm/node_daemon.h>

#include "internal.h"
#include "slab.h"

static struct {
	spinlock_t lock;
	struct page_list gathering, waiting; /* slabs */
	bool under_way;			     /* a grace period for those that wait */
} readers = { .lock = SPINLOCK_RANKED(LOCK_SLAB) };

void (*slab_rcu_barrier)(void);
bool slab_rcu_asked;

bool slab_defer(struct kmem_cache *s, struct page *slab)
{
	unsigned long flags;
	bool ask;

	if (likely(!(s->flags & SLAB_TYPESAFE_BY_RCU)) || !READ_ONCE(slab_rcu_barrier))
		return false;
	spin_lock_irqsave(&readers.lock, flags);
	page_list_add(&readers.gathering, slab);
	s->nr_waiting++;
	ask = !readers.under_way && !slab_rcu_asked;
	if (ask)
		WRITE_ONCE(slab_rcu_asked, true);
	spin_unlock_irqrestore(&readers.lock, flags);
	if (ask)
		node_daemon_kick();
	return true;
}

bool slab_rcu_begin(void)
{
	unsigned long flags;
	bool begins;

	spin_lock_irqsave(&readers.lock, flags);
	begins = !readers.under_way && readers.gathering.nr;
	if (begins) {
		readers.waiting = readers.gathering;
		readers.gathering = (struct page_list){ 0 };
		readers.under_way = true;
	}
	WRITE_ONCE(slab_rcu_asked, false);
	spin_unlock_irqrestore(&readers.lock, flags);
	return begins;
}

/* The next slab that waits and its cache, or NULL: the grace period has done its work. */
static struct page *next_waiting(struct kmem_cache **cache)
{
	unsigned long flags;
	struct page *slab;

	spin_lock_irqsave(&readers.lock, flags);
	slab = page_list_pop(&readers.waiting);
	readers.under_way = slab;
	spin_unlock_irqrestore(&readers.lock, flags);
	if (slab)
		*cache = slab->mapping;
	return slab;
}

void slab_rcu_end(void)
{
	struct kmem_cache *s = NULL;
	unsigned long flags;
	struct page *slab;

	while ((slab = next_waiting(&s))) {
		slab_release_now(s, slab);
		spin_lock_irqsave(&readers.lock, flags);
		s->nr_waiting--; /* who destroys the cache looks for this */
		spin_unlock_irqrestore(&readers.lock, flags);
	}
}

void slab_rcu_wait(struct kmem_cache *s)
{
	while (READ_ONCE(s->nr_waiting))
		slab_rcu_barrier();
}
