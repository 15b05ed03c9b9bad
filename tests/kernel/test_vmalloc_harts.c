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

#include "../../mm/vmap.h"
#include "vmalloc_tools.h"

#define HELD	    24 /* areas that a thread has at a time */
#define THREADS_MAX 8
#define TURNS	    600 /* of all threads */
#define TURNS_NS    1000000000ull

/* ---- where it can't be done at once ---- */

/* One hart does something while all others wait for it in an interrupt handler: so whatever happens
 * in the meantime, it did. */
struct alone {
	void (*fn)(struct alone *a);
	unsigned cpu, nr; /* who; so many others wait */
	u32 here, done;
	struct ktap *t;
	struct vm_struct *chain; /* to be freed */
	void *area;
};

static void wait_for_it(struct alone *a)
{
	__atomic_fetch_add(&a->here, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&a->done, __ATOMIC_ACQUIRE))
		cpu_relax();
}

static void do_alone(struct alone *a)
{
	while (__atomic_load_n(&a->here, __ATOMIC_ACQUIRE) != a->nr)
		cpu_relax();
	a->fn(a);
	__atomic_store_n(&a->done, 1, __ATOMIC_RELEASE);
}

static void one_of_them(void *arg)
{
	struct alone *a = arg;

	if (smp_processor_id() == a->cpu)
		do_alone(a);
	else
		wait_for_it(a);
}

static bool is_other(unsigned int cpu, void *arg)
{
	const struct alone *a = arg;

	return cpu != a->cpu;
}

static void prepare_alone(struct alone *a, struct ktap *t)
{
	unsigned cpu;

	*a = (struct alone){ .t = t };
	for_each_online_hart(cpu) {
		a->nr++;
		a->cpu = cpu;
	}
	a->nr--;
}

/* In an interrupt handler, or, if there is but one hart, as if. */
static void in_handler(struct alone *a, void (*fn)(struct alone *a))
{
	a->fn = fn;
	on_each_hart(one_of_them, a);
}

/* In this thread, with interrupts off, and that's all. */
static void with_irqs_off(struct alone *a, void (*fn)(struct alone *a))
{
	unsigned long flags;

	a->fn = fn;
	local_irq_save(flags);
	a->cpu = smp_processor_id();
	on_each_hart_cond(is_other, one_of_them, a, false);
	do_alone(a);
	local_irq_restore(flags);
	on_each_hart_cond(is_other, one_of_them, a,
			  true); /* nobody is at the one before any more */
}

/* More small areas, without pages, than may be lazy.  False: no memory. */
static bool make_chain(struct alone *a)
{
	unsigned long bytes = 0, size = (VMAP_SMALL_PAGES - 1) * PAGE_SIZE;

	vm_unmap_aliases();
	while (bytes < vmap_state.lazy_max / 4 * 5 + 4 * MiB) {
		struct vm_struct *vm = get_vm_area_caller(size, 0, VM_IOREMAP, GFP_KERNEL, NULL);

		if (!vm)
			return false;
		vm->next_lazy = a->chain;
		a->chain = vm;
		bytes += size;
	}
	return true;
}

/* Too much is lazy then; no fence was made, but asked for. */
static void free_chain(struct alone *a)
{
	unsigned long before = vmap_state.purges;
	struct tlb_counts fences, now;

	tlb_read_counts(&fences);
	while (a->chain) {
		struct vm_struct *vm = a->chain;

		a->chain = vm->next_lazy;
		KTAP_EXPECT(a->t, remove_vm_area(vm->addr));
	}
	tlb_read_counts(&now);
	KTAP_EXPECT_EQ(a->t, vmap_state.purges, before);
	KTAP_EXPECT_EQ(a->t, now.flushes, fences.flushes);
	KTAP_EXPECT(a->t, vmap_state.lazy_bytes > vmap_state.lazy_max);
	KTAP_EXPECT(a->t, vmap_work_asked && vmap_state.purge_asked);
}

static void check_asked(struct ktap *t, void (*how)(struct alone *a, void (*fn)(struct alone *a)))
{
	unsigned long before;
	struct alone a;

	prepare_alone(&a, t);
	KTAP_ASSERT(t, make_chain(&a));
	before = vmap_state.purges;
	how(&a, free_chain);
	KTAP_EXPECT(t, ktap_becomes(READ_ONCE(vmap_state.purges) > before));
	KTAP_EXPECT(t, ktap_becomes(!READ_ONCE(vmap_state.purging)));
	KTAP_EXPECT(t, vmap_state.lazy_bytes <= vmap_state.lazy_max);
	vmalloc_validate();
}

/* Where no fence can be made, until more is lazy than may be: a thread purges. */
static void test_interrupt(struct ktap *t)
{
	check_asked(t, in_handler);
}

static void test_irqs_off(struct ktap *t)
{
	check_asked(t, with_irqs_off);
}

