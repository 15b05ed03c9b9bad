/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab.h - small objects: caches of one size each, and kmalloc
 *
 *     struct kmem_cache *cache = kmem_cache_create("inode", sizeof(struct inode), 0,
 *                                                  SLAB_HWCACHE_ALIGN, NULL);
 *     struct inode *inode = kmem_cache_alloc(cache, GFP_KERNEL);
 *     kmem_cache_free(cache, inode);
 *
 *     char *text = kmalloc(bytes, GFP_KERNEL);
 *     kfree(text);
 *
 * Names and meanings are Linux's.  Allocating and freeing is allowed in any context, if gfp says
 * that it must not sleep; creating, shrinking and destroying a cache may sleep.
 */
#ifndef MM_SLAB_H
#define MM_SLAB_H

#include <asm/memory.h>
#include <base/compiler.h>
#include <base/types.h>
#include <mm/gfp.h>

typedef u32 slab_flags_t;

/* Debugging (docs/debugging-memory.md): with any of these, objects that come back are checked. */
#define SLAB_CONSISTENCY_CHECKS ((slab_flags_t)0x100)
#define SLAB_RED_ZONE		((slab_flags_t)0x400)	 /* bytes around them */
#define SLAB_POISON		((slab_flags_t)0x800)	 /* bytes in free ones */
#define SLAB_STORE_USER		((slab_flags_t)0x10000)	 /* who allocated and freed them */
#define SLAB_TRACE		((slab_flags_t)0x200000) /* say so each time */

#define SLAB_HWCACHE_ALIGN   ((slab_flags_t)0x2000)    /* no two objects share a cache line */
#define SLAB_CACHE_DMA	     ((slab_flags_t)0x4000)    /* from memory that __GFP_DMA means */
#define SLAB_CACHE_DMA32     ((slab_flags_t)0x8000)    /* from memory that __GFP_DMA32 means */
#define SLAB_RECLAIM_ACCOUNT ((slab_flags_t)0x20000)   /* a shrinker frees the objects */
#define SLAB_PANIC	     ((slab_flags_t)0x40000)   /* panic if it can't be created */
#define SLAB_TYPESAFE_BY_RCU ((slab_flags_t)0x80000)   /* see below */
#define SLAB_NO_MERGE	     ((slab_flags_t)0x1000000) /* shares its slabs with no other cache */

#define SLAB_ACCOUNT	 ((slab_flags_t)0x4000000)  /* its objects are charged, see below */
#define SLAB_SKIP_KFENCE ((slab_flags_t)0x20000000) /* KFENCE samples none of its objects */

/*
 * SLAB_TYPESAFE_BY_RCU: who looks at an object under rcu_read_lock() may do so after it was freed:
 * it's an object of this cache until he has gone, though maybe another one, handed out again.  So
 * he locks or counts it first, and then looks whether it's still the one he meant.  Only the memory
 * waits for readers; objects are handed out again at once.  Have a constructor make what is locked
 * or counted: an object isn't touched between its release and the next allocation (no poison, no
 * init_on_free, no KFENCE), and must not be asked for with __GFP_ZERO.
 *
 * SLAB_ACCOUNT: each object is charged to the group of processes on whose behalf it's allocated.
 * There are no groups as yet: nobody is charged.  What the flag does today is keep such a cache's
 * slabs apart from those of caches without it; slabinfo shows it.  Of a single allocation
 * __GFP_ACCOUNT says the same, and has no effect today.
 */

/* What kmalloc(0) returns: may be freed, may not be touched. */
#define ZERO_SIZE_PTR	      ((void *)16)
#define ZERO_OR_NULL_PTR(ptr) ((unsigned long)(ptr) <= (unsigned long)ZERO_SIZE_PTR)

#define CACHE_LINE 64U

struct kmem_cache;

/* What a hit needs of a cache. */
struct slab_handle {
	s32 stack; /* a hart's stack of objects is at its tp + this */
	s32 mark;  /* and where in an object its mark is while it's free (mm/slab.h) */
	struct kmem_cache *cache;
};

