/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shell.h - commands, and how they print
 *
 * A command lives in one file and declares itself there:
 *
 *     static const struct shell_cmd cmd_peek = {
 *             .name = "peek", .usage = "ADDR [COUNT] [b|h|w|d]",
 *             .help = "show memory", .run = run_peek,
 *     };
 *     TABLE_ENTRY(shell_cmd, cmd_peek);
 *
 * argv[0] is the command's name; argv[argc] is NULL.  run() answers 0, or a
 * negative errno that the shell reports as "sh: peek: exit -14".  For arguments
 * that make no sense it returns SHELL_USAGE and the shell prints the usage.
 * Commands run on one hart in the shell's context, with interrupts on.
 */
#ifndef SHELL_SHELL_H
#define SHELL_SHELL_H

#include <base/errno.h>
#include <base/table.h>
#include <base/types.h>

/* What run() returns for arguments that make no sense; no errno has this value. */
#define SHELL_USAGE (-1000)

/* Called by a completer for each word that it knows; the line editor keeps those that fit. */
typedef void (*shell_offer_fn)(void *ctx, const char *word);

struct shell_cmd {
	const char *name;  /* one word */
	const char *usage; /* the arguments, "" if there are none */
	const char *help;  /* one line, no full stop */
	int (*run)(int argc, char **argv);
	/* Offers words for the first argument, of which @prefix is typed; NULL: none. */
	void (*complete)(const char *prefix, shell_offer_fn offer, void *ctx);
};
TABLE_DECLARE(shell_cmd);

/*
 * shell_printf - print on the console, not into the log.  One call prints at
 * most 255 characters; what is longer ends in "...".  May wait for the UART.
 */
void shell_printf(const char *fmt, ...) __printf(1, 2);

/* shell_puts - print a string of any length; adds nothing to it. */
void shell_puts(const char *s);

/*
 * shell_exec - run a line of commands separated by ';', as if typed.
 * @line: changed in place.  Returns the last command's result.
 */
int shell_exec(char *line);

/* shell_interrupted - true once after ^C was typed; long outputs ask this and stop. */
bool shell_interrupted(void);

/*
 * shell_main - the last call of the boot list.  With run= on the boot arguments
 * the commands named there run and the machine powers off, else a prompt.
 */
void shell_main(void) __noreturn;

#endif
