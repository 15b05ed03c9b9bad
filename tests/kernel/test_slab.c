/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_slab.c - small objects: what they look like, and what happens to those who misuse them
 *
 * Each case ends with as many free pages as it found, after every cache gave back what it can.
 */
#include <asm/memory.h>
#include <base/errno.h>
#include <mm/highmem.h>
#include <mm/kmemleak.h>

#include "../../mm/slab.h"
#include "high_pages.h"
#include "chain.h"
#include "slab_tools.h"

#include <string.h>

#define GFP_TRY	    (GFP_KERNEL | __GFP_NOWARN)
#define GFP_UNHEARD ((GFP_ATOMIC & ~__GFP_KSWAPD_RECLAIM) | __GFP_NOWARN) /* kswapd isn't told */
#define ALONE	    SLAB_NO_MERGE

static bool is_power_of_two(size_t n)
{
	return !(n & (n - 1));
}

/* ---- kmalloc ---- */

static void check_class(struct ktap *t, size_t size)
{
	size_t rounded = kmalloc_size_roundup(size), align = is_power_of_two(size) ? size : 8;
	void *object = get(size, GFP_KERNEL);

	KTAP_ASSERT(t, object != NULL);
	KTAP_EXPECT(t, rounded >= size);
	KTAP_EXPECT(t, rounded - size < 8 || (rounded - size) * 5 <= rounded);
	KTAP_EXPECT_EQ(t, ksize(object), rounded);
	KTAP_EXPECT_EQ(t, (unsigned long)object & (max(align, (size_t)8) - 1), 0);
	memset(object, 0xc3, rounded);
	kfree(object);
}

static void test_classes(struct ktap *t)
{
	unsigned long before = slab_settle();
	unsigned classes = 0;

	for (size_t size = 1; size <= KMALLOC_MAX_CACHE_SIZE; size++) {
		check_class(t, size);
		classes += kmalloc_size_roundup(size) == size;
	}
	KTAP_EXPECT_EQ(t, classes, KMALLOC_CLASSES);
	slab_end(t, before);
}

/* A size that the compiler knows leads to the same class. */
static void test_constant(struct ktap *t)
{
	unsigned long before = slab_settle();

#define SAME_CLASS(size)                                                      \
	do {                                                                  \
		void *object = kmalloc_at(size, GFP_KERNEL, 0);               \
                                                                              \
		KTAP_ASSERT(t, object != NULL);                               \
		KTAP_EXPECT_EQ(t, ksize(object), kmalloc_size_roundup(size)); \
		kfree(object);                                                \
	} while (0)
	SAME_CLASS(8);
	SAME_CLASS(9);
	SAME_CLASS(64);
	SAME_CLASS(65);
	SAME_CLASS(128);
	SAME_CLASS(129);
	SAME_CLASS(160);
	SAME_CLASS(161);
	SAME_CLASS(1024);
	SAME_CLASS(1025);
	SAME_CLASS(8192);
	SAME_CLASS(8193);
	slab_end(t, before);
}

/* One of each class at a time: none reaches into another. */
static void test_apart(struct ktap *t)
{
	unsigned long before = slab_settle();
	unsigned char *object[2 * KMALLOC_CLASSES];
	unsigned nr = 0;

	for (size_t size = 8; size <= KMALLOC_MAX_CACHE_SIZE; size = kmalloc_size_roundup(size + 1))
		for (int twice = 0; twice < 2; twice++) {
			object[nr] = get(size, GFP_KERNEL);
			KTAP_ASSERT(t, object[nr] != NULL);
			memset(object[nr], (int)nr, ksize(object[nr]));
			nr++;
		}
	while (nr--) {
		KTAP_EXPECT(t, is_filled(object[nr], (unsigned char)nr, ksize(object[nr])));
		kfree(object[nr]);
	}
	slab_end(t, before);
}

