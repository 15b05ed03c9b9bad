/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * windows.h - pages at addresses of their own, for a moment: the entries behind mm/kmap.h
 *
 * A window is a page of virtual memory whose entry its owner writes himself: no lock, no other
 * hart is told.  The entries of windows at addresses in a row stand in a row, too:
 *
 *     address = first address + (entry - first entry) * 4096 = base + scaled address of the entry
 *
 * Whoever takes a window to another hart has to fence there (tlb_flush_local_range).
 */
#ifndef ASM_WINDOWS_H
#define ASM_WINDOWS_H

#include <asm/pgtable.h>
#include <asm/tlb.h>

#ifdef CONFIG_ARCH_RV32I
#define WINDOW_ENTRY_SHIFT 2
#else
#define WINDOW_ENTRY_SHIFT 3
#endif

/* What arch_windows_init() takes is a multiple of this: what one table maps. */
#define WINDOW_TABLE_BYTES (PAGE_SIZE << (PAGE_SHIFT - WINDOW_ENTRY_SHIFT))

#define WINDOW_BITS (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D | PTE_G)

/*
 * arch_windows_init - the entries of the windows at [va, va + bytes) are @entries
 * @va, @bytes: multiples of WINDOW_TABLE_BYTES.  @entries: a cleared word a page, in the linear
 * map, page-aligned; stays for good.  0 or -ENOMEM.  Boot hart alone.
 */
int arch_windows_init(unsigned long va, unsigned long bytes, unsigned long *entries) __must_check;

/* The base of the windows from @va on, whose entries are @entries. */
static inline unsigned long arch_window_base(unsigned long va, const unsigned long *entries)
{
	return va - ((unsigned long)entries << (PAGE_SHIFT - WINDOW_ENTRY_SHIFT));
}

static inline unsigned long arch_window_va(unsigned long base, const unsigned long *entry)
{
	return ((unsigned long)entry << (PAGE_SHIFT - WINDOW_ENTRY_SHIFT)) + base;
}

/* arch_window_show - the window shows @page to all harts that don't remember what it showed. */
static inline void arch_window_show(unsigned long *entry, const struct page *page)
{
	unsigned long frames = (unsigned long)page - this_hart->vmemmap;

	WRITE_ONCE(*entry, frames << (PTE_PPN_SHIFT - PAGE_STRUCT_SHIFT) | WINDOW_BITS);
}

/*
 * arch_window_open - the window shows @page to this hart, whatever it showed; returns its address
 * The fence orders the entry before what is accessed, and drops what was kept of the last one.
 * Only where fences by address work (tlb_by_address()).
 */
static inline void *arch_window_open(unsigned long base, unsigned long *entry,
				     const struct page *page)
{
	unsigned long va = arch_window_va(base, entry);

	arch_window_show(entry, page);
	__asm__ volatile("sfence.vma %0" : : "r"(va) : "memory");
	return (void *)va;
}

/* arch_window_open_anyhow - the same on any hart. */
static inline void *arch_window_open_anyhow(unsigned long base, unsigned long *entry,
					    const struct page *page)
{
	unsigned long va = arch_window_va(base, entry);

	arch_window_show(entry, page);
	tlb_flush_local_range(va, PAGE_SIZE);
	return (void *)va;
}

/* arch_window_close - the window shows nothing any more, at the latest after the next fence.  The
 * entry keeps the frame that it had (arch_window_pfn): its low byte is what makes it valid. */
static inline void arch_window_close(unsigned long *entry)
{
	WRITE_ONCE(*(u8 *)entry, 0);
}

/* arch_window_pfn - the frame that it shows, or showed last; 0: none. */
static inline unsigned long arch_window_pfn(const unsigned long *entry)
{
	return *entry >> PTE_PPN_SHIFT;
}

#endif
