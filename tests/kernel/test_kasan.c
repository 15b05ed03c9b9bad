/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kasan.c - memory errors on purpose, each found at once in a kernel of `make KASAN=1`
 *
 * `kasanbug KIND` makes one aloud.
 */
#include <mm/kasan.h>

#include <mm/kmalloc.h>
#include <mm/page_alloc.h>
#include <shell/ktap.h>
#include <shell/shell.h>

#include <string.h>

#ifdef CONFIG_KASAN

static __noinline __noclone char *get_here(size_t size)
{
	return kmalloc_at(size, GFP_KERNEL, 0);
}

/* So many accesses were wrong since *@before, the last at @at, for @why. */
static void found(struct ktap *t, unsigned long *before, unsigned long nr, const void *at, u8 why)
{
	KTAP_EXPECT_EQ(t, kasan_found.nr - *before, nr);
	*before = kasan_found.nr;
	if (!nr)
		return;
	KTAP_EXPECT_EQ(t, (unsigned long)kasan_found.at, (unsigned long)at);
	KTAP_EXPECT_EQ(t, kasan_found.why, why);
}

static void test_bounds(struct ktap *t)
{
	unsigned long nr = kasan_found.nr;
	volatile char *object;

	for (size_t size = 1; size <= 300; size += 23) {
		object = get_here(size);
		KTAP_ASSERT(t, object);
		object[0] = object[size - 1] = 1;
		found(t, &nr, 0, NULL, 0);
		page_reports_expect(true);
		object[size] = 1;
		KTAP_EXPECT(t, kasan_found.is_write);
		found(t, &nr, 1, (char *)object + size, KASAN_ZONE);
		(void)object[-1];
		KTAP_EXPECT(t, !kasan_found.is_write);
		found(t, &nr, 1, (char *)object - 1, KASAN_ZONE);
		(void)*(volatile u64 *)(object + ALIGN_DOWN(size, 8UL));
		found(t, &nr, 1, (char *)object + size, KASAN_ZONE);
		/* ksize() says that all of it may be used. */
		object[ksize((char *)object) - 1] = 1;
		found(t, &nr, 0, NULL, 0);
		kfree((char *)object); /* its red zone is found changed */
		page_reports_expect(false);
	}
}

static void test_use_after_free(struct ktap *t)
{
	unsigned long nr = kasan_found.nr;
	volatile char *object = get_here(100);
	struct kmem_cache *s = kmem_cache_create("test-kasan", 40, 0, 0, NULL);

	KTAP_ASSERT(t, object && s);
	page_reports_expect(true);
	kfree((char *)object);
	(void)object[99];
	found(t, &nr, 1, (char *)object + 99, KASAN_FREE);
	object = kmem_cache_alloc(s, GFP_KERNEL);
	KTAP_ASSERT(t, object);
	object[39] = 1;
	found(t, &nr, 0, NULL, 0);
	kmem_cache_free(s, (char *)object);
	object[0] = 1;
	found(t, &nr, 1, (char *)object, KASAN_FREE);
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, kmem_cache_destroy(s), 0);
}

static void test_functions(struct ktap *t)
{
	unsigned long nr = kasan_found.nr;
	volatile size_t size = 50;
	char *object = get_here(size), *other = get_here(2 * size);

	KTAP_ASSERT(t, object && other);
	memset(other, 1, 2 * size);
	memcpy(object, other, size);
	found(t, &nr, 0, NULL, 0);
	page_reports_expect(true);
	memcpy(other, object, size + 1);
	found(t, &nr, 1, object + size, KASAN_ZONE);
	memmove(object - 1, other, size);
	found(t, &nr, 1, object - 1, KASAN_ZONE);
	memset(object, 0, size + 9);
	found(t, &nr, 1, object + size, KASAN_ZONE);
	object = krealloc(object, 500, GFP_KERNEL);
	KTAP_ASSERT(t, object);
	memset(object, 0, 500);
	found(t, &nr, 0, NULL, 0);
	kfree(object);
	kfree(other);
	page_reports_expect(false);
}

static __noinline __noclone void give(char *object)
{
	kfree(object);
	barrier();
}

static int run_kasanbug(int argc, char **argv)
{
	bool after_free = argc == 2 && !strcmp(argv[1], "use-after-free");
	volatile char *object = get_here(40);

	if (!object)
		return -ENOMEM;
	if (after_free)
		give((char *)object);
	object[after_free ? 7 : 40] = 1;
	if (!after_free)
		give((char *)object);
	return 0;
}

static const struct shell_cmd cmd_kasanbug = {
	.name = "kasanbug",
	.usage = "out-of-bounds | use-after-free",
	.help = "write where an object isn't any more, to see how that is reported",
	.run = run_kasanbug,
};
TABLE_ENTRY(shell_cmd, cmd_kasanbug);

static const struct ktap_case cases[] = {
	{ KTAP_PREPARE, test_functions },
	{ "bounds", test_bounds },
	{ "use-after-free", test_use_after_free },
	{ "functions", test_functions },
	{},
};

#else

static void test_nothing(struct ktap *t)
{
	ktap_skip(t, "built without CONFIG_KASAN");
}

static const struct ktap_case cases[] = {
	{ "options", test_nothing },
	{},
};

#endif

static const struct ktap_suite suite_kasan = { "kasan", cases };
TABLE_ENTRY(ktap_suite, suite_kasan);
