/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kstack.c - stacks for threads: addresses, guards, pages
 *
 * The stack area is an array of slots of twice a stack's size. The upper half of a slot is the
 * stack, the lower half is never mapped:
 *
 *     | guard | stack | guard | stack | ...        slot n: stack_base + n * 2 * STACK_SIZE
 *
 * The first nr_harts slots are the harts' own (arch_stack_map).  A map says which of the others
 * are in use: two bits a slot, in chunks of a page that are added when all are full.
 *
 *     used  dirty
 *      0      0     free: not mapped, and no hart remembers that it was
 *      1      0     in use, or being made or unmade
 *      1      1     freed, still mapped: waits for others, to share a flush with them
 *
 * A flush takes dirty slots, up to DIRTY_MAX, makes them (1, 0), unmaps them, fences
 * every hart once, gives the pages back, and frees the slots.  So neither a page nor an address is
 * used again before every hart has forgotten the old mapping.
 *
 * A stack's pages are single ones for the allocator (split_page), so that a stack can be made of
 * what there is if no larger block is free.
 *
 * Invariants: dirty implies used; chunk.nr_used and nr_dirty count the bits; without slots in
 *   transit every used slot is mapped, pages and guards, and no free one is.  (kstack_validate)
 * Locking: kstack.lock (rank KSTACK, above PGTABLE) for map and counts; nothing is mapped,
 *   flushed or allocated under it.
 * Cost: a descent for each, a fence on all harts for an alloc, a share of one for a free.
 */
#include <mm/kstack.h>

#include <asm/layout.h>
#include <asm/mmu.h>
#include <asm/tlb.h>
#include <base/errno.h>
#include <kernel/panic.h>
#include <kernel/preempt.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <mm/highmem.h>
#include <mm/page_alloc.h>
#include <string.h>

#define SLOT_SIZE   (2UL * STACK_SIZE)
#define STACK_PAGES (STACK_SIZE / PAGE_SIZE)
#define STACK_ORDER (STACK_SHIFT - PAGE_SHIFT)
#define WORD_BITS   (8 * sizeof(unsigned long))
#define CHUNK_WORDS ((PAGE_SIZE - 4 * sizeof(unsigned long)) / (2 * sizeof(unsigned long)))
#define CHUNK_SLOTS (CHUNK_WORDS * WORD_BITS)
#define DIRTY_MAX   16	       /* slots that one flush takes */
#define TRANSIT_NS  100000000u /* how long kstack_flush() waits for others */

/* The state of CHUNK_SLOTS slots. */
struct chunk {
	struct chunk *next;
	unsigned long first;   /* number of the first slot */
	unsigned int nr_used;  /* bits in used[] */
	unsigned int nr_dirty; /* bits in dirty[] */
	unsigned long used[CHUNK_WORDS];
	unsigned long dirty[CHUNK_WORDS];
};
_Static_assert(sizeof(struct chunk) <= PAGE_SIZE, "a chunk is a page");

/* All under lock. */
static struct {
	spinlock_t lock;
	struct chunk *chunks, **last; /* by rising slot numbers; none is ever given back */
	unsigned int nr_dirty;
	unsigned int nr_transit; /* slots being made or unmade */
} kstack = { .lock = SPINLOCK_RANKED(LOCK_KSTACK), .last = &kstack.chunks };

static unsigned long slot_stack(unsigned long slot)
{
	return va_layout.stack_base + slot * SLOT_SIZE + STACK_SIZE;
}

/* How many slots the area has. */
static unsigned long area_slots(void)
{
	return va_layout.stack_bytes / SLOT_SIZE;
}

/* How many slots of @c the area has. */
static unsigned long chunk_slots(const struct chunk *c)
{
	return min((unsigned long)CHUNK_SLOTS, area_slots() - c->first);
}

static bool test_bit(const unsigned long *map, unsigned long bit)
{
	return map[bit / WORD_BITS] >> bit % WORD_BITS & 1;
}

