/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_report.c - messages about objects that are misused, and those in use at the wrong time
 */
#define LOG_PREFIX "slab: "
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <mm/kfence.h>
#include <mm/memmap.h>

#include "internal.h"
#include "slab.h"

unsigned long slab_reports;

void slab_report(const struct kmem_cache *s, const void *object, const char *what)
{
	__atomic_fetch_add(&slab_reports, 1, __ATOMIC_RELAXED);
	if (page_reports_expected())
		return;
	warn_at(__FILE__, __LINE__, "BUG: slab: object %p of %s %s", object,
		s ? s->name : "nothing", what);
}

struct leaks {
	struct kmem_cache *s;
	unsigned left; /* to be shown */
	unsigned long nr;
};

/* Is @nr in the chain of @slab's free objects?  Nobody uses the cache. */
static bool in_chain(const struct kmem_cache *s, const struct page *slab, unsigned nr)
{
	unsigned at = slab->object_free;

	for (unsigned i = 0; i < s->objects && at < s->objects; i++) {
		if (at == nr)
			return true;
		at = *(u16 *)((char *)page_address(slab) + at * s->size + s->link) ^ s->key;
	}
	return false;
}

static bool list_used(const struct memmap_block *block, void *arg)
{
	const struct page *slab = pfn_to_page(block->pfn);
	struct leaks *leaks = arg;
	struct kmem_cache *s = leaks->s;

	if (block->state != BLOCK_IS_USED || !page_flag(slab, PG_slab) || slab->mapping != s)
		return false;
	for (unsigned nr = 0; nr < s->objects; nr++) {
		if (in_chain(s, slab, nr))
			continue;
		leaks->nr++;
		if (leaks->left && !page_reports_expected()) {
			leaks->left--;
			pr_err("%s: %p is in use", s->name,
			       (char *)page_address(slab) + nr * s->size);
		}
	}
	return false;
}

void slab_list_leaks(struct kmem_cache *s, unsigned max)
{
	struct leaks leaks = { .s = s,
			       .left = max,
			       .nr = kfence_leave(s, !page_reports_expected()) };

	for (unsigned i = 0; i < nr_mem_segments; i++)
		memmap_walk(mem_segments[i].start_pfn, mem_segments[i].end_pfn, list_used, &leaks);
	if (!page_reports_expected())
		pr_err("the cache %s can't be destroyed: %lu objects are in use", s->name,
		       leaks.nr);
}
