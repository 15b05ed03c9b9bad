/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmscan.c - getting pages back
 *
 * Who finds a zone below its low watermark wakes the node's thread, kswapd, and goes on; kswapd
 * frees until every zone of the node is above its high watermark, and then has kcompactd make a
 * block of the largest order that somebody wanted.  Who finds it below min, and may sleep, frees
 * some pages itself (direct reclaim) and tries again.
 *
 *     priority 12: ask for a 2^12th of everything; each time that this isn't enough, for twice as
 *     much; 0: for everything
 *
 * Reclaim may allocate: with PF_MEMALLOC set, so that it gets the last pages and doesn't reclaim.
 *
 * What it got: what shrinkers said (mm_account_reclaimed_pages) or what became free, whichever is
 * more.  Others take pages meanwhile, so neither is exact; if objects were freed and no page
 * shows, that counts as one page, for who reclaims shall try again rather than fail.
 *
 * A zone in which kswapd's runs gain nothing, be it that all of it is held for good, isn't worth
 * the caches of the others: a run ends when twice what is missing was freed elsewhere, and after
 * MAX_RECLAIM_RETRIES runs in vain (those that cost others their caches count four times) the zone
 * is left alone, until SWAP_CLUSTER_MAX pages more are free in it than when there were fewest, or
 * it recovers and falls below its low watermark anew.
 *
 * Locking: none but what it calls takes; a zone's nr_free is read without.
 * Not here: which objects (shrinker.c), whom to wake when (page_slow.c), the threads themselves
 * (kernel/sched/kswapd.c), moving pages (compaction.c).
 */
#include <mm/vmscan.h>

#include <kernel/sysctl.h>
#include <mm/compaction.h>
#include <mm/oom.h>
#include <mm/page_alloc.h>
#include <mm/shrinker.h>
#include <mm/vmstat.h>
#include <mm/watermark.h>

#include "internal.h"

/* By zone id.  Written by kswapd and wakers, who may both be a step behind. */
static struct {
	unsigned failures;   /* runs in a row that gained nothing */
	unsigned long least; /* free pages since it was given up */
} in_vain[MAX_ZONES];

/* Everything that @node can give, a 2^@priority'th of it.  Pages of files and of programs come here
 * when there are some. */
static unsigned long shrink_node(const struct pglist_data *node, gfp_t gfp, int priority,
				 unsigned long *scanned)
{
	return shrink_slab(gfp, node->nid, priority, scanned);
}

/* ---- by those who need pages ---- */

/* Free pages, those that harts keep too, of the zones of @list in @reach. */
static unsigned long pages_free(struct zone *const *list, zone_mask_t reach)
{
	unsigned long nr = 0;

	for (; *list; list++)
		if (reach >> (*list)->type & 1)
			nr += zone_free_pages(*list);
	return nr;
}

/* Once for each node of @list. */
static unsigned long shrink_nodes(struct zone *const *list, zone_mask_t reach, gfp_t gfp,
				  int priority, unsigned long *scanned)
{
	const struct pglist_data *last = NULL;
	unsigned long freed = 0;

	for (; *list; list++) {
		if (!(reach >> (*list)->type & 1) || (*list)->node == last)
			continue;
		last = (*list)->node;
		freed += shrink_node((*list)->node, gfp, priority, scanned);
	}
	return freed;
}

/* What the thread got back since free pages were @before, or what it says it did. */
static unsigned long gained(unsigned long before, unsigned long now)
{
	return max(mm_current()->reclaimed, now > before ? now - before : 0);
}

unsigned long try_to_free_pages(const struct pglist_data *node, zone_mask_t reach, unsigned order,
				gfp_t gfp)
{
	struct zone *const *list = node->zonelists[gfp_zonelist(gfp)];
	unsigned long target = max(SWAP_CLUSTER_MAX, 1UL << order), before, got = 0;
	unsigned long scanned = 0, objects = 0;
	unsigned int old;

	might_sleep();
	if (mm_current()->flags & PF_MEMALLOC)
		return 0;
	old = memalloc_noreclaim_save();
	mm_current()->reclaimed = 0;
	before = pages_free(list, reach);
	/* Where others take what is freed, and shrinkers don't say: not the whole cache. */
	for (int priority = DEF_PRIORITY; priority >= 0 && got < target && objects < 16 * target;
	     priority--) {
		objects += shrink_nodes(list, reach, current_gfp_context(gfp), priority, &scanned);
		got = gained(before, pages_free(list, reach));
	}
	memalloc_noreclaim_restore(old);
	count_vm_event(ALLOCSTALL);
	count_vm_events(PGSCAN_DIRECT, scanned);
	count_vm_events(PGSTEAL_DIRECT, got);
	return got ? got : objects != 0;
}

/* ---- by the node's thread ---- */

bool kswapd_gave_up(struct zone *zone)
{
	unsigned long nr = READ_ONCE(zone->nr_free), least = in_vain[zone->id].least;

	if (likely(in_vain[zone->id].failures < MAX_RECLAIM_RETRIES))
		return false;
	if (nr < least)
		in_vain[zone->id].least = nr;
	if (nr < least + SWAP_CLUSTER_MAX)
		return true;
	in_vain[zone->id].failures = 0;
	return false;
}

