/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_paging.c - what is mapped, what isn't, and what may be written
 *
 * Every claim is tried with an access that may fault (probe_read, probe_write).
 */
#include <asm/mmu.h>

#include <asm/layout.h>
#include <asm/pgtable.h>
#include <asm/tlb.h>
#include <base/errno.h>
#include <kernel/smp.h>
#include <mm/memblock.h>
#include <mm/page_debug.h>
#include <mm/page_alloc.h>
#include <shell/ktap.h>
#include <string.h>

extern char _start[], _etext[], _srodata[], _erodata[], _sdata[], boot_stack_guard[];

static const u32 readonly_word = 0x12345678; /* in rodata */
static u32 writable_word = 0x87654321;

/* The byte @offset bytes behind @va can be read. */
static bool readable_at(const void *va, long offset)
{
	u8 byte;

	return probe_read(&byte, (void *)((unsigned long)va + (unsigned long)offset), 1) == 0;
}

static bool readable(const void *va)
{
	return readable_at(va, 0);
}

/* Write the byte that is there already. */
static bool writable_at(void *va, long offset)
{
	void *at = (void *)((unsigned long)va + (unsigned long)offset);
	u8 byte;

	return probe_read(&byte, at, 1) == 0 && probe_write(at, &byte, 1) == 0;
}

static bool writable(void *va)
{
	return writable_at(va, 0);
}

static void test_probe(struct ktap *t)
{
	u64 value = 0;
	u32 word;

	KTAP_EXPECT_EQ(t, probe_read(&word, &readonly_word, 4), 0);
	KTAP_EXPECT_EQ(t, word, 0x12345678);
	KTAP_EXPECT_EQ(t, probe_read(&value, &writable_word, 2), 0);
	KTAP_EXPECT_EQ(t, value, 0x4321);
	KTAP_EXPECT_EQ(t, probe_read(&value, &writable_word, 3), -EINVAL);
	KTAP_EXPECT_EQ(t, probe_read(&value, NULL, 1), -EFAULT);
	word = 7;
	KTAP_EXPECT_EQ(t, probe_write(&writable_word, &word, 4), 0);
	KTAP_EXPECT_EQ(t, writable_word, 7);
	writable_word = 0x87654321; /* for the next time */
}

static void test_unmapped(struct ktap *t)
{
	unsigned int cpu;

	KTAP_EXPECT(t, !readable(NULL));
	KTAP_EXPECT(t, !readable_at(NULL, PAGE_SIZE - 1));
	KTAP_EXPECT(t, !readable(boot_stack_guard));
	KTAP_EXPECT(t, !readable_at(boot_stack_guard, PAGE_SIZE - 1));
	KTAP_EXPECT(t, !readable((void *)va_layout.vmalloc_base - 1));
	for_each_online_hart(cpu) {
		unsigned long stack = hart_info(cpu)->stack;

		KTAP_EXPECT(t, readable((void *)stack));
		KTAP_EXPECT(t, !readable((void *)(stack - 1)));
		if (cpu)
			KTAP_EXPECT(t, !readable((void *)(stack + STACK_SIZE)));
	}
}

/* Root entries of the kernel begin here: on rv32 user programs have 3 of 4 GiB. */
static void test_user_part(struct ktap *t)
{
	const struct va_layout *v = &va_layout;
	unsigned long least = ~0UL / 4 * 3 + 3, base[] = { v->vmemmap_base, v->vmalloc_base,
							   v->scratch_base, v->linear_base };

	if (sizeof(long) == 8)
		least = ~(~0UL >> 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(base); i++)
		KTAP_EXPECT(t, base[i] > least);
	KTAP_EXPECT_EQ(t, arch_map(least - PAGE_SIZE, 0, PAGE_SIZE, PROT_READ, PAGE_SIZE), -EINVAL);
}

/* The vmalloc region grows with memory, and its root entries are there for address spaces to copy:
 * all of them, for good, and none beyond. */
