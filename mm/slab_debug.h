/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_debug.h - what the small-object allocator asks of its debugging; nothing where it's left out
 *
 * A block is what a slab is cut into; of a debugged cache the object, which its user sees, begins
 * s->pad bytes behind the block's start.
 */
#ifndef MM_SLAB_DEBUG_H
#define MM_SLAB_DEBUG_H

#include <kernel/log.h>
#include <kernel/symbols.h>
#include <mm/slab.h>
#include "slab.h"

/* Any of these, and all that a cache hands out and takes back passes slab_debug.c. */
#define SLAB_DEBUG_FLAGS \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE)

#ifdef CONFIG_SLUB_DEBUG

static inline bool slab_debugged(const struct kmem_cache *s)
{
	return unlikely(s->debugged);
}

/* slab_debug_flags - @flags for a cache called @name, with what the boot argument adds. */
slab_flags_t slab_debug_flags(const char *name, slab_flags_t flags);

/* slab_debug_shape - where in a block what lies: sets pad and link of @s, whose object_size, ctor
 * and flags are set.  Returns the bytes of a block, before it's aligned. */
unsigned slab_debug_shape(struct kmem_cache *s, unsigned align);

/* slab_debug_fresh - all of @slab is free; before its chain is made.  slab_debug_release - it goes
 * back, and nobody else can find it.  No lock held. */
void slab_debug_fresh(struct kmem_cache *s, struct page *slab);
void slab_debug_release(struct kmem_cache *s, struct page *slab);

/* slab_debug_took - a block left its slab; its pointer becomes that of the object.  The node's lock
 * is held. */
void slab_debug_took(struct kmem_cache *s, void **object);

/* slab_debug_give - slab_give() of objects.  Any context; no lock held. */
void slab_debug_give(struct kmem_cache *s, void **object, unsigned nr);

/* slab_debug_show - log who allocated and who freed the object that @at lies in, if that is known;
 * @at is an address of any kind. */
void slab_debug_show(enum log_level level, const void *at);

#else

static inline bool slab_debugged(const struct kmem_cache *s)
{
	return false;
}

static inline slab_flags_t slab_debug_flags(const char *name, slab_flags_t flags)
{
	return flags & ~SLAB_DEBUG_FLAGS;
}

static inline unsigned slab_debug_shape(struct kmem_cache *s, unsigned align)
{
	return s->object_size;
}

static inline void slab_debug_fresh(struct kmem_cache *s, struct page *slab)
{
}

static inline void slab_debug_release(struct kmem_cache *s, struct page *slab)
{
}

static inline void slab_debug_took(struct kmem_cache *s, void **object)
{
}

static inline void slab_debug_give(struct kmem_cache *s, void **object, unsigned nr)
{
}

static inline void slab_debug_show(enum log_level level, const void *at)
{
}

#endif

/* slab_take_one - an object that @n, whose lock is held, has in a slab, or NULL. */
static inline void *slab_take_one(struct kmem_cache *s, struct kmem_cache_node *n)
{
	void *object = NULL;

	slab_take(s, n, &object, 1);
	if (slab_debugged(s) && object)
		slab_debug_took(s, &object);
	return object;
}

#endif
