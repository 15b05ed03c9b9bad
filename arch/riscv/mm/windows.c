/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * windows.c - the page tables of windows (asm/windows.h)
 *
 * The lowest tables are the caller's, one after the other, so that an entry is found by
 * arithmetic; those above come from the table allocator.  All stay for good (PTE_PINNED).
 * Locking: none, the boot hart is alone.
 */
#include <asm/windows.h>

#include <base/errno.h>
#include <string.h>

#include "pt.h"

/* @pa becomes the table of the lowest level on the way to @va. */
static int link_table(unsigned long va, phys_addr_t pa)
{
	struct pt_place p = pt_find(va);

	for (; p.level > 1; p = pt_find(va)) {
		phys_addr_t upper = pt_alloc();

		if (!upper)
			return -ENOMEM;
		memset(pt_table(upper, p.level - 1), 0, PAGE_SIZE);
		pte_set(p.slot, (pte_t){ pte_table(upper).val | PTE_PINNED });
	}
	pte_set(p.slot, (pte_t){ pte_table(pa).val | PTE_PINNED });
	return 0;
}

int arch_windows_init(unsigned long va, unsigned long bytes, unsigned long *entries)
{
	int err = 0;

	for (unsigned long at = 0; at < bytes && !err; at += WINDOW_TABLE_BYTES)
		err = link_table(va + at, __pa(entries) + (at / PAGE_SIZE) * sizeof(*entries));
	tlb_flush_local_all();
	return err;
}
