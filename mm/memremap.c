/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memremap.c - descriptors for memory of devices: the zone DEVICE
 *
 * A region is a slot in a small table.  It is claimed first, so that no other region can have
 * any of it, then built, then live: only then pfn_valid() and walks know its frames.  Going, it
 * stops being live first.
 *
 *     FREE -> BUILDING -> LIVE -> BUILDING -> FREE
 *
 * Descriptors: those of a top-order block that has memory too were mapped at boot, and stay; the
 * others are mapped here, a page for each MEMREMAP_ALIGN of the region, which is why regions
 * consist of such pieces: no page of descriptors is shared by two regions.
 *
 * Each node has a zone DEVICE.  It isn't among the first nr_zones of zone_table, so that nothing
 * that goes through all zones meets it, and its type is no bit of a zone_mask_t: no list has it.
 * Its word0 is one that no descriptor has, so each put_page() takes the slow way, where it is
 * told apart (page_alloc.c).
 *
 * Invariants: slots that aren't FREE are disjoint, and none overlaps a segment; every frame of a
 *   LIVE one has a descriptor with the zone DEVICE, of whose references nr_held aren't 0.
 * Locking: regions.lock (rank DEVMEM) for the table; nothing is mapped or allocated under it.
 *   No lock for handing out and giving back a page.
 * Cost: 32 bytes a page; a look at the table for a frame that is no memory, if there is a region.
 * Not here: caching attributes; regions whose linear mapping would need a new root entry get one.
 */
#define LOG_PREFIX "memremap: "
#include <mm/memremap.h>

#include <asm/mmu.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <mm/highmem.h>
#include <mm/page_alloc.h>
#include "internal.h"

#include <string.h>

#define MAX_REGIONS  16
#define PIECE_FRAMES PFN_DOWN(MEMREMAP_ALIGN)

enum region_state { REGION_FREE, REGION_BUILDING, REGION_LIVE };

struct region {
	unsigned long start_pfn, end_pfn;
	struct dev_pagemap *pgmap;
	struct zone *zone;
	enum region_state state;
};

static struct {
	spinlock_t lock;
	unsigned nr_live; /* read without the lock: 0 is the usual case */
	struct region slot[MAX_REGIONS];
} regions = { .lock = SPINLOCK_RANKED(LOCK_DEVMEM) };

void zone_device_make(struct pglist_data *node)
{
	struct zone *zone = memblock_alloc_node(sizeof(*zone), 64, node->nid);

	spin_lock_init_ranked(&zone->lock, LOCK_ZONE);
	zone->type = MAX_NR_ZONES;
	zone->nid = (s8)node->nid;
	zone->node = node;
	zone->id = (u8)(ZONE_DEVICE_ID + node->nid);
	zone->word0 = ~0ULL;
	zone->word0_free = (u64)zone->id << PAGE_ZONE_SHIFT;
	zone->mark = 1U << BLOCK_MARK_SHIFT;
	memcpy(zone->name, "DEVICE", sizeof("DEVICE"));
	zone_table[zone->id] = zone;
}

void memremap_reset(void)
{
	memset(regions.slot, 0, sizeof(regions.slot));
	regions.nr_live = 0;
}

/* ---- the table ---- */

/* Of all slots that aren't FREE, or only LIVE ones, the first that ends above @pfn, or NULL. */
static struct region *first_above(unsigned long pfn, enum region_state least)
{
	struct region *first = NULL;

	for (unsigned i = 0; i < MAX_REGIONS; i++) {
		struct region *r = &regions.slot[i];

		if (r->state >= least && r->end_pfn > pfn &&
		    (!first || r->start_pfn < first->start_pfn))
			first = r;
	}
	return first;
}

bool device_frames(unsigned long *pfn, unsigned long end, struct memmap_block *block)
{
	struct region *r;
	unsigned long flags;

	if (likely(!READ_ONCE(regions.nr_live)))
		return false;
	spin_lock_irqsave(&regions.lock, flags);
	r = first_above(*pfn, REGION_LIVE);
	if (r && (r->start_pfn >= end || *pfn >= end))
		r = NULL;
	if (r) {
		block->pfn = max(*pfn, r->start_pfn);
		*pfn = min(end, r->end_pfn);
		block->nr_pages = *pfn - block->pfn;
		block->order = 0;
		block->state = BLOCK_IS_DEVICE;
		block->zone = r->zone;
		block->flags = 0;
	}
	spin_unlock_irqrestore(&regions.lock, flags);
	return r != NULL;
}

bool device_pfn_valid(unsigned long pfn)
{
	struct memmap_block ignored;

	return device_frames(&pfn, pfn + 1, &ignored);
}

