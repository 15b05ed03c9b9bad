/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_tools.h - what the suites about small objects share
 */
#ifndef TESTS_SLAB_TOOLS_H
#define TESTS_SLAB_TOOLS_H

#include <mm/kmalloc.h>
#include <shell/ktap.h>

/* As kmalloc(), from one place: so that suites lead to few caches, which stay. */
void *get(size_t size, gfp_t gfp) __must_check;

/* takes_object, gives_object - kmem_cache_alloc() and kmem_cache_free(): the names that reports of
 * misuse are to have. */
u8 *takes_object(struct kmem_cache *s);
void gives_object(struct kmem_cache *s, void *object);

/* is_filled - is each of @bytes bytes @with? */
bool is_filled(const void *from, unsigned char with, size_t bytes);

/* slab_prepare - make the caches that suites need and that stay (KTAP_PREPARE). */
void slab_prepare(struct ktap *t);

/* slab_settle - every cache gives back what it doesn't need.  Free pages then. */
unsigned long slab_settle(void);

/* slab_end - all caches are sound, and @before pages are free again. */
void slab_end(struct ktap *t, unsigned long before);

/* slab_count - note how many objects of each cache are in use.  slab_recount - is it so again, and
 * does no cache keep a slab for nothing?  Waits for what is only on its way back, 10 s; false: the
 * log says which caches differ. */
void slab_count(void);
bool slab_recount(void);

#endif
