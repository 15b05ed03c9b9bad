/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_memblock.c - memblock by hand, and against a bitmap
 */
#include "harness.h"

#include <asm/memory.h>
#include <base/errno.h>
#include <mm/memblock.h>
#include <string.h>

#define P(n) ((phys_addr_t)(n)*PAGE_SIZE)

static void fresh(void)
{
	memblock_reset();
	host_memory_init(0x80000000, 64 * MiB);
	memblock_allow_resize();
}

static void expect_memory(unsigned i, phys_addr_t base, phys_addr_t size, int nid, u32 flags)
{
	const struct memblock_region *r = &memblock.memory.regions[i];

	EXPECT(i < memblock.memory.nr);
	EXPECT_EQ(r->base, base);
	EXPECT_EQ(r->size, size);
	EXPECT_EQ(r->nid, nid);
	EXPECT_EQ(r->flags, flags);
}

TEST(add_sorts_and_merges)
{
	fresh();
	EXPECT_EQ(memblock_add(0x90000000, MiB), 0);
	EXPECT_EQ(memblock_add(0x80000000, MiB), 0);
	EXPECT_EQ(memblock_add(0x80100000, MiB), 0);
	EXPECT_EQ(memblock.memory.nr, 2);
	expect_memory(0, 0x80000000, 2 * MiB, 0, 0);
	expect_memory(1, 0x90000000, MiB, 0, 0);
	EXPECT_EQ(memblock_phys_mem_size(), 3 * MiB);
	EXPECT_EQ(memblock_start_of_DRAM(), 0x80000000);
	EXPECT_EQ(memblock_end_of_DRAM(), 0x90100000);
	memblock_validate();
}

TEST(nodes_do_not_merge)
{
	fresh();
	EXPECT_EQ(memblock_add_node(0x80000000, MiB, 0), 0);
	EXPECT_EQ(memblock_add_node(0x80100000, MiB, 1), 0);
	EXPECT_EQ(memblock.memory.nr, 2);
	expect_memory(1, 0x80100000, MiB, 1, 0);
	memblock_validate();
}

TEST(overlap_keeps_what_was_there)
{
	fresh();
	EXPECT_EQ(memblock_add_node(P(10), P(10), 1), 0);
	EXPECT_EQ(memblock_add_node(P(5), P(30), 0), 0);
	EXPECT_EQ(memblock.memory.nr, 3);
	expect_memory(0, P(5), P(5), 0, 0);
	expect_memory(1, P(10), P(10), 1, 0);
	expect_memory(2, P(20), P(15), 0, 0);
	memblock_validate();
}

TEST(wrap_around_is_refused)
{
	fresh();
	EXPECT_EQ(memblock_add(~0ULL - 4095, 8192), -EINVAL);
	EXPECT_EQ(memblock_add(~0ULL - 4095, 4096), -EINVAL);
	EXPECT_EQ(memblock_reserve(~0ULL, 2), -EINVAL);
	EXPECT_EQ(memblock_remove(~0ULL, 2), -EINVAL);
	EXPECT_EQ(memblock_phys_free(~0ULL, 2), -EINVAL);
	EXPECT_EQ(memblock_mark_nomap(~0ULL, 2), -EINVAL);
	EXPECT_EQ(memblock_add(0x80000000, 0), 0);
	EXPECT_EQ(memblock.memory.nr, 0);
	EXPECT(!memblock_is_region_memory(~0ULL, 2));
	memblock_validate();
}

