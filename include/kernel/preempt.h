/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preempt.h - may this code be taken off its hart, may it sleep?
 *
 * Each hart counts the reasons why not, in one word at tp (asm/hart_local.h):
 *
 *     bits 0-7    preempt_disable() and spin locks held, nested
 *     bits 16-19  interrupt handlers, nested
 *
 * Beside it stands no_resched: 0 when another thread should run.
 *
 * A thread is switched out with the count at exactly 1, so the count can belong to the hart.
 * If a thread moves to another hart between loading and storing the count, both counts are 0
 * at that moment, so what it stores is right there too.
 *
 * Invariants: in_atomic() code never calls schedule(); a thread that may be preempted has count 0.
 */
#ifndef KERNEL_PREEMPT_H
#define KERNEL_PREEMPT_H

#include <asm/hart_local.h>
#include <asm/irqflags.h>
#include <base/compiler.h>
#include <kernel/perturb.h>

#define PREEMPT_MASK   0x000000ffu
#define HARDIRQ_SHIFT  16
#define HARDIRQ_OFFSET (1u << HARDIRQ_SHIFT)
#define HARDIRQ_MASK   0x000f0000u

#ifdef CONFIG_KASAN
/* A checked access makes its address first; the thread may be on another hart when it's used. */
static inline u32 preempt_count(void)
{
	u32 count;

	__asm__ volatile("lw %0, %1(tp)"
			 : "=r"(count)
			 : "i"(__builtin_offsetof(struct hart_local, preempt_count))
			 : "memory");
	return count;
}

static inline void preempt_count_add(int n)
{
	u32 count = preempt_count() + (u32)n;

	__asm__ volatile("sw %0, %1(tp)"
			 :
			 : "r"(count), "i"(__builtin_offsetof(struct hart_local, preempt_count))
			 : "memory");
}
#else
#define preempt_count()	     (this_hart->preempt_count)
#define preempt_count_add(n) (this_hart->preempt_count += (u32)(n))
#endif

/* preempt_schedule - let another thread run, unless something forbids it (kernel/sched/core.c). */
void preempt_schedule(void);

#ifdef CONFIG_DEBUG_ATOMIC_SLEEP
/* kernel/sched/irqsoff.c: the count is 1 now; notes who made it so. */
void preempt_went_off(void);
#define preempt_note()                             \
	do {                                       \
		if (this_hart->preempt_count == 1) \
			preempt_went_off();        \
	} while (0)
#else
#define preempt_note() ((void)0)
#endif

#define preempt_disable()             \
	do {                          \
		preempt_count_add(1); \
		barrier();            \
		preempt_note();       \
	} while (0)

#define preempt_enable_no_resched()    \
	do {                           \
		barrier();             \
		preempt_count_add(-1); \
		barrier();             \
	} while (0)

/* An interrupt that says so before the count is stored leaves the switch to us, so no_resched is
 * read after that. */
#define preempt_enable()                      \
	do {                                  \
		perturb();                    \
		preempt_enable_no_resched();  \
		if (unlikely(need_resched())) \
			preempt_schedule();   \
	} while (0)

/* Ask this hart to run another thread as soon as it may. Interrupts off, or preemption. */
static inline void set_need_resched(void)
{
	WRITE_ONCE(this_hart->no_resched, 0);
}

static inline void clear_need_resched(void)
{
	WRITE_ONCE(this_hart->no_resched, 1);
}

static inline bool need_resched(void)
{
	return !READ_ONCE(this_hart->no_resched);
}

/* In an interrupt handler. */
static inline bool in_interrupt(void)
{
	return preempt_count() & HARDIRQ_MASK;
}

/* Where sleeping would be an error, as far as the count knows (interrupts off isn't counted). */
static inline bool in_atomic(void)
{
	return preempt_count() != 0;
}

static inline bool preemptible(void)
{
	return !in_atomic() && !irqs_disabled();
}

/*
 * might_sleep - the caller may sleep: report it if that can't be right here
 * In an interrupt handler, with preemption or interrupts off, or in an RCU read section.  The
 * report
 * has the caller's backtrace and, in a debug build, the place that last turned preemption off.
 * With CONFIG_DEBUG_ATOMIC_SLEEP only.
 */
#ifdef CONFIG_DEBUG_ATOMIC_SLEEP
void might_sleep_at(const char *file, int line);
#define might_sleep() might_sleep_at(__FILE__, __LINE__)
#else
#define might_sleep() \
	do {          \
	} while (0)
#endif

#endif
