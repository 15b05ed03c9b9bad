/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pt.h - what the files of the page table share with each other only
 */
#ifndef RISCV_MM_PT_H
#define RISCV_MM_PT_H

#include <asm/pgtable.h>
#include <asm/tlb.h>
#include <kernel/spinlock.h>
#include <lib/dt.h>

/* Where the walk for an address ended: its leaf, or the first entry that isn't valid. */
struct pt_place {
	pte_t *slot;
	int level;
};

/* ---- paging.c ---- */

/* Where the table at @pa, of @level, can be read and written. */
pte_t *pt_table(phys_addr_t pa, int level);

/* What entries may say: enum dt_isa bits, DT_ISA_SVPBMT and DT_ISA_SVNAPOT, that all harts have. */
extern u32 pt_isa;

/*
 * pt_areas_wanted - how many of @most bytes of addresses vmalloc() is to have with @ram_bytes of
 * memory: twice as many have room for every page, with guards.
 */
unsigned long pt_areas_wanted(unsigned long most, phys_addr_t ram_bytes);

/* ---- layout32.c, layout64.c ---- */

/* Bytes of addresses for windows (asm/windows.h). */
#ifdef CONFIG_HIGHMEM
#define WINDOW_SPACE (sizeof(long) == 8 ? 0x02000000UL : 0x01000000UL)
#else
#define WINDOW_SPACE 0UL
#endif

/*
 * pt_place_regions - fill in where @v's regions lie, for memory from v->phys_base to @end,
 * @ram_bytes of it.  Not vmalloc_bytes, nor what the linear map reaches.
 */
void pt_place_regions(struct va_layout *v, phys_addr_t end, phys_addr_t ram_bytes);

/* ---- tlb.c ---- */

/* tlb_count_retry - a page fault's entry allowed the access; @marked: but for A or D. */
void tlb_count_retry(bool marked);

/* ---- pgtable.c ---- */

extern spinlock_t pt_lock; /* rank PGTABLE: the kernel's table below and with its root */

/* pt_napot - leaves of 64 KiB may be made. */
static inline bool pt_napot(void)
{
	return PTE_N != 0 && pt_isa & DT_ISA_SVNAPOT;
}

/* pt_find - walk for @va. pt_lock is held. */
struct pt_place pt_find(unsigned long va);

/* pt_alloc - a page for a table, by physical address, its content anything; 0 if there is none. */
phys_addr_t pt_alloc(void);

/* pt_free - give a table back that no hart can walk any more. */
void pt_free(phys_addr_t pa);

/* pt_may_free - tables can be given back already, and @slot's is none that stays for good. */
bool pt_may_free(const pte_t *slot);

/* Is [va, va + bytes) a range of whole pages in the kernel's half? */
bool pt_kernel_range(unsigned long va, unsigned long bytes);

/* pt_prot_bits - what enum prot bits are in an entry, without PTE_V. */
unsigned long pt_prot_bits(unsigned int prot);

/* pt_set_napot - the 16 entries from @slot on are one leaf, that maps the frames around @pte's. */
static inline void pt_set_napot(pte_t *slot, pte_t pte)
{
	pte = pte_napot(pte);
	for (unsigned long i = 0; i < NAPOT_PAGES; i += 4, slot += 4) {
		pte_set(&slot[0], pte);
		pte_set(&slot[1], pte);
		pte_set(&slot[2], pte);
		pte_set(&slot[3], pte);
	}
}

/*
 * pt_make_tables - there are tables on the way to @va down to its entry of @level
 * 0, -EEXIST if a leaf is in the way, or -ENOMEM; tables above that were made stay.  No fence: the
 * entries weren't valid.  Takes pt_lock.
 */
int pt_make_tables(unsigned long va, int level) __must_check;

/* pt_fill_root - every root entry of the range has a table, which stays for good. 0 or -ENOMEM. */
int pt_fill_root(unsigned long va, unsigned long bytes) __must_check;

/* ---- leaves.c ---- */

/*
 * pt_split_at - see to it that no leaf but of 64 KiB reaches across @va
 * 0, or -ENOMEM with some leaves split (their translation is as it was).
 * pt_split_napot: nor one of these; can't fail.
 */
int pt_split_at(struct tlb_batch *tlb, unsigned long va) __must_check;
void pt_split_napot(struct tlb_batch *tlb, unsigned long va);

/* pt_rejoin - undo what pt_split_at(@va) did to a leaf of @level. */
void pt_rejoin(struct tlb_batch *tlb, unsigned long va, int level);

#endif
