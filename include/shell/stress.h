/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress.h - runs that do everything at once for a time, from a seed
 *
 *     static const struct stress stress_threads = { "threads", "what it does", run };
 *     TABLE_ENTRY(stress, stress_threads);
 *
 * `stress NAME [SECONDS] [SEED]` runs it.  The seed determines what each thread does, not when.
 */
#ifndef SHELL_STRESS_H
#define SHELL_STRESS_H

#include <base/table.h>
#include <base/types.h>

struct stress {
	const char *name;
	const char *help;
	/* 0, or -errno after printing what was wrong. */
	int (*run)(unsigned long seconds, u32 seed);
};
TABLE_DECLARE(stress);

static inline u32 stress_random(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

#endif
