/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memblock.c - the banks and what is taken of them, as two sorted lists
 *
 * Free memory: in a region of `memory` that isn't no-map, and in none of `reserved`.
 * Invariants of a list: regions are not empty, sorted, disjoint; touching neighbours
 *   differ in node or flags; total == sum(sizes).               (memblock_validate)
 * Room: each list starts in a static array.  A full list doubles into memory that it
 *   reserves from itself, once memblock_allow_resize() says that such memory is mapped.
 * Order: allocations are taken from the top down, so that low memory, which limited
 *   devices need, goes last; from hotpluggable banks only when there is no other.
 * Locking: none; boot hart only.  Never sleeps.
 * Cost: linear in the number of regions (a few dozen).
 * Not here: what the device tree says (discover.c), the allocator that follows.
 */
#include <mm/memblock.h>

#include <asm/memory.h>
#include <base/errno.h>
#include <kernel/panic.h>
#include <string.h>

#define INIT_REGIONS 128

static struct memblock_region init_memory[INIT_REGIONS];
static struct memblock_region init_reserved[INIT_REGIONS];

struct memblock memblock = {
	.memory = { .regions = init_memory, .max = INIT_REGIONS, .name = "memory" },
	.reserved = { .regions = init_reserved, .max = INIT_REGIONS, .name = "reserved" },
	.limit = ~(phys_addr_t)0,
};

static phys_addr_t region_end(const struct memblock_region *r)
{
	return r->base + r->size;
}

static bool wraps(phys_addr_t base, phys_addr_t size)
{
	return base + size < base;
}

void memblock_reset(void)
{
	memblock = (struct memblock){
		.memory = { .regions = init_memory, .max = INIT_REGIONS, .name = "memory" },
		.reserved = { .regions = init_reserved, .max = INIT_REGIONS, .name = "reserved" },
		.limit = ~(phys_addr_t)0,
	};
}

/* ---- one list ---- */

/* Put [base, end) before region @i.  There is room. */
static void insert_region(struct memblock_type *type, unsigned i, phys_addr_t base, phys_addr_t end,
			  int nid, u32 flags)
{
	struct memblock_region *r = &type->regions[i];

	VM_BUG_ON(type->nr >= type->max);
	memmove(r + 1, r, (type->nr - i) * sizeof(*r));
	*r = (struct memblock_region){
		.base = base, .size = end - base, .flags = flags, .nid = nid
	};
	type->nr++;
	type->total += end - base;
}

static void delete_region(struct memblock_type *type, unsigned i)
{
	struct memblock_region *r = &type->regions[i];

	type->total -= r->size;
	type->nr--;
	memmove(r, r + 1, (type->nr - i) * sizeof(*r));
}

static bool can_merge(const struct memblock_region *a, const struct memblock_region *b)
{
	return region_end(a) == b->base && a->nid == b->nid && a->flags == b->flags;
}

static void merge_regions(struct memblock_type *type)
{
	unsigned i, last = 0;

	if (!type->nr)
		return;
	for (i = 1; i < type->nr; i++) {
		struct memblock_region *a = &type->regions[last], *b = &type->regions[i];

		if (can_merge(a, b))
			a->size += b->size;
		else if (++last != i)
			type->regions[last] = *b;
	}
	type->nr = last + 1;
}

/* ---- finding room ---- */

/* The highest aligned place of @size bytes in [lo, hi) that no reserved region touches, or 0. */
static phys_addr_t find_unreserved(phys_addr_t lo, phys_addr_t hi, phys_addr_t size,
				   phys_addr_t align)
{
	const struct memblock_type *rsrv = &memblock.reserved;
	unsigned i = rsrv->nr;

	for (;;) {
		/* The gap below region i and above region i - 1. */
		phys_addr_t gap_hi = i < rsrv->nr ? min(hi, rsrv->regions[i].base) : hi;
		phys_addr_t below = i ? region_end(&rsrv->regions[i - 1]) : 0;
		phys_addr_t gap_lo = max(lo, below);

		if (gap_hi > gap_lo && gap_hi - gap_lo >= size) {
			phys_addr_t pa = ALIGN_DOWN(gap_hi - size, align);

			if (pa >= gap_lo)
				return pa;
		}
		if (!i || below <= lo)
			return 0;
		i--;
	}
}

/* The same in mapped memory of node @nid (or any), with these hotplug flags. */
static phys_addr_t find_on_node(phys_addr_t size, phys_addr_t align, phys_addr_t start,
				phys_addr_t end, int nid, u32 hotplug)
{
	unsigned i;

	for (i = memblock.memory.nr; i-- > 0;) {
		const struct memblock_region *m = &memblock.memory.regions[i];
		phys_addr_t pa;

		if (m->flags != hotplug || (nid != NUMA_NO_NODE && m->nid != nid))
			continue;
		pa = find_unreserved(max(start, m->base), min(end, region_end(m)), size, align);
		if (pa)
			return pa;
	}
	return 0;
}

