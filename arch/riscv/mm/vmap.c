/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmap.c - the page table of the vmalloc region
 *
 * Each address has one owner (mm/vmap.c), who alone writes the entries of its pages, so a run of
 * them is a descent and a store each, without a lock.  The descent is safe because no table goes
 * while somebody owns an address of it: the lowest tables are given back by whoever owns all their
 * addresses, after a fence; those above stay for good.  So, unlike elsewhere, a table may be empty.
 *
 * pt_lock is for making and unlinking tables, which harts with different addresses do at once.
 *
 * On Sv32 the lowest tables hang in the root, which address spaces share: they exist from boot on,
 * and no leaf takes the place of one.
 *
 * Cost: a descent for each table that the range touches; 7 instructions a page to map, 3 to unmap.
 * Not here: fences; who owns what.
 */
#include <asm/vmap.h>

#include <base/errno.h>
#include <kernel/panic.h>

#include "pt.h"

/* From where a page's descriptor stands to where its number stands in an entry. */
#define FRAME_SHIFT (PTE_PPN_SHIFT - PAGE_STRUCT_SHIFT)

/* The entry of @level on the way to @va, or NULL if the way ends above. */
static __noinline pte_t *find_slot(unsigned long va, int level)
{
	unsigned int shift = level_shift(paging->levels - 1), last = level_shift(level);
	pte_t *slot = &paging->root[va >> shift & (PTRS_PER_TABLE - 1)];

	while (shift != last) {
		pte_t pte = { READ_ONCE(slot->val) };

		if ((pte.val & (PTE_V | PTE_LEAF)) != PTE_V)
			return NULL;
		shift -= LEVEL_BITS;
		slot = (pte_t *)__va(pte_pa(pte)) + (va >> shift & (PTRS_PER_TABLE - 1));
	}
	return slot;
}

/* How many of @nr pages from @va on are in the same table. */
static unsigned long pages_in_table(unsigned long va, unsigned long nr)
{
	return min(nr, PTRS_PER_TABLE - table_index(va, 0));
}

/* What is in the entries, quickly for what nearly all want. */
#define USUAL_BITS (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D | PTE_G)

static inline unsigned long vmap_bits(unsigned int prot)
{
	return likely(prot == (PROT_READ | PROT_WRITE)) ? USUAL_BITS : pt_prot_bits(prot) | PTE_V;
}

static inline void set_page(pte_t *slot, const struct page *page, unsigned long vmemmap,
			    unsigned long bits)
{
	VM_BUG_ON(pte_valid(*slot));
	pte_set(slot, (pte_t){ ((unsigned long)page - vmemmap) << FRAME_SHIFT | bits });
}

/* Fill @slot and those behind it. */
static __noinline void fill(pte_t *slot, struct page *const *pages, unsigned long nr,
			    unsigned long bits)
{
	unsigned long vmemmap = this_hart->vmemmap; /* of page_to_pfn(), loaded once */

	for (pte_t *end = slot + (nr & -4UL); slot != end; slot += 4, pages += 4) {
		set_page(&slot[0], pages[0], vmemmap, bits);
		set_page(&slot[1], pages[1], vmemmap, bits);
		set_page(&slot[2], pages[2], vmemmap, bits);
		set_page(&slot[3], pages[3], vmemmap, bits);
	}
	for (pte_t *end = slot + (nr & 3); slot != end; slot++)
		set_page(slot, *pages++, vmemmap, bits);
}

/* Are pages[0 .. 16) frames in a row, the first of which begins a block of 64 KiB? */
static bool is_block(struct page *const *pages, unsigned long vmemmap)
{
	unsigned long first = (unsigned long)pages[0];

	if ((first - vmemmap) >> PAGE_STRUCT_SHIFT & (NAPOT_PAGES - 1))
		return false;
	for (unsigned long i = 1; i < NAPOT_PAGES; i++) {
		if ((unsigned long)pages[i] != first + (i << PAGE_STRUCT_SHIFT))
			return false;
	}
	return true;
}

/* The same as far as the end of the 64 KiB that @va lies in, with one leaf if the pages allow it.
 * Returns how many. */
static __noinline unsigned long fill_napot(pte_t *slot, unsigned long va, struct page *const *pages,
					   unsigned long nr, unsigned long bits)
{
	unsigned long vmemmap = this_hart->vmemmap;

	nr = min(nr, NAPOT_PAGES - table_index(va, 0) % NAPOT_PAGES);
	if (nr < NAPOT_PAGES || !is_block(pages, vmemmap)) {
		fill(slot, pages, nr, bits);
		return nr;
	}
	VM_BUG_ON(pte_valid(*slot));
	pt_set_napot(slot, (pte_t){ ((unsigned long)pages[0] - vmemmap) << FRAME_SHIFT | bits });
	return nr;
}

