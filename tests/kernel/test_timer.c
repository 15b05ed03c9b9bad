/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_timer.c - timers started, stopped and moved by one hart while they go off on another
 *
 * A helper, bound to a hart that isn't this thread's, has the timers; this thread cancels them.
 */
#include <sched/timer.h>

#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/trace.h>
#include <sched/hotplug.h>
#include <sched/thread.h>
#include <sched/wait.h>
#include <shell/ktap.h>
#include <string.h>

#define ROUNDS	   2000
#define ROUNDS_MIN 30		  /* however slow, */
#define ROUNDS_NS  1000000000ull  /* and then until so much time has passed */
#define LIMIT_NS   60000000000ull /* against hanging */
#define FAR_NS	   1000000000000ull
#define CROWD	   200

/* ---- a hart that does what it's told ---- */

static struct {
	struct completion go, done;
	void (*fn)(void);
	struct thread *thread;
	unsigned int cpu;
} helper;

static int help(void *arg)
{
	(void)arg;
	for (;;) {
		wait_for_completion(&helper.go);
		if (!helper.fn)
			return 0;
		helper.fn();
		complete(&helper.done);
	}
}

static unsigned int last_online(void)
{
	unsigned int cpu, last = 0;

	for_each_online_hart(cpu)
		last = cpu;
	return last;
}

/* The helper on the last hart, this thread on the first. False after saying why not. */
static bool have_helper(struct ktap *t, unsigned int harts)
{
	if (num_online_harts() < harts) {
		ktap_skip(t, "it takes more harts");
		return false;
	}
	helper.cpu = last_online();
	init_completion(&helper.go);
	init_completion(&helper.done);
	helper.thread = kthread_create(help, NULL, "helper");
	if (!KTAP_EXPECT(t, helper.thread))
		return false;
	KTAP_EXPECT_EQ(t, kthread_bind(helper.thread, helper.cpu), 0);
	wake_up_process(helper.thread);
	return true;
}

static void start_helping(void (*fn)(void))
{
	helper.fn = fn;
	complete(&helper.go);
}

static void let_help(void (*fn)(void))
{
	start_helping(fn);
	wait_for_completion(&helper.done);
}

/* Another round?  A host that runs one hart at a time makes each handing over slow. */
static bool go_on(unsigned int round, u64 start)
{
	return round < ROUNDS && (round < ROUNDS_MIN || ktime_ns() - start < ROUNDS_NS);
}

static void end_helper(void)
{
	start_helping(NULL);
	kthread_join(helper.thread);
}

/* ---- many timers ---- */

static struct {
	struct timer timer[CROWD];
	int err;
	unsigned int missed; /* weren't pending */
	u32 stop, watching;
} crowd;

static void ignore(struct timer *timer)
{
	(void)timer;
}

static void start_crowd_here(void *arg)
{
	(void)arg;
	for (unsigned int i = 0; i < CROWD; i++)
		crowd.err = crowd.err ?: timer_start(&crowd.timer[i], ktime_ns() + FAR_NS + i);
}

/* CROWD timers on hart @cpu, far in the future. */
static void start_crowd(struct ktap *t, unsigned int cpu)
{
	crowd.err = 0;
	for (unsigned int i = 0; i < CROWD; i++)
		timer_setup(&crowd.timer[i], ignore);
	KTAP_EXPECT_EQ(t, smp_call_function_single(cpu, start_crowd_here, NULL), 0);
	KTAP_EXPECT_EQ(t, crowd.err, 0);
}

/* ---- one timer ---- */

static struct {
	struct timer timer;
	u64 ns; /* from start to expiry */
	int err;
	unsigned int rang;
	u32 inside, cancelling;
	u32 again; /* the function starts the timer once more */
} one;

static void one_init(void (*fn)(struct timer *timer), u64 ns)
{
	timer_setup(&one.timer, fn);
	one.ns = ns;
	one.err = 0;
	WRITE_ONCE(one.rang, 0);
	WRITE_ONCE(one.inside, 0);
	WRITE_ONCE(one.cancelling, 0);
	WRITE_ONCE(one.again, 0);
}

