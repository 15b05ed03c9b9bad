/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_page.c - any bytes at all as operations on the page allocator
 *
 * The first byte chooses a board, the others what is done on it (mm_ops.h).  Whatever they are,
 * what the model says holds each time, everything is sound now and then and at the end, and
 * what was taken goes back to the largest blocks.
 */
#include "mm_ops.h"

#include <mm/watermark.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK_STEPS 256

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
	{ .base = 0x80000000,
	  .bytes = 8 * MiB,
	  .bank = { { 0x80000000, 0x80800000, 0 } },
	  .reserves = true },
	{ .base = 0x80000000, .bytes = 8 * MiB, .bank = { { 0x80000000, 0x80800000, 0 } } },
	{ .base = 0x80000000,
	  .bytes = 16 * MiB,
	  .bank = { { 0x80000000, 0x81000000, 0 } },
	  .cut = { 0x80400000, 0x80a00000 },
	  .dma = 1,
	  .dma32 = 3,
	  .reserves = true },
	{ .base = 0x80000000,
	  .bytes = 16 * MiB,
	  .bank = { { 0x80000000, 0x80800000, 0 }, { 0x80900000, 0x81000000, 1 } },
	  .reserved = { { 0x80123000, 0x80345000 }, { 0x80a00000, 0x80c00000 } },
	  .cut = { 0x80401000, 0x80901000 },
	  .dma = 1,
	  .dma32 = 3,
	  .reserves = true },
	{ .base = 0x80000000,
	  .bytes = 16 * MiB,
	  .bank = { { 0x80000000, 0x81000000, 0 } },
	  .movable = 6 * MiB,
	  .reserves = true },
};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	unsigned which;
	struct world w;

	next = data;
	end = data + size;
	garbage = 1;
	which = (unsigned)rnd_below(ARRAY_SIZE(boards) + 1);
	if (which < ARRAY_SIZE(boards)) {
		w = boards[which];
	} else {
		world_random(&w);
		w.reserves = rnd_below(2);
	}
	ops_begin(&w);
	for (unsigned step = 1; next < end; step++) {
		ops_step();
		if (step % CHECK_STEPS == 0)
			ops_check();
	}
	ops_end();
	return 0;
}
