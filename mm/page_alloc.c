/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_alloc.c - handing pages out and taking them back
 *
 * Taking: gfp flags and the hart lead to a stack of blocks that this hart keeps (pcp.h).  Its top
 * is the usual case: one function without calls, lock or atomic operation.  If the stack is empty
 * the first zone that gfp may use fills it, as long as it has plenty.  All else is page_slow.c's.
 * Giving: the page's zone, type and order lead to the stack it goes on.
 *
 * word0 of a page that goes back normally equals that of its zone (one reference, no
 * flags), and its block word says USED, the order and a type: two compares are the whole check.
 * On a hart's list the reference count is 0, so a second free is found.
 *
 * References: the last user of a page that no stranger can find (no PG_found) drops it
 * without an atomic operation.
 *
 * Locking: a hart's lists with interrupts off; one zone->lock at a time (rank ZONE), likewise.
 * Not here: refills and drains (pcp.c), reports (page_report.c), setting up (page_init.c).
 */
#include <mm/page_alloc.h>

#include <kernel/fault_inject.h>
#include <kernel/panic.h>
#include <kernel/smp.h>
#include <mm/folio.h>
#include "buddy_list.h"
#include <mm/kmap.h>
#include <mm/memremap.h>
#include <mm/page_debug.h>
#include <mm/vmstat.h>
#include <mm/watermark.h>
#include "pcp.h"

_Static_assert(GFP_NOT_HIT < 2048, "an immediate operand");

/* ---- what is handed out ---- */

#define EIGHT_TAILS(tail, w)                                                  \
	((tail)[0].word0 = (w), (tail)[1].word0 = (w), (tail)[2].word0 = (w), \
	 (tail)[3].word0 = (w), (tail)[4].word0 = (w), (tail)[5].word0 = (w), \
	 (tail)[6].word0 = (w), (tail)[7].word0 = (w))

/* Make tails of all pages of the block but the first: one store each. */
void prep_compound_page(struct page *page, unsigned order)
{
	struct page *tail = page + 1, *end = page + (1UL << order);
	u64 word0 = (page->flags | 1U << PG_tail) | (u64)page_index(page) << 32;

	page->flags |= 1U << PG_head;
	tail->mapping_word = 0; /* entire_maps, head_maps */
	tail->index = 0;	/* pins */
	if (order < 4) {
		for (; tail < end; tail++)
			tail->word0 = word0;
		return;
	}
	EIGHT_TAILS(tail, word0);
	EIGHT_TAILS(tail + 7, word0);
	for (tail += 15; tail < end; tail += 16) {
		EIGHT_TAILS(tail, word0);
		EIGHT_TAILS(tail + 8, word0);
	}
}

