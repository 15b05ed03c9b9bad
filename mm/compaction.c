/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compaction.c - making large free blocks by moving what is movable to the other end
 *
 *      zone  |mm.m..m|.m.mm..|m......|..m.m..|.mm.m..|m.m....|
 *            | ----> migration scanner          free scanner <---- |
 *
 * The migration scanner goes up and isolates movable pages, some at a time; the free scanner goes
 * down, a pageblock at a time, and takes free blocks for them to move to.  When they meet, what is
 * movable stands at the top and the bottom is free.  Where a pass ended is remembered, and the next
 * goes on there; it's a whole one if it began at the ends.
 *
 * Free blocks are taken out of movable and CMA pageblocks that aren't wholly free.  A block is cut
 * to TARGET_ORDER at most, so that one hold of the lock stays short.
 *
 * The score of a zone is how much of its free memory is of no use for a whole pageblock, in per
 * cent.  Above a mark that `vm.compaction_proactiveness` sets, kcompactd compacts the node.
 *
 * Invariant: pages on .free are used blocks of order 0 with one reference; those on .migrate are
 *   isolated.  Both are empty after compact_zone().
 * Locking: zone->lock for WALK_STEP blocks at a time; nothing else.  Several may compact one zone.
 * Cost: the scanners look at each block of the zone once.
 * Not here: moving a page (migrate.c), when an allocation compacts (page_slow.c).
 */
#define LOG_PREFIX "compaction: "
#include <mm/compaction.h>

#include <kernel/preempt.h>
#include <kernel/sysctl.h>
#include <mm/node_daemon.h>
#include <mm/vmstat.h>
#include <mm/watermark.h>

#include "buddy_list.h"
#include "mobility.h"

#include <string.h>

#define CLUSTER_MAX  32	  /* pages that are moved at once */
#define TARGET_ORDER 5	  /* 2^5 == CLUSTER_MAX */
#define FREE_STEP    16	  /* blocks that the free scanner looks at in one hold of the lock */
#define SCORE_PERIOD 2000 /* ms */

struct compact_control {
	struct zone *zone;
	struct page_list free, migrate;
	unsigned long migrate_pfn; /* scanned below */
	unsigned long free_pfn;	   /* start of the pageblock to look at next; above: scanned */
	unsigned long free_pos;	   /* in it */
	int order;		   /* -1: not for a block, the whole zone */
	unsigned score;		   /* with order -1: enough when the score is no higher */
	enum migrate_mode mode;
	bool whole;   /* began at the zone's ends */
	bool drained; /* what was moved lies in no list of this hart */
};

/* What is remembered of each zone, by id; hints, written by whoever compacts. */
static struct zone_hints {
	unsigned long migrate_pfn, free_pfn; /* where to go on; equal: at the ends */
	unsigned considered;		     /* requests since the last time in vain */
	u8 defer_shift;
	u8 order_failed; /* no order from here on is deferred below: 0 is none */
} hints[MAX_ZONES];

static unsigned compaction_proactiveness = 20;
SYSCTL(vm, compaction_proactiveness, compaction_proactiveness, 0, 100, NULL,
       "per cent: how eagerly memory is compacted in good time, 0 not at all");

static unsigned extfrag_threshold = 500;
SYSCTL(vm, extfrag_threshold, extfrag_threshold, 0, 1000, NULL,
       "fragmentation index from which an order is compacted rather than reclaimed");

static unsigned compact_memory;

static int compact_memory_changed(void)
{
	compact_nodes();
	return 0;
}
SYSCTL(vm, compact_memory, compact_memory, 0, 1, compact_memory_changed,
       "set it and all memory is compacted");

/* Nothing to be scanned in the pageblock at @pfn?  A hint: it's read without the lock. */
static bool is_one_block(unsigned long pfn)
{
	const struct page *page = memmap_block_of(pfn);

	return page && block_order(page) >= PAGEBLOCK_ORDER;
}

/* ---- the free scanner ---- */

/* A block that was claimed: single pages on cc->free. */
static void add_free(struct compact_control *cc, struct page *page)
{
	unsigned order = block_order(page);

	make_single_pages(cc->zone, page, order);
	for (unsigned long i = 0; i < 1UL << order; i++)
		page_list_add(&cc->free, page_prepare(cc->zone, page + i, __GFP_MOVABLE, 0));
}

