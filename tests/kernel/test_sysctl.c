/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sysctl.c - what must hold of every tunable, whoever owns it
 */
#include <kernel/sysctl.h>

#include <shell/ktap.h>

#include <stdio.h>
#include <string.h>

static void test_declared(struct ktap *t)
{
	const struct sysctl *s;

	for_each_table(sysctl, s) {
		KTAP_EXPECT(t, strchr(s->name, '.'));
		KTAP_EXPECT(t, s->nr >= 1 && s->nr <= SYSCTL_VALUES && s->min <= s->max);
		KTAP_EXPECT(t, sysctl_find(s->name) == s);
		for (unsigned int i = 0; i < s->nr; i++)
			if (!KTAP_EXPECT(t, s->value[i] >= s->min && s->value[i] <= s->max))
				ktap_diag(t, "%s is %u", s->name, s->value[i]);
	}
}

/* Its owner takes the value that it has. */
static void test_write_back(struct ktap *t)
{
	char before[SYSCTL_TEXT_LEN], after[SYSCTL_TEXT_LEN];
	const struct sysctl *s;

	for_each_table(sysctl, s) {
		sysctl_read(s, before);
		if (!KTAP_EXPECT_EQ(t, sysctl_write(s, before), 0))
			ktap_diag(t, "%s=%s", s->name, before);
		KTAP_EXPECT_STREQ(t, sysctl_read(s, after), before);
	}
}

static void expect_refused(struct ktap *t, const struct sysctl *s, const char *text, int err)
{
	if (!KTAP_EXPECT_EQ(t, sysctl_write(s, text), err))
		ktap_diag(t, "%s=%s", s->name, text);
}

static void test_bad_values(struct ktap *t)
{
	char before[SYSCTL_TEXT_LEN], text[SYSCTL_TEXT_LEN + 11];
	const struct sysctl *s;

	for_each_table(sysctl, s) {
		sysctl_read(s, before);
		expect_refused(t, s, "", -EINVAL);
		expect_refused(t, s, "many", -EINVAL);
		expect_refused(t, s, "-1", -EINVAL);
		expect_refused(t, s, "5,", -EINVAL);
		snprintf(text, sizeof(text), "%llu", s->max + 1ull);
		expect_refused(t, s, text, -ERANGE);
		if (s->min) {
			snprintf(text, sizeof(text), "%u", s->min - 1);
			expect_refused(t, s, text, -ERANGE);
		}
		if (s->nr < SYSCTL_VALUES) {
			snprintf(text, sizeof(text), "%s %u", before, s->min);
			expect_refused(t, s, text, -E2BIG);
		}
		KTAP_EXPECT_STREQ(t, sysctl_read(s, text), before);
	}
	KTAP_EXPECT(t, !sysctl_find("vm.no_such_tunable"));
}

static const struct ktap_case cases[] = {
	{ "declared", test_declared },
	{ "write-back", test_write_back },
	{ "bad-values", test_bad_values },
	{},
};

static const struct ktap_suite suite_sysctl = { "sysctl", cases };
TABLE_ENTRY(ktap_suite, suite_sysctl);