static void start_one(void)
{
	one.err = timer_start(&one.timer, ktime_ns() + one.ns);
}

static void count(struct timer *timer)
{
	(void)timer;
	__atomic_fetch_add(&one.rang, 1, __ATOMIC_RELEASE);
}

static unsigned int times_rung(void)
{
	return __atomic_load_n(&one.rang, __ATOMIC_ACQUIRE);
}

static void trace_expiry(bool on)
{
	const struct tracepoint *tp;

	for (u32 i = 1; (tp = trace_point(i)); i++) {
		if (!strcmp(tp->name, "timer_expire"))
			trace_enable(tp, on);
	}
}

/* Cancelled in the moment in which it isn't pending any more: it has rung when that returns.  With
 * many in the heap, and tracing, it takes a while from there to the function. */
static void test_expiring(struct ktap *t)
{
	unsigned int both = 0, neither = 0;
	u64 start = ktime_ns();

	if (!have_helper(t, 2))
		return;
	start_crowd(t, helper.cpu);
	trace_expiry(true);
	for (unsigned int i = 0; go_on(i, start); i++) {
		bool cancelled;

		one_init(count, i % 64 * 500);
		let_help(start_one);
		KTAP_EXPECT_EQ(t, one.err, 0);
		if (i % 4)
			while (timer_pending(&one.timer))
				cpu_relax();
		cancelled = timer_cancel_sync(&one.timer);
		both += cancelled && times_rung();
		neither += !cancelled && !times_rung();
	}
	KTAP_EXPECT_EQ(t, both, 0);
	KTAP_EXPECT_EQ(t, neither, 0);
	trace_expiry(false);
	for (unsigned int i = 0; i < CROWD; i++)
		KTAP_EXPECT(t, timer_cancel_sync(&crowd.timer[i]));
	end_helper();
}

/* Cancelled while its function runs and starts it again: it doesn't come back. */
static void restart(struct timer *timer)
{
	__atomic_fetch_add(&one.rang, 1, __ATOMIC_RELEASE);
	if (timer_start(timer, ktime_ns() + one.ns))
		one.err = -1;
}

static void test_restarting(struct ktap *t)
{
	unsigned int alive = 0;
	u64 start = ktime_ns();

	if (!have_helper(t, 2))
		return;
	for (unsigned int i = 0; go_on(i, start); i++) {
		unsigned int rung;

		one_init(restart, 1000 + i % 32 * 1000);
		start_helping(start_one); /* the function may leave the hart no time to return */
		while (!times_rung())
			cpu_relax();
		KTAP_EXPECT(t, timer_cancel_sync(&one.timer) || one.err);
		rung = times_rung();
		alive += timer_pending(&one.timer) || times_rung() != rung;
		timer_cancel_sync(&one.timer);
		wait_for_completion(&helper.done);
	}
	KTAP_EXPECT_EQ(t, one.err, 0);
	KTAP_EXPECT_EQ(t, alive, 0);
	end_helper();
}

/* The function is busy until somebody waits for it, and a while longer. */
static void be_busy(struct timer *timer)
{
	u64 start = ktime_ns();

	(void)timer;
	if (__atomic_fetch_add(&one.rang, 1, __ATOMIC_RELEASE))
		return;
	WRITE_ONCE(one.inside, 1);
	while (!READ_ONCE(one.cancelling) && ktime_ns() - start < LIMIT_NS)
		cpu_relax();
	udelay(2000);
	__atomic_store_n(&one.inside, 0, __ATOMIC_RELEASE);
}

