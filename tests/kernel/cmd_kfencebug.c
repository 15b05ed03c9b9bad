/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_kfencebug.c - `kfencebug KIND`: a watched object is misused, for what the console says of it
 */
#include <base/errno.h>
#include <mm/kfence.h>
#include <shell/shell.h>

#include "kfence_tools.h"

#include <string.h>

#ifdef CONFIG_KFENCE

static void bug_bounds(char *object)
{
	load(object + SIZE);
	give(object);
}

static void bug_after_free(char *object)
{
	give(object);
	store(object + 3, 1);
}

static void bug_double_free(char *object)
{
	give(object);
	give(object);
}

static void bug_invalid_free(char *object)
{
	give(object + 8);
	give(object);
}

static void bug_corruption(char *object)
{
	store(object - 5, 1);
	give(object);
}

static const struct {
	const char *name;
	void (*run)(char *object);
} bugs[] = {
	{ "out-of-bounds", bug_bounds },    { "use-after-free", bug_after_free },
	{ "double-free", bug_double_free }, { "invalid-free", bug_invalid_free },
	{ "corruption", bug_corruption },
};

static int run_kfencebug(int argc, char **argv)
{
	char *object;

	for (unsigned i = 0; argc == 2 && i < ARRAY_SIZE(bugs); i++)
		if (!strcmp(bugs[i].name, argv[1])) {
			object = kfence_bytes ? watched(NULL, HIGH) : NULL;
			if (!object)
				return -ENOMEM;
			bugs[i].run(object);
			return 0;
		}
	return SHELL_USAGE;
}

static const struct shell_cmd cmd_kfencebug = {
	.name = "kfencebug",
	.usage = "out-of-bounds | use-after-free | double-free | invalid-free | corruption",
	.help = "misuse a watched object, to see how that is reported",
	.run = run_kfencebug,
};
TABLE_ENTRY(shell_cmd, cmd_kfencebug);

#endif