TEST(alloc_is_top_down_and_below_the_limit)
{
	fresh();
	EXPECT_EQ(memblock_add(0x80000000, 16 * MiB), 0);
	EXPECT_EQ(memblock_phys_alloc_range(4096, 4096, 0, 0, NUMA_NO_NODE), 0x80fff000);
	EXPECT_EQ(memblock_phys_alloc_range(100, 64, 0, 0, NUMA_NO_NODE), 0x80ffef80);
	memblock_set_limit(0x80400000);
	EXPECT_EQ(memblock_phys_alloc_range(MiB, MiB, 0, 0, NUMA_NO_NODE), 0x80300000);
	EXPECT_EQ(memblock_phys_alloc_range(4096, 4096, 0x80100000, 0x80200000, NUMA_NO_NODE),
		  0x801ff000);
	EXPECT_EQ(memblock_phys_alloc_range(8 * MiB, 4096, 0, 0, NUMA_NO_NODE), 0);
	EXPECT_EQ(memblock_phys_alloc_range(4096, 4096, 0x80400000, 0, NUMA_NO_NODE), 0);
	EXPECT_EQ(memblock_phys_alloc_range(4096, 4095, 0, 0, NUMA_NO_NODE), 0);
	EXPECT_EQ(memblock_phys_alloc_range(0, 4096, 0, 0, NUMA_NO_NODE), 0);
	memblock_validate();
}

TEST(alloc_near_a_node_then_elsewhere)
{
	fresh();
	EXPECT_EQ(memblock_add_node(0x80000000, MiB, 0), 0);
	EXPECT_EQ(memblock_add_node(0x80100000, MiB, 1), 0);
	EXPECT_EQ(memblock_phys_alloc_range(MiB / 2, 4096, 0, 0, 0), 0x80080000);
	EXPECT_EQ(memblock_phys_alloc_range(MiB / 2, 4096, 0, 0, 0), 0x80000000);
	EXPECT_EQ(memblock_phys_alloc_range(MiB / 2, 4096, 0, 0, 0), 0x80180000);
}

TEST(frame_zero_nomap_and_hotplug)
{
	fresh();
	EXPECT_EQ(memblock_add(0, P(4)), 0);
	EXPECT_EQ(memblock_mark_nomap(P(2), P(1)), 0);
	EXPECT_EQ(memblock_mark_hotplug(P(3), P(1)), 0);
	EXPECT_EQ(memblock_phys_alloc_range(P(1), P(1), 0, 0, 0), P(1));
	EXPECT_EQ(memblock_phys_alloc_range(P(1), P(1), 0, 0, 0), P(3));
	EXPECT_EQ(memblock_phys_alloc_range(P(1), P(1), 0, 0, 0), 0);
	EXPECT(memblock_is_memory(P(2)));
	EXPECT(!memblock_is_map_memory(P(2)));
	EXPECT(!memblock_is_region_memory(P(1), P(2)));
	EXPECT(memblock_is_region_memory(0, P(2)));
	EXPECT(memblock_is_region_reserved(P(0), P(2)));
	EXPECT(!memblock_is_region_reserved(P(0), P(1)));
	memblock_validate();
}

TEST(memory_limit)
{
	fresh();
	EXPECT_EQ(memblock_add(0x80000000, MiB), 0);
	EXPECT_EQ(memblock_add(0x90000000, MiB), 0);
	EXPECT_EQ(memblock_add(0xa0000000, MiB), 0);
	EXPECT_EQ(memblock_enforce_memory_limit(4 * MiB), 0);
	EXPECT_EQ(memblock_phys_mem_size(), 3 * MiB);
	EXPECT_EQ(memblock_enforce_memory_limit(MiB + 5000), 0);
	EXPECT_EQ(memblock.memory.nr, 2);
	expect_memory(1, 0x90000000, 4096, 0, 0);
	memblock_validate();
}

TEST(free_ranges)
{
	struct memblock_free_iter it;
	const phys_addr_t want[][2] = { { P(0), P(1) }, { P(3), P(4) }, { P(22), P(30) } };
	unsigned n = 0;

	fresh();
	EXPECT_EQ(memblock_add(P(0), P(10)), 0);
	EXPECT_EQ(memblock_add(P(20), P(10)), 0);
	EXPECT_EQ(memblock_reserve(P(1), P(2)), 0);
	EXPECT_EQ(memblock_reserve(P(4), P(18)), 0);
	for_each_free_range(it) {
		EXPECT(n < ARRAY_SIZE(want));
		EXPECT_EQ(it.start, want[n][0]);
		EXPECT_EQ(it.end, want[n][1]);
		n++;
	}
	EXPECT_EQ(n, ARRAY_SIZE(want));
}

