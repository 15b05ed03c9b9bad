/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_bytes.c - see fuzz_bytes.h
 */
#include "fuzz_bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const u8 *next, *end;
static u64 garbage;

void host_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	abort();
}

u64 rnd(void)
{
	return garbage = garbage * 6364136223846793005ULL + 1442695040888963407ULL;
}

/* As many bytes as it takes; zeroes behind the end. */
u64 rnd_below(u64 n)
{
	u64 value = 0;

	for (u64 most = n - 1; most; most >>= 8)
		value = value << 8 | (next < end ? *next++ : 0);
	return value % n;
}

u64 rnd_range(u64 lo, u64 hi)
{
	return lo + rnd_below(hi - lo);
}

void fuzz_bytes(const u8 *data, size_t size)
{
	next = data;
	end = data + size;
	garbage = 1;
}

void fuzz_play(void (*step)(void), void (*check)(void), unsigned every)
{
	for (unsigned nr = 1; next < end; nr++) {
		step();
		if (nr % every == 0)
			check();
	}
}
