/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgtable.h - page table entries and paging modes (privileged spec, "Sv32" to "Sv57")
 *
 * Private to arch/riscv. A mode is data: its number of levels and its bits.  Level 0 holds
 * 4 KiB leaves.  Entries are integers in a struct; nothing here knows struct page.
 */
#ifndef ASM_PGTABLE_H
#define ASM_PGTABLE_H

#include <asm/csr.h>
#include <asm/layout.h>
#include <asm/mmu.h>

typedef struct {
	unsigned long val;
} pte_t;

#define PTE_V BIT(0)
#define PTE_R BIT(1)
#define PTE_W BIT(2)
#define PTE_X BIT(3)
#define PTE_U BIT(4)
#define PTE_G BIT(5)
#define PTE_A BIT(6)
#define PTE_D BIT(7)
/* The two bits that are software's.  Those of leaves say what was asked for, also where the
 * hardware has no bits for it. */
#define PTE_PINNED BIT(8) /* of a root entry: its table stays for good */
#define PTE_NC	   BIT(8) /* of a leaf: PROT_NC */
#define PTE_IO	   BIT(9) /* of a leaf: PROT_IO */

#define PTE_LEAF      (PTE_R | PTE_W | PTE_X)
#define PTE_PPN_SHIFT 10

#ifdef CONFIG_ARCH_RV32I
#define LEVEL_BITS   10
#define PTE_PPN_MASK (~0UL << PTE_PPN_SHIFT)
#define PTE_N	     0UL
#define PTE_PBMT_NC  0UL
#define PTE_PBMT_IO  0UL
#define MAX_PHYS     (1ULL << 34)
#else
#define LEVEL_BITS   9
#define PTE_PPN_MASK (((1UL << 44) - 1) << PTE_PPN_SHIFT)
#define PTE_N	     (1UL << 63) /* Svnapot: one of 16 that are one leaf */
#define PTE_PBMT_NC  (1UL << 61) /* Svpbmt: non-cacheable, idempotent, weakly ordered */
#define PTE_PBMT_IO  (2UL << 61) /* Svpbmt: non-cacheable, strongly ordered */
#define MAX_PHYS     (1ULL << 56)
#endif
#define PTRS_PER_TABLE (1UL << LEVEL_BITS)
#define MAX_LEVELS     5

struct paging_mode {
	const char *name;
	u8 satp_mode;
	u8 levels;
	u8 va_bits;
	pte_t *root; /* the kernel's root table for this mode, in the image */
};

extern const struct paging_mode paging_modes[]; /* deepest first, ended by a NULL name */
extern const struct paging_mode *paging;	/* the one that runs */

static inline unsigned int level_shift(int level)
{
	return PAGE_SHIFT + LEVEL_BITS * (unsigned int)level;
}

/* Bytes that one entry of a table of this level covers. */
static inline unsigned long level_bytes(int level)
{
	return 1UL << level_shift(level);
}

static inline unsigned long table_index(unsigned long va, int level)
{
	return (va >> level_shift(level)) & (PTRS_PER_TABLE - 1);
}

/* The kernel's part of the address space: from here to the end. */
static inline unsigned long kernel_base(void)
{
#ifdef CONFIG_ARCH_RV32I
	return KERNEL_SPACE;
#else
	return ~0UL << (paging->va_bits - 1);
#endif
}

static inline bool pte_valid(pte_t pte)
{
	return pte.val & PTE_V;
}

static inline bool pte_is_leaf(pte_t pte)
{
	return pte.val & PTE_LEAF;
}

static inline phys_addr_t pte_pa(pte_t pte)
{
	return (phys_addr_t)((pte.val & PTE_PPN_MASK) >> PTE_PPN_SHIFT) << PAGE_SHIFT;
}

/*
 * A leaf of 64 KiB (Svnapot) is 16 entries of level 0, at the place of 16 pages, that are all the
 * same: PTE_N, and 8 as the lowest four bits of the frame number.
 */
#define NAPOT_PAGES 16UL
#define NAPOT_BYTES (NAPOT_PAGES * PAGE_SIZE)
#define NAPOT_MASK  ((NAPOT_PAGES - 1) << PTE_PPN_SHIFT)

/* pte_napot - the entry that all 16 pages around @pte's, a leaf of one page, are mapped by. */
static inline pte_t pte_napot(pte_t pte)
{
	return (pte_t){ (pte.val & ~NAPOT_MASK) | PTE_N | 8UL << PTE_PPN_SHIFT };
}

/* pte_own - what @pte, that stands in @slot, says of its own page, without PTE_N. */
static inline pte_t pte_own(const pte_t *slot, pte_t pte)
{
	unsigned long nr = (unsigned long)slot / sizeof(*slot) % NAPOT_PAGES;

	if (!(pte.val & PTE_N))
		return pte;
	return (pte_t){ (pte.val & ~(PTE_N | NAPOT_MASK)) | nr << PTE_PPN_SHIFT };
}

/* Bytes of the leaf that @pte, of @level, is or is a part of. */
static inline unsigned long pte_bytes(pte_t pte, int level)
{
	return pte.val & PTE_N ? NAPOT_BYTES : level_bytes(level);
}

static inline pte_t pte_make(phys_addr_t pa, unsigned long bits)
{
	return (pte_t){ (unsigned long)(pa >> PAGE_SHIFT) << PTE_PPN_SHIFT | bits | PTE_V };
}

static inline pte_t pte_table(phys_addr_t pa)
{
	return pte_make(pa, 0);
}

static inline void pte_set(pte_t *slot, pte_t pte)
{
	WRITE_ONCE(slot->val, pte.val);
}

/* Tables of the image, made by early.c before paging is on. */
extern pte_t early_fixmap[PTRS_PER_TABLE];
extern unsigned long early_load_pa;

/* Neighbouring leaves of one table with the same bits, that map neighbouring frames. */
struct leaf_run {
	unsigned long va;
	unsigned long bytes;
	phys_addr_t pa;
	unsigned long bits; /* of each entry, without the frame number */
	unsigned long leaf; /* bytes of each */
};

/*
 * pgtable_walk - call @fn for every run of leaves of the kernel's table, by rising address
 * @fn: returns 0 to go on, anything else ends the walk and is returned.  No lock is held in it.
 */
int pgtable_walk(int (*fn)(const struct leaf_run *run, void *arg), void *arg);

#endif
