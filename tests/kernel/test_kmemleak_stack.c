/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kmemleak_stack.c - what stands on a thread's stack is no leak, if the thread put it there
 *
 * Registers are on the stack while a thread doesn't run.
 *
 * Needs kmemleak=on and skips without: tests/system/test_kmemleak.py gives it.
 */
#include <mm/kmemleak.h>
#include <shell/ktap.h>

#ifdef CONFIG_DEBUG_KMEMLEAK

#include <asm/hart_local.h>
#include <asm/irqflags.h>
#include <mm/kmalloc.h>
#include <sched/kmemleak.h>
#include <sched/thread.h>
#include <sched/wait.h>

#include "leak_tools.h"

#define HOLE 64 /* words of a frame */

static struct completion there, may_go;

static int holder(void *arg)
{
	void *volatile mine = plant(0, sizeof(struct node));

	complete(&there);
	wait_for_completion(&may_go);
	barrier();
	kfree(mine);
	return 0;
}

/* What a thread leaves on its stack. */
static int smear(void *nr)
{
	void *old[HOLE];

	for (unsigned i = 0; i < HOLE; i++)
		old[i] = node_nr(0);
	asm volatile("" : : "m"(old));
	return 0;
}

/* It sleeps with a frame in which it has stored nothing. */
static int sleeper(void *arg)
{
	void *hole[HOLE];

	asm volatile("" : "=m"(hole));
	complete(&there);
	wait_for_completion(&may_go);
	asm volatile("" : : "m"(hole));
	return 0;
}

/* Object 0, planted by now or by @fn: is it a leak while that sleeps? */
static void check_asleep(struct ktap *t, int (*fn)(void *arg), bool leak)
{
	struct thread *thread;

	init_completion(&there);
	init_completion(&may_go);
	thread = kthread_run(fn, NULL, "sleeper");
	KTAP_ASSERT(t, thread != NULL);
	wait_for_completion(&there);
	scan_twice();
	KTAP_EXPECT(t, !planted.failed);
	KTAP_EXPECT_EQ(t, is_leak(0), leak);
	complete(&may_go);
	kthread_join(thread);
}

static void test_held(struct ktap *t)
{
	planted = (struct planted){ 0 };
	if (leaks_ready(t))
		check_asleep(t, holder, false);
}

static int plant_one(void *arg)
{
	plant(0, sizeof(struct node));
	return 0;
}

/* What a stack's last owner left there leads nowhere.  A hart keeps a few stacks. */
static void test_used(struct ktap *t)
{
	if (!leaks_ready(t) || !KTAP_EXPECT(t, planted_by(plant_one)))
		return;
	for (unsigned i = 0; i < 4; i++)
		elsewhere(smear, 0);
	check_asleep(t, sleeper, true);
	uproot(0);
}

/* Scan as the thread that does, whose stack isn't read, after a trap found the object in a
 * register. */
static int plant_and_scan(void *arg)
{
	struct node *n = plant(0, sizeof(*n));

	for (unsigned i = 0; i < 4; i++) {
		unsigned long flags;

		local_irq_save(flags);
		this_hart->scratch[0] = this_hart->scratch[1] = (unsigned long)n;
		local_irq_restore(flags);
		kmemleak_scan();
	}
	return 0;
}

/* Where a trap puts registers for a moment, nothing is held. */
static void test_trap(struct ktap *t)
{
	if (!leaks_ready(t) || !KTAP_EXPECT(t, planted_by(plant_and_scan)))
		return;
	KTAP_EXPECT(t, is_leak(0));
	uproot(0);
}

#else
static void skipped(struct ktap *t)
{
	ktap_skip(t, "needs CONFIG_DEBUG_KMEMLEAK");
}
#define test_held skipped
#define test_used skipped
#define test_trap skipped
#endif

static const struct ktap_case cases[] = {
	{ "held", test_held },
	{ "used", test_used },
	{ "trap", test_trap },
	{},
};
static const struct ktap_suite suite_kmemleak_stack = { "kmemleak-stack", cases };
TABLE_ENTRY(ktap_suite, suite_kmemleak_stack);
