/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_slab_watch.c - allocations that are seen: by tracepoints, and those meant to fail
 */
#include <kernel/fault_inject.h>
#include <kernel/smp.h>
#include <kernel/symbols.h>
#include <kernel/trace.h>
#include <mm/kmalloc.h>
#include <mm/page_alloc.h>
#include <mm/slab_info.h>
#include <sched/thread.h>
#include <shell/ktap.h>

#include "../../mm/slab.h"
#include "trace_rings.h"

#include <string.h>

#define THREADS 4

static struct kmem_cache *make(struct ktap *t)
{
	struct kmem_cache *s =
		kmem_cache_create("test_watch", 88, 0, SLAB_NO_MERGE | SLAB_SKIP_KFENCE, NULL);

	KTAP_EXPECT(t, s != NULL);
	return s;
}

/* Nothing was lost, and nobody watches any more. */
static void end(struct ktap *t, struct kmem_cache *s)
{
	char fault[SLAB_FAULT_LEN] = "";
	struct slab_info info;

	slab_validate(s, fault, sizeof(fault));
	KTAP_EXPECT_STREQ(t, fault, "");
	kmem_cache_info(s, &info);
	KTAP_EXPECT_EQ(t, info.active, 0);
	KTAP_EXPECT_EQ(t, s->watched & ~WATCH_INIT, 0);
	KTAP_EXPECT_EQ(t, s->handle.stack != slab_no_stack_offset(), s->rounds && !s->watched);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
}

static __noinline void *take_watched(struct kmem_cache *s)
{
	void *object = kmem_cache_alloc(s, GFP_KERNEL);

	hart_barrier();
	return object;
}

/* ---- tracepoints ---- */

static void turn(const char *name, bool on)
{
	const struct tracepoint *tp;

	for_each_table(tracepoint, tp)
		if (!strcmp(tp->name, name))
			trace_enable(tp, on);
}

static void turn_all(bool on)
{
	turn("kmalloc", on);
	turn("kfree", on);
	turn("kmem_cache_alloc", on);
	turn("kmem_cache_free", on);
}

/* Did @function do it?  True if the kernel has no symbols. */
static bool is_by(const struct trace_record *r, const void *function)
{
	unsigned long start = symbol_start((unsigned long)function);

	return !start || symbol_start(r->b) == start;
}

/* The record of @event about @object, by @function, that a hart has; false: none, or several. */
static bool find(const char *event, const void *object, const void *function,
		 struct trace_record *found)
{
	unsigned nr = 0;

	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		unsigned long pos = 0, last = trace_head(cpu);
		struct trace_record r;

		while (trace_read(cpu, &pos, last, &r)) {
			if (r.a != (unsigned long)object || !is_by(&r, function) ||
			    strcmp(trace_point(r.event)->name, event))
				continue;
			*found = r;
			nr++;
		}
	}
	return nr == 1;
}

static void test_trace(struct ktap *t)
{
	struct kmem_cache *s = make(t);
	struct trace_record r = { 0 };
	void *before, *object, *after;

	if (!s || !bring_rings(t))
		return;
	before = take_watched(s);
	turn_all(true);
	object = take_watched(s);
	kmem_cache_free(s, before);
	turn_all(false);
	after = take_watched(s);
	kmem_cache_free(s, object);
	KTAP_EXPECT(t, !find("kmem_cache_alloc", before, take_watched, &r) || before == object);
	KTAP_EXPECT(t, find("kmem_cache_alloc", object, take_watched, &r));
	KTAP_EXPECT_EQ(t, r.who, 88);
	KTAP_EXPECT(t, find("kmem_cache_free", before, test_trace, &r));
	KTAP_EXPECT(t, !find("kmem_cache_free", object, test_trace, &r));
	KTAP_EXPECT(t, !find("kmalloc", object, take_watched, &r));
	kmem_cache_free(s, after);
	drop_rings();
	end(t, s);
}

static volatile size_t sizes[] = { 24, 500, 4000, 20000 };

static void test_trace_kmalloc(struct ktap *t)
{
	void *object[ARRAY_SIZE(sizes)];
	struct trace_record r = { 0 };

	if (!bring_rings(t))
		return;
	/* The first time the handles get their caches, the second time these are there.  Others
	 * may have the same objects afterwards. */
	for (unsigned round = 0; round < 2; round++) {
		turn("kmalloc", round);
		turn("kfree", round);
		for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
			object[i] = kmalloc(sizes[i], GFP_KERNEL);
		for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
			kfree(object[i]);
	}
	turn("kmalloc", false);
	turn("kfree", false);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		KTAP_EXPECT(t, find("kmalloc", object[i], test_trace_kmalloc, &r));
		KTAP_EXPECT_EQ(t, r.who, kmalloc_size_roundup(sizes[i]));
		KTAP_EXPECT(t, find("kfree", object[i], test_trace_kmalloc, &r));
		KTAP_EXPECT_EQ(t, r.who, kmalloc_size_roundup(sizes[i]));
	}
	drop_rings();
}

/* Threads allocate and free while tracing goes on and off: nothing is lost. */
static unsigned stop;

static int use(void *arg)
{
	struct kmem_cache *s = arg;
	void *kept[80] = { 0 };
	unsigned at = 0, bad = 0;

	while (!READ_ONCE(stop)) {
		at = (at + 7) % ARRAY_SIZE(kept);
		if (kept[at]) {
			bad += *(unsigned *)kept[at] != current->id + at;
			kmem_cache_free(s, kept[at]);
			kept[at] = NULL;
		} else if ((kept[at] = kmem_cache_alloc(s, GFP_KERNEL))) {
			*(unsigned *)kept[at] = current->id + at;
		}
	}
	for (at = 0; at < ARRAY_SIZE(kept); at++)
		if (kept[at])
			kmem_cache_free(s, kept[at]);
	return (int)bad;
}

