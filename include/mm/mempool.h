/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mempool.h - elements that can be had whatever happens: so many are set aside
 *
 *     mempool_t *pool = mempool_create_slab_pool(16, request_cache);
 *     struct request *request = mempool_alloc(pool, GFP_NOIO);
 *     mempool_free(request, pool);
 *
 * For those without whom no memory becomes free, as the writer of pages to a disk: who may sleep
 * gets an element always, if those who have one give it back some day without needing another.
 * Names and meanings are Linux's.
 */
#ifndef MM_MEMPOOL_H
#define MM_MEMPOOL_H

#include <kernel/spinlock.h>
#include <mm/slab.h>

typedef void *(mempool_alloc_t)(gfp_t gfp, void *pool_data);
typedef void(mempool_free_t)(void *element, void *pool_data);

/* Letters: L under lock; C constant. */
typedef struct mempool {
	spinlock_t lock;	/* rank MEMPOOL */
	unsigned min_nr;	/* L elements that it sets aside */
	unsigned curr_nr;	/* L of these so many are there */
	void **elements;	/* L */
	void *pool_data;	/* C */
	mempool_alloc_t *alloc; /* C */
	mempool_free_t *free;	/* C */
} mempool_t;

/*
 * mempool_create - a pool that sets aside @min_nr elements, 1 or more, of what @alloc returns
 * @alloc: an element, or NULL; may sleep only if its gfp says so.  @free: any context in which
 * elements are freed.  Both are given @pool_data.  NULL: no memory for all of them.  May sleep.
 */
mempool_t *mempool_create(unsigned min_nr, mempool_alloc_t *alloc, mempool_free_t *free,
			  void *pool_data) __must_check;

/* The same of objects of a cache; of @bytes from kmalloc(); of 2^order pages, as struct page. */
mempool_t *mempool_create_slab_pool(unsigned min_nr, struct kmem_cache *cache) __must_check;
mempool_t *mempool_create_kmalloc_pool(unsigned min_nr, size_t bytes) __must_check;
mempool_t *mempool_create_page_pool(unsigned min_nr, unsigned order) __must_check;

/*
 * mempool_alloc - an element: a new one, else one that was set aside
 * Any context.  If @gfp allows to sleep it waits for one to come back and never fails (but at boot,
 * when nobody else runs); else NULL if there is none.  @gfp has no __GFP_ZERO: what was set aside
 * isn't cleared.
 */
void *mempool_alloc(mempool_t *pool, gfp_t gfp) __must_check;

/* mempool_free - @element, which may be NULL, is set aside if some are missing, else freed. */
void mempool_free(void *element, mempool_t *pool);

/*
 * mempool_resize - set aside @min_nr elements, 1 or more, from now on
 * 0, or -ENOMEM, if there was no memory for the list of them: it stays as it was.  Elements that
 * there's no memory for yet come when some are freed.  One resize at a time.  May sleep.
 */
int mempool_resize(mempool_t *pool, unsigned min_nr) __must_check;

/* mempool_destroy - all elements are back; NULL: nothing.  May sleep. */
void mempool_destroy(mempool_t *pool);

#endif
