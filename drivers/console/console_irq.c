/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console_irq.c - where threads sleep until something is typed
 *
 * kernel/core/console.c stands below the scheduler; this is the scheduler's part of it: a wait
 * queue, handed down as two functions.
 */
#include "console_irq.h"

#include <kernel/log.h>
#include <lib/dt.h>
#include <sched/wait.h>

static DECLARE_WAIT_QUEUE(typed);

static void wait_typed(bool (*ready)(void))
{
	wait_event(typed, ready());
}

static void wake_typed(void)
{
	wake_up_all(&typed);
}

int console_irq_start(int node, irq_handler_t handler, const char *name, void *dev)
{
	int irq, err;

	if (node != console_node())
		return -ENODEV;
	irq = irq_of_node(node, 0);
	if (irq < 0)
		return irq;
	err = request_irq((unsigned int)irq, handler, name, dev);
	if (!err)
		console_use_interrupts(wait_typed, wake_typed);
	return err;
}