/* __GFP_ZERO and __GFP_COMP. */
static __noinline struct page *prepare_special(struct page *page, gfp_t gfp, int order)
{
	if (gfp & __GFP_ZERO)
		for (unsigned long i = 0; i < 1UL << order; i++)
			clear_highpage(page + i);
	if ((gfp & __GFP_COMP) && order)
		prep_compound_page(page, (unsigned)order);
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

/* Whatever a zone that bypasses the harts' lists hands out comes by here. */
struct page *page_prepare(struct zone *zone, struct page *page, gfp_t gfp, unsigned order)
{
	if (unlikely(page_debug))
		page_debug_alloc(page, order, gfp);
	return prepare(zone, page, gfp, (int)order);
}

/* Where this hart looks first for what @gfp asks for, and what it finds there if it has a list. */
static inline struct zone *first_zone(gfp_t gfp)
{
	return *local_node()->zonelists[gfp_zonelist(gfp)];
}

/* The hart's @list is empty: a batch.  Interrupts are off, they were @flags. */
static __noinline struct page *alloc_empty(struct pcp_list *list, gfp_t gfp, unsigned order,
					   unsigned long flags)
{
	struct zone *zone = first_zone(gfp);
	struct page *page = zone ? pcp_refill(list, zone, order, gfp_type(gfp)) : NULL;

	local_irq_restore(flags);
	if (likely(page))
		return prepare(zone, page, gfp, (int)order);
	return alloc_slow(NUMA_NO_NODE, (zone_mask_t)~0, gfp, order);
}

/* An order that harts don't keep. */
static struct page *take_unlisted(struct zone *zone, gfp_t gfp, unsigned order)
{
	unsigned type = gfp_type(gfp);
	struct page *page = NULL;

	if (unlikely(this_hart->pcp_first[gfp_pcp_key(gfp)] !=
		     this_hart->pcp_zone[zone->id]->list[type]))
		return NULL; /* the thread has a policy */
	spin_lock_raw(&zone->lock);
	if (zone->nr_free >= zone->plenty + (1UL << order))
		page = buddy_take(zone, order, type);
	spin_unlock_raw(&zone->lock);
	if (likely(page)) {
		__count_vm_events(PGALLOC, 1UL << order);
		zone_statistics(zone->nid, zone, 1);
	}
	return page;
}

/* Not a hit: large, or with flags that ask for more. */
static __noinline struct page *alloc_special(gfp_t gfp, unsigned order)
{
	struct zone *zone = first_zone(gfp);
	struct page *page = NULL;
	struct pcp_list *list;
	unsigned long flags;

	if (unlikely(order > MAX_ORDER || !zone || (gfp & __GFP_THISNODE)))
		return alloc_slow(NUMA_NO_NODE, (zone_mask_t)~0, gfp, order);
	local_irq_save(flags);
	hart_barrier();
	if (pcp_index(order) < PCP_LISTS) {
		list = this_hart->pcp_first[gfp_pcp_key(gfp)] + pcp_index(order);
		page = *list->top;
		if (unlikely(!page))
			return alloc_empty(list, gfp, order, flags);
		list->top--;
	} else {
		page = take_unlisted(zone, gfp, order);
	}
	local_irq_restore(flags);
	if (likely(page))
		return prepare(zone, page, gfp, (int)order);
	return alloc_slow(NUMA_NO_NODE, (zone_mask_t)~0, gfp, order);
}

FAULT_POINT(fail_page_alloc, "alloc_pages() and whatever stands on it");

static __always_inline bool fails(gfp_t gfp, unsigned long order)
{
	return !(gfp & __GFP_NOFAIL) &&
	       should_fail_alloc(fail_page_alloc, PAGE_SIZE << order % NR_ORDERS, (unsigned)order,
				 (gfp & __GFP_DIRECT_RECLAIM ? FAULT_WAITS : 0) |
					 (gfp & __GFP_NOWARN ? FAULT_QUIET : 0));
}

/*
 * An int as the register has it, which on rv64 is extended already, and an address that is computed
 * as it stands: the compiler would extend the one again and take the other apart.
 */
#define in_register(to, from) __asm__("" : "=r"(to) : "0"(from))

/* this_hart->array[index]. */
#define hart_slot(array, index)                                                                  \
	({                                                                                       \
		unsigned long _slot = (unsigned long)this_hart + (index) * sizeof(void *);       \
                                                                                                 \
		in_register(_slot, _slot);                                                       \
		*(__typeof__(&this_hart->array[0]))(_slot + offsetof(struct hart_local, array)); \
	})

/* @list is this hart's, interrupts are off, they were @flags. */
static __always_inline struct page *hit(struct pcp_list *list, gfp_t gfp, unsigned order,
					unsigned long flags)
{
	struct page **top = list->top;
	struct page *page = *top;

	if (unlikely(!page))
		return alloc_empty(list, gfp, order, flags);
	list->top = top - 1;
	local_irq_restore(flags);
	page->_refcount = 1;
	page->mapping_word = 0;
	page->index = 0;
	return page;
}

struct page *__alloc_pages(gfp_t gfp, unsigned order)
{
	unsigned long flags, o;

	in_register(o, (unsigned long)(long)(int)order);
	if (fails(gfp, order))
		return NULL;
	if (unlikely(o >= PCP_ORDERS || (gfp & GFP_NOT_HIT)))
		return alloc_special(gfp, (unsigned)o);
	local_irq_save_hit(flags);
	hart_barrier();
	return hit(hart_slot(pcp_first, gfp_pcp_key(gfp)) + o, gfp, (unsigned)o, flags);
}

struct page *__alloc_page_key(unsigned long at, gfp_t gfp)
{
	unsigned long flags;

	if (fails(gfp, 0))
		return NULL;
	local_irq_save_hit(flags);
	hart_barrier();
	return hit(*(struct pcp_list **)((unsigned long)this_hart + at), gfp, 0, flags);
}

struct page *__alloc_zeroed_page_key(unsigned long at, gfp_t gfp)
{
	struct pcp_list *list;
	unsigned long flags;
	struct page *page;

	if (fails(gfp, 0))
		return NULL;
	local_irq_save_hit(flags);
	hart_barrier();
	list = *(struct pcp_list **)((unsigned long)this_hart + at);
	if (unlikely(!*list->top))
		return alloc_empty(list, gfp, 0, flags);
	page = hit(list, gfp, 0, flags);
	clear_highpage(page);
	return page;
}

struct page *__alloc_pages_key(unsigned long at, gfp_t gfp, unsigned long order)
{
	unsigned long flags;

	if (fails(gfp, order))
		return NULL;
	local_irq_save_hit(flags);
	hart_barrier();
	return hit(*(struct pcp_list **)((unsigned long)this_hart + at) + order, gfp,
		   (unsigned)order, flags);
}

struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned order)
{
	if (fails(gfp, order))
		return NULL;
	BUG_ON(nid != NUMA_NO_NODE && (unsigned)nid >= nr_nodes);
	return alloc_slow(nid, (zone_mask_t)~0, gfp, order);
}

