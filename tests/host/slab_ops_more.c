/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_ops_more.c - the rarer operations of slab_ops.h: texts, figures, harts that stop, damage
 * done to debugged objects, pools
 */
#include "slab_ops.h"

#include <base/table.h>
#include <kernel/bootargs.h>
#include <kernel/smp.h>
#include <mm/kmalloc.h>
#include <mm/mempool.h>

#include <stdio.h>
#include <string.h>

#define TEXT_MAX  300
#define POOLS	  4
#define POOL_OUT  24
#define POOL_SIZE 72 /* of the objects of a pool's own cache */

/* ---- slub_debug= ---- */

void slab_ops_argument(void)
{
	static const char *const values[] = { "-", "-", "-", "", "ZP,kmalloc*", "FU,*cache*;P" };
	const char *value = values[rnd_below(ARRAY_SIZE(values))];
	const struct bootarg *arg;

	for_each_table(bootarg, arg)
		if (!strcmp(arg->name, "slub_debug"))
			EXPECT_EQ(arg->parse(value), 0);
}

/* ---- texts, and other ways to allocate and free ---- */

static void *copy_of(const char *text, size_t *bytes, gfp_t gfp)
{
	size_t most = (size_t)rnd_below(TEXT_MAX), length = strlen(text);

	*bytes = length + 1;
	switch (rnd_below(4)) {
	case 0:
		return kstrdup(text, gfp);
	case 1:
		*bytes = min(length, most) + 1;
		return kstrndup(text, most, gfp);
	case 2:
		return kmemdup(text, *bytes, gfp);
	default:
		return kasprintf(gfp, "%.*s%s", (int)(length / 2), text, text + length / 2);
	}
}

static void do_text(void)
{
	gfp_t gfp = model_gfp() & ~__GFP_ZERO;
	char text[TEXT_MAX], *copy;
	size_t length = (size_t)rnd_below(TEXT_MAX), bytes;

	if (model_nr_owned == MODEL_OWNED)
		return;
	memset(text, 'a' + (int)(length % 26), length);
	text[length ? length - 1 : 0] = '\0';
	copy = copy_of(text, &bytes, gfp);
	if (copy) {
		EXPECT(!memcmp(copy, text, bytes - 1) && !copy[bytes - 1]);
		EXPECT(ksize(copy) >= bytes);
	}
	model_own(copy, bytes, NULL, gfp, 8);
}

/* NULL if that isn't to be had; @object is gone then. */
static void *grown(void *object, size_t n, gfp_t gfp)
{
	void *moved =
		rnd_below(2) ? krealloc_array(object, n, 8, gfp) : kvrealloc(object, n * 8, gfp);

	if (!moved)
		kvfree(object);
	return moved;
}

/* As many as fit in @size, 8 bytes each, from one node or another. */
static void *array_of(size_t size, gfp_t gfp)
{
	int nid = (int)rnd_below(nr_nodes + 1) - 1;
	void *object;

	switch (rnd_below(4)) {
	case 0:
		return kcalloc_node(size / 8, 8, gfp, nid);
	case 1:
		return rnd_below(2) ? kvcalloc(size / 8, 8, gfp)
				    : kvzalloc_node(size / 8 * 8, gfp, nid);
	case 2:
		return kzalloc_node(size / 8 * 8, gfp, nid);
	default:
		object = kmalloc_array(size / 16, 8, gfp | __GFP_ZERO);
		if (object && size >= 16) /* what it grows by is clear too */
			object = grown(object, size / 8, gfp | __GFP_ZERO);
		return ZERO_OR_NULL_PTR(object) ? kzalloc(size / 8 * 8, gfp) : object;
	}
}

static void do_zeroed(void)
{
	struct model_cache *c = model_random_cache();
	gfp_t gfp = model_gfp() & ~__GFP_ZERO;
	size_t size = 8 + (size_t)rnd_below(rnd_below(8) ? 700 : 20000);

	if (model_nr_owned == MODEL_OWNED)
		return;
	if (rnd_below(2))
		model_own(array_of(size, gfp), size / 8 * 8, NULL, gfp | __GFP_ZERO, 8);
	else if (c && !c->ctor)
		model_own(kmem_cache_zalloc(c->s, gfp), c->size, c, gfp | __GFP_ZERO | c->s->gfp,
			  sizeof(void *));
	else
		model_own(kzalloc(size, gfp), size, NULL, gfp | __GFP_ZERO, 8);
}

