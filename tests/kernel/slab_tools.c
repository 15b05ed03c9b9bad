/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_tools.c - see slab_tools.h
 */
#include "slab_tools.h"

#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <mm/kstack.h>
#include <mm/page_alloc.h>
#include <mm/slab_info.h>
#include <mm/vmalloc.h>

#include "../../mm/slab.h"

#include <string.h>

#define MAX_CACHES	512
#define SETTLED_NS	10000000000ull
#define NR_FIRST_CACHES 3 /* that the others consist of, and aren't objects */

static struct {
	struct kmem_cache *s[MAX_CACHES];
	unsigned nr;
} used;

void *get(size_t size, gfp_t gfp)
{
	return kmalloc_at(size, gfp, 0);
}

u8 *takes_object(struct kmem_cache *s)
{
	u8 *object = kmem_cache_alloc(s, GFP_KERNEL);

	barrier();
	return object;
}

void gives_object(struct kmem_cache *s, void *object)
{
	kmem_cache_free(s, object);
	barrier();
}

bool is_filled(const void *from, unsigned char with, size_t bytes)
{
	const unsigned char *byte = from;

	for (size_t i = 0; i < bytes; i++)
		if (byte[i] != with)
			return false;
	return true;
}

void slab_prepare(struct ktap *t)
{
	struct kmem_cache *a, *b;

	for (size_t size = 8; size <= KMALLOC_MAX_CACHE_SIZE;
	     size = kmalloc_size_roundup(size + 1)) {
		kfree(get(size, GFP_KERNEL));
		kfree(krealloc(NULL, size, GFP_KERNEL));
	}
	kfree(get(64, GFP_KERNEL | GFP_DMA));
	kfree(get(64, GFP_KERNEL | GFP_DMA32));
	kfree(get(64, GFP_KERNEL | __GFP_RECLAIMABLE));
	kfree(kstrdup("12345678", GFP_KERNEL)); /* 16 bytes all three */
	kfree(kmemdup("123456789", 10, GFP_KERNEL));
	kfree(kasprintf(GFP_KERNEL, "%s", "12345678"));
	a = kmem_cache_create("test-a", 1000, 0, 0, NULL); /* a name that shares a cache */
	b = kmem_cache_create("test-b", 1000, 0, 0, NULL);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(a), 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(b), 0);
	slab_settle();
}

static bool has_something(const struct kmem_cache *s)
{
	for (unsigned cpu = 0; cpu < nr_harts; cpu++) {
		const struct slab_stack *stack = per_cpu_ptr(s->stacks, cpu);

		if (stack->full != slab_no_slot || stack->other)
			return true;
	}
	for (unsigned nid = 0; nid < MAX_NUMNODES; nid++)
		if (s->node[nid] && s->node[nid]->nr_slabs)
			return true;
	return false;
}

/* The first are those that the others consist of. */
unsigned long slab_settle(void)
{
	(void)ktap_quiet(); /* kswapd may have a slab in hand */
	used.nr = 0;
	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s))
		if (has_something(s) && used.nr < MAX_CACHES)
			used.s[used.nr++] = s;
	while (used.nr)
		kmem_cache_shrink(used.s[--used.nr]);
	return nr_free_pages();
}

void slab_end(struct ktap *t, unsigned long before)
{
	char fault[SLAB_FAULT_LEN] = "";

	slab_validate_all(fault, sizeof(fault));
	KTAP_EXPECT_STREQ(t, fault, "");
	KTAP_EXPECT_EQ(t, slab_settle(), before);
	slab_validate_all(fault, sizeof(fault));
	KTAP_EXPECT_STREQ(t, fault, "");
}

/* ---- objects in use, cache by cache ---- */

static struct {
	unsigned nr;
	struct count {
		char name[SLAB_NAME_LEN];
		unsigned long active;
	} cache[MAX_CACHES];
} counted;

/* Stacks that are kept are areas, which have records. */
static void settle(void)
{
	kstack_flush();
	vm_unmap_aliases();
	kmem_cache_shrink_all();
}

void slab_count(void)
{
	struct slab_info info;

	counted.nr = 0;
	settle();
	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s)) {
		struct count *c = &counted.cache[counted.nr];

		if (counted.nr == MAX_CACHES)
			continue;
		kmem_cache_info(s, &info);
		memcpy(c->name, info.name, sizeof(c->name));
		c->active = info.active;
		counted.nr++;
	}
}

static unsigned long active_before(const char *name)
{
	for (unsigned i = 0; i < counted.nr; i++)
		if (!strcmp(counted.cache[i].name, name))
			return counted.cache[i].active;
	return 0;
}

/* Not with as many objects in use as then, or with slabs for none. */
static bool is_other(const struct slab_info *info, bool say)
{
	unsigned long before = active_before(info->name);

	if (info->active == before && (info->active || !info->total))
		return false;
	if (say)
		pr_err("%s has %lu objects in use, %lu in all; in use before: %lu", info->name,
		       info->active, info->total, before);
	return true;
}

/* Caches that aren't as they were; @say: which.  Those of what caches consist of have more in use
 * if some of kmalloc()'s, which stay, were made meanwhile. */
static unsigned nr_other(bool say)
{
	unsigned long nr = 0, caches = 0, listed = 0;
	struct slab_info info;

	settle();
	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s)) {
		kmem_cache_info(s, &info);
		listed++;
		if (!slab_is_first(s))
			nr += is_other(&info, say);
		else if (!strcmp(info.name, "kmem_cache"))
			caches = info.active;
		else if (!strcmp(info.name, "magazine"))
			nr += is_other(&info, say);
	}
	return (unsigned)nr + (caches + NR_FIRST_CACHES != listed);
}

bool slab_recount(void)
{
	u64 end = ktime_ns() + SETTLED_NS;

	while (nr_other(false) && ktime_ns() < end)
		msleep(10);
	return !nr_other(true);
}
