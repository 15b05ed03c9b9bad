/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map.c - pages put one by one into a range of addresses
 *
 * A range is a vmalloc area without pages of its own (VM_MAP); vma->pages says what is at each of
 * its addresses.  Invariant: pages[i] has a reference and a mapping for it, and is what the page
 * table has there; NULL: nothing is.
 *
 * Locking: none, a range is the caller's.  Cost: a descent a page.
 * Not here: ranges of processes, which come with their page tables.
 */
#include "vmap.h"

#include <mm/vm_map.h>

#include <asm/vmap.h>
#include <base/errno.h>
#include <mm/folio.h>
#include <mm/kmalloc.h>
#include <mm/page_alloc.h>

int vm_area_open(struct vm_area_struct *vma, unsigned long bytes, unsigned long pgoff,
		 unsigned int prot)
{
	unsigned long size = ALIGN_UP(bytes, PAGE_SIZE);
	struct vm_struct *vm;

	if (!size || !(prot & PROT_READ) || prot & ~(PROT_READ | PROT_WRITE))
		return -EINVAL;
	vma->pages = kvcalloc(size / PAGE_SIZE, sizeof(*vma->pages), GFP_KERNEL);
	if (!vma->pages)
		return -ENOMEM;
	vm = get_vm_area_caller(size, 0, VM_MAP, GFP_KERNEL, __builtin_return_address(0));
	if (!vm) {
		kvfree(vma->pages);
		return -ENOMEM;
	}
	vma->vm_start = (unsigned long)vm->addr;
	vma->vm_end = vma->vm_start + size;
	vma->vm_pgoff = pgoff;
	vma->vm_page_prot = prot;
	return 0;
}

void vm_area_close(struct vm_area_struct *vma)
{
	unsigned long nr = vma_pages(vma);

	vmap_area_remove((void *)vma->vm_start, VM_MAP);
	vm_unmap_aliases(); /* whoever gets the pages next has them alone */
	for (unsigned long i = 0; i < nr; i++) {
		if (!vma->pages[i])
			continue;
		page_remove_map(vma->pages[i]);
		put_page(vma->pages[i]);
	}
	kvfree(vma->pages);
	*vma = (struct vm_area_struct){ 0 };
}

/* @page has a reference and a mapping more; false: that can't be counted. */
static bool hold(struct page *page)
{
	get_page(page);
	if (page_add_map(page))
		return true;
	put_page(page);
	return false;
}

int vm_insert_page(struct vm_area_struct *vma, unsigned long addr, struct page *page)
{
	unsigned long i = (addr - vma->vm_start) / PAGE_SIZE;

	if (!IS_ALIGNED(addr, PAGE_SIZE) || addr < vma->vm_start || addr >= vma->vm_end)
		return -EFAULT;
	if (!page_count(page) || page_flag(page, PG_slab))
		return -EINVAL;
	if (vma->pages[i])
		return -EBUSY;
	if (!hold(page))
		return -ENOMEM;
	if (arch_vmap_pages(addr, &page, 1, vma->vm_page_prot)) {
		page_remove_map(page);
		put_page(page);
		return -ENOMEM;
	}
	vma->pages[i] = page;
	return 0;
}

static int insert_all(struct vm_area_struct *vma, struct page **pages)
{
	int err = 0;

	for (unsigned long addr = vma->vm_start; addr < vma->vm_end && !err; addr += PAGE_SIZE)
		err = vm_insert_page(vma, addr, *pages++);
	return err;
}

static int map_from(struct vm_area_struct *vma, struct page **pages, unsigned long num,
		    unsigned long first)
{
	if (first >= num || vma_pages(vma) > num - first)
		return -ENXIO;
	return insert_all(vma, pages + first);
}

int vm_map_pages(struct vm_area_struct *vma, struct page **pages, unsigned long num)
{
	return map_from(vma, pages, num, vma->vm_pgoff);
}

int vm_map_pages_zero(struct vm_area_struct *vma, struct page **pages, unsigned long num)
{
	return map_from(vma, pages, num, 0);
}

int remap_vmalloc_range(struct vm_area_struct *vma, void *addr, unsigned long pgoff)
{
	const struct vm_struct *vm = is_vmalloc_addr(addr) ? find_vm_area(addr) : NULL;

	int err = -EINVAL;

	if (vm && vm->addr == addr && vm->flags & VM_USERMAP)
		err = map_from(vma, vm->pages, vm->nr_pages, pgoff);
	return err == -ENXIO ? -EINVAL : err;
}
