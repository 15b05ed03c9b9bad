/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_vm_map.c - ranges of addresses into which pages are put one by one
 */
#include <mm/vm_map.h>

#include <base/errno.h>
#include <mm/folio.h>
#include <mm/kmalloc.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>
#include <shell/ktap.h>
#include <string.h>

#include "vmalloc_tools.h"

#define RING 6U
#define SEEN 4U
#define RW   (PROT_READ | PROT_WRITE)

static unsigned long *word_of(unsigned long base, unsigned i)
{
	return (unsigned long *)(base + i * PAGE_SIZE);
}

/* A driver's ring, shown from its second page on: seen from both sides, and still after vfree(). */
static void test_ring(struct ktap *t)
{
	unsigned long ring = (unsigned long)vmalloc_user(RING * PAGE_SIZE);
	struct vm_area_struct vma;
	struct page *second;

	KTAP_ASSERT(t, ring);
	mark((void *)ring, RING * PAGE_SIZE);
	KTAP_ASSERT(t, !vm_area_open(&vma, SEEN * PAGE_SIZE - 1, 1, RW));
	KTAP_EXPECT_EQ(t, vma_pages(&vma), SEEN);
	KTAP_EXPECT(t, !accessible(vma.vm_start));
	KTAP_EXPECT_EQ(t, remap_vmalloc_range(&vma, (void *)ring, vma.vm_pgoff), 0);
	for (unsigned i = 0; i < SEEN; i++)
		KTAP_EXPECT_EQ(t, *word_of(vma.vm_start, i), ring + (i + 1) * PAGE_SIZE);
	KTAP_EXPECT(t, !accessible(vma.vm_end));
	*word_of(vma.vm_start, 2) = 17;
	KTAP_EXPECT_EQ(t, *word_of(ring, 3), 17);
	second = vmalloc_to_page((void *)(ring + PAGE_SIZE));
	KTAP_EXPECT(t, page_count(second) == 2 && page_mapcount(second) == 1);
	vfree((void *)ring);
	KTAP_EXPECT(t, page_count(second) == 1);
	KTAP_EXPECT_EQ(t, *word_of(vma.vm_start, 2), 17);
	vmalloc_validate();
	ring = vma.vm_start;
	vm_area_close(&vma);
	KTAP_EXPECT(t, !accessible(ring) && !vma.pages);
}

static void get_pages(struct page **pages)
{
	for (unsigned i = 0; i < RING; i++) {
		pages[i] = alloc_page(GFP_KERNEL);
		if (pages[i])
			*(unsigned long *)page_address(pages[i]) = i;
	}
}

static void put_pages(struct page **pages)
{
	for (unsigned i = 0; i < RING; i++)
		if (pages[i])
			__free_page(pages[i]);
}

/* The first word of the pages, read only. */
static void expect_from(struct ktap *t, struct vm_area_struct *vma, unsigned first)
{
	u8 byte = 0;

	for (unsigned i = 0; i < SEEN; i++)
		KTAP_EXPECT_EQ(t, *word_of(vma->vm_start, i), first + i);
	KTAP_EXPECT(t, probe_write((void *)vma->vm_start, &byte, 1));
	vm_area_close(vma);
}

static void test_pages(struct ktap *t)
{
	struct vm_area_struct vma;
	struct page *pages[RING];

	get_pages(pages);
	KTAP_ASSERT(t, !vm_area_open(&vma, SEEN * PAGE_SIZE, 2, PROT_READ));
	KTAP_EXPECT_EQ(t, vm_map_pages(&vma, pages, RING - 1), -ENXIO);
	KTAP_EXPECT_EQ(t, vm_map_pages(&vma, pages, 2), -ENXIO);
	KTAP_EXPECT(t, !accessible(vma.vm_start));
	KTAP_EXPECT_EQ(t, vm_map_pages(&vma, pages, RING), 0);
	expect_from(t, &vma, 2);
	KTAP_ASSERT(t, !vm_area_open(&vma, SEEN * PAGE_SIZE, 2, PROT_READ));
	KTAP_EXPECT_EQ(t, vm_map_pages_zero(&vma, pages, SEEN - 1), -ENXIO);
	KTAP_EXPECT_EQ(t, vm_map_pages_zero(&vma, pages, SEEN), 0);
	expect_from(t, &vma, 0);
	put_pages(pages);
}

static void test_refused(struct ktap *t)
{
	char *ring = vmalloc_user(RING * PAGE_SIZE), *other = vmalloc(RING * PAGE_SIZE);
	struct page *page = alloc_page(GFP_KERNEL);
	void *object = kmalloc(64, GFP_KERNEL);
	struct vm_area_struct vma;

	KTAP_ASSERT(t, ring && other && page && object);
	KTAP_EXPECT_EQ(t, vm_area_open(&vma, 0, 0, RW), -EINVAL);
	KTAP_EXPECT_EQ(t, vm_area_open(&vma, 1, 0, PROT_WRITE), -EINVAL);
	KTAP_EXPECT_EQ(t, vm_area_open(&vma, 1, 0, PROT_READ | PROT_EXEC), -EINVAL);
	KTAP_ASSERT(t, !vm_area_open(&vma, SEEN * PAGE_SIZE, 0, RW));
	KTAP_EXPECT_EQ(t, remap_vmalloc_range(&vma, other, 0), -EINVAL);
	KTAP_EXPECT_EQ(t, remap_vmalloc_range(&vma, ring + PAGE_SIZE, 0), -EINVAL);
	KTAP_EXPECT_EQ(t, remap_vmalloc_range(&vma, object, 0), -EINVAL);
	KTAP_EXPECT_EQ(t, remap_vmalloc_range(&vma, ring, RING - SEEN + 1), -EINVAL);
	KTAP_EXPECT_EQ(t, remap_vmalloc_range(&vma, ring, ~0UL), -EINVAL);
	KTAP_EXPECT_EQ(t, vm_insert_page(&vma, vma.vm_end, page), -EFAULT);
	KTAP_EXPECT_EQ(t, vm_insert_page(&vma, vma.vm_start - PAGE_SIZE, page), -EFAULT);
	KTAP_EXPECT_EQ(t, vm_insert_page(&vma, vma.vm_start + 8, page), -EFAULT);
	KTAP_EXPECT_EQ(t, vm_insert_page(&vma, vma.vm_start, virt_to_page(object)), -EINVAL);
	KTAP_EXPECT_EQ(t, vm_insert_page(&vma, vma.vm_start, page), 0);
	KTAP_EXPECT_EQ(t, vm_insert_page(&vma, vma.vm_start, page), -EBUSY);
	KTAP_EXPECT_EQ(t, remap_vmalloc_range(&vma, ring, 0), -EBUSY);
	vm_area_close(&vma);
	KTAP_EXPECT(t, page_count(page) == 1 && !page_mapcount(page));
	__free_page(page);
	kfree(object);
	vfree(ring);
	vfree(other);
}

static const struct ktap_case cases[] = {
	{ KTAP_PREPARE, prepare_areas },
	{ "ring", test_ring },
	{ "pages", test_pages },
	{ "refused", test_refused },
	{},
};

static const struct ktap_suite suite_vm_map = { "vm_map", cases };
TABLE_ENTRY(ktap_suite, suite_vm_map);
