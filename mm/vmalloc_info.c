/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmalloc_info.c - what areas there are, what an address has to do with them, and whether all is
 * sound
 *
 * Whoever walks over all areas lets the lock go after a few ranges or pages, and goes on at the
 * address where he was: what stays meanwhile is seen, what comes or goes may be.
 *
 * Cost: vmalloc_validate() looks up each mapped page.
 */
#include "vmap.h"

#include <kernel/panic.h>
#include <kernel/symbols.h>
#include <mm/page_alloc.h>
#include <stdio.h>
#include <string.h>

/* With interrupts off, at most: */
#define CHUNK	      8 /* ranges that are looked at */
#define PAGES_AT_ONCE 6 /* pages that are looked up */

#define NOWHERE (~0UL)

struct vm_struct *find_vm_area(const void *addr)
{
	struct vm_struct *vm;
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	vm = vmap_area_at((unsigned long)addr);
	if (vm && vm->node.state != VMAP_LIVE)
		vm = NULL;
	spin_unlock_irqrestore(&vmap_state.lock, flags);
	return vm;
}

void vmalloc_info(struct vmalloc_info *info)
{
	unsigned long flags;

	spin_lock_irqsave(&vmap_state.lock, flags);
	*info = (struct vmalloc_info){
		.total = va_layout.vmalloc_bytes,
		.used = vmap_state.used_bytes - vmap_state.nr_areas * PAGE_SIZE,
		.largest = vmap_tree_largest(&vmap_state.tree),
		.areas = vmap_state.nr_areas,
		.blocks = vmap_state.nr_blocks,
		.lazy = vmap_state.lazy_bytes,
		.purges = vmap_state.purges,
	};
	spin_unlock_irqrestore(&vmap_state.lock, flags);
}

/* The first small area of @b at @at or above. */
static struct vm_struct *small_area_above(const struct vmap_block *b, unsigned long at)
{
	unsigned long i = at > b->base ? (at - b->base) >> PAGE_SHIFT : 0;

	for (; i < b->top; i++)
		if (b->at[i])
			return b->at[i];
	return NULL;
}

/* The first live area that begins at *@at or above.  The lock is held, so only a few ranges, or one
 * block, are looked at: NULL, and *@at is where to go on; NOWHERE: there is none. */
static struct vm_struct *area_above(unsigned long *at)
{
	struct vmap_node *node = vmap_tree_above(&vmap_state.tree, *at);

	for (unsigned i = 0; i < CHUNK && node && node != &vmap_state.tree.high; i++) {
		struct vm_struct *vm = NULL;

		if (node->state == VMAP_LIVE && node->kind == VMAP_BLOCK) {
			vm = small_area_above(block_of(node), *at);
			i = CHUNK;
		} else if (node->state == VMAP_LIVE && node->start >= *at) {
			vm = container_of(node, struct vm_struct, node);
		}
		if (vm)
			return vm;
		*at = node->end;
		node = node->next;
	}
	if (!node || node == &vmap_state.tree.high)
		*at = NOWHERE;
	return NULL;
}

static void copy_area(struct vm_struct *copy, const struct vm_struct *vm)
{
	const char *owner;

	*copy = *vm;
	owner = copy->owner; /* it may be nobody's the next moment; the name stays */
	if (copy->flags & VM_STACK && owner) {
		copy->owner = (const char *)copy->few;
		snprintf((char *)copy->few, sizeof(copy->few), "%s", owner);
	}
}

bool vmalloc_next(unsigned long *at, struct vm_struct *copy)
{
	const struct vm_struct *vm;
	unsigned long flags;

	do {
		spin_lock_irqsave(&vmap_state.lock, flags);
		vm = area_above(at);
		if (vm) {
			copy_area(copy, vm);
			*at = vm->node.end;
		}
		spin_unlock_irqrestore(&vmap_state.lock, flags);
	} while (!vm && *at != NOWHERE);
	return vm;
}

/* ---- what an address is ---- */

/* "vmalloc area 0x...0000, made by load_table+0x1c/0x88".  @phys: of live registers, or 0. */
static void tell_area(char *text, size_t bytes, unsigned long at, phys_addr_t phys,
		      const void *caller)
{
	const char *kind = at & VM_IOREMAP ? "ioremap" : at & VM_STACK ? "stack" : "vmalloc";
	char who[KSYM_NAME], of[24] = "";

	if (phys)
		snprintf(of, sizeof(of), " of 0x%llx", PA(phys));
	snprintf(text, bytes, "%s area 0x%lx%s, made by %s", kind, at & PAGE_MASK, of,
		 symbol_format(who, sizeof(who), (unsigned long)caller));
}

