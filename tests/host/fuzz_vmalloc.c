/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_vmalloc.c - any bytes at all as operations on areas
 *
 * The first byte chooses a board and a region, the others what is done there (vmalloc_ops.h).
 * Whatever they are, what the model says holds each time, everything is sound now and then and at
 * the end, and then all addresses, tables and pages are back.
 */
#include "fuzz_bytes.h"
#include "vmalloc_ops.h"

#define CHECK_STEPS 128

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

	fuzz_bytes(data, size);
	which = (unsigned)rnd_below(ARRAY_SIZE(boards));
	vmalloc_ops_begin(&boards[which].w, &boards[which].r);
	fuzz_play(vmalloc_ops_step, vmalloc_ops_check, CHECK_STEPS);
	vmalloc_ops_end();
	return 0;
}