static phys_addr_t find_free(phys_addr_t size, phys_addr_t align, phys_addr_t start,
			     phys_addr_t end, int nid)
{
	phys_addr_t pa = 0;
	u32 hotplug;

	/* Frame 0 would read as a failure; what lies at NULL is best not handed out anyway. */
	start = max(start, (phys_addr_t)PAGE_SIZE);
	for (hotplug = 0; !pa && hotplug <= MEMBLOCK_HOTPLUG; hotplug += MEMBLOCK_HOTPLUG) {
		if (nid != NUMA_NO_NODE)
			pa = find_on_node(size, align, start, end, nid, hotplug);
		if (!pa)
			pa = find_on_node(size, align, start, end, NUMA_NO_NODE, hotplug);
	}
	return pa;
}

/* ---- lists that grow ---- */

static int add_range(struct memblock_type *type, phys_addr_t base, phys_addr_t end, int nid,
		     u32 flags);
static int remove_range(struct memblock_type *type, phys_addr_t base, phys_addr_t end);

/* Double the room of @type, in free memory outside [base, end), which is about to be used. */
static int grow(struct memblock_type *type, phys_addr_t base, phys_addr_t end)
{
	struct memblock_region *old = type->regions;
	phys_addr_t old_bytes = (phys_addr_t)type->max * sizeof(*old);
	phys_addr_t bytes = ALIGN_UP(2 * old_bytes, (phys_addr_t)PAGE_SIZE);
	phys_addr_t pa;
	int err;

	if (!memblock.can_resize)
		return -ENOSPC;
	pa = find_free(bytes, PAGE_SIZE, end, memblock.limit, NUMA_NO_NODE);
	if (!pa)
		pa = find_free(bytes, PAGE_SIZE, 0, base, NUMA_NO_NODE);
	if (!pa)
		return -ENOMEM;

	type->regions = memcpy(__va(pa), old, type->nr * sizeof(*old));
	type->max = (unsigned)(bytes / sizeof(*old));
	err = add_range(&memblock.reserved, pa, pa + bytes, NUMA_NO_NODE, MEMBLOCK_RSRV_EARLY);
	if (err || old == init_memory || old == init_reserved)
		return err;
	old_bytes = ALIGN_UP(old_bytes, (phys_addr_t)PAGE_SIZE);
	return remove_range(&memblock.reserved, __pa(old), __pa(old) + old_bytes);
}

/* Make room for @more regions, none of them in [base, end). */
static int make_room(struct memblock_type *type, unsigned more, phys_addr_t base, phys_addr_t end)
{
	while (type->max - type->nr < more) {
		int err = grow(type, base, end);

		if (err)
			return err;
	}
	return 0;
}

/* How many regions of @type touch [base, end). */
static unsigned count_overlaps(const struct memblock_type *type, phys_addr_t base, phys_addr_t end)
{
	unsigned i, n = 0;

	for (i = 0; i < type->nr && type->regions[i].base < end; i++)
		n += region_end(&type->regions[i]) > base;
	return n;
}

/* Add what of [base, end) isn't in the list yet. */
static int add_range(struct memblock_type *type, phys_addr_t base, phys_addr_t end, int nid,
		     u32 flags)
{
	unsigned i;
	int err;

	if (base == end)
		return 0;
	err = make_room(type, count_overlaps(type, base, end) + 1, base, end);
	if (err)
		return err;
	for (i = 0; i < type->nr && type->regions[i].base < end; i++) {
		phys_addr_t r_base = type->regions[i].base;
		phys_addr_t r_end = region_end(&type->regions[i]);

		if (r_end <= base)
			continue;
		if (r_base > base)
			insert_region(type, i++, base, r_base, nid, flags);
		base = min(r_end, end);
	}
	if (base < end)
		insert_region(type, i, base, end, nid, flags);
	merge_regions(type);
	return 0;
}

/*
 * Split regions so that none crosses @base or @end; regions [*first, *last) are then exactly
 * those within.
 */
static int isolate(struct memblock_type *type, phys_addr_t base, phys_addr_t end, unsigned *first,
		   unsigned *last)
{
	const phys_addr_t edge[] = { base, end };
	unsigned i, e;
	int err = make_room(type, 2, base, end);

	if (err)
		return err;
	for (e = 0; e < 2; e++) {
		for (i = 0; i < type->nr && region_end(&type->regions[i]) <= edge[e]; i++)
			;
		if (i < type->nr && type->regions[i].base < edge[e]) {
			struct memblock_region *r = &type->regions[i];
			phys_addr_t r_base = r->base;

			r->size = region_end(r) - edge[e];
			r->base = edge[e];
			type->total -= edge[e] - r_base; /* insert_region counts it again */
			insert_region(type, i++, r_base, edge[e], r->nid, r->flags);
		}
		*(e ? last : first) = i;
	}
	return 0;
}

