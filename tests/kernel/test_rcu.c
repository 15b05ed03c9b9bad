/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rcu.c - readers never see what is gone; writers wait long enough, and not for ever
 */
#include <sched/rcu.h>

#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/page_alloc.h>
#include <sched/thread.h>
#include <sched/timer.h>
#include <shell/ktap.h>
#include <string.h>

#define ALIVE	0x600d
#define GONE	0xdead
#define READERS 6
#define UPDATES 150
#define CALLS	200

/* ---- an object replaced again and again, while all read it ---- */

struct object {
	struct rcu_head rcu;
	unsigned int state; /* ALIVE; GONE before its page is given back */
	unsigned int number;
};

static struct {
	struct object *now;
	bool stop;
	unsigned int dead_seen, freed;
	unsigned long reads;
} shared;

static struct object *object_new(unsigned int number)
{
	struct object *o = (struct object *)__get_free_pages(GFP_KERNEL, 0);

	if (o)
		*o = (struct object){ .state = ALIVE, .number = number };
	return o;
}

static void object_free(struct rcu_head *head)
{
	struct object *o = container_of(head, struct object, rcu);

	WRITE_ONCE(o->state, GONE);
	__atomic_fetch_add(&shared.freed, 1, __ATOMIC_RELAXED);
	free_pages((unsigned long)o, 0);
}

static void read_once(void)
{
	struct object *o;

	rcu_read_lock();
	o = rcu_dereference(shared.now);
	for (int i = 0; i < 20; i++) {
		if (READ_ONCE(o->state) != ALIVE)
			__atomic_fetch_add(&shared.dead_seen, 1, __ATOMIC_RELAXED);
		cpu_relax();
	}
	rcu_read_unlock();
}

