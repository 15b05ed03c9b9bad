/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kstack.h - stacks for threads, with unmapped guards
 */
#ifndef MM_KSTACK_H
#define MM_KSTACK_H

/*
 * kstack_alloc - STACK_SIZE bytes of stack, from pages of node @nid (NUMA_NO_NODE: any)
 * Returns its lowest address, or 0 if memory or the vmalloc region is used up.  STACK_SIZE bytes
 * below it, and a page above, are not mapped.  Not zeroed.  May sleep; fences every hart unless a
 * stack that was freed on this hart is at hand.
 */
unsigned long kstack_alloc(int nid);

/* kstack_own - @stack, which kstack_alloc() returned, is @name's, which stays as long: the area
 * says so.  Any context. */
void kstack_own(unsigned long stack, const char *name);

/*
 * kstack_free - give a stack back, that no hart uses any more
 * @stack: what kstack_alloc() returned; anything else is a panic.  This hart keeps it for the next,
 * or it goes as vfree() does.  Any context.
 */
void kstack_free(unsigned long stack);

/* kstack_flush - what kstack_free() was given so far is back when this returns, addresses too.  May
 * sleep; fences every hart. */
void kstack_flush(void);

/* kstack_validate - check all stacks against the page table; panics naming what is wrong.  Returns
 * how many are in use. */
unsigned int kstack_validate(void);

#endif
