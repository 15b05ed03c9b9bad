/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buddy.c - the free blocks of one zone, in powers of two
 *
 * Block: 2^order pages, aligned to its size.  Buddy of a block: the one beside it with
 * which it makes a block of the next order; its descriptor lies at the block's own
 * address ^ (size of the block's descriptors), because vmemmap is aligned to a
 * top-order block's.
 *
 * Each order has a list for each migrate type (pageblock.c says which type gets what).
 *
 * The blocks of a top-order block partition it, so the buddy of a block of order o is
 * never a tail of a larger one: its descriptor says something true.  That is why
 * descriptors need no initial value (mm/page.h).
 *
 * Invariants (buddy_validate):
 *   area[t][o] holds exactly area[t][o].nr blocks with block word FREE|t|o of this zone;
 *   bit o of orders[t]  <=>  area[t][o].nr > 0;
 *   no two buddies are both on a list, below PAGEBLOCK_ORDER; above, none that may join;
 *   what is on a CMA or isolate list lies in pageblocks of that type;
 *   nr_free == sum(area[t][o].nr << o);
 *   the first descriptor of a free block has no flags and refcount 0;
 *   a descriptor that heads no block has kind 0, or was never written.
 *
 * Locking: the caller holds zone->lock with interrupts off.
 * Cost: taking a block is one table look-up and O(orders) splits, giving one back
 *   O(orders) merges.
 * Not here: choice of zone, flags, references (page_alloc.c); which frames there are (memmap.c).
 */
#include <mm/buddy.h>

#include "buddy_list.h"

#include <stdio.h>

struct page *buddy_take(struct zone *zone, unsigned order, unsigned type)
{
	unsigned list = list_for(zone, (int)order, type);
	struct page *page;

	if (list == NR_MIGRATETYPES)
		return NULL;
	page = list_take(zone, (int)order, list);
	zone->nr_free -= 1UL << order;
	if (order >= PAGEBLOCK_ORDER && list == MIGRATE_MOVABLE && type != list)
		pageblocks_set(zone, page, (int)order, type);
	page->block = zone->mark + BLOCK_USED + order + (type << BLOCK_TYPE_SHIFT);
	return page;
}

/*
 * Top-order blocks in a row onto their list, the last one first: each links to its
 * neighbours, so boot writes a descriptor a block and does nothing else.
 */
static void add_top_blocks(struct zone *zone, unsigned long start_pfn, unsigned long end_pfn)
{
	struct free_area *area = &zone->area[MIGRATE_MOVABLE][MAX_ORDER];
	struct page *page = pfn_to_page(start_pfn), *end = pfn_to_page(end_pfn);
	u64 index = page_index(page), next = area->first;
	u64 word0 = zone->word0_free;
	u32 block = free_word(zone, MAX_ORDER, MIGRATE_MOVABLE);

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
	zone->orders[MIGRATE_MOVABLE] |= 1U << MAX_ORDER;
}

void buddy_add_range(struct zone *zone, unsigned long start_pfn, unsigned long end_pfn)
{
	unsigned long pfn = start_pfn;

	while (pfn < end_pfn) {
		unsigned long top = ALIGN_DOWN(end_pfn, MAX_BLOCK);
		int order = MAX_ORDER;

		if (!(pfn & (MAX_BLOCK - 1)) && pfn < top &&
		    pageblock_type(zone, pfn_to_page(pfn)) == MIGRATE_MOVABLE) {
			add_top_blocks(zone, pfn, top);
			pfn = top;
			continue;
		}
		while ((pfn & ((1UL << order) - 1)) || pfn + (1UL << order) > end_pfn)
			order--;
		block_merge(zone, pfn_to_page(pfn), order, pageblock_type(zone, pfn_to_page(pfn)));
		pfn += 1UL << order;
	}
	zone->nr_free += end_pfn - start_pfn;
	zone->managed_pages += end_pfn - start_pfn;
}

/* May a free block in @page's pageblock be on the list of @type? */
static bool type_fits(struct zone *zone, struct page *page, unsigned order, unsigned type)
{
	unsigned own = pageblock_type(zone, page);

	if ((zone->bypass & BYPASS_ISOLATE) && order < PAGEBLOCK_ORDER)
		return true; /* it may be on its way (page_isolation.c) */
	if (type >= MIGRATE_CMA)
		return own == type;
	return order < PAGEBLOCK_ORDER || type == own;
}

/* One block that should be free: 0, or -EFAULT and a sentence. */
static int check_free_block(struct zone *zone, struct page *page, unsigned order, unsigned type,
			    char fault[ZONE_FAULT_LEN])
{
	unsigned long pfn = page_to_pfn(page);
	u32 word = free_word(zone, (int)order, type);

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
	else if (!type_fits(zone, page, order, type))
		snprintf(fault, ZONE_FAULT_LEN,
			 "zone %s order %u: pfn 0x%lx is on the list of type %u, its pageblock has "
			 "type %u",
			 zone->name, order, pfn, type, pageblock_type(zone, page));
	else
		return 0;
	return -EFAULT;
}

/* Two free buddies that should be one block. */
static bool unmerged(struct zone *zone, struct page *page, unsigned order, unsigned type)
{
	struct page *buddy = buddy_of(page, (int)order);
	u32 word = free_word(zone, (int)order, 0);

	if (order == MAX_ORDER || ((buddy->block - word) & ~BLOCK_TYPE_MASK))
		return false;
	return order < PAGEBLOCK_ORDER || block_type(buddy) == type ||
	       (type_is_ordinary(type) && type_is_ordinary(block_type(buddy)));
}

/* The list of one order and type; *@pages grows by what is on it. */
static int check_list(struct zone *zone, unsigned order, unsigned type, unsigned long *pages,
		      char fault[ZONE_FAULT_LEN])
{
	struct free_area *area = &zone->area[type][order];
	u32 prev = 0, nr = 0;

	for (u32 index = area->first; index; index = index_page(index)->next) {
		struct page *page = index_page(index);
		int err;

		if (nr++ == area->nr)
			break;
		err = check_free_block(zone, page, order, type, fault);
		if (err)
			return err;
		if (page->prev != prev) {
			snprintf(fault, ZONE_FAULT_LEN,
				 "zone %s order %u: pfn 0x%lx links back to %lu, expected %lu",
				 zone->name, order, page_to_pfn(page), (unsigned long)page->prev,
				 (unsigned long)prev);
			return -EFAULT;
		}
		if (unmerged(zone, page, order, type)) {
			snprintf(fault, ZONE_FAULT_LEN,
				 "zone %s order %u: pfn 0x%lx and its buddy are both free, "
				 "expected one block of order %u",
				 zone->name, order, page_to_pfn(page), order + 1);
			return -EFAULT;
		}
		prev = index;
	}
	if (nr != area->nr || (zone->orders[type] >> order & 1) != (nr > 0)) {
		snprintf(fault, ZONE_FAULT_LEN,
			 "zone %s order %u type %u: %s%lu blocks on the list, bit %lu of orders; "
			 "expected %lu",
			 zone->name, order, type, nr > area->nr ? "more than " : "",
			 (unsigned long)(nr > area->nr ? area->nr : nr),
			 (unsigned long)(zone->orders[type] >> order & 1), (unsigned long)area->nr);
		return -EFAULT;
	}
	*pages += (unsigned long)nr << order;
	return 0;
}

int buddy_validate(struct zone *zone, char fault[ZONE_FAULT_LEN])
{
	unsigned long pages = 0;
	int err = 0;

	for (unsigned i = 0; i < NR_MIGRATETYPES * NR_ORDERS && !err; i++)
		err = check_list(zone, i % NR_ORDERS, i / NR_ORDERS, &pages, fault);
	if (err)
		return err;
	if (zone->nr_free != pages) {
		snprintf(fault, ZONE_FAULT_LEN,
			 "zone %s: nr_free is %lu, expected %lu as on the lists", zone->name,
			 zone->nr_free, pages);
		return -EFAULT;
	}
	return 0;
}
