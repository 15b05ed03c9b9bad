/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_ktap.c - the test framework itself: an expectation that fails is counted
 *
 * The failures are of a case of its own, whose '#' lines are part of this suite's output.
 */
#include <shell/ktap.h>

#include <kernel/smp.h>

static void test_counts(struct ktap *t)
{
	struct ktap inner = { .suite = "inner", .name = "inner" };

	ktap_diag(t, "three failures on purpose:");
	KTAP_EXPECT(t, !KTAP_EXPECT(&inner, t == NULL));
	KTAP_EXPECT(t, !KTAP_EXPECT_EQ(&inner, 2 + 2, 5));
	KTAP_EXPECT(t, !KTAP_EXPECT_STREQ(&inner, "this", "that"));
	KTAP_EXPECT(t, KTAP_EXPECT_EQ(&inner, 2 + 2, 4));
	KTAP_EXPECT_EQ(t, inner.nr_failed, 3);
}

static void assert_and_go_on(struct ktap *inner, bool *went_on)
{
	KTAP_ASSERT(inner, *went_on);
	*went_on = true;
}

static void test_assert_returns(struct ktap *t)
{
	struct ktap inner = { .suite = "inner", .name = "inner" };
	bool went_on = false;

	ktap_diag(t, "one failure on purpose:");
	assert_and_go_on(&inner, &went_on);
	KTAP_EXPECT(t, !went_on);
	KTAP_EXPECT_EQ(t, inner.nr_failed, 1);
}

static void check_on_hart(void *arg)
{
	KTAP_EXPECT((struct ktap *)arg, false);
}

static void test_all_harts(struct ktap *t)
{
	struct ktap inner = { .suite = "inner", .name = "inner" };

	ktap_diag(t, "a failure on each hart on purpose:");
	on_each_hart(check_on_hart, &inner);
	KTAP_EXPECT_EQ(t, inner.nr_failed, num_online_harts());
}

static void test_skip(struct ktap *t)
{
	ktap_skip(t, "to show what a skipped case looks like");
}

static const struct ktap_case cases[] = {
	{ "counts", test_counts },
	{ "assert_returns", test_assert_returns },
	{ "all_harts", test_all_harts },
	{ "skip", test_skip },
	{ NULL, NULL },
};
static const struct ktap_suite suite_ktap = { "ktap", cases };
TABLE_ENTRY(ktap_suite, suite_ktap);
