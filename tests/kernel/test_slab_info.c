/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_slab_info.c - what is said of caches, and what they give back: to shrinkers, when memory is
 * short, when a hart goes
 */
#include <kernel/smp.h>
#include <mm/kmalloc.h>
#include <mm/shrinker.h>
#include <mm/slab_info.h>
#include <mm/zone.h>
#include <sched/hotplug.h>
#include <sched/thread.h>
#include <shell/ktap.h>

#include "../../mm/slab.h"
#include "../../mm/slab_debug.h"
#include "chain.h"

#include <stdio.h>
#include <string.h>

#define SIZE	704 /* of a test's objects: in no class of kmalloc()'s */
#define MANY	400U
#define GFP_TRY (GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)

static void *object[MANY];

static struct kmem_cache *make(struct ktap *t, slab_flags_t flags)
{
	struct kmem_cache *s =
		kmem_cache_create("test_info", SIZE, 0, flags | SLAB_SKIP_KFENCE, NULL);

	KTAP_EXPECT(t, s != NULL);
	return s;
}

/* Up to @nr objects; how many. */
static unsigned take(struct kmem_cache *s, unsigned nr)
{
	unsigned i = 0;

	while (i < nr && (object[i] = kmem_cache_alloc(s, GFP_TRY)))
		i++;
	return i;
}

static void give(struct kmem_cache *s, unsigned nr)
{
	while (nr--)
		kmem_cache_free(s, object[nr]);
}

static struct slab_info info_of(const struct kmem_cache *s)
{
	struct slab_info info;

	kmem_cache_info(s, &info);
	return info;
}

static void expect_sound(struct ktap *t, struct kmem_cache *s)
{
	char fault[SLAB_FAULT_LEN] = "";
	int err = slab_validate(s, fault, sizeof(fault));

	if (!KTAP_EXPECT_EQ(t, err, 0))
		ktap_diag(t, "%s", fault);
}

/* ---- figures ---- */

static void test_figures(struct ktap *t)
{
	struct kmem_cache *s = make(t, SLAB_NO_MERGE);
	struct slab_node_info node, sum = { 0 };
	struct slab_info info;
	unsigned nr, harts = 0;

	if (!s)
		return;
	nr = take(s, MANY / 2);
	info = info_of(s);
	KTAP_EXPECT_STREQ(t, info.name, "test_info");
	KTAP_EXPECT_EQ(t, info.object_size, SIZE);
	KTAP_EXPECT_EQ(t, info.active, nr);
	KTAP_EXPECT_EQ(t, info.all.out, nr + info.harts + info.all.depot * info.rounds);
	KTAP_EXPECT_EQ(t, info.total, info.all.slabs * info.objects);
	KTAP_EXPECT(t, info.total >= info.all.out);
	give(s, nr / 2);
	memmove(object, object + nr / 2, (nr - nr / 2) * sizeof(*object));
	info = info_of(s);
	KTAP_EXPECT_EQ(t, info.active, nr - nr / 2);
	for (unsigned cpu = 0; cpu < nr_harts; cpu++)
		harts += kmem_cache_hart_objects(s, cpu);
	KTAP_EXPECT_EQ(t, harts, info.harts);
	for (int nid = 0; nid < MAX_NUMNODES; nid++)
		if (kmem_cache_node_info(s, nid, &node)) {
			sum.slabs += node.slabs;
			sum.out += node.out;
		}
	KTAP_EXPECT_EQ(t, sum.slabs, info.all.slabs);
	KTAP_EXPECT_EQ(t, sum.out, info.all.out);
	expect_sound(t, s);
	give(s, nr - nr / 2);
	KTAP_EXPECT_EQ(t, info_of(s).active, 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
}

/* Do the pages of a cache count, while it has them? */
static bool counts_reclaimable(struct ktap *t)
{
	struct kmem_cache *s = make(t, SLAB_NO_MERGE | SLAB_RECLAIM_ACCOUNT);
	unsigned long all, before, during, after, its;
	unsigned nr;

	if (!s)
		return false;
	slab_pages_in_use(&before);
	nr = take(s, MANY / 2);
	all = slab_pages_in_use(&during);
	its = info_of(s).all.slabs * info_of(s).pages;
	give(s, nr);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_pages_in_use(&after);
	return its && during - before == its && all >= during && after == before;
}

/* They do, as soon as nobody else's come or go meanwhile. */
static void test_reclaimable(struct ktap *t)
{
	KTAP_EXPECT(t, ktap_becomes(counts_reclaimable(t)));
}

/* The objects in use of the cache behind each site's handle for 64 bytes, added up. */
static unsigned long used_by_sites(void)
{
	unsigned long nr = 0;

	for (unsigned site = 0; site < KMALLOC_SITES; site++)
		nr += info_of(kmalloc_caches[site][kmalloc_class(64)].cache).active;
	return nr;
}

/* Whichever site makes a cache: all handles lead to its stacks, and nothing is lost. */
static void test_sites(struct ktap *t)
{
	unsigned long before = 0;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned site = 0; site < KMALLOC_SITES; site++) {
			struct slab_handle *handle = &kmalloc_caches[site][kmalloc_class(64)];
			void *first = kmalloc_at(64, GFP_KERNEL, site);
			void *second = kmalloc_at(64, GFP_KERNEL, site);

			KTAP_ASSERT(t, first && second);
			kfree(first);
			kfree(second);
			KTAP_EXPECT(t, handle->stack == *(s32 *)handle->cache);
		}
		if (!round)
			before = used_by_sites();
	}
	/* Less, if another thread had some.  What it has for a moment now is waited for. */
	KTAP_EXPECT(t, ktap_becomes(used_by_sites() <= before));
}

