/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kfence.c - the pool of watched objects
 *
 *     | guard | page 0 | guard | page 1 | guard | page 2 | guard |      in the linear map
 *               ^                ####            never used: out of reach
 *               |                one object, at the start or the end of its page
 *               freed: out of reach                                     #: in use; else canaries
 *
 * How an allocation becomes a sample, without an instruction on the hit path: kfence_sample() opens
 * the gate and empties a hart's stack of one cache, so that the next allocation there is no hit and
 * finds the gate open.  (Allocations that are none anyway find it as well.)  Objects of the pool
 * lie in pages of no slab, so frees come by here too (kfree_large, kmem_cache_free).
 *
 * The pages are in the linear map, which is cut into 4 KiB leaves there; entries change as
 * guard.c has it: this hart sees it at once, others may reach a page for a while that they
 * shouldn't, so a bug may be missed, but none is invented.
 *
 * Invariants: an object is on the list, or in use or on its way back; nr_used counts those that
 *   aren't on the list.  A page can be reached if its object is used, or it was accessed since; a
 *   guard, if it was accessed since an object beside it was freed.  The pool goes at nr_used 0.
 * Locking: pool.lock (rank KFENCE) for states, the list and entries of guards.  An object's page is
 *   written by who takes it off the list, and read by who frees it, before it's on the list again.
 * Cost: some 40,000 instructions a sample and its release, nearly all for two traces; 8 KiB of
 *   memory an object.
 * Not here: messages (kfence_report.c), the clock (kernel/sched/kfence_timer.c).
 */
#define LOG_PREFIX "kfence: "
#include <mm/kfence.h>

#include <asm/csr.h>
#include <asm/mmu.h>
#include <asm/trap.h>
#include <kernel/bootargs.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/random.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <kernel/sysctl.h>
#include <kernel/time.h>
#include <lib/parse.h>
#include <mm/highmem.h>

#include "internal.h"
#include "slab.h"

#include <string.h>

#define CANARY	    0xac
#define CANARY_WORD (~0UL / 0xff * CANARY)

#define CACHES_LOOKED_AT 64U /* for one that is in use on the hart that takes a sample */

extern char _start[];

static struct {
	spinlock_t lock;
	struct kfence_object *object; /* one for each page */
	unsigned nr, nr_used;
	struct list_head unused; /* that was freed longest ago first */
	unsigned long leaf;	 /* bytes of the linear map's leaf that was cut */
	struct kfence_counts counts;
} pool = { .lock = SPINLOCK_RANKED(LOCK_KFENCE), .unused = LIST_HEAD_INIT(pool.unused) };

u32 kfence_gate;
char *kfence_pool;
unsigned long kfence_bytes;
unsigned int kfence_interval = CONFIG_KFENCE_SAMPLE_INTERVAL;
void (*kfence_timer)(unsigned ms);

/* ---- pages ---- */

static char *page_of(const struct kfence_object *o)
{
	return kfence_pool + (2 * (unsigned long)(o - pool.object) + 1) * PAGE_SIZE;
}

/* The object whose page @addr lies in; NULL: a guard. */
static struct kfence_object *object_at(const void *addr)
{
	unsigned long page = (unsigned long)((const char *)addr - kfence_pool) >> PAGE_SHIFT;

	return page & 1 ? &pool.object[page / 2] : NULL;
}

/* ---- canaries ---- */

/* The first byte of [@at, @end) that isn't one; NULL: all are. */
static const char *changed(const char *at, const char *end)
{
	while (at < end) {
		bool is_word =
			!((unsigned long)at % sizeof(long)) && end - at >= (long)sizeof(long);

		if (is_word && *(const unsigned long *)at == CANARY_WORD)
			at += sizeof(long);
		else if ((u8)*at == CANARY)
			at++;
		else
			return at;
	}
	return NULL;
}

static const char *changed_beside(const struct kfence_object *o)
{
	const char *page = page_of(o), *at = changed(page, o->start);

	return at ? at : changed(o->start + o->size, page + PAGE_SIZE);
}

/* @s's next object is @o's, at one end of its page or the other. */
static void place(struct kfence_object *o, struct kmem_cache *s)
{
	o->start = page_of(o);
	if (get_random_long() & 1)
		o->start += (PAGE_SIZE - s->object_size) & ~((1UL << s->align_shift) - 1);
	o->size = s->object_size;
	o->cache = s;
}

