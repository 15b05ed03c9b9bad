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
 * Invariants (pcp_validate): base <= top <= full <= base + cap; *base is NULL, every other slot up
 *   to top holds a block of the zone with the list's order and type, refcount 0 and no flags.
 * Locking: a hart's lists are its own, with interrupts off.  The zone's lock while blocks move.
 * Cost: a refill some 10 instructions a block, a drain what merging takes.
 * Not here: hits (page_alloc.c), when to drain (page_alloc.c, and hart notifiers above mm).
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

#define BATCH	    64	 /* pages that are fetched at once in a large zone, a power of two */
#define BATCH_LEAST 32u	 /* blocks, there */
#define CAP_MAX	    1024 /* pages of order 0 that a hart keeps of one type */
#define CAP_PART    64	 /* of a zone's share for each hart */

static struct zone_pcp *pcps; /* by hart, then zone */

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

/* Bounds of one lock hold: where memory is in pieces, blocks that are taken to be cut up; */
#define PIECES_MOST   8
#define PIECES_STOLEN 2
/* what goes back: the sum of its blocks, and what a merge costs for each whole run of them. */
#define GIVE_MOST  32
#define MERGE_COST 4
#define DRAIN_STEP 48

/* Room that a list has after its blocks were missed by an allocation that found none. */
#define ROOM_LEAST 8

/* All lists of a hart and zone, as i = 0 .. NR_LISTS - 1: its slots, and where they end. */
#define NR_LISTS (PCP_TYPES * PCP_LISTS)

static struct pcp_list *list_at(struct zone_pcp *pcp, unsigned i)
{
	return &pcp->list[i / PCP_LISTS][i % PCP_LISTS];
}

static unsigned order_at(unsigned i)
{
	return pcp_order(i % PCP_LISTS);
}

static struct page **limit_at(const struct zone_pcp *pcp, unsigned i)
{
	return pcp->base[i + 1] - 1;
}

/* A list gets more room the more often it's full or empty, up to its cap. */
static void grow(const struct zone_pcp *pcp, struct pcp_list *list, unsigned i)
{
	list->full = min(list->full + (list->full - pcp->base[i]), limit_at(pcp, i));
}

static void shrink(const struct zone_pcp *pcp, struct pcp_list *list, unsigned i)
{
	list->full = max(min(pcp->base[i] + ROOM_LEAST, limit_at(pcp, i)), list->top);
}

static struct zone_pcp *pcp_of(unsigned cpu, unsigned zone_id)
{
	return &pcps[cpu * nr_zones + zone_id];
}

static void make_lists(struct zone_pcp *pcp, struct zone *zone, int nid)
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

void pcp_init(void)
{
	struct zone *zone;

	no_zone.word0 = ~0ULL;
	no_zone.zone = zone_table[ARRAY_SIZE(zone_table) - 1];
	for (unsigned order = 0; order < PCP_SLOTS; order++)
		no_list[order] = (struct pcp_list){ .top = no_slot, .full = no_slot };
	pcps = memblock_alloc(nr_harts * nr_zones * sizeof(*pcps), 64);
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

void pcp_open(void)
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

struct page *pcp_refill(struct pcp_list *list, struct zone *zone, unsigned order, unsigned type)
{
	struct zone_pcp *pcp = this_hart->pcp_zone[zone->id];
	unsigned i = type * PCP_LISTS + pcp_index(order), batch = batch_of(pcp, order);
	struct page **before = list->top, *page = NULL;
	unsigned long got;

	if (unlikely(list != list_at(pcp, i)))
		return NULL; /* the thread has a policy */
	if ((unsigned long)(list->full - before) < batch)
		grow(pcp, list, i);
	spin_lock_raw(&zone->lock);
	if (unlikely(zone->nr_free < zone->plenty + ((unsigned long)batch << order))) {
		spin_unlock_raw(&zone->lock);
		return NULL;
	}
	if (unlikely(list->full == before)) /* no room for any */
		page = buddy_take(zone, order, type);
	else
		fetch(zone, list, (int)order, type,
		      (int)min(batch, (unsigned)(list->full - before)));
	spin_unlock_raw(&zone->lock);
	got = page ? 1 : (unsigned long)(list->top - before);
	__count_vm_event(PCP_REFILL);
	__count_vm_events(PGALLOC, got << order);
	zone_statistics(zone->nid, zone, got);
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

/*
 * Give back blocks of @order, the last ones first, until @want of them (a power of two) are back or
 * @budget is used up, see above; at least one block.  What is left of it.  The zone is locked.
 */
static int give(struct zone *zone, struct pcp_list *list, struct page **base, int order,
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
		} else {
			give(zone, list, pcp->base[i], (int)order, batch_of(pcp, order), GIVE_MOST);
		}
		spin_unlock_raw(&zone->lock);
		__count_vm_event(PCP_DRAIN);
	}
	if (likely(page)) {
		page->_refcount = 0;
		*++list->top = page;
	}
}

/* Large blocks first: one of them may be what is missed. */
bool pcp_trim(struct zone *zone, int *budget)
{
	struct zone_pcp *pcp = this_hart->pcp_zone[zone->id];

	if (READ_ONCE(pcp->trimmed))
		return false;
	for (unsigned index = PCP_LISTS; index--;) {
		for (unsigned type = 0; type < PCP_TYPES; type++) {
			struct pcp_list *list = &pcp->list[type][index];
			unsigned i = type * PCP_LISTS + index;
			struct page **base = pcp->base[i];

			shrink(pcp, list, i);
			if (list->top == base)
				continue;
			if (*budget <= 0)
				return true;
			spin_lock_raw(&zone->lock);
			*budget = give(zone, list, base, (int)pcp_order(index), BATCH, *budget);
			spin_unlock_raw(&zone->lock);
			if (list->top != base)
				return true;
		}
	}
	spin_lock_raw(&zone->lock);
	pcp->trimmed = zone->bypass;
	spin_unlock_raw(&zone->lock);
	return false;
}

/* One step towards empty lists; true if some aren't yet.  Interrupts off. */
static bool drain_some(struct zone_pcp *pcp, int *budget)
{
	for (unsigned i = 0; i < NR_LISTS; i++) {
		struct pcp_list *list = list_at(pcp, i);

		if (list->top == pcp->base[i])
			continue;
		if (*budget <= 0)
			return true;
		spin_lock_raw(&pcp->zone->lock);
		*budget = give(pcp->zone, list, pcp->base[i], (int)order_at(i), BATCH, *budget);
		spin_unlock_raw(&pcp->zone->lock);
		if (list->top != pcp->base[i])
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
	for_each_zone(zone)
		more |= drain_some(this_hart->pcp_zone[zone->id], &budget);
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

	for (unsigned cpu = 0; pcps && cpu < nr_harts; cpu++)
		nr += zone_hart_pages(zone, cpu);
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
	struct zone_pcp *pcp = pcp_of(cpu, zone->id);
	int err = 0;

	for (unsigned i = 0; i < NR_LISTS && !err; i++)
		err = check_slots(pcp, cpu, i, fault, bytes);
	return err;
}
