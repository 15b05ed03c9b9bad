/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_zone_plan.c - zones of real and imagined boards, and against a page-by-page model
 */
#include "harness.h"

#include <asm/memory.h>
#include <base/errno.h>
#include <mm/zone_plan.h>
#include <stdio.h>
#include <string.h>

#define MAX_TEST_WINDOWS 12

static struct zone_plan plan;
static struct zone_window windows[MAX_TEST_WINDOWS];
static struct phys_range pool[MAX_TEST_WINDOWS * 4];
static unsigned nr_windows, nr_pool;
static u64 movable;	 /* bytes, of the next plan */
static phys_addr_t high; /* and where its high memory begins */

static void forget_windows(void)
{
	nr_windows = nr_pool = 0;
}

static void window(unsigned bits, phys_addr_t start, phys_addr_t end)
{
	pool[nr_pool] = (struct phys_range){ start, end };
	windows[nr_windows++] =
		(struct zone_window){ .range = &pool[nr_pool++], .nr_ranges = 1, .bits = bits };
}

static void build(const struct phys_range *mem, unsigned nr_mem, u64 dma_zone)
{
	struct zone_plan_input in = { mem, nr_mem, windows, nr_windows, dma_zone, movable, high };

	EXPECT_EQ(zone_plan_build(&in, &plan), 0);
}

/* "NAME start-end, ..." of all zones, in units of MiB. */
static const char *zones(void)
{
	static char text[512];
	size_t n = 0;

	for (int i = 0; i < plan.nr_zones; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %llu-%llu", n ? ", " : "",
				      plan.zone[i].name, PA(plan.zone[i].start / MiB),
				      PA(plan.zone[i].end / MiB));
	return text;
}

TEST(one_bank_below_4g)
{
	const struct phys_range mem[] = { { 0x80000000, 0x90000000 } };

	forget_windows();
	build(mem, 1, 0);
	EXPECT_STR(zones(), "DMA32 2048-2304");
	EXPECT_EQ(plan.mask_dma, 1);
	EXPECT_EQ(plan.mask_dma32, 1);
	EXPECT_EQ(plan.mask_normal, 1);
	EXPECT_EQ(zone_plan_find(&plan, 0x80000000), 0);
	EXPECT_EQ(zone_plan_find(&plan, 0x90000000), -1);
}

TEST(four_gib_is_always_cut)
{
	const struct phys_range mem[] = { { 0x80000000, 0x480000000 } };

	forget_windows();
	window(44, 0, 1ULL << 44);
	build(mem, 1, 0);
	EXPECT_STR(zones(), "DMA32 2048-4096, NORMAL 4096-18432");
	EXPECT_EQ(windows[0].reach, 3);
	EXPECT_EQ(plan.mask_dma, 3);
	EXPECT_EQ(plan.mask_dma32, 1);
	EXPECT_EQ(zone_plan_find(&plan, 0x100000000), 1);
}

TEST(jh7110)
{
	const struct phys_range mem[] = { { 0x40000000, 0x240000000 } };

	forget_windows();
	window(32, 0, 1ULL << 32);
	window(40, 0, 1ULL << 40);
	build(mem, 1, 0);
	EXPECT_STR(zones(), "DMA32 1024-4096, NORMAL 4096-9216");
	EXPECT_EQ(windows[0].reach, 1);
	EXPECT_EQ(windows[1].reach, 3);
	EXPECT_EQ(plan.mask_dma, 1);
}

TEST(windows_with_holes_that_memory_has_too)
{
	/* A no-map range lies exactly in the window's hole: nothing to cut there. */
	const struct phys_range mem[] = { { 0x80000000, 0xfa000000 }, { 0xfb000000, 0x280000000 } };

	forget_windows();
	pool[0] = (struct phys_range){ 0x80000000, 0xfa000000 };
	pool[1] = (struct phys_range){ 0xfb000000, 0x100000000 };
	pool[2] = (struct phys_range){ 0x107a000000, 0x107b000000 };
	windows[0] = (struct zone_window){ .range = pool, .nr_ranges = 3, .bits = 32 };
	nr_windows = 1;
	build(mem, 2, 0);
	EXPECT_STR(zones(), "DMA32 2048-4096, NORMAL 4096-10240");
	EXPECT_EQ(windows[0].reach, 1);
}