/* A hart may see where the stacks are before it sees whose they are: a hit doesn't need that. */
static void test_handle(struct ktap *t)
{
	struct slab_handle *handle = &kmalloc_caches[3][kmalloc_class(64)];
	char *object = kmalloc_at(64, GFP_KERNEL, 3);
	struct kmem_cache *cache = handle->cache;
	unsigned long flags;
	unsigned set = 0;

	KTAP_ASSERT(t, object != NULL);
	memset(object, 1, 64);
	local_irq_save(flags);
	kfree(object);
	WRITE_ONCE(handle->cache, NULL);
	object = kmalloc_at(64, GFP_ATOMIC | __GFP_ZERO, 3);
	WRITE_ONCE(handle->cache, cache);
	local_irq_restore(flags);
	KTAP_ASSERT(t, object != NULL);
	for (unsigned i = 0; i < 64; i++)
		set += object[i];
	KTAP_EXPECT_EQ(t, set, 0);
	kfree(object);
}

/* ---- names ---- */

static bool is_a_name(const struct kmem_cache *s, const char *name)
{
	struct kmem_cache *found = kmem_cache_find(name);

	if (found)
		kmem_cache_leave(found);
	return found == s;
}

/* @s has two users.  Whichever name a destroy means: none of those that remain is lost. */
static void check_gone_names(struct ktap *t, struct kmem_cache *s)
{
	char name[SLAB_NAME_LEN];

	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	KTAP_EXPECT_EQ(t, info_of(s).users, 1);
	KTAP_EXPECT_EQ(t, info_of(s).names, 2);
	KTAP_EXPECT(t, is_a_name(s, "test_info") && is_a_name(s, "test_alias"));
	for (unsigned i = 0; i < 20; i++) { /* those that come again are there once */
		snprintf(name, sizeof(name), "test_%u", i / 2);
		KTAP_EXPECT(t, kmem_cache_create(name, SIZE, 0, SLAB_SKIP_KFENCE, NULL) == s);
		KTAP_EXPECT(t, is_a_name(s, name));
		KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
		KTAP_EXPECT_EQ(t, info_of(s).names, min(3 + i / 2, 9U));
	}
	KTAP_EXPECT_EQ(t, info_of(s).users, 1);
}

static void test_names(struct ktap *t)
{
	struct kmem_cache *s = make(t, 0), *same;
	char name[SLAB_NAME_LEN];

	if (!s)
		return;
	same = kmem_cache_create("test_alias", SIZE, 0, SLAB_SKIP_KFENCE, NULL);
	if (same != s) {
		KTAP_EXPECT(t, !info_of(s).rounds);
		ktap_skip(t, "slub_debug= has it, so it shares nothing");
		KTAP_EXPECT_EQ(t, kmem_cache_destroy(same), 0);
		KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
		return;
	}
	KTAP_EXPECT_EQ(t, info_of(s).users, 2);
	KTAP_EXPECT(t, kmem_cache_shared_name(s, 0, name));
	KTAP_EXPECT_STREQ(t, name, "test_alias");
	KTAP_EXPECT(t, !kmem_cache_shared_name(s, 1, name));
	KTAP_EXPECT(t, is_a_name(s, "test_alias"));
	check_gone_names(t, s);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	KTAP_EXPECT(t, !kmem_cache_find("test_info"));
	KTAP_EXPECT(t, !kmem_cache_find("test_alias"));
}

