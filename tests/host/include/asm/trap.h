/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap.h - host stand-in: nothing traps
 */
#ifndef ASM_TRAP_H
#define ASM_TRAP_H

#include <base/types.h>

void backtrace_here(void);
void trap_set_fault_text(void (*fn)(unsigned long va, char *text, size_t bytes));
unsigned int page_user_trace(unsigned long *pcs, unsigned int max);

#endif
