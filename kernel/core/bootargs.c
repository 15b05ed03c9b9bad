/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bootargs.c - the command line, cut into arguments and handed to their owners
 *
 * Arguments are the words of parse_word(): NAME or NAME=VALUE, with quotes as in
 * run="harts; meminfo" or "run=harts; meminfo".  They apply in order, so the last of two
 * like ones wins.  Nothing here stops a boot: what can't be used is named in the log.
 */
#define LOG_PREFIX "bootargs: "
#include <kernel/bootargs.h>

#include <kernel/log.h>
#include <lib/parse.h>

#include <string.h>

static char as_given[BOOTARGS_MAX];
static char cut_up[BOOTARGS_MAX]; /* the values that parse() was given point into this */

/* What @arg's owner is to see of NAME=VALUE, or NULL if it isn't his. */
static const char *value_for(const struct bootarg *arg, const char *name, char *value)
{
	size_t len = strlen(arg->name);

	if (!strcmp(arg->name, name))
		return value;
	if (arg->name[len - 1] != '.' || strncmp(arg->name, name, len))
		return NULL;
	if (value > name + strlen(name)) /* put together again */
		value[-1] = '=';
	return name + len;
}

static void apply(const char *name, char *value)
{
	const struct bootarg *arg;

	for_each_table(bootarg, arg) {
		const char *his = value_for(arg, name, value);

		if (!his)
			continue;
		if (arg->parse(his))
			pr_err("%s=\"%s\" is not usable, the default stays: %s= takes %s", name,
			       value, name, arg->help);
		return;
	}
	pr_warn("unknown argument \"%s\"", name);
}

void __init bootargs_parse(const char *cmdline)
{
	size_t len = cmdline ? strlen(cmdline) : 0;
	char *at = cut_up, *arg;
	bool open = false;

	if (len >= BOOTARGS_MAX) {
		pr_err("command line of %zu bytes is cut to %d", len, BOOTARGS_MAX - 1);
		len = BOOTARGS_MAX - 1;
	}
	if (len)
		memcpy(as_given, cmdline, len);
	as_given[len] = '\0';
	memcpy(cut_up, as_given, len + 1);

	while ((arg = parse_word(&at, &open))) {
		char *value = strchr(arg, '=');

		if (open)
			pr_err("the quote in \"%s\" is not closed", arg);
		if (value)
			*value++ = '\0';
		else
			value = arg + strlen(arg);
		apply(arg, value);
	}
}

const char *bootargs_cmdline(void)
{
	return as_given;
}
