/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * core.c - who runs: the run queues, the switch, going to sleep
 *
 * Each hart has a queue: a list for each of 32 priorities and a bitmap of those that aren't
 * empty, so picking is one table look-up.  The running thread isn't in a list.
 *
 * A switch: schedule() locks the hart's queue with interrupts off, puts the running thread back
 * into its list if it is still runnable, picks, and calls switch_to().  The thread that
 * comes back from its own switch_to() - or begins - unlocks the queue (finish_switch).
 *
 * on_queue and on_hart keep sleeping and waking apart:
 *   on_queue == 0  <=>  the thread sleeps (or is dead), and needs wake_up_process() to run;
 *   on_queue == 2  <=>  it is runnable, but between two harts' queues, in no list;
 *   on_hart  == 1  <=>  some hart still uses its registers and stack.
 *
 * Invariants (sched_validate): bit p of bitmap <=> queue[p] not empty; waiting == threads in the
 *   lists; each has on_queue, state RUNNING unless it was preempted on its way to sleep, cpu ==
 *   this hart, and priority p.
 * Locking: thread.wake_lock (rank WAKE), then run_queue.lock (rank RUNQUEUE); interrupts off for
 *   both.  Of two queues the second is only tried.
 * Cost: yield to another thread: 193 instructions, switch_to() 29 of them.
 * Not here: waking (wake.c), choosing another hart (balance.c), making and ending threads
 *   (thread.c).
 */
#include "sched.h"

#include <asm/csr.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/time.h>
#include <kernel/trace.h>
#include <sched/hotplug.h>

DEFINE_PER_CPU(struct run_queue, run_queue);
u64 slice_ticks;

/* The lowest bit set in a word that isn't 0 (rv64imac counts no zeros). */
static inline unsigned int lowest_bit(u32 word)
{
	static const u8 bit[32] = { 0,	1,  28, 2,  29, 14, 24, 3, 30, 22, 20, 15, 25, 17, 4,  8,
				    31, 27, 13, 23, 21, 19, 16, 7, 26, 12, 18, 6,  11, 5,  10, 9 };

	return bit[(word & -word) * 0x077CB531U >> 27];
}

/* ---- one queue; its lock is held ---- */

void queue_add(struct run_queue *rq, struct thread *t)
{
	list_add_tail(&t->queue, &rq->queue[t->prio]);
	rq->bitmap |= 1u << t->prio;
	rq->waiting++;
}

/* Back to the front: its turn was cut short by a more urgent thread. */
static void queue_add_first(struct run_queue *rq, struct thread *t)
{
	list_add(&t->queue, &rq->queue[t->prio]);
	rq->bitmap |= 1u << t->prio;
	rq->waiting++;
}

void queue_remove(struct run_queue *rq, struct thread *t)
{
	list_del(&t->queue);
	if (list_empty(&rq->queue[t->prio]))
		rq->bitmap &= ~(1u << t->prio);
	rq->waiting--;
}

static inline struct thread *queue_first(struct run_queue *rq)
{
	return list_first_entry(&rq->queue[lowest_bit(rq->bitmap)], struct thread, queue);
}

/* ---- the end of a turn ---- */

static void slice_over(struct timer *timer)
{
	struct run_queue *rq = this_cpu_ptr(&run_queue);
	struct thread *t;
	u64 now = read_time();

	spin_lock(&rq->lock);
	rq->slice_armed = false;
	t = rq->running;
	if (t != rq->idle && has_rival(rq, t)) {
		if (now >= t->slice_end)
			set_need_resched();
		else
			rq->slice_armed = !timer_start(timer, ktime_of_ticks(t->slice_end));
	}
	spin_unlock(&rq->lock);
}

static DEFINE_PER_CPU(struct timer, slice_timer) = TIMER_INIT(slice_over);

__noinline void arm_slice(struct run_queue *rq, struct thread *t)
{
	rq->slice_armed = !timer_start(this_cpu_ptr(&slice_timer), ktime_of_ticks(t->slice_end));
}

/* ---- switching ---- */