static void test_large(struct ktap *t)
{
	unsigned long before = slab_settle();

	for (size_t size = KMALLOC_MAX_CACHE_SIZE + 1; size < 600000; size += size / 3) {
		unsigned order = get_order(size);
		void *object = get(size, GFP_TRY);

		KTAP_EXPECT_EQ(t, kmalloc_size_roundup(size), PAGE_SIZE << order);
		if (!object)
			break;	  /* little memory */
		if (!kmemleak_on) /* its record may take a page */
			KTAP_EXPECT_EQ(t, nr_free_pages(), before - (1UL << order));
		KTAP_EXPECT_EQ(t, (unsigned long)object & ((PAGE_SIZE << order) - 1), 0);
		KTAP_EXPECT_EQ(t, ksize(object), PAGE_SIZE << order);
		memset(object, 0x5c, size);
		kfree(object);
		KTAP_EXPECT_EQ(t, nr_free_pages(), before);
	}
	slab_end(t, before);
}

static void test_zero_size(struct ktap *t)
{
	unsigned long before = slab_settle();
	void *object = get(24, GFP_KERNEL);

	KTAP_ASSERT(t, object != NULL);
	KTAP_EXPECT(t, get(0, GFP_KERNEL) == ZERO_SIZE_PTR);
	KTAP_EXPECT(t, get(0, GFP_KERNEL | __GFP_ZERO) == ZERO_SIZE_PTR);
	KTAP_EXPECT(t, kcalloc(0, 16, GFP_KERNEL) == ZERO_SIZE_PTR);
	KTAP_EXPECT(t, krealloc(object, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	KTAP_EXPECT_EQ(t, ksize(ZERO_SIZE_PTR), 0);
	KTAP_EXPECT_EQ(t, ksize(NULL), 0);
	object = krealloc(ZERO_SIZE_PTR, 24, GFP_KERNEL);
	KTAP_EXPECT(t, object && !ZERO_OR_NULL_PTR(object));
	kfree(object);
	kfree(NULL);
	kfree(ZERO_SIZE_PTR);
	kfree_sensitive(NULL);
	slab_end(t, before);
}

static volatile size_t half = ~(size_t)0 / 2 + 1, most = ~(size_t)0;

static void test_overflow(struct ktap *t)
{
	unsigned long before = slab_settle();
	size_t root = (size_t)1 << 4 * sizeof(size_t);

	KTAP_EXPECT(t, !kmalloc_array(half, 2, GFP_TRY)); /* 0, modulo 2^64 */
	KTAP_EXPECT(t, !kmalloc_array(half, 3, GFP_TRY));
	KTAP_EXPECT(t, !kcalloc(root, root, GFP_TRY));
	KTAP_EXPECT(t, !kcalloc(most, most, GFP_TRY));
	KTAP_EXPECT(t, !get(most, GFP_TRY));
	KTAP_EXPECT(t, !get(half, GFP_TRY));
	KTAP_EXPECT_EQ(t, kmalloc_size_roundup(most), most);
	slab_end(t, before);
}

static void test_zeroed(struct ktap *t)
{
	unsigned long before = slab_settle();

	for (size_t size = 5; size < 40000; size += size / 4 + 1) {
		unsigned char *object = get(size, GFP_KERNEL);

		KTAP_ASSERT(t, object != NULL);
		memset(object, 0xff, ksize(object));
		kfree(object);
		object = get(size, GFP_KERNEL | __GFP_ZERO);
		KTAP_ASSERT(t, object != NULL);
		KTAP_EXPECT(t, is_filled(object, 0, size));
		kfree(object);
	}
	slab_end(t, before);
}

static void check_krealloc(struct ktap *t, unsigned char **object, size_t has, size_t size)
{
	unsigned char *moved = krealloc(*object, size, GFP_KERNEL);

	KTAP_ASSERT(t, moved != NULL);
	KTAP_EXPECT(t, size > ksize(*object) || moved == *object);
	KTAP_EXPECT(t, is_filled(moved, 0xd1, min(has, size)));
	KTAP_EXPECT(t, ksize(moved) >= size);
	memset(moved, 0xd1, size);
	*object = moved;
}

static void test_krealloc(struct ktap *t)
{
	static const u16 sizes[] = { 1, 8, 9, 100, 7, 1000, 5000, 8192, 8193, 20000, 300, 40000 };
	unsigned long before = slab_settle();
	unsigned char *object = NULL;
	size_t has = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned char *old = object;

		if (old && sizes[i] > ksize(old)) { /* it moves; the old one is gone then */
			object = krealloc(old, sizes[i], GFP_KERNEL);
			KTAP_ASSERT(t, object && object != old);
			KTAP_EXPECT(t, is_filled(object, 0xd1, has));
			memset(object, 0xd1, sizes[i]);
		} else {
			check_krealloc(t, &object, has, sizes[i]);
		}
		has = sizes[i];
	}
	KTAP_EXPECT(t, !krealloc(object, most / 2, GFP_TRY));
	KTAP_EXPECT(t, is_filled(object, 0xd1, has)); /* it's still there */
	kfree(object);
	slab_end(t, before);
}

static void test_strings(struct ktap *t)
{
	unsigned long before = slab_settle();
	char *copy = kstrdup("12345678", GFP_KERNEL),
	     *part = kstrndup("abcdefghijkl", 9, GFP_KERNEL);
	char *number = kasprintf(GFP_KERNEL, "%s %d", "number", 1234);
	char *bytes = kmemdup("ab\0cdefghi", 10, GFP_KERNEL);

	KTAP_EXPECT_STREQ(t, copy ? copy : "", "12345678");
	KTAP_EXPECT_STREQ(t, part ? part : "", "abcdefghi");
	KTAP_EXPECT_STREQ(t, number ? number : "", "number 1234");
	KTAP_EXPECT(t, bytes && !memcmp(bytes, "ab\0cdefghi", 10));
	KTAP_EXPECT(t, !kstrdup(NULL, GFP_KERNEL) && !kmemdup(NULL, 3, GFP_KERNEL));
	kfree(copy);
	kfree(part);
	kfree(number);
	kfree(bytes);
	slab_end(t, before);
}

/* Not a word of a secret is in the object that comes next.  (A byte may be: a free object holds a
 * number and a mark, which has any bits.) */
static void test_sensitive(struct ktap *t)
{
	unsigned long before = slab_settle(), flags, *next;
	bool found = false;
	char *secret;

	local_irq_save(flags);
	secret = get(200, GFP_ATOMIC);
	if (secret)
		memset(secret, 0x77, ksize(secret));
	kfree_sensitive(secret);
	next = get(200, GFP_ATOMIC);
	for (unsigned i = 0; next && i < 200 / sizeof(long); i++)
		found |= next[i] == ~0UL / 0xff * 0x77;
	kfree(next);
	local_irq_restore(flags);
	KTAP_EXPECT(t, secret && next && !found);
	slab_end(t, before);
}

/* ---- caches ---- */

static unsigned long nr_made;

static void make_object(void *object)
{
	memset(object, 0x3e, 40);
	nr_made++;
}

static struct page *slab_of(const void *object)
{
	return compound_head(virt_to_page(object));
}

static void test_constructor(struct ktap *t)
{
	unsigned long before = slab_settle();
	struct kmem_cache *s = kmem_cache_create("test-ctor", 40, 0, SLAB_SKIP_KFENCE, make_object);
	unsigned char *object[300];

	KTAP_ASSERT(t, s != NULL);
	nr_made = 0;
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(object); i++) {
			object[i] = kmem_cache_alloc(s, GFP_KERNEL);
			KTAP_ASSERT(t, object[i] != NULL);
			KTAP_EXPECT(t, is_filled(object[i], 0x3e, 40));
		}
		for (unsigned i = 0; i < ARRAY_SIZE(object); i++)
			kmem_cache_free(s, object[i]);
	}
	/* Once for each object of each slab. */
	KTAP_EXPECT(t, nr_made >= ARRAY_SIZE(object));
	KTAP_EXPECT_EQ(t, nr_made % s->objects, 0);
	KTAP_EXPECT(t, !s->rounds || nr_made < ARRAY_SIZE(object) + 9 * s->objects);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