/* The newest that was freed and had @addr, or NULL. */
static const struct vmap_freed *freed_at(unsigned long addr)
{
	const struct vmap_freed *f = vmap_state.freed_next, *found = NULL;

	/* From the oldest on. */
	for (unsigned i = 0; i < VMAP_FREED; i++, f = vmap_freed_after(f))
		if (addr - (f->at & PAGE_MASK) < f->size)
			found = f;
	return found;
}

static void describe_freed(unsigned long addr, char *text, size_t bytes)
{
	const struct vmap_freed *f = freed_at(addr);
	int n;

	if (!f) {
		snprintf(text, bytes, "in the vmalloc region, where no area is");
		return;
	}
	n = snprintf(text, bytes, "in the freed%s %lu bytes of ",
		     vmap_tree_find(&vmap_state.tree, addr) ? "" : " and purged",
		     f->size - PAGE_SIZE);
	tell_area(text + n, bytes - (size_t)n, f->at, 0, f->caller);
}

static const char *place_in(const struct vm_struct *vm, unsigned long addr)
{
	if (addr >= (unsigned long)vm->addr + vm->size - PAGE_SIZE)
		return "behind";
	return addr - (unsigned long)vm->addr < vm_front(vm) ? "below" : "in";
}

static void describe(unsigned long addr, char *text, size_t bytes)
{
	const struct vm_struct *vm = vmap_area_at(addr);
	int n;

	if (!vm || vm->node.state != VMAP_LIVE) {
		describe_freed(addr, text, bytes);
		return;
	}
	n = snprintf(text, bytes, "%s the %lu bytes of ", place_in(vm, addr),
		     vm->size - PAGE_SIZE - vm_front(vm));
	if (vm->flags & VM_STACK)
		n += snprintf(text + n, bytes - (size_t)n, "%s's ",
			      vm->owner ? vm->owner : "nobody");
	tell_area(text + n, bytes - (size_t)n, (unsigned long)vm->addr | vm->flags,
		  vm->flags & VM_IOREMAP ? vm->phys_addr : 0, vm->caller);
}

void vmalloc_describe(unsigned long addr, char *text, size_t bytes)
{
	unsigned long flags;

	*text = '\0';
	if (!is_vmalloc_addr((void *)addr))
		return;
	local_irq_save(flags);
	if (spin_trylock_raw(&vmap_state.lock)) {
		describe(addr, text, bytes);
		spin_unlock_raw(&vmap_state.lock);
	}
	local_irq_restore(flags);
}

struct vm_struct *vmap_refuse(const void *addr, u32 kinds)
{
	const char *what = kinds & VM_ALLOC ? "vfree" : kinds & VM_MAP ? "vunmap" : "iounmap";

	if (kinds != ~0u)
		warn_at(__FILE__, __LINE__, "%s(%p): no area begins there", what, addr);
	return NULL;
}

/* ---- validate ---- */

static void check_page(const struct vm_struct *vm, unsigned long i)
{
	unsigned long va = vm->node.start + i * PAGE_SIZE, front = vm_front(vm) / PAGE_SIZE;
	struct arch_mapping map;
	bool mapped = !arch_lookup(va, &map);

	if (i == vm->size / PAGE_SIZE - 1 || i < front) {
		if (mapped)
			panic("vmalloc area 0x%lx: its guard is mapped to 0x%llx", vm->node.start,
			      PA(map.pa));
		return;
	}
	if (!mapped)
		panic("vmalloc area 0x%lx: page %lu isn't mapped", vm->node.start, i);
	i -= front;
	if (i < vm->nr_pages && map.pa != page_to_phys(vm->pages[i]))
		panic("vmalloc area 0x%lx: page 0x%lx is 0x%llx, not 0x%llx", vm->node.start, va,
		      PA(map.pa), PA(page_to_phys(vm->pages[i])));
}

/* Where a walk over all ranges is. */
struct walk {
	unsigned long at;	     /* everything below was looked at */
	unsigned long nodes, blocks; /* so many were */
};

/* The live area that *@at lies in, some of whose pages were looked at. */
static struct vm_struct *begun_area(unsigned long at)
{
	struct vm_struct *vm = vmap_area_at(at);

	return vm && vm->node.state == VMAP_LIVE && vm->node.start < at ? vm : NULL;
}

