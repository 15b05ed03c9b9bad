/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kmalloc.c - what is built on kmalloc(), at its edges
 *
 * Sizes and classes themselves: test_slab.c.
 */
#include <base/errno.h>
#include <kernel/lockdebug.h>
#include <kernel/random.h>
#include <mm/page_alloc.h>
#include <mm/page_ref.h>

#include "../../mm/slab.h"
#include "high_pages.h"
#include "slab_tools.h"

#include <string.h>

/* The caches of short texts too. */
static void prepare(struct ktap *t)
{
	slab_prepare(t);
	kfree(kstrdup("", GFP_KERNEL));
	kfree(kasprintf(GFP_KERNEL, "%s", ""));
	slab_settle();
}

/* ---- accounting ---- */

static void test_account(struct ktap *t)
{
	unsigned long before = slab_settle();
	struct kmem_cache *a = kmem_cache_create("test-a", 104, 0, SLAB_ACCOUNT, NULL);
	struct kmem_cache *b = kmem_cache_create("test-b", 104, 0, SLAB_ACCOUNT, NULL);
	struct kmem_cache *c = kmem_cache_create("test-c", 104, 0, 0, NULL);
	void *object, *bytes = get(104, GFP_KERNEL_ACCOUNT);

	KTAP_ASSERT(t, a && b && c && bytes);
	KTAP_EXPECT(t, a != c && b != c);
	KTAP_EXPECT(t, a == b || !a->rounds);
	KTAP_EXPECT(t, a->flags & SLAB_ACCOUNT);
	object = kmem_cache_alloc(a, GFP_KERNEL_ACCOUNT);
	KTAP_ASSERT(t, object != NULL);
	kmem_cache_free(a, object);
	kfree(bytes);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(a), 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(b), 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(c), 0);
	slab_end(t, before);
}

/* ---- nodes ---- */

static void check_node(struct ktap *t, size_t size, int nid)
{
	gfp_t gfp = GFP_KERNEL | __GFP_THISNODE;
	unsigned char *object[2] = { kmalloc_node_at(size, gfp, nid, 0),
				     kmalloc_node_at(size, gfp | __GFP_ZERO, nid, 0) };

	for (unsigned i = 0; i < 2; i++) {
		KTAP_ASSERT(t, object[i] != NULL);
		KTAP_EXPECT_EQ(t, page_to_nid(virt_to_page(object[i])), nid);
		KTAP_EXPECT_EQ(t, ksize(object[i]), kmalloc_size_roundup(size));
		KTAP_EXPECT(t, !i || is_filled(object[i], 0, size));
		memset(object[i], 0xee, size);
	}
	kfree(object[0]);
	kfree(object[1]);
}

static void test_node(struct ktap *t)
{
	static const u16 sizes[] = { 5, 64, 100, 3000, 8192, 8193, 20000 };
	unsigned long before = slab_settle();
	size_t half = ~(size_t)0 / 2;
	void *object;
	int nid;

	for_each_node_id(nid)
		for (unsigned i = 0; node_has_low_memory(nid) && i < ARRAY_SIZE(sizes); i++) {
			check_node(t, sizes[i], nid);
			check_node(t, sizes[i], nid); /* of what the first left */
		}
	object = kmalloc_node_at(40, GFP_KERNEL, NUMA_NO_NODE, 0);
	KTAP_EXPECT_EQ(t, ksize(object), 40);
	kfree(object);
	KTAP_EXPECT(t, kmalloc_node(0, GFP_KERNEL, 0) == ZERO_SIZE_PTR);
	KTAP_EXPECT(t, kzalloc_node(0, GFP_KERNEL, NUMA_NO_NODE) == ZERO_SIZE_PTR);
	KTAP_EXPECT(t, !kmalloc_array_node(half, 3, GFP_KERNEL, 0));
	KTAP_EXPECT(t, kcalloc_node(0, 3, GFP_KERNEL, 0) == ZERO_SIZE_PTR);
	slab_end(t, before);
}

/* ---- kvmalloc ---- */

