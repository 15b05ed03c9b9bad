/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm_world.c - see mm_world.h
 */
#include "mm_world.h"

#include <mm/watermark.h>

#include <asm/memory.h>
#include <asm/mmu.h>
#include <base/errno.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/compaction.h>
#include <mm/init.h>
#include <mm/memmap.h>
#include <mm/mm_thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../mm/pcp.h"

struct zone_plan world_plan;
u64 world_garbage;
bool world_forged;
unsigned long world_first, world_end;
static u32 *owner;
static unsigned long nr_free;
unsigned long *percpu_offset = (unsigned long[8]){ 0 };

/* All harts' per-CPU variables are one, but each has its lists of pages. */
unsigned int nr_harts = WORLD_HARTS;
static struct hart_local harts_local[WORLD_HARTS];

struct hart_info *hart_info(unsigned int cpu)
{
	static struct hart_info info;

	info.local = &harts_local[cpu];
	return &info;
}

bool world_parallel;

/* Where harts are threads, they only see to themselves. */
void on_each_hart(void (*fn)(void *arg), void *arg)
{
	unsigned int me = this_hart->cpu;

	if (world_parallel) {
		fn(arg);
		return;
	}
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		world_run_as(cpu);
		fn(arg);
	}
	world_run_as(me);
}

/* Where harts have variables of their own. */
__attribute__((weak)) void world_switch_area(unsigned int cpu)
{
}

void world_run_as(unsigned int cpu)
{
	world_switch_area(cpu);
	this_hart->cpu = cpu;
	pcp_tables(this_hart, cpu);
	mempolicy_switch(mm_current()->policy);
}

void arch_wait_ns(u64 ns)
{
}

/* Where nothing can be moved. */
__attribute__((weak)) void wakeup_kcompactd(const struct pglist_data *node, unsigned order)
{
}

u64 read_time(void)
{
	return rnd();
}

/* Reachable from now on, and full of garbage. */
int vmemmap_populate(unsigned long start_pfn, unsigned long end_pfn, int nid)
{
	char *from = (char *)pfn_to_page(start_pfn), *to = (char *)pfn_to_page(end_pfn);
	phys_addr_t pa = memblock_phys_alloc_range((phys_addr_t)(to - from), PAGE_SIZE, 0, 0, nid);

	if (!pa)
		return -12;
	if (mprotect(from, (size_t)(to - from), PROT_READ | PROT_WRITE))
		abort();
	/* Beyond 64 MiB of memory only here and there: tests of large boards stay quick. */
	for (u64 *p = (u64 *)from; p<(u64 *)to; p += to - from>(512 << 10) ? 509 : 1)
		*p = world_garbage ? world_garbage : rnd();
	return 0;
}

/* ---- a page table: what was mapped in one call is unmapped in one ---- */

#define MAX_MAPPED 1024
static struct {
	unsigned long va, bytes;
	phys_addr_t pa;
} mapped[MAX_MAPPED];
unsigned world_mapped;
static u64 world_bytes;

static unsigned find_mapped(unsigned long va, unsigned long bytes)
{
	unsigned i = 0;

	while (i < world_mapped &&
	       (mapped[i].va >= va + bytes || va >= mapped[i].va + mapped[i].bytes))
		i++;
	return i;
}

static bool is_vmemmap(unsigned long va)
{
	return va - (unsigned long)host_vmemmap <
	       (unsigned long)((world_bytes >> PAGE_SHIFT) + MAX_BLOCK) << PAGE_STRUCT_SHIFT;
}

int arch_map(unsigned long va, phys_addr_t pa, unsigned long bytes, unsigned int prot,
	     unsigned long max_leaf)
{
	if (find_mapped(va, bytes) < world_mapped)
		return -EEXIST;
	mapped[world_mapped].va = va;
	mapped[world_mapped].bytes = bytes;
	mapped[world_mapped++].pa = pa;
	if (is_vmemmap(va)) {
		if (mprotect((void *)va, bytes, PROT_READ | PROT_WRITE))
			abort();
		memset((void *)va, (int)rnd(), bytes);
	}
	return 0;
}

int arch_unmap(unsigned long va, unsigned long bytes)
{
	unsigned i = find_mapped(va, bytes);

	if (i == world_mapped || mapped[i].va != va || mapped[i].bytes != bytes)
		return -ENOENT;
	mapped[i] = mapped[--world_mapped];
	if (is_vmemmap(va) && mprotect((void *)va, bytes, PROT_NONE))
		abort();
	return 0;
}

/* Where there are areas. */
__attribute__((weak)) bool world_area_lookup(unsigned long va, struct arch_mapping *map)
{
	return false;
}

