/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_debug.c - what is done to each page that is handed out or comes back, if boot arguments ask
 *
 *     a block is taken off its list            a block comes back, and is sound
 *       guard     it can be reached again        owner     who frees it
 *       poison    the pattern is still there     poison    fill with the pattern
 *       init      clear it                       init      or clear it
 *       owner     who has it                     guard     it can't be reached any more
 *       ... it's handed out                      ... it goes on a list
 *
 * All zones are told to bypass the harts' lists (BYPASS_DEBUG), so that each block comes by here.
 * Invariant: while a bit is set, it holds for each free page; page_debug_start() begins with that
 *   at boot, page_debug_fresh() for what was reserved.
 * Locking: none.  A block belongs to the caller, between its list and its user.
 * Cost: a test of page_debug off the hit paths while it's 0.
 * Not here: owners (page_owner.c), the entries of the linear map (arch/riscv/mm/guard.c).
 */
#define LOG_PREFIX "page_debug: "
#include <mm/page_debug.h>

#include <asm/mmu.h>
#include <asm/trap.h>
#include <base/errno.h>
#include <kernel/bootargs.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <lib/parse.h>
#include <mm/kmap.h>
#include <mm/page_ext.h>
#include "buddy_list.h"

#include <stdio.h>
#include <string.h>

#ifdef CONFIG_INIT_ON_ALLOC_DEFAULT_ON
#define INIT_ALLOC PAGE_DEBUG_INIT_ALLOC
#else
#define INIT_ALLOC 0
#endif
#ifdef CONFIG_INIT_ON_FREE_DEFAULT_ON
#define INIT_FREE PAGE_DEBUG_INIT_FREE
#else
#define INIT_FREE 0
#endif

u32 page_debug = INIT_ALLOC | INIT_FREE;
struct page_debug_counts page_debug_counts;

/* ---- boot arguments ---- */

/* on, off, 1, 0, or nothing, which is on. */
static int __init parse_switch(const char *value, u32 bit)
{
	if (!*value || !strcmp(value, "on") || !strcmp(value, "1"))
		page_debug |= bit;
	else if (!strcmp(value, "off") || !strcmp(value, "0"))
		page_debug &= ~bit;
	else
		return -EINVAL;
	return 0;
}

