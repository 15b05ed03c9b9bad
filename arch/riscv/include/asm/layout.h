/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout.h - where things lie in the kernel's virtual memory
 *
 * Shared with assembly and the linker script: only #define here.
 *
 * rv64, as root entries ("slots") of the mode found at boot, 512 a table.  A slot is
 * 1 GiB in Sv39, 512 GiB in Sv48, 256 TiB in Sv57; the kernel has slots 256..511:
 *
 *     256        nothing (a NULL-like guard between the halves)
 *     257        vmemmap: 32 bytes for each 4 KiB page of the linear map
 *     258        nothing, like all around vmemmap: see asm/memory.h
 *     259        windows (CONFIG_HIGHMEM)
 *     260..311   vmalloc: areas, kernel stacks, device registers
 *     312..319   nothing (suites map things there)
 *     320..447   linear map
 *     448..509   nothing (sanitizer shadow, one day)
 *     last 2 GiB kernel image (first GiB), fixmap (second GiB)
 *
 * The last 2 GiB have the same addresses in all three modes, so the tables under them
 * are shared and the mode can change without moving the kernel.
 *
 * rv32, slots of 4 MiB.  The lower 3 GiB are for user programs; the kernel has the rest, one
 * region after the other, so the linear map begins where the others have what this machine needs:
 *
 *     c0000000  nothing                   4 MiB
 *     c0400000  vmemmap                   8 MiB, or what memory up to its end needs: 8 a GiB
 *               windows                   16 MiB, with CONFIG_HIGHMEM
 *               vmalloc                   224 MiB; 32 more for suites
 *               linear map                724 MiB with 1 GiB of memory, 668 with 8
 *     ff000000  kernel image              8 MiB
 *     ff800000  fixmap                    4 MiB
 *     ffc00000  nothing                   4 MiB: no -errno is an address
 */
#ifndef ASM_LAYOUT_H
#define ASM_LAYOUT_H

#ifdef CONFIG_ARCH_RV32I
#define KERNEL_LINK_ADDR 0xff000000
#define FIXMAP_ADDR	 0xff800000
#define KERNEL_ALIGN	 0x400000 /* a load address is a multiple of this */
#define KERNEL_LOAD_ADDR 0x80400000
#define KERNEL_SPACE	 0xc0000000 /* user programs have what is below */
#else
#define KERNEL_LINK_ADDR 0xffffffff80000000
#define FIXMAP_ADDR	 0xffffffffc0000000
#define KERNEL_ALIGN	 0x200000
#define KERNEL_LOAD_ADDR 0x80200000
#endif

/* The image, bss included, is mapped by this many page tables of 4 KiB leaves. */
#define IMAGE_TABLES 2

#define STACK_SHIFT	CONFIG_STACK_SHIFT
#define STACK_SIZE	(1 << STACK_SHIFT)
#define EMERGENCY_STACK 4096 /* bytes, a hart: where a stack overflow is reported from */

/* Pages of the fixmap: one table page of 4 KiB leaves. */
#define FIX_PT	     0	 /* page tables outside the linear map, one page a level */
#define FIX_DT	     8	 /* the device tree until it is copied */
#define FIX_DT_PAGES 320 /* 1.25 MiB: a tree of 1 MiB at any alignment */

#endif
