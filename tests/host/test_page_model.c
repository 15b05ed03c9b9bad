/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_page_model.c - ten million operations on the page allocator, each checked by a model
 *
 * Every call of mm/page_alloc.h and what folios add to them, in any order, from 1 to 8 harts, on
 * random boards, with zones that keep reserves and without.  See mm_expect.h for what is checked
 * each time, and world_check() for what is now and then.  In 32 bits a tenth: the code is the same.
 * test_page_model_release.c has another fifth of them.
 */
#include "mm_ops.h"

#define BOARD_STEPS 40000
#ifndef BOARDS
#define BOARDS (sizeof(long) == 8 ? 200 : 20)
#endif
#define CHECK_STEPS 4000

static void run_board(const struct world *w)
{
	ops_begin(w);
	for (int step = 1; step <= BOARD_STEPS; step++) {
		ops_step();
		if (step % CHECK_STEPS == 0)
			ops_check();
	}
	ops_end();
}

TEST(random_operations_on_random_boards)
{
	ops_served = ops_failed = 0;
	for (unsigned board = 0; board < BOARDS; board++) {
		struct world w;

		world_random(&w);
		w.reserves = board % 4 != 0;
		run_board(&w);
	}
	/* It was neither always full nor never. */
	EXPECT(ops_served > BOARDS * BOARD_STEPS / 8UL);
	EXPECT(ops_failed > BOARDS * BOARD_STEPS / 200UL);
}
