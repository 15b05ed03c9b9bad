/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workqueue.c - functions run later, by a thread
 *
 * Pool: a list of items and the one thread that runs them, first come first.  A per-hart queue
 * has a pool for each hart, its thread bound there; an unbound queue has one pool, whose thread
 * may run on any hart.  Where a hart has no thread (it's off) hart 0's pool takes its items.
 *
 * work.pending is who owns the item: 0 nobody, 1 the queue, a running delay, or a canceller.
 * Whoever turns 0 into 1 is the only one to touch link and pool until it is 0 again; the
 * pool's thread makes it 0 just before it calls the function.  So
 *   link on a list  =>  pending == 1;
 *   pool->running == w  <=>  the function of w runs there, or the thread is about to forget it:
 *     after the call only the address is compared, the item may be gone.
 * An item that runs and is queued again, from whatever hart, goes to the pool where it runs, so
 * no item ever runs twice at once (as long as it stays with one queue).
 *
 * Waiting for an item (flush, cancel): a barrier, an item on the waiter's stack, is put right
 * behind it, or first if it runs already.
 *
 * Locking: pool.lock (rank WORKQUEUE), interrupts off; thread.wake_lock inside it.
 * Memory: a page for each queue; per-hart pools by alloc_percpu().
 * Not here: which harts there are (hotplug.c).
 */
#define LOG_PREFIX "workqueue: "

#include <sched/workqueue.h>

#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <mm/page_alloc.h>
#include <sched/hotplug.h>
#include <sched/mutex.h>
#include <stdio.h>
#include <string.h>

#define CANCEL_RETRY_NS 50000ull

/* Letters: P under pool.lock; C constant while there is a thread. */
struct work_pool {
	spinlock_t lock;
	bool open;		 /* P it has a thread that takes items */
	struct list_head items;	 /* P */
	struct work *running;	 /* P */
	struct thread *worker;	 /* C NULL: the hart is off */
	struct workqueue *queue; /* C */
};

struct workqueue {
	char name[THREAD_NAME_LEN];
	struct work_pool *per_hart; /* of alloc_percpu(), or NULL */
	struct work_pool unbound;
	struct list_head all; /* queues.lock */
};

/* Every queue, for harts that come and go. */
static struct {
	struct mutex lock;
	struct list_head all;
} queues = { MUTEX_RANKED(queues.lock, LOCK_QUEUES), LIST_HEAD_INIT(queues.all) };

struct workqueue *system_wq;
struct workqueue *system_unbound_wq;

/* ---- a pool's thread ---- */

static struct work *take_item(struct work_pool *pool)
{
	struct work *w = NULL;
	unsigned long flags;

	spin_lock_irqsave(&pool->lock, flags);
	pool->running = NULL;
	if (!list_empty(&pool->items)) {
		w = list_first_entry(&pool->items, struct work, link);
		list_del_init(&w->link);
		pool->running = w;
		__atomic_store_n(&w->pending, 0, __ATOMIC_RELEASE);
	}
	spin_unlock_irqrestore(&pool->lock, flags);
	return w;
}

/* The next item, or NULL when there are none and the thread shall end. */
static struct work *wait_for_item(struct work_pool *pool)
{
	for (;;) {
		struct work *w;
		bool stop;

		set_current_state(THREAD_SLEEPING);
		/* Asked first: when it says yes the pool is closed, and the list all there is. */
		stop = kthread_should_stop();
		w = take_item(pool);
		if (w || stop) {
			set_current_state(THREAD_RUNNING);
			return w;
		}
		schedule();
	}
}

static int run_items(void *arg)
{
	struct work_pool *pool = arg;
	struct work *w;

	while ((w = wait_for_item(pool))) {
		void (*fn)(struct work * w) = w->fn;

		fn(w);
		if (in_atomic() || irqs_disabled())
			panic("work function %p of queue %s returned with preemption count %u, "
			      "interrupts %s",
			      (void *)fn, pool->queue->name, (unsigned int)preempt_count(),
			      irqs_disabled() ? "off" : "on");
	}
	return 0;
}

/* Give @pool a thread, on hart @cpu or, for ~0u, on any. */
static int pool_open(struct work_pool *pool, unsigned int cpu)
{
	struct thread *t;
	unsigned long flags;
	int err = 0;

	if (cpu == ~0u)
		t = kthread_create(run_items, pool, "%s", pool->queue->name);
	else
		t = kthread_create(run_items, pool, "%s/%u", pool->queue->name, cpu);
	if (!t)
		return -ENOMEM;
	if (cpu != ~0u)
		err = kthread_bind(t, cpu);
	spin_lock_irqsave(&pool->lock, flags);
	pool->worker = t;
	pool->open = !err;
	spin_unlock_irqrestore(&pool->lock, flags);
	wake_up_process(t);
	if (err) {
		kthread_stop(t);
		pool->worker = NULL;
	}
	return err;
}

/* Queue no more items here; what is queued runs, then the thread ends. */
static void pool_close(struct work_pool *pool)
{
	unsigned long flags;

	if (!pool->worker)
		return;
	spin_lock_irqsave(&pool->lock, flags);
	pool->open = false;
	spin_unlock_irqrestore(&pool->lock, flags);
	kthread_stop(pool->worker);
	pool->worker = NULL;
}

static void pool_init(struct work_pool *pool, struct workqueue *wq)
{
	spin_lock_init_ranked(&pool->lock, LOCK_WORKQUEUE);
	INIT_LIST_HEAD(&pool->items);
	pool->queue = wq;
}

/* ---- queueing ---- */

void work_init(struct work *w, void (*fn)(struct work *w))
{
	*w = (struct work)WORK_INIT(*w, fn);
}

/* Lock the pool where an item for hart @cpu goes: hart 0's if that one's hart is off. */
static struct work_pool *lock_pool(struct workqueue *wq, unsigned int cpu)
{
	struct work_pool *pool = wq->per_hart ? per_cpu_ptr(wq->per_hart, cpu) : &wq->unbound;

	spin_lock(&pool->lock);
	if (likely(pool->open) || !wq->per_hart)
		return pool;
	spin_unlock(&pool->lock);
	pool = per_cpu_ptr(wq->per_hart, 0);
	spin_lock(&pool->lock);
	return pool;
}

/*
 * The pool of @wq where @w runs now, locked, or NULL.  Even a pool that closes takes it: its
 * thread only ends with an empty list.  Else @w leaves its old pool here, under that one's lock,
 * so that whoever holds this lock and finds w->pool == pool can trust the link.
 */
static struct work_pool *lock_where_it_runs(struct workqueue *wq, struct work *w)
{
	struct work_pool *pool = w->pool;

	if (!pool)
		return NULL;
	spin_lock(&pool->lock);
	if (pool->running == w && pool->queue == wq)
		return pool;
	WRITE_ONCE(w->pool, NULL);
	spin_unlock(&pool->lock);
	return NULL;
}

/* Put @w, whose pending the caller made 1, on a list. */
static void insert(unsigned int cpu, struct workqueue *wq, struct work *w)
{
	struct work_pool *pool;
	unsigned long flags;

	local_irq_save(flags);
	pool = lock_where_it_runs(wq, w);
	if (!pool)
		pool = lock_pool(wq, cpu);
	__atomic_store_n(&w->pool, pool, __ATOMIC_RELEASE);
	list_add_tail(&w->link, &pool->items);
	wake_up_process(pool->worker);
	spin_unlock(&pool->lock);
	local_irq_restore(flags);
}

static bool own(struct work *w)
{
	return !__atomic_exchange_n(&w->pending, 1, __ATOMIC_ACQ_REL);
}

bool queue_work_on(unsigned int cpu, struct workqueue *wq, struct work *w)
{
	if (!own(w))
		return false;
	insert(cpu, wq, w);
	return true;
}

bool queue_work(struct workqueue *wq, struct work *w)
{
	/* If this thread is moved now, the item goes where it was: as good as any. */
	return queue_work_on(smp_processor_id(), wq, w);
}

static void delay_over(struct timer *timer)
{
	struct delayed_work *d = container_of(timer, struct delayed_work, timer);

	insert(smp_processor_id(), d->queue, &d->work);
}

void delayed_work_init(struct delayed_work *d, void (*fn)(struct work *w))
{
	work_init(&d->work, fn);
	timer_setup(&d->timer, delay_over);
	d->queue = NULL;
}

bool queue_delayed_work(struct workqueue *wq, struct delayed_work *d, u64 delay_ns)
{
	if (!own(&d->work))
		return false;
	d->queue = wq;
	/* Without memory for a timer: early rather than never. */
	if (!delay_ns || timer_start(&d->timer, ktime_ns() + delay_ns))
		insert(smp_processor_id(), wq, &d->work);
	return true;
}

/* ---- waiting ---- */

struct barrier_work {
	struct work work;
	struct completion reached;
};

static void barrier_reached(struct work *w)
{
	complete(&container_of(w, struct barrier_work, work)->reached);
}

/* Put @b into @pool, which is locked, right behind @prev: an item, or the list's head. */
static void insert_barrier(struct work_pool *pool, struct barrier_work *b, struct list_head *prev)
{
	work_init(&b->work, barrier_reached);
	init_completion(&b->reached);
	b->work.pending = 1;
	b->work.pool = pool;
	list_add(&b->work.link, prev);
	wake_up_process(pool->worker);
}

/* Lock the pool of @w; NULL if it was never queued. */
static struct work_pool *lock_pool_of(struct work *w, unsigned long *flags)
{
	for (;;) {
		struct work_pool *pool = __atomic_load_n(&w->pool, __ATOMIC_ACQUIRE);

		if (!pool)
			return NULL;
		spin_lock_irqsave(&pool->lock, *flags);
		if (READ_ONCE(w->pool) == pool)
			return pool;
		spin_unlock_irqrestore(&pool->lock, *flags);
	}
}

/* Wait until @w isn't running and, with @queued, isn't on a list as it is now. */
static void wait_for_work(struct work *w, bool queued)
{
	struct barrier_work b;
	unsigned long flags;
	struct work_pool *pool = lock_pool_of(w, &flags);
	bool wait = true;

	if (!pool)
		return;
	if (queued && !list_empty(&w->link))
		insert_barrier(pool, &b, &w->link);
	else if (pool->running == w)
		insert_barrier(pool, &b, &pool->items);
	else
		wait = false;
	spin_unlock_irqrestore(&pool->lock, flags);
	if (wait)
		wait_for_completion(&b.reached);
}

void flush_work(struct work *w)
{
	might_sleep();
	wait_for_work(w, true);
}

/* Take @w off its list; false if it isn't on one. */
static bool take_off(struct work *w)
{
	unsigned long flags;
	struct work_pool *pool = lock_pool_of(w, &flags);
	bool found;

	if (!pool)
		return false;
	found = !list_empty(&w->link);
	if (found)
		list_del_init(&w->link);
	spin_unlock_irqrestore(&pool->lock, flags);
	return found;
}

/*
 * Own @w, then wait for its function: meanwhile it can't be queued.  @owned: the caller took it
 * from its timer.  Neither free nor on a list: it is between the two for a moment, or another
 * canceller has it.
 */
static bool cancel(struct work *w, struct timer *timer)
{
	bool was_pending = false;

	while (!was_pending && !own(w)) {
		was_pending = (timer && timer_cancel_sync(timer)) || take_off(w);
		if (!was_pending)
			sleep_ns(CANCEL_RETRY_NS);
	}
	wait_for_work(w, false);
	__atomic_store_n(&w->pending, 0, __ATOMIC_RELEASE);
	return was_pending;
}

bool cancel_work_sync(struct work *w)
{
	might_sleep();
	return cancel(w, NULL);
}

bool cancel_delayed_work_sync(struct delayed_work *d)
{
	might_sleep();
	return cancel(&d->work, &d->timer);
}

static void flush_pool(struct work_pool *pool)
{
	struct barrier_work b;
	unsigned long flags;
	bool open;

	spin_lock_irqsave(&pool->lock, flags);
	open = pool->open;
	if (open)
		insert_barrier(pool, &b, pool->items.prev);
	spin_unlock_irqrestore(&pool->lock, flags);
	if (open)
		wait_for_completion(&b.reached);
}

void flush_workqueue(struct workqueue *wq)
{
	might_sleep();
	if (!wq->per_hart) {
		flush_pool(&wq->unbound);
		return;
	}
	/* Hart 0 last: what a hart that goes off doesn't take comes to it. */
	for (unsigned int cpu = nr_harts; cpu--;)
		flush_pool(per_cpu_ptr(wq->per_hart, cpu));
}

/* ---- queues ---- */

static void close_pools(struct workqueue *wq)
{
	if (!wq->per_hart) {
		pool_close(&wq->unbound);
		return;
	}
	for (unsigned int cpu = nr_harts; cpu--;)
		pool_close(per_cpu_ptr(wq->per_hart, cpu));
}

static int open_pools(struct workqueue *wq)
{
	unsigned int cpu;
	int err = 0;

	if (!wq->per_hart)
		return pool_open(&wq->unbound, ~0u);
	for_each_online_hart(cpu) {
		if (!err)
			err = pool_open(per_cpu_ptr(wq->per_hart, cpu), cpu);
	}
	return err;
}

static void queue_free(struct workqueue *wq)
{
	free_percpu(wq->per_hart);
	free_page((unsigned long)wq);
}

struct workqueue *workqueue_create(const char *name, bool per_hart)
{
	struct workqueue *wq = (struct workqueue *)get_zeroed_page(GFP_KERNEL);
	int err;

	if (!wq)
		return NULL;
	snprintf(wq->name, sizeof(wq->name), "%s", name);
	pool_init(&wq->unbound, wq);
	if (per_hart) {
		wq->per_hart = alloc_percpu(struct work_pool);
		if (!wq->per_hart) {
			queue_free(wq);
			return NULL;
		}
		for (unsigned int cpu = 0; cpu < nr_harts; cpu++)
			pool_init(per_cpu_ptr(wq->per_hart, cpu), wq);
	}
	mutex_lock(&queues.lock);
	err = open_pools(wq);
	if (!err)
		list_add_tail(&wq->all, &queues.all);
	mutex_unlock(&queues.lock);
	if (err) {
		close_pools(wq);
		queue_free(wq);
		return NULL;
	}
	return wq;
}

void workqueue_destroy(struct workqueue *wq)
{
	might_sleep();
	mutex_lock(&queues.lock);
	list_del(&wq->all);
	close_pools(wq);
	mutex_unlock(&queues.lock);
	queue_free(wq);
}

/* ---- harts that come and go ---- */

static void close_on_hart(unsigned int cpu)
{
	struct workqueue *wq;

	mutex_lock(&queues.lock);
	list_for_each_entry(wq, &queues.all, all) {
		if (wq->per_hart)
			pool_close(per_cpu_ptr(wq->per_hart, cpu));
	}
	mutex_unlock(&queues.lock);
}

static int hart_goes(unsigned int cpu)
{
	close_on_hart(cpu);
	return 0;
}

static int open_on_hart(unsigned int cpu)
{
	struct workqueue *wq;
	int err = 0;

	mutex_lock(&queues.lock);
	list_for_each_entry(wq, &queues.all, all) {
		if (wq->per_hart && !err && !per_cpu_ptr(wq->per_hart, cpu)->worker)
			err = pool_open(per_cpu_ptr(wq->per_hart, cpu), cpu);
	}
	mutex_unlock(&queues.lock);
	if (err)
		pr_err("no memory for the workers of hart %u: hart 0 does their work", cpu);
	return err;
}

static const struct hart_notifier workqueue_harts = {
	.name = "workqueue",
	.going = hart_goes,
	.online = open_on_hart,
};
TABLE_ENTRY(hart_notifier, workqueue_harts);

void __init workqueues_init(void)
{
	system_wq = workqueue_create("work", true);
	system_unbound_wq = workqueue_create("work-any", false);
	if (!system_wq || !system_unbound_wq)
		panic("no memory for the work queues");
}
