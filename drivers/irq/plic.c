/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plic.c - the Platform-Level Interrupt Controller of SiFive and its relatives
 *
 * Sources 1 ... ndev have a priority (0: never interrupts).  A context is one hart in one mode; it
 * has a bit for each source that it takes, a threshold, and the claim register: reading it takes
 * the most urgent pending source and closes its gate, writing the number back ("complete") opens
 * the gate again.  Contexts are counted as in interrupts-extended, where a hart's S-mode entry has
 * cause 9.  A machine may have several PLICs (one for each NUMA node), each for harts of its own.
 *
 *     0x000000 + 4 * source      priority
 *     0x002000 + 0x80 * context  enable bits
 *     0x200000 + 0x1000 * ctx    threshold, claim/complete
 *
 * Masking is priority 0, so the enable bit stays as it is: some PLICs ignore a completion by a
 * context that doesn't have the source enabled.  For the same reason plic_eoi() gives the source
 * back for a moment to a hart that claimed it before it was moved.
 *
 * Locking: plic.lock (rank IRQ_CHIP) for the enable bits, 32 sources a word.
 * Cost: 2 device accesses an interrupt, and one to find that there are no more.
 * Specification: RISC-V PLIC specification 1.0.0.
 */
#define LOG_PREFIX "plic: "

#include <asm/csr.h>
#include <asm/io.h>
#include <drivers/driver.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <lib/dt_irq.h>
#include <mm/ioremap.h>
#include <mm/page_alloc.h>
#include <sched/irq.h>

#define ENABLE_BASE    0x2000u
#define ENABLE_STRIDE  0x80u
#define CONTEXT_BASE   0x200000u
#define CONTEXT_STRIDE 0x1000u
#define THRESHOLD      0
#define CLAIM	       4
#define MAX_SOURCES    1023u
#define MAX_CONTEXTS   15872u
#define PRIORITY       1u
#define MAX_CLAIMS     32 /* in one trap: others want their turn too */

struct plic {
	struct irq_domain domain;
	spinlock_t lock;
	volatile u8 *base; /* priorities and enable bits */
};

/* What a hart needs of its PLIC; plic NULL: it has none. */
struct plic_hart {
	struct plic *plic;
	volatile u8 *enable;
	volatile u8 *context;
};
static DEFINE_PER_CPU(struct plic_hart, plic_hart);

static struct plic *plic_of(const struct irq_desc *d)
{
	return container_of(d->domain, struct plic, domain);
}

static void set_enable(struct plic *plic, const struct plic_hart *h, unsigned int hwirq, bool on)
{
	volatile u8 *word = h->enable + hwirq / 32 * 4;
	u32 bit = 1u << hwirq % 32;

	spin_lock(&plic->lock);
	mmio_write32(word, on ? mmio_read32(word) | bit : mmio_read32(word) & ~bit);
	spin_unlock(&plic->lock);
}

static void plic_mask(struct irq_desc *d)
{
	mmio_write32(plic_of(d)->base + 4 * d->hwirq, 0);
}

static void plic_unmask(struct irq_desc *d)
{
	mmio_write32(plic_of(d)->base + 4 * d->hwirq, PRIORITY);
}

static void plic_eoi(struct irq_desc *d)
{
	struct plic_hart *h = this_cpu_ptr(&plic_hart);
	bool moved = d->cpu != smp_processor_id();

	if (unlikely(moved))
		set_enable(h->plic, h, d->hwirq, true);
	mmio_write32(h->context + CLAIM, d->hwirq);
	if (unlikely(moved))
		set_enable(h->plic, h, d->hwirq, false);
}

static int plic_set_affinity(struct irq_desc *d, unsigned int cpu)
{
	struct plic_hart *h = per_cpu_ptr(&plic_hart, cpu);
	struct plic *plic = plic_of(d);

	if (h->plic != plic)
		return -EINVAL;
	if (d->cpu != IRQ_NO_CPU)
		set_enable(plic, per_cpu_ptr(&plic_hart, d->cpu), d->hwirq, false);
	set_enable(plic, h, d->hwirq, true);
	return 0;
}

static const struct irq_chip plic_chip = {
	.name = "plic",
	.mask = plic_mask,
	.unmask = plic_unmask,
	.eoi = plic_eoi,
	.set_affinity = plic_set_affinity,
};

static void plic_handle(void)
{
	struct plic_hart *h = this_cpu_ptr(&plic_hart);

	for (unsigned int i = 0; i < MAX_CLAIMS; i++) {
		u32 hwirq = mmio_read32(h->context + CLAIM);

		if (!hwirq)
			return;
		irq_handle(&h->plic->domain, hwirq);
	}
}

/* Here and not before: firmware that starts a hart sets its threshold so that nothing passes. */
static void plic_init_hart(void)
{
	struct plic_hart *h = this_cpu_ptr(&plic_hart);

	if (!h->plic)
		return;
	mmio_write32(h->context + THRESHOLD, 0);
	csr_set(sie, SIE_SEIE);
}

/* ---- probing ---- */

