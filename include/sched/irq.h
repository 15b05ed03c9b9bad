/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * irq.h - device interrupts
 *
 * A controller (struct irq_domain, in practice a PLIC or an APLIC) has lines; a line that some
 * device uses has a descriptor and a number for the kernel, the irq: the lines of a controller
 * have successive numbers, and those of the first controller are the line's own.
 *
 * Drivers ask for the irq of their node (irq_of_node) and request it; drivers of controllers
 * add domains with a struct irq_chip, and call irq_handle() for each line that interrupts.
 *
 * A line is served by one hart at a time.  One that nobody wants, or that floods, is masked with
 * a line in the log.
 */
#ifndef SCHED_IRQ_H
#define SCHED_IRQ_H

#include <base/compiler.h>
#include <base/list.h>
#include <kernel/spinlock.h>
#include <sched/wait.h>

enum irqreturn {
	IRQ_NONE, /* not from this device */
	IRQ_HANDLED,
	IRQ_WAKE_THREAD, /* the thread does the rest; the line stays masked till it's done */
};

typedef enum irqreturn (*irq_handler_t)(unsigned int irq, void *dev);

/* As in device trees. */
#define IRQ_TYPE_EDGE_RISING  1
#define IRQ_TYPE_EDGE_FALLING 2
#define IRQ_TYPE_EDGE	      3
#define IRQ_TYPE_LEVEL_HIGH   4
#define IRQ_TYPE_LEVEL_LOW    8

#define IRQ_NO_CPU ~0u

/* ---- for drivers of devices ---- */

/* irq_of_node - the irq of entry @index of the node's interrupts.  -ENOENT: it has no such entry;
 * -EPROBE_DEFER: its controller has no driver yet; others with a line in the log.  May sleep. */
int irq_of_node(int node, unsigned int index) __must_check;

/*
 * request_irq - @handler(@irq, @dev) runs at each interrupt, in the interrupt, interrupts off
 * @name: for `interrupts`; stays valid.  Delivered to hart 0 where the controller reaches it, else
 * to the first hart that it reaches.
 * 0, -EINVAL (no such irq, or no hart can take it), -EBUSY (another has it), -ENOSPC (no IMSIC
 * identity is left), -ENOMEM.  May sleep.
 */
int request_irq(unsigned int irq, irq_handler_t handler, const char *name, void *dev) __must_check;
/* The same with a thread (priority SCHED_PRIO_IRQ) that runs @thread_fn after IRQ_WAKE_THREAD;
 * @handler NULL: always. */
int request_threaded_irq(unsigned int irq, irq_handler_t handler, irq_handler_t thread_fn,
			 const char *name, void *dev) __must_check;
/* free_irq - the irq is masked and no handler of it runs any more.  @dev must be the request's.
 * May sleep; not from its own handler. */
void free_irq(unsigned int irq, void *dev);

/* disable_irq - mask it and wait for running handlers.  Nests.  May sleep; not from its handler. */
void disable_irq(unsigned int irq);
/* Without waiting.  Any context, the handler included. */
void disable_irq_nosync(unsigned int irq);
/* One disable_irq less; an interrupt that came meanwhile is handled now.  Any context. */
void enable_irq(unsigned int irq);

/* irq_set_affinity - @cpu handles it from now on.  0; -EINVAL: it's no irq, @cpu is off or out of
 * the controller's reach.  Any context but its handler. */
int irq_set_affinity(unsigned int irq, unsigned int cpu) __must_check;

/* ---- for drivers of controllers ---- */

struct irq_domain;

enum irq_flags {
	IRQ_RUNNING = 0x01,  /* a hart runs the handler */
	IRQ_AGAIN = 0x02,    /* it came once more meanwhile */
	IRQ_PENDING = 0x04,  /* it came while disabled */
	IRQ_THREAD = 0x08,   /* the thread has work, or works */
	IRQ_STORM = 0x10,    /* masked for good: it flooded */
	IRQ_UNMASKED = 0x20, /* what the chip was told */
};

/* A storm: so many unwanted interrupts in a row, none of them so long after the one before. */
#define IRQ_STORM_STREAK 1000
#define IRQ_STORM_GAP_NS 100000000ull

