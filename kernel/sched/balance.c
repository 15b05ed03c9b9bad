/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * balance.c - which hart a thread should run on
 *
 * Two moments are enough: a thread that is woken goes to an idle hart if there is one, and a hart
 * that has nothing to do takes a waiting thread from whoever has most.  So no hart idles while
 * a thread that may run on it waits; how evenly busy harts share is left to these two.
 *
 * idle_mask has a bit for each idle hart.  The hart sets it, and looks for work once more before
 * it rests; who sends work there clears it (claim_idle), so that the next thread goes to the
 * next idle hart.  The hart itself clears it before it runs anything.  online_mask has one for
 * each hart that takes threads; run_queue.online is the truth, looked at under its lock.
 */
#include "sched.h"

#include <asm/barrier.h>
#include <kernel/panic.h>
#include <mm/page_alloc.h>

#define BITS (8 * sizeof(unsigned long))

static unsigned long *idle_mask, *online_mask;
static unsigned int idle_words;

unsigned long *__init idle_mask_init(void)
{
	idle_words = (unsigned int)DIV_ROUND_UP(nr_harts, BITS);
	BUG_ON(3 * idle_words * sizeof(*idle_mask) > PAGE_SIZE);
	idle_mask = (unsigned long *)get_zeroed_page(GFP_KERNEL);
	if (!idle_mask)
		panic("no memory for the mask of idle harts");
	online_mask = idle_mask + idle_words;
	return idle_mask + 2 * idle_words;
}

void idle_mask_set(unsigned int cpu)
{
	__atomic_fetch_or(&idle_mask[cpu / BITS], 1UL << cpu % BITS, __ATOMIC_SEQ_CST);
}

void idle_mask_clear(unsigned int cpu)
{
	/* Before whatever this hart reads from now on: rcu.c takes an idle hart for one without
	 * readers. */
	__atomic_fetch_and(&idle_mask[cpu / BITS], ~(1UL << cpu % BITS), __ATOMIC_SEQ_CST);
}

void online_mask_set(unsigned int cpu)
{
	__atomic_fetch_or(&online_mask[cpu / BITS], 1UL << cpu % BITS, __ATOMIC_SEQ_CST);
}

void online_mask_clear(unsigned int cpu)
{
	__atomic_fetch_and(&online_mask[cpu / BITS], ~(1UL << cpu % BITS), __ATOMIC_SEQ_CST);
}

bool hart_is_idle(unsigned int cpu)
{
	return __atomic_load_n(&idle_mask[cpu / BITS], __ATOMIC_ACQUIRE) >> cpu % BITS & 1;
}

static unsigned int lowest_set(unsigned long word)
{
	unsigned int bit = 0;

	while (!(word & 0xff)) {
		word >>= 8;
		bit += 8;
	}
	while (!(word & 1)) {
		word >>= 1;
		bit++;
	}
	return bit;
}

/* Take hart @cpu out of the idle ones, for work that is about to go there; false if it isn't one
 * any more. */
static bool claim_idle(unsigned int cpu)
{
	unsigned long bit = 1UL << cpu % BITS;

	return __atomic_fetch_and(&idle_mask[cpu / BITS], ~bit, __ATOMIC_SEQ_CST) & bit;
}

/* Claim an idle hart that @t may run on, best the one where it ran last; @otherwise if there is
 * none. */
static __noinline unsigned int claim_any(const struct thread *t, unsigned int otherwise)
{
	unsigned int cpu = t->cpu;
	unsigned long both;

	if (hart_is_idle(cpu) && may_run_on(t, cpu) && claim_idle(cpu))
		return cpu;
	for (unsigned int i = 0; i < idle_words; i++) {
		while ((both = __atomic_load_n(&idle_mask[i], __ATOMIC_RELAXED) & t->allowed[i])) {
			cpu = i * (unsigned int)BITS + lowest_set(both);
			if (claim_idle(cpu))
				return cpu;
		}
	}
	return otherwise;
}

