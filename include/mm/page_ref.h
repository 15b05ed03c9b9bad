/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_ref.h - counting who uses a page
 *
 * page_ref_* change the count of just this descriptor, a block's head; get_page() and its like go
 * to the head of a compound page first.  The last reference is dropped by put_page() (or
 * folio_put(), __free_pages()), which frees:
 *   - of a page without PG_found with one reference left, nobody but its owner knows: the drop is
 *     a plain store (a hit on a hart's list, mm/page_alloc.c);
 *   - with PG_found, or with more than one, it is an atomic operation.
 * So PG_found is set before a stranger can find the page, and only strangers use the forms that
 * may fail because the count is 0: get_page_unless_zero(), folio_try_get().
 *
 * A count can't be seen to come down to 0 twice.  With CONFIG_DEBUG_VM a change that would make a
 * free page used, a used one negative, or that overflows, is reported and not done; without, a
 * count that isn't positive is never dropped (such a page leaks, and each attempt is reported),
 * and try_get_page() refuses beyond PAGE_REF_LIMIT, for those that users can make count.
 *
 * Context: any.  Order: a drop releases, what finds the count 0 or takes from a stranger acquires.
 */
#ifndef MM_PAGE_REF_H
#define MM_PAGE_REF_H

#include <mm/page.h>

/* More references than anything but a fault or an attack takes. */
#define PAGE_REF_LIMIT 0x7fff0000

static inline int page_ref_count(const struct page *page)
{
	return __atomic_load_n(&page->_refcount, __ATOMIC_RELAXED);
}

static inline int page_count(const struct page *page)
{
	return page_ref_count(compound_head((struct page *)page));
}

/* Without looking at what it was: for who made the page, or froze it. */
static inline void set_page_count(struct page *page, int count)
{
	__atomic_store_n(&page->_refcount, count, __ATOMIC_RELAXED);
}

static inline void init_page_count(struct page *page)
{
	set_page_count(page, 1);
}

/* page_ref_change - add @by, may be negative; the new count.  Checked (mm/page_check.c), or not. */
#ifdef CONFIG_DEBUG_VM
int page_ref_change(struct page *page, int by);
#else
static inline int page_ref_change(struct page *page, int by)
{
	return __atomic_add_fetch(&page->_refcount, by, __ATOMIC_ACQ_REL);
}
#endif

static inline void page_ref_add(struct page *page, int nr)
{
#ifdef CONFIG_DEBUG_VM
	page_ref_change(page, nr);
#else
	__atomic_fetch_add(&page->_refcount, nr, __ATOMIC_RELAXED);
#endif
}

/* Others are left; else it's one of the _and_test. */
static inline void page_ref_sub(struct page *page, int nr)
{
	page_ref_change(page, -nr);
}

static inline void page_ref_inc(struct page *page)
{
	page_ref_add(page, 1);
}

static inline void page_ref_dec(struct page *page)
{
	page_ref_sub(page, 1);
}

static inline int page_ref_inc_return(struct page *page)
{
	return page_ref_change(page, 1);
}

static inline int page_ref_sub_return(struct page *page, int nr)
{
	return page_ref_change(page, -nr);
}

static inline int page_ref_dec_return(struct page *page)
{
	return page_ref_sub_return(page, 1);
}

/* True if that was the last reference: the caller frees. */
static inline bool page_ref_sub_and_test(struct page *page, int nr)
{
	return page_ref_change(page, -nr) == 0;
}

static inline bool page_ref_dec_and_test(struct page *page)
{
	return page_ref_sub_and_test(page, 1);
}

/* Add @nr unless the count is @unless; true if added. */
static inline bool page_ref_add_unless(struct page *page, int nr, int unless)
{
	s32 old = page_ref_count(page);

	do {
		if (old == unless)
			return false;
	} while (!__atomic_compare_exchange_n(&page->_refcount, &old, old + nr, true,
					      __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
	return true;
}

static inline bool page_ref_add_unless_zero(struct page *page, int nr)
{
	return page_ref_add_unless(page, nr, 0);
}

/*
 * page_ref_freeze - if exactly @count references are left, all the caller's, make it none: no
 * stranger gets one, and the owner may change what the page is.  True if so.  While frozen only a
 * locked page's flags may change.  page_ref_unfreeze - @count references again; releases.
 */
static inline bool page_ref_freeze(struct page *page, int count)
{
	s32 old = count;

	return __atomic_compare_exchange_n(&page->_refcount, &old, 0, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_ACQUIRE);
}

static inline void page_ref_unfreeze(struct page *page, int count)
{
	__atomic_store_n(&page->_refcount, count, __ATOMIC_RELEASE);
}

/* ---- of the page or of its compound page ---- */

/* get_page - one more, by somebody who has one or is sure of another's. */
static inline void get_page(struct page *page)
{
	page_ref_inc(compound_head(page));
}

/* try_get_page - the same where a user could make it overflow; false: refused. */
static inline bool __must_check try_get_page(struct page *page)
{
	struct page *head = compound_head(page);
	int count = page_ref_count(head);

	if (unlikely(count <= 0 || count >= PAGE_REF_LIMIT))
		return false;
	page_ref_inc(head);
	return true;
}

/* May a stranger take a reference to the page with this word0? */
static inline bool page_word0_findable(u64 word0)
{
	u32 flags = (u32)word0, count = (u32)(word0 >> 32);

	return (flags & (1U << PG_found | 1U << PG_tail)) == 1U << PG_found &&
	       count - 1 < PAGE_REF_LIMIT - 1;
}

/*
 * page_try_get_found - a stranger's @nr references to a head, false if there is none to find: the
 * page is free, frozen, a tail, or isn't one that strangers may find (any more)
 * On rv64 flags and count change together, so @page may be stale, even freed and in other use.
 * rv32 has no operation that wide: there the caller holds a lock under which the page has a
 * reference, as that of a tree that has it, or zone->lock, without which no page with PG_found
 * becomes another's.
 */
static inline bool page_try_get_found(struct page *page, int nr)
{
	u64 old = READ_ONCE(page->word0);

	if (sizeof(long) < sizeof(u64))
		return page_word0_findable(old) && page_ref_add_unless_zero(page, nr);
	do {
		if (!page_word0_findable(old))
			return false;
	} while (!__atomic_compare_exchange_n(&page->word0, &old, old + ((u64)(u32)nr << 32), true,
					      __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
	return true;
}

static inline bool __must_check get_page_unless_zero(struct page *page)
{
	return page_try_get_found(page, 1);
}

#endif