static void check_alignment(struct ktap *t, unsigned size, unsigned align, slab_flags_t flags)
{
	struct kmem_cache *s = kmem_cache_create("test-align", size, align, flags | ALONE, NULL);
	unsigned least = align ? align : sizeof(void *), line = CACHE_LINE;
	void *object[5];

	if ((flags & SLAB_HWCACHE_ALIGN) && size > CACHE_LINE / 2)
		least = max(least, line);
	KTAP_ASSERT(t, s != NULL);
	KTAP_EXPECT_EQ(t, kmem_cache_size(s), size);
	for (unsigned i = 0; i < ARRAY_SIZE(object); i++) {
		unsigned long at = (unsigned long)(object[i] = kmem_cache_alloc(s, GFP_KERNEL));

		KTAP_ASSERT(t, object[i] != NULL);
		KTAP_EXPECT_EQ(t, at & (least - 1), 0);
		if ((flags & SLAB_HWCACHE_ALIGN) && size <= CACHE_LINE) /* lies in one line */
			KTAP_EXPECT_EQ(t, at / line, (at + size - 1) / line);
		memset(object[i], (int)i, size);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(object); i++) {
		KTAP_EXPECT(t, is_filled(object[i], (unsigned char)i, size));
		kmem_cache_free(s, object[i]);
	}
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
}

