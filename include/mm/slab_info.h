/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_info.h - which caches there are, and what is in them
 *
 *     for (s = kmem_cache_next(NULL); s; s = kmem_cache_next(s))
 *             kmem_cache_info(s, &info);
 *
 * Figures are worked out when somebody asks: hits count nothing.  They are read one after the other
 * while harts go on, so they aren't of one moment.
 */
#ifndef MM_SLAB_INFO_H
#define MM_SLAB_INFO_H

#include <mm/slab.h>

#define SLAB_NAME_LEN 32

/* Of a cache on one node. */
struct slab_node_info {
	unsigned long slabs;
	unsigned long partial; /* slabs with objects that are free */
	unsigned long empty;   /* and none that isn't: they are kept for the next */
	unsigned long out;     /* objects that are in no slab: in use, or in a magazine */
	unsigned depot;	       /* full magazines */
	unsigned spare;	       /* empty ones beside them */
};

struct slab_info {
	char name[SLAB_NAME_LEN];
	unsigned object_size;	   /* bytes that a user may use */
	unsigned size;		   /* bytes from one object to the next */
	unsigned align;		   /* bytes */
	unsigned objects;	   /* of a slab */
	unsigned pages;		   /* of a slab */
	unsigned rounds;	   /* objects of a magazine, 0: it has none */
	unsigned depot_max;	   /* magazines that a node's depot keeps */
	unsigned users;		   /* who share it: kmem_cache_create() without a destroy */
	unsigned names;		   /* that these may have; some may be of who has gone */
	slab_flags_t flags;	   /* SLAB_* */
	unsigned waiting;	   /* slabs whose readers under RCU it waits for */
	unsigned long active;	   /* objects in use */
	unsigned long total;	   /* objects that its slabs have */
	unsigned long harts;	   /* free objects that harts keep */
	unsigned magazines;	   /* that harts have */
	struct slab_node_info all; /* on all nodes */
};

/*
 * kmem_cache_next - the cache after @s (NULL: the first), NULL at the end
 * It's pinned until the next call, whose @s it is: walk to the end, or kmem_cache_leave() it.  Any
 * context.
 */
struct kmem_cache *kmem_cache_next(struct kmem_cache *s);
void kmem_cache_leave(struct kmem_cache *s);

/* kmem_cache_find - the cache that @name is a name of, pinned; NULL: there is none. */
struct kmem_cache *kmem_cache_find(const char *name);

/* kmem_cache_shared_name - the @nr'th name of @s beside its first; false: it has fewer. */
bool kmem_cache_shared_name(const struct kmem_cache *s, unsigned nr, char name[SLAB_NAME_LEN]);

/* kmem_cache_info - the figures of @s.  Any context.  Costs some loads a hart and node. */
void kmem_cache_info(const struct kmem_cache *s, struct slab_info *info);

/* kmem_cache_node_info - of node @nid alone; false: @s has nothing there. */
bool kmem_cache_node_info(const struct kmem_cache *s, int nid, struct slab_node_info *info);

/* kmem_cache_hart_objects - free objects of @s that hart @cpu keeps. */
unsigned kmem_cache_hart_objects(const struct kmem_cache *s, unsigned cpu);

/* slab_pages_in_use - pages of all slabs, and how many of these are of SLAB_RECLAIM_ACCOUNT. */
unsigned long slab_pages_in_use(unsigned long *reclaimable);

#define SLAB_FAULT_LEN 192

/*
 * slab_validate - check @s: its slabs with free objects and their chains, its depots, this hart's
 * magazines, all counters
 * 0, or -EFAULT with a sentence in @fault.  O(free objects), interrupts off; any context.
 * slab_validate_all: every cache.
 */
int slab_validate(struct kmem_cache *s, char *fault, size_t bytes);
int slab_validate_all(char *fault, size_t bytes);

#endif
