/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_alloc.h - getting pages and giving them back
 *
 * Orders are 0 .. MAX_ORDER; a block of order n is 2^n pages aligned to its size.
 * Every function here may be called in any context, interrupts off or not, and
 * takes a zone's lock (rank ZONE) for a bounded time.  None sleeps today.
 *
 * A page is handed out with one reference, no flags, mapping 0 and index 0.  It
 * goes back when the last reference is dropped.  A free that can't be right
 * (twice, foreign, wrong order, a tail, still in use) is reported and ignored.
 */
#ifndef MM_PAGE_ALLOC_H
#define MM_PAGE_ALLOC_H

#include <mm/gfp.h>
#include <mm/page_ref.h>
#include <mm/zone.h>

/*
 * page_alloc_init - build nodes, zones and the memory map from memblock's memory and @plan,
 * and hand every free range to the buddy allocator
 * Boot hart, interrupts off.  memblock allocates nothing after this.  Panics if there is no
 * memory for the tables.
 */
void page_alloc_init(const struct zone_plan *plan);

/* page_alloc_reset - forget everything (host tests). */
void page_alloc_reset(void);

/* page_alloc_ready - true after page_alloc_init. */
bool page_alloc_ready(void);

/*
 * alloc_pages - 2^@order pages near this hart, from a zone that @gfp allows
 * NULL if there is none; then reported once in a while, unless __GFP_NOWARN.
 */
static __always_inline struct page *alloc_pages(gfp_t gfp, unsigned order) __must_check;
/* The same, starting from node @nid (NUMA_NO_NODE: this hart's). */
struct page *alloc_pages_node(int nid, gfp_t gfp, unsigned order) __must_check;
#define alloc_page(gfp) alloc_pages(gfp, 0)

/*
 * alloc_pages_for_reach - pages that a limited device reaches
 * @reach: its zones (discover_reach); @gfp's own zone flags narrow it further.  The highest zone
 * of the nearest node first, never outside the set.
 */
struct page *alloc_pages_for_reach(zone_mask_t reach, gfp_t gfp, unsigned order) __must_check;

/*
 * alloc_pages_bulk - a page for each of pages[0 .. @nr) that is NULL
 * Returns how many of them, from the first on, are filled now: fewer than @nr if memory ran out.
 * release_pages - put_page() for each of pages[0 .. @nr); the slots keep what they have.
 */
unsigned long alloc_pages_bulk(gfp_t gfp, unsigned long nr, struct page **pages) __must_check;
void release_pages(struct page **pages, unsigned long nr);

/* __get_free_pages - the address of 2^@order pages, or 0.  @gfp without __GFP_HIGHMEM. */
unsigned long __get_free_pages(gfp_t gfp, unsigned order) __must_check;
#define __get_free_page(gfp) __get_free_pages(gfp, 0)
unsigned long get_zeroed_page(gfp_t gfp) __must_check;

/* __free_pages - drop a reference; the last frees the block, whose order must be @order. */
static __always_inline void __free_pages(struct page *page, unsigned order);
#define __free_page(page) __free_pages(page, 0)

/* free_pages - the same by address.  0 is allowed and does nothing. */
void free_pages(unsigned long addr, unsigned order);
#define free_page(addr) free_pages(addr, 0)

/* put_page - drop a reference, as taken by get_page(), to the page or to its compound page; the
 * last frees. */
void put_page(struct page *page);

/* split_page - make 2^@order single pages of a used block that isn't compound.  Each has one
 * reference and is freed for itself. */
void split_page(struct page *page, unsigned order);

/*
 * alloc_pages_exact - @bytes, rounded up to whole pages, that lie together; what is left of the
 * block goes back at once.  The address, or NULL; @gfp without __GFP_COMP and __GFP_HIGHMEM.
 * free_pages_exact - all of it back.  A part may be freed before, page by page.
 */
void *alloc_pages_exact(size_t bytes, gfp_t gfp) __must_check;
/* The same from node @nid. */
void *alloc_pages_exact_nid(int nid, size_t bytes, gfp_t gfp) __must_check;
void free_pages_exact(void *addr, size_t bytes);

/* get_order - the order of the smallest block with room for @bytes, which isn't 0. */
static inline unsigned get_order(size_t bytes)
{
	unsigned order = 0;

	for (bytes = (bytes - 1) >> PAGE_SHIFT; bytes; bytes >>= 1)
		order++;
	return order;
}

