/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_trap.c - traps that the interrupted code must not notice
 */
#include <asm/irqflags.h>
#include <asm/mmu.h>
#include <asm/trap.h>
#include <base/errno.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <shell/ktap.h>

void trap_regs(unsigned long *after); /* trap_regs.S */

static void test_registers(struct ktap *t)
{
	unsigned long after[32] = { 0 }, ipis = hart_info(smp_processor_id())->ipis;

	KTAP_ASSERT(t, !irqs_disabled());
	trap_regs(after);
	KTAP_EXPECT_EQ(t, hart_info(smp_processor_id())->ipis, ipis + 1);
	for (unsigned int n = 1; n < ARRAY_SIZE(after); n++) {
		if (n != REG_SP && n != REG_TP)
			KTAP_EXPECT_EQ(t, after[n], 0x100 + n);
	}
	KTAP_EXPECT(t, !irqs_disabled());
}

/* Each width, each way: the access that faults is the one that its fixup belongs to. */
static void test_probe_faults(struct ktap *t)
{
	u64 value = 0x1122334455667788;

	for (size_t bytes = 1; bytes <= sizeof(long); bytes *= 2) {
		KTAP_EXPECT_EQ(t, probe_read(&value, NULL, bytes), -EFAULT);
		KTAP_EXPECT_EQ(t, probe_write(NULL, &value, bytes), -EFAULT);
	}
	KTAP_EXPECT_EQ(t, value, 0x1122334455667788);
}

static const struct ktap_case cases[] = {
	{ "registers", test_registers },
	{ "probe-faults", test_probe_faults },
	{},
};

static const struct ktap_suite suite_trap = { "trap", cases };
TABLE_ENTRY(ktap_suite, suite_trap);
