/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgtable.h - what the suites of the page table share
 */
#ifndef TESTS_KERNEL_PGTABLE_H
#define TESTS_KERNEL_PGTABLE_H

#include <asm/mmu.h>
#include <asm/tlb.h>
#include <mm/page_alloc.h>
#include <shell/ktap.h>

/* A block of memory of the size of a large leaf, each page with its number in the first word. */
struct frames {
	struct page *block;
	unsigned order;
	phys_addr_t pa;
};
extern struct frames frames;

static inline unsigned long nr_frames(void)
{
	return 1UL << frames.order;
}

/* Bytes of a leaf of this level. */
unsigned long leaf_bytes(int level);

/* Levels of the mode that runs. */
int nr_levels(void);

/* setup - make frames, count tables; false, and skipped, if there is no memory for that.
 * teardown - check that all tables are back. */
bool setup(struct ktap *t);
void teardown(struct ktap *t);

#endif