static void test_alignment(struct ktap *t)
{
	unsigned long before = slab_settle();
	static const u16 sizes[] = { 1, 4, 7, 16, 31, 33, 63, 64, 65, 200, 1000, 3000 };

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		check_alignment(t, sizes[i], 0, 0);
		check_alignment(t, sizes[i], 0, SLAB_HWCACHE_ALIGN);
		check_alignment(t, sizes[i], 2U << i, 0);
	}
	slab_end(t, before);
}

static void test_merging(struct ktap *t)
{
	unsigned long before = slab_settle();
	struct kmem_cache *a = kmem_cache_create("test-a", 88, 0, 0, NULL);
	struct kmem_cache *b = kmem_cache_create("test-b", 85, 0, 0, NULL);
	struct kmem_cache *alone = kmem_cache_create("test-alone", 88, 0, ALONE, NULL);
	struct kmem_cache *made = kmem_cache_create("test-made", 88, 0, 0, make_object);
	struct kmem_cache *other = kmem_cache_create("test-rcl", 88, 0, SLAB_RECLAIM_ACCOUNT, NULL);
	struct kmem_cache *larger = kmem_cache_create("test-line", 88, 64, 0, NULL);
	void *object;

	KTAP_ASSERT(t, a && b && alone && made && other && larger);
	KTAP_EXPECT(t,
		    a == b || !a->rounds); /* debugged ones have no magazines, and aren't merged */
	KTAP_EXPECT(t, a != alone && a != made && a != other && a != larger);
	KTAP_EXPECT(t, kmem_cache_size(b) >= 85);
	object = kmem_cache_alloc(b, GFP_KERNEL);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(a), 0); /* b still has it */
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(alone), 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(made), 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(other), 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(larger), 0);
	KTAP_ASSERT(t, object != NULL);
	kmem_cache_free(b, object);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(b), 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(NULL), 0);
	slab_end(t, before);
}

static void test_nonsense(struct ktap *t)
{
	unsigned long before = slab_settle();

	page_reports_expect(true);
	KTAP_EXPECT(t, !kmem_cache_create(NULL, 64, 0, 0, NULL));
	KTAP_EXPECT(t, !kmem_cache_create("", 64, 0, 0, NULL));
	KTAP_EXPECT(t, !kmem_cache_create("none", 0, 0, 0, NULL));
	KTAP_EXPECT(t, !kmem_cache_create("huge", 1U << 30, 0, 0, NULL));
	KTAP_EXPECT(t, !kmem_cache_create("crooked", 64, 24, 0, NULL));
	KTAP_EXPECT(t, !kmem_cache_create("wide", 64, PAGE_SIZE * 2, 0, NULL));
	KTAP_EXPECT(t, !kmem_cache_create("strange", 64, 0, (slab_flags_t)1 << 31, NULL));
	page_reports_expect(false);
	slab_end(t, before);
}

