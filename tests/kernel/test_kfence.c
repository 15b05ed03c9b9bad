/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kfence.c - memory errors on purpose, each found in a watched object
 *
 * Nothing is printed of them (page_reports_expect): the cases look at kfence_last.
 * `kfencebug KIND` makes one of them aloud (cmd_kfencebug.c).
 */
#include <mm/kfence.h>

#include <asm/irqflags.h>
#include <asm/mmu.h>
#include <kernel/fault_inject.h>
#include <kernel/smp.h>
#include <kernel/sysctl.h>
#include <mm/kmalloc.h>
#include <mm/page_alloc.h>
#include <mm/page_debug.h>
#include <mm/usercopy.h>
#include <sched/thread.h>
#include <shell/ktap.h>

#include "kfence_tools.h"

#include <stdio.h>
#include <string.h>

#ifdef CONFIG_KFENCE

/* ---- watched objects ---- */

static struct world {
	struct kmem_cache *cache;
	unsigned int interval; /* as it was */
	unsigned long found[KFENCE_KINDS];
} world;

static int set_interval(unsigned int ms)
{
	char text[12];

	snprintf(text, sizeof(text), "%u", ms);
	return sysctl_write(sysctl_find("kfence.sample_interval"), text);
}

static bool begin(struct ktap *t)
{
	world.interval = kfence_interval;
	world.cache = kmem_cache_create("test-kfence", SIZE, 0, SLAB_NO_MERGE, NULL);
	if (!KTAP_EXPECT(t, world.cache) || !KTAP_EXPECT_EQ(t, set_interval(3600000), 0))
		return false;
	memcpy(world.found, kfence_found, sizeof(world.found));
	return true;
}

static void end(struct ktap *t)
{
	if (world.cache)
		KTAP_EXPECT_EQ(t, kmem_cache_destroy(world.cache), 0);
	world.cache = NULL;
	KTAP_EXPECT_EQ(t, set_interval(world.interval), 0);
}

/* So many of @kind more than when the last was expected, and the last was at @addr. */
static bool found(struct ktap *t, enum kfence_kind kind, const void *addr)
{
	world.found[kind]++;
	for (unsigned k = 0; k < KFENCE_KINDS; k++)
		KTAP_EXPECT_EQ(t, kfence_found[k], world.found[k]);
	memcpy(world.found, kfence_found, sizeof(world.found));
	return KTAP_EXPECT_EQ(t, (unsigned long)kfence_last.addr, (unsigned long)addr) &&
	       KTAP_EXPECT_EQ(t, kfence_last.kind, kind);
}

static bool names(const struct kfence_event *event, const char *function)
{
	char text[256], wanted[64];

	snprintf(wanted, sizeof(wanted), ": %s+", function);
	return strstr(kfence_event_text(event, "", text, sizeof(text)), wanted);
}

/* ---- accesses ---- */

/* An access to @object + @offset is found, and goes on. */
static void check_access(struct ktap *t, char *object, long offset, bool write)
{
	char was;

	page_reports_expect(true);
	if (write)
		store(object + offset, 0x55);
	else
		was = load(object + offset);
	page_reports_expect(false);
	if (write)
		KTAP_EXPECT_EQ(t, load(object + offset), 0x55);
	else
		KTAP_EXPECT_EQ(t, load(object + offset), was);
	KTAP_EXPECT_EQ(t, kfence_last.is_write, write);
	KTAP_EXPECT_EQ(t, (unsigned long)kfence_last.object.start, (unsigned long)object);
	KTAP_EXPECT_EQ(t, kfence_last.object.size, SIZE);
	KTAP_EXPECT(t, names(&kfence_last.object.alloc, "watched"));
}

static void check_bounds(struct ktap *t, int side, bool write)
{
	long offset = side == LOW ? -1 : (long)SIZE;
	char *object = watched(world.cache, side), byte;

	if (!KTAP_EXPECT(t, object))
		return;
	memset(object, 1, SIZE);
	check_access(t, object, offset, write);
	found(t, KFENCE_OUT_OF_BOUNDS, object + offset);
	KTAP_EXPECT_EQ(t, kfence_last.object.free.ns, 0);
	give(object);
	/* The guard is one again. */
	KTAP_EXPECT_EQ(t, probe_read(&byte, object + offset, 1), -EFAULT);
	KTAP_EXPECT_EQ(t, probe_read(&byte, object, 1), -EFAULT);
}

static void test_bounds(struct ktap *t)
{
	if (begin(t))
		for (int i = 0; i < 4; i++)
			check_bounds(t, i & 1, i & 2);
	end(t);
}

static bool is_within_reach(const char *at)
{
	char byte;

	return !probe_read(&byte, at, 1);
}

