/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_slabbug.c - `slabbug KIND`: one mistake with a small object, for what the console says of it
 *
 * The cache is an ordinary one: slub_debug= chooses it, or it doesn't, and nothing is said.
 */
#include <mm/kmalloc.h>
#include <shell/shell.h>

#include "slab_tools.h"

#include <string.h>

#define BUG_SIZE 44 /* with a gap behind it in any cache: what isn't seen does no harm */

static struct kmem_cache *bug_cache;

static void bug_past_end(void)
{
	u8 *object = takes_object(bug_cache);

	memset(object + BUG_SIZE, 'A', 3);
	gives_object(bug_cache, object);
	barrier();
}

static void bug_before_start(void)
{
	u8 *object = takes_object(bug_cache);

	object[-2] = 'A';
	gives_object(bug_cache, object);
	barrier();
}

static void bug_after_free(void)
{
	u8 *object = takes_object(bug_cache);

	gives_object(bug_cache, object);
	object[20] = 'A';
	gives_object(bug_cache, takes_object(bug_cache));
	barrier();
}

static void bug_double_free(void)
{
	u8 *object = takes_object(bug_cache), *other = takes_object(bug_cache);

	gives_object(bug_cache, object);
	gives_object(bug_cache, other);
	gives_object(bug_cache, object);
	barrier();
}

static void bug_leak(void)
{
	u8 *object = takes_object(bug_cache);

	if (kmem_cache_destroy(bug_cache))
		gives_object(bug_cache, object);
	else
		bug_cache = NULL;
}

static __noinline void bug_kmalloc(void)
{
	u8 *object = kmalloc(200, GFP_KERNEL);

	object[224] = 'A';
	kfree(object);
	barrier();
}

/* What was never allocated: a variable of this function. */
static __noinline __noclone void bug_wild(void)
{
	char variable[16] = "";

	kfree(variable);
	barrier();
}

static const struct {
	const char *name;
	void (*run)(void);
} bugs[] = {
	{ "past-end", bug_past_end },
	{ "before-start", bug_before_start },
	{ "after-free", bug_after_free },
	{ "double-free", bug_double_free },
	{ "leak", bug_leak },
	{ "kmalloc", bug_kmalloc },
	{ "wild", bug_wild },
};

static int run_slabbug(int argc, char **argv)
{
	if (!bug_cache)
		bug_cache = kmem_cache_create("slabbug", BUG_SIZE, 0, SLAB_NO_MERGE, NULL);
	for (unsigned i = 0; bug_cache && argc == 2 && i < ARRAY_SIZE(bugs); i++)
		if (!strcmp(bugs[i].name, argv[1])) {
			bugs[i].run();
			return 0;
		}
	return SHELL_USAGE;
}

static const struct shell_cmd cmd_slabbug = {
	.name = "slabbug",
	.usage = "past-end | before-start | after-free | double-free | leak | kmalloc | wild",
	.help = "misuse a small object, to see how that is reported",
	.run = run_slabbug,
};
TABLE_ENTRY(shell_cmd, cmd_slabbug);
