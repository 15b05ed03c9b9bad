/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_pagetypeinfo.c - pagetypeinfo, cma: which types of pages stand where, and what is kept
 */
#include <asm/memory.h>
#include <mm/cma.h>
#include <mm/compaction.h>
#include <mm/memmap.h>
#include <shell/shell.h>

static const char type_names[NR_MIGRATETYPES][12] = {
	"Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate",
};

static void print_free(struct zone *z, unsigned type)
{
	unsigned long nr[NR_ORDERS];

	zone_free_blocks_of(z, type, nr);
	shell_printf("Node %4d, zone %8s, type %12s", z->nid, z->name, type_names[type]);
	for (unsigned order = 0; order < NR_ORDERS; order++)
		shell_printf(" %6lu", nr[order]);
	shell_puts("\n");
}

static void print_blocks(struct zone *z)
{
	unsigned long nr[NR_MIGRATETYPES] = { 0 }, done = 0;

	for (unsigned i = 0; i < nr_mem_segments; i++) {
		const struct mem_segment *seg = &mem_segments[i];
		unsigned long pfn = max(done, ALIGN_DOWN(seg->start_pfn, pageblock_nr_pages));

		if (seg->zone != z)
			continue;
		for (; pfn < seg->end_pfn; pfn += pageblock_nr_pages)
			nr[*pageblock_of(z, pfn_to_page(pfn)) & PAGEBLOCK_TYPE_MASK]++;
		done = pfn;
	}
	shell_printf("Node %d, zone %8s", z->nid, z->name);
	for (unsigned type = 0; type < NR_MIGRATETYPES; type++)
		shell_printf(" %12lu", nr[type]);
	shell_puts("\n");
}

static int run_pagetypeinfo(int argc, char **argv)
{
	struct zone *z;

	(void)argv;
	if (argc != 1)
		return SHELL_USAGE;
	shell_printf("Page block order: %d\nPages per block:  %lu\n\n", PAGEBLOCK_ORDER,
		     pageblock_nr_pages);
	shell_printf("Free blocks by type at order %20s", "");
	for (unsigned order = 0; order < NR_ORDERS; order++)
		shell_printf(" %6u", order);
	shell_puts("\n");
	for_each_zone(z)
		for (unsigned type = 0; type < NR_MIGRATETYPES; type++)
			print_free(z, type);
	shell_puts("\nNumber of blocks type ");
	for (unsigned type = 0; type < NR_MIGRATETYPES; type++)
		shell_printf(" %12s", type_names[type]);
	shell_puts("\n");
	for_each_zone(z)
		print_blocks(z);
	return 0;
}

static const struct shell_cmd cmd_pagetypeinfo = {
	.name = "pagetypeinfo",
	.usage = "",
	.help = "free blocks by migrate type and order, pageblocks by type",
	.run = run_pagetypeinfo,
};
TABLE_ENTRY(shell_cmd, cmd_pagetypeinfo);

static int print_area(struct cma *cma, void *arg)
{
	(void)arg;
	shell_printf("%-24s 0x%010llx %8lu KiB, %lu KiB taken%s\n", cma->name,
		     PA(PFN_PHYS(cma->base_pfn)), cma->count * (PAGE_SIZE / 1024),
		     cma_used(cma) * (PAGE_SIZE / 1024), cma == cma_default() ? ", default" : "");
	return 0;
}

static int run_cma(int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return SHELL_USAGE;
	cma_for_each_area(print_area, NULL);
	return 0;
}

static const struct shell_cmd cmd_cma = {
	.name = "cma",
	.usage = "",
	.help = "areas kept for large allocations, and what is taken of them",
	.run = run_cma,
};
TABLE_ENTRY(shell_cmd, cmd_cma);

static int run_compact(int argc, char **argv)
{
	int nid;

	(void)argv;
	if (argc != 1)
		return SHELL_USAGE;
	for_each_node_id(nid) {
		unsigned before = fragmentation_score_node(NODE_DATA(nid));

		compact_node(NODE_DATA(nid));
		shell_printf("Node %d: score %u, was %u\n", nid,
			     fragmentation_score_node(NODE_DATA(nid)), before);
	}
	return 0;
}

static const struct shell_cmd cmd_compact = {
	.name = "compact",
	.usage = "",
	.help = "move what is movable together; the score is 0 (whole) to 100 (torn)",
	.run = run_compact,
};
TABLE_ENTRY(shell_cmd, cmd_compact);
