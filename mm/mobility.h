/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mobility.h - what isolation, migration and compaction share
 */
#ifndef MM_MOBILITY_H
#define MM_MOBILITY_H

#include <mm/migrate.h>

#include "internal.h"

/* Blocks that are looked at in one hold of a zone's lock. */
#define WALK_STEP 24

/*
 * A walk over the blocks of a zone from .pfn on.  .next is of use only as long as zone->lock is
 * held: block_walk_unlocked() forgets it.
 */
struct block_walk {
	struct zone *zone;
	unsigned long pfn;     /* where the next block begins */
	unsigned long seg_end; /* of the segment that .next lies in */
	struct page *next;
};

/*
 * block_walk_next - the block that holds w->pfn; w->pfn moves to its end
 * NULL: no memory of the zone there; w->pfn moves on to where there is some, ~0 if nowhere.
 * zone->lock held.  Some 10 instructions, and O(orders + segments) where w->next isn't known.
 */
struct page *block_walk_next(struct block_walk *w);

/* block_may_go - is @page's block free, on its way to be, or movable?  zone->lock held. */
bool block_may_go(const struct page *page);

/* isolate_movable_range - up to @max movable pages of @zone from *@pos on and before @end onto
 * @list; *@pos moves on.  Looks at WALK_STEP blocks at most; how many blocks.  May sleep. */
unsigned isolate_movable_range(struct zone *zone, unsigned long *pos, unsigned long end,
			       isolate_mode_t mode, struct page_list *list);

/*
 * buddy_carve - out of the free block at @page: the part of 2^@low pages that holds @pfn
 * The rest stays on lists of the block's type; the part is on none and still counted in nr_free.
 * zone->lock held.  O(orders).
 */
struct page *buddy_carve(struct zone *zone, struct page *page, unsigned long pfn, int low);

/* buddy_claim - the same, and the part is a used block, not counted, with one reference. */
struct page *buddy_claim(struct zone *zone, struct page *page, unsigned long pfn, int low,
			 unsigned type);

/* make_single_pages - each page of a used block that is the caller's alone becomes a block with
 * one reference.  No lock: 2^@order descriptors are written. */
void make_single_pages(struct zone *zone, struct page *page, unsigned order);

#endif
