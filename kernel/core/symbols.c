/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbols.c - the symbol table at the end of the image
 *
 * Sorted by offset from _start, so an address is found by halving (kernel/tables.h).
 */
#include <kernel/symbols.h>

#include <kernel/tables.h>
#include <stdio.h>
#include <string.h>

extern char _start[], _einittext[];

static const struct tables_header *header(void)
{
	return (const struct tables_header *)__tables_start;
}

static const struct tables_symbol *symbols(void)
{
	return (const struct tables_symbol *)(__tables_start + sizeof(struct tables_header) +
					      header()->nr_relocs * sizeof(u32));
}

static const char *symbol_name(const struct tables_symbol *sym)
{
	return (const char *)(symbols() + header()->nr_symbols) + sym->name;
}

/* Index of the last symbol that starts at or below @offset, or -1. */
static long find(u32 offset)
{
	long low = 0, high = (long)header()->nr_symbols;

	while (low < high) {
		long middle = (low + high) / 2;

		if (symbols()[middle].offset <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

static long find_pc(unsigned long pc)
{
	if (pc < (unsigned long)_start || pc >= (unsigned long)_einittext)
		return -1;
	return find((u32)(pc - (unsigned long)_start));
}

unsigned long symbol_start(unsigned long pc)
{
	long i = find_pc(pc);

	return i < 0 ? 0 : (unsigned long)_start + symbols()[i].offset;
}

unsigned long symbol_address(const char *name)
{
	for (u32 i = 0; i < header()->nr_symbols; i++) {
		if (!strcmp(symbol_name(&symbols()[i]), name))
			return (unsigned long)_start + symbols()[i].offset;
	}
	return 0;
}

const char *symbol_format(char *buf, size_t size, unsigned long pc)
{
	long i = find_pc(pc);
	u32 offset, end;

	if (i < 0) {
		snprintf(buf, size, "?");
		return buf;
	}
	offset = (u32)(pc - (unsigned long)_start);
	end = i + 1 < (long)header()->nr_symbols ? symbols()[i + 1].offset
						 : (u32)(_einittext - _start);
	snprintf(buf, size, "%s+0x%x/0x%x", symbol_name(&symbols()[i]),
		 (unsigned int)(offset - symbols()[i].offset),
		 (unsigned int)(end - symbols()[i].offset));
	return buf;
}

char *symbol_trace(const u32 *trace, unsigned int max, char *text, size_t bytes)
{
	char name[KSYM_NAME];
	size_t at = 0;

	snprintf(text, bytes, "?");
	for (unsigned int i = 0; i < max && trace[i] && at < bytes; i++)
		at += (size_t)snprintf(
			text + at, bytes - at, "%s%s", i ? " < " : "",
			symbol_format(name, sizeof(name), (unsigned long)_start + trace[i]));
	return text;
}