/*
 * kmem_cache_create - a cache of objects of @size bytes
 * @name: for reports; copied.  @align: in bytes, a power of two, 0: that of a pointer.
 * @ctor: called for each object once, when its memory comes to the cache; what is freed must be as
 * @ctor left it.  May share slabs with a cache of like objects, unless SLAB_NO_MERGE.
 * May sleep.  NULL: no memory, or arguments that make no sense, which the log names.
 */
struct kmem_cache *kmem_cache_create(const char *name, unsigned size, unsigned align,
				     slab_flags_t flags, void (*ctor)(void *)) __must_check;

/*
 * kmem_cache_destroy - free the cache, NULL: nothing
 * 0, or -EBUSY if objects are in use: they are listed, and the cache stays as it is.  Nobody else
 * may use it any more.  May sleep.
 */
int kmem_cache_destroy(struct kmem_cache *s);

/* kmem_cache_shrink - slabs without objects in use go back.  How many.  May sleep.
 * kmem_cache_shrink_all: of all caches. */
unsigned long kmem_cache_shrink(struct kmem_cache *s);
unsigned long kmem_cache_shrink_all(void);

/* slab_hart_dead - hart @cpu has stopped: what it kept goes back.  Any context. */
void slab_hart_dead(unsigned cpu);

/*
 * validate_slab_cache - look at each object of @s: how many aren't as they must be
 * They are reported and set right.  0 for a cache that isn't debugged.  Any context; interrupts
 * are off for as long as it takes.
 */
#ifdef CONFIG_SLUB_DEBUG
unsigned long validate_slab_cache(struct kmem_cache *s);
#else
static inline unsigned long validate_slab_cache(struct kmem_cache *s)
{
	return 0;
}
#endif

/* kmem_cache_size - bytes of an object that its user may use. */
unsigned kmem_cache_size(const struct kmem_cache *s);

/*
 * kmem_cache_alloc - an object, or NULL
 * Any context; sleeps only if @gfp says so.  Contents are what they are, but with __GFP_ZERO, or
 * a constructor.  kmem_cache_alloc_node: from node @nid, NUMA_NO_NODE: the nearest.
 */
void *slab_alloc(struct slab_handle *handle, gfp_t gfp) __must_check;
void *slab_zalloc(struct slab_handle *handle, gfp_t gfp) __must_check;

static __always_inline __must_check void *slab_get(struct slab_handle *handle, gfp_t gfp)
{
	return unlikely(gfp & __GFP_ZERO) ? slab_zalloc(handle, gfp) : slab_alloc(handle, gfp);
}

/* A cache begins with its handle. */
static __always_inline __must_check void *kmem_cache_alloc(struct kmem_cache *s, gfp_t gfp)
{
	return slab_get((struct slab_handle *)s, gfp);
}

static __always_inline __must_check void *kmem_cache_zalloc(struct kmem_cache *s, gfp_t gfp)
{
	return kmem_cache_alloc(s, gfp | __GFP_ZERO);
}

void *kmem_cache_alloc_node(struct kmem_cache *s, gfp_t gfp, int nid) __must_check;

/* kmem_cache_free - @object of cache @s.  Any context.  What lies in none of its slabs, whatever
 * address it is, is reported with the caller and stays.  A pointer into an object's middle is found
 * when it comes back to the slab; sooner with SLAB_CONSISTENCY_CHECKS. */
void kmem_cache_free(struct kmem_cache *s, void *object);

/* kmem_cache_alloc_bulk - @nr objects into @objects: @nr, or 0 and none.  kmem_cache_free_bulk -
 * they go back.  Any context, interrupts on or off. */
unsigned kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp, unsigned nr,
			       void **objects) __must_check;
void kmem_cache_free_bulk(struct kmem_cache *s, unsigned nr, void **objects);

/* kmem_cache_init - caches can be created from now on, and kmalloc() works. */
void kmem_cache_init(void);

#endif
