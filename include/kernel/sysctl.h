/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysctl.h - tunables: numbers that the user may change
 *
 * A tunable is declared in the file that owns it, under Linux's name where Linux has it:
 *
 *     static unsigned int extfrag_threshold = 500;
 *     SYSCTL(vm, extfrag_threshold, extfrag_threshold, 0, 1000, NULL,
 *            "fragmentation index from which an order is compacted rather than reclaimed");
 *
 * The variable is an unsigned int, or an array of at most SYSCTL_VALUES of them.  It is set with
 * sysctl.vm.extfrag_threshold=400 on the boot command line and `sysctl vm.extfrag_threshold=400`
 * in the shell; several numbers are separated by commas or blanks, and those left out stay.
 * Whoever reads the variable does so with READ_ONCE() wherever a change may come between.
 */
#ifndef KERNEL_SYSCTL_H
#define KERNEL_SYSCTL_H

#include <base/errno.h>
#include <base/table.h>
#include <base/types.h>

#define SYSCTL_VALUES 8

struct sysctl {
	const char *name;
	unsigned int *value;
	unsigned int nr;       /* numbers in it */
	unsigned int min, max; /* that each of them may be */
	/*
	 * The new numbers stand: make them count.  May sleep.  0, or -errno: the old ones are put
	 * back.  NULL: there is nothing to do.  It isn't called for a boot argument: then
	 * the owner finds its variable changed when it sets itself up.
	 */
	int (*changed)(void);
	const char *help; /* what it does, one line, no full stop */
};
TABLE_DECLARE(sysctl);

#define SYSCTL(group, id, var, lowest, highest, on_change, text)                         \
	_Static_assert(_Generic(&(var), unsigned int * : 1,                              \
				unsigned int(*)[sizeof(var) / sizeof(unsigned int)] : 1, \
				default : 0) &&                                          \
			       sizeof(var) <= SYSCTL_VALUES * sizeof(int),               \
		       "a tunable is an unsigned int or a short array of them");         \
	static const struct sysctl sysctl_##id = {                                       \
		.name = #group "." #id,                                                  \
		.value = (unsigned int *)&(var),                                         \
		.nr = sizeof(var) / sizeof(unsigned int),                                \
		.min = (lowest),                                                         \
		.max = (highest),                                                        \
		.changed = (on_change),                                                  \
		.help = (text),                                                          \
	};                                                                               \
	TABLE_ENTRY(sysctl, sysctl_##id)

/* sysctl_find - the tunable @name, or NULL. */
const struct sysctl *sysctl_find(const char *name);

/* Room for all numbers of a tunable as text. */
#define SYSCTL_TEXT_LEN (SYSCTL_VALUES * 11 + 1)

/* sysctl_read - @s's numbers, separated by blanks, into @text; returns it.  Any context. */
char *sysctl_read(const struct sysctl *s, char text[SYSCTL_TEXT_LEN]);

/*
 * sysctl_write - set @s to the numbers in @text.  May sleep, as its owner may.
 * 0; -EINVAL no number; -ERANGE outside of min to max; -E2BIG more numbers than it has; -EBUSY
 * another change is under way; or what its owner answers.  On an error nothing has changed.
 */
int sysctl_write(const struct sysctl *s, const char *text) __must_check;

/* sysctl_explain - a sentence why @text is refused: name, value, range; at most @bytes of it.
 * Returns @to. */
char *sysctl_explain(const struct sysctl *s, const char *text, int err, char *to, size_t bytes);

#endif
