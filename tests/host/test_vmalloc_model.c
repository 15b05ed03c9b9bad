/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_vmalloc_model.c - areas by the ten thousands, each operation checked by a model
 *
 * In much and little memory and addresses, with tables that come and go and such that stay, while
 * allocations fail now and then; and each allocation of each way to make an area failing once.
 * HOST_LONG=1: ten times as many.
 */
#include "vmalloc_ops.h"

#include <mm/kmalloc.h>
#include <stdlib.h>

#define WORLD_STEPS 4000
#define CHECK_STEPS 500

static const struct vmap_region regions[] = {
	{ .bytes = 64 * MiB, .table_bytes = 2 * MiB },
	{ .bytes = 8 * MiB, .table_bytes = 1 * MiB, .leaf = 64 * KiB },
	{ .bytes = 16 * MiB, .table_bytes = 4 * MiB, .fixed = true },
	{ .bytes = 64 * MiB, .table_bytes = 1 * MiB, .leaf = 64 * KiB },
};

static void random_world(struct world *w, unsigned i)
{
	*w = (struct world){ .base = 0x80000000,
			     .bytes = 32 * MiB,
			     .bank = { { 0x80000000, 0x82000000, 0 } },
			     .reserves = i & 1 };
	w->bank[0].end = 0x80000000 + rnd_range(6, 33) * MiB;
	if (i % 4 == 3) {
		w->bank[1] = (struct world_bank){ 0x81000000, 0x82000000, 1 };
		w->bank[0].end = 0x80800000;
	}
	if (i % 3 == 1) {
		w->bank[0].end = 0x82000000;
		w->bank[1] = (struct world_bank){ 0 };
		w->high = 0x81000000;
	}
}

TEST(random_operations_in_random_worlds)
{
	unsigned worlds = (sizeof(long) == 8 ? 16 : 8) * (getenv("HOST_LONG") ? 10 : 1);

	for (unsigned i = 0; i < worlds; i++) {
		struct world w;

		random_world(&w, i);
		vmalloc_ops_begin(&w, &regions[i % ARRAY_SIZE(regions)]);
		for (int step = 1; step <= WORLD_STEPS; step++) {
			vmalloc_ops_step();
			if (step % CHECK_STEPS == 0)
				vmalloc_ops_check();
		}
		vmalloc_ops_end();
	}
	/* All of it happened. */
	EXPECT(vmalloc_ops_served > worlds * WORLD_STEPS / 8UL);
	EXPECT(vmalloc_ops_failed > worlds * WORLD_STEPS / 500UL);
	EXPECT(slab_nr_failed > worlds * 10UL);
	EXPECT(vmap_world_huge && vmap_world_leaves && vmap_world_kicks);
}

/* ---- each allocation fails once ---- */

static struct page *two[2];

static void *make_small(void)
{
	return __vmalloc(3 * PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN);
}

static void *make_array(void)
{
	return __vmalloc(15 * PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN);
}

static void *make_large(void)
{
	return __vmalloc(777 * PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN);
}

static void *make_on_node(void)
{
	return __vmalloc_node(600 * PAGE_SIZE, 32 * PAGE_SIZE,
			      GFP_KERNEL | __GFP_NOWARN | __GFP_ZERO, 0, NULL);
}

static void *make_huge(void)
{
	return vmalloc_huge(700 * PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN);
}

static void *make_user(void)
{
	return vmalloc_user(80 * PAGE_SIZE);
}

static void *make_map(void)
{
	return vmap(two, 2, VM_MAP, PAGE_KERNEL);
}

static void *make_wide_map(void)
{
	struct page *pages[600];

	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = two[i & 1];
	return vmap(pages, ARRAY_SIZE(pages), VM_MAP, PAGE_KERNEL);
}

/* @area, if there is one; its array is one if kmalloc() had no memory for that. */
static unsigned long areas_of(const void *area)
{
	return !area ? 0 : is_vmalloc_addr(find_vm_area(area)->pages) ? 2 : 1;
}

/* Failing at each step in turn; the hart has a block of addresses already, or none. */
static unsigned sweep(void *(*make)(void), bool block)
{
	unsigned nth = 0, failures = 0;
	bool failed;

	do {
		void *other = block ? vmalloc(1) : NULL, *area;

		slab_fail_nth = ++nth;
		area = make();
		failed = !slab_fail_nth;
		slab_fail_nth = 0;
		failures += !area;
		EXPECT_EQ(vmalloc_validate(), block + areas_of(area));
		vfree(area);
		vfree(other);
		vm_unmap_aliases();
		EXPECT_EQ(vmap_world_tables, 0);
	} while (failed && nth < 2000);
	EXPECT(nth > 1 && nth < 2000);
	return failures;
}

TEST(every_allocation_fails_once)
{
	static void *(*const makers[])(
		void) = { make_small, make_array, make_large, make_on_node,
			  make_huge,  make_user,  make_map,   make_wide_map };
	struct world w = { .base = 0x80000000,
			   .bytes = 32 * MiB,
			   .bank = { { 0x80000000, 0x82000000, 0 } } };

	vmap_world_build(&w, &regions[0]);
	page_reports_expect(true);
	for (unsigned i = 0; i < ARRAY_SIZE(two); i++)
		EXPECT((two[i] = alloc_page(GFP_KERNEL)));
	for (unsigned i = 0; i < ARRAY_SIZE(makers); i++)
		EXPECT(sweep(makers[i], true) && sweep(makers[i], false));
	__free_page(two[0]);
	__free_page(two[1]);
	vmap_world_end();
	page_reports_expect(false);
}
