/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_vmap_tree.c - taken ranges against a map with a byte for each page
 *
 * What the tree takes must be the lowest free run that is large enough, or, if that has no room
 * once aligned, the lowest that is sure to; the map says which that is.
 */
#include "harness.h"

#include <mm/vmap_tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRAIN 4096UL
#define BASE  0x40000000UL
#define PAGES 3000u
#define NODES 400u
#define MANY  100000u

static struct vmap_tree tree;
static struct vmap_node nodes[NODES];
static bool used[NODES];
static u8 taken[PAGES];

static void check(void)
{
	unsigned long at = 0;
	const char *fault = vmap_tree_validate(&tree, &at);

	if (fault)
		host_fail(__FILE__, __LINE__, "0x%lx: %s", at, fault);
}

/* The first page of the lowest run of @nr free ones; PAGES: there is none. */
static unsigned lowest_run(unsigned nr)
{
	unsigned run = 0;

	for (unsigned i = 0; i < PAGES; i++) {
		run = taken[i] ? 0 : run + 1;
		if (run == nr)
			return i + 1 - nr;
	}
	return PAGES;
}

static bool is_free(unsigned first, unsigned nr)
{
	for (unsigned i = first; i < first + nr; i++)
		if (i >= PAGES || taken[i])
			return false;
	return true;
}

static unsigned largest_run(void)
{
	unsigned run = 0, most = 0;

	for (unsigned i = 0; i < PAGES; i++) {
		run = taken[i] ? 0 : run + 1;
		most = max(most, run);
	}
	return most;
}

static void set_taken(const struct vmap_node *n, u8 value)
{
	for (unsigned long at = n->start; at < n->end; at += GRAIN) {
		EXPECT_EQ(taken[(at - BASE) / GRAIN], !value);
		taken[(at - BASE) / GRAIN] = value;
	}
}

static void take(struct vmap_node *n)
{
	unsigned nr = 1 + (unsigned)rnd_below(rnd_below(4) ? 8 : 200);
	unsigned align = 1U << (rnd_below(4) ? 0 : rnd_below(6));
	unsigned first = lowest_run(nr), up = BASE / GRAIN + first;
	bool got = vmap_tree_take(&tree, n, nr * GRAIN, align * GRAIN, GRAIN);

	up = ALIGN_UP(up, align) - up;
	if (first < PAGES && !is_free(first, up + nr))
		first = lowest_run(nr + align - 1);
	EXPECT_EQ(got, first < PAGES);
	if (!got)
		return;
	EXPECT_EQ(n->start, ALIGN_UP(BASE + first * GRAIN, align * GRAIN));
	EXPECT_EQ(n->end, n->start + nr * GRAIN);
	set_taken(n, 1);
	used[n - nodes] = true;
}

static void put(struct vmap_node *n)
{
	vmap_tree_remove(&tree, n);
	set_taken(n, 0);
	used[n - nodes] = false;
}

/* A range grows into what is free around it, or shrinks. */
static void resize(struct vmap_node *n)
{
	unsigned long start = n->prev->end, end = n->next->start;

	start += rnd_below((n->end - 1 - start) / GRAIN + 1) * GRAIN;
	end -= rnd_below((end - start - 1) / GRAIN + 1) * GRAIN;
	set_taken(n, 0);
	vmap_tree_resize(&tree, n, start, end);
	set_taken(n, 1);
}

/* Taken out and put in where it was. */
static void reinsert(struct vmap_node *n)
{
	vmap_tree_remove(&tree, n);
	vmap_tree_insert(&tree, n);
}

static void find(void)
{
	unsigned page = (unsigned)rnd_below(PAGES);
	unsigned long at = BASE + page * GRAIN + rnd_below(GRAIN);
	struct vmap_node *n = vmap_tree_find(&tree, at), *above = vmap_tree_above(&tree, at);

	EXPECT_EQ(n != NULL, taken[page]);
	if (n)
		EXPECT(n->start <= at && at < n->end && above == n);
	else if (above)
		EXPECT(above->start > at && above->prev->end <= at);
	else
		EXPECT(tree.high.prev->end <= at);
}

static void step(void)
{
	unsigned i = (unsigned)rnd_below(NODES);
	struct vmap_node *n = &nodes[i];

	if (!used[i])
		take(n);
	else if (rnd_below(3))
		put(n);
	else if (rnd_below(2))
		resize(n);
	else
		reinsert(n);
	find();
}