static void check_kvmalloc(struct ktap *t, size_t size)
{
	unsigned char *bytes = kvmalloc_node_at(size, GFP_KERNEL, NUMA_NO_NODE, 0), *more;
	unsigned char *clear;

	KTAP_ASSERT(t, bytes != NULL);
	memset(bytes, 0x4b, size);
	more = kvrealloc(bytes, size * 2, GFP_KERNEL);
	KTAP_ASSERT(t, more != NULL);
	KTAP_EXPECT(t, is_filled(more, 0x4b, size));
	memset(more, 0x4b, size * 2);
	kvfree(more);
	clear = kvmalloc_node_at(size * 2, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE, 0);
	KTAP_ASSERT(t, clear != NULL);
	KTAP_EXPECT(t, is_filled(clear, 0, size * 2));
	kvfree(clear);
}

static void test_kvmalloc(struct ktap *t)
{
	unsigned long before = slab_settle();
	volatile size_t huge = ~(size_t)0 / 4, half = ~(size_t)0 / 2;

	for (size_t size = 1; size < 30000; size = size * 3 + 1)
		check_kvmalloc(t, size);
	KTAP_EXPECT(t, !kvmalloc(huge, GFP_KERNEL | __GFP_NOWARN));
	KTAP_EXPECT(t, !kvmalloc_array(half, 3, GFP_KERNEL));
	KTAP_EXPECT(t, !kvcalloc(3, half, GFP_KERNEL));
	KTAP_EXPECT(t, kvzalloc(0, GFP_KERNEL) == ZERO_SIZE_PTR);
	kvfree(NULL);
	kvfree(ZERO_SIZE_PTR);
	slab_end(t, before);
}

/* ---- what changes its size ---- */

/* What it grows by is clear, whatever was there while it was larger. */
static void test_krealloc_zero(struct ktap *t)
{
	static const u16 sizes[] = { 60, 20, 64, 9000, 5000, 9500, 30, 70, 1, 12288, 1, 12288 };
	unsigned long before = slab_settle();
	unsigned char *object = NULL;
	size_t has = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t keeps = min(has, (size_t)sizes[i]);

		object = krealloc(object, sizes[i], GFP_KERNEL | __GFP_ZERO);
		KTAP_ASSERT(t, object != NULL);
		KTAP_EXPECT(t, is_filled(object, 0x91, keeps));
		KTAP_EXPECT(t, is_filled(object + keeps, 0, sizes[i] - keeps));
		memset(object, 0x91, sizes[i]);
		has = sizes[i];
	}
	kfree(object);
	slab_end(t, before);
}

