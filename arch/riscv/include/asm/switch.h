/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * switch.h - from one thread's registers to another's
 */
#ifndef ASM_SWITCH_H
#define ASM_SWITCH_H

/* What a call preserves: ra, sp, s0 to s11. entry order of switch.S. */
struct switch_context {
	unsigned long ra;
	unsigned long sp;
	unsigned long s[12];
};

/*
 * switch_to - save registers in *@from, load those of *@to
 * Interrupts off.  Returns, on @to's stack, when it called switch_to() itself.
 */
void switch_to(struct switch_context *from, const struct switch_context *to);

/* Make @context begin at @entry with an empty stack ending at @top (aligned to 16). */
static inline void switch_prepare(struct switch_context *context, unsigned long top,
				  void (*entry)(void))
{
	context->ra = (unsigned long)entry;
	context->sp = top;
}

#endif
