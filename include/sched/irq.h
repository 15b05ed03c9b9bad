/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * irq.h - device interrupts
 *
 * An interrupt line of a controller has a kernel number (irq), given when the device tree's
 * `interrupts` or `interrupts-extended` of a node are mapped.  Drivers request it; controllers
 * (PLIC, APLIC, IMSIC) implement struct irq_chip.
 */
#ifndef SCHED_IRQ_H
#define SCHED_IRQ_H

#include <base/compiler.h>

enum irqreturn {
	IRQ_NONE,	/* not from this device */
	IRQ_HANDLED,
	IRQ_WAKE_THREAD, /* the thread does the rest; the line stays masked till it's done */
};

typedef enum irqreturn (*irq_handler_t)(unsigned int irq, void *dev);

struct irq_desc;

struct irq_chip {
	const char *name;
	void (*mask)(struct irq_desc *d);
	void (*unmask)(struct irq_desc *d);
	void (*eoi)(struct irq_desc *d);
	/* 0, or -EINVAL if this chip can't reach that hart. */
	int (*set_affinity)(struct irq_desc *d, unsigned int cpu);
	/* 0, or -EINVAL. @type: IRQ_TYPE_*. */
	int (*set_type)(struct irq_desc *d, unsigned int type);
	void (*set_priority)(struct irq_desc *d, unsigned int priority);
};

#define IRQ_TYPE_EDGE_RISING  1
#define IRQ_TYPE_EDGE_FALLING 2
#define IRQ_TYPE_LEVEL_HIGH   4
#define IRQ_TYPE_LEVEL_LOW    8

/*
 * request_irq - @handler(@irq, @dev) runs at each interrupt, in the interrupt, interrupts off
 * @name: for `interrupts`. 0, -EINVAL (no such irq), -EBUSY (another has it), -ENOMEM.  May sleep.
 */
int request_irq(unsigned int irq, irq_handler_t handler, const char *name, void *dev) __must_check;
/* The same with a thread (priority SCHED_PRIO_IRQ) that runs @thread_fn after IRQ_WAKE_THREAD;
 * @handler NULL: always. */
int request_threaded_irq(unsigned int irq, irq_handler_t handler, irq_handler_t thread_fn,
			 const char *name, void *dev) __must_check;
/* Waits until no handler of it runs.  May sleep. */
void free_irq(unsigned int irq, void *dev);
void disable_irq(unsigned int irq); /* nests; waits for running handlers */
void enable_irq(unsigned int irq);
int irq_set_affinity(unsigned int irq, unsigned int cpu) __must_check;

/* irq_of_node - the irq of entry @index of node's interrupts, or -errno with a line in the log. */
int irq_of_node(int node, unsigned int index) __must_check;

/* irq_init - find and start the interrupt controllers.  Boot hart; irq_init_hart on each other. */
void irq_init(void);
void irq_init_hart(void);
/* handle_external_irq - the hart's external interrupt. */
void handle_external_irq(void);

#endif
