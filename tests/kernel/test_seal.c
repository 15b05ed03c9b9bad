/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_seal.c - the image once boot is over
 *
 * What boot alone wrote can't be written, what it alone needed isn't there any more, and its
 * memory serves like any other.  That a call to it is reported: tests/system/test_traps.py.
 */
#include <asm/mmu.h>

#include <asm/sections.h>
#include <base/compiler.h>
#include <base/errno.h>
#include <kernel/smp.h>
#include <kernel/symbols.h>
#include <mm/contig.h>
#include <mm/gfp.h>
#include <mm/zone.h>
#include <shell/ktap.h>

#define SEAL_WORD 0x5ea1ed00u

static u32 sealed_word __ro_after_init = SEAL_WORD;
static u32 init_word __initdata;

/* A function that nobody calls any more. */
static __noinline u32 __init init_function(void)
{
	return ++init_word;
}

static unsigned long linear_alias(const volatile void *symbol)
{
	return (unsigned long)__va(__pa_symbol(symbol));
}

static void test_sealed(struct ktap *t)
{
	u32 word = 0, other = ~SEAL_WORD;

	KTAP_EXPECT(t, (char *)&sealed_word >= __ro_after_init_start &&
			       (char *)&sealed_word < __ro_after_init_end);
	KTAP_EXPECT_EQ(t, probe_read(&word, &sealed_word, sizeof(word)), 0);
	KTAP_EXPECT_EQ(t, word, SEAL_WORD);
	KTAP_EXPECT_EQ(t, probe_write(&sealed_word, &other, sizeof(other)), -EFAULT);
	KTAP_EXPECT_EQ(t, probe_write((void *)linear_alias(&sealed_word), &other, sizeof(other)),
		       -EFAULT);
	KTAP_EXPECT_EQ(t, probe_write(&va_layout, &other, sizeof(other)), -EFAULT);
	KTAP_EXPECT_EQ(t, READ_ONCE(sealed_word), SEAL_WORD);
}

static unsigned int written; /* harts that could write, or read what is gone */

static void __ref try_here(void *arg)
{
	u32 word = 1;

	if (!probe_write(&sealed_word, &word, sizeof(word)) ||
	    !probe_read(&word, &init_word, sizeof(word)) ||
	    !probe_read(&word, (void *)(unsigned long)init_function, sizeof(word)))
		__atomic_fetch_add(&written, 1, __ATOMIC_RELAXED);
}

static void test_all_harts(struct ktap *t)
{
	written = 0;
	on_each_hart(try_here, NULL);
	KTAP_EXPECT_EQ(t, written, 0);
	KTAP_EXPECT_EQ(t, READ_ONCE(sealed_word), SEAL_WORD);
}

/* Every page of [start, end) is out of the image, and data in the linear map, if it isn't hidden
 * there because it's free. */
static void expect_gone(struct ktap *t, const char *start, const char *end)
{
	struct arch_mapping map;

	for (; start < end; start += PAGE_SIZE) {
		KTAP_EXPECT_EQ(t, arch_lookup((unsigned long)start, &map), -ENOENT);
		if (!arch_lookup(linear_alias(start), &map))
			KTAP_EXPECT_EQ(t, map.prot, PROT_READ | PROT_WRITE);
	}
}

static void __ref test_gone(struct ktap *t)
{
	KTAP_EXPECT(t, init_gone);
	KTAP_EXPECT(t, _einittext - _sinittext > 0 && __init_bss_end - __init_bss_start > 0);
	KTAP_EXPECT(t, (char *)(unsigned long)init_function >= _sinittext &&
			       (char *)(unsigned long)init_function < _einittext);
	expect_gone(t, _sinittext, _einittext);
	expect_gone(t, __init_bss_start, __init_bss_end);
}

static phys_addr_t table_pa;

static phys_addr_t that_table(void)
{
	return table_pa;
}

static void keep_table(phys_addr_t pa)
{
	(void)pa;
}

/* Its memory can be anything, a page table too. */
static void test_serves(struct ktap *t)
{
	unsigned long pfn = PFN_DOWN(__pa_symbol(_sinittext)),
		      end = PFN_UP(__pa_symbol(_einittext));
	struct arch_table_source mine = { that_table, keep_table }, old;
	unsigned long first = va_layout.scratch_base,
		      va = first + (sizeof(long) == 8 ? 2 : 4) * MiB;
	phys_addr_t pa = __pa_symbol(_srodata);
	u32 word = 0;

	while (pfn < end && alloc_contig_range(pfn, pfn + 1, MIGRATE_MOVABLE, GFP_KERNEL))
		pfn++;
	if (pfn == end) {
		ktap_skip(t, "somebody has all of it");
		return;
	}
	/* All tables on the way to va are there, but for the lowest. */
	KTAP_EXPECT_EQ(t, arch_map(first, pa, PAGE_SIZE, PROT_READ, PAGE_SIZE), 0);
	table_pa = PFN_PHYS(pfn);
	old = arch_swap_tables(mine);
	KTAP_EXPECT_EQ(t, arch_map(va, pa, PAGE_SIZE, PROT_READ, PAGE_SIZE), 0);
	KTAP_EXPECT_EQ(t, probe_read(&word, (void *)va, sizeof(word)), 0);
	KTAP_EXPECT_EQ(t, word, *(u32 *)_srodata);
	KTAP_EXPECT_EQ(t, arch_unmap(va, PAGE_SIZE), 0);
	arch_swap_tables(old);
	KTAP_EXPECT_EQ(t, arch_unmap(first, PAGE_SIZE), 0);
	free_contig_range(pfn, 1);
}

/* A trace from boot keeps its names. */
static void __ref test_names(struct ktap *t)
{
	unsigned long pc = (unsigned long)init_function;

	KTAP_EXPECT_EQ(t, symbol_start(pc + 2), pc);
	KTAP_EXPECT(t, !in_kernel_text(pc));
	KTAP_EXPECT(t, in_kernel_text((unsigned long)_etext - 1));
}

static const struct ktap_case cases[] = {
	{ "sealed", test_sealed }, { "all-harts", test_all_harts }, { "gone", test_gone },
	{ "serves", test_serves }, { "names", test_names },	    {},
};

static const struct ktap_suite suite_seal = { "seal", cases };
TABLE_ENTRY(ktap_suite, suite_seal);
