/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host_memory.c - physical memory for asm/memory.h's stand-in
 */
#include "harness.h"

#include <asm/hart_local.h>
#include <asm/memory.h>
#include <kernel/panic.h>
#include <kernel/preempt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define MAP_ALIGN (4UL << 20) /* of host_linear and host_vmemmap */

phys_addr_t host_phys_base;
char *host_linear;
char *host_vmemmap;
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
	memory_bytes = bytes;
}