/* Each page that isn't in use is used once. */
static void turn_over(void)
{
	struct kfence_counts counts;

	kfence_count(&counts);
	for (unsigned i = counts.used; i < counts.objects; i++) {
		void *object = kfence_alloc(world.cache, GFP_KERNEL);

		if (object)
			kmem_cache_free(world.cache, object);
	}
}

/* Both guards of an object are closed with it, whoever opened them. */
static void test_guards(struct ktap *t)
{
	char *object = begin(t) ? watched(world.cache, LOW) : NULL;

	if (KTAP_EXPECT(t, object)) {
		memset(object, 1, SIZE);
		check_access(t, object, -1, false);
		found(t, KFENCE_OUT_OF_BOUNDS, object - 1);
		check_access(t, object, PAGE_SIZE, false);
		found(t, KFENCE_OUT_OF_BOUNDS, object + PAGE_SIZE);
		give(object);
		KTAP_EXPECT(t, !is_within_reach(object - 1));
		KTAP_EXPECT(t, !is_within_reach(object + PAGE_SIZE));
		page_reports_expect(true);
		load(object + PAGE_SIZE); /* wild, unless the next page is in use */
		page_reports_expect(false);
		KTAP_EXPECT(t, is_within_reach(object + PAGE_SIZE));
		turn_over();
		KTAP_EXPECT(t, !is_within_reach(object + PAGE_SIZE));
	}
	end(t);
}

static void check_after_free(struct ktap *t, bool write)
{
	char *object = watched(world.cache, LOW);

	if (!KTAP_EXPECT(t, object))
		return;
	memset(object, 7, SIZE);
	give(object);
	check_access(t, object, 5, write);
	found(t, KFENCE_USE_AFTER_FREE, object + 5);
	KTAP_EXPECT_EQ(t, load(object + 6), page_debug & PAGE_DEBUG_INIT_FREE ? 0 : 7);
	KTAP_EXPECT(t, names(&kfence_last.object.free, "give"));
}

static void test_use_after_free(struct ktap *t)
{
	if (begin(t)) {
		check_after_free(t, false);
		check_after_free(t, true);
	}
	end(t);
}

/* ---- frees ---- */

static void test_frees(struct ktap *t)
{
	struct kmem_cache *other = kmem_cache_create("test-other", SIZE, 0, SLAB_NO_MERGE, NULL);
	char *object;

	if (begin(t) && KTAP_EXPECT(t, other)) {
		object = watched(world.cache, HIGH);
		KTAP_ASSERT(t, object);
		page_reports_expect(true);
		kfree(object + 8);
		found(t, KFENCE_INVALID_FREE, object + 8);
		kfree(object - PAGE_SIZE / 2);
		found(t, KFENCE_INVALID_FREE, object - PAGE_SIZE / 2);
		kmem_cache_free(other, object);
		found(t, KFENCE_INVALID_FREE, object);
		kmem_cache_free(world.cache, object);
		KTAP_EXPECT_EQ(t, kfence_found[KFENCE_DOUBLE_FREE],
			       world.found[KFENCE_DOUBLE_FREE]);
		give(object);
		found(t, KFENCE_DOUBLE_FREE, object);
		page_reports_expect(false);
		KTAP_EXPECT(t, names(&kfence_last.object.alloc, "watched"));
		KTAP_EXPECT(t, kfence_last.object.free.ns);
	}
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(other), 0);
	end(t);
}

static void check_corruption(struct ktap *t, int side, long offset)
{
	char *object = watched(world.cache, side);

	if (!KTAP_EXPECT(t, object))
		return;
	store(object + offset, 0x11);
	page_reports_expect(true);
	give(object);
	page_reports_expect(false);
	found(t, KFENCE_CORRUPTION, object + offset);
	KTAP_EXPECT(t, names(&kfence_last.object.alloc, "watched"));
}

static void test_corruption(struct ktap *t)
{
	static const long high[] = { -1, -8, -9, (long)SIZE - (long)PAGE_SIZE };

	if (begin(t)) {
		check_corruption(t, LOW, SIZE);
		check_corruption(t, LOW, SIZE + 13);
		check_corruption(t, LOW, PAGE_SIZE - 1);
		for (unsigned i = 0; i < ARRAY_SIZE(high); i++)
			check_corruption(t, HIGH, high[i]);
	}
	end(t);
}

/* ---- as other objects ---- */