static int reader(void *arg)
{
	while (!READ_ONCE(shared.stop)) {
		read_once();
		__atomic_fetch_add(&shared.reads, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

/* @n updates: every third waits itself, the others leave it to call_rcu(). */
static bool update(unsigned int n)
{
	for (unsigned int i = 1; i <= n; i++) {
		struct object *new = object_new(i), *old = shared.now;

		if (!new)
			return false;
		rcu_assign_pointer(shared.now, new);
		if (i % 3) {
			call_rcu(&old->rcu, object_free);
		} else {
			synchronize_rcu();
			object_free(&old->rcu);
		}
		if (i % 16 == 0)
			usleep_range(100, 200); /* with one hart, the readers' turn */
	}
	return true;
}

static void test_readers_everywhere(struct ktap *t)
{
	struct thread *thread[READERS];

	memset(&shared, 0, sizeof(shared));
	shared.now = object_new(0);
	KTAP_ASSERT(t, shared.now != NULL);
	for (int i = 0; i < READERS; i++) {
		thread[i] = kthread_run(reader, NULL, "rcu-reader/%d", i);
		KTAP_ASSERT(t, thread[i] != NULL);
	}
	KTAP_EXPECT(t, update(UPDATES));
	WRITE_ONCE(shared.stop, true);
	for (int i = 0; i < READERS; i++)
		kthread_join(thread[i]);
	rcu_barrier();
	KTAP_EXPECT_EQ(t, shared.dead_seen, 0);
	KTAP_EXPECT_EQ(t, shared.freed, UPDATES);
	KTAP_EXPECT(t, shared.reads > 0);
	free_pages((unsigned long)shared.now, 0);
}

/* ---- synchronize_rcu() waits for a reader, and for no longer ---- */

static struct {
	unsigned int reading; /* 1: in, 2: about to leave */
	bool leave;
	bool synced;
} one;

static int long_reader(void *arg)
{
	rcu_read_lock();
	__atomic_store_n(&one.reading, 1, __ATOMIC_SEQ_CST);
	while (!READ_ONCE(one.leave))
		cpu_relax();
	if (READ_ONCE(one.synced))
		__atomic_fetch_add(&shared.dead_seen, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&one.reading, 2, __ATOMIC_SEQ_CST);
	rcu_read_unlock();
	return 0;
}

static int synchronizer(void *arg)
{
	synchronize_rcu();
	WRITE_ONCE(one.synced, true);
	return (int)READ_ONCE(one.reading);
}

static void test_waits_for_reader(struct ktap *t)
{
	unsigned int cpu, last = 0;
	struct thread *r, *s;

	for_each_online_hart(cpu)
		last = cpu;
	if (!last) {
		ktap_skip(t, "one hart: nothing runs beside a reader");
		return;
	}
	memset(&one, 0, sizeof(one));
	shared.dead_seen = 0;
	r = kthread_create(long_reader, NULL, "long-reader");
	KTAP_ASSERT(t, r && !kthread_bind(r, last));
	wake_up_process(r);
	while (!__atomic_load_n(&one.reading, __ATOMIC_ACQUIRE))
		usleep_range(50, 100);
	s = kthread_create(synchronizer, NULL, "synchronizer");
	KTAP_ASSERT(t, s && !kthread_bind(s, 0));
	wake_up_process(s);
	msleep(30);
	KTAP_EXPECT(t, !READ_ONCE(one.synced));
	WRITE_ONCE(one.leave, true);
	KTAP_EXPECT_EQ(t, kthread_join(s), 2);
	kthread_join(r);
	KTAP_EXPECT_EQ(t, shared.dead_seen, 0);
}

static int spinner(void *arg)
{
	while (!READ_ONCE(shared.stop))
		cpu_relax();
	return 0;
}

/* Threads that never sleep or switch by themselves don't hold a grace period up. */
static void test_busy_harts(struct ktap *t)
{
	struct thread *thread[READERS];
	u64 start_ns;

	shared.stop = false;
	for (int i = 0; i < READERS; i++) {
		thread[i] = kthread_run(spinner, NULL, "rcu-spin/%d", i);
		KTAP_ASSERT(t, thread[i] != NULL);
	}
	msleep(5);
	start_ns = ktime_ns();
	for (int i = 0; i < 10; i++)
		synchronize_rcu();
	KTAP_EXPECT(t, ktime_ns() - start_ns < KTAP_PATIENCE_NS);
	ktap_diag(t, "a grace period with busy harts takes %llu us",
		  (unsigned long long)(ktime_ns() - start_ns) / 10000);
	WRITE_ONCE(shared.stop, true);
	for (int i = 0; i < READERS; i++)
		kthread_join(thread[i]);
}

/* Idle harts aren't woken for it. */
static void test_idle_harts(struct ktap *t)
{
	u64 start_ns;

	msleep(20);
	start_ns = ktime_ns();
	for (int i = 0; i < 10; i++)
		synchronize_rcu();
	KTAP_EXPECT(t, ktime_ns() - start_ns < KTAP_PATIENCE_NS);
	ktap_diag(t, "a grace period with idle harts takes %llu us",
		  (unsigned long long)(ktime_ns() - start_ns) / 10000);
}

/* ---- the order of callbacks ---- */

static struct numbered {
	struct rcu_head rcu;
} calls[CALLS];
static unsigned int next_number, out_of_order;

static void check_number(struct rcu_head *head)
{
	unsigned int number = (unsigned int)(container_of(head, struct numbered, rcu) - calls);

	if (number != next_number++)
		out_of_order++;
}

static void test_order(struct ktap *t)
{
	unsigned long before = rcu_grace_periods();

	next_number = out_of_order = 0;
	for (unsigned int i = 0; i < CALLS; i++) {
		call_rcu(&calls[i].rcu, check_number);
		if (i % 16 == 0)
			usleep_range(10, 50);
	}
	rcu_barrier();
	KTAP_EXPECT_EQ(t, next_number, CALLS);
	KTAP_EXPECT_EQ(t, out_of_order, 0);
	KTAP_EXPECT(t, rcu_grace_periods() > before);
}

static void call_from_handler(void *arg)
{
	call_rcu(&calls[smp_processor_id() % CALLS].rcu, arg);
}

static unsigned int handler_calls;

static void count_call(struct rcu_head *head)
{
	handler_calls++;
}

static void test_from_handlers(struct ktap *t)
{
	handler_calls = 0;
	on_each_hart(call_from_handler, count_call);
	rcu_barrier();
	KTAP_EXPECT_EQ(t, handler_calls, num_online_harts());
}

static const struct ktap_case cases[] = {
	{ "idle-harts", test_idle_harts },
	{ "busy-harts", test_busy_harts },
	{ "waits-for-reader", test_waits_for_reader },
	{ "readers-everywhere", test_readers_everywhere },
	{ "order", test_order },
	{ "from-handlers", test_from_handlers },
	{},
};

static const struct ktap_suite suite_rcu = { "rcu", cases };
TABLE_ENTRY(ktap_suite, suite_rcu);
