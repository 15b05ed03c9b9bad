/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_faults.c - what is said of an address that can't be accessed
 *
 * Each kind of place is described as what it is, and each of these addresses faults indeed.  The
 * reports themselves are tests/system/test_traps.py's.
 */
#include <asm/layout.h>
#include <asm/mmu.h>
#include <asm/tlb.h>
#include <asm/trap.h>
#include <kernel/preempt.h>
#include <mm/ioremap.h>
#include <mm/kmap.h>
#include <mm/memblock.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>
#include <sched/thread.h>
#include <shell/ktap.h>
#include <stdio.h>
#include <string.h>

static bool writable(unsigned long va)
{
	u8 byte = 0;

	return !probe_read(&byte, (void *)va, 1) && !probe_write((void *)va, &byte, 1);
}

/* Does @what stand in what is said of @va, where nothing can be written? */
static void check(struct ktap *t, unsigned long va, const char *what)
{
	char text[TRAP_TEXT];

	trap_describe(va, text, sizeof(text));
	if (!KTAP_EXPECT(t, strstr(text, what)) || !KTAP_EXPECT(t, !writable(va)))
		ktap_diag(t, "0x%lx: %s, expected: %s", va, text, what);
}

static void test_places(struct ktap *t)
{
	const struct va_layout *v = &va_layout;

	check(t, 0x12345678, "a user address");
	if (sizeof(long) == 8)
		check(t, ~0UL / 2 + 0x10000, "no address of this paging mode");
	check(t, ~0UL - 4096 * 2, "where nothing is mapped");
	check(t, v->scratch_base, "where nothing is mapped");
	check(t, v->vmalloc_base + v->vmalloc_bytes - 4096, " area"); /* none, or freed */
	check(t, (unsigned long)test_places, "mapped r-x, test_places+0x0/");
	check(t, (unsigned long)"constant", "mapped r--");
}

static void test_memory(struct ktap *t)
{
	phys_addr_t pa = memblock_end_of_DRAM();
	unsigned long va = va_layout.linear_base + va_layout.linear_bytes - 8, seen = 0;
	const struct memblock_region *r;

	if (pa < va_layout.phys_base + va_layout.linear_bytes) {
		check(t, va, "linear map of 0x");
		check(t, va, "where no memory is");
	}
	if (sizeof(long) == 8) {
		va = va_layout.vmemmap_base + va_layout.vmemmap_bytes - 8;
		check(t, va, "descriptor of pfn 0x");
		check(t, va, "where no memory is");
	}
	for_each_mem_range(r) {
		if (!(r->flags & MEMBLOCK_NOMAP) || r->base + r->size > va_layout.low_end)
			continue;
		check(t, (unsigned long)__va(r->base), "which is no-map memory");
		seen++;
	}
	ktap_diag(t, "%lu ranges of no-map memory", seen);
}

static void test_areas(struct ktap *t)
{
	unsigned long area = (unsigned long)vmalloc(5000);

	KTAP_ASSERT(t, area);
	check(t, area + 2 * PAGE_SIZE, "behind the 8192 bytes of vmalloc area 0x");
	check(t, area + 2 * PAGE_SIZE, "made by test_areas+0x");
	vfree((void *)area);
	check(t, area + PAGE_SIZE, "in the freed 8192 bytes of vmalloc area 0x");
	check(t, area, "made by test_areas+0x");
	vm_unmap_aliases();
	check(t, area, "in the freed and purged 8192 bytes of vmalloc area 0x");
	area = (unsigned long)vmalloc(40 * PAGE_SIZE);
	KTAP_ASSERT(t, area);
	vfree((void *)area);
	check(t, area + 3 * PAGE_SIZE, "in the freed 163840 bytes of vmalloc area 0x");
	vm_unmap_aliases();
	check(t, area + 3 * PAGE_SIZE, "in the freed and purged 163840 bytes");
}

static void test_registers(struct ktap *t)
{
	unsigned long base = (unsigned long)ioremap(arch_phys_end() - PAGE_SIZE, 8);

	KTAP_ASSERT(t, base);
	check(t, base + PAGE_SIZE, "behind the 4096 bytes of ioremap area 0x");
	check(t, base + PAGE_SIZE,
	      sizeof(long) == 8 ? " of 0xfffffffffff000, made by test_regis"
				: " of 0x3fffff000, made by test_regis");
	iounmap((void *)base);
	check(t, base, "in the freed 4096 bytes of ioremap area 0x");
	vm_unmap_aliases();
}

static int look_below(void *arg)
{
	check(arg, current->stack_lo - 8, "below the ");
	check(arg, current->stack_lo - 8, " bytes of looker's stack area 0x");
	check(arg, current->stack_lo + STACK_SIZE, "behind the ");
	return 0;
}

static void test_stack(struct ktap *t)
{
	struct thread *thread = kthread_run(look_below, t, "looker");

	KTAP_ASSERT(t, thread != NULL);
	kthread_join(thread);
}

struct windows {
	struct ktap *t;
	struct page *page;
};

static int run_over_window(void *arg)
{
	const struct windows *w = arg;
	unsigned long local;
	char said[80];

	preempt_disable();
	local = (unsigned long)kmap_local_page(w->page);
	check(w->t, local + PAGE_SIZE, "window 0 was run over: it has pfn 0x");
	kunmap_local((void *)local);
	tlb_flush_local_all();
	snprintf(said, sizeof(said), "kmap_local_page() window 0 is unmapped: it had pfn 0x%lx",
		 page_to_pfn(w->page));
	check(w->t, local, said);
	preempt_enable();
	return 0;
}

/* Of the boot code's thread, and of one whose windows are an area. */
static void test_windows(struct ktap *t)
{
	struct windows w = { t, alloc_page(GFP_KERNEL | __GFP_HIGHMEM) };
	struct thread *thread;

	KTAP_ASSERT(t, w.page != NULL);
	if (!PageHighMem(w.page)) {
		__free_page(w.page);
		return ktap_skip(t, "no high memory");
	}
	run_over_window(&w);
	thread = kthread_run(run_over_window, &w, "windows");
	if (KTAP_EXPECT(t, thread != NULL))
		kthread_join(thread);
	__free_page(w.page);
}

static const struct ktap_case cases[] = {
	{ "places", test_places },
	{ "memory", test_memory },
	{ "areas", test_areas },
	{ "registers", test_registers },
	{ "stack", test_stack },
	{ "windows", test_windows },
	{},
};

static const struct ktap_suite suite_faults = { "faults", cases };
TABLE_ENTRY(ktap_suite, suite_faults);
