/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * discover.h - from the device tree to memblock, harts, DMA ceilings and zones
 *
 * Called by the boot list (and by mmplan on the host), on the boot hart, in this order:
 *
 *     dt_init                     the blob is sound
 *     discover_memory             banks, reservations, initrd -> memblock
 *     memblock_reserve_kind       the kernel's image, the blob       (the caller)
 *     memblock_enforce_memory_limit                                  (the caller, mem=)
 *     discover_check_image        a bank holds the kernel
 *     discover_reserve_dynamic    /reserved-memory nodes without a place of their own
 *     ... linear map (not of MEMBLOCK_NOMAP), memblock_allow_resize ...
 *     dt_set_blob                 the blob is copied
 *     discover_harts
 *     discover_dma, discover_zones
 *
 * 0 or -errno with a sentence in @err, which the kernel panics with.
 */
#ifndef MM_DISCOVER_H
#define MM_DISCOVER_H

#include <lib/dt.h>
#include <mm/zone_plan.h>

/* discover_memory - fill memblock from the tree.  Banks are trimmed to whole pages inwards,
 * reservations outwards.  Needs no mapping but the blob's. */
int discover_memory(struct dt_error *err) __must_check;

/* discover_check_image - [start, end) lies in one bank, and no no-map range touches it. */
int discover_check_image(phys_addr_t start, phys_addr_t end, struct dt_error *err) __must_check;

/* discover_reserve_dynamic - find places for /reserved-memory nodes that have a size only.  One
 * that fits nowhere is reported in the log. */
int discover_reserve_dynamic(struct dt_error *err) __must_check;

/* A /reserved-memory node with `reusable` and compatible "shared-dma-pool". */
struct discover_area {
	struct phys_range range; /* whole pages */
	bool is_default;	 /* linux,cma-default */
	char name[32];		 /* of the node */
};

/* discover_reusable - the @i-th of them, after discover_reserve_dynamic; false: no more. */
bool discover_reusable(unsigned i, struct discover_area *area);

/* discover_harts - read /cpus into memory from memblock; *harts lives for ever. */
int discover_harts(const struct dt_hart **harts, unsigned *nr, u32 *timebase,
		   struct dt_error *err) __must_check;

/* discover_dma - find the limited devices; their array lives for ever (discover_dma_map). */
int discover_dma(struct dt_error *err) __must_check;
const struct dt_dma_map *discover_dma_map(void);

/* What boot arguments say about zones. */
struct zone_wishes {
	u64 dma_zone;		     /* bits from dma_zone=, or 0 */
	u64 movablecore, kernelcore; /* by zone_plan_parse_core(), or CORE_UNSET */
	phys_addr_t high;	     /* high memory begins here; 0: there is none */
};

/* discover_zones - plan zones for what memblock has, discover_dma found and @wish says. */
int discover_zones(const struct zone_wishes *wish, struct zone_plan *plan,
		   struct dt_error *err) __must_check;

/* discover_reach - the zones that device @i of discover_dma_map reaches.  After discover_zones. */
zone_mask_t discover_reach(unsigned i);

#endif
