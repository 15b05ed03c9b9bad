/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_stress.c - stress: run one of the table of stress runs, and look for what it left behind
 */
#include <shell/stress.h>

#include <kernel/time.h>
#include <lib/parse.h>
#include <sched/timer.h>
#include <shell/ktap.h>
#include <shell/shell.h>
#include <string.h>

#define DEFAULT_SECONDS 10
#define SETTLE_MS	100 /* for threads that free themselves */

static const struct stress *find_stress(const char *name)
{
	const struct stress *s;

	for_each_table(stress, s)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

static int run_stress(int argc, char **argv)
{
	unsigned long seconds = DEFAULT_SECONDS, seed = 0, free_before, free_after;
	const struct stress *s;
	int err;

	if (argc == 1) {
		for_each_table(stress, s)
			shell_printf("%-10s %s\n", s->name, s->help);
		return 0;
	}
	if (argc > 4 || (argc > 2 && (parse_ulong(argv[2], &seconds) || !seconds)) ||
	    (argc > 3 && parse_ulong(argv[3], &seed)))
		return SHELL_USAGE;
	s = find_stress(argv[1]);
	if (!s) {
		shell_printf("stress: there is no run %s; stress lists them\n", argv[1]);
		return -ENOENT;
	}
	if (!(u32)seed)
		seed = (u32)read_time() | 1;
	free_before = ktap_free_pages();
	shell_printf("stress %s: %lu seconds, seed %lu\n", s->name, seconds, seed);
	err = s->run(seconds, (u32)seed);
	msleep(SETTLE_MS);
	free_after = ktap_free_pages();
	if (free_after != free_before) {
		shell_printf("stress %s: %lu free pages at the end, %lu at the start\n", s->name,
			     free_after, free_before);
		err = err ? err : -EIO;
	}
	shell_printf("stress %s: %s\n", s->name, err ? "failed" : "passed");
	return err;
}

static void complete_stress(const char *prefix, shell_offer_fn offer, void *ctx)
{
	const struct stress *s;

	(void)prefix;
	for_each_table(stress, s)
		offer(ctx, s->name);
}

static const struct shell_cmd cmd_stress = {
	.name = "stress",
	.usage = "[NAME [SECONDS [SEED]]]",
	.help = "do everything at once for a time; without a name: which runs there are",
	.run = run_stress,
	.complete = complete_stress,
};
TABLE_ENTRY(shell_cmd, cmd_stress);
