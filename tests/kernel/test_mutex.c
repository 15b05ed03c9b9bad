/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_mutex.c - mutexes: exclusion, inheritance, hand-over, timeouts
 */
#include <sched/mutex.h>

#include <base/errno.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <sched/timer.h>
#include <sched/wait.h>
#include <shell/ktap.h>

#define SECOND 1000000000ull
#define LOW    28
#define MIDDLE 24
#define HIGH   20

/* The hart with the highest number: not the shell's, if there is another. */
static unsigned int last_hart(void)
{
	unsigned int cpu, last = 0;

	for_each_online_hart(cpu)
		last = cpu;
	return last;
}

/* A thread of priority @prio that runs on hart @cpu only. */
static struct thread *start(int (*fn)(void *), void *arg, unsigned int prio, unsigned int cpu)
{
	struct thread *t = kthread_create(fn, arg, "mutex/%u", prio);

	if (!t)
		return NULL;
	set_priority(t, prio);
	if (kthread_bind(t, cpu))
		return NULL;
	wake_up_process(t);
	return t;
}

static void test_basic(struct ktap *t)
{
	DEFINE_MUTEX(m);

	KTAP_EXPECT(t, !mutex_is_locked(&m));
	mutex_lock(&m);
	KTAP_EXPECT(t, mutex_owner(&m) == current);
	KTAP_EXPECT(t, !mutex_trylock(&m));
	mutex_unlock(&m);
	KTAP_ASSERT(t, mutex_trylock(&m));
	KTAP_EXPECT(t, mutex_is_locked(&m));
	mutex_unlock(&m);
	KTAP_ASSERT_EQ(t, mutex_lock_timeout_ns(&m, 0), 0);
	mutex_unlock(&m);
	KTAP_EXPECT(t, !mutex_is_locked(&m));
	mutex_validate(&m);
}

/* ---- three threads on one hart: low has it, middle spins, high waits ---- */

static struct {
	struct mutex m;
	struct completion locked, done;
	unsigned long work; /* by the low thread while it has the mutex */
	bool stop, spins;   /* the middle one */
	unsigned int inherited;
} three;

static int low_thread(void *arg)
{
	mutex_lock(&three.m);
	complete(&three.locked);
	while (READ_ONCE(current->prio) == LOW)
		WRITE_ONCE(three.work, three.work + 1);
	three.inherited = READ_ONCE(current->prio);
	mutex_unlock(&three.m);
	return READ_ONCE(current->prio);
}

static int middle_thread(void *arg)
{
	WRITE_ONCE(three.spins, true);
	while (!READ_ONCE(three.stop))
		cpu_relax();
	return 0;
}

static int high_thread(void *arg)
{
	mutex_lock(&three.m);
	mutex_unlock(&three.m);
	complete(&three.done);
	return READ_ONCE(current->prio);
}

static void test_inheritance(struct ktap *t)
{
	unsigned int cpu = last_hart();
	struct thread *low, *middle, *high;
	unsigned long work;

	mutex_init(&three.m);
	init_completion(&three.locked);
	init_completion(&three.done);
	three.stop = three.spins = false;
	low = start(low_thread, NULL, LOW, cpu);
	KTAP_ASSERT(t, low != NULL);
	wait_for_completion(&three.locked);
	middle = start(middle_thread, NULL, MIDDLE, cpu);
	KTAP_ASSERT(t, middle != NULL);
	KTAP_EXPECT(t, ktap_becomes(READ_ONCE(three.spins)));
	work = READ_ONCE(three.work);
	msleep(20);
	KTAP_EXPECT_EQ(t, READ_ONCE(three.work), work); /* the middle one keeps it from running */

	high = start(high_thread, NULL, HIGH, cpu);
	KTAP_ASSERT(t, high != NULL);
	KTAP_EXPECT(t, wait_for_completion_timeout_ns(&three.done, KTAP_PATIENCE_NS) != 0);
	KTAP_EXPECT_EQ(t, three.inherited, HIGH);
	WRITE_ONCE(three.stop, true);
	KTAP_EXPECT_EQ(t, kthread_join(high), HIGH);
	KTAP_EXPECT_EQ(t, kthread_join(low), LOW); /* it gave back what it had inherited */
	kthread_join(middle);
	mutex_validate(&three.m);
}

