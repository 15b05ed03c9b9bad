/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sysctl.c - tunables: what is taken, what is refused, and on the boot command line
 */
#include <kernel/sysctl.h>

#include <kernel/bootargs.h>

#include "harness.h"

#include <string.h>

static unsigned int one = 5, few[3] = { 1, 2, 3 }, big = 1;
static int nr_changes, answer;
static unsigned int seen;

static int changed(void)
{
	nr_changes++;
	seen = one;
	return answer;
}

SYSCTL(vm, one, one, 2, 100, changed, "a number");
SYSCTL(vm, one_more, few, 0, 256, NULL, "some numbers");
SYSCTL(vm, big, big, 0, ~0u, NULL, "any number");

static int set(const char *name, const char *text)
{
	return sysctl_write(sysctl_find(name), text);
}

TEST(find)
{
	EXPECT_STR(sysctl_find("vm.one")->name, "vm.one");
	EXPECT_STR(sysctl_find("vm.one_more")->name, "vm.one_more");
	EXPECT_EQ(sysctl_find("vm.one_more")->nr, 3);
	EXPECT(!sysctl_find("vm.on") && !sysctl_find("vm.ones") && !sysctl_find(""));
}

TEST(write_one)
{
	char text[SYSCTL_TEXT_LEN];

	nr_changes = 0;
	EXPECT_EQ(set("vm.one", "2"), 0);
	EXPECT_EQ(one, 2);
	EXPECT_EQ(set("vm.one", "0x64"), 0);
	EXPECT_EQ(one, 100);
	EXPECT_EQ(seen, 100);
	EXPECT_EQ(nr_changes, 2);
	EXPECT_STR(sysctl_read(sysctl_find("vm.one"), text), "100");
	EXPECT_EQ(set("vm.big", "4294967295"), 0);
	EXPECT_STR(sysctl_read(sysctl_find("vm.big"), text), "4294967295");
}

/* No bad value changes anything or reaches the owner. */
TEST(bad_values)
{
	static const struct {
		const char *text;
		int err;
	} bad[] = { { "", -EINVAL },
		    { "1", -ERANGE },
		    { "101", -ERANGE },
		    { "-5", -EINVAL },
		    { "5x", -EINVAL },
		    { "five", -EINVAL },
		    { " ", -EINVAL },
		    { "5,", -EINVAL },
		    { ",5", -EINVAL },
		    { "5,6", -E2BIG },
		    { "5 6", -E2BIG },
		    { "4294967301", -ERANGE },
		    { "18446744073709551621", -ERANGE } };
	char endless[500];

	one = 7;
	nr_changes = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(set("vm.one", bad[i].text), bad[i].err);
	memset(endless, '5', sizeof(endless));
	endless[sizeof(endless) - 1] = '\0';
	EXPECT_EQ(set("vm.one", endless), -EINVAL);
	EXPECT_EQ(one, 7);
	EXPECT_EQ(nr_changes, 0);
}

TEST(write_array)
{
	char text[SYSCTL_TEXT_LEN];

	EXPECT_EQ(set("vm.one_more", "256 32 0"), 0);
	EXPECT_STR(sysctl_read(sysctl_find("vm.one_more"), text), "256 32 0");
	EXPECT_EQ(set("vm.one_more", "9,8"), 0);
	EXPECT_STR(sysctl_read(sysctl_find("vm.one_more"), text), "9 8 0");
	EXPECT_EQ(set("vm.one_more", "1,2,257"), -ERANGE);
	EXPECT_EQ(set("vm.one_more", "1,2,3,4"), -E2BIG);
	EXPECT_STR(sysctl_read(sysctl_find("vm.one_more"), text), "9 8 0");
}

TEST(owner_refuses)
{
	one = 7;
	answer = -ENOMEM;
	EXPECT_EQ(set("vm.one", "50"), -ENOMEM);
	EXPECT_EQ(seen, 50);
	EXPECT_EQ(one, 7);
	answer = 0;
}

static int nested(void)
{
	return set("vm.big", "3") == -EBUSY ? 0 : -EIO;
}
static unsigned int outer;
SYSCTL(kernel, outer, outer, 0, 1, nested, "changes another while it is changed");

TEST(one_at_a_time)
{
	EXPECT_EQ(set("kernel.outer", "1"), 0);
	EXPECT_EQ(set("vm.big", "3"), 0);
}

TEST(explained)
{
	char why[160], little[16];

	EXPECT_STR(sysctl_explain(sysctl_find("vm.one"), "1", -ERANGE, why, sizeof(why)),
		   "vm.one=\"1\" is refused (-34): it takes 1 number of 2 to 100");
	EXPECT_STR(sysctl_explain(sysctl_find("vm.one_more"), "x", -EINVAL, why, sizeof(why)),
		   "vm.one_more=\"x\" is refused (-22): it takes up to 3 numbers of 0 to 256");
	EXPECT_STR(sysctl_explain(sysctl_find("vm.one"), "1", -ERANGE, little, sizeof(little)),
		   "vm.one=\"1\" is r");
}

/* At boot the owner isn't asked: he finds the number when he sets himself up. */
TEST(boot_arguments)
{
	nr_changes = 0;
	host_log_clear();
	bootargs_parse("sysctl.vm.one=33 sysctl.vm.one_more=\"4 5\" sysctl.vm.big=77");
	EXPECT_EQ(one, 33);
	EXPECT_EQ(few[1], 5);
	EXPECT_EQ(big, 77);
	EXPECT_EQ(nr_changes, 0);
	EXPECT_STR(host_log(), "");

	bootargs_parse("sysctl.vm.one=1 sysctl.vm.on=3 sysctl.vm.ones=3 sysctl.vm.one sysctl. "
		       "sysctl=5 sysctl.vm.big=8");
	EXPECT_EQ(one, 33);
	EXPECT_EQ(big, 8);
	EXPECT_STR(host_log(),
		   "sysctl: vm.one=\"1\" is refused (-34): it takes 1 number of 2 to 100\n"
		   "sysctl: vm.on=3: there is no such tunable\n"
		   "sysctl: vm.ones=3: there is no such tunable\n"
		   "sysctl: vm.one: there is no such tunable\n"
		   "sysctl: : there is no such tunable\n"
		   "bootargs: unknown argument \"sysctl\"\n");
}
