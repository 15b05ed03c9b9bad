/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutex.h - sleeping locks with priority inheritance
 *
 * owner holds the thread that has the mutex, bit 0 set when others wait.  Locking a free mutex
 * and unlocking one that nobody waits for is one compare-and-swap each.  With waiters everything
 * happens under wait_lock: they are sorted by priority, the owner runs at least at the priority
 * of the first, and so does whoever the owner waits for in turn.  Unlocking hands the mutex to
 * the first waiter.
 *
 * Context: threads only; what locks may sleep, unlocking doesn't.  Who locks unlocks; anything
 * else, and waiting in a circle, is a panic.
 */
#ifndef SCHED_MUTEX_H
#define SCHED_MUTEX_H

#include <kernel/panic.h>
#include <sched/thread.h>

#ifdef CONFIG_DEBUG_LOCKS
/* kernel/sched/mutex_debug.c */
struct mutex_debug {
	unsigned int rank;   /* enum lock_rank */
	struct mutex *next;  /* that the same thread has */
	u64 since;	     /* ticks */
	unsigned long place; /* who took it */
};
#define MUTEX_DEBUG_INIT(lock_rank) \
	,                           \
	{                           \
		.rank = lock_rank   \
	}
#else
#define MUTEX_DEBUG_INIT(lock_rank)
#endif

struct mutex {
	unsigned long owner;	   /* struct thread * | has waiters */
	spinlock_t wait_lock;	   /* rank MUTEX */
	struct list_head waiters;  /* by priority (wait_lock) */
	struct mutex_waiter *lent; /* the waiter in the owner's pi_waiters (wait_lock, owner's W) */
#ifdef CONFIG_DEBUG_LOCKS
	struct mutex_debug debug; /* the owner */
#endif
};

/* A mutex with a rank is only taken by a thread whose other mutexes have lower ones (or none). */
#define MUTEX_RANKED(name, rank)                                                \
	{                                                                       \
		0, SPINLOCK_RANKED(LOCK_MUTEX), LIST_HEAD_INIT((name).waiters), \
			NULL MUTEX_DEBUG_INIT(rank)                             \
	}
#define MUTEX_INIT(name)		MUTEX_RANKED(name, LOCK_UNRANKED)
#define DEFINE_MUTEX(name)		struct mutex name = MUTEX_INIT(name)
#define DEFINE_MUTEX_RANKED(name, rank) struct mutex name = MUTEX_RANKED(name, rank)

void mutex_init(struct mutex *m);
void mutex_init_ranked(struct mutex *m, enum lock_rank rank);
void mutex_lock(struct mutex *m);
bool mutex_trylock(struct mutex *m) __must_check;
void mutex_unlock(struct mutex *m);
/* 0, or -ETIMEDOUT after @ns. */
int mutex_lock_timeout_ns(struct mutex *m, u64 ns) __must_check;
bool mutex_is_locked(const struct mutex *m);
/* Who has it, or NULL.  A hint, unless it's the caller. */
struct thread *mutex_owner(const struct mutex *m);
/* Check what waits for @m against its owner; panics naming what is wrong. */
void mutex_validate(struct mutex *m);

#define mutex_assert_held(m) BUG_ON(mutex_owner(m) != current)

#endif