static void test_krealloc_edges(struct ktap *t)
{
	unsigned long before = slab_settle();
	size_t half = ~(size_t)0 / 2;
	char *object = get(20000, GFP_KERNEL), *same;

	KTAP_ASSERT(t, object != NULL);
	memcpy(object, "large", 6);
	same = krealloc(object, 10, GFP_KERNEL); /* pages stay */
	KTAP_EXPECT(t, same == object && ksize(same) == kmalloc_size_roundup(20000));
	KTAP_EXPECT(t, !krealloc_array(object, half, 3, GFP_KERNEL));
	KTAP_EXPECT(t, !krealloc(object, half, GFP_KERNEL | __GFP_NOWARN));
	KTAP_EXPECT_STREQ(t, object, "large");
	same = krealloc_array(object, 3, 1000, GFP_KERNEL);
	KTAP_EXPECT(t, same == object);
	KTAP_EXPECT(t, krealloc_array(object, 0, 8, GFP_KERNEL) == ZERO_SIZE_PTR);
	KTAP_EXPECT(t, krealloc(NULL, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	KTAP_EXPECT(t, krealloc(ZERO_SIZE_PTR, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	slab_end(t, before);
}

static void test_roundup(struct ktap *t)
{
	size_t max = PAGE_SIZE << MAX_ORDER;

	KTAP_EXPECT_EQ(t, kmalloc_size_roundup(0), 0);
	KTAP_EXPECT_EQ(t, kmalloc_size_roundup(1), 8);
	KTAP_EXPECT_EQ(t, kmalloc_size_roundup(8192), 8192);
	KTAP_EXPECT_EQ(t, kmalloc_size_roundup(8193), 16384);
	KTAP_EXPECT_EQ(t, kmalloc_size_roundup(max - 1), max);
	KTAP_EXPECT_EQ(t, kmalloc_size_roundup(max), max);
	KTAP_EXPECT_EQ(t, kmalloc_size_roundup(max + 1), max + 1);
}

/* All bytes that ksize() says of a debugged object are its user's, and no more. */
static void test_ksize_debugged(struct ktap *t)
{
	unsigned long before = slab_settle(), reports = slab_reports;
	struct kmem_cache *s = kmem_cache_create(
		"test-ksize", 44, 0, SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER, NULL);
	char *object;

	KTAP_ASSERT(t, s != NULL);
	object = kmem_cache_alloc(s, GFP_KERNEL);
	KTAP_ASSERT(t, object != NULL);
	KTAP_EXPECT_EQ(t, ksize(object), 44);
	memset(object, 0, ksize(object));
	KTAP_EXPECT_EQ(t, validate_slab_cache(s), 0);
	KTAP_EXPECT(t, krealloc(object, 44, GFP_KERNEL) == object);
	kfree_sensitive(object);
	KTAP_EXPECT_EQ(t, validate_slab_cache(s), 0);
	KTAP_EXPECT_EQ(t, slab_reports, reports);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

/* Who clears an object that was freed doesn't hide that. */
static void test_sensitive_again(struct ktap *t)
{
	unsigned long before = slab_settle(), reports = slab_reports;
	struct kmem_cache *s =
		kmem_cache_create("test-again", 64, 0, SLAB_NO_MERGE | SLAB_SKIP_KFENCE, NULL);
	char *object = s ? kmem_cache_alloc(s, GFP_KERNEL) : NULL;

	KTAP_ASSERT(t, object != NULL);
	kmem_cache_free(s, object);
	if (!slab_was_freed(s, object)) {
		kmem_cache_destroy(s);
		ktap_skip(t, "freed objects have no mark");
		return;
	}
	page_reports_expect(true);
	kfree_sensitive(object);
	KTAP_EXPECT_EQ(t, slab_reports, reports + 1);
	KTAP_EXPECT(t, !krealloc(object, 8, GFP_KERNEL | __GFP_ZERO));
	KTAP_EXPECT_EQ(t, slab_reports, reports + 2);
	kfree(object);
	KTAP_EXPECT_EQ(t, slab_reports, reports + 3);
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

/* ---- copies and text ---- */

static void test_copies(struct ktap *t)
{
	unsigned long before = slab_settle();
	char *none = kstrndup("abc", 0, GFP_KERNEL), *part = kstrndup("abc", 2, GFP_KERNEL);
	char *all = kstrndup("abc", ~(size_t)0, GFP_KERNEL), *empty = kstrdup("", GFP_KERNEL);
	static const char open[4] = { 'o', 'p', 'e', 'n' }; /* nothing ends it */
	char *four = kstrndup(open, 4, GFP_KERNEL);

	KTAP_EXPECT_STREQ(t, none ? none : "-", "");
	KTAP_EXPECT_STREQ(t, part ? part : "-", "ab");
	KTAP_EXPECT_STREQ(t, all ? all : "-", "abc");
	KTAP_EXPECT_STREQ(t, empty ? empty : "-", "");
	KTAP_EXPECT_STREQ(t, four ? four : "-", "open");
	KTAP_EXPECT(t, !kstrndup(NULL, 5, GFP_KERNEL));
	KTAP_EXPECT(t, kmemdup(open, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	KTAP_EXPECT(t, !kmemdup(open, ~(size_t)0, GFP_KERNEL | __GFP_NOWARN));
	kfree(none);
	kfree(part);
	kfree(all);
	kfree(empty);
	kfree(four);
	slab_end(t, before);
}

/* Empty, and longer than any class. */
static void test_kasprintf(struct ktap *t)
{
	unsigned long before = slab_settle();
	size_t length = KMALLOC_MAX_CACHE_SIZE / 2 + 100;
	char *x = get(length + 1, GFP_KERNEL | __GFP_ZERO),
	     *empty = kasprintf(GFP_KERNEL, "%s", "");
	char *twice;

	KTAP_ASSERT(t, x && empty);
	memset(x, 'x', length);
	twice = kasprintf(GFP_KERNEL, "%s%s", x, x);
	KTAP_ASSERT(t, twice != NULL);
	KTAP_EXPECT(t, is_filled(twice, 'x', 2 * length) && !twice[2 * length]);
	KTAP_EXPECT_STREQ(t, empty, "");
	kfree(x);
	kfree(empty);
	kfree(twice);
	slab_end(t, before);
}

/* Nothing of a secret is in pages that are freed; who holds one of them sees. */
static void test_sensitive_large(struct ktap *t)
{
	unsigned long before = slab_settle();
	size_t bytes = 3 * PAGE_SIZE, kept = kmalloc_size_roundup(bytes);
	char *secret = get(bytes, GFP_KERNEL);
	struct page *page = virt_to_page(secret);

	KTAP_ASSERT(t, secret != NULL);
	memset(secret, 0x77, kept);
	get_page(page);
	kfree_sensitive(secret);
	KTAP_EXPECT(t, is_filled(secret, 0, kept));
	put_page(page);
	slab_end(t, before);
}

/* ---- no object's address ---- */

/* Everybody says of @wild that it's none, and does nothing. */
static void check_wild(struct ktap *t, struct kmem_cache *s, unsigned long wild)
{
	void *object[3] = { kmem_cache_alloc(s, GFP_KERNEL), (void *)wild,
			    kmem_cache_alloc(s, GFP_KERNEL) };
	unsigned long reports = slab_reports;

	KTAP_ASSERT(t, object[0] && object[2]);
	kfree(object[1]);
	KTAP_EXPECT_EQ(t, slab_reports - reports, 1);
	kmem_cache_free(s, object[1]);
	KTAP_EXPECT_EQ(t, slab_reports - reports, 2);
	KTAP_EXPECT_EQ(t, ksize(object[1]), 0);
	KTAP_EXPECT_EQ(t, slab_reports - reports, 3);
	KTAP_EXPECT(t, !krealloc(object[1], 40, GFP_KERNEL));
	KTAP_EXPECT_EQ(t, slab_reports - reports, 4);
	kfree_sensitive(object[1]);
	KTAP_EXPECT_EQ(t, slab_reports - reports, 5);
	kmem_cache_free_bulk(s, 3, object); /* the others go back */
	if (slab_reports - reports != 6)
		ktap_diag(t, "at 0x%lx", wild);
	KTAP_EXPECT_EQ(t, slab_reports - reports, 6);
}

static char in_bss[PAGE_SIZE];

/* Inside and at the edges of all regions. */
static void check_regions(struct ktap *t, struct kmem_cache *s)
{
	const struct va_layout *v = &va_layout;
	const unsigned long wild[] = {
		PAGE_SIZE,
		0x12345678,
		~0UL / 2,
		~0UL / 2 + 1, /* rv64: neither half's */
		~0UL / 3 * 2,
		v->vmemmap_base,
		(unsigned long)virt_to_page(s) + 8,
		v->window_base,
		v->vmalloc_base + 0x1000,
		v->scratch_base,
		v->linear_base - 8,
		v->linear_base + v->linear_bytes,
		v->linear_base + v->linear_bytes - 8,
		v->image_va,
		(unsigned long)__va(v->image_pa) + 64,
		(unsigned long)in_bss,
		(unsigned long)"text",
		(unsigned long)check_regions,
		(unsigned long)-12, /* an error, taken for a pointer */
		~0UL,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(wild); i++)
		check_wild(t, s, wild[i]);
}

/* Anywhere outside of the linear map. */
static void check_random(struct ktap *t)
{
	unsigned long reports = slab_reports, nr = 0;

	for (unsigned i = 0; i < 1000; i++) {
		unsigned long wild = get_random_long() >> i % (8 * sizeof(long) - 12);

		if (i & 1) /* the kernel's half, and near its ends */
			wild = ~wild;
		if (wild < PAGE_SIZE || wild - va_layout.linear_base < va_layout.linear_bytes)
			continue;
		kfree((void *)wild);
		nr++;
	}
	KTAP_EXPECT(t, nr > 500);
	KTAP_EXPECT_EQ(t, slab_reports - reports, nr);
}

static void test_wild(struct ktap *t)
{
	unsigned long before = slab_settle(), on_stack[4], flags;
	struct kmem_cache *s =
		kmem_cache_create("test-wild", 40, 0, SLAB_NO_MERGE | SLAB_SKIP_KFENCE, NULL);
	char *object = get(100, GFP_KERNEL);

	KTAP_ASSERT(t, s && object);
	page_reports_expect(true);
	check_regions(t, s);
	check_random(t);
	check_wild(t, s, (unsigned long)on_stack);
	local_irq_save(flags);
	check_wild(t, s, (unsigned long)on_stack);
	local_irq_restore(flags);
	page_reports_expect(false);
	kfree(object);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
	slab_end(t, before);
}

/* ---- under which locks ---- */

#ifdef CONFIG_DEBUG_LOCKS
static void expect_reports(void)
{
	lock_expect_begin();
}

static unsigned int reports_seen(void)
{
	const char *text;

	return lock_expect_end(&text);
}
#else
static void expect_reports(void)
{
}

static unsigned int reports_seen(void)
{
	return 0;
}
#endif

/* A handle that nobody has used, or NULL. */
static struct slab_handle *find_fresh(void)
{
	struct slab_handle *row = kmalloc_caches[KMALLOC_RECLAIM];

	for (unsigned i = 0; i < KMALLOC_CLASSES; i++)
		if (!row[i].cache)
			return &row[i];
	return NULL;
}

/* An object of @handle is had and freed under a lock of @rank: how often that is reported. */
static unsigned int reports_under(enum lock_rank rank, struct slab_handle *handle)
{
	unsigned long flags;
	unsigned int nr;
	spinlock_t lock;
	void *object;

	spin_lock_init_ranked(&lock, rank);
	expect_reports();
	spin_lock_irqsave(&lock, flags);
	object = slab_alloc(handle, GFP_ATOMIC | __GFP_NOWARN);
	kfree(object);
	spin_unlock_irqrestore(&lock, flags);
	nr = reports_seen();
	return object ? nr : ~0U;
}

/* What docs/locking.md says of kmalloc(). */
static void test_ranks(struct ktap *t)
{
	struct slab_handle *fresh = find_fresh();

	if (!fresh) {
		ktap_skip(t, "all caches have been made before");
		return;
	}
	KTAP_EXPECT_EQ(t, reports_under(LOCK_PGTABLE, fresh), 0);
	kmem_cache_shrink(fresh->cache);
	KTAP_EXPECT_EQ(t, reports_under(LOCK_SLAB_LIST, fresh), 0);
#ifdef CONFIG_DEBUG_LOCKS
	kmem_cache_shrink(fresh->cache);
	KTAP_EXPECT(t, reports_under(LOCK_SLAB, fresh) != 0);
	fresh = find_fresh();
	if (fresh)
		KTAP_EXPECT(t, reports_under(LOCK_PERCPU, fresh) != 0);
#endif
}

static const struct ktap_case cases[] = {
	{ KTAP_PREPARE, prepare },
	{ "account", test_account },
	{ "node", test_node },
	{ "kvmalloc", test_kvmalloc },
	{ "krealloc-zero", test_krealloc_zero },
	{ "krealloc-edges", test_krealloc_edges },
	{ "roundup", test_roundup },
	{ "ksize-debugged", test_ksize_debugged },
	{ "copies", test_copies },
	{ "kasprintf", test_kasprintf },
	{ "sensitive-large", test_sensitive_large },
	{ "sensitive-again", test_sensitive_again },
	{ "wild", test_wild },
	{ "ranks", test_ranks },
	{},
};
static const struct ktap_suite suite_kmalloc = { "kmalloc", cases };
TABLE_ENTRY(ktap_suite, suite_kmalloc);
