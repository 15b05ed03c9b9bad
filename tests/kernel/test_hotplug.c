/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_hotplug.c - harts go off and come back, idle and under load
 */
#include <sched/hotplug.h>

#include <asm/mmu.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/page_alloc.h>
#include <mm/set_memory.h>
#include <sched/thread.h>
#include <sched/timer.h>
#include <sched/workqueue.h>
#include <shell/ktap.h>
#include <string.h>

#define IDLE_CYCLES 60
#define LOAD_CYCLES 40
#define LOAD	    6

static bool single(struct ktap *t)
{
	if (num_online_harts() > 1)
		return false;
	ktap_skip(t, "there is one hart only");
	return true;
}

static unsigned int last_hart(void)
{
	unsigned int cpu, last = 0;

	for_each_online_hart(cpu)
		last = cpu;
	return last;
}

static void note_visit(void *arg)
{
	WRITE_ONCE(*(unsigned int *)arg, smp_processor_id() + 1);
}

static int say_where(void *arg)
{
	return (int)smp_processor_id();
}

static void test_off_on(struct ktap *t)
{
	unsigned int cpu = last_hart(), online = num_online_harts(), seen = 0;
	struct hart_error why;
	struct thread *thread;

	if (single(t))
		return;
	KTAP_ASSERT_EQ(t, hart_off(cpu, &why), 0);
	KTAP_EXPECT_EQ(t, num_online_harts(), online - 1);
	KTAP_EXPECT_EQ(t, smp_call_function_single(cpu, note_visit, &seen), -22);
	KTAP_EXPECT_EQ(t, hart_off(cpu, &why), -22);
	KTAP_EXPECT(t, strstr(why.text, "offline") != NULL);
	on_each_hart(note_visit, &seen);
	KTAP_EXPECT_EQ(t, hart_on(cpu, &why), 0);
	KTAP_EXPECT_EQ(t, hart_on(cpu, &why), -22);
	KTAP_EXPECT_EQ(t, num_online_harts(), online);
	KTAP_EXPECT_EQ(t, smp_call_function_single(cpu, note_visit, &seen), 0);
	KTAP_EXPECT_EQ(t, seen, cpu + 1);
	thread = kthread_create(say_where, NULL, "where");
	KTAP_ASSERT(t, thread != NULL);
	KTAP_EXPECT_EQ(t, kthread_bind(thread, cpu), 0);
	wake_up_process(thread);
	KTAP_EXPECT_EQ(t, kthread_join(thread), cpu);
}

/* What @code returns, on another hart. */
struct visit {
	long (*code)(void);
	long result;
};

static void run_code(void *arg)
{
	struct visit *v = arg;

	v->result = v->code();
}

/* A function that returns @n, 0 to 2047, at @page; false: it isn't one. */
static bool write_code(u32 *page, u32 n)
{
	if (set_memory_nx((unsigned long)page, 1) || set_memory_rw((unsigned long)page, 1))
		return false;
	page[0] = n << 20 | 10 << 7 | 0x13; /* li a0, n */
	page[1] = 0x8067;		    /* ret */
	return !set_memory_rox((unsigned long)page, 1);
}

/* Code that is written anew while a hart is off, which nobody asks to fetch it then. */
static void test_new_code(struct ktap *t)
{
	unsigned int cpu = last_hart();
	struct hart_error why;
	struct arch_mapping before;
	u32 *page;

	if (single(t))
		return;
	page = (u32 *)__get_free_page(GFP_KERNEL);
	KTAP_ASSERT(t, page && !arch_lookup((unsigned long)page, &before));
	for (u32 n = 1; n < 20; n++) {
		struct visit v = { (long (*)(void))page, 0 };

		KTAP_ASSERT(t, write_code(page, 2 * n));
		KTAP_EXPECT_EQ(t, smp_call_function_single(cpu, run_code, &v), 0);
		KTAP_EXPECT_EQ(t, v.result, 2 * n);
		KTAP_EXPECT_EQ(t, hart_off(cpu, &why), 0);
		KTAP_EXPECT(t, write_code(page, 2 * n + 1));
		KTAP_EXPECT_EQ(t, hart_on(cpu, &why), 0);
		KTAP_EXPECT_EQ(t, smp_call_function_single(cpu, run_code, &v), 0);
		KTAP_EXPECT_EQ(t, v.result, 2 * n + 1);
	}
	KTAP_EXPECT_EQ(t, set_memory_nx((unsigned long)page, 1), 0);
	KTAP_EXPECT_EQ(t, set_memory_rw((unsigned long)page, 1), 0);
	if (before.leaf > PAGE_SIZE)
		arch_join((unsigned long)page, before.leaf);
	free_page((unsigned long)page);
}

