/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_folio_cases.c - folios case by case: ends of counters, wrong uses, exact sizes, strangers
 */
#include "mm_world.h"

#include <asm/memory.h>
#include <mm/folio.h>
#include <mm/memmap.h>
#include <pthread.h>

static const struct world plain = { .base = 0x80000000,
				    .bytes = 32 * MiB,
				    .bank = { { 0x80000000, 0x82000000, 0 } } };

static unsigned long build(void)
{
	world_build(&plain);
	page_reports.bad_page = page_reports.bad_free = 0;
	host_log_clear();
	return nr_free_pages();
}

/* The zones are sound while blocks are held that the world's model doesn't know. */
static void check_zones(void)
{
	char fault[192];
	struct zone *zone;

	for_each_zone(zone)
		if (zone_validate(zone, fault, sizeof(fault)))
			host_fail(__FILE__, __LINE__, "%s", fault);
}

/* One change was refused, and said why. */
static void expect_refused(const char *text)
{
	EXPECT_EQ(page_reports.bad_page, 1);
	page_reports.bad_page = 0;
	EXPECT(host_log_contains("refused: it is"));
	if (!host_log_contains(text))
		host_fail(__FILE__, __LINE__, "no \"%s\" in: %s", text, host_log());
	host_log_clear();
}

TEST(references_end)
{
	unsigned long before = build();
	struct folio *folio = folio_alloc(GFP_KERNEL, 2);

	set_page_count(&folio->page, PAGE_REF_LIMIT - 1);
	EXPECT(try_get_page(folio_page(folio, 3)));
	EXPECT(!try_get_page(folio_page(folio, 3)));
	folio_set_found(folio);
	EXPECT(!folio_try_get(folio));
	folio_get(folio);
	expect_refused("getting pfn");
	EXPECT_EQ(folio_ref_count(folio), PAGE_REF_LIMIT);
	set_page_count(&folio->page, 2);
	EXPECT(!page_ref_sub_and_test(&folio->page, 3));
	expect_refused("putting pfn");
	EXPECT_EQ(folio_ref_count(folio), 2);
	page_ref_inc(folio_page(folio, 1)); /* a tail has none of its own */
	expect_refused("compound, refcount 2");
	folio_put_refs(folio, 2);
	folio_get(folio);
	expect_refused("free");
	EXPECT_EQ(nr_free_pages(), before);
	world_check();
}

/* Up to the end of each counter, and not beyond; the descriptor stays sound. */
TEST(mappings_end)
{
	unsigned long before = build();
	struct folio *folio = folio_alloc(GFP_KERNEL, 3);
	struct page *page = &folio->page;

	set_page_count(page, PAGE_MAPS_MAX + 2);
	for (u32 i = 0; i < TAIL_MAPS_MAX; i++)
		EXPECT(page_add_map(page + 5));
	EXPECT(!page_add_map(page + 5));
	EXPECT_EQ(page_mapcount(page + 5), TAIL_MAPS_MAX);
	EXPECT(PageTail(page + 5) && compound_head(page + 5) == page);
	for (u32 i = TAIL_MAPS_MAX; i < PAGE_MAPS_MAX; i++)
		EXPECT(folio_add_entire_map(folio));
	EXPECT(!folio_add_entire_map(folio));
	EXPECT(!page_add_map(page));
	EXPECT_EQ(folio_mapcount(folio), PAGE_MAPS_MAX);
	EXPECT_EQ(page_mapcount(page + 5), PAGE_MAPS_MAX);
	EXPECT_EQ(page_mapcount(page), PAGE_MAPS_MAX - TAIL_MAPS_MAX);
	check_zones();
	for (u32 i = TAIL_MAPS_MAX; i < PAGE_MAPS_MAX; i++)
		EXPECT_EQ(folio_remove_entire_map(folio), i == PAGE_MAPS_MAX - 1);
	for (u32 i = 0; i < TAIL_MAPS_MAX; i++)
		EXPECT_EQ(page_remove_map(page + 5), i == TAIL_MAPS_MAX - 1);
	EXPECT(!page_remove_map(page + 5));
	expect_refused("unmapping pfn");
	set_page_count(page, 1);
	folio_put(folio);
	EXPECT_EQ(nr_free_pages(), before);
	world_check();
}

