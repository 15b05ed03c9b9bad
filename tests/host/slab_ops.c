/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_ops.c - see slab_ops.h
 */
#include "slab_ops.h"

#include <base/errno.h>
#include <kernel/smp.h>
#include <mm/kmalloc.h>

#include <stdio.h>
#include <string.h>

#define MANY	  200
#define FILLED	  256 /* bytes at both ends that are looked at */
#define CTOR_BYTE 0x3e

struct model_cache model_caches[MODEL_CACHES];
struct owned model_owned[MODEL_OWNED];
static unsigned grow;
unsigned model_nr_owned;
static unsigned char last_stamp;

unsigned long slab_ops_served, slab_ops_failed;

/* ---- what stands in objects ---- */

static void fill(const struct owned *o)
{
	size_t part = min(o->size, (size_t)FILLED);

	if (o->cache && o->cache->ctor)
		return;
	memset(o->object, o->stamp, part);
	memset(o->object + o->size - part, o->stamp, part);
}

void model_expect_bytes(const unsigned char *from, unsigned char what, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (from[i] != what)
			host_fail(__FILE__, __LINE__, "byte %zu at %p is 0x%x, not 0x%x", i,
				  (const void *)from, from[i], what);
}

static void expect_filled(const struct owned *o, size_t size)
{
	size_t part = min(size, (size_t)FILLED);

	if (o->cache && o->cache->ctor) {
		model_expect_bytes(o->object, CTOR_BYTE, o->size);
		return;
	}
	model_expect_bytes(o->object, o->stamp, part);
	if (size == o->size)
		model_expect_bytes(o->object + size - part, o->stamp, part);
}

static void ctor24(void *object)
{
	memset(object, CTOR_BYTE, 24);
}

static void ctor100(void *object)
{
	memset(object, CTOR_BYTE, 100);
}

/* ---- owning ---- */

gfp_t model_gfp(void)
{
	static const gfp_t base[] = { GFP_KERNEL, GFP_ATOMIC, GFP_NOWAIT, GFP_NOIO };

	return base[rnd_below(ARRAY_SIZE(base))] | __GFP_NOWARN | (rnd_below(4) ? 0 : __GFP_ZERO);
}

/* There was none: are there really not so many pages for it? */
static void expect_none(unsigned order, gfp_t gfp)
{
	struct page *page;

	slab_ops_failed++;
	if (slab_fail_percent || order > MAX_ORDER || !(gfp & __GFP_DIRECT_RECLAIM))
		return; /* who can't wait takes but a part of what harts keep */
	gfp = (gfp & ~(__GFP_ZERO | __GFP_DIRECT_RECLAIM | __GFP_HIGH)) | (order ? __GFP_COMP : 0);
	page = alloc_pages(gfp, order);
	EXPECT(!page);
}

/* Of what kmalloc(@size) takes, at most. */
static unsigned order_of(size_t size)
{
	return size > KMALLOC_MAX_CACHE_SIZE ? get_order(size) : MAX_SLAB_ORDER;
}

void model_own(void *object, size_t size, struct model_cache *cache, gfp_t gfp, size_t align)
{
	struct owned *o = &model_owned[model_nr_owned];

	if (!object) {
		expect_none(cache ? cache->s->order : order_of(size), gfp);
		return;
	}
	slab_ops_served++;
	EXPECT_EQ((unsigned long)object & (align - 1), 0);
	*o = (struct owned){ object, size, cache, ++last_stamp };
	if ((gfp & __GFP_ZERO) && !(cache && cache->ctor))
		model_expect_bytes(o->object, 0, size);
	fill(o);
	if (cache)
		cache->live++;
	model_nr_owned++;
}

/* It's no longer the model's. */
struct owned model_disown(unsigned at)
{
	struct owned o = model_owned[at];

	expect_filled(&o, o.size);
	model_owned[at] = model_owned[--model_nr_owned];
	if (o.cache)
		o.cache->live--;
	return o;
}

/* ---- kmalloc ---- */

static size_t random_size(void)
{
	switch (rnd_below(16)) {
	case 0:
		return 1 + (size_t)rnd_below(KMALLOC_MAX_CACHE_SIZE);
	case 1:
		return KMALLOC_MAX_CACHE_SIZE + (size_t)rnd_below(20000);
	case 2:
	case 3:
	case 4:
		return 1 + (size_t)rnd_below(1024);
	default:
		return 1 + (size_t)rnd_below(128);
	}
}