#define SWITCH(name, bit)                                                                          \
	static int __init parse_##name(const char *value)                                          \
	{                                                                                          \
		return parse_switch(value, bit);                                                   \
	}                                                                                          \
	static const struct bootarg arg_##name __initconst = { #name, parse_##name, "on or off" }; \
	TABLE_ENTRY(bootarg, arg_##name)

SWITCH(page_owner, PAGE_DEBUG_OWNER);
SWITCH(page_poison, PAGE_DEBUG_POISON);
SWITCH(debug_pagealloc, PAGE_DEBUG_GUARD);
SWITCH(init_on_alloc, PAGE_DEBUG_INIT_ALLOC);
SWITCH(init_on_free, PAGE_DEBUG_INIT_FREE);

static unsigned guard_minorder;

static int __init parse_minorder(const char *value)
{
	unsigned long order;

	if (parse_ulong(value, &order) || order > MAX_ORDER)
		return -EINVAL;
	guard_minorder = (unsigned)order;
	if (order)
		page_debug |= PAGE_DEBUG_GUARD | PAGE_DEBUG_BEHIND;
	return 0;
}

static const struct bootarg arg_minorder __initconst = { "debug_guardpage_minorder", parse_minorder,
							 "an order: smaller blocks get a guard" };
TABLE_ENTRY(bootarg, arg_minorder);

/* ---- poison ---- */

#define POISON_WORD (~0UL / 0xff * PAGE_POISON)

static void fill(struct page *page)
{
	void *addr = kmap_local_page(page);

	for (volatile unsigned long *p = addr, *end = p + PAGE_SIZE / sizeof(*p); p < end; p += 8) {
		p[0] = p[1] = p[2] = p[3] = POISON_WORD;
		p[4] = p[5] = p[6] = p[7] = POISON_WORD;
	}
	kunmap_local(addr);
}

/* @page, free till now, holds something else from byte @first to @last. */
static __cold void report_poison(const struct page *page, const u8 *bytes, unsigned first,
				 unsigned last)
{
	u8 changed = bytes[first] ^ PAGE_POISON;
	bool single = first == last && !(changed & (changed - 1));
	unsigned long pfn = page_to_pfn(page);
	char text[LOG_TEXT_MAX];
	size_t at = 0;

	__atomic_fetch_add(&page_debug_counts.poison, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&page_debug_counts.single_bit, single, __ATOMIC_RELAXED);
	if (page_reports_expected())
		return;
	for (unsigned i = first; i <= min(last, first + 15); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, " %02x", bytes[i]);
	warn_at(__FILE__, __LINE__,
		"page_debug: free page pfn 0x%lx was written to%s: bytes 0x%x to 0x%x hold%s%s, "
		"expected %02x",
		pfn, single ? ", a single bit" : "", first, last, text,
		last > first + 15 ? " ..." : "", PAGE_POISON);
	if (*page_owner_text(pfn, true, text, sizeof(text)))
		pr_err("  %s", text);
}

static void check(struct page *page)
{
	unsigned long *word = kmap_local_page(page), *end = word + PAGE_SIZE / sizeof(*word);
	const u8 *bytes = (const u8 *)word;
	unsigned first = 0, last = PAGE_SIZE - 1;

	while (word < end && likely(*word == POISON_WORD))
		word++;
	if (unlikely(word < end)) {
		while (bytes[first] == PAGE_POISON)
			first++;
		while (bytes[last] == PAGE_POISON)
			last--;
		report_poison(page, bytes, first, last);
	}
	kunmap_local(bytes);
}

/* ---- all of it ---- */

static void for_pages(struct page *page, unsigned long nr, void (*fn)(struct page *page))
{
	for (unsigned long i = 0; i < nr; i++)
		fn(page + i);
}

/* 2^order pages, as far as the linear map has them. */
static void reach(const struct page *page, unsigned long nr, bool on)
{
	if (!PageHighMem(page))
		arch_linear_valid(lowmem_page_address(page), nr, on);
}

void page_debug_alloc(struct page *page, unsigned order, gfp_t gfp)
{
	unsigned long nr = 1UL << order;

	if (page_debug & PAGE_DEBUG_GUARD)
		reach(page, nr, true);
	if (page_debug & PAGE_DEBUG_POISON)
		for_pages(page, nr, check);
	if ((page_debug & PAGE_DEBUG_INIT_ALLOC) && !(gfp & __GFP_ZERO))
		for_pages(page, nr, clear_highpage);
	if (page_debug & PAGE_DEBUG_OWNER)
		page_owner_alloc(page, order, gfp);
}

/* @page and the @nr - 1 after it are free from now on. */
static void make_free(struct page *page, unsigned long nr)
{
	if (page_debug & PAGE_DEBUG_POISON)
		for_pages(page, nr, fill);
	else if (page_debug & PAGE_DEBUG_INIT_FREE)
		for_pages(page, nr, clear_highpage);
	if (page_debug & PAGE_DEBUG_GUARD)
		reach(page, nr, false);
}

void page_debug_free(struct page *page, unsigned order)
{
	if (page_debug & PAGE_DEBUG_OWNER)
		page_owner_free(page, order);
	make_free(page, 1UL << order);
}

void page_debug_fresh(unsigned long start_pfn, unsigned long end_pfn)
{
	make_free(pfn_to_page(start_pfn), end_pfn - start_pfn);
}

/* ---- guards behind blocks ---- */

struct page *page_guard_take(struct zone *zone, unsigned order, unsigned type)
{
	struct page *page, *guard;
	struct page_ext *ext;

	if (order >= guard_minorder || order == MAX_ORDER)
		return buddy_take(zone, order, type);
	page = buddy_take(zone, order + 1, type);
	if (!page)
		return buddy_take(zone, order, type);
	guard = page + (1UL << order);
	guard->word0 = zone->word0;
	guard->block = --page->block;
	ext = page_ext_get(page_to_pfn(guard));
	ext->free = (struct page_event){ .order = (u8)order, .guard = true };
	page_ext_put(ext);
	return page;
}

/* Does @page head a used block that is a guard?  @ends: then it isn't any more. */
static bool is_guard(const struct zone *zone, const struct page *page, bool ends)
{
	struct page_ext *ext = page_ext_get(page_to_pfn(page));
	bool guard = ext && ext->free.guard &&
		     block_word_is_used(page->block, zone->mark, ext->free.order);

	if (guard && ends)
		ext->free.guard = false;
	page_ext_put(ext);
	return guard;
}

void page_guard_release(struct zone *zone, struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	while (page_debug & PAGE_DEBUG_BEHIND) {
		int order = (int)block_order(memmap_block_of(pfn));
		struct page *guard = buddy_of(memmap_block_of(pfn), order);

		if (order == MAX_ORDER || block_order(guard) != (unsigned)order ||
		    !is_guard(zone, guard, true))
			break;
		block_merge(zone, guard, order, pageblock_type(zone, guard));
		zone->nr_free += 1UL << order;
	}
}

/* ---- boot ---- */

/* Why can't @va be reached? */
static void fault_text(unsigned long va, char *text, size_t bytes)
{
	unsigned long pfn = PFN_DOWN(__pa((void *)va));
	char who[LOG_TEXT_MAX];
	const struct page *head;
	const char *what;

	if (va - va_layout.linear_base >= va_layout.low_end - va_layout.phys_base)
		return;
	head = memmap_block_of(pfn);
	if (!head)
		return;
	if (block_kind(head) != BLOCK_USED) {
		page_owner_text(pfn, true, who, sizeof(who));
		what = "free page";
	} else if (is_guard(page_zone(head), head, false)) {
		page_owner_text(page_to_pfn(head) - (1UL << block_order(head)), false, who,
				sizeof(who));
		what = "guard page";
	} else {
		return;
	}
	snprintf(text, bytes, "access to %s pfn 0x%lx%s%s", what, pfn, *who ? ", " : "", who);
}

void __init page_debug_init(void)
{
	if (page_debug & (PAGE_DEBUG_OWNER | PAGE_DEBUG_BEHIND))
		page_ext_init();
}

static bool start_block(const struct memmap_block *block, void *arg)
{
	if (block->state == BLOCK_IS_FREE || block->state == BLOCK_IS_LISTED)
		page_debug_fresh(block->pfn, block->pfn + block->nr_pages);
	return false;
}

void __init page_debug_start(void)
{
	unsigned long flags;
	struct zone *zone;

	if (!page_debug)
		return;
	memmap_walk(0, ~0UL, start_block, NULL);
	for_each_zone(zone) {
		spin_lock_irqsave(&zone->lock, flags);
		zone_bypass(zone, BYPASS_DEBUG, true);
		spin_unlock_irqrestore(&zone->lock, flags);
	}
	trap_set_fault_text(fault_text);
	pr_notice("on:%s%s%s%s%s%s", page_debug & PAGE_DEBUG_OWNER ? " page_owner" : "",
		  page_debug & PAGE_DEBUG_POISON ? " page_poison" : "",
		  page_debug & PAGE_DEBUG_GUARD ? " debug_pagealloc" : "",
		  page_debug & PAGE_DEBUG_BEHIND ? " debug_guardpage_minorder" : "",
		  page_debug & PAGE_DEBUG_INIT_ALLOC ? " init_on_alloc" : "",
		  page_debug & PAGE_DEBUG_INIT_FREE ? " init_on_free" : "");
}
