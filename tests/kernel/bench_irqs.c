/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_irqs.c - the longest time that interrupts were off since boot, or since it was asked last
 *
 * Under -icount an instruction is a nanosecond, and a tick 100: that is how exact it is.  Firmware
 * that was called meanwhile is in it.
 */
#include "bench_irqs.h"

#include <kernel/lockdebug.h>
#include <kernel/smp.h>
#include <kernel/symbols.h>
#include <kernel/time.h>
#include <shell/bench.h>
#include <shell/shell.h>

u64 bench_irqs_show(const char *what)
{
	char from[KSYM_NAME], to[KSYM_NAME];
	struct irqsoff_stat s, longest = { 0 };
	u64 now = read_time(), ns;

	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		irqsoff_read(cpu, &s);
		if (s.longest > longest.longest)
			longest = s;
	}
	ns = ktime_of_ticks(now + longest.longest) - ktime_of_ticks(now);
	shell_printf("  %-8s %6lu  %s ... %s\n", what, (unsigned long)ns,
		     symbol_format(from, sizeof(from), longest.from),
		     symbol_format(to, sizeof(to), longest.to));
	irqsoff_clear();
	return ns;
}

static u64 run_irqs_off(void)
{
	return bench_irqs_show("longest");
}

static const struct bench bench_irqs_off = {
	.key = "irqs_off",
	.run = run_irqs_off,
	.help = "nanoseconds that interrupts were off at most",
};
TABLE_ENTRY(bench, bench_irqs_off);
