/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_owner.c - who has each page, and who had it last
 *
 * Each allocation and each release leaves an event in the side table: the calls that led to it,
 * hart, thread, time, flags.  The calls are found by reading code (arch/riscv/kernel/backtrace.c),
 * which costs some thousand instructions, so this is for finding a leak, not for every day.
 *
 * Invariant: the entry of a used block's first frame is `used` and has the block's order, from
 *   before it's handed out until it's on its way back.
 * Locking: whoever has a block writes its entry; readers see what is there.
 * Not here: the table (page_ext.c), lists of owners (kernel/shell/cmd_page_owner.c).
 */
#include <mm/page_debug.h>

#include <asm/trap.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/symbols.h>
#include <kernel/time.h>
#include <mm/page_ext.h>

#include <stdio.h>

extern char _start[];

/* This moment, but for the union. */
static void note(struct page_event *event)
{
	unsigned long pcs[PAGE_TRACE];
	unsigned nr = page_user_trace(pcs, PAGE_TRACE);

	for (unsigned i = 0; i < PAGE_TRACE; i++)
		event->trace[i] = i < nr ? (u32)(pcs[i] - (unsigned long)_start) : 0;
	event->hart = smp_processor_id();
	event->time = max(ktime_ns() >> PAGE_TIME_SHIFT, (u64)1);
	event->thread = current_thread_id();
}

void page_owner_alloc(const struct page *page, unsigned order, gfp_t gfp)
{
	struct page_ext *ext = page_ext_get(page_to_pfn(page));

	if (!ext)
		return;
	note(&ext->alloc);
	ext->alloc.gfp = gfp;
	ext->free.order = (u8)order;
	ext->free.used = true;
	ext->free.guard = false;
	page_ext_put(ext);
}

void page_owner_free(const struct page *page, unsigned order)
{
	struct page_ext *ext = page_ext_get(page_to_pfn(page));

	if (!ext)
		return;
	note(&ext->free);
	ext->free.order = (u8)order;
	ext->free.used = false;
	page_ext_put(ext);
}

void split_page_owner(struct page *page, unsigned order, unsigned new_order)
{
	unsigned long pfn = page_to_pfn(page);
	struct page_ext *first = page_ext_get(pfn);

	if (!first)
		return;
	first->free.order = (u8)new_order;
	for (unsigned long i = 1UL << new_order; i < 1UL << order; i += 1UL << new_order) {
		struct page_ext *ext = page_ext_get(pfn + i);

		*ext = *first;
		page_ext_put(ext);
	}
	page_ext_put(first);
}

void page_owner_migrate(const struct page *from, struct page *to)
{
	const struct page_ext *old = page_ext_get(page_to_pfn(from));
	struct page_ext *new = page_ext_get(page_to_pfn(to));

	if (old && new)
		new->alloc = old->alloc;
	page_ext_put(new);
	page_ext_put(old);
}

char *page_owner_text(unsigned long pfn, bool freed, char *text, size_t bytes)
{
	unsigned long head;
	struct page_ext ext;
	const struct page_event *event;
	char gfp[GFP_TEXT_LEN];
	u64 ns;
	int at;

	*text = '\0';
	if (!page_ext_find(pfn, &ext, &head))
		return text;
	event = freed ? &ext.free : &ext.alloc;
	ns = (u64)event->time << PAGE_TIME_SHIFT;
	if (!ns)
		return text;
	at = snprintf(text, bytes,
		      "%s as pfn 0x%lx order %u%s%s at %lu.%06lu by thread %u on hart %u: ",
		      freed ? "freed" : "allocated", head, ext.free.order, freed ? "" : " ",
		      freed ? "" : gfp_describe(event->gfp, gfp, sizeof(gfp)),
		      (unsigned long)(ns / 1000000000), (unsigned long)(ns % 1000000000 / 1000),
		      (unsigned)event->thread, (unsigned)event->hart);
	if ((size_t)at < bytes)
		symbol_trace(event->trace, PAGE_TRACE, text + at, bytes - (size_t)at);
	return text;
}
