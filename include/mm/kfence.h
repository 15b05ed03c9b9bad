/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kfence.h - a sample of all small objects, watched closely
 *
 * Now and then an allocation is served from a pool in which each object has a page of its own,
 * between two that can't be reached.  An access beside the object, or after it was freed, faults;
 * that is reported with who allocated and who freed it, and the access goes on.
 *
 *     kfence.sample_interval=100     an object each 100 ms; 0: none
 *     kfence.num_objects=63          so many at most
 *
 * `sysctl kfence.sample_interval=N` changes it while the kernel runs (docs/debugging-memory.md).
 */
#ifndef MM_KFENCE_H
#define MM_KFENCE_H

#include <base/compiler.h>
#include <base/list.h>
#include <mm/gfp.h>

struct kmem_cache;

#define KFENCE_TRACE 8	 /* calls that are kept of who allocated or freed */
#define KFENCE_MAX   255 /* objects: the pool fits in one large leaf of the linear map */

#define KFENCE_MAX_INTERVAL 3600000 /* ms */

struct kfence_event {
	u64 ns; /* ktime_ns(); 0: it hasn't happened */
	u32 thread, hart;
	u32 trace[KFENCE_TRACE]; /* offsets from _start, innermost first; 0 behind the last */
};

enum kfence_state { KFENCE_UNUSED, KFENCE_USED, KFENCE_FREED };

/* What is known of the object that is, or was, in a page of the pool. */
struct kfence_object {
	struct list_head link;	  /* while it may be the next */
	char *start;		  /* of the object, in its page */
	struct kmem_cache *cache; /* NULL: is destroyed */
	u32 size;		  /* bytes */
	enum kfence_state state;
	struct kfence_event alloc, free;
};

enum kfence_kind {
	KFENCE_OUT_OF_BOUNDS,
	KFENCE_USE_AFTER_FREE,
	KFENCE_WILD_ACCESS, /* to the pool, where there was no object */
	KFENCE_CORRUPTION,  /* found when it was freed: bytes beside the object */
	KFENCE_DOUBLE_FREE,
	KFENCE_INVALID_FREE, /* no object begins there, or one of another cache */
	KFENCE_KINDS
};

/* What was found; tests look at the last. */
struct kfence_report {
	enum kfence_kind kind;
	bool is_write;
	const char *addr;	     /* of the access, the free, or the first byte that changed */
	struct kfence_object object; /* as it was then; start NULL: none */
};

#ifdef CONFIG_KFENCE

extern u32 kfence_gate; /* 1: the next allocation that is no hit shall be a sample */
extern char *kfence_pool;
extern unsigned long kfence_bytes;   /* 0: there is no pool */
extern unsigned int kfence_interval; /* ms, 0: off */
extern struct kfence_report kfence_last;
extern unsigned long kfence_found[KFENCE_KINDS];

/* Does @addr lie in the pool?  Any context. */
static inline bool is_kfence_address(const void *addr)
{
	return unlikely((unsigned long)addr - (unsigned long)READ_ONCE(kfence_pool) <
			READ_ONCE(kfence_bytes));
}

static inline bool kfence_is_due(void)
{
	return unlikely(READ_ONCE(kfence_gate));
}

/* kfence_claim - true: the sample that is due is this allocation.  Any context. */
bool kfence_claim(const struct kmem_cache *s, gfp_t gfp);

/* kfence_alloc - an object of @s from the pool, contents undefined but for a constructor's; NULL if
 * there is no room.  Any context. */
void *kfence_alloc(struct kmem_cache *s, gfp_t gfp);

/* kfence_free - @object, in the pool, is freed, to cache @s if that isn't NULL.  What's wrong is
 * reported.  Any context. */
void kfence_free(const struct kmem_cache *s, const void *object);

/* kfence_find - the object in use whose bytes @addr, in the pool, is one of; its size in *@bytes.
 * NULL: none.  @cache: its, may be NULL. */
const char *kfence_find(const void *addr, size_t *bytes, const struct kmem_cache **cache);

/* kfence_leave - @s shall be destroyed.  How many of its objects are in use; if none, the pool
 * knows nothing of @s any more.  @list: they are listed in the log. */
unsigned kfence_leave(const struct kmem_cache *s, bool list);

/* kfence_sample - an object shall be sampled: the next allocation here of some cache that is in use
 * is no hit.  Some thousand instructions with interrupts off; any context. */
void kfence_sample(void);

/* kfence_start - what kfence_interval says is done: the pool is made if there is none, or goes if
 * nothing in it is used.  0, -ENOMEM.  Sleeps; calls are serialised. */
int kfence_start(void);

/* Who calls kfence_sample() each @ms, 0: nobody; registered by the scheduler. */
extern void (*kfence_timer)(unsigned ms);

/* ---- for commands and tests ---- */

struct kfence_counts {
	unsigned objects, used;
	unsigned long sampled, freed, full; /* full: there was no room */
};
void kfence_count(struct kfence_counts *counts);

/* kfence_get - a copy of object @nr's record; false: there are fewer. */
bool kfence_get(unsigned nr, struct kfence_object *out);

/* kfence_event_text - "allocated at 1.234567 by thread 3 on hart 0: inner < outer"; returns @text.
 */
char *kfence_event_text(const struct kfence_event *event, const char *what, char *text,
			size_t bytes);

/* kfence_show - note @r and print it with the calls that led to it: @frame's, NULL: the caller's.
 * kfence_kind_name: "out-of-bounds" and so on. */
struct trap_frame;
void kfence_show(const struct kfence_report *r, const struct trap_frame *frame);
const char *kfence_kind_name(enum kfence_kind kind);

#else

#define kfence_interval 0U

static inline bool kfence_is_due(void)
{
	return false;
}

static inline bool is_kfence_address(const void *addr)
{
	return false;
}

static inline bool kfence_claim(const struct kmem_cache *s, gfp_t gfp)
{
	return false;
}

static inline void *kfence_alloc(struct kmem_cache *s, gfp_t gfp)
{
	return NULL;
}

static inline void kfence_free(const struct kmem_cache *s, const void *object)
{
}

static inline const char *kfence_find(const void *addr, size_t *bytes,
				      const struct kmem_cache **cache)
{
	return NULL;
}

static inline unsigned kfence_leave(const struct kmem_cache *s, bool list)
{
	return 0;
}

#endif
#endif
