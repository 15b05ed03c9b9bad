/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab.h - what the files of the small-object allocator share
 *
 * Three stores, each filled from the next:
 *
 *     hart             its magazine: a stack of objects, no lock          slub.c
 *                      and one more
 *       | a magazine at a time, one lock
 *     node             depot: full magazines, and empty ones for them    slab_depot.c
 *       | some objects in one hold of the lock
 *     slab             a block of pages cut into objects; in its free
 *                      objects stand the numbers of the next             slab_page.c
 *       | slabs
 *     page allocator
 *
 *     struct magazine:  next | NULL | object | object | object | -  | -  |
 *                               ^                          ^           ^
 *                        bottom: empty                    top        full
 *
 * A slab's descriptor: mapping: its cache, in each of its pages; PG_slab likewise; objects_used:
 * those that aren't in the slab; object_free: number of the first free one, NO_OBJECT: none.
 */
#ifndef MM_SLAB_PRIVATE_H
#define MM_SLAB_PRIVATE_H

#include <asm/extable.h>
#include <base/list.h>
#include <kernel/percpu.h>
#include <kernel/spinlock.h>
#include <mm/kmemleak.h>
#include <mm/page_list.h>
#include <mm/slab.h>
#include <mm/slab_info.h>
#include <mm/zone.h>

#define NO_OBJECT      0xffffU /* no number of an object */
#define FREE_BYTES     8U      /* of a free object: the next one's number, and a mark */
#define MARK_AT	       4U      /* of these bytes: the mark */
#define MAX_SLAB_ORDER 3
#define COLOUR_BITS    6U /* log2 of a line: a colour is at least one */

/* Full at the latest with so many objects. */
#define MAGAZINE_SLOTS 62

struct magazine {
	struct magazine *next; /* in a depot, or of those that are being emptied */
	void *bottom;	       /* NULL; of these: how many objects it has */
	void *slot[MAGAZINE_SLOTS];
};
_Static_assert(sizeof(struct magazine) == 64 * sizeof(void *), "a power of two, aligned to itself");

/* What a hart has of a cache.  Only that hart touches it, with interrupts off. */
struct slab_stack {
	void **top;	     /* the object that was freed last, or the bottom */
	void **full;	     /* top may not go beyond */
	unsigned long other; /* a magazine + how many objects it has, usually none or all; or 0 */
};

/* Letters: L under lock; C constant. */
struct kmem_cache_node {
	spinlock_t lock;	  /* rank SLAB */
	struct page_list partial; /* L slabs with free objects and with some in use */
	struct page_list empty;	  /* L those with none in use */
	struct page_list whole;	  /* L those without, if the cache is debugged */
	u32 nr_spare;		  /* L empty magazines in the depot */
	struct magazine *full;	  /* L the depot */
	struct magazine *spare;	  /* L likewise */
	u32 nr_full;		  /* L full magazines in it */
	unsigned long nr_slabs;	  /* L */
	unsigned long nr_used;	  /* L objects that are in no slab: in use or in a magazine */
};

/* One of the names that share a cache. */
struct slab_name {
	struct slab_name *next;
	char text[SLAB_NAME_LEN];
};

