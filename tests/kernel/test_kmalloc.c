/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kmalloc.c - what is built on kmalloc(), at its edges
 *
 * Sizes and classes themselves: test_slab.c.
 */
#include <base/errno.h>
#include <mm/page_alloc.h>

#include "../../mm/slab.h"
#include "slab_tools.h"

#include <string.h>

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

static const struct ktap_case cases[] = {
	{ KTAP_PREPARE, slab_prepare },
	{ "account", test_account },
	{},
};
static const struct ktap_suite suite_kmalloc = { "kmalloc", cases };
TABLE_ENTRY(ktap_suite, suite_kmalloc);
