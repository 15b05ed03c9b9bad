/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_vmalloc.c - areas: mapped, guarded, cleared, found, given back
 *
 * Not here: several harts, interrupts, stale translations (test_vmalloc_harts.c).
 */
#include <mm/vmalloc.h>

#include <asm/tlb.h>
#include <asm/vmap.h>
#include <base/errno.h>
#include <kernel/fault_inject.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/kmalloc.h>
#include <mm/kmap.h>
#include <mm/kmemleak.h>
#include <mm/page_alloc.h>
#include <mm/usercopy.h>
#include <sched/thread.h>
#include <shell/ktap.h>
#include <string.h>

#include "leak_tools.h"
#include "../../mm/vmap.h"
#include "vmalloc_tools.h"

#define MANY 100000u

static void check_area(struct ktap *t, size_t bytes)
{
	unsigned long nr = vmalloc_validate(), pages = ALIGN_UP(bytes, PAGE_SIZE), first;
	char *area = vmalloc(bytes);
	const struct vm_struct *vm;

	KTAP_ASSERT(t, area != NULL);
	KTAP_EXPECT(t, is_vmalloc_addr(area) && is_vmalloc_addr(area + bytes - 1));
	KTAP_EXPECT_EQ(t, vmalloc_validate(), nr + 1);
	KTAP_EXPECT(t,
		    accessible((unsigned long)area) && accessible((unsigned long)area + pages - 1));
	KTAP_EXPECT(t, !accessible((unsigned long)area + pages));
	memset(area, 0x5a, bytes);
	mark(area, pages);
	KTAP_EXPECT(t, is_marked(area, pages));
	vm = find_vm_area(area + bytes - 1);
	KTAP_ASSERT(t, vm != NULL);
	KTAP_EXPECT(t, vm->addr == area && get_vm_area_size(vm) == pages);
	KTAP_EXPECT(t, vmalloc_to_page(area + bytes - 1) == vm->pages[pages / PAGE_SIZE - 1]);
	memcpy_from_page(&first, pfn_to_page(vmalloc_to_pfn(area)), 0, sizeof(first));
	KTAP_EXPECT_EQ(t, first, (unsigned long)area);
	vfree(area);
	KTAP_EXPECT(t, !find_vm_area(area) && !vmalloc_to_page(area));
	KTAP_EXPECT_EQ(t, vmalloc_validate(), nr);
	vm_unmap_aliases();
	KTAP_EXPECT(t, !accessible((unsigned long)area));
}

static void test_sizes(struct ktap *t)
{
	for (size_t bytes = 1; bytes <= large(); bytes = bytes * 3 + 1)
		check_area(t, bytes);
	check_area(t, large());
	KTAP_EXPECT(t, !__vmalloc(0, GFP_KERNEL | __GFP_NOWARN));
	KTAP_EXPECT(t, !__vmalloc(~(size_t)0, GFP_KERNEL | __GFP_NOWARN));
	KTAP_EXPECT(t, !__vmalloc(nr_managed_pages() * PAGE_SIZE,
				  GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY));
	vfree(NULL);
	vunmap(NULL);
}

static bool is_clear(const unsigned long *area, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(*area); i++)
		if (area[i])
			return false;
	return true;
}

static void test_clear(struct ktap *t)
{
	for (size_t bytes = PAGE_SIZE; bytes <= large() / 2; bytes *= 4) {
		void *area = vmalloc(bytes);

		KTAP_ASSERT(t, area != NULL);
		memset(area, 0xff, bytes);
		vfree(area);
		area = vzalloc(bytes);
		KTAP_ASSERT(t, area != NULL);
		KTAP_EXPECT(t, is_clear(area, bytes));
		vfree(area);
		area = vmalloc_user(bytes);
		KTAP_ASSERT(t, area != NULL);
		KTAP_EXPECT(t, is_clear(area, bytes) && !PageCompound(vmalloc_to_page(area)));
		vfree(area);
	}
}

