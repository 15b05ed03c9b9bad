/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmalloc.c - memory at addresses in a row, from pages anywhere
 *
 * Pages: as many as fit from large blocks, which are made compound pages, the largest first and
 * without any effort to get one; the rest single, many at once.  The area knows its pages, by an
 * array that is a part of it while they are few.
 *
 * Freed pages go back at once, while a hart may still reach them by the old addresses: only a
 * mistake would.  The addresses come back later (vmap.c).
 *
 * Locking: none of its own.  Cost: docs/vmalloc.md.
 * Not here: addresses (vmap.c), what areas there are (vmalloc_info.c), single pages shown elsewhere
 * (vm_map.c).
 */
#define LOG_PREFIX "vmalloc: "
#include "vmap.h"

#include <asm/tlb.h>
#include <asm/vmap.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/symbols.h>
#include <mm/folio.h>
#include <mm/kmalloc.h>
#include <mm/kmap.h>
#include <mm/kmemleak.h>
#include <mm/page_alloc.h>
#include <string.h>

#define BLOCK_ORDER 4U /* the least order that is tried: fewer pages come one by one */
#define HUGE_ORDER  9U

/* Not for the structures that describe an area. */
#define PAGES_ONLY (GFP_ZONEMASK | __GFP_ZERO | __GFP_THISNODE)

/* ---- pages ---- */

/* The order of the largest block that @nr has room for, up to HUGE_ORDER. */
static unsigned order_below(unsigned long nr)
{
	unsigned order = 0;

	while (nr >> (order + 1) && order < HUGE_ORDER)
		order++;
	return order;
}

/* A compound page of 2^*@order pages, or of fewer: *@order is how many.  NULL: none is free. */
static struct page *get_block(gfp_t gfp, unsigned *order, int nid)
{
	gfp = (gfp & (GFP_ZONEMASK | __GFP_THISNODE)) | __GFP_NOWARN;
	for (unsigned o = *order;; o = max(o - 2, BLOCK_ORDER)) {
		struct page *page =
			nid == NUMA_NO_NODE ? alloc_pages(gfp, o) : alloc_pages_node(nid, gfp, o);

		if (page) {
			prep_compound_page(page, o);
			*order = o;
			return page;
		}
		if (o == BLOCK_ORDER)
			return NULL;
	}
}

/* As many of @nr pages as there are blocks for. */
static __noinline void get_blocks(struct vm_struct *vm, unsigned long nr, gfp_t gfp, int nid)
{
	unsigned order = HUGE_ORDER;
	struct page *page;

	while (nr - vm->nr_pages >= 1U << BLOCK_ORDER) {
		struct page **slot = &vm->pages[vm->nr_pages], **end;

		order = min(order, order_below(nr - vm->nr_pages));
		for (u32 orders = page_free_orders(gfp, nid); !(orders >> order); order--)
			if (order == BLOCK_ORDER)
				return;
		page = get_block(gfp, &order, nid);
		if (!page)
			break;
		end = slot + (1UL << order);
		for (; slot != end; slot += 4, page += 4) {
			slot[0] = page;
			slot[1] = page + 1;
			slot[2] = page + 2;
			slot[3] = page + 3;
		}
		vm->nr_block_pages = vm->nr_pages += 1U << order;
	}
}

static void get_singles(struct vm_struct *vm, unsigned long nr, gfp_t gfp, int nid)
{
	struct page **slot = vm->pages + vm->nr_pages;

	nr -= vm->nr_pages;
	if (likely(nid == NUMA_NO_NODE)) {
		/* Not by memset, which goes byte by byte. */
		for (unsigned long i = 0; i < nr; i++)
			WRITE_ONCE(slot[i], NULL);
		vm->nr_pages += (u32)alloc_pages_bulk(gfp, nr, slot);
		return;
	}
	while (nr-- && (*slot = alloc_pages_node(nid, gfp, 0))) {
		slot++;
		vm->nr_pages++;
	}
}

/* More than the area itself has room for: an array, and blocks. */
static __noinline bool get_many(struct vm_struct *vm, unsigned long nr, gfp_t gfp, gfp_t array_gfp,
				int nid)
{
	vm->pages = kvmalloc_node(nr * sizeof(*vm->pages), array_gfp | __GFP_NOWARN, nid);
	if (!vm->pages)
		return false;
	kmemleak_ignore(vm->pages);
	if (nr >= 1U << BLOCK_ORDER && !(vm->flags & VM_USERMAP))
		get_blocks(vm, nr, gfp, nid);
	return true;
}

