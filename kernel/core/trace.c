/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.c - a ring of records for each hart
 *
 * Record number n lies in slot n & mask of its hart's ring; head is the number of the next one.
 * Only the hart itself writes, with interrupts off, so neither lock nor atomic is needed:
 *
 *     slot[head & mask] = record;  fence w,w;  head = head + 1;  fence w,w
 *
 * A reader on any hart copies slot n and then looks at head: while head - n < size, nobody had
 * begun to overwrite the slot, as record n + size is begun only when head is n + size.
 *
 * Invariant: slots of numbers [head - size + 1, head) are whole.
 * Cost of an event that is on: about 30 instructions.
 * Not here: memory for the rings (the shell command `trace` brings it).
 */
#include <kernel/trace.h>

#include <asm/barrier.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/time.h>

struct trace_ring {
	struct trace_record *record; /* NULL: nothing is written */
	unsigned long head;
	unsigned long mask;
};
static DEFINE_PER_CPU(struct trace_ring, trace_ring);

void trace_write(u32 event, u32 who, unsigned long a, unsigned long b)
{
	struct trace_record *record;
	struct trace_ring *ring;
	unsigned long flags;

	local_irq_save(flags);
	ring = this_cpu_ptr(&trace_ring);
	record = READ_ONCE(ring->record);
	smp_rmb(); /* the mask is this ring's, not that of one before */
	if (likely(record)) {
		struct trace_record *r = &record[ring->head & ring->mask];

		r->ticks = read_time();
		r->event = event;
		r->who = who;
		r->a = a;
		r->b = b;
		smp_wmb();
		WRITE_ONCE(ring->head, ring->head + 1);
		smp_wmb();
	}
	local_irq_restore(flags);
}

const struct tracepoint *trace_point(u32 event)
{
	size_t nr = (size_t)(__stop_tbl_tracepoint - __start_tbl_tracepoint);

	return event && event <= nr ? __start_tbl_tracepoint[event - 1] : NULL;
}

void trace_enable(const struct tracepoint *tp, bool on)
{
	const struct tracepoint *const *place = __start_tbl_tracepoint;

	while (*place != tp)
		place++;
	WRITE_ONCE(*tp->on, on ? (u32)(place - __start_tbl_tracepoint) + 1 : 0);
	if (tp->changed)
		tp->changed();
}

struct trace_record *trace_set_ring(unsigned int cpu, struct trace_record *record, unsigned int nr)
{
	struct trace_ring *ring = per_cpu_ptr(&trace_ring, cpu);
	struct trace_record *old = ring->record;

	BUG_ON(old && record);
	if (record) {
		ring->mask = nr - 1ul;
		ring->head = 0;
		smp_wmb();
	}
	WRITE_ONCE(ring->record, record);
	return old;
}

bool trace_has_ring(unsigned int cpu)
{
	return per_cpu_ptr(&trace_ring, cpu)->record != NULL;
}

unsigned long trace_head(unsigned int cpu)
{
	return READ_ONCE(per_cpu_ptr(&trace_ring, cpu)->head);
}

bool trace_read(unsigned int cpu, unsigned long *pos, unsigned long end, struct trace_record *out)
{
	struct trace_ring *ring = per_cpu_ptr(&trace_ring, cpu);
	unsigned long size = ring->mask + 1;

	if (!ring->record)
		return false;
	for (;;) {
		unsigned long head = trace_head(cpu);

		if (head - *pos >= size)
			*pos = head - size + 1;
		if ((long)(end - *pos) <= 0)
			return false;
		smp_rmb();
		*out = ring->record[*pos & ring->mask];
		smp_rmb();
		if (trace_head(cpu) - *pos < size) {
			(*pos)++;
			return true;
		}
	}
}
