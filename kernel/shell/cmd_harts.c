/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_harts.c - harts: the processors, by the kernel's number and the firmware's
 *
 * Idle time, wake-ups and switches are those since the last time they were shown, or since boot;
 * `-t` shows them each second.
 */
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <lib/dt.h>
#include <lib/parse.h>
#include <limits.h>
#include <sched/hotplug.h>
#include <sched/thread.h>
#include <sched/timer.h>
#include <shell/shell.h>
#include <string.h>

static const struct {
	unsigned bit;
	const char *name;
} extensions[] = {
	{ DT_ISA_SSTC, "sstc" },       { DT_ISA_SVPBMT, "svpbmt" }, { DT_ISA_SVNAPOT, "svnapot" },
	{ DT_ISA_SVINVAL, "svinval" }, { DT_ISA_ZICBOM, "zicbom" }, { DT_ISA_ZICBOZ, "zicboz" },
	{ DT_ISA_ZBA, "zba" },	       { DT_ISA_ZBB, "zbb" },	    { DT_ISA_ZIHINTPAUSE, "pause" },
	{ DT_ISA_SSAIA, "ssaia" },     { DT_ISA_SVADE, "svade" },   { DT_ISA_SVADU, "svadu" },
};

/* harts off N, harts on N. */
static int turn(const char *what, const char *number)
{
	struct hart_error why;
	unsigned long cpu;
	int err;

	if (parse_ulong(number, &cpu) || cpu > UINT_MAX)
		return SHELL_USAGE;
	if (!strcmp(what, "off"))
		err = hart_off((unsigned int)cpu, &why);
	else if (!strcmp(what, "on"))
		err = hart_on((unsigned int)cpu, &why);
	else
		return SHELL_USAGE;
	if (err)
		shell_printf("harts: %s\n", why.text);
	return err;
}

static DEFINE_PER_CPU(struct hart_load, shown); /* what the last listing was made of */

/* @n / @d with one decimal place. */
static void print_tenths(int width, u64 n, u64 d)
{
	u64 tenths = d ? (n * 10 + d / 2) / d : 0;

	shell_printf(" %*llu.%llu", width, (unsigned long long)(tenths / 10),
		     (unsigned long long)(tenths % 10));
}

/* What hart @cpu did since the last listing. */
static void print_load(unsigned int cpu)
{
	u64 second = ns_to_ticks(1000000000), passed;
	struct hart_load *before = per_cpu_ptr(&shown, cpu), now;

	sched_hart_load(cpu, &now);
	passed = now.now - before->now;
	if (hart_info(cpu)->state != HART_ONLINE || !passed) {
		shell_printf(" %6s %9s %9s ", "-", "-", "-");
		return;
	}
	print_tenths(4, (now.idle - before->idle) * 100, passed);
	print_tenths(7, (now.wakeups - before->wakeups) * second, passed);
	print_tenths(7, (now.switches - before->switches) * second, passed);
	shell_puts(" ");
	*before = now;
}

static void print_harts(void)
{
	shell_puts(
		"cpu  hart id  node  state          IPIs  idle% wakeups/s  switch/s  extensions\n");
	for (unsigned cpu = 0; cpu < nr_harts; cpu++) {
		const struct hart_info *h = hart_info(cpu);

		shell_printf("%3u  %7lu  %4d  %-8s %10lu", cpu, h->hartid, h->nid,
			     hart_state_name(h->state), h->ipis);
		print_load(cpu);
		for (unsigned i = 0; i < ARRAY_SIZE(extensions); i++)
			if (h->isa & extensions[i].bit)
				shell_printf(" %s", extensions[i].name);
		shell_puts("\n");
	}
}

/* The same each second in place, until ^C. */
static void watch_harts(void)
{
	for (;;) {
		print_harts();
		msleep(1000);
		if (shell_interrupted())
			return;
		shell_printf("\x1b[%uA\r", nr_harts + 1);
	}
}

static int run_harts(int argc, char **argv)
{
	if (argc == 3)
		return turn(argv[1], argv[2]);
	if (argc == 2 && !strcmp(argv[1], "-t"))
		watch_harts();
	else if (argc == 1)
		print_harts();
	else
		return SHELL_USAGE;
	return 0;
}

static const struct shell_cmd cmd_harts = {
	.name = "harts",
	.usage = "[-t | off N | on N]",
	.help = "the harts and their load since last shown; -t: until ^C; turn one off or on",
	.run = run_harts,
};
TABLE_ENTRY(shell_cmd, cmd_harts);