static void test_kmalloc(struct ktap *t)
{
	char *object, *larger;

	if (begin(t)) {
		object = watched(NULL, HIGH);
		KTAP_ASSERT(t, object);
		KTAP_EXPECT_EQ(t, ksize(object), SIZE);
		KTAP_EXPECT(t, __check_object_size(object, SIZE, true));
		page_reports_expect(true);
		KTAP_EXPECT(t, !__check_object_size(object, SIZE + 1, true));
		KTAP_EXPECT(t, !__check_object_size(object - 1, 1, true));
		page_reports_expect(false);
		memset(object, 3, SIZE);
		KTAP_EXPECT(t, krealloc(object, 100, GFP_KERNEL) == object);
		larger = krealloc(object, 2 * SIZE, GFP_KERNEL);
		KTAP_ASSERT(t, larger);
		for (unsigned i = 0; i < SIZE; i++)
			KTAP_EXPECT_EQ(t, larger[i], 3);
		kfree(larger);
		object = watched(NULL, LOW);
		KTAP_ASSERT(t, object);
		kfree_sensitive(object);
		KTAP_EXPECT_EQ(t, memcmp(kfence_found, world.found, sizeof(world.found)), 0);
	}
	end(t);
}

static void construct(void *object)
{
	memset(object, 0x3c, SIZE);
}

static void test_cache(struct ktap *t)
{
	struct kmem_cache *s = kmem_cache_create("test-ctor", SIZE, 0, 0, construct);
	char *object;

	if (begin(t) && KTAP_EXPECT(t, s)) {
		object = watched(s, HIGH);
		KTAP_ASSERT(t, object);
		KTAP_EXPECT_EQ(t, object[0], 0x3c);
		KTAP_EXPECT_EQ(t, object[SIZE - 1], 0x3c);
		page_reports_expect(true);
		KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), -EBUSY);
		page_reports_expect(false);
		kmem_cache_free(s, object);
	}
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	end(t);
}

#ifdef CONFIG_FAULT_INJECTION
/* Who has allocations fail has those fail that would be watched. */
static void test_failslab(struct ktap *t)
{
	char *words[] = { "probability=100", "cache=test-kfence" };
	const struct fault_point *failslab = fault_find("failslab");
	struct kfence_counts before, after;
	const char *bad;

	if (begin(t)) {
		KTAP_EXPECT_EQ(t, fault_set(failslab, 2, words, &bad), 0);
		kfence_count(&before);
		WRITE_ONCE(kfence_gate, 1);
		KTAP_EXPECT(t, !kmem_cache_alloc(world.cache, GFP_KERNEL));
		WRITE_ONCE(kfence_gate, 0);
		kfence_count(&after);
		KTAP_EXPECT_EQ(t, after.used, before.used);
		fault_set(failslab, 0, NULL, &bad);
	}
	end(t);
}
#endif

/* What RCU's readers may still look at when it's freed stays within reach. */
static void test_typesafe(struct ktap *t)
{
	struct kmem_cache *s;

	page_reports_expect(true);
	s = kmem_cache_create("test-rcu", SIZE, 0, SLAB_TYPESAFE_BY_RCU, NULL);
	page_reports_expect(false);
	if (!s) {
		ktap_skip(t, "there are no such caches");
		return;
	}
	if (begin(t)) {
		KTAP_EXPECT(t, !watched(s, LOW));
		KTAP_EXPECT(t, !watched(s, HIGH));
	}
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	end(t);
}

/* ---- samples ---- */

/* A cache of which one object comes and goes has nothing but hits: its stack is emptied. */
static void test_sample(struct ktap *t)
{
	unsigned nr = 0, tries = 0;
	unsigned long flags;
	char *object;

	if (begin(t)) {
		for (; tries < 2000 && !nr; tries++) {
			local_irq_save(flags);
			kfree(kmem_cache_alloc(world.cache, GFP_ATOMIC));
			kfence_sample();
			object = kmem_cache_alloc(world.cache, GFP_ATOMIC);
			local_irq_restore(flags);
			nr += is_kfence_address(object);
			kfree(object);
		}
		KTAP_EXPECT(t, nr);
		ktap_diag(t, "the object number %u", tries);
	}
	end(t);
}

/* What a sample costs; no more than that it works is expected. */
static void test_cost(struct ktap *t)
{
	u64 at[4] = { 0 };
	unsigned long flags;
	char *object;

	if (begin(t)) {
		kfree(kmem_cache_alloc(world.cache, GFP_KERNEL));
		local_irq_save(flags);
		at[0] = read_instret();
		kfence_sample();
		at[1] = read_instret();
		object = kfence_alloc(world.cache, GFP_ATOMIC);
		at[2] = read_instret();
		if (object)
			kmem_cache_free(world.cache, object);
		at[3] = read_instret();
		local_irq_restore(flags);
		KTAP_EXPECT(t, object);
		ktap_diag(t, "instructions: %lu to make a sample due, %lu to allocate, %lu to free",
			  (unsigned long)(at[1] - at[0]), (unsigned long)(at[2] - at[1]),
			  (unsigned long)(at[3] - at[2]));
	}
	end(t);
}

