/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_pgtable.c - each hook of the page table, in the mode that runs
 *
 * Addresses are those of the scratch region, which nothing else uses; frames are a block of
 * memory of ours, each with its number in its first word.  Tables come from hooks that count
 * them, so that each case sees whether all went back, and that can run out.  What the table
 * says (arch_lookup) and what an access does (probe_read, probe_write) must agree.
 *
 * Leaves of 1 GiB and more also cover what isn't ours, devices too; only our frames are touched
 * through them.
 * Not here: random operations, all harts (test_pgtable_random.c).
 */
#include "pgtable.h"

#include <base/errno.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <string.h>

#define RW (PROT_READ | PROT_WRITE)

static struct {
	struct arch_table_source old;
	unsigned int left; /* tables that may be taken; ~0: any number */
	unsigned int live; /* taken and not given back */
	unsigned int freed;
} tables;

struct frames frames;

static phys_addr_t counting_alloc(void)
{
	phys_addr_t pa;

	if (!READ_ONCE(tables.left))
		return 0;
	pa = tables.old.alloc();
	if (pa)
		__atomic_fetch_add(&tables.live, 1, __ATOMIC_RELAXED);
	if (pa && tables.left != ~0u)
		__atomic_fetch_sub(&tables.left, 1, __ATOMIC_RELAXED);
	return pa;
}

static void counting_free(phys_addr_t pa)
{
	__atomic_fetch_sub(&tables.live, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&tables.freed, 1, __ATOMIC_RELAXED);
	tables.old.free(pa);
}

unsigned long leaf_bytes(int level)
{
	return PAGE_SIZE << (sizeof(long) == 8 ? 9 : 10) * level;
}

int nr_levels(void)
{
	const char *mode = arch_paging_name();

	return !strcmp(mode, "sv57")   ? 5
	       : !strcmp(mode, "sv48") ? 4
	       : !strcmp(mode, "sv39") ? 3
				       : 2;
}

bool setup(struct ktap *t)
{
	unsigned order = sizeof(long) == 8 ? 9 : 10;

	frames.order = order;
	frames.block = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);
	if (!frames.block) {
		ktap_skip(t, "no block of memory as large as a leaf");
		return false;
	}
	frames.pa = page_to_phys(frames.block);
	for (unsigned long i = 0; i < nr_frames(); i++)
		*(u32 *)__va(frames.pa + i * PAGE_SIZE) = (u32)i;
	tables.left = ~0u;
	tables.live = 0;
	tables.freed = 0;
	tables.old = arch_swap_tables((struct arch_table_source){ counting_alloc, counting_free });
	return true;
}

void teardown(struct ktap *t)
{
	arch_swap_tables(tables.old);
	/* Stacks may come and go meanwhile, with a table at most. */
	KTAP_EXPECT_EQ(t, tables.live, 0);
	__free_pages(frames.block, frames.order);
}

/* Is @va mapped to @pa with @prot, by a leaf of @leaf bytes? */
static bool is_mapped(unsigned long va, phys_addr_t pa, unsigned int prot, unsigned long leaf)
{
	struct arch_mapping map;

	return !arch_lookup(va, &map) && map.pa == pa && map.prot == prot && map.leaf == leaf;
}

static bool is_empty(unsigned long va)
{
	struct arch_mapping map;
	u32 word;

	return arch_lookup(va, &map) == -ENOENT && probe_read(&word, (void *)va, 4) == -EFAULT;
}

static bool reads(unsigned long va, u32 expected)
{
	u32 word = ~expected;

	return !probe_read(&word, (void *)va, 4) && word == expected;
}

/* Write the word that is there. */
static bool writes(unsigned long va)
{
	u32 word;

	return !probe_read(&word, (void *)va, 4) && !probe_write((void *)va, &word, 4);
}

