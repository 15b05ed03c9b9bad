/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lockdebug.h - locks that watch themselves (CONFIG_DEBUG_LOCKS)
 *
 * Each hart keeps a list of the spin locks that it holds, each thread one of its mutexes.  So who
 * holds a lock is known without a word in the lock, and these are reported, with the calls that
 * led there: a lock taken against the order of ranks, given back by a hart or thread that doesn't
 * hold it, taken twice; a rank taken in interrupt handlers and with interrupts on.  How long locks
 * are held and interrupts are off is measured: the shell's lockstat and irqsoff.
 *
 * Without the option all of this is nothing.
 */
#ifndef KERNEL_LOCKDEBUG_H
#define KERNEL_LOCKDEBUG_H

#include <base/compiler.h>
#include <kernel/lockrank.h>

#ifdef CONFIG_DEBUG_LOCKS

/* For the locks: about to take it (@tried: without waiting), have it, about to give it back. */
void lock_debug_take(const void *lock, unsigned int rank, bool tried);
void lock_debug_taken(const void *lock, unsigned int rank);
void lock_debug_release(const void *lock);
/* It had to be waited for. */
void lock_debug_waits(unsigned int rank);

/* Does this hart hold spin lock @lock? */
bool lock_debug_is_held(const void *lock);
void lock_debug_assert_held(const void *lock, const char *file, int line);
#define assert_held(lock) lock_debug_assert_held(lock, __FILE__, __LINE__)

/* lock_debug_stop - no more checks: a panic takes locks by force. */
void lock_debug_stop(void);

#else

static inline void lock_debug_take(const void *lock, unsigned int rank, bool tried)
{
}
static inline void lock_debug_taken(const void *lock, unsigned int rank)
{
}
static inline void lock_debug_release(const void *lock)
{
}
static inline void lock_debug_waits(unsigned int rank)
{
}
static inline void lock_debug_stop(void)
{
}

/* assert_held - the calling hart must hold this spin lock; a panic if it doesn't. */
#define assert_held(lock) ((void)sizeof(lock))

#endif

#if defined(CONFIG_DEBUG_LOCKS) || defined(CONFIG_DEBUG_ATOMIC_SLEEP)
/*
 * lock_report - say what is wrong and how it got here, or note it for whoever expects it
 * @place: the code to blame, reported once; @off: show too who turned preemption or interrupts off.
 */
void lock_report(unsigned long place, bool off, const char *fmt, ...) __printf(3, 4) __cold;

/* For tests.  From begin to end, what the calling thread would report is counted instead. */
void lock_expect_begin(void);
/* How many reports there were; *@text: the first, valid until the next begin. */
unsigned int lock_expect_end(const char **text);
#endif

/* What lockstat shows of one rank, over all harts. Times in ticks of read_time(). */
struct lock_stat {
	unsigned long taken, waited;
	u64 longest;
	unsigned long place; /* of the one held longest */
};
void lock_stat_read(unsigned int rank, struct lock_stat *sum);
void lock_stat_clear(void);
const char *lock_rank_name(unsigned int rank);

/* What irqsoff shows of one hart. */
struct irqsoff_stat {
	u64 longest;
	unsigned long from, to;
};
void irqsoff_read(unsigned int cpu, struct irqsoff_stat *stat);
void irqsoff_clear(void);

#endif
