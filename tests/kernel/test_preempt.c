/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_preempt.c - a switch that is due happens as soon as it may, whenever it became due
 *
 * A timer wakes an urgent thread, bound to this hart, while preemption is off.  Nothing ticks, so
 * a switch that is forgotten then would have to wait for some other interrupt.
 */
#include <kernel/preempt.h>

#include <asm/barrier.h>
#include <sched/thread.h>
#include <sched/timer.h>
#include <sched/wait.h>
#include <shell/ktap.h>

#define ROUNDS 1000

static struct {
	struct thread *thread;
	struct completion go;
	struct timer timer;
	u32 fired, ran, stop;
} urgent;

static int run_at_once(void *arg)
{
	(void)arg;
	for (;;) {
		wait_for_completion(&urgent.go);
		if (urgent.stop)
			return 0;
		WRITE_ONCE(urgent.ran, urgent.ran + 1);
	}
}

static void wake_urgent(struct timer *timer)
{
	(void)timer;
	complete(&urgent.go);
	WRITE_ONCE(urgent.fired, 1);
}

static bool begin(struct ktap *t)
{
	init_completion(&urgent.go);
	urgent.ran = urgent.stop = 0;
	timer_setup(&urgent.timer, wake_urgent);
	urgent.thread = kthread_create(run_at_once, NULL, "urgent");
	if (!KTAP_EXPECT(t, urgent.thread))
		return false;
	set_priority(urgent.thread, SCHED_PRIO_HIGHEST);
	KTAP_EXPECT_EQ(t, kthread_bind(urgent.thread, 0), 0); /* where the suites run */
	wake_up_process(urgent.thread);
	return true;
}

static void end(void)
{
	timer_cancel_sync(&urgent.timer);
	urgent.stop = 1;
	complete(&urgent.go);
	kthread_join(urgent.thread);
}

static bool start(u64 ns)
{
	urgent.fired = 0;
	return !timer_start(&urgent.timer, ktime_ns() + ns);
}

/* The timer comes between any two instructions of preempt_disable() and preempt_enable(): of those
 * between which the emulator lets interrupts in, so test_preempt.py makes that all. */
static void test_anywhere(struct ktap *t)
{
	unsigned int late = 0;

	if (!begin(t))
		return;
	for (u32 i = 0; i < ROUNDS; i++) {
		if (!KTAP_EXPECT(t, start(10000 + i * 100 % 3700)))
			break;
		do {
			preempt_disable();
			preempt_enable();
		} while (!READ_ONCE(urgent.fired));
		late += READ_ONCE(urgent.ran) != i + 1;
		while (READ_ONCE(urgent.ran) != i + 1)
			msleep(1);
	}
	KTAP_EXPECT_EQ(t, late, 0);
	end();
}

/* Preemption is on again while interrupts are still off. */
static void test_crossed(struct ktap *t)
{
	unsigned long flags;

	if (!begin(t))
		return;
	for (u32 i = 0; i < 10; i++) {
		preempt_disable();
		KTAP_EXPECT(t, start(20000));
		while (!READ_ONCE(urgent.fired))
			cpu_relax();
		KTAP_EXPECT_EQ(t, READ_ONCE(urgent.ran), i);
		local_irq_save(flags);
		preempt_enable();
		KTAP_EXPECT_EQ(t, READ_ONCE(urgent.ran), i);
		local_irq_restore(flags);
		KTAP_EXPECT_EQ(t, READ_ONCE(urgent.ran), i + 1);
		while (READ_ONCE(urgent.ran) != i + 1)
			msleep(1);
	}
	end();
}

static const struct ktap_case cases[] = {
	{ "anywhere", test_anywhere },
	{ "crossed", test_crossed },
	{},
};

static const struct ktap_suite suite_preempt = { "preempt", cases };
TABLE_ENTRY(ktap_suite, suite_preempt);
