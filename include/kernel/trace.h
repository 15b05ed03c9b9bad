/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.h - events, written down at the time that they happen
 *
 * A tracepoint is defined in one line of the file where it happens, and fires in another:
 *
 *     TRACEPOINT(sched_wakeup, "thread %u on hart %lu, priority %lu");
 *     ...
 *     trace(sched_wakeup, t->id, cpu, t->prio);
 *
 * The format takes the event's three values, an unsigned int and two unsigned longs, in this
 * order; it may use fewer.  Off, a tracepoint costs a load and a branch.  On, its record goes
 * into the
 * hart's ring, overwriting the oldest (kernel/core/trace.c).  The shell command `trace` turns
 * tracepoints on and shows what was written; tools/trace draws it.
 */
#ifndef KERNEL_TRACE_H
#define KERNEL_TRACE_H

#include <base/compiler.h>
#include <base/table.h>

struct tracepoint {
	const char *name;
	const char *format;
	u32 *on;	       /* 0: off; else its place in the table, from 1 */
	void (*changed)(void); /* it was turned on or off; NULL: nobody needs to know */
};
TABLE_DECLARE(tracepoint);

struct trace_record {
	u64 ticks; /* read_time() */
	u32 event; /* tracepoint.on when it fired */
	u32 who;   /* mostly a thread's id */
	unsigned long a, b;
};

#define TRACEPOINT(event, text) TRACEPOINT_TELLS(event, text, NULL)
/* The same, and @fn is called when it's turned on or off, in a thread. */
#define TRACEPOINT_TELLS(event, text, fn)                                                      \
	static u32 trace_on_##event;                                                           \
	static const struct tracepoint tracepoint_##event = { #event, text, &trace_on_##event, \
							      fn };                            \
	TABLE_ENTRY(tracepoint, tracepoint_##event)

/* The event happens. Any context, scheduler and interrupt entry included. */
#define trace(event, who, a, b)                                                               \
	do {                                                                                  \
		u32 _on = READ_ONCE(trace_on_##event);                                        \
		if (unlikely(_on))                                                            \
			trace_write(_on, (u32)(who), (unsigned long)(a), (unsigned long)(b)); \
	} while (0)

/* trace_write - for trace(). @event: its number from 1. Any context; no lock, no atomic. */
void trace_write(u32 event, u32 who, unsigned long a, unsigned long b);

/* trace_point - the tracepoint with number @event, from 1, or NULL. */
const struct tracepoint *trace_point(u32 event);

/* trace_enable - turn a tracepoint on or off, on all harts. Without rings nothing is written. */
void trace_enable(const struct tracepoint *tp, bool on);

/*
 * trace_set_ring - hart @cpu, which has none, writes into @ring from now on: @nr records, a power
 * of two.  NULL takes the ring away.  The old ring may be freed after on_each_hart() of anything,
 * which waits for
 * a record that is just being written.  Returns the old ring.
 */
struct trace_record *trace_set_ring(unsigned int cpu, struct trace_record *ring, unsigned int nr);
bool trace_has_ring(unsigned int cpu);

/* trace_head - how many records hart @cpu has written since it has its ring; modulo 2^XLEN. */
unsigned long trace_head(unsigned int cpu);

/*
 * trace_read - copy the oldest record of hart @cpu, from number *@pos on, that is still there
 * *@pos becomes the number after it.  False if there is none before number @end.  The hart may
 * write meanwhile.  Not while the ring is being changed.
 */
bool trace_read(unsigned int cpu, unsigned long *pos, unsigned long end, struct trace_record *out);

#endif