/* Started here while its function runs there: cancelling waits for the function all the same. */
static void test_started_elsewhere(struct ktap *t)
{
	u64 start;

	if (!have_helper(t, 2))
		return;
	for (unsigned int i = 0; i < 20; i++) {
		one_init(be_busy, 0);
		start_helping(start_one); /* which the function interrupts */
		while (!READ_ONCE(one.inside))
			cpu_relax();
		KTAP_EXPECT_EQ(t, timer_start(&one.timer, ktime_ns() + FAR_NS), 0);
		KTAP_EXPECT(t, timer_pending(&one.timer));
		WRITE_ONCE(one.cancelling, 1);
		KTAP_EXPECT(t, timer_cancel_sync(&one.timer));
		KTAP_EXPECT_EQ(t, __atomic_load_n(&one.inside, __ATOMIC_ACQUIRE), 0);
		KTAP_EXPECT(t, !timer_pending(&one.timer));
		wait_for_completion(&helper.done);
	}
	/* And it goes off if nobody cancels it. */
	one_init(be_busy, 0);
	start_helping(start_one);
	while (!READ_ONCE(one.inside))
		cpu_relax();
	KTAP_EXPECT_EQ(t, timer_start(&one.timer, ktime_ns() + 100000), 0);
	WRITE_ONCE(one.cancelling, 1);
	wait_for_completion(&helper.done);
	start = ktime_ns();
	while (times_rung() < 2 && ktime_ns() - start < LIMIT_NS)
		msleep(1);
	KTAP_EXPECT_EQ(t, times_rung(), 2);
	timer_cancel_sync(&one.timer);
	end_helper();
}

/* Started by two harts at once, over and over: it's in one heap, once. */
static u32 starters_stop;

static void start_often(void)
{
	while (!READ_ONCE(starters_stop)) {
		if (timer_start(&one.timer, ktime_ns() + FAR_NS))
			one.err = -1;
	}
}

static void test_two_starters(struct ktap *t)
{
	u64 start = ktime_ns();
	int err = 0;

	if (!have_helper(t, 2))
		return;
	one_init(count, FAR_NS);
	starters_stop = 0;
	start_helping(start_often);
	for (unsigned int i = 0; !err && go_on(i, start); i++) {
		err = timer_start(&one.timer, ktime_ns() + FAR_NS);
		if (i % 8 == 0)
			timer_cancel_sync(&one.timer);
		if (i % 64 == 0)
			timers_validate();
	}
	WRITE_ONCE(starters_stop, 1);
	wait_for_completion(&helper.done);
	KTAP_EXPECT_EQ(t, err, 0);
	KTAP_EXPECT_EQ(t, one.err, 0);
	timer_cancel_sync(&one.timer);
	timers_validate();
	KTAP_EXPECT_EQ(t, times_rung(), 0);
	end_helper();
}

/* ---- their hart goes off ---- */

/* Whatever hart has them, they are pending all the time. */
static void watch_crowd(void)
{
	WRITE_ONCE(crowd.watching, 1);
	while (!READ_ONCE(crowd.stop)) {
		for (unsigned int i = 0; i < CROWD; i++)
			crowd.missed += !timer_pending(&crowd.timer[i]);
	}
	for (unsigned int i = 0; i < CROWD; i++)
		crowd.missed += !timer_cancel_sync(&crowd.timer[i]);
}

static void test_hart_goes(struct ktap *t)
{
	struct hart_error why;
	unsigned int cpu;

	if (!have_helper(t, 3))
		return;
	cpu = helper.cpu - 1;
	for (unsigned int turn = 0; turn < 5; turn++) {
		crowd.missed = 0;
		crowd.stop = 0;
		crowd.watching = 0;
		start_crowd(t, cpu);
		start_helping(watch_crowd);
		while (!READ_ONCE(crowd.watching))
			msleep(1);
		KTAP_EXPECT_EQ(t, hart_off(cpu, &why), 0);
		WRITE_ONCE(crowd.stop, 1);
		wait_for_completion(&helper.done);
		KTAP_EXPECT_EQ(t, crowd.missed, 0);
		timers_validate();
		KTAP_EXPECT_EQ(t, hart_on(cpu, &why), 0);
	}
	end_helper();
}

static const struct ktap_case cases[] = {
	{ "expiring", test_expiring },
	{ "restarting", test_restarting },
	{ "started-elsewhere", test_started_elsewhere },
	{ "two-starters", test_two_starters },
	{ "hart-goes", test_hart_goes },
	{},
};

static const struct ktap_suite suite_timer = { "timer", cases };
TABLE_ENTRY(ktap_suite, suite_timer);
