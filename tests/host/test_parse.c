/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_parse.c - numbers, sizes and words
 */
#include "harness.h"

#include <base/errno.h>
#include <lib/parse.h>
#include <stdio.h>
#include <string.h>

static void expect_size(const char *s, int want_err, u64 want)
{
	u64 got = 12345;
	int err = parse_size(s, &got);

	if (err != want_err || got != (err ? 12345 : want))
		host_fail(__FILE__, __LINE__, "\"%s\" gives %d, %llu", s, err, PA(got));
}

TEST(sizes)
{
	expect_size("0", 0, 0);
	expect_size("64M", 0, 64 * MiB);
	expect_size("64m", 0, 64 * MiB);
	expect_size("0x10k", 0, 16384);
	expect_size("3GiB", 0, 3 * GiB);
	expect_size("3GB", 0, 3 * GiB);
	expect_size("1T", 0, 1024 * GiB);
	expect_size("18446744073709551615", 0, ~0ULL);
	expect_size("18446744073709551616", -ERANGE, 0);
	expect_size("0x10000000000000000", -ERANGE, 0);
	expect_size("16777215T", 0, 16777215ULL << 40);
	expect_size("16777216T", -ERANGE, 0);
	expect_size("", -EINVAL, 0);
	expect_size("M", -EINVAL, 0);
	expect_size("0x", -EINVAL, 0);
	expect_size("-1", -EINVAL, 0);
	expect_size(" 1", -EINVAL, 0);
	expect_size("1 ", -EINVAL, 0);
	expect_size("1MM", -EINVAL, 0);
	expect_size("1Mi", -EINVAL, 0);
	expect_size("1B", -EINVAL, 0);
	expect_size("64Q", -EINVAL, 0);
	expect_size("12ab", -EINVAL, 0);
}

TEST(numbers)
{
	unsigned long ul = 7;
	u64 n;

	EXPECT_EQ(parse_u64("0xFfFf", &n), 0);
	EXPECT_EQ(n, 0xffff);
	EXPECT_EQ(parse_u64("1K", &n), -EINVAL);
	EXPECT_EQ(parse_ulong("4294967295", &ul), 0);
	EXPECT_EQ(ul, 4294967295UL);
	EXPECT_EQ(parse_ulong("4294967296", &ul), sizeof(ul) == 4 ? -ERANGE : 0);
	EXPECT_EQ(parse_ulong("18446744073709551616", &ul), -ERANGE);
}

TEST(lists)
{
	u64 v[3];

	EXPECT_EQ(parse_list("28", v, 3), 1);
	EXPECT_EQ(v[0], 28);
	EXPECT_EQ(parse_list("28,0x1e,32", v, 3), 3);
	EXPECT_EQ(v[1], 30);
	EXPECT_EQ(parse_list("1,2,3,4", v, 3), -E2BIG);
	EXPECT_EQ(parse_list("", v, 3), -EINVAL);
	EXPECT_EQ(parse_list("1,", v, 3), -EINVAL);
	EXPECT_EQ(parse_list(",1", v, 3), -EINVAL);
	EXPECT_EQ(parse_list("1 ,2", v, 3), -EINVAL);
	EXPECT_EQ(parse_list("1,99999999999999999999", v, 3), -ERANGE);
}

TEST(words)
{
	char line[] = "  mem=64M\trun=\"a b; c\"  x\\ y \"\" \"z\"w\\";
	char *argv[8];

	EXPECT_EQ(parse_words(line, argv, 8), 5);
	EXPECT_STR(argv[0], "mem=64M");
	EXPECT_STR(argv[1], "run=a b; c");
	EXPECT_STR(argv[2], "x y");
	EXPECT_STR(argv[3], "");
	EXPECT_STR(argv[4], "zw\\");
}

TEST(bad_words)
{
	char open[] = "a \"b c", many[] = "a b c", blank[] = " \t ";
	char *argv[2];

	EXPECT_EQ(parse_words(open, argv, 2), -EINVAL);
	EXPECT_EQ(parse_words(many, argv, 2), -E2BIG);
	EXPECT_EQ(parse_words(blank, argv, 2), 0);
}

TEST(random_sizes_come_back)
{
	for (int i = 0; i < 20000; i++) {
		unsigned shift = (unsigned)rnd_below(5) * 10;
		u64 n = (rnd() >> rnd_below(64)) >> shift, got;
		char text[40];

		snprintf(text, sizeof(text), rnd_below(2) ? "%llu%.1s" : "0x%llx%.1s", PA(n),
			 &"\0KMGT"[shift / 10]);
		EXPECT_EQ(parse_size(text, &got), 0);
		EXPECT_EQ(got, n << shift);
	}
}

TEST(random_text_never_breaks)
{
	for (int i = 0; i < 20000; i++) {
		static const char letters[] = " \t\"\\ab0123456789xKMGT,";
		char text[24], copy[24], *argv[24];
		u64 v[4];
		unsigned n = (unsigned)rnd_below(sizeof(text));

		for (unsigned k = 0; k < n; k++)
			text[k] = letters[rnd_below(sizeof(letters) - 1)];
		text[n] = '\0';
		strcpy(copy, text);
		EXPECT(parse_list(text, v, 4) <= 4);
		EXPECT(parse_words(copy, argv, 24) <= 24);
	}
}
