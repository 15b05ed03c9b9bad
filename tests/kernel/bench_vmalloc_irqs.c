/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_vmalloc_irqs.c - for how long areas turn interrupts off, by what is done
 *
 * Each step is what takes longest of its kind: thousands of neighbours that a purge makes one,
 * blocks of addresses that are taken apart, large areas that are freed with interrupts off.
 */
#include <kernel/lockdebug.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>
#include <shell/bench.h>
#include <shell/shell.h>

#include "bench_irqs.h"

#define AREAS 20000u

static struct {
	struct page *page;
	void **area; /* AREAS */
	u64 worst;   /* ns */
} run;

/* Interrupts were off for so long at most while @what was done. */
static void show(const char *what)
{
	u64 ns = bench_irqs_show(what);

	run.worst = max(run.worst, ns);
}

static void take(unsigned nr_pages)
{
	struct page *pages[24];

	for (unsigned i = 0; i < nr_pages; i++)
		pages[i] = run.page;
	for (unsigned i = 0; i < AREAS; i++)
		run.area[i] = vmap(pages, nr_pages, VM_MAP, PAGE_KERNEL);
	show("take");
}

static void give(unsigned from, unsigned step, const char *what)
{
	for (unsigned i = from; i < AREAS; i += step) {
		vunmap(run.area[i]);
		run.area[i] = NULL;
	}
	show(what);
}

static void purge(const char *what)
{
	vm_unmap_aliases();
	show(what);
}

static void look(void)
{
	struct vm_struct copy;
	unsigned long at = 0;

	vmalloc_validate();
	show("check");
	while (vmalloc_next(&at, &copy))
		;
	show("list");
}

/* Areas of so many pages. */
static void steps(unsigned nr_pages)
{
	shell_printf("  %u areas of %u pages:\n", AREAS, nr_pages);
	irqsoff_clear();
	take(nr_pages);
	give(0, 2, "half");
	look();
	purge("apart");
	look();
	give(1, 2, "rest");
	look();
	purge("purge");
}

/* One of @bytes. */
static void one(size_t bytes, const char *what)
{
	unsigned long flags;
	void *area;

	shell_printf("  an area of %lu KiB:\n", (unsigned long)bytes / 1024);
	area = vmalloc(bytes);
	show("make");
	vmalloc_validate();
	show("check");
	vfree(area);
	show("free");
	area = vmalloc_huge(bytes, GFP_KERNEL);
	show("huge");
	vfree(area);
	area = vmalloc_user(bytes); /* of single pages */
	show("user");
	local_irq_save(flags);
	vfree(area);
	local_irq_restore(flags);
	show(what);
	purge("purge");
}

static u64 run_vmalloc_irqs_off(void)
{
	run.page = alloc_page(GFP_KERNEL);
	run.area = vmalloc(AREAS * sizeof(*run.area));
	run.worst = 0;
	if (run.page && run.area) {
		steps(1);
		steps(20);
		one(16 * KiB, "atomic");
		one(8 * MiB, "atomic");
	}
	vfree(run.area);
	if (run.page)
		__free_page(run.page);
	return run.worst ? run.worst : BENCH_FAILED;
}

static const struct bench bench_vmalloc_irqs_off = {
	.key = "vmalloc_irqs_off",
	.run = run_vmalloc_irqs_off,
	.help = "nanoseconds that interrupts were off at most",
};
TABLE_ENTRY(bench, bench_vmalloc_irqs_off);
