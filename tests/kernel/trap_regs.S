/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap_regs.S - every register holds a number of its own while an interrupt comes
 *
 * void trap_regs(unsigned long *after): @after[n] is what register n holds behind the
 * interrupt; each but sp and tp held 0x100 + n before it.  The hart raises its own
 * software interrupt, which comes before the second jump is over; interrupts are on.
 */
#include <asm/asm.h>
#include <asm/csr.h>

#define SAVED (32*SZREG) /* where ours stand: the frame's lower part takes what is found */
#define FRAME (48*SZREG)

	.text
	.option push
	.option norelax
FUNC(trap_regs)
	addi	sp, sp, -FRAME
	REG_S	x1, (SAVED + 0*SZREG)(sp)
	REG_S	x3, (SAVED + 1*SZREG)(sp)
	REG_S	x8, (SAVED + 2*SZREG)(sp)
	REG_S	x9, (SAVED + 3*SZREG)(sp)
	.irp	n, 18,19,20,21,22,23,24,25,26,27
	REG_S	x\n, (SAVED + (\n - 14)*SZREG)(sp)
	.endr
	REG_S	a0, (SAVED + 14*SZREG)(sp)
	.irp	n, 1,3,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	li	x\n, 0x100 + \n
	.endr
	csrsi	sip, SIE_SSIE
	j	1f
1:	j	2f
2:	.irp	n, 1,3,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	REG_S	x\n, \n*SZREG(sp)
	.endr
	REG_L	a0, (SAVED + 14*SZREG)(sp)
	.irp	n, 1,3,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	REG_L	t0, \n*SZREG(sp)
	REG_S	t0, \n*SZREG(a0)
	.endr
	REG_L	x1, (SAVED + 0*SZREG)(sp)
	REG_L	x3, (SAVED + 1*SZREG)(sp)
	REG_L	x8, (SAVED + 2*SZREG)(sp)
	REG_L	x9, (SAVED + 3*SZREG)(sp)
	.irp	n, 18,19,20,21,22,23,24,25,26,27
	REG_L	x\n, (SAVED + (\n - 14)*SZREG)(sp)
	.endr
	addi	sp, sp, FRAME
	ret
END(trap_regs)
	.option pop