static void test_turning(struct ktap *t)
{
	struct kmem_cache *s = make(t);
	struct thread *thread[THREADS];

	if (!s)
		return;
	stop = 0;
	for (unsigned i = 0; i < THREADS; i++) {
		thread[i] = kthread_run(use, s, "watched/%u", i);
		KTAP_EXPECT(t, thread[i] != NULL);
	}
	for (unsigned i = 0; i < 50; i++) {
		turn_all(i % 2 == 0);
		msleep(2);
	}
	WRITE_ONCE(stop, 1);
	for (unsigned i = 0; i < THREADS; i++)
		if (thread[i])
			KTAP_EXPECT_EQ(t, kthread_join(thread[i]), 0);
	end(t, s);
}

/* ---- failslab ---- */

#ifdef CONFIG_FAULT_INJECTION

static void set(struct ktap *t, unsigned n, char *a, char *b, char *c)
{
	char *words[] = { a, b, c };
	const char *bad;

	KTAP_EXPECT_EQ(t, fault_set(fault_find("failslab"), (int)n, words, &bad), 0);
}

static bool fails(void *object, struct kmem_cache *s)
{
	if (object && s)
		kmem_cache_free(s, object);
	else if (object)
		kfree(object);
	return !object;
}

static void test_failslab_chosen(struct ktap *t)
{
	struct kmem_cache *s = make(t);
	void *object;

	if (!s)
		return;
	object = kmalloc(512, GFP_KERNEL);
	kfree(object);
	set(t, 2, "probability=100", "cache=test_watch", NULL);
	KTAP_EXPECT(t, fails(take_watched(s), s));
	KTAP_EXPECT(t, fails(kmem_cache_zalloc(s, GFP_ATOMIC), s));
	KTAP_EXPECT(t, !kmem_cache_alloc_bulk(s, GFP_KERNEL, 1, &object));
	KTAP_EXPECT(t, !fails(kmalloc(512, GFP_KERNEL), NULL));
	KTAP_EXPECT(t, !fails(kmem_cache_alloc(s, GFP_KERNEL | __GFP_NOFAIL), s));
	set(t, 2, "probability=100", "cache=test_*", NULL);
	KTAP_EXPECT(t, fails(take_watched(s), s));
	set(t, 2, "probability=100", "cache=test", NULL);
	KTAP_EXPECT(t, !fails(take_watched(s), s));
	set(t, 3, "probability=100", "min-size=500", "max-size=600");
	KTAP_EXPECT(t, !fails(take_watched(s), s));
	KTAP_EXPECT(t, fails(kmalloc(512, GFP_KERNEL), NULL));
	KTAP_EXPECT(t, !fails(kmalloc(1000, GFP_KERNEL), NULL));
	set(t, 3, "probability=100", "cache=test_watch", "caller=take_watched");
	KTAP_EXPECT(t, fails(take_watched(s), s));
	KTAP_EXPECT(t, !fails(kmem_cache_alloc(s, GFP_KERNEL), s));
	set(t, 3, "probability=100", "cache=test_watch", "ignore-gfp-wait=1");
	KTAP_EXPECT(t, !fails(take_watched(s), s));
	KTAP_EXPECT(t, fails(kmem_cache_alloc(s, GFP_ATOMIC), s));
	set(t, 0, NULL, NULL, NULL);
	KTAP_EXPECT(t, !fails(take_watched(s), s));
	end(t, s);
}

static void test_failslab_some(struct ktap *t)
{
	struct kmem_cache *s = make(t);
	const struct fault_point *point = fault_find("failslab");
	char *bad[] = { "caller=no_such_function" };
	unsigned failed = 0;
	const char *word;

	if (!s)
		return;
	set(t, 3, "probability=20", "cache=test_watch", "seed=5");
	for (unsigned i = 0; i < 1000; i++)
		failed += fails(take_watched(s), s);
	KTAP_EXPECT(t, failed > 120 && failed < 280);
	KTAP_EXPECT_EQ(t, point->attr->calls, 1000);
	KTAP_EXPECT_EQ(t, point->attr->failed, failed);
	KTAP_EXPECT_EQ(t, fault_set(point, 1, bad, &word), -22);
	fault_arm(point, 3);
	KTAP_EXPECT(t, !fails(take_watched(s), s) && !fails(take_watched(s), s) &&
			       fails(take_watched(s), s));
	KTAP_EXPECT(t, !fails(take_watched(s), s));
	fault_arm(point, 0);
	end(t, s);
}

/* Each allocation of a cache's creation fails once. */
static void test_failslab_create(struct ktap *t)
{
	const struct fault_point *point = fault_find("failslab");
	struct kmem_cache *s;
	bool failed;
	unsigned nth = 0;

	do {
		fault_arm(point, ++nth);
		s = kmem_cache_create("test_watch", 88, 0, SLAB_NO_MERGE, NULL);
		failed = point->attr->failed;
		fault_arm(point, 0);
		KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	} while (failed && nth < 100);
	KTAP_EXPECT(t, s && nth > 1 && nth < 100);
}

#endif

static const struct ktap_case cases[] = {
	{ "trace", test_trace },
	{ "trace-kmalloc", test_trace_kmalloc },
	{ "turning", test_turning },
#ifdef CONFIG_FAULT_INJECTION
	{ "failslab-chosen", test_failslab_chosen },
	{ "failslab-some", test_failslab_some },
	{ "failslab-create", test_failslab_create },
#endif
	{},
};

static const struct ktap_suite suite_slab_watch = { "slab_watch", cases };
TABLE_ENTRY(ktap_suite, suite_slab_watch);
