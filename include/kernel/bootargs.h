/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bootargs.h - what the user told the kernel on its command line
 *
 * An argument is declared in the file that it concerns:
 *
 *     static int parse_maxcpus(const char *value) { ... 0 or -EINVAL ... }
 *     static const struct bootarg arg_maxcpus = {
 *             "maxcpus", parse_maxcpus, "a number of harts, 1 or more" };
 *     TABLE_ENTRY(bootarg, arg_maxcpus);
 */
#ifndef KERNEL_BOOTARGS_H
#define KERNEL_BOOTARGS_H

#include <base/table.h>
#include <base/types.h>

#define BOOTARGS_MAX 2048 /* bytes of a command line, with its end */

struct bootarg {
	const char *name;
	/*
	 * @value is what follows the '=', quotes taken off, and stays valid for ever;
	 * "" for an argument without one.  0, or -errno: the value is bad, nothing changed.
	 * A name that ends in '.' stands for all that begin with it: @value is the rest,
	 * "REST=VALUE", and parse() itself tells the user what is wrong with it.
	 */
	int (*parse)(const char *value);
	const char *help; /* what a value must be, for the message about a bad one */
};
TABLE_DECLARE(bootarg);

/*
 * bootargs_parse - apply the command line.  @cmdline may be NULL; it is copied.
 * Bad values and unknown names are reported in the log and otherwise ignored.
 * Before memory is handed out; no locks, boot hart only.
 */
void bootargs_parse(const char *cmdline);

/* bootargs_cmdline - the line as it was given, for messages. */
const char *bootargs_cmdline(void);

#endif