/* May pages move to the pageblock at @pfn?  zone->lock held. */
static bool suitable_target(struct zone *zone, unsigned long pfn)
{
	const struct mem_segment *seg = memmap_segment(pfn);
	struct page *page = seg && seg->zone == zone ? memmap_block_of(pfn) : NULL;
	unsigned type;

	if (!page || block_order(page) >= PAGEBLOCK_ORDER)
		return false;
	type = pageblock_type(zone, page);
	return type == MIGRATE_MOVABLE || type == MIGRATE_CMA;
}

/* Some blocks of the pageblock at cc->free_pfn, from cc->free_pos on; true at its end. */
static bool scan_free(struct compact_control *cc)
{
	unsigned long end = cc->free_pfn + pageblock_nr_pages, flags;
	struct block_walk w = { .zone = cc->zone, .pfn = cc->free_pos };
	unsigned seen = 0, nr = 0, pages = 0;
	struct page *claimed[FREE_STEP];

	if (is_one_block(cc->free_pfn)) {
		cc->free_pos = end;
		return true;
	}
	spin_lock_irqsave(&cc->zone->lock, flags);
	if (!suitable_target(cc->zone, cc->free_pfn))
		w.pfn = end;
	while (w.pfn < end && seen < FREE_STEP && pages < CLUSTER_MAX) {
		struct page *page = block_walk_next(&w);
		unsigned order;

		seen++;
		if (!page || block_kind(page) != BLOCK_FREE || w.pfn > end)
			continue;
		order = min(block_order(page), (unsigned)TARGET_ORDER);
		if (order < block_order(page)) { /* what is left of it comes next */
			w.pfn = page_to_pfn(page) + CLUSTER_MAX;
			w.next = NULL;
		}
		claimed[nr++] =
			buddy_claim(cc->zone, page, page_to_pfn(page), (int)order, MIGRATE_MOVABLE);
		pages += 1U << order;
	}
	spin_unlock_irqrestore(&cc->zone->lock, flags);
	while (nr)
		add_free(cc, claimed[--nr]);
	cc->free_pos = w.pfn;
	count_vm_events(COMPACT_FREE_SCANNED, seen);
	count_vm_events(COMPACT_ISOLATED, pages);
	return w.pfn >= end;
}

static bool scanners_met(const struct compact_control *cc)
{
	return cc->free_pfn <= ALIGN_DOWN(cc->migrate_pfn, pageblock_nr_pages);
}

static void free_scanner_at(struct compact_control *cc, unsigned long pfn)
{
	cc->free_pfn = cc->free_pos = pfn;
}

static struct page *compaction_alloc(struct page *page, unsigned long private)
{
	struct compact_control *cc = (struct compact_control *)private;

	(void)page;
	while (!cc->free.nr && !scanners_met(cc))
		if (scan_free(cc) && cc->free_pfn >= pageblock_nr_pages)
			free_scanner_at(cc, cc->free_pfn - pageblock_nr_pages);
	return page_list_pop(&cc->free);
}

static void compaction_free(struct page *page, unsigned long private)
{
	page_list_add(&((struct compact_control *)private)->free, page);
}

/* ---- the migration scanner ---- */

/* Movable pages of one pageblock onto cc->migrate; cc->migrate_pfn moves on. */
static void isolate_pages(struct compact_control *cc)
{
	unsigned long end = ALIGN_DOWN(cc->migrate_pfn, pageblock_nr_pages) + pageblock_nr_pages;
	isolate_mode_t mode = cc->mode == MIGRATE_ASYNC ? ISOLATE_ASYNC_MIGRATE : 0;
	unsigned seen = 0;

	if (is_one_block(cc->migrate_pfn))
		cc->migrate_pfn = end;
	while (cc->migrate_pfn < end && cc->migrate.nr < CLUSTER_MAX) {
		unsigned long pfn = cc->migrate_pfn;

		seen += isolate_movable_range(cc->zone, &cc->migrate_pfn, end, mode, &cc->migrate);
		if (cc->migrate_pfn <= pfn)
			break;
	}
	if (cc->migrate_pfn >= end && !cc->drained) {
		drain_local_pages(); /* what was moved out of here: it shall merge */
		cc->drained = true;
	}
	count_vm_events(COMPACT_MIGRATE_SCANNED, seen);
	count_vm_events(COMPACT_ISOLATED, cc->migrate.nr);
}

/* ---- a zone ---- */

static enum compact_result compact_finished(struct compact_control *cc)
{
	const struct zone *zone = cc->zone;
	u32 orders = READ_ONCE(zone->orders[MIGRATE_MOVABLE]) |
		     READ_ONCE(zone->orders[MIGRATE_UNMOVABLE]) |
		     READ_ONCE(zone->orders[MIGRATE_RECLAIMABLE]);

