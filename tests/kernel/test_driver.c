/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_driver.c - drivers that wait for each other, bound to nodes of tests/system/test_drivers.py
 *
 * early, of an early level, waits for late, of the last; late waits for last, which comes behind it
 * in the tree; never waits for nothing that there is; silent has no use for its node.
 */
#include <drivers/driver.h>

#include <base/types.h>

static bool have_late, have_last;

static int probe_early(int node)
{
	(void)node;
	return have_late ? 0 : -EPROBE_DEFER;
}

static int probe_late(int node)
{
	(void)node;
	have_late = have_last;
	return have_late ? 0 : -EPROBE_DEFER;
}

static int probe_last(int node)
{
	(void)node;
	have_last = true;
	return 0;
}

static int probe_never(int node)
{
	(void)node;
	return -EPROBE_DEFER;
}

static int probe_silent(int node)
{
	(void)node;
	return -ENODEV;
}

#define TEST_DRIVER(kind, level)                                                              \
	static const char *const kind##_compatible[] = { "hartwood,test-" #kind, NULL };      \
	static const struct driver kind##_driver = { "test-" #kind, kind##_compatible, level, \
						     probe_##kind };                          \
	TABLE_ENTRY(driver, kind##_driver)

TEST_DRIVER(early, DRIVER_CORE);
TEST_DRIVER(late, DRIVER_DEVICE);
TEST_DRIVER(last, DRIVER_DEVICE);
TEST_DRIVER(never, DRIVER_BUS);
TEST_DRIVER(silent, DRIVER_DEVICE);
