/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_slab_cases.c - small objects: what is said of misuse, and what can't be had
 */
#include "slab_world.h"

#include <base/errno.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <mm/kmalloc.h>
#include <stdio.h>
#include <string.h>

static void build(void)
{
	static const struct world w = { .base = 0x80000000,
					.bytes = 16 * MiB,
					.bank = { { 0x80000000, 0x81000000, 0 } } };

	nr_harts = 1;
	page_reports_expect(false);
	slab_world_build(&w);
	host_log_clear();
}

static struct kmem_cache *create(unsigned size)
{
	struct kmem_cache *s = kmem_cache_create("tested", size, 0, SLAB_NO_MERGE, NULL);

	EXPECT(s);
	return s;
}

/* The reason why a cache can't be is named. */
TEST(nonsense_is_named)
{
	build();
	EXPECT(!kmem_cache_create("", 8, 0, 0, NULL) && host_log_contains("it has no name"));
	EXPECT(!kmem_cache_create("none", 0, 0, 0, NULL));
	EXPECT(host_log_contains("no cache none of 0 bytes"));
	EXPECT(!kmem_cache_create("huge", 1 << 20, 0, 0, NULL) && host_log_contains("too large"));
	EXPECT(!kmem_cache_create("odd", 8, 12, 0, NULL) && host_log_contains("no power of two"));
	EXPECT(!kmem_cache_create("wide", 8, 8192, 0, NULL));
	EXPECT(host_log_contains("larger than a page"));
	EXPECT(!kmem_cache_create("new", 8, 0, 1, NULL) && host_log_contains("unknown flags"));
	EXPECT_PANIC("no memory for the cache none",
		     EXPECT(!kmem_cache_create("none", 0, 0, SLAB_PANIC, NULL)));
	slab_world_end();
}

/* A cache that can't be destroyed lists the objects in use, these and no others. */
TEST(leaks_are_listed)
{
	struct kmem_cache *s;
	char text[32];
	void *object[20];

	build();
	s = create(100);
	for (unsigned i = 0; i < ARRAY_SIZE(object); i++)
		EXPECT(object[i] = kmem_cache_alloc(s, GFP_KERNEL));
	for (unsigned i = 0; i < ARRAY_SIZE(object); i++)
		if (i != 7 && i != 13)
			kmem_cache_free(s, object[i]);
	EXPECT_EQ(kmem_cache_destroy(s), -EBUSY);
	EXPECT(host_log_contains("2 objects are in use"));
	for (unsigned i = 0; i < ARRAY_SIZE(object); i++) {
		snprintf(text, sizeof(text), "%p is in use", object[i]);
		EXPECT_EQ(host_log_contains(text), i == 7 || i == 13);
	}
	kmem_cache_free(s, object[7]);
	kmem_cache_free(s, object[13]);
	EXPECT_EQ(kmem_cache_destroy(s), 0);
	slab_world_end();
}

/* Misuse is reported with the object and the cache. */
TEST(misuse_is_named)
{
	struct kmem_cache *s, *other;
	char text[32];
	void *object;

	build();
	s = create(100);
	other = kmem_cache_create("another", 200, 0, SLAB_NO_MERGE, NULL);
	EXPECT(object = kmem_cache_alloc(s, GFP_KERNEL));
	snprintf(text, sizeof(text), "%p of another", object);
	kmem_cache_free(other, object);
	EXPECT(host_log_contains(text) && host_log_contains("isn't of this cache"));
	kmem_cache_free(s, object);
	kmem_cache_free(s, object);
	snprintf(text, sizeof(text), "%p of tested", object);
	EXPECT(host_log_contains(text) && host_log_contains("was freed before"));
	kfree(page_address(pfn_to_page(PFN_DOWN(host_phys_base) + 100)));
	EXPECT(host_log_contains("isn't kmalloc()'s"));
	EXPECT_EQ(slab_reports, 3);
	EXPECT_EQ(host_warnings, 3);
	EXPECT_EQ(kmem_cache_destroy(s), 0);
	EXPECT_EQ(kmem_cache_destroy(other), 0);
	slab_world_end();
}

/* Somebody writes to an object that he freed: the chain of its slab leads nowhere.  What is left of
 * it is lost, nothing else, and everything agrees. */
TEST(a_broken_chain_is_reported)
{
	for (unsigned at = 0; at < 2; at++) {
		struct kmem_cache *s;
		struct page *slab;
		void *object[200];
		unsigned nr = 0;

		build();
		s = create(64);
		EXPECT(object[0] = kmem_cache_alloc(s, GFP_KERNEL));
		slab = compound_head(virt_to_page(object[0]));
		*link_of(s, slab_object(s, slab, slab->object_free)) =
			(u16)((at ? s->objects : NO_OBJECT - 1) ^ s->key);
		for (nr = 1; nr < ARRAY_SIZE(object); nr++) {
			EXPECT(object[nr] = kmem_cache_alloc(s, GFP_KERNEL));
			for (unsigned i = 0; i < nr; i++)
				EXPECT(object[i] != object[nr]);
			memset(object[nr], 0xff, 64);
		}
		EXPECT_EQ(slab_reports, 1);
		EXPECT(host_log_contains("was written to after it was freed"));
		slab_world_check();
		while (nr--)
			kmem_cache_free(s, object[nr]);
		EXPECT_EQ(kmem_cache_destroy(s), -EBUSY); /* the lost ones */
		slab_world_check();
	}
}

/* Without memory for harts' stacks a cache works, slower. */
TEST(without_stacks)
{
	struct kmem_cache *s;
	void *object[300], *large;

	build();
	for (unsigned i = 0; i < 1000 && __alloc_percpu(16, 8); i++)
		;
	s = create(72);
	EXPECT_EQ(s->rounds, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(object); i++)
		EXPECT(object[i] = kmem_cache_alloc(s, GFP_KERNEL | __GFP_ZERO));
	EXPECT(large = kmalloc(700, GFP_KERNEL));
	slab_world_check();
	for (unsigned i = 0; i < ARRAY_SIZE(object); i++)
		kmem_cache_free(s, object[i]);
	kfree(large);
	EXPECT_EQ(slab_reports, 0);
	EXPECT_EQ(kmem_cache_destroy(s), 0);
	slab_world_check();
}

/* Without pages for it nothing is made, and nothing is lost. */
TEST(without_pages)
{
	build();
	slab_fail_percent = 100;
	EXPECT(!kmem_cache_create("late", 500, 0, SLAB_NO_MERGE, NULL));
	EXPECT(!kmalloc(500, GFP_KERNEL));
	EXPECT(!kmalloc(50000, GFP_KERNEL));
	EXPECT(!kstrdup("text", GFP_KERNEL));
	slab_fail_percent = 0;
	slab_world_end();
}
