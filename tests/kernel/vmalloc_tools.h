/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmalloc_tools.h - what the suites about vmalloc() share
 *
 * Each page of an area carries its own address, so that a page or an address that is handed out
 * twice shows.
 */
#ifndef TESTS_VMALLOC_TOOLS_H
#define TESTS_VMALLOC_TOOLS_H

#include <mm/page_alloc.h>
#include <mm/vmalloc.h>
#include <shell/ktap.h>

static inline bool accessible(unsigned long va)
{
	u8 byte;

	return !probe_read(&byte, (void *)va, 1) && !probe_write((void *)va, &byte, 1);
}

static inline void mark(void *area, size_t bytes)
{
	for (unsigned long at = (unsigned long)area; at < (unsigned long)area + bytes;
	     at += PAGE_SIZE)
		*(unsigned long *)at = at;
}

static inline bool is_marked(void *area, size_t bytes)
{
	for (unsigned long at = (unsigned long)area; at < (unsigned long)area + bytes;
	     at += PAGE_SIZE) {
		if (*(unsigned long *)at != at)
			return false;
	}
	return true;
}

/* Half of the memory of a small machine, 4 MiB of others. */
static inline size_t large(void)
{
	return min((size_t)(4 * MiB), (nr_free_pages() / 4) << PAGE_SHIFT);
}

/* Nodes of the tree that are looked at for an area too large for a block, on average: to take its
 * addresses, find it and give it back; 0 where nobody counts.  100,000 are 17 doublings. */
#define STEPS_MOST 160
static inline unsigned long vmalloc_steps(void)
{
	unsigned long before = vmap_tree_steps(), n;

	for (n = 0; n < 500; n++) {
		unsigned long bytes = (20 + n % 20) * PAGE_SIZE;
		struct vm_struct *vm = get_vm_area_caller(bytes, 0, VM_IOREMAP, GFP_KERNEL, NULL);

		if (!vm || find_vm_area(vm->addr) != vm || !remove_vm_area(vm->addr))
			return ~0UL;
	}
	before = vmap_tree_steps() - before;
	vm_unmap_aliases();
	return before / n;
}

/* What stays: tables above the lowest ones, caches. */
static inline void prepare_areas(struct ktap *t)
{
	vfree(vmalloc(large()));
	vfree(vmalloc(1));
	vm_unmap_aliases();
}

#endif
