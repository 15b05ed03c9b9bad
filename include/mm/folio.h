/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * folio.h - pages that are no tails
 *
 * A folio is one page, or a compound page, by its head: the same 32 bytes as its struct page, but
 * a function that takes a folio need not look for the head.  Linux's names and meaning.
 *
 * References: folio_get() by who has one; folio_try_get() by a stranger (mm/page_ref.h).
 * folio_put() frees with the last.
 *
 * Mappings: each entry of a page table that leads to a page of the folio counts once, and has a
 * reference.  A single page's count is in its block word, beside the mark, so that a page that is
 * mapped can't be freed by any path, and no path pays for it.  Of a compound page that word of the
 * head counts all mappings; each tail counts its own, the first tail also those of the head and
 * those of the whole at once (drawn in mm/page.h).
 *
 * folio_lock() which sleeps comes with the page cache: here are folio_trylock() and folio_unlock().
 *
 * Context: any, unless said otherwise.  Nothing here sleeps but allocation.
 */
#ifndef MM_FOLIO_H
#define MM_FOLIO_H

#include <mm/page_alloc.h>
#include <mm/page_flags.h>
#include <mm/page_ref.h>

struct folio {
	union {
		struct page page;
		struct {
			u32 flags;
			s32 _refcount;
			u32 next, prev;
			union {
				u64 mapping_word;
				void *mapping;
				unsigned long private;
			};
			u32 index;
			u32 _block;
		};
	};
};
#define FOLIO_MATCH(pg, fl)                                                                       \
	_Static_assert(offsetof(struct page, pg) == offsetof(struct folio, fl) &&                 \
			       sizeof(((struct page *)0)->pg) == sizeof(((struct folio *)0)->fl), \
		       "struct folio is struct page")
FOLIO_MATCH(flags, flags);
FOLIO_MATCH(_refcount, _refcount);
FOLIO_MATCH(next, next);
FOLIO_MATCH(prev, prev);
FOLIO_MATCH(mapping_word, mapping_word);
FOLIO_MATCH(mapping, mapping);
FOLIO_MATCH(private, private);
FOLIO_MATCH(index, index);
FOLIO_MATCH(block, _block);
_Static_assert(sizeof(struct folio) == sizeof(struct page), "struct folio is struct page");

/* ---- which ---- */

/* page_folio - the folio that @page is in.  folio_page - its page @n.  No check. */
#define page_folio(page) ((struct folio *)compound_head(page))

static inline struct page *folio_page(struct folio *folio, unsigned long n)
{
	return &folio->page + n;
}

static inline bool folio_test_large(const struct folio *folio)
{
	return PageHead(&folio->page);
}

static inline unsigned folio_order(const struct folio *folio)
{
	return compound_order(&folio->page);
}

static inline unsigned long folio_nr_pages(const struct folio *folio)
{
	return 1UL << folio_order(folio);
}

static inline unsigned folio_shift(const struct folio *folio)
{
	return PAGE_SHIFT + folio_order(folio);
}

static inline size_t folio_size(const struct folio *folio)
{
	return (size_t)1 << folio_shift(folio);
}

static inline unsigned long folio_page_idx(const struct folio *folio, const struct page *page)
{
	return (unsigned long)(page - &folio->page);
}

/* What comes behind it, if that is a folio too. */
static inline struct folio *folio_next(struct folio *folio)
{
	return (struct folio *)folio_page(folio, folio_nr_pages(folio));
}

static inline unsigned long folio_pfn(const struct folio *folio)
{
	return page_to_pfn(&folio->page);
}

static inline struct folio *pfn_folio(unsigned long pfn)
{
	return page_folio(pfn_to_page(pfn));
}

static inline struct zone *folio_zone(const struct folio *folio)
{
	return page_zone(&folio->page);
}

static inline int folio_nid(const struct folio *folio)
{
	return page_to_nid(&folio->page);
}

/* In the linear map. */
static inline void *folio_address(const struct folio *folio)
{
	return page_address(&folio->page);
}

static inline struct folio *virt_to_folio(const void *addr)
{
	return page_folio(virt_to_page(addr));
}

/* ---- getting and giving back ---- */

/* folio_alloc - a folio of 2^@order pages, with one reference, or NULL; as alloc_pages(). */
static __always_inline struct folio *__must_check folio_alloc(gfp_t gfp, unsigned order)
{
	return (struct folio *)alloc_pages(order ? gfp | __GFP_COMP : gfp, order);
}

/* The same, starting from node @nid. */
static inline struct folio *__must_check folio_alloc_node(gfp_t gfp, unsigned order, int nid)
{
	return (struct folio *)alloc_pages_node(nid, order ? gfp | __GFP_COMP : gfp, order);
}

static inline int folio_ref_count(const struct folio *folio)
{
	return page_ref_count(&folio->page);
}

static inline void folio_ref_add(struct folio *folio, int nr)
{
	page_ref_add(&folio->page, nr);
}

static inline void folio_ref_sub(struct folio *folio, int nr)
{
	page_ref_sub(&folio->page, nr);
}

static inline bool folio_ref_freeze(struct folio *folio, int count)
{
	return page_ref_freeze(&folio->page, count);
}

static inline void folio_ref_unfreeze(struct folio *folio, int count)
{
	page_ref_unfreeze(&folio->page, count);
}