/* The object's page can be reached, and all else in it is canaries. */
static void open_page(struct kfence_object *o)
{
	char *page = page_of(o), *end = o->start + o->size;

	arch_linear_valid(page, 1, true);
	memset(page, CANARY, (size_t)(o->start - page));
	memset(end, CANARY, (size_t)(page + PAGE_SIZE - end));
}

/* ---- allocating ---- */

static void note(struct kfence_event *event)
{
	unsigned long pcs[KFENCE_TRACE];
	unsigned nr = page_user_trace(pcs, KFENCE_TRACE);

	for (unsigned i = 0; i < KFENCE_TRACE; i++)
		event->trace[i] = i < nr ? (u32)(pcs[i] - (unsigned long)_start) : 0;
	event->ns = max(ktime_ns(), (u64)1);
	event->thread = current_thread_id();
	event->hart = smp_processor_id();
}

bool kfence_claim(const struct kmem_cache *s, gfp_t gfp)
{
	/* Readers may still look at a freed object of a SLAB_TYPESAFE_BY_RCU cache. */
	if (s->object_size > PAGE_SIZE || s->gfp & GFP_ZONEMASK || slab_is_first(s) ||
	    s->flags & (SLAB_TYPESAFE_BY_RCU | SLAB_SKIP_KFENCE) ||
	    gfp & (GFP_ZONEMASK | __GFP_THISNODE))
		return false;
	return __atomic_exchange_n(&kfence_gate, 0, __ATOMIC_RELAXED);
}

/* Most of the pool is in use, and so is an object of the same callers: another tells little. */
static bool is_covered(const struct kfence_event *event)
{
	if (pool.nr_used * 4 < pool.nr * 3)
		return false;
	for (unsigned i = 0; i < pool.nr; i++)
		if (pool.object[i].state == KFENCE_USED &&
		    !memcmp(pool.object[i].alloc.trace, event->trace, sizeof(event->trace)))
			return true;
	return false;
}

void *kfence_alloc(struct kmem_cache *s, gfp_t gfp)
{
	struct kfence_object *o = NULL;
	struct kfence_event event;
	unsigned long flags;

	note(&event);
	spin_lock_irqsave(&pool.lock, flags);
	if (list_empty(&pool.unused) || is_covered(&event)) {
		pool.counts.full++;
	} else {
		o = list_first_entry(&pool.unused, struct kfence_object, link);
		list_del(&o->link);
		place(o, s);
		o->alloc = event;
		o->free.ns = 0;
		o->state = KFENCE_USED;
		pool.nr_used++;
		pool.counts.sampled++;
	}
	spin_unlock_irqrestore(&pool.lock, flags);
	if (!o)
		return NULL;
	open_page(o);
	if (s->ctor)
		s->ctor(o->start);
	kmemleak_alloc(o->start, s->object_size, 1, gfp);
	return o->start;
}

/* ---- freeing ---- */

/* May @object be freed to @s?  Else @r says why not. */
static bool may_free(const struct kfence_object *o, const struct kmem_cache *s, const void *object,
		     struct kfence_report *r)
{
	*r = (struct kfence_report){ .kind = KFENCE_INVALID_FREE, .addr = object };
	if (!o)
		return false;
	r->object = *o;
	if (o->start != object)
		return false;
	if (o->state == KFENCE_FREED)
		r->kind = KFENCE_DOUBLE_FREE;
	return o->state == KFENCE_USED && (!s || o->cache == s);
}

/* Out of reach, with both guards, which an access may have opened.  The pool may go then. */
static void put_back(struct kfence_object *o)
{
	unsigned long flags;

	spin_lock_irqsave(&pool.lock, flags);
	arch_linear_valid(page_of(o) - PAGE_SIZE, 3, false);
	list_add_tail(&o->link, &pool.unused);
	pool.nr_used--;
	spin_unlock_irqrestore(&pool.lock, flags);
}