/* The first thing after a switch, on whatever hart this thread came back. */
static __always_inline void switched(void)
{
	struct run_queue *rq = this_cpu_ptr(&run_queue);
	struct thread *leaving = rq->leaving;

	__atomic_store_n(&rq->previous->on_hart, 0, __ATOMIC_RELEASE);
	rq->leaving = NULL;
	spin_unlock_raw(&rq->lock);
	if (unlikely(leaving))
		move_thread(leaving);
}

void finish_switch(void)
{
	switched();
}

/* Account for the time of @prev, and begin @next's. */
static inline void account(struct thread *prev, struct thread *next, u64 now)
{
	prev->runtime += now - prev->run_start;
	next->run_start = now;
	next->switches++;
}

TRACEPOINT(sched_switch, "from thread %u to %lu, left in state %lu");

static void switch_threads(struct run_queue *rq, struct thread *prev, struct thread *next)
{
	u64 now = read_time();

	trace(sched_switch, prev->id, next->id, prev->state);
	account(prev, next, now);
	next->slice_end = now + slice_ticks;
	if (unlikely(rq->waiting && !rq->slice_armed && has_rival(rq, next)))
		arm_slice(rq, next);
	rq->switches++;
	rq->running = next;
	rq->previous = prev;
	next->on_hart = 1;
	this_hart->thread = next;
	this_hart->stack_lo = next->stack_lo;
	switch_hook(prev, next);
	switch_to(&prev->context, &next->context);
}

static __noinline struct thread *pick_when_empty(struct run_queue *rq)
{
	struct thread *t = steal_thread(rq);

	return t ? t : rq->idle;
}

/* The thread that ran goes to the list of its priority, to sleep, or to another hart. */
static inline void put_back(struct run_queue *rq, struct thread *prev, bool preempted)
{
	if (prev == rq->idle)
		return;
	if (prev->state != THREAD_RUNNING && !preempted) {
		__atomic_store_n(&prev->on_queue, 0, __ATOMIC_RELEASE);
	} else if (unlikely(prev->must_leave)) {
		prev->must_leave = 0;
		prev->on_queue = BETWEEN_QUEUES;
		rq->leaving = prev;
	} else if (preempted && more_urgent(rq, prev)) {
		queue_add_first(rq, prev);
	} else {
		queue_add(rq, prev);
	}
}

/*
 * Let the next thread run. Interrupts off, preemption count 1.
 * @preempted: the running thread did not ask for it, so it stays runnable whatever its state says.
 */
static void reschedule(bool preempted)
{
	struct run_queue *rq = this_cpu_ptr(&run_queue);
	struct thread *prev = current, *next;

	spin_lock_raw(&rq->lock);
	clear_need_resched();
	/* Ordered against RCU readers before and after, in both directions (rcu.c). */
	__atomic_fetch_add(&rq->quiescent, 1, __ATOMIC_SEQ_CST);
	put_back(rq, prev, preempted);
	if (likely(rq->bitmap)) {
		next = queue_first(rq);
		queue_remove(rq, next);
	} else {
		next = pick_when_empty(rq);
	}
	if (next == prev) {
		prev->slice_end = read_time() + slice_ticks;
		spin_unlock_raw(&rq->lock);
		return;
	}
	if (unlikely(preempted) && rq->waiting && prev != rq->idle)
		kick_idle(prev);
	switch_threads(rq, prev, next);
	switched();
}

void schedule(void)
{
	BUG_ON(in_atomic() || irqs_disabled());
	do {
		preempt_disable();
		local_irq_disable();
		reschedule(false);
		local_irq_enable();
		preempt_enable_no_resched();
	} while (need_resched());
}

void leave_for_good(void)
{
	local_irq_disable();
	reschedule(false);
}

void preempt_schedule(void)
{
	if (in_atomic())
		return;
	/* With interrupts off it happens in an interrupt, as soon as they are on. */
	if (irqs_disabled()) {
		smp_interrupt_self();
		return;
	}
	do {
		preempt_disable();
		local_irq_disable();
		reschedule(true);
		local_irq_enable();
		preempt_enable_no_resched();
	} while (need_resched());
}

