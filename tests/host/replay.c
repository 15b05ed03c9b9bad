/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c - how torn memory is after a long time of mixed use
 *
 *     [REPLAY_OPERATIONS=10000000] [REPLAY_SEED=1] replay
 *
 * The kernel's own mm/ on 1 GiB of pretended memory, one hart.  Allocations of three kinds arrive,
 * each with the time of its end drawn when it begins; demand swings between 70 % and 93 % of memory
 * in use.  The same is replayed with the kinds as migrate types, and as one type, which is a plain
 * buddy allocator behind lists of the hart.
 *
 *     kind         in use  orders                            operations till its end, mean
 *     unmovable    20 %    0; one of 3: 0-4                  2,000; one of 5: 3,000,000
 *     reclaimable  15 %    0; one of 4: 1                    400,000
 *     movable      65 %    0; one of 10: 0-3; one of 500: 9  500,000
 *
 * They come in groups that end together, of up to 64, 64 and 512 blocks, eight groups at a time.
 *
 * Printed, in per cent of what is free: how much lies in blocks of at least order 3, 6, 9, as the
 * mean of samples at the peaks and the lows of demand, and when only unmovable pages are left at
 * the end; "movable": of what is free or movable, how much lies in such blocks, which compaction
 * could empty (this replay has none).
 */
#include "mm_world.h"

#include <mm/vmstat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIB	  (1ULL << 30)
#define WHEEL	  (1U << 24) /* times ahead that an end may lie */
#define PHASE	  500000     /* operations between a peak and a low */
#define NR_SHOWN  3
#define PAGES_GIB (GIB / PAGE_SIZE)

enum kind { UNMOVABLE, RECLAIMABLE, MOVABLE, NR_KINDS };
static const gfp_t kind_gfp[] = { 0, __GFP_RECLAIMABLE, __GFP_MOVABLE };
static const unsigned kind_share[] = { 20, 15, 65 }; /* per cent of what is in use */
static const unsigned shown[NR_SHOWN] = { 3, 6, 9 };

struct shares {
	double sum[NR_SHOWN];
	double moved[NR_SHOWN]; /* of free and movable pages */
	unsigned samples;
};

/* By time of its end: the first block, chained through index; kind and order in mapping_word. */
static u32 *wheel;
static unsigned long in_use[NR_KINDS];
static unsigned long missed;

static unsigned long all_in_use(void)
{
	return in_use[UNMOVABLE] + in_use[RECLAIMABLE] + in_use[MOVABLE];
}

/* The same numbers for both replays, whatever the allocator draws meanwhile. */
static u64 random_state;

static u64 draw(u64 n)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (random_state >> 33) % n;
}

/* Exponential, by halves: good enough, and the same on every machine. */
static u64 lifetime(u64 mean)
{
	u64 n = mean / 2 + draw(mean);

	while (draw(2))
		n += draw(mean);
	return n / 2 + 1;
}

static unsigned draw_order(enum kind kind)
{
	u64 r = draw(1000);

	switch (kind) {
	case UNMOVABLE:
		return r < 700 ? 0 : (unsigned)draw(5);
	case RECLAIMABLE:
		return r < 750 ? 0 : 1;
	default:
		return r < 900 ? 0 : r < 998 ? (unsigned)draw(4) : 9;
	}
}

static u64 draw_lifetime(enum kind kind)
{
	switch (kind) {
	case UNMOVABLE:
		return draw(5) ? lifetime(2000) : lifetime(3000000);
	case RECLAIMABLE:
		return lifetime(400000);
	default:
		return lifetime(500000);
	}
}

/* The kind that is furthest below its share, mostly. */
static enum kind draw_kind(void)
{
	u64 all = all_in_use() + 1000;

	for (enum kind kind = UNMOVABLE; kind < MOVABLE; kind++)
		if (in_use[kind] * 100 < all * kind_share[kind])
			return draw(4) ? kind : MOVABLE;
	return MOVABLE;
}

/* What begins together ends together: a process, a file, a driver's request. */
static struct group {
	enum kind kind;
	unsigned left;
	u64 end;
} groups[8];

static struct group *draw_group(u64 now)
{
	static const unsigned most[] = { 64, 64, 512 };
	struct group *g = &groups[draw(8)];

	if (!g->left || g->end <= now) {
		g->kind = draw_kind();
		g->left = (unsigned)draw(most[g->kind]) + 1;
		g->end = now + min(draw_lifetime(g->kind), (u64)WHEEL - 1);
	}
	g->left--;
	return g;
}

static bool allocate(u64 now, bool types)
{
	const struct group *g = draw_group(now);
	enum kind kind = g->kind;
	unsigned order = draw_order(kind);
	gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN | kind_gfp[types ? kind : MOVABLE];
	struct page *page = alloc_pages(gfp, order);
	u32 *slot = &wheel[g->end % WHEEL];

	if (!page) {
		missed++;
		return false;
	}
	in_use[kind] += 1UL << order;
	page->mapping_word = kind << 8 | order;
	page->index = *slot;
	*slot = (u32)page_index(page);
	return true;
}

