/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cma.h - areas that are kept for large allocations, and lent to movable pages meanwhile
 *
 * From the device tree (a /reserved-memory node with `reusable` and compatible "shared-dma-pool")
 * or the boot argument cma=SIZE[@START].  An area is whole pageblocks of one zone.
 */
#ifndef MM_CMA_H
#define MM_CMA_H

#include <kernel/spinlock.h>
#include <mm/page.h>

#define CMA_NAME_LEN  32
#define MAX_CMA_AREAS 8

struct cma {
	unsigned long base_pfn;	 /* constant after boot, like all but *bitmap */
	unsigned long count;	 /* pages */
	unsigned order_per_bit;	 /* a bit stands for 2^order_per_bit pages */
	unsigned long *bitmap;	 /* under lock: taken by cma_alloc() */
	spinlock_t lock;	 /* rank CMA */
	char name[CMA_NAME_LEN]; /* of the node, or "cma" */
};

/*
 * cma_alloc - @count pages in a row out of @cma, the first one aligned to 2^@align_order
 * What has been lent moves away.  Single pages with one reference each.  @no_warn: no line in the
 * log if it fails.  The first page, or NULL.  Sleeps.
 */
struct page *cma_alloc(struct cma *cma, unsigned long count, unsigned align_order,
		       bool no_warn) __must_check;

/* cma_release - give @count pages back that cma_alloc() gave.  False, and nothing is done: they
 * aren't @cma's.  Sleeps no more than freeing does. */
bool cma_release(struct cma *cma, struct page *page, unsigned long count);

/* cma_default - of the boot argument, or the node with linux,cma-default, or NULL. */
struct cma *cma_default(void);

/* cma_for_each_area - until @fn answers other than 0; what it answered. */
int cma_for_each_area(int (*fn)(struct cma *cma, void *arg), void *arg);

/* cma_used - pages that are taken. */
unsigned long cma_used(struct cma *cma);

/* ---- boot ---- */

/* cma_reserve - reserve memory for cma=.  Before the page allocator is there. */
void cma_reserve(void);

/*
 * cma_init_reserved_mem - memory that memblock has reserved becomes an area; its pages go to the
 * buddy allocator.  Once the page allocator is there.  @name is copied.  0; -EINVAL: not whole
 * pageblocks of one zone, or somebody else's too; -ENOSPC: too many; -ENOMEM.  Then it stays
 * reserved.
 */
int cma_init_reserved_mem(phys_addr_t base, phys_addr_t size, unsigned order_per_bit,
			  const char *name, struct cma **res);

/* cma_init - the area of cma= and those that the device tree has. */
void cma_init(void);

/* cma_reset - forget everything (host tests). */
void cma_reset(void);

#endif
