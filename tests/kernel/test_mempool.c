/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_mempool.c - what is set aside can be had when nothing else can
 */
#include <mm/mempool.h>

#include <kernel/fault_inject.h>
#include <mm/kmalloc.h>
#include <mm/page_alloc.h>
#include <sched/thread.h>
#include <sched/timer.h>
#include <shell/ktap.h>

#define MIN_NR	4U
#define THREADS 4
#define ROUNDS	200
#define GFP_TRY (GFP_NOWAIT | __GFP_NOWARN)

/* An allocator that fails when it's told to. */
static struct {
	bool fails;
	long out;		       /* elements that exist; atomic */
	unsigned calls, waiting_calls; /* of alloc; those that might have slept */
	unsigned left;		       /* it fails after so many, if not 0 */
} source;

static void *make(gfp_t gfp, void *data)
{
	void *element;

	source.calls++;
	source.waiting_calls += !!(gfp & __GFP_DIRECT_RECLAIM);
	if (READ_ONCE(source.fails) || data != &source || (source.left && !--source.left))
		return NULL;
	element = kmalloc(48, gfp);
	if (element)
		__atomic_fetch_add(&source.out, 1, __ATOMIC_RELAXED);
	return element;
}

static void unmake(void *element, void *data)
{
	__atomic_fetch_sub(&source.out, 1, __ATOMIC_RELAXED);
	kfree(element);
}

static mempool_t *make_pool(struct ktap *t)
{
	mempool_t *pool;

	source.fails = false;
	source.left = 0;
	pool = mempool_create(MIN_NR, make, unmake, &source);
	KTAP_EXPECT(t, pool != NULL);
	return pool;
}

static void destroy(struct ktap *t, mempool_t *pool)
{
	mempool_destroy(pool);
	KTAP_EXPECT_EQ(t, source.out, 0);
}

/* Exactly what is set aside, and none twice. */
static void test_guaranteed(struct ktap *t)
{
	mempool_t *pool = make_pool(t);
	void *element[MIN_NR];

	if (!pool)
		return;
	KTAP_EXPECT_EQ(t, pool->curr_nr, MIN_NR);
	source.fails = true;
	for (unsigned i = 0; i < MIN_NR; i++) {
		element[i] = mempool_alloc(pool, GFP_TRY);
		KTAP_EXPECT(t, element[i] != NULL);
		for (unsigned k = 0; k < i; k++)
			KTAP_EXPECT(t, element[i] != element[k]);
	}
	KTAP_EXPECT(t, !mempool_alloc(pool, GFP_TRY));
	mempool_free(NULL, pool);
	for (unsigned i = 0; i < MIN_NR; i++)
		mempool_free(element[i], pool);
	KTAP_EXPECT_EQ(t, pool->curr_nr, MIN_NR);
	KTAP_EXPECT_EQ(t, source.out, MIN_NR);
	destroy(t, pool);
}

/* As long as the allocator has some nothing is taken from what is set aside; what it gave goes
 * back to it. */
static void test_untouched(struct ktap *t)
{
	mempool_t *pool = make_pool(t);
	void *element;

	if (!pool)
		return;
	source.waiting_calls = 0;
	element = mempool_alloc(pool, GFP_KERNEL);
	KTAP_EXPECT(t, element != NULL);
	KTAP_EXPECT_EQ(t, pool->curr_nr, MIN_NR);
	KTAP_EXPECT_EQ(t, source.out, MIN_NR + 1);
	KTAP_EXPECT_EQ(t, source.waiting_calls, 0);
	mempool_free(element, pool);
	KTAP_EXPECT_EQ(t, source.out, MIN_NR);
	/* In need it's asked with all that the caller allows, when nothing is set aside. */
	source.fails = true;
	pool->curr_nr = 0;
	source.calls = 0;
	KTAP_EXPECT(t, !mempool_alloc(pool, GFP_TRY));
	KTAP_EXPECT_EQ(t, source.calls, 1);
	pool->curr_nr = MIN_NR;
	destroy(t, pool);
}

static int give_back(void *arg)
{
	void **pair = arg;

	msleep(20);
	mempool_free(pair[1], pair[0]);
	return 0;
}

/* Who may sleep waits for one that comes back. */
static void test_waits(struct ktap *t)
{
	mempool_t *pool = make_pool(t);
	void *element[MIN_NR], *pair[2];
	struct thread *thread;
	u64 start;

	if (!pool)
		return;
	source.fails = true;
	for (unsigned i = 0; i < MIN_NR; i++)
		element[i] = mempool_alloc(pool, GFP_KERNEL);
	pair[0] = pool;
	pair[1] = element[0];
	start = ktime_ns();
	thread = kthread_run(give_back, pair, "gives");
	KTAP_ASSERT(t, thread != NULL);
	element[0] = mempool_alloc(pool, GFP_KERNEL);
	KTAP_EXPECT(t, element[0] != NULL && ktime_ns() - start >= 15000000);
	kthread_join(thread);
	for (unsigned i = 0; i < MIN_NR; i++)
		mempool_free(element[i], pool);
	destroy(t, pool);
}

