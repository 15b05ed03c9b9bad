/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcp.c - the pages that each hart keeps: sizes, refills, drains
 *
 * A hit is in page_alloc.c: a pointer taken off a stack, or put on one.  Here is what happens when
 * the stack is empty or full: a batch moves between it and the zone under one lock hold.  A refill
 * takes the smallest blocks that the zone has and cuts them up whole; a drain gives back what
 * was freed last, which is what has most likely its buddies beside it.
 *
 * How many blocks a list may hold adapts: an allocation that found no block and took the hart's
 * lists back to the zone leaves them little room, so that the next one has little to take back;
 * each time a list is full, or is filled, that doubles, up to a share of the zone.
 *
 * A full list gives a batch to the zone's depot, if that has room, and an empty one is filled from
 * there first: pages that one hart frees and another allocates change hands in one copy, unmerged.
 *
 * Invariants (pcp_validate): base <= top <= full <= base + cap; *base is NULL, every other slot up
 *   to top holds a block of the zone with the list's order and type, refcount 0 and no flags.
 * Locking: a hart's lists are its own, with interrupts off.  The zone's lock while blocks move, and
 *   for the depot.
 * Cost: a refill some 10 instructions a block, a drain what merging takes.
 * Not here: hits (page_alloc.c), trims and drains (pcp_drain.c), when to drain (page_slow.c, and
 *   hart notifiers above mm).
 */
#include "pcp.h"

#include <kernel/panic.h>
#include <kernel/smp.h>
#include <mm/memblock.h>
#include <mm/vmscan.h>
#include "buddy_list.h"
#include <mm/vmstat.h>
#include <mm/watermark.h>

#include <stdio.h>

#define BATCH	    PCP_BATCH /* pages that are fetched at once in a large zone, a power of two */
#define BATCH_LEAST 32u	      /* blocks, there */
#define CAP_MAX	    1024      /* pages of order 0 that a hart keeps of one type */
#define CAP_PART    64	      /* of a zone's share for each hart */

/* Bounds of one lock hold: where memory is in pieces, blocks that are taken to be cut up; */
#define PIECES_MOST   7
#define PIECES_STOLEN 2
/* what goes back, see pcp_give(). */
#define GIVE_MOST  32
#define MERGE_COST 4

struct zone_pcp *pcps;

/* Every pointer of a hart's table leads somewhere: a list that is always empty, and full. */
static struct page *no_slot[1];
static struct pcp_list no_list[PCP_SLOTS];
static struct zone_pcp no_zone;

/* Blocks that are fetched at once; half as many, but one at least, go back. */
static unsigned batch_of(const struct zone_pcp *pcp, unsigned order)
{
	if (order == PCP_TOP)
		return 1;
	return max(pcp->batch >> order, pcp->batch == BATCH ? BATCH_LEAST : 2u);
}

static unsigned cap_of(const struct zone_pcp *pcp, unsigned order)
{
	if (order == PCP_TOP)
		return min(pcp->cap >> PCP_TOP, 1u);
	return max(pcp->cap >> (order ? order + 1 : 0), 2u);
}

/* A list gets more room the more often it's full or empty, up to its cap. */
static void grow(const struct zone_pcp *pcp, struct pcp_list *list, unsigned i)
{
	list->full = min(list->full + (list->full - pcp->base[i]), limit_at(pcp, i));
}

static void __init make_lists(struct zone_pcp *pcp, struct zone *zone, int nid)
{
	unsigned long share = zone->present_pages / nr_harts / CAP_PART;
	unsigned nr_slots = 0;
	struct page **base;

	pcp->cap = (u32)min(share, (unsigned long)CAP_MAX);
	pcp->batch = BATCH;
	while (pcp->batch > 4 && pcp->batch > pcp->cap / 4)
		pcp->batch /= 2;
	pcp->word0 = zone->word0;
	pcp->zone = zone;
	for (unsigned i = 0; i < PCP_LISTS; i++)
		nr_slots += PCP_TYPES * (cap_of(pcp, pcp_order(i)) + 1);
	base = memblock_alloc_raw(nr_slots * sizeof(*base), sizeof(*base), nid);
	for (unsigned i = 0; i < NR_LISTS; i++) {
		pcp->base[i] = base;
		*base = NULL;
		base += cap_of(pcp, order_at(i)) + 1;
		*list_at(pcp, i) = (struct pcp_list){ .top = pcp->base[i], .full = base - 1 };
	}
	pcp->base[NR_LISTS] = base;
}

static void first_table(struct hart_local *hl, unsigned cpu, bool empty)
{
	const struct pglist_data *node = node_data[*per_cpu_ptr(&numa_node, cpu)];

	for (unsigned key = 0; key < NR_PCP_KEYS; key++) {
		unsigned type = key >> GFP_MOVABLE_SHIFT;
		struct zone *first = *node->zonelists[key & GFP_ZONEMASK];

		hl->pcp_first[key] = first && type < PCP_TYPES && !empty
					     ? pcp_of(cpu, first->id)->list[type]
					     : no_list;
	}
}

