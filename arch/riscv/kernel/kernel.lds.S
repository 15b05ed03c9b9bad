/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel.lds.S - the layout of the image
 *
 *     _start ... _etext          text               R X
 *     _sinittext ... _einittext  text of boot's     R X, then free
 *     _srodata ... _erodata      rodata, tables     R; the last of it is sealed after boot
 *     _sdata ... _edata          data, relocations  R W
 *     __bss_start ... __bss_end  not in the file    R W; boot's part of it is free then
 *
 * Each part begins and ends on a page, so that each can be mapped with its own
 * permission.  Virtual addresses are link addresses, relocated at boot; the
 * physical ones let `qemu -kernel ELF` load the parts where firmware expects
 * the Image.  .tables (tools/tables.py) is the last part of the file: its size
 * moves nothing that it describes.
 */
#include <asm/layout.h>

#if __riscv_xlen == 64
OUTPUT_FORMAT("elf64-littleriscv")
#else
OUTPUT_FORMAT("elf32-littleriscv")
#endif
#define PAGE 4096

#define PHYS(section) AT(ADDR(section) - KERNEL_LINK_ADDR + KERNEL_LOAD_ADDR)

/* The entries of one table, in link order: <base/table.h>; ex: asm/extable.h. */
#define TABLE(name)                                     \
	tbl_##name : PHYS(tbl_##name) {                 \
		PROVIDE_HIDDEN(__start_tbl_##name = .); \
		KEEP(*(tbl_##name))                     \
		PROVIDE_HIDDEN(__stop_tbl_##name = .);  \
	} : rodata

OUTPUT_ARCH(riscv)
ENTRY(_start)

PHDRS
{
	text PT_LOAD FLAGS(5);
	rodata PT_LOAD FLAGS(4);
	data PT_LOAD FLAGS(6);
}

SECTIONS
{
	. = KERNEL_LINK_ADDR;

	.text : PHYS(.text) {
		_start = .;
		_stext = .;
		KEEP(*(.head.text))
		/* The allocators, whose callers page_owner and slab_debug look for. */
		_spage_alloc = .;
		*mm/page_*.o(.text.hot .text.hot.* .text .text.*)
		*mm/folio.o(.text.hot .text.hot.* .text .text.*)
		*mm/kfence*.o(.text.hot .text.hot.* .text .text.*)
		*mm/kmemleak.o(.text.hot .text.hot.* .text .text.*)
		*mm/kmalloc*.o(.text.hot .text.hot.* .text .text.*)
		*mm/slab_*.o(.text.hot .text.hot.* .text .text.*)
		*mm/slub.o(.text.hot .text.hot.* .text .text.*)
		_epage_alloc = .;
		/* Who may mention what boot alone needs (__ref). */
		_sref = .;
		*(.ref.text)
		_eref = .;
		*(.text.hot .text.hot.*)
		*(.text .text.*)
		*(.text.unlikely .text.unlikely.*)
		. = ALIGN(PAGE);
		_etext = .;
	} : text
	.init.text : PHYS(.init.text) {
		_sinittext = .;
		*(.init.text)
		. = ALIGN(PAGE);
		_einittext = .;
	} : text

	.rodata : PHYS(.rodata) {
		_srodata = .;
		*(.rodata .rodata.[!.]* .srodata .srodata.*)
		_sinitrodata = .;
		*(.rodata..init)
		. = ALIGN(8);
		PROVIDE_HIDDEN(__start_tbl_bootarg = .);
		KEEP(*(tbl_bootarg))
		PROVIDE_HIDDEN(__stop_tbl_bootarg = .);
		_einitrodata = .;
		. = ALIGN(16);
	} : rodata
	TABLE(ex)
	TABLE(shell_cmd)
	TABLE(ktap_suite)
	TABLE(bench)
	TABLE(dma_limit)
	TABLE(console_driver)
	TABLE(driver)
	TABLE(hart_notifier)
	TABLE(fault_point)
	TABLE(tracepoint)
	TABLE(stress)
	TABLE(sysctl)
	TABLE(node_daemon)
	/* Its pages, with the last of rodata, are R W until boot is over. */
	.ro_after_init : PHYS(.ro_after_init) {
		. = ALIGN(16);
		__ro_after_init_start = .;
		*(.data..ro_after_init)
		. = ALIGN(16);
		__ro_after_init_end = .;
	} : rodata
	. = ALIGN(PAGE);
	_erodata = .;
}

SECTIONS
{
	.data : PHYS(.data) {
		_sdata = .;
		*(.data..page_aligned)
		. = ALIGN(64);
		__per_cpu_start = .;
		KEEP(*(.data..percpu..first)) /* tp points to it */
		__per_cpu_no_scan = .;
		KEEP(*(.data..percpu..no_scan))
		. = ALIGN(16);
		__per_cpu_no_scan_end = .;
		KEEP(*(.data..percpu .data..percpu.*))
		. = ALIGN(64);
		__per_cpu_end = .;
		*(.data .data.*)
		. = ALIGN(16);
		/* What gp reaches with 12 bits: the small variables of data and bss. */
		__global_pointer$ = . + 0x800;
		*(.sdata .sdata.*)
		. = ALIGN(16);
	} : data
	.tables : PHYS(.tables) {
		__tables_start = .;
		KEEP(*(.tables))
		/* Not less in the first link, or gp would reach bss there and not in the second. */
		. = MAX(., 2 * PAGE);
		. = ALIGN(PAGE);
		__tables_end = .;
		_edata = .;
	} : data

	.bss : PHYS(.bss) {
		__bss_start = .;
		*(.bss..page_aligned)
		__init_bss_start = .;
		*(.bss..init)
		. = ALIGN(PAGE);
		__init_bss_end = .;
		*(.bss .bss.* .sbss .sbss.* COMMON)
		. = ALIGN(PAGE);
		__bss_end = .;
	} : data
	_end = .;
	__image_bytes = _end - _start;
	/* A table of 4 KiB leaves maps KERNEL_ALIGN bytes. */
	ASSERT(__image_bytes <= IMAGE_TABLES * KERNEL_ALIGN,
	       "the image is larger than IMAGE_TABLES map (asm/layout.h)")

	/* Caught by the assertion below; the kernel's tp points to per-hart data. */
	.tdata : { *(.tdata .tdata.*) }
	.tbss : { *(.tbss .tbss.*) }
	ASSERT(SIZEOF(.tdata) + SIZEOF(.tbss) == 0,
	       "thread-local storage is linked in: something uses errno (see hartwood.map)")

	/DISCARD/ : { *(.note .note.* .eh_frame .eh_frame.* .comment .init_array* .fini_array*) }
}
