/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_check.c - which changes of a page's flags and references can be right
 *
 * Only with CONFIG_DEBUG_VM.  A flag may be set
 *   - on a page that is in use and no tail: the head of a used block of its zone, with a reference
 *     or, frozen, with PG_locked.  (PG_hwpoison: on any.)
 *   - if none of the flags is set that exclude it, and all that it needs.
 * Without an atomic operation only if no stranger can find the page.  Flags that say that
 * something begins and ends change each time: a lock that is dropped was held.
 *
 *     set          excluded by                        needs     changes each time
 *     slab, table  every flag but found, hwpoison               both ways
 *     locked       slab table reserved                          cleared
 *     writeback    slab table reserved                locked    both ways
 *     lru          slab table reserved isolated                 both ways
 *     isolated     slab table reserved lru                      both ways
 *     active       slab table reserved unevictable
 *     unevictable  slab table reserved active
 *     found        -
 *     hwpoison     -
 *     others       slab table reserved
 *
 * Locking: none; what is looked at is the caller's.  Cost: some 50 instructions a change.
 */
#include <mm/folio.h>

#include "internal.h"

#include <stdio.h>

#define F(flag)	 (1U << PG_##flag)
#define KINDS	 (F(slab) | F(table) | F(reserved))
#define BY_TURNS (F(slab) | F(table) | F(writeback) | F(lru) | F(isolated))

static const char *const names[] = {
#define NAME(X, x) [PG_##x] = #x,
	FOR_EACH_PAGE_FLAG(NAME)
};

static u32 excluded_by(enum page_flag flag)
{
	switch (flag) {
	case PG_slab:
	case PG_table:
		return PAGE_FLAGS_MASK & ~(F(found) | F(hwpoison) | F(head) | 1U << flag);
	case PG_lru:
		return KINDS | F(isolated);
	case PG_isolated:
		return KINDS | F(lru);
	case PG_active:
		return KINDS | F(unevictable);
	case PG_unevictable:
		return KINDS | F(active);
	case PG_found:
	case PG_hwpoison:
		return 0;
	default:
		return KINDS;
	}
}

/* The head of a used block, and no free one on a hart's list. */
static bool in_use(const struct page *page)
{
	const struct zone *zone = page_zone(page);
	int count = page_ref_count(page);

	return zone->nid != NUMA_NO_NODE && !PageTail(page) && block_kind(page) == BLOCK_USED &&
	       (count > 0 ? block_maps(page) <= (u32)count : !count && page_flag(page, PG_locked));
}

static bool may_change(const struct page *page, enum page_flag flag, unsigned how)
{
	u32 flags = READ_ONCE(page->flags), bit = 1U << flag;

	if (flag == PG_hwpoison)
		return true;
	if (!in_use(page) || ((how & FLAG_ALONE) && (flags & F(found))))
		return false;
	if (!(how & FLAG_TEST) && !(flags & bit) == !(how & FLAG_SET) &&
	    (bit & (how & FLAG_SET ? BY_TURNS : BY_TURNS | F(locked))))
		return false;
	if (!(how & FLAG_SET))
		return true;
	return !(flags & excluded_by(flag)) && (flag != PG_writeback || (flags & F(locked)));
}

bool page_flag_allowed(const struct page *page, enum page_flag flag, unsigned how)
{
	char what[32];

	if (likely(may_change(page, flag, how)))
		return true;
	snprintf(what, sizeof(what), "%s PG_%s of", how & FLAG_SET ? "setting" : "clearing",
		 names[flag]);
	report_bad_page(page, what, __builtin_return_address(0));
	return false;
}

int page_ref_change(struct page *page, int by)
{
	s32 old = page_ref_count(page);

	/* Who adds knows that there is one; none goes below none. */
	while (likely(!PageTail(page) &&
		      (by > 0 ? old > 0 && old <= PAGE_REF_LIMIT - by : old >= -by)))
		if (__atomic_compare_exchange_n(&page->_refcount, &old, old + by, true,
						__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return old + by;
	report_bad_page(page, by > 0 ? "getting" : "putting", __builtin_return_address(0));
	return 1;
}
