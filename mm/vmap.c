/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmap.c - who has which addresses of the vmalloc region
 *
 * Area: a vm_struct, its pages' addresses and one page more, its guard, that is never mapped.
 * Large areas are ranges of their own in a tree (vmap_tree.c), at the lowest addresses that are
 * free.  Small ones, up to VMAP_SMALL_PAGES, are cut one behind the other from blocks of addresses,
 * of which each hart has one: no search, and no node more in the tree.
 *
 *     tree      | area      |g|  block                          | area        |g|   free   | ...
 *     block                    | a |g| a |g| free'd | a |g| top: not handed out |
 *
 * Freed: the entries are cleared at once, but harts may remember them.  So the addresses stay
 * taken, lazy, until a purge (vmap_lazy.c).  A block is freed as a whole, when nothing in it is
 * left and no hart takes from it.
 *
 * Invariants: a range in the tree is live, lazy (entries cleared, or just being) or some purge's;
 *   of a live block, areas lie below top, and used is the sum of their pages; a page table has the
 *   entries of live areas only.  (vmalloc_validate)
 * Locking: vmap_state.lock (rank VMAP) for all of it; nothing is allocated under it, and only
 *   small areas are unmapped.
 * Cost: a small area 40 instructions; a large one O(log n).
 * Not here: purges (vmap_lazy.c), pages (vmalloc.c), tables and entries (arch/riscv/mm/vmap.c).
 */
#include "vmap.h"

#include <asm/trap.h>
#include <asm/vmap.h>
#include <kernel/percpu.h>
#include <kernel/random.h>
#include <kernel/smp.h>
#include <mm/ioremap.h>
#include <mm/kmalloc.h>
#include <mm/kmemleak.h>
#include <mm/page_alloc.h>

#define LAZY_MIB 32

struct vmap_state vmap_state = { .lock = SPINLOCK_RANKED(LOCK_VMAP) };
struct vmap_freed vmap_freed[VMAP_FREED] __aligned(2 * sizeof(vmap_freed));

static DEFINE_PER_CPU(struct vmap_block *, hart_block);
static struct kmem_cache *area_cache;
static unsigned block_pages;

void __init vmalloc_init(void)
{
	unsigned long bytes = va_layout.vmalloc_bytes, most;
	unsigned shift = 0;

	while (nr_harts >> (shift + 1))
		shift++;
	area_cache = kmem_cache_create("vm_struct", sizeof(struct vm_struct), 0,
				       SLAB_PANIC | SLAB_NO_MERGE, NULL);
	most = min((unsigned long)(LAZY_MIB * MiB) * (1 + shift), bytes / 8);
	vmap_state.lazy_max = min(most, nr_managed_pages() * (2 * PAGE_SIZE));
	block_pages = VMAP_BLOCK_PAGES;
	while (block_pages * PAGE_SIZE > bytes / 64)
		block_pages /= 2;
	vmap_state.freed_next = vmap_freed;
	trap_set_fault_text(vmalloc_describe);
	vmap_tree_init(&vmap_state.tree, va_layout.vmalloc_base, va_layout.vmalloc_base + bytes,
		       (u32)get_random_long() | 1);
	ioremap_init();
}

/* ---- under the lock ---- */

static struct vm_struct *small_area_at(const struct vmap_block *b, unsigned long addr)
{
	unsigned long at = (addr - b->base) >> PAGE_SHIFT;

	for (unsigned i = 0; i < VMAP_SMALL_PAGES && i <= at; i++) {
		struct vm_struct *vm = b->at[at - i];

		if (vm)
			return addr < vm->node.end ? vm : NULL;
	}
	return NULL;
}

static bool holds(const struct vmap_block *b, unsigned long addr)
{
	return b && addr - b->node.start < b->node.end - b->node.start;
}

struct vm_struct *vmap_area_at(unsigned long addr)
{
	struct vmap_block *mine = *this_cpu_ptr(&hart_block);
	struct vmap_node *node;

