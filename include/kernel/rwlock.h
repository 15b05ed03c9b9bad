/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rwlock.h - spin locks that many may hold to read, one to write
 *
 *     state:  readers (bits 2 up) | WAITING: a writer waits | WRITER: it is held to write
 *
 * Nobody starves: who can't have the lock at once queues at a ticket lock, readers and writers
 * alike, and the first of the queue goes next.  Only readers in interrupt handlers pass the queue,
 * as they may have interrupted a reader; they wait for a writer that has the lock, so who writes
 * what handlers read does it with interrupts off.
 *
 * A reader may not take the lock again.  Preemption is off while it is held.
 * Cost without contention: 12 instructions to lock or unlock.
 */
#ifndef KERNEL_RWLOCK_H
#define KERNEL_RWLOCK_H

#include <kernel/spinlock.h>

#define RW_WRITER  1u
#define RW_WAITING 2u
#define RW_READER  4u

typedef struct rwlock {
	u32 state;
	spinlock_t queue;
#ifdef CONFIG_DEBUG_LOCKS
	u32 rank; /* enum lock_rank */
#endif
} rwlock_t;

#ifdef CONFIG_DEBUG_LOCKS
#define RWLOCK_RANKED(rank)            \
	{                              \
		0, SPINLOCK_INIT, rank \
	}
#define rw_lock_rank(lock) ((unsigned int)(lock)->rank)
#else
#define RWLOCK_RANKED(rank)      \
	{                        \
		0, SPINLOCK_INIT \
	}
#define rw_lock_rank(lock) LOCK_UNRANKED
#endif
#define RWLOCK_INIT RWLOCK_RANKED(LOCK_UNRANKED)

static inline void rwlock_init_ranked(rwlock_t *lock, enum lock_rank rank)
{
	*lock = (rwlock_t)RWLOCK_RANKED(rank);
}

/* kernel/core/rwlock.c: the lock isn't to be had at once; a reader is counted already. */
void read_lock_slow(rwlock_t *lock);
void write_lock_slow(rwlock_t *lock);

static inline void read_lock(rwlock_t *lock)
{
	preempt_disable();
	lock_debug_take(lock, rw_lock_rank(lock), in_interrupt());
	if (unlikely(__atomic_fetch_add(&lock->state, RW_READER, __ATOMIC_ACQUIRE) &
		     (RW_WRITER | RW_WAITING)))
		read_lock_slow(lock);
	lock_debug_taken(lock, rw_lock_rank(lock));
}

static inline void read_unlock(rwlock_t *lock)
{
	lock_debug_release(lock);
	__atomic_fetch_sub(&lock->state, RW_READER, __ATOMIC_RELEASE);
	preempt_enable();
}

static inline void write_lock(rwlock_t *lock)
{
	u32 nobody = 0;

	preempt_disable();
	lock_debug_take(lock, rw_lock_rank(lock), false);
	if (unlikely(!__atomic_compare_exchange_n(&lock->state, &nobody, RW_WRITER, false,
						  __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)))
		write_lock_slow(lock);
	lock_debug_taken(lock, rw_lock_rank(lock));
}

static inline void write_unlock(rwlock_t *lock)
{
	lock_debug_release(lock);
	__atomic_fetch_sub(&lock->state, RW_WRITER, __ATOMIC_RELEASE);
	preempt_enable();
}

#define read_lock_irqsave(lock, flags) \
	do {                           \
		local_irq_save(flags); \
		read_lock(lock);       \
	} while (0)
#define read_unlock_irqrestore(lock, flags) \
	do {                                \
		read_unlock(lock);          \
		local_irq_restore(flags);   \
	} while (0)
#define write_lock_irqsave(lock, flags) \
	do {                            \
		local_irq_save(flags);  \
		write_lock(lock);       \
	} while (0)
#define write_unlock_irqrestore(lock, flags) \
	do {                                 \
		write_unlock(lock);          \
		local_irq_restore(flags);    \
	} while (0)

#endif