/* One leaf of each size that the mode has. */
static void test_sizes(struct ktap *t)
{
	unsigned long va = va_layout.scratch_base;

	if (!setup(t))
		return;
	for (int level = 0; level < nr_levels(); level++) {
		unsigned long size = leaf_bytes(level);
		phys_addr_t pa = ALIGN_DOWN(frames.pa, (phys_addr_t)size);
		unsigned long at = va + (unsigned long)(frames.pa - pa);

		KTAP_EXPECT_EQ(t, arch_map(va, pa, size, RW, size), 0);
		KTAP_EXPECT(t, is_mapped(at, frames.pa, RW, size));
		KTAP_EXPECT(t, is_mapped(at + 5, frames.pa + 5, RW, size));
		KTAP_EXPECT(t, reads(at, 0));
		KTAP_EXPECT(t, writes(at));
		KTAP_EXPECT_EQ(t, tables.live, nr_levels() - 1 - level);
		KTAP_EXPECT_EQ(t, arch_protect(va, size, PROT_READ), 0);
		KTAP_EXPECT(t, is_mapped(at, frames.pa, PROT_READ, size));
		KTAP_EXPECT(t, reads(at, 0));
		KTAP_EXPECT(t, !writes(at));
		KTAP_EXPECT_EQ(t, arch_unmap(va, size), 0);
		KTAP_EXPECT(t, is_empty(at));
		KTAP_EXPECT_EQ(t, tables.live, 0);
	}
	teardown(t);
}

/* Leaves of 64 KiB, where the harts have them: as large leaves are, each page of one reads its own
 * frame, and one page of it can change. */
static void test_napot(struct ktap *t)
{
	unsigned long va = va_layout.scratch_base, leaf = 16 * PAGE_SIZE, at = va + 16 * leaf;

	if (!(arch_leaf_sizes() & leaf))
		return ktap_skip(t, "not all harts have Svnapot");
	if (!setup(t))
		return;
	KTAP_EXPECT_EQ(t, arch_map(at, frames.pa + leaf, 2 * leaf, RW, leaf_bytes(1)), 0);
	for (u32 i = 0; i < 32; i++) {
		KTAP_EXPECT(t, reads(at + i * PAGE_SIZE, 16 + i));
		KTAP_EXPECT(t, is_mapped(at + i * PAGE_SIZE + 8,
					 frames.pa + leaf + i * PAGE_SIZE + 8, RW, leaf));
	}
	KTAP_EXPECT_EQ(t, arch_protect(at, 2 * leaf, PROT_READ), 0);
	KTAP_EXPECT(t, is_mapped(at, frames.pa + leaf, PROT_READ, leaf));
	KTAP_EXPECT(t, !writes(at) && !writes(at + 15 * PAGE_SIZE));
	KTAP_EXPECT_EQ(t, arch_protect(at + 3 * PAGE_SIZE, PAGE_SIZE, RW), 0);
	for (u32 i = 0; i < 32; i++)
		KTAP_EXPECT_EQ(t, writes(at + i * PAGE_SIZE), i == 3);
	KTAP_EXPECT(t, is_mapped(at, frames.pa + leaf, PROT_READ, PAGE_SIZE));
	KTAP_EXPECT(t, is_mapped(at + leaf, frames.pa + 2 * leaf, PROT_READ, leaf));
	KTAP_EXPECT_EQ(t, arch_join(at, leaf), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_protect(at + 3 * PAGE_SIZE, PAGE_SIZE, PROT_READ), 0);
	KTAP_EXPECT_EQ(t, arch_join(at + 9 * PAGE_SIZE, leaf), 0);
	KTAP_EXPECT(t, is_mapped(at, frames.pa + leaf, PROT_READ, leaf));
	KTAP_EXPECT_EQ(t, arch_unmap(at + 2 * leaf - PAGE_SIZE, PAGE_SIZE), 0);
	KTAP_EXPECT(t, is_empty(at + 2 * leaf - PAGE_SIZE));
	KTAP_EXPECT(t, reads(at + 2 * leaf - 2 * PAGE_SIZE, 46));
	KTAP_EXPECT_EQ(t, arch_unmap(at, 2 * leaf - PAGE_SIZE), 0);
	/* Down from the next size, and back. */
	KTAP_EXPECT_EQ(t, arch_map(va, frames.pa, leaf_bytes(1), RW, leaf_bytes(1)), 0);
	KTAP_EXPECT_EQ(t, arch_split(at, leaf), 0);
	KTAP_EXPECT(t, is_mapped(at, frames.pa + 16 * leaf, RW, leaf));
	KTAP_EXPECT(t, reads(at + PAGE_SIZE, 257) && reads(va, 0));
	KTAP_EXPECT_EQ(t, arch_split(at, PAGE_SIZE), 0);
	KTAP_EXPECT(t, is_mapped(at, frames.pa + 16 * leaf, RW, PAGE_SIZE));
	KTAP_EXPECT(t, is_mapped(at - 1, frames.pa + 16 * leaf - 1, RW, leaf));
	KTAP_EXPECT_EQ(t, arch_join(at, leaf_bytes(1)), 0);
	KTAP_EXPECT(t, is_mapped(at, frames.pa + 16 * leaf, RW, leaf_bytes(1)));
	KTAP_EXPECT_EQ(t, arch_unmap(va, leaf_bytes(1)), 0);
	teardown(t);
}

