/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_slab_threads.c - small objects under several threads at once, each a hart
 *
 * Each allocates and frees at random and passes objects on to the others, which free them; one
 * shrinks.  What an object holds tells whether anybody else had it too.
 */
#include "slab_world.h"

#include <kernel/smp.h>
#include <mm/kmalloc.h>
#include <pthread.h>
#include <string.h>

#define THREADS 4
#define STEPS	60000
#define HELD	64
#define SHARED	32

static void *shared[SHARED];
static struct kmem_cache *cache[2];
static unsigned long nr_spoiled, nr_failed;

static u32 next_random(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void count(unsigned long *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static u32 stamp_of(const void *object)
{
	return (u32)(unsigned long)object * 2654435761u;
}

static u32 *last_word(void *object)
{
	return (u32 *)((char *)object + (ksize(object) & ~3UL)) - 1;
}

static void *obtain(u32 *state)
{
	unsigned which = next_random(state) % 4;
	size_t size = 8 + (next_random(state) >> 4) % (which == 3 ? 24000 : 300);
	u32 *object = which < 2 ? kmem_cache_alloc(cache[which], GFP_NOWAIT)
				: kmalloc_at(size, GFP_NOWAIT, which);

	if (!object)
		count(&nr_failed);
	else
		object[0] = *last_word(object) = stamp_of(object);
	return object;
}

static void release(void *object)
{
	if (*(u32 *)object != stamp_of(object) || *last_word(object) != stamp_of(object))
		count(&nr_spoiled);
	kfree(object);
}

static void *worker(void *arg)
{
	void *held[HELD] = { 0 };
	unsigned cpu = (unsigned)(unsigned long)arg;
	u32 state = 12345 + 77 * cpu;

	world_run_as(cpu);
	for (int i = 0; i < STEPS; i++) {
		void **slot = &held[next_random(&state) % HELD];

		if (*slot)
			release(*slot);
		*slot = obtain(&state);
		if (*slot && !(next_random(&state) & 1))
			*slot = __atomic_exchange_n(&shared[next_random(&state) % SHARED], *slot,
						    __ATOMIC_ACQ_REL);
		if (!cpu && i % 1000 == 0)
			kmem_cache_shrink(cache[i / 1000 % 2]);
	}
	for (int i = 0; i < HELD; i++)
		if (held[i])
			release(held[i]);
	return NULL;
}

static void run_threads(const struct world *w)
{
	pthread_t thread[THREADS];

	nr_spoiled = nr_failed = 0;
	slab_world_build(w);
	cache[0] = kmem_cache_create("threads-24", 24, 0, SLAB_NO_MERGE, NULL);
	cache[1] = kmem_cache_create("threads-400", 400, 0, SLAB_HWCACHE_ALIGN, NULL);
	EXPECT(cache[0] && cache[1]);
	world_parallel = true;
	for (unsigned long i = 0; i < THREADS; i++)
		EXPECT_EQ(pthread_create(&thread[i], NULL, worker, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	world_parallel = false;
	slab_world_check();
	for (int i = 0; i < SHARED; i++)
		if (shared[i])
			release(shared[i]);
	memset(shared, 0, sizeof(shared));
	EXPECT_EQ(nr_spoiled, 0);
	EXPECT_EQ(slab_reports, 0);
	EXPECT_EQ(kmem_cache_destroy(cache[0]), 0);
	EXPECT_EQ(kmem_cache_destroy(cache[1]), 0);
	slab_world_end();
}

/* Room for all. */
TEST(threads_share_caches)
{
	struct world w = { .base = 0x80000000,
			   .bytes = 32 * MiB,
			   .bank = { { 0x80000000, 0x82000000, 0 } } };

	run_threads(&w);
	EXPECT_EQ(nr_failed, 0);
}

/* Objects come from both nodes, and memory runs out all the time. */
TEST(threads_in_little_memory)
{
	struct world w = { .base = 0x80000000,
			   .bytes = 4 * MiB,
			   .bank = { { 0x80000000, 0x80180000, 0 }, { 0x80200000, 0x80300000, 1 } },
			   .cut = { 0x80180000 } };

	run_threads(&w);
	EXPECT(nr_failed > 100);
}
