/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_top.c - the callers that have most pages, for the out-of-memory report (page_owner=on)
 *
 * A table of CALLERS; one that has no place takes that of the smallest, and its count: so large
 * ones stay and are named, with a figure that may be too high by what the smallest has.
 *
 * Locking: one user at a time, who has the record of oom.c.
 */
#define LOG_PREFIX "page_alloc: "
#include "internal.h"

#include <kernel/log.h>
#include <kernel/symbols.h>
#include <mm/page_ext.h>

#include <string.h>

#define CALLERS 24
#define SHOWN	5

static struct holder {
	u32 trace[PAGE_TRACE];
	unsigned long pages;
} top[CALLERS];

static void add_trace(const u32 trace[PAGE_TRACE], unsigned long nr_pages)
{
	struct holder *at = top;

	for (struct holder *h = top; h < top + CALLERS; h++) {
		if (!memcmp(h->trace, trace, sizeof(h->trace))) {
			h->pages += nr_pages;
			return;
		}
		if (h->pages < at->pages)
			at = h;
	}
	memcpy(at->trace, trace, sizeof(at->trace));
	at->pages += nr_pages;
}

void page_top_add(const struct memmap_block *b)
{
	const struct page_ext *ext = page_ext_get(b->pfn);

	if (ext && ext->free.used)
		add_trace(ext->alloc.trace, b->nr_pages);
	page_ext_put(ext);
}

void page_top_print(void)
{
	char text[200];

	for (int i = 0; i < SHOWN; i++) {
		struct holder *most = top;

		for (struct holder *h = top; h < top + CALLERS; h++)
			if (h->pages > most->pages)
				most = h;
		if (!most->pages)
			break;
		pr_err("    %lu pages by %s", most->pages,
		       symbol_trace(most->trace, PAGE_TRACE, text, sizeof(text)));
		most->pages = 0;
	}
	memset(top, 0, sizeof(top));
}
