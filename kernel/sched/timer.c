/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.c - each hart's timers, in a heap
 *
 * heap.slot[1 .. nr] is a binary heap by expires_ns: no timer expires before its parent at
 * slot[i / 2].  A timer knows its index, so it is cancelled in O(log n).  The array is a block of
 * pages that doubles when it is full.
 *
 * The hart's timer interrupt is set for slot[1], and only moved when another timer comes first;
 * one that fires with nothing due (its timer was cancelled) sets the next and returns.
 *
 * A timer belongs to the heap of hart timer.cpu, pending or not: that heap's lock guards it, and
 * only who holds it may give the timer to another heap.  While its function runs it stays where it
 * is: started by another hart meanwhile, it goes off on the old one.  So whoever holds the lock
 * sees all there is to know: whether it's pending, and whether its function runs.
 *
 * Invariants (timers_validate): slot[i / 2] <= slot[i]; slot[i]->index == i and its cpu is the
 *   heap's hart; index == 0 for a timer that isn't pending; running is the timer whose function
 *   runs, else NULL.
 * Locking: heap.lock (rank TIMER), interrupts off; not held while a function runs.  Two at once
 *   only where a hart's timers move to another, one hart at a time.  timer_pending() takes none.
 * Cost: starting and cancelling O(log n); an interrupt O(log n) for each timer due.
 */
#include <sched/timer.h>

#include <asm/barrier.h>
#include <asm/timer.h>
#include <base/errno.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <kernel/trace.h>
#include <mm/page_alloc.h>
#include <sched/thread.h>
#include <string.h>

#define NEVER ~0ull

struct heap {
	spinlock_t lock;
	unsigned int nr, max;
	struct timer **slot; /* slot[0] isn't used */
	unsigned int order;  /* of the pages at slot */
	struct timer *running;
	u64 programmed_ns; /* when the hart's interrupt will come, NEVER: not at all */
};
bool arch_has_sstc;
static DEFINE_PER_CPU(struct heap, heap) = {
	.lock = SPINLOCK_RANKED(LOCK_TIMER),
	.programmed_ns = NEVER,
};

/* ---- the heap; its lock is held ---- */

static void place(struct heap *h, unsigned int i, struct timer *t)
{
	h->slot[i] = t;
	WRITE_ONCE(t->index, i);
}

static void sift_up(struct heap *h, unsigned int i, struct timer *t)
{
	while (i > 1 && h->slot[i / 2]->expires_ns > t->expires_ns) {
		place(h, i, h->slot[i / 2]);
		i /= 2;
	}
	place(h, i, t);
}

static void sift_down(struct heap *h, unsigned int i, struct timer *t)
{
	for (;;) {
		unsigned int child = 2 * i;

		if (child > h->nr)
			break;
		if (child < h->nr && h->slot[child + 1]->expires_ns < h->slot[child]->expires_ns)
			child++;
		if (h->slot[child]->expires_ns >= t->expires_ns)
			break;
		place(h, i, h->slot[child]);
		i = child;
	}
	place(h, i, t);
}

/* Take @t out, which still looks pending. */
static void heap_take(struct heap *h, struct timer *t)
{
	unsigned int i = t->index;
	struct timer *last = h->slot[h->nr--];

	if (last == t)
		return;
	if (i > 1 && h->slot[i / 2]->expires_ns > last->expires_ns)
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}

static void heap_remove(struct heap *h, struct timer *t)
{
	heap_take(h, t);
	WRITE_ONCE(t->index, 0);
}

/* Room for one more; false without memory. */
static bool heap_grow(struct heap *h)
{
	unsigned int order = h->slot ? h->order + 1 : 0;
	unsigned long pages = __get_free_pages(GFP_ATOMIC, order);

	if (!pages)
		return false;
	if (h->slot) {
		memcpy((void *)pages, h->slot, (h->nr + 1) * sizeof(*h->slot));
		free_pages((unsigned long)h->slot, h->order);
	}
	h->slot = (struct timer **)pages;
	h->order = order;
	h->max = (unsigned int)((PAGE_SIZE << order) / sizeof(*h->slot)) - 1;
	return true;
}

void __init timers_init(void)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		if (!heap_grow(per_cpu_ptr(&heap, cpu)))
			panic("no memory for the timers of hart %u", cpu);
	}
}

/* Set the hart's interrupt for the first timer, if it isn't early enough already. */
static void program(struct heap *h)
{
	u64 first = h->nr ? h->slot[1]->expires_ns : NEVER;

	if (first >= h->programmed_ns)
		return;
	h->programmed_ns = first;
	arch_timer_set(ktime_to_ticks(first));
}

/* ---- public ---- */

TRACEPOINT(timer_start, "hart %u: %#lx in %lu us");
TRACEPOINT(timer_expire, "hart %u: %#lx, %lu ns late");

/* Lock the heap that @t belongs to; NULL if it was never started. Interrupts are off. */
static struct heap *lock_heap_of(const struct timer *t)
{
	for (;;) {
		unsigned int cpu = READ_ONCE(t->cpu);
		struct heap *h;

		if (cpu == TIMER_NO_CPU)
			return NULL;
		h = per_cpu_ptr(&heap, cpu);
		spin_lock_raw(&h->lock);
		if (READ_ONCE(t->cpu) == cpu)
			return h;
		spin_unlock_raw(&h->lock);
	}
}

/* Lock the heap that @t may be put into, @t not being pending: hart @cpu's, which is this one, or
 * that of the hart on which its function runs. */