/* ---- a chain: each link has its mutex and waits for the one before ---- */

#define LINKS 5

static struct link {
	struct mutex m;
	struct link *before;
	struct thread *thread;
	struct completion locked, go;
	u64 timeout_ns; /* for the one before, 0: none */
} chain[LINKS];
static bool gave_up; /* one of them */

static int link_thread(void *arg)
{
	struct link *l = arg;
	int err = 0;

	mutex_lock(&l->m);
	complete(&l->locked);
	if (!l->before) {
		wait_for_completion(&l->go);
	} else if (l->timeout_ns) {
		err = mutex_lock_timeout_ns(&l->before->m, l->timeout_ns);
	} else {
		mutex_lock(&l->before->m);
	}
	if (err)
		WRITE_ONCE(gave_up, true);
	else if (l->before)
		mutex_unlock(&l->before->m);
	mutex_unlock(&l->m);
	return err ? err : READ_ONCE(current->prio);
}

/* Make links of priority LOW, LOW - 1, ... that wait for each other.  Returns how many there are;
 * fewer than LINKS if one of them gave up before all were there. */
static unsigned int make_chain(struct ktap *t, u64 timeout_ns)
{
	WRITE_ONCE(gave_up, false);
	for (unsigned int i = 0; i < LINKS; i++) {
		struct link *l = &chain[i];

		mutex_init(&l->m);
		init_completion(&l->locked);
		init_completion(&l->go);
		l->before = i ? l - 1 : NULL;
		l->timeout_ns = timeout_ns;
		l->thread = start(link_thread, l, LOW - i, i % 2 ? last_hart() : 0);
		if (!KTAP_EXPECT(t, l->thread != NULL))
			return i;
		wait_for_completion(&l->locked);
		KTAP_EXPECT(t, ktap_becomes(READ_ONCE(chain[0].thread->prio) == LOW - i ||
					    READ_ONCE(gave_up)));
		if (READ_ONCE(gave_up) && i + 1 < LINKS)
			return i + 1;
	}
	return LINKS;
}

static void test_chain(struct ktap *t)
{
	struct thread *last;

	KTAP_ASSERT_EQ(t, make_chain(t, 0), LINKS);
	last = chain[LINKS - 1].thread;
	set_priority(last, 7);
	for (unsigned int i = 0; i < LINKS; i++)
		KTAP_EXPECT_EQ(t, READ_ONCE(chain[i].thread->prio), 7);
	set_priority(chain[1].thread, 5);
	KTAP_EXPECT_EQ(t, READ_ONCE(chain[0].thread->prio), 5);
	KTAP_EXPECT_EQ(t, READ_ONCE(chain[2].thread->prio), 7);
	set_priority(chain[1].thread, LOW - 1);
	set_priority(last, 31);
	KTAP_EXPECT_EQ(t, READ_ONCE(last->prio), 31);
	KTAP_EXPECT_EQ(t, READ_ONCE(chain[0].thread->prio), LOW - LINKS + 2);
	for (unsigned int i = 0; i < LINKS; i++)
		mutex_validate(&chain[i].m);
	complete(&chain[0].go);
	for (unsigned int i = 0; i < LINKS; i++)
		KTAP_EXPECT_EQ(t, kthread_join(chain[i].thread), i == LINKS - 1 ? 31 : LOW - i);
	for (unsigned int i = 0; i < LINKS; i++) {
		KTAP_EXPECT(t, !mutex_is_locked(&chain[i].m));
		mutex_validate(&chain[i].m);
	}
}

/* One that waits behind the whole chain gives up: what it lent goes back all the way. */
static void test_end_gives_up(struct ktap *t)
{
	const unsigned int mine = READ_ONCE(current->prio), urgent = LOW - LINKS - 1;

	KTAP_ASSERT_EQ(t, make_chain(t, 0), LINKS);
	set_priority(current, urgent);
	KTAP_EXPECT_EQ(t, mutex_lock_timeout_ns(&chain[LINKS - 1].m, 20000000), -ETIMEDOUT);
	set_priority(current, mine);
	for (unsigned int i = 0; i < LINKS; i++)
		KTAP_EXPECT_EQ(t, READ_ONCE(chain[i].thread->prio), LOW - LINKS + 1);
	complete(&chain[0].go);
	for (unsigned int i = 0; i < LINKS; i++) {
		KTAP_EXPECT_EQ(t, kthread_join(chain[i].thread), LOW - i);
		mutex_validate(&chain[i].m);
	}
}