struct kmem_cache {
	struct slab_handle handle; /* C */
	u32 size;		   /* C bytes from an object to the next */
	u32 object_size;	   /* C that may be used */
	u32 useroffset, usersize;  /* C the part that users may copy (usercopy.c) */
	u32 reciprocal;		   /* C 2^32 / size, rounded up: offset in a slab -> number */
	u16 objects;		   /* C of a slab */
	u16 rounds;		   /* C objects of a magazine, 0: none are used */
	u16 depot_max;		   /* C magazines that a node keeps */
	u16 link;		   /* C where in a free object the next one's number stands */
	u16 key;		   /* C that it's mixed with */
	u16 pad;		   /* C bytes before what its user sees; 0, unless it's debugged */
	s32 mark_key;		   /* C a free object's mark: this + its address */
	u32 random;		   /* for the order of a new slab's; no lock: any value will do */
	u8 order;		   /* C of a slab */
	u8 align_shift;		   /* C log2 */
	u8 colour_from;		   /* C bits of a slab's descriptor's address from here on are */
	u16 colours;		   /* C its colour, in bytes; 0: all slabs are alike */
	u16 min_partial;	   /* C empty slabs that a node keeps */
	u32 nr_waiting;		   /* slabs that wait for readers (slab_rcu.c) */
	gfp_t gfp;		   /* C what its slabs are asked for with, beside the caller's */
	slab_flags_t flags;	   /* C */
	bool debugged;		   /* C any of SLAB_DEBUG_FLAGS */
	u8 watched;		   /* WATCH_*: each allocation and release comes by slab_watch.c */
	bool is_kmalloc;	   /* C */
	void (*ctor)(void *);
	struct slab_stack *stacks;		    /* C per-CPU */
	struct list_head list;			    /* under the list's lock */
	unsigned users;				    /* likewise: names that share it */
	unsigned pins;				    /* likewise: walks that stand here */
	struct slab_name *names;		    /* likewise: beside the first, last first */
	unsigned nr_names;			    /* likewise: how many these are */
	bool dead;				    /* likewise: destroyed, but pinned */
	u32 drains, drained;			    /* atomic: begun, and over */
	char name[SLAB_NAME_LEN];		    /* C */
	struct kmem_cache_node *node[MAX_NUMNODES]; /* C NULL: has no memory */
};

/*
 * Marks.  An object that was freed has a word in it that nobody can guess, until it is handed out
 * again: who frees one with its mark, frees it a second time.  (Or its data happened to be that,
 * once in four billion releases; such an object is reported and stays in use.)
 */
#ifdef CONFIG_SLAB_FREELIST_HARDENED
/* Where it is: @offset is a handle's mark. */
static __always_inline s32 *mark_of(const void *object, s32 offset)
{
	return (s32 *)((unsigned long)object + (unsigned long)(long)offset);
}

/* What it is: @key is a cache's mark_key. */
static __always_inline long mark_value(const void *object, s32 key)
{
	long value = (s32)((u32)key + (u32)(unsigned long)object);

	__asm__("" : "+r"(value)); /* gcc would have it in two registers */
	return value;
}

static __always_inline bool mark_is(const s32 *mark, long value)
{
	return *mark == value;
}

static __always_inline void mark_set(s32 *mark, long value)
{
	*mark = (s32)value;
}
#else
static inline s32 *mark_of(const void *object, s32 offset)
{
	return NULL;
}

static inline long mark_value(const void *object, s32 key)
{
	return 0;
}

static inline bool mark_is(const s32 *mark, long value)
{
	return false;
}

static inline void mark_set(s32 *mark, long value)
{
}
#endif

static __always_inline void slab_unmark(const struct slab_handle *handle, void *object)
{
	mark_set(mark_of(object, handle->mark), 0);
}

static __always_inline bool slab_is_marked(const struct kmem_cache *s, const void *object)
{
	return mark_is(mark_of(object, s->handle.mark), mark_value(object, s->mark_key));
}

static __always_inline void slab_mark(const struct kmem_cache *s, void *object)
{
	mark_set(mark_of(object, s->handle.mark), mark_value(object, s->mark_key));
}

/* ---- what an address is of; any address ---- */

/* PG_slab, by the sign of its byte. */
static __always_inline bool page_is_slab(const struct page *page)
{
	_Static_assert(PG_slab % 8 == 7, "PG_slab is a sign");
	return load_s8_or_zero((const s8 *)&page->flags + PG_slab / 8) < 0;
}

/* Its owner, if it's one that says so in its descriptor: a cache, or a tag. */
static __always_inline void *page_owner_word(const struct page *page)
{
	return load_pointer_or_zero(&page->mapping);
}

/* ---- slab_page.c: slabs ---- */

/* The first object of @slab.  Where all of a slab's objects leave some lines, slabs begin at one or
 * another of them, by their frame's number: else the first objects of all would share a few lines
 * of a cache. */
static inline char *slab_first(const struct kmem_cache *s, const struct page *slab)
{
	return (char *)lowmem_page_address(slab) +
	       ((unsigned long)slab << COLOUR_BITS >> s->colour_from & s->colours);
}

static inline char *slab_object(const struct kmem_cache *s, const struct page *slab, unsigned nr)
{
	return slab_first(s, slab) + nr * s->size;
}