/* A cache that is destroyed under a walk: the walk goes on, nobody else finds it. */
static void test_walk(struct ktap *t)
{
	struct kmem_cache *s = make(t, SLAB_NO_MERGE), *found, *last, *next;

	if (!s)
		return;
	last = kmem_cache_create("test_last", SIZE, 0, SLAB_NO_MERGE, NULL);
	found = kmem_cache_find("test_info");
	KTAP_EXPECT(t, found == s);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	KTAP_EXPECT(t, !kmem_cache_find("test_info"));
	if (found) {
		next = kmem_cache_next(found);
		KTAP_EXPECT(t, next == last);
		if (next)
			kmem_cache_leave(next);
	}
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(last), 0);
}

/* ---- giving back ---- */

/* A cache that keeps what it can; NULL: no memory. */
static struct kmem_cache *fill(struct ktap *t)
{
	struct kmem_cache *s = make(t, SLAB_NO_MERGE);
	struct slab_info info;

	if (!s)
		return NULL;
	give(s, take(s, MANY));
	info = info_of(s);
	KTAP_EXPECT_EQ(t, info.active, 0);
	KTAP_EXPECT(t, info.all.slabs && (info.harts || !info.rounds));
	return s;
}

/* Does drop_slab() free @s's pages, and say so? */
static bool drops(struct kmem_cache *s)
{
	unsigned long its, before;

	give(s, take(s, MANY));
	its = info_of(s).all.slabs * info_of(s).pages;
	before = nr_free_pages();
	return its && drop_slab() >= its && !info_of(s).total && nr_free_pages() >= before + its;
}

/* It does, as soon as nobody else takes pages or shrinks caches meanwhile. */
static void test_shrinker(struct ktap *t)
{
	struct kmem_cache *s = fill(t);

	if (!s)
		return;
	KTAP_EXPECT(t, ktap_becomes(drops(s)));
	expect_sound(t, s);
	give(s, take(s, 10));
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
}

/* All memory; each page that is had after what was free is from caches. */
static void test_pressure(struct ktap *t)
{
	struct kmem_cache *s = fill(t);
	struct chain blocks = { 0 }, pages = { 0 };
	struct page *page;

	if (!s)
		return;
	while ((page = alloc_pages(GFP_NOWAIT | __GFP_NOWARN, MAX_ORDER)))
		push(&blocks, page);
	while (info_of(s).all.slabs && (page = alloc_page(GFP_TRY)))
		push(&pages, page);
	KTAP_EXPECT_EQ(t, info_of(s).total, 0);
	free_chain(&pages, 0);
	free_chain(&blocks, MAX_ORDER);
	expect_sound(t, s);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
}

static int fill_here(void *cache)
{
	struct kmem_cache *s = cache;

	give(s, take(s, MANY));
	return 0;
}

