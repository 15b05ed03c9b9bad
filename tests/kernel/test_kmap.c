/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kmap.c - high memory: who gets it, and windows that show what is in it
 *
 * Without high memory (rv64 without lowmem=, small rv32 machines) most cases skip.
 */
#include <mm/highmem.h>

#include <asm/mmu.h>
#include <base/errno.h>
#include <kernel/smp.h>
#include <mm/folio.h>
#include <mm/kmalloc.h>
#include <mm/page_alloc.h>
#include <sched/thread.h>
#include <shell/ktap.h>

#include "high_pages.h"
#include "page_chain.h"
#include "page_stamp.h"

#include <string.h>

#define MANY 1200 /* more than kmap() has windows */

static bool readable(const void *addr)
{
	u32 word;

	return !probe_read(&word, addr, sizeof(word));
}

/* ---- who gets it ---- */

/* Nothing that the kernel asks for without saying so is high, not even when little is left. */
static void test_kernel_stays_low(struct ktap *t)
{
	static const gfp_t flags[] = { GFP_KERNEL, GFP_ATOMIC,
				       GFP_USER,   GFP_KERNEL | __GFP_MOVABLE,
				       GFP_DMA,	   GFP_KERNEL | __GFP_RECLAIMABLE };
	struct page_chain taken = { 0 };
	bool low = true;

	for (unsigned int i = 0; i < 600; i++) {
		gfp_t gfp = flags[i % ARRAY_SIZE(flags)] | __GFP_NOWARN;
		struct page *page = alloc_pages(gfp, i % 4);

		if (!page)
			continue;
		low &= !PageHighMem(page) && va_is_linear(page_address(page));
		chain_push(&taken, page);
	}
	KTAP_EXPECT(t, low);
	KTAP_EXPECT(t, taken.nr > 100);
	chain_free(&taken);
}

static void test_zones(struct ktap *t)
{
	struct page_chain taken = { 0 };
	struct zone *zone;
	bool high = true;

	if (!totalhigh_pages()) {
		ktap_skip(t, "no high memory");
		return;
	}
	for_each_zone(zone) {
		KTAP_EXPECT_EQ(t, zone_is_high(zone), PFN_PHYS(zone->end_pfn) > va_layout.low_end);
		KTAP_EXPECT_EQ(t, zone_is_high(zone), PageHighMem(pfn_to_page(zone->end_pfn - 1)));
		KTAP_EXPECT_EQ(t, zone_is_high(zone), PageHighMem(pfn_to_page(zone->start_pfn)));
	}
	KTAP_EXPECT(t, nr_free_highpages() <= totalhigh_pages());
	for (unsigned int i = 0; i < 100 && nr_free_highpages() > 2000; i++) {
		struct page *page = alloc_page(GFP_HIGH);

		KTAP_ASSERT(t, page != NULL);
		high &= PageHighMem(page) == zone_is_high(page_zone(page));
		chain_push(&taken, page);
	}
	KTAP_EXPECT(t, high);
	chain_free(&taken);
}

/* ---- windows ---- */

static void test_low_page(struct ktap *t)
{
	struct page *page = alloc_page(GFP_KERNEL);
	void *addr;

	KTAP_ASSERT(t, page != NULL);
	addr = kmap_local_page(page);
	KTAP_EXPECT(t, addr == page_address(page) && va_is_linear(addr));
	kunmap_local(addr);
	KTAP_EXPECT(t, kmap(page) == addr);
	kunmap(page);
	__free_page(page);
}

static void test_contents(struct ktap *t)
{
	struct page *page[3];
	struct arch_mapping map;
	u32 *word;

	if (!high_pages(t, page, 3))
		return;
	for (u32 i = 0; i < 3; i++)
		set_word(page[i], i * 77 + 1);
	for (u32 i = 3; i--;)
		KTAP_EXPECT_EQ(t, word_of(page[i]), i * 77 + 1);
	word = kmap_local_page(page[1]);
	KTAP_EXPECT_EQ(t, arch_lookup((unsigned long)word, &map), 0);
	KTAP_EXPECT_EQ(t, map.pa, page_to_phys(page[1]));
	KTAP_EXPECT(t, page_address(page[1]) == NULL);
	word[2] = 5;
	kunmap_local(word + 700); /* anywhere in it */
	KTAP_EXPECT_EQ(t, word_of(page[1]), 5);
	free_pages_of(page, 3);
}

