/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_sched.c - what switching, waking and interrupts cost, in instructions
 *
 * yield_switch: one switch of two threads that yield to each other.  wake_switch_back: a thread
 * wakes a more urgent one that sleeps, which runs and sleeps again, until the first goes on.
 * thread_pair: a thread is made, runs, ends and is joined.
 * timer_interrupt: from interrupts on, with a timer due, until they are off again; the timer's
 * function does nothing.  ipi_call: another hart is called and has answered, in nanoseconds,
 * since -icount counts the instructions of all harts in turns.
 */
#include <base/errno.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <sched/timer.h>
#include <sched/wait.h>
#include <shell/bench.h>

#define ROUNDS 5
#define TURNS  500

/* The best of ROUNDS of what @run, which does TURNS operations, takes; one operation's. */
static u64 best_of(void (*run)(void *arg), void *arg)
{
	u64 best = BENCH_FAILED, empty = ~0ull;

	for (int round = 0; round < ROUNDS; round++) {
		u64 t0 = bench_stamp(), t1 = bench_stamp();

		run(arg);
		best = min(best, bench_stamp() - t1);
		empty = min(empty, t1 - t0);
	}
	return (best - empty + TURNS / 2) / TURNS;
}

/* A thread that shares this hart. */
static struct thread *companion(int (*fn)(void *arg), unsigned int prio)
{
	struct thread *t = kthread_create(fn, NULL, "bench");

	if (!t)
		return NULL;
	set_priority(t, prio);
	if (kthread_bind(t, smp_processor_id())) {
		kthread_stop(t);
		return NULL;
	}
	wake_up_process(t);
	return t;
}

static int yield_till_stopped(void *arg)
{
	while (!kthread_should_stop())
		yield();
	return 0;
}

/* Two switches a yield: to the other thread and back; so half as many. */
static void yield_turns(void *arg)
{
	for (unsigned int i = 0; i < TURNS / 2; i++)
		yield();
}

static u64 run_yield(void)
{
	struct thread *t = companion(yield_till_stopped, current->prio);
	u64 n;

	if (!t)
		return BENCH_FAILED;
	yield();
	n = best_of(yield_turns, NULL);
	kthread_stop(t);
	return n;
}

static int sleep_till_stopped(void *arg)
{
	for (;;) {
		set_current_state(THREAD_SLEEPING);
		if (kthread_should_stop())
			break;
		schedule();
	}
	set_current_state(THREAD_RUNNING);
	return 0;
}

static void wake_turns(void *arg)
{
	for (unsigned int i = 0; i < TURNS; i++)
		wake_up_process(arg);
}

static u64 run_wake(void)
{
	struct thread *t = companion(sleep_till_stopped, current->prio - 1);
	u64 n;

	if (!t)
		return BENCH_FAILED;
	n = best_of(wake_turns, t);
	/* Each wake-up was answered by a switch there and back. */
	if (t->switches < ROUNDS * TURNS)
		n = BENCH_FAILED;
	kthread_stop(t);
	return n;
}

static unsigned int expired;

static void count_expired(struct timer *timer)
{
	expired++;
}

static u64 run_timer(void)
{
	struct timer timer = TIMER_INIT(count_expired);
	u64 best = BENCH_FAILED, empty = ~0ull;
	unsigned long flags;

	expired = 0;
	local_irq_save(flags);
	for (int i = 0; i < TURNS; i++) {
		u64 t0, t1;

		t0 = bench_stamp();
		t1 = bench_stamp();
		empty = min(empty, t1 - t0);
		if (timer_start(&timer, 0))
			break;
		t0 = bench_stamp();
		local_irq_enable();
		local_irq_disable();
		t1 = bench_stamp();
		best = min(best, t1 - t0);
	}
	local_irq_restore(flags);
	return expired == TURNS ? best - empty : BENCH_FAILED;
}

static void do_nothing(void *arg)
{
}

static void call_turns(void *arg)
{
	for (unsigned int i = 0; i < TURNS; i++)
		*(int *)arg |= smp_call_function_single(1, do_nothing, NULL);
}

static u64 run_ipi(void)
{
	u64 start, best = BENCH_FAILED;
	int err = 0;

	if (nr_harts < 2 || hart_info(1)->state != HART_ONLINE)
		return BENCH_SKIPPED;
	for (int round = 0; round < ROUNDS; round++) {
		start = ktime_ns();
		call_turns(&err);
		best = min(best, (ktime_ns() - start) / TURNS);
	}
	return err ? BENCH_FAILED : best;
}

static int end_at_once(void *arg)
{
	return 0;
}

static void thread_turns(void *arg)
{
	for (unsigned int i = 0; i < TURNS; i++) {
		struct thread *t = kthread_run(end_at_once, NULL, "bench");

		if (t)
			kthread_join(t);
	}
}

static u64 run_thread(void)
{
	return best_of(thread_turns, NULL);
}

static const struct bench bench_thread = { "thread_pair", run_thread, NULL };
TABLE_ENTRY(bench, bench_thread);
static const struct bench bench_yield = { "yield_switch", run_yield, NULL };
TABLE_ENTRY(bench, bench_yield);
static const struct bench bench_wake = { "wake_switch_back", run_wake, NULL };
TABLE_ENTRY(bench, bench_wake);
static const struct bench bench_timer = { "timer_interrupt", run_timer, NULL };
TABLE_ENTRY(bench, bench_timer);
static const struct bench bench_ipi = { "ipi_call", run_ipi,
					"nanoseconds for a call to another hart and its answer" };
TABLE_ENTRY(bench, bench_ipi);
