/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_thread.c - threads: made, run, preempted, moved, woken, ended
 */
#include <sched/thread.h>

#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <sched/timer.h>
#include <sched/wait.h>
#include <shell/ktap.h>
#include <string.h>

#define PAIRS  4
#define ROUNDS 500
#define CROWD  40
#define FAR_NS 1000000000000ull

static int return_arg(void *arg)
{
	return (int)(long)arg;
}

static void test_join(struct ktap *t)
{
	for (long i = 0; i < 50; i++) {
		struct thread *thread = kthread_run(return_arg, (void *)i, "join/%ld", i);

		KTAP_ASSERT(t, thread != NULL);
		KTAP_EXPECT_EQ(t, kthread_join(thread), i);
	}
	sched_validate();
}

static unsigned int detached_done;

static int count_detached(void *arg)
{
	__atomic_fetch_add(&detached_done, 1, __ATOMIC_RELAXED);
	return 0;
}

static void test_detach(struct ktap *t)
{
	detached_done = 0;
	for (int i = 0; i < 20; i++) {
		struct thread *thread = kthread_create(count_detached, NULL, "detached");

		KTAP_ASSERT(t, thread != NULL);
		kthread_detach(thread);
		wake_up_process(thread);
	}
	ktap_becomes(READ_ONCE(detached_done) == 20);
	KTAP_EXPECT_EQ(t, detached_done, 20);
}

/* ---- waking: two threads hand a ball to each other ---- */

struct pair {
	struct wait_queue wait;
	unsigned int turn;
	unsigned int rounds;
};

static int even(void *arg)
{
	struct pair *p = arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		wait_event(p->wait, READ_ONCE(p->turn) % 2 == 0);
		WRITE_ONCE(p->turn, p->turn + 1);
		wake_up_all(&p->wait);
	}
	return 0;
}

static int odd(void *arg)
{
	struct pair *p = arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (!wait_event_timeout_ns(p->wait, READ_ONCE(p->turn) % 2 == 1, KTAP_PATIENCE_NS))
			return -1;
		WRITE_ONCE(p->turn, p->turn + 1);
		wake_up_all(&p->wait);
	}
	return 0;
}

static void test_ping_pong(struct ktap *t)
{
	static struct pair pair[PAIRS];
	struct thread *a[PAIRS], *b[PAIRS];

	for (unsigned int i = 0; i < PAIRS; i++) {
		init_waitqueue_head(&pair[i].wait);
		pair[i].turn = 0;
		a[i] = kthread_run(even, &pair[i], "even/%u", i);
		b[i] = kthread_run(odd, &pair[i], "odd/%u", i);
		KTAP_ASSERT(t, a[i] && b[i]);
	}
	for (unsigned int i = 0; i < PAIRS; i++) {
		KTAP_EXPECT_EQ(t, kthread_join(a[i]), 0);
		KTAP_EXPECT_EQ(t, kthread_join(b[i]), 0);
		KTAP_EXPECT_EQ(t, pair[i].turn, 2 * ROUNDS);
	}
	sched_validate();
}

/* ---- preemption and turns ---- */

static u32 spin_stop;

static int spin(void *arg)
{
	unsigned long *count = arg;

	while (!READ_ONCE(spin_stop))
		WRITE_ONCE(*count, *count + 1);
	return 0;
}

/* Three threads that never yield, on one hart, all get on: their turns end. */
static void test_turns(struct ktap *t)
{
	unsigned int cpu = num_online_harts() - 1;
	static unsigned long count[3];
	struct thread *thread[3];

	spin_stop = 0;
	memset(count, 0, sizeof(count));
	for (int i = 0; i < 3; i++) {
		thread[i] = kthread_create(spin, &count[i], "spin/%d", i);
		KTAP_ASSERT(t, thread[i] != NULL);
		KTAP_EXPECT_EQ(t, kthread_bind(thread[i], cpu), 0);
		wake_up_process(thread[i]);
	}
	for (int i = 0; i < 3; i++)
		KTAP_EXPECT(t, ktap_becomes(READ_ONCE(count[i]) > 0));
	msleep(50);
	for (int i = 0; i < 3; i++) {
		unsigned long before = READ_ONCE(count[i]);

		KTAP_EXPECT(t, ktap_becomes(READ_ONCE(count[i]) > before)); /* and once more */
	}
	WRITE_ONCE(spin_stop, 1);
	for (int i = 0; i < 3; i++) {
		kthread_join(thread[i]);
	}
	sched_validate();
}

