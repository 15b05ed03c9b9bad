/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * csr.h - host stand-in: there are no control registers
 *
 * The page table's own test (HOST_PGTABLE) takes the kernel's.
 */
#ifdef HOST_PGTABLE
#include "../../../../arch/riscv/include/asm/csr.h"
#endif
#ifndef ASM_CSR_H
#define ASM_CSR_H

#define SIE_SSIE	   0
#define csr_set(reg, bits) ((void)(bits))

#endif
