/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buddy_list.h - operations on a zone's free lists, inline
 *
 * For buddy.c and for page_alloc.c's second-best path, which both hold zone->lock.
 * Orders are int and indices unsigned long here: as they come in registers and from
 * memory, rv64 needs no instruction to extend them.
 */
#ifndef MM_BUDDY_LIST_H
#define MM_BUDDY_LIST_H

#include "internal.h"

/* The lowest bit set in @mask, which is not 0 (rv64imac can't count zeros). */
static inline int lowest_bit(u32 mask)
{
	static const u8 bit[32] = { 0,	1,  28, 2,  29, 14, 24, 3, 30, 22, 20, 15, 25, 17, 4,  8,
				    31, 27, 13, 23, 21, 19, 16, 7, 26, 12, 18, 6,  11, 5,  10, 9 };

	/* A de Bruijn sequence: each bit shifts another five-bit number to the top. */
	return bit[(mask & -mask) * 0x077CB531U >> 27];
}

static inline struct page *buddy_of(struct page *page, int order)
{
	return (struct page *)((unsigned long)page ^ (sizeof(struct page) << order));
}

/* A list of one block or none: first and nr in one store. */
static inline void list_set(struct zone *zone, int order, unsigned long index, u64 nr)
{
	zone->area[order].first_nr = nr << 32 | index;
}

static inline void list_push(struct zone *zone, struct page *page, int order)
{
	struct free_area *area = &zone->area[order];
	unsigned long old = area->first;

	page->word0 = zone->word0_free;
	page->links = old; /* next; no prev */
	page->block = zone->mark + BLOCK_FREE + (u32)order;
	if (likely(!old)) {
		list_set(zone, order, page_index(page), 1);
		zone->orders |= 1U << order;
		return;
	}
	area->nr++;
	index_page(old)->prev = (u32)page_index(page);
	area->first = (u32)page_index(page);
}

static inline struct page *list_pop(struct zone *zone, int order)
{
	struct free_area *area = &zone->area[order];
	struct page *page = index_page(area->first);
	unsigned long next = page->next;

	if (next) {
		area->nr--;
		area->first = (u32)next;
		index_page(next)->prev = 0;
		return page;
	}
	list_set(zone, order, 0, 0);
	zone->orders &= ~(1U << order);
	return page;
}

static inline void list_remove(struct zone *zone, struct page *page, int order)
{
	struct free_area *area = &zone->area[order];
	u64 links = page->links;
	unsigned long next = (u32)links, prev = (unsigned long)(links >> 32);

	if (!links) { /* the only one */
		list_set(zone, order, 0, 0);
		zone->orders &= ~(1U << order);
		return;
	}
	area->nr--;
	if (next)
		index_page(next)->prev = (u32)prev;
	if (prev)
		index_page(prev)->next = (u32)next;
	else
		area->first = (u32)next;
}

/*
 * Cut a block down from order @high to @low, upper halves to the lists.  These are
 * empty: the block was the smallest that would do.
 */
static inline void block_split(struct zone *zone, struct page *page, int high, int low)
{
	struct free_area *area = &zone->area[high], *last = &zone->area[low];
	u64 word0 = zone->word0_free, first_nr = 1ULL << 32 | page_index(page);
	u32 word = zone->mark + BLOCK_FREE + (u32)high;
	unsigned long half = sizeof(*page) << high; /* bytes of descriptors */

	zone->orders |= (1U << high) - (1U << low);
	do {
		struct page *upper;

		half >>= 1;
		upper = (struct page *)((unsigned long)page + half);
		upper->word0 = word0;
		upper->links = 0;
		upper->block = --word;
		(--area)->first_nr = first_nr + (half >> PAGE_STRUCT_SHIFT);
	} while (area != last);
}

/* The lists' smallest block of at least @order, cut down to it; there must be one. */
static inline struct page *list_take(struct zone *zone, int order)
{
	struct page *page;
	int found;

	if (zone->area[order].first)
		return list_pop(zone, order);
	found = order + lowest_bit(zone->orders >> order);
	page = list_pop(zone, found);
	block_split(zone, page, found, order);
	return page;
}

/* Merge a block with its free buddies and put the result on its list. */
static inline void block_merge(struct zone *zone, struct page *page, int order)
{
	u32 word = zone->mark + BLOCK_FREE + (u32)order;

	for (; order < MAX_ORDER; order++, word++) {
		struct page *buddy = buddy_of(page, order);

		if (buddy->block != word)
			break;
		list_remove(zone, buddy, order);
		if (buddy > page) {
			buddy->block = 0;
		} else {
			page->block = 0;
			page = buddy;
		}
	}
	list_push(zone, page, order);
}

static inline void park(struct zone *zone, struct page *page, int order, unsigned slot)
{
	zone->parked[order].slot[slot] = page;
	page->word0 = zone->word0_free;
	page->block = zone->mark + BLOCK_PARKED + (u32)order;
}

#endif
