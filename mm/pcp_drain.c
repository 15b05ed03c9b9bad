/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcp_drain.c - taking back what the harts and the depots keep; figures about it, and checks
 *
 * A trim takes a bounded step for an allocation that found no block, and leaves the lists little
 * room; a drain goes on until all lists are empty, with interrupts on between its steps.  While one
 * runs harts list no more pages (BYPASS_DRAIN), so that it ends.
 *
 * Invariants (pcp_validate): those of pcp.c; nr_depot is the number of blocks in a zone's depot.
 * Locking: a hart's lists are its own, with interrupts off; zone->lock for its depot, and while
 *   blocks move.
 * Cost: PCP_TRIM and DRAIN_STEP are in the units of pcp_give().
 */
#include "pcp.h"

#include <kernel/smp.h>
#include <mm/page_alloc.h>
#include <mm/vmstat.h>
#include "internal.h"

#include <stdio.h>

#define DRAIN_STEP 48

/* Room that a list has after its blocks were missed by an allocation that found none. */
#define ROOM_LEAST 8

static void shrink(const struct zone_pcp *pcp, struct pcp_list *list, unsigned i)
{
	list->full = max(min(pcp->base[i] + ROOM_LEAST, limit_at(pcp, i)), list->top);
}

/* As pcp_give(), of list @i of a hart or of the depot, with the zone's lock inside; false if the
 * list is empty then. */
static bool give_back(struct zone_pcp *pcp, unsigned i, int *budget)
{
	struct pcp_list *list = list_at(pcp, i);
	struct zone *zone = pcp->zone;
	struct page **was;
	bool more;

	spin_lock_raw(&zone->lock);
	was = list->top;
	*budget = pcp_give(zone, list, pcp->base[i], (int)order_at(i), PCP_BATCH, *budget);
	if (pcp == depot_of(zone))
		zone->nr_depot -= (u32)(was - list->top);
	more = list->top != pcp->base[i];
	spin_unlock_raw(&zone->lock);
	return more;
}

/* Blocks of @pcp go back as far as *@budget allows, of each type large ones first: one of them may
 * be what is missed.  True if that was not all. */
static bool trim_lists(struct zone_pcp *pcp, int *budget)
{
	for (unsigned type = 0; type < PCP_TYPES; type++) {
		for (unsigned index = PCP_LISTS; index--;) {
			struct pcp_list *list = &pcp->list[type][index];
			unsigned i = type * PCP_LISTS + index;

			if (likely(READ_ONCE(list->top) == pcp->base[i]))
				continue;
			if (*budget <= 0 || give_back(pcp, i, budget))
				return true;
			if (pcp != depot_of(pcp->zone))
				shrink(pcp, list, i);
		}
	}
	return false;
}

bool pcp_trim(struct zone *zone, int *budget)
{
	struct zone_pcp *pcp = this_hart->pcp_zone[zone->id];

	if (READ_ONCE(pcp->trimmed))
		return false;
	if (trim_lists(pcp, budget) ||
	    (READ_ONCE(zone->nr_depot) && trim_lists(depot_of(zone), budget)))
		return true;
	spin_lock_raw(&zone->lock);
	pcp->trimmed = zone->nr_depot ? 0 : zone->bypass;
	spin_unlock_raw(&zone->lock);
	return false;
}

/* One step towards empty lists; true if some aren't yet.  Interrupts off. */
static bool drain_some(struct zone_pcp *pcp, int *budget)
{
	for (unsigned i = 0; i < NR_LISTS; i++) {
		if (READ_ONCE(list_at(pcp, i)->top) == pcp->base[i])
			continue;
		if (*budget <= 0 || give_back(pcp, i, budget))
			return true;
	}
	return false;
}

/* The same for all zones of this hart.  What is done with interrupts off stays short. */
static bool drain_step(void)
{
	int budget = DRAIN_STEP;
	unsigned long flags;
	struct zone *zone;
	bool more = false;

	local_irq_save(flags);
	hart_barrier();
	for_each_zone(zone) {
		more |= drain_some(this_hart->pcp_zone[zone->id], &budget);
		if (READ_ONCE(zone->nr_depot))
			more |= drain_some(depot_of(zone), &budget);
	}
	local_irq_restore(flags);
	return more;
}

void drain_local_pages(void)
{
	preempt_disable(); /* this hart's */
	while (drain_step())
		;
	preempt_enable();
}

static void drain_step_here(void *more)
{
	if (drain_step())
		__atomic_store_n((u32 *)more, 1, __ATOMIC_RELAXED);
}