	if (holds(mine, addr))
		return small_area_at(mine, addr);
	node = vmap_tree_find(&vmap_state.tree, addr);
	if (!node)
		return NULL;
	if (node->kind == VMAP_AREA)
		return container_of(node, struct vm_struct, node);
	return node->state == VMAP_LIVE ? small_area_at(block_of(node), addr) : NULL;
}

static void make_block_lazy(struct vmap_block *b)
{
	b->node.state = VMAP_LAZY;
	b->next_lazy = vmap_state.lazy_blocks;
	vmap_state.lazy_blocks = b;
	vmap_state.lazy_bytes += b->node.end - b->node.start;
}

/* No hart takes areas from @b any more. */
static void retire(struct vmap_block *b)
{
	b->of_hart = false;
	if (!b->used)
		make_block_lazy(b);
}

static void take_from_block(struct vmap_block *b, struct vm_struct *vm, unsigned nr)
{
	unsigned long top = b->top, start = b->node.start + top * PAGE_SIZE;
	char *entries = b->entries;

	b->at[top] = vm;
	b->top = (unsigned)top + nr;
	b->used += nr;
	vm->node.start = start;
	vm->node.end = start + nr * PAGE_SIZE;
	vm->block = b;
	vm->entries = entries + top * sizeof(long);
}

static void give_to_block(struct vmap_block *b, unsigned long slot, unsigned nr)
{
	b->at[slot] = NULL;
	b->used -= nr;
	if (!b->used && !b->of_hart)
		make_block_lazy(b);
}

static void count_area(struct vm_struct *vm)
{
	vm->addr = (void *)vm->node.start;
	vmap_state.nr_areas++;
	vmap_state.used_bytes += vm->size;
}

/* ---- taking addresses ---- */

/* Volatile, so that no compiler makes it a call of memset, which goes byte by byte. */
static void clear_slots(struct vm_struct *volatile *at)
{
	for (struct vm_struct *volatile *end = at + VMAP_BLOCK_PAGES; at != end; at += 8) {
		at[0] = at[1] = at[2] = at[3] = NULL;
		at[4] = at[5] = at[6] = at[7] = NULL;
	}
}

static struct vmap_block *new_block(gfp_t gfp)
{
	struct vmap_block *b = kmalloc(sizeof(*b), gfp);

	if (b) {
		kmemleak_ignore(b);
		b->node.kind = VMAP_BLOCK;
		b->node.state = VMAP_LIVE;
		b->top = b->used = b->noted = 0;
		b->of_hart = true;
		clear_slots(b->at);
	}
	return b;
}

/* Addresses for @b, and the table that all of them have entries in. */
static __noinline bool place_block(struct vmap_block *b)
{
	unsigned long bytes = block_pages * PAGE_SIZE, flags;
	bool taken;

	spin_lock_irqsave(&vmap_state.lock, flags);
	taken = vmap_tree_take(&vmap_state.tree, &b->node, bytes, bytes, PAGE_SIZE);
	vmap_state.nr_blocks += taken;
	b->base = b->node.start;
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	if (!taken)
		return false;
	b->entries = arch_vmap_entries(b->node.start);
	if (b->entries)
		return true;
	spin_lock_irqsave(&vmap_state.lock, flags);
	vmap_tree_remove(&vmap_state.tree, &b->node);
	vmap_state.nr_blocks--;
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return false;
}

static __noinline bool take_new_block(struct vm_struct *vm, unsigned nr, gfp_t gfp)
{
	struct vmap_block *b = new_block(gfp), **mine;
	unsigned long flags;

	if (!b || !place_block(b)) {
		kfree(b);
		return false;
	}
	spin_lock_irqsave(&vmap_state.lock, flags);
	mine = this_cpu_ptr(&hart_block);
	if (*mine)
		retire(*mine);
	*mine = b;
	take_from_block(b, vm, nr);
	count_area(vm);
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return true;
}