/* From the zones that the flags mean. */
static void test_zones(struct ktap *t)
{
	static const gfp_t gfp[] = { __GFP_DMA, __GFP_DMA32 };
	static const slab_flags_t flags[] = { SLAB_CACHE_DMA, SLAB_CACHE_DMA32 };
	unsigned long before = slab_settle();

	for (int i = 0; i < 2; i++) {
		struct kmem_cache *s = kmem_cache_create("test-dma", 56, 0, flags[i] | ALONE, NULL);
		struct page *page = alloc_page(GFP_TRY | gfp[i]);
		void *a, *b;

		KTAP_ASSERT(t, s != NULL);
		if (page) {
			unsigned highest = page_zone(page)->type;

			a = kmem_cache_alloc(s, GFP_KERNEL);
			b = get(64, GFP_KERNEL | gfp[i]);
			KTAP_ASSERT(t, a && b);
			KTAP_EXPECT(t, page_zone(slab_of(a))->type <= highest);
			KTAP_EXPECT(t, page_zone(slab_of(b))->type <= highest);
			kmem_cache_free(s, a);
			kfree(b);
			__free_page(page);
		}
		KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	}
	slab_end(t, before);
}

static void test_nodes(struct ktap *t)
{
	unsigned long before = slab_settle();
	struct kmem_cache *s =
		kmem_cache_create("test-nodes", 72, 0, ALONE | SLAB_SKIP_KFENCE, NULL);

	KTAP_ASSERT(t, s != NULL);
	/* The second time this hart has all nodes' at hand. */
	for (unsigned turn = 0; turn < 2 * nr_nodes; turn++) {
		int nid = (int)(turn % nr_nodes);
		void *object[100];

		if (!node_has_low_memory(nid))
			continue;
		for (unsigned i = 0; i < ARRAY_SIZE(object); i++) {
			object[i] = kmem_cache_alloc_node(s, GFP_KERNEL, nid);
			KTAP_ASSERT(t, object[i] != NULL);
			KTAP_EXPECT_EQ(t, page_to_nid(slab_of(object[i])), nid);
		}
		for (unsigned i = 0; i < ARRAY_SIZE(object); i++)
			kmem_cache_free(s, object[i]);
	}
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

/* All or none, in whatever numbers; each object once. */
static void test_bulk(struct ktap *t)
{
	unsigned long before = slab_settle();
	struct kmem_cache *s = kmem_cache_create("test-bulk", 80, 0, ALONE, NULL);
	void *object[300];

	KTAP_ASSERT(t, s != NULL);
	for (unsigned nr = 0; nr <= ARRAY_SIZE(object); nr = nr * 2 + 1) {
		gfp_t gfp = GFP_KERNEL | (nr & 2 ? __GFP_ZERO : 0);

		KTAP_ASSERT_EQ(t, kmem_cache_alloc_bulk(s, gfp, nr, object), nr);
		for (unsigned i = 0; i < nr; i++) {
			KTAP_EXPECT(t, !(gfp & __GFP_ZERO) || is_filled(object[i], 0, 80));
			memset(object[i], (int)(i % 251), 80);
		}
		for (unsigned i = 0; i < nr; i++)
			KTAP_EXPECT(t, is_filled(object[i], (unsigned char)(i % 251), 80));
		kmem_cache_free_bulk(s, nr, object);
	}
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

static void test_destroy(struct ktap *t)
{
	unsigned long before = slab_settle();
	struct kmem_cache *s = kmem_cache_create("test-destroy", 100, 0, ALONE, NULL);
	void *a, *b;

	KTAP_ASSERT(t, s != NULL);
	a = kmem_cache_alloc(s, GFP_KERNEL);
	b = kmem_cache_alloc(s, GFP_KERNEL);
	page_reports_expect(true);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), -EBUSY);
	kmem_cache_free(s, a);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), -EBUSY);
	page_reports_expect(false);
	a = kmem_cache_alloc(s, GFP_KERNEL); /* it's as it was */
	KTAP_EXPECT(t, a && a != b);
	kmem_cache_free(s, a);
	kmem_cache_free(s, b);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

