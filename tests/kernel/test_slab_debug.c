/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_slab_debug.c - slab debugging finds what is done wrong on purpose
 *
 * Each case makes its own cache with the flags that it needs.  What is expected to be said goes
 * into the log as LOG_DEBUG, where it's looked for: once, with the names of takes_object() and
 * gives_object().
 */
#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/smp.h>
#include <mm/kmalloc.h>
#include <mm/page_alloc.h>
#include <shell/ktap.h>

#include "../../mm/slab.h"
#include "slab_tools.h"

#include <string.h>

#ifdef CONFIG_SLUB_DEBUG

#define CHECKS SLAB_CONSISTENCY_CHECKS
#define FULL   (CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)
#define SIZE   60

#define MOST_HARTS 64

/* ---- what was said ---- */

static u64 said_from; /* number of a message */
static unsigned long reports_before;

static void listen(void)
{
	char text[LOG_TEXT_MAX + 1];
	struct log_record rec;

	page_reports_expect(true);
	reports_before = slab_reports;
	while (log_read(&said_from, &rec, text))
		;
}

/* How many messages since listen() have both @a and @b. */
static unsigned said(const char *a, const char *b)
{
	char text[LOG_TEXT_MAX + 1];
	struct log_record rec;
	u64 seq = said_from;
	unsigned nr = 0;

	while (log_read(&seq, &rec, text))
		nr += strstr(text, a) && strstr(text, b);
	return nr;
}

/* Just one report, which has @what. */
static void expect_report(struct ktap *t, const char *what)
{
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, slab_reports, reports_before + 1);
	KTAP_EXPECT_EQ(t, said(" of test-debug ", what), 1);
}

static void expect_call(struct ktap *t, const char *what, const char *function)
{
	KTAP_EXPECT_EQ(t, said(what, function), 1);
}

static void expect_silence(struct ktap *t)
{
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, slab_reports, reports_before);
}

/* ---- a cache for a case ---- */

static struct kmem_cache *make(struct ktap *t, unsigned size, slab_flags_t flags,
			       void (*ctor)(void *))
{
	struct kmem_cache *s =
		kmem_cache_create("test-debug", size, 0, flags | SLAB_SKIP_KFENCE, ctor);

	KTAP_EXPECT(t, s != NULL);
	return s;
}

