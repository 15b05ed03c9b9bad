/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbols.c - the symbol table at the end of the image
 *
 * Sorted by offset from _start, so an address is found by halving.  Names are in the same order
 * and have no table but for each 16th: from there they are walked (kernel/tables.h).
 */
#include <kernel/symbols.h>

#include <base/compiler.h>
#include <kernel/tables.h>
#include <stdio.h>
#include <string.h>

extern char _start[], _einittext[];

static const struct tables_header *header(void)
{
	return (const struct tables_header *)__tables_start;
}

/* Of each function. */
static const u32 *offsets(void)
{
	return (const u32 *)(header() + 1) + header()->nr_relocs;
}

/* Of the name of each TABLES_STEP-th one. */
static const u32 *name_starts(void)
{
	return offsets() + header()->nr_symbols;
}

static const char *first_name(void)
{
	return (const char *)(name_starts() + DIV_ROUND_UP(header()->nr_symbols, TABLES_STEP));
}

static const char *next_name(const char *name)
{
	return name + strlen(name) + 1;
}

static const char *symbol_name(long i)
{
	const char *name = first_name() + name_starts()[i / TABLES_STEP];

	for (long left = i % TABLES_STEP; left; left--)
		name = next_name(name);
	return name;
}

/* Index of the last symbol that starts at or below @offset, or -1. */
static long find(u32 offset)
{
	long low = 0, high = (long)header()->nr_symbols;

	while (low < high) {
		long middle = (low + high) / 2;

		if (offsets()[middle] <= offset)
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

	return i < 0 ? 0 : (unsigned long)_start + offsets()[i];
}

unsigned long symbol_address(const char *name)
{
	const char *at = first_name();

	for (u32 i = 0; i < header()->nr_symbols; i++, at = next_name(at)) {
		if (!strcmp(at, name))
			return (unsigned long)_start + offsets()[i];
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
	end = i + 1 < (long)header()->nr_symbols ? offsets()[i + 1] : (u32)(_einittext - _start);
	snprintf(buf, size, "%s+0x%x/0x%x", symbol_name(i), (unsigned int)(offset - offsets()[i]),
		 (unsigned int)(end - offsets()[i]));
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