static void test_nested(struct ktap *t)
{
	struct page *page[KMAP_DEPTH];
	u32 *word[KMAP_DEPTH];

	if (!high_pages(t, page, KMAP_DEPTH))
		return;
	for (u32 i = 0; i < KMAP_DEPTH; i++) {
		word[i] = kmap_local_page(page[i]);
		word[i][2] = i;
		KTAP_EXPECT(t, !readable(word[i] + PAGE_SIZE / sizeof(u32)));
	}
	for (u32 i = 0; i < KMAP_DEPTH; i++)
		KTAP_EXPECT_EQ(t, word[i][2], i);
	for (u32 i = KMAP_DEPTH; i--;) {
		KTAP_EXPECT(t, readable(word[i]));
		kunmap_local(word[i]);
#ifdef CONFIG_DEBUG_VM
		KTAP_EXPECT(t, !readable(word[i]));
#endif
	}
	for (u32 i = 0; i < KMAP_DEPTH; i++)
		KTAP_EXPECT_EQ(t, word_of(page[i]), i);
	free_pages_of(page, KMAP_DEPTH);
}

static void test_contents_calls(struct ktap *t)
{
	struct page *page[2];
	const u8 *byte;
	u32 last;

	if (!high_pages(t, page, 2))
		return;
	for (u32 i = 0; i < PAGE_SIZE; i += 4) {
		u32 word = i * 2654435761u;

		memcpy_to_page(page[0], i, &word, sizeof(word));
	}
	clear_highpage(page[1]);
	KTAP_EXPECT_EQ(t, word_of(page[1]), 0);
	copy_highpage(page[1], page[0]);
	KTAP_EXPECT_EQ(t, word_of(page[1]), 8 * 2654435761u);
	memcpy_from_page(&last, page[1], PAGE_SIZE - 4, sizeof(last));
	KTAP_EXPECT_EQ(t, last, (u32)(PAGE_SIZE - 4) * 2654435761u);
	zero_user(page[1], 8, 5);
	byte = kmap_atomic(page[1]);
	KTAP_EXPECT(t, in_atomic());
	KTAP_EXPECT(t, !byte[8] && !byte[12] && byte[13] == (u8)(12 * 2654435761u >> 8));
	kunmap_atomic(byte);
	byte = kmap_local_folio(page_folio(page[1]), 17);
	KTAP_EXPECT_EQ(t, *byte, (u8)(16 * 2654435761u >> 8));
	kunmap_local(byte);
	free_pages_of(page, 2);
}

/* Everything free that is high, up to 64 MiB, written and read again. */
static void test_fill(struct ktap *t)
{
	struct page_chain taken = { 0 };
	bool same = true;
	u32 at;

	while (taken.nr < 16384 && nr_free_highpages() > 1000) {
		struct page *page = alloc_page(GFP_HIGH);

		if (!page)
			break;
		memcpy_to_page(page, 0, &(u32){ (u32)page_to_pfn(page) }, 4);
		memcpy_to_page(page, PAGE_SIZE - 4, &(u32){ ~(u32)page_to_pfn(page) }, 4);
		chain_push(&taken, page);
	}
	if (!taken.nr) {
		ktap_skip(t, "no high memory");
		return;
	}
	at = taken.first;
	for (unsigned long i = 0; i < taken.nr; i++, at = index_page(at)->index) {
		struct page *page = index_page(at);
		const u32 *word = kmap_local_page(page);

		same &= word[0] == (u32)page_to_pfn(page) && word[STAMP_LAST] == ~word[0];
		kunmap_local(word);
	}
	KTAP_EXPECT(t, same);
	ktap_diag(t, "%lu MiB through windows", taken.nr * PAGE_SIZE / (unsigned long)MiB);
	chain_free(&taken);
}

/* ---- kmap ---- */

