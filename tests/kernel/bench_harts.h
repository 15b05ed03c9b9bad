/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_harts.h - what several harts do at once, and what one hands to the other
 */
#ifndef TESTS_BENCH_HARTS_H
#define TESTS_BENCH_HARTS_H

#include <base/types.h>

#define BENCH_HARTS 8

/* bench_harts - run @fn(0) .. @fn(@nr - 1) on these harts, none before all have begun.  0 or
 * -ENOMEM, -EINVAL: a hart isn't online.  Sleeps until all are done. */
int bench_harts(unsigned nr, void (*fn)(unsigned cpu));

#define BOX 64

/* Things on their way from one hart to another. */
struct bench_box {
	void *slot[BOX];
	u32 sent, taken; /* free-running; by who sends, by who receives */
	bool all_sent;
} __attribute__((aligned(64)));

/* bench_send - what @take returns into @box, @nr times or until it's NULL.  Meanwhile the receiver
 * calls bench_receive, which hands all of it to @give. */
void bench_send(struct bench_box *box, unsigned nr, void *(*take)(void *arg), void *arg);
void bench_receive(struct bench_box *box, void (*give)(void *thing, void *arg), void *arg);

#endif
