/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_slab_harts.c - small objects that one hart allocates and another frees
 *
 * KEY_remote: instructions for an object on both harts together.  They are counted with one hart,
 * which is two by turns: what a hart has of a cache is its struct slab_stack, so with another one
 * in its place the hart is another hart.  Objects move by the depot, as they do between any two.
 * slab_remote_locks: how often the locks are taken meanwhile, of the cache's nodes, of the
 * magazines' and of zones, for 1,000 objects on the hart that takes more.
 *
 * slab_contention: a thread on each hart does the same at the same time; each allocation and each
 * free is one operation.  For each pattern one line, "slabs PATTERN HARTS LOCKS": the locks of all
 * caches' nodes and of zones that are taken for 1,000 operations, the harts' average.  Without
 * -icount.
 */
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <mm/kmalloc.h>
#include <mm/page_alloc.h>
#include <shell/bench.h>
#include <shell/shell.h>
#include "../../mm/slab.h"
#include "bench_harts.h"

#include <string.h>

#define OBJECTS 1000
#define ROUNDS	10

static u16 locks_of(const struct kmem_cache *s)
{
	u16 sum = 0;

	for (unsigned nid = 0; nid < MAX_NUMNODES; nid++)
		if (s->node[nid])
			sum = (u16)(sum + READ_ONCE(s->node[nid]->lock.next));
	return sum;
}

static u16 zone_locks(void)
{
	struct zone *zone;
	u16 sum = 0;

	for_each_zone(zone)
		sum = (u16)(sum + READ_ONCE(zone->lock.next));
	return sum;
}

/* ---- two harts by turns ---- */

static struct remote {
	struct kmem_cache *cache;
	struct slab_stack elsewhere; /* the other hart's */
	void *object[OBJECTS];
} remote;

/* What all objects cost: instructions, locks. */
struct cost {
	u64 alloc, free;
	unsigned alloc_locks, free_locks;
};

static u16 locks(void)
{
	return (u16)(locks_of(remote.cache) + locks_of(slab_magazines) + zone_locks());
}

static void change_hart(void)
{
	struct slab_stack *mine = this_cpu_ptr(remote.cache->stacks), was = *mine;

	*mine = remote.elsewhere;
	remote.elsewhere = was;
}

static __always_inline u64 alloc_all(void *(*get)(struct kmem_cache *s))
{
	struct kmem_cache *s = remote.cache;
	u64 t0 = bench_stamp(), t1 = bench_stamp();

	for (unsigned i = 0; i < OBJECTS; i++)
		remote.object[i] = get(s);
	return bench_stamp() - t1 - (t1 - t0);
}

static __always_inline u64 free_all(void (*put)(struct kmem_cache *s, void *object))
{
	struct kmem_cache *s = remote.cache;
	u64 t0 = bench_stamp(), t1 = bench_stamp();

	for (unsigned i = 0; i < OBJECTS; i++)
		put(s, remote.object[i]);
	return bench_stamp() - t1 - (t1 - t0);
}

/* Allocate on one hart, free on the other, the best of all rounds; the last one's locks.
 * Interrupts are off. */
static __always_inline struct cost measure(struct kmem_cache *s, void *(*get)(struct kmem_cache *s),
					   void (*put)(struct kmem_cache *s, void *object))
{
	struct cost cost = { .alloc = ~0ULL, .free = ~0ULL };

	remote.cache = s;
	remote.elsewhere = (struct slab_stack){ .top = slab_no_slot, .full = slab_no_slot };
	for (unsigned round = 0; round < ROUNDS; round++) {
		u16 before = locks(), between;
		u64 alloc = alloc_all(get), free;

		between = locks();
		change_hart();
		free = free_all(put);
		change_hart();
		cost.alloc = min(cost.alloc, alloc);
		cost.free = min(cost.free, free);
		cost.alloc_locks = (u16)(between - before);
		cost.free_locks = (u16)(locks() - between);
	}
	stack_drain(s, &remote.elsewhere); /* what the other one kept */
	return cost;
}

static __always_inline void *get_kmalloc(struct kmem_cache *s)
{
	return kmalloc(64, GFP_ATOMIC);
}

static __always_inline void put_kmalloc(struct kmem_cache *s, void *object)
{
	kfree(object);
}

static bool kmalloc_remote(struct cost *cost)
{
	void *first = get_kmalloc(NULL);
	unsigned long flags;

	if (!first)
		return false;
	local_irq_save(flags);
	*cost = measure(virt_to_page(first)->mapping, get_kmalloc, put_kmalloc);
	local_irq_restore(flags);
	kfree(first);
	return true;
}

static __always_inline void *get_object(struct kmem_cache *s)
{
	return kmem_cache_alloc(s, GFP_ATOMIC);
}

static bool cache_remote(struct cost *cost)
{
	struct kmem_cache *s =
		kmem_cache_create("bench-remote", 192, 0, SLAB_HWCACHE_ALIGN | SLAB_NO_MERGE, NULL);
	unsigned long flags;

	if (!s)
		return false;
	local_irq_save(flags);
	*cost = measure(s, get_object, kmem_cache_free);
	local_irq_restore(flags);
	return !kmem_cache_destroy(s);
}