TEST(a_window_inside_memory)
{
	const struct phys_range mem[] = { { 0x80000000, 0x100000000 } };

	forget_windows();
	window(32, 0x90000000, 0xa0000000);
	build(mem, 1, 0);
	EXPECT_STR(zones(), "DMA 2048-2304, DMA.2 2304-2560, DMA32 2560-4096");
	EXPECT_EQ(windows[0].reach, 2);
	EXPECT_EQ(plan.mask_dma, 2);
	EXPECT_EQ(plan.mask_dma32, 7);
}

TEST(no_memory_below_4g)
{
	const struct phys_range mem[] = { { 0x1000000000, 0x1080000000 } };

	forget_windows();
	build(mem, 1, 0);
	EXPECT_STR(zones(), "NORMAL 65536-67584");
	EXPECT_EQ(plan.mask_dma32, 0);
	EXPECT_EQ(plan.mask_dma, 1);

	/* A 32-bit device whose bus maps it up there. */
	window(32, 0x1000000000, 0x1040000000);
	build(mem, 1, 0);
	EXPECT_STR(zones(), "DMA 65536-66560, NORMAL 66560-67584");
	EXPECT_EQ(plan.mask_dma32, 1);
	EXPECT_EQ(plan.mask_dma, 1);

	/* A 40-bit device says nothing about 32-bit ones. */
	forget_windows();
	window(40, 0x1000000000, 0x1040000000);
	build(mem, 1, 0);
	EXPECT_EQ(plan.mask_dma32, 0);
	EXPECT_EQ(plan.mask_dma, 1);
}

TEST(dma_zone_argument)
{
	const struct phys_range mem[] = { { 0, 0x200000000 } };

	forget_windows();
	build(mem, 1, BIT_ULL(28) | BIT_ULL(30) | BIT_ULL(63));
	EXPECT_STR(zones(), "DMA28 0-256, DMA30 256-1024, DMA32 1024-4096, NORMAL 4096-8192");
	EXPECT_EQ(plan.mask_dma, 1);
	EXPECT_EQ(plan.mask_dma32, 7);
}

TEST(dma_zone_values)
{
	static const char *const bad[] = { "", "11", "57", "28,", "28,x", "28 30", "-1", "28,57" };
	u64 bits = 7;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(zone_plan_parse_bits(bad[i], &bits) != 0, 1);
	EXPECT_EQ(bits, 7);
	EXPECT_EQ(zone_plan_parse_bits("28,30,12,56,30", &bits), 0);
	EXPECT_EQ(bits, 1ULL << 28 | 1ULL << 30 | 1ULL << 12 | 1ULL << 56);
}

TEST(dma_zone_below_memory_cuts_nothing)
{
	const struct phys_range mem[] = { { 0x80000000, 0x90000000 } };

	forget_windows();
	window(32, 0, 1ULL << 32);
	build(mem, 1, BIT_ULL(28) | BIT_ULL(31));
	EXPECT_STR(zones(), "DMA32 2048-2304");
	EXPECT_EQ(plan.mask_dma, 1);
}

TEST(devices_without_common_zone)
{
	const struct phys_range mem[] = { { 0x80000000, 0xc0000000 } };

	forget_windows();
	window(32, 0x80000000, 0x90000000);
	window(32, 0xb0000000, 0xc0000000);
	build(mem, 1, 0);
	EXPECT_EQ(plan.nr_zones, 3);
	EXPECT_EQ(windows[0].reach, 1);
	EXPECT_EQ(windows[1].reach, 4);
	EXPECT_EQ(plan.mask_dma, 1);
}

