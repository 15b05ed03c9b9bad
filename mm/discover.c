/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * discover.c - what the device tree says becomes memblock, harts and a zone plan
 *
 * Here it is judged what ranges mean together.  Refused with a sentence: banks that overlap,
 * lie beyond 56 bits or are nowhere; a kernel outside of memory or in a no-map range.
 * Handled with a line in the log: repeated or empty banks and reservations, reservations outside of
 * memory or on top of each other, ones that fit nowhere, a bad initrd or distance map.
 * Banks shrink to whole pages, reservations grow to them.
 * Locking: none; boot hart only.
 */
#define LOG_PREFIX "memory: "
#include <mm/discover.h>

#include <asm/memory.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <lib/dma_limit.h>
#include <mm/memblock.h>
#include <string.h>

#define PHYS_BITS 56 /* of any RISC-V address that a page table can hold */
#define PAGE	  ((phys_addr_t)PAGE_SIZE)

#define KERNEL_MIN (8 * MiB) /* memory that isn't movable */

#define FIRST_DEVICES 16
#define FIRST_RANGES  32
#define MAX_REUSABLE  8

static struct dt_dma_device first_devices[FIRST_DEVICES];
static struct phys_range first_ranges[FIRST_RANGES];

static struct {
	struct dt_dma_map dma;
	struct zone_window *window; /* one a device of dma */
	struct {
		struct phys_range range;
		int node;
	} reusable[MAX_REUSABLE];
	unsigned nr_reusable;
} found;

/* ---- banks ---- */

static phys_addr_t page_up(phys_addr_t pa)
{
	return pa > ~(PAGE - 1) ? ~(PAGE - 1) : ALIGN_UP(pa, PAGE);
}

static const char *path_of(int node)
{
	static char path[DT_PATH_LEN];

	return node < 0 ? "/memreserve/" : dt_path(node, path, sizeof(path));
}

static int full_list(int code, const char *what, struct dt_error *err)
{
	if (code == -ENOSPC || code == -ENOMEM)
		dt_fail(err, code, "device tree: more %s than there is room for", what);
	else if (code)
		dt_fail(err, code, "device tree: %s: error %d", what, code);
	return code;
}

/* For dt_for_each_bank: count banks with the range and node of *arg. */
struct twin {
	const struct dt_bank *bank;
	int nr;
};

static int __init count_twins(const struct dt_bank *bank, void *arg, struct dt_error *err)
{
	struct twin *twin = arg;

	twin->nr += bank->range.start == twin->bank->range.start &&
		    bank->range.end == twin->bank->range.end && bank->nid == twin->bank->nid;
	return 0;
}

/*
 * The bank is memory already, and the tree has it twice.  U-Boot writes all banks into the first
 * memory node and leaves the others as they were, so this is no lie.
 */
static bool is_repeated(const struct dt_bank *bank, phys_addr_t start, phys_addr_t end)
{
	struct twin twin = { bank, 0 };
	struct dt_error ignored;

	return memblock_is_region_memory(start, end - start) &&
	       !dt_for_each_bank(count_twins, &twin, &ignored) && twin.nr > 1;
}

static int __init add_bank(const struct dt_bank *bank, void *arg, struct dt_error *err)
{
	phys_addr_t start = page_up(bank->range.start);
	phys_addr_t end = ALIGN_DOWN(bank->range.end, PAGE);
	const struct memblock_region *r;
	int code;

	if (bank->range.end > BIT_ULL(PHYS_BITS))
		return dt_fail(err, -EINVAL,
			       "device tree: %s: [0x%" PRIpa ", 0x%" PRIpa ") is beyond %d bits",
			       path_of(bank->node), PA(bank->range.start), PA(bank->range.end),
			       PHYS_BITS);
	if (start >= end) {
		pr_warn("%s: an empty bank at 0x%" PRIpa ", ignored", path_of(bank->node),
			PA(bank->range.start));
		return 0;
	}
	for_each_mem_range(r) {
		if (start >= r->base + r->size || end <= r->base)
			continue;
		if (is_repeated(bank, start, end)) {
			pr_info("%s: the bank at 0x%" PRIpa " stands twice, taken once",
				path_of(bank->node), PA(start));
			return 0;
		}
		return dt_fail(err, -EINVAL,
			       "device tree: %s: [0x%" PRIpa ", 0x%" PRIpa
			       ") overlaps another bank at 0x%" PRIpa,
			       path_of(bank->node), PA(start), PA(end), PA(r->base));
	}
	if (bank->no_nid)
		pr_warn("%s has no numa-node-id, others have: taken as node %u",
			path_of(bank->node), (unsigned)dt_numa_id(0));
	code = memblock_add_node(start, end - start, bank->nid);
	if (!code && bank->hotpluggable)
		code = memblock_mark_hotplug(start, end - start);
	return full_list(code, "memory banks", err);
}

