/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * failslab.c - allocations of small objects that fail on purpose
 *
 *     fault failslab probability=10 cache=inode* min-size=64 caller=open_file
 *
 * Only the caches that these words mean are watched (slab_watch.c); others, and all of them when
 * nothing is to fail, go on as fast as ever.  Sizes are those of a cache's objects, so of kmalloc()
 * those of its classes.  Larger memory comes from alloc_pages(): fail_page_alloc.
 */
#include <kernel/fault_inject.h>

#include "slab.h"

#include <string.h>

FAULT_POINT_TELLS(failslab, "kmalloc(), kmem_cache_alloc() and their kin", slab_watch_all);

/* Is @name the one that @wanted means: itself, or what begins it, with a star? */
static bool is_meant(const char *wanted, const char *name)
{
	size_t length = strlen(wanted);

	if (length && wanted[length - 1] == '*')
		return !strncmp(name, wanted, length - 1);
	return !strcmp(name, wanted);
}

static bool any_name_is_meant(const struct kmem_cache *s)
{
	char name[SLAB_NAME_LEN];

	if (!*failslab.cache || is_meant(failslab.cache, s->name))
		return true;
	for (unsigned i = 0; kmem_cache_shared_name(s, i, name); i++)
		if (is_meant(failslab.cache, name))
			return true;
	return false;
}

bool failslab_concerns(const struct kmem_cache *s)
{
	return READ_ONCE(failslab.probability) && s->object_size >= failslab.min_bytes &&
	       (!failslab.max_bytes || s->object_size <= failslab.max_bytes) &&
	       any_name_is_meant(s);
}

bool failslab_hits(const struct kmem_cache *s, gfp_t gfp)
{
	unsigned how = (gfp & __GFP_DIRECT_RECLAIM ? FAULT_WAITS : 0) |
		       (gfp & __GFP_NOWARN ? FAULT_QUIET : 0);

	return (s->watched & WATCH_FAIL) && !(gfp & __GFP_NOFAIL) &&
	       should_fail_alloc(failslab, s->object_size, 0, how);
}
