/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_kmemleak.c - kmemleak: look for leaks now, list them, forget them
 */
#include <base/errno.h>
#include <mm/kmemleak.h>
#include <sched/kmemleak.h>
#include <shell/shell.h>

#include <string.h>

static void show_counts(void)
{
	struct kmemleak_counts c;

	kmemleak_count(&c);
	shell_printf("%lu objects in %lu pages of records, %lu leaks, %lu unknown, %lu scans\n",
		     c.objects, c.pages, c.leaks, c.missed, c.scans);
}

static int show_leaks(void)
{
	struct kmemleak_report r;
	char text[KMEMLEAK_TEXT];
	unsigned long at = 0;

	while (kmemleak_next(&at, &r)) {
		shell_printf("%s\n", kmemleak_text(&r, text));
		if (shell_interrupted())
			return -EINTR;
	}
	return 0;
}

static int run_kmemleak(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (!kmemleak_on) {
		shell_puts("kmemleak: off; the boot argument kmemleak=on turns it on\n");
		return -ENODEV;
	}
	if (!strcmp(what, "list"))
		return show_leaks();
	if (!strcmp(what, "scan"))
		shell_printf("%lu leaks are new\n", kmemleak_scan_now());
	else if (!strcmp(what, "clear"))
		kmemleak_clear();
	else if (argc != 1)
		return SHELL_USAGE;
	show_counts();
	return 0;
}

static const struct shell_cmd cmd_kmemleak = {
	.name = "kmemleak",
	.usage = "[scan | list | clear]",
	.help = "memory that no pointer leads to: look for it, show it, forget it",
	.run = run_kmemleak,
};
TABLE_ENTRY(shell_cmd, cmd_kmemleak);