/*
 * free_reserved_area - hand [start, end) of memory reserved at boot to the allocator, whole
 * pages only.  Returns how many pages; a page that isn't reserved is reported and left.
 */
unsigned long free_reserved_area(phys_addr_t start, phys_addr_t end);

/*
 * nr_free_pages - free pages of all zones, zone_free_pages - of one: those that harts keep too.
 * What moves between a zone and lists meanwhile (drains, refills) is counted once, always; what
 * others take or free is counted or not, or twice if another hart frees it.  So it's exact when
 * nobody does.  Any context, no zone locked; takes zone->lock, for a look at every list.
 */
unsigned long nr_free_pages(void);
unsigned long zone_free_pages(struct zone *zone);

/* Pages; not of one moment. */
unsigned long zone_listed_pages(const struct zone *zone);	      /* free, and kept by a hart */
unsigned long zone_hart_pages(const struct zone *zone, unsigned cpu); /* by that one */
unsigned long nr_managed_pages(void);
unsigned long nr_present_pages(void);

/* page_free_orders - bit o: somewhere in the zones that @gfp allows on node @nid is a free block of
 * that order.  A guess: no lock, no watermarks, not what harts keep; who finds none needn't ask. */
u32 page_free_orders(gfp_t gfp, int nid);

/*
 * drain_local_pages - what this hart keeps on its lists goes back to the zones.  Any context.
 * drain_all_pages - the same on every hart; waits for them: not from an interrupt handler, no spin
 * lock held.
 */
void drain_local_pages(void);
void drain_all_pages(void);

/* page_alloc_hart_dead - hart @cpu has stopped: what it kept goes back.  Any context. */
void page_alloc_hart_dead(unsigned cpu);

/*
 * zone_validate - check @zone: its lists (buddy_validate), and that its blocks tile its
 * segments exactly.  0, or -EFAULT with a sentence in @fault.  O(blocks), interrupts off.
 */
int zone_validate(struct zone *zone, char *fault, size_t bytes);

/* page_alloc_validate - zone_validate for all; panics with what is broken. */
void page_alloc_validate(void);

/* What has been reported. Counted also while the log is silent. */
struct page_reports {
	unsigned long bad_free; /* frees that were refused */
	unsigned long failed;	/* allocations that failed, __GFP_NOWARN or not */
	unsigned long nonsense; /* flag combinations that can't be served */
	unsigned long odd;	/* those that contradict themselves, and are served */
	unsigned long bad_page; /* changes of references, flags, mappings that were refused */
};
extern struct page_reports page_reports;

/* page_reports_expect - for suites that misuse the allocator on purpose: while @on, misuse is
 * counted but not logged. */
void page_reports_expect(bool on);

/* ---- which function serves alloc_pages() and __free_pages(), by what the compiler knows ---- */

struct page *__alloc_pages(gfp_t gfp, unsigned order) __must_check;
/* @at: where in struct hart_local the lists for @gfp are named. */
struct page *__alloc_page_key(unsigned long at, gfp_t gfp) __must_check;
struct page *__alloc_zeroed_page_key(unsigned long at, gfp_t gfp) __must_check;
struct page *__alloc_pages_key(unsigned long at, gfp_t gfp, unsigned long order) __must_check;
void __free_pages_any(struct page *page, unsigned order);
void __free_page_small(struct page *page);
void __free_pages_small(struct page *page, unsigned long order);

static __always_inline struct page *alloc_pages(gfp_t gfp, unsigned order)
{
	unsigned long at = offsetof(struct hart_local, pcp_first) +
			   gfp_pcp_key(gfp) * sizeof(struct pcp_list *);

	if (!__builtin_constant_p(gfp) || !__builtin_constant_p(order) || order >= PCP_ORDERS)
		return __alloc_pages(gfp, order);
	if (!order && (gfp & GFP_NOT_HIT & ~__GFP_COMP) == __GFP_ZERO)
		return __alloc_zeroed_page_key(at, gfp);
	if (gfp & GFP_NOT_HIT)
		return __alloc_pages(gfp, order);
	return order ? __alloc_pages_key(at, gfp, order) : __alloc_page_key(at, gfp);
}

static __always_inline void __free_pages(struct page *page, unsigned order)
{
	if (!__builtin_constant_p(order) || order >= PCP_ORDERS)
		__free_pages_any(page, order);
	else if (order)
		__free_pages_small(page, order);
	else
		__free_page_small(page);
}

#endif
