/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shell.c - reading lines, cutting them into commands, running them
 *
 * A line is commands separated by ';', a command is words (parse_word: blanks separate,
 * double quotes and backslashes keep).  Commands come from the table shell_cmd; one runs
 * at a time, on the hart that booted, with interrupts on.
 *
 * No locks: all state here belongs to the one shell.  Not here: editing (line.c), the
 * commands (cmd_*.c).
 */
#include <shell/shell.h>

#include <asm/sbi.h>
#include <kernel/bootargs.h>
#include <kernel/console.h>
#include <kernel/log.h>
#include <lib/parse.h>
#include <shell/line.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PROMPT	   "hartwood> "
#define ARGS_MAX   32
#define PRINTF_MAX 255

static struct line line;
static const char *run_commands; /* run=, or NULL */

static int __init parse_run(const char *value)
{
	if (!*value)
		return -EINVAL;
	run_commands = value;
	return 0;
}

static const struct bootarg arg_run __initconst = {
	"run", parse_run, "commands separated by ';', after which the machine powers off"
};
TABLE_ENTRY(bootarg, arg_run);

void shell_puts(const char *s)
{
	console_write(s, strlen(s));
}

void shell_printf(const char *fmt, ...)
{
	char text[PRINTF_MAX + 1];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0)
		return;
	if (n > PRINTF_MAX) {
		n = PRINTF_MAX;
		memcpy(text + n - 4, "...\n", 4);
	}
	console_write(text, (size_t)n);
}

bool shell_interrupted(void)
{
	return console_interrupted();
}

static const struct shell_cmd *find_command(const char *name)
{
	const struct shell_cmd *cmd;

	for_each_table(shell_cmd, cmd)
		if (!strcmp(cmd->name, name))
			return cmd;
	return NULL;
}

static void print_usage(const struct shell_cmd *cmd)
{
	shell_printf("usage: %s%s%s\n", cmd->name, *cmd->usage ? " " : "", cmd->usage);
}

/* Cuts the next command off @rest at a ';' outside quotes; NULL at the end. */
static char *next_command(char **rest)
{
	char *start = *rest;
	bool quoted = false;

	if (!start)
		return NULL;
	for (char *s = start; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		else if (*s == '"')
			quoted = !quoted;
		else if (*s == ';' && !quoted) {
			*s = '\0';
			*rest = s + 1;
			return start;
		}
	}
	*rest = NULL;
	return start;
}

static int run_command(char *text)
{
	char *argv[ARGS_MAX + 1];
	int argc = parse_words(text, argv, ARGS_MAX);
	const struct shell_cmd *cmd;
	int ret;

	if (argc == -E2BIG)
		shell_printf("sh: more than %d words\n", ARGS_MAX);
	if (argc == -EINVAL)
		shell_puts("sh: a quote is not closed\n");
	if (argc <= 0)
		return argc;
	argv[argc] = NULL;

	cmd = find_command(argv[0]);
	if (!cmd) {
		shell_printf("sh: %s: no such command; help lists them\n", argv[0]);
		return -ENOENT;
	}
	ret = cmd->run(argc, argv);
	if (ret == SHELL_USAGE) {
		print_usage(cmd);
		ret = -EINVAL;
	}
	if (ret)
		shell_printf("sh: %s: exit %d\n", argv[0], ret);
	return ret;
}

int shell_exec(char *text)
{
	char *cmd;
	int ret = 0;

	while ((cmd = next_command(&text)))
		ret = run_command(cmd);
	return ret;
}

static void complete(const char *command, const char *prefix, shell_offer_fn offer, void *ctx)
{
	const struct shell_cmd *cmd;

	if (command) {
		cmd = find_command(command);
		if (cmd && cmd->complete)
			cmd->complete(prefix, offer, ctx);
		return;
	}
	for_each_table(shell_cmd, cmd)
		offer(ctx, cmd->name);
}

static const struct line_hooks hooks = { .out = console_write, .complete = complete };

/* run=: as if typed, then off. */
static void run_and_power_off(void)
{
	static char text[BOOTARGS_MAX];

	strncpy(text, run_commands, sizeof(text) - 1);
	shell_exec(text);
	sbi_system_reset(SBI_RESET_SHUTDOWN, false);
	pr_warn("sh: the firmware can't power off");
}

void shell_main(void)
{
	if (run_commands)
		run_and_power_off();

	line_init(&line, &hooks, PROMPT);
	for (;;) {
		int c;
		enum line_event event = LINE_MORE;

		line_start(&line);
		while (event != LINE_DONE) {
			console_wait_input();
			while (event != LINE_DONE && (c = console_getchar()) >= 0)
				event = line_feed(&line, (char)c);
		}
		line_remember(&line, line.text);
		shell_exec(line.text);
	}
}

/* ---- help ---- */

/* The command whose name follows @last's in the alphabet; the first for NULL. */
static const struct shell_cmd *next_by_name(const struct shell_cmd *last)
{
	const struct shell_cmd *cmd, *best = NULL;

	for_each_table(shell_cmd, cmd) {
		if (last && strcmp(cmd->name, last->name) <= 0)
			continue;
		if (!best || strcmp(cmd->name, best->name) < 0)
			best = cmd;
	}
	return best;
}

static int run_help(int argc, char **argv)
{
	const struct shell_cmd *cmd;

	if (argc > 2)
		return SHELL_USAGE;
	if (argc == 2) {
		cmd = find_command(argv[1]);
		if (!cmd) {
			shell_printf("help: there is no command %s\n", argv[1]);
			return -ENOENT;
		}
		shell_printf("%s - %s\n", cmd->name, cmd->help);
		print_usage(cmd);
		return 0;
	}
	for (cmd = next_by_name(NULL); cmd; cmd = next_by_name(cmd))
		shell_printf("%-12s  %s\n", cmd->name, cmd->help);
	shell_puts("\nhelp COMMAND shows its arguments. Several commands: a; b\n"
		   "Tab completes, arrows edit and recall, ^C gives up.\n");
	return 0;
}

static void complete_help(const char *prefix, shell_offer_fn offer, void *ctx)
{
	complete(NULL, prefix, offer, ctx);
}

static const struct shell_cmd cmd_help = {
	.name = "help",
	.usage = "[COMMAND]",
	.help = "list the commands, or explain one",
	.run = run_help,
	.complete = complete_help,
};
TABLE_ENTRY(shell_cmd, cmd_help);