TEST(a_mapped_page_is_not_freed)
{
	unsigned long before = build();
	struct page *page = alloc_page(GFP_KERNEL);

	EXPECT(page_add_map(page));
	__free_page(page);
	EXPECT_EQ(page_reports.bad_free, 1);
	EXPECT(host_log_contains("mapped 1 times"));
	get_page(page);
	put_page(page); /* not the last */
	EXPECT_EQ(page_reports.bad_free, 1);
	EXPECT(page_remove_map(page));
	__free_page(page);
	EXPECT(!page_add_map(page));
	expect_refused("mapping pfn");
	page_reports.bad_free = 0;
	EXPECT_EQ(nr_free_pages(), before);
}

TEST(flags_of_what_is_not_used)
{
	unsigned long before = build();
	struct folio *folio = folio_alloc(GFP_KERNEL, 2);
	struct page *page = alloc_page(GFP_KERNEL);

	SetPageDirty(folio_page(folio, 1));
	expect_refused("setting PG_dirty of pfn");
	EXPECT(!folio_test_dirty(folio));
	SetPageHWPoison(folio_page(folio, 1)); /* each page's own */
	EXPECT(PageHWPoison(folio_page(folio, 1)) && !folio_test_hwpoison(folio));
	ClearPageHWPoison(folio_page(folio, 1));
	folio_put(folio);
	folio_set_uptodate(folio);
	expect_refused("setting PG_uptodate of pfn");
	__free_page(page); /* to this hart's list */
	SetPageLRU(page);
	expect_refused("setting PG_lru of pfn");
	EXPECT_EQ(nr_free_pages(), before);
	SetPageActive(virt_to_page(mem_segments)); /* an early allocation */
	expect_refused("reserved");
	world_check();
}

TEST(locks_are_tried_and_dropped)
{
	struct folio *folio;

	build();
	folio = folio_alloc(GFP_KERNEL, 0);
	folio_unlock(folio);
	expect_refused("clearing PG_locked of");
	EXPECT(folio_trylock(folio));
	EXPECT(!folio_trylock(folio));
	/* Frozen, a locked page's flags may change. */
	EXPECT(folio_ref_freeze(folio, 1));
	folio_set_dirty(folio);
	folio_ref_unfreeze(folio, 1);
	folio_unlock(folio);
	EXPECT(folio_ref_freeze(folio, 1));
	folio_clear_dirty(folio);
	expect_refused("clearing PG_dirty of");
	folio_ref_unfreeze(folio, 1);
	folio_put(folio);
	EXPECT_EQ(page_reports.bad_free, 0);
}

TEST(exact_sizes)
{
	unsigned long before = build();
	static const size_t sizes[] = { 1,	  4096,	     4097,	  12288,
					5 * 4096, 33 * 4096, 1023 * 4096, 4 * MiB };

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned long nr = DIV_ROUND_UP(sizes[i], PAGE_SIZE);
		char *addr = i & 1 ? alloc_pages_exact(sizes[i], GFP_KERNEL)
				   : alloc_pages_exact_nid(0, sizes[i], GFP_KERNEL | __GFP_COMP);

		EXPECT(addr);
		EXPECT_EQ((unsigned long)addr & ~PAGE_MASK, 0);
		EXPECT_EQ(nr_free_pages(), before - nr);
		for (unsigned long n = 0; n < nr; n++) {
			struct page *page = virt_to_page(addr + n * PAGE_SIZE);

			EXPECT_EQ(page_count(page), 1);
			EXPECT(!PageCompound(page));
			addr[n * PAGE_SIZE] = 1;
		}
		check_zones();
		free_pages_exact(addr, sizes[i]);
		EXPECT_EQ(nr_free_pages(), before);
	}
	page_reports_expect(true);
	EXPECT(!alloc_pages_exact(4 * MiB + 1, GFP_KERNEL));
	EXPECT(!alloc_pages_exact(0, GFP_KERNEL));
	EXPECT(!alloc_pages_exact(~(size_t)0, GFP_KERNEL));
	page_reports_expect(false);
	EXPECT_EQ(get_order(1), 0);
	EXPECT_EQ(get_order(4096), 0);
	EXPECT_EQ(get_order(4097), 1);
	EXPECT_EQ(get_order(4 * MiB), 10);
	free_pages_exact(NULL, 0);
	EXPECT_EQ(page_reports.bad_free, 0);
	world_check();
}

