/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sifive_test.c - the test finisher of QEMU's virt machine
 *
 * One register: a store of 0x3333 with a code in the upper half ends the emulator with that
 * code as its status, which a firmware's shutdown call can't say.  So after a panic with
 * panic=poweroff the emulator exits with 1.  Real boards don't have it.
 */
#define LOG_PREFIX "sifive_test: "

#include <asm/io.h>
#include <drivers/driver.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <lib/dt.h>
#include <mm/ioremap.h>

#define FINISHER_FAIL 0x3333
#define STATUS	      1

static void *finisher;

static void fail(void)
{
	mmio_write32(finisher, STATUS << 16 | FINISHER_FAIL);
}

static int sifive_test_probe(int node)
{
	struct phys_range reg;
	struct dt_error err;

	if (dt_reg(node, 0, &reg, &err)) {
		pr_err("%s", err.text);
		return -EINVAL;
	}
	finisher = ioremap(reg.start, sizeof(u32));
	if (!finisher)
		return -ENOMEM;
	panic_set_poweroff(fail);
	return 0;
}

static const char *const compatible[] = { "sifive,test0", NULL };
static const struct driver sifive_test = { "sifive_test", compatible, DRIVER_CORE,
					   sifive_test_probe };
TABLE_ENTRY(driver, sifive_test);
