/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_seqlock.c - readers never take half of a change for the whole
 */
#include <kernel/seqlock.h>

#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <sched/thread.h>
#include <sched/timer.h>
#include <shell/ktap.h>

#define WORDS	4
#define WRITES	3000
#define READERS 5

static struct {
	seqlock_t lock;
	unsigned long word[WORDS]; /* equal, outside of writers */
	unsigned int torn;	   /* that a reader believed */
	unsigned long retries;
	bool stop;
} sl;

static void test_count(struct ktap *t)
{
	seqcount_t s = SEQCOUNT_INIT;
	u32 seq = read_seqcount_begin(&s);

	KTAP_EXPECT(t, !read_seqcount_retry(&s, seq));
	preempt_disable();
	write_seqcount_begin(&s);
	KTAP_EXPECT_EQ(t, s.seq, 1);
	KTAP_EXPECT(t, read_seqcount_retry(&s, seq));
	write_seqcount_end(&s);
	preempt_enable();
	KTAP_EXPECT(t, read_seqcount_retry(&s, seq));
	KTAP_EXPECT_EQ(t, read_seqcount_begin(&s), 2);
	s.seq = ~(u32)1; /* it wraps to 0 */
	seq = read_seqcount_begin(&s);
	write_seqcount_begin(&s);
	write_seqcount_end(&s);
	KTAP_EXPECT_EQ(t, s.seq, 0);
	KTAP_EXPECT(t, read_seqcount_retry(&s, seq));
}

static void read_turn(void)
{
	unsigned long seen[WORDS];
	unsigned int tries = 0;
	u32 seq;

	do {
		seq = read_seqbegin(&sl.lock);
		for (unsigned int i = 0; i < WORDS; i++)
			seen[i] = READ_ONCE(sl.word[i]);
		tries++;
	} while (read_seqretry(&sl.lock, seq));
	for (unsigned int i = 1; i < WORDS; i++)
		if (seen[i] != seen[0])
			__atomic_fetch_add(&sl.torn, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sl.retries, tries - 1, __ATOMIC_RELAXED);
}

static int reader(void *arg)
{
	while (!READ_ONCE(sl.stop))
		read_turn();
	return 0;
}

static int writer(void *arg)
{
	for (unsigned int n = 0; n < WRITES; n++) {
		write_seqlock(&sl.lock);
		for (unsigned int i = 0; i < WORDS; i++)
			WRITE_ONCE(sl.word[i], sl.word[i] + 1);
		write_sequnlock(&sl.lock);
	}
	return 0;
}

static void test_readers_and_writers(struct ktap *t)
{
	struct thread *thread[READERS + 2];

	sl.lock = (seqlock_t)SEQLOCK_INIT;
	sl.torn = 0;
	sl.retries = 0;
	sl.stop = false;
	for (unsigned int i = 0; i < WORDS; i++)
		sl.word[i] = 0;
	for (int i = 0; i < READERS + 2; i++) {
		thread[i] = kthread_run(i < READERS ? reader : writer, NULL, "seq/%d", i);
		KTAP_ASSERT(t, thread[i] != NULL);
	}
	kthread_join(thread[READERS]);
	kthread_join(thread[READERS + 1]);
	WRITE_ONCE(sl.stop, true);
	for (int i = 0; i < READERS; i++)
		kthread_join(thread[i]);
	KTAP_EXPECT_EQ(t, sl.torn, 0);
	KTAP_EXPECT_EQ(t, sl.word[WORDS - 1], 2 * WRITES);
	KTAP_EXPECT_EQ(t, sl.lock.count.seq, 4 * WRITES);
	ktap_diag(t, "%lu reads were repeated", sl.retries);
}

static void read_in_handler(void *arg)
{
	read_turn();
}

/* A handler that reads can't find a writer of its own hart at work. */
static void test_handlers_read(struct ktap *t)
{
	unsigned long flags;

	sl.lock = (seqlock_t)SEQLOCK_INIT;
	sl.torn = 0;
	for (unsigned int i = 0; i < WORDS; i++)
		sl.word[i] = 7;
	for (int n = 0; n < 50; n++) {
		write_seqlock_irqsave(&sl.lock, flags);
		for (unsigned int i = 0; i < WORDS; i++)
			sl.word[i]++;
		write_sequnlock_irqrestore(&sl.lock, flags);
		on_each_hart(read_in_handler, NULL);
	}
	KTAP_EXPECT_EQ(t, sl.torn, 0);
	KTAP_EXPECT_EQ(t, sl.lock.count.seq, 100);
}

static const struct ktap_case cases[] = {
	{ "count", test_count },
	{ "readers-and-writers", test_readers_and_writers },
	{ "handlers-read", test_handlers_read },
	{},
};

static const struct ktap_suite suite_seqlock = { "seqlock", cases };
TABLE_ENTRY(ktap_suite, suite_seqlock);