TEST(a_device_that_reaches_nothing_limits_nobody)
{
	const struct phys_range mem[] = { { 0x80000000, 0xc0000000 } };

	forget_windows();
	window(28, 0, 1ULL << 28);
	window(32, 0xa0000000, 0xc0000000);
	build(mem, 1, 0);
	EXPECT_EQ(windows[0].reach, 0);
	EXPECT_EQ(windows[1].reach, 2);
	EXPECT_EQ(plan.mask_dma, 2);
}

TEST(partly_covered_pages_are_not_reached)
{
	const struct phys_range mem[] = { { 0x80000000, 0x80010000 } };

	forget_windows();
	window(32, 0x80001001, 0x80003fff);
	build(mem, 1, 0);
	EXPECT_EQ(plan.nr_zones, 3);
	EXPECT_EQ(plan.zone[1].start, 0x80002000);
	EXPECT_EQ(plan.zone[1].end, 0x80003000);
	EXPECT_EQ(windows[0].reach, 2);
}

TEST(beyond_eight_the_cheapest_goes)
{
	const struct phys_range mem[] = { { 0, 0x200000000 } };

	forget_windows();
	for (unsigned bits = 24; bits < 32; bits++)
		window(bits, 0, 1ULL << bits);
	build(mem, 1, 0);
	/* 24..31, 4 GiB: ten zones.  The cheap cuts are the low ones, but the 24-bit device must
	 * keep a zone, so 25 goes (16 MiB lost to one), then 26. */
	EXPECT_STR(zones(),
		   "DMA24 0-16, DMA27 16-128, DMA28 128-256, DMA29 256-512, DMA30 512-1024,"
		   " DMA31 1024-2048, DMA32 2048-4096, NORMAL 4096-8192");
	EXPECT_EQ(plan.nr_dropped, 2);
	EXPECT_EQ(plan.dropped[0], 1ULL << 25);
	EXPECT_EQ(plan.dropped[1], 1ULL << 26);
	EXPECT_EQ(windows[1].reach, 1);
	EXPECT_EQ(windows[3].reach, 3);
}

TEST(ceilings_of_28_30_32_and_40_bits_together)
{
	const struct phys_range mem[] = { { 0, 0x20000000000 } };

	forget_windows();
	window(40, 0, 1ULL << 40);
	window(28, 0, 1ULL << 28);
	window(32, 0, 1ULL << 32);
	window(30, 0, 1ULL << 30);
	build(mem, 1, 0);
	EXPECT_STR(zones(), "DMA28 0-256, DMA30 256-1024, DMA32 1024-4096, DMA40 4096-1048576,"
			    " NORMAL 1048576-2097152");
	EXPECT_EQ(windows[0].reach, 0xf);
	EXPECT_EQ(windows[1].reach, 0x1);
	EXPECT_EQ(windows[2].reach, 0x7);
	EXPECT_EQ(windows[3].reach, 0x3);
	EXPECT_EQ(plan.mask_dma, 1);
	EXPECT_EQ(plan.mask_dma32, 7);
}

/* Whoever reaches the highest span reaches MOVABLE, but no flag that names a zone means it. */
TEST(movable_is_the_highest_number)
{
	const struct phys_range mem[] = { { 0x80000000, 0x280000000 } };

	forget_windows();
	window(40, 0, 1ULL << 40);
	window(32, 0, 1ULL << 32);
	movable = GiB;
	build(mem, 1, 0);
	movable = 0;
	EXPECT_EQ(plan.nr_zones, 2);
	EXPECT_STR(plan.zone[2].name, "MOVABLE");
	EXPECT_EQ(plan.movable_bytes, GiB);
	EXPECT_EQ(plan.mask_movable, 4);
	EXPECT_EQ(plan.mask_normal, 3);
	EXPECT_EQ(plan.mask_dma32, 1);
	EXPECT_EQ(windows[0].reach, 7);
	EXPECT_EQ(windows[1].reach, 1);
	build(mem, 1, 0);
	EXPECT_EQ(plan.mask_movable, 0);
	EXPECT_EQ(windows[0].reach, 3);
}

