/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_slab_irqs.c - for how long small objects turn interrupts off, by what is done
 *
 * Each step is what takes longest of its kind: objects that are each the last one of their slab,
 * magazines full of these, hundreds of caches.  Nothing here turns interrupts off itself.
 */
#include <kernel/lockdebug.h>
#include <kernel/smp.h>
#include <mm/kfence.h>
#include <mm/kmalloc.h>
#include <mm/page_alloc.h>
#include <shell/bench.h>
#include <shell/shell.h>

#include "bench_irqs.h"

#define OBJECTS 6000
#define CACHES	500

static struct {
	void **object; /* OBJECTS */
	struct kmem_cache *cache;
	struct kmem_cache *crowd[CACHES];
	u64 worst; /* ns */
} run;

/* Interrupts were off for so long at most while @what was done. */
static void show(const char *what)
{
	u64 ns = bench_irqs_show(what);

	run.worst = max(run.worst, ns);
}

static struct page *slab_of(unsigned i)
{
	return run.object[i] ? compound_head(virt_to_page(run.object[i])) : NULL;
}

static void take(void)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		run.object[i] = kmem_cache_alloc(run.cache, GFP_KERNEL);
}

static void give(unsigned i)
{
	if (run.object[i])
		kmem_cache_free(run.cache, run.object[i]);
	run.object[i] = NULL;
}

/* All but one of each slab; these in a row. */
static void leave_last_ones(void)
{
	struct page *last = NULL;

	for (unsigned i = 0; i < OBJECTS; i++) {
		struct page *slab = slab_of(i);

		if (slab == last)
			give(i);
		last = slab;
	}
}

static void give_all(void)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		give(i);
}

static void steps(unsigned size)
{
	run.cache = kmem_cache_create("bench-irqs", size, 0, SLAB_NO_MERGE, NULL);
	if (!run.cache)
		return;
	shell_printf("  of %u bytes:\n", size);
	irqsoff_clear();
	take();
	show("take");
	leave_last_ones();
	show("give");
	give_all();
	show("empty");
	kmem_cache_shrink(run.cache);
	show("shrink");
	take();
	give_all();
	show("again");
	if (kmem_cache_destroy(run.cache))
		shell_puts("  objects are left\n");
	show("destroy");
}

static void sample(void *unused)
{
	kfence_sample();
}

/* What walks over all caches. */
static void many_caches(void)
{
	irqsoff_clear();
	for (unsigned i = 0; i < CACHES; i++)
		run.crowd[i] = kmem_cache_create("bench-crowd", 64, 0, SLAB_NO_MERGE, NULL);
	show("create");
	if (kmem_cache_destroy(kmem_cache_create("bench-alike", 8000, 0, 0, NULL)))
		shell_puts("  objects are left\n");
	show("merge");
	for (unsigned i = 0; i < 2 * CACHES; i++)
		on_each_hart(sample, NULL);
	show("sample");
	kmem_cache_shrink_all();
	show("all");
	for (unsigned i = 0; i < CACHES; i++)
		if (run.crowd[i] && kmem_cache_destroy(run.crowd[i]))
			shell_puts("  objects are left\n");
	show("destroy");
}

static u64 run_slab_irqs_off(void)
{
	static const u16 sizes[] = { 8, 64, 256, 1024, 4096 };

	run.object = kmalloc_array(OBJECTS, sizeof(*run.object), GFP_KERNEL);
	if (!run.object)
		return BENCH_FAILED;
	run.worst = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		steps(sizes[i]);
	many_caches();
	kfree(run.object);
	return run.worst;
}

static const struct bench bench_slab_irqs_off = {
	.key = "slab_irqs_off",
	.run = run_slab_irqs_off,
	.help = "nanoseconds that interrupts were off at most",
};
TABLE_ENTRY(bench, bench_slab_irqs_off);
