/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_init.c - from memblock to the page allocator, and figures about all of it
 *
 * Invariants (zone_validate): those of buddy.c, and the blocks of each segment tile it
 * without gap or overlap, the free ones of them being exactly those on lists or parked;
 * managed pages <= present pages.
 * Locking: figures over several zones are not of one moment.
 * Not here: allocating (page_alloc.c), zones (zone.c), descriptors (memmap.c).
 */
#define LOG_PREFIX "page_alloc: "
#include <mm/page_alloc.h>

#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/time.h>
#include <mm/highmem.h>
#include <mm/kasan.h>
#include <mm/page_debug.h>
#include <mm/watermark.h>
#include "internal.h"
#include "pcp.h"

#include <stdio.h>

static bool ready;

bool page_alloc_ready(void)
{
	return ready;
}

void __init page_alloc_init(const struct zone_plan *plan)
{
	struct zone *zone;

	BUG_ON(ready);
	zones_init(plan);
	pcp_init();
	page_debug_init();
	kasan_init();
	memmap_init((u32)read_time());
	pcp_open();
	page_debug_start();
	init_per_zone_wmarks();
	memblock_set_limit(0);
	ready = true;
	for_each_zone(zone)
		pr_info("node %d zone %s: 0x%llx-0x%llx, %lu of %lu pages free", zone->nid,
			zone->name, PA(PFN_PHYS(zone->start_pfn)), PA(PFN_PHYS(zone->end_pfn)),
			zone->nr_free, zone->present_pages);
}

void page_alloc_reset(void)
{
	ready = false;
	pcp_reset();
	zones_reset();
	memmap_reset();
	memremap_reset();
	page_reports = (struct page_reports){ 0 };
	memblock_set_limit(~(phys_addr_t)0);
}

/* Frames [start, end) of one top-order block of @seg; how many of them were reserved. */
static unsigned long free_reserved_part(const struct mem_segment *seg, unsigned long start,
					unsigned long end)
{
	struct zone *zone = seg->zone;
	unsigned long pfn = start, irq;
	struct page *head;

	spin_lock_irqsave(&zone->lock, irq);
	head = memmap_block_of(start);
	if (head && PageReserved(head) && block_order(head) == MAX_ORDER) {
		if (end - start == MAX_BLOCK)
			pfn = end; /* its only descriptor is written anew */
		else
			memmap_write_block(start, zone);
	}
	while (pfn < end) {
		head = memmap_block_of(pfn);
		if (!head || block_kind(head) != BLOCK_USED || !PageReserved(head))
			break;
		pfn++;
	}
	if (unlikely(page_debug))
		page_debug_fresh(start, pfn);
	if (block_order(pfn_to_page(start)) != MAX_ORDER)
		memmap_forget(start, pfn);
	buddy_add_range(zone, start, pfn);
	spin_unlock_irqrestore(&zone->lock, irq);
	if (pfn < end)
		report_not_reserved(pfn);
	return pfn - start;
}

unsigned long free_reserved_area(phys_addr_t start, phys_addr_t end)
{
	unsigned long pfn = PFN_UP(start), end_pfn = PFN_DOWN(end), nr = 0;

	while (pfn < end_pfn) {
		const struct mem_segment *seg = memmap_segment(pfn);
		unsigned long to = min(end_pfn, ALIGN_DOWN(pfn, MAX_BLOCK) + MAX_BLOCK);
		unsigned long freed;

		if (!seg) {
			report_not_reserved(pfn);
			return nr;
		}
		freed = free_reserved_part(seg, pfn, min(to, seg->end_pfn));
		nr += freed;
		pfn += freed;
		if (pfn < min(to, seg->end_pfn))
			return nr;
	}
	return nr;
}

unsigned long nr_free_pages(void)
{
	struct zone *zone;
	unsigned long nr = 0;

	for_each_zone(zone)
		nr += zone_free_pages(zone);
	return nr;
}

unsigned long nr_managed_pages(void)
{
	struct zone *zone;
	unsigned long nr = 0;

	for_each_zone(zone)
		nr += READ_ONCE(zone->managed_pages);
	return nr;
}

unsigned long totalhigh_pages(void)
{
	struct zone *zone;
	unsigned long nr = 0;

	for_each_zone(zone)
		nr += zone_is_high(zone) ? READ_ONCE(zone->managed_pages) : 0;
	return nr;
}

unsigned long nr_free_highpages(void)
{
	struct zone *zone;
	unsigned long nr = 0;

	for_each_zone(zone)
		nr += zone_is_high(zone) ? zone_free_pages(zone) : 0;
	return nr;
}

unsigned long nr_present_pages(void)
{
	struct zone *zone;
	unsigned long nr = 0;

	for_each_zone(zone)
		nr += zone->present_pages;
	return nr;
}

/* The blocks of one segment; *@nr_free grows by the free pages among them. */
static int check_tiles(const struct mem_segment *seg, unsigned long *nr_free, char *fault,
		       size_t bytes)
{
	unsigned long pfn = seg->start_pfn;

	while (pfn < seg->end_pfn) {
		struct page *page = pfn_to_page(pfn);
		unsigned order = block_order(page);

		if (!block_kind(page) || page_zone(page) != seg->zone || order > MAX_ORDER ||
		    (pfn & ((1UL << order) - 1)) || pfn + (1UL << order) > seg->end_pfn ||
		    memmap_block_of(pfn) != page) {
			snprintf(fault, bytes,
				 "zone %s: pfn 0x%lx has block word 0x%08lx flags 0x%08lx, "
				 "expected the head of a block in 0x%lx-0x%lx",
				 seg->zone->name, pfn, (unsigned long)page->block,
				 (unsigned long)page->flags, seg->start_pfn, seg->end_pfn);
			return -EFAULT;
		}
		if (block_kind(page) != BLOCK_USED)
			*nr_free += 1UL << order;
		pfn += 1UL << order;
	}
	return 0;
}

static int zone_validate_locked(struct zone *zone, char *fault, size_t bytes)
{
	char text[ZONE_FAULT_LEN];
	unsigned long nr_free = 0;

	if (buddy_validate(zone, text)) {
		snprintf(fault, bytes, "%s", text);
		return -EFAULT;
	}
	for (unsigned i = 0; i < nr_mem_segments; i++)
		if (mem_segments[i].zone == zone &&
		    check_tiles(&mem_segments[i], &nr_free, fault, bytes))
			return -EFAULT;
	if (nr_free == zone->nr_free && zone->managed_pages <= zone->present_pages)
		return 0;
	snprintf(fault, bytes,
		 "zone %s: descriptors say %lu pages free, expected %lu as on the lists; "
		 "%lu managed, expected at most %lu",
		 zone->name, nr_free, zone->nr_free, zone->managed_pages, zone->present_pages);
	return -EFAULT;
}

int zone_validate(struct zone *zone, char *fault, size_t bytes)
{
	unsigned long flags;
	int err;

	spin_lock_irqsave(&zone->lock, flags);
	err = pcp_validate(zone, smp_processor_id(), fault, bytes);
	if (!err)
		err = zone_validate_locked(zone, fault, bytes);
	spin_unlock_irqrestore(&zone->lock, flags);
	return err;
}

void page_alloc_validate(void)
{
	char fault[ZONE_FAULT_LEN];
	struct zone *zone;

	for_each_zone(zone)
		if (zone_validate(zone, fault, sizeof(fault)))
			panic("%s", fault);
}
