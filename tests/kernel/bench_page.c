/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_page.c - what the page allocator costs, in instructions
 *
 * pair: one allocation and its release, over and over, from a zone whose free memory is
 * fully merged.  half_pair: the same where every other page of half of the memory is
 * in use.  batchN: N allocations, then N releases, a pair.
 * Not here: the longest single call (bench_page_worst.c).
 */
#include <asm/memory.h>
#include <mm/highmem.h>
#include <mm/page_alloc.h>
#include <shell/bench.h>
#include "page_chain.h"

#include <string.h>

#define MAX_BATCH 4096
#define ROUNDS	  5

/* Inlined: gfp and order are known when compiled, as they are in most callers. */
static __always_inline u64 pair(gfp_t gfp, unsigned order)
{
	struct page *page = alloc_pages(gfp | __GFP_NOWARN, order);

	if (!page)
		return BENCH_FAILED;
	__free_pages(page, order);
	drain_all_pages();
	return BENCH_BEST(1000, __free_pages(alloc_pages(gfp, order), order));
}

/* Allocate @n blocks into @page; how many there were. */
static unsigned take_all(struct page **page, unsigned n, unsigned order)
{
	for (unsigned i = 0; i < n; i++) {
		page[i] = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, order);
		if (!page[i])
			return i;
	}
	return n;
}

static void give_all(struct page **page, unsigned n, unsigned order)
{
	while (n)
		__free_pages(page[--n], order);
}

static __always_inline u64 batch(unsigned n, unsigned order)
{
	unsigned room = 0, taken;
	struct page **page;
	u64 best;

	while ((PAGE_SIZE << room) < MAX_BATCH * sizeof(*page))
		room++;
	page = (struct page **)__get_free_pages(GFP_ATOMIC | __GFP_NOWARN, room);
	if (!page)
		return BENCH_FAILED;
	taken = take_all(page, n, order);
	give_all(page, taken, order);
	if (taken == n) {
		drain_all_pages();
		best = BENCH_BEST_OF(ROUNDS, 1, {
			for (unsigned i = 0; i < n; i++)
				page[i] = alloc_pages(GFP_ATOMIC, order);
			for (unsigned i = 0; i < n; i++)
				__free_pages(page[i], order);
		});
		best = (best + n / 2) / n;
	} else {
		best = BENCH_FAILED;
	}
	free_pages((unsigned long)page, room);
	return best;
}

/* As batch(), by the calls for many pages. */
static u64 bulk(unsigned n)
{
	struct page **page = (struct page **)__get_free_pages(GFP_ATOMIC | __GFP_NOWARN, 1);
	u64 best = BENCH_FAILED;

	for (unsigned round = 0; page && round <= ROUNDS; round++) {
		unsigned long got = 0;
		u64 cost;

		memset(page, 0, n * sizeof(*page));
		cost = BENCH_BEST_OF(1, 1, {
			got = alloc_pages_bulk(GFP_ATOMIC | __GFP_NOWARN, n, page);
			release_pages(page, got);
		});
		if (got < n)
			break;
		best = min(best, cost);
	}
	free_pages((unsigned long)page, 1);
	return best == BENCH_FAILED ? best : (best + n / 2) / n;
}

/* Take half of what is free in single pages, and give every other one back. */
bool chain_fragment(struct page_chain *used)
{
	unsigned long half = nr_free_lowpages() / 2;
	struct page_chain back = { 0 };

	for (unsigned long i = 0; i < half; i++) {
		struct page *page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);

		if (!page)
			break;
		chain_push(page_to_pfn(page) & 1 ? &back : used, page);
	}
	chain_free(&back);
	return used->nr >= half / 4;
}

static u64 half_pair(unsigned order)
{
	struct page_chain used = { 0 };
	u64 best = chain_fragment(&used) ? pair(GFP_ATOMIC, order) : BENCH_FAILED;

	chain_free(&used);
	return best;
}

#define BENCH_PAGE(name, expr)                                                        \
	static u64 run_##name(void)                                                   \
	{                                                                             \
		return expr;                                                          \
	}                                                                             \
	static const struct bench bench_##name = { .key = #name, .run = run_##name }; \
	TABLE_ENTRY(bench, bench_##name)

BENCH_PAGE(page0_pair, pair(GFP_ATOMIC, 0));
BENCH_PAGE(page0_batch1000, batch(1000, 0));
BENCH_PAGE(page0_batch4096, batch(MAX_BATCH, 0));
BENCH_PAGE(page_bulk_1000, bulk(1000));
BENCH_PAGE(page3_pair, pair(GFP_ATOMIC, 3));
BENCH_PAGE(page4_pair, pair(GFP_ATOMIC, 4));
BENCH_PAGE(page4_half_pair, half_pair(4));
BENCH_PAGE(page4_batch256, batch(256, 4));
BENCH_PAGE(page9_pair, pair(GFP_ATOMIC, 9));
BENCH_PAGE(page9_half_pair, half_pair(9));
BENCH_PAGE(page9_comp_pair, pair(GFP_ATOMIC | __GFP_COMP, 9));
BENCH_PAGE(zeroed_page_pair, pair(GFP_ATOMIC | __GFP_ZERO, 0));
