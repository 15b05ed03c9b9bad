/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_pgtable.c - the page table's code in every mode, against a model and a walker of its own
 *
 * arch/riscv/mm/{pgtable,leaves}.c as they are, in the world of pgtable_world.c.
 */
#include "harness.h"

#include <base/errno.h>
#include <stdlib.h>

#include "pgtable_world.h"

#define RW (PROT_READ | PROT_WRITE)

/* ---- the model: each page of a window ---- */

static struct {
	unsigned long va, nr; /* the window, its pages */
	unsigned long big;    /* the largest leaf used, bytes */
	u64 *pa;
	u8 *prot;
} model;

static void model_begin(unsigned int world)
{
	world_begin(world);
	model.big = level_bytes(min(paging->levels - 1, 2));
	model.nr = 2 * model.big / PAGE_SIZE + 100;
	/* Across a root entry, as far as there are any. */
	model.va = kernel_base() + 4 * level_bytes(paging->levels - 1) - model.big;
	model.pa = malloc(model.nr * sizeof(*model.pa));
	model.prot = calloc(model.nr, 1);
	for (unsigned long i = 0; i < model.nr; i++)
		model.pa[i] = NOTHING;
}

static void model_end(void)
{
	world_end();
	free(model.pa);
	free(model.prot);
}

static unsigned long va_of(unsigned long page)
{
	return model.va + page * PAGE_SIZE;
}

static void check_page(unsigned long page)
{
	struct seen s = walk(va_of(page) + 0x123);
	struct arch_mapping map;
	int err = arch_lookup(va_of(page) + 0x123, &map);

	if (model.pa[page] == NOTHING) {
		EXPECT_EQ(s.pa, NOTHING);
		EXPECT_EQ(err, -ENOENT);
		return;
	}
	EXPECT_EQ(s.pa, model.pa[page] + 0x123);
	EXPECT_EQ(s.prot, model.prot[page]);
	EXPECT_EQ(err, 0);
	EXPECT_EQ(map.pa, s.pa);
	EXPECT_EQ(map.prot, s.prot);
	EXPECT_EQ(map.leaf, s.leaf);
}

static unsigned long mapped_of(unsigned long first, unsigned long n)
{
	unsigned long mapped = 0;

	for (unsigned long i = first; i < first + n; i++)
		mapped += model.pa[i] != NOTHING;
	return mapped;
}

static unsigned int live_before; /* tables, when the operation began */

/* @err is @expected, or memory ran out; true if it happened. */
static bool happened(int err, int expected)
{
	if (err != -ENOMEM || !fail_one_in)
		EXPECT_EQ(err, expected);
	if (err)
		EXPECT_EQ(nr_live, live_before); /* nothing is half done */
	return !err;
}

static unsigned int random_prot(void)
{
	static const unsigned int prots[] = { PROT_READ, RW,	       PROT_READ | PROT_EXEC,
					      PROT_EXEC, RW | PROT_IO, RW | PROT_NC };

	return prots[rnd_below(ARRAY_SIZE(prots))];
}

/* Of a leaf, of level @below or less, or 64 KiB. */
static unsigned long random_leaf(unsigned int below)
{
	unsigned int level = (unsigned int)rnd_below(below + 1);

	return pt_napot() && level == below ? NAPOT_BYTES
					    : level_bytes((int)level % paging->levels);
}

static void op_map(unsigned long first, unsigned long n)
{
	unsigned int prot = random_prot();
	u64 pa = (u64)rnd_below(1 << 18) << PAGE_SHIFT;
	bool taken;

	if (rnd_below(4)) /* congruent to the address, and aligned for the largest leaf */
		pa = (rnd_below(4) + 1) * (u64)model.big + (va_of(first) & (model.big - 1));
	taken = mapped_of(first, n);
	if (!happened(
		    arch_map(va_of(first), pa, n * PAGE_SIZE, prot, min(model.big, random_leaf(3))),
		    taken ? -EEXIST : 0))
		return;
	for (unsigned long i = 0; i < n; i++) {
		model.pa[first + i] = pa + (u64)i * PAGE_SIZE;
		model.prot[first + i] = (u8)prot;
	}
}

static void op_change(unsigned long first, unsigned long n, bool unmap)
{
	unsigned int prot = random_prot();
	int expected = mapped_of(first, n) == n ? 0 : -ENOENT, err;

	err = unmap ? arch_unmap(va_of(first), n * PAGE_SIZE)
		    : arch_protect(va_of(first), n * PAGE_SIZE, prot);
	if (!happened(err, expected))
		return;
	for (unsigned long i = first; i < first + n; i++) {
		if (unmap)
			model.pa[i] = NOTHING;
		else
			model.prot[i] = (u8)prot;
	}
}

