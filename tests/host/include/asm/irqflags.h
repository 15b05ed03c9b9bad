/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * irqflags.h - host stand-in: interrupts are a flag of the thread
 *
 * No interrupt comes, but tests see that each save has its restore.
 */
#ifndef ASM_IRQFLAGS_H
#define ASM_IRQFLAGS_H

#include <asm/hart_local.h>

#define local_irq_save(flags)                  \
	do {                                   \
		(flags) = this_hart->irqs_off; \
		this_hart->irqs_off = true;    \
	} while (0)
#define local_irq_save_hit(flags) local_irq_save(flags)
#define local_irq_restore(flags)  (this_hart->irqs_off = (flags))
#define local_irq_enable()	  (this_hart->irqs_off = false)
#define local_irq_disable()	  (this_hart->irqs_off = true)
#define irqs_disabled()		  (this_hart->irqs_off)

#endif
