/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_wait.c - wait queues, completions, semaphores: no wake-up is lost, none is made up
 */
#include <sched/wait.h>

#include <base/errno.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <sched/timer.h>
#include <shell/ktap.h>
#include <string.h>

#define THREADS 8
#define TURNS	300

static u32 random_next(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Run @fn in THREADS threads with 0, 1, ... and return the sum of what they return. */
static int run_threads(struct ktap *t, int (*fn)(void *))
{
	struct thread *thread[THREADS];
	int sum = 0;

	for (long i = 0; i < THREADS; i++) {
		thread[i] = kthread_run(fn, (void *)i, "wait/%ld", i);
		if (!KTAP_EXPECT(t, thread[i] != NULL))
			return -ENOMEM;
	}
	for (int i = 0; i < THREADS; i++)
		sum += kthread_join(thread[i]);
	return sum;
}

/* ---- completions: each one handed round a ring of threads ---- */

static struct completion ring[THREADS];

static int ring_thread(void *arg)
{
	long i = (long)arg;

	for (int n = 0; n < TURNS; n++) {
		if (!wait_for_completion_timeout_ns(&ring[i], KTAP_PATIENCE_NS))
			return 1; /* lost */
		complete(&ring[(i + 1) % THREADS]);
	}
	return 0;
}

static void test_completion_ring(struct ktap *t)
{
	for (int i = 0; i < THREADS; i++)
		init_completion(&ring[i]);
	complete(&ring[0]);
	complete(&ring[THREADS / 2]); /* two go round */
	KTAP_EXPECT_EQ(t, run_threads(t, ring_thread), 0);
	/* The two that went round are somewhere still. */
	int left = 0;

	for (int i = 0; i < THREADS; i++)
		while (try_wait_for_completion(&ring[i]))
			left++;
	KTAP_EXPECT_EQ(t, left, 2);
}

static void test_completion_states(struct ktap *t)
{
	struct completion c;
	u64 start_ns = ktime_ns();

	init_completion(&c);
	KTAP_EXPECT(t, !try_wait_for_completion(&c));
	KTAP_EXPECT_EQ(t, wait_for_completion_timeout_ns(&c, 3000000), 0);
	KTAP_EXPECT(t, ktime_ns() - start_ns >= 3000000);
	complete(&c);
	complete(&c);
	wait_for_completion(&c);
	KTAP_EXPECT(t, wait_for_completion_timeout_ns(&c, 0) != 0);
	KTAP_EXPECT(t, !try_wait_for_completion(&c));
	complete_all(&c);
	for (int i = 0; i < 5; i++)
		wait_for_completion(&c);
}

static struct completion gate;
static unsigned int through;

static int gate_thread(void *arg)
{
	wait_for_completion(&gate);
	__atomic_fetch_add(&through, 1, __ATOMIC_RELAXED);
	return 0;
}

static void test_complete_all(struct ktap *t)
{
	struct thread *thread[THREADS];

	init_completion(&gate);
	through = 0;
	for (int i = 0; i < THREADS; i++) {
		thread[i] = kthread_run(gate_thread, NULL, "gate/%d", i);
		KTAP_ASSERT(t, thread[i] != NULL);
	}
	msleep(5);
	KTAP_EXPECT_EQ(t, READ_ONCE(through), 0);
	complete(&gate);
	ktap_becomes(READ_ONCE(through));
	msleep(2);
	KTAP_EXPECT_EQ(t, READ_ONCE(through), 1);
	complete_all(&gate);
	for (int i = 0; i < THREADS; i++)
		kthread_join(thread[i]);
	KTAP_EXPECT_EQ(t, through, THREADS);
}

/* ---- semaphores: at most so many inside ---- */

#define PERMITS 3

static struct {
	struct semaphore sem;
	unsigned int inside, most, timeouts;
} room;

static int room_thread(void *arg)
{
	u32 random = 4711 + (u32)(long)arg * 131;
	int entered = 0;

	for (int n = 0; n < TURNS; n++) {
		unsigned int now;
		u32 how = random_next(&random) % 4;

		if (how == 0 && !down_trylock(&room.sem))
			continue;
		if (how == 1 && down_timeout_ns(&room.sem, random_next(&random) % 50000)) {
			__atomic_fetch_add(&room.timeouts, 1, __ATOMIC_RELAXED);
			continue;
		}
		if (how > 1)
			down(&room.sem);
		now = __atomic_add_fetch(&room.inside, 1, __ATOMIC_RELAXED);
		if (now > READ_ONCE(room.most))
			WRITE_ONCE(room.most, now);
		if (random_next(&random) % 8 == 0)
			yield();
		__atomic_fetch_sub(&room.inside, 1, __ATOMIC_RELAXED);
		up(&room.sem);
		entered++;
	}
	return entered;
}

static void test_semaphore(struct ktap *t)
{
	int entered;

	sema_init(&room.sem, PERMITS);
	room.inside = room.most = room.timeouts = 0;
	entered = run_threads(t, room_thread);
	KTAP_EXPECT(t, entered >= THREADS * TURNS / 3);
	KTAP_EXPECT(t, room.most <= PERMITS);
	KTAP_EXPECT_EQ(t, room.inside, 0);
	for (int i = 0; i < PERMITS; i++)
		KTAP_EXPECT(t, down_trylock(&room.sem));
	KTAP_EXPECT(t, !down_trylock(&room.sem));
	KTAP_EXPECT_EQ(t, down_timeout_ns(&room.sem, 1000000), -ETIMEDOUT);
	KTAP_EXPECT_EQ(t, room.sem.count, 0);
	KTAP_EXPECT(t, list_empty(&room.sem.waiters));
}

/* ---- wait queues: producers and consumers of tokens, with timeouts among the consumers ---- */

static struct {
	struct wait_queue wait;
	unsigned int tokens, made, used;
	bool end;
} shop;

static bool take_token(void)
{
	unsigned int now = __atomic_load_n(&shop.tokens, __ATOMIC_RELAXED);

	while (now)
		if (__atomic_compare_exchange_n(&shop.tokens, &now, now - 1, false,
						__ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
			return true;
	return false;
}

static int consumer(u32 random)
{
	for (;;) {
		bool got = false;

		if (random_next(&random) % 4 == 0)
			wait_event_timeout_ns(shop.wait,
					      (got = take_token()) || READ_ONCE(shop.end),
					      random_next(&random) % 30000);
		else
			wait_event(shop.wait, (got = take_token()) || READ_ONCE(shop.end));
		if (got)
			__atomic_fetch_add(&shop.used, 1, __ATOMIC_RELAXED);
		else if (READ_ONCE(shop.end))
			return 0;
	}
}

static int producer(u32 random)
{
	for (int n = 0; n < TURNS; n++) {
		__atomic_fetch_add(&shop.tokens, 1, __ATOMIC_RELEASE);
		__atomic_fetch_add(&shop.made, 1, __ATOMIC_RELAXED);
		/* One token, one wake-up: the only one that any sleeper gets for it. */
		wake_up(&shop.wait);
		if (random_next(&random) % 16 == 0)
			usleep_range(10, 20);
	}
	return 0;
}

static int shop_thread(void *arg)
{
	u32 random = 31337 + (u32)(long)arg * 977;

	return (long)arg % 2 ? consumer(random) : producer(random);
}

static void test_wait_queue(struct ktap *t)
{
	struct thread *thread[THREADS];

	memset(&shop, 0, sizeof(shop));
	init_waitqueue_head(&shop.wait);
	for (long i = 0; i < THREADS; i++) {
		thread[i] = kthread_run(shop_thread, (void *)i, "shop/%ld", i);
		KTAP_ASSERT(t, thread[i] != NULL);
	}
	for (int i = 0; i < THREADS; i += 2)
		kthread_join(thread[i]);
	/* Every token finds its consumer without any further wake-up. */
	KTAP_EXPECT(t, ktap_becomes(!READ_ONCE(shop.tokens)));
	WRITE_ONCE(shop.end, true);
	wake_up_all(&shop.wait);
	for (int i = 1; i < THREADS; i += 2)
		kthread_join(thread[i]);
	KTAP_EXPECT_EQ(t, shop.used, shop.made);
	KTAP_EXPECT(t, list_empty(&shop.wait.waiters));
}

static const struct ktap_case cases[] = {
	{ "completion-states", test_completion_states },
	{ "completion-ring", test_completion_ring },
	{ "complete-all", test_complete_all },
	{ "semaphore", test_semaphore },
	{ "wait-queue", test_wait_queue },
	{},
};

static const struct ktap_suite suite_wait = { "wait", cases };
TABLE_ENTRY(ktap_suite, suite_wait);
