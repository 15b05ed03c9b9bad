/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gfp.h - what an allocation asks for
 *
 * Linux's names and meaning; docs/gfp-flags.md has a table of which to use where.  Flags that
 * contradict each other, or the context of the caller, are reported once with the caller.
 */
#ifndef MM_GFP_H
#define MM_GFP_H

#include <base/compiler.h>
#include <base/types.h>

typedef u32 gfp_t;

/* Which zones.  DMA and DMA32 exclude each other and HIGHMEM: such a request fails and is
 * reported with its caller. */
#define __GFP_DMA     ((gfp_t)0x01) /* what every limited device reaches (zone_plan.mask_dma) */
#define __GFP_HIGHMEM ((gfp_t)0x02) /* may lie outside the linear map */
#define __GFP_DMA32   ((gfp_t)0x04) /* what 32 address bits reach (zone_plan.mask_dma32) */
#define __GFP_MOVABLE ((gfp_t)0x08) /* its owner can move it (mm/migrate.h) */
#define GFP_ZONEMASK  (__GFP_DMA | __GFP_HIGHMEM | __GFP_DMA32 | __GFP_MOVABLE)

/* Which pages it's kept apart from: enum migratetype, with __GFP_MOVABLE. */
#define __GFP_RECLAIMABLE ((gfp_t)0x10) /* freed by a shrinker */
#define GFP_MOVABLE_SHIFT 3
#define GFP_MOVABLE_MASK  (__GFP_MOVABLE | __GFP_RECLAIMABLE)

/* From the node named (or this hart's), no other. */
#define __GFP_THISNODE ((gfp_t)0x20)

#define __GFP_HIGH	     ((gfp_t)0x800)   /* may use half of what min keeps */
#define __GFP_IO	     ((gfp_t)0x40)    /* reclaim may start device I/O */
#define __GFP_FS	     ((gfp_t)0x80)    /* reclaim may call file systems */
#define __GFP_ZERO	     ((gfp_t)0x100)   /* cleared */
#define __GFP_COMP	     ((gfp_t)0x200)   /* one compound page: head, tails, freed as a whole */
#define __GFP_NOWARN	     ((gfp_t)0x400)   /* no report if it fails */
#define __GFP_DIRECT_RECLAIM ((gfp_t)0x1000)  /* may sleep, and reclaim for itself */
#define __GFP_KSWAPD_RECLAIM ((gfp_t)0x2000)  /* wakes kswapd where little is free */
#define __GFP_RETRY_MAYFAIL  ((gfp_t)0x4000)  /* tries hard; no out-of-memory path */
#define __GFP_NOFAIL	     ((gfp_t)0x8000)  /* waits until there is one */
#define __GFP_NORETRY	     ((gfp_t)0x10000) /* one round of reclaim at most */
#define __GFP_MEMALLOC	     ((gfp_t)0x20000) /* frees more than it takes: all reserves */
#define __GFP_NOMEMALLOC     ((gfp_t)0x40000) /* not those, whatever the thread may */
#define __GFP_HARDWALL	     ((gfp_t)0x80000) /* accepted for Linux's sake; never an effect */
#define __GFP_ACCOUNT	     ((gfp_t)0x100000) /* charged to a group; no effect as yet */
#define GFP_BITS_MASK	     ((gfp_t)0x1fffff)

#define __GFP_WAIT    (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)
#define __GFP_RECLAIM __GFP_WAIT

#define GFP_ATOMIC	     (__GFP_HIGH | __GFP_KSWAPD_RECLAIM) /* any context */
#define GFP_NOWAIT	     (__GFP_KSWAPD_RECLAIM | __GFP_NOWARN)
#define GFP_KERNEL	     (__GFP_WAIT | __GFP_IO | __GFP_FS) /* may sleep */
#define GFP_KERNEL_ACCOUNT   (GFP_KERNEL | __GFP_ACCOUNT)
#define GFP_NOIO	     __GFP_WAIT
#define GFP_NOFS	     (__GFP_WAIT | __GFP_IO)
#define GFP_USER	     (__GFP_WAIT | __GFP_IO | __GFP_FS | __GFP_HARDWALL)
#define GFP_DMA		     __GFP_DMA /* or'ed with one of those above; alone: any context */
#define GFP_DMA32	     __GFP_DMA32
#define GFP_HIGHUSER	     (GFP_USER | __GFP_HIGHMEM)
#define GFP_HIGHUSER_MOVABLE (GFP_HIGHUSER | __GFP_MOVABLE)

/*
 * What chooses a list of zones, as an index below NR_ZONELISTS; and what chooses a hart's list of
 * pages, below NR_PCP_KEYS.
 */
#define gfp_zonelist(gfp) (((gfp)&GFP_ZONEMASK) | ((gfp)&__GFP_THISNODE) >> 1)
#define gfp_pcp_key(gfp)  ((gfp) & (GFP_ZONEMASK | GFP_MOVABLE_MASK))
#define NR_PCP_KEYS	  32

/* What taking a block off a hart's list can't do. */
#define GFP_NOT_HIT (__GFP_ZERO | __GFP_COMP | __GFP_THISNODE)

/* Room that gfp_describe() never needs more than. */
#define GFP_TEXT_LEN 256

/* gfp_describe - write @gfp in words ("GFP_ATOMIC|__GFP_ZERO") to @text, and return it. */
char *gfp_describe(gfp_t gfp, char *text, size_t bytes);

#endif