static void do_sensitive(void)
{
	unsigned at = model_nr_owned ? (unsigned)rnd_below(model_nr_owned) : 0;

	if (model_nr_owned && !(model_owned[at].cache && model_owned[at].cache->ctor))
		kfree_sensitive(model_disown(at).object);
}

/* ---- figures ---- */

static void do_info(void)
{
	struct model_cache *c = model_random_cache();
	struct slab_info info;
	char name[16];
	unsigned names;
	struct kmem_cache *found;

	if (!c)
		return;
	kmem_cache_info(c->s, &info);
	EXPECT_EQ(info.active, model_live(c->s, &names));
	EXPECT_EQ(info.users, names);
	EXPECT_EQ(info.total, info.all.slabs * info.objects);
	EXPECT(info.total >= info.all.out);
	snprintf(name, sizeof(name), "cache%d", (int)(c - model_caches));
	found = kmem_cache_find(name);
	/* A name that was merged may be another's still, or gone. */
	EXPECT(found || !(c->flags & SLAB_NO_MERGE));
	if (found)
		kmem_cache_leave(found);
}

/* ---- giving back ---- */

static void do_hart_dead(void)
{
	unsigned cpu = (unsigned)rnd_below(nr_harts);

	if (cpu == smp_processor_id())
		return;
	slab_hart_dead(cpu);
	for (unsigned i = 0; i < MODEL_CACHES; i++)
		if (model_caches[i].s)
			EXPECT_EQ(kmem_cache_hart_objects(model_caches[i].s, cpu), 0);
}

static void do_shrink_all(void)
{
	kmem_cache_shrink_all();
	for (unsigned i = 0; i < MODEL_CACHES; i++) {
		const struct model_cache *c = &model_caches[i];
		struct slab_info info;
		unsigned names;

		if (!c->s)
			continue;
		kmem_cache_info(c->s, &info);
		EXPECT_EQ(info.all.out, info.active);
		EXPECT_EQ(info.all.empty, 0);
		if (!model_live(c->s, &names))
			EXPECT_EQ(info.total, 0);
	}
}

/* ---- damage ---- */

/* A byte in the red zone of @object, which is used: found by whoever looks, or when it's freed. */
static void hurt_used(struct kmem_cache *s, unsigned char *object)
{
	unsigned long reports = slab_reports;
	unsigned right = (unsigned)ALIGN_UP(s->object_size, sizeof(long)) + 8 - s->object_size;

	if (rnd_below(2))
		object[s->object_size + rnd_below(right)] ^= 0x10;
	else
		*(object - 1 - rnd_below(s->pad)) ^= 0x10;
	if (rnd_below(2))
		EXPECT_EQ(validate_slab_cache(s), 1);
	kmem_cache_free(s, object);
	EXPECT_EQ(slab_reports, reports + 1);
}

/* A byte of @object, which is free. */
static void hurt_free(struct kmem_cache *s, unsigned char *object)
{
	unsigned long reports = slab_reports;

	object[rnd_below(s->object_size)] ^= 0x10;
	if (rnd_below(2)) {
		EXPECT_EQ(validate_slab_cache(s), 1);
	} else { /* the last one freed is the next one out */
		unsigned char *again = kmem_cache_alloc_node(s, GFP_KERNEL | __GFP_NOWARN,
							     page_to_nid(virt_to_page(object)));

		EXPECT(again == object || slab_fail_percent || s->watched);
		if (again)
			kmem_cache_free(s, again);
		if (again != object)
			EXPECT_EQ(validate_slab_cache(s), 1);
	}
	EXPECT_EQ(slab_reports, reports + 1);
}

static void do_damage(void)
{
	struct model_cache *c = model_random_cache();
	struct kmem_cache *s = c ? c->s : NULL;
	unsigned char *object;

	if (!s || !s->debugged || !(s->flags & (SLAB_RED_ZONE | SLAB_POISON)))
		return;
	EXPECT_EQ(validate_slab_cache(s), 0);
	object = kmem_cache_alloc(s, GFP_NOWAIT | __GFP_NOWARN);
	if (!object)
		return;
	if (s->flags & SLAB_RED_ZONE && rnd_below(2)) {
		hurt_used(s, object);
		return;
	}
	kmem_cache_free(s, object);
	if (s->flags & SLAB_POISON && virt_to_page(object)->mapping == s)
		hurt_free(s, object);
	EXPECT_EQ(validate_slab_cache(s), 0);
}

