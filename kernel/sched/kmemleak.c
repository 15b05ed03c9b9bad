/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmemleak.c - the thread that looks for leaks, and where stacks may hold pointers
 *
 * It works when nobody else does: first a minute after boot, then every ten minutes, and when
 * somebody waits for a scan, who lends it the usual priority.  It is the only one that scans, so
 * that what it has looked at, and has on its own stack, doesn't count.
 *
 * A thread that doesn't run: from its stack pointer up, which includes its saved registers.  One
 * that runs somewhere: all of its stack.  Its registers were put there by an interrupt just before.
 * Idle threads have nothing, but their registers still hold what the thread before left there.
 *
 * Locking: a thread is in the list while it's looked at (rank THREADS, then KMEMLEAK).
 * Not here: what is a leak (mm/kmemleak_scan.c).
 */
#include <sched/kmemleak.h>

#include "sched.h"

#include <asm/layout.h>
#include <kernel/panic.h>
#include <kernel/smp.h>
#include <kernel/sysctl.h>
#include <mm/kmemleak.h>
#include <sched/wait.h>

#define FIRST_NS (60 * 1000000000ull)

static struct {
	struct thread *thread;
	struct wait_queue asks, waits; /* the thread waits; others wait for it */
	u32 asked, done;	       /* scans */
	unsigned long new;	       /* leaks that the last one found */
} scanner = { .asks = WAIT_QUEUE_INIT(scanner.asks), .waits = WAIT_QUEUE_INIT(scanner.waits) };

static unsigned int kmemleak_period_s = 600;
SYSCTL(vm, kmemleak_period_s, kmemleak_period_s, 1, 86400, NULL,
       "seconds from one look for leaks to the next");

/* ---- stacks ---- */

struct after {
	unsigned int id; /* threads up to this one have been looked at */
	struct thread *next;
	unsigned int next_id;
};

static void find_next(struct thread *t, void *arg)
{
	struct after *a = arg;

	if (t->id > a->id && (!a->next || t->id < a->next_id)) {
		a->next = t;
		a->next_id = t->id;
	}
}

/* That one, unless it has gone. */
static void scan_if_next(struct thread *t, void *arg)
{
	const struct after *a = arg;
	unsigned long from = t->stack_lo;

	if (t != a->next || t == current || t == queue_of(t->cpu)->idle)
		return;
	if (!__atomic_load_n(&t->on_hart, __ATOMIC_ACQUIRE) && t->context.sp - from < STACK_SIZE)
		from = t->context.sp;
	kmemleak_scan_range((void *)from, (void *)(t->stack_lo + STACK_SIZE));
}

static void nothing(void *arg)
{
}

/* A stack at a time: threads come and go between two. */
static void scan_stacks(void)
{
	struct after a = { 0 };

	on_each_hart(nothing, NULL);
	for (;;) {
		a.next = NULL;
		sched_for_each(find_next, &a);
		if (!a.next)
			return;
		sched_for_each(scan_if_next, &a);
		a.id = a.next_id;
	}
}

/* ---- the thread ---- */

static __noreturn int scanner_thread(void *arg)
{
	u64 ns = FIRST_NS;

	for (;;) {
		u32 asked;

		wait_event_timeout_ns(scanner.asks, READ_ONCE(scanner.asked) != scanner.done, ns);
		asked = READ_ONCE(scanner.asked);
		WRITE_ONCE(scanner.new, kmemleak_scan());
		WRITE_ONCE(scanner.done, asked);
		wake_up(&scanner.waits);
		ns = READ_ONCE(kmemleak_period_s) * 1000000000ull;
	}
}

unsigned long kmemleak_scan_now(void)
{
	u32 mine = __atomic_add_fetch(&scanner.asked, 1, __ATOMIC_RELAXED);

	set_priority(scanner.thread, SCHED_PRIO_DEFAULT);
	wake_up(&scanner.asks);
	wait_event(scanner.waits, (s32)(READ_ONCE(scanner.done) - mine) >= 0);
	set_priority(scanner.thread, SCHED_PRIO_LOWEST);
	return READ_ONCE(scanner.new);
}

void kmemleak_start(void)
{
	if (!kmemleak_on)
		return;
	kmemleak_scan_stacks = scan_stacks;
	scanner.thread = kthread_create(scanner_thread, NULL, "kmemleak");
	if (!scanner.thread)
		panic("no memory for the thread kmemleak");
	set_priority(scanner.thread, SCHED_PRIO_LOWEST);
	wake_up_process(scanner.thread);
}
