/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kstack.c - stacks: where they lie, that they are guarded, that all of it comes back
 *
 * A stack is good if every page of it can be written, nothing else has it, and the pages below and
 * above fault.  Each stack in use here carries its own address in each of its pages, so that a
 * page given out twice shows.
 */
#include <mm/kstack.h>

#include <asm/layout.h>
#include <asm/mmu.h>
#include <asm/tlb.h>
#include <base/errno.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/highmem.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>
#include <sched/thread.h>
#include <shell/ktap.h>
#include <string.h>

#include "../../mm/vmap.h"

#define PAGES	    (STACK_SIZE / PAGE_SIZE)
#define MANY	    500
#define MANY_ORDER  1  /* of the pages that their addresses take */
#define HELD	    12 /* stacks that a thread has at a time */
#define THREADS_MAX 16
/* Turns of all threads together, or, where flushes are slow (a host with fewer CPUs than harts), as
 * many as there is time for, but a few. */
#define TURNS	    400
#define TURNS_LEAST 4 /* of each */
#define TURNS_NS    1000000000ull

_Static_assert(MANY * sizeof(long) <= PAGE_SIZE << MANY_ORDER, "the addresses fit");

static bool accessible(unsigned long va)
{
	u8 byte;

	return !probe_read(&byte, (void *)va, 1) && !probe_write((void *)va, &byte, 1);
}

static void mark(unsigned long stack)
{
	for (unsigned long i = 0; i < PAGES; i++)
		*(unsigned long *)(stack + i * PAGE_SIZE) = stack + i;
}

static bool is_marked(unsigned long stack)
{
	for (unsigned long i = 0; i < PAGES; i++) {
		if (*(unsigned long *)(stack + i * PAGE_SIZE) != stack + i)
			return false;
	}
	return true;
}

static void expect_guarded(struct ktap *t, unsigned long stack)
{
	KTAP_EXPECT(t, accessible(stack));
	KTAP_EXPECT(t, accessible(stack + STACK_SIZE - 1));
	KTAP_EXPECT(t, !accessible(stack - 1));
	KTAP_EXPECT(t, !accessible(stack - STACK_SIZE));
	KTAP_EXPECT(t, !accessible(stack + STACK_SIZE));
}

static void test_one(struct ktap *t)
{
	unsigned int before = kstack_validate();
	unsigned long stack = kstack_alloc(NUMA_NO_NODE);

	KTAP_ASSERT(t, stack != 0);
	KTAP_EXPECT(t, find_vm_area((void *)stack) != NULL);
	KTAP_EXPECT_EQ(t, kstack_validate(), before + 1);
	expect_guarded(t, stack);
	mark(stack);
	kstack_free(stack);
	KTAP_EXPECT_EQ(t, kstack_validate(), before);
	kstack_flush();
	KTAP_EXPECT_EQ(t, kstack_validate(), before);
	KTAP_EXPECT(t, !accessible(stack));
	KTAP_EXPECT(t, !accessible(stack + STACK_SIZE - 1));
}

/* A freed stack is the next one's on this hart, as it is: no fence was made for it. */
static void test_reuse(struct ktap *t)
{
	unsigned long first = kstack_alloc(NUMA_NO_NODE), second;
	struct tlb_counts before, after;
	unsigned int reused = 0;

	KTAP_ASSERT(t, first != 0);
	for (int i = 0; i < 50; i++) {
		tlb_read_counts(&before);
		kstack_free(first);
		second = kstack_alloc(NUMA_NO_NODE);
		tlb_read_counts(&after);
		KTAP_ASSERT(t, second != 0);
		reused += second == first && before.flushes == after.flushes;
		first = second;
	}
	kstack_free(first);
	kstack_flush();
	KTAP_EXPECT(t, !accessible(first));
	KTAP_EXPECT(t, reused > 40);
}

