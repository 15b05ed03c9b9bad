/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_debug.h - looking closely at every page that is handed out and comes back
 *
 * Boot arguments choose what is done (docs/page-debugging.md); without one, page_debug is 0 and a
 * test of it off the hit paths is all that any of this costs.
 *
 *     page_owner=on                  who has each page, and who had it last
 *     page_poison=on                 free pages hold a pattern, which is checked
 *     debug_pagealloc=on             free pages can't be reached
 *     debug_guardpage_minorder=N     and behind each block below that order lies such a page
 *     init_on_alloc=1                pages, and small objects (slab_watch.c), are cleared when
 *     init_on_free=1                 they are handed out; when they are freed
 */
#ifndef MM_PAGE_DEBUG_H
#define MM_PAGE_DEBUG_H

#include <mm/gfp.h>
#include <mm/page.h>

struct zone;

enum page_debug_bit {
	PAGE_DEBUG_OWNER = 1,
	PAGE_DEBUG_POISON = 2,
	PAGE_DEBUG_GUARD = 4,
	PAGE_DEBUG_INIT_ALLOC = 8,
	PAGE_DEBUG_INIT_FREE = 16,
	PAGE_DEBUG_BEHIND = 32, /* with GUARD */
};

#define PAGE_POISON 0xaa /* each byte of a free page */

#ifdef CONFIG_PAGE_DEBUG

extern u32 page_debug; /* enum page_debug_bit; constant once the page allocator runs */

/* What was found; counted also while the log is silent (page_reports_expect). */
struct page_debug_counts {
	unsigned long poison;	  /* free pages that were written to, */
	unsigned long single_bit; /* among them with one bit changed */
};
extern struct page_debug_counts page_debug_counts;

/* page_debug_init - the side table, while memblock hands out memory. Boot. */
void page_debug_init(void);

/* page_debug_start - all blocks are on the zones' lists: from here on free pages are poisoned or
 * out of reach, and no hart keeps pages.  Boot hart, before the first allocation. */
void page_debug_start(void);

/*
 * page_debug_alloc - 2^@order pages are handed out: called after the block has left its list,
 * before its contents or descriptor are touched.  Any context, no zone's lock held.
 */
void page_debug_alloc(struct page *page, unsigned order, gfp_t gfp);

/*
 * page_debug_free - a block comes back that has been found sound, and that nobody else can free or
 * take meanwhile: called before it goes on a list.  Any context, no zone's lock held.
 */
void page_debug_free(struct page *page, unsigned order);

/* page_debug_fresh - frames [start, end) become free that were reserved. As page_debug_free(). */
void page_debug_fresh(unsigned long start_pfn, unsigned long end_pfn);

/*
 * page_guard_take - buddy_take() of a block with a guard behind it, if it is small and there is
 * one.  page_guard_release - guards whose block has come back do too, now that @page is on a list.
 * zone->lock held.
 */
struct page *page_guard_take(struct zone *zone, unsigned order, unsigned type);
void page_guard_release(struct zone *zone, struct page *page);

/* ---- page_owner.c ---- */

/* split_page_owner - a used block of 2^@order pages is blocks of 2^@new_order from now on. */
void split_page_owner(struct page *page, unsigned order, unsigned new_order);

/* page_owner_migrate - @to holds what @from held, which will be freed: the record goes with it. */
void page_owner_migrate(const struct page *from, struct page *to);

/* page_owner_text - "allocated ..." (@freed: "freed ...") of the block that @pfn lies in; "" if
 * nothing is known.  Returns @text. */
char *page_owner_text(unsigned long pfn, bool freed, char *text, size_t bytes);

#else

#define page_debug 0u

static inline void page_debug_init(void)
{
}

static inline void page_debug_start(void)
{
}

static inline void page_debug_alloc(struct page *page, unsigned order, gfp_t gfp)
{
}

static inline void page_debug_free(struct page *page, unsigned order)
{
}

static inline void page_debug_fresh(unsigned long start_pfn, unsigned long end_pfn)
{
}

static inline struct page *page_guard_take(struct zone *zone, unsigned order, unsigned type)
{
	return NULL;
}

static inline void page_guard_release(struct zone *zone, struct page *page)
{
}

static inline void split_page_owner(struct page *page, unsigned order, unsigned new_order)
{
}

static inline void page_owner_migrate(const struct page *from, struct page *to)
{
}

static inline char *page_owner_text(unsigned long pfn, bool freed, char *text, size_t bytes)
{
	*text = '\0';
	return text;
}

#endif
#endif
