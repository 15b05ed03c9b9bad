/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard.c - pages of the linear map that come and go (debug_pagealloc)
 *
 * An access to a free page faults: its entry isn't valid while it's free.  The linear map is then
 * made of 4 KiB leaves, so an entry is changed by one store, splits nothing and allocates nothing.
 *
 * No lock: the linear map's tables stay for good, and an entry is changed by whoever has the page,
 * the one that frees it or the one that gets it.  (pt_lock can't be taken: a page table's own page
 * is allocated under it.)
 *
 * Only this hart is fenced, since the others can't be with interrupts off.  Another that still
 * thinks the entry invalid faults, sees that it's valid and goes on (fault.c).  One that still
 * thinks it valid reaches a free page unnoticed until its entry is replaced: a bug that is missed,
 * never one that is invented.
 */
#include <asm/mmu.h>

#include "pt.h"

void arch_linear_valid(const void *addr, unsigned long nr_pages, bool valid)
{
	unsigned long va = (unsigned long)addr, end = va + nr_pages * PAGE_SIZE;

	while (va < end) {
		struct pt_place p = pt_find(va);

		do {
			/* A larger leaf, or none: not ours to change. */
			if (!p.level && !(p.slot->val & PTE_N))
				pte_set(p.slot, (pte_t){ valid ? p.slot->val | PTE_V
							       : p.slot->val & ~PTE_V });
			p.slot++;
			va += PAGE_SIZE;
		} while (va < end && !p.level && table_index(va, 0));
	}
	tlb_flush_local_range((unsigned long)addr, nr_pages * PAGE_SIZE);
}
