/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_flags.h - the flags of a page, by Linux's names
 *
 * For each flag X of the list below (name x):
 *
 *     PageX(page)             folio_test_x(folio)              is it set
 *     SetPageX, ClearPageX    folio_set_x, folio_clear_x       atomic
 *     __SetPageX, __ClearPageX  __folio_set_x, __folio_clear_x for a page that only the caller has
 *     TestSetPageX, TestClearPageX  folio_test_set_x, folio_test_clear_x   what it was; ordered
 *
 * A compound page has one set, its head's: PageX(tail) asks the head, and a tail's flags are not
 * changed through it.  PG_hwpoison alone is each page's own.  PG_head, PG_tail and PG_reserved are
 * the allocator's: PageHead(), PageTail(), PageCompound(), PageReserved() (mm/page.h) and no more.
 *
 * With CONFIG_DEBUG_VM each change is looked at first (mm/page_check.c has the table): a change
 * that can't be right is counted (page_reports.bad_page), reported and not done; the TestSet of
 * such says that it was set, the TestClear that it wasn't.
 *
 * Order: the Test...s acquire and release, clearing PG_locked releases, PG_uptodate's set releases
 * and its test acquires what was read into the page; the others order nothing.  Context: any.
 */
#ifndef MM_PAGE_FLAGS_H
#define MM_PAGE_FLAGS_H

#include <mm/page.h>

/* What has functions. */
#define FOR_EACH_PAGE_FLAG(X)       \
	X(Locked, locked)           \
	X(Writeback, writeback)     \
	X(Referenced, referenced)   \
	X(Uptodate, uptodate)       \
	X(Dirty, dirty)             \
	X(LRU, lru)                 \
	X(Active, active)           \
	X(Workingset, workingset)   \
	X(OwnerPriv, owner_priv)    \
	X(Private, private)         \
	X(Reclaim, reclaim)         \
	X(SwapBacked, swapbacked)   \
	X(Unevictable, unevictable) \
	X(Mlocked, mlocked)         \
	X(Waiters, waiters)         \
	X(Isolated, isolated)       \
	X(Slab, slab)               \
	X(Table, table)             \
	X(Found, found)             \
	X(HWPoison, hwpoison)

/* How a flag changes. */
#define FLAG_SET   1 /* else cleared */
#define FLAG_ALONE 2 /* nobody else changes flags of this page meanwhile */
#define FLAG_TEST  4 /* the caller wants to know what it was */
#define FLAG_FOLIO 8 /* it's no tail */

/* page_flag_allowed - may @flag of @page change so?  If not, the caller is reported. */
#ifdef CONFIG_DEBUG_VM
bool page_flag_allowed(const struct page *page, enum page_flag flag, unsigned how);
#else
#define page_flag_allowed(page, flag, how) true
#endif

/* Whose word has @flag of @page. */
static __always_inline struct page *page_flag_home(const struct page *page, enum page_flag flag,
						   unsigned how)
{
	if (flag == PG_hwpoison || (how & FLAG_FOLIO))
		return (struct page *)page;
	return compound_head((struct page *)page);
}

/* Set or clear; what it was.  A wrong change isn't done, and the flag was as wanted. */
static __always_inline bool page_change_flag(struct page *page, enum page_flag flag, unsigned how)
{
	u32 bit = 1U << flag, old;

	if (!page_flag_allowed(page, flag, how))
		return how & FLAG_SET;
	page = page_flag_home(page, flag, how);
	if (how & FLAG_ALONE) {
		old = page->flags;
		page->flags = how & FLAG_SET ? old | bit : old & ~bit;
	} else if (how & FLAG_TEST) {
		old = how & FLAG_SET ? __atomic_fetch_or(&page->flags, bit, __ATOMIC_ACQ_REL)
				     : __atomic_fetch_and(&page->flags, ~bit, __ATOMIC_ACQ_REL);
	} else if (how & FLAG_SET) {
		__atomic_fetch_or(&page->flags, bit,
				  flag == PG_uptodate ? __ATOMIC_RELEASE : __ATOMIC_RELAXED);
		return false;
	} else {
		__atomic_fetch_and(&page->flags, ~bit,
				   flag == PG_locked ? __ATOMIC_RELEASE : __ATOMIC_RELAXED);
		return false;
	}
	return old & bit;
}

static __always_inline bool page_test_flag(const struct page *page, enum page_flag flag,
					   unsigned how)
{
	const struct page *home = page_flag_home(page, flag, how);

	if (flag == PG_uptodate)
		return __atomic_load_n(&home->flags, __ATOMIC_ACQUIRE) >> flag & 1;
	return page_flag(home, flag);
}

#define PAGE_FLAG_CHANGE(type, fn, flag, how)                   \
	static inline type fn(struct page *page)                \
	{                                                       \
		return (type)page_change_flag(page, flag, how); \
	}
#define PAGE_FLAG_FUNCTIONS(X, x)                                            \
	static inline bool Page##X(const struct page *page)                  \
	{                                                                    \
		return page_test_flag(page, PG_##x, 0);                      \
	}                                                                    \
	PAGE_FLAG_CHANGE(void, SetPage##X, PG_##x, FLAG_SET)                 \
	PAGE_FLAG_CHANGE(void, ClearPage##X, PG_##x, 0)                      \
	PAGE_FLAG_CHANGE(void, __SetPage##X, PG_##x, FLAG_SET | FLAG_ALONE)  \
	PAGE_FLAG_CHANGE(void, __ClearPage##X, PG_##x, FLAG_ALONE)           \
	PAGE_FLAG_CHANGE(bool, TestSetPage##X, PG_##x, FLAG_SET | FLAG_TEST) \
	PAGE_FLAG_CHANGE(bool, TestClearPage##X, PG_##x, FLAG_TEST)
FOR_EACH_PAGE_FLAG(PAGE_FLAG_FUNCTIONS)

#endif
