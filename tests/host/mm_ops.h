/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm_ops.h - operations on the page allocator, chosen by rnd_below(), each checked by a model
 *
 * For test_page_model.c, where the numbers are random, and fuzz_page.c, where they are the
 * fuzzer's bytes.
 *
 * The model knows who owns each frame (mm_world.h) and how many frames of each zone nobody owns.
 * What a zone's buddy lists don't have of these stands on the harts' lists.  From that follows
 * for each request
 *   - whether a failure is right: one that may sleep fails only if in no zone of its own, were
 *     everything merged, a block is left above its mark; any other only if neither the zones'
 *     lists nor this hart's own have one;
 *   - whether the zone is: none before it had a block above its low watermark, and what left the
 *     zone's lists left behind what others are to find there.
 */
#ifndef MM_OPS_H
#define MM_OPS_H

#include "mm_hold.h"

extern unsigned long ops_served, ops_failed; /* allocations, of all boards so far */

/* ops_begin - build @w, on 1 to 8 harts. */
void ops_begin(const struct world *w);

/* ops_step - one operation. */
void ops_step(void);

/* ops_check - everything, thoroughly. */
void ops_check(void);

/* ops_end - all is given back, and becomes the largest blocks and movable pageblocks again. */
void ops_end(void);

#endif
