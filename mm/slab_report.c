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
#include "slab_debug.h"

unsigned long slab_reports;

/* What tests do on purpose is kept in the log, and not shown. */
enum log_level slab_report_level(void)
{
	return page_reports_expected() ? LOG_DEBUG : LOG_ERR;
}

void slab_report(const struct kmem_cache *s, const void *object, const char *what)
{
	const char *name = s ? s->name : "nothing";

	__atomic_fetch_add(&slab_reports, 1, __ATOMIC_RELAXED);
	if (page_reports_expected())
		pr_debug("object %p of %s %s", object, name, what);
	else
		warn_at(__FILE__, __LINE__, "BUG: slab: object %p of %s %s", object, name, what);
	slab_debug_show(slab_report_level(), object);
}

struct leaks {
	struct kmem_cache *s;
	unsigned left; /* to be shown */
	unsigned long nr;
};

static void show_leak(const struct kmem_cache *s, const void *object)
{
	printk(slab_report_level(), LOG_PREFIX "%s: %p is in use", s->name, object);
	slab_debug_show(slab_report_level(), object);
}

static bool list_used(const struct memmap_block *block, void *arg)
{
	const struct page *slab = pfn_to_page(block->pfn);
	struct leaks *leaks = arg;
	struct kmem_cache *s = leaks->s;

	if (block->state != BLOCK_IS_USED || !page_flag(slab, PG_slab) || slab->mapping != s)
		return false;
	for (unsigned nr = 0; nr < s->objects; nr++) {
		if (slab_in_chain(s, slab, nr))
			continue;
		leaks->nr++;
		if (leaks->left) {
			leaks->left--;
			show_leak(s, slab_object(s, slab, nr) + s->pad);
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
	printk(slab_report_level(),
	       LOG_PREFIX "the cache %s can't be destroyed: %lu objects are in use", s->name,
	       leaks.nr);
}
