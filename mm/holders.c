/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * holders.c - who has memory, in a few lines of the out-of-memory report
 *
 * By kind of use: what descriptors say (page tables, slabs), else the type of the pageblock that
 * it lies in.  With page_owner=on also the callers with most pages (page_top.c).
 *
 * Locking: who calls has the record of oom.c, and so the figures, alone; zone locks for short
 *   stretches inside memmap_walk().
 * Cost: O(blocks).
 */
#define LOG_PREFIX "page_alloc: "
#include "internal.h"

#include <kernel/log.h>
#include <mm/page_debug.h>

#include <string.h>

static struct {
	unsigned long used[NR_MIGRATETYPES], table, slab, reserved;
} held;

static bool count_block(const struct memmap_block *b, void *arg)
{
	if (b->state == BLOCK_IS_RESERVED)
		held.reserved += b->nr_pages;
	if (b->state != BLOCK_IS_USED)
		return false;
	if (b->flags & 1U << PG_table)
		held.table += b->nr_pages;
	else if (b->flags & 1U << PG_slab)
		held.slab += b->nr_pages;
	else
		held.used[get_pageblock_migratetype(pfn_to_page(b->pfn))] += b->nr_pages;
	if (page_debug & PAGE_DEBUG_OWNER)
		page_top_add(b);
	return false;
}

void report_holders(void)
{
	memset(&held, 0, sizeof(held));
	memmap_walk(0, ~0UL, count_block, NULL);
	pr_err("  used: %lu pages unmovable, %lu movable, %lu reclaimable, %lu contiguous areas, "
	       "%lu page tables, %lu slabs; %lu reserved at boot",
	       held.used[MIGRATE_UNMOVABLE] + held.used[MIGRATE_HIGHATOMIC] +
		       held.used[MIGRATE_ISOLATE],
	       held.used[MIGRATE_MOVABLE], held.used[MIGRATE_RECLAIMABLE], held.used[MIGRATE_CMA],
	       held.table, held.slab, held.reserved);
	if (page_debug & PAGE_DEBUG_OWNER)
		page_top_print();
}
