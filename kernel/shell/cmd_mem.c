/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_mem.c - how much memory there is and who has it: meminfo, zoneinfo, buddyinfo
 *
 * Figures are read one after the other while harts go on, so sums can be off by what
 * was allocated meanwhile.  Formats follow Linux's files of the same names.
 */
#include <asm/memory.h>
#include <asm/sections.h>
#include <kernel/smp.h>
#include <lib/dt.h>
#include <lib/dma_limit.h>
#include <mm/discover.h>
#include <mm/highmem.h>
#include <mm/memmap.h>
#include <mm/page_alloc.h>
#include <mm/slab_info.h>
#include <mm/vmalloc.h>
#include <shell/shell.h>

static void print_kb(const char *name, u64 bytes)
{
	shell_printf("%-14s %10llu kB\n", name, (unsigned long long)(bytes / KiB));
}

static void print_kb_pages(const char *name, unsigned long nr_pages)
{
	print_kb(name, (u64)nr_pages << PAGE_SHIFT);
}

static int run_meminfo(int argc, char **argv)
{
	unsigned long present = nr_present_pages(), managed = nr_managed_pages();
	unsigned long slab, reclaimable;
	struct vmalloc_info info;

	(void)argv;
	if (argc != 1)
		return SHELL_USAGE;
	print_kb("MemBanks:", memblock_phys_mem_size());
	print_kb("NoMap:", memblock_phys_mem_size() - ((u64)present << PAGE_SHIFT));
	print_kb_pages("Reserved:", present - managed);
	print_kb_pages("MemTotal:", managed);
	print_kb_pages("MemFree:", nr_free_pages());
#ifdef CONFIG_HIGHMEM
	print_kb_pages("HighTotal:", totalhigh_pages());
	print_kb_pages("HighFree:", nr_free_highpages());
	print_kb_pages("LowTotal:", totallow_pages());
	print_kb_pages("LowFree:", nr_free_lowpages());
#endif
	slab = slab_pages_in_use(&reclaimable);
	print_kb_pages("Slab:", slab);
	print_kb_pages("SReclaimable:", reclaimable);
	print_kb_pages("SUnreclaim:", slab - min(reclaimable, slab));
	print_kb("KernelCode:", (u64)(_etext - _stext));
	print_kb("KernelRodata:", (u64)(_erodata - _srodata));
	print_kb("KernelData:", (u64)(_edata - _sdata));
	print_kb("KernelBss:", (u64)(__bss_end - __bss_start));
	print_kb("PageStructs:", memmap_bytes());
	vmalloc_info(&info);
	print_kb("PageTables:", arch_nr_tables() * PAGE_SIZE);
	print_kb("VmallocTotal:", info.total);
	print_kb("VmallocUsed:", info.used);
	print_kb("VmallocChunk:", info.largest);
	return 0;
}

static const struct shell_cmd cmd_meminfo = {
	.name = "meminfo",
	.usage = "",
	.help = "memory: total, free, reserved, the kernel's own",
	.run = run_meminfo,
};
TABLE_ENTRY(shell_cmd, cmd_meminfo);

/* What is left for whom, and who keeps what. */
static void print_marks(const struct zone *z)
{
	shell_printf("  marks     min %lu, low %lu, high %lu, boost %lu\n", z->watermark[WMARK_MIN],
		     z->watermark[WMARK_LOW], z->watermark[WMARK_HIGH], z->watermark_boost);
	shell_puts("  protected from requests for zones up to");
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (z->node->zone[type])
			shell_printf(" %s: %lu", z->node->zone[type]->name,
				     z->lowmem_reserve[type]);
	shell_printf("\n  types     unmovable %lu, movable %lu, reclaimable %lu\n",
		     zone_free_of(z, MIGRATE_UNMOVABLE), zone_free_of(z, MIGRATE_MOVABLE),
		     zone_free_of(z, MIGRATE_RECLAIMABLE));
	shell_printf("  kept      highatomic %lu, cma %lu, isolated %lu\n",
		     zone_free_of(z, MIGRATE_HIGHATOMIC), zone_free_of(z, MIGRATE_CMA),
		     zone_free_of(z, MIGRATE_ISOLATE));
	shell_puts("  harts    ");
	for (unsigned cpu = 0; cpu < nr_harts; cpu++)
		shell_printf(" %lu", zone_hart_pages(z, cpu));
	shell_printf("%s%s%s%s\n", z->bypass ? "; nothing comes on:" : "",
		     z->bypass & BYPASS_PRESSURE ? " pressure" : "",
		     z->bypass & BYPASS_ISOLATE ? " isolation" : "",
		     z->bypass & BYPASS_DEBUG ? " debugging" : "");
}