TEST(movable_counts_towards_eight)
{
	const struct phys_range mem[] = { { 0, 0x200000000 } };

	forget_windows();
	for (unsigned bits = 26; bits < 32; bits++)
		window(bits, 0, 1ULL << bits);
	build(mem, 1, 0);
	EXPECT_EQ(plan.nr_zones, 8);
	movable = 64 * MiB;
	build(mem, 1, 0);
	movable = 0;
	EXPECT_EQ(plan.nr_zones, 7);
	EXPECT_EQ(plan.nr_dropped, 1);
	EXPECT_EQ(plan.mask_movable, 0x80);
	EXPECT_EQ(plan.mask_normal, 0x7f);
}

TEST(movablecore_and_kernelcore)
{
	static const char *const bad[] = { "",	  "%", "100%", "-1%",  "1000%",
					   "5 %", "x", "1.5G", "50%%", "4611686018427387904" };
	u64 core = 7, limit;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(zone_plan_parse_core(bad[i], &core), -EINVAL);
	EXPECT_EQ(core, 7);
	EXPECT_EQ(zone_plan_movable(GiB, CORE_UNSET, CORE_UNSET), 0);
	EXPECT_EQ(zone_plan_parse_core("256M", &core), 0);
	EXPECT_EQ(zone_plan_movable(GiB, core, CORE_UNSET), 256 * MiB);
	EXPECT_EQ(zone_plan_movable(GiB, CORE_UNSET, core), 768 * MiB);
	EXPECT_EQ(zone_plan_movable(64 * MiB, CORE_UNSET, core), 0);
	EXPECT_EQ(zone_plan_movable(64 * MiB, core, CORE_UNSET), 64 * MiB);
	EXPECT_EQ(zone_plan_parse_core("30%", &limit), 0);
	EXPECT_EQ(zone_plan_movable(1000, limit, CORE_UNSET), 300);
	EXPECT_EQ(zone_plan_movable(1000, CORE_UNSET, limit), 700);
	EXPECT_EQ(zone_plan_movable(GiB, limit, core), GiB / 100 * 30);
	EXPECT_EQ(zone_plan_parse_core("0%", &core), 0);
	EXPECT_EQ(zone_plan_movable(GiB, core, CORE_UNSET), 0);
	EXPECT_EQ(zone_plan_parse_core("0", &core), 0);
	EXPECT_EQ(zone_plan_movable(GiB, core, limit), 0);
}

TEST(bad_input_is_refused)
{
	const struct phys_range unsorted[] = { { 0x90000000, 0xa0000000 }, { 0, 0x1000 } };
	const struct phys_range overlap[] = { { 0, 0x2000 }, { 0x1000, 0x3000 } };
	const struct phys_range odd[] = { { 0x10, 0x1000 } };
	const struct phys_range empty[] = { { 0x1000, 0x1000 } };
	struct zone_plan_input in = { 0 };

	EXPECT_EQ(zone_plan_build(&in, &plan), -EINVAL);
	in = (struct zone_plan_input){ .mem = unsorted, .nr_mem = 2 };
	EXPECT_EQ(zone_plan_build(&in, &plan), -EINVAL);
	in.mem = overlap;
	EXPECT_EQ(zone_plan_build(&in, &plan), -EINVAL);
	in = (struct zone_plan_input){ .mem = odd, .nr_mem = 1 };
	EXPECT_EQ(zone_plan_build(&in, &plan), -EINVAL);
	in.mem = empty;
	EXPECT_EQ(zone_plan_build(&in, &plan), -EINVAL);
}

/* ---- the model: pages around 4 GiB, labelled one by one ---- */

#define PAGES	   96
#define PAGE_AT(i) (4 * GiB - PAGES / 2 * 4096 + (u64)(i)*4096)

static struct {
	bool mem;
	u32 label; /* windows that reach it; bit 31: from 4 GiB up */
} page[PAGES];