/* What a cache keeps of what was freed has a bound; shrinking it leaves nothing. */
static void test_shrink(struct ktap *t)
{
	unsigned long before = slab_settle(), bound, taken = 0;
	struct kmem_cache *s = kmem_cache_create("test-shrink", 256, 0, ALONE, NULL);
	void **chain = NULL, **object;

	KTAP_ASSERT(t, s != NULL);
	bound = ((6UL << s->order) + nr_managed_pages() / 512) * nr_nodes + 64;
	while (taken < before / 2 && taken < 4096 && (object = kmem_cache_alloc(s, GFP_TRY))) {
		*object = chain;
		chain = object;
		taken = before - nr_free_pages();
	}
	while ((object = chain)) {
		chain = *object;
		kmem_cache_free(s, object);
	}
	KTAP_EXPECT(t, before - nr_free_pages() <= bound);
	kmem_cache_shrink(s);
	KTAP_EXPECT_EQ(t, kmem_cache_shrink(s), 0);
	for (unsigned nid = 0; nid < nr_nodes; nid++)
		KTAP_EXPECT_EQ(t, s->node[nid]->nr_slabs, 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

/* ---- when there is none ---- */

/* All but some MiB in large blocks. */
static void take_most(struct chain *ballast, unsigned order)
{
	struct page *page;

	while (nr_free_lowpages() > (2UL << order) + 1500 &&
	       (page = alloc_pages(GFP_UNHEARD, order)))
		push(ballast, page);
}

/* All that @s can have, in a chain.  An allocation that fails makes some harts' pages free for the
 * next one, so it's not the last before several have failed. */
static void **take_all(struct kmem_cache *s, unsigned *nr)
{
	void **chain = NULL;
	unsigned failed = 0;

	for (*nr = 0; failed < 5;) {
		void **object = kmem_cache_alloc(s, GFP_UNHEARD);

		if (!object) {
			failed++;
			continue;
		}
		*object = chain;
		chain = object;
		failed = 0;
		++*nr;
	}
	return chain;
}

static void test_exhaust(struct ktap *t)
{
	unsigned long before = slab_settle();
	struct kmem_cache *s = kmem_cache_create("test-exhaust", 1024, 0, ALONE, NULL), *late;
	struct chain ballast = { 0 };
	void **chain, **object;
	unsigned nr;

	KTAP_ASSERT(t, s != NULL);
	take_most(&ballast, 8);
	chain = take_all(s, &nr);
	KTAP_EXPECT(t, nr > 100);
	kfree(get(20000, GFP_UNHEARD));
	while ((object = chain)) {
		chain = *object;
		kmem_cache_free(s, object);
	}
	free_chain(&ballast, 8);
	object = kmem_cache_alloc(s, GFP_KERNEL);
	KTAP_EXPECT(t, object != NULL);
	if (object)
		kmem_cache_free(s, object);
	late = kmem_cache_create("test-late", 1000, 0, ALONE, NULL);
	KTAP_EXPECT(t, late && !kmem_cache_destroy(late));
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

static const struct ktap_case cases[] = {
	{ KTAP_PREPARE, slab_prepare },	 { "classes", test_classes },
	{ "constant", test_constant },	 { "apart", test_apart },
	{ "large", test_large },	 { "zero-size", test_zero_size },
	{ "overflow", test_overflow },	 { "zeroed", test_zeroed },
	{ "krealloc", test_krealloc },	 { "strings", test_strings },
	{ "sensitive", test_sensitive }, { "constructor", test_constructor },
	{ "alignment", test_alignment }, { "merging", test_merging },
	{ "nonsense", test_nonsense },	 { "zones", test_zones },
	{ "nodes", test_nodes },	 { "bulk", test_bulk },
	{ "destroy", test_destroy },	 { "shrink", test_shrink },
	{ "exhaust", test_exhaust },	 {},
};
static const struct ktap_suite suite_slab = { "slab", cases };
TABLE_ENTRY(ktap_suite, suite_slab);
