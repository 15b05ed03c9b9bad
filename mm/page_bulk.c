/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_bulk.c - many single pages at once
 *
 * What alloc_page() and put_page() do for each page, with the hart's list in registers for up to
 * CHUNK pages: interrupts stay off that long at most.  Whatever is no hit goes the usual way.
 *
 * Cost: 13 instructions a page to take, 13 to give.
 * Locking: as page_alloc.c.
 */
#include <mm/page_alloc.h>

#include <asm/irqflags.h>
#include <kernel/fault_inject.h>
#include <kernel/percpu.h>
#include "internal.h"
#include "pcp.h"

#define CHUNK 64

/* Debug builds look at each page that comes back. */
#ifdef CONFIG_DEBUG_VM
#define MAY_HIT false
#else
#define MAY_HIT true
#endif

/*
 * Fill the empty slots of pages[0 .. nr) from this hart's list while it has pages; the first slot
 * that is still to do.  Interrupts off.
 */
static struct page **take_hits(struct pcp_list *list, struct page **slot, struct page **end)
{
	struct page **top = list->top;

	for (; slot != end; slot++) {
		struct page *page = *top;

		if (unlikely(*slot))
			continue;
		if (unlikely(!page))
			break;
		top--;
		page->_refcount = 1;
		page->mapping_word = 0;
		page->index = 0;
		*slot = page;
	}
	list->top = top;
	return slot;
}

/* Up to CHUNK pages; the first slot that is still to do. */
static __always_inline struct page **take_chunk(gfp_t gfp, struct page **slot, struct page **end)
{
	unsigned long flags;

	local_irq_save(flags);
	hart_barrier();
	slot = take_hits(this_hart->pcp_first[gfp_pcp_key(gfp)], slot, end);
	local_irq_restore(flags);
	return slot;
}

/* pages[0 .. @slot) are there. */
static __noinline unsigned long alloc_rest(gfp_t gfp, struct page **slot, struct page **end,
					   struct page **pages)
{
	while (slot != end) {
		struct page **until = slot + min((unsigned long)(end - slot), (unsigned long)CHUNK);

		if (likely(!(gfp & GFP_NOT_HIT))) {
			slot = take_chunk(gfp, slot, until);
			if (slot == until)
				continue;
		}
		if (!*slot)
			*slot = alloc_page(gfp);
		if (!*slot)
			break;
		slot++;
	}
	return (unsigned long)(slot - pages);
}

FAULT_POINT(fail_page_bulk, "alloc_pages_bulk(), whose hits fail_page_alloc doesn't see");

unsigned long alloc_pages_bulk(gfp_t gfp, unsigned long nr, struct page **pages)
{
	struct page **slot = pages, **end = pages + nr;

	if (should_fail(fail_page_bulk, nr * PAGE_SIZE))
		return 0;
	if (likely(nr <= CHUNK && !(gfp & GFP_NOT_HIT))) {
		slot = take_chunk(gfp, slot, end);
		if (likely(slot == end))
			return nr;
	}
	return alloc_rest(gfp, slot, end, pages);
}

/* Pages of one block word and zone onto the list of that word; the first that isn't, or has no
 * room.  Interrupts off. */
static __always_inline struct page **give_hits(struct page **slot, struct page **end)
{
	u64 word0 = (*slot)->word0;
	u32 block = (*slot)->block;
	struct zone_pcp *pcp = this_hart->pcp_zone[(u32)word0 >> PAGE_ZONE_SHIFT];
	u32 type = block - pcp->used;
	struct page **top, **full;
	struct pcp_list *list;

	if (word0 != pcp->word0 || (type & ~BLOCK_TYPE_MASK))
		return slot;
	list = &pcp->list[type >> BLOCK_TYPE_SHIFT][0];
	top = list->top;
	full = list->full;
	for (; slot != end; slot++) {
		struct page *page = *slot;

		if (unlikely(page->word0 != word0 || page->block != block || top == full))
			break;
		*++top = page;
		page->_refcount = 0;
	}
	list->top = top;
	return slot;
}

/* Up to CHUNK pages; the first that is still to do. */
static __always_inline struct page **give_chunk(struct page **slot, struct page **end)
{
	unsigned long flags;

	local_irq_save(flags);
	hart_barrier();
	slot = give_hits(slot, end);
	local_irq_restore(flags);
	return slot;
}

static __noinline void release_rest(struct page **slot, struct page **end)
{
	while (slot != end) {
		struct page **until = slot + min((unsigned long)(end - slot), (unsigned long)CHUNK);

		if (MAY_HIT) {
			slot = give_chunk(slot, until);
			if (slot == until)
				continue;
		}
		put_page(*slot++);
	}
}

void release_pages(struct page **pages, unsigned long nr)
{
	struct page **end = pages + nr;

	if (MAY_HIT && nr - 1 < CHUNK) {
		pages = give_chunk(pages, end);
		if (likely(pages == end))
			return;
	}
	release_rest(pages, end);
}
