/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait.h - wait queues, completions, semaphores
 *
 * A wait queue is a list of threads that wait for some condition; whoever makes it true wakes
 * one or all.  Every wait rechecks its condition after it has said that it sleeps, so a wake-up
 * between check and sleep isn't lost.
 *
 * Context: waking from any; waiting where might_sleep() holds.
 */
#ifndef SCHED_WAIT_H
#define SCHED_WAIT_H

#include <sched/thread.h>

struct wait_queue {
	spinlock_t lock; /* rank WAIT */
	struct list_head waiters;
};

struct wait_entry {
	struct thread *thread;
	struct list_head link;
};

#define WAIT_QUEUE_INIT(name)                                              \
	{                                                                  \
		SPINLOCK_RANKED(LOCK_WAIT), LIST_HEAD_INIT((name).waiters) \
	}
#define DECLARE_WAIT_QUEUE(name) struct wait_queue name = WAIT_QUEUE_INIT(name)

void init_waitqueue_head(struct wait_queue *wq);

/* The three steps of a wait, for loops that wait_event() doesn't fit. */
void prepare_to_wait(struct wait_queue *wq, struct wait_entry *entry);
void finish_wait(struct wait_queue *wq, struct wait_entry *entry);

/* wake_up - wake the thread that has waited longest; wake_up_all - all of them. */
void wake_up(struct wait_queue *wq);
void wake_up_all(struct wait_queue *wq);

/* wait_event - sleep until @cond is true; whoever makes it true then calls wake_up*(). */
#define wait_event(wq, cond)                                  \
	do {                                                  \
		struct wait_entry _e = { .thread = current }; \
		INIT_LIST_HEAD(&_e.link);                     \
		might_sleep();                                \
		for (;;) {                                    \
			prepare_to_wait(&(wq), &_e);          \
			if (cond)                             \
				break;                        \
			schedule();                           \
		}                                             \
		finish_wait(&(wq), &_e);                      \
	} while (0)

/* The same for at most @ns; the time left, at least 1 if @cond is true, 0 if it isn't. */
#define wait_event_timeout_ns(wq, cond, ns)                   \
	({                                                    \
		struct wait_entry _e = { .thread = current }; \
		u64 _left = (ns);                             \
		bool _true;                                   \
		INIT_LIST_HEAD(&_e.link);                     \
		might_sleep();                                \
		for (;;) {                                    \
			prepare_to_wait(&(wq), &_e);          \
			_true = (cond);                       \
			if (_true || !_left)                  \
				break;                        \
			_left = schedule_timeout_ns(_left);   \
		}                                             \
		finish_wait(&(wq), &_e);                      \
		_true ? max(_left, (u64)1) : 0;               \
	})

/* ---- completion: something that happens, counted ---- */

struct completion {
	unsigned int done;
	struct wait_queue wait;
};

#define COMPLETION_INIT(name)                   \
	{                                       \
		0, WAIT_QUEUE_INIT((name).wait) \
	}
#define DECLARE_COMPLETION(name) struct completion name = COMPLETION_INIT(name)

void init_completion(struct completion *c);
/* complete - let one waiter go on; complete_all - all of them, now and later. Any context. */
void complete(struct completion *c);
void complete_all(struct completion *c);
void wait_for_completion(struct completion *c);
/* The time left, 0 if @ns passed without a completion. */
u64 wait_for_completion_timeout_ns(struct completion *c, u64 ns);
bool try_wait_for_completion(struct completion *c);

/* ---- semaphore: a number of permits ---- */

struct semaphore {
	spinlock_t lock; /* rank SEMAPHORE */
	unsigned int count;
	struct list_head waiters; /* first come, first served */
};

void sema_init(struct semaphore *sem, unsigned int count);
void down(struct semaphore *sem);
/* 0, or -ETIMEDOUT after @ns. */
int down_timeout_ns(struct semaphore *sem, u64 ns) __must_check;
/* true if taken. Any context. */
bool down_trylock(struct semaphore *sem) __must_check;
void up(struct semaphore *sem); /* any context */

#endif
