/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lockdebug.c - who holds which spin locks, in which order, for how long
 *
 * Each hart has a list of the spin locks that it holds; a thread with one can't leave its hart.
 * An interrupt handler's locks come after those of what it interrupted and go before it ends.
 * Order is judged within one of the two: a handler may take a low rank while the interrupted code
 * holds a high one, as long as that isn't a rank which handlers take (then the code should have
 * turned interrupts off, which is the second thing that is checked).
 *
 * A report takes locks itself, of the log; `reporting` keeps those from being judged, but they are
 * in the list all the same.
 *
 * Invariant: a lock is in the list of one hart <=> it is taken (but for moments in take/release).
 * Locking: a hart's list is its own, with interrupts off; others read it for reports only.
 * Cost: about 200 instructions for a lock and its release.
 * Not here: mutexes (mutex_debug.c), interrupts (irqsoff.c).
 */
#include "sched.h"

#include <asm/trap.h>
#include <kernel/lockdebug.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/symbols.h>
#include <kernel/time.h>
#include <string.h>

#define MAX_HELD 16

struct held {
	const void *lock;
	u64 since;	     /* ticks */
	unsigned long place; /* who took it */
	u8 rank;
	bool in_irq;
};

struct held_list {
	struct held held[MAX_HELD];
	unsigned int nr;
};
static DEFINE_PER_CPU_NO_SCAN(struct held_list, list);

static DEFINE_PER_CPU(struct lock_stat[NR_LOCK_RANKS], stats);

/* Where a rank was first taken in a handler, and with interrupts on; 0: never. */
static struct {
	unsigned long in_irq, irqs_on;
	unsigned int said;
} contexts[NR_LOCK_RANKS];

static bool stopped;

const char *lock_rank_name(unsigned int rank)
{
	static const char *const names[] = {
		[LOCK_UNRANKED] = "unranked",
		[LOCK_DRIVERS] = "drivers",
		[LOCK_HOTPLUG] = "hotplug",
		[LOCK_QUEUES] = "queues",
		[LOCK_RESOURCE] = "resource",
		[LOCK_CALL] = "call",
		[LOCK_WORKQUEUE] = "workqueue",
		[LOCK_IRQ_DESC] = "irq-desc",
		[LOCK_IRQ_CHIP] = "irq-chip",
		[LOCK_RCU] = "rcu",
		[LOCK_CONSOLE] = "console",
		[LOCK_INPUT] = "input",
		[LOCK_SEMAPHORE] = "semaphore",
		[LOCK_WAIT] = "wait",
		[LOCK_MUTEX] = "mutex",
		[LOCK_WAKE] = "wake",
		[LOCK_THREADS] = "threads",
		[LOCK_RUNQUEUE] = "runqueue",
		[LOCK_TIMER] = "timer",
		[LOCK_KSTACK] = "kstack",
		[LOCK_PGTABLE] = "pgtable",
		[LOCK_PERCPU] = "percpu",
		[LOCK_SHRINK] = "shrink",
		[LOCK_CMA] = "cma",
		[LOCK_MEMPOOL] = "mempool",
		[LOCK_SLAB_LIST] = "slab-list",
		[LOCK_SLAB] = "slab",
		[LOCK_KFENCE] = "kfence",
		[LOCK_ZONE] = "zone",
		[LOCK_DEVMEM] = "devmem",
		[LOCK_KMEMLEAK] = "kmemleak",
		[LOCK_RANDOM] = "random",
		[LOCK_LOG] = "log",
	};
	_Static_assert(ARRAY_SIZE(names) == NR_LOCK_RANKS, "each rank has a name");

	return names[rank];
}

void lock_debug_stop(void)
{
	WRITE_ONCE(stopped, true);
}

/* ---- judging; interrupts are off ---- */

static void report_order(const struct held *outer, const void *lock, unsigned int rank,
			 unsigned long place)
{
	char at[KSYM_NAME], outer_at[KSYM_NAME];

	lock_report(
		place, false,
		"wrong order of locks: %s (rank %u, 0x%lx) is taken at %s while the hart holds %s "
		"(rank %u), taken at %s",
		lock_rank_name(rank), rank, (unsigned long)lock,
		symbol_format(at, sizeof(at), place), lock_rank_name(outer->rank), outer->rank,
		symbol_format(outer_at, sizeof(outer_at), outer->place));
}

static void check_order(const void *lock, unsigned int rank, unsigned long place)
{
	const struct held_list *l = this_cpu_ptr(&list);
	const struct held *worst = NULL;

	for (unsigned int i = 0; i < l->nr; i++) {
		const struct held *h = &l->held[i];

		if (h->lock == lock)
			panic("hart %u takes lock 0x%lx (%s) twice: first at 0x%lx",
			      smp_processor_id(), (unsigned long)lock, lock_rank_name(rank),
			      h->place);
		if (h->in_irq == in_interrupt() && h->rank >= rank &&
		    (!worst || h->rank > worst->rank))
			worst = h;
	}
	if (worst && rank)
		report_order(worst, lock, rank, place);
}

/* A rank that handlers take may not be held with interrupts on: the handler would wait for ever. */
static void check_context(unsigned int rank, bool irqs_on, unsigned long place)
{
	char one[KSYM_NAME], other[KSYM_NAME];

	if (in_interrupt())
		contexts[rank].in_irq = place;
	else if (irqs_on)
		contexts[rank].irqs_on = place;
	if (!contexts[rank].in_irq || !contexts[rank].irqs_on ||
	    __atomic_exchange_n(&contexts[rank].said, 1, __ATOMIC_RELAXED))
		return;
	lock_report(place, false,
		    "lock %s is taken in an interrupt handler at %s, and with interrupts "
		    "on at %s",
		    lock_rank_name(rank), symbol_format(one, sizeof(one), contexts[rank].in_irq),
		    symbol_format(other, sizeof(other), contexts[rank].irqs_on));
}

