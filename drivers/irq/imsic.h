/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imsic.h - message-signalled interrupts into harts, for those who send the messages
 */
#ifndef DRIVERS_IRQ_IMSIC_H
#define DRIVERS_IRQ_IMSIC_H

#include <sched/irq.h>

/* imsic_of_node - 0 if node @node is the S-mode IMSICs and they are ready; -EPROBE_DEFER: not yet;
 * -ENODEV: it's another mode's, or no IMSIC. */
int imsic_of_node(int node) __must_check;

/* imsic_alloc - an identity for @d, the same on all harts: a message with it calls
 * irq_handle_desc(d).  1 or more, or -ENOSPC.  Any context. */
int imsic_alloc(struct irq_desc *d) __must_check;

/* imsic_target - hart @cpu's file as an APLIC's target register names it; -EINVAL: it has none. */
int imsic_target(unsigned int cpu, u32 *hart_index) __must_check;

#endif