static int remove_range(struct memblock_type *type, phys_addr_t base, phys_addr_t end)
{
	unsigned first, last;
	int err;

	if (base == end)
		return 0;
	err = isolate(type, base, end, &first, &last);
	if (err)
		return err;
	while (last > first)
		delete_region(type, --last);
	merge_regions(type);
	return 0;
}

static int __init mark_memory(phys_addr_t base, phys_addr_t size, u32 flag)
{
	struct memblock_type *type = &memblock.memory;
	unsigned first, last;
	int err;

	if (wraps(base, size))
		return -EINVAL;
	if (!size)
		return 0;
	err = isolate(type, base, base + size, &first, &last);
	if (err)
		return err;
	for (; first < last; first++)
		type->regions[first].flags |= flag;
	merge_regions(type);
	return 0;
}

/* ---- the public functions ---- */

int __init memblock_add_node(phys_addr_t base, phys_addr_t size, int nid)
{
	if (wraps(base, size))
		return -EINVAL;
	return add_range(&memblock.memory, base, base + size, nid, 0);
}

int __init memblock_add(phys_addr_t base, phys_addr_t size)
{
	return memblock_add_node(base, size, 0);
}

int __init memblock_remove(phys_addr_t base, phys_addr_t size)
{
	if (wraps(base, size))
		return -EINVAL;
	return remove_range(&memblock.memory, base, base + size);
}

int __init memblock_reserve_kind(phys_addr_t base, phys_addr_t size, u32 kind)
{
	if (wraps(base, size))
		return -EINVAL;
	return add_range(&memblock.reserved, base, base + size, NUMA_NO_NODE, kind);
}

int __init memblock_reserve(phys_addr_t base, phys_addr_t size)
{
	return memblock_reserve_kind(base, size, MEMBLOCK_RSRV_EARLY);
}

int __init memblock_phys_free(phys_addr_t base, phys_addr_t size)
{
	if (wraps(base, size))
		return -EINVAL;
	return remove_range(&memblock.reserved, base, base + size);
}

int __init memblock_mark_nomap(phys_addr_t base, phys_addr_t size)
{
	return mark_memory(base, size, MEMBLOCK_NOMAP);
}

int __init memblock_mark_hotplug(phys_addr_t base, phys_addr_t size)
{
	return mark_memory(base, size, MEMBLOCK_HOTPLUG);
}

void memblock_set_limit(phys_addr_t limit)
{
	memblock.limit = limit;
}

int __init memblock_enforce_memory_limit(phys_addr_t bytes)
{
	const struct memblock_region *r;

	for_each_mem_range(r) {
		if (bytes < r->size) {
			phys_addr_t keep = r->base + ALIGN_DOWN(bytes, (phys_addr_t)PAGE_SIZE);

			return remove_range(&memblock.memory, keep, memblock_end_of_DRAM());
		}
		bytes -= r->size;
	}
	return 0;
}

void __init memblock_allow_resize(void)
{
	memblock.can_resize = true;
}

static phys_addr_t take(phys_addr_t size, phys_addr_t align, phys_addr_t start, phys_addr_t end,
			int nid)
{
	phys_addr_t pa;

	if (!size || !align || (align & (align - 1)))
		return 0;
	pa = find_free(size, align, start, end, nid);
	if (!pa || add_range(&memblock.reserved, pa, pa + size, NUMA_NO_NODE, MEMBLOCK_RSRV_EARLY))
		return 0;
	return pa;
}

phys_addr_t memblock_phys_alloc_range(phys_addr_t size, phys_addr_t align, phys_addr_t start,
				      phys_addr_t end, int nid)
{
	return take(size, align, start, end ? min(end, memblock.limit) : memblock.limit, nid);
}

phys_addr_t __init memblock_phys_alloc_high(phys_addr_t size, phys_addr_t align, int nid)
{
	return take(size, align, memblock.limit, ~(phys_addr_t)0, nid);
}

void *memblock_alloc_raw(phys_addr_t size, phys_addr_t align, int nid)
{
	phys_addr_t pa = memblock_phys_alloc_range(size, align, 0, 0, nid);

	if (!pa)
		panic("memblock: no room for %llu bytes aligned to %llu: %llu KiB of memory, "
		      "%llu KiB reserved, limit 0x%" PRIpa,
		      PA(size), PA(align), PA(memblock.memory.total >> 10),
		      PA(memblock.reserved.total >> 10), PA(memblock.limit));
	return __va(pa);
}

void *memblock_alloc_node(phys_addr_t size, phys_addr_t align, int nid)
{
	return memset(memblock_alloc_raw(size, align, nid), 0, size);
}

