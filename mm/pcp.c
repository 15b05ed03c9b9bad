/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcp.c - the pages that each hart keeps: sizes, refills, drains
 *
 * A hit is in page_alloc.c: a pointer taken off a stack, or put on one.  Here is what happens when
 * the stack is empty or full: a batch moves between it and the zone under one lock hold.  A refill
 * takes the smallest blocks that the zone has and cuts them up whole; a drain gives back what
 * was freed last, which is what has most likely its buddies beside it.
 *
 * Invariants (pcp_validate): base <= top <= full; *base is NULL, every other slot up to top holds
 *   a block of the zone with the list's order and type, refcount 0 and no flags.
 * Locking: a hart's lists are its own, with interrupts off.  The zone's lock while blocks move.
 * Cost: a refill some 10 instructions a block, a drain what merging takes.
 * Not here: hits (page_alloc.c), when to drain (page_alloc.c, and hart notifiers above mm).
 */
#include "pcp.h"

#include <kernel/panic.h>
#include <kernel/smp.h>
#include <mm/memblock.h>
#include "buddy_list.h"

#include <stdio.h>

#define BATCH	 64   /* pages that are fetched at once in a large zone, a power of two */
#define CAP_MAX	 1024 /* pages of order 0 that a hart keeps of one type */
#define CAP_PART 64   /* of a zone's share for each hart */

static struct zone_pcp *pcps; /* by hart, then zone */

/* Every pointer of a hart's table leads somewhere: a list that is always empty, and full. */
static struct page *no_slot[1];
static struct pcp_list no_list[PCP_ORDERS];
static struct zone_pcp no_zone;

/* Blocks that are fetched at once; half as many, but one at least, go back. */
static int batch_of(const struct zone_pcp *pcp, int order)
{
	return max((int)pcp->batch >> order, 2);
}

static unsigned cap_of(const struct zone *zone, unsigned order)
{
	unsigned long share = zone->present_pages / nr_harts / CAP_PART;
	unsigned long cap = min(share, (unsigned long)CAP_MAX) >> (order ? order + 1 : 0);

	return max((unsigned)cap, 2u);
}

static struct zone_pcp *pcp_of(unsigned cpu, unsigned zone_id)
{
	return &pcps[cpu * nr_zones + zone_id];
}

static void make_lists(struct zone_pcp *pcp, struct zone *zone, int nid)
{
	unsigned nr_slots = 0;
	struct page **base;

	for (unsigned order = 0; order < PCP_ORDERS; order++)
		nr_slots += PCP_TYPES * (cap_of(zone, order) + 1);
	pcp->batch = BATCH;
	while (pcp->batch > 4 && pcp->batch > cap_of(zone, 0) / 4)
		pcp->batch /= 2;
	pcp->word0 = zone->word0;
	pcp->zone = zone;
	base = memblock_alloc_node(nr_slots * sizeof(*base), sizeof(*base), nid);
	for (unsigned type = 0; type < PCP_TYPES; type++) {
		for (unsigned order = 0; order < PCP_ORDERS; order++) {
			unsigned cap = cap_of(zone, order);

			pcp->base[type][order] = base;
			pcp->list[type][order] =
				(struct pcp_list){ .top = base, .full = base + cap };
			base += cap + 1;
		}
	}
}

void pcp_tables(struct hart_local *hl, unsigned cpu)
{
	const struct pglist_data *node = node_data[*per_cpu_ptr(&numa_node, cpu)];

	for (unsigned id = 0; id < ARRAY_SIZE(hl->pcp_zone); id++)
		hl->pcp_zone[id] = id < nr_zones ? pcp_of(cpu, id) : &no_zone;
	for (unsigned key = 0; key < NR_PCP_KEYS; key++) {
		unsigned type = key >> GFP_MOVABLE_SHIFT;
		struct zone *first = *node->zonelists[key & GFP_ZONEMASK];

		hl->pcp_first[key] = first && type < PCP_TYPES ?
					     pcp_of(cpu, first->id)->list[type] :
					     no_list;
	}
}

