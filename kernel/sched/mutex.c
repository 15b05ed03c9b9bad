/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutex.c - sleeping locks with priority inheritance
 *
 * A thread that must wait puts a mutex_waiter, on its stack, into the mutex's list, which is in
 * order of priority.  The first of the list is also in the list pi_waiters of the owner, so what
 * a thread inherits is the first of its pi_waiters, whatever number of mutexes it has:
 *
 *     thread.prio == min(base_prio, priority of the first in pi_waiters)
 *
 * When that changes and the thread waits for a mutex itself, its place in that list changes, and
 * so on along the chain (propagate).  Unlocking makes the first waiter the owner before it is
 * woken, so nobody comes in between.
 *
 * Invariants (mutex_validate): owner's bit 0 is set if the list isn't empty; lent is the first of
 *   the list; a waiter's priority is its thread's, but while propagate() is on its way.
 * Locking: mutex.wait_lock (rank MUTEX), then a thread's wake_lock (rank WAKE); interrupts off for
 *   both.  propagate() holds one mutex's lock and tries the next one's: what it waits for then can
 *   be held by another propagate() only, which goes on in the same direction.  Two would wait for
 *   each other only on a circle, which is a deadlock of the threads as well.
 * Cost: 21 instructions for lock and unlock of a free mutex.
 */
#include "sched.h"

#include <base/errno.h>
#include <kernel/panic.h>
#include <sched/mutex.h>

#define HAS_WAITERS 1ul
#define FOR_EVER    ~0ull
#define CALLER	    ((unsigned long)__builtin_return_address(0))

struct mutex_waiter {
	struct list_head link;	  /* in mutex.waiters (its wait_lock) */
	struct list_head pi_link; /* in the owner's pi_waiters, if it is mutex.lent */
	struct thread *thread;
	struct mutex *mutex;
	unsigned int prio;	/* of the thread when it was put into waiters (wait_lock) */
	unsigned int lent_prio; /* and into pi_waiters (the owner's wake_lock) */
};

void mutex_init(struct mutex *m)
{
	*m = (struct mutex)MUTEX_INIT(*m);
}

void mutex_init_ranked(struct mutex *m, enum lock_rank rank)
{
	*m = (struct mutex)MUTEX_RANKED(*m, rank);
}

struct thread *mutex_owner(const struct mutex *m)
{
	return (struct thread *)(__atomic_load_n(&m->owner, __ATOMIC_RELAXED) & ~HAS_WAITERS);
}

bool mutex_is_locked(const struct mutex *m)
{
	return mutex_owner(m) != NULL;
}

/* ---- what a thread inherits; its wake_lock is held ---- */

unsigned int mutex_inherited_prio(const struct thread *t)
{
	unsigned int prio = t->base_prio;

	if (!list_empty(&t->pi_waiters))
		prio = min(
			prio,
			list_first_entry(&t->pi_waiters, struct mutex_waiter, pi_link)->lent_prio);
	return prio;
}

static void settle_priority(struct thread *t)
{
	unsigned int prio = mutex_inherited_prio(t);

	if (prio != t->prio)
		change_priority(t, prio);
}

static void take_back(struct mutex *m)
{
	if (m->lent)
		list_del(&m->lent->pi_link);
	m->lent = NULL;
}

/* Put the first waiter of @m where its owner @t inherits from; m->wait_lock is held too. */
static void lend_first(struct mutex *m, struct thread *t)
{
	struct mutex_waiter *w, *at;

	take_back(m);
	if (list_empty(&m->waiters))
		return;
	w = list_first_entry(&m->waiters, struct mutex_waiter, link);
	w->lent_prio = w->prio;
	list_for_each_entry(at, &t->pi_waiters, pi_link)
		if (at->lent_prio > w->lent_prio)
			break;
	list_add_tail(&w->pi_link, &at->pi_link);
	m->lent = w;
}

/* ---- the list of a mutex; its wait_lock is held ---- */

/* Behind those of the same priority. */
static void waiter_add(struct mutex *m, struct mutex_waiter *w)
{
	struct mutex_waiter *at;

	list_for_each_entry(at, &m->waiters, link)
		if (at->prio > w->prio)
			break;
	list_add_tail(&w->link, &at->link);
}

