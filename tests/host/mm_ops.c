/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm_ops.c - see mm_ops.h
 */
#include "mm_ops.h"

#include <asm/memory.h>
#include <kernel/smp.h>
#include <mm/folio.h>
#include <mm/kmap.h>
#include <mm/memmap.h>
#include <mm/mm_thread.h>
#include <mm/watermark.h>
#include <string.h>

#define MAX_OWNED 6000

/* What somebody has.  The slot's number is the model's owner of its frames. */
struct owned {
	struct page *page;
	unsigned nr_pages;
	unsigned order;
	int refs;   /* beyond the first */
	bool exact; /* nr_pages single ones */
	bool large; /* a compound page */
	u32 stamp;
	u32 at; /* where in `taken` */
};
static struct owned owned[MAX_OWNED + 1];
static u32 taken[MAX_OWNED], nr_taken; /* slots; those from nr_taken on are free */
static u32 last_stamp;

unsigned long ops_served, ops_failed;

/* ---- what is owned ---- */

static u32 *stamp_at(const struct owned *o, unsigned nr)
{
	return (u32 *)kmap_local_page(o->page + nr) + o->stamp % (PAGE_SIZE / 4);
}

static void own(struct page *page, unsigned nr_pages, unsigned order, gfp_t gfp, bool exact)
{
	u32 slot = taken[nr_taken];
	struct owned *o = &owned[slot];

	*o = (struct owned){ page,	   nr_pages,  order, 0, exact, order && (gfp & __GFP_COMP),
			     ++last_stamp, nr_taken++ };
	expect_owner(page_to_pfn(page), nr_pages, slot);
	*stamp_at(o, 0) = *stamp_at(o, nr_pages - 1) = o->stamp;
}

/* Nobody wrote there meanwhile. */
static struct owned disown(u32 at)
{
	u32 slot = taken[at];
	struct owned *o = &owned[slot];

	EXPECT_EQ(*stamp_at(o, 0), o->stamp);
	EXPECT_EQ(*stamp_at(o, o->nr_pages - 1), o->stamp);
	taken[at] = taken[--nr_taken];
	owned[taken[at]].at = at;
	taken[nr_taken] = slot;
	expect_owner(page_to_pfn(o->page), o->nr_pages, OWNER_FREE);
	return *o;
}

static struct page *any_page_of(const struct owned *o)
{
	return o->large ? o->page + rnd_below(o->nr_pages) : o->page;
}

/* ---- allocating ---- */

/* With constants the compiler chooses other functions.  @r becomes what was asked for. */
static struct page *ask_constant(struct request *r)
{
	unsigned which = (unsigned)rnd_below(7);

#define ASK(n, g, o)                                            \
	if (which == (n)) {                                     \
		*r = (struct request){ g, o, NUMA_NO_NODE, 0 }; \
		return alloc_pages(g, o);                       \
	}
	ASK(0, GFP_KERNEL, 0)
	ASK(1, GFP_ATOMIC, 0)
	ASK(2, GFP_HIGHUSER_MOVABLE, 0)
	ASK(3, GFP_KERNEL | __GFP_RECLAIMABLE, 0)
	ASK(4, GFP_ATOMIC | __GFP_DMA, 1)
	ASK(5, GFP_KERNEL | __GFP_DMA32, 4)
	ASK(6, GFP_KERNEL | __GFP_ZERO, 2)
#undef ASK
	return NULL;
}

static struct page *ask_by_address(struct request *r)
{
	unsigned long addr;

	r->nid = NUMA_NO_NODE;
	r->gfp &= ~__GFP_HIGHMEM;
	if (rnd_below(2)) {
		addr = __get_free_pages(r->gfp, r->order);
	} else {
		r->order = 0;
		r->gfp |= __GFP_ZERO;
		addr = get_zeroed_page(r->gfp & ~__GFP_ZERO);
	}
	return addr ? virt_to_page((void *)addr) : NULL;
}

static struct page *ask(struct request *r)
{
	struct folio *folio;

	switch (rnd_below(10)) {
	case 0:
		r->nid = (int)rnd_below(nr_nodes);
		return alloc_pages_node(r->nid, r->gfp, r->order);
	case 1:
		r->reach = (zone_mask_t)rnd_range(1, 256);
		return alloc_pages_for_reach(r->reach, r->gfp, r->order);
	case 2:
		return ask_by_address(r);
	case 3:
		r->gfp |= r->order ? __GFP_COMP : 0;
		folio = folio_alloc(r->gfp, r->order);
		return folio ? &folio->page : NULL;
	case 4:
		r->nid = (int)rnd_below(nr_nodes);
		r->gfp |= r->order ? __GFP_COMP : 0;
		folio = folio_alloc_node(r->gfp, r->order, r->nid);
		return folio ? &folio->page : NULL;
	case 5:
	case 6:
		return ask_constant(r);
	default:
		return alloc_pages(r->gfp, r->order);
	}
}

