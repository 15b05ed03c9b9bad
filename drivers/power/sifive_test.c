/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sifive_test.c - the test finisher of QEMU's virt machine
 *
 * One register: a store of 0x3333 with a code in the upper half ends the emulator with that
 * code as its status.  Real boards don't have it.
 */
#include <drivers/power.h>

#include <asm/io.h>
#include <asm/mmu.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <lib/dt.h>

#define FINISHER_FAIL 0x3333
#define STATUS	      1

static void *finisher;

static void fail(void)
{
	mmio_write32(finisher, STATUS << 16 | FINISHER_FAIL);
}

void power_init(void)
{
	struct phys_range reg;
	struct dt_error err;
	int node = dt_find_compatible(-1, "sifive,test0");

	if (node < 0)
		return;
	if (dt_reg(node, 0, &reg, &err)) {
		pr_warn("%s", err.text);
		return;
	}
	finisher = ioremap(reg.start, sizeof(u32));
	if (finisher)
		panic_set_poweroff(fail);
}