/* ---- reservations ---- */

static bool touches_memory(phys_addr_t start, phys_addr_t end)
{
	const struct memblock_region *r;

	for_each_mem_range(r) {
		if (start < r->base + r->size && end > r->base)
			return true;
	}
	return false;
}

/* A range of another /reserved-memory node lies in [start, end). */
static bool touches_reserved_node(phys_addr_t start, phys_addr_t end)
{
	const struct memblock_region *r;

	for_each_reserved_range(r) {
		u32 kind = r->flags & MEMBLOCK_RSRV_MASK;

		if ((kind == MEMBLOCK_RSRV_NODE || kind == MEMBLOCK_RSRV_REUSABLE) &&
		    start < r->base + r->size && end > r->base)
			return true;
	}
	return false;
}

/* For dt_for_each_reservation: does a node before *arg reserve pages of the same? */
struct clash {
	const struct dt_reservation *rsv;
	bool found;
};

static int __init find_clash(const struct dt_reservation *other, void *arg, struct dt_error *err)
{
	struct clash *c = arg;

	c->found |= other->kind == DT_RSV_STATIC && other->node < c->rsv->node &&
		    other->range.start < other->range.end &&
		    ALIGN_DOWN(other->range.start, PAGE) < page_up(c->rsv->range.end) &&
		    page_up(other->range.end) > ALIGN_DOWN(c->rsv->range.start, PAGE);
	return 0;
}

/* Asks the tree, since memblock shows one owner only where /memreserve/ has it too. */
static bool __init clashes_with_node(const struct dt_reservation *rsv, phys_addr_t start,
				     phys_addr_t end)
{
	struct clash c = { rsv, false };
	struct dt_error ignored;

	return memblock_is_region_reserved(start, end - start) &&
	       !dt_for_each_reservation(find_clash, &c, &ignored) && c.found;
}

static int reserve(phys_addr_t start, phys_addr_t end, u32 kind, bool no_map, struct dt_error *err)
{
	int code = memblock_reserve_kind(start, end - start, kind);

	if (!code && no_map)
		code = memblock_mark_nomap(start, end - start);
	return full_list(code, "reservations", err);
}

static u32 reservation_kind(const struct dt_reservation *rsv)
{
	if (rsv->kind == DT_RSV_MEMRESERVE)
		return MEMBLOCK_RSRV_FIRMWARE;
	if (rsv->reusable && rsv->no_map)
		pr_warn("%s: both no-map and reusable: taken as no-map", path_of(rsv->node));
	return rsv->reusable && !rsv->no_map ? MEMBLOCK_RSRV_REUSABLE : MEMBLOCK_RSRV_NODE;
}

/* Reserve [start, end) for @rsv's node. */
static int __init reserve_for(const struct dt_reservation *rsv, phys_addr_t start, phys_addr_t end,
			      struct dt_error *err)
{
	u32 kind = reservation_kind(rsv);
	int code = reserve(start, end, kind, rsv->no_map, err);

	if (code || kind != MEMBLOCK_RSRV_REUSABLE || !dt_compatible(rsv->node, "shared-dma-pool"))
		return code;
	if (found.nr_reusable == MAX_REUSABLE) {
		pr_warn("%s: more than %d pools: stays reserved", path_of(rsv->node), MAX_REUSABLE);
		return 0;
	}
	found.reusable[found.nr_reusable].range = (struct phys_range){ start, end };
	found.reusable[found.nr_reusable++].node = rsv->node;
	return 0;
}

static int __init add_static(const struct dt_reservation *rsv, void *arg, struct dt_error *err)
{
	phys_addr_t start = ALIGN_DOWN(rsv->range.start, PAGE), end = page_up(rsv->range.end);

	if (rsv->kind == DT_RSV_DYNAMIC)
		return 0;
	if (rsv->kind == DT_RSV_MALFORMED) {
		pr_warn("%s: neither reg nor size, ignored", path_of(rsv->node));
		return 0;
	}
	if (rsv->range.start == rsv->range.end) {
		pr_warn("%s: an empty reservation at 0x%" PRIpa ", ignored", path_of(rsv->node),
			PA(rsv->range.start));
		return 0;
	}
	if (!touches_memory(start, end))
		pr_info("%s: [0x%" PRIpa ", 0x%" PRIpa ") lies outside of memory",
			path_of(rsv->node), PA(start), PA(end));
	if (rsv->kind == DT_RSV_STATIC && clashes_with_node(rsv, start, end))
		pr_warn("%s: [0x%" PRIpa ", 0x%" PRIpa ") overlaps another reservation",
			path_of(rsv->node), PA(start), PA(end));
	return reserve_for(rsv, start, end, err);
}

