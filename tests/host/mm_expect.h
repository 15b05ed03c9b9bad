/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm_expect.h - what the model says to an allocation
 *
 * The model knows who owns each frame (mm_world.h) and how many frames of each zone nobody owns.
 * What a zone's own lists don't have of these stands on the harts' lists.  From that follows
 * for each request
 *   - whether a failure is right: one that may sleep fails only if in no zone of its own, were
 *     everything merged, a block is left above its mark; any other only if the zones' lists have
 *     none, after some of what this hart keeps went back to them;
 *   - whether the zone is: none before it had a block above its low watermark, and what left the
 *     zone's lists left behind what others are to find there.
 */
#ifndef MM_EXPECT_H
#define MM_EXPECT_H

#include "mm_hold.h"

/* expect_begin - after world_build().  expect_owner - world_set_owner(), counted by zone. */
void expect_begin(void);
void expect_owner(unsigned long pfn, unsigned long nr, u32 who);

/* expect_listed - pages of @zone that nobody owns and that aren't on its own lists. */
unsigned long expect_listed(const struct zone *zone);

/* expect_look - before a request.  Then, in the same context, one of: */
void expect_look(void);
void expect_failed(const struct request *r);
void expect_zone(const struct request *r, const struct zone *zone);

/* expect_page - the block that was handed out is free, aligned, clean, zeroed. */
void expect_page(const struct request *r, struct page *page);

#endif
