/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pageblock.c - which type of pages stands where, and what one type takes from another
 *
 * A pageblock, 2^PAGEBLOCK_ORDER pages, has a type: what is freed in it goes to the lists of that
 * type, and allocations of a type take from its own lists first.  So pages that can't be moved come
 * to stand together, and the others can become large blocks again.
 *
 * A type whose lists are empty takes from another, in the order of `fallbacks`:
 *   - unmovable and reclaimable pages take the largest block there is, and go on taking from what
 *     is left of it, so that they spoil few pageblocks;
 *   - movable pages take the smallest that will do.
 * The pageblock changes its type where at least half of it is taken.  That is one store: other free
 * blocks in it stay on the lists where they are.
 *
 * Invariants: a free block of an ordinary type may lie in a pageblock of another ordinary type, one
 *   on a CMA or isolate list only in a pageblock of that type (buddy_validate); a wholly free
 *   pageblock that isn't CMA, isolated or kept for atomic requests is movable.
 * Locking: the caller holds zone->lock.
 * Cost: O(orders).
 * Not here: isolation of pageblocks (page_isolation.c), moving pages (compaction.c).
 */
#include "buddy_list.h"

#include <kernel/panic.h>
#include <mm/vmstat.h>
#include <mm/watermark.h>

static const u8 fallbacks[MIGRATE_PCPTYPES][2] = {
	[MIGRATE_UNMOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE },
	[MIGRATE_MOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE },
	[MIGRATE_RECLAIMABLE] = { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE },
};

/* A block of at least @order that another type has; its own order goes to *@found. */
static unsigned victim(const struct zone *zone, int order, unsigned type, int *found)
{
	unsigned first = fallbacks[type][0], second = fallbacks[type][1];
	u32 orders = (zone->orders[first] | zone->orders[second]) >> order;

	if (!orders)
		return NR_MIGRATETYPES;
	*found = order + (type == MIGRATE_MOVABLE ? lowest_bit(orders) : highest_bit(orders));
	return zone->orders[first] >> *found & 1 ? first : second;
}

/* One block from another type's list to @type's. */
static unsigned steal(struct zone *zone, int order, unsigned type)
{
	int found;
	unsigned from = victim(zone, order, type, &found);
	struct page *page;

	if (from == NR_MIGRATETYPES)
		return from;
	page = list_pop(zone, found, from);
	while (found > PAGEBLOCK_ORDER) { /* one pageblock is enough */
		found--;
		list_push(zone, page + (1UL << found), found, from);
	}
	if (found < PAGEBLOCK_ORDER)
		watermark_boost(zone);
	if (found >= PAGEBLOCK_ORDER - 1 && type_is_ordinary(pageblock_type(zone, page))) {
		*pageblock_of(zone, page) = (u8)type;
		__count_vm_event(PAGEBLOCK_CLAIM);
	}
	list_push(zone, page, found, type);
	__count_vm_event(PGSTEAL_BLOCK);
	return type;
}

unsigned pageblock_find(struct zone *zone, int order, unsigned type)
{
	/* Whole pageblocks are movable until they are taken. */
	unsigned whole = order >= PAGEBLOCK_ORDER ? MIGRATE_MOVABLE : type;

	if (zone->orders[whole] >> order)
		return whole;
	if (type == MIGRATE_MOVABLE && zone->orders[MIGRATE_CMA] >> order)
		return MIGRATE_CMA;
	return order >= PAGEBLOCK_ORDER ? NR_MIGRATETYPES : steal(zone, order, type);
}

unsigned get_pageblock_migratetype(const struct page *page)
{
	return pageblock_type(page_zone(page), page);
}

void set_pageblock_migratetype(struct page *page, unsigned type)
{
	BUG_ON(type >= NR_MIGRATETYPES);
	*pageblock_of(page_zone(page), page) = (u8)type;
}

unsigned long zone_free_of(const struct zone *zone, unsigned type)
{
	unsigned long nr = 0;

	for (unsigned order = 0; order < NR_ORDERS; order++)
		nr += (unsigned long)READ_ONCE(zone->area[type][order].nr) << order;
	return nr;
}
