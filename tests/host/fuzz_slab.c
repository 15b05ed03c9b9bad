/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_slab.c - any bytes at all as operations on small objects
 *
 * The first byte chooses a board, the others what is done on it (slab_ops.h).  Whatever they are,
 * what the model says holds each time, everything is sound now and then and at the end, and then
 * all pages are back.
 */
#include "fuzz_bytes.h"
#include "slab_ops.h"

#define CHECK_STEPS 512

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
	fuzz_bytes(data, size);
	slab_ops_begin(&boards[rnd_below(ARRAY_SIZE(boards))]);
	fuzz_play(slab_ops_step, slab_ops_check, CHECK_STEPS);
	slab_ops_end();
	return 0;
}