/* A range gets the largest leaves that its addresses, its length and its caller allow. */
static void test_alignment(struct ktap *t)
{
	unsigned long large = leaf_bytes(1), va = va_layout.scratch_base + large - PAGE_SIZE;
	unsigned long bytes = large + 2 * PAGE_SIZE;

	if (!setup(t))
		return;
	KTAP_EXPECT_EQ(t, arch_map(va, frames.pa - PAGE_SIZE, bytes, RW, large), 0);
	KTAP_EXPECT(t, is_mapped(va, frames.pa - PAGE_SIZE, RW, PAGE_SIZE));
	KTAP_EXPECT(t, is_mapped(va + PAGE_SIZE, frames.pa, RW, large));
	KTAP_EXPECT(t, is_mapped(va + large, frames.pa + large - PAGE_SIZE, RW, large));
	KTAP_EXPECT(t, is_mapped(va + PAGE_SIZE + large, frames.pa + large, RW, PAGE_SIZE));
	KTAP_EXPECT(t, is_empty(va - PAGE_SIZE));
	KTAP_EXPECT(t, is_empty(va + bytes));
	KTAP_EXPECT_EQ(t, arch_unmap(va, bytes), 0);
	/* The frames are a page off, or the caller wants pages. */
	va = va_layout.scratch_base;
	KTAP_EXPECT_EQ(t, arch_map(va, frames.pa + PAGE_SIZE, large, RW, large), 0);
	KTAP_EXPECT(t, is_mapped(va, frames.pa + PAGE_SIZE, RW, PAGE_SIZE));
	KTAP_EXPECT_EQ(t, arch_unmap(va, large), 0);
	KTAP_EXPECT_EQ(t, arch_map(va, frames.pa, large, RW, PAGE_SIZE), 0);
	KTAP_EXPECT(t, is_mapped(va + large - 1, frames.pa + large - 1, RW, PAGE_SIZE));
	KTAP_EXPECT_EQ(t, arch_unmap(va, large), 0);
	teardown(t);
}

/* The end of the root's entries is crossed by one request. */
static void test_across_tables(struct ktap *t)
{
	unsigned long root = leaf_bytes(nr_levels() - 1);
	unsigned long va = va_layout.scratch_base + root - 3 * PAGE_SIZE;

	if (!setup(t))
		return;
	KTAP_EXPECT_EQ(t, arch_map(va, frames.pa, 6 * PAGE_SIZE, RW, PAGE_SIZE), 0);
	for (u32 i = 0; i < 6; i++)
		KTAP_EXPECT(t, reads(va + i * PAGE_SIZE, i));
	KTAP_EXPECT_EQ(t, arch_protect(va + PAGE_SIZE, 4 * PAGE_SIZE, PROT_READ), 0);
	for (u32 i = 0; i < 6; i++)
		KTAP_EXPECT_EQ(t, writes(va + i * PAGE_SIZE), i == 0 || i == 5);
	KTAP_EXPECT_EQ(t, arch_unmap(va, 6 * PAGE_SIZE), 0);
	KTAP_EXPECT_EQ(t, tables.live, 0);
	teardown(t);
}

