/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmap_lazy.c - addresses of the vmalloc region that were freed come back
 *
 * Lazy: unmapped, but harts may remember how it was mapped.  A purge makes all lazy ranges its own,
 * with what is free around them as far as one page table reaches, gives back the tables that are
 * wholly inside, fences all harts once, and only then are the addresses free.  vm_unmap_aliases()
 * also dissolves blocks of which only a part is in use: their areas become ranges of the tree.
 *
 * Purges happen when lazy_max bytes wait, when no addresses are left, and when asked for.  Who
 * frees where no fence can be made leaves it to a thread (vmap_work_asked), and with interrupts off
 * all of a large area but its name: its entries and pages are many.
 *
 * Locking: vmap_state.lock (rank VMAP), for a few changes of the tree at a time, so that interrupts
 *   aren't off for longer the more ranges there are; fences without it.  Between two turns a
 *   purge's ranges are its own, a block is what isn't dissolved yet, and all is sound.  One purge
 *   at a time, as a rule: each has ranges of its own (node.owner), but two that are neighbours
 *   leave an unused table for the next.
 * Cost: O(log n) a range, and a fence of all harts.
 */
#include "vmap.h"

#include <asm/tlb.h>
#include <asm/vmap.h>
#include <kernel/panic.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/kmalloc.h>
#include <mm/mm_thread.h>

/* With interrupts off, at most: */
#define CHUNK	16 /* ranges that are looked at */
#define CHANGES 2  /* changes of the tree, up to 800 instructions each among 100,000 */

#define OTHERS_NS 100000000u /* how long vm_unmap_aliases() waits for other purges */
#define WAIT_NS	  100000u    /* how often it looks whether what was deferred is done */

bool vmap_work_asked;

/* What a purge has taken. */
struct purge {
	struct vm_struct *areas;
	struct vmap_block *blocks;
	unsigned changes; /* that may still be made of the tree before the lock is let go */
};

static bool is_mine(const struct vmap_node *node, const struct purge *p)
{
	return node->state == VMAP_PURGING && node->owner == p;
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
		vmap_state.purge_asked = false;
	}
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return mine;
}

/* @fn for each range of @p, a few at a time under the lock; while it's false, for the same. */
static __noinline void for_ranges(struct purge *p,
				  bool (*fn)(struct vmap_node *node, struct purge *p))
{
	struct vm_struct *vm = p->areas;
	struct vmap_block *b = p->blocks;
	unsigned long flags;

	while (vm || b) {
		spin_lock_irqsave(&vmap_state.lock, flags);
		p->changes = CHANGES;
		for (unsigned i = 0; i < CHUNK && p->changes && (vm || b); i++) {
			if (!fn(vm ? &vm->node : &b->node, p))
				continue;
			if (vm)
				vm = vm->next_lazy;
			else
				b = b->next_lazy;
		}
		spin_unlock_irqrestore(&vmap_state.lock, flags);
	}
}

static bool mark_range(struct vmap_node *node, struct purge *p)
{
	node->state = VMAP_PURGING;
	node->owner = p;
	return true;
}

/* The addresses of @gone, a neighbour, are taken over. */
static void take_over(struct vmap_node *gone, struct purge *p)
{
	gone->state = VMAP_GONE;
	vmap_tree_remove(&vmap_state.tree, gone);
	p->changes--;
}

/* @node takes over its neighbours that are @p's, and, after the last, free addresses around as far
 * as one page table reaches.  False: there are more neighbours. */
static bool claim_range(struct vmap_node *node, struct purge *p)
{
	unsigned long start = node->start, end = node->end, table = arch_vmap_table_bytes();
	bool all;

	if (node->state == VMAP_GONE)
		return true;
	for (; p->changes && is_mine(node->prev, p); take_over(node->prev, p))
		start = node->prev->start;
	for (; p->changes && is_mine(node->next, p); take_over(node->next, p))
		end = node->next->end;
	all = p->changes;
	if (all) {
		start = max(node->prev->end, ALIGN_DOWN(start, table));
		/* Not past the end of the address space. */
		end = min(node->next->start - 1, (end - 1) | (table - 1)) + 1;
		p->changes--;
	}
	vmap_tree_resize(&vmap_state.tree, node, start, end);
	return all;
}

static bool free_range(struct vmap_node *node, struct purge *p)
{
	if (node->state != VMAP_GONE) {
		vmap_tree_remove(&vmap_state.tree, node);
		p->changes--;
	}
	vmap_state.nr_blocks -= node->kind == VMAP_BLOCK;
	return true;
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
		vmap_area_free(vm);
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

	return node->kind == VMAP_BLOCK && node->state == VMAP_LIVE && !b->of_hart;
}

/* Its first area becomes a range of the tree; the block is what is above.  True: nothing is. */
static bool dissolve(struct vmap_block *b)
{
	struct vm_struct **slot = &b->at[(b->node.start - b->base) >> PAGE_SHIFT], *vm;
	unsigned nr;

	while (!*slot)
		slot++;
	vm = *slot;
	*slot = NULL;
	nr = (unsigned)(vm->size >> PAGE_SHIFT);
	b->used -= nr;
	b->noted -= nr;
	if (b->used) {
		vmap_tree_resize(&vmap_state.tree, &b->node, vm->node.end, b->node.end);
	} else {
		vmap_tree_remove(&vmap_state.tree, &b->node);
		vmap_state.nr_blocks--;
	}
	vm->block = NULL;
	vmap_tree_insert(&vmap_state.tree, &vm->node);
	return !b->used;
}

