/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_page_worst.c - the longest single call of the page allocator, in instructions
 *
 * Random calls of the orders 0 to 9, atomic, for all migrate types, interrupts off, and memory is:
 *
 *     page_worst             merged; in the second half nearly all of it is taken
 *     page_worst_fragmented  half taken, every other page of that half free again
 *     page_worst_min         taken down to the min watermark
 *     page_worst_fresh       never used since boot: all is taken, then all comes back.  To be the
 *                            first key of a boot.
 *     page_worst_forced      fragmented; bursts of one order, so that the harts' lists run empty
 *                            and full, and requests for large blocks fail while they are full
 *
 * Besides the figure, a line says which call was the longest for each order.
 */
#include <shell/bench.h>
#include <shell/shell.h>
#include "page_chain.h"

#include <string.h>

#define CALLS	  100000
#define ORDERS	  10
#define HELD	  256  /* blocks in use at once */
#define HELD_MANY 2048 /* in bursts, or all of memory */
#define LEFT	  4096 /* pages that stay free in the second half */

/* One run.  The table of held blocks is a block itself, of TABLE_ORDER. */
#define TABLE_ORDER 2
static struct {
	u32 random;
	u64 empty;		  /* instructions of measuring */
	u64 longest[2][ORDERS];	  /* of an allocation; of a release */
	struct page **held;	  /* free slots are NULL */
	struct page_chain others; /* in use meanwhile */
} run;

static u32 below(u32 n)
{
	run.random ^= run.random << 13;
	run.random ^= run.random >> 17;
	run.random ^= run.random << 5;
	return run.random % n;
}

static gfp_t any_type(void)
{
	static const u16 types[] = { 0, __GFP_MOVABLE, __GFP_RECLAIMABLE };

	return GFP_ATOMIC | __GFP_NOWARN | types[below(3)];
}

/* Allocate a block into an empty slot, or free what is there. */
static void timed_call(struct page **slot, gfp_t gfp, unsigned order)
{
	struct page *page = *slot;
	unsigned long flags;
	u64 start, n;

	if (page)
		order = block_order(page);
	local_irq_save(flags);
	start = bench_stamp();
	n = bench_stamp();
	run.empty = min(run.empty, n - start);
	if (page) {
		__free_pages(page, order);
		n = bench_stamp() - n;
		*slot = NULL;
	} else {
		page = alloc_pages(gfp, order);
		n = bench_stamp() - n;
		*slot = page;
		page = NULL;
	}
	local_irq_restore(flags);
	run.longest[page != NULL][order] = max(run.longest[page != NULL][order], n);
}

static void random_calls(unsigned nr)
{
	while (nr--) {
		struct page **slot = &run.held[below(HELD)];
		gfp_t gfp = any_type();

		timed_call(slot, gfp, below(ORDERS));
	}
}

/* Take blocks of @order, whole and then single pages, until about @left pages are free. */
static void take_most(gfp_t gfp, unsigned order, unsigned long left)
{
	while (nr_free_pages() > left + (1UL << order)) {
		struct page *page = alloc_pages(gfp | __GFP_NOWARN, order);

		if (!page)
			return;
		chain_push(&run.others, page);
	}
}

static void calls_plain(void)
{
	random_calls(CALLS / 2);
	take_most(GFP_ATOMIC, MAX_ORDER, LEFT);
	random_calls(CALLS / 2);
}

static void calls_fragmented(void)
{
	if (chain_fragment(&run.others))
		random_calls(CALLS);
}

static void calls_min(void)
{
	take_most(GFP_NOWAIT, MAX_ORDER, 0);
	take_most(GFP_NOWAIT, 0, 0); /* which stops at the mark */
	random_calls(CALLS);
}

/* Small orders mostly, so that memory lasts. */
static void calls_fresh(void)
{
	for (unsigned i = 0; i < HELD_MANY; i++) {
		unsigned order = below(ORDERS), other = below(ORDERS);

		timed_call(&run.held[i], any_type(), min(order, other));
	}
	for (unsigned i = 0; i < CALLS; i++) {
		struct page **slot = &run.held[below(HELD_MANY)];

		if (*slot)
			timed_call(slot, 0, 0);
	}
}

/* What is free in the burst's slots is taken, and what is taken is freed, about @nr of them. */
static void burst(unsigned nr)
{
	unsigned at = below(HELD_MANY), order = below(ORDERS);
	bool want_free = below(2);
	gfp_t gfp = any_type();

	for (unsigned i = 0; i < nr; i++) {
		struct page **slot = &run.held[(at + i) % HELD_MANY];

		if (want_free == (*slot != NULL))
			timed_call(slot, gfp, order);
	}
}

static void calls_forced(void)
{
	if (chain_fragment(&run.others))
		for (unsigned i = 0; i < CALLS / 256; i++)
			burst(below(512));
}

/* By order, without what measuring takes; returns the longest of all. */
static u64 show(const char *what, const u64 *longest)
{
	u64 worst = 0;

	shell_printf("  %s of order 0-9:", what);
	for (unsigned order = 0; order < ORDERS; order++) {
		u64 n = longest[order] ? longest[order] - run.empty : 0;

		shell_printf(" %lu", (unsigned long)n);
		worst = max(worst, n);
	}
	shell_puts("\n");
	return worst;
}

static u64 worst_of(void (*calls)(void))
{
	u64 taking, giving;

	memset(&run, 0, sizeof(run));
	run.random = 2463534242;
	run.empty = ~0ULL;
	run.held = (struct page **)__get_free_pages(GFP_ATOMIC | __GFP_ZERO, TABLE_ORDER);
	if (!run.held)
		return BENCH_FAILED;
	calls();
	for (unsigned i = 0; i < HELD_MANY; i++)
		if (run.held[i])
			__free_pages(run.held[i], block_order(run.held[i]));
	chain_free(&run.others);
	free_pages((unsigned long)run.held, TABLE_ORDER);
	taking = show("taking", run.longest[0]);
	giving = show("giving", run.longest[1]);
	return max(taking, giving);
}

#define BENCH_WORST(name, calls)                            \
	static u64 run_##name(void)                         \
	{                                                   \
		return worst_of(calls);                     \
	}                                                   \
	static const struct bench bench_##name = {          \
		.key = #name,                               \
		.run = run_##name,                          \
		.help = "instructions of the longest call", \
	};                                                  \
	TABLE_ENTRY(bench, bench_##name)

BENCH_WORST(page_worst, calls_plain);
BENCH_WORST(page_worst_fragmented, calls_fragmented);
BENCH_WORST(page_worst_min, calls_min);
BENCH_WORST(page_worst_fresh, calls_fresh);
BENCH_WORST(page_worst_forced, calls_forced);
