/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcp.h - free pages that one hart keeps for itself ("per-CPU pages")
 *
 * For each zone a hart has a stack of blocks for each migrate type and each of the orders 0 to 4
 * and 9.
 * Only that hart touches it, with interrupts off: no lock, no atomic operation.
 *
 *     hart_local.pcp_first[key of gfp] --> list[type][0] of the first zone that gfp may use
 *     hart_local.pcp_zone[zone's id] ----> struct zone_pcp
 *
 *     slot:  NULL | page | page | page | -  | -  |      NULL: the bottom; a list that has its
 *              ^             ^      ^         ^         top there is empty
 *            base                  top       full
 *
 * A block on such a list keeps its block word (USED, type, order), so that a hit writes no word
 * that says free or used but the reference count: 0 there.  To its zone it isn't free.
 */
#ifndef MM_PCP_H
#define MM_PCP_H

#include <kernel/smp.h>
#include <mm/zone.h>

#define PCP_TYPES MIGRATE_PCPTYPES
#define PCP_LISTS (PCP_ORDERS + 1) /* the last one for PCP_TOP */
#define PCP_SLOTS 8		   /* a type's lists are as far from the next as block words are */

struct pcp_list {
	struct page **top;  /* the block that was freed last, or base */
	struct page **full; /* top may not go beyond */
} __aligned(16);

struct zone_pcp {
	u64 word0; /* C of a page with one reference and no flags: what goes back without a word */
	u32 used;  /* mark + BLOCK_USED; NO_BLOCK while every free goes the long way */
	u32 batch; /* C pages that move at once, a power of two */
	u32 cap;   /* C pages that a list of order 0 has room for */
	u32 trimmed;	   /* nothing is listed, nor can be until the zone's bypass ends */
	struct zone *zone; /* C */
	/* A used block's (word - used - order) is its type's offset in here. */
	struct pcp_list list[PCP_TYPES][PCP_SLOTS] __aligned(64);
	/* C the slots of list[type][index], one more than it has room for; behind the last one */
	struct page **base[PCP_TYPES * PCP_LISTS + 1];
};
_Static_assert(sizeof(struct pcp_list) * PCP_SLOTS == 1 << BLOCK_TYPE_SHIFT,
	       "block words lead to lists");

/* No block word less this and less an order is a type: none has bit 6, and that stays. */
#define NO_BLOCK 0x60U

/* The list for an order: PCP_LISTS if harts keep no such blocks. And the way back. */
static inline unsigned pcp_index(unsigned order)
{
	return order < PCP_ORDERS ? order : order == PCP_TOP ? PCP_ORDERS : PCP_LISTS;
}

static inline unsigned pcp_order(unsigned index)
{
	return index < PCP_ORDERS ? index : PCP_TOP;
}

/* By hart, then zone; behind the harts' the depots. */
extern struct zone_pcp *pcps;

/* All lists of a hart and zone, as i = 0 .. NR_LISTS - 1: its slots, and where they end. */
#define NR_LISTS (PCP_TYPES * PCP_LISTS)

static inline struct pcp_list *list_at(struct zone_pcp *pcp, unsigned i)
{
	return &pcp->list[i / PCP_LISTS][i % PCP_LISTS];
}

static inline unsigned order_at(unsigned i)
{
	return pcp_order(i % PCP_LISTS);
}

static inline struct page **limit_at(const struct zone_pcp *pcp, unsigned i)
{
	return pcp->base[i + 1] - 1;
}

static inline struct zone_pcp *pcp_of(unsigned cpu, unsigned zone_id)
{
	return &pcps[cpu * nr_zones + zone_id];
}

/* What no hart has: full batches on their way from harts that free to harts that allocate. */
static inline struct zone_pcp *depot_of(const struct zone *zone)
{
	return pcp_of(nr_harts, zone->id);
}

/* What a refill fetches in a large zone, and the most that a step of pcp_give() gives; pages. */
#define PCP_BATCH 64

/*
 * pcp_give - give back blocks of @order from a stack that begins at @base, the last ones first,
 * until @want of them (a power of two) are back or @budget is used up: each block takes 1 of it,
 * each run of blocks that is merged as one 3 more; at least one block.  What is left of it.  The
 * zone is locked.
 */
int pcp_give(struct zone *zone, struct pcp_list *list, struct page **base, int order,
	     unsigned long want, int budget);

/* pcp_init - lists for all harts and zones, sized by the zones, while memblock hands out memory;
 * pcp_open - they know the zones' marks: use them. */
void pcp_init(void);
void pcp_open(void);
void pcp_reset(void);

/* pcp_tables - have @hl, which is hart @cpu's, find its lists. */
void pcp_tables(struct hart_local *hl, unsigned cpu);

/* pcp_divert - alloc_pages() finds lists on this hart that are always empty (@on), or its own
 * again.  Interrupts off. */
void pcp_divert(bool on);

/*
 * pcp_refill - fill this hart's empty @list with a batch and take one block from it; NULL if
 * there's little in @zone, or nothing, or @list isn't its list.  pcp_put - the list is full: a
 * batch goes back to the zone, then @page comes on.  Interrupts off; zone->lock inside.
 */
struct page *pcp_refill(struct pcp_list *list, struct zone *zone, unsigned order, unsigned type);

/* pcp_take - from this hart's list for @zone, or NULL.  Interrupts off. */
struct page *pcp_take(struct zone *zone, unsigned order, unsigned type);

void pcp_put(struct zone_pcp *pcp, struct pcp_list *list, struct page *page);

/*
 * pcp_trim - blocks that this hart keeps of @zone go back to it, as many as *@budget allows
 * (PCP_TRIM is a bounded step), which is less by that; true if that was not all.  Interrupts off.
 */
#define PCP_TRIM 8
bool pcp_trim(struct zone *zone, int *budget);

/* pcp_validate - what this hart keeps of @zone; see buddy_validate. Interrupts off. */
int pcp_validate(struct zone *zone, unsigned cpu, char *fault, size_t bytes);

#endif
