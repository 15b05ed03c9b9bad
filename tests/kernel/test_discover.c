/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_discover.c - what this boot made of this board's device tree
 *
 * Nothing is assumed about the board: what memblock, the harts and the zones say is held
 * against the tree again.
 */
#include <mm/discover.h>

#include <asm/memory.h>
#include <base/errno.h>
#include <kernel/smp.h>
#include <lib/dma_limit.h>
#include <libfdt.h>
#include <mm/init.h>
#include <mm/memblock.h>
#include <shell/ktap.h>

extern char _start[], _end[];

static void test_lists_are_valid(struct ktap *t)
{
	memblock_validate(); /* panics */
	KTAP_EXPECT(t, memblock_phys_mem_size() > 0);
	KTAP_EXPECT(t, memblock_start_of_DRAM() < memblock_end_of_DRAM());
}

static int count_in_bank(const struct dt_bank *bank, void *arg, struct dt_error *err)
{
	const struct memblock_region *r;
	u64 *bytes = arg;

	for_each_mem_range(r) {
		phys_addr_t lo = max(r->base, bank->range.start);
		phys_addr_t hi = min(r->base + r->size, bank->range.end);

		if (lo < hi && r->nid == bank->nid)
			*bytes += hi - lo;
	}
	return 0;
}

/* All memory lies in banks of the tree (which may stand twice), on the node that they name. */
static void test_memory_is_in_banks(struct ktap *t)
{
	struct dt_error err;
	u64 bytes = 0;

	KTAP_ASSERT_EQ(t, dt_for_each_bank(count_in_bank, &bytes, &err), 0);
	KTAP_EXPECT(t, bytes >= memblock_phys_mem_size());
}

static int check_reserved(const struct dt_reservation *rsv, void *arg, struct dt_error *err)
{
	struct ktap *t = arg;

	if (rsv->range.start == rsv->range.end)
		return 0;
	KTAP_EXPECT(t, memblock_is_reserved(rsv->range.start));
	KTAP_EXPECT(t, memblock_is_reserved(rsv->range.end - 1));
	if (rsv->no_map)
		KTAP_EXPECT(t, !memblock_is_map_memory(rsv->range.start));
	return 0;
}

static void test_reservations_hold(struct ktap *t)
{
	struct dt_error err;

	KTAP_EXPECT_EQ(t, dt_for_each_reservation(check_reserved, t, &err), 0);
	KTAP_EXPECT(t, memblock_is_reserved(__pa_symbol(_start)));
	KTAP_EXPECT(t, memblock_is_reserved(__pa_symbol(_end) - 1));
	KTAP_EXPECT(t, memblock_is_reserved(__pa(dt_blob())));
}

/* libfdt's full check, which looks at each byte in its own way, agrees with ours. */
static void test_libfdt_agrees(struct ktap *t)
{
	KTAP_EXPECT_EQ(t, fdt_check_full(dt_blob(), dt_blob_bytes()), 0);
	KTAP_EXPECT_EQ(t, dt_find_path("/cpus"), fdt_path_offset(dt_blob(), "/cpus"));
}

static bool in_ranges(const struct dt_dma_map *map, const struct dt_dma_device *d, phys_addr_t pa)
{
	unsigned i;

	for (i = d->first_range; i < d->first_range + d->nr_ranges; i++) {
		if (pa >= map->range[i].start && pa < map->range[i].end)
			return true;
	}
	return false;
}

/* Both ends of each zone that a device is said to reach are within its ranges. */
static void test_devices_reach_their_zones(struct ktap *t)
{
	const struct dt_dma_map *map = discover_dma_map();
	const struct zone_plan *plan = mm_zone_plan();
	unsigned i;
	int z;

	if (!map->nr_devices) {
		ktap_skip(t, "no DMA-limited device here");
		return;
	}
	for (i = 0; i < map->nr_devices; i++) {
		const struct dt_dma_device *d = &map->device[i];

		KTAP_EXPECT(t, dt_compatible(d->node, d->limit->compatible));
		KTAP_EXPECT_EQ(t,
			       discover_reach(i) &
				       ~(plan->mask_normal | plan->mask_high | plan->mask_movable),
			       0);
		for (z = 0; z < plan->nr_zones; z++) {
			if (!(discover_reach(i) >> z & 1))
				continue;
			KTAP_EXPECT(t, in_ranges(map, d, plan->zone[z].start));
			KTAP_EXPECT(t, in_ranges(map, d, plan->zone[z].end - 1));
		}
	}
}

static void test_zones_cover_memory(struct ktap *t)
{
	const struct zone_plan *plan = mm_zone_plan();
	const struct memblock_region *r;
	u64 bytes = 0, mapped = 0;
	int z;

	for (z = 0; z < plan->nr_zones; z++)
		bytes += plan->zone[z].bytes;
	for_each_mem_range(r) {
		if (r->flags & MEMBLOCK_NOMAP)
			continue;
		mapped += r->size;
		KTAP_EXPECT(t, zone_plan_find(plan, r->base) >= 0);
		KTAP_EXPECT(t, zone_plan_find(plan, r->base + r->size - 1) >= 0);
	}
	KTAP_EXPECT_EQ(t, bytes, mapped);
}

static const struct ktap_case cases[] = {
	{ "lists_are_valid", test_lists_are_valid },
	{ "memory_is_in_banks", test_memory_is_in_banks },
	{ "reservations_hold", test_reservations_hold },
	{ "libfdt_agrees", test_libfdt_agrees },
	{ "devices_reach_their_zones", test_devices_reach_their_zones },
	{ "zones_cover_memory", test_zones_cover_memory },
	{},
};
static const struct ktap_suite suite_discover = { "discover", cases };
TABLE_ENTRY(ktap_suite, suite_discover);
