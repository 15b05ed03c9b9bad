/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_compaction.c - movable pages, compaction, taking certain frames
 */
#include <asm/memory.h>
#include <base/errno.h>
#include <kernel/panic.h>
#include <kernel/smp.h>
#include <kernel/sysctl.h>
#include <mm/buddy.h>
#include <mm/compaction.h>
#include <mm/contig.h>
#include <mm/init.h>
#include <mm/memmap.h>
#include <mm/page_alloc.h>
#include <mm/page_isolation.h>
#include <sched/thread.h>
#include <shell/ktap.h>

#include "movable.h"

#define own movable_owner

/* To the last page, and nobody is asked to free any. */
#define GFP_ALL	  (__GFP_HIGHMEM | __GFP_MOVABLE | __GFP_MEMALLOC | __GFP_NOWARN)
#define GFP_LARGE (GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)
#define ROUNDS	  6
#define BUSY_NS	  2000000000ull /* enough, where harts wait for each other's turn on the host */
#define MOST	  (64UL << (20 - PAGE_SHIFT)) /* pages that a case fills, beside twice the marks */

/* What each zone had free, by id, before a case filled it. */
static struct {
	unsigned long whole, pages;
} had[MAX_ZONES];

/* Free blocks of a pageblock or more, counted in pageblocks, that a movable page may have. */
static unsigned long zone_whole(struct zone *zone)
{
	unsigned long nr = 0;

	for (unsigned type = 0; type <= MIGRATE_CMA; type++)
		for (unsigned order = PAGEBLOCK_ORDER; order < NR_ORDERS; order++)
			nr += (unsigned long)READ_ONCE(zone->area[type][order].nr)
			      << (order - PAGEBLOCK_ORDER);
	return nr;
}

static unsigned long nr_whole(void)
{
	unsigned long nr = 0;
	struct zone *zone;

	for_each_zone(zone)
		nr += zone_whole(zone);
	return nr;
}

/*
 * Are blocks to be expected of compacting it?  Not where holes and firmware's pages lie in most
 * pageblocks: what is movable goes up, maybe into the few that could be whole.
 */
static bool zone_fits(const struct zone *zone)
{
	unsigned long whole = had[zone->id].whole;

	return whole >= 4 && whole * pageblock_nr_pages >= had[zone->id].pages / 4 * 3;
}

