/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_slow.c - an allocation that found no plenty: watermarks, reserves, reclaim, failure
 *
 * Every zone of the request is asked in turn, and gives a block if enough stays behind:
 *
 *     low watermark in each zone      -> block; else the reclaim thread is woken
 *     min watermark, less for those that can't wait (mm/watermark.h)
 *     what this hart keeps goes back to the zones, a few blocks at a time; then again
 *     who may sleep: shrinkers, compaction, what all harts keep, and again, until several rounds
 *       have freed nothing; then the out-of-memory path
 *     failure, with a report
 *
 * Invariants: a request never takes what a zone keeps for others (zone_watermark_ok under the
 *   zone's lock); who may sleep fails only if no zone of the request has a page above its min
 *   watermark that isn't on the lists of a hart.
 * Locking: one zone->lock at a time (rank ZONE), interrupts off.
 * Not here: hits and refills (page_alloc.c, pcp.c), freeing memory (vmscan.c), reports
 *   (page_report.c).
 */
#include <kernel/panic.h>
#include <kernel/smp.h>
#include <mm/compaction.h>
#include <mm/mempolicy.h>
#include <mm/oom.h>
#include <mm/vmscan.h>
#include <mm/page_debug.h>
#include <mm/vmstat.h>
#include <mm/watermark.h>
#include "buddy_list.h"
#include "pcp.h"

#define COSTLY_ORDER 3	     /* larger blocks aren't worth trying for ever */
#define MAX_RETRIES  16	     /* rounds that freed nothing */
#define WAIT_NS	     1000000 /* between rounds of a request that must not fail */

struct mm_thread mm_boot_thread;
void (*mm_wait_hook)(u64 ns);

struct request {
	const struct pglist_data *node;
	zone_mask_t reach;
	nodemask_t nodes;
	gfp_t gfp;
	unsigned order;
	unsigned type;	  /* enum migratetype */
	unsigned highest; /* type of the highest zone that it may use */
};

static inline bool may_use(const struct request *r, const struct zone *zone)
{
	return (r->reach >> zone->type & 1) && (r->nodes >> zone->nid & 1);
}

#define for_each_zone_of(r, z)                                                                   \
	for (struct zone **_z = (r)->node->zonelists[gfp_zonelist((r)->gfp)]; ((z) = *_z); _z++) \
		if (may_use(r, z))

/* May this caller wait for the other harts? */
static inline bool may_wait(void)
{
	return !irqs_disabled() && !in_atomic();
}

/* What is kept for large atomic requests. */
static struct page *take_highatomic(struct zone *zone, unsigned order)
{
	u32 orders = zone->orders[MIGRATE_HIGHATOMIC] >> order;
	struct page *page;

	if (!orders)
		return NULL;
	page = list_take(zone, (int)order, MIGRATE_HIGHATOMIC);
	zone->nr_free -= 1UL << order;
	page->block = zone->mark + BLOCK_USED + order;
	return page;
}

/* A large atomic request was served: what is freed beside it is kept for the next. */
static void keep_highatomic(struct zone *zone, struct page *page)
{
	u8 *type = pageblock_of(zone, page);

	if (!type_is_ordinary(*type) || block_order(page) > PAGEBLOCK_ORDER ||
	    zone->nr_highatomic + pageblock_nr_pages > zone->managed_pages / 100)
		return;
	*type = MIGRATE_HIGHATOMIC;
	zone->nr_highatomic += pageblock_nr_pages;
}

/* What is free of that is anybody's again.  Pageblocks with nothing free stay, and count. */
static void unkeep_highatomic(struct zone *zone)
{
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	while (zone->orders[MIGRATE_HIGHATOMIC]) {
		int order = lowest_bit(zone->orders[MIGRATE_HIGHATOMIC]);
		struct page *page = list_pop(zone, order, MIGRATE_HIGHATOMIC);
		u8 *type = pageblock_of(zone, page),
		   *last = type + ((1UL << order) - 1) / pageblock_nr_pages;

		for (; type <= last; type++) {
			if (*type != MIGRATE_HIGHATOMIC)
				continue;
			*type = MIGRATE_UNMOVABLE;
			zone->nr_highatomic -= pageblock_nr_pages;
		}
		block_merge(zone, page, order, MIGRATE_UNMOVABLE);
	}
	spin_unlock_irqrestore(&zone->lock, flags);
}

static bool leaves_enough(const struct request *r, const struct zone *zone, unsigned flags)
{
	return (flags & ALLOC_NO_WATERMARKS) ||
	       zone_watermark_ok(zone, r->order, wmark_pages(zone, flags & ALLOC_WMARK_MASK),
				 r->highest, flags);
}

static struct page *take_locked(const struct request *r, struct zone *zone, unsigned flags)
{
	struct page *page;

	if (!leaves_enough(r, zone, flags))
		return NULL;
	page = unlikely(page_debug) ? page_guard_take(zone, r->order, r->type)
				    : buddy_take(zone, r->order, r->type);
	if (!page && (flags & (ALLOC_HIGHATOMIC | ALLOC_NO_WATERMARKS)))
		page = take_highatomic(zone, r->order);
	else if (page && (flags & ALLOC_HIGHATOMIC) && r->order < PAGEBLOCK_ORDER)
		keep_highatomic(zone, page);
	watermark_pressure(zone);
	return page;
}

/* A block of @zone, if @flags leave one. */
static struct page *take_from(const struct request *r, struct zone *zone, unsigned flags)
{
	unsigned long irq;
	struct page *page = NULL;

	local_irq_save(irq);
	hart_barrier();
	/* What this hart keeps of a zone that keeps some for others is theirs too. */
	if (!zone->lowmem_reserve[r->highest] || leaves_enough(r, zone, flags))
		page = pcp_take(zone, r->order, r->type);
	if (!page) {
		spin_lock_raw(&zone->lock);
		page = take_locked(r, zone, flags);
		spin_unlock_raw(&zone->lock);
		if (page)
			__count_vm_events(PGALLOC, 1UL << r->order);
	}
	local_irq_restore(irq);
	return page ? page_prepare(zone, page, r->gfp, r->order) : NULL;
}

static struct page *try_zones(const struct request *r, unsigned flags)
{
	int preferred = NUMA_NO_NODE;
	struct zone *zone;

	for_each_zone_of(r, zone) {
		struct page *page = take_from(r, zone, flags);

		if (preferred == NUMA_NO_NODE)
			preferred = zone->nid;
		if (!page)
			continue;
		zone_statistics(preferred, zone, 1);
		return page;
	}
	return NULL;
}

/* How far below the min watermark may it go? */
static unsigned reserves(const struct request *r)
{
	gfp_t gfp = r->gfp;
	unsigned flags = ALLOC_WMARK_MIN;

	if (gfp & __GFP_HIGH)
		flags |= ALLOC_MIN_RESERVE;
	if (!(gfp & __GFP_DIRECT_RECLAIM)) {
		flags |= ALLOC_NON_BLOCK;
		if (r->order && (gfp & __GFP_HIGH))
			flags |= ALLOC_HIGHATOMIC;
	}
	if (r->type == MIGRATE_MOVABLE)
		flags |= ALLOC_CMA;
	if (!(gfp & __GFP_NOMEMALLOC) &&
	    ((gfp & __GFP_MEMALLOC) || (!in_interrupt() && (mm_current()->flags & PF_MEMALLOC))))
		flags |= ALLOC_NO_WATERMARKS;
	return flags;
}

/* Some of what this hart keeps goes back to the request's zones. False if there was nothing. */
static bool trim(const struct request *r)
{
	int whole = r->gfp & __GFP_DIRECT_RECLAIM ? PCP_TRIM * 16 : PCP_TRIM, budget = whole;
	struct zone *zone;
	unsigned long irq;

	for_each_zone_of(r, zone) {
		local_irq_save(irq);
		hart_barrier();
		pcp_trim(zone, &budget);
		local_irq_restore(irq);
	}
	return budget != whole;
}

/*
 * With what this hart keeps, too.  Who can't wait takes a bounded part of it back, not more: below
 * its low watermark, and without large blocks, a zone lets harts keep little.
 */
static struct page *try_own(const struct request *r, unsigned flags)
{
	struct page *page = NULL;

	while (!page && trim(r)) {
		page = try_zones(r, flags);
		if (!(r->gfp & __GFP_DIRECT_RECLAIM))
			break;
	}
	return page;
}

/* With what all harts keep, and what is kept for atomic requests. */
static struct page *try_everything(const struct request *r, unsigned flags)
{
	struct zone *zone;

	drain_all_pages();
	for_each_zone_of(r, zone)
		unkeep_highatomic(zone);
	return try_zones(r, flags);
}

/* Free pages where the request may have them: on all nodes, or on each that it's bound to. */
static bool reclaim(const struct request *r)
{
	const struct pglist_data *last = NULL;
	struct zone *zone;
	bool any = false;

	if (likely(r->nodes == NODE_MASK_ALL))
		return try_to_free_pages(r->node, r->reach, r->order, r->gfp);
	for_each_zone_of(r, zone) {
		if (zone->node == last)
			continue;
		last = zone->node;
		any |= try_to_free_pages(last, r->reach, r->order, r->gfp | __GFP_THISNODE);
	}
	return any;
}

/* A block made by moving pages together. */
static struct page *try_compacting(const struct request *r, unsigned flags)
{
	unsigned old = memalloc_noreclaim_save();
	enum compact_result ret = try_to_compact_pages(r->node, r->reach, r->gfp, r->order);

	memalloc_noreclaim_restore(old);
	return ret == COMPACT_SUCCESS ? try_zones(r, flags) : NULL;
}

/* Reclaim has nothing any more. True if something was freed after all. */
static bool ask_for_last(const struct request *r)
{
	struct oom_control oc = { r->node, r->reach, r->order, r->gfp, NULL };

	return !(r->gfp & __GFP_RETRY_MAYFAIL) && out_of_memory(&oc);
}

/* The caller may sleep, and isn't the one that frees memory. */
static struct page *try_hard(const struct request *r, unsigned flags)
{
	unsigned idle = 0;
	struct page *page;

	if (r->order > COSTLY_ORDER) { /* rather than have others throw away much */
		page = try_compacting(r, flags);
		if (page)
			return page;
	}
	for (;;) {
		bool progress = reclaim(r);

		page = try_zones(r, flags);
		if (!page)
			page = try_everything(r, flags);
		if (!page && r->order)
			page = try_compacting(r, flags);
		if (page || (r->gfp & __GFP_NORETRY))
			return page;
		idle = progress ? 0 : idle + 1;
		if (r->order <= COSTLY_ORDER && (idle < MAX_RETRIES || ask_for_last(r)))
			continue;
		if (!(r->gfp & __GFP_NOFAIL) || !mm_wait_hook)
			return NULL; /* and nobody else runs who could free some */
		mm_wait_hook(WAIT_NS);
	}
}

static void wake_reclaim(const struct request *r)
{
	struct zone *zone;

	if (!(r->gfp & __GFP_KSWAPD_RECLAIM))
		return;
	for_each_zone_of(r, zone) {
		wakeup_kswapd(zone, r->gfp, r->order);
		/* Enough, but in pieces. */
		if (r->order &&
		    READ_ONCE(zone->nr_free) > zone->watermark[WMARK_HIGH] + (2UL << r->order))
			wakeup_kcompactd(zone->node, r->order);
	}
}

static struct page *serve(const struct request *r)
{
	unsigned flags = reserves(r);
	struct page *page;

	page = try_zones(r, ALLOC_WMARK_LOW | (flags & ALLOC_CMA));
	if (likely(page))
		return page;
	wake_reclaim(r);
	page = try_zones(r, flags);
	if (!page)
		page = try_own(r, flags);
	if (page || !(r->gfp & __GFP_DIRECT_RECLAIM) || !may_wait())
		return page;
	if (flags & ALLOC_NO_WATERMARKS) /* it frees memory itself */
		return try_everything(r, flags);
	return try_hard(r, flags);
}

/* Flags that contradict each other or the caller's context: which, or 0. */
static unsigned gfp_odd(gfp_t gfp)
{
	if (unlikely((gfp & GFP_MOVABLE_MASK) == GFP_MOVABLE_MASK))
		return 1;
	if (unlikely(gfp & __GFP_NOFAIL) &&
	    ((gfp & __GFP_NORETRY) || !(gfp & __GFP_DIRECT_RECLAIM)))
		return 2;
	/* At boot nobody else runs: there's nothing to wait for, and nothing wrong. */
	return (gfp & __GFP_DIRECT_RECLAIM) && mm_wait_hook && !may_wait() ? 3 : 0;
}

u32 page_free_orders(gfp_t gfp, int nid)
{
	int near = nid == NUMA_NO_NODE ? this_cpu_read(numa_node) : nid;
	struct zone **zone;
	u32 orders = 0;

	if ((unsigned)near >= nr_nodes)
		return 0; /* who allocates there says so */
	for (zone = node_data[near]->zonelists[gfp_zonelist(gfp)]; *zone; zone++)
		for (unsigned type = 0; type < MIGRATE_PCPTYPES; type++)
			orders |= READ_ONCE((*zone)->orders[type]);
	return orders;
}

struct page *alloc_slow(int nid, zone_mask_t reach, gfp_t gfp, unsigned order)
{
	struct request r = {
		.reach = reach,
		.nodes = NODE_MASK_ALL,
		.gfp = current_gfp_context(gfp),
		.order = order,
		.type = gfp_type(gfp),
	};
	struct page *page = NULL;
	struct zone *zone;

	if (unlikely(gfp_odd(gfp)))
		report_odd(gfp, gfp_odd(gfp), __builtin_return_address(0));
	r.node = nid == NUMA_NO_NODE ? policy_node(gfp, &r.nodes) : node_data[nid];
	if (likely(order <= MAX_ORDER)) {
		for_each_zone_of(&r, zone)
			r.highest = max(r.highest, (unsigned)zone->type);
		page = serve(&r);
	}
	if (unlikely(!page))
		report_failure(r.node, reach, gfp, order, __builtin_return_address(0));
	else if (nid == NUMA_NO_NODE)
		policy_served(r.node, page);
	return page;
}
