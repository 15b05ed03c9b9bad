/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - tables that the linker collects
 *
 * A driver, a shell command, a boot argument, a test suite, a DMA limit is
 * declared in the one file that it concerns:
 *
 *     static const struct shell_cmd cmd_peek = { ... };
 *     TABLE_ENTRY(shell_cmd, cmd_peek);
 *
 * and whoever uses the table walks it:
 *
 *     const struct shell_cmd *c;
 *     for_each_table(shell_cmd, c) ...
 *
 * The section tbl_NAME holds pointers, so no compiler's idea of a struct's
 * alignment can put gaps between entries.  Entries are in link order.  A new
 * table (not a new entry) is also named in arch/riscv/kernel/kernel.lds.S and
 * declared with TABLE_DECLARE in the header of its struct.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <base/compiler.h>

#define TABLE_DECLARE(table) \
	extern const struct table *const __start_tbl_##table[], *const __stop_tbl_##table[]

#define TABLE_ENTRY(table, object)                                                  \
	static const struct table *const __tbl_##table##_##object __used __section( \
		"tbl_" #table) = &(object)

#define for_each_table(table, var)                                \
	for (const struct table *const *_p = __start_tbl_##table; \
	     _p < __stop_tbl_##table && ((var) = *_p, 1); _p++)

#endif