static void test_node(struct ktap *t)
{
	int nid;

	for_each_node_id(nid) {
		void *area = vmalloc_node(64 * PAGE_SIZE, nid);

		KTAP_ASSERT(t, area != NULL);
		KTAP_EXPECT_EQ(t, page_zone(compound_head(vmalloc_to_page(area)))->nid, nid);
		vfree(area);
		area = __vmalloc_node(3 * PAGE_SIZE, 16 * PAGE_SIZE, GFP_KERNEL, nid, NULL);
		KTAP_ASSERT(t, area != NULL);
		KTAP_EXPECT(t, IS_ALIGNED((unsigned long)area, 16 * PAGE_SIZE));
		vfree(area);
	}
}

/* A block for a large leaf is free. */
static bool has_block(size_t leaf)
{
	unsigned order = 0;
	struct page *block;

	while (PAGE_SIZE << order < leaf)
		order++;
	block = alloc_pages(GFP_KERNEL | __GFP_HIGHMEM | __GFP_NORETRY | __GFP_NOWARN, order);
	if (block)
		__free_pages(block, order);
	return block;
}

/* Large leaves where there are blocks, and areas of pages at the same addresses around. */
static void test_huge(struct ktap *t)
{
	size_t leaf = arch_vmap_huge_leaf(), bytes = leaf + 3 * PAGE_SIZE;
	struct arch_mapping map;
	unsigned nr = 0, blocks = 0;

	if (leaf == PAGE_SIZE || nr_free_pages() < 4 * leaf / PAGE_SIZE)
		return ktap_skip(t, "no large leaves, or too little memory for one");
	for (unsigned i = 0; i < 6; i++) {
		bool block = i & 1 && has_block(leaf);
		void *area = i & 1 ? vmalloc_huge(bytes, GFP_KERNEL) : vmalloc(bytes);

		KTAP_ASSERT(t, area != NULL);
		blocks += block;
		KTAP_EXPECT_EQ(t, arch_lookup((unsigned long)area, &map), 0);
		KTAP_EXPECT(t, !block || map.leaf == leaf);
		nr += map.leaf == leaf;
		mark(area, bytes);
		KTAP_EXPECT(t, is_marked(area, bytes));
		KTAP_EXPECT(t, !accessible((unsigned long)area + bytes));
		vmalloc_validate();
		vfree(area);
		vm_unmap_aliases();
	}
	ktap_diag(t, "%u of 3 areas have a large leaf", nr);
	if (!blocks)
		ktap_skip(t, "no block that is large enough for a leaf was free");
}

/* ---- leaves of 64 KiB (Svnapot) ---- */

static unsigned long leaf_at(const void *addr)
{
	struct arch_mapping map;

	return arch_lookup((unsigned long)addr, &map) ? 0 : map.leaf;
}

/* All pages of a block, by one leaf where there are such, and each page by its own descriptor. */
static void test_leaves(struct ktap *t)
{
	unsigned long leaf = arch_vmap_leaf();
	struct page *block = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 5), *pages[33];
	char *area;

	if (!block)
		return ktap_skip(t, "no block of 32 pages");
	for (unsigned i = 0; i < 32; i++)
		pages[i] = block + i;
	pages[32] = block; /* and one that doesn't go on */
	area = vmap(pages, 33, VM_MAP, PAGE_KERNEL);
	KTAP_ASSERT(t, area != NULL);
	for (unsigned i = 0; i < 33; i++) {
		KTAP_EXPECT_EQ(t, leaf_at(area + i * PAGE_SIZE), i < 32 ? leaf : PAGE_SIZE);
		KTAP_EXPECT(t, vmalloc_to_page(area + i * PAGE_SIZE + 5) == pages[i]);
	}
	*(u32 *)(area + 21 * PAGE_SIZE) = 0x600d1eaf;
	KTAP_EXPECT_EQ(t, *(u32 *)page_address(block + 21), 0x600d1eaf);
	vunmap(area);
	vm_unmap_aliases();
	KTAP_EXPECT(t, !accessible((unsigned long)area + PAGE_SIZE));
	pages[7] = block + 8; /* a block but for one */
	area = vmap(pages, 17, VM_MAP, PAGE_KERNEL);
	KTAP_ASSERT(t, area != NULL);
	KTAP_EXPECT_EQ(t, leaf_at(area), PAGE_SIZE);
	KTAP_EXPECT(t, vmalloc_to_page(area + 7 * PAGE_SIZE) == block + 8);
	vunmap(area);
	__free_pages(block, 5);
	vmalloc_validate();
}

