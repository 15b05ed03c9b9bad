/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_ops.h - operations on small objects, chosen by rnd_below(), each checked against a model
 *
 * The model knows who has which object and what stands in it.  For test_slab_model.c, where the
 * numbers are random, and fuzz_slab.c, where they are the fuzzer's bytes.
 */
#ifndef SLAB_OPS_H
#define SLAB_OPS_H

#include "slab_world.h"

extern unsigned long slab_ops_served, slab_ops_failed; /* allocations, of all worlds so far */

/* slab_ops_begin - build @w, on 1 to 8 harts; slab_ops_step - one operation; slab_ops_check -
 * everything, thoroughly; slab_ops_end - all is given back. */
void slab_ops_begin(const struct world *w);
void slab_ops_step(void);
void slab_ops_check(void);
void slab_ops_end(void);

#endif
