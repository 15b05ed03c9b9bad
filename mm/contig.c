/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contig.c - taking a range of frames that others use now
 *
 *     isolate    the pageblocks: nobody takes from them any more, what is freed stays there
 *     drain      what harts keep comes back
 *     move       what is used there and movable, to pages elsewhere; a few times over
 *     claim      the free blocks, cut at both ends of the range
 *     undo       the isolation: what is left over of the pageblocks is free again as before
 *
 * Any step may fail; then what was claimed is freed and the isolation undone.
 *
 * Locking: one range at a time (`busy`, tried again after a while: there are no locks that sleep
 *   below the scheduler); zone->lock for WALK_STEP blocks at a time.
 * Cost: as many steps as there are blocks, and the copies.
 * Not here: isolation (page_isolation.c), moving one page (migrate.c), areas kept for it (cma.c).
 */
#define LOG_PREFIX "contig: "
#include <mm/contig.h>

#include <kernel/fault_inject.h>
#include <kernel/log.h>
#include <kernel/preempt.h>
#include <kernel/time.h>
#include <mm/page_isolation.h>

#include "buddy_list.h"
#include "mobility.h"

#define TRIES	5
#define WAIT_NS 200000 /* for pages that are on their way */

static u32 busy;

FAULT_POINT(fail_contig, "steps of alloc_contig_range()");

static struct page *target(struct page *page, unsigned long gfp)
{
	(void)page;
	return alloc_page((gfp_t)gfp);
}

/* Once over all movable pages of the range.  0, or -ENOMEM. */
static int move_range(struct zone *zone, unsigned long pfn, unsigned long end, gfp_t gfp)
{
	gfp_t new = (gfp & ~__GFP_ZERO) | __GFP_HIGHMEM | __GFP_MOVABLE | __GFP_NOWARN;
	int err = 0;

	while (pfn < end && err != -ENOMEM) {
		struct page_list list = { 0 };

		isolate_movable_range(zone, &pfn, end, 0, &list);
		if (list.nr)
			err = migrate_pages(&list, target, NULL, new, MIGRATE_SYNC,
					    MR_CONTIG_RANGE);
		putback_movable_pages(&list);
	}
	return err == -ENOMEM ? err : 0;
}

/* Until all of the range is free. */
static int empty_range(struct zone *zone, unsigned long start, unsigned long end, gfp_t gfp)
{
	int err = -EBUSY;

	drain_all_pages(); /* and from now on harts keep none */
	for (int i = 0; err == -EBUSY && i < TRIES; i++) {
		if (i)
			arch_wait_ns(WAIT_NS);
		if (should_fail(fail_contig, PAGE_SIZE))
			return -ENOMEM;
		err = move_range(zone, start, end, gfp);
		if (!err)
			err = test_pages_isolated(start, end);
	}
	return err;
}

/* The largest part of a block of @order that begins at @pfn and ends before @end. */
static int part_order(unsigned long pfn, unsigned long end, int order)
{
	while ((pfn & ((1UL << order) - 1)) || pfn + (1UL << order) > end)
		order--;
	return order;
}

/* Blocks from *@pos on become used ones, WALK_STEP of them or until the end. */
static int claim_step(struct zone *zone, unsigned long *pos, unsigned long end, unsigned type)
{
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&zone->lock, flags);
	for (int n = WALK_STEP; n && *pos < end; n--) {
		struct page *page = memmap_block_of(*pos);
		int order;

		if (block_kind(page) != BLOCK_FREE || block_type(page) != MIGRATE_ISOLATE ||
		    should_fail(fail_contig, PAGE_SIZE)) {
			err = -EBUSY;
			break;
		}
		order = part_order(*pos, end, (int)block_order(page));
		buddy_claim(zone, page, *pos, order, type);
		*pos += 1UL << order;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return err;
}

/* [pfn, end) has been claimed: single pages of it, or back with it. */
static void finish(struct zone *zone, unsigned long pfn, unsigned long end, bool keep, gfp_t gfp)
{
	while (pfn < end) {
		struct page *page = pfn_to_page(pfn);
		unsigned order = block_order(page);

		pfn += 1UL << order;
		if (!keep) {
			__free_pages(page_prepare(zone, page, gfp, order), order);
			continue;
		}
		make_single_pages(zone, page, order);
		for (unsigned long i = 0; i < 1UL << order; i++)
			page_prepare(zone, page + i, gfp & ~__GFP_COMP, 0);
	}
}

