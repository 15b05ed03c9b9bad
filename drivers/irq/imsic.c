/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imsic.c - each hart's Incoming Message-Signalled Interrupt Controller
 *
 * A hart has an interrupt file: a page of memory to which devices write an identity, 1 ... num_ids,
 * and CSRs behind siselect/sireg through which the hart enables identities.  stopei takes the
 * lowest one that is pending and enabled.
 *
 * Here an identity means the same on every hart, and every hart has all of them enabled: masking
 * is done where messages are sent, and moving an interrupt is sending to another page.  An
 * identity that comes without being anybody's is disabled where it came, with a line in the log.
 *
 * The pages of all harts lie in reg, in the order of interrupts-extended, 2^guest-index-bits
 * pages from one hart to the next.  A sender names a page by group and hart index, which are bits
 * of the page's number.  The kernel itself writes to none.
 *
 * Locking: identities are given out with an atomic add; never back, as lines stay.
 * Specification: RISC-V Advanced Interrupt Architecture 1.0, chapter 3; riscv,imsics binding.
 */
#define LOG_PREFIX "imsic: "
#include "imsic.h"

#include <asm/csr.h>
#include <drivers/driver.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <lib/dt_irq.h>
#include <mm/page_alloc.h>

/* The CSRs siselect, sireg and stopei, whose names this assembler doesn't know. */
#define select_ireg(reg)  csr_write(0x150, (unsigned long)(reg))
#define write_ireg(value) csr_write(0x151, value)
#define clear_ireg(bits)  csr_clear(0x151, bits)

#define EIDELIVERY  0x70
#define EITHRESHOLD 0x72
#define EIE0	    0xc0
#define WORD_BITS   (8 * (unsigned int)sizeof(long))
#define WORD_STEP   (WORD_BITS / 32) /* from one eie register to the next */
#define MAX_IDS	    2047u
#define PAGE_BITS   12
#define ID_SHIFT    16
#define ID_MASK	    0x7ffu
#define NO_TARGET   ~0u

static struct {
	int node; /* 0: not ready (the root is no IMSIC) */
	unsigned int nr_ids;
	unsigned int last_id;	 /* given out */
	struct irq_desc **by_id; /* [1 .. nr_ids] */
	/* How a page's number is cut into indices. */
	u32 guest_bits, hart_bits, group_bits, group_shift;
} imsic;

static DEFINE_PER_CPU(u32, target) = NO_TARGET;

static void set_ireg(unsigned int reg, unsigned long value)
{
	select_ireg(reg);
	write_ireg(value);
}

/* Interrupts are off: selecting and accessing are a pair. */
static void imsic_init_hart(void)
{
	if (*this_cpu_ptr(&target) == NO_TARGET)
		return;
	for (unsigned int id = 0; id <= imsic.nr_ids; id += WORD_BITS)
		set_ireg(EIE0 + id / WORD_BITS * WORD_STEP, ~0UL);
	set_ireg(EITHRESHOLD, 0);
	set_ireg(EIDELIVERY, 1);
	csr_set(sie, SIE_SEIE);
}

static __cold void reject(unsigned int id)
{
	select_ireg(EIE0 + id / WORD_BITS * WORD_STEP);
	clear_ireg(1UL << id % WORD_BITS);
	pr_err("hart %lu gets identity %u, which nobody has: disabled", this_hart->hartid, id);
}

/* Take the first pending identity; 0: none. */
static unsigned int claim(void)
{
	unsigned long top;

	__asm__ volatile("csrrw %0, 0x15c, zero" : "=r"(top) : : "memory");
	return (unsigned int)(top >> ID_SHIFT) & ID_MASK;
}

static void imsic_handle(void)
{
	unsigned int id;

	while ((id = claim()) != 0) {
		struct irq_desc *d = id <= imsic.nr_ids ? READ_ONCE(imsic.by_id[id]) : NULL;

		if (likely(d))
			irq_handle_desc(d);
		else
			reject(id);
	}
}

int imsic_alloc(struct irq_desc *d)
{
	unsigned int id = __atomic_add_fetch(&imsic.last_id, 1, __ATOMIC_RELAXED);

	if (id > imsic.nr_ids) {
		__atomic_fetch_sub(&imsic.last_id, 1, __ATOMIC_RELAXED);
		pr_err("all %u identities are given out", imsic.nr_ids);
		return -ENOSPC;
	}
	__atomic_store_n(&imsic.by_id[id], d, __ATOMIC_RELEASE);
	return (int)id;
}

int imsic_target(unsigned int cpu, u32 *hart_index)
{
	*hart_index = *per_cpu_ptr(&target, cpu);
	return *hart_index == NO_TARGET ? -EINVAL : 0;
}

/* ---- probing ---- */

/* Entry @nr of interrupts-extended is an S-mode one: the hart's id, else DT_NO_HART. */
static u64 supervisor_hart(const struct dt_irq *entry)
{
	if (!entry->parent || entry->cell[0] != IRQ_S_EXT)
		return DT_NO_HART;
	return entry->parent->hartid;
}

