/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_slab_rcu.c - readers of SLAB_TYPESAFE_BY_RCU caches find objects of their cache
 *
 * Objects have a magic word that their constructor wrote and nobody changes.
 */
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/kstack.h>
#include <mm/page_alloc.h>
#include <sched/rcu.h>
#include <sched/thread.h>
#include <sched/timer.h>

#include "../../mm/slab.h"
#include "slab_tools.h"

#include <string.h>

#define MAGIC	0x7e57ab1eU
#define OBJECTS 200
#define SHARED	8
#define ROUNDS	400

struct typed {
	u32 magic;
	u32 value;
	char more[48];
};

static void make_typed(void *object)
{
	((struct typed *)object)->magic = MAGIC;
}

static struct kmem_cache *create(struct ktap *t)
{
	struct kmem_cache *s = kmem_cache_create("test-typed", sizeof(struct typed), 0,
						 SLAB_TYPESAFE_BY_RCU, make_typed);

	KTAP_EXPECT(t, s != NULL);
	return s;
}

static bool is_typed(const struct kmem_cache *s, const struct typed *object)
{
	const struct page *page = virt_to_page(object);

	return page_flag(page, PG_slab) && READ_ONCE(page->mapping) == s &&
	       READ_ONCE(object->magic) == MAGIC;
}

/* Free pages, when stacks of threads that have ended are among them. */
static unsigned long settle(void)
{
	kstack_flush();
	return slab_settle();
}

static bool take(struct kmem_cache *s, struct typed **object)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		object[i] = kmem_cache_alloc(s, GFP_KERNEL);
		if (!object[i])
			return false;
		object[i]->value = i;
		memset(object[i]->more, 0x3d, sizeof(object[i]->more));
	}
	return true;
}

/* What was freed is as it was: neither pages nor bytes are anybody else's. */
static void check_freed(struct ktap *t, const struct kmem_cache *s, struct typed **object)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < OBJECTS; i++) {
		bad += !is_typed(s, object[i]) || object[i]->value != i;
		for (unsigned at = 0; at < sizeof(object[i]->more); at++)
			bad += object[i]->more[at] != 0x3d;
	}
	KTAP_EXPECT_EQ(t, bad, 0);
}

