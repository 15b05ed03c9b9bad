/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_vmalloc.c - any bytes at all as operations on areas
 *
 * The first byte chooses a board and a region, the others what is done there (vmalloc_ops.h).
 * Whatever they are, what the model says holds each time, everything is sound now and then and at
 * the end, and then all addresses, tables and pages are back.
 */
#include "vmalloc_ops.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK_STEPS 128

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

static const struct {
	struct world w;
	struct vmap_region r;
} boards[] = {
	{ { .base = 0x80000000, .bytes = 8 * MiB, .bank = { { 0x80000000, 0x80800000, 0 } } },
	  { .bytes = 16 * MiB, .table_bytes = 2 * MiB } },
	{ { .base = 0x80000000,
	    .bytes = 8 * MiB,
	    .bank = { { 0x80000000, 0x80600000, 0 } },
	    .reserves = true },
	  { .bytes = 8 * MiB, .table_bytes = 4 * MiB, .fixed = true } },
	{ { .base = 0x80000000,
	    .bytes = 8 * MiB,
	    .bank = { { 0x80000000, 0x80800000, 0 } },
	    .high = 0x80600000 },
	  { .bytes = 8 * MiB, .table_bytes = 1 * MiB, .leaf = 64 * KiB } },
};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	unsigned which;

	next = data;
	end = data + size;
	garbage = 1;
	which = (unsigned)rnd_below(ARRAY_SIZE(boards));
	vmalloc_ops_begin(&boards[which].w, &boards[which].r);
	for (unsigned step = 1; next < end; step++) {
		vmalloc_ops_step();
		if (step % CHECK_STEPS == 0)
			vmalloc_ops_check();
	}
	vmalloc_ops_end();
	return 0;
}