/* It's no area any more, but that was all. */
static void free_large(struct alone *a)
{
	unsigned long before = nr_free_pages();

	vfree(a->area);
	KTAP_EXPECT(a->t, !find_vm_area(a->area));
	KTAP_EXPECT(a->t, vmalloc_to_page(a->area) != NULL);
	KTAP_EXPECT_EQ(a->t, nr_free_pages(), before);
	KTAP_EXPECT(a->t, vmap_work_asked);
}

/* A large area has too many pages to give them back with interrupts off: a thread does, or whoever
 * wants no aliases. */
static void test_deferred(struct ktap *t)
{
	struct alone a;

	for (unsigned i = 0; i < 6; i++) {
		prepare_alone(&a, t);
		a.area = vmalloc(large() / 2);
		KTAP_ASSERT(t, a.area != NULL);
		(i & 1 ? in_handler : with_irqs_off)(&a, free_large);
		if (i < 4)
			vm_unmap_aliases();
		else
			KTAP_EXPECT(t, ktap_becomes(!vmalloc_to_page(a.area)));
		KTAP_EXPECT(t, !vmalloc_to_page(a.area));
	}
	KTAP_EXPECT(t, ktap_becomes(!READ_ONCE(vmap_state.ending)));
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

#define VIEWS	   24
#define VIEW_PAGES 20 /* no small area */

static void *view(struct page *page)
{
	struct page *pages[VIEW_PAGES];

	for (unsigned i = 0; i < VIEW_PAGES; i++)
		pages[i] = page;
	return vmap(pages, VIEW_PAGES, VM_MAP, PAGE_KERNEL);
}

/* A purge as they are when nobody wants all aliases gone.  Did it fence by address? */
static bool purge_by_address(void)
{
	struct tlb_counts before, after;

	tlb_read_counts(&before);
	WRITE_ONCE(vmap_state.purge_asked, true);
	vmap_work();
	tlb_read_counts(&after);
	return after.flushes > before.flushes && after.full == before.full;
}

/* An area between two others goes after all harts have read it, the purge has a few addresses to
 * fence, and another page takes them: who still sees the first one wasn't fenced. */
static void test_by_address(struct ktap *t)
{
	struct page *pages[2] = { NULL };
	void *views[VIEWS];
	unsigned seen = 0;

	if (!tlb_by_address())
		return ktap_skip(t, "no fences by address here");
	KTAP_ASSERT_EQ(t, alloc_pages_bulk(GFP_KERNEL, 2, pages), 2);
	*(unsigned long *)page_address(pages[0]) = 1;
	*(unsigned long *)page_address(pages[1]) = 2;
	vm_unmap_aliases();
	for (unsigned i = 0; i < VIEWS; i++)
		KTAP_ASSERT(t, (views[i] = view(pages[0])) != NULL);
	for (unsigned i = 1; i < VIEWS - 1; i++) {
		unsigned int old = tlb_force(i & 1 ? TLB_FORCE_IPI : 0);
		struct look look = { .at = views[i], .expected = 1 };
		bool by_address;

		on_each_hart(look_here, &look);
		vunmap(views[i]);
		by_address = purge_by_address();
		views[i] = view(pages[1]);
		KTAP_ASSERT(t, views[i] != NULL);
		seen += by_address && views[i] == look.at;
		look.at = views[i];
		look.expected = 2;
		on_each_hart(look_here, &look);
		KTAP_EXPECT_EQ(t, look.wrong, 0);
		tlb_force(old);
	}
	ktap_diag(t, "%u of %u views took the addresses of one fenced by address", seen, VIEWS - 2);
	KTAP_EXPECT(t, seen >= VIEWS / 2);
	for (unsigned i = 0; i < VIEWS; i++)
		vunmap(views[i]);
	__free_page(pages[0]);
	__free_page(pages[1]);
}

struct reach {
	void *at;
	u32 nr; /* harts that reach it */
};

static void reach_here(void *arg)
{
	struct reach *r = arg;
	unsigned long word;

	if (!probe_read(&word, r->at, sizeof(word)))
		__atomic_fetch_add(&r->nr, 1, __ATOMIC_RELAXED);
}

/* Whoever knew an area doesn't reach it once it's freed. */
static void test_gone(struct ktap *t)
{
	if (!vmap_gone_everywhere())
		return ktap_skip(t, "needs DEBUG=1 and debug_pagealloc=on");
	for (unsigned i = 0; i < 20; i++) {
		struct reach r = { .at = vmalloc((i & 1 ? 1 : 40) * PAGE_SIZE) };

		KTAP_ASSERT(t, r.at != NULL);
		on_each_hart(reach_here, &r);
		KTAP_EXPECT(t, r.nr > 0);
		vfree(r.at);
		r.nr = 0;
		on_each_hart(reach_here, &r);
		KTAP_EXPECT_EQ(t, r.nr, 0);
	}
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
	{ "irqs-off", test_irqs_off },
	{ "deferred", test_deferred },
	{ "stale", test_stale },
	{ "by-address", test_by_address },
	{ "gone", test_gone },
	{ "threads", test_threads },
	{},
};

static const struct ktap_suite suite_vmalloc_harts = { "vmalloc_harts", cases };
TABLE_ENTRY(ktap_suite, suite_vmalloc_harts);
