/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_ext.c - a side table by page frame
 *
 * An array for each segment, on its node, made at boot only if an option wants it.  So descriptors
 * stay 32 bytes, and nothing is paid for when nobody looks.  That of high memory lies in high
 * memory, if there's room in a row; no entry crosses a page, so a window shows it.
 *
 * Which entry tells of a frame?  Blocks begin at multiples of their size, so it's one of NR_ORDERS:
 * that of the frame rounded down to each order, if a block of at least that order began there; of
 * those the one with the latest event.
 *
 * Locking: none; see page_ext_get().  Not here: what is written (page_owner.c).
 */
#include <mm/page_ext.h>

#include <mm/highmem.h>
#include <mm/memmap.h>

static phys_addr_t *tables; /* by segment */

/* In high memory, zeroed; 0 if there's no room. */
static phys_addr_t __init make_high(phys_addr_t bytes, int nid)
{
	phys_addr_t pa = memblock_phys_alloc_high(bytes, PAGE_SIZE, nid);

	for (phys_addr_t at = pa; pa && at < pa + bytes; at += PAGE_SIZE)
		clear_highpage(phys_to_page(at));
	return pa;
}

void __init page_ext_init(void)
{
	tables = memblock_alloc(nr_mem_segments * sizeof(*tables), sizeof(*tables));
	for (unsigned i = 0; i < nr_mem_segments; i++) {
		const struct mem_segment *seg = &mem_segments[i];
		phys_addr_t bytes =
			(phys_addr_t)(seg->end_pfn - seg->start_pfn) * sizeof(struct page_ext);

		bytes = ALIGN_UP(bytes, (phys_addr_t)PAGE_SIZE);
		if (zone_is_high(seg->zone))
			tables[i] = make_high(bytes, seg->zone->nid);
		if (!tables[i])
			tables[i] = __pa(memblock_alloc_node(bytes, PAGE_SIZE, seg->zone->nid));
	}
}

struct page_ext *page_ext_get(unsigned long pfn)
{
	const struct mem_segment *seg = tables ? memmap_segment(pfn) : NULL;
	phys_addr_t pa;

	if (!seg)
		return NULL;
	pa = tables[seg - mem_segments] +
	     (phys_addr_t)(pfn - seg->start_pfn) * sizeof(struct page_ext);
	return kmap_local_page(phys_to_page(pa)) + (unsigned long)(pa % PAGE_SIZE);
}

void page_ext_put(const struct page_ext *ext)
{
	if (ext)
		kunmap_local(ext);
}

static u64 last_time(const struct page_ext *ext)
{
	return max((u64)ext->alloc.time, (u64)ext->free.time);
}

bool page_ext_find(unsigned long pfn, struct page_ext *best, unsigned long *head)
{
	*best = (struct page_ext){ 0 };
	for (unsigned order = 0; order < NR_ORDERS; order++) {
		unsigned long at = pfn & ~((1UL << order) - 1);
		const struct page_ext *ext = page_ext_get(at);

		if (ext && ext->free.order >= order && last_time(ext) > last_time(best)) {
			*best = *ext;
			*head = at;
		}
		page_ext_put(ext);
	}
	return last_time(best) != 0;
}
