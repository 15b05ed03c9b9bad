/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_sysctl.c - sysctl: see and change tunables
 */
#include <kernel/sysctl.h>

#include <shell/shell.h>

#include <string.h>

static void show(const struct sysctl *s)
{
	char text[SYSCTL_TEXT_LEN];

	shell_printf("%s = %s\n", s->name, sysctl_read(s, text));
}

static int run_sysctl(int argc, char **argv)
{
	char *value = argc > 1 ? strchr(argv[1], '=') : NULL, why[160];
	const struct sysctl *s;
	int err;

	if (argc > 2)
		return SHELL_USAGE;
	if (argc == 1) {
		for_each_table(sysctl, s)
			show(s);
		return 0;
	}
	if (value)
		*value++ = '\0';
	s = sysctl_find(argv[1]);
	if (!s) {
		shell_printf("sysctl: %s: there is no such tunable\n", argv[1]);
		return -ENOENT;
	}
	err = value ? sysctl_write(s, value) : 0;
	if (err)
		shell_printf("sysctl: %s\n", sysctl_explain(s, value, err, why, sizeof(why)));
	else
		show(s);
	if (!value)
		shell_printf("  %u to %u: %s\n", s->min, s->max, s->help);
	return err;
}

static void complete_sysctl(const char *prefix, shell_offer_fn offer, void *ctx)
{
	const struct sysctl *s;

	(void)prefix;
	for_each_table(sysctl, s)
		offer(ctx, s->name);
}

static const struct shell_cmd cmd_sysctl = {
	.name = "sysctl",
	.usage = "[NAME[=VALUE[,VALUE...]]]",
	.help = "show or set tunables",
	.run = run_sysctl,
	.complete = complete_sysctl,
};
TABLE_ENTRY(shell_cmd, cmd_sysctl);