static struct heap *claim(struct timer *t, unsigned int cpu)
{
	unsigned int none = TIMER_NO_CPU;

	if (READ_ONCE(t->cpu) == none)
		__atomic_compare_exchange_n(&t->cpu, &none, cpu, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
	for (;;) {
		struct heap *h = lock_heap_of(t);

		if (t->index)
			heap_remove(h, t);
		if (t->cpu == cpu || h->running == t)
			return h;
		WRITE_ONCE(t->cpu, cpu);
		spin_unlock_raw(&h->lock);
	}
}

int timer_start(struct timer *t, u64 expires_ns)
{
	unsigned long flags;
	struct heap *h;
	int err = 0;

	local_irq_save(flags);
	h = claim(t, smp_processor_id());
	if (unlikely(h->nr == h->max) && !heap_grow(h)) {
		err = -ENOMEM;
	} else {
		t->expires_ns = expires_ns;
		sift_up(h, ++h->nr, t);
		/* Another hart looks at its heap when the function has returned. */
		if (h == this_cpu_ptr(&heap))
			program(h);
		trace(timer_start, t->cpu, t->fn,
		      expires_ns > ktime_ns() ? (expires_ns - ktime_ns()) / 1000 : 0);
	}
	spin_unlock_irqrestore(&h->lock, flags);
	return err;
}

bool timer_pending(const struct timer *t)
{
	return READ_ONCE(t->index) != 0;
}

/* Cancel @t; true if it was pending.  *@running: its function runs. */
static bool cancel(struct timer *t, bool *running)
{
	unsigned long flags;
	struct heap *h;
	bool pending = false;

	local_irq_save(flags);
	*running = false;
	h = lock_heap_of(t);
	if (h) {
		pending = t->index != 0;
		if (pending)
			heap_remove(h, t);
		*running = h->running == t;
		spin_unlock_raw(&h->lock);
	}
	local_irq_restore(flags);
	return pending;
}

bool timer_cancel(struct timer *t)
{
	bool running;

	return timer_pending(t) && cancel(t, &running);
}

bool timer_cancel_sync(struct timer *t)
{
	bool running, pending = cancel(t, &running);

	/* The function may start it again, and hardly ever not run: cancel it meanwhile. */
	while (running) {
		cpu_relax();
		pending |= cancel(t, &running);
	}
	return pending;
}

void timer_interrupt(void)
{
	struct heap *h = this_cpu_ptr(&heap);

	spin_lock(&h->lock);
	arch_timer_stop();
	h->programmed_ns = NEVER;
	while (h->nr && h->slot[1]->expires_ns <= ktime_ns()) {
		struct timer *t = h->slot[1];

		heap_remove(h, t);
		trace(timer_expire, t->cpu, t->fn, ktime_ns() - t->expires_ns);
		h->running = t;
		spin_unlock(&h->lock);
		t->fn(t);
		spin_lock(&h->lock);
		/* The timer itself may be gone: only its address is compared. */
		h->running = NULL;
	}
	program(h);
	spin_unlock(&h->lock);
}

/* Give the timers of hart @from, which is off, to this one. */
void timers_migrate(unsigned int from)
{
	struct heap *theirs = per_cpu_ptr(&heap, from), *h;
	unsigned long flags;

	local_irq_save(flags);
	h = this_cpu_ptr(&heap);
	/* Nobody else takes two of these: harts go off one at a time. */
	spin_lock_raw(&theirs->lock);
	spin_lock_raw_nested(&h->lock);
	while (theirs->nr) {
		struct timer *t = theirs->slot[1];

		if (h->nr == h->max && !heap_grow(h))
			panic("no memory for the timers of hart %u", from);
		heap_take(theirs, t);
		WRITE_ONCE(t->cpu, smp_processor_id());
		sift_up(h, ++h->nr, t);
	}
	theirs->programmed_ns = NEVER;
	program(h);
	spin_unlock_raw(&h->lock);
	spin_unlock_raw(&theirs->lock);
	local_irq_restore(flags);
}

static void validate_heap(unsigned int cpu)
{
	struct heap *h = per_cpu_ptr(&heap, cpu);
	unsigned long flags;

	spin_lock_irqsave(&h->lock, flags);
	for (unsigned int i = 1; i <= h->nr; i++) {
		if (h->slot[i]->index != i)
			panic("timer in slot %u of hart %u has index %u", i, cpu,
			      h->slot[i]->index);
		if (h->slot[i]->cpu != cpu)
			panic("timer in slot %u of hart %u belongs to hart %u", i, cpu,
			      h->slot[i]->cpu);
		if (i > 1 && h->slot[i / 2]->expires_ns > h->slot[i]->expires_ns)
			panic("timers of hart %u: slot %u is due before its parent", cpu, i);
	}
	spin_unlock_irqrestore(&h->lock, flags);
}

void timers_validate(void)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++)
		validate_heap(cpu);
}

/* ---- sleeping ---- */

void sleep_ns(u64 ns)
{
	might_sleep();
	while (ns) {
		set_current_state(THREAD_SLEEPING);
		ns = schedule_timeout_ns(ns);
	}
}

void msleep(unsigned int ms)
{
	sleep_ns(ms * 1000000ull);
}

void usleep_range(unsigned long min_us, unsigned long max_us)
{
	/* One timer serves a single sleeper, so the slack is of no use here. */
	(void)max_us;
	sleep_ns(min_us * 1000ull);
}
