/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host_memory.c - physical memory for asm/memory.h's stand-in
 */
#include "harness.h"

#include <asm/hart_local.h>
#include <asm/memory.h>
#include <kernel/panic.h>
#include <kernel/preempt.h>
#include <mm/kmap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define MAP_ALIGN (4UL << 20) /* of host_linear and host_vmemmap */

phys_addr_t host_phys_base;
char *host_linear;
char *host_vmemmap;
phys_addr_t host_high = ~(phys_addr_t)0;
_Thread_local struct hart_local host_hart = { .no_resched = 1 };
_Thread_local struct hart_local *host_area;
static u64 memory_bytes;

/* Nothing here ever asks for another thread. */
void preempt_schedule(void)
{
	panic("preempt_schedule() on the host: the count went wrong");
}

/* @bytes of zeroes at a multiple of MAP_ALIGN; what was at *old goes. */
static char *map_lazily(u64 bytes, void **old, u64 old_bytes)
{
	if (*old)
		munmap(*old, (size_t)(old_bytes + MAP_ALIGN));
	*old = mmap(NULL, (size_t)(bytes + MAP_ALIGN), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (*old == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return (char *)(((unsigned long)*old + MAP_ALIGN - 1) & ~(MAP_ALIGN - 1));
}

void host_memory_init(phys_addr_t base, u64 bytes)
{
	static void *linear, *vmemmap;

	host_linear = map_lazily(bytes, &linear, memory_bytes);
	host_vmemmap = map_lazily(bytes >> (PAGE_SHIFT - PAGE_STRUCT_SHIFT), &vmemmap,
				  memory_bytes >> (PAGE_SHIFT - PAGE_STRUCT_SHIFT));
	host_phys_base = base;
	host_high = ~(phys_addr_t)0;
	memory_bytes = bytes;
}

/* ---- high memory ---- */

#ifdef CONFIG_HIGHMEM
static _Thread_local char *window[KMAP_DEPTH];
static _Thread_local unsigned int nr_windows;

static void must_protect(void *at, size_t bytes, int prot)
{
	if (!mprotect(at, bytes, prot))
		return;
	perror("mprotect");
	exit(2);
}

void host_memory_high(phys_addr_t high)
{
	host_high = high;
	must_protect(__va(high), (size_t)(host_phys_base + memory_bytes - high), PROT_NONE);
}

void *kmap_local_high(const struct page *page)
{
	char *at = lowmem_page_address(page);

	if (nr_windows == KMAP_DEPTH)
		panic("more than %u windows", KMAP_DEPTH);
	must_protect(at, PAGE_SIZE, PROT_READ | PROT_WRITE);
	return window[nr_windows++] = at;
}

void kunmap_local_high(const void *addr)
{
	char *at = nr_windows ? window[--nr_windows] : NULL;

	if (at != (char *)((unsigned long)addr & PAGE_MASK))
		panic("kunmap_local(%p), expected %p", addr, at);
	for (unsigned int i = 0; i < nr_windows; i++)
		if (window[i] == at)
			return;
	must_protect(at, PAGE_SIZE, PROT_NONE);
}

unsigned int host_windows(void)
{
	return nr_windows;
}

void kmap_switch(struct mm_thread *prev, struct mm_thread *next)
{
}
#endif