/* What is made of blocks has their leaves; pages for user space never. */
static void check_area_leaves(struct ktap *t, unsigned nr)
{
	size_t bytes = nr * PAGE_SIZE;
	char *other = vmalloc(1), *area = vmalloc(bytes), *user = vmalloc_user(bytes);

	KTAP_ASSERT(t, other && area && user);
	if (find_vm_area(area)->nr_block_pages == nr)
		for (unsigned i = 0; i < nr; i++)
			KTAP_EXPECT_EQ(t, leaf_at(area + i * PAGE_SIZE), arch_vmap_leaf());
	KTAP_EXPECT_EQ(t, leaf_at(user), PAGE_SIZE);
	mark(area, bytes);
	mark(user, bytes);
	KTAP_EXPECT(t, is_marked(area, bytes) && is_marked(user, bytes));
	KTAP_EXPECT(t, !accessible((unsigned long)area + bytes));
	vfree(user);
	vfree(other);
	vfree(area);
	vm_unmap_aliases();
	KTAP_EXPECT(t, !accessible((unsigned long)area));
	vmalloc_validate();
}

static void test_area_leaves(struct ktap *t)
{
	struct page *block = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 4), *pages[16];
	char *area;

	check_area_leaves(t, 16);
	check_area_leaves(t, 64);
	if (!block)
		return;
	for (unsigned i = 0; i < 16; i++)
		pages[i] = block + i;
	area = vmap(pages, 16, VM_MAP, PAGE_KERNEL);
	KTAP_ASSERT(t, area != NULL);
	KTAP_EXPECT_EQ(t, leaf_at(area + 15 * PAGE_SIZE), arch_vmap_leaf());
	KTAP_EXPECT(t, vmalloc_to_page(area + 15 * PAGE_SIZE) == block + 15);
	vunmap(area);
	__free_pages(block, 4);
}

/* ---- vmap ---- */

