/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_info.c - what is in the caches
 *
 *     objects that no slab has = in use + in the harts' magazines + in the depots' full ones
 *
 * so what is in use is what is left when the magazines are counted, and nobody counts on a hit.
 *
 * Locking: none; words are read whole.  Pins: slab_common.c.
 * Not here: whether a cache is sound (slab_validate()).
 */
#include <mm/slab_info.h>

#include <kernel/percpu.h>
#include <kernel/smp.h>

#include "slab.h"

#include <string.h>

bool kmem_cache_node_info(const struct kmem_cache *s, int nid, struct slab_node_info *info)
{
	const struct kmem_cache_node *n = s->node[nid];

	if (!n)
		return false;
	info->slabs = READ_ONCE(n->nr_slabs);
	info->empty = READ_ONCE(n->empty.nr);
	info->partial = READ_ONCE(n->partial.nr) + info->empty;
	info->out = READ_ONCE(n->nr_used);
	info->depot = READ_ONCE(n->nr_full);
	info->spare = READ_ONCE(n->nr_spare);
	return true;
}

static unsigned count_hart(const struct kmem_cache *s, unsigned cpu, unsigned *magazines)
{
	return s->rounds ? stack_count(s, per_cpu_ptr(s->stacks, cpu), magazines) : 0;
}

unsigned kmem_cache_hart_objects(const struct kmem_cache *s, unsigned cpu)
{
	unsigned magazines = 0;

	return count_hart(s, cpu, &magazines);
}

static void add_nodes(const struct kmem_cache *s, struct slab_node_info *sum)
{
	for (int nid = 0; nid < MAX_NUMNODES; nid++) {
		struct slab_node_info n;

		if (!kmem_cache_node_info(s, nid, &n))
			continue;
		sum->slabs += n.slabs;
		sum->partial += n.partial;
		sum->empty += n.empty;
		sum->out += n.out;
		sum->depot += n.depot;
		sum->spare += n.spare;
	}
}

void kmem_cache_info(const struct kmem_cache *s, struct slab_info *info)
{
	unsigned long kept;

	*info = (struct slab_info){
		.object_size = s->object_size,
		.size = s->size,
		.align = 1U << s->align_shift,
		.objects = s->objects,
		.pages = 1U << s->order,
		.rounds = s->rounds,
		.depot_max = s->depot_max,
		.users = s->users,
		.names = s->nr_names + 1,
		.flags = s->flags,
		.waiting = READ_ONCE(s->nr_waiting),
	};
	memcpy(info->name, s->name, sizeof(info->name));
	add_nodes(s, &info->all);
	for (unsigned cpu = 0; cpu < nr_harts; cpu++)
		info->harts += count_hart(s, cpu, &info->magazines);
	kept = info->harts + (unsigned long)info->all.depot * s->rounds;
	info->active = info->all.out - min(kept, info->all.out);
	info->total = info->all.slabs * s->objects;
}

static bool is_named(const struct kmem_cache *s, const char *name)
{
	char its[SLAB_NAME_LEN];

	if (!strcmp(s->name, name))
		return true;
	for (unsigned i = 0; kmem_cache_shared_name(s, i, its); i++)
		if (!strcmp(its, name))
			return true;
	return false;
}

struct kmem_cache *kmem_cache_find(const char *name)
{
	struct kmem_cache *s = kmem_cache_next(NULL);

	while (s && !is_named(s, name))
		s = kmem_cache_next(s);
	return s;
}

unsigned long slab_pages_in_use(unsigned long *reclaimable)
{
	unsigned long all = 0;

	*reclaimable = 0;
	for (struct kmem_cache *s = kmem_cache_next(NULL); s; s = kmem_cache_next(s)) {
		struct slab_node_info sum = { 0 };

		add_nodes(s, &sum);
		sum.slabs += READ_ONCE(s->nr_waiting);
		all += sum.slabs << s->order;
		if (s->flags & SLAB_RECLAIM_ACCOUNT)
			*reclaimable += sum.slabs << s->order;
	}
	return all;
}
