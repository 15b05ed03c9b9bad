/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone.c - building zones, nodes and fallback lists at boot
 *
 * A segment is what one bank has of one span of the zone plan; a zone is all segments
 * of one node in one span.  Neighbouring segments of one zone are joined, so that no
 * block of the buddy allocator crosses from one segment to another.
 *
 * MOVABLE is the top of what each node has of the highest span: as large a part of the node
 * as of all memory, so that none is left without memory for the kernel.  It begins on the edge of
 * a top-order block.
 *
 * Invariants after boot: zones have memory; zone_table[z->id] == z; each node's
 * fallback holds every zone once; a zonelist is its node's fallback with some left out.
 * Locking: written on the boot hart before there is anyone else, constant afterwards,
 *   but for what zone->lock guards.
 * Cost: O(banks * zones) once.
 * Not here: the plan itself (zone_plan.c), descriptors (memmap.c).
 */
#define LOG_PREFIX "zones: "
#include <mm/zone.h>

#include <asm/memory.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include "internal.h"

#include <stdio.h>
#include <string.h>

#define DISTANCE_LOCAL	10
#define DISTANCE_REMOTE 20

struct zone *zone_table[256];
unsigned nr_zones;
struct pglist_data *node_data[MAX_NUMNODES];
unsigned nr_nodes;
struct mem_segment *mem_segments;
unsigned nr_mem_segments;

/* 0: the default. */
static u8 distance[MAX_NUMNODES][MAX_NUMNODES];

/* The zone of descriptors that were never written. */
static struct zone zone_none = { .word0 = ~0ULL, .name = "none", .nid = NUMA_NO_NODE };

DEFINE_PER_CPU(int, numa_node);

void __init node_set_hart(unsigned cpu, int nid)
{
	BUG_ON(nid < 0 || nid >= MAX_NUMNODES);
	*per_cpu_ptr(&numa_node, cpu) = nid;
	nr_nodes = max(nr_nodes, (unsigned)nid + 1);
}

int numa_node_id(void)
{
	return this_cpu_read(numa_node);
}

void __init node_set_distance(int from, int to, unsigned d)
{
	BUG_ON(from < 0 || from >= MAX_NUMNODES || to < 0 || to >= MAX_NUMNODES || d > 255);
	distance[from][to] = (u8)d;
}

unsigned node_distance(int from, int to)
{
	if (distance[from][to])
		return distance[from][to];
	return from == to ? DISTANCE_LOCAL : DISTANCE_REMOTE;
}

/* What [base, base + size) has of a span, in whole pages; false if nothing. */
static bool segment_of(const struct memblock_region *r, const struct zone_span *span,
		       unsigned long *start_pfn, unsigned long *end_pfn)
{
	phys_addr_t start = max(r->base, span->start), end = min(r->base + r->size, span->end);

	if ((r->flags & MEMBLOCK_NOMAP) || start >= end)
		return false;
	*start_pfn = PFN_UP(start);
	*end_pfn = PFN_DOWN(end);
	return *start_pfn < *end_pfn;
}

static int region_nid(const struct memblock_region *r)
{
	return r->nid == NUMA_NO_NODE ? 0 : r->nid;
}

static struct pglist_data *__init node_make(int nid)
{
	struct pglist_data *node = node_data[nid];

	if (!node) {
		node = memblock_alloc_node(sizeof(*node), 64, nid);
		node->nid = nid;
		node_data[nid] = node;
		nr_nodes = max(nr_nodes, (unsigned)nid + 1);
	}
	return node;
}

static struct zone *__init zone_make(const struct zone_span *span, int nid, unsigned type)
{
	struct pglist_data *node = node_make(nid);
	struct zone *zone = node->zone[type];

	if (!zone) {
		zone = memblock_alloc_node(sizeof(*zone), 64, nid);
		spin_lock_init_ranked(&zone->lock, LOCK_ZONE);
		zone->type = (u8)type;
		zone->nid = (s8)nid;
		zone->node = node;
		memcpy(zone->name, span->name, sizeof(zone->name));
		node->zone[type] = zone;
		node->nr_zones++;
	}
	return zone;
}