static void flip_bit(unsigned long *map, unsigned long bit)
{
	map[bit / WORD_BITS] ^= 1UL << bit % WORD_BITS;
}

/* ---- the map; kstack.lock is held ---- */

static struct chunk *chunk_of(unsigned long slot)
{
	struct chunk *c = kstack.chunks;

	while (c && slot - c->first >= chunk_slots(c))
		c = c->next;
	return c;
}

/* The first clear bit of @c's used map below @limit, or @limit. */
static unsigned long first_free(const struct chunk *c, unsigned long limit)
{
	for (unsigned long i = 0; i * WORD_BITS < limit; i++) {
		unsigned long bit = i * WORD_BITS;

		if (!~c->used[i])
			continue;
		while (test_bit(c->used, bit))
			bit++;
		return min(bit, limit);
	}
	return limit;
}

/* Take a free slot; false if there is none in the chunks that there are. */
static bool take_slot(unsigned long *slot)
{
	for (struct chunk *c = kstack.chunks; c; c = c->next) {
		unsigned long limit = chunk_slots(c), bit;

		if (c->nr_used == limit)
			continue;
		bit = first_free(c, limit);
		flip_bit(c->used, bit);
		c->nr_used++;
		kstack.nr_transit++;
		*slot = c->first + bit;
		return true;
	}
	return false;
}

/* The end of a slot's transit, to free. */
static void put_slot(unsigned long slot)
{
	struct chunk *c = chunk_of(slot);

	flip_bit(c->used, slot - c->first);
	c->nr_used--;
	kstack.nr_transit--;
}

/* Take up to DIRTY_MAX dirty slots, into transit; returns how many. */
static unsigned int take_dirty(unsigned long *slots)
{
	unsigned int n = 0;

	for (struct chunk *c = kstack.chunks; c; c = c->next) {
		for (unsigned long bit = 0; n < DIRTY_MAX && c->nr_dirty && bit < chunk_slots(c);) {
			if (!c->dirty[bit / WORD_BITS]) {
				bit = (bit / WORD_BITS + 1) * WORD_BITS;
				continue;
			}
			if (test_bit(c->dirty, bit)) {
				flip_bit(c->dirty, bit);
				c->nr_dirty--;
				slots[n++] = c->first + bit;
			}
			bit++;
		}
	}
	kstack.nr_dirty -= n;
	kstack.nr_transit += n;
	return n;
}

/* ---- chunks ---- */

/* Add @c behind the last one, unless another hart did meanwhile or the area ends. */
static bool link_chunk(struct chunk *c, unsigned long first)
{
	unsigned long flags;
	bool fits;

	spin_lock_irqsave(&kstack.lock, flags);
	c->first = first;
	for (struct chunk *at = kstack.chunks; at; at = at->next)
		c->first = at->first + CHUNK_SLOTS;
	fits = c->first == first;
	if (fits) {
		*kstack.last = c;
		kstack.last = &c->next;
	}
	spin_unlock_irqrestore(&kstack.lock, flags);
	return fits;
}

/* Where the next chunk begins. */
static unsigned long next_first(void)
{
	unsigned long first = nr_harts, flags;

	spin_lock_irqsave(&kstack.lock, flags);
	for (struct chunk *c = kstack.chunks; c; c = c->next)
		first = c->first + CHUNK_SLOTS;
	spin_unlock_irqrestore(&kstack.lock, flags);
	return first;
}

/* All slots are taken: make room for more. False if memory or the area is used up. */
static bool grow(void)
{
	unsigned long first = next_first();
	struct chunk *c;

	if (first >= area_slots())
		return false;
	c = (struct chunk *)get_zeroed_page(GFP_KERNEL | __GFP_NOWARN);
	if (!c)
		return false;
	/* Another hart's is as good. */
	if (!link_chunk(c, first))
		free_pages((unsigned long)c, 0);
	return true;
}

/* ---- pages ---- */

