/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kaslr.c - where the regions lie, drawn or not, and that the seeds are gone
 *
 * That two boots differ: tests/system/test_kaslr.py.
 */
#include <asm/kaslr.h>
#include <asm/layout.h>
#include <asm/mmu.h>
#include <asm/pgtable.h>
#include <asm/sections.h>
#include <lib/dt.h>
#include <mm/memblock.h>
#include <shell/ktap.h>

#define REGIONS 7

struct region {
	unsigned long start, bytes;
};

/* All of them, by rising address. */
static const struct region *regions(void)
{
	static struct region all[REGIONS];
	const struct va_layout *v = &va_layout;
	unsigned int n = 0;

	all[n++] = (struct region){ v->vmemmap_base, v->vmemmap_bytes };
	all[n++] = (struct region){ v->window_base, v->window_bytes };
	all[n++] = (struct region){ v->vmalloc_base, v->vmalloc_bytes };
	all[n++] = (struct region){ v->scratch_base, v->scratch_bytes };
	all[n++] = (struct region){ v->linear_base, v->linear_bytes };
	all[n++] = (struct region){ v->image_va, (unsigned long)(_end - _start) };
	all[n++] = (struct region){ FIXMAP_ADDR, PAGE_SIZE };
	return all;
}

static void test_apart(struct ktap *t)
{
	const struct region *r = regions();

	KTAP_EXPECT(t, r[0].start > ~0UL << (sizeof(long) == 8 ? 63 : 31));
	for (unsigned int i = 0; i < REGIONS; i++) {
		if (i)
			KTAP_EXPECT(t, r[i].start >= r[i - 1].start &&
					       r[i].start - r[i - 1].start >= r[i - 1].bytes);
		KTAP_EXPECT(t, r[i].start + (r[i].bytes - 1) >= r[i].start || !r[i].bytes);
		KTAP_EXPECT(t, IS_ALIGNED(r[i].start, PAGE_SIZE));
	}
	KTAP_EXPECT(t, IS_ALIGNED(va_layout.linear_base, sizeof(long) == 8 ? GiB : 4 * MiB));
	KTAP_EXPECT(t, va_layout.image_va >= KERNEL_LINK_ADDR);
	KTAP_EXPECT_EQ(t, (unsigned long)_start, va_layout.image_va);
}

/* What virt_to_page() makes of addresses outside of the linear map isn't mapped. */
static int near_descriptors(const struct leaf_run *run, void *arg)
{
	const struct va_layout *v = &va_layout;
	unsigned long low = (unsigned long)virt_to_page((void *)kernel_base());
	unsigned long high = (unsigned long)virt_to_page((void *)~0UL);

	if (run->va + run->bytes <= low || run->va > high ||
	    (run->va >= v->vmemmap_base && run->va - v->vmemmap_base < v->vmemmap_bytes))
		return 0;
	*(unsigned long *)arg = run->va;
	return 1;
}

static void test_around_vmemmap(struct ktap *t)
{
	unsigned long at = 0;

	if (sizeof(long) == 4) {
		ktap_skip(t, "rv32's is described by addresses of its own (asm/memory.h)");
		return;
	}
	KTAP_EXPECT_EQ(t, pgtable_walk(near_descriptors, &at), 0);
	KTAP_EXPECT_EQ(t, at, 0);
}

static unsigned int seeds, left; /* how many there are; bytes of them that aren't 0 */
static const void *firmware_tree;

static void look(void *value, size_t bytes)
{
	const u8 *original = (const u8 *)firmware_tree + ((u8 *)value - (u8 *)dt_blob());

	seeds++;
	for (size_t i = 0; i < bytes; i++) {
		u8 byte = 0;

		left += ((u8 *)value)[i] != 0;
		if (firmware_tree && !probe_read(&byte, original + i, 1))
			left += byte != 0;
	}
}

/* In our copy of the tree, and where the firmware left it. */
static void test_seeds_gone(struct ktap *t)
{
	const struct memblock_region *r;

	firmware_tree = NULL;
	for_each_reserved_range(r) {
		if ((r->flags & MEMBLOCK_RSRV_MASK) == MEMBLOCK_RSRV_DT &&
		    arch_linear_reaches(r->base, r->base + r->size))
			firmware_tree = __va(r->base);
	}
	seeds = left = 0;
	dt_each_seed(look);
	KTAP_EXPECT_EQ(t, left, 0);
	KTAP_EXPECT_EQ(t, kaslr_draw(KASLR_IMAGE, 1UL << 30, PAGE_SIZE), 0);
	if (!seeds)
		ktap_skip(t, "the firmware gave no seed");
	else if (!firmware_tree)
		ktap_skip(t, "the firmware's tree is in high memory");
}

static const struct ktap_case cases[] = {
	{ "apart", test_apart },
	{ "around-vmemmap", test_around_vmemmap },
	{ "seeds-gone", test_seeds_gone },
	{},
};

static const struct ktap_suite suite_kaslr = { "kaslr", cases };
TABLE_ENTRY(ktap_suite, suite_kaslr);