/* Letters: L under .lock; C constant after creation. */
struct irq_desc {
	spinlock_t lock;	   /* rank IRQ_DESC, interrupts off */
	unsigned int flags;	   /* L enum irq_flags */
	struct irq_domain *domain; /* C */
	unsigned int hwirq;	   /* C the line */
	unsigned int irq;	   /* C */
	unsigned int cpu;	   /* L whom it's delivered to, or IRQ_NO_CPU */
	unsigned int type;	   /* L IRQ_TYPE_* */
	unsigned int depth;	   /* L disable_irq()s */
	unsigned int chip_id;	   /* the chip's own */
	irq_handler_t handler;	   /* L NULL: free */
	irq_handler_t thread_fn;   /* L */
	const char *name;	   /* L */
	void *dev;		   /* L */
	struct thread *thread;	   /* L */
	struct wait_queue work;	   /* where the thread waits for IRQ_THREAD */
	struct wait_queue idle;	   /* for neither RUNNING nor THREAD */
	unsigned int streak;	   /* L unwanted ones in a row, each soon after the one before */
	u64 last_unwanted_ns;	   /* L */
	unsigned long unwanted;	   /* L all of them */
	unsigned long count[];	   /* L by hart */
};

/* All are called with d->lock held and interrupts off. */
struct irq_chip {
	const char *name;
	void (*mask)(struct irq_desc *d);
	void (*unmask)(struct irq_desc *d);
	/* The interrupt was taken: before the handler for edges, after it for levels. */
	void (*eoi)(struct irq_desc *d);
	/* 0, -EINVAL if this chip can't reach that hart, or -ENOSPC if it can reach none any more.
	 * d->cpu is still the one before. */
	int (*set_affinity)(struct irq_desc *d, unsigned int cpu);
	/* 0, or -EINVAL. @type: IRQ_TYPE_*.  NULL: any type will do. */
	int (*set_type)(struct irq_desc *d, unsigned int type);
};

struct irq_domain {
	const char *name; /* of the node */
	const struct irq_chip *chip;
	int node;
	unsigned int nr_lines; /* lines 0 ... nr_lines - 1; 0 is no line */
	/* A specifier of the device tree as line and type; 0 or -EINVAL. */
	int (*translate)(const struct irq_domain *d, const u32 *cell, unsigned int cells,
			 unsigned int *hwirq, unsigned int *type);
	/* By irq.c: */
	unsigned int first;	/* irq of line 0 */
	struct irq_desc **line; /* by number; NULL: not used so far */
	struct irq_domain *next;
};

/* irq_domain_add - take a controller in.  0 or -ENOMEM.  Boot and probe time, serialised. */
int irq_domain_add(struct irq_domain *d) __must_check;

/* irq_translate - the translate() for specifiers of one cell, the line, or two, line and type. */
int irq_translate(const struct irq_domain *d, const u32 *cell, unsigned int cells,
		  unsigned int *hwirq, unsigned int *type);

/*
 * irq_set_root - @handle takes a hart's external interrupt, @init_hart lets it come on the hart
 * that calls it (and sets sie.SEIE).  One kind of controller drives all harts; -EBUSY for another.
 */
int irq_set_root(void (*handle)(void), void (*init_hart)(void)) __must_check;

/* irq_handle - line @hwirq interrupted this hart. In the interrupt. */
void irq_handle(struct irq_domain *domain, unsigned int hwirq);
/* The same for whoever has the descriptor. */
void irq_handle_desc(struct irq_desc *d);

/* The tree's controllers, and taking them in as drivers_probe() finds them: 0 or -ENOMEM. */
struct dt_intcs;
struct dt_visit;
const struct dt_intcs *irq_intcs(void);
int irq_note_node(const struct dt_visit *v) __must_check;

/* ---- the rest ---- */

/* irq_init_hart - let external interrupts come to this hart.  Each hart but the boot hart. */
void irq_init_hart(void);

/* handle_external_irq - the hart's external interrupt, called by the trap code. */
void handle_external_irq(void);

/* irq_for_each - every descriptor in use, by number. */
void irq_for_each(void (*fn)(const struct irq_desc *d, void *arg), void *arg);

#endif
