/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_symbols.c - names of addresses
 */
#include <kernel/symbols.h>

#include <shell/ktap.h>
#include <stdio.h>
#include <string.h>

extern char _start[], _einittext[];

static void test_lookup(struct ktap *t)
{
	unsigned long here = (unsigned long)symbol_format;
	char name[KSYM_NAME], tiny[8];

	if (!symbol_start(here)) {
		ktap_skip(t, "CONFIG_KALLSYMS is off");
		return;
	}
	KTAP_EXPECT_EQ(t, symbol_start(here), here);
	KTAP_EXPECT_EQ(t, symbol_start(here + 2), here);
	KTAP_EXPECT_EQ(t, symbol_address("symbol_format"), here);
	KTAP_EXPECT_EQ(t, symbol_address("no such function"), 0);
	symbol_format(name, sizeof(name), here + 4);
	KTAP_EXPECT(t, !strncmp(name, "symbol_format+0x4/0x", 20));
	symbol_format(tiny, sizeof(tiny), here);
	KTAP_EXPECT_STREQ(t, tiny, "symbol_");
}

#define SOME 64 /* functions */

/* The name of each of some functions in a row leads back to it, or to the first one so called. */
static void test_names(struct ktap *t)
{
	char name[KSYM_NAME], again[KSYM_NAME];
	unsigned long pc = symbol_start((unsigned long)symbol_format), start = pc;
	u32 exact = 0;

	for (u32 seen = 0; pc && seen < SOME; seen++, start = pc) {
		symbol_format(name, sizeof(name), pc);
		*strchr(name, '+') = '\0';
		symbol_format(again, sizeof(again), symbol_address(name));
		*strchr(again, '+') = '\0';
		KTAP_EXPECT_STREQ(t, again, name);
		exact += symbol_address(name) == start;
		while (symbol_start(pc) == start)
			pc += 2;
	}
	if (start)
		KTAP_EXPECT(t, exact > SOME / 2);
}

static void test_outside(struct ktap *t)
{
	char name[KSYM_NAME];

	KTAP_EXPECT_EQ(t, symbol_start(0), 0);
	KTAP_EXPECT_EQ(t, symbol_start((unsigned long)_start - 1), 0);
	KTAP_EXPECT_EQ(t, symbol_start((unsigned long)_einittext), 0);
	KTAP_EXPECT_STREQ(t, symbol_format(name, sizeof(name), 16), "?");
}

static const struct ktap_case cases[] = {
	{ "lookup", test_lookup },
	{ "names", test_names },
	{ "outside", test_outside },
	{},
};

static const struct ktap_suite suite_symbols = { "symbols", cases };
TABLE_ENTRY(ktap_suite, suite_symbols);