__noinline void lock_debug_take(const void *lock, unsigned int rank, bool tried)
{
	unsigned long place = (unsigned long)__builtin_return_address(0);
	unsigned long flags;

	if (READ_ONCE(stopped))
		return;
	flags = arch_irq_save_untraced();
	if (!tried)
		check_order(lock, rank, place);
	if (!tried && rank)
		check_context(rank, flags != 0, place);
	arch_irq_restore_untraced(flags);
}

void lock_debug_waits(unsigned int rank)
{
	unsigned long flags = arch_irq_save_untraced();

	(*this_cpu_ptr(&stats))[rank].waited++;
	arch_irq_restore_untraced(flags);
}

__noinline void lock_debug_taken(const void *lock, unsigned int rank)
{
	unsigned long flags;
	unsigned int n;

	if (READ_ONCE(stopped))
		return;
	flags = arch_irq_save_untraced();
	n = this_cpu_ptr(&list)->nr++;
	if (n >= MAX_HELD)
		panic("hart %u holds %u spin locks, more than the list has room for",
		      smp_processor_id(), n);
	this_cpu_ptr(&list)->held[n] = (struct held){
		.lock = lock,
		.since = read_time(),
		.rank = (u8)rank,
		.in_irq = in_interrupt(),
		.place = (unsigned long)__builtin_return_address(0),
	};
	(*this_cpu_ptr(&stats))[rank].taken++;
	arch_irq_restore_untraced(flags);
}

/* @lock's entry, or NULL. */
static struct held *find_held(struct held_list *l, const void *lock)
{
	for (unsigned int i = l->nr; i-- > 0;) {
		if (l->held[i].lock == lock)
			return &l->held[i];
	}
	return NULL;
}

static void report_release(const void *lock, unsigned long place)
{
	char at[KSYM_NAME], taken_at[KSYM_NAME];

	symbol_format(at, sizeof(at), place);
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		struct held *h = find_held(per_cpu_ptr(&list, cpu), lock);

		if (!h)
			continue;
		lock_report(place, false,
			    "lock %s (0x%lx) is released by hart %u at %s, but hart %u "
			    "took it, at %s",
			    lock_rank_name(h->rank), (unsigned long)lock, smp_processor_id(), at,
			    cpu, symbol_format(taken_at, sizeof(taken_at), h->place));
		h->lock = NULL; /* it goes when those before it do */
		return;
	}
	lock_report(place, false, "lock 0x%lx is released by hart %u at %s, but no hart holds it",
		    (unsigned long)lock, smp_processor_id(), at);
}

static void note_longest(unsigned int rank, u64 ticks, unsigned long place)
{
	struct lock_stat *s = &(*this_cpu_ptr(&stats))[rank];

	if (ticks <= s->longest)
		return;
	s->longest = ticks;
	s->place = place;
}

/* Take out entry @h, and on top of the list those whose locks others have released. */
static void list_remove(struct held_list *l, struct held *h)
{
	struct held *end = &l->held[l->nr--];

	memmove(h, h + 1, (size_t)((char *)end - (char *)(h + 1)));
	while (l->nr && !l->held[l->nr - 1].lock)
		l->nr--;
}

__noinline void lock_debug_release(const void *lock)
{
	unsigned long flags;
	struct held *h;

	if (READ_ONCE(stopped))
		return;
	flags = arch_irq_save_untraced();
	h = find_held(this_cpu_ptr(&list), lock);
	if (h) {
		note_longest(h->rank, read_time() - h->since, h->place);
		list_remove(this_cpu_ptr(&list), h);
	} else {
		report_release(lock, (unsigned long)__builtin_return_address(0));
	}
	arch_irq_restore_untraced(flags);
}

bool lock_debug_is_held(const void *lock)
{
	unsigned long flags = arch_irq_save_untraced();
	bool held = find_held(this_cpu_ptr(&list), lock) != NULL;

	arch_irq_restore_untraced(flags);
	return held;
}

void lock_debug_assert_held(const void *lock, const char *file, int line)
{
	if (!READ_ONCE(stopped) && !lock_debug_is_held(lock))
		lock_report((unsigned long)__builtin_return_address(0), false,
			    "%s:%d needs lock 0x%lx, which hart %u doesn't hold", file, line,
			    (unsigned long)lock, smp_processor_id());
}

/* ---- figures ---- */

void lock_stat_taken(unsigned int rank)
{
	unsigned long flags = arch_irq_save_untraced();

	(*this_cpu_ptr(&stats))[rank].taken++;
	arch_irq_restore_untraced(flags);
}

void lock_stat_held(unsigned int rank, u64 ticks, unsigned long place)
{
	unsigned long flags = arch_irq_save_untraced();

	note_longest(rank, ticks, place);
	arch_irq_restore_untraced(flags);
}

void lock_stat_read(unsigned int rank, struct lock_stat *sum)
{
	*sum = (struct lock_stat){ 0 };
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		const struct lock_stat *s = &(*per_cpu_ptr(&stats, cpu))[rank];

		sum->taken += s->taken;
		sum->waited += s->waited;
		if (s->longest > sum->longest) {
			sum->longest = s->longest;
			sum->place = s->place;
		}
	}
}

void lock_stat_clear(void)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++)
		memset(per_cpu_ptr(&stats, cpu), 0, sizeof(stats));
}