/* Context @nr is hart @cpu's in S-mode. */
static int add_context(struct plic *plic, phys_addr_t base, unsigned int nr, unsigned int cpu)
{
	struct plic_hart *h = per_cpu_ptr(&plic_hart, cpu);

	if (h->plic) {
		pr_err("hart %lu has two PLICs or two contexts: the first is used",
		       hart_info(cpu)->hartid);
		return 0;
	}
	h->enable = plic->base + ENABLE_BASE + nr * ENABLE_STRIDE;
	h->context = ioremap(base + CONTEXT_BASE + (phys_addr_t)nr * CONTEXT_STRIDE, CLAIM + 4);
	if (!h->context)
		return -ENOMEM;
	h->plic = plic;
	for (unsigned int i = 0; i < plic->domain.nr_lines; i += 32)
		mmio_write32(h->enable + i / 32 * 4, 0);
	return 0;
}

/* Reads interrupts-extended; with @plic NULL only counts contexts, and *@usable of them are a
 * hart's that the kernel uses.  -errno. */
static int read_contexts(struct plic *plic, int node, phys_addr_t base, unsigned int *usable)
{
	struct dt_irq_iter it;
	struct dt_error why;
	struct dt_irq entry;
	int err = dt_irq_begin(&it, irq_intcs(), node, &why), nr = 0;

	*usable = 0;
	while (!err && (err = dt_irq_next(&it, &entry, &why)) > 0) {
		int cpu = -1;

		err = 0;
		if (entry.parent && entry.parent->hartid != DT_NO_HART &&
		    entry.cell[0] == IRQ_S_EXT)
			cpu = smp_cpu_of_hartid(entry.parent->hartid);
		*usable += cpu >= 0;
		if (plic && cpu >= 0)
			err = add_context(plic, base, (unsigned int)nr, (unsigned int)cpu);
		nr++;
	}
	if (err == -EINVAL || err == -ENOENT)
		pr_err("%s", why.text);
	return err ? err : nr;
}

static int map_registers(struct plic *plic, int node, const struct phys_range *reg,
			 unsigned int contexts)
{
	u64 low = ENABLE_BASE + (u64)contexts * ENABLE_STRIDE;
	u64 all = CONTEXT_BASE + (u64)contexts * CONTEXT_STRIDE;

	if (contexts > MAX_CONTEXTS || reg->end - reg->start < all) {
		pr_err("%s: %u contexts don't fit into its registers of 0x%llx bytes",
		       dt_node_name(node), contexts, PA(reg->end - reg->start));
		return -EINVAL;
	}
	plic->base = ioremap(reg->start, (size_t)low);
	return plic->base ? 0 : -ENOMEM;
}

static int plic_start(struct plic *plic, int node, phys_addr_t base)
{
	unsigned int usable;
	int err;

	for (unsigned int i = 1; i < plic->domain.nr_lines; i++)
		mmio_write32(plic->base + 4 * i, 0);
	err = read_contexts(plic, node, base, &usable);
	if (err >= 0)
		err = irq_domain_add(&plic->domain);
	if (!err)
		err = irq_set_root(plic_handle, plic_init_hart);
	return err;
}

static int plic_probe(int node)
{
	struct phys_range reg;
	struct dt_error why;
	struct plic *plic;
	unsigned int usable;
	u32 ndev;
	int contexts, err;

	if (dt_reg(node, 0, &reg, &why)) {
		pr_err("%s", why.text);
		return -EINVAL;
	}
	if (dt_prop_u32(node, "riscv,ndev", &ndev) || !ndev || ndev > MAX_SOURCES) {
		pr_err("%s: riscv,ndev isn't a number of sources", dt_node_name(node));
		return -EINVAL;
	}
	contexts = read_contexts(NULL, node, 0, &usable);
	if (contexts < 0)
		return contexts;
	if (!usable) {
		pr_err("%s: none of its %d contexts is a usable hart's in S-mode",
		       dt_node_name(node), contexts);
		return -EINVAL;
	}
	plic = (struct plic *)get_zeroed_page(GFP_KERNEL);
	if (!plic)
		return -ENOMEM;
	spin_lock_init_ranked(&plic->lock, LOCK_IRQ_CHIP);
	plic->domain = (struct irq_domain){
		.name = dt_node_name(node),
		.chip = &plic_chip,
		.node = node,
		.nr_lines = ndev + 1,
		.translate = irq_translate,
	};
	err = map_registers(plic, node, &reg, (unsigned int)contexts);
	if (err) {
		free_page((unsigned long)plic);
		return err;
	}
	return plic_start(plic, node, reg.start);
}

static const char *const compatible[] = { "sifive,plic-1.0.0",	    "riscv,plic0",
					  "sifive,fu540-c000-plic", "starfive,jh7100-plic",
					  "starfive,jh7110-plic",   "andestech,nceplic100",
					  "thead,c900-plic",	    NULL };
static const struct driver plic_driver = { "plic", compatible, DRIVER_IRQ, plic_probe };
TABLE_ENTRY(driver, plic_driver);
