/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_pages.c - pages taken and given back by threads and interrupt handlers on all harts
 *
 *     a timer a hart   GFP_ATOMIC, orders 0 to 4; gives some of its blocks to the exchange and
 *                      frees what it finds there, whoever took it
 *     two threads      every other way to have pages, with what disturbs them: drains, compaction,
 *     a hart           ranges of frames, policies; they fill the cache when nothing else is to do
 *     the cache        half of what is free; its shrinker frees the pages
 *     the watcher      takes what is left, down to the min watermark, and gives it back, in turns;
 *                      turns harts off and on, if asked to
 *
 * Whoever has a block knows what its pages hold (page_stamp.h).  Large machines are made small
 * first, so that memory does run short.
 */
#include "stress_crew.h"

#include <base/errno.h>
#include <kernel/smp.h>
#include <mm/compaction.h>
#include <mm/contig.h>
#include <mm/folio.h>
#include <mm/highmem.h>
#include <mm/kstack.h>
#include <mm/mempolicy.h>
#include <mm/shrinker.h>
#include <shell/ktap.h>
#include <shell/shell.h>
#include <stdio.h>
#include <string.h>

#include "chain.h"
#include "movable.h"
#include "page_stamp.h"

#define KEPT	    8 /* blocks that an actor or a handler holds */
#define EXCHANGE    32
#define BULK	    24
#define PHASE_MS    100
#define ZONE_PAGES  (32UL << (20 - PAGE_SHIFT)) /* what a zone keeps on a large machine */
#define LEAST_PAGES 600UL
#define NEARLY_NONE 64UL /* fewer pages of the cache are no promise to anybody */
#define GFP_CACHE   (GFP_KERNEL | __GFP_RECLAIMABLE | __GFP_NOWARN | __GFP_NORETRY)
#define GFP_SQUEEZE (__GFP_NOWARN) /* to the min watermark, and nobody is told */

static struct {
	struct crew crew;
	struct page *exchange[EXCHANGE]; /* atomic */
	unsigned long exchanged;
	struct chain ballast, squeezed;
	spinlock_t lock;
	struct chain cache;	/* under lock */
	unsigned long nearly;	/* under lock: how often the cache was nearly empty */
	unsigned long wanted;	/* pages of the cache */
	unsigned long movables; /* movable pages, at most about so many */
	unsigned long shrunk;	/* under lock */
} stress;

static void expect(bool ok, const char *what)
{
	crew_expect(&stress.crew, ok, what);
}

/* ---- blocks and what they hold ---- */

static void check_stamp(struct page *head)
{
	expect(block_is_stamped(head) && page_count(head) == 1, "somebody wrote to a page in use");
}

static void give_back(struct page *page)
{
	check_stamp(page);
	if (PageHead(page))
		folio_put(page_folio(page));
	else if (block_order(page))
		__free_pages(page, block_order(page));
	else
		__free_page(page);
}

static struct page *accept(struct actor *a, struct page *page, unsigned order, gfp_t gfp)
{
	a->operations++;
	if (!page) {
		a->failed++;
		return NULL;
	}
	expect(block_order(page) == order && page_count(page) == 1, "a block is another's");
	expect(!(gfp & __GFP_ZERO) || block_is_cleared(page, a->random), "a page wasn't cleared");
	stamp_block(page, a->random);
	return page;
}

/* Put @page, or nothing, on a random place of the exchange, and free what lay there. */
static void exchange(struct actor *a, struct page *page)
{
	unsigned at = stress_random(&a->random) % EXCHANGE;

	page = __atomic_exchange_n(&stress.exchange[at], page, __ATOMIC_ACQ_REL);
	if (!page)
		return;
	give_back(page);
	__atomic_fetch_add(&stress.exchanged, 1, __ATOMIC_RELAXED);
}

static void release(struct actor *a, struct page *page)
{
	if (stress_random(&a->random) % 4)
		give_back(page);
	else
		exchange(a, page);
}

/* ---- in interrupts ---- */

