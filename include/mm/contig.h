/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contig.h - certain frames, or so many in a row, whatever movable pages are there now
 */
#ifndef MM_CONTIG_H
#define MM_CONTIG_H

#include <mm/gfp.h>
#include <mm/page.h>

/*
 * alloc_contig_range - take frames [start, end) of one zone; movable pages there move away
 * As single pages with one reference each, for free_contig_range().  @migratetype: MIGRATE_CMA
 * takes from pageblocks of this type only, another not from these.  @gfp: __GFP_ZERO,
 * __GFP_NOWARN; what the pages move to is taken by its other flags.
 * 0; -EINVAL no frames of one zone without a hole, or of another type; -EBUSY something can't be
 * moved; -ENOMEM no page to move to.  After an error everything is as it was, but for moved pages.
 * Sleeps; one at a time.
 */
int alloc_contig_range(unsigned long start_pfn, unsigned long end_pfn, unsigned migratetype,
		       gfp_t gfp) __must_check;

/* alloc_contig_pages - @nr_pages in a row, the first aligned to the next power of two or to a
 * pageblock, from a zone that @gfp allows, near node @nid (NUMA_NO_NODE: this hart's).  The first,
 * or NULL.  Sleeps. */
struct page *alloc_contig_pages(unsigned long nr_pages, gfp_t gfp, int nid) __must_check;

/* free_contig_range - drop one reference of each page.  Any context. */
void free_contig_range(unsigned long pfn, unsigned long nr_pages);

#endif
