/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_page_alloc.c - the page allocator on the machine itself
 *
 * Blocks that a case holds are chained through their owner's field `index`, so that a
 * case may hold all memory without asking for any.
 */
#include <asm/memory.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/buddy.h>
#include <mm/kmap.h>
#include <mm/memmap.h>
#include <mm/page_alloc.h>
#include <sched/thread.h>
#include <shell/ktap.h>

#include <string.h>

/* From every zone, MOVABLE too, without sleeping. */
#define EVERYWHERE (GFP_ATOMIC | __GFP_MEMALLOC | __GFP_HIGHMEM | __GFP_MOVABLE)

/* Blocks of one order. */
struct chain {
	u32 first; /* index of a page, 0 at the end */
	unsigned order;
	unsigned long nr;
};

static void chain_push(struct chain *c, struct page *page)
{
	page->index = c->first;
	c->first = (u32)page_index(page);
	c->nr++;
}

static void chain_free(struct chain *c)
{
	while (c->first) {
		struct page *page = index_page(c->first);

		c->first = page->index;
		__free_pages(page, c->order);
	}
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

static void fill(struct page *page, unsigned order, u32 with)
{
	for (unsigned long i = 0; i < 1UL << order; i++) {
		u32 *word = kmap_local_page(page + i);

		word[0] = word[PAGE_SIZE / sizeof(u32) - 1] = with;
		kunmap_local(word);
	}
}

static bool is_filled(struct page *page, unsigned order, u32 with)
{
	for (unsigned long i = 0; i < 1UL << order; i++) {
		u32 *word = kmap_local_page(page + i);
		bool same = word[0] == with && word[PAGE_SIZE / sizeof(u32) - 1] == with;

		kunmap_local(word);
		if (!same)
			return false;
	}
	return true;
}

static void test_orders(struct ktap *t)
{
	for (unsigned order = 0; order < NR_ORDERS; order++) {
		unsigned long before = nr_free_pages();
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);

		if (!page && order > 8)
			continue; /* 8 MiB machines have no such block */
		KTAP_ASSERT(t, page != NULL);
		KTAP_EXPECT_EQ(t, page_to_pfn(page) & ((1UL << order) - 1), 0);
		KTAP_EXPECT_EQ(t, page_count(page), 1);
		KTAP_EXPECT_EQ(t, nr_free_pages(), before - (1UL << order));
		KTAP_EXPECT(t, pfn_to_page(page_to_pfn(page)) == page);
		KTAP_EXPECT(t, virt_to_page(page_address(page)) == page);
		fill(page, order, 0x12345678);
		__free_pages(page, order);
		KTAP_EXPECT_EQ(t, nr_free_pages(), before);
	}
	check_sound(t);
}

static bool is_zero(const void *addr, size_t bytes)
{
	const unsigned long *p = addr;

	for (size_t i = 0; i < bytes / sizeof(*p); i++)
		if (p[i])
			return false;
	return true;
}

static void test_zeroed(struct ktap *t)
{
	for (int round = 0; round < 4; round++) {
		unsigned long addr = __get_free_pages(GFP_KERNEL | __GFP_ZERO, 2);

		KTAP_ASSERT(t, addr != 0);
		KTAP_EXPECT(t, is_zero((void *)addr, PAGE_SIZE << 2));
		memset((void *)addr, 0xa5, PAGE_SIZE << 2);
		free_pages(addr, 2);
		addr = get_zeroed_page(GFP_KERNEL);
		KTAP_ASSERT(t, addr != 0);
		KTAP_EXPECT(t, is_zero((void *)addr, PAGE_SIZE));
		memset((void *)addr, 0x5a, PAGE_SIZE);
		free_page(addr);
	}
}

static void test_compound(struct ktap *t)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 4);

	KTAP_ASSERT(t, page != NULL);
	KTAP_EXPECT(t, PageHead(page) && !PageTail(page));
	KTAP_EXPECT_EQ(t, compound_order(page), 4);
	for (int i = 1; i < 16; i++) {
		KTAP_EXPECT(t, PageTail(page + i));
		KTAP_EXPECT(t, compound_head(page + i) == page);
	}
	get_page(page + 7);
	KTAP_EXPECT_EQ(t, page_count(page + 3), 2);
	put_page(page + 11);
	KTAP_EXPECT_EQ(t, page_count(page), 1);
	put_page(page + 15);
	check_sound(t);
}

