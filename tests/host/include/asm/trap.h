/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap.h - host stand-in: nothing traps
 */
#ifndef ASM_TRAP_H
#define ASM_TRAP_H

void backtrace_here(void);
unsigned int page_user_trace(unsigned long *pcs, unsigned int max);

#endif
