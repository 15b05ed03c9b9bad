/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmu.h - host stand-in: what drivers map, the test has
 */
#ifndef ASM_MMU_H
#define ASM_MMU_H

#include <asm/memory.h>
#include <base/compiler.h>

void *ioremap(phys_addr_t pa, size_t bytes);
#define early_ioremap ioremap

#endif
