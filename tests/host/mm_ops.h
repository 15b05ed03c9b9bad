/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm_ops.h - operations on the page allocator, chosen by rnd_below(), each checked (mm_expect.h)
 *
 * For test_page_model.c, where the numbers are random, and fuzz_page.c, where they are the
 * fuzzer's bytes.
 */
#ifndef MM_OPS_H
#define MM_OPS_H

#include "mm_expect.h"

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
