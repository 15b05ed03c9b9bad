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

static inline unsigned long arch_irq_save(void)
{
	return csr_read_clear(sstatus, SSTATUS_SIE) & SSTATUS_SIE;
}

static inline void arch_irq_restore(unsigned long flags)
{
	csr_set(sstatus, flags);
}

#define local_irq_save(flags)	 ((flags) = arch_irq_save())
#define local_irq_restore(flags) arch_irq_restore(flags)
#define local_irq_enable()	 csr_set(sstatus, SSTATUS_SIE)
#define local_irq_disable()	 csr_clear(sstatus, SSTATUS_SIE)

static inline bool irqs_disabled(void)
{
	return !(csr_read(sstatus) & SSTATUS_SIE);
}

#endif
