/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * highmem.c - where the linear map ends, and what is above
 *
 * lowmem=SIZE: the lowest SIZE bytes of memory are in the linear map, rounded down to a top-order
 * block, so that none crosses the border.  What the kernel itself needs has to fit there:
 *
 *     least(end)  =  image below end, and free memory below end >= LOW_FREE
 *
 * A smaller SIZE is refused, with the least that works, and nothing is capped.  Descriptors don't
 * count: they go to high memory (vmemmap.c), and so does what page_ext.c keeps about it.
 * Not here: windows (kmap.c), zones (zone_plan.c).
 */
#define LOG_PREFIX "memory: "

#include <mm/highmem.h>

#include <asm/mmu.h>
#include <base/errno.h>
#include <kernel/bootargs.h>
#include <kernel/log.h>
#include <lib/parse.h>
#include <mm/memblock.h>

#define LOW_FREE (8 * MiB) /* for page tables, per-hart data, and a kernel that does something */
#define STEP	 ((phys_addr_t)MAX_BLOCK << PAGE_SHIFT)

extern char _end[];

static u64 lowmem; /* lowmem=, bytes; 0: as much as the address space has room for */

static int __init parse_lowmem(const char *value)
{
	u64 bytes;

	if (parse_size(value, &bytes) || !bytes)
		return -EINVAL;
	lowmem = bytes;
	return 0;
}

static const struct bootarg arg_lowmem __initconst = { "lowmem", parse_lowmem,
						       "a size like 64M: the rest is high memory" };
TABLE_ENTRY(bootarg, arg_lowmem);

/* Where the lowest @bytes of memory end. */
static phys_addr_t __init end_of_lowest(u64 bytes)
{
	const struct memblock_region *r;

	for_each_mem_range(r) {
		if (bytes <= r->size)
			return ALIGN_DOWN(r->base + bytes, STEP);
		bytes -= r->size;
	}
	return memblock_end_of_DRAM();
}

static u64 __init memory_below(phys_addr_t end)
{
	const struct memblock_region *r;
	u64 bytes = 0;

	for_each_mem_range(r) {
		if (r->base < end)
			bytes += min(r->base + r->size, end) - r->base;
	}
	return bytes;
}

static u64 __init free_below(phys_addr_t end)
{
	struct memblock_free_iter it;
	u64 bytes = 0;

	for_each_free_range(it) {
		if (it.start < end)
			bytes += min(it.end, end) - it.start;
	}
	return bytes;
}

static bool __init enough_below(phys_addr_t end)
{
	return end >= __pa_symbol(_end) && free_below(end) >= LOW_FREE;
}

void __init highmem_cap(void)
{
	phys_addr_t end = end_of_lowest(lowmem), least;

	if (!lowmem || end >= min(va_layout.low_end, memblock_end_of_DRAM()))
		return;
	if (enough_below(end)) {
		arch_linear_cap(end);
		return;
	}
	least = ALIGN_UP(memblock_start_of_DRAM(), STEP);
	while (least < memblock_end_of_DRAM() && !enough_below(least))
		least += STEP;
	pr_err("lowmem=: %llu KiB are too few, this machine needs %llu MiB at least: not capped",
	       PA(lowmem / KiB), PA(DIV_ROUND_UP(memory_below(least), MiB)));
}

phys_addr_t highmem_start(void)
{
	return memblock_end_of_DRAM() > va_layout.low_end ? va_layout.low_end : 0;
}
