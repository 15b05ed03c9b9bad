/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_shrinker.c - how many objects a shrinker is asked for, and the list while walks stand in it
 */
#include "harness.h"

#include <kernel/time.h>
#include <mm/shrinker.h>
#include <mm/vmstat.h>
#include <mm/zone.h>
#include <pthread.h>
#include <sched.h>

unsigned int nr_nodes = 2;
DEFINE_PER_CPU(struct vm_event_state, vm_event_states);

void arch_wait_ns(u64 ns)
{
	sched_yield();
}

/* A cache that frees what it's asked for, as far as it likes. */
static struct {
	unsigned long objects, calls, asked, freed, largest;
	unsigned long stop_after; /* calls; then SHRINK_STOP */
	unsigned long says;	  /* it looked at so many; 0: doesn't say */
	gfp_t gfp;
	int nid;
	bool pinned; /* frees nothing */
} cache;

static unsigned long count(struct shrinker *s, struct shrink_control *sc)
{
	return cache.objects;
}

static unsigned long scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long nr = min(sc->nr_to_scan, cache.objects);

	if (cache.calls >= cache.stop_after)
		return SHRINK_STOP;
	cache.calls++;
	cache.asked += sc->nr_to_scan;
	cache.largest = max(cache.largest, sc->nr_to_scan);
	cache.gfp = sc->gfp_mask;
	cache.nid = sc->nid;
	EXPECT_EQ(sc->nr_scanned, sc->nr_to_scan);
	if (cache.says)
		sc->nr_scanned = cache.says;
	if (cache.pinned)
		return 0;
	cache.objects -= nr;
	cache.freed += nr;
	return nr;
}

static struct shrinker shrinker;

static void begin(unsigned long objects, int seeks, long batch)
{
	__builtin_memset(&cache, 0, sizeof(cache));
	cache.objects = objects;
	cache.stop_after = ~0UL;
	shrinker = (struct shrinker){
		.count_objects = count, .scan_objects = scan, .seeks = seeks, .batch = batch
	};
	EXPECT_EQ(register_shrinker(&shrinker, "test"), 0);
}

/* Returns what was looked at. */
static unsigned long shrink(int priority)
{
	unsigned long scanned = 0, before = cache.freed;

	EXPECT_EQ(shrink_slab(GFP_KERNEL, 0, priority, &scanned), cache.freed - before);
	return scanned;
}

static void end(void)
{
	unregister_shrinker(&shrinker);
	EXPECT(!shrinker_next(NULL));
}

TEST(share_by_priority_and_seeks)
{
	static const struct {
		unsigned long objects;
		int seeks, priority;
		unsigned long due;
	} want[] = {
		{ 1 << 20, 2, 12, 512 },     { 1 << 20, 1, 12, 1024 },	 { 1 << 20, 4, 12, 256 },
		{ 1 << 20, 2, 11, 1024 },    { 1 << 20, 2, 1, 1 << 20 }, { 1 << 20, 2, 0, 1 << 21 },
		{ 1 << 20, 1, 0, 1 << 21 },  /* not more than twice */
		{ 1 << 20, 0, 12, 1 << 19 }, /* it costs nothing: half */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
		begin(want[i].objects, want[i].seeks, 0);
		cache.pinned = true;
		EXPECT_EQ(shrink(want[i].priority), want[i].due);
		EXPECT_EQ(cache.largest, SHRINK_BATCH);
		EXPECT_EQ(cache.calls, want[i].due / SHRINK_BATCH);
		end();
	}
}

TEST(small_shares_gather)
{
	unsigned long calls = 0;

	begin(100000, 2, 0); /* 48 each time at priority 12 */
	while (!cache.calls && calls < 10000) {
		EXPECT_EQ(shrinker.nr_deferred[0], calls * 48);
		calls++;
		shrink(8 + 4 * (calls < 20));
	}
	/* At priority 8 there are 780 at once, and a little of what gathered. */
	EXPECT_EQ(calls, 20);
	EXPECT_EQ(cache.asked, (780 + (19 * 48 >> 8)) / 128 * 128);
	EXPECT_EQ(shrinker.nr_deferred[0], 19 * 48 + 780 - cache.asked);
	end();
}

/* Less than a batch, but all there is. */
TEST(last_objects)
{
	begin(5, 2, 0);
	EXPECT_EQ(shrink(0), 10); /* two times five: twice what there is */
	EXPECT_EQ(cache.objects, 0);
	EXPECT_EQ(shrinker.nr_deferred[0], 0);
	EXPECT_EQ(shrink(0), 0);
	end();
}

TEST(none)
{
	begin(0, 2, 0);
	shrinker.nr_deferred[0] = 77;
	EXPECT_EQ(shrink(0), 0);
	cache.objects = SHRINK_EMPTY;
	EXPECT_EQ(shrink(0), 0);
	EXPECT_EQ(cache.calls, 0);
	EXPECT_EQ(shrinker.nr_deferred[0], 77);
	end();
}

TEST(stop_puts_off)
{
	begin(1 << 16, 2, 0);
	cache.stop_after = 3;
	EXPECT_EQ(shrink(4), 3 * 128);
	EXPECT_EQ(shrinker.nr_deferred[0], (1 << 13) - 3 * 128);
	cache.stop_after = 0;
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(shrink(0), 0);
	/* Not without end: twice what there is. */
	EXPECT_EQ(shrinker.nr_deferred[0], 2 * cache.objects);
	end();
}

