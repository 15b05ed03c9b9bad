/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_harts.c - harts: the processors, by the kernel's number and the firmware's
 */
#include <kernel/smp.h>
#include <lib/dt.h>
#include <lib/parse.h>
#include <limits.h>
#include <sched/hotplug.h>
#include <shell/shell.h>
#include <string.h>

static const struct {
	unsigned bit;
	const char *name;
} extensions[] = {
	{ DT_ISA_SSTC, "sstc" },       { DT_ISA_SVPBMT, "svpbmt" }, { DT_ISA_SVNAPOT, "svnapot" },
	{ DT_ISA_SVINVAL, "svinval" }, { DT_ISA_ZICBOM, "zicbom" }, { DT_ISA_ZICBOZ, "zicboz" },
	{ DT_ISA_ZBA, "zba" },	       { DT_ISA_ZBB, "zbb" },	    { DT_ISA_ZIHINTPAUSE, "pause" },
	{ DT_ISA_SSAIA, "ssaia" },
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

static int run_harts(int argc, char **argv)
{
	if (argc == 3)
		return turn(argv[1], argv[2]);
	if (argc != 1)
		return SHELL_USAGE;
	shell_puts("cpu  hart id  node  state     IPIs       extensions\n");
	for (unsigned cpu = 0; cpu < nr_harts; cpu++) {
		const struct hart_info *h = hart_info(cpu);

		shell_printf("%3u  %7lu  %4d  %-8s  %-9lu ", cpu, h->hartid, h->nid,
			     hart_state_name(h->state), h->ipis);
		for (unsigned i = 0; i < ARRAY_SIZE(extensions); i++)
			if (h->isa & extensions[i].bit)
				shell_printf(" %s", extensions[i].name);
		shell_puts("\n");
	}
	return 0;
}

static const struct shell_cmd cmd_harts = {
	.name = "harts",
	.usage = "[off N | on N]",
	.help = "the harts, their state and extensions; turn one off or on",
	.run = run_harts,
};
TABLE_ENTRY(shell_cmd, cmd_harts);
