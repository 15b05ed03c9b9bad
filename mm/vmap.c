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
 * taken, lazy, until a purge: it makes all lazy ranges its own, with what is free around them as
 * far as one page table reaches, gives back the tables that are wholly inside, fences all harts
 * once, and only then are the addresses free.  A block is freed as a whole, when nothing in it is
 * left and no hart takes from it; or dissolved by vm_unmap_aliases(): its areas become ranges of
 * the tree.
 *
 * Purges happen when lazy_max bytes wait, when no addresses are left, and when asked for.  Who
 * frees where no fence can be made leaves it to a thread (vmap_purge_asked).
 *
 * Invariants: a range in the tree is live, lazy (entries cleared, or just being) or some purge's;
 *   of a live block, areas lie below top, and used is the sum of their pages; a page table has the
 *   entries of live areas only.  (vmalloc_validate)
 * Locking: vmap_state.lock (rank VMAP) for all of it; nothing is allocated under it, and only
 *   small areas are unmapped.  One purge at a time, as a rule: each has ranges of its own
 *   (node.owner), but two that are neighbours leave an unused table for the next.
 * Cost: a small area 40 instructions; a large one O(log n).
 * Not here: pages (vmalloc.c), tables and entries (arch/riscv/mm/vmap.c).
 */
#include "vmap.h"

#include <asm/tlb.h>
#include <asm/trap.h>
#include <asm/vmap.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/random.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/kmalloc.h>
#include <mm/kmemleak.h>
#include <mm/node_daemon.h>
#include <mm/page_alloc.h>

#define LAZY_MIB  32
#define CHUNK	  16	     /* ranges that are looked at with interrupts off */
#define OTHERS_NS 100000000u /* how long vm_unmap_aliases() waits for other purges */

struct vmap_state vmap_state = { .lock = SPINLOCK_RANKED(LOCK_VMAP) };
bool vmap_purge_asked;

static DEFINE_PER_CPU(struct vmap_block *, hart_block);
static struct kmem_cache *area_cache;
static unsigned long lazy_max; /* bytes */
static unsigned block_pages;

/* What a purge has taken. */
struct purge {
	struct vm_struct *areas;
	struct vmap_block *blocks;
};

void vmalloc_init(void)
{
	unsigned long bytes = va_layout.vmalloc_bytes;
	unsigned shift = 0;

	while (nr_harts >> (shift + 1))
		shift++;
	area_cache = kmem_cache_create("vm_struct", sizeof(struct vm_struct), 0, SLAB_PANIC, NULL);
	lazy_max = min((unsigned long)(LAZY_MIB * MiB) * (1 + shift), bytes / 8);
	lazy_max = min(lazy_max, nr_managed_pages() * (2 * PAGE_SIZE));
	block_pages = VMAP_BLOCK_PAGES;
	while (block_pages * PAGE_SIZE > bytes / 64)
		block_pages /= 2;
	trap_set_fault_text(vmalloc_describe);
	vmap_tree_init(&vmap_state.tree, va_layout.vmalloc_base, va_layout.vmalloc_base + bytes,
		       (u32)get_random_long() | 1);
}

/* ---- under the lock ---- */

static struct vmap_block *block_of(struct vmap_node *node)
{
	return container_of(node, struct vmap_block, node);
}

static struct vm_struct *small_area_at(const struct vmap_block *b, unsigned long addr)
{
	unsigned long at = (addr - b->node.start) >> PAGE_SHIFT;

	for (unsigned i = 0; i < VMAP_SMALL_PAGES && i <= at; i++) {
		struct vm_struct *vm = b->at[at - i];

		if (vm)
			return addr < vm->node.end ? vm : NULL;
	}
	return NULL;
}

struct vm_struct *vmap_area_at(unsigned long addr)
{
	struct vmap_block *mine = *this_cpu_ptr(&hart_block);
	struct vmap_node *node;

	if (mine && addr - mine->node.start < mine->node.end - mine->node.start)
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
	b->current = false;
	if (!b->used)
		make_block_lazy(b);
}

static void take_from_block(struct vmap_block *b, struct vm_struct *vm, unsigned nr)
{
	vm->node.start = b->node.start + b->top * PAGE_SIZE;
	vm->node.end = vm->node.start + nr * PAGE_SIZE;
	vm->block = b;
	vm->entries = (char *)b->entries + b->top * sizeof(long);
	b->at[b->top] = vm;
	b->top = (u16)(b->top + nr);
	b->used = (u16)(b->used + nr);
}