/* Note how much is in use of @b; or, after a fence, dissolve it a little, if nothing was freed
 * since.  False: there is more to do.  @*gone: it's nothing any more. */
static bool tear(struct vmap_block *b, bool fenced, bool *gone)
{
	if (!fenced)
		b->noted = b->used;
	else if (b->noted == b->used)
		return *gone = dissolve(b);
	return true;
}

/* Of each torn block, note how much is in use, or, after a fence, dissolve it. */
static __noinline void torn_blocks(bool fenced)
{
	unsigned long at = 0, flags;
	struct vmap_node *node;

	do {
		struct vmap_block *b = NULL;
		bool gone = false;

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
		if (b && !tear(b, fenced, &gone))
			at = node->start;
		spin_unlock_irqrestore(&vmap_state.lock, flags);
		if (gone)
			kfree(b);
	} while (node && node != &vmap_state.tree.high);
}

/* What is lazy becomes free; with @all, also what blocks don't use.  False: another purge is at it,
 * and nothing was done, unless with @force. */
static bool purge(bool all, bool force)
{
	struct tlb_batch tlb = TLB_BATCH_INIT;
	struct purge p;
	unsigned long flags;
	bool torn;

	if (!take_lazy(&p, force))
		return false;
	/* What one notes of blocks is right after its own fence, so it's one at a time. */
	torn = all && (!force || READ_ONCE(vmap_state.purging) == 1);
	if (torn)
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
	if (torn)
		torn_blocks(true);
	free_nodes(&p);
	spin_lock_irqsave(&vmap_state.lock, flags);
	vmap_state.purging--;
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return true;
}

/* Again if somebody asked meanwhile, and the thread that came for it found us at it. */
static void purge_asked(void)
{
	while (purge(false, false) && READ_ONCE(vmap_state.purge_asked))
		;
}

/* ---- by a thread ---- */

/* Have vmap_work() called. */
static __cold void ask_for_work(void)
{
	smp_mb(); /* the thread clears it, then looks for what to do */
	if (READ_ONCE(vmap_work_asked))
		return;
	WRITE_ONCE(vmap_work_asked, true);
	if (READ_ONCE(node_daemon_kick))
		node_daemon_kick();
}

void vmap_purge_soon(void)
{
	if (vmap_may_fence()) {
		purge_asked();
		return;
	}
	WRITE_ONCE(vmap_state.purge_asked, true);
	ask_for_work();
}

static void end_area(struct vm_struct *vm)
{
	unsigned long flags;

	arch_vunmap(vm->node.start, vm->size - PAGE_SIZE);
	vmap_gone(vm->node.start, vm->size - PAGE_SIZE);
	vmap_put_pages(vm);
	spin_lock_irqsave(&vmap_state.lock, flags);
	vm->next_lazy = vmap_state.lazy_areas;
	vmap_state.lazy_areas = vm;
	vmap_state.lazy_bytes += vm->size;
	spin_unlock_irqrestore(&vmap_state.lock, flags);
}

static void defer(struct vm_struct *vm)
{
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	vm->next_lazy = vmap_state.deferred;
	vmap_state.deferred = vm;
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	ask_for_work();
}

static struct vm_struct *next_deferred(bool ended_one)
{
	struct vm_struct *vm;
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	vmap_state.ending -= ended_one;
	vm = vmap_state.deferred;
	if (vm) {
		vmap_state.deferred = vm->next_lazy;
		vmap_state.ending++;
	}
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return vm;
}

static __noinline void end_deferred(void)
{
	for (struct vm_struct *vm = next_deferred(false); vm; vm = next_deferred(true))
		end_area(vm);
}

/* As long as its pages are many, somebody else would wait for an interrupt. */
void vmap_end_large(struct vm_struct *vm)
{
	if (unlikely((irqs_disabled() || in_interrupt()) && READ_ONCE(node_daemon_kick))) {
		defer(vm);
		return;
	}
	end_area(vm);
	if (unlikely(READ_ONCE(vmap_state.deferred) && !READ_ONCE(vmap_state.ending)))
		end_deferred(); /* but not for the array of such a one's pages */
	if (unlikely(vmap_lazy_is_much()))
		vmap_purge_soon();
}

void vmap_work(void)
{
	WRITE_ONCE(vmap_work_asked, false);
	smp_mb(); /* whoever asks from now on is heard */
	end_deferred();
	if (READ_ONCE(vmap_state.purge_asked) || vmap_lazy_is_much())
		purge_asked();
}

/* What others have begun to end is done. */
static void wait_for_deferred(void)
{
	end_deferred();
	while (READ_ONCE(vmap_state.ending)) {
		if (mm_wait_hook)
			mm_wait_hook(WAIT_NS);
		else
			cpu_relax();
	}
}

void vm_unmap_aliases(void)
{
	u64 start = ktime_ns();

	might_sleep();
	wait_for_deferred();
	vmap_retire_all();
	/* One less urgent than us may be at it, and would never be done on our hart. */
	while (!purge(true, ktime_ns() - start > OTHERS_NS))
		cpu_relax();
	if (READ_ONCE(vmap_state.purge_asked))
		purge_asked();
}
