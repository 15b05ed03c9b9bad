/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memremap.h - page descriptors for a device's memory (ZONE_DEVICE)
 *
 * A driver registers a region that is no memory of the kernel's: a no-map range, or addresses
 * where no bank is.  Its frames get descriptors of the zone DEVICE, so that they can be passed
 * wherever a struct page is, and be referenced; no allocation is ever served from them.
 *
 *     refcount 0                 idle: the driver's, nobody else knows of it
 *     zone_device_page_init()    1: handed out by the driver
 *     get_page(), put_page()     users come and go, from any context
 *     the last put_page()        0: ops->page_free(), idle again
 *
 * So 0 means idle, as for every other page (and as in Linux today; it used to be 1 there).
 * mapping is the region in all of these; flags are cleared when a page gets idle; index, next and
 * prev are the driver's.  The pages are single ones: no compound pages.
 */
#ifndef MM_MEMREMAP_H
#define MM_MEMREMAP_H

#include <asm/memory.h>
#include <base/err.h>
#include <base/errno.h>
#include <mm/memmap.h>
#include <mm/page.h>

/* Regions begin and end at multiples of it: what one page of descriptors describes. */
#define MEMREMAP_ALIGN ((phys_addr_t)PAGE_SIZE << (PAGE_SHIFT - PAGE_STRUCT_SHIFT))

enum memory_type {
	MEMORY_DEVICE_PRIVATE = 1, /* no address leads to it: the device's only */
	MEMORY_DEVICE_GENERIC,	   /* like memory: kmap_local_page(); page_address() if not high */
};

struct dev_pagemap_ops {
	/* The last reference to @page is gone.  Context: of the put_page() that dropped it. */
	void (*page_free)(struct page *page);
};

/* A region; the driver's, unchanged and in place until memunmap_pages(). */
struct dev_pagemap {
	struct phys_range range; /* multiples of MEMREMAP_ALIGN */
	enum memory_type type;
	const struct dev_pagemap_ops *ops;
	void *owner;	       /* the driver's */
	unsigned long nr_held; /* pages that aren't idle; atomic */
};

#ifdef CONFIG_ZONE_DEVICE
/*
 * memremap_pages - give @pgmap's region descriptors, near node @nid (NUMA_NO_NODE: this hart's),
 * and if it's GENERIC a mapping
 * A thread; may sleep. Returns the address that the region's start has if it's mapped, NULL if
 * it's high (mm/highmem.h), or, with a line in the log that says why, ERR_PTR(): -EINVAL for a
 * region that isn't aligned, is empty or wraps around, -ERANGE beyond the descriptors' reach or
 * for one of which only a part is high, -EBUSY for memory that the kernel manages, -EEXIST for
 * what another region has or what is mapped already, -ENOSPC for too many regions, -ENOMEM.
 */
void *memremap_pages(struct dev_pagemap *pgmap, int nid) __must_check;

/*
 * memunmap_pages - undo it
 * A thread; may sleep.  0; or with a line in the log -EBUSY while pages of it are held, -ENOENT
 * if it isn't registered.
 */
int memunmap_pages(struct dev_pagemap *pgmap);

/* zone_device_page_init - the idle @page is handed out: one reference.  Any context. */
void zone_device_page_init(struct page *page);

/* is_zone_device_page - does @page, a frame's that is pfn_valid(), belong to a region? */
static inline bool is_zone_device_page(const struct page *page)
{
	return page_zone_id(page) - ZONE_DEVICE_ID < MAX_NUMNODES;
}
#else
static inline void *memremap_pages(struct dev_pagemap *pgmap, int nid)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline int memunmap_pages(struct dev_pagemap *pgmap)
{
	return -EOPNOTSUPP;
}

static inline void zone_device_page_init(struct page *page)
{
}

static inline bool is_zone_device_page(const struct page *page)
{
	return false;
}
#endif

/* pgmap_of - the region of @page, which is_zone_device_page(). */
static inline struct dev_pagemap *pgmap_of(const struct page *page)
{
	return page->mapping;
}

#endif
