/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kstack.h - stacks for threads, with unmapped guards
 */
#ifndef MM_KSTACK_H
#define MM_KSTACK_H

/*
 * kstack_alloc - STACK_SIZE bytes of stack, from pages of node @nid (NUMA_NO_NODE: any)
 * Returns its lowest address, or 0 if memory or the stack area is used up.  Below it, and above, at
 * least a page is not mapped.  Not zeroed.  May sleep.
 */
unsigned long kstack_alloc(int nid);

/* kstack_free - give a stack back, that no hart uses any more.  May sleep. */
void kstack_free(unsigned long stack);

/* Check the map of stack slots; panics naming what is wrong.  Returns how many stacks are in use. */
unsigned int kstack_validate(void);

#endif
