/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * balance.c - which hart a thread should run on
 *
 * Two moments are enough: a thread that is woken goes to an idle hart if there is one, and a hart
 * that has nothing to do takes a waiting thread from whoever has most.  So no hart idles while
 * a thread that may run on it waits; how evenly busy harts share is left to these two.
 *
 * idle_mask has a bit for each idle hart.  It is a hint: a hart that got work meanwhile has its
 * bit cleared a moment later.  online_mask has one for each hart that takes threads;
 * run_queue.online is the truth, looked at under its lock.
 */
#include "sched.h"

#include <kernel/panic.h>
#include <mm/page_alloc.h>

#define BITS (8 * sizeof(unsigned long))

static unsigned long *idle_mask, *online_mask;
static unsigned int idle_words;

unsigned long *idle_mask_init(void)
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

unsigned int select_hart(const struct thread *t)
{
	unsigned int last = t->cpu, first_allowed = ~0u;
	bool last_online = false;

	if (hart_is_idle(last) && may_run_on(t, last))
		return last;
	for (unsigned int i = 0; i < idle_words; i++) {
		unsigned long may =
			__atomic_load_n(&online_mask[i], __ATOMIC_RELAXED) & t->allowed[i];
		unsigned long both = __atomic_load_n(&idle_mask[i], __ATOMIC_RELAXED) & may;

		if (both)
			return i * (unsigned int)BITS + lowest_set(both);
		if (first_allowed == ~0u && may)
			first_allowed = i * (unsigned int)BITS + lowest_set(may);
		if (i == last / BITS)
			last_online = may >> last % BITS & 1;
	}
	return last_online ? last : first_allowed;
}

void kick_idle(const struct thread *t)
{
	for (unsigned int i = 0; i < idle_words; i++) {
		unsigned long both =
			__atomic_load_n(&idle_mask[i], __ATOMIC_SEQ_CST) & t->allowed[i];

		if (both) {
			resched_hart(i * (unsigned int)BITS + lowest_set(both));
			return;
		}
	}
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

struct thread *steal_thread(struct run_queue *rq)
{
	unsigned int me = smp_processor_id();
	struct run_queue *from;
	struct thread *t = NULL;
	int cpu;

	rq->steal_again = false;
	if (!rq->online)
		return NULL;
	cpu = busiest(me);
	if (cpu < 0)
		return NULL;
	from = queue_of((unsigned int)cpu);
	/* Two queues' locks at once: the second is never waited for. */
	rq->steal_again = !spin_trylock_raw(&from->lock);
	if (rq->steal_again)
		return NULL;
	t = take_from(from, me);
	spin_unlock_raw(&from->lock);
	return t;
}
