/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * switch.S - from one thread's registers to another's
 *
 * switch_to(from, to) is a function call to the compiler, so only what a call preserves needs
 * saving; tp belongs to the hart and gp is the same everywhere.
 */
#include <asm/asm.h>

	.text
FUNC(switch_to)
	REG_S	ra, 0(a0)
	REG_S	sp, SZREG(a0)
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11
	REG_S	s\n, (2+\n)*SZREG(a0)
	.endr
	REG_L	ra, 0(a1)
	REG_L	sp, SZREG(a1)
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11
	REG_L	s\n, (2+\n)*SZREG(a1)
	.endr
	ret
END(switch_to)