/* Its area names the owner. */
static void test_owner(struct ktap *t)
{
	unsigned long stack = kstack_alloc(NUMA_NO_NODE), at;
	struct vm_struct vm;

	KTAP_ASSERT(t, stack != 0);
	kstack_own(stack, "somebody");
	at = stack - STACK_SIZE;
	KTAP_EXPECT(t, vmalloc_next(&at, &vm) && vm.addr == (void *)(stack - STACK_SIZE));
	KTAP_EXPECT(t, vm.flags & VM_STACK && vm.owner && !strcmp(vm.owner, "somebody"));
	kstack_free(stack);
	at = stack - STACK_SIZE;
	KTAP_EXPECT(t, !vmalloc_next(&at, &vm) || vm.addr > (void *)stack || !vm.owner);
	kstack_flush();
}

/* Many stacks share a flush. */
static void test_few_flushes(struct ktap *t)
{
	unsigned long stacks[32];
	struct tlb_counts before, after;

	for (unsigned int i = 0; i < ARRAY_SIZE(stacks); i++) {
		stacks[i] = kstack_alloc(NUMA_NO_NODE);
		KTAP_EXPECT(t, stacks[i] != 0);
	}
	kstack_flush();
	tlb_read_counts(&before);
	for (unsigned int i = 0; i < ARRAY_SIZE(stacks); i++)
		kstack_free(stacks[i]);
	tlb_read_counts(&after);
	ktap_diag(t, "%lu flushes for %zu stacks freed", after.flushes - before.flushes,
		  ARRAY_SIZE(stacks));
	KTAP_EXPECT(t, vmap_gone_everywhere() ||
			       after.flushes - before.flushes <= ARRAY_SIZE(stacks) / 8);
	kstack_flush();
}

static u32 random_below(u32 *seed, u32 n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed % n;
}

/* As many as half of memory holds: all different, all guarded, and back in any order. */
static void test_many(struct ktap *t)
{
	unsigned long *stacks = (unsigned long *)__get_free_pages(GFP_KERNEL, MANY_ORDER);
	u32 n = (u32)min((unsigned long)MANY, nr_free_lowpages() / (2 * PAGES)), got = 0;
	unsigned int before = kstack_validate();
	u32 seed = (u32)read_time() | 1;

	KTAP_ASSERT(t, stacks != NULL);
	while (got < n && (stacks[got] = kstack_alloc(NUMA_NO_NODE)))
		mark(stacks[got++]);
	ktap_diag(t, "%lu stacks at once", (unsigned long)got);
	KTAP_EXPECT_EQ(t, got, n);
	KTAP_EXPECT_EQ(t, kstack_validate(), before + got);
	for (u32 i = 0; i < got; i++)
		KTAP_EXPECT(t, is_marked(stacks[i]));
	for (u32 i = 0; i < got; i += 1 + got / 50)
		expect_guarded(t, stacks[i]);
	while (got) {
		u32 i = random_below(&seed, got--);

		kstack_free(stacks[i]);
		stacks[i] = stacks[got];
	}
	kstack_flush();
	KTAP_EXPECT_EQ(t, kstack_validate(), before);
	free_pages((unsigned long)stacks, MANY_ORDER);
}

/* ---- memory is short ---- */

/* Take every page; they are chained by .next. */
static u32 take_all(void)
{
	struct page *page;
	u32 list = 0;

	while ((page = alloc_page(GFP_KERNEL | __GFP_HIGHMEM | __GFP_NOWARN))) {
		page->next = list;
		list = (u32)page_index(page);
	}
	return list;
}

/* Give back @n pages of the list; @odd: with such frame numbers. */
static void give_back(u32 *list, unsigned int n, bool odd)
{
	while (*list && n) {
		struct page *page = index_page(*list);

		if (odd && !(page_to_pfn(page) & 1)) {
			list = &page->next;
			continue;
		}
		*list = page->next;
		__free_page(page);
		n--;
	}
}