static gfp_t pages_gfp(gfp_t gfp)
{
	gfp = (gfp & ~__GFP_ZERO) | __GFP_NOWARN;
	return gfp & (__GFP_DMA | __GFP_DMA32) ? gfp : gfp | __GFP_HIGHMEM;
}

static bool get_pages(struct vm_struct *vm, unsigned long nr, gfp_t gfp, int nid)
{
	if (nr > VM_INLINE_PAGES && !get_many(vm, nr, pages_gfp(gfp), gfp & ~PAGES_ONLY, nid))
		return false;
	if (vm->nr_pages < nr)
		get_singles(vm, nr, pages_gfp(gfp), nid);
	return vm->nr_pages == nr;
}

/* Up to VM_INLINE_PAGES, from anywhere. */
static inline bool get_few(struct vm_struct *vm, unsigned long nr, gfp_t gfp)
{
	unsigned long got;

	for (unsigned i = 0; i < VM_INLINE_PAGES; i += 4) {
		WRITE_ONCE(vm->few[i], NULL);
		WRITE_ONCE(vm->few[i + 1], NULL);
		WRITE_ONCE(vm->few[i + 2], NULL);
		WRITE_ONCE(vm->few[i + 3], NULL);
	}
	got = alloc_pages_bulk(pages_gfp(gfp), nr, vm->few);
	vm->nr_pages = (u32)got;
	return got == nr;
}

static __noinline void put_blocks(struct page **pages, u32 nr)
{
	for (u32 i = 0; i < nr;) {
		struct page *page = pages[i];

		i += 1U << compound_order(page);
		put_page(page);
	}
}

static void put_pages(const struct vm_struct *vm)
{
	struct page **pages = vm->pages;
	u32 nr = vm->nr_pages, of_blocks = vm->nr_block_pages;

	if (unlikely(of_blocks)) {
		put_blocks(pages, of_blocks);
		pages += of_blocks;
		nr -= of_blocks;
	}
	if (likely(nr)) /* else there may be no array */
		release_pages(pages, nr);
}

/* ---- mapping ---- */

static int map_blocks_at(struct tlb_batch *tlb, const struct vm_struct *vm, unsigned long leaf)
{
	unsigned long va = (unsigned long)vm->addr;
	int err = 0;

	for (u32 i = 0; i < vm->nr_block_pages && !err;) {
		const struct page *page = vm->pages[i];
		u32 nr = 1U << compound_order(page);

		err = arch_vmap_range(tlb, va + i * PAGE_SIZE, page_to_phys(page), nr * PAGE_SIZE,
				      PAGE_KERNEL, leaf);
		i += nr;
	}
	return err;
}

static __noinline int map_huge(const struct vm_struct *vm)
{
	struct tlb_batch tlb = TLB_BATCH_INIT;
	int err = map_blocks_at(&tlb, vm, arch_vmap_huge_leaf());

	if (tlb.nr_tables)
		tlb_batch_flush(&tlb);
	return err;
}

static int map_blocks(const struct vm_struct *vm)
{
	return vm->flags & VM_HUGE ? map_huge(vm) : map_blocks_at(NULL, vm, arch_vmap_leaf());
}

static __noinline int map_large(const struct vm_struct *vm, unsigned int prot)
{
	u32 nr = vm->nr_block_pages;

	if (nr && map_blocks(vm))
		return -ENOMEM;
	if (nr == vm->nr_pages)
		return 0;
	return arch_vmap_pages((unsigned long)vm->addr + nr * PAGE_SIZE, vm->pages + nr,
			       vm->nr_pages - nr, prot);
}

static inline int map_area(const struct vm_struct *vm, unsigned long nr, unsigned int prot)
{
	if (!vm->entries)
		return map_large(vm, prot);
	arch_vmap_set(vm->entries, vm->pages, nr, prot);
	return 0;
}

/* More than a few pages, or of a node; a small area's may be one leaf. */
static __noinline bool get_and_map(struct vm_struct *vm, unsigned long nr, gfp_t gfp, int nid)
{
	if (!get_pages(vm, nr, gfp, nid))
		return false;
	if (vm->entries && vm->nr_block_pages && arch_vmap_set_leaf(vm->entries, vm->pages[0]))
		return true;
	return !map_area(vm, nr, PAGE_KERNEL);
}

/* ---- vmalloc ---- */

