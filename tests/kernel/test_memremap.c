/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_memremap.c - page descriptors for memory of devices
 *
 * Most cases use addresses behind all memory, where nothing is: a PRIVATE region, which nobody
 * touches but for its descriptors.  What is in the pages needs a no-map node with
 * "hartwood,device-memory" in the tree (tests/dts/qemu/device_memory.dtsi).
 */
#include <mm/memremap.h>

#include <asm/mmu.h>
#include <asm/pgtable.h>
#include <kernel/fault_inject.h>
#include <kernel/smp.h>
#include <lib/dt.h>
#include <mm/ioremap.h>
#include <mm/kmap.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>
#include <shell/ktap.h>

#include <string.h>

#define BYTES (8 * MEMREMAP_ALIGN)

static unsigned long nr_freed;

static void count_free(struct page *page)
{
	(void)page;
	__atomic_fetch_add(&nr_freed, 1, __ATOMIC_RELAXED);
}

static const struct dev_pagemap_ops ops = { .page_free = count_free };

/* The region behind all memory, its descriptors with none of memory's on a page. */
static struct dev_pagemap behind(void)
{
	phys_addr_t at = ALIGN_UP(memblock_end_of_DRAM(), (phys_addr_t)BYTES) + BYTES;

	return (struct dev_pagemap){ .range = { at, at + BYTES },
				     .type = MEMORY_DEVICE_PRIVATE,
				     .ops = &ops };
}

/* False, and the case is skipped, where descriptors end before it or nothing can be tried. */
static bool reached(struct ktap *t, const struct dev_pagemap *pgmap)
{
#ifndef CONFIG_ZONE_DEVICE
	ktap_skip(t, "needs CONFIG_ZONE_DEVICE");
	return false;
#endif
	if (pgmap->range.end + BYTES <= arch_described_end())
		return true;
	ktap_skip(t, "no addresses behind memory have descriptors here");
	return false;
}

static long registering(struct dev_pagemap *pgmap)
{
	void *at = memremap_pages(pgmap, NUMA_NO_NODE);

	return IS_ERR(at) ? PTR_ERR(at) : 0;
}

static void test_refused(struct ktap *t)
{
	const struct mem_segment *seg = &mem_segments[nr_mem_segments - 1];
	unsigned long before = nr_free_pages();
	struct dev_pagemap map = behind(), other = map;

	if (!reached(t, &map))
		return;
	map.range.start = ALIGN_DOWN(PFN_PHYS(seg->end_pfn) - 1, MEMREMAP_ALIGN);
	map.range.end = map.range.start + MEMREMAP_ALIGN;
	KTAP_EXPECT_EQ(t, registering(&map), -EBUSY);
	map.range = (struct phys_range){ other.range.start + PAGE_SIZE, other.range.end };
	KTAP_EXPECT_EQ(t, registering(&map), -EINVAL);
	map.range = (struct phys_range){ other.range.start, other.range.start };
	KTAP_EXPECT_EQ(t, registering(&map), -EINVAL);
	map.range = (struct phys_range){ ~(phys_addr_t)0 - MEMREMAP_ALIGN + 1, MEMREMAP_ALIGN };
	KTAP_EXPECT_EQ(t, registering(&map), -EINVAL);
	map.range.end = ALIGN_DOWN(~(phys_addr_t)0, MEMREMAP_ALIGN);
	KTAP_EXPECT_EQ(t, registering(&map), -EINVAL); /* empty */
	map.range.start -= MEMREMAP_ALIGN;
	KTAP_EXPECT_EQ(t, registering(&map), -ERANGE);
	KTAP_ASSERT_EQ(t, registering(&other), 0);
	map.range = (struct phys_range){ other.range.end - MEMREMAP_ALIGN,
					 other.range.end + MEMREMAP_ALIGN };
	KTAP_EXPECT_EQ(t, registering(&map), -EEXIST);
	KTAP_EXPECT_EQ(t, registering(&other), -EEXIST);
	KTAP_EXPECT_EQ(t, memunmap_pages(&map), -ENOENT);
	KTAP_EXPECT_EQ(t, memunmap_pages(&other), 0);
	KTAP_EXPECT_EQ(t, nr_free_pages(), before);
}

static bool count_device(const struct memmap_block *b, void *arg)
{
	if (b->state == BLOCK_IS_DEVICE)
		*(unsigned long *)arg += b->nr_pages;
	return false;
}

