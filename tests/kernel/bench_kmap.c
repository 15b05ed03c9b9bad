/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_kmap.c - what it costs to reach a page's contents, in instructions
 *
 * kmap_local_pair: a page outside of the linear map; _low: one inside.  Without high memory the
 * first is skipped.
 */
#include <mm/highmem.h>
#include <mm/page_alloc.h>
#include <shell/bench.h>

static u64 local_pair(gfp_t gfp, bool high)
{
	struct page *page = alloc_page(gfp | __GFP_NOWARN);
	u64 best = BENCH_SKIPPED;

	if (!page)
		return BENCH_FAILED;
	if (PageHighMem(page) == high)
		best = BENCH_BEST(1000, {
			void *addr = kmap_local_page(page);

			barrier();
			kunmap_local(addr);
		});
	__free_page(page);
	return best;
}

static u64 run_kmap_local_pair(void)
{
	return local_pair(GFP_ATOMIC | __GFP_HIGHMEM, true);
}

static u64 run_kmap_local_low_pair(void)
{
	return local_pair(GFP_ATOMIC, false);
}

/* A page that kmap() has a window for already. */
static u64 run_kmap_pair(void)
{
	struct page *page = alloc_page(GFP_ATOMIC | __GFP_HIGHMEM | __GFP_NOWARN);
	u64 best = BENCH_SKIPPED;

	if (!page)
		return BENCH_FAILED;
	if (PageHighMem(page)) {
		kmap(page);
		best = BENCH_BEST(1000, {
			kmap_high(page);
			kunmap_high(page);
		});
		kunmap(page);
	}
	__free_page(page);
	return best;
}

static const struct bench bench_local = { .key = "kmap_local_pair", .run = run_kmap_local_pair };
static const struct bench bench_low = { .key = "kmap_local_low_pair",
					.run = run_kmap_local_low_pair };
static const struct bench bench_pool = { .key = "kmap_pair", .run = run_kmap_pair };
TABLE_ENTRY(bench, bench_local);
TABLE_ENTRY(bench, bench_low);
TABLE_ENTRY(bench, bench_pool);