unsigned int select_hart(const struct thread *t)
{
	unsigned int last = t->cpu, first_allowed = ~0u;
	bool last_online = false;
	unsigned long idle = 0;

	for (unsigned int i = 0; i < idle_words; i++) {
		unsigned long may =
			__atomic_load_n(&online_mask[i], __ATOMIC_RELAXED) & t->allowed[i];

		idle |= __atomic_load_n(&idle_mask[i], __ATOMIC_RELAXED) & may;
		if (first_allowed == ~0u && may)
			first_allowed = i * (unsigned int)BITS + lowest_set(may);
		if (i == last / BITS)
			last_online = may >> last % BITS & 1;
	}
	if (!last_online)
		last = first_allowed;
	return idle ? claim_any(t, last) : last;
}

static __noinline void kick_one(const struct thread *t)
{
	unsigned int cpu = claim_any(t, ~0u);

	if (cpu != ~0u)
		resched_hart(cpu);
}

void kick_idle(const struct thread *t)
{
	unsigned long idle = 0;

	smp_mb(); /* the thread is on its queue, before the harts' bits are read: find_work() */
	for (unsigned int i = 0; i < idle_words; i++)
		idle |= __atomic_load_n(&idle_mask[i], __ATOMIC_RELAXED) & t->allowed[i];
	if (idle)
		kick_one(t);
}

/* Do threads wait on any hart's queue? */
static bool threads_wait(void)
{
	unsigned int cpu;

	for_each_online_hart(cpu) {
		if (READ_ONCE(queue_of(cpu)->waiting))
			return true;
	}
	return false;
}

/* The hart with most waiting threads, or -1. */
static int busiest(unsigned int me)
{
	unsigned int cpu, most = 0;
	int found = -1;

	for_each_online_hart(cpu) {
		unsigned int waiting = READ_ONCE(queue_of(cpu)->waiting);

		if (cpu != me && waiting > most) {
			most = waiting;
			found = (int)cpu;
		}
	}
	return found;
}

static struct thread *take_from(struct run_queue *from, unsigned int me)
{
	for (unsigned int prio = 0; prio < SCHED_PRIORITIES; prio++) {
		struct thread *t;

		list_for_each_entry(t, &from->queue[prio], queue) {
			if (!may_run_on(t, me) || t->on_hart)
				continue;
			queue_remove(from, t);
			t->cpu = me;
			return t;
		}
	}
	return NULL;
}

/* Two queues' locks at once: the second is never waited for. */
static struct thread *try_take(struct run_queue *rq, unsigned int cpu, unsigned int me)
{
	struct run_queue *from = queue_of(cpu);
	struct thread *t;

	if (!spin_trylock_raw(&from->lock)) {
		rq->steal_again = true;
		return NULL;
	}
	t = take_from(from, me);
	spin_unlock_raw(&from->lock);
	return t;
}

struct thread *steal_thread(struct run_queue *rq)
{
	unsigned int me = smp_processor_id();
	struct thread *t = NULL;
	unsigned int cpu;
	int most;

	rq->steal_again = false;
	if (!rq->online)
		return NULL;
	most = busiest(me);
	if (most < 0)
		return NULL;
	t = try_take(rq, (unsigned int)most, me);
	/* Those that wait there may be bound to it. */
	for (cpu = 0; !t && cpu < nr_harts; cpu++) {
		if (cpu != me && cpu != (unsigned int)most && READ_ONCE(queue_of(cpu)->waiting))
			t = try_take(rq, cpu, me);
	}
	return t;
}

bool find_work(struct run_queue *rq)
{
	struct thread *t;

	if (likely(!threads_wait()))
		return false;
	spin_lock_raw(&rq->lock);
	t = steal_thread(rq);
	if (t)
		queue_add(rq, t);
	spin_unlock_raw(&rq->lock);
	return t || rq->steal_again;
}
