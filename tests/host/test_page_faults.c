/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_page_faults.c - allocations that fail on purpose leave everything as it was
 *
 * The page allocator's files are compiled here once more, with CONFIG_FAULT_INJECTION.  Each
 * operation runs with its first, second, ... allocation failing until none is left to fail; each
 * time it either works or says no, and then not a page is missing and no list has changed.
 */
#define CONFIG_FAULT_INJECTION 1
#include "../../kernel/core/fault_inject.c"
#include "../../mm/page_alloc.c"
#include "../../mm/page_bulk.c"
#include "../../mm/page_exact.c"

#include "mm_world.h"

static const struct world plain = { .base = 0x80000000,
				    .bytes = 32 * MiB,
				    .bank = { { 0x80000000, 0x81000000, 0 },
					      { 0x81000000, 0x82000000, 1 } },
				    .cut = { 0x80800000 },
				    .reserves = true };

unsigned int current_thread_id(void)
{
	return 1;
}

void backtrace_here(void)
{
}

static struct page *bulk[100];

/* Each returns what it got, as a number, or 0; and gives it back. */
static unsigned long op_alloc(void)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, (unsigned)rnd_below(NR_ORDERS));

	if (page)
		put_page(page);
	return (unsigned long)page;
}

static unsigned long op_constant(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (page)
		__free_page(page);
	return (unsigned long)page;
}

static unsigned long op_constant_order(void)
{
	struct page *page = alloc_pages(GFP_ATOMIC | __GFP_MOVABLE, 3);

	if (page)
		__free_pages(page, 3);
	return (unsigned long)page;
}

static unsigned long op_node(void)
{
	struct page *page = alloc_pages_node(1, GFP_KERNEL, 2);

	if (page)
		__free_pages(page, 2);
	return (unsigned long)page;
}

static unsigned long op_reach(void)
{
	struct page *page = alloc_pages_for_reach(1, GFP_KERNEL, 1);

	if (page)
		__free_pages(page, 1);
	return (unsigned long)page;
}

static unsigned long op_address(void)
{
	unsigned long addr = get_zeroed_page(GFP_KERNEL);

	free_page(addr);
	return addr;
}

static unsigned long op_exact(void)
{
	void *addr = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);

	if (addr)
		free_pages_exact(addr, 5 * PAGE_SIZE);
	return (unsigned long)addr;
}

static unsigned long op_exact_node(void)
{
	void *addr = alloc_pages_exact_nid(0, 9 * PAGE_SIZE, GFP_KERNEL);

	if (addr)
		free_pages_exact(addr, 9 * PAGE_SIZE);
	return (unsigned long)addr;
}

static unsigned long op_folio(void)
{
	struct folio *folio = folio_alloc_node(GFP_KERNEL, 4, 0);

	if (folio)
		folio_put(folio);
	return (unsigned long)folio;
}

/* What there is stays, in front. */
static unsigned long op_bulk(void)
{
	unsigned long nr;

	memset(bulk, 0, sizeof(bulk));
	nr = alloc_pages_bulk(GFP_KERNEL | __GFP_ZERO, ARRAY_SIZE(bulk), bulk);
	for (unsigned long i = 0; i < ARRAY_SIZE(bulk); i++)
		EXPECT_EQ(bulk[i] != NULL, i < nr);
	for (unsigned long i = 0; i < nr; i++)
		__free_page(bulk[i]);
	return nr == ARRAY_SIZE(bulk);
}

static unsigned long op_bulk_listed(void)
{
	unsigned long nr;

	memset(bulk, 0, sizeof(bulk));
	nr = alloc_pages_bulk(GFP_KERNEL, ARRAY_SIZE(bulk), bulk);
	for (unsigned long i = 0; i < nr; i++)
		__free_page(bulk[i]);
	return nr == ARRAY_SIZE(bulk);
}

static const struct {
	const char *name;
	unsigned long (*run)(void);
} ops[] = {
	{ "alloc_pages", op_alloc },
	{ "alloc_page, constant", op_constant },
	{ "alloc_pages, constant", op_constant_order },
	{ "alloc_pages_node", op_node },
	{ "alloc_pages_for_reach", op_reach },
	{ "get_zeroed_page", op_address },
	{ "alloc_pages_exact", op_exact },
	{ "alloc_pages_exact_nid", op_exact_node },
	{ "folio_alloc_node", op_folio },
	{ "alloc_pages_bulk", op_bulk },
	{ "alloc_pages_bulk, lists", op_bulk_listed },
};

/* Everything came back: of each zone as many pages as there are. */
static void all_there(void)
{
	struct zone *zone;

	page_alloc_validate();
	for_each_zone(zone)
		EXPECT_EQ(zone->nr_free + zone_listed_pages(zone), zone->managed_pages);
	EXPECT_EQ(page_reports.bad_free, 0);
}

/* How often @op failed before it had no allocation left that could. */
static unsigned fail_each(unsigned op)
{
	const struct fault_point *point = fault_find("fail_page_alloc");
	unsigned nth = 0, failed;

	EXPECT(point);
	do {
		unsigned long got;

		fault_arm(point, ++nth);
		got = ops[op].run();
		failed = point->attr->failed;
		fault_arm(point, 0);
		EXPECT(got || failed);
		if (failed && nth == 1 && got)
			host_fail(__FILE__, __LINE__, "%s didn't notice", ops[op].name);
		all_there();
	} while (failed);
	EXPECT(ops[op].run());
	return nth - 1;
}

TEST(every_allocation_may_fail)
{
	for (int round = 0; round < 3; round++) {
		world_build(&plain);
		for (unsigned op = 0; op < ARRAY_SIZE(ops); op++) {
			unsigned failures = fail_each(op);

			if (!failures)
				host_fail(__FILE__, __LINE__, "%s can't fail", ops[op].name);
		}
		world_run_as((unsigned)rnd_below(WORLD_HARTS));
	}
	drain_all_pages();
	all_there();
}

/* A tenth of all, between others that work, with little memory and much held. */
TEST(allocations_fail_now_and_then)
{
	const struct fault_point *point = fault_find("fail_page_alloc");
	static struct page *held[6000];
	char *words[] = { "probability=10" };
	unsigned long nr = 0, failed = 0;
	const char *bad;

	world_build(&plain);
	EXPECT_EQ(fault_set(point, 1, words, &bad), 0);
	for (int step = 0; step < 100000; step++) {
		if (step % 16 == 0)
			world_run_as((unsigned)rnd_below(WORLD_HARTS));
		if (rnd_below(2) && nr) {
			__free_page(held[--nr]);
			continue;
		}
		if (!rnd_below(16))
			failed += !ops[rnd_below(ARRAY_SIZE(ops))].run();
		if (nr < ARRAY_SIZE(held) && (held[nr] = alloc_page(GFP_KERNEL | __GFP_NOWARN)))
			nr++;
		if (step % 5000 == 0)
			page_alloc_validate();
	}
	EXPECT(point->attr->failed > 3000 && failed > 300);
	fault_arm(point, 0);
	while (nr)
		__free_page(held[--nr]);
	drain_all_pages();
	all_there();
}
