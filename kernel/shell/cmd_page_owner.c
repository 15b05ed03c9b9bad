/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_page_owner.c - page_owner: who has memory, by callers, as a picture, or one page's story
 *
 * Records are read while harts go on: figures are not of one moment.
 */
#include <asm/memory.h>
#include <kernel/symbols.h>
#include <lib/parse.h>
#include <mm/page_alloc.h>
#include <mm/page_debug.h>
#include <mm/page_ext.h>
#include <shell/map.h>
#include <shell/shell.h>

#include <string.h>

/* The record of a used block; false if there's none. */
static bool owner_of(const struct memmap_block *b, struct page_event *alloc)
{
	const struct page_ext *ext = page_ext_get(b->pfn);
	bool known = b->state == BLOCK_IS_USED && ext && ext->free.used;

	if (known)
		*alloc = ext->alloc;
	page_ext_put(ext);
	return known;
}

/* ---- by callers ---- */

#define TOP_ORDER 2  /* of the table */
#define TOP_LINES 24 /* that are shown */

struct caller {
	u32 trace[PAGE_TRACE];
	unsigned pages, blocks;
};

struct top {
	struct caller *caller;
	unsigned nr, max;
	unsigned long pages, others; /* found; without a place in the table, or without a record */
};

static bool count_block(const struct memmap_block *b, void *arg)
{
	struct page_event alloc;
	bool known = owner_of(b, &alloc);
	struct top *top = arg;
	unsigned i = 0;

	if (b->state != BLOCK_IS_USED)
		return false;
	top->pages += b->nr_pages;
	while (known && i < top->nr &&
	       memcmp(top->caller[i].trace, alloc.trace, sizeof(alloc.trace)))
		i++;
	if (!known || i == top->max) {
		top->others += b->nr_pages;
		return false;
	}
	if (i == top->nr) {
		top->caller[i] = (struct caller){ 0 };
		memcpy(top->caller[i].trace, alloc.trace, sizeof(alloc.trace));
		top->nr++;
	}
	top->caller[i].pages += (unsigned)b->nr_pages;
	top->caller[i].blocks++;
	return shell_interrupted();
}

/* The caller with most pages, which is taken out. */
static struct caller take_most(const struct top *top)
{
	struct caller *most = top->caller, found;

	for (unsigned i = 1; i < top->nr; i++)
		if (top->caller[i].pages > most->pages)
			most = &top->caller[i];
	found = *most;
	most->pages = 0;
	return found;
}

static int show_top(void)
{
	struct top top = { .max = (unsigned)((PAGE_SIZE << TOP_ORDER) / sizeof(struct caller)) };
	unsigned long addr = __get_free_pages(GFP_KERNEL, TOP_ORDER);

	if (!addr)
		return -ENOMEM;
	top.caller = (struct caller *)addr;
	memmap_walk(0, ~0UL, count_block, &top);
	shell_printf("   pages  blocks  callers, innermost first\n");
	for (unsigned i = 0; i < min(top.nr, (unsigned)TOP_LINES); i++) {
		struct caller c = take_most(&top);
		char text[224];

		shell_printf("%8u %7u  %s\n", c.pages, c.blocks,
			     symbol_trace(c.trace, PAGE_TRACE, text, sizeof(text)));
	}
	shell_printf("%8lu pages by %u callers, %lu by others\n", top.pages, top.nr, top.others);
	free_pages(addr, TOP_ORDER);
	return 0;
}

/* ---- a picture ---- */

static const char kind_chars[] = ".RUMCTSD"; /* index: kind; free first */

static unsigned kind_of(const struct memmap_block *b)
{
	struct page_event alloc;
	bool known = owner_of(b, &alloc);

	if (b->state == BLOCK_IS_FREE || b->state == BLOCK_IS_LISTED)
		return 0;
	if (b->state == BLOCK_IS_RESERVED)
		return 1;
	if (b->state == BLOCK_IS_DEVICE)
		return 7;
	if (b->flags & 1u << PG_table)
		return 5;
	if (b->flags & 1u << PG_slab)
		return 6;
	return !known ? 2 : alloc.gfp & __GFP_MOVABLE ? 3 : alloc.gfp & __GFP_RECLAIMABLE ? 4 : 2;
}

static char kind_cell(unsigned seen)
{
	unsigned used = seen >> 1, kind = 1;

	if (!used)
		return kind_chars[0];
	if (used & (used - 1))
		return '%';
	while (used >>= 1)
		kind++;
	/* Small letters: some of it is free. */
	return (char)(kind_chars[kind] | (seen & 1 ? 0x20 : 0));
}

static int draw(void)
{
	static const struct map_style style = { kind_of, kind_cell };

	if (map_draw(&style))
		return -EINTR;
	shell_puts("  . free  R reserved  U unmovable  M movable  C reclaimable  T page tables  "
		   "S slab  D device  % several\n  small letters: partly free\n");
	return 0;
}

/* ---- one page ---- */

static int tell(const char *word)
{
	unsigned long pfn, head;
	struct page_ext ext;
	char text[255];

	if (parse_ulong(word, &pfn))
		return SHELL_USAGE;
	if (!page_ext_find(pfn, &ext, &head)) {
		shell_printf("page_owner: nothing is known about pfn 0x%lx\n", pfn);
		return -ENOENT;
	}
	for (int freed = 0; freed < 2; freed++)
		shell_printf("%s\n", page_owner_text(pfn, freed, text, sizeof(text)));
	return 0;
}

static int run_page_owner(int argc, char **argv)
{
	if (!(page_debug & PAGE_DEBUG_OWNER)) {
		shell_puts("page_owner: off; the boot argument page_owner=on turns it on\n");
		return -ENODEV;
	}
	if (argc == 1)
		return show_top();
	if (argc != 2)
		return SHELL_USAGE;
	return strcmp(argv[1], "map") ? tell(argv[1]) : draw();
}

static const struct shell_cmd cmd_page_owner = {
	.name = "page_owner",
	.usage = "[map | PFN]",
	.help = "who has memory: the callers with most pages, a picture, one page's story",
	.run = run_page_owner,
};
TABLE_ENTRY(shell_cmd, cmd_page_owner);
