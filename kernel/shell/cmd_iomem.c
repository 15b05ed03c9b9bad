/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_iomem.c - iomem: which physical addresses are memory, and who reserved what of it
 *
 * Like Linux's /proc/iomem: START-LAST : WHAT, in hexadecimal, LAST included; what lies
 * inside something else is indented.  memblock's lists are constant after boot.
 */
#include <asm/memory.h>
#include <asm/sections.h>
#include <mm/memblock.h>
#include <mm/zone.h>
#include <shell/shell.h>

static void print_range(unsigned depth, phys_addr_t start, phys_addr_t end, const char *what)
{
	shell_printf("%*s%08llx-%08llx : %s\n", (int)depth * 2, "", PA(start), PA(end - 1), what);
}

static void print_kernel(unsigned depth)
{
	print_range(depth, __pa_symbol(_stext), __pa_symbol(_etext), "Kernel code");
	print_range(depth, __pa_symbol(_srodata), __pa_symbol(_erodata), "Kernel rodata");
	print_range(depth, __pa_symbol(_sdata), __pa_symbol(_edata), "Kernel data");
	print_range(depth, __pa_symbol(__bss_start), __pa_symbol(__bss_end), "Kernel bss");
}

static const char *kind_name(u32 flags)
{
	switch (flags & MEMBLOCK_RSRV_MASK) {
	case MEMBLOCK_RSRV_KERNEL:
		return "Kernel image";
	case MEMBLOCK_RSRV_DT:
		return "Device tree";
	case MEMBLOCK_RSRV_INITRD:
		return "Initial ramdisk";
	case MEMBLOCK_RSRV_FIRMWARE:
		return "Firmware";
	case MEMBLOCK_RSRV_NODE:
		return "Reserved by the device tree";
	case MEMBLOCK_RSRV_REUSABLE:
		return "Reserved by the device tree, reusable";
	default:
		return "Early allocations";
	}
}

/* What the allocator of the boot took, in whole pages: the objects in them are many. */
static phys_addr_t print_early(unsigned depth, const struct memblock_region *r, phys_addr_t done,
			       phys_addr_t end)
{
	phys_addr_t start = max(ALIGN_DOWN(r->base, PAGE_SIZE), done);
	phys_addr_t stop = start;

	for (; r < memblock.reserved.regions + memblock.reserved.nr; r++) {
		if (r->flags & MEMBLOCK_RSRV_MASK || ALIGN_DOWN(r->base, PAGE_SIZE) > stop)
			break;
		stop = max(stop, min(ALIGN_UP(r->base + r->size, PAGE_SIZE), end));
	}
	if (start < stop)
		print_range(depth, start, stop, kind_name(MEMBLOCK_RSRV_EARLY));
	return stop;
}

/* What is reserved of [start, end). */
static void print_reserved(unsigned depth, phys_addr_t start, phys_addr_t end)
{
	const struct memblock_region *r;
	phys_addr_t early = start; /* early allocations are shown up to here */

	for_each_reserved_range(r) {
		phys_addr_t from = max(r->base, start), to = min(r->base + r->size, end);

		if (from >= to)
			continue;
		if ((r->flags & MEMBLOCK_RSRV_MASK) == MEMBLOCK_RSRV_EARLY) {
			early = print_early(depth, r, early, end);
			continue;
		}
		print_range(depth, from, to, kind_name(r->flags));
		if ((r->flags & MEMBLOCK_RSRV_MASK) == MEMBLOCK_RSRV_KERNEL)
			print_kernel(depth + 1);
	}
}

static int run_iomem(int argc, char **argv)
{
	const struct memblock_region *r;
	phys_addr_t done = 0;

	(void)argv;
	if (argc != 1)
		return SHELL_USAGE;
	for_each_mem_range(r) {
		const char *what = "System RAM";

		if (r->flags & MEMBLOCK_NOMAP)
			what = "No-map memory";
		else if (r->flags & MEMBLOCK_HOTPLUG)
			what = "System RAM, hot-pluggable";
		print_reserved(0, done, r->base);
		done = r->base + r->size;
		print_range(0, r->base, done, what);
		print_reserved(1, r->base, done);
	}
	print_reserved(0, done, ~(phys_addr_t)0);
	return 0;
}

static const struct shell_cmd cmd_iomem = {
	.name = "iomem",
	.usage = "",
	.help = "memory banks, reservations and the kernel's sections",
	.run = run_iomem,
};
TABLE_ENTRY(shell_cmd, cmd_iomem);
