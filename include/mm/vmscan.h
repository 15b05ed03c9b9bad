/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmscan.h - getting pages back: by those who need them, and by a thread for each node
 */
#ifndef MM_VMSCAN_H
#define MM_VMSCAN_H

#include <mm/mm_thread.h>
#include <mm/node_daemon.h>
#include <mm/zone.h>

#define SWAP_CLUSTER_MAX    32UL /* pages that one who needs some gets back at a time */
#define MAX_RECLAIM_RETRIES 16	 /* runs in vain after which a zone is given up for a while */

/*
 * try_to_free_pages - direct reclaim: free pages that a request for 2^@order of them, with @gfp,
 * from the zones in @reach, near @node first, could take
 * Returns how many; at least 1 if anything was freed, though others may have taken it already.  0
 * also where reclaim is what allocates (PF_MEMALLOC).  Sleeps; what shrinkers may do is @gfp,
 * without what the thread may not (current_gfp_context).
 */
unsigned long try_to_free_pages(const struct pglist_data *node, zone_mask_t reach, unsigned order,
				gfp_t gfp);

/*
 * wakeup_kswapd - @zone is short of pages: have its node's thread bring it over the high watermark
 * Does nothing without __GFP_KSWAPD_RECLAIM, nor for a zone that was given up.  Any context, but no
 * zone locked.  One load if it was asked already.
 */
void wakeup_kswapd(struct zone *zone, gfp_t gfp, unsigned order);

/* kswapd_gave_up - nothing could be freed in @zone for long, and nobody has freed much since. */
bool kswapd_gave_up(struct zone *zone);

/* kswapd_hopes_again - @zone fell below its low watermark, or is above the high one again.  Any
 * context. */
void kswapd_hopes_again(const struct zone *zone);

/* mm_account_reclaimed_pages - a shrinker gave back @nr pages; called from its scan_objects().  One
 * that doesn't say is judged by what is free before and after. */
static inline void mm_account_reclaimed_pages(unsigned long nr)
{
	mm_current()->reclaimed += nr;
}

extern const struct node_daemon kswapd;

#endif