struct page *alloc_pages_for_reach(zone_mask_t reach, gfp_t gfp, unsigned order)
{
	if (fails(gfp, order))
		return NULL;
	return alloc_slow(NUMA_NO_NODE, reach, gfp, order);
}

unsigned long __get_free_pages(gfp_t gfp, unsigned order)
{
	struct page *page = alloc_pages(gfp & ~__GFP_HIGHMEM, order);

	return page ? (unsigned long)lowmem_page_address(page) : 0;
}

unsigned long get_zeroed_page(gfp_t gfp)
{
	return __get_free_pages(gfp | __GFP_ZERO, 0);
}

/* ---- what comes back ---- */

/* True if @page heads a used block of @order.  Exact with CONFIG_DEBUG_VM, for a walk. */
static inline bool block_is(const struct zone *zone, const struct page *page, unsigned order)
{
	if (unlikely(order > MAX_ORDER || !block_word_is_used(page->block, zone->mark, order)))
		return false;
#ifdef CONFIG_DEBUG_VM
	if (memmap_block_of(page_to_pfn(page)) != page)
		return false;
#endif
	return true;
}

static __noinline void free_refused(struct zone *zone, struct page *page, unsigned order,
				    unsigned long flags)
{
	spin_unlock_irqrestore(&zone->lock, flags);
	report_bad_free(page, order, __builtin_return_address(0));
}

/* What free pages of @zone are looked at for; @page has just come back. */
static __noinline void bypassed(struct zone *zone, struct page *page)
{
	if (page_debug)
		page_guard_release(zone, page);
	if (zone->bypass & BYPASS_PRESSURE)
		watermark_pressure(zone);
}

/* The last reference is gone: back to the zone. */
static void free_block(struct zone *zone, struct page *page, unsigned order)
{
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	if (unlikely(!block_is(zone, page, order))) {
		free_refused(zone, page, order, flags);
		return;
	}
	if (unlikely(page_debug)) {
		page->_refcount = 0; /* a second free is refused meanwhile */
		spin_unlock_irqrestore(&zone->lock, flags);
		page_debug_free(page, order);
		spin_lock_irqsave(&zone->lock, flags);
	}
	block_merge(zone, page, (int)order, pageblock_type(zone, page));
	zone->nr_free += 1UL << order;
	__count_vm_events(PGFREE, 1UL << order);
	if (unlikely(zone->bypass))
		bypassed(zone, page);
	spin_unlock_irqrestore(&zone->lock, flags);
}

/*
 * May a reference to @page be dropped as to a used block of @order?  Of several also while it's
 * mapped: not more often than there are references, but for what comes between the two looks.
 */
static bool is_counted(const struct zone *zone, const struct page *page, unsigned order)
{
	u32 word = page->block - zone->mark - BLOCK_USED - order;
	int count = page_ref_count(page);

	if (zone->nid == NUMA_NO_NODE || order > MAX_ORDER || PageTail(page) || count <= 0)
		return false;
	if (count > 1 && (word >> BLOCK_MARK_SHIFT) < (u32)count + 64)
		word &= (1U << BLOCK_MARK_SHIFT) - 1;
	return !(word & ~BLOCK_TYPE_MASK) && (count > 1 || !(page->flags & PAGE_FLAGS_BUSY));
}

