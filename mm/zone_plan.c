/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone_plan.c - where to cut memory into zones
 *
 * Each end of a window that has memory on both sides is a candidate cut; so are 4 GiB and the
 * beginning of high memory.  A zone lies between two cuts; a window reaches a zone if it covers
 * all memory in it.
 * Result (when eight zones suffice): maximal runs of memory that the same windows reach and
 *   that lie on the same side of 4 GiB and of the beginning of high memory.
 * Beyond that, dropping a cut merges two zones into one that only those windows reach that
 *   reached both: the tighter side wins.  Its cost is the memory that windows lose by it,
 *   summed; a cut that costs nothing isn't a boundary at all.  Those two are never dropped.
 * MOVABLE takes one of the eight numbers and no cut: where it begins differs by node (zone.c).
 *   Who reaches the highest span reaches it.
 * Cost: cuts x windows x banks; a few thousand steps on a real board, bounded by MAX_CUTS.
 */
#include <mm/zone_plan.h>

#include <asm/memory.h>
#include <base/errno.h>
#include <lib/parse.h>
#include <stdio.h>
#include <string.h>

#define MAX_CUTS 32
#define FOUR_GIB (4 * GiB)

/* Costs: a window that would be left without any zone; a cut that must stay. */
#define COST_STRANDED BIT_ULL(56)
#define COST_MAX      BIT_ULL(62)
#define COST_NEVER    (~0ULL)

struct plan_state {
	const struct zone_plan_input *in;
	phys_addr_t cut[MAX_CUTS]; /* ascending; zone i is [cut[i - 1], cut[i]) */
	int nr_cuts;
	struct zone_plan *plan;
};

static phys_addr_t zone_start(const struct plan_state *s, int i)
{
	return i ? s->cut[i - 1] : 0;
}

static phys_addr_t zone_end(const struct plan_state *s, int i)
{
	return i < s->nr_cuts ? s->cut[i] : ~(phys_addr_t)0;
}

/* Bytes of memory in [start, end). */
static u64 bytes_between(const struct zone_plan_input *in, phys_addr_t start, phys_addr_t end)
{
	u64 bytes = 0;
	unsigned i;

	for (i = 0; i < in->nr_mem; i++) {
		phys_addr_t lo = max(start, in->mem[i].start), hi = min(end, in->mem[i].end);

		if (lo < hi)
			bytes += hi - lo;
	}
	return bytes;
}

/* One of the window's ranges covers whole pages [start, end). */
static bool window_covers(const struct zone_window *w, phys_addr_t start, phys_addr_t end)
{
	unsigned i;

	for (i = 0; i < w->nr_ranges; i++) {
		if (w->range[i].start <= start && w->range[i].end >= end)
			return true;
	}
	return false;
}

/* @w covers all memory in [start, end), and there is some. */
static bool __init reaches(const struct zone_plan_input *in, const struct zone_window *w,
			   phys_addr_t start, phys_addr_t end)
{
	bool any = false;
	unsigned i;

	for (i = 0; i < in->nr_mem; i++) {
		phys_addr_t lo = max(start, in->mem[i].start), hi = min(end, in->mem[i].end);

		if (lo >= hi)
			continue;
		if (!window_covers(w, lo, hi))
			return false;
		any = true;
	}
	return any;
}

/* A walk over the devices' windows, and over dma_zone= bits as if each were one. */
struct window_iter {
	unsigned next; /* window, or nr_windows + bit */
	struct phys_range range;
	struct zone_window zone; /* for a dma_zone= bit */
	struct zone_window *w;
};

static bool __init next_window(const struct zone_plan_input *in, struct window_iter *it)
{
	if (it->next < in->nr_windows) {
		it->w = &in->window[it->next++];
		return true;
	}
	for (; it->next < in->nr_windows + 64; it->next++) {
		unsigned bit = it->next - in->nr_windows;

		if (!(in->dma_zone & BIT_ULL(bit)))
			continue;
		it->range = (struct phys_range){ 0, BIT_ULL(bit) };
		it->zone = (struct zone_window){ .range = &it->range, .nr_ranges = 1, .bits = bit };
		it->w = &it->zone;
		it->next++;
		return true;
	}
	return false;
}

