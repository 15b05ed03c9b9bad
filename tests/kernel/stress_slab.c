/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_slab.c - small objects taken and given back by threads and interrupt handlers on all harts
 *
 *     a timer a hart    GFP_ATOMIC; gives some of its objects to the exchange and frees what it
 *                       finds there, whoever took it
 *     two threads       every other way to have objects; caches come and go, are shrunk and looked
 *     a hart            at meanwhile
 *     the watcher       has some allocations fail, and none, in turns; looks for leaks; turns harts
 *                       off and on, if asked to
 *
 * An object begins with where it came from, and ends with a word that only its user knows.  A
 * cache that is to go serves nobody any more; who gives its last object back destroys it.
 *
 * At the end each cache has as many objects in use as at the start, and no slab for nothing.
 */
#include "stress_crew.h"

#include <kernel/smp.h>
#include <mm/kmalloc.h>
#include <mm/kmemleak.h>
#include <mm/page_alloc.h>
#include <mm/slab_info.h>
#include <sched/kmemleak.h>
#include <shell/ktap.h>
#include <shell/shell.h>
#include <stdio.h>
#include <string.h>

#include "../../mm/slab.h"
#include "slab_tools.h"

#define KEPT	     32 /* objects that an actor or a handler holds */
#define EXCHANGE     64
#define BULK	     20
#define CACHES	     6
#define FROM_KMALLOC CACHES
#define PHASE_MS     100
#define LONG_PHASE   20 /* phases from one look for leaks to the next */
#define LEAST_BYTES  16
#define SITES	     2 /* of kmalloc()'s: others would each have caches of their own */

/* Of an object that is held. */
struct head {
	u32 bytes;
	u32 from; /* a cache, FROM_KMALLOC: none */
};

/* Letters: L under lock. */
struct slot {
	struct kmem_cache *s; /* L NULL: none, or its maker is at it */
	unsigned bytes;	      /* L */
	unsigned users;	      /* L objects, and who has just come for one */
	bool goes;	      /* L serves nobody any more */
	bool busy;	      /* L is being made or destroyed */
};

static struct {
	struct crew crew;
	struct head *exchange[EXCHANGE]; /* atomic */
	unsigned long exchanged, made;
	spinlock_t lock;
	struct slot slot[CACHES];
} stress;

static void expect(bool ok, const char *what)
{
	crew_expect(&stress.crew, ok, what);
}

/* ---- caches that come and go ---- */

/* A cache that serves, and whose objects' size; NULL: that one doesn't now. */
static struct kmem_cache *enter(unsigned which, unsigned *bytes)
{
	struct slot *slot = &stress.slot[which];
	struct kmem_cache *s = NULL;
	unsigned long flags;

	spin_lock_irqsave(&stress.lock, flags);
	if (slot->s && !slot->goes) {
		s = slot->s;
		slot->users++;
		*bytes = slot->bytes;
	}
	spin_unlock_irqrestore(&stress.lock, flags);
	return s;
}

static void leave(unsigned which)
{
	unsigned long flags;

	spin_lock_irqsave(&stress.lock, flags);
	stress.slot[which].users--;
	spin_unlock_irqrestore(&stress.lock, flags);
}

/* True: nobody has anything to do with @slot but the caller, until unclaim(). */
static bool claim(struct slot *slot)
{
	unsigned long flags;
	bool mine;

	spin_lock_irqsave(&stress.lock, flags);
	mine = !slot->busy && (!slot->s || (slot->goes && !slot->users));
	if (mine)
		slot->busy = true;
	spin_unlock_irqrestore(&stress.lock, flags);
	return mine;
}

static void unclaim(struct slot *slot, struct kmem_cache *s, unsigned bytes)
{
	unsigned long flags;

	spin_lock_irqsave(&stress.lock, flags);
	slot->s = s;
	slot->bytes = bytes;
	slot->goes = slot->busy = false;
	spin_unlock_irqrestore(&stress.lock, flags);
}

