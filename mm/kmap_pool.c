/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmap_pool.c - kmap(): addresses of high memory that all harts may use
 *
 * A slot is a window with a count of users.  The slots of pages are found by a hash.  When the last
 * user has gone the window stays, and serves the page's next kmap(); when no slot is left, all
 * without users are emptied, with one flush on all harts.
 *
 *     free -- kmap --> users 1, 2 ... <--> users 0 -- purge, flush --> free
 *
 * Who takes rights away from a page has them emptied, too: a window is an address to write it.
 *
 * Invariants: a slot with a page is in the chain of its hash, once; a window is open exactly if its
 *   slot has a page; free slots are known to no hart (the flush comes before).
 * Locking: pool.lock (rank KMAP); the flush without it.
 * Not here: windows of a thread (kmap.c), which cost a tenth and should be used where they do.
 */
#include "kmap.h"

#include <asm/windows.h>
#include <kernel/panic.h>
#include <kernel/spinlock.h>
#include <mm/memblock.h>
#include <mm/mm_thread.h>

#define NR_SLOTS (KMAP_POOL - 1) /* one page stays empty, before the blocks of kmap.c */
#define NR_HEADS 128U
#define NONE	 0xffffU
#define WAIT_NS	 1000000U

struct slot {
	const struct page *page; /* NULL: free */
	unsigned int users;
	u16 next; /* in its chain, or of the free ones; NONE ends */
};

static struct {
	spinlock_t lock;
	u16 head[NR_HEADS];
	u16 free;
	struct slot *slot;
	unsigned long *entries;
} pool = { .lock = SPINLOCK_RANKED(LOCK_KMAP), .free = NONE };

static u16 *head_of(const struct page *page)
{
	return &pool.head[(u32)page_index(page) * 2654435761u >> 25];
}

static struct slot *find(const struct page *page)
{
	for (u16 i = *head_of(page); i != NONE; i = pool.slot[i].next)
		if (pool.slot[i].page == page)
			return &pool.slot[i];
	return NULL;
}

static void *address_of(const struct slot *slot)
{
	return (void *)(va_layout.window_base + (unsigned long)(slot - pool.slot) * PAGE_SIZE);
}

/* A free slot becomes @page's, or NULL. */
static struct slot *take(const struct page *page)
{
	u16 *head = head_of(page), i = pool.free;
	struct slot *slot;

	if (i == NONE)
		return NULL;
	slot = &pool.slot[i];
	pool.free = slot->next;
	*slot = (struct slot){ .page = page, .next = *head };
	*head = i;
	arch_window_show(pool.entries + i, page);
	tlb_flush_local_range((unsigned long)address_of(slot), PAGE_SIZE);
	return slot;
}

/* Take the slots without users out of chain @head; returns them, chained to @purged. */
static u16 purge_chain(u16 *head, u16 purged)
{
	while (*head != NONE) {
		u16 i = *head;
		struct slot *slot = &pool.slot[i];

		if (slot->users) {
			head = &slot->next;
			continue;
		}
		*head = slot->next;
		arch_window_close(pool.entries + i);
		*slot = (struct slot){ .next = purged };
		purged = i;
	}
	return purged;
}

/* Empty all slots without users; false if there are none. */
static bool purge(void)
{
	unsigned long flags;
	u16 purged = NONE, *last = &purged;

	spin_lock_irqsave(&pool.lock, flags);
	for (unsigned int i = 0; i < NR_HEADS; i++)
		purged = purge_chain(&pool.head[i], purged);
	spin_unlock_irqrestore(&pool.lock, flags);
	if (purged == NONE)
		return false;
	tlb_flush_range(va_layout.window_base, NR_SLOTS * PAGE_SIZE);
	while (*last != NONE)
		last = &pool.slot[*last].next;
	spin_lock_irqsave(&pool.lock, flags);
	*last = pool.free;
	pool.free = purged;
	spin_unlock_irqrestore(&pool.lock, flags);
	return true;
}

void kmap_flush_unused(void)
{
	if (pool.slot) /* there is high memory */
		purge();
}

void *kmap_high(struct page *page)
{
	for (;;) {
		struct slot *slot;
		unsigned long flags;

		spin_lock_irqsave(&pool.lock, flags);
		slot = find(page);
		if (!slot)
			slot = take(page);
		if (slot)
			slot->users++;
		spin_unlock_irqrestore(&pool.lock, flags);
		if (slot)
			return address_of(slot);
		if (!purge() && mm_wait_hook)
			mm_wait_hook(WAIT_NS);
	}
}

void kunmap_high(struct page *page)
{
	struct slot *slot;
	unsigned long flags;

	spin_lock_irqsave(&pool.lock, flags);
	slot = find(page);
	if (!slot || !slot->users)
		panic("kunmap: pfn 0x%lx has %u users, expected one at least", page_to_pfn(page),
		      slot ? slot->users : 0);
	slot->users--;
	spin_unlock_irqrestore(&pool.lock, flags);
}

void *kmap_address(const struct page *page)
{
	struct slot *slot;
	unsigned long flags;

	spin_lock_irqsave(&pool.lock, flags);
	slot = find(page);
	if (slot && !slot->users)
		slot = NULL;
	spin_unlock_irqrestore(&pool.lock, flags);
	return slot ? address_of(slot) : NULL;
}

void __init kmap_pool_init(unsigned long *entries)
{
	pool.entries = entries;
	pool.slot = memblock_alloc(NR_SLOTS * sizeof(*pool.slot), sizeof(long));
	for (unsigned int i = 0; i < NR_HEADS; i++)
		pool.head[i] = NONE;
	for (unsigned int i = NR_SLOTS; i--;) {
		pool.slot[i].next = pool.free;
		pool.free = (u16)i;
	}
}
