/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmemmap.c - page descriptors where there is memory to describe
 *
 * The descriptors of all frames that the linear map reaches have their place in virtual memory;
 * only those that banks need are mapped.  Where a stretch is long enough it is mapped with the
 * larger leaf (2 MiB of descriptors: 256 MiB of memory), else by pages.  The memory is taken from
 * the bank's node, at its top, and not written: a descriptor is made when its page first heads a
 * block (mm/memmap.h).
 */
#include <mm/init.h>

#include <asm/mmu.h>
#include <base/errno.h>
#include <mm/memblock.h>

#define LARGE (2 * MiB)

/* First address behind everything that is mapped; callers come with rising frames. */
static unsigned long mapped_to;

static int map_piece(unsigned long va, unsigned long bytes, unsigned long leaf, int nid)
{
	phys_addr_t pa = memblock_phys_alloc_range(bytes, leaf, 0, 0, nid);

	return pa ? arch_map(va, pa, bytes, PROT_READ | PROT_WRITE, leaf) : -ENOMEM;
}

int vmemmap_populate(unsigned long start_pfn, unsigned long end_pfn, int nid)
{
	unsigned long va = ALIGN_DOWN((unsigned long)pfn_to_page(start_pfn), PAGE_SIZE);
	unsigned long end = ALIGN_UP((unsigned long)pfn_to_page(end_pfn), PAGE_SIZE);

	va = max(va, mapped_to);
	while (va < end) {
		unsigned long large = ALIGN_UP(va, (unsigned long)LARGE);
		unsigned long leaf = PAGE_SIZE, bytes = min(end, large) - va;
		int err;

		if (va == large && end - va >= LARGE) {
			leaf = LARGE;
			bytes = LARGE;
		} else if (va == large) {
			bytes = end - va;
		}
		err = map_piece(va, bytes, leaf, nid);
		if (err)
			return err;
		va += bytes;
		mapped_to = va;
	}
	return 0;
}
