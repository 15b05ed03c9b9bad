/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_slab_model.c - a million operations on small objects, each checked by a model
 *
 * Caches of all kinds and kmalloc(), from 1 to 8 harts, in little memory and in more, while page
 * allocations fail now and then.  HOST_LONG=1: ten million.  In 32 bits a fifth.
 */
#include "slab_ops.h"

#include <stdlib.h>

#define WORLD_STEPS 25000
#define CHECK_STEPS 2500

static void run_world(const struct world *w)
{
	slab_ops_begin(w);
	for (int step = 1; step <= WORLD_STEPS; step++) {
		slab_ops_step();
		if (step % CHECK_STEPS == 0)
			slab_ops_check();
	}
	slab_ops_end();
}

TEST(random_operations_in_random_worlds)
{
	unsigned worlds = (sizeof(long) == 8 ? 40 : 8) * (getenv("HOST_LONG") ? 10 : 1);

	for (unsigned i = 0; i < worlds; i++) {
		struct world w = { .base = 0x80000000,
				   .bytes = 32 * MiB,
				   .bank = { { 0x80000000, 0x82000000, 0 } },
				   .reserves = i & 1 };

		w.bank[0].end = 0x80000000 + rnd_range(6, 33) * MiB;
		if (i % 4 == 3) {
			w.bank[1] = (struct world_bank){ 0x81000000, 0x82000000, 1 };
			w.bank[0].end = 0x80800000;
			w.cut[0] = 0x80400000;
			w.dma = 1;
		}
		run_world(&w);
	}
	/* It was neither always full nor never. */
	EXPECT(slab_ops_served > worlds * WORLD_STEPS / 8UL);
	EXPECT(slab_ops_failed > worlds * WORLD_STEPS / 500UL);
	EXPECT(slab_nr_failed > worlds * 10UL);
}
