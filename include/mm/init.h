/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init.h - the steps by which memory comes up; kernel/main.c calls them in this order
 *
 * Boot hart, interrupts off.  Each panics with a sentence where the board can't be used.
 */
#ifndef MM_INIT_H
#define MM_INIT_H

#include <base/compiler.h>

/*
 * mm_init_memblock - banks, reservations, the image and the tree into memblock; mem= applied
 * @fdt_pa, @fdt_bytes: the device tree, which dt_init() has checked.
 */
void mm_init_memblock(phys_addr_t fdt_pa, size_t fdt_bytes);

/* linear_map_limit - how far the linear map goes: lowmem= applied, allocations limited to it.  What
 * lies beyond is high memory, or without CONFIG_HIGHMEM named and left out. */
void linear_map_limit(void);

/* mm_init_reserve - places for reservations that want any, and for contiguous areas. */
void mm_init_reserve(void);

/* linear_map_init - map all memory but no-map ranges with the largest leaves; from here on
 * memblock_alloc() works. */
void linear_map_init(void);

/* mm_init_fdt - copy the device tree to memory of ours; both lose the seeds of /chosen, which are
 * overwritten with 0. */
void mm_init_fdt(void);

/* harts_prepare - number the harts; per-CPU areas for those that will run.
 * @bootid: the hart id that the firmware started us on. */
void harts_prepare(unsigned long bootid);
/* harts_give_stacks - stacks for those that smp_start() starts.  Once there are areas. */
void harts_give_stacks(void);
/* hart_give_stack - a stack for hart @cpu, which maxcpus= kept off, if it has none; 0 or -ENOMEM.
 * May sleep. */
int hart_give_stack(unsigned int cpu) __must_check;

/* mm_init_pages - DMA ceilings, zones, memory map, page allocator; memblock is closed after. */
void mm_init_pages(void);

/* mm_free_init - seal the image, and make free memory of what boot alone needed (__init and its
 * kin).  At the end of boot; nothing of it runs any more, on any hart. */
void mm_free_init(void);

/*
 * vmemmap_populate - map the descriptors of frames [start_pfn, end_pfn)
 * Both are multiples of 128 frames, whose descriptors fill a page.  @nid: node to take the memory
 * from.  0, -ENOMEM, or -EEXIST if some are mapped already.  The memory is not written.  While
 * memblock is open.
 */
int vmemmap_populate(unsigned long start_pfn, unsigned long end_pfn, int nid)
	__attribute__((warn_unused_result));

/* fault_text_init - faults in the linear map and among descriptors are explained. */
void fault_text_init(void);

/* The plan that the zones were built from, for the shell. */
struct zone_plan;
const struct zone_plan *mm_zone_plan(void);

#endif