static void test_chain_times_out(struct ktap *t)
{
	/* Again with more time if it ran out before the chain was whole. */
	for (u64 ns = SECOND; ns < KTAP_PATIENCE_NS; ns *= 4) {
		unsigned int nr = make_chain(t, ns);

		if (nr == LINKS)
			break;
		complete(&chain[0].go);
		while (nr)
			kthread_join(chain[--nr].thread);
		KTAP_ASSERT(t, ns * 4 < KTAP_PATIENCE_NS);
	}
	/* All have given up. */
	KTAP_EXPECT(t, ktap_becomes(READ_ONCE(chain[0].thread->prio) == LOW));
	KTAP_EXPECT(t, mutex_is_locked(&chain[0].m));
	complete(&chain[0].go);
	KTAP_EXPECT_EQ(t, kthread_join(chain[0].thread), LOW);
	for (unsigned int i = 1; i < LINKS; i++) {
		int code = kthread_join(chain[i].thread);

		/* The first one times out; what it lets go may reach the others in time. */
		KTAP_EXPECT(t, code == -ETIMEDOUT || (i > 1 && code == (int)(LOW - i)));
		mutex_validate(&chain[i].m);
	}
}

static void test_timeout(struct ktap *t)
{
	struct thread *other;
	u64 start_ns;

	mutex_init(&chain[0].m);
	init_completion(&chain[0].locked);
	init_completion(&chain[0].go);
	chain[0].before = NULL;
	other = start(link_thread, &chain[0], LOW, last_hart());
	KTAP_ASSERT(t, other != NULL);
	wait_for_completion(&chain[0].locked);
	start_ns = ktime_ns();
	KTAP_EXPECT_EQ(t, mutex_lock_timeout_ns(&chain[0].m, 10000000), -ETIMEDOUT);
	KTAP_EXPECT(t, ktime_ns() - start_ns >= 10000000);
	KTAP_EXPECT_EQ(t, mutex_lock_timeout_ns(&chain[0].m, 0), -ETIMEDOUT);
	KTAP_EXPECT_EQ(t, READ_ONCE(other->prio), LOW);
	KTAP_EXPECT_EQ(t, chain[0].m.owner, (unsigned long)other);
	complete(&chain[0].go);
	KTAP_EXPECT_EQ(t, kthread_join(other), LOW);
}

/* ---- who gets it next ---- */

static struct {
	struct mutex m;
	unsigned int waiting, nr, order[8];
} queue;

static int queue_thread(void *arg)
{
	__atomic_fetch_add(&queue.waiting, 1, __ATOMIC_RELAXED);
	mutex_lock(&queue.m);
	queue.order[queue.nr++] = (unsigned int)(long)arg;
	mutex_unlock(&queue.m);
	return 0;
}

static void test_hand_over(struct ktap *t)
{
	static const u8 prio[] = { 25, 27, 21, 23, 21, 25 };
	static const u8 expected[] = { 2, 4, 3, 0, 5, 1 };
	struct thread *thread[ARRAY_SIZE(prio)];

	mutex_init(&queue.m);
	queue.nr = queue.waiting = 0;
	mutex_lock(&queue.m);
	for (unsigned int i = 0; i < ARRAY_SIZE(prio); i++) {
		thread[i] = start(queue_thread, (void *)(long)i, prio[i], last_hart());
		KTAP_ASSERT(t, thread[i] != NULL);
		KTAP_EXPECT(t, ktap_becomes(READ_ONCE(thread[i]->blocked_on)));
	}
	mutex_validate(&queue.m);
	mutex_unlock(&queue.m);
	for (unsigned int i = 0; i < ARRAY_SIZE(prio); i++)
		kthread_join(thread[i]);
	for (unsigned int i = 0; i < ARRAY_SIZE(prio); i++)
		KTAP_EXPECT_EQ(t, queue.order[i], expected[i]);
	KTAP_EXPECT_EQ(t, READ_ONCE(current->prio), current->base_prio);
}

