/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_isolation.c - taking pageblocks out of use, and giving them back
 *
 * The pageblock's type comes first, its free blocks follow: from when the type is ISOLATE, what is
 * freed there goes to the isolate lists by itself, and what lies free on other lists is moved there
 * step by step, at most WALK_STEP blocks in one hold of the lock.  A block that is allocated
 * before the walk comes to it is found used later.  Behind the walk nothing can be on another
 * list, since a free block merges with its buddy on whatever list, and the result follows the type.
 * Undoing goes the same way.
 *
 *     zone->pageblock[]   bits 0-2 type   bits 3-5 the type that comes back
 *
 * A block larger than a pageblock would have several types: a free one is cut in the same hold of
 * the lock that sets the type, a used one refuses.  So no block reaches out of an isolated
 * pageblock, but for free ones into other isolated ones.
 *
 * While a pageblock of a zone is isolated, harts keep no pages of the zone (BYPASS_ISOLATE), so
 * that each page that is freed comes by.
 *
 * Invariants: nr_isolated[zone] is the number of its pageblocks of type ISOLATE; 0 <=> no bypass.
 * Locking: zone->lock for types, lists and nr_isolated.
 * Cost: one pass over the blocks of each pageblock, each way.
 * Not here: emptying the range (contig.c).
 */
#include <mm/page_isolation.h>

#include <kernel/fault_inject.h>
#include <kernel/panic.h>

#include "buddy_list.h"
#include "mobility.h"

#define TYPE_BEFORE_SHIFT 3

static unsigned nr_isolated[MAX_ZONES]; /* by zone id */

FAULT_POINT(fail_isolate, "set_migratetype_isolate()");

unsigned pageblock_type_before(const struct zone *zone, const struct page *page)
{
	unsigned byte = *pageblock_of(zone, page), type = byte & PAGEBLOCK_TYPE_MASK;

	return type == MIGRATE_ISOLATE ? byte >> TYPE_BEFORE_SHIFT : type;
}

/* Free blocks to the list of @type, until the end or so many that the lock has to go. */
static bool move_step(struct block_walk *w, unsigned long end, unsigned type)
{
	w->next = NULL;
	for (unsigned n = WALK_STEP; n && w->pfn < end; n--) {
		struct page *page = block_walk_next(w);

		if (!page || block_kind(page) != BLOCK_FREE || block_type(page) == type)
			continue;
		list_remove(w->zone, page, (int)block_order(page), block_type(page));
		block_merge(w->zone, page, (int)block_order(page), type);
	}
	return w->pfn >= end;
}

/*
 * @zone is locked: set the byte of the pageblock at @start to @byte, move its free blocks to the
 * list of @type, and unlock.
 */
static void change_type(struct zone *zone, unsigned long start, unsigned byte, unsigned long *flags)
{
	struct block_walk w = { .zone = zone, .pfn = start };
	unsigned long end = start + pageblock_nr_pages;

	*pageblock_of(zone, pfn_to_page(start)) = (u8)byte;
	while (!move_step(&w, end, byte & PAGEBLOCK_TYPE_MASK)) {
		spin_unlock_irqrestore(&zone->lock, *flags);
		spin_lock_irqsave(&zone->lock, *flags);
	}
}

/* The block that holds the pageblock at @start of a free one is cut to it; false if it's used and
 * larger. */
static bool cut_to_pageblock(struct zone *zone, unsigned long start)
{
	struct page *page = memmap_block_of(start);
	unsigned type;

	if (!page || block_order(page) <= PAGEBLOCK_ORDER)
		return true;
	if (block_kind(page) != BLOCK_FREE)
		return false;
	type = block_type(page);
	page = buddy_carve(zone, page, start, PAGEBLOCK_ORDER);
	list_push(zone, page, PAGEBLOCK_ORDER, type);
	return true;
}

