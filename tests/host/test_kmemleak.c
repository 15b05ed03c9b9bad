/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kmemleak.c - the leak detector's records: a tree that finds, pages that come back
 *
 * Objects are slots of SLOT bytes, or a few of them; their memory doesn't exist, since nobody reads
 * it here.  The model is who has each slot.
 */
#include "../../mm/kmemleak.h"

#include <asm/trap.h>
#include <kernel/smp.h>
#include <kernel/time.h>

#include "mm_world.h"

#include <string.h>

#define SLOT  64UL
#define SLOTS 6000
#define BASE  0x40000000UL
#define MOST  4 /* slots of an object */

static u16 owner[SLOTS]; /* first slot + 1 of the object that has it, 0: none */
static u16 bytes_of[SLOTS];
static unsigned long nr_objects;
static unsigned long free_before;

unsigned int current_thread_id(void)
{
	return 7;
}

u64 ktime_ns(void)
{
	return 5000000000;
}

static const struct world small = { .base = 0x80000000,
				    .bytes = 8 * MiB,
				    .bank = { { 0x80000000, 0x80800000, 0 } } };

static void build(void)
{
	memset(&leak_state, 0, sizeof(leak_state));
	leak_state.lowest = ~0UL;
	memset(owner, 0, sizeof(owner));
	nr_objects = 0;
	kmemleak_on = true;
	world_build(&small);
	page_alloc_reset();
	page_alloc_init(&world_plan);
	world_run_as(0);
	free_before = nr_free_pages();
}

static void *slot_address(unsigned slot)
{
	return (void *)(BASE + slot * SLOT);
}

static void *in_slot(unsigned slot, unsigned long offset)
{
	return (void *)(BASE + slot * SLOT + offset);
}

static bool is_free(unsigned slot, unsigned nr)
{
	for (unsigned i = slot; i < slot + nr; i++)
		if (i >= SLOTS || owner[i])
			return false;
	return true;
}

static void add(unsigned slot)
{
	unsigned nr = 1 + (unsigned)rnd_below(MOST), bytes;

	if (!is_free(slot, nr))
		return;
	bytes = (unsigned)rnd_range((nr - 1) * SLOT + 1, nr * SLOT + 1);
	EXPECT(kmemleak_track(slot_address(slot), bytes, 1, GFP_KERNEL));
	bytes_of[slot] = (u16)bytes;
	for (unsigned i = slot; i < slot + nr; i++)
		owner[i] = (u16)(slot + 1);
	nr_objects++;
}

static void take_out(unsigned slot)
{
	unsigned first = owner[slot];

	kmemleak_free(in_slot(slot, 1)); /* no object begins there */
	if (!first)
		return;
	kmemleak_free(slot_address(first - 1));
	for (unsigned i = first - 1; i < SLOTS && owner[i] == first; i++)
		owner[i] = 0;
	nr_objects--;
}

/* An address in any slot, or between two objects, leads where the model says. */
static void ask(unsigned slot)
{
	unsigned long addr = BASE + slot * SLOT + rnd_below(SLOT);
	unsigned first = owner[slot], next = slot;
	const struct leak_object *o = leak_find(addr);

	if (first && addr - BASE - (first - 1) * SLOT >= bytes_of[first - 1])
		first = 0;
	EXPECT_EQ(o ? o->start : 0, first ? BASE + (first - 1) * SLOT : 0);
	while (next < SLOTS && owner[next] != next + 1)
		next++;
	o = leak_next((unsigned long)slot_address(slot));
	EXPECT_EQ(o ? o->start : 0, next < SLOTS ? BASE + next * SLOT : 0);
}

static void is_sound(void)
{
	struct kmemleak_counts c;

	EXPECT(!kmemleak_validate());
	kmemleak_count(&c);
	EXPECT_EQ(c.objects, nr_objects);
	EXPECT_EQ(free_before - nr_free_pages(), c.pages);
}

