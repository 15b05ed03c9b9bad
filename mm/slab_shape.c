/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_shape.c - where in a cache's slabs what lies, and how many objects its harts keep
 *
 * The smallest order of slab that wastes at most a sixteenth of it and has room for some objects,
 * else an eighth, else a quarter.  All of a cache's slabs have it (docs/slab.md: at most 3).
 *
 * Where memory is tight, slabs and magazines are smaller: each cache's last ones are felt there.
 */
#include <kernel/random.h>
#include <mm/highmem.h>
#include <mm/page_alloc.h>

#include "internal.h"
#include "slab.h"
#include "slab_debug.h"

#include <stdio.h>

static unsigned log2_up(unsigned long n)
{
	unsigned log = 0;

	while (1UL << log < n)
		log++;
	return log;
}

unsigned slab_alignment(unsigned size, unsigned align, slab_flags_t flags)
{
	unsigned line = CACHE_LINE;

	if (flags & SLAB_HWCACHE_ALIGN) {
		while (size <= line / 2)
			line /= 2;
		align = max(align, line);
	}
	return max(align, (unsigned)sizeof(void *));
}

/* At least so many objects, and no more waste than a @part'th. */
static bool order_fits(unsigned order, unsigned size, unsigned least, unsigned part)
{
	unsigned long bytes = PAGE_SIZE << order;

	return bytes >= (unsigned long)least * size && bytes % size <= bytes / part;
}

static unsigned choose_order(unsigned size)
{
	/* Where memory is tight, what one slab too many costs is felt. */
	unsigned least = totallow_pages() < (64UL << (20 - PAGE_SHIFT)) ? 4 : 8;

	for (; least; least /= 2)
		for (unsigned part = 16; part >= 4; part /= 2)
			for (unsigned order = 0; order <= MAX_SLAB_ORDER; order++)
				if (order_fits(order, size, least, part))
					return order;
	return log2_up(DIV_ROUND_UP(size, PAGE_SIZE));
}

static unsigned choose_rounds(unsigned size)
{
	unsigned rounds =
		size <= 256 ? MAGAZINE_SLOTS : min(max(16384 / size, 2U), MAGAZINE_SLOTS + 0U);

	return totallow_pages() < (32UL << (20 - PAGE_SHIFT)) ? max(rounds / 4, 2U) : rounds;
}

/* What a node's depot may keep: a 1024th of memory. */
static unsigned depot_max(unsigned size, unsigned rounds)
{
	unsigned long bytes = totallow_pages() << (PAGE_SHIFT - 10);

	return (unsigned)min(bytes / ((unsigned long)size * rounds), 1024UL);
}

/*
 * Where slabs may begin: one, two, four ... places, a line or @align apart, as far as what their
 * objects leave reaches.  Of debugged caches that is padding.
 */
static void choose_colours(struct kmem_cache *s, unsigned align)
{
	unsigned bits = max(log2_up(align), COLOUR_BITS), nr = 1;
	unsigned left = (unsigned)(PAGE_SIZE << s->order) - s->objects * s->size;

	if (slab_debugged(s) || align > PAGE_SIZE / 2)
		return;
	while ((2 * nr - 1) << bits <= left)
		nr *= 2;
	s->colours = (u16)((nr - 1) << bits);
	s->colour_from = (u8)(COLOUR_BITS + PAGE_STRUCT_SHIFT + s->order - bits);
}

void slab_shape(struct kmem_cache *s, const char *name, unsigned size, unsigned align,
		slab_flags_t flags, void (*ctor)(void *))
{
	align = slab_alignment(size, align, flags);
	s->object_size = size;
	s->ctor = ctor;
	s->flags = s == slab_magazines ? flags : slab_debug_flags(name, flags);
	s->align_shift = (u8)log2_up(align);
	s->debugged = s->flags & SLAB_DEBUG_FLAGS;
	if (slab_debugged(s)) {
		size = slab_debug_shape(s, align);
	} else if (ctor || flags & SLAB_TYPESAFE_BY_RCU) { /* it stays as it is while it's free */
		s->link = (u16)ALIGN_UP(size, sizeof(u32));
		size = s->link + FREE_BYTES;
	}
	s->size = (u32)ALIGN_UP(max(size, FREE_BYTES), (unsigned long)align);
	s->reciprocal = (u32)((1ULL << 32) / s->size + 1);
	s->order = (u8)choose_order(s->size);
	s->objects = (u16)((PAGE_SIZE << s->order) / s->size);
	choose_colours(s, align);
	s->min_partial = (u16)max(5U >> s->order, 1U);
	s->gfp = (flags & SLAB_CACHE_DMA ? __GFP_DMA : 0) |
		 (flags & SLAB_CACHE_DMA32 ? __GFP_DMA32 : 0) |
		 (flags & SLAB_RECLAIM_ACCOUNT ? __GFP_RECLAIMABLE : 0);
	s->random = (u32)get_random_long();
	/* What was cleared leads to no number of an object. */
	s->key = (u16)((get_random_long() & 0x7ffe) | 0x8000);
	s->handle.mark = s->link + (s32)MARK_AT - s->pad; /* from what its user sees */
	s->handle.cache = s;
	s->mark_key = (s32)get_random_long() | 1; /* no mark is 0 */
	snprintf(s->name, sizeof(s->name), "%s", name);
}

void slab_shape_magazines(struct kmem_cache *s)
{
	s->rounds = (u16)choose_rounds(s->size);
	s->depot_max = (u16)depot_max(s->size, s->rounds);
}
