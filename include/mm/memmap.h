/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memmap.h - which frames have descriptors, and walking over blocks
 *
 * A segment is a stretch of frames that is memory (not no-map) of one zone.
 * Segments are sorted and constant after boot.  Everything between two segments is
 * a hole or another owner's memory.
 */
#ifndef MM_MEMMAP_H
#define MM_MEMMAP_H

#include <mm/zone.h>

struct mem_segment {
	unsigned long start_pfn, end_pfn;
	struct zone *zone;
};
extern struct mem_segment *mem_segments;
extern unsigned nr_mem_segments;

/* memmap_segment - the segment that @pfn lies in, or NULL.  O(log segments), any context. */
const struct mem_segment *memmap_segment(unsigned long pfn);

#ifdef CONFIG_ZONE_DEVICE
bool device_pfn_valid(unsigned long pfn);
#else
static inline bool device_pfn_valid(unsigned long pfn)
{
	return false;
}
#endif

/* pfn_valid - @pfn is memory that the kernel manages, and its block's head has a descriptor; or it
 * is a device's (mm/memremap.h) and has one itself.  Any context. */
static inline bool pfn_valid(unsigned long pfn)
{
	return memmap_segment(pfn) || device_pfn_valid(pfn);
}

enum block_state {
	BLOCK_IS_FREE,
	BLOCK_IS_LISTED, /* free, on a hart's list */
	BLOCK_IS_USED,
	BLOCK_IS_RESERVED,
	BLOCK_IS_DEVICE, /* frames of a device's region, single ones, however many */
	NR_BLOCK_STATES
};

/* One stretch of frames with one state. */
struct memmap_block {
	unsigned long pfn;
	unsigned long nr_pages; /* 2^order, or fewer: what the walk's range has of the block */
	unsigned order;
	enum block_state state;
	struct zone *zone;
	u32 flags; /* PG_* of the head */
};

/*
 * memmap_block_of - the block that holds @pfn, whichever of its pages that is
 * Exact: steps from head to head from the start of the top-order block, O(orders).
 * Returns the head, or NULL if @pfn is no memory or the map is broken there.
 * The caller holds the zone's lock, or accepts that the answer may be stale.
 */
struct page *memmap_block_of(unsigned long pfn);

/*
 * memmap_walk - call @fn for each block in [start, end), lowest first
 * Holes are left out; what a region of a device's memory has of the range is one block.  Takes zone
 * locks for short stretches, calls @fn without them: the picture is not of one moment.  @fn returns
 * true to stop; then memmap_walk returns true.
 */
bool memmap_walk(unsigned long start_pfn, unsigned long end_pfn,
		 bool (*fn)(const struct memmap_block *block, void *arg), void *arg);

/*
 * memmap_init - map the descriptors of all memory, write those that must be, and hand what
 * memblock has free to the zones
 * @seed: a number that differs from boot to boot.  Boot hart, after zones are set up.
 */
void memmap_init(u32 seed);

/* memmap_bytes - memory that descriptors take. */
unsigned long memmap_bytes(void);

#endif