/* From this hart's block, if that has room. */
static __always_inline bool take_small(struct vm_struct *vm, unsigned nr)
{
	struct vmap_block *b;
	unsigned long flags;
	bool room;

	spin_lock_irqsave(&vmap_state.lock, flags);
	b = *this_cpu_ptr(&hart_block);
	room = b && b->top + nr <= block_pages;
	if (likely(room)) {
		take_from_block(b, vm, nr);
		count_area(vm);
	}
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return room;
}

static bool take_large(struct vm_struct *vm, unsigned long align)
{
	unsigned long flags;
	bool taken;

	vm->block = NULL;
	vm->entries = NULL;
	spin_lock_irqsave(&vmap_state.lock, flags);
	taken = vmap_tree_take(&vmap_state.tree, &vm->node, vm->size, align, PAGE_SIZE);
	if (taken)
		count_area(vm);
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return taken;
}

/* From there, at a multiple of @align; what is left out before is nobody's. */
static bool take_small_aligned(struct vm_struct *vm, unsigned long align)
{
	unsigned long nr = vm->size >> PAGE_SHIFT, top, flags;
	struct vmap_block *b;
	bool room = false;

	if (nr > VMAP_SMALL_PAGES || align <= PAGE_SIZE || align > VMAP_SMALL_ALIGN)
		return false;
	spin_lock_irqsave(&vmap_state.lock, flags);
	b = *this_cpu_ptr(&hart_block);
	if (b) {
		top = ALIGN_UP((unsigned long)b->top, align >> PAGE_SHIFT);
		room = top + nr <= block_pages;
		if (room) {
			b->top = (unsigned)top;
			take_from_block(b, vm, (unsigned)nr);
			count_area(vm);
		}
	}
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return room;
}

static __noinline bool take(struct vm_struct *vm, unsigned long align, gfp_t gfp)
{
	unsigned long nr = vm->size >> PAGE_SHIFT;

	if (nr <= VMAP_SMALL_PAGES && align <= VMAP_SMALL_ALIGN &&
	    take_new_block(vm, (unsigned)nr, gfp))
		return true;
	return vm->size <= va_layout.vmalloc_bytes && take_large(vm, max(align, PAGE_SIZE));
}

/* Where the hart's block won't do.  @vm, or NULL, and it's gone. */
static __noinline struct vm_struct *take_or_free(struct vm_struct *vm, unsigned long align,
						 gfp_t gfp)
{
	bool taken = take_small_aligned(vm, align) || take(vm, align, gfp);

	if (unlikely(!taken) && vmap_may_fence()) {
		vm_unmap_aliases();
		taken = take(vm, align, gfp);
	}
	if (taken)
		return vm;
	kmem_cache_free(area_cache, vm);
	return NULL;
}

struct vm_struct *get_vm_area_caller(unsigned long size, unsigned long align, u32 flags, gfp_t gfp,
				     const void *caller)
{
	struct vm_struct *vm;

	gfp = (gfp & ~(GFP_ZONEMASK | __GFP_ZERO | __GFP_THISNODE)) | __GFP_NOWARN;
	size += PAGE_SIZE;
	if (size <= PAGE_SIZE) /* none, or more than there are addresses */
		return NULL;
	vm = kmem_cache_alloc(area_cache, gfp);
	if (!vm)
		return NULL;
	kmemleak_ignore(vm);
	vm->node.kind = VMAP_AREA;
	vm->node.state = VMAP_LIVE;
	vm->size = size;
	vm->flags = flags;
	vm->nr_pages = vm->nr_block_pages = 0;
	vm->pages = vm->few;
	vm->caller = caller;
	if (size >> PAGE_SHIFT <= VMAP_SMALL_PAGES && align <= PAGE_SIZE &&
	    take_small(vm, (unsigned)(size >> PAGE_SHIFT)))
		return vm;
	return take_or_free(vm, align, gfp);
}

