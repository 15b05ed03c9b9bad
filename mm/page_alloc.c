/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_alloc.c - handing pages out and taking them back
 *
 * Taking: gfp flags and the hart lead to a stack of blocks that this hart keeps (pcp.h).  Its top
 * is the usual case: one function without calls, lock or atomic operation.  Everything else is
 * out of line: gfp flags choose a list of zones (zone.c made it at boot), and the first zone that
 * has a block gives it, to the stack in a batch where the order is small.  Giving: the page's
 * zone and order lead to the stack it goes on.
 *
 * word0 of a page that goes back normally equals that of its zone (one reference, no
 * flags), and its block word says USED, the order and a type: two compares are the whole check.
 * On a hart's list the reference count is 0, so a second free is found.
 *
 * References: the last user of a page that no stranger can find (no PG_found) drops it
 * without an atomic operation.
 *
 * Locking: a hart's lists with interrupts off; one zone->lock at a time (rank ZONE), interrupts off.
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
#include "pcp.h"

static inline struct pglist_data *local_node(void)
{
	if (likely(nr_nodes == 1))
		return node_data[0];
	return node_data[this_cpu_read(numa_node)];
}

/* May this caller wait for the other harts? */
static inline bool may_wait(void)
{
	return !irqs_disabled() && !in_atomic();
}

_Static_assert(GFP_NOT_HIT < 2048, "an immediate operand");

/* ---- what is handed out ---- */

