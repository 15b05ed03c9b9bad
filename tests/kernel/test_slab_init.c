/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_slab_init.c - init_on_alloc=1 and init_on_free=1, as small objects see them
 */
#include <kernel/percpu.h>
#include <mm/kfence.h>
#include <mm/page_alloc.h>
#include <mm/page_debug.h>

#include "../../mm/slab.h"
#include "slab_tools.h"

#include <string.h>

#define OBJECTS	  150
#define ALONE	  SLAB_NO_MERGE
#define NEW_CLEAR (PAGE_DEBUG_INIT_ALLOC | PAGE_DEBUG_INIT_FREE)

#ifdef CONFIG_KASAN
#define HAS_KASAN true
#else
#define HAS_KASAN false
#endif

static bool asked(struct ktap *t, u32 bits, const char *skip)
{
	if (!(page_debug & bits))
		ktap_skip(t, skip);
	return page_debug & bits;
}

/* ---- what is handed out ---- */

static void *take(struct kmem_cache *s, unsigned i)
{
	void *object = NULL;

	switch (i % 3) {
	case 0:
		return kmem_cache_alloc(s, GFP_KERNEL);
	case 1:
		return kmem_cache_alloc_node(s, GFP_KERNEL, (int)(i % nr_nodes));
	default:
		return kmem_cache_alloc_bulk(s, GFP_KERNEL, 1, &object) ? object : NULL;
	}
}

/* Three times, so that new slabs, slabs and magazines have their turn. */
static void check_new(struct ktap *t, unsigned size, slab_flags_t flags)
{
	struct kmem_cache *s = kmem_cache_create("test-init", size, 0, flags, NULL);
	unsigned char *object[OBJECTS];

	KTAP_ASSERT(t, s != NULL);
	for (unsigned round = 0; round < 3; round++) {
		unsigned dirty = 0;

		for (unsigned i = 0; i < OBJECTS; i++) {
			object[i] = take(s, i);
			KTAP_ASSERT(t, object[i] != NULL);
			dirty += !is_filled(object[i], 0, size);
			memset(object[i], 0xff, size);
		}
		KTAP_EXPECT_EQ(t, dirty, 0);
		for (unsigned i = 0; i < OBJECTS; i++)
			kmem_cache_free(s, object[i]);
	}
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
}

static void test_new(struct ktap *t)
{
	static const u16 sizes[] = { 3, 8, 44, 200, 1000 };
	unsigned long before = slab_settle();

	if (!asked(t, NEW_CLEAR, "init_on_alloc=1 isn't given"))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		check_new(t, sizes[i], ALONE);
		check_new(t, sizes[i], SLAB_RED_ZONE | SLAB_CONSISTENCY_CHECKS);
	}
	slab_end(t, before);
}

static void test_kmalloc(struct ktap *t)
{
	unsigned long before = slab_settle();

	if (!asked(t, NEW_CLEAR, "init_on_alloc=1 isn't given"))
		return;
	for (size_t size = 1; size < 20000; size = size * 2 + 3)
		for (int twice = 0; twice < 2; twice++) {
			unsigned char *object = get(size, GFP_KERNEL);

			KTAP_ASSERT(t, object != NULL);
			KTAP_EXPECT(t, is_filled(object, 0, ksize(object)));
			memset(object, 0xff, ksize(object));
			kfree(object);
		}
	slab_end(t, before);
}

/* ---- what comes back ---- */

static bool is_clear(const struct kmem_cache *s, const unsigned char *object)
{
	unsigned link = min((unsigned)(s->link - s->pad), s->object_size);
	unsigned behind = min(link + FREE_BYTES, s->object_size);

	return is_filled(object, 0, link) && is_filled(object + behind, 0, s->object_size - behind);
}

static void check_freed(struct ktap *t, slab_flags_t flags, void (*ctor)(void *), bool clear)
{
	struct kmem_cache *s =
		kmem_cache_create("test-freed", 100, 0, flags | SLAB_SKIP_KFENCE, ctor);
	unsigned char *object[OBJECTS];
	unsigned nr_clear = 0;
	unsigned long irq;

	KTAP_ASSERT(t, s != NULL);
	for (unsigned i = 0; i < OBJECTS; i++) {
		object[i] = kmem_cache_alloc(s, GFP_KERNEL);
		KTAP_ASSERT(t, object[i] != NULL);
		memset(object[i], 0x77, 100);
	}
	for (unsigned i = 0; i < OBJECTS - 1; i++) { /* the last keeps its slab */
		local_irq_save(irq);
		kmem_cache_free(s, object[i]);
		nr_clear += is_clear(s, object[i]);
		local_irq_restore(irq);
	}
	KTAP_EXPECT_EQ(t, nr_clear, clear ? OBJECTS - 1 : 0);
	kmem_cache_free(s, object[OBJECTS - 1]);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
}

static void no_ctor(void *object)
{
}

/* An object of which more must last than its memory isn't touched. */
static void test_freed(struct ktap *t)
{
	unsigned long before = slab_settle();

	if (!asked(t, PAGE_DEBUG_INIT_FREE, "init_on_free=1 isn't given"))
		return;
	if (HAS_KASAN) {
		ktap_skip(t, "KASAN reports who reads what is free");
		return;
	}
	check_freed(t, ALONE, NULL, true);
	check_freed(t, SLAB_RED_ZONE | SLAB_CONSISTENCY_CHECKS, NULL, true);
	check_freed(t, ALONE, no_ctor, false);
	check_freed(t, SLAB_TYPESAFE_BY_RCU, NULL, false);
	slab_end(t, before);
}

static void make_object(void *object)
{
	memset(object, 0x3e, 60);
}

/* A constructor's work lasts, whatever is given. */
static void test_constructed(struct ktap *t)
{
	unsigned long before = slab_settle();
	struct kmem_cache *s = kmem_cache_create("test-made", 60, 0, 0, make_object);
	unsigned char *object[OBJECTS];

	KTAP_ASSERT(t, s != NULL);
	KTAP_EXPECT(t, !(s->watched & WATCH_INIT));
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < OBJECTS; i++) {
			object[i] = kmem_cache_alloc(s, GFP_KERNEL);
			KTAP_ASSERT(t, object[i] != NULL);
			KTAP_EXPECT(t, is_filled(object[i], 0x3e, 60));
		}
		for (unsigned i = 0; i < OBJECTS; i++)
			kmem_cache_free(s, object[i]);
	}
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

/* Caches know whether they're cleared; without an argument hits stay hits. */
static void test_switch(struct ktap *t)
{
	unsigned long before = slab_settle();
	struct kmem_cache *s = kmem_cache_create("test-switch", 60, 0, ALONE, NULL);
	bool cleared;

	KTAP_ASSERT(t, s != NULL);
	cleared = (page_debug & NEW_CLEAR) && !(s->flags & SLAB_POISON);
	KTAP_EXPECT_EQ(t, !!(s->watched & WATCH_INIT), cleared);
	KTAP_EXPECT_EQ(t, s->watched || !s->rounds, s->handle.stack == slab_no_stack_offset());
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

static const struct ktap_case cases[] = {
	{ KTAP_PREPARE, slab_prepare },
	{ "new", test_new },
	{ "kmalloc", test_kmalloc },
	{ "freed", test_freed },
	{ "constructed", test_constructed },
	{ "switch", test_switch },
	{},
};
static const struct ktap_suite suite_slab_init = { "slab_init", cases };
TABLE_ENTRY(ktap_suite, suite_slab_init);