static inline void folio_get(struct folio *folio)
{
	page_ref_inc(&folio->page);
}

/* By a stranger: false if it's free or may not be found; then, and after, look again whether
 * this is what was sought. */
static inline bool __must_check folio_try_get(struct folio *folio)
{
	return page_try_get_found(&folio->page, 1);
}

static inline void folio_put(struct folio *folio)
{
	__free_pages_any(&folio->page, block_order(&folio->page));
}

/* folio_put_refs - drop @refs, at least 1, that the caller has. */
static inline void folio_put_refs(struct folio *folio, int refs)
{
	if (refs > 1)
		page_ref_sub(&folio->page, refs - 1);
	folio_put(folio);
}

/* ---- mappings ---- */

/* Mappings counted in the block word of a head. */
static inline u32 block_maps(const struct page *head)
{
	return (READ_ONCE(head->block) - page_zone(head)->mark) >> BLOCK_MARK_SHIFT;
}

/* folio_mapcount - mappings of all its pages and of the whole, together. */
static inline int folio_mapcount(const struct folio *folio)
{
	return (int)block_maps(&folio->page);
}

static inline bool folio_mapped(const struct folio *folio)
{
	return folio_mapcount(folio) > 0;
}

/* page_mapped - is any page of its folio mapped?  (As in Linux.) */
static inline bool page_mapped(struct page *page)
{
	return folio_mapped(page_folio(page));
}

/* folio_entire_mapcount - mappings of the whole by one entry. */
int folio_entire_mapcount(const struct folio *folio);

/* page_mapcount - mappings that show this page: its own, and those of the whole. */
int page_mapcount(struct page *page);

/*
 * page_add_map, folio_add_entire_map - one more entry of a page table leads to @page, or to all of
 * @folio, which has a reference for it already
 * False, and nothing done, if no more can be counted (PAGE_MAPS_MAX, TAIL_MAPS_MAX): the caller
 * maps a copy.  What Linux's folio_add_*_rmap_pte() and _pmd() do to the counts.
 */
bool __must_check page_add_map(struct page *page);
bool __must_check folio_add_entire_map(struct folio *folio);

/*
 * page_remove_map, folio_remove_entire_map - one less; the reference is still the caller's to drop
 * True if no entry of that kind is left: page_mapcount() may still count the whole's.  A mapping
 * that isn't there is counted (page_reports.bad_page), reported and not removed.
 */
bool page_remove_map(struct page *page);
bool folio_remove_entire_map(struct folio *folio);

/* How many can be counted: for a page or a whole folio; for one tail. */
#define PAGE_MAPS_MAX ((1U << (32 - BLOCK_MARK_SHIFT)) - 4096)
#define TAIL_MAPS_MAX (TAIL_MAPS_MASK - 4096)

/* ---- lock ---- */

static inline bool __must_check folio_trylock(struct folio *folio)
{
	return !TestSetPageLocked(&folio->page);
}

static inline void folio_unlock(struct folio *folio)
{
	ClearPageLocked(&folio->page);
}

/* ---- making and unmaking ---- */

/* prep_compound_page - make a compound page of a block of @order that the caller got without
 * __GFP_COMP and has alone.  Writes every descriptor. */
void prep_compound_page(struct page *page, unsigned order);

/* undo_compound_page - the opposite: a plain block again, with the references it has.  Nobody else
 * may know its tails. */
void undo_compound_page(struct page *page);

/*
 * split_folio - make single pages of a folio: each has one reference, a copy of the flags (but
 * PG_locked), mapping, and index counting up
 * The caller has the only reference.  0; -EBUSY if it's mapped, on a list (PG_lru, PG_isolated) or
 * being written; -EAGAIN if somebody else has a reference now.  Holds zone->lock over 2^order
 * descriptors.
 */
int __must_check split_folio(struct folio *folio);

/* ---- flags: folio_test_dirty() ..., as in mm/page_flags.h ---- */

#define FOLIO_FLAG_CHANGE(type, fn, flag, how)                                         \
	static inline type fn(struct folio *folio)                                     \
	{                                                                              \
		return (type)page_change_flag(&folio->page, flag, FLAG_FOLIO | (how)); \
	}
#define FOLIO_FLAG_FUNCTIONS(X, x)                                                \
	static inline bool folio_test_##x(const struct folio *folio)              \
	{                                                                         \
		return page_test_flag(&folio->page, PG_##x, FLAG_FOLIO);          \
	}                                                                         \
	FOLIO_FLAG_CHANGE(void, folio_set_##x, PG_##x, FLAG_SET)                  \
	FOLIO_FLAG_CHANGE(void, folio_clear_##x, PG_##x, 0)                       \
	FOLIO_FLAG_CHANGE(void, __folio_set_##x, PG_##x, FLAG_SET | FLAG_ALONE)   \
	FOLIO_FLAG_CHANGE(void, __folio_clear_##x, PG_##x, FLAG_ALONE)            \
	FOLIO_FLAG_CHANGE(bool, folio_test_set_##x, PG_##x, FLAG_SET | FLAG_TEST) \
	FOLIO_FLAG_CHANGE(bool, folio_test_clear_##x, PG_##x, FLAG_TEST)
FOR_EACH_PAGE_FLAG(FOLIO_FLAG_FUNCTIONS)

#endif
