/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asm.h - spelling that assembly shares between rv64 and rv32
 */
#ifndef ASM_ASM_H
#define ASM_ASM_H

#ifdef CONFIG_ARCH_RV32I
#define REG_L	  lw
#define REG_S	  sw
#define REG_SC	  sc.w
#define SZREG	  4
#define RISCV_PTR .word
#else
#define REG_L	  ld
#define REG_S	  sd
#define REG_SC	  sc.d
#define SZREG	  8
#define RISCV_PTR .dword
#endif

#define FUNC(name)             \
	.globl name;           \
	.type name, @function; \
	.balign 4;             \
	name:

/* clang-format off */
#define END(name) .size name, . - name
/* clang-format on */

#endif