TEST(like_the_model)
{
	build();
	for (unsigned i = 0; i < 60000; i++) {
		unsigned slot = (unsigned)rnd_below(SLOTS), what = (unsigned)rnd_below(8);

		/* By turns more come and more go. */
		if (what < (i / 10000 % 2 ? 2u : 4u))
			add(slot);
		else if (what < 6)
			take_out(slot);
		else
			ask(slot);
		if (i % 1000 == 0)
			is_sound();
	}
	for (unsigned slot = 0; slot < SLOTS; slot++)
		take_out(slot);
	is_sound();
	EXPECT_EQ(nr_free_pages(), free_before);
}

static unsigned depth_of(const struct leak_object *o)
{
	return o ? 1 + max(depth_of(o->left), depth_of(o->right)) : 0;
}

/* However addresses rise, no search takes long: a random tree of 4096 is some 30 deep. */
TEST(is_never_deep)
{
	static const unsigned long steps[] = { 8, 16, 64, 96, 192, 4096, 8192, 65536, 1 << 18 };

	for (unsigned s = 0; s < ARRAY_SIZE(steps); s++) {
		build();
		for (unsigned long i = 0; i < 4096; i++)
			EXPECT(kmemleak_track((void *)(BASE + i * steps[s]), 8, 1, GFP_KERNEL));
		EXPECT(depth_of(leak_state.root) < 45);
		EXPECT(!kmemleak_validate());
	}
}

/* What is new replaces what went without a word. */
TEST(overlapping)
{
	build();
	for (unsigned i = 0; i < 10; i++)
		EXPECT(kmemleak_track(slot_address(i), SLOT, 1, GFP_KERNEL));
	EXPECT(kmemleak_track(in_slot(2, 32), 4 * SLOT, 1, GFP_KERNEL));
	nr_objects = 10 - 5 + 1;
	is_sound();
	EXPECT(leak_find(BASE + 2 * SLOT) == NULL);
	EXPECT_EQ(leak_find(BASE + 4 * SLOT)->start, BASE + 2 * SLOT + 32);
	EXPECT_EQ(leak_find(BASE + 7 * SLOT)->start, BASE + 7 * SLOT);
	EXPECT_EQ(leak_find(BASE + 7 * SLOT)->thread, 7);
}

TEST(what_owners_say)
{
	const struct leak_object *o;

	build();
	EXPECT(kmemleak_track(slot_address(0), SLOT, 1, GFP_KERNEL));
	nr_objects = 1;
	o = leak_find(BASE);
	kmemleak_not_leak(in_slot(0, 8));
	EXPECT_EQ(o->min_count, 1);
	kmemleak_not_leak(slot_address(0));
	EXPECT_EQ(o->min_count, 0);
	kmemleak_ignore(slot_address(0));
	kmemleak_no_scan(slot_address(0));
	EXPECT_EQ(o->flags, LEAK_IGNORED | LEAK_NO_SCAN);
	kmemleak_scan_area(in_slot(0, 8), 16, GFP_KERNEL);
	kmemleak_scan_area(in_slot(0, 48), 1000, GFP_KERNEL);
	kmemleak_scan_area(in_slot(1, 0), 8, GFP_KERNEL);
	EXPECT(o->areas->start == BASE + 48 && o->areas->bytes == 16);
	EXPECT(o->areas->next->start == BASE + 8 && !o->areas->next->next);
	is_sound();
	kmemleak_free(slot_address(0));
	EXPECT_EQ(nr_free_pages(), free_before);
}

/* Without memory an allocation fails, and others that can't are counted. */
TEST(no_memory)
{
	struct kmemleak_counts c;
	unsigned i = 0;

	build();
	while (alloc_page(GFP_ATOMIC | __GFP_NOWARN))
		;
	while (kmemleak_track(slot_address(i), SLOT, 1, GFP_ATOMIC))
		i++;
	EXPECT(i < 200);
	EXPECT(!kmemleak_validate());
	kmemleak_alloc(slot_address(i), SLOT, 1, GFP_ATOMIC);
	kmemleak_count(&c);
	EXPECT_EQ(c.missed, 1);
	EXPECT_EQ(c.objects, i);
	kmemleak_on = false;
	EXPECT(kmemleak_track(slot_address(i), SLOT, 1, GFP_ATOMIC));
	EXPECT(leak_find((unsigned long)slot_address(i)) == NULL);
}
