/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rwlock.c - reader-writer spin locks: who keeps whom out, and nobody starves
 */
#include <kernel/rwlock.h>

#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <sched/thread.h>
#include <sched/timer.h>
#include <shell/ktap.h>

#define TURNS	300
#define THREADS 8

static struct {
	rwlock_t lock;
	unsigned long a, b;	    /* equal unless a writer is at work */
	unsigned int readers, most; /* that read at once */
	unsigned int torn;
	bool stop;
	unsigned long written;
} rw;

static void test_states(struct ktap *t)
{
	rwlock_t lock = RWLOCK_INIT;

	read_lock(&lock);
	KTAP_EXPECT_EQ(t, lock.state, RW_READER);
	KTAP_EXPECT_EQ(t, preempt_count(), 1);
	read_unlock(&lock);
	write_lock(&lock);
	KTAP_EXPECT_EQ(t, lock.state, RW_WRITER);
	write_unlock(&lock);
	KTAP_EXPECT_EQ(t, lock.state, 0);
	KTAP_EXPECT_EQ(t, preempt_count(), 0);
}

static void count_reader(void)
{
	unsigned int now = __atomic_add_fetch(&rw.readers, 1, __ATOMIC_RELAXED);

	if (now > READ_ONCE(rw.most))
		WRITE_ONCE(rw.most, now);
}

static void read_turn(void)
{
	read_lock(&rw.lock);
	count_reader();
	if (READ_ONCE(rw.a) != READ_ONCE(rw.b))
		__atomic_fetch_add(&rw.torn, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&rw.readers, 1, __ATOMIC_RELAXED);
	read_unlock(&rw.lock);
}

static void write_turn(void)
{
	write_lock(&rw.lock);
	if (READ_ONCE(rw.readers))
		__atomic_fetch_add(&rw.torn, 1, __ATOMIC_RELAXED);
	WRITE_ONCE(rw.a, rw.a + 1);
	cpu_relax();
	WRITE_ONCE(rw.b, rw.b + 1);
	rw.written++;
	write_unlock(&rw.lock);
}

static int mixed_thread(void *arg)
{
	for (unsigned long i = 0; i < TURNS; i++) {
		if ((i + (unsigned long)arg) % 4)
			read_turn();
		else
			write_turn();
	}
	return 0;
}

static void prepare(void)
{
	rwlock_init_ranked(&rw.lock, LOCK_UNRANKED);
	rw.a = rw.b = rw.written = 0;
	rw.readers = rw.most = rw.torn = 0;
	rw.stop = false;
}

static void test_mixed(struct ktap *t)
{
	struct thread *thread[THREADS];

	prepare();
	for (long i = 0; i < THREADS; i++) {
		thread[i] = kthread_run(mixed_thread, (void *)i, "rw/%ld", i);
		KTAP_ASSERT(t, thread[i] != NULL);
	}
	for (int i = 0; i < THREADS; i++)
		kthread_join(thread[i]);
	KTAP_EXPECT_EQ(t, rw.torn, 0);
	KTAP_EXPECT_EQ(t, rw.a, THREADS * TURNS / 4);
	KTAP_EXPECT_EQ(t, rw.written, rw.a);
	KTAP_EXPECT_EQ(t, rw.lock.state, 0);
}

static int reading_thread(void *arg)
{
	while (!READ_ONCE(rw.stop))
		read_turn();
	return 0;
}

/* Readers on every hart come and go without a gap: a writer gets in all the same. */
static void test_writer_gets_in(struct ktap *t)
{
	struct thread *thread[THREADS];
	u64 start_ns;

	prepare();
	for (long i = 0; i < THREADS; i++) {
		thread[i] = kthread_run(reading_thread, NULL, "reader/%ld", i);
		KTAP_ASSERT(t, thread[i] != NULL);
	}
	msleep(10);
	start_ns = ktime_ns();
	for (int i = 0; i < 20; i++)
		write_turn();
	KTAP_EXPECT(t, ktime_ns() - start_ns < KTAP_PATIENCE_NS);
	WRITE_ONCE(rw.stop, true);
	for (int i = 0; i < THREADS; i++)
		kthread_join(thread[i]);
	KTAP_EXPECT_EQ(t, rw.torn, 0);
}

struct meeting {
	rwlock_t *lock;
	unsigned int here, wanted;
	bool met;
};

/* Every hart reads, and none leaves before all are there: they do read at the same time. */
static void meet(void *arg)
{
	struct meeting *m = arg;
	u64 end = ktime_ns() + KTAP_PATIENCE_NS;

	read_lock(m->lock);
	__atomic_fetch_add(&m->here, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&m->here, __ATOMIC_RELAXED) < m->wanted && ktime_ns() < end)
		cpu_relax();
	if (__atomic_load_n(&m->here, __ATOMIC_RELAXED) < m->wanted)
		m->met = false;
	read_unlock(m->lock);
}

static void test_readers_meet(struct ktap *t)
{
	rwlock_t lock = RWLOCK_INIT;
	struct meeting m = { &lock, 0, num_online_harts(), true };

	on_each_hart(meet, &m);
	KTAP_EXPECT(t, m.met);
	KTAP_EXPECT_EQ(t, lock.state, 0);
}

static const struct ktap_case cases[] = {
	{ "states", test_states },
	{ "readers-meet", test_readers_meet },
	{ "mixed", test_mixed },
	{ "writer-gets-in", test_writer_gets_in },
	{},
};

static const struct ktap_suite suite_rwlock = { "rwlock", cases };
TABLE_ENTRY(ktap_suite, suite_rwlock);