void pcp_tables(struct hart_local *hl, unsigned cpu)
{
	for (unsigned id = 0; id < ARRAY_SIZE(hl->pcp_zone); id++)
		hl->pcp_zone[id] = id < nr_zones ? pcp_of(cpu, id) : &no_zone;
	first_table(hl, cpu, false);
}

void pcp_divert(bool on)
{
	first_table(this_hart, this_hart->cpu, on);
}

void __init pcp_init(void)
{
	struct zone *zone;

	no_zone.word0 = ~0ULL;
	no_zone.zone = zone_table[ARRAY_SIZE(zone_table) - 1];
	for (unsigned order = 0; order < PCP_SLOTS; order++)
		no_list[order] = (struct pcp_list){ .top = no_slot, .full = no_slot };
	pcps = memblock_alloc((nr_harts + 1) * nr_zones * sizeof(*pcps), 64);
	for_each_zone(zone)
		make_lists(depot_of(zone), zone, zone->nid);
	for (unsigned cpu = 0; cpu < nr_harts; cpu++) {
		for_each_zone(zone)
			make_lists(pcp_of(cpu, zone->id), zone, *per_cpu_ptr(&numa_node, cpu));
		pcp_tables(hart_info(cpu)->local, cpu);
	}
}

/* What the harts' lists of @zone, numbered @id, take back. */
static void set_used(const struct zone *zone, unsigned id)
{
	u32 used = zone->bypass ? NO_BLOCK : zone->mark + BLOCK_USED;

	for (unsigned cpu = 0; cpu < nr_harts; cpu++) {
		WRITE_ONCE(pcp_of(cpu, id)->used, used);
		WRITE_ONCE(pcp_of(cpu, id)->trimmed, 0);
	}
}

void __init pcp_open(void)
{
	for (unsigned id = 0; id < nr_zones; id++)
		set_used(zone_table[id], id);
}

void zone_bypass(struct zone *zone, unsigned reason, bool on)
{
	unsigned was = zone->bypass, now = on ? was | reason : was & ~reason;

	if (now == was)
		return;
	zone->bypass = (u8)now;
	if (reason == BYPASS_PRESSURE)
		kswapd_hopes_again(zone);
	set_used(zone, zone->id);
	watermark_set_plenty(zone);
}

void pcp_reset(void)
{
	pcps = NULL;
}

/* ---- between a hart and the zone ---- */

/*
 * The smallest block of at least @order for @type, cut if it's larger than @most; its order goes to
 * *@got.
 */
static struct page *take_upto(struct zone *zone, int order, unsigned type, int most, int *got)
{
	unsigned list = list_for(zone, order, type);
	struct page *page;

	if (unlikely(list == NR_MIGRATETYPES))
		return NULL;
	*got = order + lowest_bit(zone->orders[list] >> order);
	if (*got <= most) {
		page = list_pop(zone, *got, list);
	} else {
		*got = most;
		page = list_take(zone, most, list);
	}
	if (unlikely(*got >= PAGEBLOCK_ORDER) && list == MIGRATE_MOVABLE && type != list)
		pageblocks_set(zone, page, *got, type);
	return page;
}