/* Descriptors come, are what they must be, and go. */
static void test_descriptors(struct ktap *t)
{
	unsigned long before = nr_free_pages(), walked = 0, pfn;
	struct dev_pagemap map = behind();
	struct arch_mapping m;
	struct page *page;

	if (!reached(t, &map))
		return;
	pfn = PFN_DOWN(map.range.start);
	page = pfn_to_page(pfn);
	KTAP_EXPECT(t, !pfn_valid(pfn));
	KTAP_ASSERT_EQ(t, registering(&map), 0);
	for (; pfn < PFN_DOWN(map.range.end); pfn++) {
		page = pfn_to_page(pfn);
		KTAP_ASSERT(t, pfn_valid(pfn) && is_zone_device_page(page));
		KTAP_ASSERT(t, pgmap_of(page) == &map && !page_count(page));
		KTAP_ASSERT_EQ(t, page_to_nid(page), numa_node_id());
	}
	KTAP_EXPECT_STREQ(t, page_zone(page)->name, "DEVICE");
	KTAP_EXPECT(t, !pfn_valid(pfn));
	KTAP_EXPECT(t, arch_lookup((unsigned long)__va(map.range.start), &m) == -ENOENT);
	KTAP_EXPECT_EQ(t, before > nr_free_pages(), 1);
	memmap_walk(0, ~0UL, count_device, &walked);
	KTAP_EXPECT_EQ(t, walked, PFN_DOWN(BYTES));
	page_alloc_validate();
	KTAP_EXPECT_EQ(t, memunmap_pages(&map), 0);
	KTAP_EXPECT(t, !pfn_valid(pfn - 1));
	KTAP_EXPECT(t, arch_lookup((unsigned long)page, &m) == -ENOENT);
	KTAP_EXPECT_EQ(t, nr_free_pages(), before);
}

/* It may be mapped once more as memory only, and that is over when the region goes. */
static void test_mappings(struct ktap *t)
{
	struct dev_pagemap map = behind();
	phys_addr_t at = map.range.start;
	struct arch_mapping m;
	struct page *page;
	void *va;

	if (!reached(t, &map))
		return;
	KTAP_ASSERT_EQ(t, registering(&map), 0);
	page = phys_to_page(at);
	KTAP_EXPECT(t, !ioremap(at + 8, 8) && !ioremap_wc(at - 1, 2));
	KTAP_EXPECT(t, !memremap(map.range.end - 1, 2, MEMREMAP_WT));
	va = memremap(at, 8, MEMREMAP_WB);
	KTAP_EXPECT(t, va != NULL);
	memunmap(va);
	if (PageHighMem(page)) {
		zone_device_page_init(page);
		va = kmap(page);
		kunmap(page);
		KTAP_EXPECT_EQ(t, arch_lookup((unsigned long)va, &m), 0);
		put_page(page);
	}
	KTAP_EXPECT_EQ(t, memunmap_pages(&map), 0);
	if (PageHighMem(page))
		KTAP_EXPECT_EQ(t, arch_lookup((unsigned long)va, &m), -ENOENT);
	va = ioremap(at, 8);
	KTAP_EXPECT(t, va != NULL);
	iounmap(va);
	vm_unmap_aliases();
}

/* No root entry of the kernel's half comes or goes, wherever the descriptors are. */
static void test_roots(struct ktap *t)
{
	static pte_t before[PTRS_PER_TABLE];
	int top = paging->levels - 1;
	unsigned long slot = level_bytes(top), changed = 0;
	struct dev_pagemap map = behind();
	phys_addr_t end = arch_described_end() - BYTES;

	if (!reached(t, &map))
		return;
	/* Behind the end of the root entry of the first descriptor, or as far as they go. */
	end = min(end,
		  PFN_PHYS(page_to_pfn((struct page *)ALIGN_UP(va_layout.vmemmap_base + 1, slot))) +
			  2 * BYTES);
	if (PFN_DOWN(end) >> 31)
		return ktap_skip(t, "all descriptors that can be had are in one root entry");
	map.range = (struct phys_range){ ALIGN_DOWN(end, BYTES) - BYTES, ALIGN_DOWN(end, BYTES) };
	memcpy(before, paging->root, sizeof(before));
	KTAP_ASSERT_EQ(t, registering(&map), 0);
	for (unsigned long i = table_index(kernel_base(), top); i < PTRS_PER_TABLE; i++)
		changed += before[i].val != paging->root[i].val;
	KTAP_EXPECT_EQ(t, changed, 0);
	KTAP_EXPECT_EQ(t, memunmap_pages(&map), 0);
	for (unsigned long i = table_index(kernel_base(), top); i < PTRS_PER_TABLE; i++)
		changed += before[i].val != paging->root[i].val;
	KTAP_EXPECT_EQ(t, changed, 0);
}

/* On all harts: users of one page, the last of whom nobody knows in advance. */
#define TURNS 200
static struct page *shared;

static void use_shared(void *arg)
{
	(void)arg;
	for (int i = 0; i < TURNS; i++)
		get_page(shared);
	for (int i = 0; i <= TURNS; i++) /* and the reference that was taken for this hart */
		put_page(shared);
}