/* Is there such a zone that anyone may have memory of? */
static bool any_fits(void)
{
	struct zone *zone;

	for_each_zone(zone)
		if (!(mm_zone_plan()->mask_movable >> zone->type & 1) && zone_fits(zone))
			return true;
	return false;
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

static void set_proactiveness(const char *to)
{
	const struct sysctl *s = sysctl_find("vm.compaction_proactiveness");

	if (!s || sysctl_write(s, to))
		panic("vm.compaction_proactiveness can't be set");
}

/* Blocks of a pageblock that are out of the way. */
struct blocks {
	u32 first;
};

static void block_take(struct blocks *b, zone_mask_t reach, unsigned long leave)
{
	struct page *page;

	while (nr_free_pages() > leave &&
	       (page = alloc_pages_for_reach(reach, GFP_ALL, PAGEBLOCK_ORDER))) {
		page->index = b->first;
		b->first = (u32)page_index(page);
	}
}

/* What stays lies in the highest zone that the kernel uses: nothing of it is kept for others. */
static void block_take_all(struct blocks *b, unsigned long leave)
{
	block_take(b, mm_zone_plan()->mask_movable | mm_zone_plan()->mask_high, leave);
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		block_take(b, (zone_mask_t)(1U << type), leave);
}

static void block_give_all(struct blocks *b)
{
	while (b->first) {
		struct page *page = index_page(b->first);

		b->first = page->index;
		__free_pages(page, PAGEBLOCK_ORDER);
	}
}

/*
 * Memory, or so much of it that a case is quick, is full of movable pages, about half of which go
 * again: no pageblock is free.  False: there is too little.
 */
static bool tear(struct ktap *t, struct blocks *away)
{
	unsigned long leave = MOST;
	struct zone *zone;

	away->first = 0;
	for_each_zone(zone) /* what failed for others doesn't put this off */
		compaction_defer_reset(zone, MAX_ORDER, true);
	set_proactiveness("0"); /* the thread for it would disturb what is counted */
	movable_reset();
	for_each_zone(zone)
		leave += 2 * zone->watermark[WMARK_HIGH];
	block_take_all(away, leave);
	if (nr_free_pages() < 4 * pageblock_nr_pages) {
		block_give_all(away);
		set_proactiveness("20");
		ktap_skip(t, "too little memory");
		return false;
	}
	drain_all_pages();
	for_each_zone(zone) {
		had[zone->id].whole = zone_whole(zone);
		had[zone->id].pages = zone->nr_free;
	}
	movable_take(~0UL, GFP_ALL);
	movable_drop(50);
	drain_all_pages();
	return true;
}

static void mend(struct ktap *t, struct blocks *away)
{
	movable_check();
	KTAP_EXPECT(t, ktap_becomes(movable_drop_all())); /* the thread may be at it */
	block_give_all(away);
	set_proactiveness("20");
	KTAP_EXPECT_EQ(t, own.pages.nr, 0);
	KTAP_EXPECT_EQ(t, own.nr_spoiled, 0);
	check_sound(t);
}

/* The threads that were woken hold none any more. */
static void expect_free(struct ktap *t, unsigned long nr)
{
	KTAP_EXPECT(t, ktap_quiet());
	KTAP_EXPECT_EQ(t, nr_free_pages(), nr);
}

static void test_compact(struct ktap *t)
{
	unsigned long before = nr_free_pages(), whole, pages, taken = 0;
	struct blocks away, blocks = { 0 };
	struct zone *zone;

	if (!tear(t, &away))
		return;
	pages = own.pages.nr;
	KTAP_EXPECT_EQ(t, nr_whole(), 0);
	compact_nodes();
	whole = nr_whole();
	for_each_zone(zone)
		if (zone_fits(zone))
			KTAP_EXPECT(t, zone_whole(zone) >= zone->nr_free / pageblock_nr_pages / 2);
	KTAP_EXPECT_EQ(t, own.pages.nr, pages);
	check_sound(t);
	block_take_all(&blocks, 0);
	for (u32 next = blocks.first; next; next = index_page(next)->index)
		taken++;
	KTAP_EXPECT(t, taken >= whole);
	ktap_diag(t, "%lu pages moved, %lu pageblocks of %lu free pages",
		  (unsigned long)own.nr_moved, whole, nr_free_pages() + taken * pageblock_nr_pages);
	block_give_all(&blocks);
	mend(t, &away);
	expect_free(t, before);
}

/* Owners that say no, not now, try again. */
static void test_unwilling(struct ktap *t)
{
	unsigned long before = nr_free_pages();
	struct blocks away;

	if (!tear(t, &away))
		return;
	own.unwilling = 30;
	for (int i = 0; i < ROUNDS; i++) {
		compact_nodes();
		check_sound(t);
	}
	KTAP_EXPECT(t, own.nr_again && own.nr_putback && own.nr_moved);
	KTAP_EXPECT(t, nr_whole() > 0 || !any_fits());
	mend(t, &away);
	expect_free(t, before);
}

/* One block, for one who asks for it; it's given up soon where nothing can be moved. */
static void test_one_block(struct ktap *t)
{
	unsigned long before = nr_free_pages();
	struct blocks away;
	struct page *page;
	struct zone *zone;

	if (!tear(t, &away))
		return;
	for_each_zone(zone) {
		enum compact_result ret;

		if (!zone_fits(zone))
			continue;
		ret = compact_zone_order(zone, PAGEBLOCK_ORDER, MIGRATE_SYNC_LIGHT);
		KTAP_EXPECT_EQ(t, ret, COMPACT_SUCCESS);
		page = alloc_pages_for_reach((zone_mask_t)(1U << zone->type),
					     GFP_LARGE | __GFP_HIGHMEM, PAGEBLOCK_ORDER);
		KTAP_EXPECT(t, page != NULL);
		if (page)
			__free_pages(page, PAGEBLOCK_ORDER);
	}
	own.unwilling = 100;
	movable_take(~0UL, GFP_ALL);
	movable_drop(30);
	for_each_zone(zone)
		compact_zone_order(zone, MAX_ORDER, MIGRATE_ASYNC);
	own.unwilling = 0;
	mend(t, &away);
	expect_free(t, before);
}

static unsigned long lent(void)
{
	unsigned long nr = 0;
	struct zone *zone;

	for_each_zone(zone)
		nr += zone_free_of(zone, MIGRATE_CMA);
	return nr;
}

/* An allocation makes itself a block, and more than one. */
static void test_direct(struct ktap *t)
{
	unsigned long before = nr_free_pages();
	struct blocks away;
	u32 first = 0;

	if (!tear(t, &away))
		return;
	for (int i = 0; i < 3; i++) {
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, PAGEBLOCK_ORDER);

		/* Where much is lent, there may be room for one only. */
		KTAP_EXPECT(t, page != NULL || (i && lent()) || !any_fits());
		if (!page)
			break;
		page->index = first;
		first = (u32)page_index(page);
	}
	KTAP_EXPECT(t, own.nr_moved > 0);
	while (first) {
		struct page *page = index_page(first);

		first = page->index;
		__free_pages(page, PAGEBLOCK_ORDER);
	}
	mend(t, &away);
	expect_free(t, before);
}

