/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_workqueue.c - items run once for each time they are queued, where they should, and stop
 */
#include <sched/workqueue.h>

#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <shell/ktap.h>

#define ITEMS  64
#define FAR_NS 1000000000000ull

struct counted {
	struct work work;
	unsigned int runs;
	unsigned int inside; /* at once: never more than 1 */
	unsigned int cpu;
	unsigned int again; /* times that it queues itself */
	bool broken;
};

static void count(struct work *w)
{
	struct counted *c = container_of(w, struct counted, work);

	if (__atomic_fetch_add(&c->inside, 1, __ATOMIC_RELAXED))
		c->broken = true;
	c->cpu = smp_processor_id();
	__atomic_fetch_add(&c->runs, 1, __ATOMIC_RELAXED);
	if (c->again) {
		c->again--;
		queue_work(system_wq, w);
	}
	__atomic_fetch_sub(&c->inside, 1, __ATOMIC_RELAXED);
}

static struct counted item[ITEMS];

static void init_items(void)
{
	for (unsigned int i = 0; i < ITEMS; i++) {
		item[i] = (struct counted){ .runs = 0 };
		work_init(&item[i].work, count);
	}
}

static void test_runs_where(struct ktap *t)
{
	unsigned int cpu;

	init_items();
	for_each_online_hart(cpu) {
		KTAP_EXPECT(t, queue_work_on(cpu, system_wq, &item[cpu % ITEMS].work));
		flush_work(&item[cpu % ITEMS].work);
		KTAP_EXPECT_EQ(t, item[cpu % ITEMS].cpu, cpu);
		KTAP_EXPECT_EQ(t, item[cpu % ITEMS].runs, 1);
	}
}

static void test_many(struct ktap *t)
{
	init_items();
	for (unsigned int i = 0; i < ITEMS; i++) {
		item[i].again = i % 4;
		KTAP_EXPECT(t, queue_work_on(i % num_online_harts(), system_wq, &item[i].work));
	}
	for (int round = 0; round < 4; round++)
		flush_workqueue(system_wq);
	for (unsigned int i = 0; i < ITEMS; i++) {
		KTAP_EXPECT_EQ(t, item[i].runs, 1 + i % 4);
		KTAP_EXPECT(t, !item[i].broken && !item[i].work.pending);
	}
}

static unsigned int naps; /* begun */
static bool may_wake;

/* Until it may wake, and a while longer. */
static void nap(struct work *w)
{
	WRITE_ONCE(naps, naps + 1);
	while (!READ_ONCE(may_wake))
		msleep(1);
	msleep(20);
	count(w);
}

/* Queue @w and wait until it naps, which it does until it may wake. */
static void start_nap(struct ktap *t, struct workqueue *wq, struct work *w)
{
	unsigned int before = naps;

	w->fn = nap;
	WRITE_ONCE(may_wake, false);
	KTAP_EXPECT(t, queue_work(wq, w));
	KTAP_EXPECT(t, ktap_becomes(READ_ONCE(naps) != before));
}

/* Queued while it runs, from other harts too: once more, never twice at a time. */
static void test_again_while_running(struct ktap *t)
{
	init_items();
	start_nap(t, system_wq, &item[0].work);
	KTAP_EXPECT(t, queue_work_on(num_online_harts() - 1, system_wq, &item[0].work));
	KTAP_EXPECT(t, !queue_work_on(0, system_wq, &item[0].work));
	WRITE_ONCE(may_wake, true);
	flush_work(&item[0].work);
	KTAP_EXPECT_EQ(t, item[0].runs, 2);
	KTAP_EXPECT(t, !item[0].broken);
}

static void test_cancel(struct ktap *t)
{
	struct workqueue *wq = workqueue_create("cancel", false);

	init_items();
	KTAP_ASSERT(t, wq != NULL);
	start_nap(t, wq, &item[0].work);
	KTAP_EXPECT(t, queue_work(wq, &item[1].work)); /* behind the nap */
	KTAP_EXPECT(t, cancel_work_sync(&item[1].work));
	KTAP_EXPECT(t, !cancel_work_sync(&item[1].work));
	KTAP_EXPECT_EQ(t, item[0].runs, 0);
	WRITE_ONCE(may_wake, true);
	KTAP_EXPECT(t, !cancel_work_sync(&item[0].work)); /* runs: waits for its end */
	KTAP_EXPECT_EQ(t, item[0].runs, 1);
	KTAP_EXPECT_EQ(t, item[1].runs, 0);
	KTAP_EXPECT(t, queue_work(wq, &item[1].work));
	workqueue_destroy(wq);
	KTAP_EXPECT_EQ(t, item[1].runs, 1);
	KTAP_EXPECT(t, !cancel_work_sync(&item[2].work)); /* never queued */
}

static struct {
	struct delayed_work delayed;
	u64 ran_ns;
	unsigned int runs;
} late;

static void note_time(struct work *w)
{
	late.ran_ns = ktime_ns();
	late.runs++;
}

