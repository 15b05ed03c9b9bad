/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memmap.c - writing page descriptors, and walking over blocks
 *
 * vmemmap is mapped for every top-order block that has a frame of memory, and not
 * written: boot writes one descriptor for each top-order block that is wholly free
 * or wholly reserved, and all of them for a block that the edge of a bank, a
 * reservation or a zone cuts ("cut block").  So boot does not get longer with the
 * amount of memory, but for some ten instructions a top-order block.
 *
 * Why memmap_block_of() needs no descriptor but heads': the blocks partition a
 * top-order block (frames that are no memory count as single ones).  Let c head a
 * block that ends at or before pfn.  Then c + 2^floor(log2(pfn - c)) heads a block too:
 * a block that held it without starting there would be larger and so start at c.
 *
 * Invariant: no block crosses the end of a segment.
 * Locking: segments are constant; block words are guarded by the zone's lock.
 * Not here: mapping vmemmap (vmemmap.c), the lists (buddy.c), who gets what (page_alloc.c).
 */
#define LOG_PREFIX "memmap: "
#include <mm/memmap.h>

#include <kernel/log.h>
#include <kernel/panic.h>
#include <mm/init.h>
#include "internal.h"

/* Entries that memmap_walk collects in one lock hold. */
#define WALK_BATCH 16

struct page *memmap_base;

static unsigned long mapped_bytes;

unsigned long memmap_bytes(void)
{
	return mapped_bytes;
}

const struct mem_segment *memmap_segment(unsigned long pfn)
{
	unsigned low = 0, high = nr_mem_segments;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (pfn >= mem_segments[mid].end_pfn)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == nr_mem_segments || pfn < mem_segments[low].start_pfn)
		return NULL;
	return &mem_segments[low];
}

/* Map the descriptors of every top-order block that has memory. */
static void map_segments(void)
{
	unsigned long done = 0;

	for (unsigned i = 0; i < nr_mem_segments; i++) {
		const struct mem_segment *seg = &mem_segments[i];
		unsigned long start = max(done, ALIGN_DOWN(seg->start_pfn, MAX_BLOCK));

		done = ALIGN_UP(seg->end_pfn, MAX_BLOCK);
		if (start >= done)
			continue;
		if (vmemmap_populate(start, done, seg->zone->nid))
			panic("memmap: no %lu KiB free for the descriptors of 0x%llx-0x%llx",
			      ((done - start) << PAGE_STRUCT_SHIFT) / 1024, PA(PFN_PHYS(start)),
			      PA(PFN_PHYS(done)));
		mapped_bytes += (done - start) << PAGE_STRUCT_SHIFT;
	}
}

/* ---- writing ---- */

static void write_reserved(struct zone *zone, struct page *page, unsigned order)
{
	page->word0 = zone->word0 | 1U << PG_reserved;
	page->links = 0;
	page->mapping_word = 0;
	page->index = 0;
	page->block = zone->mark + BLOCK_USED + order;
}

/* Where memory begins again above @pfn, which is in a hole. */
static unsigned long hole_end(unsigned long pfn)
{
	for (unsigned i = 0; i < nr_mem_segments; i++)
		if (mem_segments[i].start_pfn > pfn)
			return mem_segments[i].start_pfn;
	return ~0UL;
}

void memmap_write_block(unsigned long pfn, struct zone *zone)
{
	unsigned long start = ALIGN_DOWN(pfn, MAX_BLOCK), end = start + MAX_BLOCK;
	struct page *page = pfn_to_page(start);

	while (start < end) {
		const struct mem_segment *seg = memmap_segment(start);
		unsigned long to = min(end, seg ? seg->end_pfn : hole_end(start));

		for (; start < to; start++)
			write_reserved(seg ? seg->zone : zone, page++, 0);
	}
}

void memmap_forget(unsigned long start_pfn, unsigned long end_pfn)
{
	struct page *page = pfn_to_page(start_pfn);

	for (; start_pfn < end_pfn; start_pfn++, page++) {
		page->word0 = 0;
		page->block = 0;
	}
}

/* Frames below this stand in cut blocks that are written. */
static unsigned long written_pfn;

/* [start, end) lies in one top-order block, which is cut. */
static void __init hand_over_part(struct zone *zone, unsigned long start, unsigned long end,
				  bool is_free)
{
	if (start >= end)
		return;
	if (start >= written_pfn) {
		memmap_write_block(start, zone);
		written_pfn = ALIGN_UP(end, MAX_BLOCK);
	}
	if (is_free) {
		memmap_forget(start, end);
		buddy_add_range(zone, start, end);
	}
}

/* [start, end) of @zone is free, or reserved. */
static void __init hand_over(struct zone *zone, unsigned long start, unsigned long end,
			     bool is_free)
{
	unsigned long first = ALIGN_UP(start, MAX_BLOCK), last = ALIGN_DOWN(end, MAX_BLOCK);

	if (start >= end)
		return;
	if (first > last) {
		hand_over_part(zone, start, end, is_free);
		return;
	}
	hand_over_part(zone, start, first, is_free);
	if (is_free)
		buddy_add_range(zone, first, last);
	else
		for (unsigned long pfn = first; pfn < last; pfn += MAX_BLOCK)
			write_reserved(zone, pfn_to_page(pfn), MAX_ORDER);
	hand_over_part(zone, last, end, is_free);
}

