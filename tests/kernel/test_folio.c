/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_folio.c - folios: references, mappings, flags, making and unmaking, on the machine itself
 *
 * tests/host/test_folio.c holds every call against a model; here is what needs the machine's own
 * atomic operations, and all harts at once.
 */
#include <asm/memory.h>
#include <base/errno.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/folio.h>
#include <shell/ktap.h>

#ifdef CONFIG_DEBUG_VM
#define CHECKED 1
#else
#define CHECKED 0 /* flags and references aren't looked at */
#endif

static void expect_sound(struct ktap *t, unsigned long bad_page, unsigned long bad_free)
{
	KTAP_EXPECT_EQ(t, page_reports.bad_page, bad_page);
	KTAP_EXPECT_EQ(t, page_reports.bad_free, bad_free);
	page_alloc_validate();
}

static void test_references(struct ktap *t)
{
	unsigned long bad_page = page_reports.bad_page, bad_free = page_reports.bad_free;
	struct folio *folio = folio_alloc(GFP_KERNEL, 2);

	KTAP_ASSERT(t, folio != NULL);
	KTAP_EXPECT(t, folio_test_large(folio));
	KTAP_EXPECT(t, virt_to_folio(folio_address(folio) + 3 * PAGE_SIZE) == folio);
	KTAP_EXPECT(t, !folio_try_get(folio)); /* nobody may find it */
	get_page(folio_page(folio, 3));
	KTAP_EXPECT(t, try_get_page(folio_page(folio, 1)));
	folio_set_found(folio);
	KTAP_EXPECT(t, folio_try_get(folio));
	KTAP_EXPECT(t, !folio_ref_freeze(folio, 3));
	KTAP_EXPECT(t, folio_ref_freeze(folio, 4));
	KTAP_EXPECT(t, !folio_try_get(folio) && !try_get_page(&folio->page));
	folio_ref_unfreeze(folio, 4);
	put_page(folio_page(folio, 2));
	folio_put_refs(folio, 2);
	KTAP_EXPECT_EQ(t, folio_ref_count(folio), 1);
	page_reports_expect(true);
	if (CHECKED) { /* more than there are */
		KTAP_EXPECT(t, !page_ref_sub_and_test(&folio->page, 2));
		KTAP_EXPECT_EQ(t, folio_ref_count(folio), 1);
	}
	folio_put(folio);
	folio_put(folio);
	page_reports_expect(false);
	expect_sound(t, bad_page + CHECKED, bad_free + 1);
}

static void test_mappings(struct ktap *t)
{
	unsigned long bad_page = page_reports.bad_page, bad_free = page_reports.bad_free;
	struct folio *folio = folio_alloc(GFP_KERNEL, 3);
	struct page *page = alloc_page(GFP_KERNEL);

	KTAP_ASSERT(t, folio && page);
	KTAP_EXPECT(t, page_add_map(page) && page_add_map(page));
	KTAP_EXPECT(t, page_add_map(folio_page(folio, 5)) && folio_add_entire_map(folio));
	KTAP_EXPECT_EQ(t, page_mapcount(page), 2);
	KTAP_EXPECT_EQ(t, page_mapcount(folio_page(folio, 5)), 2);
	KTAP_EXPECT_EQ(t, page_mapcount(folio_page(folio, 6)), 1);
	KTAP_EXPECT_EQ(t, folio_mapcount(folio), 2);
	KTAP_EXPECT_EQ(t, split_folio(folio), -EBUSY);
	page_reports_expect(true);
	__free_page(page); /* by every way */
	__free_pages(&folio->page, 3);
	folio_put(folio);
	put_page(page);
	KTAP_EXPECT(t, !page_remove_map(folio_page(folio, 4)));
	page_reports_expect(false);
	get_page(page);
	put_page(page);
	KTAP_EXPECT(t, !page_remove_map(page) && page_remove_map(page));
	KTAP_EXPECT(t, folio_remove_entire_map(folio) && page_remove_map(folio_page(folio, 5)));
	KTAP_EXPECT(t, !folio_mapped(folio) && !page_mapped(page));
	folio_put(folio);
	__free_page(page);
	expect_sound(t, bad_page + 1, bad_free + 4);
}