int arch_lookup(unsigned long va, struct arch_mapping *map)
{
	unsigned i = find_mapped(va, 1);

	if (world_area_lookup(va, map))
		return 0;
	if (i == world_mapped)
		return -ENOENT;
	map->pa = mapped[i].pa + (va - mapped[i].va);
	return 0;
}

bool arch_linear_reaches(phys_addr_t start, phys_addr_t end)
{
	return start >= host_phys_base && end <= host_phys_base + world_bytes;
}

phys_addr_t arch_described_end(void)
{
	return host_phys_base + world_bytes;
}

unsigned long arch_shared_leaf(void)
{
	return PAGE_SIZE;
}

u32 world_owner(unsigned long pfn)
{
	return pfn >= world_first && pfn < world_end ? owner[pfn - world_first] : OWNER_NONE;
}

void world_set_owner(unsigned long pfn, unsigned long nr_pages, u32 who)
{
	for (; nr_pages; nr_pages--, pfn++) {
		u32 *o = &owner[pfn - world_first];

		nr_free -= *o == OWNER_FREE;
		*o = who;
		nr_free += who == OWNER_FREE;
	}
}

unsigned long world_nr_free(void)
{
	return nr_free;
}

/* First frames of the movable memory of each node. */
static unsigned long movable_start[MAX_NUMNODES];

static const struct memblock_region *region_of(unsigned long pfn)
{
	const struct memblock_region *r;

	for_each_mem_range(r)
		if (!(r->flags & MEMBLOCK_NOMAP) && pfn >= PFN_UP(r->base) &&
		    pfn < PFN_DOWN(r->base + r->size))
			return r;
	return NULL;
}

int world_zone_type(unsigned long pfn)
{
	int type = zone_plan_find(&world_plan, PFN_PHYS(pfn));

	if (world_plan.movable_bytes && type == world_plan.nr_zones - 1 &&
	    pfn >= movable_start[region_of(pfn)->nid])
		return world_plan.nr_zones;
	return type;
}

/* Frame by frame from the top, until a node has its share. */
static void find_movable(const struct world *w)
{
	unsigned long first = PFN_DOWN(w->base), end = PFN_UP(w->base + w->bytes), total = 0;
	u64 want[MAX_NUMNODES] = { 0 };

	for (unsigned long pfn = first; pfn < end; pfn++) {
		if (!region_of(pfn))
			continue;
		total++;
		want[region_of(pfn)->nid]++;
	}
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		want[nid] = PFN_DOWN(world_plan.movable_bytes) * want[nid] / total;
		movable_start[nid] = ~0UL;
	}
	for (unsigned long pfn = end; pfn-- > first;) {
		const struct memblock_region *r = region_of(pfn);

		if (!r || !want[r->nid] ||
		    zone_plan_find(&world_plan, PFN_PHYS(pfn)) != world_plan.nr_zones - 1)
			continue;
		want[r->nid]--;
		movable_start[r->nid] = pfn;
	}
	for (int nid = 0; nid < MAX_NUMNODES; nid++)
		if (movable_start[nid] != ~0UL)
			movable_start[nid] = ALIGN_UP(movable_start[nid], MAX_BLOCK);
}

static void must(int err)
{
	if (err)
		abort();
}

/* The plan that the kernel makes for devices. */
static void plan_for_windows(const struct world *w)
{
	struct phys_range mem[64];
	struct zone_plan_input in = { .mem = mem,
				      .window = w->windows,
				      .nr_windows = w->nr_windows,
				      .movable_bytes = w->movable,
				      .high = w->high };
	const struct memblock_region *r;

	for_each_mem_range(r) {
		phys_addr_t start = PFN_PHYS(PFN_UP(r->base));
		phys_addr_t end = PFN_PHYS(PFN_DOWN(r->base + r->size));

		if (!(r->flags & MEMBLOCK_NOMAP) && start < end)
			mem[in.nr_mem++] = (struct phys_range){ start, end };
	}
	must(zone_plan_build(&in, &world_plan));
	find_movable(w);
}