static void test_split(struct ktap *t)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	unsigned long before = nr_free_pages();

	KTAP_ASSERT(t, page != NULL);
	split_page(page, 3);
	for (int i = 7; i >= 0; i -= 2)
		__free_page(page + i);
	KTAP_EXPECT_EQ(t, nr_free_pages(), before + 4);
	check_sound(t);
	for (int i = 6; i >= 0; i -= 2)
		put_page(page + i);
	KTAP_EXPECT_EQ(t, nr_free_pages(), before + 8);
}

/* Each is counted, and changes nothing. */
static void test_wrong_frees(struct ktap *t)
{
	struct page *page = alloc_pages(GFP_KERNEL, 3);
	unsigned long bad = page_reports.bad_free, nr = nr_free_pages();

	KTAP_ASSERT(t, page != NULL);
	page_reports_expect(true);
	__free_pages(page, 2);
	__free_pages(page, 4);
	__free_pages(page + 1, 0);
	__free_pages(page, NR_ORDERS);
	free_pages((unsigned long)page_address(page) + 1, 3);
	free_page((unsigned long)__va(PFN_PHYS(mem_segments[0].start_pfn)) - PAGE_SIZE);
	KTAP_EXPECT_EQ(t, page_reports.bad_free, bad + 6);
	KTAP_EXPECT_EQ(t, nr_free_pages(), nr);
	__free_pages(page, 3);
	__free_pages(page, 3);
	__free_page(virt_to_page(mem_segments)); /* an early allocation */
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, page_reports.bad_free, bad + 8);
	KTAP_EXPECT_EQ(t, nr_free_pages(), nr + 8);
	check_sound(t);
}

static void test_impossible_flags(struct ktap *t)
{
	unsigned long before = page_reports.nonsense;

	page_reports_expect(true);
	KTAP_EXPECT(t, !alloc_page(__GFP_DMA | __GFP_HIGHMEM));
	KTAP_EXPECT(t, !alloc_page(__GFP_DMA | __GFP_DMA32));
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, page_reports.nonsense, before + 2);
}

/* Served, and counted. */
static void test_odd_flags(struct ktap *t)
{
	unsigned long before = page_reports.odd, flags;
	struct page *page[4] = { NULL };

	page_reports_expect(true);
	page[0] = alloc_page(GFP_KERNEL | __GFP_MOVABLE | __GFP_RECLAIMABLE);
	page[1] = alloc_pages_node(0, GFP_ATOMIC | __GFP_NOFAIL, 0);
	page[2] = alloc_pages_node(0, GFP_KERNEL | __GFP_NOFAIL | __GFP_NORETRY, 0);
	local_irq_save(flags);
	page[3] = alloc_pages_node(0, GFP_KERNEL, 0);
	local_irq_restore(flags);
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, page_reports.odd, before + 4);
	for (int i = 0; i < 4; i++) {
		KTAP_EXPECT(t, page[i] != NULL);
		if (page[i])
			__free_page(page[i]);
	}
}

/* From each zone that has pages, by a reach of this zone alone; and never from another. */
static void test_reach(struct ktap *t)
{
	struct zone *zone;

	for_each_zone(zone) {
		gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
		struct page *page = alloc_pages_for_reach((zone_mask_t)(1u << zone->type), gfp, 0);

		if (!page)
			continue;
		KTAP_EXPECT_EQ(t, page_zone(page)->type, zone->type);
		KTAP_EXPECT(t, page_to_pfn(page) >= page_zone(page)->start_pfn);
		KTAP_EXPECT(t, page_to_pfn(page) < page_zone(page)->end_pfn);
		__free_page(page);
	}
}

static void test_nodes(struct ktap *t)
{
	int nid;

	for_each_node_id(nid) {
		struct page *page;

		if (!NODE_DATA(nid)->present_pages)
			continue;
		page = alloc_pages_node(nid, GFP_HIGHUSER | __GFP_THISNODE, 1);
		KTAP_ASSERT(t, page != NULL);
		KTAP_EXPECT_EQ(t, page_to_nid(page), nid);
		__free_pages(page, 1);
		KTAP_EXPECT_EQ(t, NODE_DATA(nid)->fallback[0]->nid, nid);
	}
}

