/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slub.c - handing objects out and taking them back
 *
 * A hart has a stack of objects of each cache, its magazine (slab.h).  Taking its top is the usual
 * case, and putting something on it: no lock, no atomic operation, whatever slab and node an object
 * comes from.  An empty or full one is slab_depot.c's.
 *
 * Which cache an object is of stands in the descriptor of its page.  What must be caught always:
 * an object of another cache, what is no object of a slab, and one that was freed just before.
 * What has no descriptor either, since it's no memory's address at all, is of no cache: reading
 * its descriptor faults and gives 0 (asm/extable.h).  A pointer into an object's middle costs too
 * much to find here: slab_page.c does.
 *
 * Locking: a hart's stacks with interrupts off.
 * Cost: 14 instructions to allocate, kmem_cache_free() 24, kfree() 26; 3 and 7 of them for marks.
 * Not here: slabs (slab_page.c), creating caches (slab_common.c), kmalloc (kmalloc.c).
 */
#include <mm/kmalloc.h>

#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <mm/kfence.h>
#include <mm/page_alloc.h>

#include "internal.h"
#include "slab.h"
#include "slab_debug.h"

#include <string.h>

static __always_inline struct slab_stack *this_stack(const struct slab_handle *handle)
{
	return (struct slab_stack *)((unsigned long)this_hart + (unsigned long)(long)handle->stack);
}

/* A sample of @handle's cache for KFENCE, as others see allocations too; or what there is. */
static __noinline void *alloc_sampled(struct slab_handle *handle, gfp_t gfp)
{
	struct kmem_cache *s = handle->cache;
	void *object = kfence_alloc(s, gfp);

	if (!object)
		return slab_alloc(handle, gfp);
	if (unlikely(s->watched)) {
		if (failslab_hits(s, gfp)) {
			kfence_free(s, object);
			return NULL;
		}
		slab_saw_alloc(s, object, gfp);
	}
	return object;
}

/* Nothing on this hart's stack.  Interrupts are off, they were @flags. */
static __noinline void *alloc_empty(struct slab_handle *handle, gfp_t gfp, unsigned long flags)
{
	struct kmem_cache *s = handle->cache;
	void *object = NULL;

	if (kfence_is_due() && s && kfence_claim(s, gfp)) {
		local_irq_restore(flags);
		return alloc_sampled(handle, gfp);
	}
	if (likely(s))
		object = stack_refill(s, this_stack(&s->handle));
	local_irq_restore(flags);
	if (unlikely(!s)) { /* the site's first: others may have objects of it */
		s = kmalloc_cache(handle, gfp);
		return s ? slab_alloc(handle, gfp) : NULL;
	}
	if (unlikely(!object))
		object =
			s->watched ? slab_alloc_watched(s, gfp) : slab_more(s, gfp, numa_node_id());
	if (likely(object))
		object = slab_track_alloc(s, object, gfp);
	if (likely(object))
		slab_unmark(&s->handle, object);
	return object;
}

void *slab_alloc_unwatched(struct kmem_cache *s, gfp_t gfp)
{
	unsigned long flags;
	void *object;

	local_irq_save(flags);
	object = stack_refill_own(s);
	local_irq_restore(flags);
	return object ? object : slab_more(s, gfp, numa_node_id());
}

static __always_inline void *hit(struct slab_handle *handle, gfp_t gfp)
{
	struct slab_stack *stack;
	unsigned long flags;
	void *object, **top;

	local_irq_save_hit(flags);
	hart_barrier();
	stack = this_stack(handle);
	top = stack->top;
	object = *top;
	if (unlikely(!object))
		return alloc_empty(handle, gfp, flags);
	stack->top = top - 1;
	local_irq_restore(flags);
	slab_unmark(handle, object);
	return object;
}

void *slab_alloc(struct slab_handle *handle, gfp_t gfp)
{
	return hit(handle, gfp);
}

