/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm_world.h - a board's memory on the host, and a simple model of who owns each page
 *
 * The descriptors' memory is unreachable until vmemmap_populate() is called for it, and holds
 * garbage then: nobody may count on what wasn't written.
 */
#ifndef MM_WORLD_H
#define MM_WORLD_H

#include "harness.h"

#include <mm/memblock.h>
#include <mm/page_alloc.h>

struct world_bank {
	phys_addr_t start, end;
	int nid;
};

struct world {
	phys_addr_t base; /* lowest address that can be memory */
	u64 bytes;	  /* from there */
	struct world_bank bank[8];
	struct phys_range reserved[16], nomap[4];
	struct phys_range hotplug;     /* banks flagged so: not joined with their neighbours */
	phys_addr_t cut[MAX_NR_ZONES]; /* zone boundaries, ascending; 0 ends */
	zone_mask_t dma, dma32;	       /* 0: the lowest zone; every zone */
	bool reserves;		       /* zones keep some for others, by watermarks */
	struct zone_window *windows;   /* what devices reach, instead of cut[] */
	unsigned nr_windows;
	u64 movable;	  /* bytes for MOVABLE, where there are fewer than eight zones */
	phys_addr_t high; /* from here on memory is high, and out of reach; 0: none is */
};

extern unsigned world_mapped; /* calls of arch_map() that weren't undone */

/* world_build - memblock, zones and the allocator for @w; the model says who owns what. */
void world_build(const struct world *w);

/* This thread is hart @cpu from now on. */
#define WORLD_HARTS 8
void world_run_as(unsigned int cpu);
void world_switch_area(unsigned int cpu); /* slab_world.c */
struct arch_mapping;
bool world_area_lookup(unsigned long va, struct arch_mapping *map); /* vmap_world.c */
extern bool world_parallel; /* harts are threads: each drains its own lists only */

/* Random boards: odd banks, holes, reservations, zones, nodes. */
void world_random(struct world *w);

extern struct zone_plan world_plan;
extern u64 world_garbage;		     /* what fresh descriptors hold; 0: random numbers */
extern bool world_forged;		     /* frames inside blocks look like heads on purpose */
extern unsigned long world_first, world_end; /* frames that the model knows: [first, end) */

/* Owner of a frame. */
#define OWNER_NONE     0xffffffffU /* no memory */
#define OWNER_RESERVED 0xfffffffeU /* by the board */
#define OWNER_TABLES   0xfffffffdU /* an early allocation, or a part of a page reserved */
#define OWNER_FREE     0U
u32 world_owner(unsigned long pfn);
void world_set_owner(unsigned long pfn, unsigned long nr_pages, u32 owner);
unsigned long world_nr_free(void);

/* The zone type of a frame, by the plan. */
int world_zone_type(unsigned long pfn);

/* The model's answer: may @zone serve @order, were everything merged? */
bool world_can_serve(const struct zone *zone, unsigned order);

/* All zones are sound and have as many free pages as the model, and no descriptor but that of a
 * block's head looks like one. */
void world_check(void);

#endif
