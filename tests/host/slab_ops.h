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

/* ---- what slab_ops.c and slab_ops_more.c share ---- */

#define MODEL_OWNED  6000
#define MODEL_CACHES 10

/* Names of caches; several may be one. */
struct model_cache {
	struct kmem_cache *s; /* NULL: there is none */
	unsigned size, align;
	slab_flags_t flags;
	bool ctor;
	unsigned long live; /* objects by this name */
};
extern struct model_cache model_caches[MODEL_CACHES];

struct owned {
	unsigned char *object;
	size_t size;		   /* that was asked for */
	struct model_cache *cache; /* NULL: kmalloc()'s */
	unsigned char stamp;
};
extern struct owned model_owned[MODEL_OWNED];
extern unsigned model_nr_owned;

/* model_own - @object of @size bytes, or NULL, was handed out for @gfp, aligned to @align;
 * model_disown - number @at will be freed.  What is in it must be as it was left. */
void model_own(void *object, size_t size, struct model_cache *cache, gfp_t gfp, size_t align);
struct owned model_disown(unsigned at);

/* model_live - objects in use of @s by all its *@names. */
unsigned long model_live(const struct kmem_cache *s, unsigned *names);

/* model_random_cache - NULL now and then; model_gfp - flags for an allocation. */
struct model_cache *model_random_cache(void);
gfp_t model_gfp(void);

void model_expect_bytes(const unsigned char *from, unsigned char what, size_t bytes);

/* slab_ops_argument - slub_debug= for the world that will be built; slab_ops_more - one of the
 * rarer operations, between slab_ops_more_begin() and slab_ops_more_end(). */
void slab_ops_argument(void);
void slab_ops_more_begin(void);
void slab_ops_more(void);
void slab_ops_more_end(void);

#endif