static u64 per_object(const struct cost *cost)
{
	return (cost->alloc + cost->free + OBJECTS / 2) / OBJECTS;
}

static u64 run_kmalloc64_remote(void)
{
	struct cost cost;

	return kmalloc_remote(&cost) ? per_object(&cost) : BENCH_FAILED;
}

static u64 run_kmem_cache192_remote(void)
{
	struct cost cost;

	return cache_remote(&cost) ? per_object(&cost) : BENCH_FAILED;
}

static u64 run_slab_remote_locks(void)
{
	struct cost a, b;

	if (!kmalloc_remote(&a) || !cache_remote(&b))
		return BENCH_FAILED;
	shell_printf("remote kmalloc64 %u %u, kmem_cache192 %u %u\n", a.alloc_locks, a.free_locks,
		     b.alloc_locks, b.free_locks);
	return max(max(a.alloc_locks, a.free_locks), max(b.alloc_locks, b.free_locks));
}

#define BENCH_SLAB(name, text)                                        \
	static const struct bench bench_##name = { .key = #name,      \
						   .run = run_##name, \
						   .help = text };    \
	TABLE_ENTRY(bench, bench_##name)

BENCH_SLAB(kmalloc64_remote, NULL);
BENCH_SLAB(kmem_cache192_remote, NULL);
BENCH_SLAB(slab_remote_locks, "locks for 1,000 objects from one hart to another");

/* ---- all at once ---- */

#define PAIRS 16000 /* of all harts, for each pattern; 2000 of each hart at least */
#define HELD  64

struct pattern {
	const char *name;
	u16 size;  /* bytes; 0: at random, 8 to 4096 */
	u16 batch; /* at once; 0: by turns, at random */
	bool remote;
};

static const struct pattern patterns[] = {
	{ "64_pair", 64, 1, false },	       { "64_batch1000", 64, 1000, false },
	{ "192_batch1000", 192, 1000, false }, { "mixed", 0, 0, false },
	{ "64_remote", 64, 1, true },	       { "192_remote", 192, 1, true },
};

static const struct pattern *pattern;
static struct bench_box box[BENCH_HARTS];
static unsigned nr_running, nr_pairs;
static bool failed;

static void *take(void *arg)
{
	void *object = kmalloc(pattern->size, GFP_ATOMIC);

	if (!object)
		WRITE_ONCE(failed, true);
	return object;
}

static void give(void *object, void *arg)
{
	kfree(object);
}

static void batches(void)
{
	for (unsigned done = 0; done < nr_pairs; done += pattern->batch) {
		void **list = NULL, **next;

		for (unsigned i = 0; i < pattern->batch; i++) {
			next = take(NULL);
			if (next) {
				*next = list;
				list = next;
			}
		}
		for (; list; list = next) {
			next = *list;
			kfree(list);
		}
	}
}

static void mixed(u32 random)
{
	void *held[HELD] = { 0 };

	for (unsigned i = 0; i < nr_pairs * 2; i++) {
		void **one;

		random = random * 1664525 + 1013904223;
		one = &held[(random >> 8) % HELD];
		if (*one) {
			kfree(*one);
			*one = NULL;
		} else {
			*one = kmalloc(8 + (random >> 16) % 4089, GFP_ATOMIC);
		}
	}
	for (unsigned i = 0; i < HELD; i++)
		kfree(held[i]);
}

static void run_hart(unsigned cpu)
{
	if (!pattern->batch)
		mixed(12345 + cpu);
	else if (!pattern->remote)
		batches();
	else if (cpu % 2)
		bench_receive(&box[cpu], give, NULL);
	else if (cpu + 1 < nr_running)
		bench_send(&box[cpu + 1], nr_pairs * 2, take, NULL);
}

static u16 all_locks(void)
{
	u16 sum = zone_locks();

	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s))
		sum = (u16)(sum + locks_of(s));
	return sum;
}

static u64 run_slab_contention(void)
{
	u64 worst = 0;

	nr_running = min(nr_harts, (unsigned)BENCH_HARTS);
	nr_pairs = max(PAIRS / nr_running, 2000u);
	for (unsigned i = 0; i < ARRAY_SIZE(patterns); i++) {
		unsigned long ops = (unsigned long)nr_running * nr_pairs * 2, rate;
		u16 before = 0;

		pattern = &patterns[i];
		if (pattern->remote && nr_running == 1)
			break;
		for (int round = 0; round < 2; round++) { /* first what they need is made */
			memset(box, 0, sizeof(box));
			before = all_locks();
			if (bench_harts(nr_running, run_hart) || failed)
				return BENCH_FAILED;
		}
		rate = ((u16)(all_locks() - before) * 1000UL + ops / 2) / ops;
		shell_printf("slabs %s %u %lu\n", pattern->name, nr_running, rate);
		worst = max(worst, (u64)rate);
	}
	return worst;
}

BENCH_SLAB(slab_contention, "locks for 1,000 operations of a hart, all at once");
