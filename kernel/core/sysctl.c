/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysctl.c - finding, reading and changing tunables, and the boot argument sysctl.NAME=VALUE
 *
 * A change is all or nothing: every number is read and checked before the first is stored, and
 * when the owner refuses, the old ones come back.  Readers see each number whole, not all of an
 * array of one moment.
 *
 * Locking: one change at a time (`busy`); a second one is told so and doesn't wait.
 * Not here: what tunables there are (each owner's file), the shell's command (cmd_sysctl.c).
 */
#define LOG_PREFIX "sysctl: "
#include <kernel/sysctl.h>

#include <kernel/bootargs.h>
#include <kernel/log.h>
#include <lib/parse.h>

#include <stdio.h>
#include <string.h>

static u32 busy;

const struct sysctl *sysctl_find(const char *name)
{
	const struct sysctl *s;

	for_each_table(sysctl, s)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

char *sysctl_read(const struct sysctl *s, char text[SYSCTL_TEXT_LEN])
{
	int len = 0;

	for (unsigned int i = 0; i < s->nr; i++)
		len += snprintf(text + len, SYSCTL_TEXT_LEN - (size_t)len, i ? " %u" : "%u",
				READ_ONCE(s->value[i]));
	return text;
}

/* The numbers in @text, all of them in range: how many, or -errno. */
static int scan(const struct sysctl *s, const char *text, u64 value[SYSCTL_VALUES])
{
	char list[SYSCTL_TEXT_LEN];
	size_t len = strlen(text);
	int nr;

	if (len >= sizeof(list))
		return -EINVAL;
	for (size_t i = 0; i <= len; i++)
		list[i] = text[i] == ' ' || text[i] == '\t' ? ',' : text[i];
	nr = parse_list(list, value, (int)s->nr);
	for (int i = 0; i < nr; i++)
		if (value[i] < s->min || value[i] > s->max)
			return -ERANGE;
	return nr;
}

static int change(const struct sysctl *s, const char *text, int (*changed)(void))
{
	unsigned int old[SYSCTL_VALUES];
	u64 value[SYSCTL_VALUES];
	int nr = scan(s, text, value), err;

	if (nr < 0)
		return nr;
	for (int i = 0; i < nr; i++) {
		old[i] = s->value[i];
		WRITE_ONCE(s->value[i], (unsigned int)value[i]);
	}
	err = changed ? changed() : 0;
	for (int i = 0; err && i < nr; i++)
		WRITE_ONCE(s->value[i], old[i]);
	return err;
}

int sysctl_write(const struct sysctl *s, const char *text)
{
	int err;

	if (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE))
		return -EBUSY;
	err = change(s, text, s->changed);
	__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
	return err;
}

char *sysctl_explain(const struct sysctl *s, const char *text, int err, char *to, size_t bytes)
{
	snprintf(to, bytes, "%s=\"%s\" is refused (%d): it takes %s%u number%s of %u to %u",
		 s->name, text, err, s->nr > 1 ? "up to " : "", s->nr, s->nr > 1 ? "s" : "", s->min,
		 s->max);
	return to;
}

/* "NAME=VALUE", what stands behind "sysctl.". */
static int __init parse_sysctl(const char *arg)
{
	const char *value = strchr(arg, '=');
	const struct sysctl *s;
	char why[160];
	int err;

	for_each_table(sysctl, s) {
		size_t len = strlen(s->name);

		if (!value || strncmp(s->name, arg, len) || arg + len != value)
			continue;
		err = change(s, value + 1, NULL);
		if (err)
			pr_err("%s", sysctl_explain(s, value + 1, err, why, sizeof(why)));
		return 0;
	}
	pr_err("%s: there is no such tunable", arg);
	return 0;
}

static const struct bootarg arg_sysctl __initconst = { "sysctl.", parse_sysctl, "" };
TABLE_ENTRY(bootarg, arg_sysctl);
