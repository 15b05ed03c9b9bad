/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mempool.c - elements that can be had whatever happens
 *
 * The allocator is asked first, without waiting and without the reserves of others, so what was set
 * aside is touched only in need; then with all that the caller allows, but without the
 * out-of-memory path; then the caller waits until an element comes back.
 *
 * Invariant: curr_nr elements are in elements[]; with those that are out never fewer than min_nr.
 * Locking: pool->lock (rank MEMPOOL); neither alloc nor free is called inside.
 * Cost: that of the allocator; in need a lock.
 */
#include <mm/mempool.h>

#include <asm/barrier.h>
#include <base/errno.h>
#include <kernel/panic.h>
#include <mm/kmalloc.h>
#include <mm/mm_thread.h>
#include <mm/page_alloc.h>

#include <string.h>

#define WAIT_NS 1000000 /* between looks for an element that came back */

/* One that was set aside, or NULL. */
static void *take(mempool_t *pool)
{
	void *element = NULL;
	unsigned long flags;

	spin_lock_irqsave(&pool->lock, flags);
	if (pool->curr_nr)
		element = pool->elements[--pool->curr_nr];
	spin_unlock_irqrestore(&pool->lock, flags);
	return element;
}

/* Set @element aside; false: there are enough. */
static bool put(mempool_t *pool, void *element)
{
	unsigned long flags;
	bool missing;

	spin_lock_irqsave(&pool->lock, flags);
	missing = pool->curr_nr < pool->min_nr;
	if (missing)
		pool->elements[pool->curr_nr++] = element;
	spin_unlock_irqrestore(&pool->lock, flags);
	return missing;
}

void mempool_free(void *element, mempool_t *pool)
{
	if (!element)
		return;
	smp_rmb(); /* the count is as its taker left it, or newer */
	if (READ_ONCE(pool->curr_nr) < READ_ONCE(pool->min_nr) && put(pool, element))
		return;
	pool->free(element, pool->pool_data);
}

void *mempool_alloc(mempool_t *pool, gfp_t gfp)
{
	bool waits = (gfp & __GFP_DIRECT_RECLAIM) && mm_wait_hook;
	gfp_t now;
	void *element;

	VM_BUG_ON(gfp & __GFP_ZERO);
	if (waits)
		might_sleep();
	gfp |= __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;
	now = gfp & ~(__GFP_DIRECT_RECLAIM | __GFP_IO);
	for (;;) {
		element = pool->alloc(now, pool->pool_data);
		if (!element)
			element = take(pool);
		if (element)
			return element;
		if (now != gfp) {
			now = gfp;
			continue;
		}
		if (!waits)
			return NULL;
		mm_wait_hook(WAIT_NS);
	}
}

/* As many elements as @pool wants; false: there's no memory for them all. */
static bool fill(mempool_t *pool)
{
	while (READ_ONCE(pool->curr_nr) < pool->min_nr) {
		void *element = pool->alloc(GFP_KERNEL, pool->pool_data);

		if (!element)
			return false;
		if (!put(pool, element))
			pool->free(element, pool->pool_data);
	}
	return true;
}

mempool_t *mempool_create(unsigned min_nr, mempool_alloc_t *alloc, mempool_free_t *free,
			  void *pool_data)
{
	mempool_t *pool = kzalloc(sizeof(*pool), GFP_KERNEL);

	BUG_ON(!min_nr);
	if (!pool)
		return NULL;
	spin_lock_init_ranked(&pool->lock, LOCK_MEMPOOL);
	pool->min_nr = min_nr;
	pool->alloc = alloc;
	pool->free = free;
	pool->pool_data = pool_data;
	pool->elements = kmalloc_array(min_nr, sizeof(void *), GFP_KERNEL);
	if (!pool->elements || !fill(pool)) {
		mempool_destroy(pool);
		return NULL;
	}
	return pool;
}

/* Those beyond min_nr go. */
static void trim(mempool_t *pool)
{
	void *element = NULL;
	unsigned long flags;

	do {
		if (element)
			pool->free(element, pool->pool_data);
		element = NULL;
		spin_lock_irqsave(&pool->lock, flags);
		if (pool->curr_nr > pool->min_nr)
			element = pool->elements[--pool->curr_nr];
		spin_unlock_irqrestore(&pool->lock, flags);
	} while (element);
}

int mempool_resize(mempool_t *pool, unsigned min_nr)
{
	void **elements = NULL, **old = NULL;
	unsigned long flags;

	might_sleep();
	BUG_ON(!min_nr);
	if (min_nr > pool->min_nr) {
		elements = kmalloc_array(min_nr, sizeof(*elements), GFP_KERNEL);
		if (!elements)
			return -ENOMEM;
	}
	spin_lock_irqsave(&pool->lock, flags);
	if (elements) {
		old = pool->elements;
		memcpy(elements, old, pool->curr_nr * sizeof(*elements));
		pool->elements = elements;
	}
	pool->min_nr = min_nr;
	spin_unlock_irqrestore(&pool->lock, flags);
	kfree(old);
	trim(pool);
	fill(pool);
	return 0;
}

void mempool_destroy(mempool_t *pool)
{
	if (!pool)
		return;
	while (pool->curr_nr)
		pool->free(take(pool), pool->pool_data);
	kfree(pool->elements);
	kfree(pool);
}

/* ---- what it's made of ---- */

static void *alloc_object(gfp_t gfp, void *cache)
{
	return kmem_cache_alloc(cache, gfp);
}

static void free_object(void *object, void *cache)
{
	kmem_cache_free(cache, object);
}

static void *alloc_bytes(gfp_t gfp, void *bytes)
{
	return kmalloc((size_t)bytes, gfp);
}

static void free_bytes(void *object, void *bytes)
{
	kfree(object);
}

static void *alloc_block(gfp_t gfp, void *order)
{
	return alloc_pages(gfp, (unsigned)(unsigned long)order);
}

static void free_block(void *page, void *order)
{
	__free_pages(page, (unsigned)(unsigned long)order);
}

mempool_t *mempool_create_slab_pool(unsigned min_nr, struct kmem_cache *cache)
{
	return mempool_create(min_nr, alloc_object, free_object, cache);
}

mempool_t *mempool_create_kmalloc_pool(unsigned min_nr, size_t bytes)
{
	return mempool_create(min_nr, alloc_bytes, free_bytes, (void *)bytes);
}

mempool_t *mempool_create_page_pool(unsigned min_nr, unsigned order)
{
	return mempool_create(min_nr, alloc_block, free_block, (void *)(unsigned long)order);
}