TEST(alloc_is_zeroed_and_freed)
{
	char *p;

	fresh();
	EXPECT_EQ(memblock_add(0x80000000, 16 * MiB), 0);
	memset(__va(0x80fff000), 0x55, 4096);
	p = memblock_alloc(4096, 4096);
	EXPECT_EQ(__pa(p), 0x80fff000);
	for (int i = 0; i < 4096; i++)
		EXPECT_EQ(p[i], 0);
	EXPECT_EQ(memblock_reserved_size(), 4096);
	memblock_free(p, 4096);
	EXPECT_EQ(memblock_reserved_size(), 0);
	EXPECT_PANIC("memblock: freeing [0x80fff000, 0x81000000), 0 of 4096 bytes reserved",
		     memblock_free(p, 4096));
	EXPECT_PANIC("memblock: no room for 33554432 bytes aligned to 4096: 16384 KiB of memory",
		     (void)!memblock_alloc(32 * MiB, 4096));
}

TEST(lists_grow)
{
	unsigned i;

	fresh();
	EXPECT_EQ(memblock_add(0x80000000, 16 * MiB), 0);
	memblock.can_resize = false;
	for (i = 0; i < 127; i++)
		EXPECT_EQ(memblock_reserve(0x80000000 + P(2 * i), P(1)), 0);
	EXPECT_EQ(memblock_reserve(0x80000000 + P(2 * 127), P(1)), 0);
	EXPECT_EQ(memblock_reserve(0x80000000 + P(2 * 128), P(1)), -ENOSPC);
	memblock_allow_resize();
	for (i = 128; i < 1500; i++)
		EXPECT_EQ(memblock_reserve(0x80000000 + P(2 * i), P(1)), 0);
	memblock_validate();
	for (i = 0; i < 1500; i++) {
		EXPECT(memblock_is_reserved(0x80000000 + P(2 * i)));
		EXPECT(!memblock_is_reserved(0x80000000 + P(2 * i + 1)));
	}
	/* The old arrays were given back: only the last is reserved. */
	EXPECT_EQ(memblock.reserved.total,
		  P(1500) + ALIGN_UP(memblock.reserved.max * sizeof(struct memblock_region), P(1)));
	for (i = 0; i < 300; i++)
		EXPECT_EQ(memblock_add(0x100000000 + P(2 * i), P(1)), 0);
	EXPECT_EQ(memblock.memory.nr, 301);
	memblock_validate();
}

TEST(the_new_list_avoids_what_is_being_reserved)
{
	unsigned i;

	fresh();
	EXPECT_EQ(memblock_add(0x80000000, 16 * MiB), 0);
	for (i = 0; i < 128; i++)
		EXPECT_EQ(memblock_reserve(0x80000000 + P(2 * i), P(1)), 0);
	EXPECT_EQ(memblock_reserve(0x80800000, 8 * MiB), 0);
	EXPECT((char *)memblock.reserved.regions < (char *)__va(0x80800000));
	memblock_validate();
}

TEST(validate_speaks)
{
	struct memblock_region *r = memblock.memory.regions;

	fresh();
	r = memblock.memory.regions;
	EXPECT_EQ(memblock_add(P(1), P(1)), 0);
	EXPECT_EQ(memblock_add(P(3), P(1)), 0);
	memblock_validate();
	r[0].size = P(3);
	EXPECT_PANIC("memory[1]: starts at 0x3000, the one before ends at 0x4000",
		     memblock_validate());
	r[0].size = 0;
	EXPECT_PANIC("memory[0]: base 0x1000, size 0x0", memblock_validate());
	r[0].size = P(2);
	EXPECT_PANIC("memory[1]: not merged with the one before at 0x3000", memblock_validate());
	r[0].size = 5;
	EXPECT_PANIC("total 0x2000, the regions sum up to 0x1005", memblock_validate());
	r[0].size = P(1);
	memblock.memory.nr = 1000;
	EXPECT_PANIC("memory: 1000 regions in room for 128", memblock_validate());
	memblock_reset();
}

