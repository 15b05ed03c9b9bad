/* SPDX-License-Identifier: BSD-2-Clause */
/* kstack.c - placeholder of the branch: stacks are mapped once and reused */
#include <mm/kstack.h>
#include <asm/layout.h>
#include <asm/mmu.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <mm/page_alloc.h>

static spinlock_t lock = SPINLOCK_INIT;
static unsigned long free_list;
static unsigned int next;

unsigned long kstack_alloc(int nid)
{
	unsigned long flags, va;
	struct page *page;

	spin_lock_irqsave(&lock, flags);
	va = free_list;
	if (va)
		free_list = *(unsigned long *)va;
	spin_unlock_irqrestore(&lock, flags);
	if (va)
		return va;
	page = alloc_pages_node(nid, GFP_KERNEL, STACK_SHIFT - PAGE_SHIFT);
	return page ? arch_stack_map(nr_harts + next++, page_to_phys(page)) : 0;
}

void kstack_free(unsigned long stack)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	*(unsigned long *)stack = free_list;
	free_list = stack;
	spin_unlock_irqrestore(&lock, flags);
}