static void test_refuses_arguments(struct ktap *t)
{
	static const unsigned int bad_prot[] = { 0,
						 PROT_WRITE,
						 PROT_IO,
						 PROT_WRITE | PROT_EXEC,
						 RW | PROT_EXEC,
						 RW | PROT_IO | PROT_NC };
	unsigned long va = va_layout.scratch_base;

	if (!setup(t))
		return;
	KTAP_EXPECT_EQ(t, arch_map(va, frames.pa, PAGE_SIZE, RW, PAGE_SIZE), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad_prot); i++) {
		KTAP_EXPECT_EQ(
			t, arch_map(va + PAGE_SIZE, frames.pa, PAGE_SIZE, bad_prot[i], PAGE_SIZE),
			-EINVAL);
		KTAP_EXPECT_EQ(t, arch_protect(va, PAGE_SIZE, bad_prot[i]), -EINVAL);
	}
	KTAP_EXPECT_EQ(t, arch_map(va + PAGE_SIZE, frames.pa, 0, RW, PAGE_SIZE), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_map(va + PAGE_SIZE, frames.pa, PAGE_SIZE, RW, 1), -EINVAL);
	KTAP_EXPECT_EQ(
		t, arch_map(va + PAGE_SIZE, ~(phys_addr_t)PAGE_SIZE + 1, PAGE_SIZE, RW, PAGE_SIZE),
		-EINVAL);
	KTAP_EXPECT_EQ(t, arch_map(PAGE_SIZE, frames.pa, PAGE_SIZE, RW, PAGE_SIZE), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_map(-PAGE_SIZE, frames.pa, 2 * PAGE_SIZE, RW, PAGE_SIZE), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_unmap(va + 1, PAGE_SIZE), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_unmap(va, 0), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_unmap(va, PAGE_SIZE - 1), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_unmap(0, PAGE_SIZE), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_protect(va, PAGE_SIZE + 1, RW), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_split(va, 2 * PAGE_SIZE), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_join(va, PAGE_SIZE), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_join(va, 3 * PAGE_SIZE), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_split(va + PAGE_SIZE, PAGE_SIZE), -ENOENT);
	KTAP_EXPECT_EQ(t, arch_join(va, leaf_bytes(1)), -ENOENT);
	KTAP_EXPECT(t, is_mapped(va, frames.pa, RW, PAGE_SIZE));
	KTAP_EXPECT_EQ(t, arch_unmap(va, PAGE_SIZE), 0);
	teardown(t);
}

/* The table remembers the kind of memory, whether or not the harts can be told. */
static void test_kinds(struct ktap *t)
{
	static const unsigned int kinds[] = { PROT_IO, PROT_NC, 0 };
	unsigned long va = va_layout.scratch_base;

	if (!setup(t))
		return;
	KTAP_EXPECT_EQ(t, arch_map(va, frames.pa, PAGE_SIZE, RW, PAGE_SIZE), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		KTAP_EXPECT_EQ(t, arch_protect(va, PAGE_SIZE, RW | kinds[i]), 0);
		KTAP_EXPECT(t, is_mapped(va, frames.pa, RW | kinds[i], PAGE_SIZE));
		KTAP_EXPECT(t, reads(va, 0));
		KTAP_EXPECT(t, writes(va));
	}
	KTAP_EXPECT_EQ(t, arch_unmap(va, PAGE_SIZE), 0);
	teardown(t);
}