static size_t align_of(size_t size)
{
	return size & (size - 1) ? 8 : max(size, (size_t)8);
}

static void do_kmalloc(void)
{
	static const gfp_t zones[] = { __GFP_DMA, __GFP_DMA32, __GFP_RECLAIMABLE };
	size_t size = random_size();
	gfp_t gfp = model_gfp() | (rnd_below(8) ? 0 : zones[rnd_below(ARRAY_SIZE(zones))]);
	void *object = kmalloc_at(size, gfp, (unsigned)rnd_below(KMALLOC_SITES));

	if (object) {
		EXPECT_EQ(ksize(object), kmalloc_size_roundup(size));
		EXPECT(ksize(object) >= size);
	}
	model_own(object, size, NULL, gfp,
		  size > KMALLOC_MAX_CACHE_SIZE ? PAGE_SIZE : align_of(size));
}

static void do_odd_kmalloc(void)
{
	gfp_t gfp = model_gfp();
	size_t most = ~(size_t)0, n = (size_t)rnd_below(8), size = (size_t)rnd_below(600);

	EXPECT(kmalloc(n - n, gfp) == ZERO_SIZE_PTR);
	EXPECT(!kmalloc_array(most / 2 + 1 + n, 2, gfp));
	EXPECT(!kmalloc(most - (size_t)rnd_below(4096), gfp));
	if (n && size)
		model_own(kcalloc(n, size, gfp), n * size, NULL, gfp | __GFP_ZERO, 8);
	kfree(n & 1 ? NULL : ZERO_SIZE_PTR);
}

static void do_krealloc(void)
{
	size_t size = random_size(), has;
	struct owned o;
	unsigned at;
	void *moved;

	if (!model_nr_owned)
		return;
	at = (unsigned)rnd_below(model_nr_owned);
	if (model_owned[at].cache)
		return;
	o = model_owned[at];
	has = ksize(o.object);
	expect_filled(&o, o.size);
	moved = krealloc(o.object, size, GFP_NOWAIT);
	if (!moved) {
		EXPECT(size > has);
		expect_none(order_of(size), GFP_NOWAIT);
		expect_filled(&o, o.size);
		return;
	}
	EXPECT(size > has || moved == o.object);
	model_owned[at].object = moved;
	model_expect_bytes(moved, o.stamp, min(min(o.size, size), (size_t)FILLED));
	model_owned[at].size = size;
	fill(&model_owned[at]);
}

/* ---- model_caches ---- */

struct model_cache *model_random_cache(void)
{
	struct model_cache *c = &model_caches[rnd_below(MODEL_CACHES)];

	return c->s ? c : NULL;
}

/* Often one that another cache has, too: they may be one. */
static unsigned random_object_size(void)
{
	static const u16 common[] = { 4, 24, 64, 88, 700 };

	if (rnd_below(2))
		return common[rnd_below(ARRAY_SIZE(common))];
	return 1 + (unsigned)rnd_below(rnd_below(4) ? 300 : 9000);
}

/* Mostly none. */
static slab_flags_t random_debugging(void)
{
	static const slab_flags_t each[] = { SLAB_CONSISTENCY_CHECKS, SLAB_RED_ZONE, SLAB_POISON,
					     SLAB_STORE_USER };
	unsigned which = rnd_below(4) ? 0 : 1 + (unsigned)rnd_below(15);
	slab_flags_t flags = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(each); i++)
		flags |= which & 1U << i ? each[i] : 0;
	return flags;
}

static void do_create(void)
{
	static const slab_flags_t flags[] = { 0, SLAB_HWCACHE_ALIGN, SLAB_NO_MERGE,
					      SLAB_RECLAIM_ACCOUNT, SLAB_CACHE_DMA };
	struct model_cache *c = &model_caches[rnd_below(MODEL_CACHES)];
	char name[16];

	if (c->s)
		return;
	c->ctor = !rnd_below(6);
	c->size = !c->ctor ? random_object_size() : rnd_below(2) ? 24 : 100;
	c->align = rnd_below(3) ? 0 : 1U << rnd_below(9);
	c->flags = flags[rnd_below(ARRAY_SIZE(flags))] | random_debugging();
	c->live = 0;
	snprintf(name, sizeof(name), "cache%d", (int)(c - model_caches));
	c->s = kmem_cache_create(name, c->size, c->align, c->flags,
				 !c->ctor	 ? NULL
				 : c->size == 24 ? ctor24
						 : ctor100);
	if (c->s)
		EXPECT(kmem_cache_size(c->s) >= c->size);
}