/* From the trap exit: interrupts off, count 0, and they were on where the trap came from. */
void preempt_schedule_irq(void)
{
	do {
		preempt_disable();
		reschedule(true);
		preempt_enable_no_resched();
	} while (need_resched());
}

void yield(void)
{
	might_sleep();
	preempt_disable();
	local_irq_disable();
	reschedule(false);
	local_irq_enable();
	preempt_enable();
}

bool cond_resched(void)
{
	if (likely(!need_resched()))
		return false;
	schedule();
	return true;
}

/* ---- idling ---- */

/* Rest until there is an interrupt; interrupts are off, and wfi ends on a pending one all the
 * same. */
static void rest(struct run_queue *rq, unsigned int cpu)
{
	idle_mask_set(cpu);
	/* Who put a thread on a queue before the bit was there didn't tell this hart. */
	if (!need_resched() && !rq->steal_again && !find_work(rq)) {
		load_idle_begin(rq);
		irqs_go_on();
		wait_for_interrupt();
		irqs_went_off();
		load_idle_end(rq);
	}
	idle_mask_clear(cpu);
}

void sched_idle(void)
{
	unsigned int cpu = smp_processor_id();
	struct run_queue *rq = queue_of(cpu);

	for (;;) {
		schedule();
		local_irq_disable();
		if (unlikely(!rq->online))
			hart_leave();
		rest(rq, cpu);
		local_irq_enable();
	}
}

/* ---- harts that go ---- */

void queue_close(void)
{
	struct run_queue *rq = this_cpu_ptr(&run_queue);

	spin_lock_raw(&rq->lock);
	rq->online = false;
	online_mask_clear(smp_processor_id());
	while (rq->bitmap) {
		struct thread *t = queue_first(rq);

		queue_remove(rq, t);
		t->on_queue = BETWEEN_QUEUES;
		spin_unlock_raw(&rq->lock);
		move_thread(t);
		spin_lock_raw(&rq->lock);
	}
	rq->slice_armed = false;
	spin_unlock_raw(&rq->lock);
	timer_cancel(this_cpu_ptr(&slice_timer));
}

/* ---- set-up and checks ---- */

void __init queues_init(void)
{
	slice_ticks = ns_to_ticks(SCHED_SLICE_NS);
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		spin_lock_init_ranked(&queue_of(cpu)->lock, LOCK_RUNQUEUE);
		for (unsigned int prio = 0; prio < SCHED_PRIORITIES; prio++)
			INIT_LIST_HEAD(&queue_of(cpu)->queue[prio]);
	}
}

static void validate_list(struct run_queue *rq, unsigned int cpu, unsigned int prio,
			  unsigned int *waiting)
{
	struct thread *t;

	if ((rq->bitmap >> prio & 1) == list_empty(&rq->queue[prio]))
		panic("run queue of hart %u: bit %u of the bitmap is %u, the list is %sempty", cpu,
		      prio, (unsigned int)(rq->bitmap >> prio & 1),
		      list_empty(&rq->queue[prio]) ? "" : "not ");
	list_for_each_entry(t, &rq->queue[prio], queue) {
		if (t->on_queue != ON_QUEUE || t->cpu != cpu || t->prio != prio || t == rq->running)
			panic("run queue of hart %u, priority %u: thread %s has on_queue %u, cpu "
			      "%u, "
			      "priority %u",
			      cpu, prio, t->name, (unsigned int)t->on_queue, t->cpu, t->prio);
		(*waiting)++;
	}
}

void sched_validate(void)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		struct run_queue *rq = queue_of(cpu);
		unsigned int waiting = 0;
		unsigned long flags;

		spin_lock_irqsave(&rq->lock, flags);
		for (unsigned int prio = 0; prio < SCHED_PRIORITIES; prio++)
			validate_list(rq, cpu, prio, &waiting);
		if (waiting != rq->waiting)
			panic("run queue of hart %u: %u threads in the lists, waiting is %u", cpu,
			      waiting, rq->waiting);
		spin_unlock_irqrestore(&rq->lock, flags);
	}
}