static int sleep_till_stopped(void *arg)
{
	while (!kthread_should_stop())
		msleep(2);
	return 0;
}

static void test_refused(struct ktap *t)
{
	unsigned int cpu = last_hart();
	struct hart_error why;
	struct thread *thread;

	KTAP_EXPECT_EQ(t, hart_off(nr_harts, &why), -22);
	KTAP_EXPECT_EQ(t, hart_on(nr_harts, &why), -22);
	KTAP_EXPECT_EQ(t, hart_on(0, &why), -22);
	KTAP_EXPECT_EQ(t, hart_off(0, &why), -16);
	KTAP_EXPECT(t, strstr(why.text, "main") != NULL);
	if (single(t))
		return;
	thread = kthread_create(sleep_till_stopped, NULL, "clinging");
	KTAP_ASSERT(t, thread != NULL);
	KTAP_EXPECT_EQ(t, kthread_bind(thread, cpu), 0);
	wake_up_process(thread);
	KTAP_EXPECT_EQ(t, hart_off(cpu, &why), -16);
	KTAP_EXPECT(t, strstr(why.text, "clinging") != NULL);
	KTAP_EXPECT_EQ(t, hart_info(cpu)->state, HART_ONLINE);
	kthread_stop(thread);
	KTAP_EXPECT_EQ(t, hart_off(cpu, &why), 0);
	KTAP_EXPECT_EQ(t, hart_on(cpu, &why), 0);
}

/* ---- what a hart has when it goes ---- */

static unsigned int fired_on;

static void note_hart(struct timer *timer)
{
	WRITE_ONCE(fired_on, smp_processor_id() + 1);
}

static struct timer left_behind = TIMER_INIT(note_hart);
static int left_behind_err;

static void start_timer_there(void *arg)
{
	left_behind_err = timer_start(&left_behind, ktime_ns() + *(u64 *)arg);
}

static void test_timers_move(struct ktap *t)
{
	unsigned int cpu = last_hart();
	struct hart_error why;

	if (single(t))
		return;
	/* Again with more time if it went off before the hart was off. */
	for (u64 ns = 100000000; ns < KTAP_PATIENCE_NS; ns *= 4) {
		fired_on = 0;
		left_behind_err = -1;
		KTAP_EXPECT_EQ(t, smp_call_function_single(cpu, start_timer_there, &ns), 0);
		KTAP_EXPECT_EQ(t, left_behind_err, 0);
		KTAP_EXPECT_EQ(t, left_behind.cpu, cpu);
		KTAP_ASSERT_EQ(t, hart_off(cpu, &why), 0);
		timers_validate();
		KTAP_EXPECT(t, ktap_becomes(READ_ONCE(fired_on)));
		KTAP_EXPECT_EQ(t, hart_on(cpu, &why), 0);
		if (fired_on != cpu + 1)
			break;
	}
	KTAP_EXPECT(t, fired_on && fired_on != cpu + 1);
}

static unsigned int work_ran_on;

static void note_work(struct work *w)
{
	work_ran_on = smp_processor_id() + 1;
}