unsigned long model_live(const struct kmem_cache *s, unsigned *names)
{
	unsigned long live = 0;

	*names = 0;
	for (unsigned i = 0; i < MODEL_CACHES; i++)
		if (model_caches[i].s == s) {
			live += model_caches[i].live;
			++*names;
		}
	return live;
}

static void destroy(struct model_cache *c)
{
	unsigned names;
	unsigned long live = model_live(c->s, &names);
	int err;

	if (c->live && names > 1)
		return; /* the other's now: nobody would know */
	err = kmem_cache_destroy(c->s);
	EXPECT_EQ(err, live && names == 1 ? -EBUSY : 0);
	if (!err)
		c->s = NULL;
}

static void do_destroy(void)
{
	struct model_cache *c = model_random_cache();

	if (c)
		destroy(c);
}

static void do_alloc(void)
{
	struct model_cache *c = model_random_cache();
	size_t align;
	gfp_t gfp;
	void *object;

	if (!c)
		return;
	gfp = model_gfp() & ~(c->ctor ? __GFP_ZERO : 0);
	object = rnd_below(8) ? kmem_cache_alloc(c->s, gfp)
			      : kmem_cache_alloc_node(c->s, gfp, (int)rnd_below(nr_nodes));
	align = max(c->align, (unsigned)sizeof(void *));
	if ((c->flags & SLAB_HWCACHE_ALIGN) && c->size > CACHE_LINE / 2)
		align = max(align, (size_t)CACHE_LINE);
	if (object && c->ctor)
		model_expect_bytes(object, CTOR_BYTE, c->size);
	model_own(object, c->size, c, gfp | c->s->gfp, align);
}

static void give_back(const struct owned *o)
{
	unsigned long reports = slab_reports;

	if (o->cache && rnd_below(4))
		kmem_cache_free(o->cache->s, o->object);
	else
		kfree(o->object);
	EXPECT_EQ(slab_reports, reports);
}

static void do_free(void)
{
	struct owned o;

	if (!model_nr_owned)
		return;
	o = model_disown((unsigned)rnd_below(model_nr_owned));
	give_back(&o);
}

/* NULL: it's a large one's. */
static struct kmem_cache *cache_of(const void *object)
{
	struct page *page = virt_to_page(object);

	return page_flag(page, PG_slab) ? page->mapping : NULL;
}

/* What is wrong is reported, and changes nothing. */
static void do_wrong_free(void)
{
	unsigned long reports = slab_reports;
	struct model_cache *c = model_random_cache();
	struct owned o;

	if (!model_nr_owned || !c)
		return;
	o = model_owned[rnd_below(model_nr_owned)];
	if (o.cache && o.cache->s == c->s)
		return;
	kmem_cache_free(c->s, o.object);
	EXPECT_EQ(slab_reports, reports + 1);
	if (!cache_of(o.object) && o.size > 8) {
		kfree(o.object + 8 + rnd_below(o.size - 8));
		EXPECT_EQ(slab_reports, reports + 2);
	}
	expect_filled(&o, o.size);
}

/* Is @object, which was freed, known to be? */
static bool is_known_free(const struct kmem_cache *s, const void *object)
{
	const struct page *slab = compound_head(virt_to_page(object));

	return s->debugged ? slab_in_chain(s, slab, slab_number(s, slab, object - s->pad))
			   : slab_is_marked(s, object);
}

/* The second time, at once or later, is reported and changes nothing. */
static void do_double_free(void)
{
	unsigned long reports = slab_reports;
	struct kmem_cache *s;
	struct owned o;

	if (!model_nr_owned)
		return;
	s = cache_of(model_owned[model_nr_owned - 1].object);
	if (!s)
		return;
	o = model_disown(model_nr_owned - 1);
	kfree(o.object);
	if (rnd_below(2))
		do_free();
	if (cache_of(o.object) != s || !is_known_free(s, o.object))
		return; /* the slab went back */
	if (rnd_below(2))
		kfree(o.object);
	else
		kmem_cache_free(s, o.object);
	EXPECT_EQ(slab_reports, reports + 1);
}