int set_migratetype_isolate(struct zone *zone, struct page *page)
{
	unsigned long start = ALIGN_DOWN(page_to_pfn(page), pageblock_nr_pages), flags;
	unsigned type;
	int err = -EBUSY;

	if (should_fail(fail_isolate, PAGE_SIZE))
		return err;
	spin_lock_irqsave(&zone->lock, flags);
	type = pageblock_type(zone, page);
	if (type != MIGRATE_ISOLATE && type != MIGRATE_HIGHATOMIC &&
	    cut_to_pageblock(zone, start)) {
		if (!nr_isolated[zone->id]++)
			zone_bypass(zone, BYPASS_ISOLATE, true);
		change_type(zone, start, MIGRATE_ISOLATE | type << TYPE_BEFORE_SHIFT, &flags);
		err = 0;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return err;
}

void unset_migratetype_isolate(struct zone *zone, struct page *page)
{
	unsigned long start = ALIGN_DOWN(page_to_pfn(page), pageblock_nr_pages), flags;
	unsigned type;

	spin_lock_irqsave(&zone->lock, flags);
	BUG_ON(pageblock_type(zone, page) != MIGRATE_ISOLATE);
	BUG_ON(!cut_to_pageblock(zone, start));
	type = pageblock_type_before(zone, page);
	page = memmap_block_of(start);
	if (page && block_kind(page) == BLOCK_FREE && block_order(page) == PAGEBLOCK_ORDER &&
	    type_is_ordinary(type))
		type = MIGRATE_MOVABLE;
	change_type(zone, start, type, &flags);
	if (!--nr_isolated[zone->id])
		zone_bypass(zone, BYPASS_ISOLATE, false);
	spin_unlock_irqrestore(&zone->lock, flags);
}

/* ---- ranges ---- */

/* Does @bad say so of a block in [start, end)?  The first such block.  Steps as above. */
static struct page *find_block(struct zone *zone, unsigned long start, unsigned long end,
			       bool (*good)(const struct page *page))
{
	struct block_walk w = { .zone = zone, .pfn = start };
	struct page *bad = NULL;
	unsigned long flags;

	while (!bad && w.pfn < end) {
		w.next = NULL;
		spin_lock_irqsave(&zone->lock, flags);
		for (unsigned n = WALK_STEP; n && !bad && w.pfn < end; n--) {
			struct page *page = block_walk_next(&w);

			if (page && !good(page))
				bad = page;
		}
		spin_unlock_irqrestore(&zone->lock, flags);
	}
	return bad;
}

static bool block_is_isolated(const struct page *page)
{
	return block_kind(page) == BLOCK_FREE && block_type(page) == MIGRATE_ISOLATE;
}

struct page *has_unmovable_pages(struct zone *zone, unsigned long start_pfn, unsigned long end_pfn)
{
	return find_block(zone, start_pfn, end_pfn, block_may_go);
}

/* The zone that all of [start, end) belongs to, or NULL. */
static struct zone *zone_of_range(unsigned long start_pfn, unsigned long end_pfn)
{
	const struct mem_segment *seg = memmap_segment(start_pfn);

	return seg && end_pfn > start_pfn && end_pfn <= seg->end_pfn ? seg->zone : NULL;
}

int start_isolate_page_range(unsigned long start_pfn, unsigned long end_pfn)
{
	struct zone *zone = zone_of_range(start_pfn, end_pfn);
	unsigned long pfn = start_pfn;

	if (!zone)
		return -EINVAL;
	while (pfn < end_pfn) {
		unsigned long next = ALIGN_DOWN(pfn, pageblock_nr_pages) + pageblock_nr_pages;
		struct page *page = pfn_to_page(pfn);

		if (set_migratetype_isolate(zone, page))
			break;
		if (has_unmovable_pages(zone, pfn, min(next, end_pfn))) {
			unset_migratetype_isolate(zone, page);
			break;
		}
		pfn = next;
	}
	if (pfn >= end_pfn)
		return 0;
	if (pfn > start_pfn)
		undo_isolate_page_range(start_pfn, pfn);
	return -EBUSY;
}

void undo_isolate_page_range(unsigned long start_pfn, unsigned long end_pfn)
{
	struct zone *zone = memmap_segment(start_pfn)->zone;

	while (start_pfn < end_pfn) {
		unset_migratetype_isolate(zone, pfn_to_page(start_pfn));
		start_pfn = ALIGN_DOWN(start_pfn, pageblock_nr_pages) + pageblock_nr_pages;
	}
}

int test_pages_isolated(unsigned long start_pfn, unsigned long end_pfn)
{
	struct zone *zone = zone_of_range(start_pfn, end_pfn);

	return zone && !find_block(zone, start_pfn, end_pfn, block_is_isolated) ? 0 : -EBUSY;
}
