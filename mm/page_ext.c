/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_ext.c - a side table by page frame
 *
 * An array for each segment, on its node, made at boot only if an option wants it.  So descriptors
 * stay 32 bytes, and nothing is paid for when nobody looks.
 *
 * Which entry tells of a frame?  Blocks begin at multiples of their size, so it's one of NR_ORDERS:
 * that of the frame rounded down to each order, if a block of at least that order began there; of
 * those the one with the latest event.
 *
 * Locking: none; see page_ext_get().  Not here: what is written (page_owner.c).
 */
#include <mm/page_ext.h>

#include <mm/memmap.h>

static struct page_ext **tables; /* by segment */

void __init page_ext_init(void)
{
	tables = memblock_alloc(nr_mem_segments * sizeof(*tables), sizeof(*tables));
	for (unsigned i = 0; i < nr_mem_segments; i++) {
		const struct mem_segment *seg = &mem_segments[i];

		tables[i] = memblock_alloc_node((seg->end_pfn - seg->start_pfn) *
							sizeof(struct page_ext),
						sizeof(struct page_ext), seg->zone->nid);
	}
}

struct page_ext *page_ext_get(unsigned long pfn)
{
	const struct mem_segment *seg = tables ? memmap_segment(pfn) : NULL;

	return seg ? &tables[seg - mem_segments][pfn - seg->start_pfn] : NULL;
}

static u64 last_time(const struct page_ext *ext)
{
	return max((u64)ext->alloc.time, (u64)ext->free.time);
}

struct page_ext *page_ext_find(unsigned long pfn, unsigned long *head)
{
	struct page_ext *best = NULL;

	for (unsigned order = 0; order < NR_ORDERS; order++) {
		unsigned long at = pfn & ~((1UL << order) - 1);
		struct page_ext *ext = page_ext_get(at);

		if (!ext || ext->free.order < order || !last_time(ext) ||
		    (best && last_time(ext) <= last_time(best)))
			continue;
		best = ext;
		*head = at;
	}
	return best;
}
