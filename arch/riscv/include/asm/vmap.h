/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmap.h - the page table of the vmalloc region, for mm/vmap.c
 *
 * Faster than arch_map() and arch_unmap() (asm/mmu.h), for whoever has the addresses to himself:
 * they take no lock but to make a table, and fence nothing.  A hart may remember that an entry
 * wasn't valid; its access faults then, and arch_fault_retry() lets it try again.  That an entry
 * was valid, a hart may remember until the caller's fence; he gives the addresses to nobody before.
 *
 * Tables stay when they are empty, until arch_vmap_free_tables().
 *
 * What they have in common: va and bytes are multiples of PAGE_SIZE in the vmalloc region; any
 * context; no lock held that the table allocator takes.
 */
#ifndef ASM_VMAP_H
#define ASM_VMAP_H

#include <asm/mmu.h>
#include <asm/tlb.h>

struct page;
struct tlb_batch;

/*
 * arch_vmap_pages - map pages[0 .. nr) from @va on, where nothing is mapped
 * 0, or -ENOMEM, and the pages before are mapped then.
 */
int __must_check arch_vmap_pages(unsigned long va, struct page *const *pages, unsigned long nr,
				 unsigned int prot);

/*
 * arch_vmap_range - map [va, va + bytes) to [pa, pa + bytes), where nothing is mapped
 * @max_leaf: as for arch_map(); larger leaves than PAGE_SIZE replace empty tables, which are in
 * @tlb then, for the caller to flush; NULL if there can't be any.  0, or -ENOMEM, and some of it is
 * mapped then.
 */
int __must_check arch_vmap_range(struct tlb_batch *tlb, unsigned long va, phys_addr_t pa,
				 unsigned long bytes, unsigned int prot, unsigned long max_leaf);

/*
 * arch_vmap_entries - where the entry of the page at @va stands; those of the next pages, up to the
 * end of the table, stand behind it, sizeof(long) bytes each.  NULL: no memory for tables.
 * arch_vmap_set, arch_vmap_clear - fill and clear such entries, as arch_vmap_pages() and
 * arch_vunmap() do.  arch_vmap_set_leaf: if there are leaves of 64 KiB, one for the block of that
 * size that @page begins, read and write; both are aligned to that.  False: there aren't.
 */
void *arch_vmap_entries(unsigned long va) __must_check;
void arch_vmap_set(void *entries, struct page *const *pages, unsigned long nr, unsigned int prot);
bool arch_vmap_set_leaf(void *entries, const struct page *page);
void arch_vmap_clear(void *entries, unsigned long nr);

/* arch_vunmap - what is mapped in [va, va + bytes) isn't any more.  No leaf reaches out of it. */
void arch_vunmap(unsigned long va, unsigned long bytes);

/*
 * arch_vmap_free_tables - the lowest tables of addresses in [va, end) only go into @tlb
 * Nothing is mapped there, nobody else has these addresses until @tlb was flushed, which this may
 * do too.  As tlb_batch_flush().
 */
void arch_vmap_free_tables(struct tlb_batch *tlb, unsigned long va, unsigned long end);

/* arch_vmap_table_bytes - the addresses that one of the lowest tables has entries for. */
unsigned long arch_vmap_table_bytes(void);

/* arch_vmap_leaf - bytes of the largest leaf that needs no table to go, PAGE_SIZE or 64 KiB. */
unsigned long arch_vmap_leaf(void);

/* arch_vmap_huge_leaf - bytes of the largest leaf that may be mapped in the region. */
unsigned long arch_vmap_huge_leaf(void);

#endif
