/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_vmalloc_harts.c - areas made and freed by several harts, and in interrupts; and translations
 * that a hart may still have
 */
#include <mm/vmalloc.h>

#include <asm/tlb.h>
#include <base/errno.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/kstack.h>
#include <sched/thread.h>

#include "vmalloc_tools.h"

#define HELD	    24 /* areas that a thread has at a time */
#define THREADS_MAX 8
#define TURNS	    600 /* of all threads */
#define TURNS_NS    1000000000ull

/* ---- where it can't be done at once ---- */

static void *to_free[8];

static void free_them(void *arg)
{
	for (unsigned i = 0; i < ARRAY_SIZE(to_free); i++) {
		vfree(to_free[i]);
		to_free[i] = NULL;
	}
}

/* From an interrupt handler, until more is lazy than may be: a thread purges. */
static void test_interrupt(struct ktap *t)
{
	struct vmalloc_info before, now;
	unsigned cpu = nr_harts - 1;

	vmalloc_info(&before);
	for (unsigned turn = 0; turn < 2000; turn++) {
		for (unsigned i = 0; i < ARRAY_SIZE(to_free); i++)
			to_free[i] = vmalloc(i & 1 ? PAGE_SIZE : min(large() / 16, (size_t)MiB));
		if (cpu == smp_processor_id() || smp_call_function_single(cpu, free_them, NULL)) {
			preempt_disable();
			free_them(NULL);
			preempt_enable();
		}
		vmalloc_info(&now);
		if (now.purges > before.purges)
			break;
	}
	KTAP_EXPECT(t, ktap_becomes((vmalloc_info(&now), now.purges > before.purges)));
	vmalloc_validate();
}

/* ---- what is stale ---- */

struct look {
	unsigned long *at;
	unsigned long expected;
	u32 wrong;
};

static void look_here(void *arg)
{
	struct look *look = arg;
	unsigned long found = 0;

	if (probe_read(&found, look->at, sizeof(found)) || found != look->expected)
		__atomic_fetch_add(&look->wrong, 1, __ATOMIC_RELAXED);
}

/* All harts have read an address; when it's another page's, all see that one.  With each way to
 * fence, and with addresses that had been read when nothing was there. */
static void test_stale(struct ktap *t)
{
	struct page *pages[2] = { NULL };
	unsigned reused = 0;
	void *last = NULL;

	KTAP_ASSERT_EQ(t, alloc_pages_bulk(GFP_KERNEL, 2, pages), 2);
	*(unsigned long *)page_address(pages[0]) = 1;
	*(unsigned long *)page_address(pages[1]) = 2;
	vm_unmap_aliases();
	for (unsigned i = 0; i < 60; i++) {
		unsigned int old = tlb_force(i % 3 == 1	  ? TLB_FORCE_FULL
					     : i % 3 == 2 ? TLB_FORCE_IPI
							  : 0);
		struct look look = { .expected = 1 + (i & 1) };

		look.at = vmap(&pages[i & 1], 1, VM_MAP, PAGE_KERNEL);
		KTAP_ASSERT(t, look.at != NULL);
		reused += look.at == last;
		last = look.at;
		on_each_hart(look_here, &look);
		KTAP_EXPECT_EQ(t, look.wrong, 0);
		vunmap(look.at);
		vm_unmap_aliases();
		tlb_force(old);
	}
	KTAP_EXPECT(t, reused > 10);
	__free_page(pages[0]);
	__free_page(pages[1]);
}

/* ---- all harts ---- */

static u32 random_below(u32 *seed, u32 n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed % n;
}

struct worker {
	struct ktap *t;
	struct thread *thread;
	u32 seed;
	unsigned turns;
	size_t most; /* pages of an area */
};

struct held {
	void *area;
	size_t bytes;
};

static void turn(struct worker *w, struct held *h)
{
	if (h->area) {
		KTAP_EXPECT(w->t, is_marked(h->area, h->bytes));
		vfree(h->area);
		h->area = NULL;
		return;
	}
	h->bytes = (1 + random_below(&w->seed, random_below(&w->seed, 3) ? 8 : (u32)w->most)) *
		   PAGE_SIZE;
	h->area = vmalloc(h->bytes);
	if (KTAP_EXPECT(w->t, h->area != NULL))
		mark(h->area, h->bytes);
	if (!random_below(&w->seed, 50))
		vm_unmap_aliases();
}

static int work(void *arg)
{
	struct worker *w = arg;
	struct held held[HELD] = { { NULL, 0 } };
	u64 until = ktime_ns() + TURNS_NS;

	for (unsigned i = 0; i < w->turns && (i < HELD || ktime_ns() < until); i++)
		turn(w, &held[random_below(&w->seed, HELD)]);
	for (unsigned i = 0; i < HELD; i++)
		if (held[i].area)
			turn(w, &held[i]);
	return 0;
}

static void run_workers(struct ktap *t, unsigned n)
{
	static struct worker workers[THREADS_MAX];
	size_t most = min((size_t)600, nr_free_pages() / 3 / (n * HELD / 2));

	for (unsigned i = 0; i < n; i++) {
		workers[i] = (struct worker){ t, NULL, (u32)read_time() * 2 + 1 + i, TURNS / n,
					      most ? most : 1 };
		workers[i].thread = kthread_run(work, &workers[i], "areas/%u", i);
		KTAP_EXPECT(t, workers[i].thread != NULL);
	}
	for (unsigned i = 0; i < n; i++)
		if (workers[i].thread)
			kthread_join(workers[i].thread);
}

static void test_threads(struct ktap *t)
{
	unsigned long before;

	kstack_flush();
	before = vmalloc_validate();
	for (unsigned n = 1; n <= THREADS_MAX && !t->nr_failed; n *= 2) {
		run_workers(t, n);
		kstack_flush();
		KTAP_EXPECT_EQ(t, vmalloc_validate(), before);
	}
}

static const struct ktap_case cases[] = {
	{ KTAP_PREPARE, prepare_areas },
	{ "interrupt", test_interrupt },
	{ "stale", test_stale },
	{ "threads", test_threads },
	{},
};

static const struct ktap_suite suite_vmalloc_harts = { "vmalloc_harts", cases };
TABLE_ENTRY(ktap_suite, suite_vmalloc_harts);
