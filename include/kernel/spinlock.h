/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spinlock.h - ticket locks
 *
 * Two 16-bit counters in a word: next (upper half) is the ticket that the next hart draws, owner
 * (lower half) the one being served.  Harts are served in the order they came.  At most 65,535
 * harts can wait.  A lock that an interrupt handler takes too is only taken with interrupts off
 * (the _irqsave forms).  Lock and unlock are acquire and release.
 *
 * A hart that holds a lock isn't preempted (kernel/preempt.h).
 *
 * Cost without contention: 11 instructions to lock, one of them an AMO, 8 to unlock.
 */
#ifndef KERNEL_SPINLOCK_H
#define KERNEL_SPINLOCK_H

#include <asm/barrier.h>
#include <asm/irqflags.h>
#include <base/compiler.h>
#include <kernel/preempt.h>

typedef struct spinlock {
	union {
		u32 word;
		struct {
			u16 owner; /* the ticket being served */
			u16 next;  /* the next to be drawn */
		};
	};
} spinlock_t;

#define SPINLOCK_INIT    \
	{                \
		{ 0 }    \
	}

static inline void spin_lock_init(spinlock_t *lock)
{
	lock->word = 0;
}

static inline bool spin_is_locked(const spinlock_t *lock)
{
	u32 word = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);

	return (u16)word != (u16)(word >> 16);
}

/* Without the preemption count: the scheduler's own, interrupts off. */
static inline void spin_lock_raw(spinlock_t *lock)
{
	u32 word = __atomic_fetch_add(&lock->word, 1u << 16, __ATOMIC_ACQUIRE);
	u16 ticket = (u16)(word >> 16);

	if (likely((u16)word == ticket))
		return;
	while (__atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) != ticket)
		cpu_relax();
}

static inline void spin_unlock_raw(spinlock_t *lock)
{
	__atomic_store_n(&lock->owner, (u16)(lock->owner + 1), __ATOMIC_RELEASE);
}

static inline bool spin_trylock_raw(spinlock_t *lock)
{
	u32 word = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);

	if ((u16)word != (u16)(word >> 16))
		return false;
	return __atomic_compare_exchange_n(&lock->word, &word, word + (1u << 16), false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
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
