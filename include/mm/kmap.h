/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmap.h - reaching what is in a page
 *
 * Memory management touches the contents of a page only between kmap_local_page()
 * and kunmap_local(), innermost first.  Today every page is in the linear map and
 * both cost nothing.
 */
#ifndef MM_KMAP_H
#define MM_KMAP_H

#include <asm/memory.h>
#include <mm/page.h>

/* kmap_local_page - an address for @page, for this hart, until kunmap_local.  Any context. */
static inline void *kmap_local_page(struct page *page)
{
	return page_address(page);
}

static inline void kunmap_local(const void *addr)
{
	(void)addr;
}

/* clear_page - zero the PAGE_SIZE bytes at @addr, which is page-aligned. */
void clear_page(void *addr);

/* clear_highpage - zero @page, wherever it is. */
static inline void clear_highpage(struct page *page)
{
	void *addr = kmap_local_page(page);

	clear_page(addr);
	kunmap_local(addr);
}

#endif