#define for_each_window(in, it) for ((it) = (struct window_iter){ 0 }; next_window(in, &(it));)

/* How many zones @w reaches. */
static int count_reached(const struct plan_state *s, const struct zone_window *w)
{
	int i, n = 0;

	for (i = 0; i <= s->nr_cuts; i++)
		n += reaches(s->in, w, zone_start(s, i), zone_end(s, i));
	return n;
}

/* A cut that stays. */
static bool is_fixed(const struct zone_plan_input *in, phys_addr_t cut)
{
	return cut == FOUR_GIB || (in->high && cut == in->high);
}

/* What dropping cut @i costs. */
static u64 cut_cost(const struct plan_state *s, int i)
{
	phys_addr_t lo = zone_start(s, i), mid = s->cut[i], hi = zone_end(s, i + 1);
	struct window_iter it;
	u64 cost = 0;

	if (is_fixed(s->in, mid))
		return COST_NEVER;
	for_each_window(s->in, it)
	{
		bool below = reaches(s->in, it.w, lo, mid), above = reaches(s->in, it.w, mid, hi);

		if (below == above)
			continue;
		cost += below ? bytes_between(s->in, lo, mid) : bytes_between(s->in, mid, hi);
		if (count_reached(s, it.w) == 1)
			cost += COST_STRANDED;
		cost = min(cost, COST_MAX);
	}
	return cost;
}

static void remove_cut(struct plan_state *s, int i)
{
	for (s->nr_cuts--; i < s->nr_cuts; i++)
		s->cut[i] = s->cut[i + 1];
}

/* Drop the cheapest cut if it costs at most @max_cost; false if none does. */
static bool __init drop_cheapest(struct plan_state *s, u64 max_cost)
{
	u64 best_cost = COST_NEVER;
	int i, best = -1;

	for (i = 0; i < s->nr_cuts; i++) {
		u64 cost = cut_cost(s, i);

		/* Of equals the highest: low memory is what narrow devices need. */
		if (cost <= best_cost) {
			best_cost = cost;
			best = i;
		}
	}
	if (best < 0 || best_cost > max_cost)
		return false;
	if (best_cost) {
		struct zone_plan *plan = s->plan;

		if (plan->nr_dropped < (int)ARRAY_SIZE(plan->dropped))
			plan->dropped[plan->nr_dropped] = s->cut[best];
		plan->nr_dropped++;
	}
	remove_cut(s, best);
	return true;
}

/* The lowest set bit: how round an address is. */
static u64 roundness(u64 x)
{
	return x & -x;
}

/* Add a cut at @at unless there is memory on one side only. */
static void __init add_cut(struct plan_state *s, phys_addr_t at)
{
	const struct zone_plan_input *in = s->in;
	int i;

	if (at <= in->mem[0].start || at >= in->mem[in->nr_mem - 1].end)
		return;
	for (i = 0; i < s->nr_cuts; i++) {
		phys_addr_t lo = min(at, s->cut[i]), hi = max(at, s->cut[i]);

		if (bytes_between(in, lo, hi))
			continue;
		/* The same place, as memory goes; keep the address that names it best. */
		if (!is_fixed(in, s->cut[i]) &&
		    (is_fixed(in, at) || roundness(at) > roundness(s->cut[i])))
			s->cut[i] = at;
		return;
	}
	if (s->nr_cuts == MAX_CUTS)
		drop_cheapest(s, COST_MAX);
	for (i = s->nr_cuts++; i > 0 && s->cut[i - 1] > at; i--)
		s->cut[i] = s->cut[i - 1];
	s->cut[i] = at;
}

