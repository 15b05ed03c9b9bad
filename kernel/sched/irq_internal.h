/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * irq_internal.h - what irq.c and irq_domain.c share
 */
#ifndef KERNEL_SCHED_IRQ_INTERNAL_H
#define KERNEL_SCHED_IRQ_INTERNAL_H

#include <sched/irq.h>

/* The descriptor of an irq, or NULL if no node has named it. Any context. */
struct irq_desc *irq_desc_of(unsigned int irq);

#endif