static unsigned random_order(void)
{
	return rnd_below(8) ? (unsigned)rnd_below(4) : (unsigned)rnd_below(NR_ORDERS + 1);
}

static gfp_t random_gfp(void)
{
	static const gfp_t base[] = {
		GFP_KERNEL,
		GFP_ATOMIC,
		GFP_NOWAIT,
		GFP_NOIO,
		GFP_NOFS,
		GFP_USER,
		GFP_HIGHUSER,
		GFP_HIGHUSER_MOVABLE,
		0,
		GFP_KERNEL | __GFP_RECLAIMABLE,
		GFP_KERNEL | __GFP_MOVABLE,
		GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN,
		GFP_KERNEL | __GFP_RETRY_MAYFAIL,
		GFP_KERNEL | __GFP_HIGH,
		GFP_ATOMIC | __GFP_MEMALLOC,
		GFP_KERNEL | __GFP_MEMALLOC | __GFP_NOMEMALLOC,
	};
	static const gfp_t more[] = { __GFP_DMA,     __GFP_DMA32,    __GFP_THISNODE,   __GFP_COMP,
				      __GFP_ZERO,    __GFP_HARDWALL, __GFP_ACCOUNT,    __GFP_NOWARN,
				      __GFP_MOVABLE, __GFP_HIGHMEM,  __GFP_RECLAIMABLE };
	gfp_t gfp = base[rnd_below(ARRAY_SIZE(base))];

	for (unsigned n = (unsigned)rnd_below(4); n > 1; n--)
		gfp |= more[rnd_below(ARRAY_SIZE(more))];
	/* Rounds that free nothing are all alike. */
	return rnd_below(8) ? gfp | __GFP_NORETRY : gfp;
}

/* In some state that a caller may be in: interrupts off, or freeing memory. */
static struct page *ask_somehow(struct request *r)
{
	unsigned how = (unsigned)rnd_below(32), flags = 0;
	struct page *page;

	if (how == 0)
		local_irq_disable();
	else if (how == 1)
		flags = memalloc_noreclaim_save();
	expect_look();
	page = ask(r);
	/* Still in that state, since it counts. */
	if (page) {
		expect_zone(r, page_zone(page));
	} else {
		ops_failed++;
		expect_failed(r);
	}
	if (how == 0)
		local_irq_enable();
	else if (how == 1)
		memalloc_noreclaim_restore(flags);
	EXPECT(!irqs_disabled());
	return page;
}

static void do_alloc(void)
{
	struct request r = { random_gfp(), random_order(), NUMA_NO_NODE, 0 };
	struct page *page;

	if (nr_taken == MAX_OWNED)
		return;
	page = ask_somehow(&r);
	if (!page)
		return;
	expect_page(&r, page);
	own(page, 1U << r.order, r.order, r.gfp, false);
	ops_served++;
}

static void do_alloc_exact(void)
{
	size_t bytes = 1 + rnd_below(40 * PAGE_SIZE);
	unsigned nr = (unsigned)DIV_ROUND_UP(bytes, PAGE_SIZE);
	struct request r = { random_gfp() & ~(__GFP_COMP | __GFP_HIGHMEM), get_order(bytes),
			     NUMA_NO_NODE, 0 };
	struct page *page;
	void *addr;

	if (nr_taken == MAX_OWNED)
		return;
	if (rnd_below(2))
		r.nid = (int)rnd_below(nr_nodes);
	expect_look();
	addr = r.nid == NUMA_NO_NODE ? alloc_pages_exact(bytes, r.gfp)
				     : alloc_pages_exact_nid(r.nid, bytes, r.gfp);
	if (!addr) {
		expect_failed(&r);
		return;
	}
	page = virt_to_page(addr);
	EXPECT(request_may_use(&r, page_zone(page)));
	for (unsigned i = 0; i < nr; i++) {
		EXPECT_EQ(world_owner(page_to_pfn(page) + i), OWNER_FREE);
		EXPECT_EQ(page[i].word0, page_zone(page)->word0);
		EXPECT_EQ(block_order(page + i), 0);
	}
	own(page, nr, 0, r.gfp, true);
}

/* Single pages; some of the places are taken already. */
static void do_alloc_bulk(void)
{
	unsigned long nr = 1 + rnd_below(100), had = rnd_below(nr), filled;
	struct request r = { random_gfp(), 0, NUMA_NO_NODE, 0 };
	struct page *pages[100], *other = pfn_to_page(world_first);

	if (nr_taken + nr > MAX_OWNED)
		return;
	memset(pages, 0, sizeof(pages));
	pages[had] = other;
	expect_look();
	filled = alloc_pages_bulk(r.gfp, nr, pages);
	EXPECT(filled <= nr && pages[had] == other);
	for (unsigned long i = 0; i < nr; i++) {
		EXPECT_EQ(pages[i] != NULL, i < filled || i == had);
		if (!pages[i] || i == had)
			continue;
		EXPECT(request_may_use(&r, page_zone(pages[i])));
		expect_page(&r, pages[i]);
		own(pages[i], 1, 0, r.gfp, false);
	}
	if (filled < nr)
		expect_failed(&r);
}