/* Nothing is left, and nothing is wrong with what was. */
static void unmake(struct ktap *t, struct kmem_cache *s)
{
	char fault[SLAB_FAULT_LEN] = "";

	listen();
	slab_validate(s, fault, sizeof(fault));
	KTAP_EXPECT_STREQ(t, fault, "");
	KTAP_EXPECT_EQ(t, validate_slab_cache(s), 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	expect_silence(t);
}

/* ---- writes ---- */

/* A used object that somebody writes to at @offset is found when it's freed, and never again. */
static void spoil_used(struct ktap *t, slab_flags_t flags, int offset, const char *what)
{
	struct kmem_cache *s = make(t, SIZE, flags, NULL);
	u8 *object = s ? takes_object(s) : NULL;

	KTAP_ASSERT(t, object != NULL);
	gives_object(s, object);
	KTAP_ASSERT(t, takes_object(s) == object);
	listen();
	object[offset] = 0x41;
	gives_object(s, object);
	expect_report(t, what);
	KTAP_EXPECT_EQ(t, said("hold 41, expected", "; mended"), 1);
	expect_call(t, "  allocated at ", ": takes_object+");
	expect_call(t, "  freed at ", ": gives_object+");
	KTAP_EXPECT_EQ(t, said(">", " 41 "), 1);
	listen();
	KTAP_EXPECT(t, takes_object(s) == object);
	gives_object(s, object);
	expect_silence(t);
	unmake(t, s);
}

static void test_past_end(struct ktap *t)
{
	spoil_used(t, FULL, SIZE, "behind its end");
	spoil_used(t, FULL, SIZE + 7, "behind its end");
	spoil_used(t, SLAB_RED_ZONE | SLAB_STORE_USER, SIZE, "behind its end");
}

static void test_before_start(struct ktap *t)
{
	spoil_used(t, FULL, -1, "before its start");
	spoil_used(t, FULL, -8, "before its start");
}

static void test_far_behind(struct ktap *t)
{
	struct kmem_cache *s = make(t, SIZE, FULL, NULL);
	u8 *object = s ? takes_object(s) : NULL;
	u8 *slab;

	KTAP_ASSERT(t, object != NULL);
	slab = page_address(compound_head(virt_to_page(object)));
	listen();
	slab[s->objects * s->size] = 0x41;
	KTAP_EXPECT_EQ(t, validate_slab_cache(s), 1);
	expect_report(t, "far behind its end");
	gives_object(s, object);
	unmake(t, s);
}

/* A free object that somebody writes to at @offset is found when it's handed out. */
static void spoil_free(struct ktap *t, slab_flags_t flags, int offset)
{
	struct kmem_cache *s = make(t, SIZE, flags, NULL);
	u8 *object = s ? takes_object(s) : NULL;

	KTAP_ASSERT(t, object != NULL);
	gives_object(s, object);
	listen();
	object[offset] ^= 0x10;
	KTAP_EXPECT(t, takes_object(s) == object);
	expect_report(t, "after it was freed");
	if (flags & SLAB_STORE_USER) {
		expect_call(t, "  allocated at ", ": takes_object+");
		expect_call(t, "  freed at ", ": gives_object+");
	}
	gives_object(s, object);
	unmake(t, s);
}

static void test_after_free(struct ktap *t)
{
	spoil_free(t, FULL, 8);
	spoil_free(t, FULL, SIZE - 1);
	spoil_free(t, SLAB_POISON, 0);
}

/* Also when nobody allocates any more. */
static void test_found_at_destroy(struct ktap *t)
{
	struct kmem_cache *s = make(t, SIZE, FULL, NULL);
	u8 *object = s ? takes_object(s) : NULL;

	KTAP_ASSERT(t, object != NULL);
	gives_object(s, object);
	listen();
	object[17] = 0;
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	expect_report(t, "after it was freed");
	expect_call(t, "  freed at ", ": gives_object+");
}

/* ---- frees ---- */

/* Freed twice, with @between others freed meanwhile. */
static void double_free(struct ktap *t, slab_flags_t flags, unsigned between)
{
	struct kmem_cache *s = make(t, SIZE, flags, NULL);
	u8 *object[4] = { NULL }, *again[4];

	for (unsigned i = 0; s && i <= between; i++) {
		object[i] = takes_object(s);
		KTAP_ASSERT(t, object[i] != NULL);
	}
	for (unsigned i = 0; i <= between; i++)
		gives_object(s, object[i]);
	listen();
	gives_object(s, object[0]);
	expect_report(t, "was freed before");
	if (flags & SLAB_STORE_USER) {
		expect_call(t, "  allocated at ", ": takes_object+");
		expect_call(t, "  freed at ", ": gives_object+");
	}
	/* It isn't handed out twice. */
	for (unsigned i = 0; i <= between; i++) {
		again[i] = takes_object(s);
		for (unsigned other = 0; other < i; other++)
			KTAP_EXPECT(t, again[i] != again[other]);
	}
	for (unsigned i = 0; i <= between; i++)
		gives_object(s, again[i]);
	unmake(t, s);
}

static void test_double_free(struct ktap *t)
{
	double_free(t, FULL, 0);
	double_free(t, FULL, 3);
	double_free(t, CHECKS, 2);
	double_free(t, SLAB_RED_ZONE, 1);
}

static void test_wrong_cache(struct ktap *t)
{
	struct kmem_cache *s = make(t, SIZE, FULL, NULL);
	struct kmem_cache *other =
		kmem_cache_create("test-other", SIZE, 0, FULL | SLAB_SKIP_KFENCE, NULL);
	u8 *object = s ? takes_object(s) : NULL;

	KTAP_ASSERT(t, object && other);
	listen();
	gives_object(other, object);
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, slab_reports, reports_before + 1);
	KTAP_EXPECT_EQ(t, said(" of test-other ", "isn't of this cache"), 1);
	KTAP_EXPECT_EQ(t, said("  object ", " of test-debug, "), 1);
	expect_call(t, "  allocated at ", ": takes_object+");
	gives_object(s, object);
	unmake(t, s);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(other), 0);
}

