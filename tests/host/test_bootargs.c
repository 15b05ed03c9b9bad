/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_bootargs.c - command lines as boot loaders write them
 */
#include <kernel/bootargs.h>

#include <base/errno.h>

#include "harness.h"

#include <string.h>

static const char *last_run, *last_number;
static int nr_calls;

static int parse_run(const char *value)
{
	last_run = value;
	nr_calls++;
	return 0;
}

static int parse_number(const char *value)
{
	if (*value < '0' || *value > '9')
		return -EINVAL;
	last_number = value;
	nr_calls++;
	return 0;
}

static const struct bootarg arg_run = { "run", parse_run, "commands" };
TABLE_ENTRY(bootarg, arg_run);
static const struct bootarg arg_number = { "number", parse_number, "a digit" };
TABLE_ENTRY(bootarg, arg_number);

static void parse(const char *cmdline)
{
	last_run = last_number = "unset";
	nr_calls = 0;
	host_log_clear();
	bootargs_parse(cmdline);
}

TEST(plain)
{
	parse("number=4 run=harts");
	EXPECT_STR(last_number, "4");
	EXPECT_STR(last_run, "harts");
	EXPECT_STR(host_log(), "");
	EXPECT_STR(bootargs_cmdline(), "number=4 run=harts");
}

TEST(none)
{
	parse(NULL);
	EXPECT_EQ(nr_calls, 0);
	parse("   ");
	EXPECT_EQ(nr_calls, 0);
	EXPECT_STR(host_log(), "");
}

TEST(quotes)
{
	parse("run=\"harts; meminfo\" number=1");
	EXPECT_STR(last_run, "harts; meminfo");
	EXPECT_STR(last_number, "1");
	parse("\"run=dt /soc; a=b\"");
	EXPECT_STR(last_run, "dt /soc; a=b");
	EXPECT_STR(bootargs_cmdline(), "\"run=dt /soc; a=b\"");
}

TEST(last_one_wins)
{
	parse("number=1 number=2");
	EXPECT_STR(last_number, "2");
	EXPECT_EQ(nr_calls, 2);
}

TEST(no_value)
{
	parse("run number=");
	EXPECT_STR(last_run, "");
	EXPECT_STR(last_number, "unset");
	EXPECT(host_log_contains("number=\"\""));
}

TEST(bad_value_is_named_and_boot_goes_on)
{
	parse("number=many run=x");
	EXPECT(host_log_contains("number=\"many\""));
	EXPECT(host_log_contains("a digit"));
	EXPECT_STR(last_run, "x");
}

TEST(unknown_is_named)
{
	parse("root=/dev/sda quiet number=3");
	EXPECT(host_log_contains("\"root\""));
	EXPECT(host_log_contains("\"quiet\""));
	EXPECT_STR(last_number, "3");
}

TEST(open_quote)
{
	parse("number=3 run=\"a b");
	EXPECT(host_log_contains("not closed"));
	EXPECT_STR(last_number, "3");
}

TEST(too_long)
{
	static char text[2 * BOOTARGS_MAX];

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "number=7 ", 9);
	parse(text);
	EXPECT(host_log_contains("is cut to"));
	EXPECT_STR(last_number, "7");
}