static __noinline void clear(pte_t *slot, unsigned long nr)
{
	pte_t none = { 0 };

	for (pte_t *end = slot + (nr & -4UL); slot != end; slot += 4) {
		pte_set(&slot[0], none);
		pte_set(&slot[1], none);
		pte_set(&slot[2], none);
		pte_set(&slot[3], none);
	}
	for (pte_t *end = slot + (nr & 3); slot != end; slot++)
		pte_set(slot, none);
}

void *arch_vmap_entries(unsigned long va)
{
	pte_t *slot = find_slot(va, 0);

	return slot || pt_make_tables(va, 0) ? slot : find_slot(va, 0);
}

static __noinline void set_odd(void *entries, struct page *const *pages, unsigned long nr,
			       unsigned int prot)
{
	fill(entries, pages, nr, vmap_bits(prot));
}

void arch_vmap_set(void *entries, struct page *const *pages, unsigned long nr, unsigned int prot)
{
	if (likely(prot == (PROT_READ | PROT_WRITE)))
		fill(entries, pages, nr, USUAL_BITS);
	else
		set_odd(entries, pages, nr, prot);
}

bool arch_vmap_set_leaf(void *entries, const struct page *page)
{
	unsigned long frame = (unsigned long)page - this_hart->vmemmap;

	if (!pt_napot())
		return false;
	VM_BUG_ON((unsigned long)entries / sizeof(pte_t) % NAPOT_PAGES);
	pt_set_napot(entries, (pte_t){ frame << FRAME_SHIFT | USUAL_BITS });
	return true;
}

void arch_vmap_clear(void *entries, unsigned long nr)
{
	clear(entries, nr);
}

int arch_vmap_pages(unsigned long va, struct page *const *pages, unsigned long nr,
		    unsigned int prot)
{
	unsigned long bits = vmap_bits(prot);

	while (nr) {
		pte_t *slot = find_slot(va, 0);
		unsigned long n = pages_in_table(va, nr);

		if (unlikely(!slot)) {
			if (pt_make_tables(va, 0))
				return -ENOMEM;
			continue;
		}
		if (pt_napot())
			n = fill_napot(slot, va, pages, n, bits);
		else
			fill(slot, pages, n, bits);
		pages += n;
		va += n * PAGE_SIZE;
		nr -= n;
	}
	return 0;
}

/* A leaf of level 1 at @va, instead of the table that may be there. */
static int map_huge(struct tlb_batch *tlb, unsigned long va, phys_addr_t pa, unsigned long bits)
{
	pte_t *slot, old;
	unsigned long flags;

	if (!find_slot(va, 1) && pt_make_tables(va, 1))
		return -ENOMEM;
	slot = find_slot(va, 1);
	tlb_batch_make_room(tlb, 1);
	spin_lock_irqsave(&pt_lock, flags);
	old = *slot;
	pte_set(slot, pte_make(pa, bits));
	if (pte_valid(old))
		tlb_batch_add_table(tlb, pte_pa(old));
	spin_unlock_irqrestore(&pt_lock, flags);
	return 0;
}

static bool huge_fits(unsigned long va, phys_addr_t pa, unsigned long bytes, unsigned long max_leaf)
{
	unsigned long size = level_bytes(1);

	return min(max_leaf, arch_vmap_huge_leaf()) >= size && bytes >= size &&
	       IS_ALIGNED(va, size) && IS_ALIGNED(pa, size);
}

/* The entry of the frame @n behind @pte's. */
static inline pte_t pte_at(pte_t pte, unsigned long n)
{
	return (pte_t){ pte.val + (n << PTE_PPN_SHIFT) };
}

/* The @nr entries from @slot on map the frames from @pte's on. */
static __noinline void fill_range(pte_t *slot, unsigned long nr, pte_t pte)
{
	for (; nr >= 4; nr -= 4, slot += 4) {
		pte_set(&slot[0], pte);
		pte_set(&slot[1], pte_at(pte, 1));
		pte_set(&slot[2], pte_at(pte, 2));
		pte_set(&slot[3], pte_at(pte, 3));
		pte = pte_at(pte, 4);
	}
	for (; nr; nr--, pte = pte_at(pte, 1))
		pte_set(slot++, pte);
}

