/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * internal.h - what the files of the page allocator share with each other only
 */
#ifndef MM_INTERNAL_H
#define MM_INTERNAL_H

#include <base/errno.h>
#include <mm/buddy.h>
#include <mm/memmap.h>
#include <mm/page_alloc.h>

/* The migrate type that @gfp asks for; nonsense is unmovable. */
static inline unsigned gfp_type(gfp_t gfp)
{
	unsigned type = (gfp & GFP_MOVABLE_MASK) >> GFP_MOVABLE_SHIFT;

	return type < MIGRATE_PCPTYPES ? type : MIGRATE_UNMOVABLE;
}

/* The node of the hart that runs this. */
static inline struct pglist_data *local_node(void)
{
	if (likely(nr_nodes == 1))
		return node_data[0];
	return node_data[this_cpu_read(numa_node)];
}

/* memmap.c: the descriptors of [start, end), all written before, head nothing any more. */
void memmap_forget(unsigned long start_pfn, unsigned long end_pfn);

/* memmap.c: write every descriptor of the top-order block at @pfn as a reserved single frame,
 * each marked for its zone; frames of holes for @zone. */
void memmap_write_block(unsigned long pfn, struct zone *zone);

/* zone.c: nodes, zones, segments and fallback lists from memblock and the plan. */
void zones_init(const struct zone_plan *plan);

/* memremap.c: a zone DEVICE for @node; an idle page of it is free again; is @pfn a device's; the
 * first device's frames in [*@pfn, @end) as one block, *@pfn moves behind them. */
#ifdef CONFIG_ZONE_DEVICE
void zone_device_make(struct pglist_data *node);
void memremap_reset(void);
void free_zone_device_page(struct page *page);
bool device_frames(unsigned long *pfn, unsigned long end, struct memmap_block *block);
#else
static inline void zone_device_make(struct pglist_data *node)
{
}

static inline void memremap_reset(void)
{
}

static inline void free_zone_device_page(struct page *page)
{
}

static inline bool device_frames(unsigned long *pfn, unsigned long end, struct memmap_block *block)
{
	return false;
}
#endif
/*
 * page_slow.c: what an allocation does that is no hit and finds no plenty.  @nid may be
 * NUMA_NO_NODE.  Any context; sleeps only if @gfp says so.
 */
struct page *alloc_slow(int nid, zone_mask_t reach, gfp_t gfp, unsigned order);

/* page_alloc.c: what a block needs before it's handed out; its block word is set. */
struct page *page_prepare(struct zone *zone, struct page *page, gfp_t gfp, unsigned order);

/* Host tests begin anew (page_alloc_reset). */
void zones_reset(void);
void memmap_reset(void);

/* page_report.c: messages for what went wrong; none takes a lock. */
void report_bad_free(const struct page *page, unsigned order, const void *caller);
void report_bad_address(unsigned long addr, unsigned order, const void *caller);
void report_failure(const struct pglist_data *node, zone_mask_t reach, gfp_t gfp, unsigned order,
		    const void *caller);
void report_odd(gfp_t gfp, unsigned odd, const void *caller); /* @odd: gfp_odd() */
void report_not_reserved(unsigned long pfn);

/* holders.c: who has memory, for the out-of-memory report.  One at a time; a thread. */
void report_holders(void);

/* page_top.c: add a used block to the table of its allocators; print the largest and clear it. */
#ifdef CONFIG_PAGE_DEBUG
void page_top_add(const struct memmap_block *b);
void page_top_print(void);
#else
static inline void page_top_add(const struct memmap_block *b)
{
}
static inline void page_top_print(void)
{
}
#endif
/* @what ("mapping", "setting PG_dirty") of @page was refused. */
void report_bad_page(const struct page *page, const char *what, const void *caller);
/* A suite misuses the allocator on purpose: count, don't log. */
bool page_reports_expected(void);

#endif