static int claim_range(struct zone *zone, unsigned long start, unsigned long end, unsigned type,
		       gfp_t gfp)
{
	unsigned long pos = start;
	int err = 0;

	while (pos < end && !err)
		err = claim_step(zone, &pos, end, type);
	finish(zone, start, pos, !err, gfp);
	return err;
}

/* Are all pageblocks of the range of a type that @type may take from? */
static bool types_fit(struct zone *zone, unsigned long pfn, unsigned long end, unsigned type)
{
	for (; pfn < end; pfn = ALIGN_DOWN(pfn, pageblock_nr_pages) + pageblock_nr_pages)
		if ((pageblock_type_before(zone, pfn_to_page(pfn)) == MIGRATE_CMA) !=
		    (type == MIGRATE_CMA))
			return false;
	return true;
}

static int take_range(struct zone *zone, unsigned long start, unsigned long end, unsigned type,
		      gfp_t gfp)
{
	int err = start_isolate_page_range(start, end);

	if (err)
		return err;
	err = empty_range(zone, start, end, gfp);
	if (!err)
		err = claim_range(zone, start, end, min(type, (unsigned)MIGRATE_MOVABLE), gfp);
	undo_isolate_page_range(start, end);
	return err;
}

int alloc_contig_range(unsigned long start_pfn, unsigned long end_pfn, unsigned migratetype,
		       gfp_t gfp)
{
	const struct mem_segment *seg = memmap_segment(start_pfn);
	int err;

	might_sleep();
	if (!seg || start_pfn >= end_pfn || end_pfn > seg->end_pfn ||
	    !types_fit(seg->zone, start_pfn, end_pfn, migratetype))
		return -EINVAL;
	while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE))
		arch_wait_ns(WAIT_NS);
	err = take_range(seg->zone, start_pfn, end_pfn, migratetype, gfp);
	__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
	if (err && !(gfp & __GFP_NOWARN))
		pr_warn("pfn 0x%lx-0x%lx can't be had: %s", start_pfn, end_pfn,
			err == -ENOMEM ? "no pages to move to" : "in use");
	return err;
}

void free_contig_range(unsigned long pfn, unsigned long nr_pages)
{
	while (nr_pages--)
		__free_page(pfn_to_page(pfn++));
}

/* ---- anywhere ---- */

static struct page *take_in_segment(const struct mem_segment *seg, unsigned long nr_pages,
				    unsigned long align, gfp_t gfp)
{
	unsigned long pfn = ALIGN_UP(seg->start_pfn, align);

	while (pfn + nr_pages <= seg->end_pfn) {
		struct page *bad = has_unmovable_pages(seg->zone, pfn, pfn + nr_pages);

		if (!bad &&
		    !alloc_contig_range(pfn, pfn + nr_pages, MIGRATE_MOVABLE, gfp | __GFP_NOWARN))
			return pfn_to_page(pfn);
		/* Not with the page that is in the way; its head may lie before the range. */
		pfn = ALIGN_UP((bad ? max(pfn, page_to_pfn(bad)) : pfn) + 1, align);
	}
	return NULL;
}

struct page *alloc_contig_pages(unsigned long nr_pages, gfp_t gfp, int nid)
{
	const struct pglist_data *node = node_data[nid == NUMA_NO_NODE ? numa_node_id() : nid];
	unsigned long align = 1;

	while (align < nr_pages && align < pageblock_nr_pages)
		align *= 2;
	for (struct zone **z = node->zonelists[gfp_zonelist(gfp)]; nr_pages && *z; z++)
		for (unsigned i = 0; i < nr_mem_segments; i++) {
			struct page *page = NULL;

			if (mem_segments[i].zone == *z)
				page = take_in_segment(&mem_segments[i], nr_pages, align, gfp);
			if (page)
				return page;
		}
	return NULL;
}