static void add_all_cuts(struct plan_state *s)
{
	struct window_iter it;
	unsigned i;

	add_cut(s, FOUR_GIB);
	if (s->in->high)
		add_cut(s, s->in->high);
	for_each_window(s->in, it)
	{
		for (i = 0; i < it.w->nr_ranges; i++) {
			phys_addr_t start = it.w->range[i].start;

			/* A page that a range covers in part isn't reached. */
			if (start <= ~(phys_addr_t)0 - PAGE_SIZE)
				add_cut(s, ALIGN_UP(start, (phys_addr_t)PAGE_SIZE));
			add_cut(s, ALIGN_DOWN(it.w->range[i].end, (phys_addr_t)PAGE_SIZE));
		}
	}
}

/* ---- the result ---- */

static void name_zone(struct zone_span *z, bool last, phys_addr_t upper, u8 *nr_unnamed)
{
	unsigned bit = 0;

	if (last) { /* of low memory */
		snprintf(z->name, sizeof(z->name), "%s", z->end <= FOUR_GIB ? "DMA32" : "NORMAL");
		return;
	}
	if (roundness(upper) == upper) {
		while (!(upper >> bit & 1))
			bit++;
		snprintf(z->name, sizeof(z->name), "DMA%u", bit);
	} else if (++*nr_unnamed == 1) {
		snprintf(z->name, sizeof(z->name), "DMA");
	} else {
		snprintf(z->name, sizeof(z->name), "DMA.%u", *nr_unnamed);
	}
}

static bool is_high(const struct zone_plan_input *in, const struct zone_span *z)
{
	return in->high && z->start >= in->high;
}

/* Is zone @i, of low memory, the highest that is? */
static bool last_low(const struct plan_state *s, int i)
{
	phys_addr_t high = s->in->high;

	return i == s->nr_cuts || (high && !bytes_between(s->in, zone_end(s, i), high));
}

/* The last is HIGHMEM, those below it are HIGHMEM.1 and so on. */
static void name_high(struct zone_span *z, bool last, u8 nr)
{
	if (last)
		snprintf(z->name, sizeof(z->name), "HIGHMEM");
	else
		snprintf(z->name, sizeof(z->name), "HIGHMEM.%u", nr);
}

static void make_zones(struct plan_state *s)
{
	struct zone_plan *plan = s->plan;
	u8 nr_unnamed = 0, nr_high = 0;
	unsigned k;
	int i;

	plan->nr_zones = s->nr_cuts + 1;
	for (i = 0; i < plan->nr_zones; i++) {
		struct zone_span *z = &plan->zone[i];
		phys_addr_t start = zone_start(s, i), end = zone_end(s, i);

		z->bytes = bytes_between(s->in, start, end);
		for (k = s->in->nr_mem; k-- > 0;) {
			phys_addr_t lo = max(start, s->in->mem[k].start);
			phys_addr_t hi = min(end, s->in->mem[k].end);

			if (lo >= hi)
				continue;
			z->start = lo;
			z->end = max(z->end, hi);
		}
		if (is_high(s->in, z))
			name_high(z, i == s->nr_cuts, ++nr_high);
		else
			name_zone(z, last_low(s, i), end, &nr_unnamed);
	}
}

/* GFP_DMA and GFP_DMA32, and what each window reaches. */
static void make_masks(struct plan_state *s)
{
	struct zone_plan *plan = s->plan;
	zone_mask_t common = 0xff, common32 = 0xff;
	bool any = false, any32 = false;
	struct window_iter it;
	int i;

	for_each_window(s->in, it)
	{
		it.w->reach = 0;
		for (i = 0; i < plan->nr_zones; i++) {
			if (reaches(s->in, it.w, zone_start(s, i), zone_end(s, i)))
				it.w->reach |= (zone_mask_t)(1u << i);
		}
		if (!it.w->reach)
			continue; /* nothing serves it, so it limits nobody else */
		any = true;
		common &= it.w->reach;
		if (it.w->bits <= 32) {
			any32 = true;
			common32 &= it.w->reach;
		}
	}
	for (i = 0; i < plan->nr_zones; i++) {
		if (is_high(s->in, &plan->zone[i])) {
			plan->mask_high |= (zone_mask_t)(1u << i);
			continue;
		}
		plan->mask_normal |= (zone_mask_t)(1u << i);
		if (plan->zone[i].end <= FOUR_GIB)
			plan->mask_dma32 |= (zone_mask_t)(1u << i);
	}
	/* GFP_DMA and GFP_DMA32 are asked for by who wants an address. */
	common &= plan->mask_normal;
	common32 &= plan->mask_normal;
	plan->mask_dma = any && common ? common : 1;
	if (!plan->mask_dma32 && any32)
		plan->mask_dma32 = common32;
}