/* ---- against a model: one byte a page ---- */

enum { MODEL_PAGES = 600 };
#define MODEL_BASE 0x80000000ULL

static struct model {
	bool mem, nomap, rsrv;
	int nid;
} model[MODEL_PAGES];

static phys_addr_t model_pa(unsigned page)
{
	return MODEL_BASE + P(page);
}

static void compare_with_model(void)
{
	struct memblock_free_iter it = { 0 };
	bool more = memblock_next_free(&it);

	memblock_validate();
	for (unsigned i = 0; i < MODEL_PAGES; i++) {
		phys_addr_t pa = model_pa(i);
		bool is_free = model[i].mem && !model[i].nomap && !model[i].rsrv;

		EXPECT_EQ(memblock_is_memory(pa), model[i].mem);
		EXPECT_EQ(memblock_is_map_memory(pa), model[i].mem && !model[i].nomap);
		EXPECT_EQ(memblock_is_reserved(pa + 4095), model[i].rsrv);
		while (more && it.end <= pa)
			more = memblock_next_free(&it);
		EXPECT_EQ(more && it.start <= pa, is_free);
		if (is_free)
			EXPECT_EQ(it.nid, model[i].nid);
	}
}

static void model_alloc(unsigned pages, unsigned align, int nid)
{
	phys_addr_t pa = memblock_phys_alloc_range(P(pages), P(align), 0, 0, nid);
	unsigned i, pass;

	/* The highest fit, on the node first.  Banks of different nodes aren't crossed. */
	for (pass = 0; pass < 2; pass++) {
		for (i = MODEL_PAGES - pages + 1; i-- > 0;) {
			unsigned n = 0;

			if ((MODEL_BASE / PAGE_SIZE + i) % align)
				continue;
			while (n < pages && model[i + n].mem && !model[i + n].nomap &&
			       !model[i + n].rsrv && model[i + n].nid == model[i].nid &&
			       (pass || model[i].nid == nid))
				n++;
			if (n < pages)
				continue;
			EXPECT_EQ(pa, model_pa(i));
			while (n--)
				model[i + n].rsrv = true;
			return;
		}
	}
	EXPECT_EQ(pa, 0);
}

static void model_step(void)
{
	unsigned from = (unsigned)rnd_below(MODEL_PAGES);
	unsigned pages = (unsigned)rnd_range(1, min(40u, MODEL_PAGES - from) + 1), i;
	phys_addr_t base = model_pa(from), size = P(pages);
	int nid = (int)rnd_below(2);
	unsigned op = (unsigned)rnd_below(7);

	if (op == 6) {
		model_alloc((unsigned)rnd_range(1, 9), 1u << rnd_below(4), nid);
		return;
	}
	for (i = from; i < from + pages; i++) {
		switch (op) {
		case 0:
		case 1:
			if (!model[i].mem)
				model[i] = (struct model){ true, false, model[i].rsrv, nid };
			break;
		case 2:
			model[i].mem = model[i].nomap = false;
			break;
		case 3:
			model[i].rsrv = true;
			break;
		case 4:
			model[i].rsrv = false;
			break;
		case 5:
			model[i].nomap = model[i].mem && pages < 5 ? true : model[i].nomap;
			break;
		}
	}
	switch (op) {
	case 0:
	case 1:
		EXPECT_EQ(memblock_add_node(base, size, nid), 0);
		break;
	case 2:
		EXPECT_EQ(memblock_remove(base, size), 0);
		break;
	case 3:
		EXPECT_EQ(memblock_reserve(base, size), 0);
		break;
	case 4:
		EXPECT_EQ(memblock_phys_free(base, size), 0);
		break;
	case 5:
		if (pages < 5)
			EXPECT_EQ(memblock_mark_nomap(base, size), 0);
		break;
	}
}

TEST(random_operations_match_the_model)
{
	for (int round = 0; round < 60; round++) {
		fresh();
		memset(model, 0, sizeof(model));
		for (int step = 0; step < 120; step++) {
			model_step();
			compare_with_model();
		}
	}
}