static void print_zone(struct zone *z)
{
	shell_printf("Node %d, zone %8s\n", z->nid, z->name);
	shell_printf("  range     [0x%llx, 0x%llx)\n", PA(PFN_PHYS(z->start_pfn)),
		     PA(PFN_PHYS(z->end_pfn)));
	shell_printf("  pages     free %lu, managed %lu, present %lu, spanned %lu\n", z->nr_free,
		     z->managed_pages, z->present_pages, z->end_pfn - z->start_pfn);
	shell_printf("  start_pfn %lu\n", z->start_pfn);
	shell_printf("  listed    %lu pages free and kept by harts\n", zone_listed_pages(z));
	print_marks(z);
}

static void print_fallback(int nid)
{
	shell_printf("Node %d, fallback order:", nid);
	for (struct zone **z = NODE_DATA(nid)->fallback; *z; z++)
		shell_printf(" %d:%s", (*z)->nid, (*z)->name);
	shell_puts("\n");
}

/* The names of the zones of @mask, whichever node they are on. */
static void print_zone_names(zone_mask_t mask)
{
	struct zone *z;
	zone_mask_t named = 0;

	for_each_zone(z) {
		if (!(mask >> z->type & 1) || named >> z->type & 1)
			continue;
		named |= (zone_mask_t)(1u << z->type);
		shell_printf(" %s", z->name);
	}
	shell_puts(named ? "\n" : " no zone entirely\n");
}

static void print_limited_devices(void)
{
	const struct dt_dma_map *map = discover_dma_map();

	for (unsigned i = 0; i < map->nr_devices; i++) {
		const struct dt_dma_device *dev = &map->device[i];
		char path[DT_PATH_LEN];

		shell_printf("Device %s: %u address bits, %scoherent, reaches",
			     dt_path(dev->node, path, sizeof(path)), dev->limit->bits,
			     dev->coherent ? "" : "not ");
		print_zone_names(discover_reach(i));
	}
}

static int run_zoneinfo(int argc, char **argv)
{
	struct zone *z;
	int nid;

	(void)argv;
	if (argc != 1)
		return SHELL_USAGE;
	for_each_zone(z)
		print_zone(z);
	for_each_node_id(nid)
		print_fallback(nid);
	print_limited_devices();
	shell_printf("Refused frees %lu, failed allocations %lu, impossible flags %lu\n",
		     page_reports.bad_free, page_reports.failed, page_reports.nonsense);
	return 0;
}

static const struct shell_cmd cmd_zoneinfo = {
	.name = "zoneinfo",
	.usage = "",
	.help = "zones, their pages, and which zones limited devices reach",
	.run = run_zoneinfo,
};
TABLE_ENTRY(shell_cmd, cmd_zoneinfo);

static int run_buddyinfo(int argc, char **argv)
{
	struct zone *z;

	(void)argv;
	if (argc != 1)
		return SHELL_USAGE;
	for_each_zone(z) {
		unsigned long nr[NR_ORDERS];

		zone_free_blocks(z, nr);
		shell_printf("Node %d, zone %8s", z->nid, z->name);
		for (unsigned order = 0; order < NR_ORDERS; order++)
			shell_printf(" %6lu", nr[order]);
		shell_puts("\n");
	}
	return 0;
}

static const struct shell_cmd cmd_buddyinfo = {
	.name = "buddyinfo",
	.usage = "",
	.help = "free blocks of each order, 4 KiB first",
	.run = run_buddyinfo,
};
TABLE_ENTRY(shell_cmd, cmd_buddyinfo);