static __cold void *complain(size_t size, gfp_t gfp, const char *what, const void *caller)
{
	char who[KSYM_NAME];

	if (!(gfp & __GFP_NOWARN))
		pr_warn("%zu bytes for %s: %s", size,
			symbol_format(who, sizeof(who), (unsigned long)caller), what);
	return NULL;
}

static __noinline void clear_area(const struct vm_struct *vm)
{
	char *at = vm->addr;

	for (u32 i = 0; i < vm->nr_pages; i++)
		clear_page(at + i * PAGE_SIZE);
}

/* What was begun goes. */
static __cold void *give_up(struct vm_struct *vm, size_t size, gfp_t gfp)
{
	const void *caller = vm->caller;

	vfree(vm->addr);
	return complain(size, gfp, "no memory", caller);
}

static void *alloc_area(size_t size, size_t align, gfp_t gfp, int nid, u32 flags,
			const void *caller)
{
	unsigned long nr = ((size - 1) >> PAGE_SHIFT) + 1;
	struct vm_struct *vm;
	bool got;

	if (nr >= 1U << BLOCK_ORDER && !(flags & VM_USERMAP))
		align = max(align, arch_vmap_leaf());
	if (nr > 1024 && (!size || nr > nr_managed_pages()))
		return complain(size, gfp, size ? "more than there is" : "that's nothing", caller);
	vm = get_vm_area_caller(nr * PAGE_SIZE, align, flags | VM_ALLOC, gfp, caller);
	if (!vm)
		return complain(size, gfp, "no addresses", caller);
	if (likely(nr <= VM_INLINE_PAGES && nid == NUMA_NO_NODE))
		got = get_few(vm, nr, gfp) && !map_area(vm, nr, PAGE_KERNEL);
	else
		got = get_and_map(vm, nr, gfp, nid);
	if (!got)
		return give_up(vm, size, gfp);
	vmap_set_ready(vm, 0);
	if (unlikely(gfp & __GFP_ZERO))
		clear_area(vm);
	kmemleak_alloc(vm->addr, nr * PAGE_SIZE, 1, gfp & ~PAGES_ONLY);
	return vm->addr;
}

void *__vmalloc_node(size_t size, size_t align, gfp_t gfp, int nid, const void *caller)
{
	return alloc_area(size, align, gfp, nid, 0, caller);
}

void *__vmalloc(size_t size, gfp_t gfp)
{
	return alloc_area(size, 0, gfp, NUMA_NO_NODE, 0, __builtin_return_address(0));
}

void *vmalloc(size_t size)
{
	return alloc_area(size, 0, GFP_KERNEL, NUMA_NO_NODE, 0, __builtin_return_address(0));
}

void *vzalloc(size_t size)
{
	return alloc_area(size, 0, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE, 0,
			  __builtin_return_address(0));
}

void *vmalloc_node(size_t size, int nid)
{
	return alloc_area(size, 0, GFP_KERNEL, nid, 0, __builtin_return_address(0));
}

void *vzalloc_node(size_t size, int nid)
{
	return alloc_area(size, 0, GFP_KERNEL | __GFP_ZERO, nid, 0, __builtin_return_address(0));
}

void *vmalloc_user(size_t size)
{
	return alloc_area(size, 0, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE, VM_USERMAP,
			  __builtin_return_address(0));
}

void *vmalloc_huge(size_t size, gfp_t gfp)
{
	unsigned long leaf = arch_vmap_huge_leaf();
	bool huge = size >= leaf;

	return alloc_area(size, huge ? leaf : 0, gfp, NUMA_NO_NODE, huge ? VM_HUGE : 0,
			  __builtin_return_address(0));
}

static __always_inline void put_own(const struct vm_struct *vm)
{
	if (vm->flags & VMAP_OWNS_PAGES) {
		put_pages(vm);
		if (vm->pages != vm->few)
			kvfree(vm->pages);
	}
}

void vmap_put_pages(const struct vm_struct *vm)
{
	put_own(vm);
}

void vmap_destroy(const void *addr, u32 kinds)
{
	struct vm_struct *vm = vmap_area_release(addr, kinds);

	if (unlikely(!vm))
		return;
	if (unlikely(!vm->block)) {
		vmap_end_large(vm);
		return;
	}
	put_own(vm);
	vmap_area_put(vm);
}

void vfree(const void *addr)
{
	if (!addr)
		return;
	if (is_vmalloc_addr(addr))
		kmemleak_free(addr); /* before a scan meets nothing there */
	vmap_destroy(addr, VM_ALLOC | VM_MAP);
}