static void do_alloc_many(struct model_cache *c, unsigned nr, bool bulk)
{
	gfp_t gfp = model_gfp() & ~(c->ctor ? __GFP_ZERO : 0);
	void *object[MANY];
	unsigned got;

	nr = min(nr, MODEL_OWNED - model_nr_owned);
	if (bulk) {
		got = kmem_cache_alloc_bulk(c->s, gfp, nr, object);
		EXPECT(got == nr || !got);
		slab_ops_failed += got < nr; /* and what it had went back */
	} else {
		for (got = 0; got < nr && (object[got] = kmem_cache_alloc(c->s, gfp)); got++)
			;
	}
	for (unsigned i = 0; i < got; i++)
		model_own(object[i], c->size, c, gfp, sizeof(void *));
}

static void do_free_many(struct model_cache *c, unsigned nr, bool bulk)
{
	unsigned long reports = slab_reports;
	void *object[MANY];
	unsigned got = 0;

	for (unsigned i = model_nr_owned; i-- && got < nr;) {
		struct owned o;

		if (model_owned[i].cache != c)
			continue;
		o = model_disown(i);
		object[got++] = o.object;
		if (!bulk)
			give_back(&o);
	}
	if (bulk)
		kmem_cache_free_bulk(c->s, got, object);
	EXPECT_EQ(slab_reports, reports);
}

static void do_many(void)
{
	struct model_cache *c = model_random_cache();
	unsigned nr = (unsigned)rnd_below(MANY);

	if (!c)
		return;
	if (rnd_below(2))
		do_alloc_many(c, nr, rnd_below(2));
	else
		do_free_many(c, nr, rnd_below(2));
}

static void do_shrink(void)
{
	struct model_cache *c = model_random_cache();

	if (c)
		kmem_cache_shrink(c->s);
}

static void do_rare(void)
{
	switch (rnd_below(16)) {
	case 0:
		do_create();
		break;
	case 1:
		do_destroy();
		break;
	case 2:
		do_shrink();
		break;
	case 3:
		slab_fail_percent = rnd_below(3) ? 0 : (unsigned)rnd_below(60);
		break;
	case 4:
		grow = 40 + (unsigned)rnd_below(25);
		break;
	case 5:
		do_wrong_free();
		break;
	case 6:
		do_double_free();
		break;
	case 7:
		do_many();
		break;
	default:
		slab_ops_more();
	}
}

void slab_ops_step(void)
{
	unsigned what = (unsigned)rnd_below(128);
	bool full = model_nr_owned == MODEL_OWNED;

	if (what < grow && !full)
		rnd_below(2) ? do_alloc() : do_kmalloc();
	else if (what < 110)
		do_free();
	else if (what < 114)
		do_krealloc();
	else if (what < 115 && !full)
		do_odd_kmalloc();
	else if (what < 122)
		world_run_as((unsigned)rnd_below(nr_harts));
	else
		do_rare();
}

void slab_ops_check(void)
{
	slab_world_check();
	for (unsigned i = 0; i < model_nr_owned; i++)
		expect_filled(&model_owned[i], model_owned[i].size);
}

void slab_ops_begin(const struct world *w)
{
	nr_harts = (unsigned)rnd_range(1, WORLD_HARTS + 1);
	slab_ops_argument();
	slab_world_build(w);
	memset(model_caches, 0, sizeof(model_caches));
	model_nr_owned = 0;
	grow = 50;
	slab_ops_more_begin();
	page_reports_expect(true);
	for (unsigned i = 0; i < MODEL_CACHES; i++)
		do_create();
}

void slab_ops_end(void)
{
	slab_ops_check();
	slab_ops_more_end();
	while (model_nr_owned)
		do_free();
	for (unsigned i = 0; i < MODEL_CACHES; i++)
		if (model_caches[i].s)
			destroy(&model_caches[i]);
	slab_world_end();
	page_reports_expect(false);
	nr_harts = WORLD_HARTS;
}