static void waiter_move(struct mutex_waiter *w, unsigned int prio)
{
	list_del(&w->link);
	w->prio = prio;
	waiter_add(w->mutex, w);
}

/*
 * One step of the chain: let @t inherit from @m (if not NULL), which it has, and lock the mutex
 * that @t waits for if its place there changes, or if @all.  Returns that mutex or NULL.
 */
static struct mutex *next_in_chain(struct thread *t, struct mutex *m, bool all)
{
	for (;;) {
		struct mutex_waiter *w;
		struct mutex *next = NULL;
		bool busy = false;

		spin_lock_raw(&t->wake_lock);
		if (m)
			lend_first(m, t);
		settle_priority(t);
		w = t->blocked_on;
		if (w && (all || w->prio != t->prio)) {
			next = w->mutex;
			busy = !spin_trylock_raw(&next->wait_lock);
			if (!busy && w->prio != t->prio)
				waiter_move(w, t->prio);
		}
		spin_unlock_raw(&t->wake_lock);
		if (!busy)
			return next;
		cpu_relax();
	}
}

/*
 * The waiters of @m (NULL: of none) have changed: tell the owner, and those that it waits for in
 * turn.  Interrupts off; m->wait_lock is held, and given back.
 * @all: go to the end of the chain even if nothing changes, and panic if it comes back here.
 */
static void propagate(struct mutex *m, bool all)
{
	while (m) {
		struct thread *owner = mutex_owner(m);
		struct mutex *next;

		if (all && owner == current)
			panic("deadlock: thread %s waits for a mutex at 0x%lx that waits for it",
			      owner->name, (unsigned long)m);
		next = next_in_chain(owner, m, all);
		spin_unlock_raw(&m->wait_lock);
		m = next;
	}
}

void mutex_pass_priority(struct thread *t)
{
	unsigned long flags;
	struct mutex *m;

	local_irq_save(flags);
	m = next_in_chain(t, NULL, false);
	if (m)
		propagate(m, false);
	local_irq_restore(flags);
}

/* ---- waiting ---- */

/* Take @m if it is free, else note that somebody waits; m->wait_lock is held. */
static bool take_or_mark(struct mutex *m)
{
	unsigned long old = __atomic_fetch_or(&m->owner, HAS_WAITERS, __ATOMIC_ACQUIRE);

	if (old & ~HAS_WAITERS)
		return false;
	/* Nobody waits for a mutex that is free: it is handed over. */
	__atomic_store_n(&m->owner, (unsigned long)current, __ATOMIC_RELAXED);
	return true;
}

static void begin_wait(struct mutex *m, struct mutex_waiter *w)
{
	spin_lock_raw(&current->wake_lock);
	w->prio = current->prio;
	current->blocked_on = w;
	spin_unlock_raw(&current->wake_lock);
	waiter_add(m, w);
}

/* The time is over.  m->wait_lock is held, and given back. */
static void give_up(struct mutex *m, struct mutex_waiter *w)
{
	struct thread *owner = mutex_owner(m);
	struct mutex *next;

	spin_lock_raw(&current->wake_lock);
	current->blocked_on = NULL;
	spin_unlock_raw(&current->wake_lock);
	spin_lock_raw(&owner->wake_lock);
	if (m->lent == w)
		take_back(m);
	spin_unlock_raw(&owner->wake_lock);
	list_del(&w->link);
	next = next_in_chain(owner, m, false);
	/* Not before: without it the owner can unlock, and end, at any moment. */
	if (list_empty(&m->waiters))
		__atomic_fetch_and(&m->owner, ~HAS_WAITERS, __ATOMIC_RELAXED);
	spin_unlock_raw(&m->wait_lock);
	propagate(next, false);
}

static __noinline int lock_slow(struct mutex *m, u64 ns)
{
	struct mutex_waiter w = { .thread = current, .mutex = m };
	unsigned long flags;

	spin_lock_irqsave(&m->wait_lock, flags);
	if (take_or_mark(m)) {
		spin_unlock_irqrestore(&m->wait_lock, flags);
		return 0;
	}
	begin_wait(m, &w);
	propagate(m, true);
	spin_lock_raw(&m->wait_lock);
	while (mutex_owner(m) != current && ns) {
		set_current_state(THREAD_SLEEPING);
		spin_unlock_irqrestore(&m->wait_lock, flags);
		if (ns == FOR_EVER)
			schedule();
		else
			ns = schedule_timeout_ns(ns);
		spin_lock_irqsave(&m->wait_lock, flags);
	}
	if (mutex_owner(m) == current) {
		spin_unlock_irqrestore(&m->wait_lock, flags);
		return 0;
	}
	give_up(m, &w);
	local_irq_restore(flags);
	return -ETIMEDOUT;
}