/* Every frame of every segment, lowest first: free where memblock says so, else reserved. */
static void hand_over_all(void)
{
	struct memblock_free_iter it = { 0 };
	bool more = memblock_next_free(&it);

	for (unsigned i = 0; i < nr_mem_segments; i++) {
		const struct mem_segment *seg = &mem_segments[i];
		unsigned long pos = seg->start_pfn;

		while (more && PFN_UP(it.start) < seg->end_pfn) {
			unsigned long start = max(pos, PFN_UP(it.start));
			unsigned long end = min(seg->end_pfn, PFN_DOWN(it.end));

			if (start < end) {
				hand_over(seg->zone, pos, start, false);
				hand_over(seg->zone, start, end, true);
				pos = end;
			}
			if (PFN_DOWN(it.end) > seg->end_pfn)
				break;
			more = memblock_next_free(&it);
		}
		hand_over(seg->zone, pos, seg->end_pfn, false);
	}
}

/*
 * Marks differ by zone, and from boot to boot so that descriptors which the last kernel left in
 * the same memory mean nothing.  @seed: anything that differs.
 */
static void set_marks(u32 seed)
{
	for (unsigned i = 0; i < nr_zones; i++)
		zone_table[i]->mark = ((seed + i) * 0x9E3779B1U) << BLOCK_MARK_SHIFT;
}

void __init memmap_init(u32 seed)
{
	unsigned long lowest = ALIGN_DOWN(mem_segments[0].start_pfn, MAX_BLOCK);
	unsigned long highest = mem_segments[nr_mem_segments - 1].end_pfn;

	if ((unsigned long)pfn_to_page(0) & ((MAX_BLOCK << PAGE_STRUCT_SHIFT) - 1))
		panic("memmap: descriptor 0 at 0x%lx, expected a multiple of 0x%lx",
		      (unsigned long)pfn_to_page(0), MAX_BLOCK << PAGE_STRUCT_SHIFT);
	if ((u64)(highest - lowest) + MAX_BLOCK > 0xffffffffULL)
		panic("memmap: memory from 0x%llx to 0x%llx spans more than 16 TiB",
		      PA(PFN_PHYS(lowest)), PA(PFN_PHYS(highest)));
	memmap_base = (struct page *)((unsigned long)pfn_to_page(lowest) - sizeof(struct page));
	set_marks(seed);
	map_segments();
	hand_over_all();
}

void memmap_reset(void)
{
	written_pfn = 0;
	mapped_bytes = 0;
	memmap_base = NULL;
}

/* ---- walking ---- */

struct page *memmap_block_of(unsigned long pfn)
{
	const struct mem_segment *seg = memmap_segment(pfn);
	unsigned long c = ALIGN_DOWN(pfn, MAX_BLOCK);
	unsigned step = MAX_ORDER;

	if (!seg)
		return NULL;
	for (;;) {
		if (c >= seg->start_pfn) {
			struct page *page = pfn_to_page(c);

			if (!block_kind(page))
				return NULL;
			if (pfn - c < 1UL << block_order(page))
				return page;
		}
		if (c == pfn)
			return NULL;
		while (pfn - c < 1UL << step)
			step--;
		c += 1UL << step;
	}
}

static enum block_state state_of(const struct page *page)
{
	switch (block_kind(page)) {
	case BLOCK_FREE:
		return BLOCK_IS_FREE;
	default:
		if (PageReserved(page))
			return BLOCK_IS_RESERVED;
		/* On a hart's list: free, and not merged. */
		return page_ref_count(page) ? BLOCK_IS_USED : BLOCK_IS_LISTED;
	}
}

/* Up to WALK_BATCH blocks of @seg from *@pos to @end; *@pos moves on.  0 if the map is broken. */
static unsigned collect(const struct mem_segment *seg, unsigned long *pos, unsigned long end,
			struct memmap_block block[WALK_BATCH])
{
	struct page *page = memmap_block_of(*pos);
	unsigned nr = 0;

	while (page && *pos < end && nr < WALK_BATCH && block_kind(page)) {
		unsigned order = block_order(page);
		unsigned long next = min(end, page_to_pfn(page) + (1UL << order));

		block[nr++] = (struct memmap_block){
			.pfn = *pos,
			.nr_pages = next - *pos,
			.order = order,
			.state = state_of(page),
			.zone = seg->zone,
			.flags = page->flags & PAGE_FLAGS_MASK,
		};
		*pos = next;
		page += 1UL << order;
	}
	return nr;
}

static bool walk_segment(const struct mem_segment *seg, unsigned long pos, unsigned long end,
			 bool (*fn)(const struct memmap_block *block, void *arg), void *arg)
{
	struct memmap_block block[WALK_BATCH];

	while (pos < end) {
		unsigned long flags;
		unsigned nr;

		spin_lock_irqsave(&seg->zone->lock, flags);
		nr = collect(seg, &pos, end, block);
		spin_unlock_irqrestore(&seg->zone->lock, flags);
		if (!nr) {
			pr_err("no block holds pfn 0x%lx of zone %s, expected one", pos,
			       seg->zone->name);
			return true;
		}
		for (unsigned i = 0; i < nr; i++)
			if (fn(&block[i], arg))
				return true;
	}
	return false;
}

bool memmap_walk(unsigned long start_pfn, unsigned long end_pfn,
		 bool (*fn)(const struct memmap_block *block, void *arg), void *arg)
{
	struct memmap_block device;

	for (unsigned i = 0; i <= nr_mem_segments && start_pfn < end_pfn; i++) {
		const struct mem_segment *seg = i < nr_mem_segments ? &mem_segments[i] : NULL;
		unsigned long start = seg ? max(start_pfn, seg->start_pfn) : end_pfn;
		unsigned long end = seg ? min(end_pfn, seg->end_pfn) : end_pfn;

		while (device_frames(&start_pfn, min(start, end_pfn), &device))
			if (fn(&device, arg))
				return true;
		if (start < end && walk_segment(seg, start, end, fn, arg))
			return true;
		start_pfn = max(start_pfn, end);
	}
	return false;
}