void kfence_free(const struct kmem_cache *s, const void *object)
{
	struct kfence_object *o = object_at(object);
	struct kfence_event event;
	struct kfence_report r;
	unsigned long flags;
	bool ok;

	note(&event);
	spin_lock_irqsave(&pool.lock, flags);
	ok = may_free(o, s, object, &r);
	if (ok) {
		o->free = event;
		o->state = KFENCE_FREED;
		pool.counts.freed++;
	}
	spin_unlock_irqrestore(&pool.lock, flags);
	if (!ok) {
		kfence_show(&r, NULL);
		return;
	}
	kmemleak_free(object);
	if (r.object.cache->watched)
		slab_saw_free(r.object.cache, (void *)object);
	r.addr = changed_beside(o);
	if (r.addr) {
		r.kind = KFENCE_CORRUPTION;
		kfence_show(&r, NULL);
	}
	put_back(o);
}

const char *kfence_find(const void *addr, size_t *bytes, const struct kmem_cache **cache)
{
	const struct kfence_object *o = object_at(addr);

	if (!o || o->state != KFENCE_USED || (size_t)((const char *)addr - o->start) >= o->size)
		return NULL;
	*bytes = o->size;
	if (cache)
		*cache = o->cache;
	return o->start;
}

unsigned kfence_leave(const struct kmem_cache *s, bool list)
{
	unsigned long flags;
	unsigned nr = 0;

	spin_lock_irqsave(&pool.lock, flags);
	for (unsigned i = 0; i < pool.nr; i++) {
		struct kfence_object *o = &pool.object[i];

		if (o->cache != s)
			continue;
		if (o->state != KFENCE_USED) {
			o->cache = NULL;
			continue;
		}
		nr++;
		if (list)
			pr_err("%s: %p is in use", s->name, o->start);
	}
	spin_unlock_irqrestore(&pool.lock, flags);
	return nr;
}

/* ---- faults ---- */

/* The object in use that is nearer to @addr, in guard number @guard; NULL: neither is used. */
static struct kfence_object *nearest(unsigned long guard, const char *addr)
{
	struct kfence_object *left = guard ? &pool.object[guard - 1] : NULL;
	struct kfence_object *right = guard < pool.nr ? &pool.object[guard] : NULL;

	if (left && left->state != KFENCE_USED)
		left = NULL;
	if (right && right->state != KFENCE_USED)
		right = NULL;
	if (!left || !right)
		return left ? left : right;
	return addr - (left->start + left->size) < right->start - addr ? left : right;
}

/* What the access to @r->addr is, whose page can be reached from now on. */
static void judge(struct kfence_report *r)
{
	unsigned long page = (unsigned long)(r->addr - kfence_pool) >> PAGE_SHIFT;
	struct kfence_object *o = object_at(r->addr);

	r->kind = o && o->state != KFENCE_UNUSED ? KFENCE_USE_AFTER_FREE : KFENCE_WILD_ACCESS;
	if (!o) {
		o = nearest(page / 2, r->addr);
		if (o)
			r->kind = KFENCE_OUT_OF_BOUNDS;
	}
	if (o && r->kind != KFENCE_WILD_ACCESS)
		r->object = *o;
	arch_linear_valid(kfence_pool + page * PAGE_SIZE, 1, true);
}

static bool fault(const struct trap_frame *frame)
{
	struct kfence_report r = { .addr = (const char *)frame->stval,
				   .is_write = frame->scause == CAUSE_STORE_PAGE_FAULT };
	unsigned long flags;

	if (!is_kfence_address(r.addr))
		return false;
	spin_lock_irqsave(&pool.lock, flags);
	judge(&r);
	spin_unlock_irqrestore(&pool.lock, flags);
	kfence_show(&r, frame);
	return true;
}

/* ---- samples ---- */

void kfence_sample(void)
{
	if (!READ_ONCE(kfence_bytes))
		return;
	WRITE_ONCE(kfence_gate, 1);
	slab_visit(stack_empty, CACHES_LOOKED_AT);
}

/* ---- the pool ---- */

static unsigned int wanted_objects; /* kfence.num_objects=, 0: by memory */

static int __init parse_ms(const char *value)
{
	unsigned long ms;

	if (parse_ulong(value, &ms) || ms > KFENCE_MAX_INTERVAL)
		return -EINVAL;
	kfence_interval = (unsigned int)ms;
	return 0;
}

static int __init parse_objects(const char *value)
{
	unsigned long nr;

	if (parse_ulong(value, &nr) || !nr || nr > KFENCE_MAX)
		return -EINVAL;
	wanted_objects = (unsigned int)nr;
	return 0;
}