/* ---- pools ---- */

static struct model_pool {
	mempool_t *pool; /* NULL: there is none */
	size_t bytes;	 /* of an element; 0: pages */
	unsigned char *out[POOL_OUT];
	unsigned nr_out;
} pools[POOLS];
static struct kmem_cache *pool_cache;

static void make_pool(struct model_pool *p)
{
	unsigned nr = 1 + (unsigned)rnd_below(12);

	p->nr_out = 0;
	switch (rnd_below(3)) {
	case 0:
		p->bytes = POOL_SIZE;
		p->pool = pool_cache ? mempool_create_slab_pool(nr, pool_cache) : NULL;
		break;
	case 1:
		p->bytes = 1 + (size_t)rnd_below(12000);
		p->pool = mempool_create_kmalloc_pool(nr, p->bytes);
		break;
	default:
		p->bytes = 0;
		p->pool = mempool_create_page_pool(nr, (unsigned)rnd_below(3));
	}
	EXPECT(!p->pool || p->pool->curr_nr == nr);
}

/* An element is had if fewer are out than are set aside. */
static void take_element(struct model_pool *p)
{
	unsigned char *element = mempool_alloc(p->pool, model_gfp() & ~__GFP_ZERO);

	if (!element) {
		EXPECT(p->nr_out >= p->pool->min_nr && !p->pool->curr_nr);
		return;
	}
	memset(element, (int)p->nr_out, p->bytes);
	p->out[p->nr_out++] = element;
}

static void give_element(struct model_pool *p)
{
	unsigned char *element = p->out[--p->nr_out];

	model_expect_bytes(element, (unsigned char)p->nr_out, p->bytes);
	mempool_free(element, p->pool);
	mempool_free(NULL, p->pool);
}

static void resize_pool(struct model_pool *p)
{
	unsigned nr = 1 + (unsigned)rnd_below(12), was = p->pool->min_nr;
	int err = mempool_resize(p->pool, nr);

	EXPECT_EQ(p->pool->min_nr, err ? was : nr);
	EXPECT(p->pool->curr_nr <= p->pool->min_nr);
	while (p->pool->curr_nr < p->pool->min_nr && p->nr_out)
		give_element(p);
	if (p->pool->curr_nr < p->pool->min_nr) { /* there was no memory: nothing is promised */
		mempool_destroy(p->pool);
		p->pool = NULL;
	}
}

static void end_pool(struct model_pool *p)
{
	while (p->pool && p->nr_out)
		give_element(p);
	if (p->pool)
		EXPECT_EQ(p->pool->curr_nr, p->pool->min_nr);
	mempool_destroy(p->pool);
	p->pool = NULL;
}

static void do_pool(void)
{
	struct model_pool *p = &pools[rnd_below(POOLS)];
	unsigned what = (unsigned)rnd_below(16);

	if (!p->pool)
		make_pool(p);
	else if (what < 8 && p->nr_out < POOL_OUT)
		take_element(p);
	else if (what < 14 && p->nr_out)
		give_element(p);
	else if (what == 14)
		resize_pool(p);
	else if (what == 15)
		end_pool(p);
}

/* ---- all of them ---- */

void slab_ops_more_begin(void)
{
	memset(pools, 0, sizeof(pools));
	pool_cache = kmem_cache_create("pool", POOL_SIZE, 0, SLAB_NO_MERGE, NULL);
}

void slab_ops_more(void)
{
	static void (*const ops[])(void) = { do_text, do_text,	    do_zeroed, do_sensitive,
					     do_info, do_hart_dead, do_pool,   do_pool,
					     do_pool, do_pool,	    do_damage, do_damage };

	if (rnd_below(64))
		ops[rnd_below(ARRAY_SIZE(ops))]();
	else
		do_shrink_all();
}

void slab_ops_more_end(void)
{
	slab_fail_percent = 0;
	for (unsigned i = 0; i < POOLS; i++)
		end_pool(&pools[i]);
	EXPECT_EQ(kmem_cache_destroy(pool_cache), 0);
	for (unsigned i = 0; i < MODEL_CACHES; i++)
		if (model_caches[i].s)
			EXPECT_EQ(validate_slab_cache(model_caches[i].s), 0);
}