static void make_cache(struct slot *slot, u32 random)
{
	static const slab_flags_t flags[] = { 0,
					      SLAB_NO_MERGE,
					      SLAB_HWCACHE_ALIGN,
					      SLAB_RECLAIM_ACCOUNT,
					      SLAB_TYPESAFE_BY_RCU,
					      SLAB_ACCOUNT,
					      SLAB_RED_ZONE | SLAB_POISON,
					      SLAB_STORE_USER };
	unsigned bytes = LEAST_BYTES + random % (random & 1 << 16 ? 3000 : 300);
	char name[16];
	struct kmem_cache *s;

	snprintf(name, sizeof(name), "stress-%u", (unsigned)(slot - stress.slot));
	s = kmem_cache_create(name, bytes, 0, flags[(random >> 20) % ARRAY_SIZE(flags)], NULL);
	if (s)
		__atomic_fetch_add(&stress.made, 1, __ATOMIC_RELAXED);
	unclaim(slot, s, bytes);
}

/* One cache is to go, one that was to goes, or one is made. */
static void change_caches(struct actor *a)
{
	struct slot *slot = &stress.slot[stress_random(&a->random) % CACHES];
	unsigned long flags;

	if (claim(slot)) {
		expect(!kmem_cache_destroy(slot->s), "a cache that nobody uses can't be destroyed");
		make_cache(slot, stress_random(&a->random));
		return;
	}
	spin_lock_irqsave(&stress.lock, flags);
	if (slot->s && !slot->busy)
		slot->goes = true;
	spin_unlock_irqrestore(&stress.lock, flags);
}

/* ---- objects ---- */

static u32 *last_word(struct head *o)
{
	return (u32 *)((char *)o + (o->bytes & ~3U)) - 1;
}

static u32 stamp_of(const struct head *o)
{
	return (u32)(unsigned long)o * 2654435761u ^ o->bytes;
}

static struct head *accept(struct actor *a, void *object, unsigned bytes, unsigned from)
{
	struct head *o = object;

	a->operations++;
	if (!o) {
		a->failed++;
		if (from != FROM_KMALLOC)
			leave(from);
		return NULL;
	}
	*o = (struct head){ bytes, from };
	*last_word(o) = stamp_of(o);
	return o;
}

static void check(struct head *o)
{
	expect(o->from <= FROM_KMALLOC && o->bytes >= LEAST_BYTES && o->bytes <= ksize(o) &&
		       *last_word(o) == stamp_of(o),
	       "somebody wrote to an object in use");
}

static void give_back(struct head *o, u32 random)
{
	unsigned from = o->from;

	check(o);
	if (from == FROM_KMALLOC) {
		if (random % 64)
			kfree(o);
		else
			kfree_sensitive(o);
		return;
	}
	if (random & 1)
		kmem_cache_free(stress.slot[from].s, o); /* it stays while there are users */
	else
		kfree(o);
	leave(from);
}

static struct head *take(struct actor *a, gfp_t gfp)
{
	u32 r = stress_random(&a->random);
	unsigned which = r % (2 * CACHES), bytes;
	struct kmem_cache *s = which < CACHES ? enter(which, &bytes) : NULL;
	int nid = (int)((r >> 24) % nr_nodes);

	gfp |= __GFP_NOWARN | (r >> 8 & 7 ? 0 : __GFP_ZERO);
	if (s)
		return accept(a,
			      r >> 12 & 3 ? kmem_cache_alloc(s, gfp)
					  : kmem_cache_alloc_node(s, gfp, nid),
			      bytes, which);
	bytes = LEAST_BYTES + (r >> 16) % (r >> 12 & 15 ? 500 : 12000);
	return accept(a,
		      r >> 9 & 3 ? kmalloc_at(bytes, gfp, r % SITES)
				 : kmalloc_node_at(bytes, gfp, nid, r % SITES),
		      bytes, FROM_KMALLOC);
}

/* Put @o, or nothing, on place @at of the exchange, and free what lay there. */
static void exchange_with(struct actor *a, struct head *o, unsigned at)
{
	o = __atomic_exchange_n(&stress.exchange[at], o, __ATOMIC_ACQ_REL);
	if (!o)
		return;
	give_back(o, a->random);
	__atomic_fetch_add(&stress.exchanged, 1, __ATOMIC_RELAXED);
}

