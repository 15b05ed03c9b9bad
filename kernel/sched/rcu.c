/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rcu.c - grace periods
 *
 * Everything goes through one list of callbacks and one thread: it takes what has gathered, waits
 * for a grace period, and calls it.  synchronize_rcu() is a callback that ends a wait.
 *
 * A grace period: each hart's run queue counts its switches (`quiescent`), with an AMO that orders
 * what readers did before it, and what they will do, against the count.  The thread notes the
 * counts and asks the harts that run something to switch (rcu_wants and an interrupt); a hart is
 * done with when its count has changed, or it is seen idle or off.  An idle hart isn't woken.
 *
 * Invariant: a callback is called after every reader that was there when call_rcu() was called has
 *   gone; callbacks are called in the order of the calls.
 * Locking: rcu.lock (rank RCU) for the list.  The marks of the harts are the thread's.
 */
#include <sched/rcu.h>

#include "sched.h"

#include <kernel/panic.h>
#include <sched/wait.h>

#define PRIO	      8
#define FIRST_WAIT_NS 20000ull
#define LONGEST_NS    2000000ull

static struct {
	spinlock_t lock;
	struct rcu_head *first, **last;
	struct wait_queue wait; /* where the thread waits for callbacks */
	struct thread *thread;
	unsigned long periods;
} rcu = {
	.lock = SPINLOCK_RANKED(LOCK_RCU),
	.last = &rcu.first,
	.wait = WAIT_QUEUE_INIT(rcu.wait),
};

/* A hart whose readers the thread waits for. */
struct mark {
	unsigned long quiescent; /* the hart's count when the grace period began */
	bool waits;
};
static DEFINE_PER_CPU(struct mark, mark);

/* ---- a grace period ---- */

static void begin_marks(void)
{
	unsigned int cpu;

	preempt_disable();
	smp_mb(); /* what was unlinked, before the counts are read */
	for_each_online_hart(cpu) {
		struct mark *m = per_cpu_ptr(&mark, cpu);

		m->quiescent = READ_ONCE(queue_of(cpu)->quiescent);
		/* This hart runs this thread, which isn't a reader. */
		m->waits = cpu != smp_processor_id();
	}
	preempt_enable();
}

static bool has_passed(unsigned int cpu)
{
	return hart_info(cpu)->state != HART_ONLINE || hart_is_idle(cpu) ||
	       __atomic_load_n(&queue_of(cpu)->quiescent, __ATOMIC_ACQUIRE) !=
		       per_cpu_ptr(&mark, cpu)->quiescent;
}

/* Look at the harts that are waited for, and push those that still run the same. */
static bool all_passed(void)
{
	bool all = true;

	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		struct mark *m = per_cpu_ptr(&mark, cpu);

		if (!m->waits)
			continue;
		m->waits = !has_passed(cpu);
		WRITE_ONCE(queue_of(cpu)->rcu_wants, m->waits);
		if (!m->waits)
			continue;
		all = false;
		resched_hart(cpu);
	}
	return all;
}

static void wait_grace_period(void)
{
	u64 ns = FIRST_WAIT_NS;

	begin_marks();
	while (!all_passed()) {
		sleep_ns(ns);
		ns = min(2 * ns, LONGEST_NS);
	}
	smp_mb(); /* nothing is freed before */
	WRITE_ONCE(rcu.periods, rcu.periods + 1);
}

/* ---- the thread ---- */

static struct rcu_head *take_all(void)
{
	struct rcu_head *all;
	unsigned long flags;

	spin_lock_irqsave(&rcu.lock, flags);
	all = rcu.first;
	rcu.first = NULL;
	rcu.last = &rcu.first;
	spin_unlock_irqrestore(&rcu.lock, flags);
	return all;
}

static __noreturn int rcu_thread(void *arg)
{
	for (;;) {
		struct rcu_head *head;

		wait_event(rcu.wait, (head = take_all()) != NULL);
		wait_grace_period();
		while (head) {
			struct rcu_head *next = head->next;

			head->fn(head);
			head = next;
		}
	}
}

void __init rcu_init(void)
{
	rcu.thread = kthread_create(rcu_thread, NULL, "rcu");
	if (!rcu.thread)
		panic("no memory for the thread that waits for RCU readers");
	set_priority(rcu.thread, PRIO);
	wake_up_process(rcu.thread);
}

/* ---- public ---- */

void call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
	unsigned long flags;
	bool was_empty;

	head->fn = fn;
	head->next = NULL;
	spin_lock_irqsave(&rcu.lock, flags);
	was_empty = !rcu.first;
	*rcu.last = head;
	rcu.last = &head->next;
	spin_unlock_irqrestore(&rcu.lock, flags);
	if (was_empty)
		wake_up(&rcu.wait);
}

struct waiter {
	struct rcu_head head;
	struct completion done;
};

static void complete_waiter(struct rcu_head *head)
{
	complete(&container_of(head, struct waiter, head)->done);
}

void synchronize_rcu(void)
{
	struct waiter w;

	might_sleep();
	/* Early in the boot there is one thread, and it isn't reading. */
	if (!rcu.thread)
		return;
	if (current == rcu.thread)
		panic("synchronize_rcu() in a function that call_rcu() called");
	init_completion(&w.done);
	call_rcu(&w.head, complete_waiter);
	wait_for_completion(&w.done);
}

/* Callbacks are called in order, so the one of this wait is called after all before it. */
void rcu_barrier(void)
{
	synchronize_rcu();
}

unsigned long rcu_grace_periods(void)
{
	return READ_ONCE(rcu.periods);
}