/* The thread for it makes whole blocks by the score; and nothing where the score is good. */
static void test_score(struct ktap *t)
{
	unsigned long before = nr_free_pages();
	unsigned torn = 0, score = 0;
	struct blocks away;
	int nid;

	if (!tear(t, &away))
		return;
	for_each_node_id(nid) {
		if (!NODE_DATA(nid)->present_pages)
			continue;
		torn += fragmentation_score_node(NODE_DATA(nid));
		compact_node(NODE_DATA(nid));
		score += fragmentation_score_node(NODE_DATA(nid));
	}
	/* What was put out of the way counts too, where that is in another zone; and kcompactd may
	 * have made a block for a request of the case before. */
	KTAP_EXPECT(t, torn > 50 || nr_zones > 1);
	KTAP_EXPECT(t, score < torn || !any_fits());
	mend(t, &away);
	expect_free(t, before);
}

/* ---- certain frames ---- */

static bool is_ours(unsigned long pfn, unsigned long nr)
{
	for (; nr--; pfn++)
		if (memmap_block_of(pfn) != pfn_to_page(pfn) || block_order(pfn_to_page(pfn)) ||
		    page_count(pfn_to_page(pfn)) != 1)
			return false;
	return true;
}

/* Is it in a block that is out of the way? */
static bool is_away(unsigned long pfn)
{
	const struct page *page = memmap_block_of(pfn);

	return page && block_kind(page) == BLOCK_USED && block_order(page) >= PAGEBLOCK_ORDER;
}

/* A range of any start and length: all of it or nothing.  True: it could be had. */
static bool try_range(struct ktap *t, u32 *random, unsigned most)
{
	const struct mem_segment *seg = &mem_segments[*random % nr_mem_segments];
	unsigned long pfn = 0, nr;

	*random = *random * 1103515245 + 12345;
	nr = 1 + (*random >> 8) % most;
	for (int i = 0; i < 100; i++) { /* most of a large memory is out of the way */
		*random = *random * 1103515245 + 12345;
		pfn = seg->start_pfn + (*random >> 4) % (seg->end_pfn - seg->start_pfn);
		if (!is_away(pfn))
			break;
	}
	if (alloc_contig_range(pfn, pfn + nr, MIGRATE_MOVABLE,
			       GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY))
		return false;
	KTAP_EXPECT(t, is_ours(pfn, nr));
	free_contig_range(pfn, nr);
	return true;
}

static void test_range(struct ktap *t)
{
	unsigned long before = nr_free_pages(), got = 0, free;
	struct blocks away;
	u32 random = 7;

	if (!tear(t, &away))
		return;
	free = nr_free_pages();
	for (int i = 0; i < 60; i++) {
		got += try_range(t, &random, i % 4 ? 64 : 1500);
		KTAP_EXPECT_EQ(t, nr_free_pages(), free);
	}
	KTAP_EXPECT(t, got > 0);
	ktap_diag(t, "%lu ranges of 60, %lu pages moved", got, (unsigned long)own.nr_moved);
	mend(t, &away);
	expect_free(t, before);
}

