/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * paging.c - which paging mode runs, what all address spaces share
 *
 * A table page is reached at its image address if it is part of the image, through the
 * fixmap (one slot a level) until the linear map stands, and through the linear map after.
 *
 * Later address spaces share the kernel's part by copying its root entries.  So that none need be
 * added to all of them later, arch_share_roots() fills those of vmalloc's region and of vmemmap
 * once, and all tables that hang in the root by then stay (PTE_PINNED).  A region costs a table for
 * each entry, so vmalloc's reaches as far as this machine's memory makes sense of.  The linear map
 * has the entries that memory needs; what memremap_pages() maps beyond may add one (mm/memremap.c).
 *
 * Locking: none here; boot hart.
 * Not here: entries (pgtable.c, leaves.c), where regions lie (layout32.c, layout64.c), what is
 * mapped where (mm/, early_fdt.c).
 */
#define LOG_PREFIX "paging: "

#include <asm/mmu.h>

#include <asm/kaslr.h>
#include <base/errno.h>
#include <kernel/bootargs.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/smp.h>
#include <lib/dt.h>
#include <string.h>

#include "pt.h"

const struct paging_mode *paging __ro_after_init;
struct va_layout va_layout __ro_after_init;
u32 pt_isa __ro_after_init;

extern char _start[], _end[], __ro_after_init_start[];

static struct {
	bool linear_done;
	phys_addr_t fixmap_pa[MAX_LEVELS]; /* what the fixmap slot of each level shows */
} state;

const char *arch_paging_name(void)
{
	return paging->name;
}

void __init arch_linear_done(void)
{
	state.linear_done = true;
	for (unsigned int i = FIX_PT; i < FIX_PT + MAX_LEVELS; i++)
		pte_set(&early_fixmap[i], (pte_t){ 0 });
	tlb_flush_local_all();
}

void __init arch_set_isa(u32 isa)
{
	/* Sv32's entries have no bits for either. */
	if (sizeof(long) == 8)
		pt_isa = isa & (DT_ISA_SVPBMT | DT_ISA_SVNAPOT);
	tlb_set_isa(isa);
}

bool arch_has_kinds(void)
{
	return pt_isa & DT_ISA_SVPBMT;
}

phys_addr_t arch_phys_end(void)
{
	return MAX_PHYS;
}

bool arch_linear_reaches(phys_addr_t start, phys_addr_t end)
{
	return start >= va_layout.phys_base && end <= va_layout.low_end;
}

phys_addr_t arch_described_end(void)
{
	return va_layout.phys_base +
	       ((phys_addr_t)va_layout.vmemmap_bytes << (PAGE_SHIFT - PAGE_STRUCT_SHIFT));
}

void __init arch_linear_cap(phys_addr_t end)
{
	va_layout.low_end = end;
	arch_hart_constants(this_hart);
}

unsigned long __init arch_largest_leaf(void)
{
	/* Leaves above 1 GiB would reach past the end of any board's banks. */
	return level_bytes(min((int)paging->levels - 1, 2));
}

unsigned long arch_leaf_sizes(void)
{
	unsigned long sizes = pt_napot() ? NAPOT_BYTES : 0;

	for (int level = 0; level < paging->levels; level++)
		sizes |= level_bytes(level);
	return sizes;
}

unsigned long arch_shared_leaf(void)
{
	return level_bytes(1);
}

unsigned int __init arch_image_prot(phys_addr_t pa, phys_addr_t *end)
{
	phys_addr_t rodata_end =
		ALIGN_DOWN(__pa_symbol(__ro_after_init_start), (phys_addr_t)PAGE_SIZE);

	if (pa < rodata_end) {
		*end = rodata_end;
		return PROT_READ;
	}
	*end = __pa_symbol(_end);
	return PROT_READ | PROT_WRITE;
}

pte_t *pt_table(phys_addr_t pa, int level)
{
	unsigned long va = FIXMAP_ADDR + ((FIX_PT + (unsigned long)level) << PAGE_SHIFT);

	if (state.linear_done)
		return __va(pa); /* of the image's too: parts of it are free memory later */
	if (pa >= va_layout.image_pa && pa < __pa_symbol(_end))
		return (pte_t *)(va_layout.image_va + (unsigned long)(pa - va_layout.image_pa));
	if (state.fixmap_pa[level] != pa) {
		state.fixmap_pa[level] = pa;
		pte_set(&early_fixmap[FIX_PT + level],
			pte_make(pa, PTE_R | PTE_W | PTE_A | PTE_D | PTE_G));
		tlb_flush_local_all(); /* not by address: the FU540 ignores that */
	}
	return (pte_t *)va;
}