static struct page *take_atomic(struct actor *a)
{
	static const gfp_t with[] = { 0, __GFP_MOVABLE | __GFP_HIGHMEM, __GFP_RECLAIMABLE,
				      __GFP_COMP };
	u32 r = stress_random(&a->random);
	gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN | with[r % ARRAY_SIZE(with)];
	unsigned order = (r >> 8) % 5;

	if (r >> 16 & 1)
		return accept(a, alloc_page(GFP_ATOMIC | __GFP_NOWARN), 0, 0);
	if (!(r >> 17 & 7))
		gfp |= __GFP_ZERO;
	return accept(a, alloc_pages(gfp, order), order, gfp);
}

static void ring(struct actor *a)
{
	for (int i = 0; i < 4; i++) {
		void **slot = &a->kept[stress_random(&a->random) % KEPT];

		if (*slot)
			release(a, *slot);
		*slot = *slot ? NULL : take_atomic(a);
	}
}

/* ---- the cache ---- */

static unsigned long cache_count(struct shrinker *s, struct shrink_control *sc)
{
	return READ_ONCE(stress.cache.nr);
}

static unsigned long cache_scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long freed = 0;

	while (freed < sc->nr_to_scan) {
		struct page *page;

		spin_lock(&stress.lock);
		page = pop(&stress.cache);
		stress.nearly += stress.cache.nr < NEARLY_NONE;
		stress.shrunk += !!page;
		spin_unlock(&stress.lock);
		if (!page)
			break;
		__free_page(page);
		freed++;
	}
	return freed;
}

static struct shrinker shrinker = { .count_objects = cache_count, .scan_objects = cache_scan };

static void fill_cache(unsigned long most)
{
	struct page *page;

	while (most-- && READ_ONCE(stress.cache.nr) < stress.wanted &&
	       (page = alloc_page(GFP_CACHE))) {
		spin_lock(&stress.lock);
		push(&stress.cache, page);
		spin_unlock(&stress.lock);
	}
}

/* A page for who can wait: there is one while the cache has some. */
static struct page *take_page(struct actor *a)
{
	unsigned long nearly = READ_ONCE(stress.nearly), had = READ_ONCE(stress.cache.nr);
	struct page *page = alloc_page(GFP_KERNEL | __GFP_NOWARN);

	nodemask_t nodes;

	if (!page && had >= NEARLY_NONE && nearly == READ_ONCE(stress.nearly))
		expect(fault_probability() || get_mempolicy(&nodes) == MPOL_BIND,
		       "no page, while the cache had some");
	return accept(a, page, 0, 0);
}

/* ---- operations of the threads ---- */

static struct page *take_block(struct actor *a)
{
	static const gfp_t base[] = { GFP_KERNEL,
				      GFP_NOFS,
				      GFP_NOIO,
				      GFP_HIGHUSER_MOVABLE,
				      GFP_HIGHUSER,
				      GFP_NOWAIT,
				      GFP_KERNEL | __GFP_RECLAIMABLE,
				      GFP_KERNEL | __GFP_RETRY_MAYFAIL };
	u32 r = stress_random(&a->random);
	unsigned order = min(r % 10, r / 16 % 10);
	gfp_t gfp = base[r >> 8 & 7] | __GFP_NOWARN;

	order = min(order, (unsigned)(r >> 12) % 10);
	gfp |= r >> 16 & 1 ? __GFP_COMP : 0;
	gfp |= r >> 17 & 7 ? 0 : __GFP_ZERO;
	gfp |= r >> 20 & 3 ? __GFP_NORETRY : 0;
	if (gfp & __GFP_RETRY_MAYFAIL)
		gfp &= ~__GFP_NORETRY;
	if (r >> 22 & 1)
		return accept(a, (struct page *)folio_alloc(gfp, order), order, gfp);
	return accept(a, alloc_pages(gfp, order), order, gfp);
}

static void do_slot(struct actor *a)
{
	u32 r = stress_random(&a->random);
	void **slot = &a->kept[r % KEPT];

	if (*slot)
		release(a, *slot);
	*slot = *slot ? NULL : r >> 8 & 1 ? take_page(a) : take_block(a);
}

