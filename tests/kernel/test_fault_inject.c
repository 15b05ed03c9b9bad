/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_fault_inject.c - what fails on purpose, and that nothing is lost by it
 */
#include <kernel/fault_inject.h>

#include <shell/ktap.h>

#ifdef CONFIG_FAULT_INJECTION

#include <mm/kstack.h>
#include <mm/page_alloc.h>
#include <sched/thread.h>
#include <sched/workqueue.h>

#include <stdio.h>

static const struct fault_point *point(struct ktap *t)
{
	const struct fault_point *p = fault_find("fail_page_alloc");

	KTAP_EXPECT(t, p != NULL);
	return p;
}

/* Of @n allocations so many fail. */
static unsigned int failures(unsigned int n)
{
	unsigned int failed = 0;

	while (n--) {
		struct page *page = alloc_page(GFP_KERNEL);

		failed += !page;
		if (page)
			__free_page(page);
	}
	return failed;
}

/* What @words ask for, of 100 allocations; fault_set() with a bad one changes nothing. */
static void test_set(struct ktap *t)
{
	char *times[] = { "probability=100", "times=3" };
	char *interval[] = { "interval=10", "probability=100" };
	char *space[] = { "space=40K", "probability=100" };
	char *some[] = { "probability=30", "seed=7" };
	char *bad[] = { "probability=100", "probability=101" };
	const struct fault_point *p = point(t);
	const char *word = NULL;
	unsigned int n;

	KTAP_EXPECT_EQ(t, fault_set(p, 2, times, &word), 0);
	KTAP_EXPECT_EQ(t, failures(100), 3);
	KTAP_EXPECT_EQ(t, fault_set(p, 2, interval, &word), 0);
	KTAP_EXPECT_EQ(t, failures(100), 10);
	KTAP_EXPECT_EQ(t, fault_set(p, 2, space, &word), 0);
	KTAP_EXPECT_EQ(t, failures(100), 90);
	KTAP_EXPECT_EQ(t, fault_set(p, 2, some, &word), 0);
	n = failures(1000);
	KTAP_EXPECT(t, n > 200 && n < 400);
	KTAP_EXPECT_EQ(t, fault_set(p, 0, NULL, &word), 0);
	KTAP_EXPECT_EQ(t, fault_set(p, 2, bad, &word), -22);
	KTAP_EXPECT(t, word == bad[1]);
	KTAP_EXPECT_EQ(t, failures(100), 0);
	KTAP_EXPECT(t, !fault_find("fail_page"));
}

/* Which of the four fails: of order 0 or 2, where the caller may wait or may not. */
static void expect_which(struct ktap *t, char *word, bool order0, bool order2, bool waits)
{
	char *words[] = { "probability=100", word };
	const struct fault_point *p = point(t);
	const char *bad;

	KTAP_EXPECT_EQ(t, fault_set(p, 2, words, &bad), 0);
	for (unsigned int i = 0; i < 4; i++) {
		unsigned int order = i & 1 ? 2 : 0;
		bool fails = (order ? order2 : order0) && (!(i & 2) || waits);
		struct page *page =
			alloc_pages((i & 2 ? GFP_KERNEL : GFP_ATOMIC) | __GFP_NOWARN, order);

		KTAP_EXPECT_EQ(t, !page, fails);
		if (page)
			__free_pages(page, order);
	}
	KTAP_EXPECT_EQ(t, fault_set(p, 0, NULL, &bad), 0);
}

static void test_which(struct ktap *t)
{
	char task[24];

	expect_which(t, "times=-1", true, true, true);
	expect_which(t, "min-order=1", false, true, true);
	expect_which(t, "ignore-gfp-wait=1", true, true, false);
	snprintf(task, sizeof(task), "task=%u", current->id);
	expect_which(t, task, true, true, true);
	snprintf(task, sizeof(task), "task=%u", current->id + 1);
	expect_which(t, task, false, false, false);
}

static int allocate_much(void *arg)
{
	return (int)failures(100);
}

/* An armed failure is its thread's alone. */
static void test_one_thread(struct ktap *t)
{
	const struct fault_point *p = point(t);
	struct thread *other = kthread_create(allocate_much, NULL, "allocates");

	KTAP_ASSERT(t, other != NULL);
	fault_arm(p, 5);
	wake_up_process(other);
	KTAP_EXPECT_EQ(t, kthread_join(other), 0);
	KTAP_EXPECT_EQ(t, failures(4), 0);
	KTAP_EXPECT_EQ(t, failures(1), 1);
	KTAP_EXPECT_EQ(t, failures(20), 0);
	fault_arm(p, 0);
}

/* ---- each allocation of an operation fails once ---- */

static bool make_thread(void)
{
	struct thread *thread = kthread_run(allocate_much, NULL, "made");

	return thread && (kthread_join(thread), true);
}

static bool make_workqueue(void)
{
	struct workqueue *wq = workqueue_create("made", true);

	return wq && (workqueue_destroy(wq), true);
}

/* Each failure of @p: how many there were. */
static unsigned int sweep_point(struct ktap *t, const struct fault_point *p,
				bool (*operation)(void))
{
	unsigned long before = nr_free_pages();
	unsigned int nth = 0;
	bool worked, failed;

	do {
		fault_arm(p, ++nth);
		worked = operation();
		failed = p->attr->failed != 0;
		fault_arm(p, 0);
		kstack_flush();
		KTAP_EXPECT_EQ(t, nr_free_pages(), before);
	} while (failed && nth < 1000);
	KTAP_EXPECT(t, worked && nth < 1000);
	return nth - 1;
}

static void sweep(struct ktap *t, bool (*operation)(void))
{
	const struct fault_point *bulk = fault_find("fail_page_bulk");

	KTAP_ASSERT(t, bulk != NULL);
	KTAP_EXPECT(t, operation());
	kstack_flush();
	KTAP_EXPECT(t, sweep_point(t, point(t), operation) + sweep_point(t, bulk, operation) > 0);
	kstack_validate();
}

static void test_thread(struct ktap *t)
{
	sweep(t, make_thread);
}

static void test_workqueue(struct ktap *t)
{
	sweep(t, make_workqueue);
}

static const struct ktap_case cases[] = {
	{ "set", test_set },
	{ "which", test_which },
	{ "one-thread", test_one_thread },
	{ "thread", test_thread },
	{ "workqueue", test_workqueue },
	{},
};

#else

static void test_nothing(struct ktap *t)
{
	ktap_skip(t, "built without fault injection (DEBUG=1 has it)");
}

static const struct ktap_case cases[] = {
	{ "points", test_nothing },
	{},
};

#endif

static const struct ktap_suite suite_fault_inject = { "fault_inject", cases };
TABLE_ENTRY(ktap_suite, suite_fault_inject);
