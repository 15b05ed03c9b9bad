/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cma.c - areas that are kept for large allocations, and lent meanwhile
 *
 * Needs a machine with one: cma=8M on the command line, or a pool in the device tree.
 */
#include <asm/memory.h>
#include <mm/buddy.h>
#include <mm/cma.h>
#include <mm/page_alloc.h>
#include <shell/ktap.h>

#include "movable.h"

#define GFP_LENT (__GFP_HIGHMEM | __GFP_MOVABLE | __GFP_MEMALLOC | __GFP_NOWARN)

static struct cma *area(struct ktap *t)
{
	if (!cma_default())
		ktap_skip(t, "no contiguous area on this machine");
	return cma_default();
}

static bool is_in(const struct cma *cma, const struct page *page)
{
	return page_to_pfn(page) - cma->base_pfn < cma->count;
}

static void check_sound(struct ktap *t)
{
	char fault[ZONE_FAULT_LEN] = "";
	struct zone *zone;

	for_each_zone(zone) {
		zone_validate(zone, fault, sizeof(fault));
		KTAP_EXPECT_STREQ(t, fault, "");
	}
}

static void test_alloc(struct ktap *t)
{
	unsigned long before = nr_free_pages();
	struct cma *cma = area(t);
	struct page *a, *b;

	if (!cma)
		return;
	a = cma_alloc(cma, 5, 0, false);
	b = cma_alloc(cma, 100, 6, false);
	KTAP_EXPECT(t, a && b && is_in(cma, a) && is_in(cma, b + 99));
	KTAP_EXPECT_EQ(t, cma_used(cma), 105);
	KTAP_EXPECT_EQ(t, nr_free_pages(), before - 105);
	if (b)
		KTAP_EXPECT_EQ(t, page_to_pfn(b) & 63, 0);
	KTAP_EXPECT(t, !cma_alloc(cma, cma->count, 0, true));
	KTAP_EXPECT(t, !cma_release(cma, pfn_to_page(cma->base_pfn + cma->count), 1));
	check_sound(t);
	KTAP_EXPECT(t, cma_release(cma, a, 5) && cma_release(cma, b, 100));
	a = cma_alloc(cma, cma->count, 0, false);
	KTAP_EXPECT(t, a == pfn_to_page(cma->base_pfn));
	if (a)
		cma_release(cma, a, cma->count);
	KTAP_EXPECT_EQ(t, cma_used(cma), 0);
	KTAP_EXPECT_EQ(t, nr_free_pages(), before);
	check_sound(t);
}

/* What can't be moved is never there, whatever else is full. */
static void test_unmovable(struct ktap *t)
{
	struct cma *cma = area(t);
	struct page_list held = { 0 };
	struct page *page;
	unsigned inside = 0;

	if (!cma)
		return;
	while ((page = alloc_page(GFP_ATOMIC | __GFP_NOWARN))) {
		inside += is_in(cma, page);
		page_list_add(&held, page);
	}
	KTAP_EXPECT_EQ(t, inside, 0);
	while ((page = page_list_pop(&held)))
		__free_page(page);
	check_sound(t);
}

/* Memory is full of movable pages, the area too; a third goes, and the area can be had whole. */
static void test_lent(struct ktap *t)
{
	struct cma *cma = area(t);
	struct page *page;
	u32 lent = 0;

	if (!cma)
		return;
	movable_reset();
	movable_take(~0UL, GFP_LENT);
	for (u32 i = movable_owner.pages.first; i; i = index_page(i)->next)
		lent += is_in(cma, index_page(i));
	KTAP_EXPECT(t, lent > cma->count / 2);
	movable_drop(cma->count > nr_managed_pages() / 4 ? 80 : 35);
	page = cma_alloc(cma, cma->count, 0, false);
	KTAP_EXPECT(t, page != NULL);
	KTAP_EXPECT(t, movable_owner.nr_moved > 0);
	ktap_diag(t, "%lu pages lent, %u moved", (unsigned long)lent, movable_owner.nr_moved);
	check_sound(t);
	if (page)
		cma_release(cma, page, cma->count);
	movable_check();
	KTAP_EXPECT(t, ktap_becomes(movable_drop_all())); /* kcompactd may be at it */
	KTAP_EXPECT_EQ(t, movable_owner.nr_spoiled, 0);
	check_sound(t);
}

static const struct ktap_case cases[] = {
	{ "alloc", test_alloc },
	{ "unmovable", test_unmovable },
	{ "lent", test_lent },
	{},
};
static const struct ktap_suite suite_cma = { "cma", cases };
TABLE_ENTRY(ktap_suite, suite_cma);