static void test_misaligned(struct ktap *t)
{
	struct kmem_cache *s = make(t, SIZE, FULL, NULL);
	u8 *object = s ? takes_object(s) : NULL;

	KTAP_ASSERT(t, object != NULL);
	for (int i = 0; i < 2; i++) { /* the second time what is known is still known */
		listen();
		gives_object(s, object + 16);
		expect_report(t, "doesn't begin there");
		KTAP_EXPECT_EQ(t, said("that is its byte 16", ""), 1);
		expect_call(t, "  allocated at ", ": takes_object+");
	}
	listen();
	gives_object(s, object - s->pad);
	expect_report(t, "doesn't begin there");
	listen();
	gives_object(s, object);
	expect_silence(t);
	unmake(t, s);
}

static void test_foreign(struct ktap *t)
{
	struct page *page = alloc_page(GFP_KERNEL);

	KTAP_ASSERT(t, page != NULL);
	listen();
	kfree(page_address(page));
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, slab_reports, reports_before + 1);
	__free_page(page);
}

static void test_leak(struct ktap *t)
{
	struct kmem_cache *s = make(t, SIZE, FULL, NULL);
	u8 *object = s ? takes_object(s) : NULL, *other = s ? takes_object(s) : NULL;

	KTAP_ASSERT(t, object && other);
	gives_object(s, other);
	listen();
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), -EBUSY);
	expect_silence(t);
	KTAP_EXPECT_EQ(t, said("test-debug: ", " is in use"), 1);
	KTAP_EXPECT_EQ(t, said("test-debug can't be destroyed", ": 1 objects are in use"), 1);
	expect_call(t, "  allocated at ", ": takes_object+");
	gives_object(s, object);
	unmake(t, s);
}

/* ---- what is in objects ---- */

static bool all_bytes(const u8 *from, unsigned bytes, u8 value)
{
	for (unsigned i = 0; i < bytes; i++)
		if (from[i] != value)
			return false;
	return true;
}

static void test_poison(struct ktap *t)
{
	struct kmem_cache *s = make(t, SIZE, SLAB_POISON, NULL);
	u8 *object = s ? takes_object(s) : NULL;

	KTAP_ASSERT(t, object != NULL);
	KTAP_EXPECT(t, all_bytes(object, SIZE, 0x5a));
	gives_object(s, object);
	KTAP_EXPECT(t, all_bytes(object, SIZE - 1, 0x6b));
	KTAP_EXPECT_EQ(t, object[SIZE - 1], 0xa5);
	KTAP_EXPECT(t, kmem_cache_zalloc(s, GFP_KERNEL) == object);
	KTAP_EXPECT(t, all_bytes(object, SIZE, 0));
	gives_object(s, object);
	unmake(t, s);
}

static void construct(void *object)
{
	memset(object, 0x77, SIZE);
}

static void test_constructor(struct ktap *t)
{
	struct kmem_cache *s = make(t, SIZE, FULL, construct);
	u8 *object = s ? takes_object(s) : NULL;

	KTAP_ASSERT(t, object != NULL);
	KTAP_EXPECT(t, all_bytes(object, SIZE, 0x77));
	gives_object(s, object);
	KTAP_EXPECT(t, all_bytes(object, SIZE, 0x77));
	KTAP_EXPECT(t, takes_object(s) == object);
	KTAP_EXPECT(t, all_bytes(object, SIZE, 0x77));
	listen();
	object[SIZE] = 0x41;
	gives_object(s, object);
	expect_report(t, "behind its end");
	unmake(t, s);
}