void pcp_init(void)
{
	struct zone *zone;

	no_zone.word0 = ~0ULL;
	no_zone.zone = zone_table[ARRAY_SIZE(zone_table) - 1];
	for (unsigned order = 0; order < PCP_ORDERS; order++)
		no_list[order] = (struct pcp_list){ .top = no_slot, .full = no_slot };
	pcps = memblock_alloc(nr_harts * nr_zones * sizeof(*pcps), 64);
	for (unsigned cpu = 0; cpu < nr_harts; cpu++) {
		for_each_zone(zone)
			make_lists(pcp_of(cpu, zone->id), zone, *per_cpu_ptr(&numa_node, cpu));
		pcp_tables(hart_info(cpu)->local, cpu);
	}
}

void pcp_open(void)
{
	for (unsigned i = 0; i < nr_harts * nr_zones; i++)
		pcps[i].used = pcps[i].zone->mark + BLOCK_USED;
}

void pcp_reset(void)
{
	pcps = NULL;
}

/* ---- between a hart and the zone ---- */

/* The smallest block of at least @order that the lists have, cut if larger than @most. */
static struct page *take_upto(struct zone *zone, int order, int most, int *got)
{
	u32 orders = zone->orders >> order;
	struct page *page;

	if (unlikely(!orders)) {
		*got = order;
		page = buddy_take(zone, (unsigned)order);
		if (page)
			zone->nr_free += 1UL << order; /* the caller counts */
		return page;
	}
	*got = order + lowest_bit(orders);
	if (*got <= most)
		return list_pop(zone, *got);
	*got = most;
	return list_take(zone, most);
}

/* The zone is locked. */
static void fetch(struct zone *zone, struct pcp_list *list, int order, unsigned type, int left)
{
	u32 word = zone->mark + BLOCK_USED + (type << BLOCK_TYPE_SHIFT) + (u32)order;
	unsigned long bytes = sizeof(struct page) << order;
	struct page **top = list->top;
	u64 word0 = zone->word0_free;

	while (left > 0) {
		int most = order, got;
		struct page *page, *block;

		while (most < MAX_ORDER && 2 << (most - order) <= left)
			most++;
		page = take_upto(zone, order, most, &got);
		if (!page)
			break;
		zone->nr_free -= 1UL << got;
		left -= 1 << (got - order);
		/* The lowest on top. */
		block = page + (1L << got);
		do {
			block = (struct page *)((unsigned long)block - bytes);
			block->word0 = word0;
			block->block = word;
			*++top = block;
		} while (block != page);
	}
	list->top = top;
}

struct page *pcp_refill(struct zone *zone, unsigned order, unsigned type)
{
	struct zone_pcp *pcp = this_hart->pcp_zone[zone->id];
	struct pcp_list *list = &pcp->list[type][order];
	struct page *page;

	spin_lock_raw(&zone->lock);
	fetch(zone, list, (int)order, type,
	      min(batch_of(pcp, (int)order), (int)(list->full - list->top)));
	spin_unlock_raw(&zone->lock);
	pcp->nr_refills++;
	page = *list->top;
	if (page)
		list->top--;
	return page;
}

/*
 * How many of the last blocks, up to @most and @held, are one larger block, freed from one end of it
 * to the other?  A power of two; their first goes to *@head.
 */
static unsigned long whole_run(struct page **top, int order, unsigned long most, unsigned long held,
			       struct page **head)
{
	unsigned long bytes = sizeof(struct page) << order, at = (unsigned long)*top;
	unsigned long step, last, run = most;

	*head = *top;
	if (held < 2)
		return 1;
	step = (unsigned long)top[-1] - at;
	if (step == -bytes) /* upwards: it ends where the larger block ends */
		last = at + bytes;
	else if (step == bytes)
		last = at;
	else
		return 1;
	while (run > held || (last & (run * bytes - 1)))
		run /= 2;
	for (unsigned long i = 1; i < run; i++) {
		at += step;
		while (unlikely((unsigned long)top[-(long)i] != at) && run > i)
			run /= 2;
	}
	if (step != bytes)
		*head = (struct page *)(last - run * bytes);
	return run;
}

/*
 * Give back @want blocks, a power of two, and no more than twice that: the last ones first, whole
 * runs without merging.  The zone is locked.
 */
