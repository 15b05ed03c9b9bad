/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_world.c - see slab_world.h
 *
 * Harts' areas are as in the kernel: the hart's own data first, a copy of the per-CPU variables,
 * then what __alloc_percpu() hands out.  A thread that becomes another hart takes what is the
 * thread's (interrupts on or off) along.
 */
#include "slab_world.h"

#include <kernel/percpu.h>
#include <kernel/random.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/kmalloc.h>

#include <string.h>

#define STATIC_BYTES  4096
#define DYNAMIC_BYTES 16384
#define UNIT	      64

struct area {
	struct hart_local local;
	char variables[STATIC_BYTES] __aligned(64);
	char dynamic[DYNAMIC_BYTES];
};

extern char __start_percpu[], __stop_percpu[];

static struct area areas[WORLD_HARTS] __aligned(64);
static unsigned long offsets[WORLD_HARTS];
static u8 units[DYNAMIC_BYTES / UNIT]; /* objects start here: so many units long */
static unsigned nr_percpu;
static bool separate;
static unsigned long pages_at_start;

unsigned slab_fail_percent;
unsigned slab_fail_nth;
unsigned long slab_nr_failed;

/* ---- what the kernel has elsewhere ---- */

u64 get_random_u64(void)
{
	return rnd();
}

u64 ktime_ns(void)
{
	static u64 ns;

	return __atomic_add_fetch(&ns, 1000, __ATOMIC_RELAXED);
}

unsigned int current_thread_id(void)
{
	return 0;
}

void *__alloc_percpu(size_t bytes, size_t align)
{
	unsigned at = 0;

	if (bytes > UNIT || (slab_fail_percent && !rnd_below(8)))
		return NULL;
	while (at < ARRAY_SIZE(units) && units[at])
		at++;
	if (at == ARRAY_SIZE(units))
		return NULL;
	units[at] = 1;
	nr_percpu++;
	for (unsigned cpu = 0; cpu < WORLD_HARTS; cpu++)
		memset(areas[cpu].dynamic + at * UNIT, 0, UNIT);
	return __start_percpu +
	       (offsetof(struct area, dynamic) - offsetof(struct area, variables)) + at * UNIT;
}

void free_percpu(void *ptr)
{
	size_t at = (size_t)((char *)ptr - __start_percpu) -
		    (offsetof(struct area, dynamic) - offsetof(struct area, variables));

	if (!ptr)
		return;
	EXPECT(at < DYNAMIC_BYTES && at % UNIT == 0 && units[at / UNIT]);
	units[at / UNIT] = 0;
	nr_percpu--;
}

void world_switch_area(unsigned int cpu)
{
	struct hart_local *to = &areas[cpu].local;

	if (!separate)
		return;
	if (this_hart != to)
		*to = *this_hart;
	to->percpu_off = offsets[cpu];
	to->page_base = (unsigned long)host_vmemmap -
			((unsigned long)host_linear >> PAGE_SHIFT << PAGE_STRUCT_SHIFT);
	host_area = to;
}

void on_each_hart_cond(bool (*cond)(unsigned int cpu, void *arg), void (*fn)(void *arg), void *arg,
		       bool wait)
{
	unsigned int me = this_hart->cpu;

	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		if ((world_parallel && cpu != me) || (cond && !cond(cpu, arg)))
			continue;
		if (!world_parallel)
			world_run_as(cpu);
		fn(arg);
	}
	if (!world_parallel)
		world_run_as(me);
}

/* ---- pages that can't be had ---- */

struct page *__real___alloc_pages(gfp_t gfp, unsigned order);
struct page *__wrap___alloc_pages(gfp_t gfp, unsigned order);
struct page *__real_alloc_pages_node(int nid, gfp_t gfp, unsigned order);
struct page *__wrap_alloc_pages_node(int nid, gfp_t gfp, unsigned order);

bool slab_world_fails(void)
{
	bool yes = slab_fail_percent && rnd_below(100) < slab_fail_percent;

	if (slab_fail_nth && !--slab_fail_nth)
		yes = true;
	slab_nr_failed += yes;
	return yes;
}

struct page *__wrap___alloc_pages(gfp_t gfp, unsigned order)
{
	return slab_world_fails() ? NULL : __real___alloc_pages(gfp, order);
}

struct page *__wrap_alloc_pages_node(int nid, gfp_t gfp, unsigned order)
{
	return slab_world_fails() ? NULL : __real_alloc_pages_node(nid, gfp, order);
}

/* ---- the world ---- */

void slab_world_build(const struct world *w)
{
	separate = false;
	host_area = NULL;
	slab_fail_percent = slab_fail_nth = 0;
	slab_reports = 0;
	memset(offsets, 0, sizeof(offsets));
	percpu_offset = offsets;
	world_build(w);
	memset(units, 0, sizeof(units));
	nr_percpu = 0;
	EXPECT(__stop_percpu - __start_percpu <= STATIC_BYTES);
	for (unsigned cpu = 0; cpu < WORLD_HARTS; cpu++) {
		memcpy(areas[cpu].variables, __start_percpu,
		       (size_t)(__stop_percpu - __start_percpu));
		offsets[cpu] = (unsigned long)areas[cpu].variables - (unsigned long)__start_percpu;
		*per_cpu_ptr(&numa_node, cpu) = (int)(cpu % nr_nodes);
	}
	separate = true;
	world_run_as(0);
	pages_at_start = nr_free_pages();
	kmem_cache_init();
	slab_world_check();
}

static void validate_here(void *arg)
{
	char fault[SLAB_FAULT_LEN];

	if (slab_validate_all(fault, sizeof(fault)))
		host_fail(__FILE__, __LINE__, "hart %u: %s", this_hart->cpu, fault);
}

void slab_world_check(void)
{
	char fault[192];
	struct zone *zone;

	on_each_hart(validate_here, NULL);
	for_each_zone(zone)
		if (zone_validate(zone, fault, sizeof(fault)))
			host_fail(__FILE__, __LINE__, "%s", fault);
	EXPECT(!irqs_disabled());
}

#define MAX_CACHES 1024
static struct kmem_cache *all[MAX_CACHES];
static unsigned nr_all;

void slab_world_end(void)
{
	unsigned long pages = 0;

	slab_fail_percent = slab_fail_nth = 0;
	slab_world_check();
	nr_all = 0;
	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s)) {
		EXPECT(nr_all < MAX_CACHES);
		all[nr_all++] = s;
	}
	for (unsigned i = nr_all; i--;)
		kmem_cache_shrink(all[i]);
	for (unsigned i = 0; i < nr_all; i++)
		for (unsigned nid = 0; nid < MAX_NUMNODES; nid++) {
			const struct kmem_cache_node *n = all[i]->node[nid];

			if (!n)
				continue;
			if (n->nr_slabs && (all[i]->rounds || all[i] == slab_magazines))
				host_fail(__FILE__, __LINE__, "%s: %lu slabs, %lu objects are left",
					  all[i]->name, n->nr_slabs, n->nr_used);
			pages += n->nr_slabs << all[i]->order;
		}
	EXPECT_EQ(nr_free_pages() + pages, pages_at_start);
	slab_world_check();
}

/* Where there are no areas kvmalloc() has what kmalloc() has. */
__attribute__((weak)) void *kvmalloc_area(size_t size, gfp_t gfp, int nid)
{
	return NULL;
}

__attribute__((weak)) void kvfree(const void *object)
{
	kfree(object);
}

__attribute__((weak)) void *kvrealloc(const void *object, size_t size, gfp_t gfp)
{
	return krealloc(object, size, gfp);
}