static void test_roots(struct ktap *t)
{
	const struct va_layout *v = &va_layout;
	unsigned long root = level_bytes(paging->levels - 1),
		      end = v->vmalloc_base + v->vmalloc_bytes;
	unsigned long most = v->scratch_base - v->vmalloc_base;
	u64 wanted = 2 * memblock_phys_mem_size();

	KTAP_EXPECT(t, v->vmalloc_bytes >= min(wanted, (u64)most - root));
	KTAP_EXPECT(t, v->vmalloc_bytes <= wanted + 16 * MiB + root);
	for (unsigned long at = ALIGN_DOWN(v->vmalloc_base, root); at < v->scratch_base;
	     at += root) {
		pte_t pte = paging->root[table_index(at, paging->levels - 1)];

		if (at < end)
			KTAP_EXPECT(t, pte_valid(pte) && !pte_is_leaf(pte) && pte.val & PTE_PINNED);
		else
			KTAP_EXPECT(t, !pte_valid(pte));
	}
	end = v->vmemmap_base + v->vmemmap_bytes;
	for (unsigned long at = ALIGN_DOWN(v->vmemmap_base, root); at < end; at += root) {
		pte_t pte = paging->root[table_index(at, paging->levels - 1)];

		KTAP_EXPECT(t, pte_valid(pte) && (pte_is_leaf(pte) || pte.val & PTE_PINNED));
	}
}

static void test_no_map(struct ktap *t)
{
	bool hides_free = page_debug & PAGE_DEBUG_GUARD;
	const struct memblock_region *r;
	unsigned int seen = 0;

	for_each_mem_range(r) {
		bool no_map = r->flags & MEMBLOCK_NOMAP;

		seen += no_map;
		if (r->base >= va_layout.low_end)
			break; /* high memory's own suite is test_kmap.c */
		/* Reserved memory may be mapped and still be kept from us by the firmware; and
		 * free memory may be out of reach. */
		if (no_map || (!hides_free && !memblock_is_reserved(r->base)))
			KTAP_EXPECT_EQ(t, readable(__va(r->base)), !no_map);
		if (r->base + r->size > va_layout.low_end)
			break;
		if (no_map || (!hides_free && !memblock_is_reserved(r->base + r->size - 1)))
			KTAP_EXPECT_EQ(t, readable(__va(r->base + r->size - 1)), !no_map);
	}
	if (!seen)
		ktap_skip(t, "this board has no no-map memory");
}

static void test_image_protection(struct ktap *t)
{
	KTAP_EXPECT(t, readable(_start));
	KTAP_EXPECT(t, !writable(_start));
	KTAP_EXPECT(t, !writable_at(_etext, -1));
	KTAP_EXPECT(t, !writable(_srodata));
	KTAP_EXPECT(t, !writable((void *)&readonly_word));
	KTAP_EXPECT(t, !writable_at(_erodata, -1));
	KTAP_EXPECT(t, writable(_sdata));
	KTAP_EXPECT(t, !writable(&va_layout)); /* sealed when boot was over */
	KTAP_EXPECT(t, writable(&writable_word));
	/* The same pages in the linear map. */
	KTAP_EXPECT(t, readable(__va(__pa_symbol(_start))));
	KTAP_EXPECT(t, !writable(__va(__pa_symbol(_start))));
	KTAP_EXPECT(t, !writable(__va(__pa_symbol(_erodata) - 1)));
	KTAP_EXPECT(t, writable(__va(__pa_symbol(_sdata))));
	KTAP_EXPECT(t, !writable(__va(__pa_symbol(&va_layout))));
	KTAP_EXPECT(t, writable(__va(__pa_symbol(&writable_word))));
}

/* A free slot of the fixmap shows @pa for a moment; what the check says of that. */
static int wx_check_with(phys_addr_t pa, unsigned long bits)
{
	pte_t *slot = &early_fixmap[PTRS_PER_TABLE - 1];
	int err;

	pte_set(slot, pte_make(pa, bits | PTE_A | PTE_D | PTE_G));
	err = arch_wx_check();
	pte_set(slot, (pte_t){ 0 });
	tlb_flush_local_all();
	return err;
}

