/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables.h - what tools/tables.py packs behind the data of the image
 *
 * The section .tables, at __tables_start, holds, without gaps:
 *
 *     struct tables_header
 *     u32 reloc[nr_relocs]               offset from _start of a word to relocate
 *     u32 function[nr_symbols]           their offsets from _start, sorted
 *     u32 name[]                         where in strings[] each TABLES_STEP-th one's name begins
 *     char strings[strings_bytes]        NUL-terminated names in that order, padded to 4 bytes
 *
 * A word to relocate is as wide as a register and naturally aligned, but on rv32
 * it may be an instruction (lui) at an even address.  In the file it holds a
 * link-time virtual address; whoever relocates adds (run address of _start -
 * link address of _start), a multiple of 4 KiB, to it, once, and executes
 * fence.i.  Words outside this list do not depend on where the kernel runs.
 * All numbers are little endian.
 */
#ifndef KERNEL_TABLES_H
#define KERNEL_TABLES_H

#define TABLES_MAGIC	 0x42545748 /* "HWTB" */
#define TABLES_NR_RELOCS 4	    /* byte offsets in struct tables_header, for assembly */
#define TABLES_RELOCS	 16
#define TABLES_STEP	 16 /* functions */

#ifndef __ASSEMBLER__
#include <base/types.h>

struct tables_header {
	u32 magic;
	u32 nr_relocs;
	u32 nr_symbols; /* 0 without CONFIG_KALLSYMS */
	u32 strings_bytes;
};

/* Holds a struct tables_header and what follows it. */
extern const char __tables_start[];
#endif

#endif
