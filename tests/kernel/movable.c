/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * movable.c - see movable.h
 */
#include "movable.h"

#include <asm/memory.h>
#include <base/errno.h>
#include <mm/kmap.h>
#include <mm/page_alloc.h>

#define LAST_WORD (PAGE_SIZE / sizeof(u32) - 1)

struct movable_owner movable_owner = { .lock = SPINLOCK_INIT, .random = 1 };
#define own movable_owner

static u32 content(const struct page *page)
{
	return page->index * 2654435761u;
}

static bool check_page(struct page *page)
{
	u32 *word = kmap_local_page(page);
	bool same = word[0] == content(page) && word[LAST_WORD] == content(page);

	kunmap_local(word);
	return same;
}

/* Under the lock. */
static bool chance(unsigned percent)
{
	own.random ^= own.random << 13;
	own.random ^= own.random >> 17;
	own.random ^= own.random << 5;
	return own.random % 100 < percent;
}

static bool isolate(struct page *page, isolate_mode_t mode)
{
	bool willing;

	(void)mode;
	spin_lock(&own.lock);
	/* Freed since it was found? */
	willing = PageMovable(page) && !chance(own.unwilling);
	if (willing) {
		page_list_del(&own.pages, page);
		own.nr_isolated++;
	}
	spin_unlock(&own.lock);
	return willing;
}

static const struct movable_operations ops;

static int migrate(struct page *dst, struct page *src, enum migrate_mode mode)
{
	u32 *to, *from;

	(void)mode;
	spin_lock(&own.lock);
	if (chance(own.unwilling)) {
		int err = chance(80) ? -EAGAIN : -EBUSY;

		own.nr_again += err == -EAGAIN;
		spin_unlock(&own.lock);
		return err;
	}
	spin_unlock(&own.lock);
	to = kmap_local_page(dst);
	from = kmap_local_page(src);
	to[0] = from[0];
	to[LAST_WORD] = from[LAST_WORD];
	kunmap_local(from);
	kunmap_local(to);
	dst->index = src->index;
	get_page(dst);
	spin_lock(&own.lock);
	__SetPageMovable(dst, &ops);
	page_list_add(&own.pages, dst);
	__ClearPageMovable(src);
	own.nr_isolated--;
	own.nr_moved++;
	spin_unlock(&own.lock);
	put_page(src);
	return 0;
}

static void putback(struct page *page)
{
	spin_lock(&own.lock);
	page_list_add(&own.pages, page);
	own.nr_isolated--;
	own.nr_putback++;
	spin_unlock(&own.lock);
}

static const struct movable_operations ops = { isolate, migrate, putback };

/* So many at a time: the lock is taken seldom, and held for a short while. */
#define BATCH 32

static unsigned long take_batch(unsigned long max, gfp_t gfp)
{
	struct page *page[BATCH];
	unsigned long nr = 0;

	while (nr < min(max, (unsigned long)BATCH) && (page[nr] = alloc_page(gfp))) {
		u32 *word = kmap_local_page(page[nr]);

		page[nr]->index = __atomic_add_fetch(&own.last_number, 1, __ATOMIC_RELAXED);
		word[0] = word[LAST_WORD] = content(page[nr]);
		kunmap_local(word);
		nr++;
	}
	spin_lock(&own.lock);
	for (unsigned long i = 0; i < nr; i++) {
		page_list_add(&own.pages, page[i]);
		__SetPageMovable(page[i], &ops);
	}
	spin_unlock(&own.lock);
	return nr;
}

unsigned long movable_take(unsigned long max, gfp_t gfp)
{
	unsigned long nr = 0, now;

	do {
		now = take_batch(max - nr, gfp);
		nr += now;
	} while (now == BATCH);
	return nr;
}

static void drop(unsigned percent, unsigned most)
{
	struct page_list dropped = { 0 };
	struct page *page;

	spin_lock(&own.lock);
	for (u32 next = own.pages.first; next && dropped.nr < most;) {
		page = index_page(next);
		next = page->next;
		if (!chance(percent))
			continue;
		own.nr_spoiled += !check_page(page);
		page_list_del(&own.pages, page);
		__ClearPageMovable(page);
		page_list_add(&dropped, page);
	}
	spin_unlock(&own.lock);
	while ((page = page_list_pop(&dropped)))
		put_page(page);
}

void movable_drop(unsigned percent)
{
	drop(percent, ~0U);
}

bool movable_drop_all(void)
{
	bool gone;

	drop(100, ~0U);
	spin_lock(&own.lock);
	gone = !own.pages.nr && !own.nr_isolated;
	spin_unlock(&own.lock);
	return gone;
}

void movable_drop_first(unsigned nr)
{
	drop(100, nr);
}

void movable_check(void)
{
	spin_lock(&own.lock);
	for (u32 next = own.pages.first; next; next = index_page(next)->next)
		own.nr_spoiled += !check_page(index_page(next));
	spin_unlock(&own.lock);
}

void movable_reset(void)
{
	own.unwilling = own.nr_moved = own.nr_putback = own.nr_again = own.nr_spoiled = 0;
}
