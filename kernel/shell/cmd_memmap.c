/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_memmap.c - memmap: each zone's pages as a map of characters, or as a list
 *
 * A zone is cut into at most MAP_CELLS cells of 2^n pages; a character says what a
 * cell's pages are.  Nothing is stored: blocks come in ascending order, so one cell is
 * filled at a time.
 *
 * `memmap --raw`, format 1, for tools/memmap:
 *
 *     memmap-raw 1
 *     zone NAME NID START_PFN END_PFN
 *     run START_PFN NR_PAGES STATE ORDER       of the zone named last, ascending
 *     end
 *
 * All numbers are decimal.  STATE: free, listed (free, on a hart's list), used, reserved.  A
 * run is neighbouring blocks of one state and order; frames in no run are holes.
 */
#include <asm/memory.h>
#include <shell/map.h>
#include <shell/shell.h>

#include <string.h>

#define MAP_COLUMNS 64
#define MAP_CELLS   (16 * MAP_COLUMNS)

/* ---- the map ---- */

#define SEEN(state) (1u << (state))
#define ANY_FREE    (SEEN(BLOCK_IS_FREE) | SEEN(BLOCK_IS_LISTED))

struct map {
	const struct map_style *style;
	const struct zone *zone;
	unsigned long start_pfn; /* of the first cell */
	unsigned shift;		 /* log2 of pages a cell */
	unsigned long cell;	 /* the one being filled */
	unsigned seen;		 /* kinds of its pages so far */
	bool in_hole;		 /* the last row had no memory */
	char row[MAP_COLUMNS + 1];
};

static unsigned state_kind(const struct memmap_block *b)
{
	return b->state;
}

static char cell_char(unsigned seen)
{
	if (!(seen & ~ANY_FREE))
		return '.';
	if (seen & ANY_FREE)
		return 'o';
	if (seen == SEEN(BLOCK_IS_DEVICE))
		return 'D';
	if (seen == SEEN(BLOCK_IS_RESERVED))
		return 'R';
	return seen == SEEN(BLOCK_IS_USED) ? '#' : '%';
}

static void finish_cell(struct map *m)
{
	unsigned column = m->cell % MAP_COLUMNS;
	unsigned long row_pfn = m->start_pfn + ((m->cell - column) << m->shift);
	bool blank;

	m->row[column] = m->seen ? m->style->cell(m->seen) : ' ';
	m->row[column + 1] = '\0';
	m->seen = 0;
	m->cell++;
	if (column < MAP_COLUMNS - 1)
		return;
	blank = strspn(m->row, " ") == MAP_COLUMNS;
	if (!blank)
		shell_printf("  %9llx |%s|\n", PA(PFN_PHYS(row_pfn)), m->row);
	else if (!m->in_hole)
		shell_puts("          *\n");
	m->in_hole = blank;
}

static bool map_block(const struct memmap_block *b, void *arg)
{
	struct map *m = arg;
	unsigned long first = (b->pfn - m->start_pfn) >> m->shift;
	unsigned long last = (b->pfn + b->nr_pages - 1 - m->start_pfn) >> m->shift;

	if (b->zone != m->zone && b->state != BLOCK_IS_DEVICE)
		return false; /* another node's, inside this one's span */
	while (m->cell < first)
		finish_cell(m);
	for (;;) {
		m->seen |= 1u << m->style->kind(b);
		if (m->cell >= last)
			break;
		finish_cell(m);
	}
	return shell_interrupted();
}

static int draw_zone(const struct zone *z, const struct map_style *style)
{
	struct map m = { .style = style, .zone = z };

	/* Rows begin at multiples of their size, so that addresses are round. */
	for (;; m.shift++) {
		m.start_pfn = ALIGN_DOWN(z->start_pfn, (unsigned long)MAP_COLUMNS << m.shift);
		if (z->end_pfn - m.start_pfn <= (unsigned long)MAP_CELLS << m.shift)
			break;
	}
	shell_printf("Node %d, zone %s: %llu KiB a character\n", z->nid, z->name, 4ULL << m.shift);
	if (memmap_walk(z->start_pfn, z->end_pfn, map_block, &m))
		return -EINTR;
	finish_cell(&m);
	while (m.cell % MAP_COLUMNS)
		finish_cell(&m);
	return 0;
}

int map_draw(const struct map_style *style)
{
	const struct zone *z;
	int ret = 0;

	for_each_zone(z) {
		ret = draw_zone(z, style);
		if (ret)
			break;
	}
	return ret;
}

static int draw_all(void)
{
	static const struct map_style style = { state_kind, cell_char };

	if (map_draw(&style))
		return -EINTR;
	shell_puts("  . free  # used  R reserved  o free and others  % used and reserved  "
		   "D a device's  blank, *: no memory\n");
	return 0;
}

/* ---- the list ---- */

struct run {
	unsigned long pfn, nr_pages;
	unsigned order;
	enum block_state state;
	const struct zone *zone;
};

static void print_run(const struct run *r)
{
	static const char *const state[] = {
		[BLOCK_IS_FREE] = "free",
		[BLOCK_IS_LISTED] = "listed",
		[BLOCK_IS_USED] = "used",
		[BLOCK_IS_RESERVED] = "reserved",
	};

	if (r->nr_pages)
		shell_printf("run %lu %lu %s %u\n", r->pfn, r->nr_pages, state[r->state], r->order);
}

static bool collect_run(const struct memmap_block *b, void *arg)
{
	struct run *r = arg;

	if (b->zone != r->zone)
		return false; /* another node's, inside this one's span */
	if (r->nr_pages && r->pfn + r->nr_pages == b->pfn && r->state == b->state &&
	    r->order == b->order) {
		r->nr_pages += b->nr_pages;
		return false;
	}
	print_run(r);
	r->pfn = b->pfn;
	r->nr_pages = b->nr_pages;
	r->order = b->order;
	r->state = b->state;
	return shell_interrupted();
}

static int list_all(void)
{
	const struct zone *z;

	shell_puts("memmap-raw 1\n");
	for_each_zone(z) {
		struct run r = { .zone = z };

		shell_printf("zone %s %d %lu %lu\n", z->name, z->nid, z->start_pfn, z->end_pfn);
		if (memmap_walk(z->start_pfn, z->end_pfn, collect_run, &r))
			return -EINTR;
		print_run(&r);
	}
	shell_puts("end\n");
	return 0;
}

static int run_memmap(int argc, char **argv)
{
	if (argc == 1)
		return draw_all();
	if (argc == 2 && !strcmp(argv[1], "--raw"))
		return list_all();
	return SHELL_USAGE;
}

static void complete_memmap(const char *prefix, shell_offer_fn offer, void *ctx)
{
	(void)prefix;
	offer(ctx, "--raw");
}

static const struct shell_cmd cmd_memmap = {
	.name = "memmap",
	.usage = "[--raw]",
	.help = "a map of every zone's pages",
	.run = run_memmap,
	.complete = complete_memmap,
};
TABLE_ENTRY(shell_cmd, cmd_memmap);