static void test_work_moves(struct ktap *t)
{
	unsigned int cpu = last_hart();
	struct hart_error why;
	struct work w;

	if (single(t))
		return;
	work_init(&w, note_work);
	KTAP_ASSERT_EQ(t, hart_off(cpu, &why), 0);
	KTAP_EXPECT(t, queue_work_on(cpu, system_wq, &w));
	flush_work(&w);
	KTAP_EXPECT_EQ(t, work_ran_on, 1);
	KTAP_EXPECT_EQ(t, hart_on(cpu, &why), 0);
	KTAP_EXPECT(t, queue_work_on(cpu, system_wq, &w));
	flush_work(&w);
	KTAP_EXPECT_EQ(t, work_ran_on, cpu + 1);
}

/* ---- under load ---- */

static u32 load_stop;
static unsigned long load_turns[LOAD];
static u32 load_calls;

static void count_call(void *arg)
{
	__atomic_fetch_add(&load_calls, 1, __ATOMIC_RELAXED);
}

/* Runs, sleeps, calls harts that may just be going. */
static int load(void *arg)
{
	unsigned long n = (unsigned long)arg;

	while (!READ_ONCE(load_stop)) {
		unsigned long turn = ++load_turns[n];

		if (n == 0)
			on_each_hart(count_call, NULL);
		else if (n == 1)
			(void)smp_call_function_single(turn % nr_harts, count_call, NULL);
		else if (n % 2)
			usleep_range(100, 200);
		else
			udelay(20);
		if (turn % 8 == n)
			usleep_range(500, 1000);
	}
	return 0;
}

static void test_idle_cycles(struct ktap *t)
{
	struct hart_error why;

	if (single(t))
		return;
	for (unsigned int i = 0; i < IDLE_CYCLES; i++) {
		unsigned int cpu = i % (num_online_harts() - 1) + 1;

		KTAP_ASSERT_EQ(t, hart_off(cpu, &why), 0);
		KTAP_ASSERT_EQ(t, hart_on(cpu, &why), 0);
	}
	sched_validate();
	timers_validate();
}

static void test_under_load(struct ktap *t)
{
	struct thread *thread[LOAD];
	unsigned int cpu = 0, off = 0;
	struct hart_error why;
	u64 start = ktime_ns();

	if (single(t))
		return;
	load_stop = 0;
	for (unsigned long i = 0; i < LOAD; i++) {
		load_turns[i] = 0;
		thread[i] = kthread_create(load, (void *)i, "load/%lu", i);
		KTAP_ASSERT(t, thread[i] != NULL);
		/* Half of them let those go first who turn harts off, half take turns with them. */
		set_priority(thread[i], i % 2 ? SCHED_PRIO_DEFAULT : SCHED_PRIO_LOWEST);
		wake_up_process(thread[i]);
	}
	for (unsigned int i = 0; i < LOAD_CYCLES; i++) {
		cpu = cpu % (nr_harts - 1) + 1;
		if (hart_info(cpu)->state != HART_ONLINE)
			continue;
		KTAP_EXPECT_EQ(t, hart_off(cpu, &why), 0);
		off++;
		if (i % 10 == 0)
			sched_validate();
		KTAP_EXPECT_EQ(t, hart_on(cpu, &why), 0);
	}
	for (unsigned int i = 0; i < LOAD; i++)
		KTAP_EXPECT(t, ktap_becomes(READ_ONCE(load_turns[i]) > 0));
	WRITE_ONCE(load_stop, 1);
	for (unsigned int i = 0; i < LOAD; i++)
		kthread_join(thread[i]);
	ktap_diag(t, "%u harts off and on in %llu ms, %u calls", off,
		  (unsigned long long)(ktime_ns() - start) / 1000000, (unsigned int)load_calls);
	sched_validate();
	timers_validate();
}

static const struct ktap_case cases[] = {
	{ "off-on", test_off_on },	   { "new-code", test_new_code },
	{ "refused", test_refused },	   { "timers-move", test_timers_move },
	{ "work-moves", test_work_moves }, { "idle-cycles", test_idle_cycles },
	{ "under-load", test_under_load }, {},
};

static const struct ktap_suite suite_hotplug = { "hotplug", cases };
TABLE_ENTRY(ktap_suite, suite_hotplug);
