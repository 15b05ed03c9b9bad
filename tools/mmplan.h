/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmplan.h - between mmplan's command line and its output
 */
#ifndef TOOLS_MMPLAN_H
#define TOOLS_MMPLAN_H

#include <mm/discover.h>
#include <mm/memblock.h>

#define MAX_REGIONS 1024 /* shown of a list */

extern struct options {
	const char *path;
	bool json;
	u64 mem;		  /* --mem, bytes, or 0 */
	u64 dma_zone;		  /* --dma-zone, a bit for each number of address bits */
	struct phys_range kernel; /* --kernel, or empty */
} opt;

/* What discovery found; memblock's lists as they were before anything was allocated. */
extern struct findings {
	struct memblock_region bank[MAX_REGIONS], reserved[MAX_REGIONS];
	unsigned nr_banks, nr_reserved;
	const struct dt_hart *hart;
	unsigned nr_harts;
	u32 timebase_hz;
	struct zone_plan plan;
} found;

/* Write all of it to standard output, as opt.json says. */
void show_all(void);

/* Write the JSON object of a tree that was refused. */
void show_error(const char *text);

#endif