/* After the masks: a flag that names a zone never means MOVABLE. */
static void add_movable(struct plan_state *s)
{
	struct zone_plan *plan = s->plan;
	struct window_iter it;

	plan->movable_bytes = s->in->movable_bytes;
	plan->mask_movable = (zone_mask_t)(1u << plan->nr_zones);
	snprintf(plan->zone[plan->nr_zones].name, ZONE_NAME_LEN, "MOVABLE");
	for_each_window(s->in, it)
	{
		if (it.w->reach >> (plan->nr_zones - 1) & 1)
			it.w->reach |= plan->mask_movable;
	}
}

static bool input_is_sound(const struct zone_plan_input *in)
{
	unsigned i;

	for (i = 0; i < in->nr_mem; i++) {
		const struct phys_range *r = &in->mem[i];

		if (r->start >= r->end || !IS_ALIGNED(r->start | r->end, (phys_addr_t)PAGE_SIZE) ||
		    (i && r[-1].end > r->start))
			return false;
	}
	return in->nr_mem > 0;
}

int __init zone_plan_build(const struct zone_plan_input *in, struct zone_plan *plan)
{
	struct plan_state s = { .in = in, .plan = plan };

	*plan = (struct zone_plan){ 0 };
	if (!input_is_sound(in))
		return -EINVAL;
	add_all_cuts(&s);
	while (drop_cheapest(&s, 0))
		;
	while (s.nr_cuts >= MAX_NR_ZONES - (in->movable_bytes != 0))
		drop_cheapest(&s, COST_MAX);
	make_zones(&s);
	make_masks(&s);
	if (in->movable_bytes)
		add_movable(&s);
	return 0;
}

int __init zone_plan_parse_bits(const char *text, u64 *bits)
{
	u64 list[MAX_CUTS], set = 0;
	int i, n = parse_list(text, list, MAX_CUTS);

	for (i = 0; i < n; i++) {
		if (list[i] < PAGE_SHIFT || list[i] > 56)
			return -EINVAL;
		set |= BIT_ULL(list[i]);
	}
	if (n <= 0)
		return -EINVAL;
	*bits = set;
	return 0;
}

int __init zone_plan_parse_core(const char *text, u64 *core)
{
	size_t len = strlen(text);
	char digits[4] = "";
	u64 value;

	if (len && len <= sizeof(digits) && text[len - 1] == '%') {
		memcpy(digits, text, len - 1);
		if (parse_u64(digits, &value) || value >= 100)
			return -EINVAL;
		value = CORE_PERCENT(value);
	} else if (parse_size(text, &value) || value >= BIT_ULL(62)) {
		return -EINVAL;
	}
	*core = value;
	return 0;
}

static u64 core_bytes(u64 total, u64 core)
{
	if (core < CORE_PERCENT(0))
		return min(core, total);
	return total / 100 * (core - CORE_PERCENT(0));
}

u64 __init zone_plan_movable(u64 total, u64 movablecore, u64 kernelcore)
{
	u64 movable = movablecore == CORE_UNSET ? total : core_bytes(total, movablecore);

	if (kernelcore != CORE_UNSET)
		return min(movable, total - core_bytes(total, kernelcore));
	return movablecore == CORE_UNSET ? 0 : movable;
}

int zone_plan_find(const struct zone_plan *plan, phys_addr_t pa)
{
	int i;

	for (i = 0; i < plan->nr_zones; i++) {
		if (pa >= plan->zone[i].start && pa < plan->zone[i].end)
			return i;
	}
	return -1;
}
