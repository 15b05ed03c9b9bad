/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leaves.c - the size of leaves: split, join; and a walk over all of them
 *
 * Split: a table with 512 (Sv32: 1024) smaller leaves of the same meaning takes the place of a
 * leaf, by one store.  Join is the way back.  Every hart finds the same translation before,
 * during and after, with either size, so neither needs the range to be idle; the old table is
 * freed after the flush.
 *
 * A leaf of 64 KiB (Svnapot) is split and joined in its table, entry by entry.  Meanwhile a hart
 * finds the same translation by an old entry or a new one, so these needn't be broken before they
 * are made, either; the fence covers all 16 pages, since a hart may keep one entry for each.
 *
 * The walk hands out runs: neighbouring leaves of one table with the same bits that map
 * neighbouring frames.  It holds pt_lock for one run, so what changes meanwhile is seen or
 * isn't.
 *
 * Locking: pt_lock for one table at a time.
 */
#include <asm/mmu.h>

#include <base/errno.h>
#include <kernel/panic.h>
#include <string.h>

#include "pt.h"

/* The entry that the leaf @first's neighbour, @i entries on, would have. */
static pte_t pte_next(pte_t first, unsigned long i, int level)
{
	return (pte_t){ first.val + (i << (LEVEL_BITS * (unsigned int)level + PTE_PPN_SHIFT)) };
}

/* The first of the 16 entries that @slot is one of. */
static pte_t *napot_first(pte_t *slot)
{
	return (pte_t *)ALIGN_DOWN((unsigned long)slot, NAPOT_PAGES * sizeof(*slot));
}

/* The leaf of 64 KiB around @va becomes pages.  pt_lock is held. */
static void split_napot(struct tlb_batch *tlb, unsigned long va, pte_t *slot)
{
	slot = napot_first(slot);
	for (unsigned long i = 0; i < NAPOT_PAGES; i++)
		pte_set(&slot[i], pte_own(&slot[i], slot[i]));
	tlb_batch_add(tlb, ALIGN_DOWN(va, NAPOT_BYTES), NAPOT_BYTES);
}

/* One level down; to leaves of 64 KiB instead of pages if @napot.  pt_lock is held. */
static int split_leaf(struct tlb_batch *tlb, struct pt_place p, bool napot)
{
	phys_addr_t pa = pt_alloc();
	pte_t *table;

	if (!pa)
		return -ENOMEM;
	table = pt_table(pa, p.level - 1);
	for (unsigned long i = 0; i < PTRS_PER_TABLE; i++) {
		pte_t pte = pte_next(*p.slot, i, p.level - 1);

		table[i] = napot && p.level == 1 ? pte_napot(pte) : pte;
	}
	smp_wmb(); /* a walker must not see the table before its entries */
	pte_set(p.slot, pte_table(pa));
	tlb->all = true;
	return 0;
}

/* Split the leaf that covers @va until it has at most @max bytes, or starts at @va if @at_va. */
static int split_to(struct tlb_batch *tlb, unsigned long va, unsigned long max, bool at_va)
{
	bool done, napot = pt_napot() && max >= NAPOT_BYTES;
	int err = 0;

	do {
		unsigned long flags;
		struct pt_place p;

		spin_lock_irqsave(&pt_lock, flags);
		p = pt_find(va);
		done = !pte_valid(*p.slot) || pte_bytes(*p.slot, p.level) <= max ||
		       (at_va && IS_ALIGNED(va, level_bytes(p.level)));
		if (!done && !p.level)
			split_napot(tlb, va, p.slot);
		else if (!done)
			err = split_leaf(tlb, p, napot);
		spin_unlock_irqrestore(&pt_lock, flags);
	} while (!done && !err);
	return err;
}

int pt_split_at(struct tlb_batch *tlb, unsigned long va)
{
	return split_to(tlb, va, pt_napot() ? NAPOT_BYTES : PAGE_SIZE, true);
}

void pt_split_napot(struct tlb_batch *tlb, unsigned long va)
{
	if (pt_napot() && !IS_ALIGNED(va, NAPOT_BYTES))
		BUG_ON(split_to(tlb, va, PAGE_SIZE, false));
}

/* The entry of @level on the way to @va; NULL if the way ends above. */
static pte_t *slot_of_level(unsigned long va, int level)
{
	pte_t *table = paging->root;

	for (int l = paging->levels - 1;; l--) {
		pte_t *slot = &table[table_index(va, l)];

		if (l == level)
			return slot;
		if (!pte_valid(*slot) || pte_is_leaf(*slot))
			return NULL;
		table = pt_table(pte_pa(*slot), l - 1);
	}
}

/* Can these @nr entries of a table of @level make way for one leaf? 0, -ENOENT or -EINVAL. */
static int check_join(const pte_t *table, unsigned long nr, int level)
{
	pte_t first = pte_own(table, table[0]);

	if (!pte_valid(first))
		return -ENOENT;
	if (!pte_is_leaf(first) || !IS_ALIGNED(pte_pa(first), nr * level_bytes(level)))
		return -EINVAL;
	for (unsigned long i = 1; i < nr; i++) {
		if (!pte_valid(table[i]))
			return -ENOENT;
		if (pte_own(&table[i], table[i]).val != pte_next(first, i, level).val)
			return -EINVAL;
	}
	return 0;
}

