/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_exact.c - pages that lie together, in any number
 *
 * A block is split into single pages and those beyond the end go back, so the rest is freed page
 * by page.  Cost: 2^order descriptors are written.  Locking: as alloc_pages().
 */
#include <mm/page_alloc.h>

#define NOT_EXACT (__GFP_COMP | __GFP_HIGHMEM)

static void *make_alloc_exact(struct page *page, unsigned order, size_t bytes)
{
	unsigned long nr = DIV_ROUND_UP(bytes, PAGE_SIZE);

	if (!page)
		return NULL;
	split_page(page, order);
	while (nr < 1UL << order)
		__free_page(page + nr++);
	return page_address(page);
}

void *alloc_pages_exact(size_t bytes, gfp_t gfp)
{
	unsigned order = get_order(bytes);

	return make_alloc_exact(alloc_pages(gfp & ~NOT_EXACT, order), order, bytes);
}

void *alloc_pages_exact_nid(int nid, size_t bytes, gfp_t gfp)
{
	unsigned order = get_order(bytes);

	return make_alloc_exact(alloc_pages_node(nid, gfp & ~NOT_EXACT, order), order, bytes);
}

void free_pages_exact(void *addr, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += PAGE_SIZE)
		free_page((unsigned long)addr + at);
}