static void __init segment_add(struct zone *zone, unsigned long start_pfn, unsigned long end_pfn)
{
	struct mem_segment *last = mem_segments + nr_mem_segments - 1;
	struct pglist_data *node = zone->node;

	if (!zone->present_pages)
		zone->start_pfn = start_pfn;
	zone->end_pfn = end_pfn;
	zone->present_pages += end_pfn - start_pfn;
	if (!node->present_pages)
		node->start_pfn = start_pfn;
	node->end_pfn = end_pfn;
	node->present_pages += end_pfn - start_pfn;
	if (nr_mem_segments && last->zone == zone && last->end_pfn == start_pfn)
		last->end_pfn = end_pfn;
	else
		mem_segments[nr_mem_segments++] = (struct mem_segment){ start_pfn, end_pfn, zone };
}

/* Frames that @r has of the highest span of the plan; false if none. */
static bool highest_of(const struct memblock_region *r, const struct zone_plan *plan,
		       unsigned long *start, unsigned long *end)
{
	return segment_of(r, &plan->zone[plan->nr_zones - 1], start, end);
}

/* Where the movable memory of node @nid begins; ~0: it has none. */
static unsigned long movable_start(const struct zone_plan *plan, int nid)
{
	unsigned long start, end, cut = ~0UL;
	u64 total = 0, own = 0, want;

	for (unsigned i = 0; i < memblock.memory.nr; i++) {
		const struct memblock_region *r = &memblock.memory.regions[i];

		if (r->flags & MEMBLOCK_NOMAP)
			continue;
		total += PFN_DOWN(r->size);
		own += region_nid(r) == nid ? PFN_DOWN(r->size) : 0;
	}
	want = PFN_DOWN(plan->movable_bytes) * own / total;
	for (unsigned i = memblock.memory.nr; i-- && want;) {
		const struct memblock_region *r = &memblock.memory.regions[i];

		if (region_nid(r) != nid || !highest_of(r, plan, &start, &end))
			continue;
		cut = end - (unsigned long)min(want, (u64)(end - start));
		want -= end - cut;
	}
	return cut == ~0UL ? cut : ALIGN_UP(cut, MAX_BLOCK);
}

/* What bank @r has of span @type; the top of the highest span is MOVABLE. */
static void bank_add(const struct memblock_region *r, const struct zone_plan *plan, unsigned type,
		     unsigned long movable)
{
	unsigned last = (unsigned)plan->nr_zones;
	unsigned long start, end, cut;

	if (!segment_of(r, &plan->zone[type], &start, &end))
		return;
	cut = type + 1 == last ? min(end, max(start, movable)) : end;
	if (start < cut)
		segment_add(zone_make(&plan->zone[type], region_nid(r), type), start, cut);
	if (cut < end)
		segment_add(zone_make(&plan->zone[last], region_nid(r), last), cut, end);
}

/* Segments in order of address: banks are sorted, and so are the plan's spans. */
static void segments_make(const struct zone_plan *plan)
{
	const struct memblock_region *r;
	unsigned max_segments = memblock.memory.nr * ((unsigned)plan->nr_zones + 1);

	mem_segments = memblock_alloc(max_segments * sizeof(*mem_segments), 64);
	for_each_mem_range(r) {
		unsigned long movable = ~0UL;

		if (plan->movable_bytes)
			movable = movable_start(plan, region_nid(r));
		for (unsigned type = 0; type < (unsigned)plan->nr_zones; type++)
			bank_add(r, plan, type, movable);
	}
	if (!nr_mem_segments)
		panic("no memory to build zones from");
}

/* A byte for each pageblock from the zone's first frame to its last. */
static void pageblocks_make(struct zone *zone)
{
	unsigned long first = zone->start_pfn >> PAGEBLOCK_ORDER;
	unsigned long nr = ((zone->end_pfn - 1) >> PAGEBLOCK_ORDER) - first + 1;
	u8 *types = memblock_alloc_node(nr, 8, zone->nid);

	memset(types, MIGRATE_MOVABLE, nr);
	/* Found by the descriptor's address. */
	zone->pageblock =
		(u8 *)((unsigned long)types - pageblock_index(pfn_to_page(zone->start_pfn)));
}

/* A node without memory still answers for its harts. */
static void zones_number(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(zone_table); i++)
		zone_table[i] = &zone_none;
	for (unsigned nid = 0; nid < nr_nodes; nid++) {
		struct pglist_data *node = node_make((int)nid);

		for (unsigned type = 0; type < MAX_NR_ZONES; type++) {
			struct zone *zone = node->zone[type];

			if (!zone)
				continue;
			pageblocks_make(zone);
			zone->id = (u8)nr_zones;
			zone->word0_free = (u32)nr_zones << PAGE_ZONE_SHIFT;
			zone->word0 = zone->word0_free | 1ULL << 32;
			zone_table[nr_zones++] = zone;
		}
		zone_device_make(node);
	}
}

