/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * extable.h - host stand-in: there, all that is read can be read
 */
#ifndef ASM_EXTABLE_H
#define ASM_EXTABLE_H

#include <base/types.h>

static inline long load_s8_or_zero(const s8 *from)
{
	return *from;
}

static inline void *load_pointer_or_zero(void *const *from)
{
	return *from;
}

#endif
