/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcp.h - free pages that one hart keeps for itself ("per-CPU pages")
 *
 * For each zone a hart has a stack of blocks for each of the orders 0 to 3 and each migrate type.
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

#include <mm/zone.h>

#define PCP_TYPES  3 /* enum migratetype */

struct pcp_list {
	struct page **top;  /* the block that was freed last, or base */
	struct page **full; /* top may not go beyond */
} __aligned(16);

struct zone_pcp {
	u64 word0; /* C of a page with one reference and no flags: what goes back without a word */
	u32 used;  /* C mark + BLOCK_USED; changed to let every free go the long way */
	u32 batch;		   /* C pages that move at once, a power of two */
	u32 nr_refills, nr_drains; /* for vmstat */
	struct zone *zone;	   /* C */
	/* A used block's (word - used - order) is its type's offset in here. */
	struct pcp_list list[PCP_TYPES][PCP_ORDERS] __aligned(64);
	struct page **base[PCP_TYPES][PCP_ORDERS]; /* C */
};

/* pcp_init - lists for all harts and zones, sized by the zones, while memblock hands out memory;
 * pcp_open - they know the zones' marks: use them. */
void pcp_init(void);
void pcp_open(void);
void pcp_reset(void);

/* pcp_tables - have @hl, which is hart @cpu's, find its lists. */
void pcp_tables(struct hart_local *hl, unsigned cpu);

/*
 * pcp_refill - fill this hart's empty list with a batch and take one block from it; NULL if the
 * zone has none.  pcp_put - the list is full: a batch goes back to the zone, then @page comes on.
 * Interrupts off; zone->lock inside.
 */
struct page *pcp_refill(struct zone *zone, unsigned order, unsigned type);
void pcp_put(struct zone_pcp *pcp, struct pcp_list *list, struct page *page);

/* pcp_drain_here - what this hart keeps of @zone, or of all (NULL), goes back.  Interrupts off. */
void pcp_drain_here(struct zone *zone);

/* pcp_validate - what this hart keeps of @zone; see buddy_validate. Interrupts off. */
int pcp_validate(struct zone *zone, unsigned cpu, char *fault, size_t bytes);

#endif