/* ---- giving back ---- */

static void drop(const struct owned *o)
{
	switch (rnd_below(5)) {
	case 0:
		put_page(any_page_of(o));
		break;
	case 1:
		folio_put(page_folio(any_page_of(o)));
		break;
	case 2:
		free_pages((unsigned long)page_address(o->page), o->order);
		break;
	case 3:
		if (o->order == 0)
			__free_page(o->page);
		else if (o->order == 2)
			__free_pages(o->page, 2);
		else
			__free_pages(o->page, o->order);
		break;
	default:
		__free_pages(o->page, o->order);
	}
}

static void free_at(u32 at)
{
	struct owned o = owned[taken[at]];

	for (; o.refs; o.refs--) {
		drop(&o);
		EXPECT_EQ(page_count(o.page), o.refs);
	}
	o = disown(at);
	if (o.exact)
		free_pages_exact(page_address(o.page), (size_t)o.nr_pages * PAGE_SIZE);
	else
		drop(&o);
	EXPECT_EQ(page_reports.bad_free, 0);
}

static void do_free(void)
{
	if (nr_taken)
		free_at((u32)rnd_below(nr_taken));
}

/* Some at once: the last reference of each. */
static void do_release(void)
{
	unsigned long nr = 1 + rnd_below(100), n = 0;
	struct page *pages[100];

	while (n < nr && nr_taken) {
		u32 at = (u32)rnd_below(nr_taken);
		struct owned *o = &owned[taken[at]];

		if (o->refs || o->exact)
			break;
		pages[n++] = any_page_of(o);
		disown(at);
	}
	release_pages(pages, n);
	EXPECT_EQ(page_reports.bad_free, 0);
}

/* Is this a free that might be right? */
static bool is_right(unsigned long pfn, unsigned order)
{
	u32 who = world_owner(pfn);
	const struct owned *o;

	if (!who || who > MAX_OWNED)
		return false;
	o = &owned[who];
	return o->exact ? !order : o->page == pfn_to_page(pfn) && order == o->order;
}

/* Any frame there is, with any order: refused, and nothing changed but the count. */
static void do_wrong_free(void)
{
	unsigned long pfn = world_first + rnd_below(world_end - world_first), before;
	unsigned order = (unsigned)rnd_below(NR_ORDERS + 2);
	struct page *page = pfn_to_page(pfn), was;
	bool by_address;

	if (rnd_below(2) && nr_taken)
		page = owned[taken[rnd_below(nr_taken)]].page;
	pfn = page_to_pfn(page);
	by_address = world_owner(pfn) == OWNER_NONE || !rnd_below(3);
	if (is_right(pfn, order))
		return;
	before = nr_free_pages();
	if (world_owner(pfn) != OWNER_NONE)
		was = *page;
	page_reports_expect(true);
	if (by_address)
		free_pages((unsigned long)__va(PFN_PHYS(pfn)), order);
	else
		__free_pages(page, order);
	page_reports_expect(false);
	/* A hole in a mapped block has descriptors too, which say reserved. */
	if (page_reports.bad_free != 1)
		host_fail(__FILE__, __LINE__,
			  "free of pfn 0x%lx, order %u, was accepted: its owner is 0x%lx, block "
			  "word was 0x%lx, flags 0x%lx, refcount %ld",
			  pfn, order, (unsigned long)world_owner(pfn), (unsigned long)was.block,
			  (unsigned long)was.flags, (long)was._refcount);
	EXPECT_EQ(nr_free_pages(), before);
	if (world_owner(pfn) != OWNER_NONE)
		EXPECT(!memcmp(&was, page, sizeof(was)));
	page_reports.bad_free = 0;
}

/* ---- the others ---- */

static void do_reference(void)
{
	struct owned *o = &owned[taken[nr_taken ? rnd_below(nr_taken) : 0]];

	if (!nr_taken || o->exact)
		return;
	get_page(any_page_of(o));
	EXPECT_EQ(page_count(o->page), ++o->refs + 1);
}

/* A block, or a folio, into single pages. */
static void do_split(void)
{
	u32 at = nr_taken ? (u32)rnd_below(nr_taken) : 0;
	struct owned o = owned[taken[at]];

	if (!nr_taken || o.refs || o.exact || nr_taken + o.nr_pages >= MAX_OWNED)
		return;
	if (o.large)
		EXPECT_EQ(split_folio((struct folio *)o.page), 0);
	else
		split_page(o.page, o.order);
	disown(at);
	for (unsigned i = 0; i < o.nr_pages; i++) {
		EXPECT_EQ(page_count(o.page + i), 1);
		EXPECT(!PageCompound(o.page + i));
		own(o.page + i, 1, 0, 0, false);
	}
}

