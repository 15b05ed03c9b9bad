/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kaslr.h - random places for the kernel's regions (arch/riscv/boot/kaslr.c)
 */
#ifndef ASM_KASLR_H
#define ASM_KASLR_H

#include <base/types.h>

/* What a place is drawn for; each has a number of its own. */
enum kaslr_what { KASLR_IMAGE, KASLR_LINEAR, KASLR_VMALLOC, KASLR_VMEMMAP };

#ifdef CONFIG_RANDOMIZE_BASE
/*
 * kaslr_draw - how far region @what is moved up: a multiple of @granule up to @room, both bytes
 * The same at each call; 0 if nothing is random at this boot.  Until kaslr_done().
 */
unsigned long kaslr_draw(enum kaslr_what what, unsigned long room, unsigned long granule);

/* kaslr_done - say in the log what was drawn, and forget what it was drawn from.  Boot hart. */
void kaslr_done(void);
#else
static inline unsigned long kaslr_draw(enum kaslr_what what, unsigned long room,
				       unsigned long granule)
{
	return 0;
}

static inline void kaslr_done(void)
{
}
#endif

#endif
