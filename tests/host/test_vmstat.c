/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_vmstat.c - events, indices of fragmentation
 */
#include <mm/vmstat.h>

#include "harness.h"
#include "mm_world.h"

#include <string.h>

/* Every name is there once, in small letters, none empty. */
TEST(names)
{
	char name[NR_VM_EVENT_ITEMS][VM_EVENT_NAME_LEN];

	for (int i = 0; i < NR_VM_EVENT_ITEMS; i++) {
		vm_event_name((enum vm_event_item)i, name[i]);
		EXPECT(name[i][0] && strlen(name[i]) < VM_EVENT_NAME_LEN);
		EXPECT_EQ(strspn(name[i], "abcdefghijklmnopqrstuvwxyz_"), strlen(name[i]));
		for (int j = 0; j < i; j++)
			EXPECT(strcmp(name[i], name[j]));
	}
	EXPECT_STR(name[PGALLOC], "pgalloc");
	EXPECT_STR(name[COMPACT_MIGRATE_SCANNED], "compact_migrate_scanned");
	EXPECT_STR(name[CMA_ALLOC_FAIL], "cma_alloc_fail");
}

/* The harts of the host share one area, so a sum is WORLD_HARTS times what was counted. */
TEST(counting)
{
	unsigned long sum[NR_VM_EVENT_ITEMS];

	memset(&vm_event_states, 0, sizeof(vm_event_states));
	count_vm_event(PGFREE);
	__count_vm_event(PGFREE);
	count_vm_events(CMA_ALLOC_FAIL, 40);
	__count_vm_events(CMA_ALLOC_FAIL, 2);
	EXPECT(!irqs_disabled());
	all_vm_events(sum);
	for (int i = 0; i < NR_VM_EVENT_ITEMS; i++)
		EXPECT_EQ(sum[i], WORLD_HARTS * (i == PGFREE ? 2 : i == CMA_ALLOC_FAIL ? 42 : 0));
	EXPECT_EQ(vm_event_sum(CMA_ALLOC_FAIL), 42 * WORLD_HARTS);
}

TEST(indices)
{
	unsigned long nr[NR_ORDERS] = { 0 };

	EXPECT_EQ(unusable_index(nr, 3), 1000);
	EXPECT_EQ(fragmentation_index(nr, 3), 0);
	/* One page where 8 are asked for: too little; 8 apart: too many pieces. */
	nr[0] = 1;
	EXPECT_EQ(unusable_index(nr, 3), 1000);
	EXPECT_EQ(fragmentation_index(nr, 3), 0);
	EXPECT_EQ(fragmentation_index(nr, 0), -1000);
	nr[0] = 8;
	EXPECT_EQ(fragmentation_index(nr, 3), 750);
	EXPECT_EQ(unusable_index(nr, 0), 0);
	nr[0] = 8000;
	EXPECT_EQ(fragmentation_index(nr, 3), 875);
	/* Half of it in blocks that do. */
	nr[4] = 500;
	EXPECT_EQ(fragmentation_index(nr, 3), -1000);
	EXPECT_EQ(unusable_index(nr, 3), 500);
	EXPECT_EQ(unusable_index(nr, 5), 1000);
	/* More pages than 32 bits count in thousandths. */
	nr[10] = 1000000;
	EXPECT_EQ(unusable_index(nr, 10), 0);
	nr[0] = 1024000000;
	EXPECT_EQ(unusable_index(nr, 10), 500);
}

/* By definition, on random free memory. */
TEST(indices_by_definition)
{
	for (int round = 0; round < 10000; round++) {
		unsigned long nr[NR_ORDERS], free = 0, usable = 0;
		unsigned order = (unsigned)rnd_below(NR_ORDERS);

		for (unsigned o = 0; o < NR_ORDERS; o++) {
			nr[o] = rnd_below(4) ? rnd_below(1 << rnd_below(12)) : 0;
			free += nr[o] << o;
			usable += o >= order ? nr[o] << o : 0;
		}
		if (free)
			EXPECT_EQ(unusable_index(nr, order), (free - usable) * 1000 / free);
		if (usable)
			EXPECT_EQ(fragmentation_index(nr, order), -1000);
		else
			EXPECT(fragmentation_index(nr, order) >= 0 &&
			       fragmentation_index(nr, order) <= 1000);
	}
}

static unsigned long in_zones(void)
{
	unsigned long free = 0;
	struct zone *z;

	for_each_zone(z)
		free += z->nr_free;
	return free;
}

/* What left the zones and didn't come back is what they have less, whichever way it went. */
TEST(pages_are_counted_once)
{
	static const struct world w = { .base = 0x80000000,
					.bytes = 64 * MiB,
					.bank = { { 0x80000000, 0x82000000, 0 },
						  { 0x82000000, 0x84000000, 1 } } };
	static struct {
		struct page *page;
		unsigned order;
	} held[64];
	unsigned long before;

	world_build(&w);
	memset(&vm_event_states, 0, sizeof(vm_event_states));
	before = in_zones();
	for (int i = 0; i < 50000; i++) {
		unsigned at = (unsigned)rnd_below(ARRAY_SIZE(held)),
			 order = (unsigned)rnd_below(rnd_below(4) ? 5 : NR_ORDERS);
		gfp_t gfp = (rnd_below(2) ? GFP_KERNEL : GFP_ATOMIC) | __GFP_NOWARN |
			    (rnd_below(3) ? 0 : __GFP_MOVABLE) | (rnd_below(9) ? 0 : __GFP_ZERO);

		if (held[at].page)
			__free_pages(held[at].page, held[at].order);
		held[at].page = rnd_below(4) ? alloc_pages(gfp, order)
					     : alloc_pages_node((int)rnd_below(2), gfp, order);
		held[at].order = order;
		if (!rnd_below(500))
			drain_local_pages();
		EXPECT_EQ(vm_event_states.event[PGALLOC] - vm_event_states.event[PGFREE],
			  before - in_zones());
	}
	EXPECT(vm_event_states.event[PCP_REFILL] > 100 && vm_event_states.event[PCP_DRAIN] > 10);
	for (unsigned i = 0; i < ARRAY_SIZE(held); i++)
		if (held[i].page)
			__free_pages(held[i].page, held[i].order);
	drain_local_pages();
	EXPECT_EQ(vm_event_states.event[PGALLOC], vm_event_states.event[PGFREE]);
	EXPECT_EQ(in_zones(), before);
}
