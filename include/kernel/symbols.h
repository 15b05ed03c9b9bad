/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbols.h - names for code addresses, from the table packed into the image
 */
#ifndef KERNEL_SYMBOLS_H
#define KERNEL_SYMBOLS_H

#include <base/types.h>

#define KSYM_NAME 96 /* room for "name+0x123/0x456" */

/* First address of the function that holds @pc, 0 if unknown (or without CONFIG_KALLSYMS). */
unsigned long symbol_start(unsigned long pc);

/* Address of the function called @name, 0 if there is none. */
unsigned long symbol_address(const char *name);

/* "name+0x123/0x456" or "?" into @buf, which is returned. Any context. */
const char *symbol_format(char *buf, size_t size, unsigned long pc);

/* "inner+0x1/0x2 < outer+0x3/0x4" into @text, which is returned: up to @max calls, offsets from
 * _start, 0 behind the last.  Any context. */
char *symbol_trace(const u32 *trace, unsigned int max, char *text, size_t bytes);

#endif