/* ---- nothing is found where nothing is wrong ---- */

#define CROWD 40

static void use_all(struct ktap *t, struct kmem_cache *s, unsigned size, unsigned align)
{
	static u8 *object[CROWD];

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < CROWD; i++) {
			object[i] = takes_object(s);
			KTAP_ASSERT(t, object[i] != NULL);
			KTAP_EXPECT_EQ(t, (unsigned long)object[i] & (align - 1), 0);
			memset(object[i], (int)i, size);
		}
		KTAP_EXPECT_EQ(t, validate_slab_cache(s), 0);
		for (unsigned i = 0; i < CROWD; i++) {
			unsigned nr = i * 7 % CROWD;

			KTAP_EXPECT(t, all_bytes(object[nr], size, (u8)nr));
			gives_object(s, object[nr]);
		}
	}
}

/* All flags, small and large objects, any alignment. */
static void test_combinations(struct ktap *t)
{
	static const slab_flags_t flags[] = { CHECKS, SLAB_RED_ZONE, SLAB_POISON, SLAB_STORE_USER };
	static const u16 sizes[] = { 1, 7, 8, 64, 100, 1024, 4096 };

	for (unsigned of = 1; of < 16; of++) {
		unsigned size = sizes[of % ARRAY_SIZE(sizes)], align = 8U << of % 7;
		struct kmem_cache *s;
		slab_flags_t all = 0;

		for (unsigned i = 0; i < ARRAY_SIZE(flags); i++)
			all |= of & 1U << i ? flags[i] : 0;
		s = kmem_cache_create("test-debug", size, align, all | SLAB_SKIP_KFENCE, NULL);
		KTAP_ASSERT(t, s != NULL);
		KTAP_EXPECT_EQ(t, kmem_cache_size(s), size);
		listen();
		use_all(t, s, size, align);
		expect_silence(t);
		unmake(t, s);
	}
}

static void test_validate(struct ktap *t)
{
	struct kmem_cache *s = make(t, SIZE, FULL, NULL);
	u8 *object[3] = { NULL };

	for (unsigned i = 0; s && i < 3; i++) {
		object[i] = takes_object(s);
		KTAP_ASSERT(t, object[i] != NULL);
	}
	gives_object(s, object[2]);
	KTAP_EXPECT_EQ(t, validate_slab_cache(s), 0);
	listen();
	object[0][-1] = 1;
	object[2][3] = 1;
	KTAP_EXPECT_EQ(t, validate_slab_cache(s), 2);
	KTAP_EXPECT_EQ(t, validate_slab_cache(s), 0);
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, slab_reports, reports_before + 2);
	gives_object(s, object[0]);
	gives_object(s, object[1]);
	unmake(t, s);
}

/* An object of a slab that has no free one is looked at too. */
static void test_whole(struct ktap *t)
{
	struct kmem_cache *s = make(t, SIZE, FULL, NULL);
	u8 *object = s ? takes_object(s) : NULL, *chain = NULL, *next;
	const struct page *slab;

	KTAP_ASSERT(t, object != NULL);
	slab = compound_head(virt_to_page(object));
	while (slab->object_free != NO_OBJECT) {
		next = takes_object(s);
		KTAP_ASSERT(t, next != NULL);
		memcpy(next, &chain, sizeof(chain));
		chain = next;
	}
	listen();
	object[SIZE] = 1;
	KTAP_EXPECT_EQ(t, validate_slab_cache(s), 1);
	expect_report(t, "behind its end");
	for (; chain; chain = next) {
		memcpy(&next, chain, sizeof(next));
		gives_object(s, chain);
	}
	gives_object(s, object);
	unmake(t, s);
}

