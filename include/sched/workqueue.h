/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workqueue.h - functions run later, by a thread
 *
 * A work item is queued at most once at a time; it may queue itself again while it runs, and
 * never runs on two harts at once.  Per-hart queues have a worker thread on each hart, items run
 * on the hart that queued them (on hart 0 if that one is off); an unbound queue has one worker
 * on any hart.  An item that was on a queue that is destroyed is initialised before its next use.
 */
#ifndef SCHED_WORKQUEUE_H
#define SCHED_WORKQUEUE_H

#include <sched/timer.h>
#include <sched/wait.h>

struct workqueue;
struct work_pool;

struct work {
	void (*fn)(struct work *w);
	struct list_head link;
	u32 pending;		/* queued, or a delay runs, or being cancelled */
	struct work_pool *pool; /* the last it was queued on */
};

struct delayed_work {
	struct work work;
	struct timer timer;
	struct workqueue *queue;
};

#define WORK_INIT(name, function)                                     \
	{                                                             \
		.fn = (function), .link = LIST_HEAD_INIT((name).link) \
	}

void work_init(struct work *w, void (*fn)(struct work *w));
void delayed_work_init(struct delayed_work *d, void (*fn)(struct work *w));

extern struct workqueue *system_wq;	    /* per hart */
extern struct workqueue *system_unbound_wq; /* any hart */

/* @per_hart: a worker on each hart, else one for all.  @name, at most 11 characters, is the
 * worker's too.  May sleep.  NULL without memory. */
struct workqueue *workqueue_create(const char *name, bool per_hart) __must_check;
/* Runs what is queued first; the caller sees to it that nothing is queued any more.  May sleep. */
void workqueue_destroy(struct workqueue *wq);

/* queue_work - false if it was pending already.  Any context. */
bool queue_work(struct workqueue *wq, struct work *w);
/* The same for hart @cpu < nr_harts. */
bool queue_work_on(unsigned int cpu, struct workqueue *wq, struct work *w);
/* queue_delayed_work - after at least @delay_ns; at once if there is no memory for a timer. */
bool queue_delayed_work(struct workqueue *wq, struct delayed_work *d, u64 delay_ns);
#define schedule_work(w) queue_work(system_wq, w)

/*
 * May sleep: until @w doesn't run and isn't pending (cancel), or has run (flush).  Not from @w
 * itself, nor from another item of its queue on the same hart.  cancel: true if it was pending.
 * While it waits, cancel has the item: queueing it then is refused.
 */
bool cancel_work_sync(struct work *w);
bool cancel_delayed_work_sync(struct delayed_work *d);
void flush_work(struct work *w);
void flush_workqueue(struct workqueue *wq);

void workqueues_init(void);

#endif
