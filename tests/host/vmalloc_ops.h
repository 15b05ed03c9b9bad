/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmalloc_ops.h - operations on areas, chosen by rnd_below(), each checked against a model
 *
 * The model knows which addresses are whose and which page must be mapped at each, writes to pages
 * by one address and reads them by another.  For test_vmalloc_model.c, where the numbers are
 * random, and fuzz_vmalloc.c, where they are the fuzzer's bytes.
 */
#ifndef VMALLOC_OPS_H
#define VMALLOC_OPS_H

#include "vmap_world.h"

extern unsigned long vmalloc_ops_served, vmalloc_ops_failed; /* of all worlds so far */

/* vmalloc_ops_begin - build @w with areas in @r, on 1 to 8 harts; vmalloc_ops_step - one operation;
 * vmalloc_ops_check - everything, thoroughly; vmalloc_ops_end - all is given back. */
void vmalloc_ops_begin(const struct world *w, const struct vmap_region *r);
void vmalloc_ops_step(void);
void vmalloc_ops_check(void);
void vmalloc_ops_end(void);

#endif
