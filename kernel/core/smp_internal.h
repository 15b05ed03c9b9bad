/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smp_internal.h - what smp.c and ipi.c need of each other
 */
#ifndef KERNEL_SMP_INTERNAL_H
#define KERNEL_SMP_INTERNAL_H

#include <kernel/smp.h>

static inline enum hart_state hart_state(unsigned int cpu)
{
	return __atomic_load_n(&hart_info(cpu)->state, __ATOMIC_ACQUIRE);
}

/* ipi_run_calls - run what others asked of this hart, oldest first.  Interrupts off. */
void ipi_run_calls(void);

/* ipi_forget - hart @cpu is off: reasons of interrupts that it didn't take would keep new ones from
 * being sent. */
void ipi_forget(unsigned int cpu);

#endif
