/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host_memblock.c - physical memory wherever memblock has found some
 */
#include "harness.h"

#include <asm/memory.h>
#include <kernel/panic.h>
#include <mm/memblock.h>

#define WINDOW (sizeof(long) == 8 ? 1 * GiB : 128 * MiB)

void host_memory_for_memblock(void)
{
	struct memblock_free_iter it, best = { 0 };
	phys_addr_t start;

	/* The highest free range of a size that is plenty, or the largest there is. */
	for_each_free_range(it) {
		if (it.end - it.start >= min(best.end - best.start, (phys_addr_t)(16 * MiB)))
			best = it;
	}
	start = best.end > WINDOW ? max(best.end - WINDOW, memblock_start_of_DRAM())
				  : memblock_start_of_DRAM();
	start = min(start, best.start);
	if (best.end - start > WINDOW)
		start = best.end - WINDOW;
	memblock_set_limit(best.end);
	/* A tree may have left no room for one more reservation: as if memory were full. */
	if (memblock_reserve(0, start))
		panic("memblock: no room for the host's own reservation below 0x%llx",
		      (unsigned long long)start);
	host_memory_init(start, max(best.end - start, (phys_addr_t)PAGE_SIZE));
	memblock_allow_resize();
}
