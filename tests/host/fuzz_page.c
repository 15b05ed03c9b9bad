/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_page.c - any bytes at all as operations on the page allocator
 *
 * The first byte chooses a board, the others what is done on it (mm_ops.h).  Whatever they are,
 * what the model says holds each time, everything is sound now and then and at the end, and
 * what was taken goes back to the largest blocks.
 */
#include "fuzz_bytes.h"
#include "mm_ops.h"

#define CHECK_STEPS 256

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

	fuzz_bytes(data, size);
	which = (unsigned)rnd_below(ARRAY_SIZE(boards) + 1);
	if (which < ARRAY_SIZE(boards)) {
		w = boards[which];
	} else {
		world_random(&w);
		w.reserves = rnd_below(2);
	}
	ops_begin(&w);
	fuzz_play(ops_step, ops_check, CHECK_STEPS);
	ops_end();
	return 0;
}
