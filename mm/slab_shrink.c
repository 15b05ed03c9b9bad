/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_shrink.c - what caches keep for the next allocation goes back when memory is short
 *
 * Nothing of it is in use: depots' magazines, slabs without objects in use, harts' magazines.  The
 * shrinker counts it in pages; of the objects that go back to slabs with others in use no page may
 * become free, so the count is what it may be at best.
 *
 *     all caches' depots and empty slabs first, and only if these don't do, what harts keep: one
 *     interrupt to all harts for each magazine
 *
 * By node: a hart's objects count for its node.
 *
 * Locking: none held; caches are pinned (slab_common.c).  May sleep.
 * Not here: how many empty slabs are kept without need (slab_page.c), objects that are in use and
 * could be freed: their owners have shrinkers.
 */
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <mm/shrinker.h>
#include <mm/vmscan.h>

#include "slab.h"

/* Bytes of free objects that node @nid's harts keep. */
static unsigned long hart_bytes(const struct kmem_cache *s, int nid)
{
	unsigned long objects = 0;

	for (unsigned cpu = 0; cpu < nr_harts; cpu++)
		if (*per_cpu_ptr(&numa_node, cpu) == nid)
			objects += kmem_cache_hart_objects(s, cpu);
	return objects * s->size;
}

static unsigned long count(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long pages = 0, bytes = 0;

	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s)) {
		const struct kmem_cache_node *n = s->node[sc->nid];

		if (!n)
			continue;
		pages += (unsigned long)READ_ONCE(n->empty.nr) << s->order;
		bytes += (unsigned long)READ_ONCE(n->nr_full) * s->rounds * s->size;
		bytes += (unsigned long)READ_ONCE(n->nr_spare) * sizeof(struct magazine);
		bytes += hart_bytes(s, sc->nid);
	}
	pages += bytes >> PAGE_SHIFT;
	return pages ? pages : SHRINK_EMPTY;
}

/* What @s keeps on node @n, and with @harts.  Pages that it has fewer then. */
static unsigned long shrink_node(struct kmem_cache *s, struct kmem_cache_node *n, bool harts)
{
	unsigned long before = READ_ONCE(n->nr_slabs), after;

	drain_begins(s);
	if (harts)
		stacks_drain_harts(s);
	depot_drain(s, n);
	slab_trim_node(s, n, 0);
	drain_ends(s);
	after = READ_ONCE(n->nr_slabs);
	return before > after ? (before - after) << s->order : 0;
}

/* At least @wanted pages, if caches keep so many on node @nid, and on @harts.  How many. */
static unsigned long shrink_caches(int nid, unsigned long wanted, bool harts)
{
	unsigned long freed = 0;

	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s)) {
		if (s->node[nid] && (!harts || hart_bytes(s, nid)))
			freed += shrink_node(s, s->node[nid], harts);
		if (freed >= wanted) {
			kmem_cache_leave(s);
			break;
		}
	}
	return freed;
}

static unsigned long scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long wanted = sc->nr_to_scan, freed = shrink_caches(sc->nid, wanted, false);

	if (freed < wanted)
		freed += shrink_caches(sc->nid, wanted - freed, true);
	mm_account_reclaimed_pages(freed);
	sc->nr_scanned = max(freed, wanted);
	return freed ? freed : SHRINK_STOP;
}

static struct shrinker slab_shrinker = {
	.count_objects = count,
	.scan_objects = scan,
	.seeks = DEFAULT_SEEKS,
	.flags = SHRINKER_NUMA_AWARE,
};

void __init slab_shrink_init(void)
{
	if (!slab_shrinker.registered) /* host tests begin anew */
		register_shrinker(&slab_shrinker, "slab");
}

unsigned long kmem_cache_shrink_all(void)
{
	unsigned long slabs = 0;

	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s))
		slabs += kmem_cache_shrink(s);
	return slabs + slab_trim(slab_magazines, 0); /* which were emptied last */
}

void slab_hart_dead(unsigned cpu)
{
	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s))
		if (s->rounds) {
			drain_begins(s);
			stack_drain(s, per_cpu_ptr(s->stacks, cpu));
			drain_ends(s);
		}
}
