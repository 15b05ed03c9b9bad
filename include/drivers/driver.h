/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * driver.h - drivers, bound to device-tree nodes by `compatible`
 *
 * A driver is one line in a linker table; probe() is called for each enabled node that it
 * matches, in order of level, then of the tree; again later while it answers -EPROBE_DEFER.  The
 * log has a line for each device.
 */
#ifndef DRIVERS_DRIVER_H
#define DRIVERS_DRIVER_H

#include <base/errno.h>
#include <base/table.h>
#include <mm/page_alloc.h>

enum driver_level {
	DRIVER_IRQ,  /* interrupt controllers */
	DRIVER_CORE, /* clocks, resets, caches, power */
	DRIVER_BUS,
	DRIVER_DEVICE,
	NR_DRIVER_LEVELS,
};

struct driver {
	const char *name;
	const char *const *compatible; /* ends with NULL */
	enum driver_level level;
	/*
	 * Take node @node of the device tree.  0; -EPROBE_DEFER to be asked again when another
	 * device was probed; -ENODEV if the driver has no use for this one, silently; any other
	 * -errno, said in the log.  A thread; may sleep.
	 */
	int (*probe)(int node);
};
TABLE_DECLARE(driver);

/*
 * drivers_probe - probe everything of the levels up to @last, deferred ones until none gets on
 * The first call walks the device tree, once for all.  The boot thread; the order of calls is the
 * order of levels.
 */
void drivers_probe(enum driver_level last);

/*
 * dev_zone_reach - the zones whose memory the device at @node can address
 * All, unless a DMA_LIMIT line (lib/dma_limit.h) names it.  Any context; O(log devices).
 */
zone_mask_t dev_zone_reach(int node);

/* dev_alloc_pages - alloc_pages_for_reach() of what the device at @node can address. */
static inline struct page *__must_check dev_alloc_pages(int node, gfp_t gfp, unsigned order)
{
	return alloc_pages_for_reach(dev_zone_reach(node), gfp, order);
}

#endif