/* A page in the way, or one missing: nothing happens. */
static void test_all_or_nothing(struct ktap *t)
{
	unsigned long va = va_layout.scratch_base, in_the_way = va + 7 * PAGE_SIZE;
	unsigned int live;

	if (!setup(t))
		return;
	KTAP_EXPECT_EQ(t, arch_map(in_the_way, frames.pa, PAGE_SIZE, RW, PAGE_SIZE), 0);
	live = tables.live;
	KTAP_EXPECT_EQ(t, arch_map(va, frames.pa, 9 * PAGE_SIZE, PROT_READ, PAGE_SIZE), -EEXIST);
	KTAP_EXPECT_EQ(t,
		       arch_map(va - 4 * leaf_bytes(1), frames.pa, 5 * leaf_bytes(1), PROT_READ,
				PAGE_SIZE),
		       -EEXIST);
	KTAP_EXPECT_EQ(t, tables.live, live);
	for (unsigned long i = 0; i < 9; i++)
		KTAP_EXPECT_EQ(t, is_empty(va + i * PAGE_SIZE), i != 7);
	KTAP_EXPECT_EQ(t, arch_map(va, frames.pa, 7 * PAGE_SIZE, RW, PAGE_SIZE), 0);
	KTAP_EXPECT_EQ(t, arch_unmap(va, 9 * PAGE_SIZE), -ENOENT);
	KTAP_EXPECT_EQ(t, arch_protect(va, 9 * PAGE_SIZE, PROT_READ), -ENOENT);
	for (unsigned long i = 0; i < 8; i++)
		KTAP_EXPECT(t, writes(va + i * PAGE_SIZE));
	KTAP_EXPECT_EQ(t, arch_unmap(va, 8 * PAGE_SIZE), 0);
	teardown(t);
}

/* Part of a large leaf goes, or changes; it comes back and the leaf is joined. */
static void test_split_join(struct ktap *t)
{
	unsigned long va = va_layout.scratch_base, large = leaf_bytes(1);
	unsigned long page = va + 3 * PAGE_SIZE;

	if (!setup(t))
		return;
	KTAP_EXPECT_EQ(t, arch_map(va, frames.pa, large, RW, large), 0);
	KTAP_EXPECT_EQ(t, arch_unmap(page, PAGE_SIZE), 0);
	KTAP_EXPECT(t, is_empty(page));
	KTAP_EXPECT(t, is_mapped(page - 1, frames.pa + 3 * PAGE_SIZE - 1, RW, PAGE_SIZE));
	KTAP_EXPECT(t, reads(page + PAGE_SIZE, 4) && reads(page - PAGE_SIZE, 2));
	KTAP_EXPECT_EQ(t, arch_join(va, large), -ENOENT);
	KTAP_EXPECT_EQ(t, arch_map(page, frames.pa, PAGE_SIZE, RW, PAGE_SIZE), 0);
	KTAP_EXPECT_EQ(t, arch_join(va, large), -EINVAL); /* another frame */
	KTAP_EXPECT_EQ(t, arch_unmap(page, PAGE_SIZE), 0);
	KTAP_EXPECT_EQ(
		t, arch_map(page, frames.pa + 3 * PAGE_SIZE, PAGE_SIZE, PROT_READ, PAGE_SIZE), 0);
	KTAP_EXPECT_EQ(t, arch_join(va, large), -EINVAL); /* another protection */
	KTAP_EXPECT_EQ(t, arch_protect(page, PAGE_SIZE, RW), 0);
	KTAP_EXPECT_EQ(t, arch_join(page, large), 0);
	KTAP_EXPECT(t, is_mapped(page, frames.pa + 3 * PAGE_SIZE, RW, large));
	KTAP_EXPECT(t, reads(page, 3));
	/* First and last page: one split each, on one side. */
	KTAP_EXPECT_EQ(t, arch_protect(va, PAGE_SIZE, PROT_READ), 0);
	KTAP_EXPECT(t, !writes(va) && writes(va + PAGE_SIZE));
	KTAP_EXPECT_EQ(t, arch_unmap(va, large), 0);
	teardown(t);
}

