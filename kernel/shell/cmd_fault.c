/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_fault.c - fault: what is to fail on purpose, and what did
 */
#include <kernel/fault_inject.h>

#include <base/errno.h>
#include <kernel/symbols.h>
#include <shell/shell.h>
#include <string.h>

static void show(const struct fault_point *p)
{
	const struct fault_attr *a = p->attr;

	shell_printf("%-16s %s\n", p->name, p->what);
	shell_printf("  probability %u, interval %u, space %u, seed %u, times ", a->probability,
		     a->interval, a->space, a->seed);
	if (a->times == FAULT_ALWAYS)
		shell_printf("without end\n");
	else
		shell_printf("%u more\n", a->times);
	shell_printf("  min-order %u, ignore-gfp-wait %u, verbose %u, task ", a->min_order,
		     a->ignore_wait, a->verbose);
	if (a->thread)
		shell_printf("%u\n", a->thread);
	else
		shell_printf("any\n");
	if (a->min_bytes || a->max_bytes)
		shell_printf("  min-size %u, max-size %u\n", a->min_bytes, a->max_bytes);
	if (*a->cache)
		shell_printf("  cache %s\n", a->cache);
	if (a->caller) {
		char name[KSYM_NAME];

		shell_printf("  caller %s\n", symbol_format(name, sizeof(name), a->caller));
	}
	shell_printf("  calls %u, failed %u\n", a->calls, a->failed);
}

static int run_fault(int argc, char **argv)
{
	const struct fault_point *p;
	const char *bad;

	if (argc == 1) {
		for_each_table(fault_point, p)
			show(p);
		return 0;
	}
	p = fault_find(argv[1]);
	if (!p) {
		shell_printf("fault: there is no point %s; fault lists them\n", argv[1]);
		return -ENOENT;
	}
	if (argc == 2) {
		show(p);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[2], "off"))
		argc = 2;
	if (fault_set(p, argc - 2, argv + 2, &bad)) {
		shell_printf(
			"fault: %s is not KEY=VALUE of probability (0 to 100), interval, times, "
			"space, seed, min-order, ignore-gfp-wait, verbose (0 to 2), task, "
			"min-size, max-size, caller, cache\n",
			bad);
		return -EINVAL;
	}
	return 0;
}

static void complete_fault(const char *prefix, shell_offer_fn offer, void *ctx)
{
	const struct fault_point *p;

	(void)prefix;
	for_each_table(fault_point, p)
		offer(ctx, p->name);
}

static const struct shell_cmd cmd_fault = {
	.name = "fault",
	.usage = "[NAME [off | KEY=VALUE...]]",
	.help = "let operations fail on purpose: probability= interval= times= space= seed= "
		"min-order= ignore-gfp-wait= verbose= task= min-size= max-size= caller= cache=",
	.run = run_fault,
	.complete = complete_fault,
};
TABLE_ENTRY(shell_cmd, cmd_fault);