/* How many files there are; -ENODEV if they aren't S-mode's. */
static int count_files(int node)
{
	struct dt_irq_iter it;
	struct dt_error why;
	struct dt_irq entry;
	bool supervisor = false;
	int nr = 0, err = dt_irq_begin(&it, irq_intcs(), node, &why);

	while (!err && (err = dt_irq_next(&it, &entry, &why)) > 0) {
		supervisor = supervisor || supervisor_hart(&entry) != DT_NO_HART;
		err = 0;
		nr++;
	}
	if (err) {
		pr_err("%s", why.text);
		return err;
	}
	return supervisor ? nr : -ENODEV;
}

int imsic_of_node(int node)
{
	if (!dt_compatible(node, "riscv,imsics"))
		return -ENODEV;
	if (imsic.node == node)
		return 0;
	return count_files(node) < 0 ? -ENODEV : -EPROBE_DEFER;
}

static u32 bits_for(unsigned int nr)
{
	u32 bits = 0;

	while ((1u << bits) < nr)
		bits++;
	return bits;
}

static int read_layout(int node, unsigned int files)
{
	imsic.guest_bits = 0;
	imsic.hart_bits = bits_for(files);
	imsic.group_bits = 0;
	imsic.group_shift = 2 * PAGE_BITS;
	(void)!dt_prop_u32(node, "riscv,guest-index-bits", &imsic.guest_bits);
	(void)!dt_prop_u32(node, "riscv,hart-index-bits", &imsic.hart_bits);
	(void)!dt_prop_u32(node, "riscv,group-index-bits", &imsic.group_bits);
	(void)!dt_prop_u32(node, "riscv,group-index-shift", &imsic.group_shift);
	/* A target register has 14 bits for both indices. */
	if (imsic.guest_bits > 7 || imsic.group_bits > 7 ||
	    imsic.hart_bits > 14 - imsic.group_bits || imsic.group_shift > 55 ||
	    imsic.group_shift < 2 * PAGE_BITS) {
		pr_err("%s: guest, hart or group index bits make no sense", dt_node_name(node));
		return -EINVAL;
	}
	return 0;
}

/* The index of the file at @page. */
static u32 index_of(phys_addr_t page)
{
	u32 hart = (u32)(page >> (PAGE_BITS + imsic.guest_bits)) & ((1u << imsic.hart_bits) - 1);
	u32 group = (u32)(page >> imsic.group_shift) & ((1u << imsic.group_bits) - 1);

	return group << imsic.hart_bits | hart;
}

/* The page of file @nr: files follow each other through the entries of reg.  Walks with the caller:
 * @part is the entry, @first the number of its first file. */
static int file_page(int node, unsigned int nr, unsigned int *part, unsigned int *first,
		     phys_addr_t *page)
{
	phys_addr_t stride = (phys_addr_t)PAGE_SIZE << imsic.guest_bits;
	struct phys_range reg;
	struct dt_error why;

	for (;;) {
		unsigned int files;

		if (dt_reg(node, *part, &reg, &why)) {
			pr_err("%s", why.text);
			return -EINVAL;
		}
		files = (unsigned int)((reg.end - reg.start) / stride);
		if (nr - *first < files)
			break;
		*first += files;
		++*part;
	}
	*page = reg.start + (nr - *first) * stride;
	return 0;
}

static int find_targets(int node)
{
	unsigned int nr = 0, part = 0, first = 0;
	struct dt_irq_iter it;
	struct dt_error why;
	struct dt_irq entry;
	int err = dt_irq_begin(&it, irq_intcs(), node, &why);

	for (; !err && dt_irq_next(&it, &entry, &why) > 0; nr++) {
		u64 hartid = supervisor_hart(&entry);
		int cpu = hartid == DT_NO_HART ? -1 : smp_cpu_of_hartid(hartid);
		phys_addr_t page;

		if (cpu < 0)
			continue;
		err = file_page(node, nr, &part, &first, &page);
		if (!err)
			*per_cpu_ptr(&target, cpu) = index_of(page);
	}
	return err;
}

static int imsic_probe(int node)
{
	unsigned int order = 0;
	int files = count_files(node), err;
	u32 ids;

	if (files < 0)
		return files;
	if (imsic.node) {
		pr_err("%s: there are other S-mode IMSICs already", dt_node_name(node));
		return -EBUSY;
	}
	if (dt_prop_u32(node, "riscv,num-ids", &ids) || ids < 63 || ids > MAX_IDS) {
		pr_err("%s: riscv,num-ids isn't a number of identities", dt_node_name(node));
		return -EINVAL;
	}
	err = read_layout(node, (unsigned int)files);
	if (!err)
		err = find_targets(node);
	if (err)
		return err;
	while ((PAGE_SIZE << order) < (ids + 1) * sizeof(*imsic.by_id))
		order++;
	imsic.by_id = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, order);
	if (!imsic.by_id)
		return -ENOMEM;
	imsic.nr_ids = ids;
	imsic.node = node;
	return irq_set_root(imsic_handle, imsic_init_hart);
}

static const char *const compatible[] = { "riscv,imsics", "qemu,imsics", NULL };
static const struct driver imsic_driver = { "imsic", compatible, DRIVER_IRQ, imsic_probe };
TABLE_ENTRY(driver, imsic_driver);