/* The largest leaf, down to a page and back. */
static void test_split_all_levels(struct ktap *t)
{
	int top = nr_levels() - 1;
	unsigned long va = va_layout.scratch_base, size = leaf_bytes(top);
	phys_addr_t pa = ALIGN_DOWN(frames.pa, (phys_addr_t)size);
	unsigned long at;

	if (!setup(t))
		return;
	pa = ALIGN_DOWN(frames.pa, (phys_addr_t)size);
	at = va + (unsigned long)(frames.pa - pa);
	KTAP_EXPECT_EQ(t, arch_map(va, pa, size, PROT_READ, size), 0);
	for (int level = top - 1; level >= 0; level--) {
		KTAP_EXPECT_EQ(t, arch_split(at, leaf_bytes(level)), 0);
		KTAP_EXPECT(t, is_mapped(at, frames.pa, PROT_READ, leaf_bytes(level)));
		KTAP_EXPECT_EQ(t, tables.live, top - level);
		KTAP_EXPECT(t, reads(at, 0) && !writes(at));
	}
	for (int level = 1; level <= min(top, 2); level++) {
		KTAP_EXPECT_EQ(t, arch_join(at, leaf_bytes(level)), 0);
		KTAP_EXPECT(t, is_mapped(at, frames.pa, PROT_READ, leaf_bytes(level)));
		KTAP_EXPECT(t, reads(at, 0) && !writes(at));
	}
	/* A hole of a page in the largest leaf. */
	KTAP_EXPECT_EQ(t, arch_unmap(at, PAGE_SIZE), 0);
	KTAP_EXPECT(t, is_empty(at));
	KTAP_EXPECT(t, reads(at + PAGE_SIZE, 1));
	KTAP_EXPECT_EQ(t, tables.live, top);
	KTAP_EXPECT_EQ(t, arch_unmap(va, (unsigned long)(at - va) ?: PAGE_SIZE),
		       at == va ? -ENOENT : 0);
	KTAP_EXPECT_EQ(t, arch_unmap(at + PAGE_SIZE, va + size - at - PAGE_SIZE), 0);
	teardown(t);
}

/* Memory for tables ends at every point at which it can. */
static void test_no_memory(struct ktap *t)
{
	unsigned long va = va_layout.scratch_base, large = leaf_bytes(1);
	unsigned int needed = (unsigned int)nr_levels() - 1;

	if (!setup(t))
		return;
	for (unsigned int n = 0; n < needed; n++) {
		tables.left = n;
		KTAP_EXPECT_EQ(t, arch_map(va, frames.pa, PAGE_SIZE, RW, PAGE_SIZE), -ENOMEM);
		KTAP_EXPECT_EQ(t, tables.live, 0);
		KTAP_EXPECT(t, is_empty(va));
	}
	/* In the middle: the first pages' table is there, the next one is not. */
	tables.left = needed;
	KTAP_EXPECT_EQ(t, arch_map(va + large - PAGE_SIZE, frames.pa, 2 * PAGE_SIZE, RW, PAGE_SIZE),
		       -ENOMEM);
	KTAP_EXPECT_EQ(t, tables.live, 0);
	KTAP_EXPECT(t, is_empty(va + large - PAGE_SIZE));
	/* A split at one end or at both. */
	tables.left = ~0u;
	KTAP_EXPECT_EQ(t, arch_map(va, frames.pa, large, RW, large), 0);
	KTAP_EXPECT_EQ(t, arch_map(va + large, frames.pa, large, RW, large), 0);
	for (tables.left = 0; tables.left < 2; tables.left++) {
		unsigned int left = tables.left;

		KTAP_EXPECT_EQ(t, arch_unmap(va + PAGE_SIZE, large), -ENOMEM);
		tables.left = left;
		KTAP_EXPECT_EQ(t, arch_protect(va + PAGE_SIZE, large, PROT_READ), -ENOMEM);
		KTAP_EXPECT(t, is_mapped(va, frames.pa, RW, large));
		KTAP_EXPECT(t, is_mapped(va + large, frames.pa, RW, large));
		tables.left = left;
	}
	tables.left = 0;
	KTAP_EXPECT_EQ(t, arch_split(va, PAGE_SIZE), -ENOMEM);
	KTAP_EXPECT(t, is_mapped(va, frames.pa, RW, large));
	KTAP_EXPECT_EQ(t, arch_unmap(va, 2 * large), 0);
	tables.left = ~0u;
	teardown(t);
}