static void op_split(unsigned long page)
{
	unsigned long leaf = random_leaf(2);
	int expected = model.pa[page] == NOTHING ? -ENOENT : 0;
	struct seen before = walk(va_of(page));

	if (happened(arch_split(va_of(page), leaf), expected))
		EXPECT(walk(va_of(page)).leaf <= leaf);
	else
		EXPECT_EQ(walk(va_of(page)).leaf, before.leaf); /* as it was */
}

/* Is the block of @bytes around @page one run of frames, aligned, of one protection? */
static bool can_join(unsigned long page, unsigned long bytes)
{
	unsigned long n = bytes / PAGE_SIZE, off = (va_of(page) & (bytes - 1)) / PAGE_SIZE;
	unsigned long first = page - off;

	if (off > page || first + n > model.nr || model.pa[first] & (bytes - 1))
		return false;
	for (unsigned long i = 0; i < n; i++) {
		if (model.pa[first + i] != model.pa[first] + (u64)i * PAGE_SIZE ||
		    model.prot[first + i] != model.prot[first])
			return false;
	}
	return model.pa[first] != NOTHING;
}

static void op_join(unsigned long page)
{
	unsigned long leaf = level_bytes((int)rnd_below((u64)min(paging->levels - 1, 2)) + 1);
	bool can;
	int err;

	if (pt_napot() && rnd_below(2))
		leaf = NAPOT_BYTES;
	can = can_join(page, leaf);
	err = arch_join(va_of(page), leaf);

	EXPECT_EQ(!err, can);
	if (can)
		EXPECT(walk(va_of(page)).leaf >= leaf);
}

/* Short ranges, whole leaves, anything. */
static unsigned long random_range(unsigned long *n)
{
	unsigned long first = (unsigned long)rnd_below(model.nr), leaf;

	leaf = level_bytes((int)rnd_below(3) % paging->levels) / PAGE_SIZE;
	leaf = min(leaf, model.big / PAGE_SIZE);
	*n = (unsigned long)rnd_below(rnd_below(2) ? 6 : model.nr) + 1;
	if (rnd_below(2)) {
		unsigned long off = (va_of(first) / PAGE_SIZE) & (leaf - 1);

		first -= min(first, off);
		*n = leaf;
	}
	*n = min(*n, model.nr - first);
	return first;
}

static void one_operation(void)
{
	unsigned long n, first = random_range(&n);

	fail_one_in = rnd_below(4) ? 0 : (unsigned int)rnd_below(6) + 1;
	live_before = nr_live;
	switch (rnd_below(8)) {
	case 0:
	case 1:
	case 2:
		op_map(first, n);
		break;
	case 3:
	case 4:
		op_change(first, n, true);
		break;
	case 5:
		op_change(first, n, false);
		break;
	case 6:
		op_split(first);
		break;
	case 7:
		op_join(first);
		break;
	}
	EXPECT_EQ(nr_pending, 0);
	check_page(first);
	check_page(first + n - 1);
	for (int i = 0; i < 8; i++)
		check_page((unsigned long)rnd_below(model.nr));
}

static void unmap_all(void)
{
	unsigned long n;

	fail_one_in = 0;
	for (unsigned long page = 0; page < model.nr; page += n) {
		n = 1;
		if (model.pa[page] == NOTHING)
			continue;
		while (page + n < model.nr && model.pa[page + n] != NOTHING)
			n++;
		op_change(page, n, true);
	}
}

/* pgtable_walk() hands out what is mapped, once, by rising address. */
static unsigned long walked_to, walked_pages;

static int note_run(const struct leaf_run *run, void *arg)
{
	unsigned long page = (run->va - model.va) / PAGE_SIZE;

	EXPECT(run->va >= walked_to && page < model.nr);
	EXPECT_EQ(run->pa, model.pa[page]);
	EXPECT_EQ(walk(run->va).leaf, run->leaf);
	walked_to = run->va + run->bytes;
	walked_pages += run->bytes / PAGE_SIZE;
	return 0;
}

static void check_walk(void)
{
	walked_to = 0;
	walked_pages = 0;
	EXPECT_EQ(pgtable_walk(note_run, NULL), 0);
	EXPECT_EQ(walked_pages, mapped_of(0, model.nr));
}

TEST(random_operations)
{
	for (unsigned int m = 0; m < NR_WORLDS; m++) {
		model_begin(m);
		for (int round = 0; round < 30; round++) {
			for (int i = 0; i < 40; i++)
				one_operation();
			fail_one_in = 0;
			check_walk();
			for (unsigned long page = 0; page < model.nr; page += 37)
				check_page(page);
			if (round % 5 == 4)
				unmap_all();
		}
		model_end();
	}
}