static void test_references(struct ktap *t)
{
	unsigned long before = nr_free_pages(), bad = page_reports.bad_free;
	struct dev_pagemap map = behind();

	if (!reached(t, &map))
		return;
	KTAP_ASSERT_EQ(t, registering(&map), 0);
	nr_freed = 0;
	shared = pfn_to_page(PFN_DOWN(map.range.start) + 3);
	zone_device_page_init(shared);
	KTAP_EXPECT_EQ(t, memunmap_pages(&map), -EBUSY);
	page_ref_add(shared, (int)num_online_harts() - 1);
	on_each_hart(use_shared, NULL);
	KTAP_EXPECT_EQ(t, nr_freed, 1);
	KTAP_EXPECT_EQ(t, page_count(shared), 0);
	page_reports_expect(true);
	put_page(shared);
	page_reports_expect(false);
	KTAP_EXPECT_EQ(t, page_reports.bad_free, bad + 1);
	KTAP_EXPECT_EQ(t, nr_freed, 1);
	KTAP_EXPECT_EQ(t, memunmap_pages(&map), 0);
	KTAP_EXPECT_EQ(t, nr_free_pages(), before);
}

/* Each allocation of it fails once. */
#ifdef CONFIG_FAULT_INJECTION
static void test_failures(struct ktap *t)
{
	const struct fault_point *p = fault_find("fail_page_alloc");
	unsigned long before = nr_free_pages();
	struct dev_pagemap map = behind();
	unsigned int nth = 0;
	long err;

	if (!reached(t, &map))
		return;
	page_reports_expect(true);
	do {
		fault_arm(p, ++nth);
		err = registering(&map);
		fault_arm(p, 0);
		KTAP_EXPECT(t, !err || err == -ENOMEM);
		if (err)
			KTAP_EXPECT_EQ(t, nr_free_pages(), before);
	} while (err && nth < 100);
	page_reports_expect(false);
	KTAP_EXPECT(t, nth > PFN_DOWN(BYTES) / PFN_DOWN(MEMREMAP_ALIGN));
	KTAP_EXPECT_EQ(t, memunmap_pages(&map), 0);
	KTAP_EXPECT_EQ(t, nr_free_pages(), before);
}
#else
static void test_failures(struct ktap *t)
{
	ktap_skip(t, "needs CONFIG_FAULT_INJECTION");
}
#endif

static int find_device_memory(const struct dt_reservation *rsv, void *arg, struct dt_error *err)
{
	(void)err;
	if (rsv->no_map && dt_compatible(rsv->node, "hartwood,device-memory"))
		*(struct phys_range *)arg = rsv->range;
	return 0;
}

/* Pages of a no-map region, used as any other page, between memory on both sides. */
static void test_no_map(struct ktap *t)
{
	unsigned long before = nr_free_pages(), nr = 0;
	struct dev_pagemap map = { .type = MEMORY_DEVICE_GENERIC, .ops = &ops };
	struct dt_error ignored;
	struct arch_mapping m;

	if (dt_for_each_reservation(find_device_memory, &map.range, &ignored) || !map.range.end) {
		ktap_skip(t, "no no-map hartwood,device-memory in the device tree");
		return;
	}
	KTAP_EXPECT(t, arch_lookup((unsigned long)__va(map.range.start), &m) == -ENOENT);
	KTAP_ASSERT_EQ(t, registering(&map), 0);
	nr_freed = 0;
	for (unsigned long pfn = PFN_DOWN(map.range.start); pfn < PFN_DOWN(map.range.end); pfn++) {
		struct page *page = pfn_to_page(pfn);
		u32 *word;

		zone_device_page_init(page);
		clear_highpage(page);
		word = kmap_local_page(page);
		word[PAGE_SIZE / sizeof(*word) - 1] = (u32)pfn;
		kunmap_local(word);
		nr++;
	}
	page_alloc_validate();
	for (unsigned long pfn = PFN_DOWN(map.range.start); pfn < PFN_DOWN(map.range.end); pfn++) {
		struct page *page = pfn_to_page(pfn);
		u32 *word = kmap_local_page(page);

		KTAP_EXPECT_EQ(t, word[PAGE_SIZE / sizeof(*word) - 1], (u32)pfn);
		KTAP_EXPECT(t, !word[0]);
		KTAP_EXPECT(t, page_address(page) == (PageHighMem(page) ? NULL : word));
		kunmap_local(word);
		put_page(page);
	}
	KTAP_EXPECT_EQ(t, nr_freed, nr);
	KTAP_EXPECT_EQ(t, memunmap_pages(&map), 0);
	KTAP_EXPECT(t, arch_lookup((unsigned long)__va(map.range.start), &m) == -ENOENT);
	KTAP_EXPECT_EQ(t, nr_free_pages(), before);
	drain_all_pages();
	page_alloc_validate();
}

static const struct ktap_case cases[] = {
	{ "refused", test_refused },	   { "descriptors", test_descriptors },
	{ "mappings", test_mappings },	   { "roots", test_roots },
	{ "references", test_references }, { "failures", test_failures },
	{ "no-map", test_no_map },	   {},
};
static const struct ktap_suite suite_memremap = { "memremap", cases };
TABLE_ENTRY(ktap_suite, suite_memremap);