static void give(struct zone *zone, struct pcp_list *list, struct page **base, int order,
		 unsigned long want)
{
	unsigned long most = want, given = 0, bytes = sizeof(struct page) << order;
	struct page **top = list->top;

	while (given < want && top != base) {
		struct page *head;
		unsigned long run = whole_run(top, order, most, (unsigned long)(top - base), &head);

		for (unsigned long i = run; --i;)
			((struct page *)((unsigned long)head + i * bytes))->block = 0;
		block_merge(zone, head, order + (run > 1 ? lowest_bit((u32)run) : 0));
		given += run;
		top -= run;
	}
	zone->nr_free += given << order;
	list->top = top;
}

void pcp_put(struct zone_pcp *pcp, struct pcp_list *list, struct page *page)
{
	unsigned index = (unsigned)(list - pcp->list[0]);
	unsigned order = index % PCP_ORDERS;

	spin_lock_raw(&pcp->zone->lock);
	give(pcp->zone, list, pcp->base[index / PCP_ORDERS][order], (int)order,
	     (unsigned long)batch_of(pcp, (int)order) / 2);
	spin_unlock_raw(&pcp->zone->lock);
	pcp->nr_drains++;
	page->_refcount = 0;
	*++list->top = page;
}

static void drain(struct zone_pcp *pcp)
{
	for (unsigned type = 0; type < PCP_TYPES; type++) {
		for (unsigned order = 0; order < PCP_ORDERS; order++) {
			struct pcp_list *list = &pcp->list[type][order];
			struct page **base = pcp->base[type][order];

			while (list->top != base) {
				spin_lock_raw(&pcp->zone->lock);
				give(pcp->zone, list, base, (int)order,
				     (unsigned long)batch_of(pcp, (int)order) / 2);
				spin_unlock_raw(&pcp->zone->lock);
			}
		}
	}
}

void pcp_drain_here(struct zone *only)
{
	struct zone *zone;

	for_each_zone(zone)
		if (!only || zone == only)
			drain(this_hart->pcp_zone[zone->id]);
}

void page_alloc_hart_dead(unsigned cpu)
{
	unsigned long flags;
	struct zone *zone;

	for_each_zone(zone) {
		local_irq_save(flags);
		drain(pcp_of(cpu, zone->id));
		local_irq_restore(flags);
	}
}

/* ---- figures and checks ---- */

unsigned long zone_listed_pages(const struct zone *zone)
{
	unsigned long nr = 0;

	for (unsigned cpu = 0; pcps && cpu < nr_harts; cpu++) {
		const struct zone_pcp *pcp = pcp_of(cpu, zone->id);

		for (unsigned type = 0; type < PCP_TYPES; type++)
			for (unsigned order = 0; order < PCP_ORDERS; order++)
				nr += (unsigned long)(READ_ONCE(pcp->list[type][order].top) -
						      pcp->base[type][order])
				      << order;
	}
	return nr;
}

static bool slot_is_sound(const struct zone_pcp *pcp, const struct page *page, unsigned type,
			  unsigned order)
{
	return page->word0 == pcp->zone->word0_free &&
	       page->block == pcp->used + (type << BLOCK_TYPE_SHIFT) + order;
}

int pcp_validate(struct zone *zone, unsigned cpu, char *fault, size_t bytes)
{
	const struct zone_pcp *pcp = pcp_of(cpu, zone->id);

	for (unsigned type = 0; type < PCP_TYPES; type++) {
		for (unsigned order = 0; order < PCP_ORDERS; order++) {
			const struct pcp_list *list = &pcp->list[type][order];
			struct page **base = pcp->base[type][order];

			if (list->top < base || list->top > list->full || *base) {
				snprintf(fault, bytes,
					 "zone %s hart %u order %u type %u: top is slot %ld of %ld",
					 zone->name, cpu, order, type, (long)(list->top - base),
					 (long)(list->full - base));
				return -EFAULT;
			}
			for (struct page **slot = base + 1; slot <= list->top; slot++) {
				if (slot_is_sound(pcp, *slot, type, order))
					continue;
				snprintf(fault, bytes,
					 "zone %s hart %u order %u type %u: pfn 0x%lx has block "
					 "word 0x%08lx flags 0x%08lx refcount %ld",
					 zone->name, cpu, order, type, page_to_pfn(*slot),
					 (unsigned long)(*slot)->block,
					 (unsigned long)(*slot)->flags, (long)(*slot)->_refcount);
				return -EFAULT;
			}
		}
	}
	return 0;
}