/* Flags are set, more than one reference is left, it's large, or a free that can't be right. */
static __noinline void free_missed(struct page *page, unsigned order)
{
	struct zone *zone = page_zone(page);
	u32 found;

	if (!is_counted(zone, page, order)) {
		report_bad_free(page, order, __builtin_return_address(0));
		return;
	}
	found = page->flags & 1U << PG_found;
	if (!page_ref_dec_and_test(page))
		return;
	if (unlikely(is_zone_device_page(page))) {
		free_zone_device_page(page);
		return;
	}
	if (sizeof(long) < sizeof(u64) && found) {
		/* Strangers look under the lock, since they can't see flags and count at once. */
		page->flags = (u32)zone->word0;
		free_block(zone, page, order);
		return;
	}
	page->word0 = zone->word0; /* as if it had had one reference and no flags */
	__free_pages_any(page, order);
}

/* With CONFIG_DEBUG_VM what goes to a hart's list is looked at as closely as what doesn't, and of
 * two harts that free a page at once one is found. */
static inline bool free_is_sound(struct zone *zone, struct page *page, unsigned order)
{
#ifdef CONFIG_DEBUG_VM
	bool sound;

	spin_lock_raw(&zone->lock);
	sound = page->word0 == zone->word0 && block_is(zone, page, order);
	if (sound)
		page->_refcount = 0;
	spin_unlock_raw(&zone->lock);
	return sound;
#else
	return true;
#endif
}

/* Not a hit, whatever the reason.  Interrupts are off, they were @flags. */
static __noinline void free_unlisted(struct page *page, unsigned order, unsigned long flags)
{
	struct zone *zone = page_zone(page);

	local_irq_restore(flags);
	if (likely(page->word0 == zone->word0))
		free_block(zone, page, order);
	else
		free_missed(page, order);
}

static __noinline void free_to_full(struct zone_pcp *pcp, struct pcp_list *list, struct page *page,
				    unsigned long flags)
{
	pcp_put(pcp, list, page);
	local_irq_restore(flags);
}

/* @index: which of a type's lists is for @order. */
static __always_inline void free_listed(struct page *page, unsigned long order, unsigned long index)
{
	struct zone_pcp *pcp;
	struct pcp_list *list;
	unsigned long flags, at;
	struct page **top;
	u64 word0;
	long type;

	local_irq_save_hit(flags);
	hart_barrier();
	word0 = page->word0;
	pcp = hart_slot(pcp_zone, (u32)word0 >> PAGE_ZONE_SHIFT);
	in_register(type, (long)(int)(page->block - pcp->used - (u32)order));
	if (unlikely(word0 != pcp->word0 || (type & ~(long)BLOCK_TYPE_MASK) ||
		     !free_is_sound(pcp->zone, page, (unsigned)order))) {
		free_unlisted(page, (unsigned)order, flags);
		return;
	}
	/* A type's lists follow each other as its block words do (mm/pcp.h). */
	at = (unsigned long)pcp + (unsigned long)type + index * sizeof(*list);
	in_register(at, at);
	list = (struct pcp_list *)(at + offsetof(struct zone_pcp, list));
	top = list->top;
	if (unlikely(top == list->full)) {
		free_to_full(pcp, list, page, flags);
		return;
	}
	list->top = top + 1;
	top[1] = page;
	page->_refcount = 0;
	local_irq_restore(flags);
}

static __noinline void free_large(struct page *page, unsigned order)
{
	struct zone *zone = page_zone(page);

	if (order == PCP_TOP)
		free_listed(page, PCP_TOP, PCP_ORDERS);
	else if (likely(READ_ONCE(page->word0) == zone->word0))
		free_block(zone, page, order);
	else
		free_missed(page, order);
}

void __free_page_small(struct page *page)
{
	free_listed(page, 0, 0);
}

void __free_pages_small(struct page *page, unsigned long order)
{
	free_listed(page, order, order);
}

void __free_pages_any(struct page *page, unsigned order)
{
	unsigned long o;

	in_register(o, (unsigned long)(long)(int)order);
	if (likely(o < PCP_ORDERS))
		free_listed(page, o, o);
	else
		free_large(page, (unsigned)o);
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
	u32 word;

	BUG_ON(PageCompound(page) || page_ref_count(page) != 1);
	spin_lock_irqsave(&zone->lock, flags);
	BUG_ON(!block_is(zone, page, order));
	word = page->block - order;
	for (unsigned long i = 0; i < 1UL << order; i++) {
		page[i].word0 = zone->word0;
		page[i].mapping_word = 0;
		page[i].index = 0;
		page[i].block = word;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	if (unlikely(page_debug))
		split_page_owner(page, order, 0);
}