static inline u16 *link_of(const struct kmem_cache *s, void *object)
{
	return (u16 *)((char *)object + s->link);
}

/* The number of @object, which lies in @slab; NO_OBJECT if that is between two objects. */
static inline unsigned slab_number(const struct kmem_cache *s, const struct page *slab,
				   const void *object)
{
	u32 offset = (u32)((const char *)object - slab_first(s, slab));
	u32 nr = (u32)((u64)offset * s->reciprocal >> 32);

	return likely(nr * s->size == offset && nr < s->objects) ? nr : NO_OBJECT;
}

static inline struct kmem_cache_node *slab_node(struct kmem_cache *s, const struct page *slab)
{
	return s->node[nr_nodes == 1 ? 0 : page_to_nid(slab)];
}

/* What a slab in front of @n, whose lock is held, gives: up to @max objects from @out on upwards.
 * How many.  Of a debugged cache: slab_take_one() (slab_debug.h). */
unsigned slab_take(struct kmem_cache *s, struct kmem_cache_node *n, void **out, unsigned max);

/*
 * slab_give - @nr objects back to their slabs, whichever nodes these are of; slabs that nothing
 * uses any more go back where a node has enough.  Any context; no lock held.  Interrupts are off
 * for a step each.  slab_give_step: the last ones of them, as many as one step gives back; how
 * many, 1 at least.
 */
void slab_give(struct kmem_cache *s, void **object, unsigned nr);
unsigned slab_give_step(struct kmem_cache *s, void **object, unsigned nr);

/* slab_in_chain - is block @nr of @slab free?  The node's lock is held, or nobody uses the slab. */
bool slab_in_chain(const struct kmem_cache *s, const struct page *slab, unsigned nr);

/* slab_give_one - block @object of @slab, whose node's lock is held.  True: nothing uses the slab,
 * and it's on no list any more.  slab_release - its pages go back, as soon as they may. */
bool slab_give_one(struct kmem_cache *s, struct kmem_cache_node *n, struct page *slab,
		   void *object);
void slab_release(struct kmem_cache *s, struct page *slab);
void slab_release_now(struct kmem_cache *s, struct page *slab);

/*
 * slab_more - an object of node @nid, whose slabs have none, or of another: slabs that there are
 * come before the page allocator's choice, else each call would make one.  As slab_new().
 */
void *slab_more(struct kmem_cache *s, gfp_t gfp, int nid);

/* slab_new - one more slab of node @nid (NUMA_NO_NODE: the nearest), and an object of it.  NULL: no
 * memory.  Sleeps if @gfp says so. */
void *slab_new(struct kmem_cache *s, gfp_t gfp, int nid);

/* slab_trim - slabs without objects in use, but @keep of each node, go back.  How many.
 * slab_trim_node: of one node. */
unsigned long slab_trim(struct kmem_cache *s, unsigned keep);
unsigned long slab_trim_node(struct kmem_cache *s, struct kmem_cache_node *n, unsigned keep);

/* ---- slab_rcu.c ---- */

/* slab_defer - @slab goes back when its readers have gone: true; false: it has none.  Any context;
 * no lock of slabs held.  slab_rcu_wait: until all of @s's have gone back; sleeps. */
bool slab_defer(struct kmem_cache *s, struct page *slab);
void slab_rcu_wait(struct kmem_cache *s);

/* ---- slab_shape.c ---- */

/* slab_shape - what @s, which is cleared, is like, of arguments as kmem_cache_create() has them; it
 * has no magazines yet.  slab_shape_magazines: it has.  slab_alignment: of its objects, bytes. */
void slab_shape(struct kmem_cache *s, const char *name, unsigned size, unsigned align,
		slab_flags_t flags, void (*ctor)(void *));
void slab_shape_magazines(struct kmem_cache *s);
unsigned slab_alignment(unsigned size, unsigned align, slab_flags_t flags);

/* ---- slab_common.c ---- */

#define SLAB_KMALLOC ((slab_flags_t)0x1000) /* kmalloc()'s; for slab_create() only */

/* slab_create - kmem_cache_create() of arguments that make sense and a cache of its own; may be
 * called in any context, if @gfp says so.  slab_discard: it was never used. */
struct kmem_cache *slab_create(const char *name, unsigned size, unsigned align, slab_flags_t flags,
			       void (*ctor)(void *), gfp_t gfp);
