/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console_irq.h - the console's port interrupts; for the drivers of UARTs
 */
#ifndef DRIVERS_CONSOLE_CONSOLE_IRQ_H
#define DRIVERS_CONSOLE_CONSOLE_IRQ_H

#include <drivers/driver.h>
#include <kernel/console.h>
#include <sched/irq.h>

/*
 * console_irq_start - let the port at @node receive by interrupt
 * @handler(irq, @dev) calls console_interrupt().  For probe(): 0; -ENODEV if @node isn't the
 * console; -EPROBE_DEFER; -ENOENT and others: it stays polled.
 */
int console_irq_start(int node, irq_handler_t handler, const char *name, void *dev) __must_check;

#endif