static void test_wx(struct ktap *t)
{
	phys_addr_t text = __pa_symbol(_start),
		    data = ALIGN_DOWN(__pa_symbol(&writable_word), (phys_addr_t)PAGE_SIZE);
	phys_addr_t rodata = __pa_symbol(_srodata),
		    sealed = ALIGN_DOWN(__pa_symbol(&va_layout), (phys_addr_t)PAGE_SIZE);

	KTAP_EXPECT_EQ(t, arch_wx_check(), 0);
	KTAP_EXPECT_EQ(t, wx_check_with(text, PTE_R), 0);
	KTAP_EXPECT_EQ(t, wx_check_with(text, PTE_R | PTE_W), -EPERM);
	KTAP_EXPECT_EQ(t, wx_check_with(__pa_symbol(_etext) - PAGE_SIZE, PTE_R | PTE_W), -EPERM);
	KTAP_EXPECT_EQ(t, wx_check_with(data, PTE_R | PTE_X), -EPERM);
	KTAP_EXPECT_EQ(t, wx_check_with(data, PTE_R | PTE_W), 0);
	KTAP_EXPECT_EQ(t, wx_check_with(rodata, PTE_R), 0);
	KTAP_EXPECT_EQ(t, wx_check_with(rodata, PTE_R | PTE_W), -EPERM);
	KTAP_EXPECT_EQ(t, wx_check_with(__pa_symbol(_erodata) - PAGE_SIZE, PTE_R | PTE_W), -EPERM);
	KTAP_EXPECT_EQ(t, wx_check_with(sealed, PTE_R | PTE_W), -EPERM);
	KTAP_EXPECT_EQ(t, arch_wx_check(), 0);
}

static void test_map_refuses(struct ktap *t)
{
	unsigned long text = (unsigned long)_start;
	unsigned int wx = PROT_READ | PROT_WRITE | PROT_EXEC;

	KTAP_EXPECT_EQ(t, arch_map(text, 0, PAGE_SIZE, PROT_READ, PAGE_SIZE), -EEXIST);
	KTAP_EXPECT_EQ(t,
		       arch_map((unsigned long)__va(va_layout.image_pa), 0, PAGE_SIZE, PROT_READ,
				PAGE_SIZE),
		       -EEXIST);
	KTAP_EXPECT_EQ(t, arch_map(va_layout.scratch_base, 0, PAGE_SIZE, wx, PAGE_SIZE), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_map(text + 1, 0, PAGE_SIZE, PROT_READ, PAGE_SIZE), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_map(text, 1, PAGE_SIZE, PROT_READ, PAGE_SIZE), -EINVAL);
	KTAP_EXPECT_EQ(t, arch_map(text, 0, PAGE_SIZE - 1, PROT_READ, PAGE_SIZE), -EINVAL);
}

static void test_conversions(struct ktap *t)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	char *va;

	KTAP_ASSERT(t, page != NULL);
	va = page_address(page);
	KTAP_EXPECT_EQ(t, page_to_phys(page), __pa(va));
	KTAP_EXPECT(t, virt_to_page(va) == page);
	KTAP_EXPECT(t, virt_to_page(va + PAGE_SIZE - 1) == page);
	KTAP_EXPECT(t, virt_to_page(va + PAGE_SIZE) == page + 1);
	KTAP_EXPECT(t, pfn_to_page(page_to_pfn(page)) == page);
	KTAP_EXPECT(t, __va(__pa(va)) == va);
	KTAP_EXPECT(t, arch_linear_reaches(__pa(va), __pa(va) + 4 * PAGE_SIZE));
	memset(va, 0xa5, 4 * PAGE_SIZE);
	KTAP_EXPECT_EQ(t, (u8)va[4 * PAGE_SIZE - 1], 0xa5);
	__free_pages(page, 2);
}

static const struct ktap_case cases[] = {
	{ "probe", test_probe },
	{ "unmapped", test_unmapped },
	{ "user-part", test_user_part },
	{ "roots", test_roots },
	{ "no-map", test_no_map },
	{ "image-protection", test_image_protection },
	{ "w-xor-x", test_wx },
	{ "map-refuses", test_map_refuses },
	{ "conversions", test_conversions },
	{},
};

static const struct ktap_suite suite_paging = { "paging", cases };
TABLE_ENTRY(ktap_suite, suite_paging);
