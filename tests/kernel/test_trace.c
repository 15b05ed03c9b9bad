/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_trace.c - rings of events: in order, overwritten at the end, read while written
 */
#include <kernel/trace.h>

#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/page_alloc.h>
#include <sched/thread.h>
#include <sched/timer.h>
#include <shell/ktap.h>
#include <shell/shell.h>

#include "trace_rings.h"

TRACEPOINT(test_event, "thread %u, %lu, %lu");
TRACEPOINT(test_other, "nothing of use");

static void test_order(struct ktap *t)
{
	unsigned int cpu = smp_processor_id();
	struct trace_record r;
	unsigned long pos = 0;

	if (!bring_rings(t))
		return;
	trace(test_event, 1, 2, 3); /* off: not written */
	KTAP_EXPECT_EQ(t, trace_head(cpu), 0);
	trace_enable(&tracepoint_test_event, true);
	trace(test_other, 0, 0, 0);
	for (unsigned long i = 0; i < 10; i++)
		trace(test_event, current->id, i, ~i);
	trace_enable(&tracepoint_test_event, false);
	trace(test_event, 1, 2, 3);
	KTAP_EXPECT_EQ(t, trace_head(cpu), 10);
	for (unsigned long i = 0; i < 10; i++) {
		u64 before = i ? r.ticks : 0;

		KTAP_ASSERT(t, trace_read(cpu, &pos, 10, &r));
		KTAP_EXPECT(t, trace_point(r.event) == &tracepoint_test_event);
		KTAP_EXPECT(t, r.who == current->id && r.a == i && r.b == ~i);
		KTAP_EXPECT(t, r.ticks >= before && r.ticks <= read_time());
	}
	KTAP_EXPECT(t, !trace_read(cpu, &pos, 10, &r));
	KTAP_EXPECT(t, !trace_point(0) && !trace_point(100000));
	drop_rings();
}

static void test_overwrite(struct ktap *t)
{
	unsigned int cpu = smp_processor_id();
	unsigned long pos = 0, expected = 3 * RECORDS + 5 - RECORDS + 1;
	struct trace_record r;

	if (!bring_rings(t))
		return;
	trace_enable(&tracepoint_test_event, true);
	for (unsigned long i = 0; i < 3 * RECORDS + 5; i++)
		trace(test_event, 0, i, 0);
	trace_enable(&tracepoint_test_event, false);
	while (trace_read(cpu, &pos, trace_head(cpu), &r))
		KTAP_EXPECT_EQ(t, r.a, expected++);
	KTAP_EXPECT_EQ(t, expected, 3 * RECORDS + 5);
	drop_rings();
}

/* ---- written by every hart and by interrupts, read meanwhile ---- */

#define ENOUGH	(4 * RECORDS)
#define READ_NS 300000000ull

static u32 writing;
static struct ktap *writer_case;

static void write_in_interrupt(struct timer *timer)
{
	trace(test_event, 2, 77, ~77ul);
	if (READ_ONCE(writing))
		KTAP_EXPECT_EQ(writer_case, timer_start(timer, ktime_ns() + 20000), 0);
}

static int write_many(void *arg)
{
	struct timer timer = TIMER_INIT(write_in_interrupt);
	unsigned long i = 0;

	if (timer_start(&timer, 0))
		return -1;
	while (READ_ONCE(writing)) {
		i++;
		trace(test_event, 1, i, ~i);
		if (i % 512 == 0)
			usleep_range(50, 100);
	}
	timer_cancel_sync(&timer);
	return 0;
}

/* No record is torn, and those of a hart don't go back in time. */
static unsigned long read_once(struct ktap *t, unsigned int cpu, unsigned long *pos)
{
	struct trace_record r;
	unsigned long n = 0;
	u64 last = 0;

	while (n < RECORDS && trace_read(cpu, pos, trace_head(cpu), &r)) {
		KTAP_EXPECT_EQ(t, r.a, ~r.b);
		KTAP_EXPECT(t, r.ticks >= last);
		KTAP_EXPECT(t, trace_point(r.event) == &tracepoint_test_event);
		last = r.ticks;
		n++;
	}
	return n;
}

static void test_read_while_written(struct ktap *t)
{
	unsigned int writers = min(nr_harts, 8u);
	struct thread *thread[8];
	unsigned long pos[8] = { 0 }, seen = 0;
	u64 start;

	if (!bring_rings(t))
		return;
	writing = 1;
	writer_case = t;
	trace_enable(&tracepoint_test_event, true);
	for (unsigned int i = 0; i < writers; i++) {
		thread[i] = kthread_create(write_many, NULL, "writer/%u", i);
		KTAP_ASSERT(t, thread[i] != NULL);
		set_priority(thread[i], SCHED_PRIO_LOWEST);
		wake_up_process(thread[i]);
	}
	start = ktime_ns();
	while (!t->nr_failed && ktime_ns() - start < (seen > ENOUGH ? READ_NS : KTAP_PATIENCE_NS)) {
		for (unsigned int cpu = 0; cpu < writers; cpu++)
			seen += read_once(t, cpu, &pos[cpu]);
		usleep_range(10, 20);
	}
	WRITE_ONCE(writing, 0);
	for (unsigned int i = 0; i < writers; i++)
		KTAP_EXPECT_EQ(t, kthread_join(thread[i]), 0);
	trace_enable(&tracepoint_test_event, false);
	KTAP_EXPECT(t, seen > ENOUGH);
	ktap_diag(t, "%lu records read while %u threads wrote", seen, writers);
	drop_rings();
}

static void test_command(struct ktap *t)
{
	char on[] = "trace on test_event sched_*", off[] = "trace off", clear[] = "trace clear";

	if (!bring_rings(t))
		return;
	drop_rings();
	KTAP_EXPECT_EQ(t, shell_exec(on), 0);
	KTAP_EXPECT(t, trace_on_test_event != 0);
	KTAP_EXPECT_EQ(t, trace_on_test_other, 0);
	trace(test_event, 5, 6, 7);
	msleep(1);
	KTAP_EXPECT_EQ(t, shell_exec(off), 0);
	KTAP_EXPECT_EQ(t, trace_on_test_event, 0);
	KTAP_EXPECT(t, trace_has_ring(0));
	KTAP_EXPECT_EQ(t, shell_exec(clear), 0);
	KTAP_EXPECT(t, !trace_has_ring(0));
}

static const struct ktap_case cases[] = {
	{ "order", test_order },
	{ "overwrite", test_overwrite },
	{ "read-while-written", test_read_while_written },
	{ "command", test_command },
	{},
};

static const struct ktap_suite suite_trace = { "trace", cases };
TABLE_ENTRY(ktap_suite, suite_trace);