static void do_bulk(struct actor *a)
{
	struct page *page[BULK] = { NULL };
	unsigned long nr = alloc_pages_bulk(GFP_KERNEL | __GFP_NOWARN, BULK, page);

	for (unsigned long i = 0; i < nr; i++)
		accept(a, page[i], 0, 0);
	cond_resched();
	for (unsigned long i = 0; i < nr; i++)
		check_stamp(page[i]);
	release_pages(page, nr);
}

static void do_split(struct actor *a)
{
	unsigned order = 1 + stress_random(&a->random) % 4;
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY, order);

	if (!accept(a, page, order, 0))
		return;
	check_stamp(page);
	split_page(page, order);
	for (unsigned long i = 0; i < 1UL << order; i++)
		accept(a, page + i, 0, 0);
	for (unsigned long i = 0; i < 1UL << order; i++)
		release(a, page + i);
}

static void do_contig(struct actor *a)
{
	unsigned long nr = 1 + stress_random(&a->random) % 300;
	struct page *page = alloc_contig_pages(nr, GFP_KERNEL | __GFP_NOWARN, NUMA_NO_NODE);

	if (!page)
		return;
	for (unsigned long i = 0; i < nr; i++)
		accept(a, page + i, 0, 0);
	for (unsigned long i = 0; i < nr; i++)
		check_stamp(page + i);
	free_contig_range(page_to_pfn(page), nr);
}

static void do_movable(struct actor *a)
{
	if (READ_ONCE(movable_owner.pages.nr) > stress.movables)
		movable_drop(50);
	else if (stress_random(&a->random) & 1)
		movable_drop_first(16);
	movable_take(32, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN | __GFP_NORETRY);
}

static void do_policy(struct actor *a)
{
	u32 r = stress_random(&a->random);
	nodemask_t nodes = r % (1U << nr_nodes);

	/* Nodes without memory are refused, and the policy stays. */
	if (r >> 8 & 3 ? set_mempolicy(r >> 16 & 3, nodes) : set_mempolicy(MPOL_DEFAULT, 0))
		expect(nr_nodes > 1 || nodes != 1 || !(r >> 16 & 3), "a policy was refused");
}

static void do_rare(struct actor *a)
{
	u32 r = stress_random(&a->random) % 64;

	if (r < 4)
		drain_all_pages();
	else if (r < 6)
		do_contig(a);
	else if (r == 6)
		compact_zone_order(zone_table[a->random % nr_zones], 1 + a->random % 9,
				   MIGRATE_SYNC_LIGHT);
	else if (r == 7)
		compact_nodes();
	else if (r < 12)
		do_policy(a);
	else
		fill_cache(32);
}

static void act(struct actor *a)
{
	u32 r = stress_random(&a->random) % 32;

	if (r < 2)
		do_bulk(a);
	else if (r < 4)
		do_split(a);
	else if (r < 6)
		do_movable(a);
	else if (r < 9)
		do_rare(a);
	else if (r < 12)
		exchange(a, NULL);
	else
		do_slot(a);
}

/* ---- the one who watches ---- */

/* Large machines keep about ZONE_PAGES in each zone. */
static void take_ballast(int nid, gfp_t gfp)
{
	struct page *page;

	while ((page = alloc_pages_node(nid, gfp | GFP_SQUEEZE | __GFP_THISNODE, MAX_ORDER))) {
		push(&stress.ballast, page);
		if (READ_ONCE(page_zone(page)->nr_free) < ZONE_PAGES)
			break;
	}
}

static void make_small(void)
{
	int nid;

	for_each_node_id(nid) { /* the lowest zones first */
		take_ballast(nid, __GFP_DMA);
		take_ballast(nid, __GFP_DMA32);
		take_ballast(nid, 0);
		take_ballast(nid, __GFP_MOVABLE | __GFP_HIGHMEM);
	}
}

/* To the min watermark, or as far as one comes until @end. */
static void squeeze(u64 end)
{
	struct page *page;

	while (ktime_ns() < end && (page = alloc_page(GFP_SQUEEZE)))
		push(&stress.squeezed, page);
}