static void test_reader(struct ktap *t)
{
	unsigned long before = slab_settle();
	struct kmem_cache *s = create(t);
	struct typed *object[OBJECTS];

	KTAP_ASSERT(t, s && take(s, object));
	rcu_read_lock();
	for (unsigned i = 0; i < OBJECTS; i++)
		kmem_cache_free(s, object[i]);
	check_freed(t, s, object);
	KTAP_EXPECT(t, kmem_cache_shrink(s) > 0); /* no slab is left to it */
	KTAP_EXPECT_EQ(t, s->node[0]->nr_slabs, 0);
	KTAP_EXPECT(t, s->nr_waiting >= OBJECTS / s->objects);
	check_freed(t, s, object);
	rcu_read_unlock();
	KTAP_EXPECT(t, ktap_becomes(!READ_ONCE(s->nr_waiting)));
	KTAP_EXPECT(t, !is_typed(s, object[0]));
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

/* ---- readers everywhere ---- */

static struct {
	struct kmem_cache *s;
	struct typed *now[SHARED];
	bool stop;
	unsigned long reads, bad;
} shared;

static int reader(void *arg)
{
	for (unsigned i = 0; !READ_ONCE(shared.stop); i++) {
		const struct typed *object;

		rcu_read_lock();
		object = rcu_dereference(shared.now[i % SHARED]);
		for (unsigned look = 0; look < 20; look++)
			if (!is_typed(shared.s, object))
				__atomic_fetch_add(&shared.bad, 1, __ATOMIC_RELAXED);
		rcu_read_unlock();
		__atomic_fetch_add(&shared.reads, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

/* One of those that are read becomes another one, and the old one's memory goes if it can. */
static bool replace(unsigned round)
{
	struct typed **at = &shared.now[round % SHARED], *old = *at,
		     *new = kmem_cache_alloc(shared.s, GFP_KERNEL);

	if (!new)
		return false;
	rcu_assign_pointer(*at, new);
	kmem_cache_free(shared.s, old);
	if (round % 4 == 0)
		kmem_cache_shrink(shared.s);
	if (round % 16 == 0)
		usleep_range(100, 200); /* with one hart, the readers' turn */
	return true;
}

static bool start_readers(struct thread **thread, unsigned nr)
{
	for (unsigned i = 0; i < SHARED; i++) {
		shared.now[i] = kmem_cache_alloc(shared.s, GFP_KERNEL);
		if (!shared.now[i])
			return false;
	}
	for (unsigned i = 0; i < nr; i++) {
		thread[i] = kthread_run(reader, NULL, "typed/%u", i);
		if (!thread[i])
			return false;
	}
	return true;
}

static void test_readers(struct ktap *t)
{
	unsigned long before = settle();
	unsigned round = 0;
	struct thread *thread[4];

	memset(&shared, 0, sizeof(shared));
	shared.s = create(t);
	KTAP_ASSERT(t, shared.s && start_readers(thread, ARRAY_SIZE(thread)));
	while (round < ROUNDS && replace(round))
		round++;
	KTAP_EXPECT_EQ(t, round, ROUNDS);
	WRITE_ONCE(shared.stop, true);
	for (unsigned i = 0; i < ARRAY_SIZE(thread); i++)
		kthread_join(thread[i]);
	KTAP_EXPECT_EQ(t, shared.bad, 0);
	KTAP_EXPECT(t, shared.reads > 0);
	for (unsigned i = 0; i < SHARED; i++)
		kmem_cache_free(shared.s, shared.now[i]);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(shared.s), 0);
	kstack_flush();
	slab_end(t, before);
}

/* ---- from where slabs go back ---- */

static spinlock_t outer = SPINLOCK_RANKED(LOCK_MEMPOOL);

/* Where a thread can't be woken: it's done as soon as it can. */
static void test_locked(struct ktap *t)
{
	unsigned long before = slab_settle(), flags;
	struct kmem_cache *s = create(t);
	struct typed *object[OBJECTS];
	unsigned waiting;

	KTAP_ASSERT(t, s && take(s, object));
	spin_lock_irqsave(&outer, flags);
	for (unsigned i = 0; i < OBJECTS; i++)
		kmem_cache_free(s, object[i]);
	if (s->rounds)
		stack_drain(s, this_cpu_ptr(s->stacks));
	for (unsigned nid = 0; nid < MAX_NUMNODES; nid++)
		if (s->node[nid])
			depot_drain(s, s->node[nid]);
	slab_trim(s, 0);
	waiting = s->nr_waiting;
	check_freed(t, s, object);
	spin_unlock_irqrestore(&outer, flags);
	KTAP_EXPECT(t, waiting > 0);
	KTAP_EXPECT(t, ktap_becomes(!READ_ONCE(s->nr_waiting)));
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

static struct {
	u32 reading; /* 1: in, 2: about to leave */
	bool destroying;
} last;

static int last_reader(void *arg)
{
	u64 end_ns;

	rcu_read_lock();
	__atomic_store_n(&last.reading, 1, __ATOMIC_SEQ_CST);
	while (!READ_ONCE(last.destroying))
		cpu_relax();
	for (end_ns = ktime_ns() + 5000000; ktime_ns() < end_ns;)
		cpu_relax();
	__atomic_store_n(&last.reading, 2, __ATOMIC_SEQ_CST);
	rcu_read_unlock();
	return 0;
}

/* A cache isn't gone before its slabs are. */
static void test_destroy(struct ktap *t)
{
	unsigned long before = settle();
	struct kmem_cache *s = create(t);
	struct typed *object[OBJECTS];
	struct thread *r;
	unsigned cpu, far = 0;

	for_each_online_hart(cpu)
		far = cpu;
	KTAP_ASSERT(t, s && take(s, object));
	r = far ? kthread_create(last_reader, NULL, "last-reader") : NULL;
	memset(&last, 0, sizeof(last));
	if (far) {
		KTAP_ASSERT(t, r && !kthread_bind(r, far));
		wake_up_process(r);
		while (!__atomic_load_n(&last.reading, __ATOMIC_ACQUIRE))
			usleep_range(50, 100);
	}
	for (unsigned i = 0; i < OBJECTS; i++)
		kmem_cache_free(s, object[i]);
	WRITE_ONCE(last.destroying, true);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	KTAP_EXPECT(t, !far || READ_ONCE(last.reading) == 2);
	if (far)
		kthread_join(r);
	kstack_flush();
	slab_end(t, before);
}

/* Of a cache that nobody else has a part of, constructor or not. */
static void test_alone(struct ktap *t)
{
	unsigned long before = slab_settle();
	struct kmem_cache *a = kmem_cache_create("test-rcu-a", 64, 0, SLAB_TYPESAFE_BY_RCU, NULL);
	struct kmem_cache *b = kmem_cache_create("test-rcu-b", 64, 0, SLAB_TYPESAFE_BY_RCU, NULL);
	struct kmem_cache *other = kmem_cache_create("test-other", 64, 0, 0, NULL);

	KTAP_ASSERT(t, a && b && other);
	KTAP_EXPECT(t, a != b && a != other && b != other);
	KTAP_EXPECT(t, a->link >= a->object_size && a->size >= a->link + FREE_BYTES);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(a), 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(b), 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(other), 0);
	slab_end(t, before);
}

static const struct ktap_case cases[] = {
	{ KTAP_PREPARE, slab_prepare },
	{ "reader", test_reader },
	{ "readers", test_readers },
	{ "locked", test_locked },
	{ "destroy", test_destroy },
	{ "alone", test_alone },
	{},
};
static const struct ktap_suite suite_slab_rcu = { "slab_rcu", cases };
TABLE_ENTRY(ktap_suite, suite_slab_rcu);