/* All whose end is at @slot, of kinds up to @last. */
static unsigned end_slot(u32 *slot, enum kind first)
{
	u32 index = *slot, kept = 0;
	unsigned nr = 0;

	while (index) {
		struct page *page = index_page(index);
		unsigned order = page->mapping_word & 0xff;
		enum kind kind = (enum kind)(page->mapping_word >> 8);

		index = page->index;
		if (kind < first) {
			page->index = kept;
			kept = (u32)page_index(page);
			continue;
		}
		in_use[kind] -= 1UL << order;
		__free_pages(page, order);
		nr++;
	}
	*slot = kept;
	return nr;
}

/* Frames that can't be emptied: not the allocator's, or in use and not movable. */
static void find_fixed(u8 *fixed)
{
	for (unsigned long i = 0; i < PAGES_GIB; i++)
		fixed[i] = world_owner(world_first + i) != OWNER_FREE;
	for (unsigned slot = 0; slot < WHEEL; slot++)
		for (u32 index = wheel[slot]; index;) {
			const struct page *page = index_page(index);

			if (page->mapping_word >> 8 != MOVABLE)
				memset(fixed + (page_to_pfn(page) - world_first), 1,
				       1UL << (page->mapping_word & 0xff));
			index = page->index;
		}
}

/* Pages in blocks of @order that could be emptied. */
static unsigned long emptiable(const u8 *fixed, unsigned order)
{
	unsigned long nr = 0, size = 1UL << order;

	for (unsigned long i = 0; i < PAGES_GIB; i += size)
		nr += memchr(fixed + i, 1, size) ? 0 : size;
	return nr;
}

static void sample(struct shares *s)
{
	static u8 fixed[PAGES_GIB];
	unsigned long nr[NR_ORDERS] = { 0 }, of_zone[NR_ORDERS];
	struct zone *zone;

	drain_all_pages();
	for_each_zone(zone) {
		zone_free_blocks(zone, of_zone);
		for (unsigned order = 0; order < NR_ORDERS; order++)
			nr[order] += of_zone[order];
	}
	find_fixed(fixed);
	for (unsigned i = 0; i < NR_SHOWN; i++) {
		s->sum[i] += 1.0 - unusable_index(nr, shown[i]) / 1000.0;
		s->moved[i] += (double)emptiable(fixed, shown[i]) / (double)emptiable(fixed, 0);
	}
	s->samples++;
}

static void show(const char *types, const char *when, const double *sum, unsigned samples)
{
	printf("# replay %s %s", types, when);
	for (unsigned i = 0; i < NR_SHOWN; i++)
		printf(" %.1f", samples ? 100 * sum[i] / samples : 0.0);
	printf("\n");
}

static void replay(u64 operations, bool types)
{
	struct world w = { .base = 0x80000000, .bytes = GIB };
	struct shares peaks = { 0 }, lows = { 0 }, end = { 0 };
	unsigned long before[NR_VM_EVENT_ITEMS], events[NR_VM_EVENT_ITEMS];
	const char *name = types ? "types" : "plain";
	u64 done = 0, now = 0, phase = 0;

	w.bank[0] = (struct world_bank){ w.base, w.base + w.bytes, 0 };
	world_build(&w);
	memset(wheel, 0, WHEEL * sizeof(*wheel));
	memset(in_use, 0, sizeof(in_use));
	memset(groups, 0, sizeof(groups));
	missed = 0;
	all_vm_events(before);
	while (done < operations) {
		u64 percent = phase % 2 ? 70 : 93;

		done += end_slot(&wheel[now % WHEEL], UNMOVABLE);
		for (unsigned i = 0; i < 4 && all_in_use() < PAGES_GIB * percent / 100; i++)
			done += allocate(now, types);
		now++;
		if (done / PHASE != phase) {
			sample(phase % 2 ? &lows : &peaks);
			phase = done / PHASE;
		}
	}
	for (unsigned i = 0; i < WHEEL; i++)
		end_slot(&wheel[i], RECLAIMABLE);
	sample(&end);
	show(name, "peaks", peaks.sum, peaks.samples);
	show(name, "peaks-movable", peaks.moved, peaks.samples);
	show(name, "lows", lows.sum, lows.samples);
	show(name, "lows-movable", lows.moved, lows.samples);
	show(name, "unmovable-left", end.sum, end.samples);
	all_vm_events(events);
	printf("# replay %s figures: %llu operations, %lu missed, %lu pages unmovable at the end, "
	       "%lu steals, %lu claims\n",
	       name, (unsigned long long)done, missed, in_use[UNMOVABLE],
	       events[PGSTEAL_BLOCK] - before[PGSTEAL_BLOCK],
	       events[PAGEBLOCK_CLAIM] - before[PAGEBLOCK_CLAIM]);
	page_alloc_validate();
}

TEST(replays)
{
	const char *nr = getenv("REPLAY_OPERATIONS"), *start = getenv("REPLAY_SEED");
	u64 operations = nr ? strtoull(nr, NULL, 10) : 10000000;

	wheel = malloc(WHEEL * sizeof(*wheel));
	for (int types = 0; types < 2; types++) {
		random_state = start ? strtoull(start, NULL, 10) : 1;
		replay(operations, types);
	}
	free(wheel);
}
