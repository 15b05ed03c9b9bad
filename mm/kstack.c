/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kstack.c - stacks for threads
 *
 * A stack is the upper half of a vmalloc area (VM_STACK), whose lower half is never mapped: as long
 * as no frame is larger than a stack, what overflows runs into that.
 *
 *     | guard | stack |g| guard | stack |g| ...        g: the page behind every area
 *
 * Freed, a stack stays as it is with the hart that freed it, if it has less than CACHED: the next
 * thread that is made there needs no addresses, pages or fence.  The rest goes the way of areas.
 * What stands on it doesn't matter to a thread, but it does to kmemleak, for which it's cleared.
 * vm_struct.owner is the name of whose stack it is, and NULL while it's nobody's.
 *
 * Invariants: VM_STACK areas with an owner are in use, nr_used of them; those without are in a
 *   hart's cache, or being made or unmade; pages are mapped, guards aren't.  (kstack_validate)
 * Locking: a lock for each hart's cache (rank KSTACK); nothing is called under it.
 * Cost: 150 instructions from the cache; else an area and a fence of all harts, for a stack can't
 *   take the fault that asks for an entry again (vmalloc.h).
 */
#include "vmap.h"

#include <mm/kstack.h>

#include <asm/layout.h>
#include <asm/tlb.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/preempt.h>
#include <kernel/smp.h>
#include <mm/kmap.h>
#include <mm/kmemleak.h>
#include <mm/page_alloc.h>
#include <string.h>

#define STACK_PAGES (STACK_SIZE / PAGE_SIZE)
#define CACHED	    2
#define MEM_SHARE   64 /* caches have this part of memory at most */

struct cache {
	spinlock_t lock;
	unsigned int nr;
	struct vm_struct *vm[CACHED];
};

static DEFINE_PER_CPU(struct cache, cache) = { .lock = SPINLOCK_RANKED(LOCK_KSTACK) };
static unsigned int nr_used;	 /* atomic */
static unsigned int begun, done; /* atomic: changes of owners; equal while there is none */

static unsigned long stack_of(const struct vm_struct *vm)
{
	return (unsigned long)vm->addr + STACK_SIZE;
}

/* ---- caches ---- */

static bool on_node(const struct vm_struct *vm, int nid)
{
	return nid == NUMA_NO_NODE || page_zone(vm->pages[0])->nid == nid;
}

/* One of the stacks in @c, or NULL. */
static struct vm_struct *take_cached(struct cache *c, int nid)
{
	struct vm_struct *vm = NULL;
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	for (unsigned int i = 0; i < c->nr && !vm; i++) {
		if (on_node(c->vm[i], nid)) {
			vm = c->vm[i];
			c->vm[i] = c->vm[--c->nr];
		}
	}
	spin_unlock_irqrestore(&c->lock, flags);
	return vm;
}

/* How many a hart may keep, by how much memory there is. */
static unsigned int cache_limit(void)
{
	unsigned long share = nr_managed_pages() / (MEM_SHARE * STACK_PAGES) / nr_harts;

	return (unsigned int)min(share, (unsigned long)CACHED);
}

static bool put_cached(struct vm_struct *vm)
{
	unsigned int limit = cache_limit();
	unsigned long flags;
	struct cache *c;
	bool fits;

	preempt_disable();
	c = this_cpu_ptr(&cache);
	spin_lock_irqsave(&c->lock, flags);
	fits = c->nr < limit;
	if (fits)
		c->vm[c->nr++] = vm;
	spin_unlock_irqrestore(&c->lock, flags);
	preempt_enable();
	return fits;
}

/* ---- stacks ---- */

static struct vm_struct *make(int nid, const void *caller)
{
	struct vm_struct *vm = vmap_make_stack(STACK_SIZE, nid, caller);

	/* A hart may remember that nothing was there, and can't take a fault on its stack.  Of
	 * everything, for the table may be new, too. */
	if (vm)
		tlb_flush_all();
	return vm;
}

static void drain(void)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		struct vm_struct *vm;

		while ((vm = take_cached(per_cpu_ptr(&cache, cpu), NUMA_NO_NODE)))
			vmap_destroy(vm->addr, VM_STACK);
	}
}

void kstack_flush(void)
{
	might_sleep();
	drain();
	kmap_drop_spare();
	vm_unmap_aliases();
}

unsigned long kstack_alloc(int nid)
{
	struct vm_struct *vm;

	might_sleep();
	/* Another hart's is as good, if this thread moves now. */
	vm = take_cached(this_cpu_ptr(&cache), nid);
	if (!vm)
		vm = make(nid, __builtin_return_address(0));
	if (!vm) {
		kstack_flush();
		vm = make(nid, __builtin_return_address(0));
	}
	if (!vm)
		return 0;
	/* Old pointers would hide leaks, wherever a frame has stored nothing yet. */
	if (kmemleak_on)
		memset((void *)stack_of(vm), 0, STACK_SIZE);
	__atomic_fetch_add(&begun, 1, __ATOMIC_ACQUIRE);
	__atomic_store_n(&vm->owner, "", __ATOMIC_RELEASE);
	__atomic_fetch_add(&nr_used, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&done, 1, __ATOMIC_RELEASE);
	return stack_of(vm);
}

/* The area of @stack, or NULL if it's none. */
static struct vm_struct *area_of(unsigned long stack)
{
	struct vm_struct *vm = find_vm_area((void *)stack);

	return vm && vm->flags & VM_STACK && stack_of(vm) == stack ? vm : NULL;
}

void kstack_own(unsigned long stack, const char *name)
{
	struct vm_struct *vm = area_of(stack);

	if (vm)
		__atomic_store_n(&vm->owner, name, __ATOMIC_RELEASE);
}

void kstack_free(unsigned long stack)
{
	struct vm_struct *vm = area_of(stack);

	__atomic_fetch_add(&begun, 1, __ATOMIC_ACQUIRE);
	if (!vm || !__atomic_exchange_n(&vm->owner, NULL, __ATOMIC_ACQ_REL))
		panic("kstack_free(0x%lx): that is no stack in use", stack);
	__atomic_fetch_sub(&nr_used, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&done, 1, __ATOMIC_RELEASE);
	if (!put_cached(vm))
		vmap_destroy(vm->addr, VM_STACK);
}

unsigned int kstack_validate(void)
{
	unsigned int changes, used = 0;
	unsigned long at = 0;
	struct vm_struct vm;
	bool quiet;

	vmalloc_validate();
	changes = __atomic_load_n(&done, __ATOMIC_ACQUIRE);
	quiet = changes == READ_ONCE(begun);
	while (vmalloc_next(&at, &vm))
		used += vm.flags & VM_STACK && vm.owner;
	smp_rmb();
	if (used != READ_ONCE(nr_used) && quiet && changes == READ_ONCE(begun))
		panic("kernel stacks: %u areas have an owner, nr_used is %u", used, nr_used);
	return used;
}
