/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mobility.c - walking over a zone's blocks, and taking a certain free block instead of any
 *
 * Invariant: cutting a free block leaves its parts on lists of its own type, so what was true of
 *   types and pageblocks before is true after.
 * Locking: zone->lock is the caller's, but for make_single_pages().
 * Not here: what is taken and why (page_isolation.c, contig.c, compaction.c).
 */
#include "mobility.h"

#include <mm/vmstat.h>
#include "buddy_list.h"

/* The zone's next frame from @pfn on; ~0 if there is none. */
static unsigned long next_frame(const struct zone *zone, unsigned long pfn)
{
	for (unsigned i = 0; i < nr_mem_segments; i++)
		if (mem_segments[i].zone == zone && mem_segments[i].end_pfn > pfn)
			return max(pfn, mem_segments[i].start_pfn);
	return ~0UL;
}

struct page *block_walk_next(struct block_walk *w)
{
	struct page *page = w->next;
	unsigned order;

	if (!page) {
		const struct mem_segment *seg = memmap_segment(w->pfn);

		if (!seg || seg->zone != w->zone) {
			w->pfn = next_frame(w->zone, w->pfn);
			return NULL;
		}
		w->seg_end = seg->end_pfn;
		page = memmap_block_of(w->pfn);
	}
	order = block_order(page);
	w->pfn = page_to_pfn(page) + (1UL << order);
	w->next = w->pfn < w->seg_end ? page + (1UL << order) : NULL;
	return page;
}

bool block_may_go(const struct page *page)
{
	if (block_kind(page) == BLOCK_FREE)
		return true;
	if (PageReserved(page))
		return false;
	/* Without a reference: on a hart's list, or being freed. */
	return !page_ref_count(page) || PageMovable(page);
}

struct page *buddy_carve(struct zone *zone, struct page *page, unsigned long pfn, int low)
{
	int order = (int)block_order(page);
	unsigned type = block_type(page);

	list_remove(zone, page, order, type);
	while (order > low) {
		struct page *upper = page + (1UL << --order);

		if (pfn < page_to_pfn(upper)) {
			list_push(zone, upper, order, type);
		} else {
			list_push(zone, page, order, type);
			page = upper;
		}
	}
	return page;
}

struct page *buddy_claim(struct zone *zone, struct page *page, unsigned long pfn, int low,
			 unsigned type)
{
	page = buddy_carve(zone, page, pfn, low);
	zone->nr_free -= 1UL << low;
	__count_vm_events(PGALLOC, 1UL << low);
	page->word0 = zone->word0;
	page->block = zone->mark + BLOCK_USED + (u32)low + ((u32)type << BLOCK_TYPE_SHIFT);
	return page;
}

/*
 * The head last: until then whoever walks sees the block as it was, and doesn't look at the others.
 */
void make_single_pages(struct zone *zone, struct page *page, unsigned order)
{
	u32 word = READ_ONCE(page->block) - order;

	for (struct page *p = page + (1UL << order); p-- > page;) {
		p->word0 = zone->word0;
		p->mapping_word = 0;
		p->index = 0;
		__atomic_store_n(&p->block, word, __ATOMIC_RELEASE);
	}
}