	if (cc->order >= 0 && orders >> cc->order)
		return COMPACT_SUCCESS;
	if (cc->order < 0 && cc->score && fragmentation_score_zone(cc->zone) <= cc->score)
		return COMPACT_SUCCESS;
	if (scanners_met(cc) || cc->migrate_pfn >= zone->end_pfn)
		return cc->whole ? COMPACT_COMPLETE : COMPACT_PARTIAL_SKIPPED;
	return COMPACT_CONTINUE;
}

static void start_scanners(struct compact_control *cc)
{
	struct zone *zone = cc->zone;
	struct zone_hints *h = &hints[zone->id];
	unsigned long last = ALIGN_DOWN(zone->end_pfn - 1, pageblock_nr_pages);

	cc->migrate_pfn = READ_ONCE(h->migrate_pfn);
	free_scanner_at(cc, READ_ONCE(h->free_pfn));
	cc->whole = cc->order < 0 || cc->migrate_pfn < zone->start_pfn || cc->free_pfn > last ||
		    scanners_met(cc);
	if (cc->whole) {
		cc->migrate_pfn = zone->start_pfn;
		free_scanner_at(cc, last);
	}
}

static enum compact_result compact_zone(struct compact_control *cc)
{
	struct zone_hints *h = &hints[cc->zone->id];
	enum compact_result ret;
	struct page *page;

	start_scanners(cc);
	while ((ret = compact_finished(cc)) == COMPACT_CONTINUE) {
		int left;

		isolate_pages(cc);
		if (!cc->migrate.nr)
			continue;
		left = migrate_pages(&cc->migrate, compaction_alloc, compaction_free,
				     (unsigned long)cc, cc->mode, MR_COMPACTION);
		cc->drained = false;
		putback_movable_pages(&cc->migrate);
		if (left == -ENOMEM && !scanners_met(cc)) {
			ret = COMPACT_CONTENDED;
			break;
		}
	}
	while ((page = page_list_pop(&cc->free)))
		__free_page(page);
	drain_local_pages(); /* of what was just freed */
	WRITE_ONCE(h->migrate_pfn, cc->migrate_pfn);
	WRITE_ONCE(h->free_pfn, scanners_met(cc) ? 0 : cc->free_pfn);
	return ret;
}

enum compact_result compact_zone_order(struct zone *zone, int order, enum migrate_mode mode)
{
	struct compact_control cc = { .zone = zone, .order = order, .mode = mode };

	might_sleep();
	return compact_zone(&cc);
}

/* ---- is it worth it? ---- */

bool compaction_suitable(struct zone *zone, int order)
{
	unsigned long nr[NR_ORDERS], gap = order < 0 ? CLUSTER_MAX : 2UL << order;
	int index;

	if (zone->nr_free - zone_free_of(zone, MIGRATE_ISOLATE) < zone->watermark[WMARK_LOW] + gap)
		return false;
	if (order < 0)
		return true;
	zone_free_blocks(zone, nr);
	index = fragmentation_index(nr, (unsigned)order);
	return index < 0 || index > (int)extfrag_threshold;
}

void defer_compaction(struct zone *zone, int order)
{
	struct zone_hints *h = &hints[zone->id];

	h->considered = 0;
	if (h->defer_shift < COMPACT_MAX_DEFER_SHIFT)
		h->defer_shift++;
	if (order < h->order_failed || !h->order_failed)
		h->order_failed = (u8)order;
}

bool compaction_deferred(struct zone *zone, int order)
{
	struct zone_hints *h = &hints[zone->id];

	if (!h->order_failed || order < h->order_failed)
		return false;
	if (++h->considered >= 1U << h->defer_shift) {
		h->considered = 1U << h->defer_shift;
		return false;
	}
	return true;
}

void compaction_defer_reset(struct zone *zone, int order, bool alloc_success)
{
	struct zone_hints *h = &hints[zone->id];

	if (alloc_success)
		h->considered = h->defer_shift = 0;
	if (order >= h->order_failed && h->order_failed)
		h->order_failed = (u8)(order + 1);
}

/* ---- for an allocation ---- */

static enum compact_result compact_for(struct zone *zone, unsigned order, enum migrate_mode mode)
{
	enum compact_result ret;

	if (compaction_deferred(zone, (int)order))
		return COMPACT_DEFERRED;
	if (!compaction_suitable(zone, (int)order))
		return COMPACT_SKIPPED;
	ret = compact_zone_order(zone, (int)order, mode);
	if (ret == COMPACT_SUCCESS)
		compaction_defer_reset(zone, (int)order, false);
	else if (mode != MIGRATE_ASYNC && ret == COMPACT_COMPLETE)
		defer_compaction(zone, (int)order);
	return ret;
}

