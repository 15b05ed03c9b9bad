/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cma.c - contiguous memory areas
 *
 * An area's pageblocks are MIGRATE_CMA: only movable pages are allocated from them, and only when
 * nothing else is left for these.  A bitmap says what cma_alloc() gave away.  It looks for a gap in
 * the bitmap, marks it, and has alloc_contig_range() empty it; where that fails because a page
 * can't be moved just now, the next gap is tried.
 *
 * Invariants: a frame whose bit is set is a used page of whoever called cma_alloc(), or being made
 *   one; the others are the buddy allocator's, free or used by movable pages.
 * Locking: cma->lock (rank CMA) for the bitmap, and nothing inside it.
 * Cost: a look at each bit, and what alloc_contig_range() costs.
 * Not here: which nodes are areas (discover.c).
 */
#define LOG_PREFIX "cma: "
#include <mm/cma.h>

#include <kernel/bootargs.h>
#include <kernel/log.h>
#include <kernel/preempt.h>
#include <lib/parse.h>
#include <mm/contig.h>
#include <mm/discover.h>
#include <mm/vmstat.h>
#include <mm/watermark.h>

#include "internal.h"

#include <stdio.h>
#include <string.h>

#define PAGEBLOCK_BYTES ((phys_addr_t)PAGE_SIZE << PAGEBLOCK_ORDER)
#define WORD_BITS	(8 * sizeof(unsigned long))

static struct {
	struct cma area[MAX_CMA_AREAS];
	unsigned nr;
	struct cma *dflt;
	phys_addr_t arg_start, arg_size; /* cma= */
} cmas;

/* ---- bits ---- */

static bool test_bit(const struct cma *cma, unsigned long bit)
{
	return cma->bitmap[bit / WORD_BITS] >> bit % WORD_BITS & 1;
}

static void change_bits(struct cma *cma, unsigned long bit, unsigned long nr)
{
	for (; nr; nr--, bit++)
		cma->bitmap[bit / WORD_BITS] ^= 1UL << bit % WORD_BITS;
}

static unsigned long bits_of(const struct cma *cma, unsigned long pages)
{
	return ALIGN_UP(pages, 1UL << cma->order_per_bit) >> cma->order_per_bit;
}

/* @nr clear bits from @bit on, the first for a frame aligned to @align pages; marked.  ~0: none. */
static unsigned long take_bits(struct cma *cma, unsigned long bit, unsigned long nr,
			       unsigned long align)
{
	unsigned long max = bits_of(cma, cma->count), i = 0;

	spin_lock(&cma->lock);
	for (; nr <= max && bit <= max - nr; bit += i + 1, i = 0) {
		if ((cma->base_pfn + (bit << cma->order_per_bit)) & (align - 1))
			continue;
		while (i < nr && !test_bit(cma, bit + i))
			i++;
		if (i == nr) {
			change_bits(cma, bit, nr);
			break;
		}
	}
	spin_unlock(&cma->lock);
	return nr && i == nr ? bit : ~0UL;
}

static void give_bits(struct cma *cma, unsigned long bit, unsigned long nr)
{
	spin_lock(&cma->lock);
	change_bits(cma, bit, nr);
	spin_unlock(&cma->lock);
}

unsigned long cma_used(struct cma *cma)
{
	unsigned long nr = 0, max = bits_of(cma, cma->count);

	spin_lock(&cma->lock);
	for (unsigned long bit = 0; bit < max; bit++)
		nr += test_bit(cma, bit);
	spin_unlock(&cma->lock);
	return nr << cma->order_per_bit;
}

/* ---- taking and giving ---- */

struct page *cma_alloc(struct cma *cma, unsigned long count, unsigned align_order, bool no_warn)
{
	unsigned long nr = bits_of(cma, count), bit = 0, pfn;
	int err = -ENOSPC;

	might_sleep();
	while ((bit = take_bits(cma, bit, nr, 1UL << align_order)) != ~0UL) {
		pfn = cma->base_pfn + (bit << cma->order_per_bit);
		err = alloc_contig_range(pfn, pfn + count, MIGRATE_CMA, GFP_KERNEL | __GFP_NOWARN);
		if (!err) {
			count_vm_event(CMA_ALLOC_SUCCESS);
			return pfn_to_page(pfn);
		}
		give_bits(cma, bit, nr);
		if (err != -EBUSY)
			break;
		bit++;
	}
	count_vm_event(CMA_ALLOC_FAIL);
	if (!no_warn)
		pr_warn("%s: no %lu pages in a row (%d): %lu of %lu are taken", cma->name, count,
			err, cma_used(cma), cma->count);
	return NULL;
}

bool cma_release(struct cma *cma, struct page *page, unsigned long count)
{
	unsigned long pfn = page ? page_to_pfn(page) : 0;

	if (pfn < cma->base_pfn || count > cma->count || pfn - cma->base_pfn > cma->count - count)
		return false;
	free_contig_range(pfn, count);
	give_bits(cma, (pfn - cma->base_pfn) >> cma->order_per_bit, bits_of(cma, count));
	return true;
}

struct cma *cma_default(void)
{
	return cmas.dflt;
}

int cma_for_each_area(int (*fn)(struct cma *cma, void *arg), void *arg)
{
	int ret = 0;

	for (unsigned i = 0; !ret && i < cmas.nr; i++)
		ret = fn(&cmas.area[i], arg);
	return ret;
}

/* ---- boot ---- */

