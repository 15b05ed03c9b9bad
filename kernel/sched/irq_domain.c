/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * irq_domain.c - controllers, their lines, and the interrupts that device-tree nodes name
 *
 * Domains stand in a list, in the order of their first irq; there are as many as controllers, one
 * or two in practice.  A domain has a table of its lines; the descriptor of a line is made when
 * irq_of_node() first names it and stays, as the line does.
 *
 * Descriptors hold a counter for each hart and are cut from pages, 64 bytes aligned.
 *
 * Locking: `lock` (rank IRQ_DESC) for adding; who reads finds an entry whole or not at all.
 */
#define LOG_PREFIX "irq: "

#include "irq_internal.h"

#include <asm/csr.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <lib/dt_irq.h>
#include <mm/page_alloc.h>
#include <string.h>

#define DESC_ALIGN 64u

static struct {
	spinlock_t lock;
	struct irq_domain *domains;
	unsigned int next_irq; /* first irq of the next domain */
	char *room;	       /* where the next descriptor goes (lock) */
	size_t room_bytes;     /* left there (lock) */
	struct dt_intcs intcs; /* boot hart, while drivers are probed */
	unsigned int max_intcs;
	void (*root)(void); /* takes a hart's external interrupt */
	void (*init_hart)(void);
} irqs = { .lock = SPINLOCK_RANKED(LOCK_IRQ_DESC) };

/* ---- descriptors ---- */

static unsigned int order_of(size_t bytes)
{
	unsigned int order = 0;

	while ((PAGE_SIZE << order) < bytes)
		order++;
	return order;
}

/* @bytes of zeroed memory for ever; NULL without memory.  irqs.lock is held. */
static void *take_room(size_t bytes)
{
	void *taken;

	bytes = ALIGN_UP(bytes, (size_t)DESC_ALIGN);
	if (irqs.room_bytes < bytes) {
		unsigned int order = order_of(bytes);
		unsigned long pages = __get_free_pages(GFP_ATOMIC | __GFP_ZERO, order);

		if (!pages)
			return NULL;
		irqs.room = (char *)pages;
		irqs.room_bytes = PAGE_SIZE << order;
	}
	taken = irqs.room;
	irqs.room += bytes;
	irqs.room_bytes -= bytes;
	return taken;
}

static void desc_init(struct irq_desc *d, struct irq_domain *domain, unsigned int hwirq)
{
	spin_lock_init_ranked(&d->lock, LOCK_IRQ_DESC);
	init_waitqueue_head(&d->work);
	init_waitqueue_head(&d->idle);
	d->domain = domain;
	d->hwirq = hwirq;
	d->irq = domain->first + hwirq;
	d->cpu = IRQ_NO_CPU;
}

/* The descriptor of a line, made if there is none; NULL without memory. */
static struct irq_desc *desc_get(struct irq_domain *domain, unsigned int hwirq)
{
	struct irq_desc *d;
	unsigned long flags;

	spin_lock_irqsave(&irqs.lock, flags);
	d = domain->line[hwirq];
	if (!d) {
		d = take_room(sizeof(*d) + nr_harts * sizeof(d->count[0]));
		if (d) {
			desc_init(d, domain, hwirq);
			__atomic_store_n(&domain->line[hwirq], d, __ATOMIC_RELEASE);
		}
	}
	spin_unlock_irqrestore(&irqs.lock, flags);
	return d;
}

struct irq_desc *irq_desc_of(unsigned int irq)
{
	for (struct irq_domain *d = irqs.domains; d; d = d->next) {
		if (irq - d->first < d->nr_lines)
			return __atomic_load_n(&d->line[irq - d->first], __ATOMIC_ACQUIRE);
	}
	return NULL;
}

void irq_for_each(void (*fn)(const struct irq_desc *d, void *arg), void *arg)
{
	for (struct irq_domain *domain = irqs.domains; domain; domain = domain->next) {
		for (unsigned int i = 0; i < domain->nr_lines; i++) {
			if (domain->line[i])
				fn(domain->line[i], arg);
		}
	}
}

/* ---- domains ---- */

int irq_domain_add(struct irq_domain *d)
{
	unsigned int order = order_of(d->nr_lines * sizeof(*d->line));
	struct irq_domain **last = &irqs.domains;

	d->line = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, order);
	if (!d->line)
		return -ENOMEM;
	d->first = irqs.next_irq;
	d->next = NULL;
	irqs.next_irq += d->nr_lines;
	while (*last)
		last = &(*last)->next;
	__atomic_store_n(last, d, __ATOMIC_RELEASE);
	return 0;
}