static void give_to_block(struct vmap_block *b, struct vm_struct *vm)
{
	b->at[(vm->node.start - b->node.start) >> PAGE_SHIFT] = NULL;
	b->used = (u16)(b->used - ((vm->node.end - vm->node.start) >> PAGE_SHIFT));
	if (!b->used && !b->current)
		make_block_lazy(b);
}

static void count_area(struct vm_struct *vm)
{
	vm->addr = (void *)vm->node.start;
	vmap_state.nr_areas++;
	vmap_state.used_bytes += vm->size - PAGE_SIZE;
}

/* ---- taking addresses ---- */

/* Volatile, so that no compiler makes it a call of memset, which goes byte by byte. */
static void clear_slots(struct vm_struct *volatile *at)
{
	for (struct vm_struct *volatile *end = at + VMAP_BLOCK_PAGES; at != end; at += 4)
		at[0] = at[1] = at[2] = at[3] = NULL;
}

static struct vmap_block *new_block(gfp_t gfp)
{
	struct vmap_block *b = kmalloc(sizeof(*b), gfp);

	if (b) {
		kmemleak_ignore(b);
		b->node.kind = VMAP_BLOCK;
		b->node.state = VMAP_LIVE;
		b->top = b->used = 0;
		b->current = true;
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

static bool take_small(struct vm_struct *vm, unsigned nr, gfp_t gfp)
{
	struct vmap_block *b;
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	b = *this_cpu_ptr(&hart_block);
	if (likely(b && b->top + nr <= block_pages)) {
		take_from_block(b, vm, nr);
		count_area(vm);
		spin_unlock_irqrestore(&vmap_state.lock, flags);
		return true;
	}
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return take_new_block(vm, nr, gfp);
}

static bool take_large(struct vm_struct *vm, unsigned long align)
{
	unsigned long flags;
	bool taken;

	spin_lock_irqsave(&vmap_state.lock, flags);
	taken = vmap_tree_take(&vmap_state.tree, &vm->node, vm->size, align, PAGE_SIZE);
	if (taken)
		count_area(vm);
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return taken;
}

static bool take(struct vm_struct *vm, unsigned long align, gfp_t gfp)
{
	unsigned long nr = vm->size >> PAGE_SHIFT;

	if (nr <= VMAP_SMALL_PAGES && align <= PAGE_SIZE && take_small(vm, (unsigned)nr, gfp))
		return true;
	return take_large(vm, align);
}

struct vm_struct *get_vm_area_caller(unsigned long size, unsigned long align, u32 flags, gfp_t gfp,
				     const void *caller)
{
	struct vm_struct *vm;
	bool taken;

	gfp = (gfp & ~(GFP_ZONEMASK | __GFP_ZERO | __GFP_THISNODE)) | __GFP_NOWARN;
	align = max(align, PAGE_SIZE);
	if (!size || size > va_layout.vmalloc_bytes)
		return NULL;
	vm = kmem_cache_alloc(area_cache, gfp);
	if (!vm)
		return NULL;
	kmemleak_ignore(vm);
	vm->node.kind = VMAP_AREA;
	vm->node.state = VMAP_LIVE;
	vm->size = size + PAGE_SIZE;
	vm->flags = flags;
	vm->block = NULL;
	vm->entries = NULL;
	vm->nr_pages = vm->nr_block_pages = 0;
	vm->pages = vm->few;
	vm->phys_addr = 0;
	vm->caller = caller;
	taken = take(vm, align, gfp);
	if (unlikely(!taken) && !in_atomic()) {
		vm_unmap_aliases();
		taken = take(vm, align, gfp);
	}
	if (!taken) {
		kmem_cache_free(area_cache, vm);
		return NULL;
	}
	return vm;
}

/* ---- giving them back ---- */

struct vm_struct *vmap_area_release(const void *addr)
{
	unsigned long at = (unsigned long)addr, flags;
	struct vm_struct *vm;

	spin_lock_irqsave(&vmap_state.lock, flags);
	vm = vmap_area_at(at);
	if (unlikely(!vm || vm->node.start != at || vm->node.state != VMAP_LIVE)) {
		spin_unlock_irqrestore(&vmap_state.lock, flags);
		return NULL;
	}
	vm->flags &= ~VM_READY;
	vmap_state.nr_areas--;
	vmap_state.used_bytes -= vm->size - PAGE_SIZE;
	if (vm->block) {
		arch_vmap_clear(vm->entries, (vm->size >> PAGE_SHIFT) - 1);
		give_to_block(vm->block, vm);
		spin_unlock_irqrestore(&vmap_state.lock, flags);
	} else {
		vm->node.state = VMAP_LAZY;
		spin_unlock_irqrestore(&vmap_state.lock, flags);
		arch_vunmap(at, vm->size - PAGE_SIZE);
	}
	return vm;
}

static bool purge(bool all, bool force);

/* Too much is lazy: purge it, here or later. */
static __noinline void purge_soon(void)
{
	if (!in_atomic()) {
		purge(false, false);
		return;
	}
	if (READ_ONCE(vmap_purge_asked))
		return;
	WRITE_ONCE(vmap_purge_asked, true);
	if (READ_ONCE(node_daemon_kick))
		node_daemon_kick();
}

void vmap_purge_work(void)
{
	purge(false, false);
}

void vmap_area_put(struct vm_struct *vm)
{
	unsigned long flags;

	if (vm->block) {
		kmem_cache_free(area_cache, vm);
	} else {
		spin_lock_irqsave(&vmap_state.lock, flags);
		vm->next_lazy = vmap_state.lazy_areas;
		vmap_state.lazy_areas = vm;
		vmap_state.lazy_bytes += vm->size;
		spin_unlock_irqrestore(&vmap_state.lock, flags);
	}
	if (unlikely(READ_ONCE(vmap_state.lazy_bytes) > lazy_max))
		purge_soon();
}

bool remove_vm_area(const void *addr)
{
	struct vm_struct *vm = vmap_area_release(addr);

	if (vm)
		vmap_area_put(vm);
	return vm;
}

/* ---- purge ---- */

static bool is_mine(const struct vmap_node *node, const struct purge *p)
{
	return node->state == VMAP_PURGING && node->owner == p;
}

/* @node takes over its neighbours that are @p's, and free addresses around as far as one page table
 * reaches. */
static void claim(struct vmap_node *node, const struct purge *p)
{
	unsigned long start = node->start, end = node->end, table = arch_vmap_table_bytes();

	while (is_mine(node->prev, p)) {
		node->prev->state = VMAP_GONE;
		start = node->prev->start;
		vmap_tree_remove(&vmap_state.tree, node->prev);
	}
	while (is_mine(node->next, p)) {
		node->next->state = VMAP_GONE;
		end = node->next->end;
		vmap_tree_remove(&vmap_state.tree, node->next);
	}
	start = max(node->prev->end, ALIGN_DOWN(start, table));
	/* Not past the end of the address space. */
	end = min(node->next->start - 1, (end - 1) | (table - 1)) + 1;
	vmap_tree_resize(&vmap_state.tree, node, start, end);
}

/* What is lazy becomes @p's.  False: another purge is under way, of which what is freed now may be
 * a neighbour: then neither would see that a table is unused. */
static bool take_lazy(struct purge *p, bool force)
{
	unsigned long flags;
	bool mine;

	spin_lock_irqsave(&vmap_state.lock, flags);
	mine = force || !vmap_state.purging;
	if (mine) {
		p->areas = vmap_state.lazy_areas;
		p->blocks = vmap_state.lazy_blocks;
		vmap_state.lazy_areas = NULL;
		vmap_state.lazy_blocks = NULL;
		vmap_state.lazy_bytes = 0;
		vmap_state.purging++;
		vmap_state.purges += p->areas || p->blocks;
		vmap_purge_asked = false;
	}
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return mine;
}

/* @fn for each range of @p, a few at a time under the lock. */
static __noinline void for_ranges(struct purge *p,
				  void (*fn)(struct vmap_node *node, struct purge *p))
{
	struct vm_struct *vm = p->areas;
	struct vmap_block *b = p->blocks;
	unsigned long flags;

	while (vm || b) {
		spin_lock_irqsave(&vmap_state.lock, flags);
		for (unsigned i = 0; i < CHUNK && vm; i++, vm = vm->next_lazy)
			fn(&vm->node, p);
		for (unsigned i = 0; i < CHUNK && b; i++, b = b->next_lazy)
			fn(&b->node, p);
		spin_unlock_irqrestore(&vmap_state.lock, flags);
	}
}

static void mark_range(struct vmap_node *node, struct purge *p)
{
	node->state = VMAP_PURGING;
	node->owner = p;
}

static void claim_range(struct vmap_node *node, struct purge *p)
{
	if (node->state != VMAP_GONE)
		claim(node, p);
}

static void free_range(struct vmap_node *node, struct purge *p)
{
	if (node->state != VMAP_GONE)
		vmap_tree_remove(&vmap_state.tree, node);
	vmap_state.nr_blocks -= node->kind == VMAP_BLOCK;
}

static void free_tables(struct tlb_batch *tlb, const struct vmap_node *node)
{
	if (node->state == VMAP_GONE)
		return;
	tlb_batch_add(tlb, node->start, node->end - node->start);
	arch_vmap_free_tables(tlb, node->start, node->end);
}

static void free_nodes(struct purge *p)
{
	for (struct vm_struct *vm = p->areas, *next; vm; vm = next) {
		next = vm->next_lazy;
		kmem_cache_free(area_cache, vm);
	}
	for (struct vmap_block *b = p->blocks, *next; b; b = next) {
		next = b->next_lazy;
		kfree(b);
	}
}

/* ---- blocks of which only a part is in use ---- */

static bool is_torn(const struct vmap_node *node)
{
	const struct vmap_block *b = container_of(node, struct vmap_block, node);

	return node->kind == VMAP_BLOCK && node->state == VMAP_LIVE && !b->current;
}

/* Its areas become ranges of the tree. */
static void dissolve(struct vmap_block *b)
{
	vmap_tree_remove(&vmap_state.tree, &b->node);
	vmap_state.nr_blocks--;
	for (unsigned i = 0; i < b->top; i++) {
		struct vm_struct *vm = b->at[i];

		if (!vm)
			continue;
		vm->block = NULL;
		vmap_tree_insert(&vmap_state.tree, &vm->node);
	}
}

/* Note how much is in use of each torn block; or, after a fence, dissolve those of which nothing
 * was freed since. */
static __noinline void torn_blocks(bool fenced)
{
	unsigned long at = 0, flags;
	struct vmap_node *node;

	do {
		struct vmap_block *b = NULL;

		spin_lock_irqsave(&vmap_state.lock, flags);
		node = vmap_tree_above(&vmap_state.tree, at);
		for (unsigned i = 0; i < CHUNK && node && node != &vmap_state.tree.high; i++) {
			at = node->end;
			if (is_torn(node)) {
				b = block_of(node);
				break;
			}
			node = node->next;
		}
		if (b && !fenced) {
			b->noted = b->used;
			b = NULL;
		} else if (b && b->noted == b->used) {
			dissolve(b);
		} else {
			b = NULL;
		}
		spin_unlock_irqrestore(&vmap_state.lock, flags);
		kfree(b);
	} while (node && node != &vmap_state.tree.high);
}

/* No hart has a block any more. */
static void retire_all(void)
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

/* What is lazy becomes free; with @all, also what blocks don't use.  False: another purge is at it,
 * and nothing was done, unless with @force. */
static bool purge(bool all, bool force)
{
	struct tlb_batch tlb = TLB_BATCH_INIT;
	struct purge p;
	unsigned long flags;

	if (!take_lazy(&p, force))
		return false;
	if (all)
		torn_blocks(false);
	for_ranges(&p, mark_range);
	for_ranges(&p, claim_range);
	for (struct vm_struct *vm = p.areas; vm; vm = vm->next_lazy)
		free_tables(&tlb, &vm->node);
	for (struct vmap_block *b = p.blocks; b; b = b->next_lazy)
		free_tables(&tlb, &b->node);
	tlb.all |= all;
	tlb_batch_flush(&tlb);
	for_ranges(&p, free_range);
	if (all)
		torn_blocks(true);
	free_nodes(&p);
	spin_lock_irqsave(&vmap_state.lock, flags);
	vmap_state.purging--;
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return true;
}

void vm_unmap_aliases(void)
{
	u64 start = ktime_ns();

	might_sleep();
	retire_all();
	/* One less urgent than us may be at it, and would never be done on our hart. */
	while (!purge(true, ktime_ns() - start > OTHERS_NS))
		cpu_relax();
}
