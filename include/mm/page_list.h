/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_list.h - pages in a list through their descriptors
 *
 * Links are the indices in next and prev of struct page, which belong to whoever has the page:
 * its owner, or while it is isolated for migration, whoever isolated it.  No locks here.
 */
#ifndef MM_PAGE_LIST_H
#define MM_PAGE_LIST_H

#include <mm/page.h>

struct page_list {
	u32 first; /* page_index(), 0: empty */
	u32 nr;	   /* pages */
};

static inline void page_list_add(struct page_list *list, struct page *page)
{
	page->next = list->first;
	page->prev = 0;
	if (list->first)
		index_page(list->first)->prev = (u32)page_index(page);
	list->first = (u32)page_index(page);
	list->nr++;
}

static inline void page_list_del(struct page_list *list, struct page *page)
{
	if (page->next)
		index_page(page->next)->prev = page->prev;
	if (page->prev)
		index_page(page->prev)->next = page->next;
	else
		list->first = page->next;
	list->nr--;
}

/* page_list_pop - take the first page off, or NULL. */
static inline struct page *page_list_pop(struct page_list *list)
{
	struct page *page = list->first ? index_page(list->first) : NULL;

	if (page)
		page_list_del(list, page);
	return page;
}

#endif