static void test_vmap(struct ktap *t)
{
	struct page *pages[20] = { NULL }, **array;
	unsigned long *view, *other;

	KTAP_ASSERT_EQ(t, alloc_pages_bulk(GFP_KERNEL, 20, pages), 20);
	view = vmap(pages, 20, VM_MAP, PAGE_KERNEL);
	other = vmap(pages + 4, 1, VM_MAP, PAGE_KERNEL_RO);
	KTAP_ASSERT(t, view && other);
	mark(view, 20 * PAGE_SIZE);
	KTAP_EXPECT_EQ(t, *other, (unsigned long)view + 4 * PAGE_SIZE);
	KTAP_EXPECT_EQ(t, *(unsigned long *)page_address(pages[19]),
		       (unsigned long)view + 19 * PAGE_SIZE);
	KTAP_EXPECT(t, probe_write(other, view, 1) == -EFAULT);
	vmalloc_validate();
	vunmap(view);
	vunmap(other);
	array = kmalloc(sizeof(pages), GFP_KERNEL);
	KTAP_ASSERT(t, array != NULL);
	memcpy(array, pages, sizeof(pages));
	view = vmap(array, 20, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	KTAP_ASSERT(t, view != NULL);
	vfree(view);
}

/* ---- addresses ---- */

/* No address is used again before a fence of all harts. */
static void test_reuse(struct ktap *t)
{
	struct vmalloc_info before, after;
	unsigned reused = 0;

	vm_unmap_aliases();
	for (unsigned i = 0; i < 50; i++) {
		size_t bytes = (i & 1 ? 2 : 40) * PAGE_SIZE;
		void *first, *second;

		vmalloc_info(&before);
		first = vmalloc(bytes);
		KTAP_ASSERT(t, first != NULL);
		vfree(first);
		second = vmalloc(bytes);
		vmalloc_info(&after);
		KTAP_EXPECT(t, second != first || after.purges > before.purges);
		reused += second == first;
		vfree(second);
	}
	KTAP_EXPECT(t, reused < 25);
}

/* Many areas share a fence. */
static void test_few_fences(struct ktap *t)
{
	struct tlb_counts before, after;

	if (vmap_gone_everywhere())
		return ktap_skip(t, "with DEBUG=1 and debug_pagealloc=on each has one");
	vm_unmap_aliases();
	tlb_read_counts(&before);
	for (unsigned i = 0; i < 400; i++)
		vfree(vmalloc(4 * PAGE_SIZE));
	tlb_read_counts(&after);
	ktap_diag(t, "%lu fences for 400 areas", after.flushes - before.flushes);
	KTAP_EXPECT(t, after.flushes - before.flushes <= 40);
}

/* All addresses are taken: an error, and everything is there again afterwards. */
static void test_exhaust(struct ktap *t)
{
	unsigned long left = va_layout.vmalloc_bytes, nr = vmalloc_validate();
	struct vm_struct *chain = NULL, *vm;
	struct vmalloc_info info;

	for (unsigned long size = left; size >= 64 * KiB; size = ALIGN_DOWN(size / 2, PAGE_SIZE))
		while ((vm = get_vm_area_caller(size, 0, VM_IOREMAP, GFP_KERNEL, NULL))) {
			vm->next_lazy = chain;
			chain = vm;
		}
	vmalloc_info(&info);
	KTAP_EXPECT(t, info.largest < 136 * KiB);
	KTAP_EXPECT(t, !__vmalloc(large() / 2, GFP_KERNEL | __GFP_NOWARN));
	/* Small ones still find room in a block, or can't. */
	vfree(__vmalloc(PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN));
	while (chain) {
		vm = chain;
		chain = vm->next_lazy;
		KTAP_EXPECT(t, remove_vm_area(vm->addr));
	}
	vm_unmap_aliases();
	KTAP_EXPECT_EQ(t, vmalloc_validate(), nr);
	check_area(t, large());
}

/* What stays, also of the region's far end. */
static void prepare_region(struct ktap *t)
{
	prepare_areas(t);
	test_exhaust(t);
}

/* A block of which little is in use gives back the rest. */
static void test_torn_blocks(struct ktap *t)
{
	struct vmalloc_info before, after;
	void *kept[64], *area;
	unsigned nr = 0;

	vm_unmap_aliases();
	vmalloc_info(&before);
	for (unsigned i = 0; i < 16 * ARRAY_SIZE(kept); i++) {
		area = vmalloc(1);
		KTAP_EXPECT(t, area != NULL);
		if (i % 16 == 0 && area)
			kept[nr++] = area;
		else
			vfree(area);
	}
	vm_unmap_aliases();
	vmalloc_info(&after);
	KTAP_EXPECT_EQ(t, after.areas, before.areas + nr);
	KTAP_EXPECT_EQ(t, after.blocks, before.blocks);
	vmalloc_validate();
	while (nr)
		vfree(kept[--nr]);
	vm_unmap_aliases();
	vmalloc_info(&after);
	KTAP_EXPECT_EQ(t, after.areas, before.areas);
	KTAP_EXPECT_EQ(t, after.largest, before.largest);
}

/* As many areas as there is room for, up to 100,000: of the same page. */
static void test_many(struct ktap *t)
{
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned long before = vmalloc_validate(), bytes = va_layout.vmalloc_bytes, at = 0;
	u32 n = (u32)min((unsigned long)MANY, bytes / (2 * PAGE_SIZE) / 4 * 3);
	struct vm_struct copy;
	u64 start = ktime_ns();
	unsigned long steps;
	u32 nr = 0;

	n = min(n, (u32)(nr_free_pages() / 2 * (PAGE_SIZE / 512)));
	KTAP_ASSERT(t, page != NULL);
	while (nr < n && vmap(&page, 1, VM_MAP, PAGE_KERNEL))
		nr++;
	KTAP_EXPECT_EQ(t, nr, n);
	KTAP_EXPECT_EQ(t, vmalloc_validate(), before + nr);
	ktap_diag(t, "%lu areas in %llu ms", (unsigned long)nr,
		  (unsigned long long)(ktime_ns() - start) / 1000000);
	vm_unmap_aliases(); /* each of them is a node now */
	steps = vmalloc_steps();
	ktap_diag(t, "%lu steps for another", steps);
	KTAP_EXPECT(t, steps < STEPS_MOST);
	while (vmalloc_next(&at, &copy))
		if (copy.flags & VM_MAP && vmalloc_to_page(copy.addr) == page) {
			vunmap(copy.addr);
			nr--;
		}
	KTAP_EXPECT_EQ(t, nr, 0);
	__free_page(page);
	vm_unmap_aliases();
	KTAP_EXPECT_EQ(t, vmalloc_validate(), before);
}

/* ---- failures ---- */

#ifdef CONFIG_FAULT_INJECTION
static bool make_small(void)
{
	void *area = __vmalloc(3 * PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN);

	vfree(area);
	return area;
}

static bool make_large(void)
{
	void *area = __vmalloc(700 * KiB, GFP_KERNEL | __GFP_NOWARN);

	vfree(area);
	return area;
}

static bool make_map(void)
{
	struct page *page = virt_to_page((void *)((unsigned long)current & PAGE_MASK));
	void *area = vmap(&page, 1, VM_MAP, PAGE_KERNEL);

	vunmap(area);
	return area;
}

/* Each allocation of it fails once, and nothing is lost.  Some @needed ones have no other way. */
static void sweep(struct ktap *t, const char *name, bool (*operation)(void), bool needed)
{
	const struct fault_point *p = fault_find(name);
	unsigned long before, areas = vmalloc_validate();
	unsigned nth = 0, failures = 0;
	bool failed;

	KTAP_ASSERT(t, p != NULL);
	page_reports_expect(true);
	operation();
	before = ktap_free_pages();
	do {
		fault_arm(p, ++nth);
		failures += !operation();
		failed = p->attr->failed != 0;
		fault_arm(p, 0);
		KTAP_EXPECT_EQ(t, vmalloc_validate(), areas);
		KTAP_EXPECT_EQ(t, ktap_free_pages(), before);
	} while (failed && nth < 1000);
	page_reports_expect(false);
	KTAP_EXPECT(t, nth > 1 && nth < 1000 && (failures || !needed));
	ktap_diag(t, "%s: %u allocations, %u of them needed", name, nth - 1, failures);
}

static void test_failures(struct ktap *t)
{
	sweep(t, "fail_page_bulk", make_small, true);
	sweep(t, "fail_page_alloc", make_small, false);
	sweep(t, "fail_page_alloc", make_large, false);
	sweep(t, "fail_page_alloc", make_map, false);
	sweep(t, "failslab", make_small, true);
	sweep(t, "failslab", make_large, true);
	sweep(t, "failslab", make_map, true);
}
#else
static void test_failures(struct ktap *t)
{
	ktap_skip(t, "built without fault injection (DEBUG=1 has it)");
}
#endif

/* ---- kvmalloc, words ---- */

static void test_kvmalloc(struct ktap *t)
{
	size_t bytes = (PAGE_SIZE << MAX_ORDER) + 1;
	unsigned long *object, *more;

	if (nr_free_pages() < 5 * bytes / PAGE_SIZE)
		return ktap_skip(t, "too little memory for more than kmalloc() has");
	object = kvmalloc(bytes, GFP_KERNEL);
	KTAP_ASSERT(t, object != NULL);
	KTAP_EXPECT(t, is_vmalloc_addr(object));
	mark(object, bytes);
	more = kvrealloc(object, bytes * 2, GFP_KERNEL);
	KTAP_ASSERT(t, more != NULL);
	KTAP_EXPECT_EQ(t, *more, (unsigned long)object);
	kvfree(more);
	KTAP_EXPECT(t, !kvmalloc(bytes, GFP_ATOMIC | __GFP_NOWARN));
}

static void test_describe(struct ktap *t)
{
	char *area = vmalloc(5000), *wide = vmalloc(40 * PAGE_SIZE), text[160];

	KTAP_ASSERT(t, area && wide);
	vmalloc_describe((unsigned long)area + 2 * PAGE_SIZE + 8, text, sizeof(text));
	KTAP_EXPECT(t, !strncmp(text, "behind the 8192 bytes of vmalloc area 0x", 40));
	KTAP_EXPECT(t, strstr(text, "test_describe"));
	vmalloc_describe((unsigned long)wide + 40 * PAGE_SIZE, text, sizeof(text));
	KTAP_EXPECT(t, !strncmp(text, "behind the 163840 bytes of ", 27));
	vfree(area);
	vfree(wide);
	vmalloc_describe((unsigned long)wide, text, sizeof(text));
	KTAP_EXPECT(t, !strncmp(text, "in the freed 163840 bytes", 25));
	vmalloc_describe(va_layout.linear_base, text, sizeof(text));
	KTAP_EXPECT_STREQ(t, text, "");
}

#ifdef CONFIG_DEBUG_KMEMLEAK
static unsigned long lost; /* all bits inverted: no pointer */
static void **kept;

static int lose(void *arg)
{
	kept = vzalloc(5000);
	lost = ~(unsigned long)vmalloc(5000);
	if (kept)
		kept[3] = vmalloc(40 * PAGE_SIZE);
	return 0;
}

static int count_lost(void *arg)
{
	return kmemleak_is_leak((void *)~lost) + 2 * kmemleak_is_leak(kept) +
	       4 * kmemleak_is_leak(kept[3]);
}

static int free_lost(void *arg)
{
	vfree((void *)~lost);
	vfree(kept[3]);
	vfree(kept);
	return 0;
}

/* An area that nothing leads to; one that is found, and read, so that a third is. */
static void test_kmemleak(struct ktap *t)
{
	if (!leaks_ready(t))
		return;
	KTAP_ASSERT_EQ(t, elsewhere(lose, 0), 0);
	scan_twice();
	KTAP_EXPECT_EQ(t, elsewhere(count_lost, 0), 1);
	elsewhere(free_lost, 0);
	kept = NULL;
}
#else
static void test_kmemleak(struct ktap *t)
{
	ktap_skip(t, "built without kmemleak (DEBUG=1 has it)");
}
#endif

static void test_usercopy(struct ktap *t)
{
	volatile unsigned long eight = 8;
	char *area = vmalloc(2 * PAGE_SIZE);

	KTAP_ASSERT(t, area != NULL);
	page_reports_expect(true);
	KTAP_EXPECT(t, check_object_size(area + 2 * PAGE_SIZE - 8, eight, true));
	KTAP_EXPECT(t, !check_object_size(area + 2 * PAGE_SIZE - 7, eight, true));
	vfree(area);
	KTAP_EXPECT(t, !check_object_size(area, eight, false));
	page_reports_expect(false);
}

static const struct ktap_case cases[] = {
	{ KTAP_PREPARE, prepare_region },
	{ "sizes", test_sizes },
	{ "clear", test_clear },
	{ "node", test_node },
	{ "huge", test_huge },
	{ "leaves", test_leaves },
	{ "area-leaves", test_area_leaves },
	{ "vmap", test_vmap },
	{ "reuse", test_reuse },
	{ "few-fences", test_few_fences },
	{ "exhaust", test_exhaust },
	{ "torn-blocks", test_torn_blocks },
	{ "many", test_many },
	{ "failures", test_failures },
	{ "kvmalloc", test_kvmalloc },
	{ "describe", test_describe },
	{ "usercopy", test_usercopy },
	{ "kmemleak", test_kmemleak },
	{},
};

static const struct ktap_suite suite_vmalloc = { "vmalloc", cases };
TABLE_ENTRY(ktap_suite, suite_vmalloc);
