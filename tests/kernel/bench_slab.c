/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_slab.c - what small objects cost, in instructions
 *
 * pair: one allocation and its release, over and over.  batchN: N allocations, then N releases, a
 * pair.
 */
#include <mm/kmalloc.h>
#include <mm/page_alloc.h>
#include <shell/bench.h>

#define MAX_BATCH 1000
#define ROUNDS	  5

static void *object[MAX_BATCH];
static struct kmem_cache *cache192;

static struct kmem_cache *get_cache(void)
{
	if (!cache192)
		cache192 = kmem_cache_create("bench192", 192, 0, SLAB_HWCACHE_ALIGN | SLAB_NO_MERGE,
					     NULL);
	return cache192;
}

/* @op is done once before: what it makes for itself isn't counted. */
#define PAIR(op)                                  \
	({                                        \
		op;                               \
		u64 _best = BENCH_BEST(1000, op); \
		_best;                            \
	})

#define BATCH(n, alloc, free)                              \
	({                                                 \
		u64 _best = BENCH_BEST_OF(ROUNDS, 1, {     \
			for (unsigned i = 0; i < (n); i++) \
				object[i] = alloc;         \
			for (unsigned i = 0; i < (n); i++) \
				free;                      \
		});                                        \
		(_best + (n) / 2) / (n);                   \
	})

static u64 var_pair(size_t size)
{
	return PAIR(kfree(kmalloc(size, GFP_ATOMIC)));
}

static u64 cache_pair(void)
{
	struct kmem_cache *s = get_cache();

	return s ? PAIR(kmem_cache_free(s, kmem_cache_alloc(s, GFP_ATOMIC))) : BENCH_FAILED;
}

static u64 cache_batch(void)
{
	struct kmem_cache *s = get_cache();

	return s ? BATCH(MAX_BATCH, kmem_cache_alloc(s, GFP_ATOMIC), kmem_cache_free(s, object[i]))
		 : BENCH_FAILED;
}

static volatile size_t size_64 = 64;

#define BENCH_SLAB(name, expr)                                                        \
	static u64 run_##name(void)                                                   \
	{                                                                             \
		return expr;                                                          \
	}                                                                             \
	static const struct bench bench_##name = { .key = #name, .run = run_##name }; \
	TABLE_ENTRY(bench, bench_##name)

BENCH_SLAB(kmalloc64_pair, PAIR(kfree(kmalloc(64, GFP_ATOMIC))));
BENCH_SLAB(kmalloc_var_pair, var_pair(size_64));
BENCH_SLAB(kmalloc4096_pair, PAIR(kfree(kmalloc(4096, GFP_ATOMIC))));
BENCH_SLAB(kmem_cache192_pair, cache_pair());
BENCH_SLAB(kmalloc64_batch1000, BATCH(MAX_BATCH, kmalloc(64, GFP_ATOMIC), kfree(object[i])));
BENCH_SLAB(kmem_cache192_batch1000, cache_batch());

static u64 bulk(void)
{
	struct kmem_cache *s = get_cache();
	u64 best = s ? BENCH_BEST_OF(
			       ROUNDS, 1,
			       {
				       if (kmem_cache_alloc_bulk(s, GFP_ATOMIC, MAX_BATCH, object))
					       kmem_cache_free_bulk(s, MAX_BATCH, object);
			       })
		     : BENCH_FAILED;

	return s ? (best + MAX_BATCH / 2) / MAX_BATCH : best;
}

BENCH_SLAB(kmem_cache_bulk192_1000, bulk());

/* ---- how much memory is lost ---- */

#define WASTE_OBJECTS 1000000UL
#define WASTE_LARGEST 4096U

/* As many objects of 8 to 4096 bytes as memory has, at most WASTE_OBJECTS; @asked: for how much. */
static void *take_random(u64 *asked)
{
	void **list = NULL;
	u32 random = 1;

	for (unsigned long i = 0; i < WASTE_OBJECTS; i++) {
		size_t size;
		void **one;

		random = random * 1664525 + 1013904223;
		size = 8 + (random >> 8) % (WASTE_LARGEST - 7);
		one = kmalloc(size, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		if (!one)
			break;
		*one = list;
		list = one;
		*asked += size;
	}
	return list;
}

/* Thousandths of the pages taken that nobody asked for. */
static u64 waste(void)
{
	unsigned long before = nr_free_pages();
	void **list, **next;
	u64 asked = 0, taken;

	list = take_random(&asked);
	taken = (u64)(before - nr_free_pages()) << PAGE_SHIFT;
	for (; list; list = next) {
		next = *list;
		kfree(list);
	}
	return asked ? (taken - asked) * 1000 / taken : BENCH_FAILED;
}

BENCH_SLAB(kmalloc_waste, waste());
