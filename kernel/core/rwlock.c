/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rwlock.c - waiting for a reader-writer lock
 *
 * Whoever waits holds the ticket lock `queue`: it is next.  A writer there sets WAITING, which
 * sends new readers to the queue, and takes the lock when the last reader has gone.
 */
#include <kernel/rwlock.h>

void read_lock_slow(rwlock_t *lock)
{
	if (in_interrupt()) {
		while (__atomic_load_n(&lock->state, __ATOMIC_ACQUIRE) & RW_WRITER)
			cpu_relax();
		return;
	}
	__atomic_fetch_sub(&lock->state, RW_READER, __ATOMIC_RELAXED);
	spin_lock_raw(&lock->queue);
	__atomic_fetch_add(&lock->state, RW_READER, __ATOMIC_ACQUIRE);
	while (__atomic_load_n(&lock->state, __ATOMIC_ACQUIRE) & RW_WRITER)
		cpu_relax();
	spin_unlock_raw(&lock->queue);
}

void write_lock_slow(rwlock_t *lock)
{
	u32 free;

	spin_lock_raw(&lock->queue);
	__atomic_fetch_or(&lock->state, RW_WAITING, __ATOMIC_RELAXED);
	do {
		cpu_relax();
		free = RW_WAITING;
	} while (!__atomic_compare_exchange_n(&lock->state, &free, RW_WRITER, true,
					      __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
	spin_unlock_raw(&lock->queue);
}