static void do_unreserve(void)
{
	unsigned long pfn = world_first + rnd_below(world_end - world_first), end = pfn;

	while (end - pfn < 1500 && world_owner(end) == OWNER_RESERVED &&
	       memmap_segment(end) == memmap_segment(pfn))
		end++;
	EXPECT_EQ(free_reserved_area(PFN_PHYS(pfn), PFN_PHYS(end)), end - pfn);
	if (end > pfn)
		expect_owner(pfn, end - pfn, OWNER_FREE);
}

static void do_drain(void)
{
	struct zone *zone;

	switch (rnd_below(4)) {
	case 0:
		drain_all_pages();
		for_each_zone(zone)
			EXPECT_EQ(expect_listed(zone), 0);
		break;
	case 1:
		page_alloc_hart_dead((unsigned)rnd_below(nr_harts));
		break;
	default:
		drain_local_pages();
	}
}

static bool has_reserves;

static void do_tune(void)
{
	struct zone *zone;

	if (!has_reserves)
		return;
	min_free_kbytes =
		(unsigned)rnd_below(4) ? (unsigned)rnd_below(2048) : (unsigned)rnd_below(20000);
	setup_per_zone_wmarks();
	for_each_zone(zone) {
		EXPECT(zone->watermark[WMARK_MIN] <= zone->watermark[WMARK_LOW]);
		EXPECT(zone->watermark[WMARK_LOW] <= zone->watermark[WMARK_HIGH]);
	}
}

/* A zone below its low watermark takes all that is freed; see mm/watermark.h. */
static void check_pressure(void)
{
	struct zone *zone;

	for_each_zone(zone)
		if (zone->nr_free < zone->watermark[WMARK_LOW])
			EXPECT(zone->bypass & BYPASS_PRESSURE);
}

static unsigned grow; /* of 100 steps so many allocate, and 85 less that free */

void ops_step(void)
{
	unsigned what = (unsigned)rnd_below(128);

	if (what < grow)
		do_alloc();
	else if (what < 107)
		do_free();
	else if (what < 108)
		do_release();
	else if (what < 112)
		do_wrong_free();
	else if (what < 115)
		do_reference();
	else if (what < 116)
		do_split();
	else if (what < 117)
		do_alloc_exact();
	else if (what < 118)
		do_alloc_bulk();
	else if (what < 125)
		world_run_as((unsigned)rnd_below(nr_harts));
	else if (what < 126)
		grow = 36 + (unsigned)rnd_below(26);
	else if (rnd_below(16))
		return;
	else if (rnd_below(3))
		do_drain();
	else if (rnd_below(2))
		do_unreserve();
	else
		do_tune();
	check_pressure();
}

void ops_check(void)
{
	unsigned long in_use = 0;
	struct zone *zone;

	world_check();
	for (u32 i = 0; i < nr_taken; i++)
		in_use += owned[taken[i]].nr_pages;
	EXPECT_EQ(nr_free_pages() + in_use, nr_managed_pages());
	for_each_zone(zone) {
		EXPECT_EQ(zone_listed_pages(zone), expect_listed(zone));
	}
}

void ops_begin(const struct world *w)
{
	nr_harts = (unsigned)rnd_range(1, WORLD_HARTS + 1);
	min_free_kbytes = 0;
	world_build(w);
	has_reserves = w->reserves;
	expect_begin();
	nr_taken = 0;
	for (u32 i = 0; i < MAX_OWNED; i++)
		taken[i] = i + 1;
	grow = 50 + (unsigned)rnd_below(12);
	page_reports_expect(false);
	ops_check();
}

/* A pageblock that is wholly free is movable. */
static void check_pageblocks(void)
{
	for (unsigned long pfn = ALIGN_UP(world_first, pageblock_nr_pages);
	     pfn + pageblock_nr_pages <= world_end; pfn += pageblock_nr_pages) {
		unsigned long i = 0;

		while (i < pageblock_nr_pages && world_owner(pfn + i) == OWNER_FREE &&
		       memmap_segment(pfn + i)->zone == memmap_segment(pfn)->zone)
			i++;
		if (i == pageblock_nr_pages)
			EXPECT_EQ(*pageblock_of(memmap_segment(pfn)->zone, pfn_to_page(pfn)),
				  MIGRATE_MOVABLE);
	}
}

void ops_end(void)
{
	while (nr_taken)
		free_at(nr_taken - 1);
	ops_check();
	check_merged();
	check_pageblocks();
	nr_harts = WORLD_HARTS;
}
