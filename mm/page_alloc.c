/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_alloc.c - handing pages out and taking them back
 *
 * Taking: gfp flags choose a list of zones (zone.c made it at boot), the first zone that
 * has a block gives it.  Giving: the page's zone takes it back.  The usual case of both is
 * a block of the zone's parked ones of that order (buddy.c): one function without calls
 * and without a stack frame.  Everything else is out of line.
 *
 * word0 of a page that goes back normally equals that of its zone (one reference, no
 * flags), and its block word says USED and the order: two compares are the whole check.
 * The second is made under the lock, so of two frees of one page at once one is found.
 *
 * References: the last user of a page that no stranger can find (no PG_found) drops it
 * without an atomic operation.
 *
 * Locking: one zone->lock at a time (rank ZONE), interrupts off.
 * Not here: reports (page_report.c), setting up (page_init.c), per-hart lists and
 *   watermarks (they come between this file and buddy.c).
 */
#include <mm/page_alloc.h>

#include <kernel/fault_inject.h>
#include <kernel/panic.h>
#include "buddy_list.h"
#include <mm/kmap.h>

static inline struct pglist_data *local_node(void)
{
	if (likely(nr_nodes == 1))
		return node_data[0];
	return node_data[this_cpu_read(numa_node)];
}

/* ---- what is handed out ---- */

/* Make tails of all pages of the block but the first: one store each. */
static void make_compound(struct page *page, int order)
{
	struct page *tail = page + 1, *end = page + (1UL << order);
	u64 word0 = (page->flags | 1U << PG_tail) | (u64)page_index(page) << 32;

	page->flags |= 1U << PG_head;
	for (; tail < end && ((unsigned long)tail & (8 * sizeof(*tail) - 1)); tail++)
		tail->word0 = word0;
	for (; tail < end; tail += 8) {
		tail[0].word0 = word0;
		tail[1].word0 = word0;
		tail[2].word0 = word0;
		tail[3].word0 = word0;
		tail[4].word0 = word0;
		tail[5].word0 = word0;
		tail[6].word0 = word0;
		tail[7].word0 = word0;
	}
}

/* __GFP_ZERO and __GFP_COMP. */
static __noinline struct page *prepare_special(struct page *page, gfp_t gfp, int order)
{
	if (gfp & __GFP_ZERO)
		for (unsigned long i = 0; i < 1UL << order; i++)
			clear_highpage(page + i);
	if ((gfp & __GFP_COMP) && order)
		make_compound(page, order);
	return page;
}

/* @page's block word is set; the rest of its descriptor and its contents. */
static inline struct page *prepare(const struct zone *zone, struct page *page, gfp_t gfp, int order)
{
	page->word0 = zone->word0;
	page->mapping_word = 0;
	page->index = 0;
	if (unlikely(gfp & (__GFP_ZERO | __GFP_COMP)))
		return prepare_special(page, gfp, order);
	return page;
}

static struct page *take_from(struct zone *zone, gfp_t gfp, unsigned order)
{
	unsigned long flags;
	struct page *page;

	spin_lock_irqsave(&zone->lock, flags);
	page = buddy_take(zone, order);
	spin_unlock_irqrestore(&zone->lock, flags);
	return page ? prepare(zone, page, gfp, order) : NULL;
}

/* Every zone of @node's list for @gfp that is in @reach too, then the report. */
static __noinline struct page *alloc_slow(const struct pglist_data *node, zone_mask_t reach,
					  gfp_t gfp, unsigned order)
{
	struct page *page;

	if (likely(order <= MAX_ORDER))
		for (struct zone **z = node->zonelists[gfp & GFP_LISTMASK]; *z; z++) {
			if (!(reach >> (*z)->type & 1))
				continue;
			page = take_from(*z, gfp, order);
			if (page)
				return page;
		}
	report_failure(node, reach, gfp, order, __builtin_return_address(0));
	return NULL;
}

/* The first zone, locked, has no block for it on its lists either. */
static __noinline struct page *alloc_scarce(struct zone *zone, gfp_t gfp, int order,
					    unsigned long flags)
{
	struct page *page = buddy_take(zone, (unsigned)order);

	spin_unlock_irqrestore(&zone->lock, flags);
	if (page)
		return prepare(zone, page, gfp, order);
	return alloc_slow(local_node(), (zone_mask_t)~0, gfp, (unsigned)order);
}

/* The first zone, locked, has nothing in the first slot of @order. */
static __noinline struct page *alloc_unparked(struct zone *zone, gfp_t gfp, int order,
					      unsigned long flags)
{
	struct page *page = zone->parked[order].slot[1];

	if (page)
		zone->parked[order].slot[1] = NULL;
	else if (likely(zone->orders >> order))
		page = list_take(zone, order);
	else
		return alloc_scarce(zone, gfp, order, flags);
	zone->nr_free -= 1UL << order;
	page->block = zone->mark + BLOCK_USED + (u32)order;
	spin_unlock_irqrestore(&zone->lock, flags);
	return prepare(zone, page, gfp, order);
}

FAULT_POINT(fail_page_alloc, "alloc_pages() and whatever stands on it");

struct page *alloc_pages(gfp_t gfp, unsigned wanted)
{
	struct zone *zone = *local_node()->zonelists[gfp & GFP_LISTMASK];
	int order = (int)wanted;
	unsigned long flags;
	struct page *page;

