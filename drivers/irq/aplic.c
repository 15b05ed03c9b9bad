/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aplic.c - the Advanced PLIC, with and without IMSICs
 *
 * Sources 1 ... num-sources of a domain have a mode (edge or level, or inactive), an enable bit and
 * a target.  How they are delivered is one bit of the domain:
 *
 *   direct  each hart has an IDC, whose claimi takes the most urgent pending source; a level
 *	     source stays pending as long as its wire says so.
 *   MSI     a pending source is sent as a message, an identity for a hart's IMSIC, once.  A level
 *	     source that is still up after its handler must be set pending again by hand
 *	     (section "Special consideration for level-sensitive interrupt sources").
 *
 * Domains form a tree; firmware has the machine's and delegates sources to the supervisor's, which
 * is the one whose harts (or IMSICs) are S-mode's.  A source that isn't delegated can't be given a
 * mode.
 *
 * Locking: none of its own; a source's registers belong to whoever holds its irq_desc.lock.
 * Specification: RISC-V Advanced Interrupt Architecture 1.0, chapter 4; riscv,aplic binding.
 */
#define LOG_PREFIX "aplic: "

#include "imsic.h"

#include <asm/csr.h>
#include <asm/io.h>
#include <drivers/driver.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <lib/dt_irq.h>
#include <mm/ioremap.h>
#include <mm/page_alloc.h>

#define DOMAINCFG    0x0000
#define SOURCECFG(n) ((n)*4)		     /* from 1 */
#define IN_CLRIP(n)  (0x1d00 + (n) / 32 * 4) /* read: the wires, as the mode sees them */
#define CLRIE_BASE   0x1f00
#define SETIENUM     0x1edc
#define CLRIENUM     0x1fdc
#define SETIPNUM     0x1cdc
#define TARGET(n)    (0x3000 + (n)*4)
#define IDC_BASE     0x4000
#define IDC_STRIDE   32
#define IDELIVERY    0x00
#define ITHRESHOLD   0x08
#define CLAIMI	     0x1c

#define DOMAINCFG_IE 0x100u
#define DOMAINCFG_DM 0x4u
#define HART_SHIFT   18
#define SOURCE_SHIFT 16
#define MAX_SOURCES  1023u
#define PRIORITY     1u
#define MAX_CLAIMS   32

enum source_mode {
	MODE_INACTIVE = 0,
	MODE_EDGE_RISING = 4,
	MODE_EDGE_FALLING = 5,
	MODE_LEVEL_HIGH = 6,
	MODE_LEVEL_LOW = 7,
};

struct aplic {
	struct irq_domain domain;
	volatile u8 *base;
	phys_addr_t bytes; /* of registers */
	bool msi;
};

/* Direct delivery: a hart's own registers; aplic NULL: it has none. */
struct idc {
	struct aplic *aplic;
	volatile u8 *regs;
	u32 index;
};
static DEFINE_PER_CPU(struct idc, idc);

static struct aplic *aplic_of(const struct irq_desc *d)
{
	return container_of(d->domain, struct aplic, domain);
}

static bool is_level(const struct irq_desc *d)
{
	return d->type & (IRQ_TYPE_LEVEL_HIGH | IRQ_TYPE_LEVEL_LOW);
}

/* The source sends its message again if its wire is still up. Without looking first, QEMU before 8
 * would send it whatever the wire says. */
static void send_again(struct aplic *aplic, unsigned int hwirq)
{
	if (mmio_read32(aplic->base + IN_CLRIP(hwirq)) >> hwirq % 32 & 1)
		mmio_write32(aplic->base + SETIPNUM, hwirq);
}

static void aplic_mask(struct irq_desc *d)
{
	mmio_write32(aplic_of(d)->base + CLRIENUM, d->hwirq);
}

static void aplic_unmask(struct irq_desc *d)
{
	struct aplic *aplic = aplic_of(d);

	if (aplic->msi && is_level(d))
		send_again(aplic, d->hwirq);
	mmio_write32(aplic->base + SETIENUM, d->hwirq);
}

