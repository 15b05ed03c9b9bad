/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lockreport.c - saying that a lock or a sleep is wrong, or keeping it for a test
 *
 * A report is one sentence and up to two backtraces: how the code came here, and how it was that
 * preemption or interrupts are off (irqsoff.c).  A place is reported once, and at most MAX_REPORTS
 * are, so that a mistake in a busy place doesn't bury the first report.
 *
 * Locking: none; `expected` belongs to the thread in it.  Any context.
 */
#include "sched.h"

#include <asm/trap.h>
#include <kernel/lockdebug.h>
#include <kernel/log.h>
#include <stdarg.h>
#include <stdio.h>

#define MAX_REPORTS 20

static struct {
	const struct thread *thread; /* whose reports are expected, or NULL */
	unsigned int nr;
	char text[320];
} expected;

static unsigned long reported[MAX_REPORTS]; /* places */
static unsigned int nr_reports;
static DEFINE_PER_CPU(bool, reporting);

void lock_expect_begin(void)
{
	expected.nr = 0;
	expected.text[0] = 0;
	WRITE_ONCE(expected.thread, current);
}

unsigned int lock_expect_end(const char **text)
{
	WRITE_ONCE(expected.thread, NULL);
	*text = expected.text;
	return expected.nr;
}

/* True if nobody should see it: a test expects it. */
static bool keep_for_test(const char *text)
{
	if (!current || READ_ONCE(expected.thread) != current)
		return false;
	if (!expected.nr++)
		snprintf(expected.text, sizeof(expected.text), "%s", text);
	return true;
}

static void show(bool off, bool irqs_off, const char *text)
{
	printk(LOG_ERR, "BUG: %s", text);
	printk(LOG_ERR, "hart %u, thread %s, preemption count 0x%x%s, here:", smp_processor_id(),
	       current ? current->name : "-", (unsigned int)preempt_count(),
	       off && irqs_off ? ", interrupts off" : "");
	backtrace_here();
	if (off)
		irqsoff_show_last(irqs_off);
}

/* Is this the first report of @place?  Two harts at once may both be told so. */
static bool is_new(unsigned long place)
{
	unsigned int n;

	for (unsigned int i = 0; i < min(READ_ONCE(nr_reports), (unsigned int)MAX_REPORTS); i++)
		if (reported[i] == place)
			return false;
	n = __atomic_fetch_add(&nr_reports, 1, __ATOMIC_RELAXED);
	if (n == MAX_REPORTS)
		printk(LOG_ERR, "BUG: there is more wrong with locks, which isn't shown");
	if (n >= MAX_REPORTS)
		return false;
	reported[n] = place;
	return true;
}

/* Interrupts are off. */
static void report(unsigned long place, bool off, bool irqs_off, const char *fmt, va_list args)
{
	char text[320];

	vsnprintf(text, sizeof(text), fmt, args);
	if (keep_for_test(text))
		return;
	if (is_new(place))
		show(off, irqs_off, text);
}

void lock_report(unsigned long place, bool off, const char *fmt, ...)
{
	unsigned long flags = arch_irq_save_untraced();
	va_list args;

	if (!*this_cpu_ptr(&reporting)) {
		*this_cpu_ptr(&reporting) = true;
		va_start(args, fmt);
		report(place, off, !flags, fmt, args);
		va_end(args);
		*this_cpu_ptr(&reporting) = false;
	}
	arch_irq_restore_untraced(flags);
}

#ifdef CONFIG_DEBUG_ATOMIC_SLEEP
void might_sleep_at(const char *file, int line)
{
	/* The boot, before there is an idle thread, may: it won't have to wait. */
	if ((!in_atomic() && !irqs_disabled()) || !this_cpu_ptr(&run_queue)->idle)
		return;
	lock_report((unsigned long)__builtin_return_address(0), true, "%s:%d may sleep, but %s",
		    file, line,
		    in_interrupt() ? "this is an interrupt handler"
		    : in_atomic()  ? "preemption is off"
				   : "interrupts are off");
}
#endif