/* ---- strangers: they hold addresses of folios that may long be something else ---- */

#define THREADS 4
#define ROUNDS	40000
#define SLOTS	8

static struct folio *published[SLOTS];
static pthread_mutex_t slot_lock[SLOTS];
static unsigned long nr_got, nr_lost, nr_wrong, nr_split, nr_owners = THREADS / 2;

static void count(unsigned long *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* Where no operation is as wide as flags and count, what is published is looked up under a lock. */
static void lock_slot(unsigned slot, bool lock)
{
	if (sizeof(long) < sizeof(u64))
		(lock ? pthread_mutex_lock : pthread_mutex_unlock)(&slot_lock[slot]);
}

static struct folio *publish(unsigned slot, struct folio *folio)
{
	struct folio *old;

	lock_slot(slot, true);
	old = __atomic_exchange_n(&published[slot], folio, __ATOMIC_ACQ_REL);
	lock_slot(slot, false);
	return old;
}

/* An owner: makes, publishes, takes back, maybe splits, drops. */
static void own(u32 random)
{
	unsigned order = random % 3, slot = random / 3 % SLOTS;
	struct folio *folio = folio_alloc(GFP_KERNEL, order), *old;

	if (!folio)
		return;
	if (random & 0x1000) { /* not everything is for strangers */
		folio_put(folio);
		return;
	}
	folio->index = 0x600d0000 + order;
	folio_set_found(folio);
	old = publish(slot, folio);
	if (!old)
		return;
	if ((random & 0x2000) && folio_test_large(old) && !split_folio(old)) {
		count(&nr_split);
		for (unsigned i = (1u << (old->index & 3)) - 1; i; i--)
			put_page(folio_page(old, i));
	}
	folio_put(old);
}

static void visit(u32 random, struct folio **stale)
{
	unsigned slot = random % SLOTS;
	struct folio *folio;

	lock_slot(slot, true);
	folio = published[slot];
	if (sizeof(long) == sizeof(u64) && *stale && (random & 0x1000))
		folio = *stale;		    /* freed, split, another's: who knows */
	if (!*stale || !(random & 0x7e000)) /* kept for some time */
		*stale = folio;
	if (!folio || !folio_try_get(folio)) {
		lock_slot(slot, false);
		count(&nr_lost);
		return;
	}
	lock_slot(slot, false);
	count(&nr_got);
	if (folio_ref_count(folio) < 1 || !folio_test_found(folio) || PageTail(&folio->page))
		count(&nr_wrong);
	folio_put(folio);
}

/* Owners do so much, the others look on. */
static void *worker(void *arg)
{
	unsigned cpu = (unsigned)(unsigned long)arg;
	u32 random = 99 + 7919 * cpu;
	struct folio *stale = NULL;

	world_run_as(cpu);
	while ((cpu & 1) && !READ_ONCE(nr_lost))
		sched_yield();
	for (int i = 0; cpu & 1 ? i < ROUNDS : READ_ONCE(nr_owners); i++) {
		random = random * 1664525 + 1013904223;
		if (cpu & 1)
			own(random >> 8);
		else
			visit(random >> 8, &stale);
		/* Where threads have to share CPUs, those that look on are to wait. */
		if (!(cpu & 1) && !(i & 63))
			sched_yield();
	}
	if (cpu & 1)
		__atomic_fetch_sub(&nr_owners, 1, __ATOMIC_RELAXED);
	return NULL;
}

TEST(strangers_and_owners)
{
	unsigned long before = build();
	pthread_t thread[THREADS];

	for (int i = 0; i < SLOTS; i++)
		pthread_mutex_init(&slot_lock[i], NULL);
	world_parallel = true;
	for (unsigned long i = 0; i < THREADS; i++)
		EXPECT_EQ(pthread_create(&thread[i], NULL, worker, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	world_parallel = false;
	for (unsigned i = 0; i < SLOTS; i++) {
		struct folio *folio = publish(i, NULL);

		if (folio)
			folio_put(folio);
	}
	EXPECT_EQ(nr_wrong, 0);
	EXPECT(nr_got > 100);
	EXPECT(nr_split > 10);
	EXPECT_EQ(page_reports.bad_page, 0);
	EXPECT_EQ(page_reports.bad_free, 0);
	EXPECT_EQ(nr_free_pages(), before);
	world_check();
}