/* What is handed out and taken back in one call. */
static void test_bulk(struct ktap *t)
{
	struct kmem_cache *s = make(t, SIZE, FULL, NULL);
	void *object[20];

	KTAP_ASSERT(t, s != NULL);
	KTAP_ASSERT_EQ(t, kmem_cache_alloc_bulk(s, GFP_KERNEL, ARRAY_SIZE(object), object),
		       ARRAY_SIZE(object));
	for (unsigned i = 0; i < ARRAY_SIZE(object); i++)
		memset(object[i], (int)i, SIZE);
	KTAP_EXPECT_EQ(t, validate_slab_cache(s), 0);
	listen();
	((u8 *)object[7])[-3] = 1;
	kmem_cache_free_bulk(s, ARRAY_SIZE(object), object);
	expect_report(t, "before its start");
	unmake(t, s);
}

struct crowd {
	struct ktap *t;
	struct kmem_cache *s;
	u8 *left[MOST_HARTS]; /* for another hart */
	unsigned nr;
};

static void on_a_hart(void *arg)
{
	struct crowd *c = arg;
	unsigned cpu = smp_processor_id();

	for (unsigned i = 0; i < 30; i++) {
		u8 *object = kmem_cache_alloc(c->s, GFP_ATOMIC);

		KTAP_ASSERT(c->t, object != NULL);
		memset(object, (int)cpu, SIZE);
		object = __atomic_exchange_n(&c->left[(cpu + i) % c->nr], object, __ATOMIC_ACQ_REL);
		if (object)
			kmem_cache_free(c->s, object);
		if (i % 8 == cpu % 8)
			KTAP_EXPECT_EQ(c->t, validate_slab_cache(c->s), 0);
	}
}

/* Objects that one hart allocates and another frees, while others look at them. */
static void test_harts(struct ktap *t)
{
	static struct crowd c;

	memset(&c, 0, sizeof(c));
	c.t = t;
	c.nr = min(nr_harts, (unsigned)MOST_HARTS);
	c.s = make(t, SIZE, FULL, NULL);
	KTAP_ASSERT(t, c.s != NULL);
	listen();
	on_each_hart(on_a_hart, &c);
	for (unsigned i = 0; i < c.nr; i++)
		if (c.left[i])
			kmem_cache_free(c.s, c.left[i]);
	expect_silence(t);
	unmake(t, c.s);
}

/* Not debugged: no byte more, and no hook; and a debugged one shares nothing with it. */
static void test_others(struct ktap *t)
{
	struct kmem_cache *s = kmem_cache_create("test-plain", 64, 0, 0, NULL);
	struct kmem_cache *debugged = make(t, 64, CHECKS, NULL);

	KTAP_ASSERT(t, s && debugged);
	KTAP_EXPECT(t, s != debugged && debugged->debugged && !debugged->rounds);
	if (s->debugged) {
		ktap_skip(t, "slub_debug= has them all debugged");
	} else {
		KTAP_EXPECT_EQ(t, s->size, 64);
		KTAP_EXPECT(t, !s->pad && !s->link);
	}
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	unmake(t, debugged);
}

static const struct ktap_case cases[] = {
	{ KTAP_PREPARE, slab_prepare },
	{ "past-end", test_past_end },
	{ "before-start", test_before_start },
	{ "far-behind", test_far_behind },
	{ "after-free", test_after_free },
	{ "at-destroy", test_found_at_destroy },
	{ "double-free", test_double_free },
	{ "wrong-cache", test_wrong_cache },
	{ "misaligned", test_misaligned },
	{ "foreign", test_foreign },
	{ "leak", test_leak },
	{ "poison", test_poison },
	{ "constructor", test_constructor },
	{ "combinations", test_combinations },
	{ "validate", test_validate },
	{ "whole", test_whole },
	{ "bulk", test_bulk },
	{ "harts", test_harts },
	{ "others", test_others },
	{},
};

#else

static void test_nothing(struct ktap *t)
{
	ktap_skip(t, "built without CONFIG_SLUB_DEBUG");
}

static const struct ktap_case cases[] = {
	{ "flags", test_nothing },
	{},
};

#endif

static const struct ktap_suite suite_slab_debug = { "slab_debug", cases };
TABLE_ENTRY(ktap_suite, suite_slab_debug);
