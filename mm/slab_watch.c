/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_watch.c - seeing each allocation and release, and clearing, at no cost while nobody asks
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
 * init_on_alloc=1 and init_on_free=1 watch too, each cache from its start and for ever, but those
 * whose free objects must stay as they are.  A free object has the next one's number and its mark
 * at s->link; with init_on_free alone these are cleared when it's handed out.
 *
 * Invariant: s->watched is what slab_watch() finds, and the handles lead accordingly, when the last
 *   change is done.  Each change has a number; who finds another after its own work does it again.
 * Locking: none; caches are pinned.
 * Cost: of a call that is traced some 2,000 instructions, most of them for who called; of one that
 *   clears, some 100 and the clearing.
 * Not here: which allocations fail (failslab.c).
 */
#include <asm/barrier.h>
#include <asm/trap.h>
#include <kernel/percpu.h>
#include <kernel/trace.h>
#include <mm/kfence.h>
#include <mm/page_debug.h>

#include "slab.h"
#include "slab_debug.h"

#include <string.h>

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

/* ---- clearing ---- */

static bool is_cleared(const struct kmem_cache *s)
{
	return page_debug & (PAGE_DEBUG_INIT_ALLOC | PAGE_DEBUG_INIT_FREE) && !s->ctor &&
	       !(s->flags & (SLAB_TYPESAFE_BY_RCU | SLAB_POISON));
}

static void clear_new(const struct kmem_cache *s, void *object, gfp_t gfp)
{
	if (gfp & __GFP_ZERO) /* comes later */
		return;
	if (page_debug & PAGE_DEBUG_INIT_ALLOC || is_kfence_address(object))
		memset(object, 0, s->object_size);
	else if (!slab_debugged(s))
		memset(link_of(s, object), 0, FREE_BYTES);
}

bool slab_clears_free(const struct kmem_cache *s)
{
	return s->watched & WATCH_INIT && page_debug & PAGE_DEBUG_INIT_FREE;
}

void slab_saw_alloc(const struct kmem_cache *s, void *object, gfp_t gfp)
{
	if (s->watched & WATCH_INIT)
		clear_new(s, object, gfp);
	if (s->watched & WATCH_TRACE)
		slab_trace_alloc(s->is_kmalloc, s->object_size, object);
}

/* Is @object one, as far as can be seen here?  A debugged one is cleared when it has been looked at
 * (slab_debug.c). */
static bool may_clear(const struct kmem_cache *s, const void *object)
{
	if (is_kfence_address(object))
		return true;
	return !slab_debugged(s) &&
	       slab_number(s, compound_head(virt_to_page(object)), object) != NO_OBJECT;
}

void slab_saw_free(const struct kmem_cache *s, void *object)
{
	if (s->watched & WATCH_TRACE)
		slab_trace_free(s->is_kmalloc, s->object_size, object);
	if (slab_clears_free(s) && may_clear(s, object))
		memset(object, 0, s->object_size);
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
					    (failslab_concerns(s) ? WATCH_FAIL : 0) |
					    (is_cleared(s) ? WATCH_INIT : 0)));
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
		slab_saw_alloc(s, object, gfp);
	return object;
}
