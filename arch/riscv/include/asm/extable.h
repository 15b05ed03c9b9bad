/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * extable.h - loads that may fault: they read 0 then, and the code goes on
 *
 * Such a load costs what any load costs.  Its place stands in the table ex, where
 * extable_fixup() looks for it.  It's always four bytes long, so that the trap finds its register
 * in the instruction and knows where the next one is.
 *
 * Any context.  For reading from what may be no memory at all; not from devices.
 */
#ifndef ASM_EXTABLE_H
#define ASM_EXTABLE_H

#include <base/compiler.h>
#include <base/types.h>

#define EX_LOAD(instruction, value, from)         \
	__asm__(".option push\n"                  \
		".option norvc\n"                 \
		"1:	" instruction "	%0, %1\n" \
		".option pop\n"                   \
		".pushsection tbl_ex, \"a\"\n"    \
		".balign 4\n"                     \
		".word 1b - .\n"                  \
		".popsection"                     \
		: "=r"(value)                     \
		: "m"(from))

static __always_inline long load_s8_or_zero(const s8 *from)
{
	long value;

	EX_LOAD("lb", value, *from);
	return value;
}

static __always_inline void *load_pointer_or_zero(void *const *from)
{
	void *value;

#ifdef CONFIG_ARCH_RV32I
	EX_LOAD("lw", value, *from);
#else
	EX_LOAD("ld", value, *from);
#endif
	return value;
}

#endif