/* A node is nearest to itself, whatever the board says. */
static unsigned distance_from(const struct pglist_data *node, int nid)
{
	return nid == node->nid ? 0 : node_distance(node->nid, nid);
}

/* The nodes in the order in which @node asks them: by distance, then by number. */
static void nodes_by_distance(const struct pglist_data *node, int order[MAX_NUMNODES])
{
	for (int nid = 0; nid < (int)nr_nodes; nid++) {
		int at = nid;

		while (at > 0 && distance_from(node, order[at - 1]) > distance_from(node, nid)) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = nid;
	}
}

/* @node's fallback with only the zones of @mask (and its own only), ended by NULL. */
static struct zone **zonelist_make(const struct pglist_data *node, zone_mask_t mask, bool own)
{
	struct zone **list, **to;

	list = memblock_alloc_node((nr_zones + 1) * sizeof(*list), sizeof(*list), node->nid);
	to = list;
	for (struct zone **z = node->fallback; *z; z++)
		if ((mask >> (*z)->type & 1) && (!own || (*z)->node == node))
			*to++ = *z;
	return list;
}

static void fallback_make(struct pglist_data *node)
{
	int order[MAX_NUMNODES];
	struct zone **to;

	to = node->fallback = memblock_alloc_node((nr_zones + 1) * sizeof(*to), 64, node->nid);
	nodes_by_distance(node, order);
	for (unsigned i = 0; i < nr_nodes; i++)
		for (int type = MAX_NR_ZONES - 1; type >= 0; type--)
			if (node_data[order[i]]->zone[type])
				*to++ = node_data[order[i]]->zone[type];
}

/* The zones that the zone flags @gfp allow; none for those that contradict each other. */
static zone_mask_t gfp_mask(const struct zone_plan *plan, gfp_t gfp)
{
	switch (gfp & (__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM)) {
	case 0:
		return plan->mask_normal;
	case __GFP_HIGHMEM:
		return plan->mask_normal | plan->mask_high |
		       (gfp & __GFP_MOVABLE ? plan->mask_movable : 0);
	case __GFP_DMA:
		return plan->mask_dma;
	case __GFP_DMA32:
		return plan->mask_dma32;
	default:
		return 0;
	}
}

/* Lists for equal masks are one list. */
static void zonelists_make(struct pglist_data *node, const struct zone_plan *plan)
{
	for (unsigned i = 0; i < NR_ZONELISTS; i++) {
		zone_mask_t mask = gfp_mask(plan, i);
		bool own = i > GFP_ZONEMASK;

		for (unsigned same = 0; same < i && !node->zonelists[i]; same++)
			if (gfp_mask(plan, same) == mask && (same > GFP_ZONEMASK) == own)
				node->zonelists[i] = node->zonelists[same];
		if (!node->zonelists[i])
			node->zonelists[i] = zonelist_make(node, mask, own);
	}
}

void __init zones_init(const struct zone_plan *plan)
{
	segments_make(plan);
	zones_number();
	for (unsigned nid = 0; nid < nr_nodes; nid++) {
		fallback_make(node_data[nid]);
		zonelists_make(node_data[nid], plan);
	}
}

void zones_reset(void)
{
	memset(zone_table, 0, sizeof(zone_table));
	memset(node_data, 0, sizeof(node_data));
	memset(distance, 0, sizeof(distance));
	nr_zones = nr_nodes = nr_mem_segments = 0;
	mem_segments = NULL;
}

unsigned zonelist_highest(struct zone *const *list)
{
	unsigned highest = 0;

	for (; *list; list++)
		highest = max(highest, (unsigned)(*list)->type);
	return highest;
}

void zone_free_blocks_of(struct zone *zone, unsigned type, unsigned long nr[NR_ORDERS])
{
	for (unsigned order = 0; order < NR_ORDERS; order++)
		nr[order] = READ_ONCE(zone->area[type][order].nr);
}

void zone_free_blocks(struct zone *zone, unsigned long nr[NR_ORDERS])
{
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	for (unsigned order = 0; order < NR_ORDERS; order++) {
		nr[order] = 0;
		for (unsigned type = 0; type < NR_MIGRATETYPES; type++)
			nr[order] += zone->area[type][order].nr;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
}