/* Make tails of all pages of the block but the first: one store each. */
void prep_compound_page(struct page *page, unsigned order)
{
	struct page *tail = page + 1, *end = page + (1UL << order);
	u64 word0 = (page->flags | 1U << PG_tail) | (u64)page_index(page) << 32;

	page->flags |= 1U << PG_head;
	tail->mapping_word = 0; /* entire_maps, head_maps */
	tail->index = 0;	/* pins */
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

/* A block of @zone that isn't on this hart's lists. */
static struct page *take_from(struct zone *zone, unsigned order)
{
	unsigned long flags;
	struct page *page;

	spin_lock_irqsave(&zone->lock, flags);
	page = buddy_take(zone, order);
	spin_unlock_irqrestore(&zone->lock, flags);
	return page;
}

/* The migrate type that @gfp asks for; nonsense is unmovable. */
static inline unsigned gfp_type(gfp_t gfp)
{
	unsigned type = (gfp & GFP_MOVABLE_MASK) >> GFP_MOVABLE_SHIFT;

	return type < PCP_TYPES ? type : 0;
}

/* From this hart's list for @zone, which is refilled if it's empty. */
static struct page *take_listed(struct zone *zone, gfp_t gfp, unsigned order)
{
	unsigned type = gfp_type(gfp);
	struct pcp_list *list;
	unsigned long flags;
	struct page *page;

	local_irq_save(flags);
	hart_barrier();
	list = &this_hart->pcp_zone[zone->id]->list[type][order];
	page = *list->top;
	if (page)
		list->top--;
	else
		page = pcp_refill(zone, order, type);
	local_irq_restore(flags);
	return page;
}

static struct page *try_zones(const struct pglist_data *node, zone_mask_t reach, gfp_t gfp,
			      unsigned order, bool listed)
{
	for (struct zone **z = node->zonelists[gfp_zonelist(gfp)]; *z; z++) {
		struct page *page;

		if (!(reach >> (*z)->type & 1))
			continue;
		page = listed && order < PCP_ORDERS ? take_listed(*z, gfp, order) :
						      take_from(*z, order);
		if (page)
			return prepare(*z, page, gfp, (int)order);
	}
	return NULL;
}

static void drain_here(void *arg)
{
	unsigned long flags;

	local_irq_save(flags);
	hart_barrier();
	pcp_drain_here(NULL);
	local_irq_restore(flags);
}

void drain_local_pages(void)
{
	drain_here(NULL);
}

void drain_all_pages(void)
{
	on_each_hart(drain_here, NULL);
}

/*
 * Every zone of @node's list for @gfp that is in @reach too; then with what this hart keeps, then,
 * where the caller may wait, with what all harts keep; then the report.
 */
static __noinline struct page *alloc_slow(const struct pglist_data *node, zone_mask_t reach,
					  gfp_t gfp, unsigned order)
{
	struct page *page = NULL;

	if (likely(order <= MAX_ORDER)) {
		page = try_zones(node, reach, gfp, order, true);
		if (page)
			return page;
		drain_local_pages();
		page = try_zones(node, reach, gfp, order, false);
		if (!page && (gfp & __GFP_DIRECT_RECLAIM) && may_wait()) {
			drain_all_pages();
			page = try_zones(node, reach, gfp, order, false);
		}
	}
	if (!page)
		report_failure(node, reach, gfp, order, __builtin_return_address(0));
	return page;
}

/* The first zone, locked, has no block in the first slot for @order. */
static __noinline struct page *alloc_unparked(struct zone *zone, gfp_t gfp, int order,
					      unsigned long flags)
{
	struct page *page = zone->parked[order].slot[1];

	if (page)
		zone->parked[order].slot[1] = NULL;
	else if (likely(zone->orders >> order))
		page = list_take(zone, order);
	else {
		spin_unlock_irqrestore(&zone->lock, flags);
		return alloc_slow(local_node(), (zone_mask_t)~0, gfp, (unsigned)order);
	}
	zone->nr_free -= 1UL << order;
	page->block = zone->mark + BLOCK_USED + (u32)order;
	spin_unlock_irqrestore(&zone->lock, flags);
	return prepare(zone, page, gfp, order);
}

/* An order that harts don't keep. */
static __noinline struct page *alloc_large(gfp_t gfp, unsigned wanted)
{
	struct zone *zone = *local_node()->zonelists[gfp_zonelist(gfp)];
	int order = (int)wanted;
	unsigned long flags;
	struct page *page;

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

/* Small, with flags that ask for more than a hit. */
static __noinline struct page *alloc_special(gfp_t gfp, unsigned order)
{
	struct zone *zone = *local_node()->zonelists[gfp_zonelist(gfp)];
	struct page *page = zone ? take_listed(zone, gfp, order) : NULL;

	if (likely(page))
		return prepare(zone, page, gfp, (int)order);
	return alloc_slow(local_node(), (zone_mask_t)~0, gfp, order);
}

/* The hart's list is empty: a batch.  Interrupts are off, they were @flags. */
static __noinline struct page *alloc_empty(gfp_t gfp, unsigned order, unsigned long flags)
{
	struct zone *zone = *local_node()->zonelists[gfp_zonelist(gfp)];
	struct page *page = zone ? pcp_refill(zone, order, gfp_type(gfp)) : NULL;

	local_irq_restore(flags);
	if (likely(page))
		return prepare(zone, page, gfp, (int)order);
	return alloc_slow(local_node(), (zone_mask_t)~0, gfp, order);
}

FAULT_POINT(fail_page_alloc, "alloc_pages() and whatever stands on it");

/*
 * An int as the register has it, which on rv64 is extended already, and an address that is computed
 * as it stands: the compiler would extend the one again and take the other apart.
 */
#define in_register(to, from) __asm__("" : "=r"(to) : "0"(from))

/* this_hart->array[index]. */
#define hart_slot(array, index)                                                                   \
	({                                                                                        \
		unsigned long _slot = (unsigned long)this_hart + (index) * sizeof(void *);        \
                                                                                                  \
		in_register(_slot, _slot);                                                        \
		*(__typeof__(&this_hart->array[0]))(_slot + offsetof(struct hart_local, array));  \
	})

/* @list is this hart's, interrupts are off, they were @flags. */
static __always_inline struct page *hit(struct pcp_list *list, gfp_t gfp, unsigned order,
					unsigned long flags)
{
	struct page **top = list->top;
	struct page *page = *top;

	if (unlikely(!page))
		return alloc_empty(gfp, order, flags);
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
	if (should_fail(fail_page_alloc, PAGE_SIZE << order % NR_ORDERS))
		return NULL;
	if (unlikely(o >= PCP_ORDERS))
		return alloc_large(gfp, (unsigned)o);
	if (unlikely(gfp & GFP_NOT_HIT))
		return alloc_special(gfp, (unsigned)o);
	local_irq_save(flags);
	hart_barrier();
	return hit(hart_slot(pcp_first, gfp_pcp_key(gfp)) + o, gfp, (unsigned)o, flags);
}

struct page *__alloc_page_key(unsigned long at, gfp_t gfp)
{
	unsigned long flags;

	if (should_fail(fail_page_alloc, PAGE_SIZE))
		return NULL;
	local_irq_save(flags);
	hart_barrier();
	return hit(*(struct pcp_list **)((unsigned long)this_hart + at), gfp, 0, flags);
}

struct page *__alloc_pages_key(unsigned long at, gfp_t gfp, unsigned long order)
{
	unsigned long flags;

	if (should_fail(fail_page_alloc, PAGE_SIZE << order))
		return NULL;
	local_irq_save(flags);
	hart_barrier();
	return hit(*(struct pcp_list **)((unsigned long)this_hart + at) + order, gfp,
		   (unsigned)order, flags);
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
	if (unlikely(order > MAX_ORDER || !block_word_is_used(page->block, zone->mark, order)))
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

/* The last reference is gone: back to the zone. */
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

/* Flags are set, more than one reference is left, it's large, or a free that can't be right. */
static __noinline void free_missed(struct page *page, unsigned order)
{
	struct zone *zone = page_zone(page);

	/* Only what heads a used block has a count that may be touched. */
	if (zone->nid == NUMA_NO_NODE || !block_word_is_used(page->block, zone->mark, order) ||
	    PageTail(page) || page_ref_count(page) <= 0 ||
	    (page_ref_count(page) == 1 && (page->flags & PAGE_FLAGS_BUSY))) {
		report_bad_free(page, order, __builtin_return_address(0));
		return;
	}
	if (!page_ref_dec_and_test(page))
		return;
	if (unlikely(is_zone_device_page(page)))
		free_zone_device_page(page);
	else
		free_block(zone, page, order);
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

static __noinline void free_large(struct page *page, unsigned order)
{
	struct zone *zone = page_zone(page);

	if (likely(READ_ONCE(page->word0) == zone->word0))
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

static __always_inline void free_listed(struct page *page, unsigned long order)
{
	struct zone_pcp *pcp;
	struct pcp_list *list;
	unsigned long flags, at;
	struct page **top;
	u64 word0;
	long type;

	local_irq_save(flags);
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
	at = (unsigned long)pcp + (unsigned long)type + order * sizeof(*list);
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

void __free_page_small(struct page *page)
{
	free_listed(page, 0);
}

void __free_pages_small(struct page *page, unsigned long order)
{
	free_listed(page, order);
}

void __free_pages_any(struct page *page, unsigned order)
{
	unsigned long o;

	in_register(o, (unsigned long)(long)(int)order);
	if (unlikely(o >= PCP_ORDERS))
		free_large(page, (unsigned)o);
	else
		free_listed(page, o);
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
}
