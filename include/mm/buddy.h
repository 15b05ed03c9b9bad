/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buddy.h - the free blocks of a zone
 *
 * Every function: the caller holds zone->lock with interrupts off; nothing sleeps,
 * nothing allocates, nothing touches the contents of pages.
 */
#ifndef MM_BUDDY_H
#define MM_BUDDY_H

#include <mm/zone.h>

/*
 * buddy_take - take a block of 2^@order pages (0 .. MAX_ORDER) for pages of @type out of @zone
 * The block's descriptor says USED; flags and refcount are the caller's to set.  NULL if there is
 * none on the lists that serve @type (pageblock.c).  O(orders).
 */
struct page *buddy_take(struct zone *zone, unsigned order, unsigned type);

/* buddy_add_range - hand frames [start, end) to @zone: their descriptors say nothing yet,
 * or USED and reserved.  Boot, and memory that becomes free later. */
void buddy_add_range(struct zone *zone, unsigned long start_pfn, unsigned long end_pfn);

/* What is broken in a zone, and where. */
#define ZONE_FAULT_LEN 192

/*
 * buddy_validate - check every invariant of @zone's lists
 * 0, or -EFAULT with a sentence in @fault: object, value found, value expected.
 * O(blocks) with the lock held: for tests and debugging.
 */
int buddy_validate(struct zone *zone, char fault[ZONE_FAULT_LEN]);

#endif