/* What zone_plan.c would make of the cuts: zones that would be empty are not built. */
static void make_plan(const struct world *w)
{
	phys_addr_t start = w->base;
	struct zone_plan *p = &world_plan;

	memset(p, 0, sizeof(*p));
	for (int i = 0; i < MAX_NR_ZONES && start < w->base + w->bytes; i++) {
		phys_addr_t end = w->cut[i] ? w->cut[i] : w->base + w->bytes;
		const struct memblock_region *r;
		struct zone_span *s = &p->zone[p->nr_zones];

		for_each_mem_range(r) {
			phys_addr_t from = max(r->base, start), to = min(r->base + r->size, end);

			if (from >= to)
				continue;
			if (!s->bytes)
				s->start = from;
			s->end = to;
			s->bytes += to - from;
		}
		if (s->bytes) {
			snprintf(s->name, sizeof(s->name), "Z%d", p->nr_zones);
			p->mask_normal |= (zone_mask_t)(1u << p->nr_zones++);
		}
		start = end;
	}
	if (w->movable && p->nr_zones < MAX_NR_ZONES) {
		p->movable_bytes = w->movable;
		p->mask_movable = (zone_mask_t)(1u << p->nr_zones);
		snprintf(p->zone[p->nr_zones].name, ZONE_NAME_LEN, "MOVABLE");
		find_movable(w);
	}
	p->mask_dma = w->dma ? w->dma & p->mask_normal : 1;
	p->mask_dma32 = w->dma32 ? w->dma32 & p->mask_normal : p->mask_normal;
}

static void fill_memblock(const struct world *w)
{
	memblock_reset();
	memblock_allow_resize();
	for (unsigned i = 0; i < ARRAY_SIZE(w->bank); i++)
		must(memblock_add_node(w->bank[i].start, w->bank[i].end - w->bank[i].start,
				       w->bank[i].nid));
	for (unsigned i = 0; i < ARRAY_SIZE(w->reserved); i++)
		if (w->reserved[i].end)
			must(memblock_reserve(w->reserved[i].start,
					      w->reserved[i].end - w->reserved[i].start));
	for (unsigned i = 0; i < ARRAY_SIZE(w->nomap); i++)
		if (w->nomap[i].end)
			must(memblock_mark_nomap(w->nomap[i].start,
						 w->nomap[i].end - w->nomap[i].start));
	must(memblock_mark_hotplug(w->hotplug.start, w->hotplug.end - w->hotplug.start));
}

/* The model, from memblock as it was after the last early allocation: its lists stay. */
static void make_model(const struct world *w)
{
	struct memblock_free_iter it;
	const struct memblock_region *r;

	world_first = PFN_DOWN(w->base);
	world_end = PFN_UP(w->base + w->bytes);
	free(owner);
	owner = malloc((world_end - world_first) * sizeof(*owner));
	for (unsigned long i = 0; i < world_end - world_first; i++)
		owner[i] = OWNER_NONE;
	nr_free = 0;
	for_each_mem_range(r)
		if (!(r->flags & MEMBLOCK_NOMAP))
			world_set_owner(PFN_UP(r->base),
					PFN_DOWN(r->base + r->size) - PFN_UP(r->base),
					OWNER_TABLES);
	for (unsigned i = 0; i < ARRAY_SIZE(w->reserved); i++)
		for (unsigned long pfn = PFN_UP(w->reserved[i].start);
		     pfn < PFN_DOWN(w->reserved[i].end); pfn++)
			if (world_owner(pfn) == OWNER_TABLES)
				world_set_owner(pfn, 1, OWNER_RESERVED);
	for_each_free_range(it)
		if (PFN_UP(it.start) < PFN_DOWN(it.end))
			world_set_owner(PFN_UP(it.start), PFN_DOWN(it.end) - PFN_UP(it.start),
					OWNER_FREE);
}

/* The last page may be had by anybody. */
static void no_reserves(void)
{
	struct zone *zone;

	for_each_zone(zone) {
		memset(zone->watermark, 0, sizeof(zone->watermark));
		memset(zone->lowmem_reserve, 0, sizeof(zone->lowmem_reserve));
		zone->watermark_boost = zone->batch_floor = 0;
		watermark_pressure(zone);
		watermark_set_plenty(zone);
	}
}

void world_build(const struct world *w)
{
	host_memory_init(w->base, w->bytes + (MAX_BLOCK << PAGE_SHIFT));
	world_bytes = w->bytes;
	world_mapped = 0;
	if (mprotect(host_vmemmap,
		     (size_t)((w->bytes >> PAGE_SHIFT) + MAX_BLOCK) * sizeof(struct page),
		     PROT_NONE))
		abort();
	fill_memblock(w);
	page_alloc_reset();
	if (w->high)
		memblock_set_limit(w->high);
	if (w->nr_windows || w->high)
		plan_for_windows(w);
	else
		make_plan(w);
	if (w->high)
		host_memory_high(w->high);
	page_alloc_init(&world_plan);
	if (!w->reserves)
		no_reserves();
	world_run_as(0);
	make_model(w);
	world_check();
}

bool world_can_serve(const struct zone *zone, unsigned order)
{
	unsigned long size = 1UL << order;

	for (unsigned long pfn = ALIGN_UP(zone->start_pfn, size); pfn + size <= zone->end_pfn;
	     pfn += size) {
		unsigned long i;

		for (i = 0; i < size && world_owner(pfn + i) == OWNER_FREE; i++)
			if (world_zone_type(pfn + i) != zone->type ||
			    memmap_segment(pfn + i)->zone != zone)
				break;
		if (i == size)
			return true;
	}
	return false;
}

