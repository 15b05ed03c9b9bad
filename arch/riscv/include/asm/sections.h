/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sections.h - where the parts of the image begin and end (kernel.lds.S)
 *
 * Addresses in the image's own mapping; __pa_symbol() makes physical ones of them.
 */
#ifndef ASM_SECTIONS_H
#define ASM_SECTIONS_H

#include <base/types.h>

extern char _start[], _end[];
extern char _stext[], _etext[];
extern char _sinittext[], _einittext[];
extern char _srodata[], _erodata[];
extern char _sdata[], _edata[];
extern char __ro_after_init_start[], __ro_after_init_end[]; /* before _erodata */
extern char __bss_start[], __bss_end[];
extern char __init_bss_start[], __init_bss_end[];

/* What boot alone needed isn't there any more (arch_release_image). */
extern bool init_gone;

/* Code is at @pc now. */
static inline bool in_kernel_text(unsigned long pc)
{
	return pc >= (unsigned long)_stext && pc < (unsigned long)(init_gone ? _etext : _einittext);
}

#endif