/* A table is joined only if each entry goes on where the one before ended. */
TEST(join_looks_at_every_entry)
{
	for (unsigned int m = 0; m < NR_WORLDS; m++) {
		unsigned long va, bytes;

		model_begin(m);
		bytes = level_bytes(1);
		va = kernel_base() + 8 * level_bytes(paging->levels - 1);
		for (unsigned long i = 0; i < PTRS_PER_TABLE;
		     i += 1 + (unsigned long)rnd_below(9)) {
			unsigned long page = va + i * PAGE_SIZE;
			u64 pa = bytes + i * PAGE_SIZE;

			EXPECT_EQ(arch_map(va, bytes, bytes, RW, PAGE_SIZE), 0);
			EXPECT_EQ(arch_protect(page, PAGE_SIZE, PROT_READ), 0);
			EXPECT_EQ(arch_join(va, bytes), -EINVAL);
			EXPECT_EQ(arch_unmap(page, PAGE_SIZE), 0);
			EXPECT_EQ(arch_join(va, bytes), -ENOENT);
			EXPECT_EQ(arch_map(page, pa ^ bytes, PAGE_SIZE, RW, PAGE_SIZE), 0);
			EXPECT_EQ(arch_join(va, bytes), -EINVAL);
			EXPECT_EQ(arch_unmap(page, PAGE_SIZE), 0);
			EXPECT_EQ(arch_map(page, pa, PAGE_SIZE, RW, PAGE_SIZE), 0);
			EXPECT_EQ(arch_join(page, bytes), 0);
			EXPECT_EQ(walk(page).pa, pa);
			EXPECT_EQ(walk(page).leaf, bytes);
			EXPECT_EQ(arch_unmap(va, bytes), 0);
		}
		model_end();
	}
}

/* Memory ends at the second split, at either end: both leaves are whole again. */
TEST(splits_are_undone)
{
	for (unsigned int m = 0; m < NR_WORLDS; m++) {
		unsigned long va, big;

		model_begin(m);
		big = model.big;
		va = kernel_base() + 8 * level_bytes(paging->levels - 1);
		EXPECT_EQ(arch_map(va, big, 2 * big, RW, big), 0);
		live_before = nr_live;
		for (unsigned int left = 0; left < 2u * (unsigned int)min(paging->levels - 1, 2);
		     left++) {
			tables_left = left;
			EXPECT_EQ(arch_unmap(va + PAGE_SIZE, big), -ENOMEM);
			EXPECT_EQ(nr_live, live_before);
			EXPECT_EQ(walk(va).leaf, big);
			EXPECT_EQ(walk(va + big).leaf, big);
		}
		for (tables_left = 0; tables_left < (unsigned int)min(paging->levels - 1, 2);) {
			unsigned int left = tables_left;

			EXPECT_EQ(arch_protect(va, big + PAGE_SIZE, PROT_READ), -ENOMEM);
			EXPECT_EQ(nr_live, live_before);
			EXPECT_EQ(walk(va + big).leaf, big);
			tables_left = left + 1;
		}
		tables_left = ~0u;
		EXPECT_EQ(arch_unmap(va, 2 * big), 0);
		model_end();
	}
}

/* A pinned table stays, empty; nothing else does. */
TEST(pinned_root)
{
	for (unsigned int m = 0; m < NR_WORLDS; m++) {
		unsigned long va;

		model_begin(m);
		va = kernel_base() + 8 * level_bytes(paging->levels - 1);
		EXPECT_EQ(pt_fill_root(va, 2 * level_bytes(paging->levels - 1)), 0);
		EXPECT_EQ(nr_live, 2);
		EXPECT_EQ(arch_map(va, TABLES_PA, 3 * PAGE_SIZE, RW, PAGE_SIZE), 0);
		EXPECT_EQ(arch_unmap(va, 3 * PAGE_SIZE), 0);
		EXPECT_EQ(nr_live, 2);
		/* No room for a leaf of the root's size; nor is a full table joined. */
		EXPECT_EQ(arch_map(va, 0, level_bytes(paging->levels - 1), PROT_READ, ~0UL), 0);
		EXPECT_EQ(walk(va).leaf, level_bytes(paging->levels - 2));
		EXPECT_EQ(arch_join(va, level_bytes(paging->levels - 1)), -EINVAL);
		EXPECT_EQ(arch_unmap(va, level_bytes(paging->levels - 1)), 0);
		EXPECT_EQ(nr_live, 2);
		world_forget();
		model_end();
	}
}

