/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmap.h - what the files of vmalloc share
 */
#ifndef MM_VMAP_PRIVATE_H
#define MM_VMAP_PRIVATE_H

#include <asm/tlb.h>
#include <kernel/preempt.h>
#include <kernel/spinlock.h>
#include <mm/node_daemon.h>
#include <mm/page_debug.h>
#include <mm/vmalloc.h>

/* vmap_node.kind */
enum { VMAP_AREA, VMAP_BLOCK };
/* vmap_node.state */
enum {
	VMAP_LIVE,
	VMAP_LAZY,    /* to be purged */
	VMAP_PURGING, /* node.owner's, a purge */
	VMAP_GONE,    /* its neighbour, of the same purge, has its addresses */
};

/* Addresses for small areas, taken one behind the other. */
#define VMAP_BLOCK_PAGES 256U
#define VMAP_SMALL_PAGES 17U /* the largest that comes from a block, its guard counted */
#define VMAP_SMALL_ALIGN (64 * KiB)

struct vmap_block {
	struct vmap_node node;
	struct vmap_block *next_lazy;
	unsigned long base;			/* where it began; node.start, until it dissolves */
	void *entries;				/* of its pages (asm/vmap.h) */
	unsigned top;				/* pages below were handed out */
	unsigned used;				/* of them by areas that exist */
	unsigned noted;				/* vm_unmap_aliases(): used, before its fence */
	bool of_hart;				/* some hart takes areas from it */
	struct vm_struct *at[VMAP_BLOCK_PAGES]; /* by the area's first page */
};

/* So many of the areas that were freed last are remembered, for reports; a power of two. */
#define VMAP_FREED 32U

struct vmap_freed {
	unsigned long at; /* where it began, and its flags */
	unsigned long size;
	const void *caller;
	unsigned long pad; /* for a size that is a power of two */
};
extern struct vmap_freed vmap_freed[VMAP_FREED]; /* under the lock */

/* All under lock. */
struct vmap_state {
	spinlock_t lock; /* rank VMAP */
	struct vmap_tree tree;
	struct vm_struct *lazy_areas;
	struct vmap_block *lazy_blocks;
	unsigned long lazy_bytes, lazy_max;
	struct vm_struct *deferred; /* freed, and still mapped: large ones */
	unsigned ending;	    /* of these, such that a thread is at */
	unsigned long nr_areas, nr_blocks, purges;
	unsigned long used_bytes;      /* of areas, with their guards */
	unsigned long purging;	       /* purges under way */
	bool purge_asked;	       /* one is wanted of a thread; not under the lock */
	struct vmap_freed *freed_next; /* the newest is before */
};
extern struct vmap_state vmap_state;

/* The one behind @f; behind the last is the first: they're aligned to twice the size of all. */
static inline struct vmap_freed *vmap_freed_after(const struct vmap_freed *f)
{
	return (struct vmap_freed *)((unsigned long)(f + 1) & ~sizeof(vmap_freed));
}

static inline struct vmap_block *block_of(struct vmap_node *node)
{
	return container_of(node, struct vmap_block, node);
}

/* vmap_area_at - the area, small or not, that @addr lies in, its guard included, lazy or not. The
 * lock is held. */
struct vm_struct *vmap_area_at(unsigned long addr);

/* ioremap() and its kin make areas; before, mappings of their own.  Tests clear it for a while. */
extern bool ioremap_makes_areas;

/* vmap_area_add - @vm, whose addresses are set and nobody's, is an area.  Boot. */
void vmap_area_add(struct vm_struct *vm);

/* vmap_set_ready - all of @vm is mapped, and @more are flags of it: who looks at all areas may look
 * at its entries. */
static inline void vmap_set_ready(struct vm_struct *vm, u32 more)
{
	__atomic_store_n(&vm->flags, vm->flags | VM_READY | more, __ATOMIC_RELEASE);
}

/*
 * vmap_area_release - what vfree() needs of the area that begins at @addr
 * The caller owns *vm but for its addresses.  NULL: there is none that has one of the flags @kinds,
 * which is said.  A small one, with ->block, isn't mapped any more.
 * vmap_area_put: of a small one, these go back too; @vm isn't touched any more.
 * vmap_end_large: of a large one, the same, and its pages go, here or, with interrupts off, later.
 * Any context.
 */
struct vm_struct *vmap_area_release(const void *addr, u32 kinds);
void vmap_area_put(struct vm_struct *vm);
void vmap_end_large(struct vm_struct *vm);

/* Areas whose pages are their own. */
#define VMAP_OWNS_PAGES (VM_ALLOC | VM_STACK | VM_MAP_PUT_PAGES)

/* vmap_put_pages - the pages of @vm, which isn't mapped any more, if they're its own. */
void vmap_put_pages(const struct vm_struct *vm);

/* vmap_area_remove - remove_vm_area() of one of @kinds. */
bool vmap_area_remove(const void *addr, u32 kinds);

/* vmap_refuse - say that none of @kinds, but for ~0, begins at @addr.  NULL. */
struct vm_struct *vmap_refuse(const void *addr, u32 kinds);

/* vmap_make_stack - an area whose upper half, of @bytes, is mapped; NULL: no memory or addresses.
 * May sleep; fences nothing. */
struct vm_struct *vmap_make_stack(unsigned long bytes, int nid, const void *caller);

/* vmap_may_fence - may this code wait for all harts?  Until there is somebody else who could do it,
 * at boot, also with interrupts off. */
static inline bool vmap_may_fence(void)
{
	return preemptible() || (!in_atomic() && !READ_ONCE(node_daemon_kick));
}

/* vmap_gone - what was mapped in [va, va + bytes) was unmapped: a debug kernel's hart doesn't reach
 * it any more, so that its mistakes show; with debug_pagealloc=on nor does any other, where one can
 * wait for them. */
static inline bool vmap_gone_everywhere(void)
{
#ifdef CONFIG_DEBUG_VM
	return page_debug & PAGE_DEBUG_GUARD;
#else
	return false;
#endif
}

static inline void vmap_gone(unsigned long va, unsigned long bytes)
{
#ifdef CONFIG_DEBUG_VM
	if (vmap_gone_everywhere() && vmap_may_fence())
		tlb_flush_range(va, bytes);
	else
		tlb_flush_local_range(va, bytes);
#else
	(void)va;
	(void)bytes;
#endif
}

/* vmap_destroy - the area at @addr, of one of @kinds, goes with its pages. */
void vmap_destroy(const void *addr, u32 kinds);

/* vmap_area_free - @vm itself, whose addresses have gone back. */
void vmap_area_free(struct vm_struct *vm);

/* vmap_retire_all - no hart has a block any more. */
void vmap_retire_all(void);

/* vmap_purge_soon - too much is lazy: it's purged, here or later. */
void vmap_purge_soon(void);

static inline bool vmap_lazy_is_much(void)
{
	return READ_ONCE(vmap_state.lazy_bytes) > vmap_state.lazy_max;
}

#endif
