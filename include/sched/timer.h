/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.h - something to be done at a time
 *
 * Each hart has its timers in a heap, its timer interrupt set to the first (Sstc's stimecmp, or
 * SBI).  Nothing ticks: a hart without timers has no timer interrupts.  A timer's function runs
 * in the interrupt, on the hart that started it, with interrupts off; it may start the timer again.
 * If another hart starts the timer meanwhile, it stays on the hart where the function runs.
 *
 * A hart that goes off hands its timers to another.
 */
#ifndef SCHED_TIMER_H
#define SCHED_TIMER_H

#include <base/compiler.h>
#include <kernel/time.h>

struct timer {
	u64 expires_ns; /* of ktime_ns() */
	void (*fn)(struct timer *t);
	unsigned int cpu;   /* whose heap it belongs to, or TIMER_NO_CPU */
	unsigned int index; /* in the heap, from 1; 0: not pending */
};

#define TIMER_NO_CPU ~0u /* it was never started */

#define TIMER_INIT(function)                           \
	{                                              \
		.fn = (function), .cpu = TIMER_NO_CPU, \
	}

static inline void timer_setup(struct timer *t, void (*fn)(struct timer *t))
{
	*t = (struct timer)TIMER_INIT(fn);
}

/* timer_start - (re)start @t on this hart for @expires_ns (ktime_ns() based).  Any context.
 * 0, or -ENOMEM if the hart's heap can't grow: @t isn't pending then. */
int timer_start(struct timer *t, u64 expires_ns) __must_check;

/* timer_cancel - true if it was pending; its function may be running elsewhere. Any context. */
bool timer_cancel(struct timer *t);
/* The same, and wait until the function doesn't run anywhere, nor has started @t again.  False: it
 * wasn't started, or its function has run to its end.  Not from the function itself. */
bool timer_cancel_sync(struct timer *t);
bool timer_pending(const struct timer *t);

/* timers_init - a page for each hart's heap. Boot hart, once, before any other hart runs. */
void timers_init(void);
/* timer_interrupt - the hart's timer interrupt. */
void timer_interrupt(void);
void timers_validate(void);
/* timers_migrate - hart @from went off: its timers come to this one. */
void timers_migrate(unsigned int from);

/* Sleeping; at least that long. */
void sleep_ns(u64 ns);
void msleep(unsigned int ms);
void usleep_range(unsigned long min_us, unsigned long max_us);

#endif