static const struct bootarg arg_ms __initconst = { "kfence.sample_interval", parse_ms,
						   "milliseconds, at most 3600000; 0 is off" };
static const struct bootarg arg_objects __initconst = { "kfence.num_objects", parse_objects,
							"1 to 255" };
TABLE_ENTRY(bootarg, arg_ms);
TABLE_ENTRY(bootarg, arg_objects);

SYSCTL(kfence, sample_interval, kfence_interval, 0, KFENCE_MAX_INTERVAL, kfence_start,
       "milliseconds from one watched object to the next, 0: off");

/* A 256th of memory. */
static unsigned nr_objects(void)
{
	unsigned long nr = totallow_pages() / 512;

	return wanted_objects ? wanted_objects
			      : (unsigned)min(max(nr, 1UL), (unsigned long)KFENCE_MAX);
}

/* A block is aligned to its size, so all of it is in one leaf, which is split at once, or in small
 * ones.  0 or -ENOMEM. */
static int split_leaves(unsigned long va, unsigned long bytes)
{
	int err = 0;

	for (unsigned long off = 0; off < bytes && !err; off += PAGE_SIZE)
		err = arch_split(va + off, PAGE_SIZE);
	return err;
}

static int make(unsigned nr)
{
	size_t bytes = (2 * nr + 1) * PAGE_SIZE, side = nr * sizeof(struct kfence_object);
	char *start = alloc_pages_exact(bytes, GFP_KERNEL);
	struct kfence_object *object = alloc_pages_exact(side, GFP_KERNEL | __GFP_ZERO);
	struct arch_mapping was;
	unsigned long flags;

	if (!start || !object || arch_lookup((unsigned long)start, &was) ||
	    split_leaves((unsigned long)start, bytes)) {
		if (object)
			free_pages_exact(object, side);
		if (start)
			free_pages_exact(start, bytes);
		return -ENOMEM;
	}
	arch_linear_valid(start, 2 * nr + 1, false);
	trap_set_fault_handler(fault);
	spin_lock_irqsave(&pool.lock, flags); /* one that was due before may be allocated now */
	pool.object = object;
	pool.nr = nr;
	pool.leaf = was.leaf;
	for (unsigned i = 0; i < nr; i++)
		list_add_tail(&object[i].link, &pool.unused);
	WRITE_ONCE(kfence_pool, start);
	WRITE_ONCE(kfence_bytes, bytes);
	spin_unlock_irqrestore(&pool.lock, flags);
	return 0;
}

/* The pool goes, unless an object is in use. */
static void unmake(void)
{
	unsigned long flags, bytes = kfence_bytes;
	size_t side = pool.nr * sizeof(struct kfence_object);
	char *start = kfence_pool;
	bool used;

	spin_lock_irqsave(&pool.lock, flags);
	used = pool.nr_used;
	if (!used) {
		WRITE_ONCE(kfence_bytes, 0);
		INIT_LIST_HEAD(&pool.unused);
		pool.nr = 0;
	}
	spin_unlock_irqrestore(&pool.lock, flags);
	if (used || !bytes)
		return;
	arch_linear_valid(start, bytes / PAGE_SIZE, true);
	if (pool.leaf > PAGE_SIZE) {
		for (unsigned long off = 0; off < bytes; off += pool.leaf)
			arch_join((unsigned long)start + off, pool.leaf);
	}
	free_pages_exact(start, bytes);
	free_pages_exact(pool.object, side);
}

int kfence_start(void)
{
	int err = 0;

	if (kfence_timer)
		kfence_timer(0);
	WRITE_ONCE(kfence_gate, 0);
	if (!kfence_interval)
		unmake();
	else if (!kfence_bytes)
		err = make(nr_objects());
	if (!err && kfence_interval && kfence_timer)
		kfence_timer(kfence_interval);
	return err;
}

void kfence_count(struct kfence_counts *counts)
{
	*counts = pool.counts;
	counts->objects = pool.nr;
	counts->used = pool.nr_used;
}

bool kfence_get(unsigned nr, struct kfence_object *out)
{
	unsigned long flags;
	bool has;

	spin_lock_irqsave(&pool.lock, flags);
	has = nr < pool.nr;
	if (has)
		*out = pool.object[nr];
	spin_unlock_irqrestore(&pool.lock, flags);
	return has;
}
