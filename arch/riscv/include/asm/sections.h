/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sections.h - where the parts of the image begin and end (kernel.lds.S)
 *
 * Addresses in the image's own mapping; __pa_symbol() makes physical ones of them.
 */
#ifndef ASM_SECTIONS_H
#define ASM_SECTIONS_H

extern char _start[], _end[];
extern char _stext[], _etext[];
extern char _srodata[], _erodata[];
extern char _sdata[], _edata[];
extern char __bss_start[], __bss_end[];

#endif
