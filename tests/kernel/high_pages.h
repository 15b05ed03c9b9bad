/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * high_pages.h - pages of high memory for a suite, and a word in each
 */
#ifndef TESTS_KERNEL_HIGH_PAGES_H
#define TESTS_KERNEL_HIGH_PAGES_H

#include <mm/highmem.h>
#include <mm/kmap.h>
#include <mm/page_alloc.h>
#include <shell/ktap.h>

#define GFP_HIGH (GFP_HIGHUSER | __GFP_NOWARN)

/* Has node @nid memory with an address? */
static inline bool node_has_low_memory(int nid)
{
	struct zone *zone;

	for_each_zone(zone)
		if (zone->nid == nid && !zone_is_high(zone))
			return true;
	return false;
}

/* A page of high memory; without any the case is skipped. */
static inline struct page *high_page(struct ktap *t)
{
	struct page *page = alloc_page(GFP_HIGH);

	if (page && PageHighMem(page))
		return page;
	ktap_skip(t, "no high memory");
	if (page)
		__free_page(page);
	return NULL;
}

static inline bool high_pages(struct ktap *t, struct page **page, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		page[i] = high_page(t);
		if (page[i])
			continue;
		while (i)
			__free_page(page[--i]);
		return false;
	}
	return true;
}

static inline void free_pages_of(struct page **page, unsigned int n)
{
	while (n)
		__free_page(page[--n]);
}

static inline u32 word_of(struct page *page)
{
	u32 word;

	memcpy_from_page(&word, page, 8, sizeof(word));
	return word;
}

static inline void set_word(struct page *page, u32 word)
{
	memcpy_to_page(page, 8, &word, sizeof(word));
}

#endif
