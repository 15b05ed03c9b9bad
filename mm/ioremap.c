/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ioremap.c - devices' registers, and memory that isn't the kernel's, at addresses of areas
 *
 * Before vmalloc_init() a few mappings are made from the start of the region on, one behind the
 * other with a page between, in vm_structs of their own (VM_STATIC).  They become areas like any
 * other then, and can be unmapped; what was unmapped before leaves its addresses free.
 *
 * Locking: none of its own; early mappings are the boot hart's.
 * Cost: as vmap(); mappings that allow it get large leaves.
 * Not here: page descriptors for a device's memory (memremap.c).
 * Specification: unprivileged spec, "Svpbmt".
 */
#define LOG_PREFIX "ioremap: "
#include <mm/ioremap.h>

#include <asm/mmu.h>
#include <asm/tlb.h>
#include <asm/vmap.h>
#include <kernel/log.h>
#include <kernel/symbols.h>
#include <mm/memblock.h>

#include "internal.h"
#include "vmap.h"

#define EARLY_MAX 4

static struct {
	struct vm_struct vm[EARLY_MAX];
	unsigned int nr;
} early;

bool ioremap_makes_areas;

/* What was asked for. */
struct request {
	phys_addr_t pa;
	size_t bytes;
	unsigned int prot;
	const void *caller;
};

static __cold void *refuse(const struct request *r, const char *why)
{
	char who[KSYM_NAME];

	pr_err("%zu bytes at 0x%llx for %s: %s", r->bytes, PA(r->pa),
	       symbol_format(who, sizeof(who), (unsigned long)r->caller), why);
	return NULL;
}

/* The pages that it lies in are what is mapped. */
static phys_addr_t first_page(const struct request *r)
{
	return ALIGN_DOWN(r->pa, (phys_addr_t)PAGE_SIZE);
}

static u64 bytes_of_pages(const struct request *r)
{
	return ALIGN_UP(r->pa + r->bytes, (phys_addr_t)PAGE_SIZE) - first_page(r);
}

/* ---- before there are areas ---- */

static void *map_early(const struct request *r, unsigned long size)
{
	struct vm_struct *vm = &early.vm[early.nr];
	phys_addr_t pa = first_page(r);

	if (early.nr == EARLY_MAX)
		return refuse(r, "too many mappings at boot");
	vm->node.start = early.nr ? vm[-1].node.end : va_layout.vmalloc_base;
	if (size >= va_layout.vmalloc_base + va_layout.vmalloc_bytes - vm->node.start)
		return refuse(r, "no addresses");
	if (arch_map(vm->node.start, pa, size, r->prot, PAGE_SIZE))
		return refuse(r, "no memory for page tables");
	vm->addr = (void *)vm->node.start;
	vm->size = size + PAGE_SIZE;
	vm->node.end = vm->node.start + vm->size;
	vm->flags = VM_IOREMAP | VM_STATIC | VM_READY;
	vm->pages = vm->few;
	vm->phys_addr = pa;
	vm->caller = r->caller;
	early.nr++;
	return (char *)vm->addr + (unsigned long)(r->pa - pa);
}

static bool unmap_early(unsigned long start)
{
	for (struct vm_struct *vm = early.vm; vm < early.vm + early.nr; vm++) {
		if (vm->node.start == start && vm->flags) {
			vm->flags = 0;
			return !arch_unmap(start, get_vm_area_size(vm));
		}
	}
	return false;
}

void __init ioremap_init(void)
{
	for (struct vm_struct *vm = early.vm; vm < early.vm + early.nr; vm++)
		if (vm->flags)
			vmap_area_add(vm);
	ioremap_makes_areas = true;
}

/* ---- areas ---- */

/* How addresses for @pa are aligned so that its leaves can be large. */
static unsigned long alignment(phys_addr_t pa, unsigned long size)
{
	unsigned long leaf = arch_vmap_huge_leaf();

	if (size < leaf || !IS_ALIGNED(pa, leaf))
		leaf = arch_vmap_leaf();
	return size >= leaf && IS_ALIGNED(pa, leaf) ? leaf : PAGE_SIZE;
}

static void *map_area(const struct request *r, unsigned long size)
{
	phys_addr_t pa = first_page(r);
	struct tlb_batch tlb = TLB_BATCH_INIT;
	struct vm_struct *vm;
	int err;

	vm = get_vm_area_caller(size, alignment(pa, size), VM_IOREMAP, GFP_KERNEL, r->caller);
	if (!vm)
		return refuse(r, "no addresses");
	vm->phys_addr = pa;
	err = arch_vmap_range(&tlb, (unsigned long)vm->addr, pa, size, r->prot,
			      arch_vmap_huge_leaf());
	if (tlb.nr_tables)
		tlb_batch_flush(&tlb);
	if (err) {
		remove_vm_area(vm->addr);
		return refuse(r, "no memory for page tables");
	}
	vmap_set_ready(vm, 0);
	return (char *)vm->addr + (unsigned long)(r->pa - pa);
}