/* Make the first waiter the owner. m->wait_lock is held. */
static void hand_over(struct mutex *m)
{
	struct mutex_waiter *w = list_first_entry(&m->waiters, struct mutex_waiter, link);
	struct thread *to = w->thread;
	unsigned long more;

	spin_lock_raw(&current->wake_lock);
	take_back(m);
	settle_priority(current);
	spin_unlock_raw(&current->wake_lock);

	list_del(&w->link);
	more = list_empty(&m->waiters) ? 0 : HAS_WAITERS;
	spin_lock_raw(&to->wake_lock);
	to->blocked_on = NULL;
	lend_first(m, to);
	settle_priority(to);
	spin_unlock_raw(&to->wake_lock);
	__atomic_store_n(&m->owner, (unsigned long)to | more, __ATOMIC_RELEASE);
	wake_up_process(to);
}

static __noinline void unlock_slow(struct mutex *m)
{
	unsigned long flags;

	spin_lock_irqsave(&m->wait_lock, flags);
	if (mutex_owner(m) != current)
		panic("mutex at 0x%lx is unlocked by thread %s, its owner is %s", (unsigned long)m,
		      current->name, mutex_owner(m) ? mutex_owner(m)->name : "nobody");
	if (list_empty(&m->waiters))
		__atomic_store_n(&m->owner, 0, __ATOMIC_RELEASE);
	else
		hand_over(m);
	spin_unlock_irqrestore(&m->wait_lock, flags);
}

/* ---- public ---- */

static inline bool take_free(struct mutex *m)
{
	unsigned long nobody = 0;

	return __atomic_compare_exchange_n(&m->owner, &nobody, (unsigned long)current, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE);
}

void mutex_lock(struct mutex *m)
{
	might_sleep();
	mutex_debug_take(m, CALLER);
	if (unlikely(!take_free(m)))
		lock_slow(m, FOR_EVER);
	mutex_debug_taken(m, CALLER);
}

int mutex_lock_timeout_ns(struct mutex *m, u64 ns)
{
	int err = 0;

	might_sleep();
	mutex_debug_take(m, CALLER);
	if (unlikely(!take_free(m)))
		err = lock_slow(m, ns);
	if (!err)
		mutex_debug_taken(m, CALLER);
	return err;
}

bool mutex_trylock(struct mutex *m)
{
	bool taken = take_free(m);

	if (taken)
		mutex_debug_taken(m, CALLER);
	return taken;
}

void mutex_unlock(struct mutex *m)
{
	unsigned long me = (unsigned long)current;

	mutex_debug_release(m);
	__atomic_thread_fence(__ATOMIC_RELEASE); /* base/compiler.h */
	if (unlikely(!__atomic_compare_exchange_n(&m->owner, &me, 0, false, __ATOMIC_RELAXED,
						  __ATOMIC_RELAXED)))
		unlock_slow(m);
}

void mutex_validate(struct mutex *m)
{
	struct mutex_waiter *w, *first = NULL, *before = NULL;
	unsigned long flags;

	spin_lock_irqsave(&m->wait_lock, flags);
	list_for_each_entry(w, &m->waiters, link) {
		if (!first)
			first = w;
		if (w->mutex != m || (before && before->prio > w->prio))
			panic("mutex at 0x%lx: thread %s of priority %u waits out of order",
			      (unsigned long)m, w->thread->name, w->prio);
		before = w;
	}
	if (first && !(m->owner & HAS_WAITERS))
		panic("mutex at 0x%lx: thread %s waits, the owner word 0x%lx doesn't say so",
		      (unsigned long)m, first->thread->name, m->owner);
	if (m->lent && m->lent != first)
		panic("mutex at 0x%lx: its owner inherits from %s, the first waiter is %s",
		      (unsigned long)m, m->lent->thread->name,
		      first ? first->thread->name : "nobody");
	spin_unlock_irqrestore(&m->wait_lock, flags);
}
