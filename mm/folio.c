/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * folio.c - compound pages: counting mappings, making, unmaking and splitting them
 *
 * Mappings.  M(page) is what a page's own counter says:
 *
 *     single page   block word: mark + (M << BLOCK_MARK_SHIFT) + ...
 *     compound      head's block word: all mappings, T
 *                   head's own M: first tail's head_maps; those of the whole, E: its entire_maps
 *                   a tail's own M: the lowest bits of its flags, which no flag of a tail uses
 *
 * Invariants: T == E + sum of M while nobody maps; T is raised first and lowered last, so it is 0
 *   only if all are.  T <= references, as each mapping has one.
 *   A block whose word isn't exact is never freed (mm/page_alloc.c), so no mapped page is.
 * Locking: counters change atomically, whoever changes an entry of a page table holds its lock.
 *   zone->lock while block words change (split_folio).
 * Cost: an atomic addition, two for a compound page.
 * Not here: references (mm/page_ref.h), flags (mm/page_flags.h), what a mapping is (page tables).
 */
#include <mm/folio.h>

#include <kernel/panic.h>
#include <mm/page_debug.h>
#include "internal.h"

#define ONE_MAP	   (1U << BLOCK_MARK_SHIFT)
#define MAPS_SLACK 4096 /* harts that may count at once beyond an end */

_Static_assert(TAIL_MAPS_MASK < 1U << PG_reserved, "PG_reserved and others are a tail's too");
_Static_assert(sizeof(spinlock_t) <= sizeof(((struct page *)0)->lock_space), "mm/page.h");

/* A compound page's own counter of one of its pages, and its bits; a single page has none. */
static u32 *own_maps(struct page *page, u32 *mask)
{
	if (PageTail(page)) {
		*mask = TAIL_MAPS_MASK;
		return &page->flags;
	}
	*mask = ~0U;
	return PageHead(page) ? &page[1].head_maps : NULL;
}

static bool add_map(struct page *head, u32 *own, u32 mask)
{
	if (unlikely(block_kind(head) != BLOCK_USED || page_ref_count(head) <= 0)) {
		report_bad_page(head, "mapping", __builtin_return_address(0));
		return false;
	}
	if (unlikely(block_maps(head) >= PAGE_MAPS_MAX ||
		     (own && (READ_ONCE(*own) & mask) >= mask - MAPS_SLACK)))
		return false;
	__atomic_fetch_add(&head->block, ONE_MAP, __ATOMIC_RELAXED);
	if (own)
		__atomic_fetch_add(own, 1, __ATOMIC_RELAXED);
	return true;
}

static bool remove_map(struct page *head, u32 *own, u32 mask)
{
	u32 left = 0, word;

	if (unlikely(!block_maps(head) || (own && !(READ_ONCE(*own) & mask)))) {
		report_bad_page(head, "unmapping", __builtin_return_address(0));
		return false;
	}
	if (own)
		left = __atomic_sub_fetch(own, 1, __ATOMIC_ACQ_REL) & mask;
	word = __atomic_sub_fetch(&head->block, ONE_MAP, __ATOMIC_ACQ_REL);
	return own ? !left : (word - page_zone(head)->mark) < ONE_MAP;
}

bool page_add_map(struct page *page)
{
	u32 mask, *own = own_maps(page, &mask);

	return add_map(compound_head(page), own, mask);
}

bool page_remove_map(struct page *page)
{
	u32 mask, *own = own_maps(page, &mask);

	return remove_map(compound_head(page), own, mask);
}

bool folio_add_entire_map(struct folio *folio)
{
	if (!folio_test_large(folio))
		return page_add_map(&folio->page);
	return add_map(&folio->page, &folio_page(folio, 1)->entire_maps, ~0U);
}

bool folio_remove_entire_map(struct folio *folio)
{
	if (!folio_test_large(folio))
		return page_remove_map(&folio->page);
	return remove_map(&folio->page, &folio_page(folio, 1)->entire_maps, ~0U);
}

int folio_entire_mapcount(const struct folio *folio)
{
	return folio_test_large(folio) ? (int)READ_ONCE((&folio->page)[1].entire_maps) : 0;
}

int page_mapcount(struct page *page)
{
	u32 mask, *own = own_maps(page, &mask);

	if (!own)
		return (int)block_maps(page);
	return (int)(READ_ONCE(*own) & mask) + folio_entire_mapcount(page_folio(page));
}

/* ---- compound pages ---- */

/* One head becomes a plain one: before strangers, if there are any, get a reference again. */
static void clear_head(struct page *page)
{
	__atomic_fetch_and(&page->flags, ~(1U << PG_head), __ATOMIC_RELAXED);
}

void undo_compound_page(struct page *page)
{
	unsigned order = compound_order(page);

	BUG_ON(PageTail(page) || folio_mapped((struct folio *)page));
	clear_head(page);
	for (unsigned long i = 1; i < 1UL << order; i++) {
		page[i].word0 = page_zone(page)->word0_free;
		page[i].block = 0;
	}
}

/* What single pages inherit. */
#define SPLIT_FLAGS                                                                               \
	(1U << PG_referenced | 1U << PG_uptodate | 1U << PG_dirty | 1U << PG_active |             \
	 1U << PG_workingset | 1U << PG_owner_priv | 1U << PG_swapbacked | 1U << PG_unevictable | \
	 1U << PG_mlocked | 1U << PG_found)
/* What it can't be split with: it's on a list, or read, or no folio of the kind. */
#define SPLIT_BUSY                                                                  \
	(1U << PG_lru | 1U << PG_isolated | 1U << PG_writeback | 1U << PG_private | \
	 1U << PG_slab | 1U << PG_table | 1U << PG_reserved)

/* On rv64 a stranger who meets the tail meanwhile sees it whole: a tail, then a page. */
static void make_single(struct page *tail, const struct page *head, u32 word, u32 nr)
{
	u32 keep = tail->flags & (1U << PG_hwpoison | ~PAGE_FLAGS_MASK);

	tail->links = 0;
	tail->mapping_word = head->mapping_word;
	tail->index = head->index + nr;
	tail->block = word;
	smp_wmb();
	tail->word0 = 1ULL << 32 | (head->flags & SPLIT_FLAGS) | keep;
}

int split_folio(struct folio *folio)
{
	struct page *page = &folio->page;
	unsigned order = folio_order(folio);
	struct zone *zone = page_zone(page);
	unsigned long flags;
	u32 word;

	if (folio_mapped(folio) || (READ_ONCE(page->flags) & SPLIT_BUSY))
		return -EBUSY;
	if (!order)
		return 0;
	if (!page_ref_freeze(page, 1))
		return -EAGAIN;
	spin_lock_irqsave(&zone->lock, flags);
	word = page->block - order;
	for (unsigned long i = 1; i < 1UL << order; i++)
		make_single(page + i, page, word, (u32)i);
	page->block = word;
	clear_head(page);
	spin_unlock_irqrestore(&zone->lock, flags);
	if (unlikely(page_debug))
		split_page_owner(page, order, 0);
	page_ref_unfreeze(page, 1);
	return 0;
}