void *__kmalloc(size_t size, gfp_t gfp, struct slab_handle *row)
{
	size_t last = size - 1;

	if (unlikely(last >= 1024))
		return kmalloc_beyond(size, gfp, row);
	return hit(&row[kmalloc_small_class[last >> 3]], gfp);
}

void *slab_zalloc(struct slab_handle *handle, gfp_t gfp)
{
	void *object = slab_alloc(handle, gfp);
	const struct kmem_cache *s;

	if (unlikely(!object))
		return NULL;
	/* The handle's may not be seen as yet (kmalloc.c), but by who was sampled: he read it. */
	s = likely(page_is_slab(virt_to_page(object))) ? virt_to_page(object)->mapping
						       : handle->cache;
	return memset(object, 0, s->object_size);
}

void *kmem_cache_alloc_node(struct kmem_cache *s, gfp_t gfp, int nid)
{
	struct kmem_cache_node *n;
	unsigned long flags;
	void *object = NULL;

	if (nr_nodes == 1 || nid == NUMA_NO_NODE)
		return kmem_cache_alloc(s, gfp);
	if (nid == numa_node_id() && !(gfp & __GFP_THISNODE)) {
		object = kmem_cache_alloc(s, gfp);
		if (!object || page_to_nid(virt_to_page(object)) == nid)
			return object;
		kmem_cache_free(s, object); /* another node's, that was freed on this hart */
		object = NULL;
	}
	if (unlikely(s->watched) && failslab_hits(s, gfp))
		return NULL;
	n = s->node[nid];
	if (n) {
		spin_lock_irqsave(&n->lock, flags);
		object = slab_take_one(s, n);
		spin_unlock_irqrestore(&n->lock, flags);
	}
	if (!object)
		object = slab_more(s, gfp, nid);
	if (unlikely(s->watched) && object)
		slab_saw_alloc(s, object, gfp);
	if (object)
		object = slab_track_alloc(s, object, gfp);
	if (object)
		slab_unmark(&s->handle, object);
	if ((gfp & __GFP_ZERO) && object)
		memset(object, 0, s->object_size);
	return object;
}

/* No room on this hart's stack.  Interrupts are off, they were @flags. */
static __noinline void free_full(struct kmem_cache *s, void *object, unsigned long flags)
{
	/* The handle may lead elsewhere. */
	struct slab_stack *stack = this_cpu_ptr(s->stacks);

	if (unlikely(s->watched))
		slab_saw_free(s, object);
	if (!slab_debugged(s)) /* @object may be anything as yet */
		slab_mark(s, object);
	if (likely(slab_track_free(s, object)))
		stack_put(s, stack, object);
	local_irq_restore(flags);
}

/* It has a mark. */
static __noinline void free_again(struct kmem_cache *s, void *object)
{
	if (slab_debugged(s)) /* it can say more */
		slab_give(s, &object, 1);
	else
		slab_report(s, object, "was freed before");
}

/* The same for kfree(), whose first argument is @object: so it can stay in its register. */
static __noinline void kfree_full(void *object, struct kmem_cache *s, unsigned long flags)
{
	free_full(s, object, flags);
}

static __noinline void kfree_again(void *object, struct kmem_cache *s)
{
	free_again(s, object);
}

static __always_inline void free_to(struct kmem_cache *s, void *object, bool is_kfree)
{
	s32 *mark = mark_of(object, s->handle.mark);
	long value = mark_value(object, s->mark_key);
	struct slab_stack *stack;
	unsigned long flags;
	void **top;

	if (unlikely(mark_is(mark, value))) {
		is_kfree ? kfree_again(object, s) : free_again(s, object);
		return;
	}
	local_irq_save_hit(flags);
	hart_barrier();
	stack = this_stack(&s->handle);
	top = stack->top;
	if (unlikely(top == stack->full)) {
		is_kfree ? kfree_full(object, s, flags) : free_full(s, object, flags);
		return;
	}
	mark_set(mark, value);
	top[1] = object;
	stack->top = top + 1;
	local_irq_restore(flags);
}

