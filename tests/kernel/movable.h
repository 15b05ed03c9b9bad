/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * movable.h - an owner of movable pages, for suites
 *
 * Each page has a number, in page->index; what it holds is made from that, so whoever has the page
 * can tell whether it was moved well.  On demand the owner is unwilling.
 */
#ifndef TESTS_MOVABLE_H
#define TESTS_MOVABLE_H

#include <kernel/spinlock.h>
#include <mm/gfp.h>
#include <mm/migrate.h>

struct movable_owner {
	spinlock_t lock; /* unranked: all below */
	struct page_list pages;
	u32 last_number, random;
	unsigned unwilling; /* of a hundred calls so many say no */
	unsigned nr_isolated, nr_moved, nr_putback, nr_again;
	unsigned nr_spoiled; /* pages that held something else */
};
extern struct movable_owner movable_owner;

/* movable_take - up to @max pages by @gfp, as many as there are; how many. */
unsigned long movable_take(unsigned long max, gfp_t gfp);

/* movable_drop - free about @percent of the pages, at random, but those isolated. */
void movable_drop(unsigned percent);

/* movable_drop_all - free all; false: some are isolated, and still there. */
bool movable_drop_all(void);

/* movable_drop_first - free at most @nr pages. */
void movable_drop_first(unsigned nr);

/* movable_check - what all pages hold; counts in nr_spoiled. */
void movable_check(void);

/* movable_reset - forget the counts and be willing. */
void movable_reset(void);

#endif
