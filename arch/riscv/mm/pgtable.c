/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgtable.c - the kernel's page table: map, unmap, protect, look up
 *
 * One mechanism for Sv32 to Sv57: a mode is a number of levels (asm/pgtable.h).  A request is a
 * range that is used up from its front in steps; a step is one descent and as many entries of
 * the table found there as fit.
 *
 * All or nothing: what can fail is done first (unmap and protect look for holes and split the
 * leaves at both ends, and rejoin them if memory runs out) or undone (map).
 *
 * A table that a step leaves empty is unlinked, and freed by the batch after its flush.
 *
 * Invariants: no entry is both writable and executable; an entry that points to a table points
 *   to one that isn't empty, or is pinned (a root entry that address spaces share).
 * Locking: pt_lock (rank PGTABLE), interrupts off, for a step; a table page is allocated under
 *   it.  Callers serialise calls for the same addresses.  Flushes are made without it.
 * Cost: a run of leaves in one table is one descent and a store each, and for unmap a look at
 *   whether the table is empty.
 * Not here: what is mapped where (mm/), size of leaves (leaves.c), fences (tlb.c).
 */
#define LOG_PREFIX "paging: "

#include <asm/mmu.h>

#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <string.h>

#include "pt.h"

spinlock_t pt_lock = SPINLOCK_RANKED(LOCK_PGTABLE);

static struct arch_table_source hooks;
static unsigned long nr_tables; /* that came from the hook */

/* One range, used up from the front. */
struct request {
	struct tlb_batch *tlb;
	unsigned long va;
	phys_addr_t pa; /* map only */
	unsigned long bytes;
	unsigned long bits;	/* map and protect: of the entries */
	unsigned long max_leaf; /* map only */
	unsigned long keep;	/* protect: bits that the entries have and keep */
};

void arch_map_set_allocator(phys_addr_t (*alloc)(void), void (*free)(phys_addr_t pa))
{
	hooks = (struct arch_table_source){ alloc, free };
}

struct arch_table_source arch_swap_tables(struct arch_table_source source)
{
	struct arch_table_source old;
	unsigned long flags;

	spin_lock_irqsave(&pt_lock, flags);
	old = hooks;
	hooks = source;
	spin_unlock_irqrestore(&pt_lock, flags);
	return old;
}

phys_addr_t pt_alloc(void)
{
	phys_addr_t pa = hooks.alloc ? hooks.alloc() : 0;

	__atomic_fetch_add(&nr_tables, pa != 0, __ATOMIC_RELAXED);
	return pa;
}

void pt_free(phys_addr_t pa)
{
	__atomic_fetch_sub(&nr_tables, 1, __ATOMIC_RELAXED);
	hooks.free(pa);
}

unsigned long arch_nr_tables(void)
{
	return READ_ONCE(nr_tables);
}

bool pt_may_free(const pte_t *slot)
{
	return hooks.free && !(slot->val & PTE_PINNED);
}

bool pt_kernel_range(unsigned long va, unsigned long bytes)
{
	return bytes && IS_ALIGNED(va | bytes, PAGE_SIZE) && va >= kernel_base() &&
	       va + (bytes - 1) >= va;
}

/* Entries can't say "nothing", "write only" or, for their content, "write and execute"; memory is of
 * one kind. */
static bool valid_prot(unsigned int prot)
{
	if (prot & PROT_IO && prot & PROT_NC)
		return false;
	if (prot & PROT_WRITE && (prot & PROT_EXEC || !(prot & PROT_READ)))
		return false;
	return prot & (PROT_READ | PROT_EXEC);
}

unsigned long pt_prot_bits(unsigned int prot)
{
	unsigned long bits = PTE_A | PTE_D | PTE_G;

	if (prot & PROT_READ)
		bits |= PTE_R;
	if (prot & PROT_WRITE)
		bits |= PTE_W;
	if (prot & PROT_EXEC)
		bits |= PTE_X;
	if (prot & PROT_IO)
		bits |= PTE_IO | (pt_isa & DT_ISA_SVPBMT ? PTE_PBMT_IO : 0);
	if (prot & PROT_NC)
		bits |= PTE_NC | (pt_isa & DT_ISA_SVPBMT ? PTE_PBMT_NC : 0);
	return bits;
}

static unsigned int bits_prot(unsigned long bits)
{
	return (bits & PTE_R ? PROT_READ : 0U) | (bits & PTE_W ? PROT_WRITE : 0U) |
	       (bits & PTE_X ? PROT_EXEC : 0U) | (bits & PTE_IO ? PROT_IO : 0U) |
	       (bits & PTE_NC ? PROT_NC : 0U);
}

struct pt_place pt_find(unsigned long va)
{
	int level = paging->levels - 1;
	pte_t *table = paging->root;