/* While somebody drains, harts list no more pages, so that it comes to an end. */
static void count_drainers(int by)
{
	struct zone *zone;

	for_each_zone(zone) {
		unsigned long flags;

		spin_lock_irqsave(&zone->lock, flags);
		zone->drainers = (u16)(zone->drainers + by);
		zone_bypass(zone, BYPASS_DRAIN, zone->drainers);
		spin_unlock_irqrestore(&zone->lock, flags);
	}
}

void drain_all_pages(void)
{
	u32 more;

	count_vm_event(DRAIN_ALL);
	count_drainers(1);
	do {
		more = 0;
		on_each_hart(drain_step_here, &more);
	} while (more);
	count_drainers(-1);
}

void page_alloc_hart_dead(unsigned cpu)
{
	unsigned long flags;
	struct zone *zone;
	bool more;

	for_each_zone(zone)
		do {
			int budget = DRAIN_STEP;

			local_irq_save(flags);
			more = drain_some(pcp_of(cpu, zone->id), &budget);
			local_irq_restore(flags);
		} while (more);
}

/* ---- figures and checks ---- */

unsigned long zone_hart_pages(const struct zone *zone, unsigned cpu)
{
	struct zone_pcp *pcp = pcp_of(cpu, zone->id);
	unsigned long nr = 0;

	for (unsigned i = 0; i < NR_LISTS; i++)
		nr += (unsigned long)(READ_ONCE(list_at(pcp, i)->top) - pcp->base[i])
		      << order_at(i);
	return nr;
}

unsigned long zone_listed_pages(const struct zone *zone)
{
	unsigned long nr = 0;

	for (unsigned cpu = 0; pcps && cpu <= nr_harts; cpu++)
		nr += zone_hart_pages(zone, cpu);
	return nr;
}

/* What moves between lists and zone has one of the two counts, under the lock both. */
unsigned long zone_free_pages(struct zone *zone)
{
	unsigned long nr, flags;

	spin_lock_irqsave(&zone->lock, flags);
	nr = zone->nr_free + zone_listed_pages(zone);
	spin_unlock_irqrestore(&zone->lock, flags);
	return nr;
}

static bool slot_is_sound(const struct zone_pcp *pcp, const struct page *page, unsigned type,
			  unsigned order)
{
	return page->word0 == pcp->zone->word0_free &&
	       page->block == pcp->zone->mark + BLOCK_USED + (type << BLOCK_TYPE_SHIFT) + order;
}

static int check_slots(struct zone_pcp *pcp, unsigned cpu, unsigned i, char *fault, size_t bytes)
{
	const struct pcp_list *list = list_at(pcp, i);
	unsigned type = i / PCP_LISTS, order = order_at(i);
	const char *name = pcp->zone->name;
	struct page **base = pcp->base[i];

	if (list->top < base || list->top > list->full || *base || list->full > limit_at(pcp, i)) {
		snprintf(fault, bytes, "zone %s hart %u order %u type %u: top is slot %ld of %ld",
			 name, cpu, order, type, (long)(list->top - base),
			 (long)(list->full - base));
		return -EFAULT;
	}
	for (struct page **slot = base + 1; slot <= list->top; slot++) {
		if (slot_is_sound(pcp, *slot, type, order))
			continue;
		snprintf(fault, bytes,
			 "zone %s hart %u order %u type %u: pfn 0x%lx has block word 0x%08lx "
			 "flags 0x%08lx refcount %ld",
			 name, cpu, order, type, page_to_pfn(*slot), (unsigned long)(*slot)->block,
			 (unsigned long)(*slot)->flags, (long)(*slot)->_refcount);
		return -EFAULT;
	}
	return 0;
}

int pcp_validate(struct zone *zone, unsigned cpu, char *fault, size_t bytes)
{
	struct zone_pcp *pcp = pcp_of(cpu, zone->id), *depot = depot_of(zone);
	unsigned long stored = 0;
	int err = 0;

	for (unsigned i = 0; i < NR_LISTS && !err; i++) {
		err = check_slots(pcp, cpu, i, fault, bytes);
		if (!err)
			err = check_slots(depot, nr_harts, i, fault, bytes);
		stored += (unsigned long)(list_at(depot, i)->top - depot->base[i]);
	}
	if (!err && stored != zone->nr_depot) {
		snprintf(fault, bytes, "zone %s: nr_depot is %lu, expected %lu as on its stacks",
			 zone->name, (unsigned long)zone->nr_depot, stored);
		err = -EFAULT;
	}
	return err;
}
