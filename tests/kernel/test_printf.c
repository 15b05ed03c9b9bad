/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_printf.c - the C library's formatting, as linked into this kernel
 *
 * picolibc has a small printf that cuts %llx to 32 bits on rv32; physical addresses have
 * 34 there, so the kernel links the full one.  This suite is what notices.
 */
#include <shell/ktap.h>

#include <stdio.h>

#define EXPECT_FORMAT(t, expected, ...)                               \
	do {                                                          \
		char _text[64];                                       \
		int _n = snprintf(_text, sizeof(_text), __VA_ARGS__); \
		KTAP_EXPECT_STREQ(t, _text, expected);                \
		KTAP_EXPECT_EQ(t, _n, (int)sizeof(expected) - 1);     \
	} while (0)

static void test_wide(struct ktap *t)
{
	phys_addr_t top = 0x3fffff000ULL;

	EXPECT_FORMAT(t, "3fffff000", "%llx", PA(top));
	EXPECT_FORMAT(t, "0003fffff000", "%012llx", PA(top));
	EXPECT_FORMAT(t, "17179865088", "%llu", PA(top));
	EXPECT_FORMAT(t, "18446744073709551615", "%llu", ~0ULL);
	EXPECT_FORMAT(t, "-9223372036854775808", "%lld", -0x7fffffffffffffffLL - 1);
}

static void test_integers(struct ktap *t)
{
	EXPECT_FORMAT(t, "-1 4294967295 ffffffff", "%d %u %x", -1, ~0u, ~0u);
	EXPECT_FORMAT(t, "   42|42   |00042", "%5d|%-5d|%05d", 42, 42, 42);
	EXPECT_FORMAT(t, "0x2a +7", "%#x %+d", 42, 7);
	EXPECT_FORMAT(t, "12 34", "%zu %lu", (size_t)12, 34ul);
	EXPECT_FORMAT(t, "  7", "%*d", 3, 7);
}

static void test_strings(struct ktap *t)
{
	EXPECT_FORMAT(t, "[ab]", "[%s]", "ab");
	EXPECT_FORMAT(t, "[   ab|ab   ]", "[%5s|%-5s]", "ab", "ab");
	EXPECT_FORMAT(t, "[ab]", "[%.*s]", 2, "abcdef");
	EXPECT_FORMAT(t, "x%y", "%c%%%c", 'x', 'y');
}

static void test_cut(struct ktap *t)
{
	const char *volatile eight = "abcdefgh"; /* the compiler is not to see it coming */
	char text[5];

	KTAP_EXPECT_EQ(t, snprintf(text, sizeof(text), "%s", eight), 8);
	KTAP_EXPECT_STREQ(t, text, "abcd");
}

static const struct ktap_case cases[] = {
	{ "wide", test_wide },
	{ "integers", test_integers },
	{ "strings", test_strings },
	{ "cut", test_cut },
	{ NULL, NULL },
};
static const struct ktap_suite suite_printf = { "printf", cases };
TABLE_ENTRY(ktap_suite, suite_printf);