static void test_pool(struct ktap *t)
{
	struct page *page[3];
	u32 *first, *again, *other;

	if (!high_pages(t, page, 3))
		return;
	KTAP_EXPECT(t, page_address(page[0]) == NULL);
	first = kmap(page[0]);
	other = kmap(page[1]);
	again = kmap(page[0]);
	KTAP_EXPECT(t, first == again && first != other);
	KTAP_EXPECT(t, page_address(page[0]) == first);
	first[2] = 11;
	other[2] = 12;
	kunmap(page[0]);
	KTAP_EXPECT(t, page_address(page[0]) == first);
	kunmap(page[0]);
	KTAP_EXPECT(t, page_address(page[0]) == NULL);
	KTAP_EXPECT(t, readable(first)); /* as it was left */
	kmap_flush_unused();
	KTAP_EXPECT(t, !readable(first) && readable(other));
	kunmap(page[1]);
	KTAP_EXPECT_EQ(t, word_of(page[0]), 11);
	KTAP_EXPECT_EQ(t, word_of(page[1]), 12);
	free_pages_of(page, 3);
}

struct sight {
	const u32 *word;
	u32 expected;
	unsigned int wrong; /* atomic */
};

static void look(void *arg)
{
	struct sight *s = arg;

	if (READ_ONCE(*s->word) != s->expected)
		__atomic_fetch_add(&s->wrong, 1, __ATOMIC_RELAXED);
}

/* More pages than it has windows, with one in use all the time; each hart sees each. */
static void test_pool_purge(struct ktap *t)
{
	struct page_chain taken = { 0 };
	struct page *kept = high_page(t);
	struct sight sight = { 0 };
	unsigned int wrong = 0;
	u32 *stays, at;

	if (!kept)
		return;
	stays = kmap(kept);
	stays[2] = 99;
	while (taken.nr < MANY && nr_free_highpages() > 1000) {
		struct page *page = alloc_page(GFP_HIGH);
		u32 *word;

		KTAP_ASSERT(t, page != NULL);
		word = kmap(page);
		word[2] = (u32)page_to_pfn(page);
		sight.word = word + 2;
		sight.expected = word[2];
		on_each_hart(look, &sight);
		kunmap(page);
		chain_push(&taken, page);
	}
	at = taken.first;
	for (unsigned long i = 0; i < taken.nr; i++, at = index_page(at)->index)
		wrong += word_of(index_page(at)) != (u32)page_to_pfn(index_page(at));
	KTAP_EXPECT_EQ(t, wrong + sight.wrong, 0);
	KTAP_EXPECT_EQ(t, stays[2], 99);
	kunmap(kept);
	__free_page(kept);
	chain_free(&taken);
}

/* ---- misuse ---- */

#ifdef CONFIG_HIGHMEM
static int leak(void *arg)
{
	kmap_local_page(arg);
	kmap_local_page(arg);
	return 0;
}

static void test_leak(struct ktap *t)
{
	struct page *page = high_page(t);
	unsigned long before = kmap_misuses;
	struct thread *thread;

	if (!page)
		return;
	page_reports_expect(true);
	thread = kthread_run(leak, page, "kmap-leak");
	if (KTAP_EXPECT(t, thread != NULL))
		kthread_join(thread);
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, kmap_misuses, before + 1);
	__free_page(page);
}

static void test_order(struct ktap *t)
{
#ifdef CONFIG_DEBUG_VM
	unsigned long before = kmap_misuses;
	struct page *page[2];
	void *first, *second;

	if (!high_pages(t, page, 2))
		return;
	first = kmap_local_page(page[0]);
	second = kmap_local_page(page[1]);
	page_reports_expect(true);
	kunmap_local(first);
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, kmap_misuses, before + 1);
	kunmap_local(second);
	kunmap_local(first);
	page_reports_expect(true);
	kunmap_local(first);
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, kmap_misuses, before + 2);
	free_pages_of(page, 2);
#else
	ktap_skip(t, "needs CONFIG_DEBUG_VM");
#endif
}
#endif

static const struct ktap_case cases[] = {
	{ "kernel-stays-low", test_kernel_stays_low },
	{ "zones", test_zones },
	{ "low-page", test_low_page },
	{ "contents", test_contents },
	{ "nested", test_nested },
	{ "contents-calls", test_contents_calls },
	{ "fill", test_fill },
	{ "pool", test_pool },
	{ "pool-purge", test_pool_purge },
#ifdef CONFIG_HIGHMEM
	{ "leak", test_leak },
	{ "order", test_order },
#endif
	{},
};

static const struct ktap_suite suite_kmap = { "kmap", cases };
TABLE_ENTRY(ktap_suite, suite_kmap);