static void watch(u64 ns, u32 random, bool harts)
{
	u64 end = ktime_ns() + ns;

	while (ktime_ns() < end && !shell_interrupted()) {
		msleep(PHASE_MS);
		squeeze(ktime_ns() + PHASE_MS * 1000000ull);
		page_alloc_validate();
		msleep(PHASE_MS);
		free_chain(&stress.squeezed, 0);
		page_alloc_validate();
		crew_check(&stress.crew);
		if (harts && stress_random(&random) % 2)
			crew_blink(&stress.crew, &random);
	}
}

static void give_kept_back(struct actor *a, void *kept)
{
	give_back(kept);
}

static void stop(void)
{
	crew_stop(&stress.crew);
	for (unsigned i = 0; i < EXCHANGE; i++)
		if (stress.exchange[i])
			give_back(stress.exchange[i]);
	expect(ktap_becomes(movable_drop_all()),
	       "pages stay isolated"); /* kcompactd may be at it */
	expect(!movable_owner.nr_spoiled, "a page was moved badly");
	unregister_shrinker(&shrinker);
	free_chain(&stress.cache, 0);
	free_chain(&stress.ballast, MAX_ORDER);
	drain_all_pages();
	page_alloc_validate();
}

/* How often each was reported that nobody here does. */
static unsigned long misuse(void)
{
	return page_reports.bad_free + page_reports.nonsense + page_reports.odd +
	       page_reports.bad_page;
}

/* Everything for @ns.  0, or -ENOMEM if there is too little memory to begin with. */
static int stress_for(u64 ns, u32 seed, bool harts)
{
	unsigned long before, reports = misuse();
	unsigned prio = current->base_prio;
	bool started;

	before = ktap_free_pages();
	memset(&stress, 0, sizeof(stress));
	stress.crew.act = act;
	stress.crew.ring = ring;
	stress.crew.give_back = give_kept_back;
	spin_lock_init(&stress.lock);
	movable_reset();
	if (before < LEAST_PAGES)
		return -ENOMEM;
	make_small();
	stress.wanted = nr_free_lowpages() / 2;
	stress.movables = stress.wanted / 4;
	fill_cache(stress.wanted);
	expect(!register_shrinker(&shrinker, "stress"), "no shrinker");
	set_priority(current, 8); /* ahead of the actors */
	started = crew_start(&stress.crew, seed);
	if (started)
		watch(ns, seed, harts);
	stop();
	set_priority(current, prio);
	expect(ktap_becomes(ktap_free_pages() == before), "pages are missing");
	expect(misuse() == reports, "something was reported");
	return started ? 0 : -ENOMEM;
}

static void results(char *text, size_t bytes)
{
	snprintf(text, bytes,
		 "%lu allocations (%lu failed), %lu in interrupts (%lu), %lu exchanged, "
		 "%lu reclaimed, %u moved",
		 stress.crew.nr[0], stress.crew.nr_failed[0], stress.crew.nr[1],
		 stress.crew.nr_failed[1], stress.exchanged, stress.shrunk, movable_owner.nr_moved);
}

static int run_pages(unsigned long seconds, u32 seed)
{
	int err = stress_for(seconds * 1000000000ull, seed, true);
	char text[160];

	if (err) {
		shell_printf("stress pages: too little memory\n");
		return err;
	}
	results(text, sizeof(text));
	shell_printf("stress pages: %s, %u faults\n", text, stress.crew.faults);
	return stress.crew.faults ? -EIO : 0;
}

static const struct stress stress_pages = {
	"pages", "pages by threads and interrupts while memory is short, harts off and on",
	run_pages
};
TABLE_ENTRY(stress, stress_pages);

/* ---- a short one among the suites ---- */

static void test_pages(struct ktap *t)
{
	char text[160];

	if (stress_for(1500000000ull, 20261122, false)) {
		ktap_skip(t, "too little memory");
		return;
	}
	KTAP_EXPECT_EQ(t, stress.crew.faults, 0);
	results(text, sizeof(text));
	ktap_diag(t, "%s", text);
}

static const struct ktap_case cases[] = { { "pages", test_pages }, {} };
static const struct ktap_suite suite_page_stress = { "page_stress", cases };
TABLE_ENTRY(ktap_suite, suite_page_stress);