void vmap_area_add(struct vm_struct *vm)
{
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	vmap_tree_insert(&vmap_state.tree, &vm->node);
	count_area(vm);
	spin_unlock_irqrestore(&vmap_state.lock, flags);
}

/* ---- giving them back ---- */

/* The area that begins in the page of @addr, if that's in this hart's block.  The slots behind the
 * end of a smaller block are empty. */
static struct vm_struct *area_of_mine(unsigned long addr)
{
	const struct vmap_block *mine = *this_cpu_ptr(&hart_block);
	unsigned long slot;

	if (unlikely(!mine))
		return NULL;
	slot = (addr - mine->node.start) >> PAGE_SHIFT;
	return slot < VMAP_BLOCK_PAGES ? mine->at[slot] : NULL;
}

static struct vm_struct *live_area_at(unsigned long addr)
{
	struct vm_struct *vm = vmap_area_at(addr);

	return vm && vm->node.state == VMAP_LIVE ? vm : NULL;
}

/* For reports. */
static inline void remember(unsigned long at, unsigned long size, const void *caller)
{
	struct vmap_freed *f = vmap_state.freed_next;

	vmap_state.freed_next = vmap_freed_after(f);
	f->at = at;
	f->size = size;
	f->caller = caller;
}

struct vm_struct *vmap_area_release(const void *addr, u32 kinds)
{
	unsigned long at = (unsigned long)addr, size, flags;
	struct vm_struct *vm;

	spin_lock_irqsave(&vmap_state.lock, flags);
	vm = area_of_mine(at);
	if (unlikely(!vm))
		vm = live_area_at(at);
	if (unlikely(!vm || vm->node.start != at || !(vm->flags & kinds))) {
		spin_unlock_irqrestore(&vmap_state.lock, flags);
		return vmap_refuse(addr, kinds);
	}
	size = vm->size;
	remember(at | (unsigned long)(int)vm->flags, size, vm->caller);
	vmap_state.nr_areas--;
	vmap_state.used_bytes -= size;
	if (likely(vm->block)) {
		unsigned long nr = size >> PAGE_SHIFT;

		arch_vmap_clear(vm->entries, nr - 1);
		give_to_block(vm->block, (at - vm->block->base) >> PAGE_SHIFT, (unsigned)nr);
		spin_unlock_irqrestore(&vmap_state.lock, flags);
		vmap_gone(at, size - PAGE_SIZE);
	} else {
		vm->node.state = VMAP_LAZY;
		spin_unlock_irqrestore(&vmap_state.lock, flags);
	}
	return vm;
}

void vmap_area_put(struct vm_struct *vm)
{
	if (unlikely(vmap_lazy_is_much()))
		vmap_purge_soon();
	kmem_cache_free(area_cache, vm);
}

bool vmap_area_remove(const void *addr, u32 kinds)
{
	struct vm_struct *vm = vmap_area_release(addr, kinds);

	if (!vm)
		return false;
	if (vm->block) {
		vmap_area_put(vm);
	} else {
		vm->flags &= ~VMAP_OWNS_PAGES; /* they're the caller's */
		vmap_end_large(vm);
	}
	return true;
}

bool remove_vm_area(const void *addr)
{
	return vmap_area_remove(addr, ~0u);
}

void vmap_retire_all(void)
{
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	for (unsigned cpu = 0; cpu < nr_harts; cpu++) {
		struct vmap_block **its = per_cpu_ptr(&hart_block, cpu);

		if (*its) {
			retire(*its);
			*its = NULL;
		}
	}
	spin_unlock_irqrestore(&vmap_state.lock, flags);
}

void vmap_area_free(struct vm_struct *vm)
{
	if (!(vm->flags & VM_STATIC))
		kmem_cache_free(area_cache, vm);
}