/* Find the mode that head.S turned on, by what satp holds. */
static const struct paging_mode *running_mode(void)
{
	unsigned long mode = csr_read(satp) >> SATP_MODE_SHIFT;

	for (const struct paging_mode *m = paging_modes; m->name; m++) {
		if (m->satp_mode == mode)
			return m;
	}
	panic("satp holds mode %lu, which is none of ours", mode);
}

/* Go from the running mode to a shallower one; the image and fixmap stay where they are. */
static void cap_mode(const char *name)
{
	const struct paging_mode *m;

	for (m = paging_modes; m->name && strcmp(m->name, name); m++)
		;
	if (!m->name) {
		pr_err("paging=%s: this kernel has no such mode, %s stays", name, paging->name);
		return;
	}
	if (m->levels > paging->levels) {
		pr_warn("paging=%s: this hart, or this kernel, has %s at most", name, paging->name);
		return;
	}
	csr_write(satp, (unsigned long)m->satp_mode << SATP_MODE_SHIFT |
				(unsigned long)(__pa_symbol(m->root) >> PAGE_SHIFT));
	tlb_flush_local_all();
	paging = m;
}

/* kaslr.c has seen it long before. */
static int __init parse_nokaslr(const char *value)
{
	return 0;
}

static const struct bootarg arg_nokaslr __initconst = { "nokaslr", parse_nokaslr, "no value" };
TABLE_ENTRY(bootarg, arg_nokaslr);

void __init arch_paging_early(void)
{
	paging = running_mode();
	va_layout.image_va = (unsigned long)_start;
	va_layout.image_pa = early_load_pa;
}

void __init arch_hart_constants(struct hart_local *hl)
{
	unsigned long base_pfn = PFN_DOWN(va_layout.phys_base);

	hl->vmemmap = va_layout.vmemmap_base - (base_pfn << PAGE_STRUCT_SHIFT);
	hl->page_base = va_layout.vmemmap_base -
			((va_layout.linear_base >> PAGE_SHIFT) << PAGE_STRUCT_SHIFT);
#ifdef CONFIG_HIGHMEM
	hl->linear_base = va_layout.linear_base;
	hl->high_page = hl->vmemmap + (PFN_DOWN(va_layout.low_end) << PAGE_STRUCT_SHIFT);
#endif
}

void __init arch_paging_init(phys_addr_t lowest, phys_addr_t end, phys_addr_t ram_bytes,
			     const char *max_mode)
{
	if (max_mode)
		cap_mode(max_mode);
	va_layout.phys_base = ALIGN_DOWN(lowest, (phys_addr_t)arch_largest_leaf());
	pt_place_regions(&va_layout, end, ram_bytes);
	va_layout.vmalloc_bytes =
		pt_areas_wanted(va_layout.scratch_base - va_layout.vmalloc_base, ram_bytes);
	va_layout.low_end = va_layout.phys_base + va_layout.linear_bytes;
	arch_hart_constants(this_hart);
	kaslr_done();
}

/* Addresses for device registers, besides those that memory needs. */
#define DEVICES 0x01000000UL

unsigned long __init pt_areas_wanted(unsigned long most, phys_addr_t ram_bytes)
{
	unsigned long root = level_bytes(paging->levels - 1), half = most / 2;
	unsigned long ram = ram_bytes < half ? (unsigned long)ram_bytes : half;

	return min(most, ALIGN_UP(2 * ram + DEVICES, root));
}

int __init arch_share_roots(void)
{
	struct va_layout *v = &va_layout;
	int err;

	err = pt_fill_root(v->vmalloc_base, v->vmalloc_bytes);
	if (!err)
		err = pt_fill_root(v->vmemmap_base, v->vmemmap_bytes);
	/* Image, fixmap and windows have all that they'll ever have. */
	for (unsigned long i = table_index(kernel_base(), paging->levels - 1); i < PTRS_PER_TABLE;
	     i++) {
		pte_t *slot_of_root = &paging->root[i];

		if (pte_valid(*slot_of_root) && !pte_is_leaf(*slot_of_root))
			pte_set(slot_of_root, (pte_t){ slot_of_root->val | PTE_PINNED });
	}
	return err;
}
