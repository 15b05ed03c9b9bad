/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_lockdebug.c - mistakes with locks, on purpose, are noticed for what they are
 *
 * In a kernel built with DEBUG=1; in others there is nothing that could notice.
 */
#include <kernel/lockdebug.h>

#include <kernel/percpu.h>
#include <kernel/rwlock.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <sched/mutex.h>
#include <sched/rcu.h>
#include <sched/timer.h>
#include <sched/wait.h>
#include <shell/ktap.h>
#include <string.h>

#if defined(CONFIG_DEBUG_LOCKS) && defined(CONFIG_DEBUG_ATOMIC_SLEEP)

static spinlock_t zone = SPINLOCK_RANKED(LOCK_ZONE), wait = SPINLOCK_RANKED(LOCK_WAIT);
static spinlock_t other_zone = SPINLOCK_RANKED(LOCK_ZONE), plain = SPINLOCK_INIT;

/* What was reported since lock_expect_begin(): @nr times, the first with @words in it. */
static void expect(struct ktap *t, unsigned int nr, const char *words)
{
	const char *text;
	unsigned int found = lock_expect_end(&text);

	KTAP_EXPECT_EQ(t, found, nr);
	if (!strstr(text, words)) {
		KTAP_EXPECT(t, strstr(text, words) != NULL);
		ktap_diag(t, "reported: \"%s\", expected \"%s\"", text, words);
	}
}

/* Interrupts off, as handlers take locks of these ranks. */
static void lock_both(spinlock_t *first, spinlock_t *second)
{
	unsigned long flags;

	lock_expect_begin();
	spin_lock_irqsave(first, flags);
	spin_lock_raw(second);
	spin_unlock_raw(second);
	spin_unlock_irqrestore(first, flags);
}

static void test_order(struct ktap *t)
{
	lock_both(&zone, &wait);
	expect(t, 1, "wrong order of locks: wait (rank");
	lock_both(&zone, &other_zone);
	expect(t, 1, "wrong order of locks: zone (rank");
	lock_both(&wait, &zone);
	expect(t, 0, "");
	lock_both(&zone, &plain); /* without a rank there is no order */
	expect(t, 0, "");
	lock_both(&plain, &zone);
	expect(t, 0, "");
}

/* The lock below is judged as well when another one lies on top of it. */
static void test_order_of_three(struct ktap *t)
{
	unsigned long flags;

	lock_expect_begin();
	spin_lock_irqsave(&zone, flags);
	spin_lock_raw(&plain);
	spin_lock_raw(&wait);
	spin_unlock_raw(&zone); /* not in order, which is fine */
	spin_unlock_raw(&wait);
	spin_unlock_irqrestore(&plain, flags);
	expect(t, 1, "wrong order of locks: wait");
	KTAP_EXPECT(t, !lock_debug_is_held(&zone) && !lock_debug_is_held(&wait));
}

static void test_trylock_and_nested(struct ktap *t)
{
	unsigned long flags;
	bool wait_taken, zone_taken;

	lock_expect_begin();
	spin_lock_irqsave(&zone, flags);
	wait_taken = spin_trylock_raw(&wait);
	zone_taken = spin_trylock_raw(&zone);
	spin_unlock_raw(&wait);
	spin_lock_raw_nested(&other_zone);
	spin_unlock_raw(&other_zone);
	spin_unlock_irqrestore(&zone, flags);
	KTAP_EXPECT(t, wait_taken && !zone_taken);
	expect(t, 0, "");
}

static void test_rwlock_order(struct ktap *t)
{
	static rwlock_t lock = RWLOCK_RANKED(LOCK_WAIT);

	unsigned long flags;

	lock_expect_begin();
	spin_lock_irqsave(&zone, flags);
	read_lock(&lock);
	read_unlock(&lock);
	spin_unlock_irqrestore(&zone, flags);
	expect(t, 1, "wrong order of locks: wait");
}

static DEFINE_MUTEX_RANKED(resource, LOCK_RESOURCE);
static DEFINE_MUTEX_RANKED(drivers, LOCK_DRIVERS);

static void test_mutex_order(struct ktap *t)
{
	lock_expect_begin();
	mutex_lock(&drivers);
	mutex_lock(&resource);
	mutex_unlock(&drivers);
	mutex_unlock(&resource);
	expect(t, 0, "");
	lock_expect_begin();
	mutex_lock(&resource);
	mutex_lock(&drivers);
	mutex_unlock(&drivers);
	mutex_unlock(&resource);
	expect(t, 1, "wrong order of locks: mutex drivers");
	KTAP_EXPECT(t, !current->debug);
}

static void test_unlock_of_free(struct ktap *t)
{
	static spinlock_t lock = SPINLOCK_INIT;

	lock_expect_begin();
	preempt_disable();
	spin_unlock(&lock);
	expect(t, 1, "but no hart holds it");
	spin_lock_init(&lock);
}

struct borrowed {
	spinlock_t lock;
	unsigned int taken, released;
};

static int take_and_hold(void *arg)
{
	struct borrowed *b = arg;

	spin_lock(&b->lock);
	__atomic_store_n(&b->taken, smp_processor_id() + 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&b->released, __ATOMIC_ACQUIRE))
		cpu_relax();
	preempt_enable(); /* the rest of spin_unlock() */
	return 0;
}