static int reserve_initrd(struct dt_error *err)
{
	struct dt_chosen chosen;
	phys_addr_t start, end;

	dt_read_chosen(&chosen);
	if (chosen.ignored)
		pr_warn("/chosen: %s makes no sense, ignored", chosen.ignored);
	if (chosen.initrd.start == chosen.initrd.end)
		return 0;
	start = ALIGN_DOWN(chosen.initrd.start, PAGE);
	end = page_up(chosen.initrd.end);
	if (!memblock_is_region_memory(start, end - start)) {
		pr_warn("/chosen: the initrd at [0x%" PRIpa ", 0x%" PRIpa
			") isn't in memory, ignored",
			PA(start), PA(end));
		return 0;
	}
	return reserve(start, end, MEMBLOCK_RSRV_INITRD, false, err);
}

int __init discover_memory(struct dt_error *err)
{
	struct dt_error map_error;
	int code;

	found.nr_reusable = 0;
	code = dt_for_each_bank(add_bank, NULL, err);
	if (!code && !memblock_phys_mem_size())
		code = dt_fail(err, -ENODEV,
			       "device tree: no memory: each bank is empty or disabled");
	if (!code && dt_read_distances(&map_error))
		pr_warn("%s: ignored", map_error.text);
	if (!code)
		code = dt_for_each_reservation(add_static, NULL, err);
	return code ? code : reserve_initrd(err);
}

int __init discover_check_image(phys_addr_t start, phys_addr_t end, struct dt_error *err)
{
	const struct memblock_region *r;

	for_each_mem_range(r) {
		if (!(r->flags & MEMBLOCK_NOMAP) || start >= r->base + r->size || end <= r->base)
			continue;
		return dt_fail(err, -EINVAL,
			       "device tree: no-map [0x%" PRIpa ", 0x%" PRIpa
			       ") covers the kernel at [0x%" PRIpa ", 0x%" PRIpa ")",
			       PA(r->base), PA(r->base + r->size), PA(start), PA(end));
	}
	if (!memblock_is_region_memory(start, end - start))
		return dt_fail(err, -EINVAL,
			       "device tree: no memory bank holds the kernel at [0x%" PRIpa
			       ", 0x%" PRIpa ")",
			       PA(start), PA(end));
	if (touches_reserved_node(start, end))
		pr_warn("a reservation overlaps the kernel at [0x%" PRIpa ", 0x%" PRIpa ")",
			PA(start), PA(end));
	return 0;
}

/* Take @size bytes where the node wants them; 0 if they fit nowhere. */
static phys_addr_t find_place(const struct dt_reservation *rsv, u64 size)
{
	phys_addr_t align = max((phys_addr_t)rsv->align, PAGE), pa = 0;
	unsigned i;

	if (!rsv->nr_where)
		return memblock_phys_alloc_range(size, align, 0, 0, NUMA_NO_NODE);
	for (i = 0; i < rsv->nr_where && !pa; i++) {
		if (rsv->where[i].end)
			pa = memblock_phys_alloc_range(size, align, rsv->where[i].start,
						       rsv->where[i].end, NUMA_NO_NODE);
	}
	return pa;
}

static int __init add_dynamic(const struct dt_reservation *rsv, void *arg, struct dt_error *err)
{
	u64 size = page_up(rsv->size);
	phys_addr_t pa;
	int code;

	if (rsv->kind != DT_RSV_DYNAMIC)
		return 0;
	pa = find_place(rsv, size);
	if (!pa) {
		pr_warn("%s: no place for %llu KiB, ignored", path_of(rsv->node), PA(size >> 10));
		return 0;
	}
	pr_info("%s: placed at [0x%" PRIpa ", 0x%" PRIpa ")", path_of(rsv->node), PA(pa),
		PA(pa + size));
	/* It was taken as an early allocation; give it its own kind. */
	code = memblock_phys_free(pa, size);
	if (code)
		return full_list(code, "reservations", err);
	return reserve_for(rsv, pa, pa + size, err);
}

int __init discover_reserve_dynamic(struct dt_error *err)
{
	return dt_for_each_reservation(add_dynamic, NULL, err);
}

bool __init discover_reusable(unsigned i, struct discover_area *area)
{
	const char *name;
	int len;

	if (i >= found.nr_reusable)
		return false;
	name = strrchr(path_of(found.reusable[i].node), '/') + 1;
	strncpy(area->name, name, sizeof(area->name) - 1);
	area->name[sizeof(area->name) - 1] = '\0';
	area->range = found.reusable[i].range;
	area->is_default = dt_prop(found.reusable[i].node, "linux,cma-default", &len) != NULL;
	return true;
}