int irq_translate(const struct irq_domain *d, const u32 *cell, unsigned int cells,
		  unsigned int *hwirq, unsigned int *type)
{
	if (cells < 1 || cells > 2 || !cell[0] || cell[0] >= d->nr_lines)
		return -EINVAL;
	*hwirq = cell[0];
	*type = cells == 2 ? cell[1] & 0xf : 0;
	return 0;
}

/* A line without a descriptor: nobody can have asked for it. */
static __cold void reject(struct irq_domain *domain, unsigned int hwirq)
{
	struct irq_desc nobody = { .domain = domain, .hwirq = hwirq, .cpu = smp_processor_id() };

	domain->chip->mask(&nobody);
	domain->chip->eoi(&nobody);
	pr_err("%s line %u interrupts, which no device has: masked", domain->name, hwirq);
}

void irq_handle(struct irq_domain *domain, unsigned int hwirq)
{
	struct irq_desc *d = hwirq < domain->nr_lines ? domain->line[hwirq] : NULL;

	if (likely(d))
		irq_handle_desc(d);
	else
		reject(domain, hwirq);
}

int irq_set_root(void (*handle)(void), void (*init_hart)(void))
{
	if (irqs.root && irqs.root != handle)
		return -EBUSY;
	irqs.root = handle;
	irqs.init_hart = init_hart;
	init_hart();
	return 0;
}

void irq_init_hart(void)
{
	if (irqs.init_hart)
		irqs.init_hart();
}

void handle_external_irq(void)
{
	if (unlikely(!irqs.root))
		panic("an external interrupt, but there is no interrupt controller");
	irqs.root();
}

/* ---- the device tree ---- */

const struct dt_intcs *irq_intcs(void)
{
	return &irqs.intcs;
}

/* Twice the room for controllers. */
static int grow_intcs(void)
{
	size_t bytes = irqs.max_intcs * sizeof(struct dt_intc);
	unsigned int order = bytes ? order_of(bytes) + 1 : 0;
	struct dt_intc *more = (void *)__get_free_pages(GFP_KERNEL, order);

	if (!more)
		return -ENOMEM;
	if (bytes) {
		memcpy(more, irqs.intcs.entry, irqs.intcs.nr * sizeof(*more));
		free_pages((unsigned long)irqs.intcs.entry, order - 1);
	}
	irqs.intcs.entry = more;
	irqs.max_intcs = (unsigned int)((PAGE_SIZE << order) / sizeof(*more));
	return 0;
}

int irq_note_node(const struct dt_visit *v)
{
	struct dt_intc intc;
	int err = 0;

	if (!dt_visit_intc(v, &intc))
		return 0;
	if (irqs.intcs.nr == irqs.max_intcs)
		err = grow_intcs();
	if (!err)
		irqs.intcs.entry[irqs.intcs.nr++] = intc;
	return err;
}

static struct irq_domain *domain_of_node(int node)
{
	struct irq_domain *d = irqs.domains;

	while (d && d->node != node)
		d = d->next;
	return d;
}

/* Line and type of @in become an irq. */
static int map_irq(struct irq_domain *domain, const struct dt_irq *in, struct dt_error *why)
{
	unsigned int hwirq = 0, type = 0;
	unsigned long flags;
	struct irq_desc *d;
	int err = domain->translate(domain, in->cell, in->parent->cells, &hwirq, &type);

	if (err)
		return dt_fail(why, err, "%s has no line %u", domain->name, (unsigned)in->cell[0]);
	d = desc_get(domain, hwirq);
	if (!d)
		return dt_fail(why, -ENOMEM, "no memory for line %u of %s", hwirq, domain->name);
	if (!type && !domain->chip->set_type)
		return (int)d->irq;
	spin_lock_irqsave(&d->lock, flags);
	if (domain->chip->set_type && (!type || d->type != type))
		err = domain->chip->set_type(d, type);
	if (!err)
		d->type = type;
	spin_unlock_irqrestore(&d->lock, flags);
	if (err)
		return dt_fail(why, err, "line %u of %s can't be of type %u", hwirq, domain->name,
			       type);
	return (int)d->irq;
}

int irq_of_node(int node, unsigned int index)
{
	struct irq_domain *domain;
	struct dt_error why;
	struct dt_irq in;
	int irq = dt_irq_get(&irqs.intcs, node, index, &in, &why);

	if (irq == -ENOENT)
		return irq;
	if (!irq) {
		domain = domain_of_node(in.parent->node);
		if (!domain)
			return -EPROBE_DEFER;
		irq = map_irq(domain, &in, &why);
	}
	if (irq < 0)
		pr_err("%s: %s", dt_node_name(node), why.text);
	return irq;
}