static bool is_short(struct zone *zone)
{
	return zone && zone->managed_pages && !kswapd_gave_up(zone) &&
	       !zone_watermark_ok(zone, 0, wmark_pages(zone, WMARK_HIGH), zone->type, 0);
}

static bool any_short(const struct pglist_data *node)
{
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (is_short(node->zone[type]))
			return true;
	return false;
}

void kswapd_hopes_again(const struct zone *zone)
{
	in_vain[zone->id].failures = 0;
}

/*
 * @before: free pages by type, ~0 of zones that weren't short.  True if one of those gained; if
 * not, that's @failures in vain.
 */
static bool judge(const struct pglist_data *node, const unsigned long *before, unsigned failures)
{
	bool any = false;

	for (unsigned type = 0; type < MAX_NR_ZONES; type++) {
		struct zone *zone = node->zone[type];
		unsigned long nr = zone ? READ_ONCE(zone->nr_free) : 0;

		if (before[type] == ~0UL)
			continue;
		if (nr > before[type]) {
			in_vain[zone->id].failures = 0;
			count_vm_events(PGSTEAL_KSWAPD, nr - before[type]);
			any = true;
		} else {
			in_vain[zone->id].least = nr;
			in_vain[zone->id].failures += failures;
		}
	}
	return any;
}

/* Once through the priorities; true if it helped. */
static bool balance(const struct pglist_data *node)
{
	unsigned long before[MAX_NR_ZONES], scanned = 0, freed = 0, most = SWAP_CLUSTER_MAX;
	unsigned long mark;

	for (unsigned type = 0; type < MAX_NR_ZONES; type++) {
		struct zone *zone = node->zone[type];

		before[type] = ~0UL;
		if (!is_short(zone))
			continue;
		before[type] = READ_ONCE(zone->nr_free);
		mark = wmark_pages(zone, WMARK_HIGH);
		/* If twice as much as is missing doesn't help, it's from the wrong zones. */
		most += 2 * (mark - min(before[type], mark));
	}
	for (int priority = DEF_PRIORITY; priority > 0 && freed < most && any_short(node);) {
		unsigned long nr = shrink_node(node, GFP_KERNEL, priority, &scanned);

		drain_local_pages();
		freed += nr;
		priority -= nr < SWAP_CLUSTER_MAX;
	}
	count_vm_events(PGSCAN_KSWAPD, scanned);
	return judge(node, before, freed ? 4 : 1);
}

/* What was raised for this run. */
static void end_boosts(const struct pglist_data *node)
{
	for (unsigned type = 0; type < MAX_NR_ZONES; type++) {
		struct zone *zone = node->zone[type];
		unsigned long flags;

		if (!zone || !READ_ONCE(zone->watermark_boost))
			continue;
		spin_lock_irqsave(&zone->lock, flags);
		zone->watermark_boost = 0;
		spin_unlock_irqrestore(&zone->lock, flags);
	}
}

static void reclaim_until_balanced(const struct pglist_data *node)
{
	unsigned int old;

	if (!any_short(node))
		return;
	count_vm_event(PAGEOUTRUN);
	old = memalloc_save(PF_MEMALLOC | PF_KSWAPD);
	mm_current()->reclaimed = 0;
	drain_all_pages();
	while (any_short(node) && balance(node))
		;
	memalloc_restore(PF_MEMALLOC | PF_KSWAPD, old);
}

static u8 wanted_order[MAX_NUMNODES]; /* of a block, by those who woke it */

static void kswapd_balance(const struct pglist_data *node)
{
	unsigned order = READ_ONCE(wanted_order[node->nid]);

	WRITE_ONCE(wanted_order[node->nid], 0);
	report_recorded_failure();
	reclaim_until_balanced(node);
	end_boosts(node);
	wakeup_kcompactd(node, order);
}

void (*node_daemon_kick)(void);

static struct node_daemon_state kswapd_state[MAX_NUMNODES];
const struct node_daemon kswapd = { "kswapd", kswapd_balance, kswapd_state, NULL };
TABLE_ENTRY(node_daemon, kswapd);

void wakeup_kswapd(struct zone *zone, gfp_t gfp, unsigned order)
{
	if (READ_ONCE(kswapd_state[zone->nid].asked) || !(gfp & __GFP_KSWAPD_RECLAIM) ||
	    kswapd_gave_up(zone))
		return;
	if (order > READ_ONCE(wanted_order[zone->nid]))
		WRITE_ONCE(wanted_order[zone->nid], (u8)order);
	count_vm_event(KSWAPD_WAKE);
	node_daemon_wake(&kswapd, zone->nid);
}

/* ---- by hand ---- */

static unsigned int drop_caches;

static int drop(void)
{
	drop_caches = 0;
	drop_slab();
	return 0;
}
SYSCTL(vm, drop_caches, drop_caches, 0, 3, drop, "have every cache give back what it can");
