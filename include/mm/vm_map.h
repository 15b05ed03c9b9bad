/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vm_map.h - pages put one by one into a range of addresses that somebody else uses
 *
 *     err = vm_area_open(&vma, bytes, pgoff, prot);            the user's: where, how much, how
 *     err = remap_vmalloc_range(&vma, ring, vma.vm_pgoff);     the driver's, in its mmap()
 *     ...
 *     vm_area_close(&vma);
 *
 * Names and meaning are Linux's.  There are no processes yet, so a range is one of the kernel's, in
 * a vmalloc area of its own; a process's will have another vm_area_open().
 *
 * Each page that is put in has a reference and a mapping (page_mapcount()) for it: it stays until
 * the range is closed, also if the driver frees it before.
 */
#ifndef MM_VM_MAP_H
#define MM_VM_MAP_H

#include <asm/memory.h>
#include <base/compiler.h>

struct page;

/* The range [vm_start, vm_end), of whole pages. */
struct vm_area_struct {
	unsigned long vm_start, vm_end;
	unsigned long vm_pgoff;	   /* which of the driver's pages the first is to be */
	unsigned int vm_page_prot; /* enum prot */
	struct page **pages;	   /* what is there, or NULL */
};

/*
 * vm_area_open - find addresses for @bytes, rounded up to pages, of which none is there yet
 * @prot: PROT_READ, perhaps with PROT_WRITE.  0, -EINVAL for no bytes or another @prot, -ENOMEM: no
 * memory or addresses.  A thread; may sleep.
 */
int __must_check vm_area_open(struct vm_area_struct *vma, unsigned long bytes, unsigned long pgoff,
			      unsigned int prot);

/* vm_area_close - unmap all of it, and drop what it holds.  A thread; may sleep; fences all
 * harts. */
void vm_area_close(struct vm_area_struct *vma);

static inline unsigned long vma_pages(const struct vm_area_struct *vma)
{
	return (vma->vm_end - vma->vm_start) / PAGE_SIZE;
}

/*
 * vm_insert_page - @page is at @addr, a page of @vma's
 * 0; -EFAULT if that's no page of it, -EINVAL for a page that nobody holds, or of the slab
 * allocator's, -EBUSY if one is there, -ENOMEM.  Who calls has @vma to himself.
 */
int __must_check vm_insert_page(struct vm_area_struct *vma, unsigned long addr, struct page *page);

/*
 * vm_map_pages - the pages of @vma are pages[vm_pgoff ...], of which there are @num
 * vm_map_pages_zero: pages[0 ...], whatever vm_pgoff is.  0; -ENXIO if these are too few, and
 * nothing is mapped; or as vm_insert_page(), and some are mapped.
 */
int __must_check vm_map_pages(struct vm_area_struct *vma, struct page **pages, unsigned long num);
int __must_check vm_map_pages_zero(struct vm_area_struct *vma, struct page **pages,
				   unsigned long num);

/*
 * remap_vmalloc_range - the pages of @vma are those of the area @addr, from its page @pgoff on
 * @addr: vmalloc_user() returned it.  0; -EINVAL for any other address, or if the area has less; or
 * as vm_insert_page().
 */
int __must_check remap_vmalloc_range(struct vm_area_struct *vma, void *addr, unsigned long pgoff);

#endif