static void exchange(struct actor *a, struct head *o)
{
	exchange_with(a, o, stress_random(&a->random) % EXCHANGE);
}

static void do_slot(struct actor *a, gfp_t gfp)
{
	void **o = &a->kept[stress_random(&a->random) % CREW_KEPT];

	if (!*o)
		*o = take(a, gfp);
	else {
		if (stress_random(&a->random) % 4)
			give_back(*o, a->random);
		else
			exchange(a, *o);
		*o = NULL;
	}
}

static void ring(struct actor *a)
{
	for (int i = 0; i < 6; i++)
		do_slot(a, GFP_ATOMIC);
}

/* ---- operations of the threads ---- */

static void do_bulk(struct actor *a)
{
	unsigned which = stress_random(&a->random) % CACHES, bytes, nr;
	struct kmem_cache *s = enter(which, &bytes);
	void *object[BULK];

	if (!s)
		return;
	nr = kmem_cache_alloc_bulk(s, GFP_KERNEL | __GFP_NOWARN, BULK, object);
	expect(!nr || nr == BULK, "some of many");
	for (unsigned i = 0; i < nr; i++)
		memset(object[i], (int)i, bytes);
	cond_resched();
	for (unsigned i = 0; i < nr; i++)
		expect(*(u8 *)object[i] == i && ((u8 *)object[i])[bytes - 1] == i,
		       "somebody wrote to an object in use");
	kmem_cache_free_bulk(s, nr, object);
	a->operations += nr;
	leave(which);
}

static void do_resize(struct actor *a)
{
	void **kept = &a->kept[stress_random(&a->random) % CREW_KEPT];
	struct head *o = *kept, *moved;
	unsigned bytes = LEAST_BYTES + stress_random(&a->random) % 2000;

	if (!o || o->from != FROM_KMALLOC)
		return;
	check(o);
	moved = krealloc(o, bytes, GFP_KERNEL | __GFP_NOWARN);
	if (moved)
		*kept = accept(a, moved, bytes, FROM_KMALLOC);
}

static void do_text(struct actor *a)
{
	u32 number = stress_random(&a->random);
	char *text = kasprintf(GFP_KERNEL | __GFP_NOWARN, "%u of %p", (unsigned)number, (void *)a);
	char *copy = kstrdup(text, GFP_KERNEL | __GFP_NOWARN);

	expect(!text || !copy || !strcmp(text, copy), "a copy isn't one");
	kfree(text);
	kfree(copy);
}

/* Nothing is wrong, however busy everybody is. */
static void look(struct actor *a)
{
	unsigned which = stress_random(&a->random) % CACHES, bytes;
	struct kmem_cache *s = enter(which, &bytes);
	char fault[SLAB_FAULT_LEN];
	struct slab_info info;

	if (!s)
		return;
	if (slab_validate(s, fault, sizeof(fault)))
		expect(false, fault);
	expect(!validate_slab_cache(s), "an object isn't as it must be");
	kmem_cache_info(s, &info);
	expect(info.objects && info.size >= bytes, "a cache's shape is another's");
	leave(which);
}

static void do_rare(struct actor *a)
{
	u32 r = stress_random(&a->random) % 32;
	unsigned which = r % CACHES, bytes;
	struct kmem_cache *s;

	if (r < 12) {
		change_caches(a);
	} else if (r < 18) {
		look(a);
	} else if (r < 24) {
		do_text(a);
	} else if ((s = enter(which, &bytes))) {
		kmem_cache_shrink(s);
		leave(which);
	}
}

static void act(struct actor *a)
{
	u32 r = stress_random(&a->random) % 64;

	if (r < 2)
		do_rare(a);
	else if (r < 4)
		do_bulk(a);
	else if (r < 8)
		do_resize(a);
	else if (r < 16)
		exchange(a, NULL);
	else
		do_slot(a, r & 1 ? GFP_KERNEL : GFP_NOWAIT);
	if (r == 63)
		msleep(1); /* so that those of low priority run */
}

