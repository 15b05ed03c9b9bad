/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_slab_harts.c - small objects on all harts, in interrupts, and what is caught of misuse
 *
 * Whoever has an object writes its stamp to both ends; whoever frees it looks.
 */
#include <base/errno.h>
#include <kernel/smp.h>
#include <mm/page_alloc.h>

#include "../../mm/slab.h"
#include "slab_tools.h"

#include <string.h>

#define GFP_TRY (GFP_ATOMIC | __GFP_NOWARN)

static struct kmem_cache *create(struct ktap *t, unsigned size)
{
	struct kmem_cache *s = kmem_cache_create("test-harts", size, 0, SLAB_NO_MERGE, NULL);

	KTAP_EXPECT(t, s != NULL);
	return s;
}

/* All of its objects are in slabs. */
static struct kmem_cache *create_unsampled(struct ktap *t, unsigned size)
{
	struct kmem_cache *s =
		kmem_cache_create("test-harts", size, 0, SLAB_NO_MERGE | SLAB_SKIP_KFENCE, NULL);

	KTAP_EXPECT(t, s != NULL);
	return s;
}

/* ---- misuse ---- */

/* @nr calls were reported since the last time. */
static void expect_reports(struct ktap *t, unsigned long nr)
{
	static unsigned long seen;

	if (nr != ~0UL)
		KTAP_EXPECT_EQ(t, slab_reports - seen, nr);
	seen = slab_reports;
}

static void check_foreign(struct ktap *t, struct kmem_cache *s)
{
	struct kmem_cache *other = create_unsampled(t, 96);
	struct page *page = alloc_page(GFP_KERNEL);
	char *large = get(20000, GFP_KERNEL), *object = kmem_cache_alloc(s, GFP_KERNEL);

	KTAP_ASSERT(t, other && page && large && object);
	expect_reports(t, ~0UL);
	kmem_cache_free(other, object);
	expect_reports(t, 1);
	kmem_cache_free(other, page_address(page));
	expect_reports(t, 1);
	kfree(page_address(page));
	kfree((char *)page_address(page) + 128);
	expect_reports(t, 2);
	kfree(large + 64);
	kfree(large + PAGE_SIZE);
	expect_reports(t, 2);
	kfree(large);
	kfree(large);
	expect_reports(t, 1);
	kmem_cache_free(s, object);
	__free_page(page);
	expect_reports(t, 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(other), 0);
}

