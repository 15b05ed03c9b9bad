/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watermark.h - how much of a zone is kept for whom
 *
 *     pages free
 *       |  lists of the harts are filled in batches, nobody looks closer
 *     high  the reclaim thread sleeps again; harts keep pages again
 *       |
 *     low   the reclaim thread is woken; harts keep none
 *       |
 *     min   who may sleep reclaims for itself
 *       |      __GFP_HIGH to 1/2, GFP_ATOMIC to 3/8 of it; then only who frees memory
 *       0      (PF_MEMALLOC, __GFP_MEMALLOC)
 *
 * A request that could have had a higher zone leaves lowmem_reserve more.
 */
#ifndef MM_WATERMARK_H
#define MM_WATERMARK_H

#include <mm/zone.h>

/* How an allocation looks at a zone: one of the watermarks, and what lowers it. */
#define ALLOC_WMARK_MIN	    WMARK_MIN
#define ALLOC_WMARK_LOW	    WMARK_LOW
#define ALLOC_WMARK_HIGH    WMARK_HIGH
#define ALLOC_WMARK_MASK    3U
#define ALLOC_NO_WATERMARKS 0x04U
#define ALLOC_MIN_RESERVE   0x08U /* __GFP_HIGH */
#define ALLOC_NON_BLOCK	    0x10U /* can't sleep; lowers it only with the one above */
#define ALLOC_HIGHATOMIC    0x20U /* may have what is kept for large atomic requests */
#define ALLOC_CMA	    0x40U /* movable */

/*
 * zone_watermark_ok - would @zone still have @mark pages, if 2^@order were taken by a request
 * that could have had zones up to @highest_type?
 * Pages that it can't have anyway (CMA, isolated, kept for atomic requests) don't count.  Whether
 * there is a block of the order is another question.  Any context; exact with zone->lock held.
 */
bool zone_watermark_ok(const struct zone *zone, unsigned order, unsigned long mark,
		       unsigned highest_type, unsigned alloc_flags);

/* The watermark itself, with what it was raised by for a while. */
static inline unsigned long wmark_pages(const struct zone *zone, enum zone_watermarks which)
{
	return zone->watermark[which] + (which ? READ_ONCE(zone->watermark_boost) : 0);
}

/* watermark_boost - have the reclaim thread free more of @zone for a while, since types of pages
 * begin to mix in it.  zone->lock held. */
void watermark_boost(struct zone *zone);

/* setup_per_zone_wmarks - from min_free_kbytes and the zones' sizes; init: choose that first. */
void init_per_zone_wmarks(void);
void setup_per_zone_wmarks(void);

/* watermark_set_plenty - zone->plenty after its bypass or watermarks changed; zone->lock held. */
void watermark_set_plenty(struct zone *zone);

/* watermark_pressure - @zone fell below its low watermark, or is above the high one again, unless
 * neither: harts keep its pages accordingly.  zone->lock held. */
void watermark_pressure(struct zone *zone);

extern unsigned int min_free_kbytes;

#endif