static void test_anywhere(struct ktap *t)
{
	unsigned long before = nr_free_pages();
	struct page *page, *pinned;
	struct blocks away;

	if (!tear(t, &away))
		return;
	page = alloc_contig_pages(700, GFP_KERNEL | __GFP_NORETRY, NUMA_NO_NODE);
	if (page) {
		KTAP_EXPECT(t, is_ours(page_to_pfn(page), 700));
		KTAP_EXPECT_EQ(t, page_to_pfn(page) % pageblock_nr_pages, 0);
		free_contig_range(page_to_pfn(page), 700);
	}
	KTAP_EXPECT(t, page != NULL || !any_fits() || nr_present_pages() < 8192);
	/* Not with an unmovable page in it. */
	pinned = alloc_page(GFP_KERNEL);
	KTAP_EXPECT_EQ(t,
		       alloc_contig_range(page_to_pfn(pinned), page_to_pfn(pinned) + 1,
					  MIGRATE_MOVABLE, GFP_KERNEL | __GFP_NOWARN),
		       -EBUSY);
	__free_page(pinned);
	mend(t, &away);
	expect_free(t, before);
}

/* ---- while others go on ---- */

static struct {
	u32 stop;
	unsigned running;
	unsigned long operations;
} others;

static int other(void *arg)
{
	u32 random = (u32)(unsigned long)arg * 77 + 1;
	struct page *held[16] = { 0 };

	while (!READ_ONCE(others.stop)) {
		struct page **slot;

		random = random * 1103515245 + 12345;
		slot = &held[random >> 10 & 15];
		if (*slot) {
			__free_pages(*slot, (*slot)->index);
			*slot = NULL;
		} else {
			unsigned order = random >> 16 & 3;

			*slot = alloc_pages(GFP_NOWAIT | (random >> 20 & 1 ? __GFP_MOVABLE : 0),
					    order);
			if (*slot)
				(*slot)->index = order;
		}
		if (!(random >> 8 & 63)) {
			movable_drop_first(16);
			movable_take(16, GFP_NOWAIT | __GFP_HIGHMEM | __GFP_MOVABLE);
			msleep(5); /* else all would wait for the owner's lock */
		}
		__atomic_fetch_add(&others.operations, 1, __ATOMIC_RELAXED);
	}
	for (int i = 0; i < 16; i++)
		if (held[i])
			__free_pages(held[i], held[i]->index);
	__atomic_fetch_sub(&others.running, 1, __ATOMIC_RELEASE);
	return 0;
}

static void test_busy(struct ktap *t)
{
	struct blocks away;
	u32 random = 11;
	u64 start;

	if (!tear(t, &away))
		return;
	movable_drop(30);
	others.stop = 0;
	others.operations = 0;
	for (unsigned i = 0; i < min(num_online_harts() + 1, 5U); i++) {
		struct thread *thread = kthread_run(other, (void *)(unsigned long)i, "mover");

		if (thread) {
			__atomic_fetch_add(&others.running, 1, __ATOMIC_RELAXED);
			kthread_detach(thread);
		}
	}
	own.unwilling = 5;
	start = ktime_ns();
	for (int i = 0; i < ROUNDS && (!i || ktime_ns() - start < BUSY_NS); i++) {
		compact_nodes();
		for (int n = 0; n < 4; n++)
			try_range(t, &random, 100);
		movable_check();
	}
	WRITE_ONCE(others.stop, 1);
	KTAP_ASSERT(t, ktap_becomes(!__atomic_load_n(&others.running, __ATOMIC_ACQUIRE)));
	KTAP_EXPECT(t, own.nr_moved > 0);
	ktap_diag(t, "%lu operations meanwhile, %u pages moved, %u put back", others.operations,
		  own.nr_moved, own.nr_putback);
	mend(t, &away);
}

static const struct ktap_case cases[] = {
	{ "compact", test_compact },
	{ "unwilling", test_unwilling },
	{ "one-block", test_one_block },
	{ "direct", test_direct },
	{ "score", test_score },
	{ "range", test_range },
	{ "anywhere", test_anywhere },
	{ "busy", test_busy },
	{},
};
static const struct ktap_suite suite_compaction = { "compaction", cases };
TABLE_ENTRY(ktap_suite, suite_compaction);
