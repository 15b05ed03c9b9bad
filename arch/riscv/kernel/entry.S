/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * entry.S - from a trap to C and back
 *
 * All code runs in S-mode so far.  sscratch holds this hart's struct hart_local at all times
 * outside the first lines here; tp holds it too, but isn't trusted.
 *
 * The frame goes on the interrupted stack if it fits there.  If sp doesn't lie in the current
 * stack, pushing would fault for ever: the frame goes on the hart's emergency stack then, and
 * the emergency stack becomes the current one, so that a further trap still finds a sound one.
 *
 *     stack_lo                                      stack_lo + STACK_SIZE
 *        |<-- frame must begin in here ------------------->|
 */
#include <asm/asm.h>
#include <asm/csr.h>
#include <asm/hart_local.h>
#include <asm/layout.h>
#include <asm/trap.h>

#define FRAME_BYTES (FRAME_REGS * SZREG)

	.text
FUNC(trap_entry)
	csrrw	tp, sscratch, tp
	REG_S	t0, HL_SCRATCH(tp)
	REG_S	t1, (HL_SCRATCH + SZREG)(tp)
	REG_L	t0, HL_STACK_LO(tp)
	addi	t1, sp, -FRAME_BYTES
	sub	t0, t1, t0
	srli	t0, t0, STACK_SHIFT
	bnez	t0, stack_overflow
	mv	t0, sp
	mv	sp, t1
save:
	REG_S	t0, 2*SZREG(sp)
	REG_S	x1, 1*SZREG(sp)
	REG_S	x3, 3*SZREG(sp)
	csrr	t0, sscratch
	REG_S	t0, 4*SZREG(sp)
	csrw	sscratch, tp
	REG_L	t0, HL_SCRATCH(tp)
	REG_L	t1, (HL_SCRATCH + SZREG)(tp)
	.irp	n, 5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	REG_S	x\n, \n*SZREG(sp)
	.endr
	csrr	t0, sepc
	csrr	t1, sstatus
	csrr	t2, scause
	csrr	t3, stval
	REG_S	t0, FRAME_SEPC*SZREG(sp)
	REG_S	t1, FRAME_SSTATUS*SZREG(sp)
	REG_S	t2, FRAME_SCAUSE*SZREG(sp)
	REG_S	t3, FRAME_STVAL*SZREG(sp)
	.option push
	.option norelax
	lla	gp, __global_pointer$
	.option pop
	mv	a0, sp
	call	trap_handler

	/* tp stays this hart's: the code may be resumed on another one than it left. */
	REG_L	t0, FRAME_SEPC*SZREG(sp)
	REG_L	t1, FRAME_SSTATUS*SZREG(sp)
	/*
	 * What was interrupted may stand between lr and sc.  A reservation that a handler, or
	 * another thread, has left must not let that sc succeed: an sc ends any reservation.
	 */
	addi	t2, sp, FRAME_SEPC*SZREG
	REG_SC	t2, t0, (t2)
	csrw	sepc, t0
	csrw	sstatus, t1
	REG_L	x1, 1*SZREG(sp)
	REG_L	x3, 3*SZREG(sp)
	.irp	n, 5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	REG_L	x\n, \n*SZREG(sp)
	.endr
	REG_L	sp, 2*SZREG(sp)
	sret

stack_overflow:
	REG_L	t1, HL_EMERGENCY_TOP(tp)
	/* Any address of the emergency stack is less than STACK_SIZE above the new stack_lo. */
	li	t0, -STACK_SIZE
	add	t0, t1, t0
	REG_S	t0, HL_STACK_LO(tp)
	mv	t0, sp
	addi	sp, t1, -FRAME_BYTES
	j	save
END(trap_entry)

/*
 * int probe_access(void *dst, const void *src, size_t bytes): one access each way.
 * The trap code resumes at probe_fault when one of the accesses between the labels faults.
 */
FUNC(probe_access)
	li	t0, 1
	beq	a2, t0, 1f
	li	t0, 2
	beq	a2, t0, 2f
	li	t0, 4
	beq	a2, t0, 4f
#if SZREG == 8
	li	t0, 8
	beq	a2, t0, 8f
#endif
	li	a0, -22
	ret
	.globl	probe_begin
probe_begin:
1:	lbu	t1, 0(a1)
	sb	t1, 0(a0)
	j	9f
2:	lhu	t1, 0(a1)
	sh	t1, 0(a0)
	j	9f
4:	lw	t1, 0(a1)
	sw	t1, 0(a0)
#if SZREG == 8
	j	9f
8:	ld	t1, 0(a1)
	sd	t1, 0(a0)
#endif
	.globl	probe_end
probe_end:
9:	li	a0, 0
	ret
	.globl	probe_fault
probe_fault:
	li	a0, -14
	ret
END(probe_access)