bool slab_was_freed(const struct kmem_cache *s, const void *object)
{
	return !slab_debugged(s) && slab_is_marked(s, object);
}

/* In no slab of @s's: watched, or a bug. */
static __noinline void free_foreign(struct kmem_cache *s, void *object)
{
	if (is_kfence_address(object))
		kfence_free(s, object);
	else
		slab_report(s, object, "isn't of this cache");
}

void kmem_cache_free(struct kmem_cache *s, void *object)
{
	if (unlikely(page_owner_word(virt_to_page(object)) != s))
		free_foreign(s, object);
	else
		free_to(s, object, false);
}

/* ---- many ---- */

/* What this hart's stack has, from @out on, before @end; where it ends.  Interrupts are off. */
static void **take_listed(const struct slab_handle *handle, struct slab_stack *stack, void **out,
			  void **end)
{
	unsigned long bottom = sizeof(struct magazine) - 1;
	unsigned long nr = ((unsigned long)stack->top & bottom) / sizeof(void *);
	s32 mark = handle->mark;
	void **from;

	if (stack->full == slab_no_slot)
		return out;
	/* The bottom is the magazine's second word. */
	nr = min(nr - 1, (unsigned long)(end - out));
	from = stack->top -= nr;
#pragma GCC unroll 8
	for (end = out + nr; out < end; out++) {
		*out = *++from;
		mark_set(mark_of(*out, mark), 0);
	}
	return out;
}

unsigned kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp, unsigned nr, void **objects)
{
	void **out = objects, **end = objects + nr;

	while (out < end) {
		unsigned long flags;

		local_irq_save_hit(flags);
		hart_barrier();
		out = take_listed(&s->handle, this_stack(&s->handle), out, end);
		local_irq_restore(flags);
		if (out == end)
			break;
		/* Brings the next ones with it, if there are any. */
		*out = kmem_cache_alloc(s, gfp);
		if (unlikely(!*out)) {
			kmem_cache_free_bulk(s, (unsigned)(out - objects), objects);
			return 0;
		}
		out++;
	}
	if (unlikely(gfp & __GFP_ZERO))
		for (out = objects; out < end; out++)
			memset(*out, 0, s->object_size);
	return nr;
}

/* Those from @at on that are of @s and for which this hart's stack has room; where they end. */
static void **list_some(struct kmem_cache *s, struct slab_stack *stack, void **at, void **end)
{
	unsigned long page_base = this_hart->page_base;
	s32 mark_at = s->handle.mark, key = s->mark_key;
	void **top = stack->top;

	end = min(end, at + (stack->full - top));
#pragma GCC unroll 4
	for (; at < end; at++) {
		void *object = *at;
		unsigned long vpn = (unsigned long)object >> PAGE_SHIFT;
		const struct page *page = (void *)(page_base + (vpn << PAGE_STRUCT_SHIFT));
		s32 *mark = mark_of(object, mark_at);
		long value = mark_value(object, key);

		if (unlikely(page_owner_word(page) != s || mark_is(mark, value)))
			break;
		mark_set(mark, value);
		*++top = object;
	}
	stack->top = top;
	return at;
}

void kmem_cache_free_bulk(struct kmem_cache *s, unsigned nr, void **objects)
{
	void **at = objects, **end = objects + nr;

	while (at < end) {
		unsigned long flags;

		local_irq_save_hit(flags);
		hart_barrier();
		at = list_some(s, this_stack(&s->handle), at, end);
		local_irq_restore(flags);
		/* It makes room for the next ones, or isn't of this cache. */
		if (at < end)
			kmem_cache_free(s, *at++);
	}
}

void kfree(const void *object)
{
	struct page *page;

	if (unlikely(!((unsigned long)object >> PAGE_SHIFT))) /* NULL, ZERO_SIZE_PTR */
		return;
	page = virt_to_page(object);
	if (unlikely(!page_is_slab(page)))
		kfree_large(object, page);
	else
		free_to(page->mapping, (void *)object, true);
}
