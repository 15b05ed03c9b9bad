/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * early_fdt.c - the device tree, mapped where the firmware has it
 *
 * Locking: the boot hart is alone.
 */
#include <asm/pgtable.h>
#include <asm/tlb.h>

#include <libfdt.h>
#include <string.h>

void __init arch_erase_fdt(void *at, size_t bytes)
{
	unsigned long base = FIXMAP_ADDR + (FIX_DT << PAGE_SHIFT);
	const u8 zero = 0;

	for (unsigned long va = (unsigned long)at; bytes; va++, bytes--) {
		pte_t *slot = &early_fixmap[FIX_DT + ((va - base) >> PAGE_SHIFT)];

		if (!(slot->val & PTE_W)) {
			pte_set(slot, (pte_t){ slot->val | PTE_W });
			tlb_flush_local_all();
		}
		/* It may be in flash. */
		if (probe_write((void *)va, &zero, sizeof(zero)))
			return;
	}
}

static void map_fdt_pages(phys_addr_t pa, unsigned long first, unsigned long nr)
{
	for (unsigned long i = first; i < first + nr; i++)
		pte_set(&early_fixmap[FIX_DT + i],
			pte_make(pa + (i << PAGE_SHIFT), PTE_R | PTE_A | PTE_D | PTE_G));
	tlb_flush_local_all();
}

const void *__init arch_map_fdt(phys_addr_t pa, size_t *bytes, const char **why)
{
	unsigned long offset = (unsigned long)(pa & (PAGE_SIZE - 1));
	const void *fdt = (const void *)(FIXMAP_ADDR + (FIX_DT << PAGE_SHIFT) + offset);
	unsigned long pages;

	if (!pa || !IS_ALIGNED(pa, 8)) {
		*why = "its address is 0 or not a multiple of 8";
		return NULL;
	}
	/* The header's 40 bytes may reach into a second page. */
	map_fdt_pages(pa - offset, 0, 2);
	if (fdt_magic(fdt) != FDT_MAGIC) {
		*why = "there is no device tree (wrong magic number)";
		return NULL;
	}
	*bytes = fdt_totalsize(fdt);
	if (*bytes > FIX_DT_PAGES * PAGE_SIZE - offset) {
		*why = "the device tree is larger than 1 MiB";
		return NULL;
	}
	pages = ALIGN_UP(offset + *bytes, PAGE_SIZE) >> PAGE_SHIFT;
	map_fdt_pages(pa - offset, 0, pages);
	return fdt;
}

void arch_unmap_fdt(void)
{
	memset(&early_fixmap[FIX_DT], 0, FIX_DT_PAGES * sizeof(pte_t));
	tlb_flush_local_all();
}