void slab_discard(struct kmem_cache *s);

/* One of the caches that caches consist of? */
bool slab_is_first(const struct kmem_cache *s);

/* The stack of a cache that has none, as slab_handle has it. */
s32 slab_no_stack_offset(void);

/* slab_stack_offset - where from its tp a hart finds its one of per-CPU @stacks. */
s32 slab_stack_offset(struct slab_stack *stacks);

/* slab_visit - @fn for caches, @max of them, until it returns true; then for those that follow, and
 * so on round and round.  With interrupts off, under the list's lock.  All: kmem_cache_next(). */
void slab_visit(bool (*fn)(struct kmem_cache *s), unsigned max);

/* slab_list_leaks - say which objects of @s are in use, @max of them. */
void slab_list_leaks(struct kmem_cache *s, unsigned max);

/* slab_was_freed - @object, which is one of @s's, has the mark of a free one.  slub.c's. */
bool slab_was_freed(const struct kmem_cache *s, const void *object);

/* slab_report - @object, of @s as far as anyone knows, is misused: @what.  With the caller.
 * slab_reports: how often, also while none is printed (page_reports_expect). */
void slab_report(const struct kmem_cache *s, const void *object, const char *what);
extern unsigned long slab_reports;

/* slab_report_level - of what else is said of it. */
enum log_level slab_report_level(void);

/* ---- kmalloc.c ---- */

/* The class of a size up to 1024: of (size - 1) / 8. */
extern u8 kmalloc_small_class[128];

/* kmalloc_beyond - kmalloc() of 0 or more than 1024 bytes, where @row is. */
void *kmalloc_beyond(size_t size, gfp_t gfp, struct slab_handle *row);

/* kmalloc_aim - a hart's stack is where the cache of @handle says: hits there find it.
 * kmalloc_aim_all: of all handles that have a cache. */
void kmalloc_aim(struct slab_handle *handle);
void kmalloc_aim_all(void);

/* kmalloc_cache - the cache behind a handle of kmalloc_caches, NULL: no memory for it. */
struct kmem_cache *kmalloc_cache(struct slab_handle *handle, gfp_t gfp);

/* kfree() of what lies in no slab. */
void kfree_large(const void *object, struct page *page);
void kmalloc_init(void);

/* ---- those who know each object (kmemleak) ---- */

/*
 * slab_track_alloc - @object of @s is handed out: the object, or NULL if it isn't after all.
 * slab_track_free - it comes back: false if it's kept.  Any context, interrupts on or off.
 * Who is to see all of a cache's objects has its harts have no magazines (make_stacks()).
 */
static inline void *slab_track_alloc(struct kmem_cache *s, void *object, gfp_t gfp)
{
	if (likely(s->rounds) || kmemleak_track(object, s->object_size, 1, gfp))
		return object;
	slab_give(s, &object, 1);
	return NULL;
}

static inline bool slab_track_free(struct kmem_cache *s, void *object)
{
	if (unlikely(!s->rounds))
		kmemleak_free(object);
	return true;
}

/* ---- slab_depot.c: magazines ---- */

/* Nothing in it, and no room. */
extern void *slab_no_slot[1];

/* The cache of the magazines. */
extern struct kmem_cache *const slab_magazines;

/* The hart's other magazine, or NULL; how many objects it has. */
static inline struct magazine *stack_other(const struct slab_stack *stack)
{
	return (struct magazine *)(stack->other & ~(sizeof(struct magazine) - 1));
}

static inline unsigned stack_other_nr(const struct slab_stack *stack)
{
	return stack->other & (sizeof(struct magazine) - 1);
}

/* What the hart's stack is; NULL: it has none as yet. */
static inline struct magazine *stack_loaded(const struct slab_stack *stack)
{
	if (stack->full == slab_no_slot)
		return NULL;
	return (struct magazine *)((unsigned long)stack->top & ~(sizeof(struct magazine) - 1));
}

/* The hart's stack is empty: an object from what the hart or its node keeps, or NULL.  Interrupts
 * are off. */
void *stack_refill(struct kmem_cache *s, struct slab_stack *stack);

/* stack_refill_own - the same, or one from the stack, of a cache that is watched, of which
 * stack_refill() gives none. */