	for (;;) {
		pte_t *slot = &table[table_index(va, level)];

		if (!pte_valid(*slot) || pte_is_leaf(*slot))
			return (struct pt_place){ slot, level };
		table = pt_table(pte_pa(*slot), --level);
	}
}

static void advance(struct request *r, unsigned long bytes)
{
	r->va += bytes;
	r->pa += bytes;
	r->bytes -= bytes;
}

/* Did @r, after an entry of @level, come to the end of its table? */
static bool at_table_end(const struct request *r, int level)
{
	return table_index(r->va, level) == 0;
}

/* Take steps until @r is used up; between two of them others get their turn. */
static int run_steps(struct request *r, int (*step)(struct request *r))
{
	int err = 0;

	while (r->bytes && !err) {
		unsigned long flags;

		tlb_batch_make_room(r->tlb, MAX_LEVELS);
		spin_lock_irqsave(&pt_lock, flags);
		err = step(r);
		spin_unlock_irqrestore(&pt_lock, flags);
	}
	return err;
}

/* ---- unmap, protect ---- */

static bool table_empty(const pte_t *table)
{
	for (unsigned long i = 0; i < PTRS_PER_TABLE; i++) {
		if (table[i].val)
			return false;
	}
	return true;
}

/* Unlink the tables on the way to @va that are empty. pt_lock is held. */
static void prune(struct tlb_batch *tlb, unsigned long va)
{
	pte_t *path[MAX_LEVELS]; /* the entry of each level on the way */
	int top = paging->levels - 1, level = top;

	path[top] = &paging->root[table_index(va, top)];
	while (level && pte_valid(*path[level]) && !pte_is_leaf(*path[level])) {
		pte_t *table = pt_table(pte_pa(*path[level]), level - 1);

		level--;
		path[level] = &table[table_index(va, level)];
	}
	for (; level < top; level++) {
		pte_t *slot = path[level + 1];
		phys_addr_t pa = pte_pa(*slot);

		if (!pt_may_free(slot) || !table_empty(pt_table(pa, level)))
			return;
		pte_set(slot, (pte_t){ 0 });
		tlb_batch_add_table(tlb, pa);
	}
}

/* The bits of @pte, a leaf, when @r is done. */
static unsigned long new_bits(const struct request *r, pte_t pte)
{
	return (pte.val & r->keep) | r->bits;
}

/* Nothing in the range is missing, or would become what entries can't say. */
static int check_step(struct request *r)
{
	struct pt_place p = pt_find(r->va);
	unsigned long size = level_bytes(p.level);

	do {
		if (!pte_valid(*p.slot))
			return -ENOENT;
		if (!pte_is_leaf(*p.slot))
			return 0;
		if (!valid_prot(bits_prot(new_bits(r, *p.slot++))))
			return -EINVAL;
		advance(r, min(r->bytes, size - (r->va & (size - 1))));
	} while (r->bytes && !at_table_end(r, p.level));
	return 0;
}

/* Replace the leaves of one table; no leaf reaches out of the range. */
static int change_step(struct request *r, bool clear)
{
	struct pt_place p = pt_find(r->va);
	unsigned long size = level_bytes(p.level), first = r->va;

	if (!pte_valid(*p.slot))
		panic("kernel address 0x%lx was unmapped while it was being %s", r->va,
		      clear ? "unmapped" : "protected");
	do {
		pte_t pte = { 0 };

		if (!clear)
			pte.val = (p.slot->val & (PTE_N | PTE_PPN_MASK)) | new_bits(r, *p.slot) |
				  PTE_V;
		pte_set(p.slot++, pte);
		advance(r, size);
	} while (r->bytes && !at_table_end(r, p.level) && pte_valid(*p.slot) &&
		 pte_is_leaf(*p.slot));
	tlb_batch_add(r->tlb, first, r->va - first);
	if (clear)
		prune(r->tlb, first);
	return 0;
}

static int clear_step(struct request *r)
{
	return change_step(r, true);
}

static int protect_step(struct request *r)
{
	return change_step(r, false);
}

/* The level of the leaf at @va, 0 if there is none. */
static int leaf_level(unsigned long va)
{
	struct pt_place p;
	unsigned long flags;

	spin_lock_irqsave(&pt_lock, flags);
	p = pt_find(va);
	if (!pte_valid(*p.slot))
		p.level = 0;
	spin_unlock_irqrestore(&pt_lock, flags);
	return p.level;
}

/* @r can be done: every page of it is mapped, and no leaf reaches across its ends. */
static int isolate(struct request r)
{
	unsigned long va = r.va, end = va + r.bytes;
	struct tlb_batch *tlb = r.tlb;
	int first, last, err;

	if (!pt_kernel_range(va, r.bytes))
		return -EINVAL;
	err = run_steps(&r, check_step);
	if (err)
		return err;
	first = leaf_level(va);
	last = end ? leaf_level(end) : 0;
	err = pt_split_at(tlb, va);
	if (!err && end)
		err = pt_split_at(tlb, end);
	if (err) {
		pt_rejoin(tlb, va, first);
		pt_rejoin(tlb, end, last);
		return err;
	}
	pt_split_napot(tlb, va);
	if (end)
		pt_split_napot(tlb, end);
	return 0;
}

