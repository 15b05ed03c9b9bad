/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmemmap.c - page descriptors where there is memory to describe
 *
 * The descriptors of all frames have their place in virtual memory; only those that banks need are
 * mapped.  Where a stretch is long enough and memory has an aligned piece for it, it is mapped with
 * the larger leaf (2 MiB of descriptors: 256 MiB of memory; Sv32: 4 MiB), else by pages, in pieces
 * as large as there are.  The memory is not written: a descriptor is made when its page first heads
 * a block (mm/memmap.h).
 *
 * It is taken at the top of the bank's node.  Descriptors need no address in the linear map, so
 * where there is high memory (mm/highmem.h) they lie there, on the bank's node if that has some:
 * low memory is for what needs an address.
 */
#include <mm/init.h>

#include <asm/mmu.h>
#include <base/errno.h>
#include <mm/memblock.h>

/* From high memory if there is some, on @nid where possible. */
static phys_addr_t __init take(unsigned long bytes, unsigned long align, int nid)
{
	phys_addr_t pa = memblock_phys_alloc_high(bytes, align, nid);

	return pa ? pa : memblock_phys_alloc_range(bytes, align, 0, 0, nid);
}

/* Map up to @bytes at @va, less if memory has no piece of that size; how many, or -errno. */
static long __init map_piece(unsigned long va, unsigned long bytes, int nid)
{
	unsigned long leaf = bytes == arch_shared_leaf() ? bytes : PAGE_SIZE;
	phys_addr_t pa = take(bytes, leaf, nid);
	int err;

	while (!pa && bytes > PAGE_SIZE) {
		bytes = ALIGN_UP(bytes / 2, PAGE_SIZE);
		leaf = PAGE_SIZE;
		pa = take(bytes, leaf, nid);
	}
	if (!pa)
		return -ENOMEM;
	err = arch_map(va, pa, bytes, PROT_READ | PROT_WRITE, leaf);
	return err ? err : (long)bytes;
}

int __init vmemmap_populate(unsigned long start_pfn, unsigned long end_pfn, int nid)
{
	unsigned long va = (unsigned long)pfn_to_page(start_pfn);
	unsigned long end = (unsigned long)pfn_to_page(end_pfn);

	while (va < end) {
		unsigned long next = ALIGN_DOWN(va, arch_shared_leaf()) + arch_shared_leaf();
		long done = map_piece(va, min(end, next) - va, nid);

		if (done < 0)
			return (int)done;
		va += (unsigned long)done;
	}
	return 0;
}
