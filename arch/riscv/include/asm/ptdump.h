/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ptdump.h - the kernel's page table as text
 */
#ifndef ASM_PTDUMP_H
#define ASM_PTDUMP_H

/* A line for each run of leaves with the same protection and size; @emit gets it without \n. */
void ptdump(void (*emit)(const char *line));

#endif