static void aplic_eoi(struct irq_desc *d)
{
	struct aplic *aplic = aplic_of(d);

	if (aplic->msi && is_level(d) && d->flags & IRQ_UNMASKED)
		send_again(aplic, d->hwirq);
}

static int msi_target(struct irq_desc *d, unsigned int cpu, u32 *target)
{
	u32 hart_index;
	int id;

	if (imsic_target(cpu, &hart_index))
		return -EINVAL;
	if (!d->chip_id) {
		id = imsic_alloc(d);
		if (id < 0)
			return id;
		d->chip_id = (unsigned int)id;
	}
	*target = hart_index << HART_SHIFT | d->chip_id;
	return 0;
}

static int aplic_set_affinity(struct irq_desc *d, unsigned int cpu)
{
	struct aplic *aplic = aplic_of(d);
	struct idc *h = per_cpu_ptr(&idc, cpu);
	u32 target = h->index << HART_SHIFT | PRIORITY;
	int err = 0;

	if (aplic->msi)
		err = msi_target(d, cpu, &target);
	else if (h->aplic != aplic)
		err = -EINVAL;
	if (!err)
		mmio_write32(aplic->base + TARGET(d->hwirq), target);
	return err;
}

static int aplic_set_type(struct irq_desc *d, unsigned int type)
{
	volatile u8 *reg = aplic_of(d)->base + SOURCECFG(d->hwirq);
	u32 mode;

	switch (type) {
	case IRQ_TYPE_EDGE_RISING:
		mode = MODE_EDGE_RISING;
		break;
	case IRQ_TYPE_EDGE_FALLING:
		mode = MODE_EDGE_FALLING;
		break;
	case IRQ_TYPE_LEVEL_HIGH:
		mode = MODE_LEVEL_HIGH;
		break;
	case IRQ_TYPE_LEVEL_LOW:
		mode = MODE_LEVEL_LOW;
		break;
	default:
		return -EINVAL;
	}
	mmio_write32(reg, mode);
	/* It reads as 0 if the source isn't this domain's or hasn't the mode. */
	return mmio_read32(reg) == mode ? 0 : -EINVAL;
}

static const struct irq_chip aplic_chip = {
	.name = "aplic",
	.mask = aplic_mask,
	.unmask = aplic_unmask,
	.eoi = aplic_eoi,
	.set_affinity = aplic_set_affinity,
	.set_type = aplic_set_type,
};

static void aplic_handle(void)
{
	struct idc *h = this_cpu_ptr(&idc);

	for (unsigned int i = 0; i < MAX_CLAIMS; i++) {
		u32 top = mmio_read32(h->regs + CLAIMI);

		if (!top)
			return;
		irq_handle(&h->aplic->domain, top >> SOURCE_SHIFT);
	}
}

static void aplic_init_hart(void)
{
	struct idc *h = this_cpu_ptr(&idc);

	if (!h->aplic)
		return;
	mmio_write32(h->regs + ITHRESHOLD, 0);
	mmio_write32(h->regs + IDELIVERY, 1);
	csr_set(sie, SIE_SEIE);
}

/* ---- probing ---- */

/* Reads the harts of direct delivery; with @aplic NULL only looks whether they are S-mode's. */
static int read_idcs(struct aplic *aplic, int node)
{
	struct dt_irq_iter it;
	struct dt_error why;
	struct dt_irq entry;
	unsigned int nr = 0;
	bool found = false;
	int err = dt_irq_begin(&it, irq_intcs(), node, &why);

	for (; !err && (err = dt_irq_next(&it, &entry, &why)) > 0; nr++) {
		struct idc *h;
		int cpu = -1;

		err = 0;
		if (entry.parent && entry.parent->hartid != DT_NO_HART &&
		    entry.cell[0] == IRQ_S_EXT)
			cpu = smp_cpu_of_hartid(entry.parent->hartid);
		if (cpu < 0)
			continue;
		found = true;
		h = per_cpu_ptr(&idc, cpu);
		if (!aplic || h->aplic)
			continue;
		if (IDC_BASE + (nr + 1) * IDC_STRIDE > aplic->bytes) {
			pr_err("%s has no room for hart %d in its registers", dt_node_name(node),
			       cpu);
			return -EINVAL;
		}
		h->aplic = aplic;
		h->index = nr;
		h->regs = aplic->base + IDC_BASE + nr * IDC_STRIDE;
		mmio_write32(h->regs + IDELIVERY, 0);
	}
	if (err)
		pr_err("%s", why.text);
	if (err)
		return -EINVAL;
	return found ? 0 : -ENODEV;
}

