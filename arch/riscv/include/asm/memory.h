/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.h - between addresses, frame numbers and page descriptors
 *
 *     linear map:  va = linear_base + (pa - phys_base)
 *     vmemmap:     descriptor of frame pfn at vmemmap_base + (pfn - phys_base/4096) * 32
 *
 * phys_base is the lowest bank's start rounded down to the largest leaf, so the
 * conversions need one run-time constant each; those of the hot paths stand in
 * per-hart data (asm/hart_local.h).  Nothing here checks that memory is there.
 *
 * What is outside the linear map has no descriptor: virt_to_page() of any such address, canonical
 * or not, is one where nothing is mapped.  Reading it faults, and nothing else.  What lies 128
 * slots from the start of the linear map has its descriptor a slot from the start of vmemmap, so on
 * rv64, where the kernel's half begins 64 to 117 slots below the linear map and ends 139 to 192
 * above: from 117/128 of a slot below vmemmap_base, in a slot that nothing uses, to half a slot
 * behind its slot; or no canonical address.  rv32: from 28 MiB below it, where user programs are,
 * to its eighth MiB, of which the linear map needs six.
 * Invariant: __pa(__va(pa)) == pa for every pa that arch_linear_reaches().
 *
 * High memory (CONFIG_HIGHMEM) is what lies at low_end and above: it has descriptors, but no
 * address; __va() of it leads nowhere, and an address from the end of rv32's linear map on has a
 * descriptor that is another page's, never a slab's.
 */
#ifndef ASM_MEMORY_H
#define ASM_MEMORY_H

#include <asm/hart_local.h>
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

/* The regions of the kernel's address space, set once by arch_paging_init(). */
struct va_layout {
	phys_addr_t phys_base; /* physical address that linear_base maps */
	unsigned long linear_base;
	unsigned long linear_bytes;
	unsigned long vmemmap_base; /* descriptor of phys_base */
	unsigned long vmemmap_bytes;
	unsigned long vmalloc_base;
	unsigned long vmalloc_bytes; /* what this machine uses; its root entries are filled */
	unsigned long scratch_base;  /* eight root entries' worth that nothing uses: for suites */
	unsigned long scratch_bytes;
	unsigned long image_va;	   /* where _start is mapped */
	phys_addr_t image_pa;	   /* where _start was loaded */
	phys_addr_t low_end;	   /* the linear map ends here; memory from here on is high */
	unsigned long window_base; /* addresses for what high memory holds (asm/windows.h) */
	unsigned long window_bytes;
};
extern struct va_layout va_layout;

static inline void *__va(phys_addr_t pa)
{
	return (void *)(va_layout.linear_base + (unsigned long)(pa - va_layout.phys_base));
}

static inline phys_addr_t __pa(const void *va)
{
	return va_layout.phys_base + ((unsigned long)va - va_layout.linear_base);
}

/* Is @va an address of the linear map's, whether or not there's memory? */
static inline bool va_is_linear(const void *va)
{
	return (unsigned long)va - va_layout.linear_base < va_layout.linear_bytes;
}

/* The physical address of an object of the kernel image. */
static inline phys_addr_t __pa_symbol(const volatile void *symbol)
{
	return va_layout.image_pa + ((unsigned long)symbol - va_layout.image_va);
}

static inline struct page *pfn_to_page(unsigned long pfn)
{
	return (struct page *)(this_hart->vmemmap + (pfn << PAGE_STRUCT_SHIFT));
}

static inline unsigned long page_to_pfn(const struct page *page)
{
	return ((unsigned long)page - va_layout.vmemmap_base) / (1UL << PAGE_STRUCT_SHIFT) +
	       PFN_DOWN(va_layout.phys_base);
}

static inline struct page *virt_to_page(const void *va)
{
	unsigned long vpn = (unsigned long)va >> PAGE_SHIFT;

	return (struct page *)(this_hart->page_base + (vpn << PAGE_STRUCT_SHIFT));
}

/* Of a page that is known to be in the linear map. */
static inline void *lowmem_page_address(const struct page *page)
{
	unsigned long vpn_bytes = (unsigned long)page - this_hart->page_base;

	return (void *)(vpn_bytes << (PAGE_SHIFT - PAGE_STRUCT_SHIFT));
}

/* PageHighMem - @page isn't in the linear map: mm/kmap.h gives it an address for a time. */
#ifdef CONFIG_HIGHMEM
static inline bool PageHighMem(const struct page *page)
{
	return (unsigned long)page >= this_hart->high_page;
}

/* Where kmap() has @page, of high memory, or NULL. */
void *kmap_address(const struct page *page);

/* Of what kmap_local_page() returned: windows lie below the linear map. */
static inline bool va_is_window(const void *va)
{
	return (unsigned long)va < this_hart->linear_base;
}
#else
static inline bool PageHighMem(const struct page *page)
{
	(void)page;
	return false;
}

static inline void *kmap_address(const struct page *page)
{
	(void)page;
	return NULL;
}
#endif

/* In the linear map; of high memory where kmap() has it, or NULL. */
static inline void *page_address(const struct page *page)
{
	return unlikely(PageHighMem(page)) ? kmap_address(page) : lowmem_page_address(page);
}

#define page_to_phys(page) PFN_PHYS(page_to_pfn(page))
#define phys_to_page(pa)   pfn_to_page(PFN_DOWN(pa))

#endif
