/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ioremap.c - small mappings at boot: device registers, stacks, the device tree
 *
 * Registers and stacks are laid out upwards in regions of their own and are never given back:
 * a device is probed once, a hart's stack lives as long as the hart.
 *
 * Locking: next_io is taken with an atomic add; stacks are placed by number.
 */
#define LOG_PREFIX "paging: "

#include <asm/pgtable.h>
#include <asm/tlb.h>

#include <base/errno.h>
#include <kernel/log.h>
#include <libfdt.h>
#include <string.h>

static unsigned long next_io; /* bytes of the I/O region that are taken */

void *ioremap(phys_addr_t pa, size_t bytes)
{
	unsigned long offset = (unsigned long)(pa & (PAGE_SIZE - 1));
	unsigned long size = ALIGN_UP(offset + bytes, PAGE_SIZE);
	unsigned long at, va;
	int err;

	if (!bytes || size < bytes)
		return NULL;
	/* A page between two mappings stays empty: an overrun faults. */
	at = __atomic_fetch_add(&next_io, size + PAGE_SIZE, __ATOMIC_RELAXED);
	if (at > va_layout.io_bytes || va_layout.io_bytes - at < size) {
		pr_err("no room to map %zu bytes of device memory at 0x%llx", bytes, PA(pa));
		return NULL;
	}
	va = va_layout.io_base + at;
	err = arch_map(va, pa - offset, size, PROT_READ | PROT_WRITE | PROT_IO, PAGE_SIZE);
	if (err) {
		pr_err("%zu bytes of device memory at 0x%llx can't be mapped: %s", bytes, PA(pa),
		       err == -ENOMEM ? "no memory" : "no hart reaches that address");
		return NULL;
	}
	return (void *)(va + offset);
}

unsigned long arch_stack_map(unsigned int nr, phys_addr_t pa)
{
	unsigned long slots = va_layout.stack_bytes / (2 * STACK_SIZE);
	/* A stack is the upper half of its slot, so the lower half guards it. */
	unsigned long va = va_layout.stack_base + nr * (2UL * STACK_SIZE) + STACK_SIZE;

	if (nr >= slots || arch_map(va, pa, STACK_SIZE, PROT_READ | PROT_WRITE, PAGE_SIZE))
		return 0;
	return va;
}

static void map_fdt_pages(phys_addr_t pa, unsigned long first, unsigned long nr)
{
	for (unsigned long i = first; i < first + nr; i++)
		pte_set(&early_fixmap[FIX_DT + i],
			pte_make(pa + (i << PAGE_SHIFT), PTE_R | PTE_A | PTE_D | PTE_G));
	tlb_flush_local_all();
}

const void *arch_map_fdt(phys_addr_t pa, size_t *bytes, const char **why)
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
