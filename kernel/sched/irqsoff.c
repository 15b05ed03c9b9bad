/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * irqsoff.c - since when, and by whom, interrupts and preemption are off
 *
 * Whoever turns one of them off leaves a note: the address it did so from, and a copy of the top of
 * its stack, as the function will often have returned (spin locks are taken by helpers) when the
 * question comes.  The backtrace reads the copy, and the stack beyond.
 *
 * The time that interrupts are off is measured from turning them off to turning them on, on one
 * hart, whatever threads run meanwhile.  An idle hart's wfi doesn't count.
 *
 * Locking: a hart's notes are its own, with interrupts off; irqsoff reads the others' figures, a
 * torn one at worst.
 */
#include "sched.h"

#include <asm/layout.h>
#include <asm/trap.h>
#include <kernel/lockdebug.h>
#include <kernel/log.h>
#include <kernel/time.h>

#define COPY_WORDS 32

struct note {
	unsigned long pc, sp;
	unsigned long words[COPY_WORDS]; /* the stack from sp */
};

struct trace {
	struct note irqs, preempt;
	u64 since; /* ticks; 0: not measured now */
	u64 longest;
	unsigned long from, to; /* of the longest */
};
static DEFINE_PER_CPU_NO_SCAN(struct trace, trace);

static __always_inline void take_note(struct note *note, unsigned long pc)
{
	unsigned long sp = (unsigned long)__builtin_frame_address(0);
	unsigned long room = this_hart->stack_lo + STACK_SIZE - sp;

	note->pc = pc;
	note->sp = sp;
	/* Word by word: the C library's memcpy() goes by bytes. */
	for (unsigned int i = 0; i < min(room / sizeof(long), (unsigned long)COPY_WORDS); i++)
		note->words[i] = ((const unsigned long *)sp)[i];
}

__noinline void irqs_went_off(void)
{
	struct trace *t = this_cpu_ptr(&trace);

	take_note(&t->irqs, (unsigned long)__builtin_return_address(0));
	t->since = read_time();
}

__noinline void irqs_go_on(void)
{
	struct trace *t = this_cpu_ptr(&trace);
	u64 ticks = read_time() - t->since;

	if (t->since && ticks > t->longest) {
		t->longest = ticks;
		t->from = t->irqs.pc;
		t->to = (unsigned long)__builtin_return_address(0);
	}
	t->since = 0;
}

#ifdef CONFIG_DEBUG_ATOMIC_SLEEP
__noinline void preempt_went_off(void)
{
	unsigned long flags = arch_irq_save_untraced();

	take_note(&this_cpu_ptr(&trace)->preempt, (unsigned long)__builtin_return_address(0));
	arch_irq_restore_untraced(flags);
}
#endif

static void show_note(const char *what, const struct note *note)
{
	struct note copy = *note;

	printk(LOG_ERR, "%s turned off here:", what);
	backtrace_saved(copy.pc, copy.sp, copy.words, sizeof(copy.words));
}

void irqsoff_show_last(bool irqs_off)
{
	if (preempt_count() & PREEMPT_MASK)
		show_note("preemption was", &this_cpu_ptr(&trace)->preempt);
	if (irqs_off)
		show_note("interrupts were", &this_cpu_ptr(&trace)->irqs);
}

void irqsoff_read(unsigned int cpu, struct irqsoff_stat *stat)
{
	const struct trace *t = per_cpu_ptr(&trace, cpu);

	*stat = (struct irqsoff_stat){ t->longest, t->from, t->to };
}

void irqsoff_clear(void)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++)
		per_cpu_ptr(&trace, cpu)->longest = 0;
}
