/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_common.c - caches: creating and destroying them, walks
 *
 * Three caches are there from the start, those of what caches consist of: struct kmem_cache,
 * struct kmem_cache_node and magazines.  They have no magazines themselves.
 *
 * Caches that are alike share slabs: kmem_cache_create() returns one that there is, and notes the
 * name.  Which of them a destroy means isn't known, as all have the same pointer: so there may be
 * more names than users, NAMES_KEPT more at most.
 *
 * A walk over all caches has the one that it stands on pinned.  One that is destroyed meanwhile
 * stays in the list, dead, until the last walk has left it.  No walk has interrupts off for more
 * than a step.
 *
 * Locking: caches.lock (rank SLAB_LIST) for the list of all, their users and names, pins.
 * Not here: their shape (slab_shape.c).
 */
#define LOG_PREFIX "slab: "
#include <asm/barrier.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <mm/kfence.h>
#include <mm/kmalloc.h>
#include <mm/memmap.h>
#include <mm/mm_thread.h>
#include <mm/page_alloc.h>
#include <mm/slab_info.h>

#include "internal.h"
#include "slab.h"
#include "slab_debug.h"

#include <stdio.h>
#include <string.h>

#define NEVER_MERGED (SLAB_NO_MERGE | SLAB_TYPESAFE_BY_RCU | SLAB_DEBUG_FLAGS)
#define MUST_AGREE \
	(SLAB_CACHE_DMA | SLAB_CACHE_DMA32 | SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT | SLAB_SKIP_KFENCE)
#define KNOWN_FLAGS (SLAB_HWCACHE_ALIGN | MUST_AGREE | SLAB_PANIC | NEVER_MERGED)
#define OBJECT_MAX  (PAGE_SIZE << 2)
#define LEAKS_SHOWN 8
#define NAMES_KEPT  8
#define WAIT_NS	    100000 /* between looks for what is on its way to the slabs */
#define SECOND	    1000000000

static struct {
	spinlock_t lock;
	struct list_head list;
	struct list_head *visited; /* slab_visit()'s last */
} caches = { .lock = SPINLOCK_RANKED(LOCK_SLAB_LIST) };

/* Those that all others consist of. */
enum { OF_CACHES, OF_NODES, OF_MAGAZINES, NR_FIRST };
static struct kmem_cache first[NR_FIRST];
static struct kmem_cache_node first_node[NR_FIRST][MAX_NUMNODES];

struct kmem_cache *const slab_magazines = &first[OF_MAGAZINES];

/* The stack of a cache that has none. */
DEFINE_PER_CPU(struct slab_stack, slab_no_stack) = { .top = slab_no_slot, .full = slab_no_slot };

/* ---- creating ---- */

static void node_init(struct kmem_cache_node *n)
{
	memset(n, 0, sizeof(*n));
	spin_lock_init_ranked(&n->lock, LOCK_SLAB);
}

s32 slab_stack_offset(struct slab_stack *stacks)
{
	s32 offset;

	preempt_disable(); /* both of one hart */
	hart_barrier();
	offset = (s32)((unsigned long)this_cpu_ptr(stacks) - (unsigned long)this_hart);
	preempt_enable();
	return offset;
}

static void stack_offset(struct kmem_cache *s, struct slab_stack *stacks)
{
	s->handle.stack = slab_stack_offset(stacks);
	s->stacks = stacks;
}

s32 slab_no_stack_offset(void)
{
	return slab_stack_offset(&slab_no_stack);
}

bool slab_is_first(const struct kmem_cache *s)
{
	return s >= first && s < first + NR_FIRST;
}

static void list_cache(struct kmem_cache *s)
{
	unsigned long flags;

	s->users = 1;
	spin_lock_irqsave(&caches.lock, flags);
	list_add_tail(&s->list, &caches.list);
	spin_unlock_irqrestore(&caches.lock, flags);
	slab_watch(s);
}

/* caches.lock is held. */
static void unlist(struct kmem_cache *s)
{
	if (caches.visited == &s->list)
		caches.visited = s->list.prev;
	list_del(&s->list);
}