void *stack_refill_own(struct kmem_cache *s);

/* The hart's stack is full, and @object goes back.  Interrupts are off. */
void stack_put(struct kmem_cache *s, struct slab_stack *stack, void *object);

/* stack_empty - this hart's stack of @s has nothing, so that who allocates takes the slow path;
 * false: it had nothing, or it would take too long.  Interrupts are off. */
bool stack_empty(struct kmem_cache *s);

/* stack_count - objects that @stack, any hart's, has, and the magazines that it consists of are
 * added to *@magazines.  A moment's figure. */
unsigned stack_count(const struct kmem_cache *s, const struct slab_stack *stack,
		     unsigned *magazines);

/*
 * stacks_drain - what harts and depots keep goes back to the slabs.  No lock held, not in an
 * interrupt handler.  stacks_drain_harts: what harts keep; depot_drain: what the depot of @n does;
 * stack_drain: what @stack does, which is a hart's that is off.
 */
void stacks_drain(struct kmem_cache *s);

/* Around a drain that whoever destroys @s may not know of: meanwhile objects and slabs that nobody
 * uses are in nobody's store, and he waits for them. */
static inline void drain_begins(struct kmem_cache *s)
{
	__atomic_fetch_add(&s->drains, 1, __ATOMIC_SEQ_CST);
}

static inline void drain_ends(struct kmem_cache *s)
{
	__atomic_fetch_add(&s->drained, 1, __ATOMIC_SEQ_CST);
}

void stacks_drain_harts(struct kmem_cache *s);
void depot_drain(struct kmem_cache *s, struct kmem_cache_node *n);
void stack_drain(struct kmem_cache *s, struct slab_stack *stack);

/* stack_is_bare - has hart @cpu no magazines of @s?  A moment's answer. */
bool stack_is_bare(const struct kmem_cache *s, unsigned cpu);

/* ---- slab_watch.c, failslab.c ---- */

#define WATCH_TRACE 1U /* tracepoints are on */
#define WATCH_FAIL  2U /* allocations may be meant to fail */
#define WATCH_INIT  4U /* its objects are cleared (init_on_alloc=1, init_on_free=1) */

/* slab_alloc_unwatched - an object of @s as if nobody watched.  slub.c's. */
void *slab_alloc_unwatched(struct kmem_cache *s, gfp_t gfp);

/* slab_alloc_watched - the same of a cache that is watched. */
void *slab_alloc_watched(struct kmem_cache *s, gfp_t gfp);

/* slab_trace_alloc - tracepoint: @object of @bytes was allocated; slab_trace_free: it's freed.  Any
 * context. */
void slab_trace_alloc(bool is_kmalloc, size_t bytes, const void *object);
void slab_trace_free(bool is_kmalloc, size_t bytes, const void *object);

/* slab_saw_alloc - what who watches @s does with @object, which was allocated; slab_saw_free: with
 * one that is freed, and carries no mark as yet.  Any context. */
void slab_saw_alloc(const struct kmem_cache *s, void *object, gfp_t gfp);
void slab_saw_free(const struct kmem_cache *s, void *object);

/* slab_clears_free - are free objects of @s all 0 but for their link? */
bool slab_clears_free(const struct kmem_cache *s);

/* slab_watch - find out who watches @s, which was just made. */
void slab_watch(struct kmem_cache *s);
void slab_watch_all(void);

#ifdef CONFIG_FAULT_INJECTION
/* failslab_concerns - may an allocation from @s be meant to fail; failslab: is this one? */
bool failslab_concerns(const struct kmem_cache *s);
bool failslab_hits(const struct kmem_cache *s, gfp_t gfp);
#else
static inline bool failslab_concerns(const struct kmem_cache *s)
{
	return false;
}

static inline bool failslab_hits(const struct kmem_cache *s, gfp_t gfp)
{
	return false;
}
#endif

/* ---- slab_shrink.c ---- */

/* Shrinkers may be asked from now on. */
void slab_shrink_init(void);

/* The node whose memory the hart that runs this should take. */
static inline struct kmem_cache_node *near_node(struct kmem_cache *s)
{
	return s->node[nr_nodes == 1 ? 0 : numa_node_id()];
}

#endif
