/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linear_map.c - all of memory, mapped once
 *
 * Every bank is mapped readable and writable, never executable, at a constant distance from
 * its physical address (asm/memory.h).  Exceptions: no-map ranges are left out, and the
 * kernel's text and rodata are read-only here too, so that nothing executable is writable
 * under a second address.
 *
 * With debug_pagealloc=on all leaves are pages, of which the free ones are taken out.
 *
 * A leaf of 1 GiB never covers memory that firmware reserved: what it protects with PMP lies
 * there, and the FU540 must not have such a leaf over it (its erratum).  All leaves end at no-map
 * ranges anyway.
 *
 * What the linear map doesn't reach is high memory (mm/highmem.h), or without CONFIG_HIGHMEM left
 * out.
 */
#define LOG_PREFIX "memory: "

#include <mm/init.h>

#include <asm/mmu.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <mm/highmem.h>
#include <mm/memblock.h>
#include <mm/page_debug.h>

static phys_addr_t __init table_from_memblock(void)
{
	return memblock_phys_alloc_range(PAGE_SIZE, PAGE_SIZE, 0, 0, NUMA_NO_NODE);
}

static void map_range(phys_addr_t start, phys_addr_t end, unsigned int prot, unsigned long leaf)
{
	if (start < end &&
	    arch_map((unsigned long)__va(start), start, (unsigned long)(end - start), prot, leaf))
		panic("no memory for the page tables of the linear map at 0x%llx", PA(start));
}

/* Map [start, end) with leaves up to @leaf; the image's pages with their own protection. */
static void map_around_image(phys_addr_t start, phys_addr_t end, unsigned long leaf)
{
	extern char _end[];
	phys_addr_t image = va_layout.image_pa, image_end = __pa_symbol(_end);
	phys_addr_t at, stop = start;

	map_range(start, min(end, max(start, image)), PROT_READ | PROT_WRITE, leaf);
	for (at = max(start, image); at < min(end, image_end); at = stop) {
		unsigned int prot = arch_image_prot(at, &stop);

		stop = min(stop, end);
		map_range(at, stop, prot, leaf);
	}
	map_range(max(start, image_end), end, PROT_READ | PROT_WRITE, leaf);
}

/* Has somebody else than this kernel reserved memory in [start, end)? */
static bool __init foreign_memory(phys_addr_t start, phys_addr_t end)
{
	const struct memblock_region *r;

	for_each_reserved_range(r) {
		u32 kind = r->flags & MEMBLOCK_RSRV_MASK;

		if (kind != MEMBLOCK_RSRV_NODE && kind != MEMBLOCK_RSRV_FIRMWARE)
			continue;
		if (r->base < end && r->base + r->size > start)
			return true;
	}
	return false;
}

/* Map one bank, in pieces that end where a largest leaf does. */
static void map_bank(phys_addr_t start, phys_addr_t end)
{
	phys_addr_t largest = arch_largest_leaf();

	while (start < end) {
		phys_addr_t piece = ALIGN_DOWN(start, largest), next = piece + largest;
		unsigned long leaf = arch_largest_leaf();

		if (page_debug & PAGE_DEBUG_GUARD) {
			leaf = PAGE_SIZE; /* free pages come and go one by one */
			next = end;
		} else if (foreign_memory(piece, next)) {
			leaf = arch_shared_leaf();
		} else {
			/* As many as come without a reservation, in one go. */
			while (next < end && !foreign_memory(next, next + largest))
				next += largest;
		}
		map_around_image(start, min(next, end), leaf);
		start = next;
	}
}

/* What lies at @limit and above isn't used. */
static void __init leave_out(phys_addr_t limit, const char *reach)
{
	phys_addr_t end = memblock_end_of_DRAM();

	if (end <= limit)
		return;
	pr_warn("0x%llx to 0x%llx is beyond the %s of %s (%llu MiB) and left out", PA(limit),
		PA(end), reach, arch_paging_name(), PA((limit - va_layout.phys_base) / MiB));
	if (memblock_remove(limit, end - limit))
		panic("memory beyond the %s can't be left out: memblock is full", reach);
}

void __init linear_map_limit(void)
{
	highmem_cap();
	memblock_set_limit(va_layout.low_end);
#ifdef CONFIG_HIGHMEM
	leave_out(arch_described_end(), "descriptors");
	if (highmem_start())
		pr_info("0x%llx to 0x%llx is high memory: the linear map ends before it",
			PA(va_layout.low_end), PA(memblock_end_of_DRAM()));
#else
	leave_out(va_layout.low_end, "linear map");
#endif
}

void __init linear_map_init(void)
{
	const struct memblock_region *r;

	arch_map_set_allocator(table_from_memblock, NULL);
	for_each_mem_range(r) {
		if (!(r->flags & MEMBLOCK_NOMAP))
			map_bank(r->base, min(r->base + r->size, va_layout.low_end));
	}
	arch_linear_done();
	memblock_allow_resize();
}
