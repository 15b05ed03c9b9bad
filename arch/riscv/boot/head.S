/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * head.S - from the firmware's jump to start_kernel()
 *
 * The firmware enters _start in S-mode with paging off, a0 = hart id and a1 = address of
 * the device tree (SBI spec, "Boot"; Linux's riscv boot protocol for the header).  The
 * image runs at any load address that is a multiple of KERNEL_ALIGN: until paging is on,
 * code here and in mm/early.c uses pc-relative addresses only.
 *
 *     _start -> lottery -> kaslr_early -> relocate -> clear bss -> early tables -> satp
 *                  |       -> start_kernel
 *                  \-> late_hart: waits until the boot hart releases it by hart id
 *     secondary_start: a hart started through HSM (or released), a1 = its struct hart_local
 *
 * Turning paging on: stvec holds the virtual address of the next step and the new satp maps
 * only the image's virtual range.  A mode that the hart supports faults on the very next
 * fetch and so arrives there; a mode that it doesn't support leaves satp unchanged (privileged
 * spec, "satp Register") and execution falls through to the next candidate.
 */
#include <asm/asm.h>
#include <asm/csr.h>
#include <asm/hart_local.h>
#include <asm/layout.h>
#include <kernel/tables.h>

	.section .head.text, "ax"
	.option push
	.option norvc
	.option norelax
	.globl _start
_start:
	j	boot			/* code0, code1 */
	nop
	.dword	KERNEL_ALIGN		/* text_offset from the start of RAM */
	.dword	__image_bytes		/* memory needed, bss included */
	.dword	0			/* flags: little-endian */
	.word	2			/* header version 0.2 */
	.word	0
	.dword	0
	.ascii	"RISCV\0\0\0"
	.ascii	"RSC\x05"
	.word	0

boot:
	csrw	sie, zero
	csrw	sip, zero
	li	t0, SSTATUS_FS | SSTATUS_VS
	csrc	sstatus, t0
	lla	t0, early_trap
	csrw	stvec, t0

	/* The first hart boots; OpenSBI before 1.3 can let a second one through. */
	lla	t0, boot_lottery
	li	t1, 1
	amoadd.w.aqrl t1, t1, (t0)
	bnez	t1, late_hart

	mv	s0, a0
	mv	s1, a1
	csrr	s4, instret

	/* How far from where it is linked the image is to run. */
#ifdef CONFIG_RANDOMIZE_BASE
	lla	sp, boot_stack_top
	lla	gp, __global_pointer$
	mv	a0, s1
	call	kaslr_early
	mv	s2, a0
#else
	li	s2, 0
#endif

	/*
	 * Relocate.  .tables lists, as offsets from _start, the words that hold addresses of
	 * this image; each gets the distance between where it runs and where it was linked.
	 */
	lla	t0, _start
	lla	t1, __tables_start
	lw	t2, TABLES_NR_RELOCS(t1)
	addi	t1, t1, TABLES_RELOCS
1:	beqz	t2, 2f
	lw	t3, 0(t1)		/* an offset, far below 2 GiB */
	add	t3, t3, t0
#ifdef CONFIG_ARCH_RV32I
	lhu	t4, 0(t3)		/* it may be a lui, aligned to 2 */
	lhu	t5, 2(t3)
	slli	t5, t5, 16
	or	t4, t4, t5
	add	t4, t4, s2
	sh	t4, 0(t3)
	srli	t4, t4, 16
	sh	t4, 2(t3)
#else
	ld	t4, 0(t3)
	add	t4, t4, s2
	sd	t4, 0(t3)
#endif
	addi	t1, t1, 4
	addi	t2, t2, -1
	j	1b
2:	fence.i
	lla	t0, __bss_start
	lla	t1, _end
3:	REG_S	zero, 0(t0)
	REG_S	zero, SZREG(t0)
	REG_S	zero, 2*SZREG(t0)
	REG_S	zero, 3*SZREG(t0)
	addi	t0, t0, 4*SZREG
	bltu	t0, t1, 3b

	lla	t0, boot_instret
	REG_S	s4, 0(t0)
	lla	sp, boot_stack_top
	lla	tp, __per_cpu_start
	lla	gp, __global_pointer$
	lla	a0, _start
	lla	a1, link_address
	REG_L	a1, 0(a1)
	call	early_map_image
	mv	a1, a0
	lla	a0, msg_overlap
	bnez	a1, early_stop

	lla	s3, early_satp
	lla	t1, _start
	lla	t0, 5f
	sub	t0, t0, t1
	lla	t1, link_address
	REG_L	t1, 0(t1)
	add	t0, t0, t1
	csrw	stvec, t0