static unsigned make_memory(struct phys_range *mem)
{
	unsigned n = 0, i = (unsigned)rnd_below(20);

	memset(page, 0, sizeof(page));
	while (i < PAGES && n < 5) {
		unsigned end = min((unsigned)(i + rnd_range(1, 40)), (unsigned)PAGES);

		mem[n++] = (struct phys_range){ PAGE_AT(i), PAGE_AT(end) };
		for (; i < end; i++)
			page[i].mem = true;
		i += (unsigned)rnd_below(20);
	}
	return n;
}

/* Windows of one to three ranges each, not always at pages' edges. */
static void make_windows(unsigned n)
{
	forget_windows();
	while (nr_windows < n) {
		struct zone_window *w = &windows[nr_windows++];
		u64 at = PAGE_AT(0) + rnd_below(PAGES * 4096ULL);

		*w = (struct zone_window){ .range = &pool[nr_pool],
					   .bits = rnd_below(2) ? 32 : 40 };
		do {
			u64 end = at + 1 + rnd_below(40 * 4096);

			if (rnd_below(3)) {
				at = ALIGN_DOWN(at, 4096ULL);
				end = ALIGN_UP(end, 4096ULL);
			}
			pool[nr_pool++] = (struct phys_range){ at, end };
			at = end + 4096 + 1 + rnd_below(30 * 4096); /* no range touches the last */
		} while (++w->nr_ranges < 3 && rnd_below(2));
	}
}

static void label_pages(void)
{
	for (unsigned i = 0; i < PAGES; i++) {
		page[i].label = PAGE_AT(i) >= 4 * GiB ? 1u << 31 : 0;
		for (unsigned w = 0; w < nr_windows; w++) {
			for (unsigned r = 0; r < windows[w].nr_ranges; r++) {
				if (windows[w].range[r].start <= PAGE_AT(i) &&
				    windows[w].range[r].end >= PAGE_AT(i) + 4096)
					page[i].label |= 1u << w;
			}
		}
	}
}

static unsigned model_runs(void)
{
	unsigned i, runs = 0;
	int last = -1;

	for (i = 0; i < PAGES; i++) {
		if (!page[i].mem)
			continue;
		runs += last < 0 || page[last].label != page[i].label;
		last = (int)i;
	}
	return runs;
}

/* Every zone is one run; names are unique; masks are what the definitions say. */
static void check_plan(unsigned runs)
{
	zone_mask_t all = 0xff, all32 = 0xff, below = 0;
	bool any32 = false;
	int i, k;

	for (unsigned p = 0; p < PAGES; p++) {
		int z = zone_plan_find(&plan, PAGE_AT(p));

		EXPECT(!page[p].mem || z >= 0);
		for (unsigned w = 0; page[p].mem && w < nr_windows; w++) {
			bool zone_reached = windows[w].reach >> z & 1;

			EXPECT(!zone_reached || (page[p].label >> w & 1));
			if (runs <= MAX_NR_ZONES)
				EXPECT_EQ(zone_reached, page[p].label >> w & 1);
		}
	}
	for (i = 0; i < plan.nr_zones; i++) {
		EXPECT(plan.zone[i].bytes > 0);
		EXPECT(plan.zone[i].end <= 4 * GiB || plan.zone[i].start >= 4 * GiB);
		below |= (zone_mask_t)((plan.zone[i].end <= 4 * GiB) << i);
		for (k = 0; k < i; k++)
			EXPECT(strcmp(plan.zone[i].name, plan.zone[k].name));
	}
	for (unsigned w = 0; w < nr_windows; w++) {
		if (!windows[w].reach)
			continue;
		all &= windows[w].reach;
		any32 = any32 || windows[w].bits == 32;
		all32 &= windows[w].bits == 32 ? windows[w].reach : 0xff;
	}
	EXPECT_EQ(plan.mask_dma, all == 0xff || !all ? 1 : all);
	EXPECT_EQ(plan.mask_dma32, below ? below : any32 ? all32 : 0);
	EXPECT_EQ(plan.mask_normal, (1 << plan.nr_zones) - 1);
}