/* Frames inside a block, not its first: a free of one must be refused for its block word. */
static bool check_inside(const struct memmap_block *b, void *arg)
{
	for (unsigned long i = 1; i < b->nr_pages; i++) {
		u32 block = pfn_to_page(b->pfn + i)->block & ~BLOCK_ORDER_MASK;

		if (block == b->zone->mark + BLOCK_USED || block == b->zone->mark + BLOCK_FREE)
			host_fail(__FILE__, __LINE__,
				  "pfn 0x%lx, inside a block, looks like a head", b->pfn + i);
	}
	return false;
}

void world_check(void)
{
	char fault[192];
	struct zone *zone;

	for_each_zone(zone)
		if (zone_validate(zone, fault, sizeof(fault)))
			host_fail(__FILE__, __LINE__, "%s", fault);
	if (!world_forged)
		memmap_walk(0, ~0UL, check_inside, NULL);
	EXPECT_EQ(nr_free_pages(), nr_free);
	EXPECT(!irqs_disabled());
}

/* ---- random boards ---- */

static phys_addr_t random_page(const struct world *w)
{
	return w->base + (phys_addr_t)rnd_below(w->bytes >> PAGE_SHIFT) * PAGE_SIZE;
}

static int compare_addresses(const void *a, const void *b)
{
	phys_addr_t x = *(const phys_addr_t *)a, y = *(const phys_addr_t *)b;

	return (x > y) - (x < y);
}

/* @n different random pages, ascending, half of them on a top-order block's edge. */
static void random_pages(const struct world *w, phys_addr_t *at, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		at[i] = random_page(w);
		if (rnd() & 1)
			at[i] = ALIGN_DOWN(at[i], (phys_addr_t)MAX_BLOCK << PAGE_SHIFT);
	}
	qsort(at, n, sizeof(*at), compare_addresses);
}

void world_random(struct world *w)
{
	static const phys_addr_t bases[] = { 0, 0x40000000, 0x80000000, 0x100000000, 0xfc000000 };
	phys_addr_t at[2 * ARRAY_SIZE(w->bank)];
	unsigned nr_banks = (unsigned)rnd_range(1, 6), nodes = (unsigned)rnd_range(1, 4), to = 1;

	*w = (struct world){ .base = bases[rnd_below(ARRAY_SIZE(bases))],
			     .bytes = rnd_range(24, 64) * MiB };
	random_pages(w, at, 2 * nr_banks);
	for (unsigned i = 0; i < nr_banks; i++)
		w->bank[i] = (struct world_bank){ at[2 * i], at[2 * i + 1], (int)rnd_below(nodes) };
	/* Room for what the allocator itself needs. */
	w->bank[nr_banks] =
		(struct world_bank){ w->base + w->bytes - 6 * MiB, w->base + w->bytes, 0 };
	for (unsigned i = 0; i < rnd_below(ARRAY_SIZE(w->reserved)); i++) {
		phys_addr_t start = random_page(w);

		if (start >= w->base + w->bytes - 4 * MiB)
			continue;
		w->reserved[i] =
			(struct phys_range){ start + rnd_below(2) * rnd_below(4096),
					     start + 4096 + rnd_below(1 << rnd_below(22)) };
	}
	for (unsigned i = 0; i < rnd_below(3); i++) {
		w->nomap[i].start = min(random_page(w), w->base + w->bytes - 6 * MiB);
		w->nomap[i].end = min(w->nomap[i].start + rnd_range(1, 2048) * PAGE_SIZE,
				      w->base + w->bytes - 6 * MiB);
	}
	w->hotplug.start = random_page(w);
	w->hotplug.end = w->hotplug.start + rnd_below(4 * MiB);
	random_pages(w, w->cut, (unsigned)rnd_below(5));
	for (unsigned i = 1; i < MAX_NR_ZONES && w->cut[i]; i++)
		if (w->cut[i] != w->cut[to - 1])
			w->cut[to++] = w->cut[i];
	for (; to < MAX_NR_ZONES; to++)
		w->cut[to] = 0;
	w->movable = rnd_below(3) ? 0 : rnd_below(w->bytes);
	w->dma = (zone_mask_t)rnd_range(1, 256);
	w->dma32 = (zone_mask_t)rnd_range(1, 256);
	if (w->base == 0 && !w->cut[0])
		memmove(w->cut, w->cut + 1, sizeof(w->cut) - sizeof(w->cut[0]));
}
