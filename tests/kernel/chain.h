/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chain.h - blocks of pages that a test holds, chained through their owner's field `index`
 *
 * So a case can hold all memory without asking for any.
 */
#ifndef TESTS_KERNEL_CHAIN_H
#define TESTS_KERNEL_CHAIN_H

#include <mm/page_alloc.h>

struct chain {
	u32 first; /* index of a page, 0 at the end */
	unsigned long nr;
};

static inline void push(struct chain *c, struct page *page)
{
	page->index = c->first;
	c->first = (u32)page_index(page);
	c->nr++;
}

static inline struct page *pop(struct chain *c)
{
	struct page *page = c->first ? index_page(c->first) : NULL;

	if (page) {
		c->first = page->index;
		c->nr--;
	}
	return page;
}

static inline void free_chain(struct chain *c, unsigned order)
{
	struct page *page;

	while ((page = pop(c)))
		__free_pages(page, order);
}

/* Free pages of @zone that aren't lent to movable ones: the cases' pages can't be moved. */
static inline unsigned long usable(const struct zone *zone)
{
	return READ_ONCE(zone->nr_free) - zone_free_of(zone, MIGRATE_CMA);
}

#endif
