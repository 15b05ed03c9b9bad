/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buddy.c - the free blocks of one zone, in powers of two
 *
 * Block: 2^order pages, aligned to its size.  Buddy of a block: the one beside it with
 * which it makes a block of the next order; its descriptor lies at the block's own
 * address ^ (size of the block's descriptors), because vmemmap is aligned to a
 * top-order block's.
 *
 * A freed block is not merged at once: PARK_DEPTH blocks of each order wait parked, so
 * that taking and giving the same order over and over neither splits nor merges.  A
 * block given while the slots of its order are full is merged (deferred coalescing as
 * in the lazy buddy systems, bounded).
 *
 * The blocks of a top-order block partition it, so the buddy of a block of order o is
 * never a tail of a larger one: its descriptor says something true.  That is why
 * descriptors need no initial value (mm/page.h).
 *
 * Invariants (buddy_validate):
 *   area[o] holds exactly area[o].nr blocks with block word FREE|o of this zone;
 *   bit o of orders  <=>  area[o].nr > 0;
 *   no two buddies are both on a list, below MAX_ORDER;
 *   nr_free == sum(area[o].nr << o) + sum(parked blocks << o);
 *   the first descriptor of a free block has no flags and refcount 0;
 *   a descriptor that heads no block has kind 0, or was never written.
 *
 * Locking: the caller holds zone->lock with interrupts off.
 * Cost: taking a block is one table look-up and O(orders) splits, giving one back
 *   O(orders) merges; only where nothing else is left, all parked blocks are merged.
 * Not here: choice of zone, flags, references (page_alloc.c); which frames there are (memmap.c).
 */
#include <mm/buddy.h>

#include "buddy_list.h"

#include <stdio.h>

/* A parked block of at least @order, the smallest there is; its order goes to *@found. */
static struct page *take_parked(struct zone *zone, unsigned order, unsigned *found)
{
	for (; order <= MAX_ORDER; order++)
		for (unsigned i = 0; i < PARK_DEPTH; i++) {
			struct page *page = zone->parked[order].slot[i];

			if (page) {
				zone->parked[order].slot[i] = NULL;
				*found = order;
				return page;
			}
		}
	return NULL;
}

void buddy_merge_parked(struct zone *zone)
{
	struct page *page;
	unsigned order;

	while ((page = take_parked(zone, 0, &order)))
		block_merge(zone, page, (int)order);
}

/* No list and no slot has a block of @order: merge the smaller ones that are parked. */
static __cold struct page *take_by_merging(struct zone *zone, unsigned order, unsigned *found)
{
	if (zone->nr_free >> order == 0)
		return NULL;
	for (unsigned o = 0; o < order; o++)
		for (unsigned i = 0; i < PARK_DEPTH; i++) {
			struct page *page = zone->parked[o].slot[i];

			if (!page)
				continue;
			zone->parked[o].slot[i] = NULL;
			block_merge(zone, page, (int)o);
			if (zone->orders >> order) {
				*found = order + (unsigned)lowest_bit(zone->orders >> order);
				return list_pop(zone, (int)*found);
			}
		}
	return NULL;
}

struct page *buddy_take(struct zone *zone, unsigned order)
{
	unsigned found = order;
	struct page *page;

	if (!zone->parked[order].slot[0] && !zone->parked[order].slot[1] && zone->orders >> order) {
		page = list_take(zone, (int)order);
	} else {
		page = take_parked(zone, order, &found);
		if (!page)
			page = take_by_merging(zone, order, &found);
		if (!page)
			return NULL;
		if (found > order)
			block_split(zone, page, (int)found, (int)order);
	}
	zone->nr_free -= 1UL << order;
	page->block = zone->mark + BLOCK_USED + order;
	return page;
}

/*
 * Top-order blocks in a row onto their list, the last one first: each links to its
 * neighbours, so boot writes a descriptor a block and does nothing else.
 */
static void add_top_blocks(struct zone *zone, unsigned long start_pfn, unsigned long end_pfn)
{
	struct free_area *area = &zone->area[MAX_ORDER];
	struct page *page = pfn_to_page(start_pfn), *end = pfn_to_page(end_pfn);
	u64 index = page_index(page), next = area->first;
	u64 word0 = zone->word0_free;
	u32 block = zone->mark + BLOCK_FREE + MAX_ORDER;

	if (next)
		index_page(next)->prev = (u32)index;
	area->nr += (u32)((end_pfn - start_pfn) >> MAX_ORDER);
	for (; page < end; page += MAX_BLOCK) {
		page->word0 = word0;
		page->links = (index + MAX_BLOCK) << 32 | next;
		page->block = block;
		next = index;
		index += MAX_BLOCK;
	}
	index_page(next)->prev = 0;
	area->first = (u32)next;
	zone->orders |= 1U << MAX_ORDER;
}

void buddy_add_range(struct zone *zone, unsigned long start_pfn, unsigned long end_pfn)
{
	unsigned long pfn = start_pfn;

	while (pfn < end_pfn) {
		unsigned long top = ALIGN_DOWN(end_pfn, MAX_BLOCK);
		int order = MAX_ORDER;

		if (!(pfn & (MAX_BLOCK - 1)) && pfn < top) {
			add_top_blocks(zone, pfn, top);
			pfn = top;
			continue;
		}
		while ((pfn & ((1UL << order) - 1)) || pfn + (1UL << order) > end_pfn)
			order--;
		block_merge(zone, pfn_to_page(pfn), order);
		pfn += 1UL << order;
	}
	zone->nr_free += end_pfn - start_pfn;
	zone->managed_pages += end_pfn - start_pfn;
}

/* One block that should be free: 0, or -EFAULT and a sentence. */
static int check_free_block(struct zone *zone, struct page *page, unsigned order, u32 kind,
			    char fault[ZONE_FAULT_LEN])
{
	unsigned long pfn = page_to_pfn(page);
	u32 word = zone->mark + kind + order;

	if (pfn < zone->start_pfn || pfn + (1UL << order) > zone->end_pfn ||
	    (pfn & ((1UL << order) - 1)))
		snprintf(fault, ZONE_FAULT_LEN,
			 "zone %s order %u: block at pfn 0x%lx, expected an aligned one in "
			 "0x%lx-0x%lx",
			 zone->name, order, pfn, zone->start_pfn, zone->end_pfn);
	else if (page->block != word)
		snprintf(fault, ZONE_FAULT_LEN,
			 "zone %s order %u: pfn 0x%lx has block word 0x%08lx, expected 0x%08lx",
			 zone->name, order, pfn, (unsigned long)page->block, (unsigned long)word);
	else if (page->word0 != zone->word0_free)
		snprintf(fault, ZONE_FAULT_LEN,
			 "zone %s order %u: free pfn 0x%lx has flags 0x%08lx refcount %ld, "
			 "expected 0x%08lx and 0",
			 zone->name, order, pfn, (unsigned long)page->flags, (long)page->_refcount,
			 (unsigned long)zone->word0_free);
	else
		return 0;
	return -EFAULT;
}

/* The list of one order; *@pages grows by what is on it. */
static int check_list(struct zone *zone, unsigned order, unsigned long *pages,
		      char fault[ZONE_FAULT_LEN])
{
	struct free_area *area = &zone->area[order];
	u32 prev = 0, nr = 0;

	for (u32 index = area->first; index; index = index_page(index)->next) {
		struct page *page = index_page(index);
		int err;

		if (nr++ == area->nr)
			break;
		err = check_free_block(zone, page, order, BLOCK_FREE, fault);
		if (err)
			return err;
		if (page->prev != prev) {
			snprintf(fault, ZONE_FAULT_LEN,
				 "zone %s order %u: pfn 0x%lx links back to %lu, expected %lu",
				 zone->name, order, page_to_pfn(page), (unsigned long)page->prev,
				 (unsigned long)prev);
			return -EFAULT;
		}
		if (order < MAX_ORDER &&
		    buddy_of(page, (int)order)->block == zone->mark + BLOCK_FREE + order) {
			snprintf(fault, ZONE_FAULT_LEN,
				 "zone %s order %u: pfn 0x%lx and its buddy are both free, "
				 "expected one block of order %u",
				 zone->name, order, page_to_pfn(page), order + 1);
			return -EFAULT;
		}
		prev = index;
	}
	if (nr != area->nr || (zone->orders >> order & 1) != (nr > 0)) {
		snprintf(fault, ZONE_FAULT_LEN,
			 "zone %s order %u: %s%lu blocks on the list, bit %lu of orders; expected "
			 "%lu",
			 zone->name, order, nr > area->nr ? "more than " : "",
			 (unsigned long)(nr > area->nr ? area->nr : nr),
			 (unsigned long)(zone->orders >> order & 1), (unsigned long)area->nr);
		return -EFAULT;
	}
	*pages += (unsigned long)nr << order;
	return 0;
}

int buddy_validate(struct zone *zone, char fault[ZONE_FAULT_LEN])
{
	unsigned long pages = 0;

	for (unsigned order = 0; order < NR_ORDERS; order++) {
		int err = check_list(zone, order, &pages, fault);

		for (unsigned i = 0; !err && i < PARK_DEPTH; i++) {
			struct page *page = zone->parked[order].slot[i];

			if (!page)
				continue;
			err = check_free_block(zone, page, order, BLOCK_PARKED, fault);
			pages += 1UL << order;
		}
		if (err)
			return err;
	}
	if (zone->nr_free != pages || zone->orders >> NR_ORDERS) {
		snprintf(fault, ZONE_FAULT_LEN,
			 "zone %s: nr_free is %lu, expected %lu as on the lists; orders 0x%lx",
			 zone->name, zone->nr_free, pages, (unsigned long)zone->orders);
		return -EFAULT;
	}
	return 0;
}