	if (should_fail(fail_page_alloc, PAGE_SIZE << wanted % NR_ORDERS))
		return NULL;
	if (unlikely(wanted > MAX_ORDER || !zone))
		return alloc_slow(local_node(), (zone_mask_t)~0, gfp, wanted);
	spin_lock_irqsave(&zone->lock, flags);
	page = zone->parked[order].slot[0];
	if (unlikely(!page))
		return alloc_unparked(zone, gfp, order, flags);
	zone->parked[order].slot[0] = NULL;
	zone->nr_free -= 1UL << order;
	page->block = zone->mark + BLOCK_USED + (u32)order;
	spin_unlock_irqrestore(&zone->lock, flags);
	return prepare(zone, page, gfp, order);
}

struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned order)
{
	if (should_fail(fail_page_alloc, PAGE_SIZE << order % NR_ORDERS))
		return NULL;
	if (nid == NUMA_NO_NODE)
		return alloc_slow(local_node(), (zone_mask_t)~0, gfp, order);
	BUG_ON(nid < 0 || (unsigned)nid >= nr_nodes);
	return alloc_slow(node_data[nid], (zone_mask_t)~0, gfp, order);
}

struct page *alloc_pages_for_reach(zone_mask_t reach, gfp_t gfp, unsigned order)
{
	if (should_fail(fail_page_alloc, PAGE_SIZE << order % NR_ORDERS))
		return NULL;
	return alloc_slow(local_node(), reach, gfp, order);
}

unsigned long __get_free_pages(gfp_t gfp, unsigned order)
{
	struct page *page = alloc_pages(gfp & ~__GFP_HIGHMEM, order);

	return page ? (unsigned long)page_address(page) : 0;
}

unsigned long get_zeroed_page(gfp_t gfp)
{
	return __get_free_pages(gfp | __GFP_ZERO, 0);
}

/* ---- what comes back ---- */

/* True if @page heads a used block of @order.  Exact with CONFIG_DEBUG_VM, for a walk. */
static inline bool block_is(const struct zone *zone, const struct page *page, unsigned order)
{
	if (unlikely(page->block != zone->mark + BLOCK_USED + order || order > MAX_ORDER))
		return false;
#ifdef CONFIG_DEBUG_VM
	if (memmap_block_of(page_to_pfn(page)) != page)
		return false;
#endif
	return true;
}

/* @zone is locked, its first slot for @order taken. */
static __noinline void free_unparked(struct zone *zone, struct page *page, int order,
				     unsigned long flags)
{
	zone->nr_free += 1UL << order;
	if (!zone->parked[order].slot[1])
		park(zone, page, order, 1);
	else
		block_merge(zone, page, order);
	spin_unlock_irqrestore(&zone->lock, flags);
}

static __noinline void free_refused(struct zone *zone, struct page *page, unsigned order,
				    unsigned long flags)
{
	spin_unlock_irqrestore(&zone->lock, flags);
	report_bad_free(page, order, __builtin_return_address(0));
}

/* The last reference is gone. */
static inline void free_block(struct zone *zone, struct page *page, unsigned order)
{
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	if (unlikely(!block_is(zone, page, order))) {
		free_refused(zone, page, order, flags);
		return;
	}
	if (unlikely(zone->parked[(int)order].slot[0])) {
		free_unparked(zone, page, (int)order, flags);
		return;
	}
	zone->nr_free += 1UL << order;
	park(zone, page, (int)order, 0);
	spin_unlock_irqrestore(&zone->lock, flags);
}

/* Flags are set, more than one reference is left, or it's a free that can't be right. */
static __noinline void free_slow(struct page *page, unsigned order)
{
	struct zone *zone = page_zone(page);

	/* Only what heads a used block has a count that may be touched. */
	if (zone->nid == NUMA_NO_NODE || page->block != zone->mark + BLOCK_USED + order ||
	    PageTail(page) || page_ref_count(page) <= 0 ||
	    (page_ref_count(page) == 1 && (page->flags & PAGE_FLAGS_BUSY))) {
		report_bad_free(page, order, __builtin_return_address(0));
		return;
	}
	if (page_ref_dec_and_test(page))
		free_block(zone, page, order);
}

void __free_pages(struct page *page, unsigned order)
{
	struct zone *zone = page_zone(page);

	if (unlikely(READ_ONCE(page->word0) != zone->word0))
		free_slow(page, order);
	else
		free_block(zone, page, order);
}

void free_pages(unsigned long addr, unsigned order)
{
	phys_addr_t pa = __pa((void *)addr);

	if (!addr)
		return;
	if (unlikely((addr & ~PAGE_MASK) || !pfn_valid(PFN_DOWN(pa)))) {
		report_bad_address(addr, order, __builtin_return_address(0));
		return;
	}
	__free_pages(virt_to_page((void *)addr), order);
}

void put_page(struct page *page)
{
	struct page *head = compound_head(page);

	__free_pages(head, block_order(head));
}

void split_page(struct page *page, unsigned order)
{
	struct zone *zone = page_zone(page);
	unsigned long flags;

	BUG_ON(PageCompound(page) || page_ref_count(page) != 1);
	spin_lock_irqsave(&zone->lock, flags);
	BUG_ON(!block_is(zone, page, order));
	for (unsigned long i = 0; i < 1UL << order; i++) {
		page[i].word0 = zone->word0;
		page[i].mapping_word = 0;
		page[i].index = 0;
		page[i].block = zone->mark + BLOCK_USED;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
}
