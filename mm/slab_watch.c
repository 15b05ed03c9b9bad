/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_watch.c - seeing each allocation and release, at no cost while nobody looks
 *
 * A hit knows nothing of tracepoints and failures.  While somebody looks at a cache its handles
 * lead to the stack that is always empty and full, so each call takes the slow path and comes by
 * here; the hart's own stack stays as it is, and is used from here on.
 *
 *     handle ----> [no slot]      slow path: watched? fail on purpose, trace
 *        :                                        |
 *        '.. . .> [hart's stack] <----------------'
 *
 * Hits that were under way on other harts when the handle was turned aren't seen.
 *
 * Invariant: s->watched is what slab_watch() finds, and the handles lead accordingly, when the last
 *   change is done.  Each change has a number; who finds another after its own work does it again.
 * Locking: none; caches are pinned.
 * Cost: of a call that is traced some 2,000 instructions, most of them for who called.
 * Not here: which allocations fail (failslab.c).
 */
#include <asm/barrier.h>
#include <asm/trap.h>
#include <kernel/percpu.h>
#include <kernel/trace.h>

#include "slab.h"

TRACEPOINT_TELLS(kmalloc, "%u bytes at %#lx for %#lx", slab_watch_all);
TRACEPOINT_TELLS(kfree, "%u bytes at %#lx by %#lx", slab_watch_all);
TRACEPOINT_TELLS(kmem_cache_alloc, "%u bytes at %#lx for %#lx", slab_watch_all);
TRACEPOINT_TELLS(kmem_cache_free, "%u bytes at %#lx by %#lx", slab_watch_all);

/* ---- tracepoints ---- */

static unsigned long caller(void)
{
	unsigned long pc = 0;

	return page_user_trace(&pc, 1) ? pc : 0;
}

void slab_trace_alloc(bool is_kmalloc, size_t bytes, const void *object)
{
	if (is_kmalloc)
		trace(kmalloc, bytes, object, caller());
	else
		trace(kmem_cache_alloc, bytes, object, caller());
}

void slab_trace_free(bool is_kmalloc, size_t bytes, const void *object)
{
	if (is_kmalloc)
		trace(kfree, bytes, object, caller());
	else
		trace(kmem_cache_free, bytes, object, caller());
}

static bool is_traced(const struct kmem_cache *s)
{
	return s->is_kmalloc ? trace_on_kmalloc || trace_on_kfree
			     : trace_on_kmem_cache_alloc || trace_on_kmem_cache_free;
}

/* ---- turning handles ---- */

static u32 changes;

static s32 own_stack(const struct kmem_cache *s)
{
	return slab_stack_offset(s->stacks);
}

void slab_watch(struct kmem_cache *s)
{
	u32 change;

	do {
		change = __atomic_load_n(&changes, __ATOMIC_SEQ_CST);
		WRITE_ONCE(s->watched, (u8)((is_traced(s) ? WATCH_TRACE : 0) |
					    (failslab_concerns(s) ? WATCH_FAIL : 0)));
		WRITE_ONCE(s->handle.stack, s->watched ? slab_no_stack_offset() : own_stack(s));
		smp_mb();
	} while (change != __atomic_load_n(&changes, __ATOMIC_SEQ_CST));
}

void slab_watch_all(void)
{
	__atomic_fetch_add(&changes, 1, __ATOMIC_SEQ_CST);
	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s))
		slab_watch(s);
	kmalloc_aim_all();
}

void *slab_alloc_watched(struct kmem_cache *s, gfp_t gfp)
{
	void *object;

	if (failslab_hits(s, gfp))
		return NULL;
	object = slab_alloc_unwatched(s, gfp);
	if (object)
		slab_trace_alloc(s->is_kmalloc, s->object_size, object);
	return object;
}