TEST(random_operations)
{
	for (unsigned round = 0; round < 6; round++) {
		memset(used, 0, sizeof(used));
		memset(taken, 0, sizeof(taken));
		vmap_tree_init(&tree, BASE, BASE + PAGES * GRAIN, (u32)rnd() | 1);
		for (unsigned i = 0; i < 4000; i++) {
			step();
			if (i % 16 == 0) {
				check();
				EXPECT_EQ(vmap_tree_largest(&tree), largest_run() * GRAIN);
			}
		}
		for (unsigned i = 0; i < NODES; i++)
			if (used[i])
				put(&nodes[i]);
		check();
		EXPECT_EQ(tree.nr, 0);
		EXPECT_EQ(vmap_tree_largest(&tree), PAGES * GRAIN);
	}
}

static unsigned depth(const struct vmap_node *n)
{
	unsigned deep = 0;

	for (; n->parent; n = n->parent)
		deep++;
	return deep;
}

/* Neither in order nor at random does it get deep. */
TEST(a_hundred_thousand)
{
	struct vmap_node *many = calloc(MANY, sizeof(*many));
	unsigned deepest = 0;

	vmap_tree_init(&tree, BASE, BASE + 4 * MANY * GRAIN, 1);
	for (unsigned i = 0; i < MANY; i++)
		EXPECT(vmap_tree_take(&tree, &many[i], (1 + i % 3) * GRAIN, GRAIN, GRAIN));
	check();
	for (unsigned i = 0; i < MANY; i++)
		deepest = max(deepest, depth(&many[i]));
	EXPECT(deepest < 64);
	for (unsigned i = 0; i < MANY; i += 2)
		vmap_tree_remove(&tree, &many[i]);
	check();
	for (unsigned i = 0; i < MANY; i += 2)
		EXPECT(vmap_tree_take(&tree, &many[i], (1 + rnd_below(3)) * GRAIN, GRAIN, GRAIN));
	check();
	EXPECT_EQ(tree.nr, MANY);
	for (unsigned i = 0; i < MANY; i++)
		vmap_tree_remove(&tree, &many[i]);
	EXPECT_EQ(vmap_tree_largest(&tree), 4 * MANY * GRAIN);
	free(many);
}

/* Nodes that are looked at to take a range, find it and give it back, on average, where @nr ranges
 * and as many gaps of all sizes are. */
static unsigned steps_at(struct vmap_node *many, unsigned nr)
{
	unsigned long before;

	vmap_tree_init(&tree, BASE, BASE + 8UL * nr * GRAIN, (u32)rnd() | 1);
	for (unsigned i = 0; i < 2 * nr; i++)
		EXPECT(vmap_tree_take(&tree, &many[i], (1 + rnd_below(6)) * GRAIN, GRAIN, GRAIN));
	for (unsigned i = 0; i < 2 * nr; i += 2)
		vmap_tree_remove(&tree, &many[i]);
	before = vmap_tree_steps();
	for (unsigned i = 0; i < 4000; i++) {
		struct vmap_node *n = &many[rnd_below(nr) * 2 + 1];

		vmap_tree_remove(&tree, n);
		EXPECT(vmap_tree_take(&tree, n, (1 + rnd_below(6)) * GRAIN, GRAIN, GRAIN));
		EXPECT(vmap_tree_find(&tree, n->start) == n);
	}
	return (unsigned)((vmap_tree_steps() - before) / 4000);
}

TEST(steps_grow_with_the_logarithm)
{
	struct vmap_node *many = calloc(2 * MANY, sizeof(*many));
	unsigned few = steps_at(many, MANY / 1000), more = steps_at(many, MANY / 30),
		 most = steps_at(many, MANY);

	printf("# steps: %u, %u, %u\n", few, more, most);
	EXPECT(few && more < 3 * few && most < 4 * few);
	free(many);
}

/* Each kind of damage is named. */
TEST(validate_speaks)
{
	unsigned long at;

	vmap_tree_init(&tree, BASE, BASE + PAGES * GRAIN, 1);
	for (unsigned i = 0; i < 40; i++)
		EXPECT(vmap_tree_take(&tree, &nodes[i], 2 * GRAIN, GRAIN, GRAIN));
	check();
	nodes[20].max_gap++;
	EXPECT_STR(vmap_tree_validate(&tree, &at),
		   "its largest gap isn't that of its children and its own");
	EXPECT_EQ(at, nodes[20].start);
	nodes[20].max_gap--;
	nodes[21].start -= GRAIN;
	EXPECT_STR(vmap_tree_validate(&tree, &at), "it isn't above the one before, or is empty");
	nodes[21].start += GRAIN;
	tree.nr++;
	EXPECT_STR(vmap_tree_validate(&tree, &at),
		   "the list has another number of nodes than the tree");
	tree.nr--;
	check();
}