TEST(random_boards_match_the_model)
{
	unsigned beyond = 0;

	for (int round = 0; round < 5000; round++) {
		struct phys_range mem[5];
		unsigned n = make_memory(mem), runs;

		make_windows((unsigned)rnd_below(5));
		label_pages();
		runs = model_runs();
		build(mem, n, 0);
		EXPECT_EQ(plan.nr_zones, min(runs, (unsigned)MAX_NR_ZONES));
		/* A boundary that another's going made worthless isn't counted. */
		EXPECT(plan.nr_dropped <= (int)runs - plan.nr_zones);
		EXPECT_EQ(plan.nr_dropped > 0, runs > MAX_NR_ZONES);
		check_plan(runs);
		beyond += runs > MAX_NR_ZONES;
	}
	EXPECT(beyond > 100);
}

TEST(many_windows_stay_bounded)
{
	for (int round = 0; round < 300; round++) {
		struct phys_range mem[5];
		unsigned n = make_memory(mem);

		make_windows(MAX_TEST_WINDOWS);
		label_pages();
		build(mem, n, rnd());
		EXPECT(plan.nr_zones <= MAX_NR_ZONES);
		for (unsigned p = 0; p < PAGES; p++) {
			int z = zone_plan_find(&plan, PAGE_AT(p));

			for (unsigned w = 0; page[p].mem && w < nr_windows; w++)
				EXPECT(!(windows[w].reach >> z & 1) || (page[p].label >> w & 1));
		}
	}
}

TEST(high_memory_is_apart)
{
	const struct phys_range small[] = { { 0x80000000, 0x100000000 } };
	const struct phys_range large[] = { { 0x80000000, 0x280000000 } };
	const struct phys_range hole[] = { { 0x80000000, 0xa0000000 },
					   { 0x120000000, 0x140000000 } };

	high = 0xb8000000;
	forget_windows();
	window(32, 0, 4 * GiB);
	build(small, 1, 0);
	EXPECT_STR(zones(), "DMA32 2048-2944, HIGHMEM 2944-4096");
	EXPECT_EQ(plan.mask_normal, 1);
	EXPECT_EQ(plan.mask_high, 2);
	EXPECT_EQ(windows[0].reach, 3);
	/* A device reaches it, but GFP_DMA and GFP_DMA32 are for who wants an address. */
	build(large, 1, 0);
	EXPECT_STR(zones(), "DMA32 2048-2944, HIGHMEM.1 2944-4096, HIGHMEM 4096-10240");
	EXPECT_EQ(windows[0].reach, 3);
	EXPECT_EQ(plan.mask_dma, 1);
	EXPECT_EQ(plan.mask_dma32, 1);
	EXPECT_EQ(plan.mask_normal, 1);
	EXPECT_EQ(plan.mask_high, 6);
	/* In a hole: whatever else is cut there, and however round that is. */
	for (high = 0xc8001000; high < 0x120000000; high += 0x28000000) {
		build(hole, 2, 0);
		EXPECT_STR(zones(), "DMA32 2048-2560, HIGHMEM 4608-5120");
		EXPECT_EQ(plan.mask_high, 2);
	}
	high = 0;
}

/* Boundaries go where there are too many; that of high memory never does. */
TEST(high_memory_stays_apart)
{
	for (int round = 0; round < 300; round++) {
		struct phys_range mem[5];
		unsigned n = make_memory(mem);
		phys_addr_t low_end = 0;

		make_windows(MAX_TEST_WINDOWS);
		high = PAGE_AT(1 + rnd_below(PAGES - 1));
		build(mem, n, rnd());
		for (int i = 0; i < plan.nr_zones; i++) {
			bool is_high = plan.mask_high >> i & 1;

			EXPECT_EQ(is_high, plan.zone[i].start >= high);
			EXPECT(is_high || plan.zone[i].end <= high);
			EXPECT_EQ(is_high, !(plan.mask_normal >> i & 1));
			low_end = is_high ? low_end : plan.zone[i].end;
		}
		EXPECT(!(plan.mask_dma & plan.mask_high) || !low_end);
		EXPECT(!(plan.mask_dma32 & plan.mask_high));
	}
	high = 0;
}