void *__init memblock_alloc(phys_addr_t size, phys_addr_t align)
{
	return memblock_alloc_node(size, align, NUMA_NO_NODE);
}

void __init memblock_free(void *ptr, phys_addr_t size)
{
	phys_addr_t pa = __pa(ptr), before = memblock.reserved.total;

	if (memblock_phys_free(pa, size) || before - memblock.reserved.total != size)
		panic("memblock: freeing [0x%" PRIpa ", 0x%" PRIpa "), %llu of %llu bytes reserved",
		      PA(pa), PA(pa + size), PA(before - memblock.reserved.total), PA(size));
}

/* ---- questions ---- */

static const struct memblock_region *find_region(const struct memblock_type *type, phys_addr_t pa)
{
	unsigned lo = 0, hi = type->nr;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		const struct memblock_region *r = &type->regions[mid];

		if (pa < r->base)
			hi = mid;
		else if (pa - r->base >= r->size)
			lo = mid + 1;
		else
			return r;
	}
	return NULL;
}

phys_addr_t memblock_phys_mem_size(void)
{
	return memblock.memory.total;
}

phys_addr_t memblock_reserved_size(void)
{
	return memblock.reserved.total;
}

phys_addr_t memblock_start_of_DRAM(void)
{
	return memblock.memory.nr ? memblock.memory.regions[0].base : 0;
}

phys_addr_t memblock_end_of_DRAM(void)
{
	const struct memblock_type *type = &memblock.memory;

	return type->nr ? region_end(&type->regions[type->nr - 1]) : 0;
}

bool memblock_is_memory(phys_addr_t pa)
{
	return find_region(&memblock.memory, pa) != NULL;
}

bool memblock_is_map_memory(phys_addr_t pa)
{
	const struct memblock_region *r = find_region(&memblock.memory, pa);

	return r && !(r->flags & MEMBLOCK_NOMAP);
}

bool memblock_is_reserved(phys_addr_t pa)
{
	return find_region(&memblock.reserved, pa) != NULL;
}

bool __init memblock_is_region_memory(phys_addr_t base, phys_addr_t size)
{
	phys_addr_t pos = base;

	if (wraps(base, size))
		return false;
	while (pos < base + size) {
		const struct memblock_region *r = find_region(&memblock.memory, pos);

		if (!r || (r->flags & MEMBLOCK_NOMAP))
			return false;
		pos = region_end(r);
	}
	return true;
}

bool __init memblock_is_region_reserved(phys_addr_t base, phys_addr_t size)
{
	return !wraps(base, size) && size &&
	       count_overlaps(&memblock.reserved, base, base + size) > 0;
}

bool __init memblock_next_free(struct memblock_free_iter *it)
{
	const struct memblock_type *mem = &memblock.memory, *rsrv = &memblock.reserved;

	for (; it->mem < mem->nr; it->mem++) {
		const struct memblock_region *m = &mem->regions[it->mem];
		phys_addr_t pos = max(it->end, m->base);

		while (!(m->flags & MEMBLOCK_NOMAP) && pos < region_end(m)) {
			const struct memblock_region *r = &rsrv->regions[it->rsrv];

			if (it->rsrv == rsrv->nr || r->base > pos) {
				it->start = pos;
				it->end = it->rsrv == rsrv->nr ? region_end(m)
							       : min(r->base, region_end(m));
				it->nid = m->nid;
				return true;
			}
			if (region_end(r) <= pos)
				it->rsrv++;
			else
				pos = region_end(r);
		}
	}
	return false;
}

static void validate_list(const struct memblock_type *type)
{
	phys_addr_t total = 0;
	unsigned i;

	if (type->nr > type->max)
		panic("memblock: %s: %u regions in room for %u", type->name, type->nr, type->max);
	for (i = 0; i < type->nr; i++) {
		const struct memblock_region *r = &type->regions[i];

		total += r->size;
		if (!r->size || wraps(r->base, r->size))
			panic("memblock: %s[%u]: base 0x%" PRIpa ", size 0x%" PRIpa, type->name, i,
			      PA(r->base), PA(r->size));
		if (i && region_end(r - 1) > r->base)
			panic("memblock: %s[%u]: starts at 0x%" PRIpa
			      ", the one before ends at 0x%" PRIpa,
			      type->name, i, PA(r->base), PA(region_end(r - 1)));
		if (i && can_merge(r - 1, r))
			panic("memblock: %s[%u]: not merged with the one before at 0x%" PRIpa,
			      type->name, i, PA(r->base));
	}
	if (total != type->total)
		panic("memblock: %s: total 0x%" PRIpa ", the regions sum up to 0x%" PRIpa,
		      type->name, PA(type->total), PA(total));
}

void memblock_validate(void)
{
	validate_list(&memblock.memory);
	validate_list(&memblock.reserved);
}
