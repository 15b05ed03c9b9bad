/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmu.h - host stand-in: what drivers map, the test has
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

void *ioremap(phys_addr_t pa, size_t bytes);
#define early_ioremap ioremap

#endif