int arch_unmap_batch(struct tlb_batch *tlb, unsigned long va, unsigned long bytes)
{
	struct request r = { .tlb = tlb, .va = va, .bytes = bytes, .keep = ~0UL };
	int err = isolate(r);

	return err ? err : run_steps(&r, clear_step);
}

int arch_unmap(unsigned long va, unsigned long bytes)
{
	struct tlb_batch tlb = TLB_BATCH_INIT;
	int err = arch_unmap_batch(&tlb, va, bytes);

	tlb_batch_flush(&tlb);
	return err;
}

int arch_protect_batch(struct tlb_batch *tlb, unsigned long va, unsigned long bytes,
		       unsigned int prot)
{
	struct request r = { .tlb = tlb, .va = va, .bytes = bytes, .bits = pt_prot_bits(prot) };
	int err = valid_prot(prot) ? isolate(r) : -EINVAL;

	return err ? err : run_steps(&r, protect_step);
}

int arch_protect(unsigned long va, unsigned long bytes, unsigned int prot)
{
	struct tlb_batch tlb = TLB_BATCH_INIT;
	int err = arch_protect_batch(&tlb, va, bytes, prot);

	tlb_batch_flush(&tlb);
	return err;
}

int arch_change_prot_batch(struct tlb_batch *tlb, unsigned long va, unsigned long bytes,
			   unsigned int clear, unsigned int set)
{
	unsigned long rights = pt_prot_bits(clear) & PTE_LEAF;
	struct request r = { .tlb = tlb,
			     .va = va,
			     .bytes = bytes,
			     .bits = pt_prot_bits(set) & PTE_LEAF,
			     .keep = ~PTE_PPN_MASK & ~rights };
	int err = isolate(r);

	return err ? err : run_steps(&r, protect_step);
}

/* ---- map ---- */

static bool leaf_fits(const struct request *r, int level)
{
	unsigned long size = level_bytes(level);

	if (level == 0)
		return true;
	return size <= r->max_leaf && r->bytes >= size && IS_ALIGNED(r->va, size) &&
	       IS_ALIGNED(r->pa, size);
}

/* Volatile, so that no compiler makes it a call of memset, which goes byte by byte. */
static void clear_table(volatile pte_t *table)
{
	for (volatile pte_t *end = table + PTRS_PER_TABLE; table != end; table += 4)
		table[0].val = table[1].val = table[2].val = table[3].val = 0;
}

/* Link a new, empty table into @slot. */
static int make_table(struct pt_place p)
{
	phys_addr_t pa = pt_alloc();

	if (!pa)
		return -ENOMEM;
	clear_table(pt_table(pa, p.level - 1));
	smp_wmb(); /* a walker must not see the table before its zeroes */
	pte_set(p.slot, pte_table(pa));
	return 0;
}

/* Go down from @p to where a leaf of @r fits, making tables. */
static int descend(struct request *r, struct pt_place *p)
{
	while (!leaf_fits(r, p->level)) {
		int err = make_table(*p);

		if (err)
			return err;
		r->tlb->all = true;
		*p = pt_find(r->va);
	}
	return 0;
}

/* Can the 16 pages from @slot on be one leaf? */
static bool napot_fits(const struct request *r, const pte_t *slot)
{
	if (!pt_napot() || r->max_leaf < NAPOT_BYTES || r->bytes < NAPOT_BYTES ||
	    !IS_ALIGNED(r->va | r->pa, NAPOT_BYTES))
		return false;
	for (unsigned long i = 0; i < NAPOT_PAGES; i++) {
		if (pte_valid(slot[i]))
			return false;
	}
	return true;
}

/* One leaf of @level at the front of @r: how many entries it took. */
static unsigned long map_leaf(struct request *r, pte_t *slot, int level)
{
	pte_t pte = pte_make(r->pa, r->bits);

	if (level || !napot_fits(r, slot)) {
		pte_set(slot, pte);
		advance(r, level_bytes(level));
		return 1;
	}
	pt_set_napot(slot, pte);
	advance(r, NAPOT_BYTES);
	return NAPOT_PAGES;
}

static int map_step(struct request *r)
{
	struct pt_place p = pt_find(r->va);
	unsigned long first = r->va;
	int err;

	if (pte_valid(*p.slot))
		return -EEXIST;
	err = descend(r, &p);
	if (err) {
		prune(r->tlb, r->va);
		return err;
	}
	do {
		p.slot += map_leaf(r, p.slot, p.level);
	} while (r->bytes && !at_table_end(r, p.level) && !pte_valid(*p.slot) &&
		 leaf_fits(r, p.level));
	tlb_batch_add(r->tlb, first, r->va - first);
	return 0;
}