/* The same with leaves of 64 KiB, or as far as to where the first could begin.  How many. */
static __noinline unsigned long fill_leaves(pte_t *slot, unsigned long nr, pte_t pte)
{
	unsigned long before = -((unsigned long)slot / sizeof(*slot)) % NAPOT_PAGES;

	if (before || nr < NAPOT_PAGES || pte.val & NAPOT_MASK) {
		nr = before ? min(nr, before) : nr;
		fill_range(slot, nr, pte);
		return nr;
	}
	nr -= nr % NAPOT_PAGES;
	for (unsigned long i = 0; i < nr; i += NAPOT_PAGES)
		pt_set_napot(slot + i, pte_at(pte, i));
	return nr;
}

int arch_vmap_range(struct tlb_batch *tlb, unsigned long va, phys_addr_t pa, unsigned long bytes,
		    unsigned int prot, unsigned long max_leaf)
{
	unsigned long bits = vmap_bits(prot);

	while (bytes) {
		unsigned long n = level_bytes(1);
		pte_t *slot;

		if (huge_fits(va, pa, bytes, max_leaf)) {
			if (map_huge(tlb, va, pa, bits))
				return -ENOMEM;
		} else if ((slot = find_slot(va, 0))) {
			n = pages_in_table(va, bytes >> PAGE_SHIFT);
			if (pt_napot() && max_leaf >= NAPOT_BYTES)
				n = fill_leaves(slot, n, pte_make(pa, bits));
			else
				fill_range(slot, n, pte_make(pa, bits));
			n *= PAGE_SIZE;
		} else if (pt_make_tables(va, 0)) {
			return -ENOMEM;
		} else {
			continue;
		}
		va += n;
		pa += n;
		bytes -= n;
	}
	return 0;
}

/* What of [va, va + bytes) isn't mapped by the lowest table; how many bytes that is.  Where nothing
 * is mapped, somebody with addresses beside ours may be linking a table just now: that stays. */
static __noinline unsigned long unmap_odd(unsigned long va, unsigned long bytes)
{
	struct pt_place p = pt_find(va);
	unsigned long size = level_bytes(p.level);
	pte_t pte = { READ_ONCE(p.slot->val) };

	if (pte_valid(pte) && pte_is_leaf(pte)) {
		VM_BUG_ON(!IS_ALIGNED(va, size) || bytes < size);
		pte_set(p.slot, (pte_t){ 0 });
	}
	return min(bytes, size - (va & (size - 1)));
}

void arch_vunmap(unsigned long va, unsigned long bytes)
{
	while (bytes) {
		pte_t *slot = find_slot(va, 0);
		unsigned long n;

		if (likely(slot)) {
			n = pages_in_table(va, bytes >> PAGE_SHIFT);
			clear(slot, n);
			n *= PAGE_SIZE;
		} else {
			n = unmap_odd(va, bytes);
		}
		va += n;
		bytes -= n;
	}
}

/* Unlink the lowest table of @va, if there is one; the end of the addresses that this says
 * something about. */
static unsigned long unlink_table(struct tlb_batch *tlb, unsigned long va)
{
	unsigned long size = level_bytes(1), flags;
	pte_t *slot;

	spin_lock_irqsave(&pt_lock, flags);
	slot = find_slot(va, 1);
	if (!slot) {
		size = level_bytes(pt_find(va).level);
	} else if (pte_valid(*slot) && pt_may_free(slot)) {
		VM_BUG_ON(pte_is_leaf(*slot));
		tlb_batch_add_table(tlb, pte_pa(*slot));
		pte_set(slot, (pte_t){ 0 });
	}
	spin_unlock_irqrestore(&pt_lock, flags);
	return (va | (size - 1)) + 1;
}

void arch_vmap_free_tables(struct tlb_batch *tlb, unsigned long va, unsigned long end)
{
	unsigned long size = level_bytes(1);

	va = ALIGN_UP(va, size);
	while (va < end && end - va >= size) {
		tlb_batch_make_room(tlb, 1);
		va = unlink_table(tlb, va);
	}
}

unsigned long arch_vmap_table_bytes(void)
{
	return level_bytes(1);
}

unsigned long arch_vmap_leaf(void)
{
	return pt_napot() ? NAPOT_BYTES : PAGE_SIZE;
}

unsigned long arch_vmap_huge_leaf(void)
{
	return paging->levels > 2 ? level_bytes(1) : PAGE_SIZE;
}