4:	REG_L	t2, 0(s3)
	beqz	t2, 6f
	addi	s3, s3, SZREG
	sfence.vma
	csrw	satp, t2
	/* Only here if the mode isn't supported, or if virtual and physical address coincide. */
	csrr	t3, satp
	bne	t3, t2, 4b
	jr	t0

	.balign	4
5:	/* Paging is on, the program counter in the upper half. */
	lla	gp, __global_pointer$
	lla	t0, trap_entry
	csrw	stvec, t0
	lla	tp, __per_cpu_start
	csrw	sscratch, tp
	lla	sp, boot_stack_top
	lla	t0, boot_stack
	REG_S	t0, HL_STACK_LO(tp)
	lla	t0, boot_emergency_top
	REG_S	t0, HL_EMERGENCY_TOP(tp)
	mv	a0, s0
	mv	a1, s1
	mv	ra, zero
	tail	start_kernel

6:	lla	a0, msg_no_mode
	j	early_stop

/* A hart that lost the lottery. It polls for its release; nothing else may be assumed of it. */
late_hart:
	lla	t0, late_release
7:	.4byte	0x100000f		/* pause */
	REG_L	t1, 0(t0)
	bne	t1, a0, 7b
	fence	r, rw
	REG_L	a1, SZREG(t0)
	li	t1, -1
	REG_S	t1, 0(t0)
	/* fall through */

	.globl	secondary_start
	.type	secondary_start, @function
secondary_start:
	csrw	sie, zero
	csrw	sip, zero
	li	t0, SSTATUS_FS | SSTATUS_VS
	csrc	sstatus, t0
	fence.i				/* the boot hart has relocated instructions (rv32) */
	lla	t1, _start
	lla	t0, 8f
	sub	t0, t0, t1
	lla	t1, link_address
	REG_L	t1, 0(t1)
	add	t0, t0, t1
	csrw	stvec, t0
	REG_L	sp, HL_BOOT_SP(a1)
	REG_L	tp, HL_BOOT_TP(a1)
	REG_L	t2, HL_BOOT_SATP(a1)
	sfence.vma
	csrw	satp, t2
	csrr	t3, satp
	bne	t3, t2, 9f
	jr	t0

	.balign	4
8:	lla	gp, __global_pointer$
	lla	t0, trap_entry
	csrw	stvec, t0
	csrw	sscratch, tp
	sfence.vma
	mv	ra, zero
	tail	secondary_start_kernel

9:	/* This hart can't run the boot hart's paging mode: say so and stop (SBI HSM, hart_stop). */
	REG_S	zero, HL_BOOT_SATP(a1)
	fence	rw, rw
	li	a7, 0x48534d
	li	a6, 1
	ecall
10:	wfi
	j	10b

/* A trap with paging off: nothing works yet but the firmware's console. */
	.balign	4
early_trap:
	lla	a0, msg_early_trap
	/* fall through */

/* Print the string at a0 by legacy SBI calls and wait for ever. */
early_stop:
	mv	s0, a0
11:	lbu	a0, 0(s0)
	beqz	a0, 12f
	li	a7, 1
	ecall
	addi	s0, s0, 1
	j	11b
12:	wfi
	j	12b
	.option pop

	.section .rodata
msg_early_trap:
	.string	"\r\nhartwood: trap before paging was on: is the image loaded at a valid address?\r\n"
msg_no_mode:
	.string	"\r\nhartwood: this hart supports none of the paging modes of this image\r\n"
msg_overlap:
	.string	"\r\nhartwood: the load address overlaps the kernel's virtual addresses, or isn't aligned\r\n"

	.data
	.balign	8
boot_lottery:
	.word	0
	.balign	8
	.globl	late_release
late_release:				/* hart id, address of its struct hart_local */
	RISCV_PTR -1
	RISCV_PTR 0
/* Instructions retired before _start (the low register of it on rv32). */
	.globl	boot_instret
boot_instret:
	RISCV_PTR 0
/* Where _start runs once paging is on: a relocated word. */
	.globl	link_address
link_address:
	RISCV_PTR _start

	.section .bss..page_aligned, "aw", @nobits
	.balign	4096
	.globl	boot_stack_guard
boot_stack_guard:			/* never mapped */
	.skip	4096
	.globl	boot_stack
boot_stack:
	.skip	STACK_SIZE
	.globl	boot_stack_top
boot_stack_top:
	.skip	EMERGENCY_STACK
boot_emergency_top:
