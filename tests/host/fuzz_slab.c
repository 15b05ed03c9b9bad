/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_slab.c - any bytes at all as operations on small objects
 *
 * The first byte chooses a board, the others what is done on it (slab_ops.h).  Whatever they are,
 * what the model says holds each time, everything is sound now and then and at the end, and then
 * all pages are back.
 */
#include "slab_ops.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK_STEPS 512

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

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

static const struct world boards[] = {
	{ .base = 0x80000000, .bytes = 8 * MiB, .bank = { { 0x80000000, 0x80800000, 0 } } },
	{ .base = 0x80000000,
	  .bytes = 8 * MiB,
	  .bank = { { 0x80000000, 0x80600000, 0 } },
	  .reserves = true },
	{ .base = 0x80000000,
	  .bytes = 16 * MiB,
	  .bank = { { 0x80000000, 0x80800000, 0 }, { 0x80900000, 0x81000000, 1 } },
	  .cut = { 0x80401000 },
	  .dma = 1,
	  .reserves = true },
};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	next = data;
	end = data + size;
	garbage = 1;
	slab_ops_begin(&boards[rnd_below(ARRAY_SIZE(boards))]);
	for (unsigned step = 1; next < end; step++) {
		slab_ops_step();
		if (step % CHECK_STEPS == 0)
			slab_ops_check();
	}
	slab_ops_end();
	return 0;
}