/* A slot for @pgmap; NULL with the reason in *@err. */
static struct region *claim(struct dev_pagemap *pgmap, int nid, int *err)
{
	unsigned long flags, start = PFN_DOWN(pgmap->range.start), end = PFN_DOWN(pgmap->range.end);
	struct region *r;

	spin_lock_irqsave(&regions.lock, flags);
	r = first_above(start, REGION_BUILDING);
	*err = r && r->start_pfn < end ? -EEXIST : -ENOSPC;
	for (r = regions.slot; r < regions.slot + MAX_REGIONS && r->state; r++)
		;
	if (*err == -EEXIST || r == regions.slot + MAX_REGIONS)
		r = NULL;
	else
		*r = (struct region){ start, end, pgmap, zone_table[ZONE_DEVICE_ID + nid],
				      REGION_BUILDING };
	spin_unlock_irqrestore(&regions.lock, flags);
	return r;
}

static void set_state(struct region *r, enum region_state state)
{
	unsigned long flags;

	spin_lock_irqsave(&regions.lock, flags);
	regions.nr_live += (state == REGION_LIVE) - (r->state == REGION_LIVE);
	r->state = state;
	spin_unlock_irqrestore(&regions.lock, flags);
}

/* ---- descriptors ---- */

static bool has_memory(unsigned long start_pfn, unsigned long end_pfn)
{
	for (unsigned i = 0; i < nr_mem_segments; i++)
		if (mem_segments[i].start_pfn < end_pfn && mem_segments[i].end_pfn > start_pfn)
			return true;
	return false;
}

/* Boot mapped descriptors for whole top-order blocks. */
static bool boot_mapped(unsigned long pfn)
{
	pfn = ALIGN_DOWN(pfn, MAX_BLOCK);
	return has_memory(pfn, pfn + MAX_BLOCK);
}

static void unmap_descriptors(unsigned long pfn, unsigned long end)
{
	for (; pfn < end; pfn += PIECE_FRAMES) {
		unsigned long va = (unsigned long)pfn_to_page(pfn);
		struct arch_mapping map;

		if (boot_mapped(pfn)) {
			memmap_forget(pfn, pfn + PIECE_FRAMES);
			continue;
		}
		if (arch_lookup(va, &map) || arch_unmap(va, PAGE_SIZE))
			panic("memremap: descriptors at 0x%lx aren't mapped", va);
		__free_page(phys_to_page(map.pa));
	}
}

static int map_piece(unsigned long pfn, int nid)
{
	struct page *page = alloc_pages_node(nid, GFP_KERNEL | __GFP_HIGHMEM, 0);
	int err;

	if (!page)
		return -ENOMEM;
	err = arch_map((unsigned long)pfn_to_page(pfn), page_to_phys(page), PAGE_SIZE,
		       PROT_READ | PROT_WRITE, PAGE_SIZE);
	if (err)
		__free_page(page);
	return err;
}

static void write_descriptors(const struct region *r)
{
	struct page *page = pfn_to_page(r->start_pfn), *end = pfn_to_page(r->end_pfn);

	for (; page < end; page++) {
		page->word0 = r->zone->word0_free;
		page->links = 0;
		page->mapping_word = 0;
		page->mapping = r->pgmap;
		page->index = 0;
		page->block = r->zone->mark + BLOCK_USED;
	}
}

static int map_descriptors(const struct region *r)
{
	for (unsigned long pfn = r->start_pfn; pfn < r->end_pfn; pfn += PIECE_FRAMES) {
		int err = boot_mapped(pfn) ? 0 : map_piece(pfn, r->zone->nid);

		if (err) {
			unmap_descriptors(r->start_pfn, pfn);
			return err;
		}
	}
	write_descriptors(r);
	return 0;
}

/* ---- registering ---- */

static int refuse(const struct dev_pagemap *pgmap, int err, const char *why)
{
	pr_warn("[0x%" PRIpa ", 0x%" PRIpa "): %s", PA(pgmap->range.start), PA(pgmap->range.end),
		why);
	return err;
}

static bool can_describe(phys_addr_t start, phys_addr_t end)
{
	const struct page *first = pfn_to_page(PFN_DOWN(start));

	return end <= arch_described_end() && first > memmap_base &&
	       !((u64)page_index(first + PFN_DOWN(end - start)) >> 32);
}

/* All of it is above the linear map, and reached by windows. */
static bool is_high(const struct dev_pagemap *pgmap)
{
	return totalhigh_pages() && PageHighMem(phys_to_page(pgmap->range.start));
}

static bool can_map(const struct dev_pagemap *pgmap)
{
	return pgmap->type == MEMORY_DEVICE_PRIVATE || is_high(pgmap) ||
	       arch_linear_reaches(pgmap->range.start, pgmap->range.end);
}