static void test_hart_off(struct ktap *t)
{
	struct kmem_cache *s;
	struct thread *thread;
	struct hart_error why;
	unsigned int cpu, last = 0;

	for_each_online_hart(cpu)
		last = cpu;
	if (!last) {
		ktap_skip(t, "one hart");
		return;
	}
	s = make(t, SLAB_NO_MERGE);
	thread = s ? kthread_create(fill_here, s, "fills") : NULL;
	KTAP_ASSERT(t, thread != NULL);
	KTAP_EXPECT_EQ(t, kthread_bind(thread, last), 0);
	wake_up_process(thread);
	kthread_join(thread);
	KTAP_EXPECT_EQ(t, kmem_cache_hart_objects(s, last) != 0, info_of(s).rounds != 0);
	KTAP_ASSERT_EQ(t, hart_off(last, &why), 0);
	KTAP_EXPECT_EQ(t, kmem_cache_hart_objects(s, last), 0);
	KTAP_EXPECT_EQ(t, info_of(s).magazines, 0);
	expect_sound(t, s);
	KTAP_EXPECT_EQ(t, hart_on(last, &why), 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
}

/* ---- destroying what others are at ---- */

static int holder_has; /* an object, as a drain has some; -1: no memory */

static int hold_some(void *cache)
{
	struct kmem_cache *s = cache;
	void *kept;

	drain_begins(s);
	kept = kmem_cache_alloc(s, GFP_KERNEL);
	__atomic_store_n(&holder_has, kept ? 1 : -1, __ATOMIC_SEQ_CST);
	sleep_ns(5000000);
	if (kept)
		kmem_cache_free(s, kept);
	drain_ends(s);
	return 0;
}

/* What another one gives back is waited for. */
static void test_destroy_drained(struct ktap *t)
{
	struct kmem_cache *s = make(t, SLAB_NO_MERGE);
	struct thread *thread = s ? kthread_create(hold_some, s, "holds") : NULL;

	KTAP_ASSERT(t, thread != NULL);
	holder_has = 0;
	wake_up_process(thread);
	KTAP_EXPECT(t, ktap_becomes(READ_ONCE(holder_has)));
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	kthread_join(thread);
}

static unsigned int flipped;
static bool flips_end;

static int flip_hart(void *arg)
{
	struct hart_error why;
	long failed = 0;

	while (!READ_ONCE(flips_end) && !failed)
		failed = hart_off(flipped, &why) || hart_on(flipped, &why);
	return (int)failed;
}

static void fill_a_little(void *cache)
{
	void *some[40];

	if (kmem_cache_alloc_bulk(cache, GFP_ATOMIC | __GFP_NOWARN, ARRAY_SIZE(some), some))
		kmem_cache_free_bulk(cache, ARRAY_SIZE(some), some);
}

/* What a hart has that goes off meanwhile is waited for, until it's given back. */
static void test_destroy_offline(struct ktap *t)
{
	struct thread *thread;
	unsigned int cpu;

	flipped = 0;
	for_each_online_hart(cpu)
		flipped = cpu;
	if (!flipped) {
		ktap_skip(t, "one hart");
		return;
	}
	flips_end = false;
	thread = kthread_create(flip_hart, NULL, "flips");
	KTAP_ASSERT(t, thread != NULL);
	wake_up_process(thread);
	for (unsigned round = 0; round < 50; round++) {
		struct kmem_cache *s = make(t, SLAB_NO_MERGE);

		if (!s)
			break;
		on_each_hart(fill_a_little, s);
		KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	}
	WRITE_ONCE(flips_end, true);
	KTAP_EXPECT_EQ(t, kthread_join(thread), 0);
}

/* Slabs begin where their frame's number says, and nowhere else. */
static void check_colours(struct ktap *t, unsigned size, unsigned align, unsigned expected)
{
	struct kmem_cache *s = kmem_cache_create("test_colour", size, align,
						 SLAB_NO_MERGE | SLAB_SKIP_KFENCE, NULL);
	unsigned unit = max(align, CACHE_LINE), nr;

	KTAP_ASSERT(t, s != NULL);
	if (slab_debugged(s)) /* there what is left is padding */
		expected = 1;
	nr = take(s, MANY);
	for (unsigned i = 0; i < nr; i++) {
		const struct page *slab = compound_head(virt_to_page(object[i]));
		unsigned long at =
			(unsigned long)slab_first(s, slab) - (unsigned long)page_address(slab);

		KTAP_EXPECT(t, slab_number(s, slab, (char *)object[i] - s->pad) != NO_OBJECT);
		KTAP_EXPECT(t,
			    at % unit == 0 && at + s->objects * s->size <= PAGE_SIZE << s->order);
		KTAP_EXPECT(t, (unsigned long)object[i] % max(align, 8U) == 0);
		memset(object[i], 0xc0, size);
		KTAP_EXPECT_EQ(t, at / unit, (page_to_pfn(slab) >> s->order) % expected);
	}
	expect_sound(t, s);
	give(s, nr);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
}

static void test_colours(struct ktap *t)
{
	static struct {
		u16 size, align, colours;
	} shapes[] = { { 192, 0, 2 }, { 64, 0, 1 }, { 192, 64, 2 }, { 512, 512, 1 } };

	for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++)
		check_colours(t, shapes[i].size, shapes[i].align, shapes[i].colours);
	for (unsigned size = 8; size < 4000; size = size * 5 / 4 + 8) {
		struct kmem_cache *s =
			kmem_cache_create("test_colour", size, 0, SLAB_NO_MERGE, NULL);

		KTAP_ASSERT(t, s != NULL);
		KTAP_EXPECT(t, s->colours + s->objects * s->size <= PAGE_SIZE << s->order);
		KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	}
}

static const struct ktap_case cases[] = {
	{ "figures", test_figures },
	{ "reclaimable", test_reclaimable },
	{ "sites", test_sites },
	{ "colours", test_colours },
	{ "handle", test_handle },
	{ "names", test_names },
	{ "walk", test_walk },
	{ "shrinker", test_shrinker },
	{ "pressure", test_pressure },
	{ "hart-off", test_hart_off },
	{ "destroy-drained", test_destroy_drained },
	{ "destroy-offline", test_destroy_offline },
	{},
};

static const struct ktap_suite suite_slab_info = { "slab_info", cases };
TABLE_ENTRY(ktap_suite, suite_slab_info);