void slab_visit(bool (*fn)(struct kmem_cache *s), unsigned max)
{
	unsigned long flags;
	bool done = false;

	spin_lock_irqsave(&caches.lock, flags);
	while (max-- && !done) {
		struct list_head *at = caches.visited = caches.visited->next;

		if (at != &caches.list)
			done = fn(list_entry(at, struct kmem_cache, list));
	}
	spin_unlock_irqrestore(&caches.lock, flags);
}

static void undo(struct kmem_cache *s)
{
	for (struct slab_name *name = s->names, *next; name; name = next) {
		next = name->next;
		kfree(name);
	}
	for (unsigned nid = 0; nid < MAX_NUMNODES; nid++)
		if (s->node[nid])
			kmem_cache_free(&first[OF_NODES], s->node[nid]);
	if (s->stacks && s->stacks != &slab_no_stack)
		free_percpu(s->stacks);
	kmem_cache_free(&first[OF_CACHES], s);
}

/* Each node that has memory. */
static bool make_nodes(struct kmem_cache *s, gfp_t gfp)
{
	for (unsigned nid = 0; nid < nr_nodes; nid++) {
		s->node[nid] = kmem_cache_alloc_node(&first[OF_NODES], gfp, (int)nid);
		if (!s->node[nid])
			return false;
		node_init(s->node[nid]);
	}
	return true;
}

static void make_stacks(struct kmem_cache *s)
{
	bool watched = kmemleak_on || slab_debugged(s);
	struct slab_stack *stacks = watched ? NULL : alloc_percpu(struct slab_stack);

	if (!stacks) { /* or no memory: reported; it's slower so */
		stack_offset(s, &slab_no_stack);
		return;
	}
	for (unsigned cpu = 0; cpu < nr_harts; cpu++)
		*per_cpu_ptr(stacks, cpu) =
			(struct slab_stack){ .top = slab_no_slot, .full = slab_no_slot };
	stack_offset(s, stacks);
	slab_shape_magazines(s);
}

struct kmem_cache *slab_create(const char *name, unsigned size, unsigned align, slab_flags_t flags,
			       void (*ctor)(void *), gfp_t gfp)
{
	struct kmem_cache *s = kmem_cache_zalloc(&first[OF_CACHES], gfp);

	if (!s)
		return NULL;
	slab_shape(s, name, size, align, flags, ctor);
	if (!make_nodes(s, gfp)) {
		undo(s);
		return NULL;
	}
	make_stacks(s);
	s->is_kmalloc = flags & SLAB_KMALLOC; /* before a walk looks */
	list_cache(s);
	return s;
}

/* May objects of @size live in @s? */
static bool is_like(const struct kmem_cache *s, unsigned size, unsigned align, slab_flags_t flags)
{
	return s->users && !s->ctor && !(s->flags & NEVER_MERGED) &&
	       !((s->flags ^ flags) & MUST_AGREE) && s->object_size >= size &&
	       s->size - size < sizeof(void *) && 1U << s->align_shift >= align;
}

static bool is_noted(const struct kmem_cache *s, const char *text)
{
	const struct slab_name *name = s->names;

	if (!strcmp(s->name, text))
		return true;
	while (name && strcmp(name->text, text))
		name = name->next;
	return name;
}

/* One more user of @s, with *@name, which may be NULL: no memory to note it.  It becomes NULL if
 * it's noted: not if it may be that of one who has gone.  False: @s is being destroyed. */
static bool join(struct kmem_cache *s, struct slab_name **name)
{
	unsigned long flags;
	bool joins;

	spin_lock_irqsave(&caches.lock, flags);
	joins = s->users;
	if (joins && *name && !(s->nr_names >= s->users && is_noted(s, (*name)->text))) {
		(*name)->next = s->names;
		s->names = *name;
		s->nr_names++;
		*name = NULL;
	}
	s->users += joins;
	spin_unlock_irqrestore(&caches.lock, flags);
	return joins;
}

/* @s has a user less: how many are left.  If names pile up the oldest of them goes, and is
 * returned in *@dropped. */
static unsigned leave(struct kmem_cache *s, struct slab_name **dropped)
{
	struct slab_name **at = &s->names;
	unsigned long flags;
	unsigned users;

	*dropped = NULL;
	spin_lock_irqsave(&caches.lock, flags);
	users = --s->users;
	if (users && s->nr_names >= users + NAMES_KEPT) {
		while ((*at)->next)
			at = &(*at)->next;
		*dropped = *at;
		*at = NULL;
		s->nr_names--;
	}
	spin_unlock_irqrestore(&caches.lock, flags);
	return users;
}

