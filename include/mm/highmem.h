/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * highmem.h - memory that the linear map doesn't reach
 *
 * The linear map is capped: by the address space (Sv32: 896 MiB), or by lowmem= on the command
 * line.  Memory above is high: it has descriptors and zones (HIGHMEM), and only who asks with
 * __GFP_HIGHMEM gets it; its contents are reached by mm/kmap.h.
 */
#ifndef MM_HIGHMEM_H
#define MM_HIGHMEM_H

#include <mm/kmap.h>
#include <mm/page_alloc.h>

#ifdef CONFIG_HIGHMEM
/* highmem_cap - apply lowmem= to the linear map.  Boot hart, before it is made. */
void highmem_cap(void);

/* highmem_start - where high memory begins, for the zone plan; 0: there is none. */
phys_addr_t highmem_start(void);
#else
static inline void highmem_cap(void)
{
}
static inline phys_addr_t highmem_start(void)
{
	return 0;
}
#endif

/* zone_is_high - all of @zone is high memory; else none of it is. */
static inline bool zone_is_high(const struct zone *zone)
{
	return PageHighMem(pfn_to_page(zone->start_pfn));
}

/* Pages of high memory, and of the other, which the kernel's own objects can have: managed, and
 * free now. */
unsigned long totalhigh_pages(void);
unsigned long nr_free_highpages(void);

static inline unsigned long totallow_pages(void)
{
	return nr_managed_pages() - totalhigh_pages();
}

static inline unsigned long nr_free_lowpages(void)
{
	return nr_free_pages() - nr_free_highpages();
}

#endif