enum compact_result try_to_compact_pages(const struct pglist_data *node, zone_mask_t reach,
					 gfp_t gfp, unsigned order)
{
	enum migrate_mode mode = gfp & __GFP_NORETRY ? MIGRATE_ASYNC : MIGRATE_SYNC_LIGHT;
	enum compact_result best = COMPACT_SKIPPED;

	if (!order || !(gfp & __GFP_DIRECT_RECLAIM))
		return best;
	count_vm_event(COMPACTSTALL);
	drain_all_pages();
	for (struct zone **z = node->zonelists[gfp_zonelist(gfp)]; *z; z++) {
		if (!(reach >> (*z)->type & 1))
			continue;
		best = max(best, compact_for(*z, order, mode));
		if (best == COMPACT_SUCCESS)
			break;
	}
	count_vm_event(best == COMPACT_SUCCESS ? COMPACTSUCCESS : COMPACTFAIL);
	return best;
}

/* ---- for nobody in particular ---- */

void compact_node(const struct pglist_data *node)
{
	drain_all_pages();
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (node->zone[type])
			compact_zone_order(node->zone[type], -1, MIGRATE_SYNC);
}

void compact_nodes(void)
{
	for (unsigned nid = 0; nid < nr_nodes; nid++)
		compact_node(node_data[nid]);
}

unsigned fragmentation_score_zone(struct zone *zone)
{
	return zone->nr_free ? extfrag_for_order(zone, PAGEBLOCK_ORDER) : 0;
}

unsigned fragmentation_score_node(const struct pglist_data *node)
{
	u64 score = 0;

	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (node->zone[type])
			score += (u64)fragmentation_score_zone(node->zone[type]) *
				 node->zone[type]->present_pages;
	return node->present_pages ? (unsigned)(score / node->present_pages) : 0;
}

/* The mark that proactive compaction works down to; it begins 10 above. */
static unsigned score_low(void)
{
	return max(100 - min(READ_ONCE(compaction_proactiveness), 100u), 5u);
}

static void compact_by_score(const struct pglist_data *node)
{
	static u8 skip[MAX_NUMNODES], in_vain[MAX_NUMNODES];
	unsigned score = fragmentation_score_node(node), now;
	int nid = node->nid;

	if (!READ_ONCE(compaction_proactiveness) || score <= min(score_low() + 10, 100u))
		return;
	if (skip[nid]) {
		skip[nid]--;
		return;
	}
	drain_all_pages();
	for (unsigned type = 0; type < MAX_NR_ZONES; type++) {
		struct compact_control cc = { .zone = node->zone[type],
					      .order = -1,
					      .score = score_low(),
					      .mode = MIGRATE_SYNC_LIGHT };

		if (cc.zone && compaction_suitable(cc.zone, -1))
			compact_zone(&cc);
	}
	now = fragmentation_score_node(node);
	in_vain[nid] = now < score ? 0 : (u8)min(in_vain[nid] + 1, COMPACT_MAX_DEFER_SHIFT);
	skip[nid] = (u8)((1U << in_vain[nid]) - 1);
}

/* ---- kcompactd ---- */

static u8 asked_order[MAX_NUMNODES]; /* 0: for nothing */

static u32 kcompactd_period(void)
{
	return READ_ONCE(compaction_proactiveness) ? SCORE_PERIOD : 0;
}

static struct node_daemon_state kcompactd_state[MAX_NUMNODES];
static const struct node_daemon kcompactd = { "kcompactd", kcompactd_do_work, kcompactd_state,
					      kcompactd_period };
TABLE_ENTRY(node_daemon, kcompactd);

void wakeup_kcompactd(const struct pglist_data *node, unsigned order)
{
	if (!order)
		return;
	if (READ_ONCE(asked_order[node->nid]) < order)
		WRITE_ONCE(asked_order[node->nid], (u8)order);
	node_daemon_wake(&kcompactd, node->nid);
}

void kcompactd_do_work(const struct pglist_data *node)
{
	unsigned order = asked_order[node->nid];

	WRITE_ONCE(asked_order[node->nid], 0);
	if (order) {
		count_vm_event(KCOMPACTD_WAKE);
		drain_all_pages();
		for (unsigned type = 0; type < MAX_NR_ZONES; type++)
			if (node->zone[type])
				compact_for(node->zone[type], order, MIGRATE_SYNC_LIGHT);
	}
	compact_by_score(node);
}

void compaction_reset(void)
{
	memset(hints, 0, sizeof(hints));
}