/* Some pages of @vm from @at on; where the next one is. */
static unsigned long check_pages(const struct vm_struct *vm, unsigned long at)
{
	unsigned long i = at > vm->node.start ? (at - vm->node.start) >> PAGE_SHIFT : 0;
	unsigned long nr = min(vm->size / PAGE_SIZE, i + PAGES_AT_ONCE);

	if (!(__atomic_load_n(&vm->flags, __ATOMIC_ACQUIRE) & VM_READY))
		return vm->node.end;
	for (; i < nr; i++)
		check_page(vm, i);
	return vm->node.start + nr * PAGE_SIZE;
}

/* Areas whose first pages were among those that were looked at: some from *@at on, which moves. */
static unsigned check_area(unsigned long *at)
{
	const struct vm_struct *vm = begun_area(*at);
	bool begun = vm;

	if (!vm)
		vm = area_above(at);
	if (!vm)
		return 0;
	if (vm->addr != (void *)vm->node.start || vm->node.end - vm->node.start != vm->size)
		panic("vmalloc area 0x%lx-0x%lx: addr %p, size 0x%lx", vm->node.start, vm->node.end,
		      vm->addr, vm->size);
	*at = check_pages(vm, *at);
	return !begun;
}

static void check_block(const struct vmap_block *b)
{
	unsigned used = 0, nr;

	for (unsigned i = 0; i < VMAP_BLOCK_PAGES; i += nr) {
		const struct vm_struct *vm = b->at[i];

		nr = 1;
		if (!vm)
			continue;
		nr = (unsigned)(vm->size >> PAGE_SHIFT);
		used += nr;
		if (vm->block != b || vm->node.start != b->base + i * PAGE_SIZE || i >= b->top)
			panic("vmalloc block 0x%lx: area 0x%lx in slot %u, top %u", b->base,
			      vm->node.start, i, b->top);
	}
	if (used != b->used)
		panic("vmalloc block 0x%lx: %u pages are in use, used is %u", b->base, used,
		      b->used);
}

/* A few ranges.  False: they were the last ones. */
static bool check_ranges(struct walk *w)
{
	const struct vmap_node *node = vmap_tree_above(&vmap_state.tree, w->at);
	const char *fault;

	for (unsigned i = 0; i < CHUNK && node && node != &vmap_state.tree.high; i++) {
		bool block = node->kind == VMAP_BLOCK && node->state == VMAP_LIVE;

		if (block && i)
			break; /* that's a turn of its own */
		fault = vmap_tree_check_node(node);
		if (fault)
			panic("vmalloc range 0x%lx: %s", node->start, fault);
		if (block) {
			check_block(container_of(node, struct vmap_block, node));
			w->blocks++;
			i = CHUNK;
		}
		w->nodes++;
		w->at = node->end;
		node = node->next;
	}
	return node && node != &vmap_state.tree.high;
}

/* The lock is held since the last range. */
static void check_counts(const struct walk *w)
{
	const char *fault = vmap_tree_check_ends(&vmap_state.tree, w->nodes);

	if (fault)
		panic("vmalloc: %s", fault);
	if (w->blocks > vmap_state.nr_blocks)
		panic("vmalloc: %lu blocks, nr_blocks %lu", w->blocks, vmap_state.nr_blocks);
}

/* The ranges of the tree, in turns.  What is counted must be right if nothing changed meanwhile:
 * what is taken changes the tree's random number, what is given back the number of its nodes. */
static void check_tree(void)
{
	const struct vmap_tree *tree = &vmap_state.tree;
	struct walk w = { 0 };
	unsigned long flags, nr;
	bool more;
	u32 random;

	spin_lock_irqsave(&vmap_state.lock, flags);
	nr = tree->nr;
	random = tree->random;
	for (;;) {
		more = check_ranges(&w);
		if (!more && nr == tree->nr && random == tree->random)
			check_counts(&w);
		spin_unlock_irqrestore(&vmap_state.lock, flags);
		if (!more)
			return;
		spin_lock_irqsave(&vmap_state.lock, flags);
	}
}

unsigned long vmalloc_validate(void)
{
	unsigned long at = 0, nr = 0, flags;

	check_tree();
	while (at != NOWHERE) {
		spin_lock_irqsave(&vmap_state.lock, flags);
		nr += check_area(&at);
		spin_unlock_irqrestore(&vmap_state.lock, flags);
	}
	return nr;
}