TEST(batch_and_what_was_scanned)
{
	begin(10000, 2, 1000);
	cache.pinned = true;
	cache.says = 4000;
	EXPECT_EQ(shrink(1), 12000);
	EXPECT_EQ(cache.calls, 3);
	EXPECT_EQ(cache.asked, 3000);
	EXPECT_EQ(shrinker.nr_deferred[0], 0);
	end();
}

TEST(nodes)
{
	unsigned long scanned = 0;

	begin(1 << 16, 2, 0);
	cache.stop_after = 0;
	shrink_slab(GFP_NOFS, 1, 0, &scanned);
	EXPECT_EQ(shrinker.nr_deferred[0], 1 << 17); /* it doesn't know nodes */
	end();
	begin(1 << 16, 2, 0);
	shrinker.flags = SHRINKER_NUMA_AWARE;
	shrink_slab(GFP_NOFS, 1, 12, &scanned);
	EXPECT_EQ(shrinker.nr_deferred[1], 32);
	shrink_slab(GFP_NOFS, 1, 4, &scanned);
	EXPECT_EQ(cache.nid, 1);
	EXPECT_EQ(cache.gfp, GFP_NOFS);
	EXPECT_EQ(shrinker.nr_deferred[0], 0);
	end();
}

#define LONG_BITS (8 * sizeof(long))

/* Any numbers, against the formulas as they stand in the file's head. */
TEST(random_shares)
{
	for (int i = 0; i < 20000; i++) {
		unsigned long objects = (unsigned long)rnd() >> rnd_below(LONG_BITS);
		unsigned long owed = (unsigned long)rnd() >> rnd_below(LONG_BITS);
		long batch = (long)rnd_range(1, 1 << 10) << rnd_below(LONG_BITS - 11);
		int seeks = (int)rnd_below(6), priority = (int)rnd_below(13);
		u64 share, due, left;

		objects = min(objects, ~0UL / 64);
		owed = min(owed, 2 * objects);
		begin(objects, seeks, batch);
		cache.pinned = true;
		cache.stop_after = rnd_below(50);
		shrinker.nr_deferred[0] = owed;
		share = seeks ? (u64)(objects >> priority) * 4 / (unsigned)seeks : objects / 2;
		due = (owed >> priority) + share;
		if (due > 2 * (u64)objects)
			due = 2 * (u64)objects;
		shrink(priority);
		EXPECT(cache.asked <= due);
		due -= cache.asked; /* not done: less than a batch, and not all there is */
		if (objects && cache.calls < cache.stop_after)
			EXPECT(!due || (due < (u64)batch && due < objects));
		left = owed + share - cache.asked;
		if (left > 2 * (u64)objects)
			left = 2 * (u64)objects;
		EXPECT(!objects || left == shrinker.nr_deferred[0]);
		end();
	}
}

/* ---- the list ---- */

TEST(walks)
{
	struct shrinker a = { .count_objects = count, .scan_objects = scan }, b = a, c = a;

	register_shrinker(&a, "a");
	register_shrinker(&b, "b");
	register_shrinker(&c, "c");
	EXPECT(shrinker_next(NULL) == &a);
	EXPECT_EQ(a.users, 1);
	unregister_shrinker(&b);
	EXPECT(shrinker_next(&a) == &c);
	EXPECT(!shrinker_next(&c));
	EXPECT_EQ(a.users + b.users + c.users, 0);
	unregister_shrinker(&a);
	unregister_shrinker(&c);
	unregister_shrinker(&c); /* nothing to do */
	EXPECT(!shrinker_next(NULL));
}

static void *unregister(void *arg)
{
	unregister_shrinker(arg);
	__atomic_store_n((unsigned long *)((struct shrinker *)arg)->private_data, 1,
			 __ATOMIC_SEQ_CST);
	return NULL;
}

TEST(unregister_waits_for_walks)
{
	struct shrinker a = { .count_objects = count, .scan_objects = scan }, b = a;
	unsigned long gone = 0;
	pthread_t thread;

	a.private_data = &gone;
	register_shrinker(&a, "a");
	register_shrinker(&b, "b");
	EXPECT(shrinker_next(NULL) == &a);
	EXPECT_EQ(pthread_create(&thread, NULL, unregister, &a), 0);
	while (__atomic_load_n(&a.registered, __ATOMIC_ACQUIRE))
		sched_yield();
	for (int i = 0; i < 1000; i++)
		sched_yield();
	EXPECT_EQ(__atomic_load_n(&gone, __ATOMIC_SEQ_CST), 0);
	/* Others don't find it; who stands there finds the way on. */
	EXPECT(shrinker_next(NULL) == &b);
	EXPECT(!shrinker_next(&b));
	EXPECT(shrinker_next(&a) == &b);
	pthread_join(thread, NULL);
	EXPECT_EQ(gone, 1);
	EXPECT(!shrinker_next(&b));
	unregister_shrinker(&b);
}

TEST(drop_slab_until_empty)
{
	begin(1 << 18, 2, 0);
	EXPECT_EQ(drop_slab(), 1 << 18);
	EXPECT_EQ(cache.objects, 0);
	end();
}
