/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * core.c - who runs: the run queues, the switch, sleeping and waking
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
 * A waker that finds on_queue == 0 waits for on_hart == 0 before it lets another hart have the
 * thread.  A waker that finds on_queue == 1 was faster than schedule(): it sets RUNNING, and
 * schedule() leaves the thread where it is.  So it does for 2: whoever moves the thread puts it
 * on its new queue, under its wake_lock so that the harts allowed to it stay what they are.
 *
 * Invariants (sched_validate): bit p of bitmap <=> queue[p] not empty; waiting == threads in the
 *   lists; each has on_queue, state RUNNING unless it was preempted on its way to sleep, cpu ==
 *   this hart, and priority p.
 * Locking: thread.wake_lock (rank WAKE), then run_queue.lock (rank RUNQUEUE); interrupts off for
 *   both.  Of two queues the second is only tried.
 * Cost: yield to another thread: 193 instructions, switch_to() 29 of them.
 * Not here: choosing another hart (balance.c), making and ending threads (thread.c).
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

static inline bool more_urgent(const struct run_queue *rq, const struct thread *t)
{
	return rq->bitmap & ((1u << t->prio) - 1);
}

/* Is some thread waiting that should run before @t, or take turns with it? */
static inline bool has_rival(const struct run_queue *rq, const struct thread *t)
{
	return rq->bitmap << (31 - t->prio);
}

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

/* Others wait behind @t: see to it that its turn ends. */
static __noinline void arm_slice(struct run_queue *rq, struct thread *t)
{
	rq->slice_armed = !timer_start(this_cpu_ptr(&slice_timer), ktime_of_ticks(t->slice_end));
}

/* ---- switching ---- */

static void move_thread(struct thread *t);

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
TRACEPOINT(sched_wakeup, "thread %u on hart %lu, priority %lu");

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

/* ---- waking ---- */

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

/* Put @t, which is between queues, on one of those that it may be on. */
static void move_thread(struct thread *t)
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

void queues_init(void)
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
