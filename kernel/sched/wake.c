/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wake.c - who may run again: waking, timeouts, and a thread's priority and harts when they change
 *
 * on_queue and on_hart (core.c) say what a waker has to do:
 *   on_queue == 0  it waits for on_hart == 0 before it lets another hart have the thread;
 *   on_queue == 1  it was faster than schedule(): it sets RUNNING, and schedule() leaves the thread
 *                  where it is;
 *   on_queue == 2  likewise: whoever moves the thread puts it on its new queue, under its
 *                  wake_lock so that the harts allowed to it stay what they are.
 *
 * Locking: thread.wake_lock (rank WAKE), then run_queue.lock (rank RUNQUEUE); interrupts off for
 *   both.
 * Not here: which hart a woken thread gets (balance.c), the switch (core.c).
 */
#include "sched.h"

#include <kernel/time.h>
#include <kernel/trace.h>

TRACEPOINT(sched_wakeup, "thread %u on hart %lu, priority %lu");

/* Lock the queue that @t belongs to: it can move until its queue is locked. */
static struct run_queue *lock_queue_of(const struct thread *t)
{
	for (;;) {
		unsigned int cpu = READ_ONCE(t->cpu);
		struct run_queue *rq = queue_of(cpu);

		spin_lock_raw(&rq->lock);
		if (likely(READ_ONCE(t->cpu) == cpu))
			return rq;
		spin_unlock_raw(&rq->lock);
	}
}

void resched_hart(unsigned int cpu)
{
	if (cpu != smp_processor_id()) {
		smp_send_reschedule(cpu);
		return;
	}
	set_need_resched();
	/* Interrupts are off. The switch comes when they are on: at the end of the interrupt that
	 * this is, or in one that we ask for. */
	if (!in_interrupt())
		smp_interrupt_self();
}

/* A reschedule interrupt: somebody gave this hart a thread, or took it the right to its own. */
void sched_ipi(void)
{
	struct run_queue *rq = this_cpu_ptr(&run_queue);
	struct thread *t;

	spin_lock(&rq->lock);
	t = rq->running;
	if (t == rq->idle || !may_run_on(t, smp_processor_id()) || more_urgent(rq, t))
		set_need_resched();
	else if (!rq->slice_armed && has_rival(rq, t))
		arm_slice(rq, t);
	if (READ_ONCE(rq->rcu_wants))
		set_need_resched();
	spin_unlock(&rq->lock);
}

/* Others of its priority wait behind what hart @cpu runs. */
static void arm_slice_of(struct run_queue *rq, unsigned int cpu)
{
	if (cpu == smp_processor_id())
		arm_slice(rq, rq->running);
	else
		smp_send_reschedule(cpu);
}

/* Put @t, which neither runs nor waits, on a hart's queue. */
static void enqueue_woken(struct thread *t)
{
	unsigned int cpu = select_hart(t);
	struct run_queue *rq = queue_of(cpu);
	bool waits;

	spin_lock_raw(&rq->lock);
	while (unlikely(!rq->online)) { /* it went off meanwhile; hart 0 never does */
		spin_unlock_raw(&rq->lock);
		cpu = select_hart(t);
		rq = queue_of(cpu);
		spin_lock_raw(&rq->lock);
	}
	trace(sched_wakeup, t->id, cpu, t->prio);
	t->cpu = cpu;
	t->on_queue = ON_QUEUE;
	queue_add(rq, t);
	waits = rq->running != rq->idle && t->prio >= rq->running->prio;
	if (!waits)
		resched_hart(cpu);
	else if (t->prio == rq->running->prio && !rq->slice_armed)
		arm_slice_of(rq, cpu);
	spin_unlock_raw(&rq->lock);
	if (waits)
		kick_idle(t);
}

void move_thread(struct thread *t)
{
	spin_lock_raw(&t->wake_lock);
	enqueue_woken(t);
	spin_unlock_raw(&t->wake_lock);
}

/* @t was about to sleep and is still on its queue: it only needs its state. */
static bool wake_before_sleep(struct thread *t)
{
	struct run_queue *rq = lock_queue_of(t);
	bool still = t->on_queue;

	if (still)
		t->state = THREAD_RUNNING;
	spin_unlock_raw(&rq->lock);
	return still;
}

bool wake_up_process(struct thread *t)
{
	unsigned long flags;
	bool woken = false;

	spin_lock_irqsave(&t->wake_lock, flags);
	smp_mb(); /* what the caller made true is seen before the state is read */
	if (READ_ONCE(t->state) != THREAD_SLEEPING && READ_ONCE(t->state) != THREAD_PARKED)
		goto out;
	woken = true;
	if (__atomic_load_n(&t->on_queue, __ATOMIC_ACQUIRE) && wake_before_sleep(t))
		goto out;
	while (__atomic_load_n(&t->on_hart, __ATOMIC_ACQUIRE))
		cpu_relax();
	t->state = THREAD_RUNNING;
	enqueue_woken(t);
out:
	spin_unlock_irqrestore(&t->wake_lock, flags);
	return woken;
}

struct timeout {
	struct timer timer;
	struct thread *thread;
};

static void timeout_over(struct timer *timer)
{
	wake_up_process(container_of(timer, struct timeout, timer)->thread);
}

u64 schedule_timeout_ns(u64 ns)
{
	struct timeout timeout = { TIMER_INIT(timeout_over), current };
	u64 now = ktime_ns(), end = ns < ~0ull - now ? now + ns : ~0ull;

	if (timer_start(&timeout.timer, end)) {
		/* No memory for a timer: poll, which is slow but right. */
		set_current_state(THREAD_RUNNING);
		yield();
	} else {
		schedule();
		timer_cancel_sync(&timeout.timer);
	}
	now = ktime_ns();
	return now < end ? end - now : 0;
}

/* Is @t in a list of @rq, which is its queue and locked? */
static bool is_waiting(const struct run_queue *rq, const struct thread *t)
{
	return t->on_queue == ON_QUEUE && rq->running != t && rq->idle != t;
}

void change_priority(struct thread *t, unsigned int prio)
{
	struct run_queue *rq = lock_queue_of(t);

	if (is_waiting(rq, t)) {
		queue_remove(rq, t);
		t->prio = (u8)prio;
		queue_add(rq, t);
	} else {
		t->prio = (u8)prio;
	}
	if (more_urgent(rq, rq->running))
		resched_hart(t->cpu);
	else if (!rq->slice_armed && rq->running != rq->idle && has_rival(rq, rq->running))
		arm_slice_of(rq, t->cpu);
	spin_unlock_raw(&rq->lock);
}

void leave_hart(struct thread *t)
{
	struct run_queue *rq = lock_queue_of(t);
	bool moves = t->on_queue == ON_QUEUE && !may_run_on(t, t->cpu);

	if (moves && is_waiting(rq, t)) {
		queue_remove(rq, t);
		t->on_queue = BETWEEN_QUEUES;
	} else {
		/* It runs: reschedule() sends it away, unless it's allowed again by then. */
		t->must_leave = moves;
		if (moves)
			resched_hart(t->cpu);
		moves = false;
	}
	spin_unlock_raw(&rq->lock);
	if (moves)
		enqueue_woken(t);
}

void set_priority(struct thread *t, unsigned int prio)
{
	unsigned long flags;

	spin_lock_irqsave(&t->wake_lock, flags);
	t->base_prio = (u8)min(prio, (unsigned int)SCHED_PRIO_LOWEST);
	change_priority(t, mutex_inherited_prio(t));
	spin_unlock_irqrestore(&t->wake_lock, flags);
	mutex_pass_priority(t);
}
