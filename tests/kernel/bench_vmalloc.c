/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_vmalloc.c - what vmalloc() and its vfree() cost, in instructions
 *
 * With their share of the fences, page tables and blocks of addresses that many of them need.
 * Interrupts are on: with them off, the end of a large area is left to a thread.
 * _single: where no large block is free.
 */
#include <kernel/percpu.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>
#include <shell/bench.h>

#include "page_chain.h"

#define ROUNDS 3
#define PAIRS  400

/* Failures are counted: BENCH_BEST's body can't leave. */
static u64 pair(size_t bytes)
{
	unsigned failed = 0;
	u64 best = BENCH_BEST_ON(ROUNDS, PAIRS, {
		void *area = vmalloc(bytes);

		failed += !area;
		vfree(area);
	});

	vm_unmap_aliases();
	return failed ? BENCH_FAILED : best;
}

/* Whoever wants more than two pages in a row gets none. */
static void take_blocks(struct page_chain *used)
{
	struct page *page;

	for (unsigned order = NR_ORDERS; order-- > 2;)
		while ((page = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, order)))
			chain_push(used, page);
}

/* The same where there are only single pages. */
static u64 fragmented_pair(size_t bytes)
{
	struct page_chain used = { 0 };
	u64 best = BENCH_FAILED;

	if (chain_fragment(&used)) {
		vfree(vmalloc(bytes)); /* what describes it is at hand, too */
		take_blocks(&used);
		best = pair(bytes);
	}
	chain_free(&used);
	return best;
}

static struct page *mapped[16];

static u64 map_pair(void)
{
	unsigned failed = 0;
	u64 best = BENCH_FAILED;

	if (alloc_pages_bulk(GFP_KERNEL, ARRAY_SIZE(mapped), mapped) == ARRAY_SIZE(mapped))
		best = BENCH_BEST_ON(ROUNDS, PAIRS, {
			void *area = vmap(mapped, ARRAY_SIZE(mapped), VM_MAP, PAGE_KERNEL);

			failed += !area;
			vunmap(area);
		});
	for (unsigned i = 0; i < ARRAY_SIZE(mapped) && mapped[i]; i++) {
		__free_page(mapped[i]);
		mapped[i] = NULL;
	}
	vm_unmap_aliases();
	return failed ? BENCH_FAILED : best;
}

#define BENCH_VMALLOC(name, expr)                                             \
	static u64 run_##name(void)                                           \
	{                                                                     \
		return expr;                                                  \
	}                                                                     \
	static const struct bench bench_##name = { #name, run_##name, NULL }; \
	TABLE_ENTRY(bench, bench_##name)

BENCH_VMALLOC(vmalloc4k_pair, pair(4096));
BENCH_VMALLOC(vmalloc16k_pair, pair(16384));
BENCH_VMALLOC(vmalloc64k_pair, pair(65536));
BENCH_VMALLOC(vmalloc1m_pair, pair(1 << 20));
BENCH_VMALLOC(vmalloc1m_single_pair, fragmented_pair(1 << 20));
BENCH_VMALLOC(vmap64k_pair, map_pair());