/* Unmap a stack, or its first @pages pages, and chain the pages to *@list. */
static void unmap_stack(struct tlb_batch *tlb, unsigned long stack, unsigned long pages, u32 *list)
{
	for (unsigned long i = 0; i < pages; i++) {
		struct arch_mapping map;
		struct page *page;

		if (arch_lookup(stack + i * PAGE_SIZE, &map))
			panic("kernel stack 0x%lx: page %lu is not mapped", stack, i);
		page = phys_to_page(map.pa);
		page->next = *list;
		*list = (u32)page_index(page);
	}
	/* Leaves are pages, so nothing is split, and this can't fail. */
	if (pages && arch_unmap_batch(tlb, stack, pages * PAGE_SIZE))
		panic("kernel stack 0x%lx can't be unmapped", stack);
}

static void free_list(u32 list)
{
	while (list) {
		struct page *page = index_page(list);

		list = page->next;
		__free_page(page);
	}
}

/* Map a block of 2^STACK_ORDER pages at @stack. */
static int map_block(struct tlb_batch *tlb, unsigned long stack, struct page *block)
{
	int err = arch_map_batch(tlb, stack, page_to_phys(block), STACK_SIZE,
				 PROT_READ | PROT_WRITE, PAGE_SIZE);

	if (err)
		__free_pages(block, STACK_ORDER);
	else
		split_page(block, STACK_ORDER);
	return err;
}

/* Map single pages at @stack. */
static int map_pages(struct tlb_batch *tlb, unsigned long stack, int nid)
{
	for (unsigned long i = 0; i < STACK_PAGES; i++) {
		struct page *page = alloc_pages_node(nid, GFP_KERNEL | __GFP_NOWARN, 0);
		u32 list = 0;

		if (page && !arch_map_batch(tlb, stack + i * PAGE_SIZE, page_to_phys(page),
					    PAGE_SIZE, PROT_READ | PROT_WRITE, PAGE_SIZE))
			continue;
		if (page)
			__free_page(page);
		unmap_stack(tlb, stack, i, &list);
		tlb_batch_flush(tlb);
		free_list(list);
		return -ENOMEM;
	}
	return 0;
}

static int map_stack(unsigned long stack, int nid)
{
	struct tlb_batch tlb = TLB_BATCH_INIT;
	struct page *block = alloc_pages_node(nid, GFP_KERNEL | __GFP_NOWARN, STACK_ORDER);
	int err = block ? map_block(&tlb, stack, block) : map_pages(&tlb, stack, nid);

	/* A hart may remember that nothing was there, and can't take a fault on its stack. */
	tlb_batch_flush(&tlb);
	return err;
}

/* ---- interface ---- */

/* One flush. False if nothing was dirty. */
static bool flush_once(void)
{
	struct tlb_batch tlb = TLB_BATCH_INIT;
	unsigned long slots[DIRTY_MAX], flags;
	unsigned int n;
	u32 list = 0;

	spin_lock_irqsave(&kstack.lock, flags);
	n = take_dirty(slots);
	spin_unlock_irqrestore(&kstack.lock, flags);
	for (unsigned int i = 0; i < n; i++)
		unmap_stack(&tlb, slot_stack(slots[i]), STACK_PAGES, &list);
	tlb_batch_flush(&tlb);
	free_list(list);
	spin_lock_irqsave(&kstack.lock, flags);
	for (unsigned int i = 0; i < n; i++)
		put_slot(slots[i]);
	spin_unlock_irqrestore(&kstack.lock, flags);
	return n;
}

void kstack_flush(void)
{
	u64 start = ktime_ns();

	might_sleep();
	while (flush_once())
		;
	/* Others may be about to give back what they took; one less urgent than us never would. */
	while (READ_ONCE(kstack.nr_transit) && ktime_ns() - start < TRANSIT_NS)
		cpu_relax();
}

/* As many stacks as may wait: less where memory is short. */
static unsigned int dirty_limit(void)
{
	return (unsigned int)min(totallow_pages() / (512 * STACK_PAGES) + 1,
				 (unsigned long)DIRTY_MAX);
}

