/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host_memory.c - physical memory for asm/memory.h's stand-in
 *
 * Where a test maps pages (host_memory_shared) it is a file without a name, of which there can be
 * several views.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "harness.h"

#include <asm/hart_local.h>
#include <asm/memory.h>
#include <kernel/panic.h>
#include <kernel/preempt.h>
#include <mm/kmap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAP_ALIGN (4UL << 20) /* of host_linear and host_vmemmap */

phys_addr_t host_phys_base;
char *host_linear;
char *host_vmemmap;
phys_addr_t host_high = ~(phys_addr_t)0;
_Thread_local struct hart_local host_hart = { .no_resched = 1 };
_Thread_local struct hart_local *host_area;
static u64 memory_bytes;
bool host_memory_shared;
static int memory_file = -1;
static off_t linear_offset; /* of host_linear, in the file */

/* Nothing here ever asks for another thread. */
void preempt_schedule(void)
{
	panic("preempt_schedule() on the host: the count went wrong");
}

static void must(bool done, const char *what)
{
	if (done)
		return;
	perror(what);
	exit(2);
}

/* @bytes of zeroes at a multiple of MAP_ALIGN, of @file if that isn't -1; what was at *old goes. */
static char *map_lazily(u64 bytes, void **old, u64 old_bytes, int file)
{
	int flags = MAP_NORESERVE | (file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);

	if (*old)
		munmap(*old, (size_t)(old_bytes + MAP_ALIGN));
	*old = mmap(NULL, (size_t)(bytes + MAP_ALIGN), PROT_READ | PROT_WRITE, flags, file, 0);
	must(*old != MAP_FAILED, "mmap");
	return (char *)(((unsigned long)*old + MAP_ALIGN - 1) & ~(MAP_ALIGN - 1));
}

/* The file, as long as that and all zero; -1: no test wants one. */
static int fresh_file(u64 bytes)
{
	if (!host_memory_shared)
		return -1;
	if (memory_file < 0)
		memory_file = memfd_create("memory", 0);
	must(memory_file >= 0 && !ftruncate(memory_file, 0) &&
		     !ftruncate(memory_file, (off_t)(bytes + MAP_ALIGN)),
	     "memfd");
	return memory_file;
}

void host_memory_init(phys_addr_t base, u64 bytes)
{
	static void *linear, *vmemmap;

	host_linear = map_lazily(bytes, &linear, memory_bytes, fresh_file(bytes));
	linear_offset = host_linear - (char *)linear;
	host_vmemmap = map_lazily(bytes >> (PAGE_SHIFT - PAGE_STRUCT_SHIFT), &vmemmap,
				  memory_bytes >> (PAGE_SHIFT - PAGE_STRUCT_SHIFT), -1);
	host_phys_base = base;
	host_high = ~(phys_addr_t)0;
	memory_bytes = bytes;
}

void host_memory_map(unsigned long va, phys_addr_t pa, unsigned long bytes, int prot)
{
	off_t at = linear_offset + (off_t)(pa - host_phys_base);

	must(mmap((void *)va, bytes, prot, MAP_SHARED | MAP_FIXED, memory_file, at) != MAP_FAILED,
	     "mmap");
}

unsigned long host_addresses(unsigned long bytes)
{
	void *old = NULL;
	unsigned long va = (unsigned long)map_lazily(bytes, &old, 0, -1);

	host_memory_unmap(va, bytes);
	return va;
}

void host_memory_unmap(unsigned long va, unsigned long bytes)
{
	must(mmap((void *)va, bytes, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED,
	     "mmap");
}

/* ---- high memory ---- */

#ifdef CONFIG_HIGHMEM
static _Thread_local char *window[KMAP_DEPTH];
static _Thread_local unsigned int nr_windows;

static void must_protect(void *at, size_t bytes, int prot)
{
	must(!mprotect(at, bytes, prot), "mprotect");
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

void kmap_switch(const struct mm_thread *next)
{
}

void kmap_drop_spare(void)
{
}

void kmap_flush_unused(void)
{
}
#endif
