/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmu.h - host stand-in: a page table that knows descriptors only
 *
 * The page table's own test (HOST_PGTABLE) takes the kernel's.
 */
#ifdef HOST_PGTABLE
#include <asm/hart_local.h>
#include "../../../../arch/riscv/include/asm/mmu.h"
#endif
#ifndef ASM_MMU_H
#define ASM_MMU_H

#include <asm/memory.h>
#include <base/compiler.h>

/* As <sys/mman.h> writes them, so that both may be included. */
#define PROT_READ  0x1
#define PROT_WRITE 0x2

/* mm_world.c: descriptors that were mapped are readable, others trap. */
struct arch_mapping {
	phys_addr_t pa;
};
int arch_map(unsigned long va, phys_addr_t pa, unsigned long bytes, unsigned int prot,
	     unsigned long max_leaf) __must_check;
int arch_unmap(unsigned long va, unsigned long bytes);
int arch_lookup(unsigned long va, struct arch_mapping *map) __must_check;
bool arch_linear_reaches(phys_addr_t start, phys_addr_t end);
phys_addr_t arch_described_end(void);
unsigned long arch_shared_leaf(void);

#endif
