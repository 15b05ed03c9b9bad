/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_isolation.h - pageblocks out of which nothing is allocated for a while
 *
 * Whoever wants a certain range of frames isolates its pageblocks: what is free there, or becomes
 * free, is on the isolate lists, which nobody takes from and which don't count for watermarks.
 */
#ifndef MM_PAGE_ISOLATION_H
#define MM_PAGE_ISOLATION_H

#include <mm/zone.h>

/*
 * set_migratetype_isolate - isolate the pageblock of @page, the part of it that is @zone's
 * unset_migratetype_isolate - give it the type back that it had (movable, if it's wholly free).
 * 0, or -EBUSY: isolated already, kept for atomic requests, or part of a larger used block.
 * Any context; zone->lock inside, for WALK_STEP blocks at a time.
 */
int set_migratetype_isolate(struct zone *zone, struct page *page) __must_check;
void unset_migratetype_isolate(struct zone *zone, struct page *page);

/* has_unmovable_pages - the first page of [start, end) of @zone that is neither free nor movable,
 * or NULL.  A page that a hart is about to allocate counts as free.  Any context. */
struct page *has_unmovable_pages(struct zone *zone, unsigned long start_pfn, unsigned long end_pfn);

/*
 * start_isolate_page_range - isolate all pageblocks that [start, end) touches
 * 0; -EINVAL: not memory of one zone without a hole; -EBUSY: see above, or something in the range
 * can't be moved.  After an error nothing is isolated.  Harts' lists may still hold pages of the
 * range: drain_all_pages() next.
 * undo_isolate_page_range - the reverse.
 */
int start_isolate_page_range(unsigned long start_pfn, unsigned long end_pfn) __must_check;
void undo_isolate_page_range(unsigned long start_pfn, unsigned long end_pfn);

/* test_pages_isolated - 0 if all of [start, end) is free and isolated, else -EBUSY. */
int test_pages_isolated(unsigned long start_pfn, unsigned long end_pfn);

/* The pageblock's type from before it was isolated; of another: its own. */
unsigned pageblock_type_before(const struct zone *zone, const struct page *page);

#endif
