/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * set_memory.c - who may write or execute pages of the kernel's
 *
 * A page of vmalloc() has two addresses, and W^X is about the page: so the linear map's alias is
 * writable if, and only if, the mapping asked about is; it's never executable.
 *
 * All or nothing: the first round looks at every page, and splits the alias's leaf, which alone can
 * fail of what is done to it; then the mapping is changed, and the aliases last.  What becomes
 * executable isn't before every hart knows that nobody can write it by either address.
 *
 * The image's pages are sealed by boot (asm/mmu.h) and stay what they are.
 *
 * Locking: pt_lock (rank PGTABLE) below; callers own their pages.
 * Cost: a look-up a page, and a fence of all harts; two for set_memory_rox().
 */
#include <mm/set_memory.h>

#include <asm/barrier.h>
#include <asm/mmu.h>
#include <asm/sections.h>
#include <asm/tlb.h>
#include <base/errno.h>
#include <kernel/panic.h>
#include <kernel/smp.h>
#include <mm/kmap.h>
#include <mm/memmap.h>

/* Is that a page that the image still has? */
static bool in_image(phys_addr_t pa)
{
	struct arch_mapping map;

	return pa >= va_layout.image_pa && pa < __pa_symbol(_end) &&
	       !arch_lookup(va_layout.image_va + (unsigned long)(pa - va_layout.image_pa), &map);
}

/* The linear map's address of the page at @va, 0: @va is it, or there is none. */
static unsigned long alias_of(unsigned long va, phys_addr_t pa)
{
	struct arch_mapping map;
	void *alias = __va(pa);

	if (va_is_linear((void *)va) || !arch_linear_reaches(pa, pa + PAGE_SIZE) ||
	    !pfn_valid(PFN_DOWN(pa)) || arch_lookup((unsigned long)alias, &map))
		return 0;
	return (unsigned long)alias;
}

/* Windows show it writable now and then, and a while after they are closed (mm/kmap.h). */
static bool is_high(phys_addr_t pa)
{
	return !arch_linear_reaches(pa, pa + PAGE_SIZE) && pfn_valid(PFN_DOWN(pa));
}

/* The page's rights by @alias, with those that change_aliases() will take and give, go with @set;
 * then it's a leaf of its own. */
static int prepare_alias(unsigned long alias, unsigned int clear, unsigned int set)
{
	struct arch_mapping map;
	int err = arch_lookup(alias, &map);

	if (err)
		return err;
	if (set & PROT_EXEC && map.prot & ~clear & PROT_WRITE)
		return -EINVAL;
	if (set & PROT_WRITE && map.prot & PROT_EXEC)
		return -EINVAL;
	return arch_split(alias, PAGE_SIZE);
}

/* All of it can be changed so that it has @set, and then the aliases' rights can, without an
 * error. */
static int prepare(unsigned long addr, unsigned long bytes, unsigned int clear, unsigned int set)
{
	for (unsigned long va = addr; va - addr < bytes; va += PAGE_SIZE) {
		struct arch_mapping map;
		int err = arch_lookup(va, &map);
		unsigned long alias;

		if (err)
			return err;
		if (in_image(map.pa))
			return -EPERM;
		if (set & PROT_EXEC && is_high(map.pa))
			return -EINVAL;
		alias = alias_of(va, map.pa);
		err = alias ? prepare_alias(alias, clear, set) : 0;
		if (err)
			return err;
	}
	return 0;
}

static void change_aliases(struct tlb_batch *tlb, unsigned long addr, unsigned long bytes,
			   unsigned int clear, unsigned int set)
{
	for (unsigned long va = addr; va - addr < bytes; va += PAGE_SIZE) {
		struct arch_mapping map;
		unsigned long alias = arch_lookup(va, &map) ? 0 : alias_of(va, map.pa);

		if (alias && arch_change_prot_batch(tlb, alias, PAGE_SIZE, clear, set))
			panic("page 0x%llx: its address 0x%lx can't be protected", PA(map.pa),
			      alias);
	}
}

/* Of pages that were prepared. */
static int change_both(unsigned long addr, unsigned long bytes, unsigned int clear,
		       unsigned int set)
{
	struct tlb_batch tlb = TLB_BATCH_INIT;
	unsigned int both = PROT_READ | PROT_WRITE; /* rights that the alias has, too */
	int err = arch_change_prot_batch(&tlb, addr, bytes, clear, set);

	if (!err && (clear | set) & PROT_WRITE)
		change_aliases(&tlb, addr, bytes, clear & PROT_WRITE, set & both);
	tlb_batch_flush(&tlb);
	return err;
}

static int change(unsigned long addr, int numpages, unsigned int clear, unsigned int set)
{
	unsigned long bytes = (unsigned long)numpages * PAGE_SIZE;
	int err;

	if (numpages < 0 || (unsigned long)numpages > ~0UL / PAGE_SIZE ||
	    !IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (!bytes)
		return 0;
	if (clear & PROT_WRITE)
		kmap_flush_unused();
	err = prepare(addr, bytes, clear, set);
	/* The first change alone can fail: no leaf reaches across the ends after it. */
	if (!err && clear)
		err = change_both(addr, bytes, clear, 0);
	if (!err && set)
		err = change_both(addr, bytes, 0, set);
	return err;
}

static void see_code(void *arg)
{
	instruction_barrier();
}

int set_memory_ro(unsigned long addr, int numpages)
{
	return change(addr, numpages, PROT_WRITE, 0);
}

int set_memory_rw(unsigned long addr, int numpages)
{
	return change(addr, numpages, 0, PROT_READ | PROT_WRITE);
}

int set_memory_x(unsigned long addr, int numpages)
{
	int err = change(addr, numpages, 0, PROT_EXEC);

	if (!err)
		on_each_hart(see_code, NULL);
	return err;
}

int set_memory_nx(unsigned long addr, int numpages)
{
	return change(addr, numpages, PROT_EXEC, 0);
}

int set_memory_rox(unsigned long addr, int numpages)
{
	int err = change(addr, numpages, PROT_WRITE, PROT_EXEC);

	if (!err)
		on_each_hart(see_code, NULL);
	return err;
}