static int map_stack(const struct vm_struct *vm, unsigned long front)
{
	if (!vm->entries)
		return arch_vmap_pages((unsigned long)vm->addr + front, vm->pages, vm->nr_pages,
				       PAGE_KERNEL);
	arch_vmap_set((char *)vm->entries + front / PAGE_SIZE * sizeof(long), vm->pages,
		      vm->nr_pages, PAGE_KERNEL);
	return 0;
}

struct vm_struct *vmap_make_stack(unsigned long bytes, int nid, const void *caller)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	struct vm_struct *vm = get_vm_area_caller(2 * bytes, 0, VM_MAP, gfp, caller);

	if (!vm)
		return NULL;
	vm->owner = NULL;
	__atomic_store_n(&vm->flags, VM_STACK, __ATOMIC_RELEASE);
	if (!get_pages(vm, bytes / PAGE_SIZE, gfp, nid) || map_stack(vm, bytes)) {
		vmap_destroy(vm->addr, VM_STACK);
		return NULL;
	}
	vmap_set_ready(vm, 0);
	return vm;
}

/* ---- mappings of others' pages ---- */

/* May the first of them be one leaf, at an address that is aligned for it? */
static bool begins_block(struct page **pages, unsigned int nr)
{
	unsigned int last = (1U << BLOCK_ORDER) - 1;

	return nr > last && pages[last] == pages[0] + last;
}

void *vmap(struct page **pages, unsigned int nr, unsigned long flags, unsigned int prot)
{
	unsigned long leaf;
	struct vm_struct *vm;

	if (!nr || nr > va_layout.vmalloc_bytes >> PAGE_SHIFT)
		return NULL;
	leaf = begins_block(pages, nr) ? arch_vmap_leaf() : 0;
	vm = get_vm_area_caller(nr * PAGE_SIZE, leaf, VM_MAP, GFP_KERNEL,
				__builtin_return_address(0));
	if (!vm)
		return NULL;
	vm->pages = pages;
	vm->nr_pages = nr;
	if (leaf > PAGE_SIZE ? map_large(vm, prot) : map_area(vm, nr, prot)) {
		remove_vm_area(vm->addr);
		return NULL;
	}
	if (!(flags & VM_MAP_PUT_PAGES)) { /* the array is the caller's */
		vm->pages = vm->few;
		vm->nr_pages = 0;
	}
	vmap_set_ready(vm, (u32)(flags & VM_MAP_PUT_PAGES));
	return vm->addr;
}

void vunmap(const void *addr)
{
	if (addr)
		vmap_area_remove(addr, VM_MAP);
}

unsigned long vmalloc_to_pfn(const void *addr)
{
	struct arch_mapping map;

	if (!is_vmalloc_addr(addr) || arch_lookup((unsigned long)addr, &map))
		return 0;
	return PFN_DOWN(map.pa);
}

struct page *vmalloc_to_page(const void *addr)
{
	unsigned long pfn = vmalloc_to_pfn(addr);

	return pfn ? pfn_to_page(pfn) : NULL;
}

/* ---- kvmalloc, where kmalloc() has none ---- */

void *kvmalloc_area(size_t size, gfp_t gfp, int nid)
{
	/* Only threads that may sleep can make an area. */
	if (!(gfp & __GFP_DIRECT_RECLAIM) || !size)
		return NULL;
	return alloc_area(size, 0, gfp, nid, 0, __builtin_return_address(0));
}

void kvfree(const void *object)
{
	if (is_vmalloc_addr(object))
		vfree(object);
	else
		kfree(object);
}

void *kvrealloc(const void *object, size_t size, gfp_t gfp)
{
	const struct vm_struct *vm;
	size_t has;
	void *moved;

	if (!is_vmalloc_addr(object)) {
		moved = krealloc(object, size, size > PAGE_SIZE ? gfp | __GFP_NOWARN : gfp);
		if (moved || size <= PAGE_SIZE)
			return moved;
		has = ksize(object);
	} else {
		vm = find_vm_area(object);
		has = vm ? get_vm_area_size(vm) : 0;
	}
	if (!has && !ZERO_OR_NULL_PTR(object)) /* was reported */
		return NULL;
	if (size && size <= has) {
		if (gfp & __GFP_ZERO) /* so that it's clear if it grows again */
			memset((char *)object + size, 0, has - size);
		return (void *)object;
	}
	moved = size ? kvmalloc(size, gfp) : ZERO_SIZE_PTR;
	if (moved) {
		memcpy(moved, object, min(has, size));
		kvfree(object);
	}
	return moved;
}
