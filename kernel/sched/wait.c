/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait.c - wait queues, completions, semaphores
 *
 * A wait queue's list holds one entry for each waiting thread, first come first.  wake_up()
 * takes the first entry off the list, so two wake-ups never go to the same thread.
 *
 * Invariant: an entry is on the list <=> its link isn't empty; both change under wait_queue.lock.
 * Locking: wait_queue.lock (rank WAIT), semaphore.lock (rank SEMAPHORE), then thread.wake_lock.
 */
#include <sched/wait.h>

#include <base/errno.h>

void init_waitqueue_head(struct wait_queue *wq)
{
	spin_lock_init_ranked(&wq->lock, LOCK_WAIT);
	INIT_LIST_HEAD(&wq->waiters);
}

void prepare_to_wait(struct wait_queue *wq, struct wait_entry *entry)
{
	unsigned long flags;

	spin_lock_irqsave(&wq->lock, flags);
	if (list_empty(&entry->link))
		list_add_tail(&entry->link, &wq->waiters);
	set_current_state(THREAD_SLEEPING);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void finish_wait(struct wait_queue *wq, struct wait_entry *entry)
{
	unsigned long flags;

	set_current_state(THREAD_RUNNING);
	spin_lock_irqsave(&wq->lock, flags);
	if (!list_empty(&entry->link))
		list_del_init(&entry->link);
	spin_unlock_irqrestore(&wq->lock, flags);
}

/* Wake the first waiter; false if there is none. wq->lock is held. */
static bool wake_first_locked(struct wait_queue *wq)
{
	struct wait_entry *entry;

	if (list_empty(&wq->waiters))
		return false;
	entry = list_first_entry(&wq->waiters, struct wait_entry, link);
	list_del_init(&entry->link);
	wake_up_process(entry->thread);
	return true;
}

void wake_up(struct wait_queue *wq)
{
	unsigned long flags;

	spin_lock_irqsave(&wq->lock, flags);
	wake_first_locked(wq);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void wake_up_all(struct wait_queue *wq)
{
	unsigned long flags;

	spin_lock_irqsave(&wq->lock, flags);
	while (wake_first_locked(wq))
		;
	spin_unlock_irqrestore(&wq->lock, flags);
}

/* ---- completions ---- */

#define DONE_FOR_EVER ~0u

void init_completion(struct completion *c)
{
	c->done = 0;
	init_waitqueue_head(&c->wait);
}

void complete(struct completion *c)
{
	unsigned long flags;

	spin_lock_irqsave(&c->wait.lock, flags);
	if (c->done != DONE_FOR_EVER)
		c->done++;
	wake_first_locked(&c->wait);
	spin_unlock_irqrestore(&c->wait.lock, flags);
}

void complete_all(struct completion *c)
{
	unsigned long flags;

	spin_lock_irqsave(&c->wait.lock, flags);
	c->done = DONE_FOR_EVER;
	while (wake_first_locked(&c->wait))
		;
	spin_unlock_irqrestore(&c->wait.lock, flags);
}

/* Taking it under the lock also means that complete() is done with *c when this returns true. */
bool try_wait_for_completion(struct completion *c)
{
	unsigned long flags;
	bool done;

	spin_lock_irqsave(&c->wait.lock, flags);
	done = c->done != 0;
	if (done && c->done != DONE_FOR_EVER)
		c->done--;
	spin_unlock_irqrestore(&c->wait.lock, flags);
	return done;
}

void wait_for_completion(struct completion *c)
{
	wait_event(c->wait, try_wait_for_completion(c));
}

u64 wait_for_completion_timeout_ns(struct completion *c, u64 ns)
{
	return wait_event_timeout_ns(c->wait, try_wait_for_completion(c), ns);
}

/* ---- semaphores ---- */

struct sema_waiter {
	struct list_head link;
	struct thread *thread;
	bool up; /* the permit was handed over */
};

void sema_init(struct semaphore *sem, unsigned int count)
{
	spin_lock_init_ranked(&sem->lock, LOCK_SEMAPHORE);
	sem->count = count;
	INIT_LIST_HEAD(&sem->waiters);
}

bool down_trylock(struct semaphore *sem)
{
	unsigned long flags;
	bool taken;

	spin_lock_irqsave(&sem->lock, flags);
	taken = sem->count > 0;
	sem->count -= taken;
	spin_unlock_irqrestore(&sem->lock, flags);
	return taken;
}

/* Wait for up() to hand a permit over; @ns ~0: for ever. */
static int down_slow(struct semaphore *sem, u64 ns)
{
	struct sema_waiter me = { .thread = current };
	unsigned long flags;

	spin_lock_irqsave(&sem->lock, flags);
	if (sem->count) {
		sem->count--;
		spin_unlock_irqrestore(&sem->lock, flags);
		return 0;
	}
	list_add_tail(&me.link, &sem->waiters);
	while (!me.up && ns) {
		set_current_state(THREAD_SLEEPING);
		spin_unlock_irqrestore(&sem->lock, flags);
		if (ns == ~0ull)
			schedule();
		else
			ns = schedule_timeout_ns(ns);
		spin_lock_irqsave(&sem->lock, flags);
	}
	if (!me.up)
		list_del(&me.link);
	spin_unlock_irqrestore(&sem->lock, flags);
	return me.up ? 0 : -ETIMEDOUT;
}

void down(struct semaphore *sem)
{
	might_sleep();
	if (!down_trylock(sem))
		(void)down_slow(sem, ~0ull);
}

int down_timeout_ns(struct semaphore *sem, u64 ns)
{
	might_sleep();
	return down_trylock(sem) ? 0 : down_slow(sem, ns);
}

void up(struct semaphore *sem)
{
	unsigned long flags;

	spin_lock_irqsave(&sem->lock, flags);
	if (list_empty(&sem->waiters)) {
		sem->count++;
	} else {
		struct sema_waiter *first =
			list_first_entry(&sem->waiters, struct sema_waiter, link);

		list_del(&first->link);
		first->up = true;
		wake_up_process(first->thread);
	}
	spin_unlock_irqrestore(&sem->lock, flags);
}