/* ---- harts ---- */

int __init discover_harts(const struct dt_hart **harts, unsigned *nr, u32 *timebase,
			  struct dt_error *err)
{
	struct dt_hart *array;
	unsigned i;
	int code = dt_read_harts(NULL, 0, nr, timebase, err);

	if (code != -ENOSPC)
		return code;
	array = memblock_alloc(*nr * sizeof(*array), sizeof(u64));
	code = dt_read_harts(array, *nr, nr, timebase, err);
	if (code)
		return code;
	for (i = 0; i < *nr; i++) {
		if (array[i].state != DT_HART_USABLE)
			pr_info("hart %llu isn't used: %s", PA(array[i].hartid),
				array[i].state == DT_HART_NO_MMU ? "no MMU" : "disabled");
	}
	*harts = array;
	return 0;
}

/* ---- DMA and zones ---- */

int __init discover_dma(struct dt_error *err)
{
	struct dt_dma_map *map = &found.dma;
	int code;

	*map = (struct dt_dma_map){ .device = first_devices,
				    .max_devices = FIRST_DEVICES,
				    .range = first_ranges,
				    .max_ranges = FIRST_RANGES };
	code = dt_read_dma(map, err);
	if (code != -ENOSPC)
		return code;
	map->max_devices = map->nr_devices;
	map->max_ranges = map->nr_ranges;
	map->device = memblock_alloc(map->max_devices * sizeof(*map->device), sizeof(u64));
	map->range = memblock_alloc((map->max_ranges + 1) * sizeof(*map->range), sizeof(u64));
	return dt_read_dma(map, err);
}

const struct dt_dma_map *discover_dma_map(void)
{
	return &found.dma;
}

static void make_windows(void)
{
	const struct dt_dma_map *map = &found.dma;
	unsigned i;

	found.window = memblock_alloc((map->nr_devices + 1) * sizeof(*found.window), sizeof(u64));
	for (i = 0; i < map->nr_devices; i++) {
		const struct dt_dma_device *d = &map->device[i];

		found.window[i] = (struct zone_window){
			.range = map->range + d->first_range,
			.nr_ranges = d->nr_ranges,
			.bits = d->limit->bits,
		};
	}
}

/* Memory that pages are made of, as an array for the plan. */
static struct phys_range *mapped_memory(unsigned *nr)
{
	struct phys_range *mem = memblock_alloc(memblock.memory.nr * sizeof(*mem), sizeof(u64));
	const struct memblock_region *r;

	*nr = 0;
	for_each_mem_range(r) {
		if (!(r->flags & MEMBLOCK_NOMAP))
			mem[(*nr)++] = (struct phys_range){ r->base, r->base + r->size };
	}
	return mem;
}

/* How much of the memory that @in has is to be movable. */
static u64 movable_bytes(const struct zone_plan_input *in, const struct zone_wishes *wish)
{
	u64 total = 0, movable;

	for (unsigned i = 0; i < in->nr_mem; i++)
		total += in->mem[i].end - in->mem[i].start;
	movable = zone_plan_movable(total, wish->movablecore, wish->kernelcore);
	if (!movable || movable + KERNEL_MIN <= total)
		return movable;
	pr_err("movablecore=, kernelcore=: %llu of %llu MiB movable leave the kernel less than "
	       "%llu MiB: none is movable",
	       movable / MiB, total / MiB, KERNEL_MIN / MiB);
	return 0;
}

int __init discover_zones(const struct zone_wishes *wish, struct zone_plan *plan,
			  struct dt_error *err)
{
	struct zone_plan_input in = { .nr_windows = found.dma.nr_devices,
				      .dma_zone = wish->dma_zone,
				      .high = wish->high };
	unsigned i, room = memblock.memory.nr;
	struct phys_range *mem;
	int k;

	make_windows();
	in.window = found.window;
	in.mem = mem = mapped_memory(&in.nr_mem);
	in.movable_bytes = movable_bytes(&in, wish);
	if (zone_plan_build(&in, plan))
		return dt_fail(err, -EINVAL, "device tree: no memory that can be mapped");
	memblock_free(mem, room * sizeof(*mem));
	for (i = 0; i < in.nr_windows; i++) {
		if (!found.window[i].reach)
			pr_warn("%s: DMA of %u bits reaches no memory",
				path_of(found.dma.device[i].node), found.window[i].bits);
	}
	for (k = 0; k < min(plan->nr_dropped, (int)ARRAY_SIZE(plan->dropped)); k++)
		pr_warn("more than %d zones: no boundary at 0x%" PRIpa, MAX_NR_ZONES,
			PA(plan->dropped[k]));
	return 0;
}

zone_mask_t discover_reach(unsigned i)
{
	return found.window[i].reach;
}
