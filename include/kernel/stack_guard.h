/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack_guard.h - the word behind arrays on the stack
 */
#ifndef KERNEL_STACK_GUARD_H
#define KERNEL_STACK_GUARD_H

#ifdef CONFIG_STACKPROTECTOR
/* stack_guard_init - draw it.  Boot hart, after random_init(), before the other harts have data of
 * their own; whoever called this must not be guarded. */
void stack_guard_init(void);
#else
static inline void stack_guard_init(void)
{
}
#endif

#endif