static int check(const struct dev_pagemap *pgmap, int nid)
{
	phys_addr_t start = pgmap->range.start, end = pgmap->range.end;

	if (start >= end)
		return refuse(pgmap, -EINVAL, "empty, or wraps around");
	if (!IS_ALIGNED(start | end, MEMREMAP_ALIGN))
		return refuse(pgmap, -EINVAL, "not aligned to 512 KiB at both ends");
	if (!pgmap->ops || nid < 0 || (unsigned)nid >= nr_nodes)
		return refuse(pgmap, -EINVAL, "no operations, or no such node");
	if (!can_describe(start, end))
		return refuse(pgmap, -ERANGE, "out of the descriptors' reach");
	if (!can_map(pgmap))
		return refuse(pgmap, -ERANGE, "out of the linear map's reach");
	if (has_memory(PFN_DOWN(start), PFN_DOWN(end)))
		return refuse(pgmap, -EBUSY, "has memory that the kernel manages");
	return 0;
}

static unsigned long region_bytes(const struct dev_pagemap *pgmap)
{
	return (unsigned long)(pgmap->range.end - pgmap->range.start);
}

/* Has the region a place in the linear map? */
static bool is_mapped(const struct dev_pagemap *pgmap)
{
	return pgmap->type != MEMORY_DEVICE_PRIVATE && !is_high(pgmap);
}

static int map_region(const struct dev_pagemap *pgmap)
{
	if (!is_mapped(pgmap))
		return 0;
	return arch_map((unsigned long)__va(pgmap->range.start), pgmap->range.start,
			region_bytes(pgmap), PROT_READ | PROT_WRITE, arch_shared_leaf());
}

static void unmap_region(const struct dev_pagemap *pgmap)
{
	if (is_mapped(pgmap) &&
	    arch_unmap((unsigned long)__va(pgmap->range.start), region_bytes(pgmap)))
		panic("memremap: 0x%" PRIpa " isn't mapped", PA(pgmap->range.start));
}

static int build(struct dev_pagemap *pgmap, int nid)
{
	struct region *r;
	int err = check(pgmap, nid);

	if (err)
		return err;
	r = claim(pgmap, nid, &err);
	if (!r)
		return refuse(pgmap, err,
			      err == -EEXIST ? "overlaps another region" : "one region too many");
	err = map_region(pgmap);
	if (!err) {
		err = map_descriptors(r);
		if (err)
			unmap_region(pgmap);
	}
	if (!err)
		pgmap->nr_held = 0;
	set_state(r, err ? REGION_FREE : REGION_LIVE);
	return err ? refuse(pgmap, err,
			    err == -EEXIST ? "mapped already" : "no memory for descriptors")
		   : 0;
}

void *memremap_pages(struct dev_pagemap *pgmap, int nid)
{
	int err = build(pgmap, nid == NUMA_NO_NODE ? numa_node_id() : nid);

	if (err)
		return ERR_PTR(err);
	return is_high(pgmap) ? NULL : __va(pgmap->range.start);
}

int memunmap_pages(struct dev_pagemap *pgmap)
{
	struct region *r = regions.slot;
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&regions.lock, flags);
	while (r < regions.slot + MAX_REGIONS && (r->state != REGION_LIVE || r->pgmap != pgmap))
		r++;
	if (r == regions.slot + MAX_REGIONS)
		err = -ENOENT;
	else if (__atomic_load_n(&pgmap->nr_held, __ATOMIC_ACQUIRE))
		err = -EBUSY;
	else
		r->state = REGION_BUILDING;
	regions.nr_live -= !err;
	spin_unlock_irqrestore(&regions.lock, flags);
	if (err)
		return refuse(pgmap, err,
			      err == -EBUSY ? "pages of it are held" : "isn't registered");
	if (is_high(pgmap))
		kmap_flush_unused(); /* windows that kunmap() left open */
	unmap_descriptors(r->start_pfn, r->end_pfn);
	unmap_region(pgmap);
	set_state(r, REGION_FREE);
	return 0;
}

/* ---- pages ---- */

void zone_device_page_init(struct page *page)
{
	BUG_ON(!is_zone_device_page(page) || page_ref_count(page));
	__atomic_fetch_add(&pgmap_of(page)->nr_held, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&page->_refcount, 1, __ATOMIC_RELEASE);
}

/* The region stays until the driver has its page back. */
void free_zone_device_page(struct page *page)
{
	struct dev_pagemap *pgmap = pgmap_of(page);

	WRITE_ONCE(page->flags, page->flags & ~PAGE_FLAGS_MASK);
	pgmap->ops->page_free(page);
	__atomic_fetch_sub(&pgmap->nr_held, 1, __ATOMIC_RELEASE);
}
