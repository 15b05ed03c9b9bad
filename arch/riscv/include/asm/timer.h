/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.h - the hart's one timer: Sstc's stimecmp where every hart has it, else SBI TIME
 */
#ifndef ASM_TIMER_H
#define ASM_TIMER_H

#include <asm/csr.h>
#include <asm/sbi.h>

/* All harts have Sstc (and so menvcfg.STCE was set by the firmware that says so). */
extern bool arch_has_sstc;

/* Interrupt this hart when the time CSR reaches @ticks. Interrupts off. */
static inline void arch_timer_set(u64 ticks)
{
	if (arch_has_sstc) {
#ifdef CONFIG_ARCH_RV32I
		csr_write(0x14d, 0xffffffffUL); /* stimecmp: no early hit between the halves */
		csr_write(0x15d, (unsigned long)(ticks >> 32)); /* stimecmph */
		csr_write(0x14d, (unsigned long)ticks);
#else
		csr_write(0x14d, ticks);
#endif
	} else {
		sbi_set_timer(ticks);
	}
	csr_set(sie, SIE_STIE);
}

/* No more interrupts from what was set. */
static inline void arch_timer_stop(void)
{
	csr_clear(sie, SIE_STIE);
}

#endif