static void test_resize(struct ktap *t)
{
	mempool_t *pool = make_pool(t);
	void *element[MIN_NR];

	if (!pool)
		return;
	KTAP_EXPECT_EQ(t, mempool_resize(pool, 3 * MIN_NR), 0);
	KTAP_EXPECT_EQ(t, pool->curr_nr, 3 * MIN_NR);
	KTAP_EXPECT_EQ(t, source.out, 3 * MIN_NR);
	KTAP_EXPECT_EQ(t, mempool_resize(pool, MIN_NR), 0);
	KTAP_EXPECT_EQ(t, source.out, MIN_NR);
	/* Without memory for more, they come as they are freed. */
	for (unsigned i = 0; i < MIN_NR; i++)
		element[i] = mempool_alloc(pool, GFP_KERNEL);
	source.fails = true;
	KTAP_EXPECT_EQ(t, mempool_resize(pool, 2 * MIN_NR), 0);
	KTAP_EXPECT_EQ(t, pool->curr_nr, MIN_NR);
	for (unsigned i = 0; i < MIN_NR; i++)
		mempool_free(element[i], pool);
	KTAP_EXPECT_EQ(t, pool->curr_nr, 2 * MIN_NR);
	destroy(t, pool);
}

/* Whichever element can't be had, all others go back. */
static void test_create_fails(struct ktap *t)
{
	for (unsigned nth = 1; nth <= MIN_NR; nth++) {
		source.fails = false;
		source.left = nth;
		KTAP_EXPECT(t, !mempool_create(MIN_NR, make, unmake, &source));
		KTAP_EXPECT_EQ(t, source.out, 0);
	}
	source.left = 0;
	mempool_destroy(NULL);
}

/* More threads than elements, and no others: all of them come to an end. */
static int use_often(void *arg)
{
	mempool_t *pool = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned *element = mempool_alloc(pool, GFP_KERNEL);

		if (!element)
			return 1;
		*element = current->id;
		if (i % 16 == 0)
			yield();
		if (READ_ONCE(*element) != current->id)
			return 2; /* somebody else has it too */
		mempool_free(element, pool);
	}
	return 0;
}

static void test_threads(struct ktap *t)
{
	mempool_t *pool = make_pool(t);
	struct thread *thread[THREADS];

	if (!pool)
		return;
	KTAP_EXPECT_EQ(t, mempool_resize(pool, 2), 0);
	source.fails = true;
	for (unsigned i = 0; i < THREADS; i++) {
		thread[i] = kthread_run(use_often, pool, "pool/%u", i);
		KTAP_EXPECT(t, thread[i] != NULL);
	}
	for (unsigned i = 0; i < THREADS; i++)
		if (thread[i])
			KTAP_EXPECT_EQ(t, kthread_join(thread[i]), 0);
	KTAP_EXPECT_EQ(t, pool->curr_nr, 2);
	destroy(t, pool);
}

/* What the three kinds give, by allocators that fail on purpose where they can. */
static void expect_kind(struct ktap *t, mempool_t *pool)
{
	void *element[MIN_NR + 1];
	unsigned nr = 0;

	KTAP_ASSERT(t, pool != NULL);
	KTAP_EXPECT_EQ(t, pool->curr_nr, MIN_NR);
#ifdef CONFIG_FAULT_INJECTION
	char *words[] = { "probability=100" };
	const struct fault_point *pages = fault_find("fail_page_alloc");
	const struct fault_point *objects = fault_find("failslab");
	const char *bad;

	KTAP_EXPECT_EQ(t, fault_set(pages, 1, words, &bad), 0);
	KTAP_EXPECT_EQ(t, fault_set(objects, 1, words, &bad), 0);
	while (nr <= MIN_NR && (element[nr] = mempool_alloc(pool, GFP_TRY)))
		nr++;
	KTAP_EXPECT_EQ(t, nr, MIN_NR);
	fault_set(pages, 0, NULL, &bad);
	fault_set(objects, 0, NULL, &bad);
#else
	while (nr <= MIN_NR && (element[nr] = mempool_alloc(pool, GFP_TRY)))
		nr++;
	KTAP_EXPECT_EQ(t, nr, MIN_NR + 1);
#endif
	while (nr--)
		mempool_free(element[nr], pool);
	KTAP_EXPECT_EQ(t, pool->curr_nr, MIN_NR);
	mempool_destroy(pool);
}

static void test_kinds(struct ktap *t)
{
	struct kmem_cache *s = kmem_cache_create("test_pool", 200, 0, SLAB_NO_MERGE, NULL);

	KTAP_ASSERT(t, s != NULL);
	expect_kind(t, mempool_create_slab_pool(MIN_NR, s));
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	expect_kind(t, mempool_create_kmalloc_pool(MIN_NR, 300));
	expect_kind(t, mempool_create_kmalloc_pool(MIN_NR, 20000));
	expect_kind(t, mempool_create_page_pool(MIN_NR, 0));
	expect_kind(t, mempool_create_page_pool(MIN_NR, 2));
}

static const struct ktap_case cases[] = {
	{ "guaranteed", test_guaranteed },
	{ "untouched", test_untouched },
	{ "waits", test_waits },
	{ "resize", test_resize },
	{ "create-fails", test_create_fails },
	{ "threads", test_threads },
	{ "kinds", test_kinds },
	{},
};

static const struct ktap_suite suite_mempool = { "mempool", cases };
TABLE_ENTRY(ktap_suite, suite_mempool);
