/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_report.c - saying what went wrong in the page allocator
 *
 * A failed allocation is reported (oom.c) the first REPORT_FIRST times and then each
 * time the number of failures doubles; a combination of zone flags that contradicts
 * itself once; a wrong free always, with what the frame really is.
 * Locking: none; counters are updated atomically.
 */
#define LOG_PREFIX "page_alloc: "
#include <mm/page_alloc.h>

#include <kernel/log.h>
#include <kernel/panic.h>
#include <mm/oom.h>
#include <mm/folio.h>
#include <mm/page_debug.h>
#include "internal.h"

#include <stdio.h>
#include <string.h>

#define REPORT_FIRST 4

struct page_reports page_reports;
static bool expected; /* misuse on purpose: count, don't log */

void page_reports_expect(bool on)
{
	WRITE_ONCE(expected, on);
}

bool page_reports_expected(void)
{
	return READ_ONCE(expected);
}

static unsigned long count(unsigned long *counter)
{
	return __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

struct gfp_name {
	gfp_t bits;
	const char *name;
};

/* Combinations first: whatever matches wholly is named and taken out. */
static const struct gfp_name gfp_names[] = {
	{ GFP_HIGHUSER_MOVABLE, "GFP_HIGHUSER_MOVABLE" },
	{ GFP_HIGHUSER, "GFP_HIGHUSER" },
	{ GFP_USER, "GFP_USER" },
	{ GFP_KERNEL, "GFP_KERNEL" },
	{ GFP_NOFS, "GFP_NOFS" },
	{ GFP_NOIO, "GFP_NOIO" },
	{ GFP_ATOMIC, "GFP_ATOMIC" },
	{ GFP_NOWAIT, "GFP_NOWAIT" },
	{ __GFP_DMA, "__GFP_DMA" },
	{ __GFP_HIGHMEM, "__GFP_HIGHMEM" },
	{ __GFP_DMA32, "__GFP_DMA32" },
	{ __GFP_MOVABLE, "__GFP_MOVABLE" },
	{ __GFP_THISNODE, "__GFP_THISNODE" },
	{ __GFP_HIGH, "__GFP_HIGH" },
	{ __GFP_IO, "__GFP_IO" },
	{ __GFP_FS, "__GFP_FS" },
	{ __GFP_ZERO, "__GFP_ZERO" },
	{ __GFP_COMP, "__GFP_COMP" },
	{ __GFP_NOWARN, "__GFP_NOWARN" },
	{ __GFP_RECLAIMABLE, "__GFP_RECLAIMABLE" },
	{ __GFP_DIRECT_RECLAIM, "__GFP_DIRECT_RECLAIM" },
	{ __GFP_KSWAPD_RECLAIM, "__GFP_KSWAPD_RECLAIM" },
	{ __GFP_RETRY_MAYFAIL, "__GFP_RETRY_MAYFAIL" },
	{ __GFP_NOFAIL, "__GFP_NOFAIL" },
	{ __GFP_NORETRY, "__GFP_NORETRY" },
	{ __GFP_MEMALLOC, "__GFP_MEMALLOC" },
	{ __GFP_NOMEMALLOC, "__GFP_NOMEMALLOC" },
	{ __GFP_HARDWALL, "__GFP_HARDWALL" },
	{ __GFP_ACCOUNT, "__GFP_ACCOUNT" },
};

char *gfp_describe(gfp_t gfp, char *text, size_t bytes)
{
	size_t at = 0;

	snprintf(text, bytes, "0");
	for (unsigned i = 0; i < ARRAY_SIZE(gfp_names) && gfp && at < bytes; i++) {
		const struct gfp_name *n = &gfp_names[i];

		if ((gfp & n->bits) != n->bits)
			continue;
		at += (size_t)snprintf(text + at, bytes - at, "%s%s", at ? "|" : "", n->name);
		gfp &= ~n->bits;
	}
	if (gfp && at < bytes)
		snprintf(text + at, bytes - at, "%s0x%lx", at ? "|" : "", (unsigned long)gfp);
	return text;
}

/* Zone flags that exclude each other. */
static bool nonsense(gfp_t gfp)
{
	gfp &= __GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM;
	return gfp & (gfp - 1);
}

static void report_nonsense(gfp_t gfp, const void *caller)
{
	static u32 seen; /* bit: GFP_ZONEMASK part of gfp */
	u32 bit = 1U << (gfp & GFP_ZONEMASK);
	char text[GFP_TEXT_LEN];

	count(&page_reports.nonsense);
	if (READ_ONCE(expected) || (__atomic_fetch_or(&seen, bit, __ATOMIC_RELAXED) & bit))
		return;
	pr_err("%s excludes itself, asked for by %p: such a request always fails",
	       gfp_describe(gfp, text, sizeof(text)), caller);
}

void report_odd(gfp_t gfp, unsigned odd, const void *caller)
{
	static const char *const why[] = { "is two kinds of page at once",
					   "may not fail, nor wait or retry",
					   "may sleep, but its caller can't" };
	static u32 seen; /* bit: which of them */
	char text[GFP_TEXT_LEN];

	count(&page_reports.odd);
	if (!READ_ONCE(expected) &&
	    !(__atomic_fetch_or(&seen, 1U << odd, __ATOMIC_RELAXED) & 1U << odd))
		pr_err("%s %s: asked for by %p", gfp_describe(gfp, text, sizeof(text)),
		       why[odd - 1], caller);
}

void report_failure(const struct pglist_data *node, zone_mask_t reach, gfp_t gfp, unsigned order,
		    const void *caller)
{
	struct oom_control oc = { node, reach, order, gfp, caller };
	unsigned long nr = count(&page_reports.failed);
	char text[GFP_TEXT_LEN];

	if (nonsense(gfp)) {
		report_nonsense(gfp, caller);
		return;
	}
	if (gfp & __GFP_NOFAIL)
		panic("page_alloc: no block of order %u for a __GFP_NOFAIL request by %p", order,
		      caller);
	if ((gfp & __GFP_NOWARN) || READ_ONCE(expected) || (nr > REPORT_FIRST && (nr & (nr - 1))))
		return;
	if (order > MAX_ORDER)
		pr_err("order %u (%s) asked for by %p: the largest is %d", order,
		       gfp_describe(gfp, text, sizeof(text)), caller, MAX_ORDER);
	else
		report_out_of_memory(&oc, nr);
}

/* What a frame really is. */
#define FRAME_TEXT_LEN 144
static void describe_frame(unsigned long pfn, char *text, size_t bytes)
{
	const struct mem_segment *seg = memmap_segment(pfn);
	const struct page *head;
	const char *what;

	head = seg ? memmap_block_of(pfn) : NULL;
	if (!head) {
		snprintf(text, bytes, "no memory");
		return;
	}
	if (block_kind(head) != BLOCK_USED || !page_ref_count(head))
		what = "free";
	else
		what = PageReserved(head) ? "reserved" : PageHead(head) ? "compound" : "used";
	snprintf(text, bytes,
		 "page %lu of a block of order %u at pfn 0x%lx: %s, refcount %ld, "
		 "mapped %u times",
		 pfn - page_to_pfn(head), block_order(head), page_to_pfn(head), what,
		 (long)head->_refcount, (unsigned)block_maps(head));
}

/* Bit n's name is the n-th word: enum page_flag. */
static const char flag_names[] = "locked writeback referenced uptodate dirty lru active workingset "
				 "owner_priv private reclaim swapbacked unevictable mlocked "
				 "waiters slab isolated table reserved head tail found hwpoison";

static void describe_flags(u32 flags, char *text, size_t bytes)
{
	const char *name = flag_names;
	size_t at = 0;

	snprintf(text, bytes, "none");
	for (; flags && *name && at < bytes; flags >>= 1) {
		size_t length = strcspn(name, " ");

		if (flags & 1)
			at += (size_t)snprintf(text + at, bytes - at, "%s%.*s", at ? "|" : "",
					       (int)length, name);
		name += length + (name[length] == ' ');
	}
}

/* What the descriptor of @page says, and who had it: after the sentence that says what's wrong. */
static void report_state(const struct page *page)
{
	u32 flags = page->flags & (PageTail(page) ? 1U << PG_tail : PAGE_FLAGS_MASK);
	unsigned long pfn = page_to_pfn(page);
	char text[LOG_TEXT_MAX];

	if (!memmap_segment(pfn))
		return;
	describe_flags(flags, text, sizeof(text));
	pr_err("  pfn 0x%lx: flags %s, refcount %ld, block word 0x%08lx, mapping 0x%llx, "
	       "index 0x%lx, zone %s",
	       pfn, text, (long)page->_refcount, (unsigned long)page->block,
	       (unsigned long long)page->mapping_word, (unsigned long)page->index,
	       page_zone(page)->name);
	for (int freed = 0; freed < 2; freed++)
		if (*page_owner_text(pfn, freed, text, sizeof(text)))
			pr_err("  %s", text);
}

void report_bad_free(const struct page *page, unsigned order, const void *caller)
{
	unsigned long pfn = page_to_pfn(page);
	char text[FRAME_TEXT_LEN];

	count(&page_reports.bad_free);
	if (READ_ONCE(expected))
		return;
	describe_frame(pfn, text, sizeof(text));
	warn_at(__FILE__, __LINE__,
		"BUG: bad page state: free of pfn 0x%lx, order %u, by %p refused: it is %s", pfn,
		order, caller, text);
	report_state(page);
}

void report_bad_address(unsigned long addr, unsigned order, const void *caller)
{
	count(&page_reports.bad_free);
	if (!READ_ONCE(expected))
		warn_at(__FILE__, __LINE__,
			"page_alloc: free of address 0x%lx, order %u, by %p refused: it is no page "
			"of the linear map",
			addr, order, caller);
}

void report_bad_page(const struct page *page, const char *what, const void *caller)
{
	unsigned long pfn = page_to_pfn(page);
	char text[FRAME_TEXT_LEN];

	count(&page_reports.bad_page);
	if (READ_ONCE(expected))
		return;
	describe_frame(pfn, text, sizeof(text));
	warn_at(__FILE__, __LINE__, "BUG: bad page state: %s pfn 0x%lx by %p refused: it is %s",
		what, pfn, caller, text);
	report_state(page);
}

void report_not_reserved(unsigned long pfn)
{
	char text[FRAME_TEXT_LEN];

	count(&page_reports.bad_free);
	if (READ_ONCE(expected))
		return;
	describe_frame(pfn, text, sizeof(text));
	warn_at(__FILE__, __LINE__, "page_alloc: pfn 0x%lx is not reserved, so not freed: it is %s",
		pfn, text);
}