/* ---- everything at once ---- */

#define STRESS_THREADS 12
#define STRESS_MUTEXES 4
#define STRESS_TURNS   400

static struct {
	struct mutex m[STRESS_MUTEXES];
	unsigned long count[STRESS_MUTEXES]; /* changed under the mutex, without an atomic */
	unsigned long taken;		     /* in all */
	unsigned int wrong;
} stress;

static u32 random_next(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static bool lock_somehow(struct mutex *m, u32 *random)
{
	switch (random_next(random) % 8) {
	case 0 ... 2:
		mutex_lock(m);
		return true;
	case 3:
		return mutex_trylock(m);
	case 4:
		return !mutex_lock_timeout_ns(m, random_next(random) % 100000);
	default:
		return false;
	}
}

/* Take some of the mutexes in order, change what they guard, and give them back in any order. */
static void stress_turn(u32 *random)
{
	unsigned int mine = 0;

	for (unsigned int i = 0; i < STRESS_MUTEXES; i++) {
		if (!lock_somehow(&stress.m[i], random))
			continue;
		if (mutex_owner(&stress.m[i]) != current)
			__atomic_fetch_add(&stress.wrong, 1, __ATOMIC_RELAXED);
		mine |= 1u << i;
	}
	for (unsigned int i = 0; i < STRESS_MUTEXES; i++) {
		unsigned long count = READ_ONCE(stress.count[i]);

		if (!(mine >> i & 1))
			continue;
		if (random_next(random) % 16 == 0)
			yield();
		WRITE_ONCE(stress.count[i], count + 1);
		__atomic_fetch_add(&stress.taken, 1, __ATOMIC_RELAXED);
		mutex_unlock(&stress.m[i]);
	}
}

static int stress_thread(void *arg)
{
	u32 random = 77777 + (u32)(long)arg * 7919;

	for (unsigned int i = 0; i < STRESS_TURNS; i++) {
		stress_turn(&random);
		if (random_next(&random) % 32 == 0)
			set_priority(current, 18 + random_next(&random) % 12);
		if (random_next(&random) % 64 == 0)
			mutex_validate(&stress.m[random_next(&random) % STRESS_MUTEXES]);
	}
	return READ_ONCE(current->prio) == current->base_prio ? 0 : -EINVAL;
}

static void test_stress(struct ktap *t)
{
	struct thread *thread[STRESS_THREADS];
	unsigned long sum = 0;

	for (unsigned int i = 0; i < STRESS_MUTEXES; i++) {
		mutex_init(&stress.m[i]);
		stress.count[i] = 0;
	}
	stress.taken = stress.wrong = 0;
	for (long i = 0; i < STRESS_THREADS; i++) {
		thread[i] = kthread_run(stress_thread, (void *)i, "stress/%ld", i);
		KTAP_ASSERT(t, thread[i] != NULL);
	}
	/* From outside, too: priorities change while threads wait. */
	for (u32 i = 0, random = 99; i < 200; i++) {
		set_priority(thread[random_next(&random) % STRESS_THREADS],
			     18 + random_next(&random) % 12);
		usleep_range(50, 100);
	}
	for (unsigned int i = 0; i < STRESS_THREADS; i++)
		KTAP_EXPECT_EQ(t, kthread_join(thread[i]), 0);
	for (unsigned int i = 0; i < STRESS_MUTEXES; i++) {
		sum += stress.count[i];
		KTAP_EXPECT_EQ(t, stress.m[i].owner, 0);
		mutex_validate(&stress.m[i]);
	}
	KTAP_EXPECT_EQ(t, sum, stress.taken);
	KTAP_EXPECT_EQ(t, stress.wrong, 0);
	sched_validate();
}

static const struct ktap_case cases[] = {
	{ "basic", test_basic },
	{ "inheritance", test_inheritance },
	{ "chain", test_chain },
	{ "chain-times-out", test_chain_times_out },
	{ "end-gives-up", test_end_gives_up },
	{ "timeout", test_timeout },
	{ "hand-over", test_hand_over },
	{ "stress", test_stress },
	{},
};

static const struct ktap_suite suite_mutex = { "mutex", cases };
TABLE_ENTRY(ktap_suite, suite_mutex);