static struct kmem_cache *find_like(struct slab_name **name, unsigned size, unsigned align,
				    slab_flags_t flags)
{
	struct kmem_cache *s = kmem_cache_next(NULL);

	while (s && !(is_like(s, size, align, flags) && join(s, name)))
		s = kmem_cache_next(s);
	if (s)
		kmem_cache_leave(s);
	return s;
}

static struct kmem_cache *join_like(const char *text, unsigned size, unsigned align,
				    slab_flags_t flags)
{
	struct slab_name *name = kmalloc(sizeof(*name), GFP_KERNEL);
	struct kmem_cache *s;

	if (name)
		snprintf(name->text, sizeof(name->text), "%s", text);
	s = find_like(&name, size, slab_alignment(size, align, flags), flags);
	kfree(name);
	if (s)
		slab_watch(s); /* by its new name, too */
	return s;
}

static bool is_sensible(const char *name, unsigned size, unsigned align, slab_flags_t flags)
{
	const char *why = !name || !*name	 ? "it has no name"
			  : !size		 ? "its objects have no size"
			  : size > OBJECT_MAX	 ? "its objects are too large"
			  : align & (align - 1)	 ? "its alignment is no power of two"
			  : align > PAGE_SIZE	 ? "its alignment is larger than a page"
			  : flags & ~KNOWN_FLAGS ? "it has unknown flags"
						 : NULL;

	if (why && !page_reports_expected())
		pr_err("no cache %s of %u bytes aligned to %u, flags 0x%lx: %s", name ? name : "?",
		       size, align, (unsigned long)flags, why);
	return !why;
}

struct kmem_cache *kmem_cache_create(const char *name, unsigned size, unsigned align,
				     slab_flags_t flags, void (*ctor)(void *))
{
	struct kmem_cache *s = NULL;

	if (is_sensible(name, size, align, flags)) {
		flags = slab_debug_flags(name, flags);
		if (!ctor && !(flags & NEVER_MERGED))
			s = join_like(name, size, align, flags);
		if (!s)
			s = slab_create(name, size, align, flags, ctor, GFP_KERNEL);
	}
	if (!s && (flags & SLAB_PANIC))
		panic("no memory for the cache %s", name ? name : "?");
	return s;
}

unsigned kmem_cache_size(const struct kmem_cache *s)
{
	return s->object_size;
}

/* ---- shrinking, destroying ---- */

unsigned long kmem_cache_shrink(struct kmem_cache *s)
{
	unsigned long nr;

	drain_begins(s);
	stacks_drain(s);
	nr = slab_trim(s, 0);
	drain_ends(s);
	return nr;
}

void slab_discard(struct kmem_cache *s)
{
	unsigned long flags;
	bool pinned;

	spin_lock_irqsave(&caches.lock, flags);
	s->users = 0;
	s->dead = true;
	pinned = s->pins;
	if (!pinned)
		unlist(s);
	spin_unlock_irqrestore(&caches.lock, flags);
	if (!pinned)
		undo(s);
}

static unsigned long nr_slabs(const struct kmem_cache *s)
{
	unsigned long nr = 0;

	for (unsigned nid = 0; nid < MAX_NUMNODES; nid++)
		nr += s->node[nid] ? READ_ONCE(s->node[nid]->nr_slabs) : 0;
	return nr;
}

/* Does a hart that is going off, or coming, keep some of @s?  It can't be asked for it. */
static bool is_kept_offline(const struct kmem_cache *s)
{
	for (unsigned cpu = 0; cpu < nr_harts && s->rounds; cpu++)
		if (hart_info(cpu)->state != HART_ONLINE && !stack_is_bare(s, cpu))
			return true;
	return false;
}

/* Shrink @s, whom nobody uses any more, until all that isn't in use has gone back; true: all of it.
 * What others drain meanwhile is waited for, and for a second a hart that isn't online. */