static void test_no_memory(struct ktap *t)
{
	unsigned int before = kstack_validate();
	unsigned long stack;
	u32 held;

	kstack_flush();
	held = take_all();
	KTAP_EXPECT_EQ(t, kstack_alloc(NUMA_NO_NODE), 0);
	/* One page is too little, and stays. */
	give_back(&held, 1, false);
	if (PAGES > 1)
		KTAP_EXPECT_EQ(t, kstack_alloc(NUMA_NO_NODE), 0);
	KTAP_EXPECT_EQ(t, kstack_validate(), before);
	/* Odd pages only: there is no block of two, and a stack all the same. */
	give_back(&held, PAGES + 30, true);
	stack = kstack_alloc(NUMA_NO_NODE);
	if (KTAP_EXPECT(t, stack != 0)) {
		expect_guarded(t, stack);
		mark(stack);
		kstack_free(stack);
	}
	/* A stack that is kept for the next is memory too. */
	stack = kstack_alloc(NUMA_NO_NODE);
	KTAP_EXPECT(t, stack != 0);
	if (stack)
		kstack_free(stack);
	give_back(&held, ~0u, false);
	kstack_flush();
	KTAP_EXPECT_EQ(t, kstack_validate(), before);
}

/* ---- all harts ---- */

struct worker {
	struct ktap *t;
	struct thread *thread;
	u32 seed;
	unsigned int turns;
};

static int work(void *arg)
{
	struct worker *w = arg;
	unsigned long held[HELD] = { 0 };
	u64 until = ktime_ns() + TURNS_NS;

	for (unsigned int i = 0; i < w->turns && (i < TURNS_LEAST || ktime_ns() < until); i++) {
		unsigned long *slot = &held[random_below(&w->seed, HELD)];

		if (*slot) {
			KTAP_EXPECT(w->t, is_marked(*slot));
			kstack_free(*slot);
			*slot = 0;
		} else {
			*slot = kstack_alloc(NUMA_NO_NODE);
			if (KTAP_EXPECT(w->t, *slot != 0))
				mark(*slot);
		}
	}
	for (unsigned int i = 0; i < HELD; i++) {
		if (!held[i])
			continue;
		KTAP_EXPECT(w->t, is_marked(held[i]));
		kstack_free(held[i]);
	}
	return 0;
}

/* @n threads take and give back stacks. */
static void run_workers(struct ktap *t, unsigned int n)
{
	static struct worker workers[THREADS_MAX];

	for (unsigned int i = 0; i < n; i++) {
		workers[i] = (struct worker){ t, NULL, (u32)read_time() * 2 + 1 + i, TURNS / n };
		workers[i].thread = kthread_run(work, &workers[i], "stacks/%u", i);
		KTAP_EXPECT(t, workers[i].thread != NULL);
	}
	for (unsigned int i = 0; i < n; i++) {
		if (workers[i].thread)
			kthread_join(workers[i].thread);
	}
}

static void test_threads(struct ktap *t)
{
	unsigned int before = kstack_validate();

	for (unsigned int n = 1; n <= THREADS_MAX && !t->nr_failed; n *= 2) {
		run_workers(t, n);
		kstack_flush();
		KTAP_EXPECT_EQ(t, kstack_validate(), before);
	}
}

/* The thread that runs here stands on such a stack. */
static int check_own_stack(void *arg)
{
	struct ktap *t = arg;
	unsigned long here = (unsigned long)__builtin_frame_address(0);

	KTAP_EXPECT(t, here - current->stack_lo < STACK_SIZE);
	expect_guarded(t, current->stack_lo);
	return 0;
}

static void test_own(struct ktap *t)
{
	struct thread *thread = kthread_run(check_own_stack, t, "own");

	KTAP_ASSERT(t, thread != NULL);
	kthread_join(thread);
}

static const struct ktap_case cases[] = {
	{ "one", test_one },
	{ "own", test_own },
	{ "reuse", test_reuse },
	{ "owner", test_owner },
	{ "few-flushes", test_few_flushes },
	{ "many", test_many },
	{ "no-memory", test_no_memory },
	{ "threads", test_threads },
	{},
};

static const struct ktap_suite suite_kstack = { "kstack", cases };
TABLE_ENTRY(ktap_suite, suite_kstack);