static int __init parse_cma(const char *value)
{
	const char *at = strchr(value, '@');
	char size[24];
	size_t len = at ? (size_t)(at - value) : strlen(value);
	u64 bytes, start = 0;

	if (len >= sizeof(size))
		return -EINVAL;
	memcpy(size, value, len);
	size[len] = '\0';
	if (parse_size(size, &bytes) || (at && parse_size(at + 1, &start)))
		return -EINVAL;
	cmas.arg_size = ALIGN_UP(bytes, PAGEBLOCK_BYTES);
	cmas.arg_start = start;
	return 0;
}

static const struct bootarg arg_cma __initconst = {
	"cma", parse_cma, "SIZE or SIZE@START: memory for large allocations"
};
TABLE_ENTRY(bootarg, arg_cma);

void __init cma_reserve(void)
{
	phys_addr_t size = cmas.arg_size, start = cmas.arg_start;
	bool fits;

	if (!size)
		return;
	if (start) {
		fits = memblock_is_region_memory(start, size) &&
		       !memblock_is_region_reserved(start, size);
	} else {
		/* Taken as an early allocation, to be given its own kind. */
		start = memblock_phys_alloc_range(size, PAGEBLOCK_BYTES, 0, 0, NUMA_NO_NODE);
		fits = start && !memblock_phys_free(start, size);
	}
	if (fits && !memblock_reserve_kind(start, size, MEMBLOCK_RSRV_REUSABLE)) {
		cmas.arg_start = start;
		return;
	}
	pr_warn("no room for %llu KiB", PA(size / 1024));
	cmas.arg_size = 0;
}

/* All of [base, base + size) is reserved, and for this. */
static bool is_reusable(phys_addr_t base, phys_addr_t size)
{
	const struct memblock_region *r;
	phys_addr_t end = base + size;

	for_each_reserved_range(r) {
		if (r->base >= end || r->base + r->size <= base)
			continue;
		if (r->base > base || (r->flags & MEMBLOCK_RSRV_MASK) != MEMBLOCK_RSRV_REUSABLE)
			return false;
		base = r->base + r->size;
	}
	return base >= end;
}

/* The zone of an area that may be one. */
static struct zone *zone_of_area(phys_addr_t base, phys_addr_t size)
{
	const struct mem_segment *seg = memmap_segment(PFN_DOWN(base));

	if (!size || base % PAGEBLOCK_BYTES || size % PAGEBLOCK_BYTES || !seg ||
	    PFN_DOWN(base + size) > seg->end_pfn || !is_reusable(base, size))
		return NULL;
	return seg->zone;
}

static void free_area(struct zone *zone, phys_addr_t base, phys_addr_t size)
{
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	for (phys_addr_t pa = base; pa < base + size; pa += PAGEBLOCK_BYTES)
		*pageblock_of(zone, phys_to_page(pa)) = MIGRATE_CMA; /* heads nothing as yet */
	zone->nr_cma += PFN_DOWN(size);
	watermark_set_plenty(zone);
	spin_unlock_irqrestore(&zone->lock, flags);
	free_reserved_area(base, base + size);
}

int __init cma_init_reserved_mem(phys_addr_t base, phys_addr_t size, unsigned order_per_bit,
				 const char *name, struct cma **res)
{
	struct zone *zone = zone_of_area(base, size);
	struct cma *cma = &cmas.area[cmas.nr];
	unsigned long bytes, map;
	unsigned order = 0;

	if (!zone || order_per_bit > PAGEBLOCK_ORDER)
		return -EINVAL;
	if (cmas.nr == MAX_CMA_AREAS)
		return -ENOSPC;
	*cma = (struct cma){ .base_pfn = PFN_DOWN(base),
			     .count = PFN_DOWN(size),
			     .order_per_bit = order_per_bit };
	bytes = bits_of(cma, cma->count) / 8 + sizeof(long);
	while (PAGE_SIZE << order < bytes)
		order++;
	map = __get_free_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN, order);
	if (!map)
		return -ENOMEM;
	cma->bitmap = (unsigned long *)map;
	spin_lock_init_ranked(&cma->lock, LOCK_CMA);
	snprintf(cma->name, sizeof(cma->name), "%s", name);
	cmas.nr++;
	free_area(zone, base, size);
	if (res)
		*res = cma;
	return 0;
}

static void __init add_area(phys_addr_t base, phys_addr_t size, const char *name, bool dflt)
{
	struct cma *cma = NULL;
	int err = cma_init_reserved_mem(base, size, 0, name, &cma);

	if (err)
		pr_warn("%s: [0x%llx, 0x%llx) stays reserved: %s", name, PA(base), PA(base + size),
			err == -EINVAL ? "not whole pageblocks of one zone for it alone"
				       : "too many areas, or no memory");
	else
		pr_info("%s: %llu KiB at 0x%llx", name, PA(size / 1024), PA(base));
	if (cma && (dflt || !cmas.dflt))
		cmas.dflt = cma;
}

void __init cma_init(void)
{
	struct discover_area area;

	if (cmas.arg_size)
		add_area(cmas.arg_start, cmas.arg_size, "cma", true);
	for (unsigned i = 0; discover_reusable(i, &area); i++)
		add_area(area.range.start, area.range.end - area.range.start, area.name,
			 area.is_default && !cmas.arg_size);
}

void cma_reset(void)
{
	memset(&cmas, 0, sizeof(cmas));
}
