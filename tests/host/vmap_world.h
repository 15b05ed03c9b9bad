/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmap_world.h - areas on the host: a region of the test's own addresses, and its page table
 *
 * What is mapped there is the page's memory, so the allocator and the model reach it as the kernel
 * would.  A page that is cleared can't be reached any more, but counts as remembered until a fence
 * that says its address: mapping something there before fails the test.
 */
#ifndef VMAP_WORLD_H
#define VMAP_WORLD_H

#include "slab_world.h"

#include <mm/vmalloc.h>

#include "../../mm/vmap.h"

#define REGION_MAX_BYTES (64UL * MiB)
#define REGION_MAX_PAGES (REGION_MAX_BYTES / PAGE_SIZE)

struct vmap_region {
	unsigned long bytes;
	unsigned long table_bytes; /* that a table has entries for */
	unsigned long leaf;	   /* bytes of a leaf that stands in a table, or 0 */
	bool fixed;		   /* tables exist from the start, and no leaf takes their place */
};

/* vmap_world_build - @w with areas in @r.  vmap_world_end: there are no areas any more, so neither
 * are tables, and all pages are back. */
void vmap_world_build(const struct world *w, const struct vmap_region *r);
void vmap_world_end(void);

/* vmap_world_pfn - what is mapped at @addr; 0: nothing. */
unsigned long vmap_world_pfn(const void *addr);

/* Fences so far; pages that may be remembered; tables; whether a thread was asked to purge. */
extern unsigned long vmap_world_fences, vmap_world_stale, vmap_world_tables, vmap_world_kicks;

/* Called after each fence, if set. */
extern void (*vmap_world_meanwhile)(void);

/* Leaves in tables' places and in tables that were mapped so far. */
extern unsigned long vmap_world_huge, vmap_world_leaves;

#endif