/* Make a leaf of @level at @va out of the table below. 0 if it is one, or part of a larger one. */
static int join_step(struct tlb_batch *tlb, unsigned long va, int level)
{
	pte_t *slot = slot_of_level(va, level), *table;
	phys_addr_t pa;
	int err;

	if (!slot)
		return pte_valid(*pt_find(va).slot) ? 0 : -ENOENT;
	if (!pte_valid(*slot))
		return -ENOENT;
	if (pte_is_leaf(*slot))
		return 0;
	if (!pt_may_free(slot))
		return -EINVAL;
	pa = pte_pa(*slot);
	table = pt_table(pa, level - 1);
	err = check_join(table, PTRS_PER_TABLE, level - 1);
	if (err)
		return err;
	pte_set(slot, pte_own(table, table[0]));
	tlb_batch_add_table(tlb, pa);
	return 0;
}

/* The same for 16 pages. */
static int join_napot(struct tlb_batch *tlb, unsigned long va)
{
	struct pt_place p;
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&pt_lock, flags);
	p = pt_find(va);
	if (!pte_valid(*p.slot)) {
		err = -ENOENT;
	} else if (!p.level && !(p.slot->val & PTE_N)) {
		p.slot = napot_first(p.slot);
		err = check_join(p.slot, NAPOT_PAGES, 0);
		if (!err) {
			pt_set_napot(p.slot, *p.slot);
			tlb_batch_add(tlb, ALIGN_DOWN(va, NAPOT_BYTES), NAPOT_BYTES);
		}
	}
	spin_unlock_irqrestore(&pt_lock, flags);
	return err;
}

static int join(struct tlb_batch *tlb, unsigned long va, int level)
{
	unsigned long flags;
	int err;

	tlb_batch_make_room(tlb, 1);
	spin_lock_irqsave(&pt_lock, flags);
	err = join_step(tlb, va, level);
	spin_unlock_irqrestore(&pt_lock, flags);
	return err;
}

void pt_rejoin(struct tlb_batch *tlb, unsigned long va, int level)
{
	for (int l = 1; l <= level; l++)
		join(tlb, va, l);
}

static bool is_napot(unsigned long leaf)
{
	return pt_napot() && leaf == NAPOT_BYTES;
}

/* The level whose leaves have @bytes, or -1. */
static int level_of(unsigned long bytes)
{
	for (int level = 0; level < paging->levels; level++) {
		if (level_bytes(level) == bytes)
			return level;
	}
	return -1;
}

int arch_split(unsigned long va, unsigned long leaf)
{
	struct tlb_batch tlb = TLB_BATCH_INIT;
	struct arch_mapping before;
	int err;

	if (level_of(leaf) < 0 && !is_napot(leaf))
		return -EINVAL;
	err = arch_lookup(va, &before);
	if (err)
		return err;
	err = split_to(&tlb, va, leaf, false);
	if (err)
		pt_rejoin(&tlb, va, level_of(before.leaf));
	tlb_batch_flush(&tlb);
	return err;
}

int arch_join(unsigned long va, unsigned long leaf)
{
	struct tlb_batch tlb = TLB_BATCH_INIT;
	int top = level_of(leaf), err = 0;
	unsigned long start = va & ~(leaf - 1);

	if (va < kernel_base() || (top < 1 && !is_napot(leaf)))
		return -EINVAL;
	if (top < 1)
		err = join_napot(&tlb, va);
	for (int level = 1; level <= top && !err; level++) {
		unsigned long size = level_bytes(level);

		for (unsigned long off = 0; off < leaf && !err; off += size)
			err = join(&tlb, start + off, level);
	}
	tlb_batch_flush(&tlb);
	return err;
}

/* ---- walk ---- */

/* Fill @run from the leaf at @i, and those that go on with it. */
static void take_run(const pte_t *table, unsigned long i, int level, unsigned long va,
		     struct leaf_run *run)
{
	pte_t first = pte_own(&table[i], table[i]);
	unsigned long n = 1;

	while (i + n < PTRS_PER_TABLE && !((table[i + n].val ^ table[i].val) & PTE_N) &&
	       pte_own(&table[i + n], table[i + n]).val == pte_next(first, n, level).val)
		n++;
	run->va = va;
	run->pa = pte_pa(first);
	run->bits = first.val & ~PTE_PPN_MASK;
	run->leaf = pte_bytes(table[i], level);
	run->bytes = n * level_bytes(level);
}

/* The first run at or above @va in @table, which begins at or below @va. pt_lock is held. */
static bool find_run(const pte_t *table, int level, unsigned long va, struct leaf_run *run)
{
	unsigned long size = level_bytes(level);
	bool root = level == paging->levels - 1;

	for (unsigned long i = table_index(va, level); i < PTRS_PER_TABLE; i++) {
		pte_t pte = table[i];

		/* The root's upper half is sign-extended. */
		if (root && i == PTRS_PER_TABLE / 2)
			va |= ~0UL << (paging->va_bits - 1);
		if (pte_valid(pte) && pte_is_leaf(pte)) {
			take_run(table, i, level, va & ~(size - 1), run);
			return true;
		}
		if (pte_valid(pte) &&
		    find_run(pt_table(pte_pa(pte), level - 1), level - 1, va, run))
			return true;
		va = (va & ~(size - 1)) + size;
	}
	return false;
}

int pgtable_walk(int (*fn)(const struct leaf_run *run, void *arg), void *arg)
{
	unsigned long va = 0;
	struct leaf_run run;
	unsigned long flags;
	bool found;
	int err = 0;

	do {
		spin_lock_irqsave(&pt_lock, flags);
		found = find_run(paging->root, paging->levels - 1, va, &run);
		spin_unlock_irqrestore(&pt_lock, flags);
		if (found)
			err = fn(&run, arg);
		va = run.va + run.bytes;
	} while (found && va && !err);
	return err;
}