struct crowd {
	struct ktap *t;
	unsigned nr; /* watched objects */
};

static void crowd(void *arg)
{
	struct crowd *c = arg;

	for (unsigned i = 0; i < 20; i++) {
		char *object;

		WRITE_ONCE(kfence_gate, 1);
		object = kmem_cache_alloc(world.cache, GFP_ATOMIC);
		if (!object)
			continue;
		memset(object, (int)i, SIZE);
		if (is_kfence_address(object))
			__atomic_fetch_add(&c->nr, 1, __ATOMIC_RELAXED);
		KTAP_EXPECT_EQ(c->t, object[SIZE - 1], (char)i);
		kmem_cache_free(world.cache, object);
	}
}

static void test_harts(struct ktap *t)
{
	struct crowd c = { .t = t };

	if (begin(t)) {
		/* The stacks are empty now and then, so that the gate is seen. */
		for (unsigned i = 0; i < 5; i++) {
			kmem_cache_shrink(world.cache);
			on_each_hart(crowd, &c);
		}
		KTAP_EXPECT(t, c.nr);
		KTAP_EXPECT_EQ(t, memcmp(kfence_found, world.found, sizeof(world.found)), 0);
		ktap_diag(t, "%u watched objects on %u harts", c.nr, num_online_harts());
	}
	end(t);
}

/* ---- the pool goes ---- */

#define TURNS 150

static bool turns_end;

static int come_and_go(void *arg)
{
	while (!READ_ONCE(turns_end)) {
		void *object = kfence_alloc(world.cache, GFP_KERNEL);

		if (object)
			kmem_cache_free(world.cache, object);
	}
	return 0;
}

/* Half of what the pool has by its own account can be had, each in a page of its own. */
static void check_pool(struct ktap *t)
{
	static char *object[KFENCE_MAX];
	struct kfence_counts counts;
	unsigned nr = 0, wanted;

	kfence_count(&counts);
	wanted = (counts.objects - counts.used + 1) / 2;
	for (; nr < wanted && (object[nr] = kfence_alloc(world.cache, GFP_KERNEL)); nr++)
		memset(object[nr], (int)nr, SIZE);
	KTAP_EXPECT_EQ(t, nr, wanted);
	for (unsigned i = 0; i < nr; i++)
		KTAP_EXPECT_EQ(t, object[i][SIZE - 1], (char)i);
	while (nr)
		kmem_cache_free(world.cache, object[--nr]);
}

/* The pool goes and comes while another thread is anywhere between an allocation and a free. */
static void test_pool_goes(struct ktap *t)
{
	struct thread *thread = begin(t) ? kthread_create(come_and_go, NULL, "samples") : NULL;

	if (KTAP_EXPECT(t, thread)) {
		turns_end = false;
		set_priority(thread, SCHED_PRIO_LOWEST);
		wake_up_process(thread);
		for (unsigned i = 0; i < TURNS; i++) {
			msleep(1);
			set_interval(0);
			set_interval(3600000);
		}
		WRITE_ONCE(turns_end, true);
		KTAP_EXPECT_EQ(t, kthread_join(thread), 0);
		KTAP_EXPECT_EQ(t, set_interval(3600000), 0);
		KTAP_EXPECT_EQ(t, memcmp(kfence_found, world.found, sizeof(world.found)), 0);
		check_pool(t);
	}
	end(t);
}

static const struct ktap_case cases[] = {
	{ KTAP_PREPARE, test_kmalloc },
	{ "out-of-bounds", test_bounds },
	{ "guards", test_guards },
	{ "use-after-free", test_use_after_free },
	{ "frees", test_frees },
	{ "corruption", test_corruption },
	{ "kmalloc", test_kmalloc },
	{ "cache", test_cache },
#ifdef CONFIG_FAULT_INJECTION
	{ "failslab", test_failslab },
#endif
	{ "typesafe-by-rcu", test_typesafe },
	{ "sample", test_sample },
	{ "cost", test_cost },
	{ "harts", test_harts },
	{ "pool-goes", test_pool_goes },
	{},
};

#else

static void test_nothing(struct ktap *t)
{
	ktap_skip(t, "built without CONFIG_KFENCE");
}

static const struct ktap_case cases[] = {
	{ "options", test_nothing },
	{},
};

#endif

static const struct ktap_suite suite_kfence = { "kfence", cases };
TABLE_ENTRY(ktap_suite, suite_kfence);