/* A table goes back with the flush, not before. */
static void test_batch(struct ktap *t)
{
	struct tlb_batch tlb = TLB_BATCH_INIT;
	unsigned long va = va_layout.scratch_base, large = leaf_bytes(1);
	struct tlb_counts before, after;
	unsigned int freed;

	if (!setup(t))
		return;
	for (unsigned long i = 0; i < 4; i++)
		KTAP_EXPECT_EQ(
			t,
			arch_map_batch(&tlb, va + i * large, frames.pa, PAGE_SIZE, RW, PAGE_SIZE),
			0);
	tlb_batch_flush(&tlb);
	freed = tables.freed;
	tlb_read_counts(&before);
	for (unsigned long i = 0; i < 4; i++)
		KTAP_EXPECT_EQ(t, arch_unmap_batch(&tlb, va + i * large, PAGE_SIZE), 0);
	KTAP_EXPECT_EQ(t, tables.freed, freed);
	KTAP_EXPECT(t, tlb.nr_tables >= 4 || nr_levels() == 2);
	tlb_batch_flush(&tlb);
	tlb_read_counts(&after);
	KTAP_EXPECT_EQ(t, tables.live, 0);
	KTAP_EXPECT(t, after.flushes > before.flushes);
	KTAP_EXPECT_EQ(t, tlb.nr_tables, 0);
	teardown(t);
}

static void test_fault_retry(struct ktap *t)
{
	enum { FETCH = 12, LOAD, STORE = 15 };
	unsigned long va = va_layout.scratch_base, text = (unsigned long)test_fault_retry;
	unsigned int n = 0;

	if (!setup(t))
		return;
	preempt_disable(); /* the count of retries is this hart's */
	KTAP_EXPECT(t, !arch_fault_retry(va, LOAD, 1));
	KTAP_EXPECT_EQ(t, arch_map(va, frames.pa, PAGE_SIZE, PROT_READ, PAGE_SIZE), 0);
	KTAP_EXPECT(t, arch_fault_retry(va + 8, LOAD, 1));
	KTAP_EXPECT(t, !arch_fault_retry(va + 8, STORE, 1));
	KTAP_EXPECT(t, !arch_fault_retry(va + 8, FETCH, 1));
	KTAP_EXPECT(t, !arch_fault_retry(0, LOAD, 1));
	KTAP_EXPECT(t, arch_fault_retry(text, FETCH, 1));
	KTAP_EXPECT(t, !arch_fault_retry(text, STORE, 1));
	/* A fault that doesn't go away is one in the end, and soon. */
	while (n < 100000 && arch_fault_retry(va, LOAD, 2))
		n++;
	KTAP_EXPECT(t, n > 0 && n < 100000);
	preempt_enable();
	KTAP_EXPECT_EQ(t, arch_unmap(va, PAGE_SIZE), 0);
	teardown(t);
}

/* What the kernel itself stands on. */
static void test_lookup(struct ktap *t)
{
	unsigned long text = (unsigned long)test_lookup;
	static u32 data;
	struct arch_mapping map;

	KTAP_EXPECT_EQ(t, arch_lookup(text, &map), 0);
	KTAP_EXPECT_EQ(t, map.pa, __pa_symbol((void *)text));
	KTAP_EXPECT_EQ(t, map.prot, PROT_READ | PROT_EXEC);
	KTAP_EXPECT_EQ(t, arch_lookup((unsigned long)&data, &map), 0);
	KTAP_EXPECT_EQ(t, map.pa, __pa_symbol(&data));
	KTAP_EXPECT_EQ(t, map.prot, RW);
	KTAP_EXPECT_EQ(t, arch_lookup((unsigned long)__va(__pa_symbol(&data)), &map), 0);
	KTAP_EXPECT_EQ(t, map.prot, RW);
	KTAP_EXPECT_EQ(t, arch_lookup(0, &map), -ENOENT);
	KTAP_EXPECT_EQ(t, arch_lookup(va_layout.scratch_base, &map), -ENOENT);
}

static const struct ktap_case cases[] = {
	{ "lookup", test_lookup },
	{ "sizes", test_sizes },
	{ "napot", test_napot },
	{ "alignment", test_alignment },
	{ "across-tables", test_across_tables },
	{ "refuses-arguments", test_refuses_arguments },
	{ "kinds", test_kinds },
	{ "all-or-nothing", test_all_or_nothing },
	{ "split-join", test_split_join },
	{ "split-all-levels", test_split_all_levels },
	{ "no-memory", test_no_memory },
	{ "batch", test_batch },
	{ "fault-retry", test_fault_retry },
	{},
};

static const struct ktap_suite suite_pgtable = { "pgtable", cases };
TABLE_ENTRY(ktap_suite, suite_pgtable);