/* @left blocks of @order onto @list.  The zone is locked. */
static void fetch(struct zone *zone, struct pcp_list *list, int order, unsigned type, int left)
{
	int pieces = zone->orders[type] >> order ? PIECES_MOST : PIECES_STOLEN;
	u32 word = zone->mark + BLOCK_USED + (type << BLOCK_TYPE_SHIFT) + (u32)order;
	unsigned long bytes = sizeof(struct page) << order;
	struct page **top = list->top;
	u64 word0 = zone->word0_free;

	while (left > 0 && pieces--) {
		int most = order, got;
		struct page *page, *block;

		while (most < MAX_ORDER && 2 << (most - order) <= left)
			most++;
		page = take_upto(zone, order, type, most, &got);
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

struct page *pcp_take(struct zone *zone, unsigned order, unsigned type)
{
	struct pcp_list *list;
	struct page *page;

	if (pcp_index(order) == PCP_LISTS)
		return NULL;
	list = &this_hart->pcp_zone[zone->id]->list[type][pcp_index(order)];
	page = *list->top;
	if (page)
		list->top--;
	return page;
}

/* The last @n blocks of one stack onto another. */
static void move_blocks(struct pcp_list *from, struct pcp_list *to, unsigned long n)
{
	struct page **src = from->top - n, **dst = to->top;

	from->top = src;
	to->top = dst + n;
	while (n--)
		*++dst = *++src;
}

/* A batch of list @i from the depot, or to it; false if there's nothing, or no room.  The zone is
 * locked. */
static bool take_depot(struct zone *zone, struct pcp_list *list, unsigned i, unsigned long most)
{
	struct zone_pcp *depot = depot_of(zone);
	struct pcp_list *from = list_at(depot, i);
	unsigned long n = min(most, (unsigned long)(from->top - depot->base[i]));

	move_blocks(from, list, n);
	zone->nr_depot -= (u32)n;
	return n;
}

static bool give_depot(struct zone *zone, struct pcp_list *list, struct page **base, unsigned i,
		       unsigned long n)
{
	struct pcp_list *to = list_at(depot_of(zone), i);

	if (zone->bypass || (unsigned long)(list->top - base) < n ||
	    (unsigned long)(to->full - to->top) < n)
		return false;
	move_blocks(list, to, n);
	zone->nr_depot += (u32)n;
	return true;
}

/* The hart's @list, which is number @i, from @zone or its depot.  The zone is locked. */
static void fill(struct zone *zone, struct pcp_list *list, unsigned i, unsigned most)
{
	struct page **before = list->top;

	if (take_depot(zone, list, i, most))
		return;
	fetch(zone, list, (int)order_at(i), i / PCP_LISTS, (int)most);
	__count_vm_events(PGALLOC, (unsigned long)(list->top - before) << order_at(i));
	zone_statistics(zone->nid, zone, (unsigned long)(list->top - before));
}

struct page *pcp_refill(struct pcp_list *list, struct zone *zone, unsigned order, unsigned type)
{
	struct zone_pcp *pcp = this_hart->pcp_zone[zone->id];
	unsigned i = type * PCP_LISTS + pcp_index(order), batch = batch_of(pcp, order);
	struct page **before = list->top, *page = NULL;

	if (unlikely(list != list_at(pcp, i)))
		return NULL; /* the thread has a policy */
	if ((unsigned long)(list->full - before) < batch)
		grow(pcp, list, i);
	spin_lock_raw(&zone->lock);
	if (unlikely(zone->nr_free < zone->plenty + ((unsigned long)batch << order))) {
		spin_unlock_raw(&zone->lock);
		return NULL;
	}
	if (unlikely(list->full == before)) { /* no room for any */
		page = buddy_take(zone, order, type);
		__count_vm_events(PGALLOC, (page ? 1UL : 0) << order);
		zone_statistics(zone->nid, zone, page ? 1 : 0);
	} else {
		fill(zone, list, i, min(batch, (unsigned)(list->full - before)));
	}
	spin_unlock_raw(&zone->lock);
	__count_vm_event(PCP_REFILL);
	if (likely(!page) && list->top != before)
		page = *list->top--;
	return page;
}

/*
 * How many of the last blocks, up to @most and @held, are one larger block, freed from one end of
 * it to the other?  A power of two; their first goes to *@head.
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

/* Whole runs go back as one: a run costs its blocks and a merge. */
int pcp_give(struct zone *zone, struct pcp_list *list, struct page **base, int order,
	     unsigned long want, int budget)
{
	unsigned long given = 0, bytes = sizeof(struct page) << order;
	struct page **top = list->top;

	while (given < want && top != base && budget > 0) {
		struct page *head;
		unsigned long run = whole_run(top, order, want, (unsigned long)(top - base), &head);

		for (unsigned long i = run; --i;)
			((struct page *)((unsigned long)head + i * bytes))->block = 0;
		block_merge(zone, head, order + (run > 1 ? lowest_bit((u32)run) : 0),
			    pageblock_type(zone, head));
		given += run;
		top -= run;
		budget -= (int)run + MERGE_COST - 1;
	}
	zone->nr_free += given << order;
	list->top = top;
	__count_vm_events(PGFREE, given << order);
	return budget;
}

void pcp_put(struct zone_pcp *pcp, struct pcp_list *list, struct page *page)
{
	unsigned at = (unsigned)(list - pcp->list[0]);
	unsigned i = at / PCP_SLOTS * PCP_LISTS + at % PCP_SLOTS, order = pcp_order(at % PCP_SLOTS);
	struct zone *zone = pcp->zone;

	/* In a zone without large blocks somebody may look for one soon. */
	if (list->full != limit_at(pcp, i) &&
	    READ_ONCE(zone->orders[MIGRATE_MOVABLE]) >> PAGEBLOCK_ORDER) {
		grow(pcp, list, i);
	} else {
		spin_lock_raw(&zone->lock);
		if (unlikely(list->full == pcp->base[i])) { /* no room for any */
			block_merge(zone, page, (int)order, pageblock_type(zone, page));
			zone->nr_free += 1UL << order;
			__count_vm_events(PGFREE, 1UL << order);
			page = NULL;
		} else if (!give_depot(zone, list, pcp->base[i], i, batch_of(pcp, order))) {
			pcp_give(zone, list, pcp->base[i], (int)order, batch_of(pcp, order),
				 GIVE_MOST);
		}
		spin_unlock_raw(&zone->lock);
		__count_vm_event(PCP_DRAIN);
	}
	if (likely(page)) {
		page->_refcount = 0;
		*++list->top = page;
	}
}
