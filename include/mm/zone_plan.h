/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone_plan.h - which zones a board's memory is cut into
 *
 * Pure: from ranges of memory and what each limited device reaches to at most
 * MAX_NR_ZONES zones.  Any context, nothing allocated, nothing locked.
 */
#ifndef MM_ZONE_PLAN_H
#define MM_ZONE_PLAN_H

#include <base/compiler.h>
#include <base/types.h>

#define MAX_NR_ZONES  8
#define ZONE_NAME_LEN 12

/* A set of zones: bit i is zone[i] of the plan. */
typedef u8 zone_mask_t;

/* What one limited device (or one dma_zone= argument) reaches. */
struct zone_window {
	const struct phys_range *range; /* CPU addresses; sorted, neither touch nor overlap */
	unsigned nr_ranges;
	unsigned bits;	   /* the device's own limit, address bits */
	zone_mask_t reach; /* out: zones that it reaches entirely; 0: none */
};

struct zone_plan_input {
	const struct phys_range *mem; /* memory, page-aligned, sorted, disjoint */
	unsigned nr_mem;
	struct zone_window *window; /* one a limited device present */
	unsigned nr_windows;
	u64 dma_zone;	   /* dma_zone=28,30: bits 28 and 30 set */
	u64 movable_bytes; /* memory for MOVABLE, which then has one zone's number */
	phys_addr_t high;  /* from here on memory is high: a cut that stays; 0: none is */
};

struct zone_span {
	phys_addr_t start, end;	  /* [lowest, behind the highest) of its memory; page-aligned */
	phys_addr_t bytes;	  /* of memory in it, > 0 */
	char name[ZONE_NAME_LEN]; /* unique: DMA28, DMA32, NORMAL, ... */
};

struct zone_plan {
	int nr_zones; /* ascending by address */
	struct zone_span zone[MAX_NR_ZONES];
	zone_mask_t mask_dma;	 /* GFP_DMA */
	zone_mask_t mask_dma32;	 /* GFP_DMA32; 0: can't be served */
	zone_mask_t mask_normal; /* every zone but MOVABLE and those of high memory */
	zone_mask_t mask_high;	 /* the zones of high memory, 0: there are none */
	/*
	 * MOVABLE is no span: each node's part of it is the top of what the node has of the highest
	 * span (zone.c).  Its number follows the spans'; zone[nr_zones] has its name.
	 */
	zone_mask_t mask_movable; /* its bit, 0: there is none */
	u64 movable_bytes;
	int nr_dropped;		/* boundaries given up to stay at MAX_NR_ZONES */
	phys_addr_t dropped[8]; /* the first of them, for the log */
};

/*
 * zone_plan_build - fill @plan from @in, and @in->window[].reach.
 * 0, or -EINVAL if there is no memory or it isn't sorted, disjoint and page-aligned.
 */
int zone_plan_build(const struct zone_plan_input *in, struct zone_plan *plan) __must_check;

/*
 * zone_plan_parse_bits - the value of dma_zone=: numbers of address bits, 12 to 56, as "28,30"
 * *@bits: one set for each.  0, or -errno with *@bits as it was.
 */
int zone_plan_parse_bits(const char *text, u64 *bits) __must_check;

/*
 * zone_plan_parse_core - the value of movablecore= or kernelcore=: a size, or as "30%" a part of
 * memory, below 100.  @core as zone_plan_movable() takes it.  0, or -errno with *@core as it was.
 */
int zone_plan_parse_core(const char *text, u64 *core) __must_check;
#define CORE_UNSET	~0ULL
#define CORE_PERCENT(n) (BIT_ULL(62) + (n))

/* zone_plan_movable - how many of @total bytes of memory may be movable at most: both limits hold,
 * where they are set; no limit: none. */
u64 zone_plan_movable(u64 total, u64 movablecore, u64 kernelcore);

/* zone_plan_find - the zone of @plan that @pa lies in, or -1. */
int zone_plan_find(const struct zone_plan *plan, phys_addr_t pa);

#endif
