/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_chain.h - pages that a benchmark holds, chained through their index (the owner's field)
 *
 * So it may hold all memory without asking for any.
 */
#ifndef PAGE_CHAIN_H
#define PAGE_CHAIN_H

#include <mm/page_alloc.h>

struct page_chain {
	u32 first; /* page_index() of the one pushed last */
	unsigned long nr;
};

static inline void chain_push(struct page_chain *c, struct page *page)
{
	page->index = c->first;
	c->first = (u32)page_index(page);
	c->nr++;
}

static inline void chain_free(struct page_chain *c)
{
	for (; c->nr; c->nr--) {
		struct page *page = index_page(c->first);

		c->first = page->index;
		__free_pages(page, block_order(page));
	}
}

/* In bench_page.c.  Take half of what is free in single pages, and give every other one back; false
 * if there was too little. */
bool chain_fragment(struct page_chain *used);

#endif
