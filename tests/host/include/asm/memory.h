/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.h - host stand-in: "physical memory" is one stretch of the test's own
 *
 * host_memory_init(base, bytes) (harness.h) says which physical addresses there
 * are; their contents and page descriptors come from lazily filled mappings.  From host_high on
 * it is high memory: out of reach but between kmap_local_page() and kunmap_local().
 */
#ifndef ASM_MEMORY_H
#define ASM_MEMORY_H

#include <base/types.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

/* log2 of sizeof(struct page), which mm/page.h pins. */
#define PAGE_STRUCT_SHIFT 5

#define PFN_DOWN(pa)  ((unsigned long)((phys_addr_t)(pa) >> PAGE_SHIFT))
#define PFN_UP(pa)    ((unsigned long)(((phys_addr_t)(pa) + PAGE_SIZE - 1) >> PAGE_SHIFT))
#define PFN_PHYS(pfn) ((phys_addr_t)(pfn) << PAGE_SHIFT)

struct page;

extern phys_addr_t host_phys_base;
extern char *host_linear;     /* where host_phys_base is "mapped" */
extern char *host_vmemmap;    /* descriptor of host_phys_base */
extern phys_addr_t host_high; /* ~0: nothing is */

/* Where areas are; vmap_world.c. */
struct va_layout {
	unsigned long vmalloc_base, vmalloc_bytes;
};
extern struct va_layout va_layout;

static inline void *__va(phys_addr_t pa)
{
	return (void *)((unsigned long)host_linear + (unsigned long)(pa - host_phys_base));
}

static inline phys_addr_t __pa(const void *va)
{
	return host_phys_base + ((unsigned long)va - (unsigned long)host_linear);
}

static inline bool va_is_linear(const void *va)
{
	return true;
}

static inline struct page *pfn_to_page(unsigned long pfn)
{
	return (struct page *)((unsigned long)host_vmemmap +
			       ((pfn - PFN_DOWN(host_phys_base)) << PAGE_STRUCT_SHIFT));
}

static inline unsigned long page_to_pfn(const struct page *page)
{
	return PFN_DOWN(host_phys_base) +
	       ((unsigned long)page - (unsigned long)host_vmemmap) / (1UL << PAGE_STRUCT_SHIFT);
}

static inline struct page *virt_to_page(const void *va)
{
	return pfn_to_page(PFN_DOWN(__pa(va)));
}

static inline void *lowmem_page_address(const struct page *page)
{
	return __va(PFN_PHYS(page_to_pfn(page)));
}

static inline bool PageHighMem(const struct page *page)
{
	return PFN_PHYS(page_to_pfn(page)) >= host_high;
}

static inline bool va_is_window(const void *va)
{
	return __pa(va) >= host_high;
}

static inline void *page_address(const struct page *page)
{
	return PageHighMem(page) ? NULL : lowmem_page_address(page);
}

#define page_to_phys(page) PFN_PHYS(page_to_pfn(page))
#define phys_to_page(pa)   pfn_to_page(PFN_DOWN(pa))

#endif
