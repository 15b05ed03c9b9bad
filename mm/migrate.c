/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * migrate.c - isolating movable pages, moving them, putting them back
 *
 * How a stranger takes hold of a page: with zone->lock held he finds the head of a used block with
 * PG_found set, and adds a reference unless there is none.  A page with PG_found is freed by an
 * atomic decrement and then, since its flags aren't those of a page that no stranger knows, through
 * zone->lock: so as long as the lock is held it can't have become somebody else's.  That is why
 * PG_found is never cleared before the page is free.
 *
 * PG_locked of a movable page: held while one of its owner's operations runs, so that there is one
 * at a time for each page.  It is tried; who must have it tries again after a while (arch_wait_ns).
 * PG_isolated: between isolate_page() and the end of migration or putback_page(); set and cleared
 * with PG_locked held.
 *
 * Locking: zone->lock to pin; no lock but the page's around the owner's operations.
 * Not here: what to move and where to (compaction.c, contig.c).
 */
#include "mobility.h"

#include <kernel/panic.h>
#include <kernel/preempt.h>
#include <kernel/time.h>
#include <mm/page_debug.h>
#include <mm/page_ref.h>
#include <mm/vmstat.h>

#define LOCK_SPINS   100
#define LOCK_WAIT_NS 50000
#define PASSES	     4 /* over the pages that say -EAGAIN */

void __SetPageMovable(struct page *page, const struct movable_operations *ops)
{
	BUG_ON(PageCompound(page) || block_order(page) || page_ref_count(page) < 1);
	WRITE_ONCE(page->mapping, (void *)((unsigned long)ops | PAGE_MAPPING_MOVABLE));
	__atomic_fetch_or(&page->flags, 1U << PG_found, __ATOMIC_RELEASE);
}

void __ClearPageMovable(struct page *page)
{
	BUG_ON(!PageMovable(page));
	WRITE_ONCE(page->mapping, (void *)PAGE_MAPPING_MOVABLE);
}

/* ---- the page's lock ---- */

static void lock_waiting(struct page *page)
{
	might_sleep();
	for (unsigned n = 0; TestSetPageLocked(page); n++) {
		cpu_relax();
		if (n % LOCK_SPINS == LOCK_SPINS - 1)
			arch_wait_ns(LOCK_WAIT_NS);
	}
}

/* ---- taking hold ---- */

/* A reference to @page, the head of a used block, if it's movable.  zone->lock held. */
static bool pin_movable(struct page *page)
{
	return block_kind(page) == BLOCK_USED && PageMovable(page) && !PageIsolated(page) &&
	       page_try_get_found(page, 1);
}

/* @page is pinned, and stays so if the answer is true. */
static bool isolate_pinned(struct page *page, isolate_mode_t mode)
{
	const struct movable_operations *ops;
	bool isolated = false;

	if (!TestSetPageLocked(page)) {
		ops = page_movable_ops(page);
		isolated = ops && !PageIsolated(page) && ops->isolate_page(page, mode);
		if (isolated)
			SetPageIsolated(page);
		ClearPageLocked(page);
	}
	if (!isolated)
		put_page(page);
	return isolated;
}

bool isolate_movable_page(struct page *page, isolate_mode_t mode)
{
	const struct mem_segment *seg = memmap_segment(page_to_pfn(page));
	unsigned long flags;
	bool pinned;

	if (!seg)
		return false;
	spin_lock_irqsave(&seg->zone->lock, flags);
	pinned = memmap_block_of(page_to_pfn(page)) == page && pin_movable(page);
	spin_unlock_irqrestore(&seg->zone->lock, flags);
	return pinned && isolate_pinned(page, mode);
}

unsigned isolate_movable_range(struct zone *zone, unsigned long *pos, unsigned long end,
			       isolate_mode_t mode, struct page_list *list)
{
	struct block_walk w = { .zone = zone, .pfn = *pos };
	unsigned nr = 0, pinned = 0;
	struct page *pin[WALK_STEP];
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	while (nr < WALK_STEP && w.pfn < end) {
		struct page *page = block_walk_next(&w);

		nr++;
		if (page && pin_movable(page))
			pin[pinned++] = page;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	*pos = w.pfn;
	while (pinned--)
		if (isolate_pinned(pin[pinned], mode))
			page_list_add(list, pin[pinned]);
	return nr;
}

void putback_movable_page(struct page *page)
{
	const struct movable_operations *ops;

	lock_waiting(page);
	ops = page_movable_ops(page);
	ClearPageIsolated(page);
	if (ops)
		ops->putback_page(page);
	ClearPageLocked(page);
	put_page(page);
}

void putback_movable_pages(struct page_list *list)
{
	struct page *page;

	while ((page = page_list_pop(list)))
		putback_movable_page(page);
}

/* ---- moving ---- */

/* Both are locked. */
static int move_locked(struct page *dst, struct page *src, enum migrate_mode mode)
{
	const struct movable_operations *ops = page_movable_ops(src);
	int err = ops ? ops->migrate_page(dst, src, mode) : MIGRATEPAGE_SUCCESS;

	if (!err) {
		if (unlikely(page_debug))
			page_owner_migrate(src, dst);
		/* Its owner has let it go. */
		WRITE_ONCE(src->mapping, (void *)PAGE_MAPPING_MOVABLE);
		ClearPageIsolated(src);
	}
	return err;
}

/* 0: @src is nobody's but ours. */
static int move_page(struct page *src, new_page_t *get_new, free_page_t *put_new,
		     unsigned long private, enum migrate_mode mode)
{
	struct page *dst;
	int err;

	if (page_ref_count(src) == 1) { /* freed by its owner */
		ClearPageIsolated(src);
		return 0;
	}
	dst = get_new(src, private);
	if (!dst)
		return -ENOMEM;
	if (mode != MIGRATE_ASYNC)
		lock_waiting(src);
	else if (TestSetPageLocked(src)) {
		err = -EAGAIN;
		goto unused;
	}
	SetPageLocked(dst);
	err = move_locked(dst, src, mode);
	ClearPageLocked(dst);
	ClearPageLocked(src);
	if (!err) {
		put_page(dst); /* its owner has its own */
		return 0;
	}
unused:
	if (put_new)
		put_new(dst, private);
	else
		put_page(dst);
	return err;
}

int migrate_pages(struct page_list *from, new_page_t *get_new, free_page_t *put_new,
		  unsigned long private, enum migrate_mode mode, enum migrate_reason reason)
{
	unsigned before = from->nr;
	bool again = true;
	int err = 0;

	(void)reason;
	for (int pass = 0; again && err != -ENOMEM && pass < PASSES; pass++) {
		u32 next = from->first;

		again = false;
		while (next && err != -ENOMEM) {
			struct page *page = index_page(next);

			next = page->next;
			err = move_page(page, get_new, put_new, private, mode);
			again |= err == -EAGAIN;
			if (!err) {
				page_list_del(from, page);
				put_page(page);
			}
		}
	}
	count_vm_events(PGMIGRATE_SUCCESS, before - from->nr);
	count_vm_events(PGMIGRATE_FAIL, from->nr);
	return err == -ENOMEM ? err : (int)from->nr;
}
