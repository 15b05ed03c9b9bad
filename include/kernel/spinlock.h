/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinlock.h - ticket locks
 *
 * Two 16-bit counters in a word: next (upper half) is the ticket that the next hart draws, owner
 * (lower half) the one being served.  Harts are served in the order they came.  At most 65,535
 * harts can wait.  A lock that an interrupt handler takes too is only taken with interrupts off
 * (the _irqsave forms).  Lock and unlock are acquire and release.
 *
 * A hart that holds a lock isn't preempted (kernel/preempt.h).  Each lock has a rank, which says
 * what it may be taken inside of (kernel/lockrank.h); only debug builds keep and check it.
 *
 * Cost without contention: 11 instructions to lock, one of them an AMO, 8 to unlock.
 */
#ifndef KERNEL_SPINLOCK_H
#define KERNEL_SPINLOCK_H

#include <asm/barrier.h>
#include <asm/irqflags.h>
#include <base/compiler.h>
#include <kernel/lockdebug.h>
#include <kernel/perturb.h>
#include <kernel/preempt.h>

typedef struct spinlock {
	union {
		u32 word;
		struct {
			u16 owner; /* the ticket being served */
			u16 next;  /* the next to be drawn */
		};
	};
#ifdef CONFIG_DEBUG_LOCKS
	u32 rank; /* enum lock_rank */
#endif
} spinlock_t;

#ifdef CONFIG_DEBUG_LOCKS
#define SPINLOCK_RANKED(rank) \
	{                     \
		{ 0 }, rank   \
	}
#define spin_lock_rank(lock) ((unsigned int)(lock)->rank)
#else
#define SPINLOCK_RANKED(rank) \
	{                     \
		{             \
			0     \
		}             \
	}
#define spin_lock_rank(lock) LOCK_UNRANKED
#endif
/* A lock whose order isn't checked. */
#define SPINLOCK_INIT SPINLOCK_RANKED(LOCK_UNRANKED)

static inline void spin_lock_init_ranked(spinlock_t *lock, enum lock_rank rank)
{
	*lock = (spinlock_t)SPINLOCK_RANKED(rank);
}

static inline void spin_lock_init(spinlock_t *lock)
{
	spin_lock_init_ranked(lock, LOCK_UNRANKED);
}

static inline bool spin_is_locked(const spinlock_t *lock)
{
	u32 word = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);

	return (u16)word != (u16)(word >> 16);
}

static inline void spin_wait_raw(spinlock_t *lock)
{
	u32 word = __atomic_fetch_add(&lock->word, 1u << 16, __ATOMIC_ACQUIRE);
	u16 ticket = (u16)(word >> 16);

	if (unlikely((u16)word != ticket)) {
		lock_debug_waits(spin_lock_rank(lock));
		while (__atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) != ticket)
			cpu_relax();
	}
	lock_debug_taken(lock, spin_lock_rank(lock));
}

/* Without the preemption count: with interrupts off. */
static inline void spin_lock_raw(spinlock_t *lock)
{
	perturb();
	lock_debug_take(lock, spin_lock_rank(lock), false);
	spin_wait_raw(lock);
}

/* The same while a lock of the same rank is held: the caller knows why no circle comes of it. */
static inline void spin_lock_raw_nested(spinlock_t *lock)
{
	perturb();
	lock_debug_take(lock, spin_lock_rank(lock), true);
	spin_wait_raw(lock);
}

static inline void spin_unlock_raw(spinlock_t *lock)
{
	lock_debug_release(lock);
	__atomic_store_n(&lock->owner, (u16)(lock->owner + 1), __ATOMIC_RELEASE);
	perturb();
}

static inline bool spin_trylock_raw(spinlock_t *lock)
{
	u32 word = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);

	if ((u16)word != (u16)(word >> 16))
		return false;
	lock_debug_take(lock, spin_lock_rank(lock), true);
	if (!__atomic_compare_exchange_n(&lock->word, &word, word + (1u << 16), false,
					 __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
		return false;
	lock_debug_taken(lock, spin_lock_rank(lock));
	return true;
}

static inline void spin_lock(spinlock_t *lock)
{
	preempt_disable();
	spin_lock_raw(lock);
}

/* Take the lock if it is free now; true if it was. */
static inline bool spin_trylock(spinlock_t *lock)
{
	preempt_disable();
	if (spin_trylock_raw(lock))
		return true;
	preempt_enable();
	return false;
}

static inline void spin_unlock(spinlock_t *lock)
{
	spin_unlock_raw(lock);
	preempt_enable();
}

/* Interrupts off keep other threads away too, so the preemption count isn't touched: a thread that
 * becomes runnable meanwhile comes by a software interrupt when they are on again. */
#define spin_lock_irqsave(lock, flags) \
	do {                           \
		local_irq_save(flags); \
		spin_lock_raw(lock);   \
	} while (0)

#define spin_unlock_irqrestore(lock, flags) \
	do {                                \
		spin_unlock_raw(lock);      \
		local_irq_restore(flags);   \
	} while (0)

#endif