static bool try_take_slot(unsigned long *slot)
{
	unsigned long flags;
	bool taken;

	spin_lock_irqsave(&kstack.lock, flags);
	taken = take_slot(slot);
	spin_unlock_irqrestore(&kstack.lock, flags);
	return taken;
}

unsigned long kstack_alloc(int nid)
{
	unsigned long slot, flags;
	int err;

	might_sleep();
	while (!try_take_slot(&slot)) {
		if (!flush_once() && !grow())
			return 0;
	}
	do
		err = map_stack(slot_stack(slot), nid);
	while (err == -ENOMEM && flush_once());
	spin_lock_irqsave(&kstack.lock, flags);
	if (err)
		put_slot(slot);
	else
		kstack.nr_transit--;
	spin_unlock_irqrestore(&kstack.lock, flags);
	return err ? 0 : slot_stack(slot);
}

void kstack_free(unsigned long stack)
{
	unsigned long off = stack - va_layout.stack_base, slot = off / SLOT_SIZE, flags;
	struct chunk *c;
	bool full;

	might_sleep();
	spin_lock_irqsave(&kstack.lock, flags);
	c = off < va_layout.stack_bytes && off % SLOT_SIZE == STACK_SIZE && slot >= nr_harts
		    ? chunk_of(slot)
		    : NULL;
	if (!c || !test_bit(c->used, slot - c->first) || test_bit(c->dirty, slot - c->first))
		panic("kstack_free(0x%lx): that is no stack in use", stack);
	flip_bit(c->dirty, slot - c->first);
	c->nr_dirty++;
	full = ++kstack.nr_dirty >= dirty_limit();
	spin_unlock_irqrestore(&kstack.lock, flags);
	if (full)
		flush_once();
}

/* ---- validate ---- */

static bool mapped(unsigned long va)
{
	struct arch_mapping map;

	return !arch_lookup(va, &map);
}

/* What the page table says about a slot whose state doesn't change now. */
static void validate_slot(unsigned long slot, bool used)
{
	unsigned long stack = slot_stack(slot);

	for (unsigned long at = stack - STACK_SIZE; at != stack + STACK_SIZE; at += PAGE_SIZE) {
		bool expected = used && at >= stack;

		if (mapped(at) != expected)
			panic("kernel stack slot %lu, %s: page 0x%lx is %smapped", slot,
			      used ? "used" : "free", at, expected ? "not " : "");
	}
}

static void validate_chunk(const struct chunk *c)
{
	unsigned long used = 0, dirty = 0;

	for (unsigned long bit = 0; bit < CHUNK_SLOTS; bit++) {
		bool u = test_bit(c->used, bit), d = test_bit(c->dirty, bit);

		if ((d && !u) || (u && bit >= chunk_slots(c)))
			panic("kernel stack slot %lu: used %d, dirty %d, of %lu slots",
			      c->first + bit, u, d, area_slots());
		used += u;
		dirty += d;
		if (!kstack.nr_transit && (u || bit < 2 * WORD_BITS) && bit < chunk_slots(c))
			validate_slot(c->first + bit, u);
	}
	if (used != c->nr_used || dirty != c->nr_dirty)
		panic("kernel stacks from slot %lu: %lu bits used, nr_used %u; %lu dirty, nr_dirty "
		      "%u",
		      c->first, used, c->nr_used, dirty, c->nr_dirty);
}

unsigned int kstack_validate(void)
{
	unsigned int used = 0, dirty = 0;
	unsigned long flags;

	spin_lock_irqsave(&kstack.lock, flags);
	for (struct chunk *c = kstack.chunks; c; c = c->next) {
		validate_chunk(c);
		used += c->nr_used;
		dirty += c->nr_dirty;
	}
	if (dirty != kstack.nr_dirty)
		panic("kernel stacks: %u are dirty, nr_dirty is %u", dirty, kstack.nr_dirty);
	used -= dirty;
	spin_unlock_irqrestore(&kstack.lock, flags);
	return used;
}
