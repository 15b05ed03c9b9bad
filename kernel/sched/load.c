/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c - how much of its time a hart rests, and how often it's woken
 *
 * The hart itself writes these fields of its run queue, between two increments of load_seq; a
 * reader that finds load_seq odd or changed reads again.  So resting takes no lock.
 */
#include "sched.h"

#include <asm/barrier.h>
#include <kernel/time.h>

static void write_begin(struct run_queue *rq)
{
	WRITE_ONCE(rq->load_seq, rq->load_seq + 1);
	smp_wmb();
}

static void write_end(struct run_queue *rq)
{
	smp_wmb();
	WRITE_ONCE(rq->load_seq, rq->load_seq + 1);
}

void load_idle_begin(struct run_queue *rq)
{
	write_begin(rq);
	rq->idle_since = read_time();
	write_end(rq);
}

void load_idle_end(struct run_queue *rq)
{
	write_begin(rq);
	rq->idle_ticks += read_time() - rq->idle_since;
	rq->idle_since = 0;
	rq->wakeups++;
	write_end(rq);
}

void sched_hart_load(unsigned int cpu, struct hart_load *load)
{
	const struct run_queue *rq = queue_of(cpu);
	u64 since;
	u32 seq;

	do {
		seq = READ_ONCE(rq->load_seq);
		smp_rmb();
		since = rq->idle_since;
		load->idle = rq->idle_ticks;
		load->wakeups = rq->wakeups;
		load->switches = rq->switches;
		load->now = read_time();
		smp_rmb();
	} while (seq & 1 || seq != READ_ONCE(rq->load_seq));
	if (since && load->now > since)
		load->idle += load->now - since;
}
