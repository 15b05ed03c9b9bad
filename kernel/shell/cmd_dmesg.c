/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_dmesg.c - dmesg: the messages that the log still has
 */
#include <kernel/log.h>
#include <lib/parse.h>
#include <shell/shell.h>

#include <string.h>

static int print_log(unsigned below)
{
	char line[LOG_STAMP_MAX + LOG_TEXT_MAX + 2];
	char text[LOG_TEXT_MAX + 1];
	struct log_record rec;
	u64 seq = 0;

	while (log_read(&seq, &rec, text)) {
		size_t n;

		if (rec.level >= below)
			continue;
		n = log_format_stamp(line, rec.ns);
		memcpy(line + n, text, rec.len);
		strcpy(line + n + rec.len, "\n");
		shell_puts(line);
		if (shell_interrupted())
			return -EINTR;
	}
	return 0;
}

static int run_dmesg(int argc, char **argv)
{
	bool set = argc > 1 && !strcmp(argv[1], "-n");
	u64 level = LOG_DEBUG + 1;

	if (argc > 2 + set || (set && argc != 3))
		return SHELL_USAGE;
	if (argc > 1 && (parse_u64(argv[1 + set], &level) || level > LOG_DEBUG + 1))
		return SHELL_USAGE;
	if (!set)
		return print_log((unsigned)level);
	log_set_console_level((unsigned)level);
	return 0;
}

static const struct shell_cmd cmd_dmesg = {
	.name = "dmesg",
	.usage = "[LEVEL | -n LEVEL]   (0..6: messages of a level below it)",
	.help = "print the log; -n: what the console shows from now on",
	.run = run_dmesg,
};
TABLE_ENTRY(shell_cmd, cmd_dmesg);
