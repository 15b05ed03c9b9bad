/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_slab.c - what small objects cost, in instructions
 *
 * pair: one allocation and its release, over and over.  batchN: N allocations, then N releases, a
 * pair.  freshN: N allocations from a cache that has no slabs.
 * Not here: objects that one hart allocates and another frees (bench_slab_harts.c).
 */
#include <mm/kmalloc.h>
#include <mm/memmap.h>
#include <mm/page_alloc.h>
#include <mm/usercopy.h>
#include <shell/bench.h>
#include <shell/shell.h>

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

static u64 cache_fresh(void)
{
	struct kmem_cache *s = get_cache();
	u64 best = ~0ULL;

	for (unsigned round = 0; s && round < ROUNDS; round++) {
		kmem_cache_shrink(s);
		best = min(best, BENCH_BEST_OF(1, 1, {
				   for (unsigned i = 0; i < MAX_BATCH; i++)
					   object[i] = kmem_cache_alloc(s, GFP_ATOMIC);
			   }));
		for (unsigned i = 0; i < MAX_BATCH; i++)
			kmem_cache_free(s, object[i]);
	}
	return s ? (best + MAX_BATCH / 2) / MAX_BATCH : BENCH_FAILED;
}

static volatile size_t size_64 = 64;

static u64 usercopy(void)
{
	void *buffer = kmalloc(64, GFP_ATOMIC);
	u64 best = BENCH_FAILED;
	bool refused = false;

	if (buffer)
		best = BENCH_BEST(1000, refused |= !check_object_size(buffer, size_64, true));
	kfree(buffer);
	return refused ? BENCH_FAILED : best;
}

/* Pages that a cache had, and that aren't free again when it's gone. */
static u64 pages_kept(void)
{
	unsigned long before, after;
	struct kmem_cache *s;

	kmem_cache_shrink_all();
	before = nr_free_pages();
	s = kmem_cache_create("bench-kept", 200, 0, SLAB_NO_MERGE, NULL);
	if (!s)
		return BENCH_FAILED;
	for (unsigned i = 0; i < MAX_BATCH; i++)
		object[i] = kmem_cache_alloc(s, GFP_KERNEL);
	for (unsigned i = 0; i < MAX_BATCH; i++)
		if (object[i])
			kmem_cache_free(s, object[i]);
	if (kmem_cache_destroy(s))
		return BENCH_FAILED;
	kmem_cache_shrink_all();
	after = nr_free_pages();
	return before > after ? before - after : 0;
}

#define BENCH_SLAB_HELP(name, expr, text)                             \
	static u64 run_##name(void)                                   \
	{                                                             \
		return expr;                                          \
	}                                                             \
	static const struct bench bench_##name = { .key = #name,      \
						   .run = run_##name, \
						   .help = text };    \
	TABLE_ENTRY(bench, bench_##name)
#define BENCH_SLAB(name, expr) BENCH_SLAB_HELP(name, expr, NULL)

BENCH_SLAB(kmalloc64_pair, PAIR(kfree(kmalloc(64, GFP_ATOMIC))));
BENCH_SLAB(kmalloc_var_pair, var_pair(size_64));
BENCH_SLAB(kmalloc4096_pair, PAIR(kfree(kmalloc(4096, GFP_ATOMIC))));
BENCH_SLAB(kmem_cache192_pair, cache_pair());
BENCH_SLAB(kmalloc64_batch1000, BATCH(MAX_BATCH, kmalloc(64, GFP_ATOMIC), kfree(object[i])));
BENCH_SLAB(kmem_cache192_batch1000, cache_batch());
BENCH_SLAB(kmem_cache192_fresh1000, cache_fresh());
BENCH_SLAB(usercopy_check, usercopy());
BENCH_SLAB_HELP(kmem_cache_kept, pages_kept(), "pages that a destroyed cache hasn't given back");

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
#define WASTE_MEMORY  (3ULL << 30) /* so much does, and some is left */

/* The class where there is one for each power of two, 96 and 192. */
static size_t coarse_class(size_t size)
{
	size_t class = 8;

	while (class < size)
		class *= 2;
	return (class == 128 || class == 256) && size <= class / 4 * 3 ? class / 4 * 3 : class;
}

/* WASTE_OBJECTS of 8 to 4096 bytes; @asked: for how much, @coarse: in coarse classes. */
static void *take_random(u64 *asked, u64 *coarse)
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
		*coarse += coarse_class(size);
	}
	return list;
}

/* Thousandths of the pages taken that nobody asked for.  Of coarse classes the objects alone count,
 * as if they filled each slab. */
static u64 waste(void)
{
	unsigned long before = nr_free_pages();
	u64 asked = 0, coarse = 0, taken;
	void **list, **next;

	if ((u64)before << PAGE_SHIFT < WASTE_MEMORY)
		return BENCH_SKIPPED;
	list = take_random(&asked, &coarse);
	taken = (u64)(before - nr_free_pages()) << PAGE_SHIFT;
	for (; list; list = next) {
		next = *list;
		kfree(list);
	}
	shell_printf("waste of coarse classes %llu\n",
		     (unsigned long long)(coarse ? (coarse - asked) * 1000 / coarse : 0));
	return asked ? (taken - asked) * 1000 / taken : BENCH_FAILED;
}

BENCH_SLAB_HELP(kmalloc_waste, waste(), "lost, in thousandths, of a million sizes of 8 to 4096");
