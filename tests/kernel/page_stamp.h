/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_stamp.h - what the pages of a block hold while a test has it
 *
 * A word at both ends of each page, made of the frame's number and the head's `index`.  Who writes
 * to another's page, or has one that is another's, is found out.  Any context.
 */
#ifndef TESTS_KERNEL_PAGE_STAMP_H
#define TESTS_KERNEL_PAGE_STAMP_H

#include <kernel/fault_inject.h>
#include <mm/kmap.h>
#include <mm/page_alloc.h>

#define STAMP_LAST (PAGE_SIZE / sizeof(u32) - 1)

static inline u32 stamp_of(const struct page *page, u32 salt)
{
	return (u32)page_to_pfn(page) * 2654435761u ^ salt;
}

static inline void stamp_block(struct page *head, u32 salt)
{
	head->index = salt;
	for (unsigned long i = 0; i < 1UL << block_order(head); i++) {
		u32 *word = kmap_local_page(head + i);

		word[0] = word[STAMP_LAST] = stamp_of(head + i, salt);
		kunmap_local(word);
	}
}

static inline bool block_is_stamped(struct page *head)
{
	bool same = true;

	for (unsigned long i = 0; i < 1UL << block_order(head); i++) {
		u32 *word = kmap_local_page(head + i);

		same &= word[0] == stamp_of(head + i, head->index) && word[STAMP_LAST] == word[0];
		kunmap_local(word);
	}
	return same;
}

/* Both ends of each page, and word @at of it. */
static inline bool block_is_cleared(struct page *head, u32 at)
{
	bool clear = true;

	for (unsigned long i = 0; i < 1UL << block_order(head); i++) {
		u32 *word = kmap_local_page(head + i);

		clear &= !word[0] && !word[STAMP_LAST] && !word[at % STAMP_LAST];
		kunmap_local(word);
	}
	return clear;
}

/* Of a hundred allocations so many are made to fail. */
static inline unsigned fault_probability(void)
{
#ifdef CONFIG_FAULT_INJECTION
	const struct fault_point *p = fault_find("fail_page_alloc");

	return p ? p->attr->probability : 0;
#else
	return 0;
#endif
}

#endif
