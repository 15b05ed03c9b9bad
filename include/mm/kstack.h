/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kstack.h - stacks for threads, with unmapped guards
 */
#ifndef MM_KSTACK_H
#define MM_KSTACK_H

/*
 * kstack_alloc - STACK_SIZE bytes of stack, from pages of node @nid (NUMA_NO_NODE: any)
 * Returns its lowest address, or 0 if memory or the stack area is used up.  Below it, and above, at
 * least STACK_SIZE bytes are not mapped.  Not zeroed.  May sleep; fences every hart.
 */
unsigned long kstack_alloc(int nid);

/*
 * kstack_free - give a stack back, that no hart uses any more
 * @stack: what kstack_alloc() returned; anything else is a panic.  Its pages and its addresses come
 * back together, when all harts have been fenced: at the latest when as many stacks wait for
 * that as one flush takes.  May sleep.
 */
void kstack_free(unsigned long stack);

/*
 * kstack_flush - what kstack_free() was given so far is back when this returns
 * If another thread is just giving some back, it gets 100 ms for that.  May sleep.
 */
void kstack_flush(void);

/* kstack_validate - check the map of stack slots; panics naming what is wrong.  Returns how many
 * stacks are in use. */
unsigned int kstack_validate(void);

#endif