/* The largest leaf of each mode, down to a page and up again. */
TEST(every_leaf_size)
{
	for (unsigned int m = 0; m < NR_WORLDS; m++) {
		int top;

		model_begin(m);
		top = paging->levels - 1;
		for (int level = 0; level <= top; level++) {
			unsigned long va = kernel_base() + 8 * level_bytes(top);
			unsigned long page = va + level_bytes(level) - PAGE_SIZE;

			EXPECT_EQ(arch_map(va, 0, level_bytes(level), RW, ~0UL), 0);
			EXPECT_EQ(walk(page).leaf, level_bytes(level));
			EXPECT_EQ(walk(page).pa, level_bytes(level) - PAGE_SIZE);
			EXPECT_EQ(arch_protect(page, PAGE_SIZE, PROT_READ), 0);
			EXPECT_EQ(walk(page).leaf, PAGE_SIZE);
			EXPECT_EQ(walk(page).prot, PROT_READ);
			EXPECT_EQ(arch_protect(page, PAGE_SIZE, RW), 0);
			if (level && level <= 2)
				EXPECT_EQ(arch_join(page, level_bytes(level)), 0);
			if (level <= 2)
				EXPECT_EQ(walk(page).leaf, level_bytes(level));
			EXPECT_EQ(arch_unmap(va, level_bytes(level)), 0);
			EXPECT_EQ(nr_live, 0);
		}
		model_end();
	}
}

/* Leaves of 64 KiB where they fit and are allowed; a change of a page splits one of them. */
TEST(napot)
{
	for (unsigned int m = 0; m < NR_WORLDS; m++) {
		unsigned long big, va, at, small = PAGE_SIZE;

		model_begin(m);
		if (pt_napot())
			small = NAPOT_BYTES;
		big = level_bytes(1);
		va = kernel_base() + 8 * level_bytes(paging->levels - 1);
		/* A page, two of 64 KiB, a page. */
		at = va + NAPOT_BYTES - PAGE_SIZE;
		EXPECT_EQ(arch_map(at, big - PAGE_SIZE, 2 * NAPOT_BYTES + 2 * PAGE_SIZE, RW, big),
			  0);
		EXPECT_EQ(walk(at).leaf, PAGE_SIZE);
		EXPECT_EQ(walk(at + PAGE_SIZE).leaf, small);
		EXPECT_EQ(walk(at + 2 * NAPOT_BYTES + 5).leaf, small);
		EXPECT_EQ(walk(at + 2 * NAPOT_BYTES + 5).pa, big + 2 * NAPOT_BYTES - PAGE_SIZE + 5);
		EXPECT_EQ(walk(at + 2 * NAPOT_BYTES + PAGE_SIZE).leaf, PAGE_SIZE);
		EXPECT_EQ(arch_protect(at + 3 * PAGE_SIZE, PAGE_SIZE, PROT_READ), 0);
		EXPECT_EQ(walk(at + PAGE_SIZE).leaf, PAGE_SIZE);
		EXPECT_EQ(walk(at + NAPOT_BYTES + PAGE_SIZE).leaf, small);
		if (pt_napot()) {
			EXPECT_EQ(arch_join(at + PAGE_SIZE, NAPOT_BYTES), -EINVAL);
			EXPECT_EQ(arch_protect(at + 3 * PAGE_SIZE, PAGE_SIZE, RW), 0);
			EXPECT_EQ(arch_join(at + PAGE_SIZE, NAPOT_BYTES), 0);
			EXPECT_EQ(walk(at + PAGE_SIZE).leaf, small);
		}
		EXPECT_EQ(arch_unmap(at, 2 * NAPOT_BYTES + 2 * PAGE_SIZE), 0);
		/* A hole in a larger one leaves as much as can be. */
		EXPECT_EQ(arch_map(va, big, big, RW, big), 0);
		EXPECT_EQ(arch_unmap(va + PAGE_SIZE, PAGE_SIZE), 0);
		EXPECT_EQ(walk(va + 2 * PAGE_SIZE).leaf, PAGE_SIZE);
		EXPECT_EQ(walk(va + NAPOT_BYTES).leaf, small);
		EXPECT_EQ(arch_unmap(va, PAGE_SIZE), 0);
		EXPECT_EQ(arch_unmap(va + 2 * PAGE_SIZE, big - 2 * PAGE_SIZE), 0);
		/* Frames that aren't aligned, and a caller who wants pages. */
		EXPECT_EQ(arch_map(va, big + PAGE_SIZE, NAPOT_BYTES, RW, big), 0);
		EXPECT_EQ(walk(va).leaf, PAGE_SIZE);
		EXPECT_EQ(arch_unmap(va, NAPOT_BYTES), 0);
		EXPECT_EQ(arch_map(va, big, NAPOT_BYTES, RW, PAGE_SIZE), 0);
		EXPECT_EQ(walk(va).leaf, PAGE_SIZE);
		EXPECT_EQ(arch_unmap(va, NAPOT_BYTES), 0);
		EXPECT_EQ(nr_live, 0);
		model_end();
	}
}