/* ---- the one who watches ---- */

/* Whatever is in use, somebody knows of it. */
static void look_for_leaks(void)
{
	struct kmemleak_counts counts;

	if (!kmemleak_on)
		return;
	kmemleak_scan_now();
	kmemleak_count(&counts);
	expect(!counts.leaks, "something was taken for a leak");
}

static void watch(u64 ns, u32 random, bool harts)
{
	static const unsigned percent[] = { 0, 2, 20, 60 };
	u64 end = ktime_ns() + ns;

	for (unsigned phase = 1; ktime_ns() < end && !shell_interrupted(); phase++) {
		crew_fail(&stress.crew, "failslab", percent[phase % ARRAY_SIZE(percent)]);
		msleep(PHASE_MS);
		if (harts && stress_random(&random) % 2)
			crew_blink(&stress.crew, &random);
		if (phase % LONG_PHASE == 0)
			look_for_leaks();
		if (phase % LONG_PHASE == LONG_PHASE / 2)
			kmem_cache_shrink_all();
	}
	crew_fail(&stress.crew, "failslab", 0);
}

static void give_kept_back(struct actor *a, void *kept)
{
	give_back(kept, stress_random(&a->random));
}

static void stop(void)
{
	crew_stop(&stress.crew);
	for (unsigned i = 0; i < EXCHANGE; i++)
		exchange_with(&stress.crew.actor[0], NULL, i);
	for (unsigned i = 0; i < CACHES; i++) {
		expect(!stress.slot[i].users, "an object is missing");
		expect(!kmem_cache_destroy(stress.slot[i].s), "a cache can't be destroyed");
		stress.slot[i].s = NULL;
	}
}

/* ---- all of it ---- */

/* Everything for @ns; false: there is too little memory to begin with. */
static bool stress_for(u64 ns, u32 seed, bool harts)
{
	unsigned long reports = slab_reports;
	bool started;

	memset(&stress, 0, sizeof(stress));
	stress.crew.act = act;
	stress.crew.ring = ring;
	stress.crew.give_back = give_kept_back;
	spin_lock_init(&stress.lock);
	slab_count();
	started = crew_start(&stress.crew, seed);
	if (started)
		watch(ns, seed, harts);
	stop();
	expect(slab_recount(), "caches aren't as they were");
	look_for_leaks();
	expect(slab_reports == reports, "something was reported");
	return started;
}

static void results(char *text, size_t bytes)
{
	snprintf(text, bytes,
		 "%lu allocations (%lu failed), %lu in interrupts (%lu), %lu exchanged, %lu caches",
		 stress.crew.nr[0], stress.crew.nr_failed[0], stress.crew.nr[1],
		 stress.crew.nr_failed[1], stress.exchanged, stress.made);
}

static int run_slab(unsigned long seconds, u32 seed)
{
	char text[160];

	if (!stress_for(seconds * 1000000000ull, seed, true)) {
		shell_printf("stress slab: too little memory\n");
		return -ENOMEM;
	}
	results(text, sizeof(text));
	shell_printf("stress slab: %s, %u faults\n", text, stress.crew.faults);
	return stress.crew.faults ? -EIO : 0;
}

static const struct stress stress_slab = {
	"slab", "small objects by threads and interrupts, some fail; caches and harts come and go",
	run_slab
};
TABLE_ENTRY(stress, stress_slab);

/* ---- a short one among the suites ---- */

static void test_slab(struct ktap *t)
{
	char text[160];

	if (!stress_for(1000000000ull, 20261122, false)) {
		ktap_skip(t, "too little memory");
		return;
	}
	KTAP_EXPECT_EQ(t, stress.crew.faults, 0);
	results(text, sizeof(text));
	ktap_diag(t, "%s", text);
}

static const struct ktap_case cases[] = { { "slab", test_slab }, {} };
static const struct ktap_suite suite_slab_stress = { "slab_stress", cases };
TABLE_ENTRY(ktap_suite, suite_slab_stress);
