/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buddy_list.h - operations on a zone's free lists, inline
 *
 * For buddy.c, pageblock.c and pcp.c, which hold zone->lock.
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

/* The highest. */
static inline int highest_bit(u32 mask)
{
	for (int shift = 1; shift < 32; shift *= 2)
		mask |= mask >> shift;
	return lowest_bit(mask - (mask >> 1));
}

static inline struct page *buddy_of(struct page *page, int order)
{
	return (struct page *)((unsigned long)page ^ (sizeof(struct page) << order));
}

/* Types whose wholly free pageblocks merge with each other. */
static inline bool type_is_ordinary(unsigned type)
{
	return type < MIGRATE_PCPTYPES;
}

/* The type of the pageblock that @page lies in. */
static inline unsigned pageblock_type(const struct zone *zone, const struct page *page)
{
	return *pageblock_of(zone, page) & PAGEBLOCK_TYPE_MASK;
}

static inline u32 free_word(const struct zone *zone, int order, unsigned type)
{
	return zone->mark + BLOCK_FREE + (u32)order + ((u32)type << BLOCK_TYPE_SHIFT);
}

/* A list of one block or none: first and nr in one store. */
static inline void list_set(struct free_area *area, unsigned long index, u64 nr)
{
	area->first_nr = nr << 32 | index;
}

static inline void list_push(struct zone *zone, struct page *page, int order, unsigned type)
{
	struct free_area *area = &zone->area[type][order];
	unsigned long old = area->first;

	page->word0 = zone->word0_free;
	page->links = old; /* next; no prev */
	page->block = free_word(zone, order, type);
	if (likely(!old)) {
		list_set(area, page_index(page), 1);
		zone->orders[type] |= 1U << order;
		return;
	}
	area->nr++;
	index_page(old)->prev = (u32)page_index(page);
	area->first = (u32)page_index(page);
}

static inline struct page *list_pop(struct zone *zone, int order, unsigned type)
{
	struct free_area *area = &zone->area[type][order];
	struct page *page = index_page(area->first);
	unsigned long next = page->next;

	if (next) {
		area->nr--;
		area->first = (u32)next;
		index_page(next)->prev = 0;
		return page;
	}
	list_set(area, 0, 0);
	zone->orders[type] &= ~(1U << order);
	return page;
}

static inline void list_remove(struct zone *zone, struct page *page, int order, unsigned type)
{
	struct free_area *area = &zone->area[type][order];
	u64 links = page->links;
	unsigned long next = (u32)links, prev = (unsigned long)(links >> 32);

	if (!links) { /* the only one */
		list_set(area, 0, 0);
		zone->orders[type] &= ~(1U << order);
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
 * Cut a block down from order @high to @low, upper halves to the lists of @type.  These are
 * empty: the block was the smallest that would do.
 */
static inline void block_split(struct zone *zone, struct page *page, int high, int low,
			       unsigned type)
{
	struct free_area *area = &zone->area[type][high], *last = &zone->area[type][low];
	u64 word0 = zone->word0_free, first_nr = 1ULL << 32 | page_index(page);
	u32 word = free_word(zone, high, type);
	unsigned long half = sizeof(*page) << high; /* bytes of descriptors */

	zone->orders[type] |= (1U << high) - (1U << low);
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

/* The smallest block of @type of at least @order, cut down to it; there must be one. */
static inline struct page *list_take(struct zone *zone, int order, unsigned type)
{
	struct page *page;
	int found;

	if (zone->area[type][order].first)
		return list_pop(zone, order, type);
	found = order + lowest_bit(zone->orders[type] >> order);
	page = list_pop(zone, found, type);
	block_split(zone, page, found, order, type);
	return page;
}

/* All pageblocks of a block of at least PAGEBLOCK_ORDER. */
static inline void pageblocks_set(struct zone *zone, struct page *page, int order, unsigned type)
{
	u8 *first = pageblock_of(zone, page), *end = first + (1UL << (order - PAGEBLOCK_ORDER));

	while (first < end)
		*first++ = (u8)type;
}

/*
 * Merge a block, which lies in a pageblock of @type, with its free buddies, and put the result on
 * its list.  Pageblocks that are wholly free are movable.
 */
static inline void block_merge(struct zone *zone, struct page *page, int order, unsigned type)
{
	u32 word = free_word(zone, order, 0);

	for (; order < MAX_ORDER; order++, word++) {
		struct page *buddy = buddy_of(page, order);
		u32 other = buddy->block - word;

		if (other & ~BLOCK_TYPE_MASK)
			break;
		other >>= BLOCK_TYPE_SHIFT;
		if (order >= PAGEBLOCK_ORDER && other != type &&
		    !(type_is_ordinary(other) && type_is_ordinary(type)))
			break;
		list_remove(zone, buddy, order, other);
		if (buddy > page) {
			buddy->block = 0;
		} else {
			page->block = 0;
			page = buddy;
		}
	}
	if (order >= PAGEBLOCK_ORDER && type_is_ordinary(type) && type != MIGRATE_MOVABLE) {
		type = MIGRATE_MOVABLE;
		pageblocks_set(zone, page, order, type);
	}
	list_push(zone, page, order, type);
}

/*
 * Have a block of at least @order on the lists of the type that comes back: @type's own, or another
 * that may serve it.  NR_MIGRATETYPES if there is none.  (pageblock.c)
 */
unsigned pageblock_find(struct zone *zone, int order, unsigned type);

/* The lists that serve @type at @order; the same. */
static inline unsigned list_for(struct zone *zone, int order, unsigned type)
{
	if (likely(zone->orders[type] >> order) && order < PAGEBLOCK_ORDER)
		return type;
	return pageblock_find(zone, order, type);
}

#endif