/* A lock that one hart took and another gives back. */
static void test_unlock_by_another(struct ktap *t)
{
	static struct borrowed b;
	struct thread *thread;
	unsigned int cpu, last = 0;

	for_each_online_hart(cpu)
		last = cpu;
	if (!last) {
		ktap_skip(t, "needs two harts");
		return;
	}
	b = (struct borrowed){ .lock = SPINLOCK_INIT };
	thread = kthread_create(take_and_hold, &b, "holder");
	KTAP_ASSERT(t, thread && !kthread_bind(thread, last));
	wake_up_process(thread);
	while (!__atomic_load_n(&b.taken, __ATOMIC_ACQUIRE))
		usleep_range(50, 100);
	lock_expect_begin();
	preempt_disable();
	spin_unlock(&b.lock);
	expect(t, 1, "took it, at take_and_hold");
	__atomic_store_n(&b.released, 1, __ATOMIC_RELEASE);
	kthread_join(thread);
}

static void test_assert_held(struct ktap *t)
{
	unsigned long flags;

	lock_expect_begin();
	spin_lock_irqsave(&zone, flags);
	assert_held(&zone);
	spin_unlock_irqrestore(&zone, flags);
	expect(t, 0, "");
	lock_expect_begin();
	assert_held(&zone);
	expect(t, 1, "doesn't hold");
}

static void sleep_here(void)
{
	might_sleep();
}

static void test_sleep(struct ktap *t)
{
	unsigned long flags;

	lock_expect_begin();
	sleep_here();
	expect(t, 0, "");
	lock_expect_begin();
	preempt_disable();
	sleep_here();
	preempt_enable();
	expect(t, 1, "may sleep, but preemption is off");
	lock_expect_begin();
	spin_lock(&plain);
	sleep_here();
	spin_unlock(&plain);
	expect(t, 1, "may sleep, but preemption is off");
	lock_expect_begin();
	rcu_read_lock();
	sleep_here();
	rcu_read_unlock();
	expect(t, 1, "may sleep, but preemption is off");
	lock_expect_begin();
	local_irq_save(flags);
	sleep_here();
	local_irq_restore(flags);
	expect(t, 1, "may sleep, but interrupts are off");
}

static const char *in_handler;

static void sleep_in_handler(struct timer *timer)
{
	lock_expect_begin();
	sleep_here();
	lock_expect_end(&in_handler);
}

static void test_sleep_in_handler(struct ktap *t)
{
	struct timer timer = TIMER_INIT(sleep_in_handler);

	in_handler = NULL;
	KTAP_ASSERT_EQ(t, timer_start(&timer, ktime_ns() + 100000), 0);
	ktap_becomes(READ_ONCE(in_handler));
	timer_cancel_sync(&timer);
	KTAP_EXPECT(t, in_handler && strstr(in_handler, "this is an interrupt handler"));
}

/* Everything that waits says so, even where it wouldn't have to this time. */
static void test_what_may_sleep(struct ktap *t)
{
	static DECLARE_COMPLETION(done);
	static DEFINE_MUTEX(m);
	static struct semaphore sem;

	sema_init(&sem, 1);
	complete(&done);
	lock_expect_begin();
	preempt_disable();
	mutex_lock(&m);
	mutex_unlock(&m);
	down(&sem);
	up(&sem);
	wait_for_completion(&done);
	preempt_enable();
	expect(t, 3, "may sleep, but preemption is off");
}

static void hold_for_a_while(void)
{
	unsigned long flags;

	spin_lock_irqsave(&zone, flags);
	udelay(3000);
	spin_unlock_irqrestore(&zone, flags);
}

static void test_times(struct ktap *t)
{
	u64 at_least = ns_to_ticks(3000000);
	struct irqsoff_stat irqs;
	struct lock_stat before, after;
	unsigned int cpu;
	bool found = false;

	lock_stat_clear();
	irqsoff_clear();
	lock_stat_read(LOCK_ZONE, &before);
	hold_for_a_while();
	lock_stat_read(LOCK_ZONE, &after);
	KTAP_EXPECT(t, after.taken > before.taken);
	KTAP_EXPECT(t, after.longest >= at_least);
	for_each_online_hart(cpu) {
		irqsoff_read(cpu, &irqs);
		found |= irqs.longest >= at_least && irqs.from && irqs.to;
	}
	KTAP_EXPECT(t, found);
}

static const struct ktap_case cases[] = {
	{ "order", test_order },
	{ "order-of-three", test_order_of_three },
	{ "trylock-and-nested", test_trylock_and_nested },
	{ "rwlock-order", test_rwlock_order },
	{ "mutex-order", test_mutex_order },
	{ "unlock-of-free", test_unlock_of_free },
	{ "unlock-by-another", test_unlock_by_another },
	{ "assert-held", test_assert_held },
	{ "sleep", test_sleep },
	{ "sleep-in-handler", test_sleep_in_handler },
	{ "what-may-sleep", test_what_may_sleep },
	{ "times", test_times },
	{},
};

#else

static void test_nothing(struct ktap *t)
{
	ktap_skip(t, "built without the checks (DEBUG=1 has them)");
}

static const struct ktap_case cases[] = {
	{ "checks", test_nothing },
	{},
};

#endif

static const struct ktap_suite suite_lockdebug = { "lockdebug", cases };
TABLE_ENTRY(ktap_suite, suite_lockdebug);
