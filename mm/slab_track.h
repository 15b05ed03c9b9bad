/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_track.h - what is kept about an object of a debugged cache, and what is said of it
 */
#ifndef MM_SLAB_TRACK_H
#define MM_SLAB_TRACK_H

#include "slab.h"

#define SLAB_TRACK_CALLS 6

enum { SLAB_ALLOCATED, SLAB_FREED };

/* Who allocated an object, or freed it. */
struct slab_track {
	u64 time;		     /* ns since boot, 0: nobody */
	u32 trace[SLAB_TRACK_CALLS]; /* offsets from _start, innermost first; 0 behind the last */
	u32 thread;		     /* current_thread_id() */
	u32 hart;
} __packed __aligned(4);

/* Bytes that aren't what they must be. */
struct slab_damage {
	struct kmem_cache *s;
	const struct page *slab;
	const void *block;
	const char *what; /* NULL: none as yet */
	const u8 *first;
	unsigned bytes;
	u8 expected; /* each of them */
};

/* slab_tracks - the two of @block; NULL: none are kept. */
const struct slab_track *slab_tracks(const struct kmem_cache *s, const void *block);

/* slab_debug_report - say which bytes hold what, and whose they are.  Any context. */
void slab_debug_report(const struct slab_damage *d);

/* slab_debug_trace - say that @object was allocated or freed. */
void slab_debug_trace(const struct kmem_cache *s, const void *object, const char *what,
		      const struct slab_track *track);

#endif