static bool shrinks_to_nothing(struct kmem_cache *s)
{
	for (unsigned tries = 0;; tries++) {
		u32 begun = __atomic_load_n(&s->drains, __ATOMIC_SEQ_CST);
		bool quiet = begun == __atomic_load_n(&s->drained, __ATOMIC_SEQ_CST);
		unsigned long flags, left;
		bool kept;

		stacks_drain(s);
		slab_trim(s, 0);
		kept = is_kept_offline(s) && tries < SECOND / WAIT_NS;
		spin_lock_irqsave(&caches.lock, flags); /* slab_visit() isn't at work either */
		left = nr_slabs(s);
		spin_unlock_irqrestore(&caches.lock, flags);
		quiet &= begun == __atomic_load_n(&s->drains, __ATOMIC_SEQ_CST);
		if (quiet && !(left && kept))
			return !left;
		if (mm_wait_hook)
			mm_wait_hook(WAIT_NS);
		else
			cpu_relax();
	}
}

int kmem_cache_destroy(struct kmem_cache *s)
{
	struct slab_name *name;
	unsigned users;

	if (!s)
		return 0;
	users = leave(s, &name);
	kfree(name);
	if (users)
		return 0;
	if (!shrinks_to_nothing(s) || kfence_leave(s, false)) {
		slab_list_leaks(s, LEAKS_SHOWN);
		s->users = 1;
		return -EBUSY;
	}
	slab_rcu_wait(s);
	slab_discard(s);
	return 0;
}

/* ---- walks ---- */

/* The first living cache at @at or after it, pinned; caches.lock is held. */
static struct kmem_cache *pin_from(struct list_head *at)
{
	for (; at != &caches.list; at = at->next) {
		struct kmem_cache *s = list_entry(at, struct kmem_cache, list);

		if (!s->dead) {
			s->pins++;
			return s;
		}
	}
	return NULL;
}

/* The walk that stood on @s goes on; true: @s is nobody's any more.  caches.lock is held. */
static bool unpin(struct kmem_cache *s)
{
	if (--s->pins || !s->dead)
		return false;
	unlist(s);
	return true;
}

struct kmem_cache *kmem_cache_next(struct kmem_cache *s)
{
	struct kmem_cache *next;
	unsigned long flags;
	bool last;

	spin_lock_irqsave(&caches.lock, flags);
	next = pin_from(s ? s->list.next : caches.list.next);
	last = s && unpin(s);
	spin_unlock_irqrestore(&caches.lock, flags);
	if (last)
		undo(s);
	return next;
}

void kmem_cache_leave(struct kmem_cache *s)
{
	unsigned long flags;
	bool last;

	spin_lock_irqsave(&caches.lock, flags);
	last = unpin(s);
	spin_unlock_irqrestore(&caches.lock, flags);
	if (last)
		undo(s);
}

bool kmem_cache_shared_name(const struct kmem_cache *s, unsigned nr, char name[SLAB_NAME_LEN])
{
	const struct slab_name *its;
	unsigned long flags;

	spin_lock_irqsave(&caches.lock, flags);
	for (its = s->names; its && nr; nr--)
		its = its->next;
	if (its)
		memcpy(name, its->text, SLAB_NAME_LEN);
	spin_unlock_irqrestore(&caches.lock, flags);
	return its;
}

/* ---- the first ones ---- */

static void __init make_first(unsigned which, const char *name, unsigned size, unsigned align)
{
	struct kmem_cache *s = &first[which];

	memset(s, 0, sizeof(*s)); /* host tests begin anew */
	slab_shape(s, name, size, align, SLAB_NO_MERGE, NULL);
	stack_offset(s, &slab_no_stack);
	for (unsigned nid = 0; nid < nr_nodes; nid++) {
		node_init(&first_node[which][nid]);
		s->node[nid] = &first_node[which][nid];
	}
	list_cache(s);
}

void __init kmem_cache_init(void)
{
	INIT_LIST_HEAD(&caches.list);
	caches.visited = &caches.list;
	make_first(OF_CACHES, "kmem_cache", sizeof(struct kmem_cache), 0);
	make_first(OF_NODES, "kmem_cache_node", sizeof(struct kmem_cache_node), CACHE_LINE);
	make_first(OF_MAGAZINES, "magazine", sizeof(struct magazine), sizeof(struct magazine));
	kmalloc_init();
	slab_shrink_init();
}