static void test_foreign(struct ktap *t)
{
	unsigned long before = slab_settle();
	struct kmem_cache *s = create_unsampled(t, 96);

	if (!s)
		return;
	page_reports_expect(true);
	check_foreign(t, s);
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

#ifdef CONFIG_SLAB_FREELIST_HARDENED

/* Twice in a row, and all of them once more, wherever they are by then. */
static void test_double_free(struct ktap *t)
{
	unsigned long before = slab_settle(), reports = slab_reports;
	struct kmem_cache *s = create_unsampled(t, 48);
	void *object[150], *kept;

	if (!s)
		return;
	kept = kmem_cache_alloc(s, GFP_KERNEL); /* its slab stays */
	for (unsigned i = 0; i < ARRAY_SIZE(object); i++) {
		object[i] = kmem_cache_alloc(s, GFP_KERNEL);
		KTAP_ASSERT(t, object[i] != NULL);
	}
	page_reports_expect(true);
	for (unsigned i = 0; i < ARRAY_SIZE(object); i++) {
		kfree(object[i]);
		kmem_cache_free(s, object[i]);
	}
	KTAP_EXPECT_EQ(t, slab_reports - reports, ARRAY_SIZE(object));
	kmem_cache_free_bulk(s, ARRAY_SIZE(object), object);
	KTAP_EXPECT_EQ(t, slab_reports - reports, 2 * ARRAY_SIZE(object));
	page_reports_expect(false);
	kmem_cache_free(s, kept);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

#else

static void test_double_free(struct ktap *t)
{
	ktap_skip(t, "built without SLAB_FREELIST_HARDENED");
}

#endif

/* ---- the validator ---- */

static void found(struct ktap *t, struct kmem_cache *s, const char *what)
{
	char fault[SLAB_FAULT_LEN] = "";

	KTAP_EXPECT(t, slab_validate(s, fault, sizeof(fault)) < 0);
	if (!KTAP_EXPECT(t, strstr(fault, what) != NULL))
		ktap_diag(t, "%s", fault);
}

/* What is broken is found, and nothing is when it's mended. */
#define BREAK(lvalue, value, what)                    \
	do {                                          \
		__typeof__(lvalue) _was = (lvalue);   \
                                                      \
		(lvalue) = (__typeof__(_was))(value); \
		found(t, s, what);                    \
		(lvalue) = _was;                      \
		sound(t, s);                          \
	} while (0)

static void sound(struct ktap *t, struct kmem_cache *s)
{
	char fault[SLAB_FAULT_LEN] = "";

	slab_validate(s, fault, sizeof(fault));
	KTAP_EXPECT_STREQ(t, fault, "");
}

static void break_slab(struct ktap *t, struct kmem_cache *s, void *object)
{
	struct page *slab = compound_head(virt_to_page(object));
	struct kmem_cache_node *n = s->node[nr_nodes == 1 ? 0 : page_to_nid(slab)];
	unsigned first = slab->object_free;
	u16 *link = link_of(s, slab_object(s, slab, first));

	BREAK(slab->objects_used, slab->objects_used + 1, "free objects, then");
	BREAK(slab->object_free, NO_OBJECT, "has 0 free objects");
	BREAK(slab->object_free, NO_OBJECT - 1, "then 65534");
	BREAK(*link, NO_OBJECT ^ s->key, "has 1 free objects");
	BREAK(*link, s->objects ^ s->key, "has 1 free objects");
	BREAK(*link, first ^ s->key, "free objects, then"); /* round and round */
	BREAK(slab->mapping, NULL, "page 0 of the slab");
	BREAK(slab->flags, slab->flags & ~(1U << PG_slab), "page 0 of the slab");
	BREAK(slab->prev, 1, "comes after page 1");
	BREAK(n->partial.nr, n->partial.nr + 1, "slabs are listed");
	BREAK(n->empty.nr, n->empty.nr + 1, "slabs are listed");
	BREAK(n->nr_slabs, n->nr_slabs + 1, "objects are used");
	BREAK(n->nr_used, n->nr_used + 1, "objects are used");
	BREAK(n->nr_full, n->nr_full + 1, "the depot has");
	BREAK(n->nr_spare, n->nr_spare + 1, "of 0 objects");
	page_list_del(&n->partial, slab);
	page_list_add(&n->empty, slab);
	found(t, s, "is listed as empty");
	page_list_del(&n->empty, slab);
	page_list_add(&n->partial, slab);
	sound(t, s);
}

/* This hart's magazine.  Interrupts are off. */
static void break_stack(struct ktap *t, struct kmem_cache *s, void *a, void *b)
{
	struct slab_stack *stack = this_cpu_ptr(s->stacks);
	struct magazine *m;

	kmem_cache_free(s, a);
	kmem_cache_free(s, b);
	m = stack_loaded(stack);
	if (!KTAP_EXPECT(t, m && *stack->top == b))
		return;
	BREAK(stack->top[0], a, "have both");
	BREAK(stack->top[0], (char *)b + 1, "expected an object");
	BREAK(stack->top[0], s, "expected an object");
	BREAK(m->bottom, b, "is none");
	BREAK(stack->full, stack->full - 1, "the stack's top");
}

static void test_validator(struct ktap *t)
{
	unsigned long before = slab_settle(), flags;
	struct kmem_cache *s = create_unsampled(t, 64);
	void *a, *b;

	if (!s)
		return;
	local_irq_save(flags);
	a = kmem_cache_alloc(s, GFP_TRY);
	b = kmem_cache_alloc(s, GFP_TRY);
	if (KTAP_EXPECT(t, a && b)) {
		sound(t, s);
		break_slab(t, s, b);
		if (s->rounds) {
			break_stack(t, s, a, b);
		} else {
			kmem_cache_free(s, a);
			kmem_cache_free(s, b);
		}
	}
	local_irq_restore(flags);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

/* ---- no step takes long ---- */

/* @nr objects go back in @least steps or more. */
static void check_steps(struct ktap *t, unsigned size, unsigned nr, unsigned least)
{
	struct kmem_cache *s = create_unsampled(t, size);
	void *object[200];
	unsigned steps = 0;

	KTAP_ASSERT(t, s && kmem_cache_alloc_bulk(s, GFP_KERNEL, nr, object) == nr);
	if (s->rounds) {
		for (; nr; steps++)
			nr -= slab_give_step(s, object, nr);
		KTAP_EXPECT(t, steps >= least);
	} else { /* each allocation and release is noted */
		kmem_cache_free_bulk(s, nr, object);
	}
	sound(t, s);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
}

/* 16 objects, or the last ones of two slabs: of these slabs have two each. */
static void test_steps(struct ktap *t)
{
	unsigned long before = slab_settle();

	check_steps(t, 64, 200, 200 / 16 + 1);
	check_steps(t, PAGE_SIZE << 2, 24, 5);
	slab_end(t, before);
}

/* The hart has @nr objects of @s. */
static void expect_kept(struct ktap *t, struct kmem_cache *s, unsigned nr)
{
	KTAP_EXPECT_EQ(t, kmem_cache_hart_objects(s, smp_processor_id()), nr);
	sound(t, s);
}

/* A stack that is emptied for a sample loses nothing: the other magazine has some objects then, and
 * takes its turn.  Interrupts are off; the hart has had nothing of @s. */
static void check_emptied(struct ktap *t, struct kmem_cache *s, void **object)
{
	unsigned rounds = s->rounds, some = rounds / 2;

	KTAP_EXPECT(t, !stack_empty(s));
	for (unsigned i = 0; i < some; i++)
		kmem_cache_free(s, object[i]);
	KTAP_EXPECT(t, stack_empty(s));
	KTAP_EXPECT(t, !*this_cpu_ptr(s->stacks)->top);
	KTAP_EXPECT(t, !stack_empty(s));
	expect_kept(t, s, some);
	for (unsigned i = some; i < 2 * rounds; i++)
		kmem_cache_free(s, object[i]);
	expect_kept(t, s, 2 * rounds);
	KTAP_EXPECT(t, stack_empty(s)); /* one goes to the depot */
	expect_kept(t, s, rounds);
	for (unsigned i = 0; i < rounds; i++)
		object[i] = kmem_cache_alloc(s, GFP_TRY);
	expect_kept(t, s, 0);
	for (unsigned i = 0; i < rounds; i++)
		kmem_cache_free(s, object[i]);
}

static void test_emptied(struct ktap *t)
{
	unsigned long before = slab_settle(), flags;
	struct kmem_cache *s = create_unsampled(t, 64);
	void *object[2 * MAGAZINE_SLOTS];

	if (!s)
		return;
	if (!s->rounds)
		ktap_skip(t, "caches have no magazines: kmemleak=on or slub_debug=");
	KTAP_ASSERT_EQ(t, kmem_cache_alloc_bulk(s, GFP_KERNEL, 2U * s->rounds, object),
		       2U * s->rounds);
	stacks_drain(s);
	local_irq_save(flags);
	if (s->rounds)
		check_emptied(t, s, object);
	local_irq_restore(flags);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

/* ---- with interrupts off, and in interrupts ---- */

static unsigned long nr_spoiled, nr_done;

static void stamp(void *object, size_t bytes)
{
	u32 *word = object;

	word[0] = word[bytes / sizeof(u32) - 1] = (u32)(unsigned long)object * 2654435761u;
}

static void check_stamp(const void *object, size_t bytes)
{
	const u32 *word = object;
	u32 wanted = (u32)(unsigned long)object * 2654435761u;

	if (word[0] != wanted || word[bytes / sizeof(u32) - 1] != wanted)
		__atomic_fetch_add(&nr_spoiled, 1, __ATOMIC_RELAXED);
}

static void take_and_give(struct kmem_cache *s, unsigned nr)
{
	void *object[40];

	for (unsigned i = 0; i < nr; i++) {
		object[i] = i & 1 ? kmem_cache_alloc(s, GFP_TRY) : get(64, GFP_TRY);
		if (object[i])
			stamp(object[i], 64);
	}
	while (nr--)
		if (object[nr]) {
			check_stamp(object[nr], 64);
			kfree(object[nr]);
		}
}

static void test_irqs_off(struct ktap *t)
{
	unsigned long before = slab_settle(), flags;
	struct kmem_cache *s = create(t, 64);

	if (!s)
		return;
	nr_spoiled = 0;
	local_irq_save(flags);
	for (int i = 0; i < 20; i++)
		take_and_give(s, 40);
	KTAP_EXPECT(t, irqs_disabled());
	local_irq_restore(flags);
	KTAP_EXPECT_EQ(t, nr_spoiled, 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

#define TICK_NS 50000
#define TICKS	1000

static struct kmem_cache *ticking;
static void tick(struct timer *timer);
static struct timer ticker = TIMER_INIT(tick);

/* What it takes it keeps until the next time: the thread finds other objects than it left. */
static void *kept[3];

static void keep_others(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
		void *object = kmem_cache_alloc(ticking, GFP_TRY);

		if (object)
			stamp(object, 64);
		if (kept[i])
			check_stamp(kept[i], 64);
		kfree(kept[i]);
		kept[i] = object;
	}
}

static void tick(struct timer *timer)
{
	if (nr_done & 1)
		take_and_give(ticking, 40);
	keep_others();
	if (__atomic_add_fetch(&nr_done, 1, __ATOMIC_RELAXED) < TICKS &&
	    timer_start(timer, ktime_ns() + TICK_NS))
		nr_spoiled++;
}

/* A thread is interrupted anywhere in an allocation or a release. */
static void test_interrupts(struct ktap *t)
{
	unsigned long before;
	u64 end = ktime_ns() + KTAP_PATIENCE_NS;

	ticking = create(t, 64);
	if (!ticking)
		return;
	take_and_give(ticking, 40);
	before = slab_settle();
	nr_spoiled = nr_done = 0;
	KTAP_EXPECT_EQ(t, timer_start(&ticker, ktime_ns() + TICK_NS), 0);
	while (READ_ONCE(nr_done) < TICKS && ktime_ns() < end)
		take_and_give(ticking, 40);
	timer_cancel_sync(&ticker);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
		kfree(kept[i]);
		kept[i] = NULL;
	}
	KTAP_EXPECT_EQ(t, nr_done, TICKS);
	KTAP_EXPECT_EQ(t, nr_spoiled, 0);
	slab_end(t, before);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(ticking), 0);
}

/* ---- all harts at once ---- */

#define ALL_CALLS 20000
#define MIN_CALLS (both[0]->rounds ? 200U : 40U) /* without magazines each waits for a lock */
#define ALL_NS	  400000000ull
#define HART_HELD 48
#define SHARED	  64

static void *shared[SHARED];
static struct kmem_cache *both[2];

static u32 random_next(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void release(void *object, u32 random)
{
	check_stamp(object, ksize(object) & ~3UL);
	kfree(object);
}

static void *obtain(u32 random)
{
	unsigned which = random % 8;
	void *object = which < 2 ? kmem_cache_alloc(both[which], GFP_TRY)
				 : get(8 + (random >> 4) % (which == 7 ? 9000 : 500), GFP_TRY);

	if (object)
		stamp(object, ksize(object) & ~3UL);
	return object;
}

static void work_on_hart(void *arg)
{
	void *held[HART_HELD] = { 0 };
	u32 state = 0x9e3779b9u + 77 * smp_processor_id();
	unsigned calls = ALL_CALLS / num_online_harts();
	u64 start = ktime_ns();

	for (unsigned i = 0; i < calls && (i < MIN_CALLS || ktime_ns() - start < ALL_NS); i++) {
		void **slot = &held[random_next(&state) % HART_HELD];

		if (*slot)
			release(*slot, state);
		*slot = obtain(random_next(&state));
		if (*slot && !(random_next(&state) & 1))
			*slot = __atomic_exchange_n(&shared[random_next(&state) % SHARED], *slot,
						    __ATOMIC_ACQ_REL);
	}
	for (int i = 0; i < HART_HELD; i++)
		if (held[i])
			release(held[i], state);
}

/* Every hart's magazines, each on its hart; the first fault. */
static void validate_here(void *arg)
{
	struct ktap *t = arg;
	char fault[SLAB_FAULT_LEN] = "";

	slab_validate_all(fault, sizeof(fault));
	KTAP_EXPECT_STREQ(t, fault, "");
}

static void test_all_harts(struct ktap *t)
{
	unsigned long before = slab_settle(), reports = slab_reports;

	both[0] = create(t, 24);
	both[1] = create(t, 700);
	nr_spoiled = 0;
	if (both[0] && both[1])
		on_each_hart(work_on_hart, NULL);
	on_each_hart(validate_here, t);
	for (int i = 0; i < SHARED; i++)
		if (shared[i])
			release(shared[i], 0);
	memset(shared, 0, sizeof(shared));
	KTAP_EXPECT_EQ(t, nr_spoiled, 0);
	KTAP_EXPECT_EQ(t, slab_reports, reports);
	for (int i = 0; i < 2; i++)
		KTAP_EXPECT_EQ(t, kmem_cache_destroy(both[i]), 0);
	slab_end(t, before);
}

/* ---- one hart allocates, the next frees ---- */

static void produce_or_consume(void *arg)
{
	bool produces = !(smp_processor_id() & 1);
	u64 start = ktime_ns();

	for (unsigned i = 0; i < 3000 && (i < MIN_CALLS || ktime_ns() - start < ALL_NS); i++) {
		void *object = produces ? kmem_cache_alloc(both[0], GFP_TRY) : NULL;

		if (object)
			stamp(object, 128);
		object = __atomic_exchange_n(&shared[i % SHARED], object, __ATOMIC_ACQ_REL);
		if (!object)
			continue;
		check_stamp(object, 128);
		kmem_cache_free(both[0], object);
		__atomic_fetch_add(&nr_done, !produces, __ATOMIC_RELAXED);
	}
}

static void test_producer_consumer(struct ktap *t)
{
	unsigned long before = slab_settle();

	if (num_online_harts() < 2) {
		ktap_skip(t, "needs two harts");
		return;
	}
	both[0] = create(t, 128);
	if (!both[0])
		return;
	nr_spoiled = nr_done = 0;
	for (int round = both[0]->rounds ? 0 : 4; round < 5; round++) {
		on_each_hart(produce_or_consume, NULL);
		on_each_hart(validate_here, t);
	}
	for (int i = 0; i < SHARED; i++)
		if (shared[i])
			kmem_cache_free(both[0], shared[i]);
	memset(shared, 0, sizeof(shared));
	KTAP_EXPECT_EQ(t, nr_spoiled, 0);
	ktap_diag(t, "%lu objects were freed elsewhere", nr_done);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(both[0]), 0);
	slab_end(t, before);
}

static const struct ktap_case cases[] = {
	{ KTAP_PREPARE, slab_prepare },
	{ "foreign", test_foreign },
	{ "double-free", test_double_free },
	{ "validator", test_validator },
	{ "steps", test_steps },
	{ "emptied", test_emptied },
	{ "irqs-off", test_irqs_off },
	{ "interrupts", test_interrupts },
	{ "all-harts", test_all_harts },
	{ "producer-consumer", test_producer_consumer },
	{},
};
static const struct ktap_suite suite_slab_harts = { "slab_harts", cases };
TABLE_ENTRY(ktap_suite, suite_slab_harts);