static void test_flags(struct ktap *t)
{
	unsigned long bad_page = page_reports.bad_page, bad_free = page_reports.bad_free;
	struct folio *folio = folio_alloc(GFP_KERNEL, 1);
	bool sound = true;
	u32 none;

	KTAP_ASSERT(t, folio != NULL);
	none = folio->flags;

#define BOTH_WAYS(X, x)                                                          \
	if (PG_##x != PG_writeback) {                                            \
		sound &= !TestSetPage##X(&folio->page) && folio_test_##x(folio); \
		sound &= folio->flags == (none | 1U << PG_##x);                  \
		folio_clear_##x(folio);                                          \
	}
	FOR_EACH_PAGE_FLAG(BOTH_WAYS)
	KTAP_EXPECT(t, sound);
	KTAP_EXPECT_EQ(t, folio->flags, none);
	KTAP_EXPECT(t, folio_trylock(folio) && !folio_trylock(folio));
	folio_set_writeback(folio);
	folio_clear_writeback(folio);
	folio_unlock(folio);
	if (CHECKED) {
		page_reports_expect(true);
		folio_unlock(folio);		    /* held by nobody */
		folio_set_writeback(folio);	    /* nor here */
		SetPageDirty(folio_page(folio, 1)); /* a tail */
		folio_set_slab(folio);
		folio_set_lru(folio); /* excluded */
		folio_clear_slab(folio);
		page_reports_expect(false);
	}
	folio_put(folio);
	expect_sound(t, bad_page + 4 * CHECKED, bad_free);
}

static void test_unmaking(struct ktap *t)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);

	KTAP_ASSERT(t, page != NULL);
	prep_compound_page(page, 3);
	KTAP_EXPECT(t, PageHead(page) && page_folio(page + 7) == (struct folio *)page);
	undo_compound_page(page);
	KTAP_EXPECT(t, !PageCompound(page) && !PageCompound(page + 7));
	prep_compound_page(page, 3);
	page->index = 40;
	get_page(page + 1);
	KTAP_EXPECT_EQ(t, split_folio(page_folio(page)), -EAGAIN);
	put_page(page + 1);
	KTAP_EXPECT_EQ(t, split_folio(page_folio(page)), 0);
	page_alloc_validate();
	for (unsigned i = 0; i < 8; i++) {
		KTAP_EXPECT_EQ(t, page[i].index, 40 + i);
		KTAP_EXPECT_EQ(t, page_count(page + i), 1);
		put_page(page + i);
	}
	page_alloc_validate();
}

static void test_exact(struct ktap *t)
{
	unsigned long before = nr_free_pages();

	for (unsigned nr = 1; nr <= 21; nr += 5) {
		size_t bytes = nr * PAGE_SIZE - 100;
		char *addr = alloc_pages_exact(bytes, GFP_KERNEL);

		KTAP_ASSERT(t, addr != NULL);
		KTAP_EXPECT_EQ(t, nr_free_pages(), before - nr);
		addr[bytes - 1] = 1;
		free_pages_exact(addr, bytes);
		KTAP_EXPECT_EQ(t, nr_free_pages(), before);
	}
}

/* ---- all harts: what one publishes the others find, and may find too late ---- */

#define SLOTS	4
#define CALLS	4000
#define MIN_ALL 50
#define ALL_NS	300000000ull

static struct folio *published[SLOTS];
static unsigned long nr_got, nr_wrong;

static void publish(struct folio *folio, unsigned slot)
{
	struct folio *old;

	if (folio)
		folio_set_found(folio);
	old = __atomic_exchange_n(&published[slot], folio, __ATOMIC_ACQ_REL);
	if (!old)
		return;
	if (folio_test_large(old) && !split_folio(old))
		put_page(folio_page(old, 1));
	folio_put(old);
}

/* rv32 takes no reference to what may be another's by now (mm/page_ref.h): its zone is held. */
static bool try_get(struct folio *folio)
{
	struct zone *zone = folio_zone(folio);
	unsigned long flags;
	bool got;

	if (sizeof(long) == sizeof(u64))
		return folio_try_get(folio);
	spin_lock_irqsave(&zone->lock, flags);
	got = folio_try_get(folio);
	spin_unlock_irqrestore(&zone->lock, flags);
	return got;
}

static void visit(struct folio *folio)
{
	if (!folio || !try_get(folio))
		return;
	__atomic_fetch_add(&nr_got, 1, __ATOMIC_RELAXED);
	if (!folio_test_found(folio) || PageTail(&folio->page) || folio_ref_count(folio) < 1)
		__atomic_fetch_add(&nr_wrong, 1, __ATOMIC_RELAXED);
	folio_put(folio);
}

static void work_on_hart(void *arg)
{
	u32 random = 1 + smp_processor_id();
	struct folio *stale = NULL;
	u64 start = ktime_ns();

	for (unsigned i = 0; i < CALLS && (i < MIN_ALL || ktime_ns() - start < ALL_NS); i++) {
		random = random * 1664525 + 1013904223;
		if (random >> 31)
			publish(folio_alloc(GFP_ATOMIC | __GFP_NOWARN, random >> 30 & 1),
				random >> 20 & (SLOTS - 1));
		else
			visit(stale);
		if (!(random >> 8 & 7))
			stale = READ_ONCE(published[random >> 16 & (SLOTS - 1)]);
		visit(READ_ONCE(published[random >> 12 & (SLOTS - 1)]));
	}
}

static void test_strangers(struct ktap *t)
{
	unsigned long bad_page = page_reports.bad_page, bad_free = page_reports.bad_free;

	nr_got = nr_wrong = 0;
	on_each_hart(work_on_hart, NULL);
	for (unsigned i = 0; i < SLOTS; i++)
		publish(NULL, i);
	KTAP_EXPECT(t, nr_got > 0);
	KTAP_EXPECT_EQ(t, nr_wrong, 0);
	expect_sound(t, bad_page, bad_free);
}

static const struct ktap_case cases[] = {
	{ "references", test_references },
	{ "mappings", test_mappings },
	{ "flags", test_flags },
	{ "unmaking", test_unmaking },
	{ "exact", test_exact },
	{ "strangers", test_strangers },
	{},
};
static const struct ktap_suite suite_folio = { "folio", cases };
TABLE_ENTRY(ktap_suite, suite_folio);