static const char *check_range(const struct request *r)
{
	if (!r->bytes)
		return "nothing to map";
	if (r->pa + (r->bytes - 1) < r->pa)
		return "wraps around";
	return r->pa + (r->bytes - 1) >= arch_phys_end() ? "no hart reaches that address" : NULL;
}

/* How many bytes of them are memory of the kernel's. */
static u64 bytes_of_ram(const struct request *r)
{
	const struct memblock_region *m;
	phys_addr_t start = first_page(r), end = start + bytes_of_pages(r);
	u64 bytes = 0;

	for_each_mem_range(m) {
		phys_addr_t from = max(start, m->base), to = min(end, m->base + m->size);

		if (from < to && !(m->flags & MEMBLOCK_NOMAP))
			bytes += to - from;
	}
	return bytes;
}

/* Has any of them a descriptor, of memremap_pages()?  Then it may be mapped, as memory. */
static bool has_device_pages(const struct request *r)
{
	unsigned long pfn = PFN_DOWN(r->pa), end = pfn + PFN_DOWN(bytes_of_pages(r));
	struct memmap_block ignored;

	return device_frames(&pfn, end, &ignored);
}

static void *map_new(const struct request *r)
{
	u64 size = bytes_of_pages(r);

	if (size >= va_layout.vmalloc_bytes) /* nor may an unsigned long hold it */
		return refuse(r, "no addresses");
	return ioremap_makes_areas ? map_area(r, (unsigned long)size)
				   : map_early(r, (unsigned long)size);
}

static void *map_device(const struct request *r)
{
	const char *why = check_range(r);

	if (!why && bytes_of_ram(r))
		why = "that's memory of the kernel's";
	else if (!why && has_device_pages(r))
		why = "pages of it are a region of memremap_pages()";
	return why ? refuse(r, why) : map_new(r);
}

void *ioremap(phys_addr_t pa, size_t bytes)
{
	return map_device(&(struct request){ pa, bytes, PROT_READ | PROT_WRITE | PROT_IO,
					     __builtin_return_address(0) });
}

void *ioremap_wc(phys_addr_t pa, size_t bytes)
{
	return map_device(&(struct request){ pa, bytes, PROT_READ | PROT_WRITE | PROT_NC,
					     __builtin_return_address(0) });
}

void iounmap(const volatile void *addr)
{
	unsigned long start = (unsigned long)addr & PAGE_MASK;

	if (!addr)
		return;
	if (ioremap_makes_areas)
		vmap_area_remove((void *)start, VM_IOREMAP);
	else if (!unmap_early(start))
		vmap_refuse((void *)start, VM_IOREMAP);
}

/* ---- memory ---- */

/* The kernel's memory, all of it. */
static void *find_ram(const struct request *r)
{
	if (r->pa + r->bytes <= va_layout.low_end)
		return __va(r->pa);
	return r->pa >= va_layout.low_end ? map_new(r)
					  : refuse(r, "a part of it is high memory, another isn't");
}

void *memremap(phys_addr_t pa, size_t bytes, unsigned long flags)
{
	struct request r = { pa, bytes, PROT_READ | PROT_WRITE, __builtin_return_address(0) };
	const char *why = check_range(&r);
	u64 ram = why ? 0 : bytes_of_ram(&r);

	if (!why && ram && ram != bytes_of_pages(&r))
		why = "a part of it is memory of the kernel's";
	else if (!why && ram && !(flags & MEMREMAP_WB))
		why = "that's memory of the kernel's, which is cached";
	else if (!why && !(flags & MEMREMAP_WB) && has_device_pages(&r))
		why = "pages of it are a region of memremap_pages(), which is cached";
	else if (!why && !(flags & (MEMREMAP_WB | MEMREMAP_WT | MEMREMAP_WC)))
		why = "neither WB nor WT nor WC";
	if (why)
		return refuse(&r, why);
	if (ram)
		return find_ram(&r);
	if (!(flags & MEMREMAP_WB))
		r.prot |= flags & MEMREMAP_WT ? PROT_IO : PROT_NC;
	return map_new(&r);
}

void memunmap(const void *addr)
{
	if (!va_is_linear(addr))
		iounmap(addr);
}