/* A more urgent thread takes the hart from one that spins. */
static void test_priority(struct ktap *t)
{
	unsigned int cpu = num_online_harts() - 1;
	static unsigned long count;
	struct thread *low, *high;
	u64 start;

	spin_stop = 0;
	count = 0;
	low = kthread_create(spin, &count, "low");
	high = kthread_create(return_arg, (void *)7, "high");
	KTAP_ASSERT(t, low && high);
	set_priority(low, SCHED_PRIO_LOWEST);
	set_priority(high, 2);
	KTAP_EXPECT_EQ(t, kthread_bind(low, cpu), 0);
	KTAP_EXPECT_EQ(t, kthread_bind(high, cpu), 0);
	wake_up_process(low);
	KTAP_EXPECT(t, ktap_becomes(READ_ONCE(count) > 0));
	start = ktime_ns();
	wake_up_process(high);
	KTAP_EXPECT_EQ(t, kthread_join(high), 7);
	ktap_diag(t, "a more urgent thread ran and ended within %llu us",
		  (unsigned long long)(ktime_ns() - start) / 1000);
	WRITE_ONCE(spin_stop, 1);
	kthread_join(low);
}

/* ---- many at once ---- */

static unsigned int crowd_runs;

static int crowd_member(void *arg)
{
	unsigned long seed = (unsigned long)arg;

	for (int i = 0; i < 50; i++) {
		seed = seed * 1103515245 + 12345;
		if (seed >> 16 & 1)
			yield();
		else if (seed >> 17 & 1)
			usleep_range(50, 100);
		if ((seed >> 18 & 7) == 0)
			set_priority(current, 10 + (seed >> 21) % 12);
		__atomic_fetch_add(&crowd_runs, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

static void test_crowd(struct ktap *t)
{
	static struct thread *crowd[CROWD];

	crowd_runs = 0;
	for (unsigned long i = 0; i < CROWD; i++) {
		crowd[i] = kthread_run(crowd_member, (void *)(i + 1), "crowd/%lu", i);
		KTAP_ASSERT(t, crowd[i] != NULL);
	}
	for (unsigned int i = 0; i < CROWD; i++)
		kthread_join(crowd[i]);
	KTAP_EXPECT_EQ(t, crowd_runs, CROWD * 50);
	sched_validate();
	timers_validate();
}

/* ---- moving ---- */

static int follow_binding(void *arg)
{
	unsigned int wrong = 0;

	for (unsigned int i = 0; i < 40; i++) {
		unsigned int cpu = i % num_online_harts();

		if (kthread_bind(current, cpu))
			return -1;
		yield();
		preempt_disable();
		wrong += smp_processor_id() != cpu;
		preempt_enable();
	}
	return (int)wrong;
}

static void test_affinity(struct ktap *t)
{
	struct thread *thread = kthread_run(follow_binding, NULL, "mover");

	KTAP_ASSERT(t, thread != NULL);
	KTAP_EXPECT_EQ(t, kthread_bind(thread, nr_harts), -22);
	KTAP_EXPECT_EQ(t, kthread_join(thread), 0);
}

static int count_until_stopped(void *arg)
{
	int turns = 0;

	while (!kthread_should_stop()) {
		WRITE_ONCE(*(int *)arg, ++turns);
		msleep(1);
	}
	return turns;
}

static void test_stop(struct ktap *t)
{
	int turns = 0;
	struct thread *thread = kthread_run(count_until_stopped, &turns, "stoppable");

	KTAP_ASSERT(t, thread != NULL);
	ktap_becomes(READ_ONCE(turns) >= 3);
	KTAP_EXPECT(t, kthread_stop(thread) >= 3);
}

/* ---- timers ---- */

static void note_time(struct timer *timer);

static struct {
	struct timer timer[32];
	u64 fired_ns[32];
	unsigned int fired;
} timed;

static void note_time(struct timer *timer)
{
	timed.fired_ns[timer - timed.timer] = ktime_ns();
	__atomic_fetch_add(&timed.fired, 1, __ATOMIC_RELEASE);
}

/* 1 to 32 ms after @start, in no order. */
static u64 due(u64 start, unsigned int i)
{
	return start + (i * 7919 % 32 + 1) * 1000000;
}

static void test_timers(struct ktap *t)
{
	u64 now = ktime_ns(), worst = 0;

	timed.fired = 0;
	for (unsigned int i = 0; i < 32; i++) {
		timer_setup(&timed.timer[i], note_time);
		KTAP_EXPECT_EQ(t, timer_start(&timed.timer[i], due(now, i)), 0);
	}
	timers_validate();
	ktap_becomes(__atomic_load_n(&timed.fired, __ATOMIC_ACQUIRE) == 32);
	KTAP_EXPECT_EQ(t, timed.fired, 32);
	for (unsigned int i = 0; i < 32; i++) {
		KTAP_EXPECT(t, timed.fired_ns[i] >= due(now, i));
		worst = max(worst, timed.fired_ns[i] - due(now, i));
		KTAP_EXPECT(t, !timer_pending(&timed.timer[i]));
	}
	ktap_diag(t, "latest timer %llu us after its time", (unsigned long long)worst / 1000);
	KTAP_EXPECT_EQ(t, timer_start(&timed.timer[0], ktime_ns() + FAR_NS), 0);
	KTAP_EXPECT(t, timer_pending(&timed.timer[0]));
	KTAP_EXPECT(t, timer_cancel_sync(&timed.timer[0]));
	KTAP_EXPECT(t, !timer_cancel(&timed.timer[0]));
}

static void test_sleep(struct ktap *t)
{
	DECLARE_COMPLETION(never);
	u64 start = ktime_ns();

	msleep(20);
	KTAP_EXPECT(t, ktime_ns() - start >= 20000000);
	start = ktime_ns();
	KTAP_EXPECT_EQ(t, wait_for_completion_timeout_ns(&never, 3000000), 0);
	KTAP_EXPECT(t, ktime_ns() - start >= 3000000);
	complete(&never);
	KTAP_EXPECT(t, wait_for_completion_timeout_ns(&never, 3000000) > 0);
}

/* ---- as many busy threads as harts, of different priorities: each has a hart ---- */

static struct {
	unsigned int arrived;
	bool stop;
} spread;

static int arrive_and_spin(void *arg)
{
	__atomic_fetch_add(&spread.arrived, 1, __ATOMIC_RELAXED);
	while (!READ_ONCE(spread.stop))
		cpu_relax();
	return 0;
}

static void spread_once(struct ktap *t, unsigned int n)
{
	struct thread *thread[CROWD];
	u64 start = ktime_ns();

	spread.arrived = 0;
	spread.stop = false;
	for (unsigned int i = 0; i < n; i++) {
		thread[i] = kthread_create(arrive_and_spin, NULL, "spread/%u", i);
		KTAP_ASSERT(t, thread[i] != NULL);
		set_priority(thread[i], SCHED_PRIO_DEFAULT + 1 + i % 15);
	}
	for (unsigned int i = 0; i < n; i++)
		wake_up_process(thread[i]);
	while (READ_ONCE(spread.arrived) < n && ktime_ns() - start < KTAP_PATIENCE_NS)
		msleep(1);
	KTAP_EXPECT_EQ(t, spread.arrived, n);
	WRITE_ONCE(spread.stop, true);
	for (unsigned int i = 0; i < n; i++)
		KTAP_EXPECT_EQ(t, kthread_join(thread[i]), 0);
}

static void test_spread(struct ktap *t)
{
	unsigned int n = min(num_online_harts(), (unsigned int)CROWD);

	for (int i = 0; i < 20 && (!i || spread.arrived == n); i++)
		spread_once(t, n);
	sched_validate();
}

static const struct ktap_case cases[] = {
	{ "join", test_join },	   { "detach", test_detach },	  { "ping-pong", test_ping_pong },
	{ "turns", test_turns },   { "priority", test_priority }, { "spread", test_spread },
	{ "crowd", test_crowd },   { "affinity", test_affinity }, { "stop", test_stop },
	{ "timers", test_timers }, { "sleep", test_sleep },	  {},
};

static const struct ktap_suite suite_thread = { "thread", cases };
TABLE_ENTRY(ktap_suite, suite_thread);
