/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compaction.h - large free blocks out of small ones, by moving movable pages
 */
#ifndef MM_COMPACTION_H
#define MM_COMPACTION_H

#include <mm/gfp.h>
#include <mm/migrate.h>
#include <mm/zone.h>

enum compact_result {
	COMPACT_SKIPPED,  /* too little is free, or it isn't torn */
	COMPACT_DEFERRED, /* it was in vain too often lately */
	COMPACT_NO_SUITABLE_PAGE,
	COMPACT_CONTINUE,
	COMPACT_COMPLETE,	 /* the whole zone was gone through; no block of the order */
	COMPACT_PARTIAL_SKIPPED, /* as much of it as was left from the last time */
	COMPACT_CONTENDED,	 /* given up: nothing to move to */
	COMPACT_SUCCESS,	 /* there is a block of the order, or the score that was wanted */
};

/*
 * try_to_compact_pages - for an allocation of @order that failed: the zones of @node's list for
 * @gfp that are in @reach, until one has such a block
 * Sleeps, unless @gfp says otherwise: then COMPACT_SKIPPED.  The best of the zones' answers.
 */
enum compact_result try_to_compact_pages(const struct pglist_data *node, zone_mask_t reach,
					 gfp_t gfp, unsigned order);

/* compaction_suitable - is it worth trying?  Enough must be free, in too many pieces.
 * @order -1: for nobody in particular. */
bool compaction_suitable(struct zone *zone, int order);

/* compact_zone_order - compact @zone until it has a block of @order for pages that can't be moved;
 * -1: all of it.  Sleeps. */
enum compact_result compact_zone_order(struct zone *zone, int order, enum migrate_mode mode);

/* compact_node - all of @node's zones wholly; compact_nodes - of all nodes.  Sleep. */
void compact_node(const struct pglist_data *node);
void compact_nodes(void);

/*
 * After compaction in vain for an order the next 2^shift requests are let pass, the shift growing
 * with each time up to COMPACT_MAX_DEFER_SHIFT.
 */
#define COMPACT_MAX_DEFER_SHIFT 6
void defer_compaction(struct zone *zone, int order);
bool compaction_deferred(struct zone *zone, int order);
void compaction_defer_reset(struct zone *zone, int order, bool alloc_success);

/*
 * fragmentation_score_zone - 0 to 100: how much of @zone's free memory is no block of a pageblock
 * or more.  fragmentation_score_node - the same of a node, its zones weighed by their size.
 */
unsigned fragmentation_score_zone(struct zone *zone);
unsigned fragmentation_score_node(const struct pglist_data *node);

/* wakeup_kcompactd - have @node's thread make a block of @order.  Any context, no zone locked. */
void wakeup_kcompactd(const struct pglist_data *node, unsigned order);

/* kcompactd_do_work - what it does: for the order asked for, then by the score.  Sleeps. */
void kcompactd_do_work(const struct pglist_data *node);

/* compaction_reset - forget everything (host tests). */
void compaction_reset(void);

#endif