/* All memory in the largest blocks there are, to the last page; then all of it back.  That wakes
 * the threads that reclaim and compact, who drain lists and hold pages meanwhile. */
static void test_exhaust(struct ktap *t)
{
	unsigned long before, taken = 0;
	struct chain chain[NR_ORDERS] = { 0 };
	struct page *page;

	(void)ktap_free_pages(); /* caches have no slab left that kswapd could free */
	before = nr_free_pages();
	drain_all_pages(); /* what other harts keep is out of reach */
	for (int order = MAX_ORDER; order >= 0; order--) {
		chain[order].order = (unsigned)order;
		while ((page = alloc_pages(EVERYWHERE | __GFP_NOWARN, (unsigned)order)))
			chain_push(&chain[order], page);
		taken += chain[order].nr << order;
	}
	KTAP_EXPECT_EQ(t, nr_free_pages(), 0);
	KTAP_EXPECT_EQ(t, taken, before);
	check_sound(t);
	for (int order = 0; order < NR_ORDERS; order++)
		chain_free(&chain[order]);
	KTAP_EXPECT(t, ktap_quiet());
	KTAP_EXPECT_EQ(t, nr_free_pages(), before);
	check_sound(t);
}

static bool add_pages(const struct memmap_block *block, void *arg)
{
	unsigned long *nr = arg;

	nr[block->state] += block->nr_pages;
	return false;
}

static void test_walk(struct ktap *t)
{
	unsigned long nr[NR_BLOCK_STATES] = { 0 };

	KTAP_EXPECT(t, !memmap_walk(0, ~0UL, add_pages, nr));
	KTAP_EXPECT_EQ(t, nr[BLOCK_IS_FREE] + nr[BLOCK_IS_LISTED], nr_free_pages());
	KTAP_EXPECT_EQ(t, nr[0] + nr[1] + nr[2] + nr[3], nr_present_pages());
}

/* The validator finds what is broken. Nobody else allocates meanwhile. */
static void test_validator(struct ktap *t)
{
	struct page *page = alloc_page(GFP_KERNEL);
	char fault[ZONE_FAULT_LEN] = "";
	struct zone *zone;

	KTAP_ASSERT(t, page != NULL);
	zone = page_zone(page);
	zone->nr_free++;
	KTAP_EXPECT(t, zone_validate(zone, fault, sizeof(fault)) < 0);
	KTAP_EXPECT(t, strstr(fault, "nr_free") != NULL);
	zone->nr_free--;
	page->block ^= BLOCK_KIND_MASK; /* a head that is none */
	KTAP_EXPECT(t, zone_validate(zone, fault, sizeof(fault)) < 0);
	page->block ^= BLOCK_KIND_MASK;
	__free_page(page);
	check_sound(t);
}

/* ---- all harts at once ---- */

/* In all: where the host has fewer CPUs than harts, a waiting hart costs a time slice, so after
 * a while the fewest (of each hart) must do. */
#define ALL_CALLS 3000
#define MIN_CALLS 40
#define ALL_NS	  400000000ull
#define HART_HELD 24
#define SHARED	  32

/* Blocks that harts pass on to each other; the order stands in index. */
static struct page *shared[SHARED];
static unsigned long nr_spoiled;

static u32 random_next(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static u32 stamp_of(const struct page *page)
{
	return (u32)page_to_pfn(page) * 2654435761u;
}

static void release(struct page *page)
{
	unsigned order = page->index;

	if (!is_filled(page, order, stamp_of(page)))
		__atomic_fetch_add(&nr_spoiled, 1, __ATOMIC_RELAXED);
	__free_pages(page, order);
}

static struct page *obtain(u32 random)
{
	unsigned order = random % 7;
	struct page *page = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, order);

	if (page) {
		fill(page, order, stamp_of(page));
		page->index = order;
	}
	return page;
}

