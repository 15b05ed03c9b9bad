/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgtable_world.h - what the page table's code stands on in its test (pgtable_world.c)
 */
#ifndef TESTS_PGTABLE_WORLD_H
#define TESTS_PGTABLE_WORLD_H

#include <asm/mmu.h>

#include "../../arch/riscv/mm/pt.h"

#define TABLES_PA 0x80000000u /* a physical address that is memory */
#define NOTHING	  (~0ull)

/* Each mode of this width, without and with leaves of 64 KiB. */
#ifdef CONFIG_ARCH_RV32I
#define NR_WORLDS 2
#else
#define NR_WORLDS 6
#endif

extern unsigned int nr_live, nr_pending; /* tables: linked, or waiting for their flush */
extern unsigned int fail_one_in;	 /* how often there is no memory for a table; 0: never */
extern unsigned int tables_left;	 /* until no more can be taken */

/* world_begin - mode and leaves of @world < NR_WORLDS, an empty table; world_end: it's empty. */
void world_begin(unsigned int world);
void world_end(void);

/* world_forget - empty the table as it stands, with tables that stay for good. */
void world_forget(void);

/* What a hart finds at @va. */
struct seen {
	u64 pa; /* NOTHING: a page fault */
	unsigned int prot;
	unsigned long leaf; /* bytes */
};
struct seen walk(unsigned long va);

#endif
