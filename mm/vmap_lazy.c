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
 * frees where no fence can be made leaves it to a thread (vmap_purge_asked).
 *
 * Locking: vmap_state.lock (rank VMAP), for a few ranges at a time; fences without it.  One purge
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
#include <mm/node_daemon.h>

#define CHUNK	  16	     /* ranges that are looked at with interrupts off */
#define OTHERS_NS 100000000u /* how long vm_unmap_aliases() waits for other purges */

bool vmap_purge_asked;

/* What a purge has taken. */
struct purge {
	struct vm_struct *areas;
	struct vmap_block *blocks;
};

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
	while (purge(false, false) && READ_ONCE(vmap_purge_asked))
		;
}

void vmap_purge_soon(void)
{
	if (!in_atomic()) {
		purge_asked();
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
	purge_asked();
}

void vm_unmap_aliases(void)
{
	u64 start = ktime_ns();

	might_sleep();
	vmap_retire_all();
	/* One less urgent than us may be at it, and would never be done on our hart. */
	while (!purge(true, ktime_ns() - start > OTHERS_NS))
		cpu_relax();
	if (READ_ONCE(vmap_purge_asked))
		purge_asked();
}
