/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watermark.c - how much of each zone is kept free, and for whom
 *
 * min_free_kbytes is shared among the zones by their size: watermark[MIN].  LOW is a quarter of
 * that higher, or watermark_scale_factor ten-thousandths of the zone if that is more, and HIGH as
 * much again.  lowmem_reserve[t] of a zone is what a request that may use zones up to type t leaves
 * in it: the memory of its node in the zones above it up to t, over lowmem_reserve_ratio.
 *
 * Allocations that take batches look only at zone->plenty: with less free they come to page_slow.c,
 * which asks zone_watermark_ok().
 *
 * Invariants: min <= low <= high; plenty >= low + what the first request of a list leaves and what
 *   it can't use; bypass & BYPASS_PRESSURE since the zone, without what is lent, fell below low,
 *   until it is above high.
 * Locking: zone->lock for a zone's values; setup by the boot hart, or one tunable at a time.
 */
#include <mm/watermark.h>

#include "internal.h"
#include <kernel/sysctl.h>

#define KIB_PER_PAGE (PAGE_SIZE / 1024)
#define MIN_FREE_MIN 128UL
#define MIN_FREE_MAX 262144UL

unsigned int min_free_kbytes;
static unsigned int watermark_scale_factor = 10;
static unsigned int watermark_boost_factor = 15000;
static unsigned int lowmem_reserve_ratio[MAX_NR_ZONES] = { [0 ... MAX_NR_ZONES - 1] = 256 };

static int changed(void)
{
	setup_per_zone_wmarks();
	return 0;
}

SYSCTL(vm, min_free_kbytes, min_free_kbytes, 0, MIN_FREE_MAX * 4, changed,
       "KiB that only atomic requests and those that free memory may use");
SYSCTL(vm, watermark_scale_factor, watermark_scale_factor, 1, 3000, changed,
       "ten-thousandths of a zone between its watermarks");
SYSCTL(vm, watermark_boost_factor, watermark_boost_factor, 0, 100000, NULL,
       "ten-thousandths of the high watermark to free more when types mix");
SYSCTL(vm, lowmem_reserve_ratio, lowmem_reserve_ratio, 0, 1U << 30, changed,
       "by zone: one page in so many of the higher zones is kept from who may use these");

/* Free pages that this request can't have. */
static unsigned long unusable(const struct zone *zone, unsigned alloc_flags)
{
	unsigned long nr = 0;

	if (zone->orders[MIGRATE_ISOLATE])
		nr += zone_free_of(zone, MIGRATE_ISOLATE);
	if (zone->orders[MIGRATE_CMA] && !(alloc_flags & ALLOC_CMA))
		nr += zone_free_of(zone, MIGRATE_CMA);
	if (zone->orders[MIGRATE_HIGHATOMIC] && !(alloc_flags & ALLOC_HIGHATOMIC))
		nr += zone_free_of(zone, MIGRATE_HIGHATOMIC);
	return nr;
}

bool zone_watermark_ok(const struct zone *zone, unsigned order, unsigned long mark,
		       unsigned highest_type, unsigned alloc_flags)
{
	unsigned long leave = mark, nr_free = READ_ONCE(zone->nr_free);

	if (alloc_flags & ALLOC_MIN_RESERVE) {
		leave -= leave / 2;
		if (alloc_flags & ALLOC_NON_BLOCK)
			leave -= leave / 4;
	}
	leave += zone->lowmem_reserve[highest_type] + (1UL << order);
	return nr_free >= leave && nr_free >= leave + unusable(zone, alloc_flags);
}

void watermark_boost(struct zone *zone)
{
	unsigned long most = zone->watermark[WMARK_HIGH] * watermark_boost_factor / 10000;

	/* Small zones would be emptied for it. */
	if (zone->managed_pages < pageblock_nr_pages * 4)
		return;
	zone->watermark_boost = min(zone->watermark_boost + pageblock_nr_pages, most);
}

/* What the first request of some node's list leaves in @zone: it may be for a higher type. */
static unsigned long first_reserve(const struct zone *zone)
{
	unsigned long most = 0;

	for (unsigned nid = 0; nid < nr_nodes; nid++)
		for (unsigned i = 0; i < NR_ZONELISTS; i++) {
			struct zone **list = node_data[nid]->zonelists[i];

			if (list && *list == zone)
				most = max(most, zone->lowmem_reserve[zonelist_highest(list)]);
		}
	return most;
}

void watermark_set_plenty(struct zone *zone)
{
	zone->plenty = zone->bypass ? ~0UL / 2 : zone->batch_floor + zone->nr_cma;
}

void watermark_pressure(struct zone *zone)
{
	unsigned long nr = zone->nr_free;

	/* What is lent to movable pages doesn't help the others. */
	if (unlikely(zone->orders[MIGRATE_CMA]))
		nr -= zone_free_of(zone, MIGRATE_CMA);
	if (nr < zone->watermark[WMARK_LOW])
		zone_bypass(zone, BYPASS_PRESSURE, true);
	else if (nr >= zone->watermark[WMARK_HIGH])
		zone_bypass(zone, BYPASS_PRESSURE, false);
}

static void set_reserves(struct zone *zone)
{
	unsigned long above = 0, ratio = lowmem_reserve_ratio[zone->type];

	for (unsigned type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone *other = zone->node->zone[type];

		if (type > zone->type && other)
			above += other->managed_pages;
		zone->lowmem_reserve[type] = type > zone->type && ratio ? above / ratio : 0;
	}
}

static void set_marks(struct zone *zone, unsigned long all)
{
	unsigned long managed = zone->managed_pages, flags, gap, least;

	least = (unsigned long)((u64)(min_free_kbytes / KIB_PER_PAGE) * managed / all);
	gap = max(least / 4, (unsigned long)((u64)managed * watermark_scale_factor / 10000));
	set_reserves(zone);
	spin_lock_irqsave(&zone->lock, flags);
	zone->watermark[WMARK_MIN] = least;
	zone->watermark[WMARK_LOW] = least + gap;
	zone->watermark[WMARK_HIGH] = least + 2 * gap;
	zone->watermark_boost = 0;
	zone->batch_floor = least + gap + first_reserve(zone);
	watermark_set_plenty(zone);
	watermark_pressure(zone);
	spin_unlock_irqrestore(&zone->lock, flags);
}

void setup_per_zone_wmarks(void)
{
	unsigned long all = max(nr_managed_pages(), 1UL);
	struct zone *zone;

	for_each_zone(zone)
		set_marks(zone, all);
}

static unsigned long square_root(unsigned long n)
{
	unsigned long root = 0;

	for (unsigned long bit = 1UL << (sizeof(n) * 4 - 1); bit; bit >>= 1)
		if ((root + bit) * (root + bit) <= n)
			root += bit;
	return root;
}

void __init init_per_zone_wmarks(void)
{
	unsigned long kib = nr_managed_pages() * KIB_PER_PAGE;

	/* A chosen one stays. */
	if (!min_free_kbytes)
		min_free_kbytes = (u32)min(max(square_root(kib) * 4, MIN_FREE_MIN), MIN_FREE_MAX);
	setup_per_zone_wmarks();
}