static void test_delayed(struct ktap *t)
{
	u64 start = ktime_ns();

	late.runs = 0;
	delayed_work_init(&late.delayed, note_time);
	KTAP_EXPECT(t, queue_delayed_work(system_wq, &late.delayed, 15000000));
	ktap_becomes(READ_ONCE(late.runs));
	KTAP_EXPECT_EQ(t, late.runs, 1);
	KTAP_EXPECT(t, late.ran_ns - start >= 15000000);
	KTAP_EXPECT(t, queue_delayed_work(system_wq, &late.delayed, FAR_NS));
	KTAP_EXPECT(t, !queue_delayed_work(system_wq, &late.delayed, 1));
	KTAP_EXPECT(t, !queue_work(system_wq, &late.delayed.work));
	KTAP_EXPECT(t, cancel_delayed_work_sync(&late.delayed));
	KTAP_EXPECT(t, !cancel_delayed_work_sync(&late.delayed));
	KTAP_EXPECT(t, queue_delayed_work(system_wq, &late.delayed, 0));
	flush_work(&late.delayed.work);
	KTAP_EXPECT_EQ(t, late.runs, 2);
}

static void test_create_destroy(struct ktap *t)
{
	for (unsigned int i = 0; i < 10; i++) {
		struct workqueue *wq = workqueue_create("short", i % 2);

		KTAP_ASSERT(t, wq != NULL);
		init_items();
		for (unsigned int j = 0; j < ITEMS; j++)
			queue_work_on(j % nr_harts, wq, &item[j].work);
		workqueue_destroy(wq);
		for (unsigned int j = 0; j < ITEMS; j++)
			KTAP_EXPECT_EQ(t, item[j].runs, 1);
	}
}

/* What is queued as the queue's thread looks whether it shall end still runs.  The thread goes to
 * look when its first item has run, so the second comes at about that time. */
static void test_destroy_at_once(struct ktap *t)
{
	unsigned int lost = 0;

	for (unsigned int i = 0; i < 300; i++) {
		struct workqueue *wq = workqueue_create("short", false);

		KTAP_ASSERT(t, wq != NULL);
		init_items();
		queue_work(wq, &item[0].work);
		while (!READ_ONCE(item[0].runs))
			cond_resched();
		for (unsigned int spin = i % 64; spin; spin--)
			cpu_relax();
		queue_work(wq, &item[1].work);
		workqueue_destroy(wq);
		lost += item[1].runs != 1;
	}
	KTAP_EXPECT_EQ(t, lost, 0);
}

/* ---- everything at once: every item that was queued ran, or was cancelled ---- */

#define STORM_THREADS 6
#define STORM_ROUNDS  150

static struct counted storm[8];
static struct delayed_work storm_late;
static unsigned long storm_queued, storm_cancelled, storm_runs;

static void storm_fn(struct work *w)
{
	__atomic_fetch_add(&storm_runs, 1, __ATOMIC_RELAXED);
}

static void tally(unsigned long *n, bool did)
{
	__atomic_fetch_add(n, did, __ATOMIC_RELAXED);
}

static int storm_member(void *arg)
{
	u32 x = 2463534242u + (u32)(unsigned long)arg * 7919u;

	for (int i = 0; i < STORM_ROUNDS; i++) {
		struct work *w;

		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		w = &storm[x % 8].work;
		switch (x >> 8 & 7) {
		case 0:
			tally(&storm_cancelled, cancel_work_sync(w));
			break;
		case 1:
			flush_work(w);
			break;
		case 2:
			tally(&storm_queued,
			      queue_delayed_work(system_wq, &storm_late, (x >> 16) * 10));
			break;
		case 3:
			tally(&storm_cancelled, cancel_delayed_work_sync(&storm_late));
			break;
		default:
			tally(&storm_queued, queue_work_on((x >> 16) % nr_harts, system_wq, w));
		}
	}
	return 0;
}

static void test_storm(struct ktap *t)
{
	struct thread *thread[STORM_THREADS];

	storm_queued = storm_cancelled = storm_runs = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(storm); i++)
		work_init(&storm[i].work, storm_fn);
	delayed_work_init(&storm_late, storm_fn);
	for (unsigned long i = 0; i < STORM_THREADS; i++) {
		thread[i] = kthread_run(storm_member, (void *)i, "storm/%lu", i);
		KTAP_ASSERT(t, thread[i] != NULL);
	}
	for (unsigned int i = 0; i < STORM_THREADS; i++)
		kthread_join(thread[i]);
	tally(&storm_cancelled, cancel_delayed_work_sync(&storm_late));
	for (unsigned int i = 0; i < ARRAY_SIZE(storm); i++)
		flush_work(&storm[i].work);
	KTAP_EXPECT_EQ(t, storm_runs + storm_cancelled, storm_queued);
	ktap_diag(t, "%lu queued, %lu ran, %lu cancelled", storm_queued, storm_runs,
		  storm_cancelled);
	sched_validate();
	timers_validate();
}

static const struct ktap_case cases[] = {
	{ "runs-where", test_runs_where },
	{ "many", test_many },
	{ "again-while-running", test_again_while_running },
	{ "cancel", test_cancel },
	{ "delayed", test_delayed },
	{ "create-destroy", test_create_destroy },
	{ "destroy-at-once", test_destroy_at_once },
	{ "storm", test_storm },
	{},
};

static const struct ktap_suite suite_workqueue = { "workqueue", cases };
TABLE_ENTRY(ktap_suite, suite_workqueue);