static void work_on_hart(void *arg)
{
	struct page *held[HART_HELD] = { 0 };
	u32 state = 0x9e3779b9u + 77 * smp_processor_id();
	unsigned calls = ALL_CALLS / num_online_harts();
	u64 start = ktime_ns();

	for (unsigned i = 0; i < calls && (i < MIN_CALLS || ktime_ns() - start < ALL_NS); i++) {
		struct page **slot = &held[random_next(&state) % HART_HELD];

		if (*slot)
			release(*slot);
		*slot = obtain(random_next(&state));
		if (*slot && !(random_next(&state) & 3))
			*slot = __atomic_exchange_n(&shared[random_next(&state) % SHARED], *slot,
						    __ATOMIC_ACQ_REL);
	}
	for (int i = 0; i < HART_HELD; i++)
		if (held[i])
			release(held[i]);
}

static void test_all_harts(struct ktap *t)
{
	unsigned long before, bad = page_reports.bad_free;

	KTAP_EXPECT(t, ktap_quiet());
	before = nr_free_pages();
	nr_spoiled = 0;
	on_each_hart(work_on_hart, NULL);
	for (int i = 0; i < SHARED; i++)
		if (shared[i])
			release(shared[i]);
	memset(shared, 0, sizeof(shared));
	KTAP_EXPECT_EQ(t, nr_spoiled, 0);
	KTAP_EXPECT_EQ(t, page_reports.bad_free, bad);
	KTAP_EXPECT(t, ktap_quiet());
	KTAP_EXPECT_EQ(t, nr_free_pages(), before);
	check_sound(t);
	drain_all_pages();
	check_sound(t);
}

/* ---- counting ---- */

#define COUNT_NS 200000000ull
#define DRAINERS 2u

static u32 counted; /* the drainers may end */

/* Has at most one page, and moves many between its hart's lists and the zone. */
static int drain_again(void *arg)
{
	unsigned long *turns = arg;

	while (!READ_ONCE(counted)) {
		struct page *page = alloc_page(GFP_KERNEL);

		if (page)
			__free_page(page);
		drain_local_pages();
		WRITE_ONCE(*turns, *turns + 1);
	}
	return 0;
}

/* What drains and refills move is counted once, at any moment. */
static void test_count(struct ktap *t)
{
	unsigned long turns[DRAINERS] = { 0 }, before, least = ~0UL, most = 0;
	struct thread *thread[DRAINERS];
	u64 end;

	counted = 0;
	for (unsigned i = 0; i < DRAINERS; i++)
		thread[i] = kthread_create(drain_again, &turns[i], "drain/%u", i);
	KTAP_EXPECT(t, ktap_quiet());
	before = nr_free_pages();
	for (unsigned i = 0; i < DRAINERS; i++)
		if (KTAP_EXPECT(t, thread[i] != NULL))
			wake_up_process(thread[i]);
	end = ktime_ns() + COUNT_NS;
	do {
		unsigned long nr = nr_free_pages();

		least = min(least, nr);
		most = max(most, nr);
	} while (ktime_ns() < end);
	WRITE_ONCE(counted, 1);
	for (unsigned i = 0; i < DRAINERS; i++)
		if (thread[i])
			kthread_join(thread[i]);
	KTAP_EXPECT(t, least + DRAINERS >= before);
	KTAP_EXPECT(t, most <= before + DRAINERS); /* taken and freed on two harts meanwhile */
	ktap_diag(t, "%lu and %lu drains, %ld .. %ld pages", turns[0], turns[1],
		  (long)(least - before), (long)(most - before));
}

static const struct ktap_case cases[] = {
	{ "orders", test_orders },
	{ "zeroed", test_zeroed },
	{ "compound", test_compound },
	{ "split", test_split },
	{ "wrong-frees", test_wrong_frees },
	{ "impossible-flags", test_impossible_flags },
	{ "odd-flags", test_odd_flags },
	{ "reach", test_reach },
	{ "nodes", test_nodes },
	{ "exhaust", test_exhaust },
	{ "walk", test_walk },
	{ "validator", test_validator },
	{ "all-harts", test_all_harts },
	{ "count", test_count },
	{},
};
static const struct ktap_suite suite_page_alloc = { "page_alloc", cases };
TABLE_ENTRY(ktap_suite, suite_page_alloc);
