/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * irqflags.h - interrupts of this hart, on and off
 *
 * The flags value is sstatus.SIE as it was; only restore what save returned, on
 * the same hart.
 */
#ifndef ASM_IRQFLAGS_H
#define ASM_IRQFLAGS_H

#include <asm/csr.h>
#include <base/types.h>

/* Without being traced: for what traces. */
static inline unsigned long arch_irq_save_untraced(void)
{
	return csr_read_clear(sstatus, SSTATUS_SIE) & SSTATUS_SIE;
}

static inline void arch_irq_restore_untraced(unsigned long flags)
{
	csr_set(sstatus, flags);
}

#ifdef CONFIG_TRACE_IRQS
/* kernel/sched/irqsoff.c.  Interrupts are off. */
void irqs_went_off(void);
void irqs_go_on(void);
#else
static inline void irqs_went_off(void)
{
}

static inline void irqs_go_on(void)
{
}
#endif

static inline unsigned long arch_irq_save(void)
{
	unsigned long flags = arch_irq_save_untraced();

#ifdef CONFIG_TRACE_IRQS
	if (flags)
		irqs_went_off();
#endif
	return flags;
}

static inline void arch_irq_restore(unsigned long flags)
{
#ifdef CONFIG_TRACE_IRQS
	if (flags)
		irqs_go_on();
#endif
	arch_irq_restore_untraced(flags);
}

static inline void arch_irq_enable(void)
{
	irqs_go_on();
	csr_set(sstatus, SSTATUS_SIE);
}

#define local_irq_save(flags)	 ((flags) = arch_irq_save())
#define local_irq_restore(flags) arch_irq_restore(flags)

/* local_irq_save() an instruction shorter, where nothing changes another bit of sstatus before the
 * restore: a few instructions of a hit, and what they call. */
#ifdef CONFIG_TRACE_IRQS
#define local_irq_save_hit(flags) local_irq_save(flags)
#else
#define local_irq_save_hit(flags) ((flags) = csr_read_clear(sstatus, SSTATUS_SIE))
#endif
#define local_irq_enable() arch_irq_enable()
#ifdef CONFIG_TRACE_IRQS
#define local_irq_disable() ((void)arch_irq_save())
#else
#define local_irq_disable() csr_clear(sstatus, SSTATUS_SIE)
#endif

static inline bool irqs_disabled(void)
{
	return !(csr_read(sstatus) & SSTATUS_SIE);
}

#endif