/* May the kernel use it, and how?  0; -ENODEV: it's the firmware's; -EPROBE_DEFER: IMSICs first. */
static int find_delivery(int node, bool *msi)
{
	u32 phandle;
	int parent;

	*msi = !dt_prop_u32(node, "msi-parent", &phandle);
	if (!*msi)
		return read_idcs(NULL, node);
	parent = dt_node_by_phandle(phandle);
	if (parent < 0) {
		pr_err("%s: msi-parent 0x%x is no node", dt_node_name(node), (unsigned int)phandle);
		return -EINVAL;
	}
	return imsic_of_node(parent);
}

static int start_domain(struct aplic *aplic, int node)
{
	unsigned int lines = aplic->domain.nr_lines;
	int err = 0;

	for (unsigned int i = 0; i < lines; i += 32)
		mmio_write32(aplic->base + CLRIE_BASE + i / 32 * 4, ~0u);
	for (unsigned int i = 1; i < lines; i++)
		mmio_write32(aplic->base + SOURCECFG(i), MODE_INACTIVE);
	mmio_write32(aplic->base + DOMAINCFG, DOMAINCFG_IE | (aplic->msi ? DOMAINCFG_DM : 0));
	if (aplic->msi && !(mmio_read32(aplic->base + DOMAINCFG) & DOMAINCFG_DM)) {
		pr_err("%s has msi-parent, but can't send messages", dt_node_name(node));
		return -EINVAL;
	}
	if (!aplic->msi)
		err = read_idcs(aplic, node);
	if (!err)
		err = irq_domain_add(&aplic->domain);
	return err || aplic->msi ? err : irq_set_root(aplic_handle, aplic_init_hart);
}

static int aplic_probe(int node)
{
	struct phys_range reg;
	struct dt_error why;
	struct aplic *aplic;
	u32 sources;
	bool msi;
	int err = find_delivery(node, &msi);

	if (err)
		return err;
	if (dt_reg(node, 0, &reg, &why)) {
		pr_err("%s", why.text);
		return -EINVAL;
	}
	if (dt_prop_u32(node, "riscv,num-sources", &sources) || !sources || sources > MAX_SOURCES ||
	    reg.end - reg.start < IDC_BASE) {
		pr_err("%s: riscv,num-sources or reg make no sense", dt_node_name(node));
		return -EINVAL;
	}
	aplic = (struct aplic *)get_zeroed_page(GFP_KERNEL);
	if (!aplic)
		return -ENOMEM;
	aplic->msi = msi;
	aplic->bytes = reg.end - reg.start;
	aplic->domain = (struct irq_domain){
		.name = dt_node_name(node),
		.chip = &aplic_chip,
		.node = node,
		.nr_lines = sources + 1,
		.translate = irq_translate,
	};
	aplic->base = ioremap(reg.start, (size_t)aplic->bytes);
	if (!aplic->base) {
		free_page((unsigned long)aplic);
		return -ENOMEM;
	}
	return start_domain(aplic, node);
}

static const char *const compatible[] = { "riscv,aplic", "qemu,aplic", NULL };
static const struct driver aplic_driver = { "aplic", compatible, DRIVER_IRQ, aplic_probe };
TABLE_ENTRY(driver, aplic_driver);
