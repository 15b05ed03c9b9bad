/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_usercopy.c - what may be copied to and from users
 *
 * There are no users as yet, and no copy_to_user(): the question that it will ask is asked here.
 */
#include <mm/usercopy.h>

#include <asm/memory.h>
#include <asm/sections.h>
#include <mm/kmalloc.h>
#include <mm/page_alloc.h>
#include <shell/ktap.h>

#include <string.h>

static struct kmem_cache *region, *closed;

/* Is a copy refused, and counted once? */
static bool refused(struct ktap *t, const void *ptr, unsigned long n)
{
	unsigned long before = usercopy_refused;
	bool ok;

	page_reports_expect(true);
	ok = __check_object_size(ptr, n, true);
	KTAP_EXPECT_EQ(t, __check_object_size(ptr, n, false), ok);
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, usercopy_refused - before, ok ? 0 : 2);
	return !ok;
}

static void test_prepare(struct ktap *t)
{
	kfree(kmalloc_at(200, GFP_KERNEL, 0));
}

/* Objects of 200 bytes: 224 of kmalloc()'s, the bytes from 40 to 71 of the region's. */
static void test_slab(struct ktap *t)
{
	char *object = kmalloc_at(200, GFP_KERNEL, 0);
	unsigned long bytes = ksize(object);

	KTAP_ASSERT(t, object);
	KTAP_EXPECT(t, !refused(t, object, 200));
	KTAP_EXPECT(t, !refused(t, object, bytes));
	KTAP_EXPECT(t, !refused(t, object + bytes - 1, 1));
	KTAP_EXPECT(t, !refused(t, object, 0));
	KTAP_EXPECT(t, refused(t, object, bytes + 1));
	KTAP_EXPECT(t, refused(t, object + 100, bytes - 99));
	KTAP_EXPECT(t, refused(t, object, ~0UL));
	kfree(object);
}

static void test_region(struct ktap *t)
{
	char *object;

	region = kmem_cache_create_usercopy("test-usercopy", 200, 0, 0, 40, 32, NULL);
	closed = kmem_cache_create("test-closed", 200, 0, 0, NULL);
	KTAP_ASSERT(t, region && closed);
	KTAP_EXPECT(t, region != closed);
	object = kmem_cache_alloc(region, GFP_KERNEL);
	KTAP_ASSERT(t, object);
	KTAP_EXPECT(t, !refused(t, object + 40, 32));
	KTAP_EXPECT(t, !refused(t, object + 71, 1));
	KTAP_EXPECT(t, refused(t, object + 39, 2));
	KTAP_EXPECT(t, refused(t, object + 40, 33));
	KTAP_EXPECT(t, refused(t, object + 72, 1));
	KTAP_EXPECT(t, refused(t, object, 200));
	kmem_cache_free(region, object);
	object = kmem_cache_alloc(closed, GFP_KERNEL);
	KTAP_ASSERT(t, object);
	KTAP_EXPECT(t, refused(t, object, 1));
	KTAP_EXPECT(t, refused(t, object + 40, 32));
	kmem_cache_free(closed, object);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(region), 0);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(closed), 0);
	page_reports_expect(true);
	KTAP_EXPECT(t, !kmem_cache_create_usercopy("test-bad", 200, 0, 0, 190, 11, NULL));
	KTAP_EXPECT(t, !kmem_cache_create_usercopy("test-bad", 200, 0, 0, 201, 0, NULL));
	page_reports_expect(false);
}

static void test_pages(struct ktap *t)
{
	char *large = kmalloc(5 * PAGE_SIZE, GFP_KERNEL);
	unsigned long page = __get_free_page(GFP_KERNEL);

	KTAP_ASSERT(t, large && page);
	KTAP_EXPECT(t, !refused(t, large, 8 * PAGE_SIZE));
	KTAP_EXPECT(t, !refused(t, large + 7 * PAGE_SIZE, PAGE_SIZE));
	KTAP_EXPECT(t, refused(t, large, 8 * PAGE_SIZE + 1));
	KTAP_EXPECT(t, refused(t, large + 7 * PAGE_SIZE, PAGE_SIZE + 1));
	KTAP_EXPECT(t, !refused(t, (void *)page, PAGE_SIZE));
	kfree(large);
	free_page(page);
	KTAP_EXPECT(t, refused(t, NULL, 1));
	KTAP_EXPECT(t, refused(t, ZERO_SIZE_PTR, 1));
}

/* Pages that were a compound block's before. */
static void test_single_pages(struct ktap *t)
{
	char *object = kmalloc(4 * PAGE_SIZE, GFP_KERNEL), *page;

	KTAP_ASSERT(t, object);
	KTAP_EXPECT(t, !refused(t, object + PAGE_SIZE, 3 * PAGE_SIZE));
	KTAP_EXPECT(t, refused(t, object + PAGE_SIZE, 3 * PAGE_SIZE + 1));
	kfree(object);
	page = (char *)__get_free_pages(GFP_KERNEL, 2);
	KTAP_ASSERT(t, page);
	for (unsigned i = 0; i < 4; i++)
		KTAP_EXPECT(t, !refused(t, page + i * PAGE_SIZE, PAGE_SIZE));
	free_pages((unsigned long)page, 2);
}

static void test_stack(struct ktap *t)
{
	volatile char local[64] = "";
	char *top = (char *)this_hart->stack_lo;

	KTAP_EXPECT(t, !refused(t, (char *)local, sizeof(local)));
	KTAP_EXPECT(t, refused(t, top, 16));
	KTAP_EXPECT(t, refused(t, (char *)local, ~0UL >> 2));
}

static int not_const = 1;

static void test_image(struct ktap *t)
{
	KTAP_EXPECT(t, refused(t, (void *)(unsigned long)test_image, 4));
	KTAP_EXPECT(t, refused(t, (void *)((unsigned long)_etext - 1), 1));
	KTAP_EXPECT(t, refused(t, __va(__pa_symbol(_stext)), 8));
	KTAP_EXPECT(t, !refused(t, &not_const, sizeof(not_const)));
	KTAP_EXPECT(t, !refused(t, "text", 5));
}

static const struct ktap_case cases[] = {
	{ KTAP_PREPARE, test_prepare },
	{ "slab", test_slab },
	{ "region", test_region },
	{ "pages", test_pages },
	{ "single-pages", test_single_pages },
	{ "stack", test_stack },
	{ "image", test_image },
	{},
};

static const struct ktap_suite suite_usercopy = { "usercopy", cases };
TABLE_ENTRY(ktap_suite, suite_usercopy);