/* Everything that arch_map() is asked makes sense. */
static bool valid_map(const struct request *r, unsigned int prot)
{
	return pt_kernel_range(r->va, r->bytes) && valid_prot(prot) &&
	       IS_ALIGNED(r->pa, PAGE_SIZE) && r->pa < MAX_PHYS && r->bytes <= MAX_PHYS - r->pa &&
	       r->max_leaf >= PAGE_SIZE;
}

int arch_map_batch(struct tlb_batch *tlb, unsigned long va, phys_addr_t pa, unsigned long bytes,
		   unsigned int prot, unsigned long max_leaf)
{
	struct request r = { tlb, va, pa, bytes, pt_prot_bits(prot), max_leaf, 0 };
	int err;

	if (!valid_map(&r, prot))
		return -EINVAL;
	err = run_steps(&r, map_step);
	if (err) {
		struct request undo = { .tlb = tlb, .va = va, .bytes = r.va - va };

		run_steps(&undo, clear_step);
	}
	return err;
}

int arch_map(unsigned long va, phys_addr_t pa, unsigned long bytes, unsigned int prot,
	     unsigned long max_leaf)
{
	struct tlb_batch tlb = TLB_BATCH_INIT;
	int err = arch_map_batch(&tlb, va, pa, bytes, prot, max_leaf);

	tlb_batch_flush(&tlb);
	return err;
}

int pt_make_tables(unsigned long va, int level)
{
	struct pt_place p;
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&pt_lock, flags);
	for (p = pt_find(va); p.level > level && !err; p = pt_find(va))
		err = pte_valid(*p.slot) ? -EEXIST : make_table(p);
	spin_unlock_irqrestore(&pt_lock, flags);
	return err;
}

int __init pt_fill_root(unsigned long va, unsigned long bytes)
{
	int top = paging->levels - 1, err = 0;
	struct tlb_batch tlb = { .start = ~0UL, .all = true };
	unsigned long flags;

	bytes += va & (level_bytes(top) - 1);
	va &= ~(level_bytes(top) - 1);
	spin_lock_irqsave(&pt_lock, flags);
	for (unsigned long at = va; bytes && at - va < bytes && !err; at += level_bytes(top)) {
		struct pt_place p = { &paging->root[table_index(at, top)], top };

		if (!pte_valid(*p.slot))
			err = make_table(p);
		if (!err && !pte_is_leaf(*p.slot))
			pte_set(p.slot, (pte_t){ p.slot->val | PTE_PINNED });
	}
	spin_unlock_irqrestore(&pt_lock, flags);
	tlb_batch_flush(&tlb);
	return err;
}

/* ---- look up, use ---- */

int arch_take_use(struct tlb_batch *tlb, unsigned long va, unsigned int forget)
{
	unsigned long clear =
		(forget & USE_ACCESSED ? PTE_A : 0) | (forget & USE_DIRTY ? PTE_D : 0);
	unsigned long flags, bits = 0, bytes, n = 1;
	struct pt_place p;

	if (va < kernel_base())
		return -ENOENT;
	spin_lock_irqsave(&pt_lock, flags);
	p = pt_find(va);
	bytes = pte_bytes(*p.slot, p.level);
	if (p.slot->val & PTE_N) { /* the hart may note it in any of the 16 */
		n = NAPOT_PAGES;
		p.slot -= table_index(va, 0) % n;
	}
	for (; n; n--, p.slot++)
		bits |= __atomic_fetch_and(&p.slot->val, ~clear, __ATOMIC_RELAXED);
	spin_unlock_irqrestore(&pt_lock, flags);
	if (!(bits & PTE_V))
		return -ENOENT;
	if (forget)
		tlb_batch_add(tlb, va & ~(bytes - 1), bytes);
	return (bits & PTE_A ? USE_ACCESSED : 0) | (bits & PTE_D ? USE_DIRTY : 0);
}

int arch_lookup(unsigned long va, struct arch_mapping *map)
{
	struct pt_place p;
	unsigned long flags;
	pte_t pte;

	if (va < kernel_base())
		return -ENOENT;
	spin_lock_irqsave(&pt_lock, flags);
	p = pt_find(va);
	pte = *p.slot;
	spin_unlock_irqrestore(&pt_lock, flags);
	if (!pte_valid(pte))
		return -ENOENT;
	map->leaf = pte_bytes(pte, p.level);
	map->pa = pte_pa(pte_own(p.slot, pte)) + (va & (level_bytes(p.level) - 1));
	map->prot = bits_prot(pte.val);
	return 0;
}
