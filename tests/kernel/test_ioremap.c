/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_ioremap.c - devices' registers and others' memory at addresses of areas
 *
 * What is mapped is outside of memory, and nobody knows what is there: it's looked up, and not
 * accessed.
 */
#include <mm/ioremap.h>

#include <asm/mmu.h>
#include <asm/vmap.h>
#include <mm/kmap.h>
#include <mm/memblock.h>
#include <mm/page_alloc.h>
#include <shell/ktap.h>
#include <string.h>

#include "../../mm/vmap.h"
#include "vmalloc_tools.h"

#define LARGE (4 * MiB)

/* LARGE bytes, aligned, that no memory has. */
static phys_addr_t outside(void)
{
	phys_addr_t start = ALIGN_DOWN(memblock_start_of_DRAM(), (phys_addr_t)LARGE);

	return start > LARGE ? start - LARGE
			     : ALIGN_UP(memblock_end_of_DRAM(), (phys_addr_t)LARGE) + LARGE;
}

static bool maps(const volatile void *addr, phys_addr_t pa, unsigned int prot)
{
	struct arch_mapping map;

	return !arch_lookup((unsigned long)addr, &map) && map.pa == pa && map.prot == prot;
}

/* The area that @addr lies in, if it's one of a device's at @pa. */
static const struct vm_struct *area_of(const volatile void *addr, phys_addr_t pa)
{
	const struct vm_struct *vm = find_vm_area((const void *)(unsigned long)addr);

	return vm && vm->flags & VM_IOREMAP && vm->phys_addr == pa ? vm : NULL;
}

static void test_registers(struct ktap *t)
{
	phys_addr_t pa = outside();
	unsigned long nr = vmalloc_validate();
	char *base = ioremap(pa + 0x234, PAGE_SIZE);
	const struct vm_struct *vm = base ? area_of(base, pa) : NULL;

	KTAP_ASSERT(t, base && vm);
	KTAP_EXPECT_EQ(t, (unsigned long)base & (PAGE_SIZE - 1), 0x234);
	KTAP_EXPECT(t, maps(base, pa + 0x234, PROT_READ | PROT_WRITE | PROT_IO));
	KTAP_EXPECT_EQ(t, get_vm_area_size(vm), 2 * PAGE_SIZE);
	KTAP_EXPECT(t, maps(base + PAGE_SIZE, pa + PAGE_SIZE + 0x234,
			    PROT_READ | PROT_WRITE | PROT_IO));
	KTAP_EXPECT(t, !accessible((unsigned long)base + 2 * PAGE_SIZE));
	KTAP_EXPECT(t, vm->caller > (void *)test_registers);
	KTAP_EXPECT_EQ(t, vmalloc_validate(), nr + 1);
	iounmap(base);
	KTAP_EXPECT_EQ(t, vmalloc_validate(), nr);
	KTAP_EXPECT(t, !find_vm_area(base));
	vm_unmap_aliases();
	KTAP_EXPECT(t, !accessible((unsigned long)base));
	iounmap(NULL);
}

static void test_kinds(struct ktap *t)
{
	phys_addr_t pa = outside();
	char *uc = ioremap_uc(pa, 8), *wc = ioremap_wc(pa + PAGE_SIZE, 8);
	char *wb = memremap(pa + 2 * PAGE_SIZE, 8, MEMREMAP_WB | MEMREMAP_WT);
	char *wt = memremap(pa + 3 * PAGE_SIZE, 8, MEMREMAP_WT | MEMREMAP_WC);
	char *wm = memremap(pa + 4 * PAGE_SIZE, 8, MEMREMAP_WC);

	KTAP_EXPECT(t, uc && maps(uc, pa, PROT_READ | PROT_WRITE | PROT_IO));
	KTAP_EXPECT(t, wc && maps(wc, pa + PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_NC));
	KTAP_EXPECT(t, wb && maps(wb, pa + 2 * PAGE_SIZE, PROT_READ | PROT_WRITE));
	KTAP_EXPECT(t, wt && maps(wt, pa + 3 * PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_IO));
	KTAP_EXPECT(t, wm && maps(wm, pa + 4 * PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_NC));
	KTAP_EXPECT(t, !ioremap_np(pa, 8));
	iounmap(uc);
	iounmap(wc);
	memunmap(wb);
	memunmap(wt);
	memunmap(wm);
	vm_unmap_aliases();
}

/* Registers of many MiB have large leaves, and one less when they begin elsewhere. */
static void test_large(struct ktap *t)
{
	unsigned long leaf = arch_vmap_huge_leaf();
	phys_addr_t pa = outside();
	struct arch_mapping map;
	char *base;

	if (va_layout.vmalloc_bytes < 4 * LARGE)
		return ktap_skip(t, "the region is too small");
	for (unsigned long off = 0; off <= PAGE_SIZE; off += PAGE_SIZE) {
		base = ioremap(pa + off, LARGE - off);
		KTAP_ASSERT(t, base != NULL);
		KTAP_EXPECT(t, maps(base + LARGE - off - 1, pa + LARGE - 1,
				    PROT_READ | PROT_WRITE | PROT_IO));
		KTAP_EXPECT(t, !arch_lookup((unsigned long)base, &map) &&
				       map.leaf == (off ? PAGE_SIZE : leaf));
		KTAP_EXPECT(t, !accessible((unsigned long)base + LARGE - off));
		iounmap(base);
		vm_unmap_aliases();
	}
	/* And of 64 KiB, where harts have these (Svnapot). */
	base = ioremap_wc(pa + 16 * PAGE_SIZE, 40 * PAGE_SIZE);
	KTAP_ASSERT(t, base != NULL);
	for (unsigned long off = 0; off < 40 * PAGE_SIZE; off += 9 * PAGE_SIZE) {
		KTAP_EXPECT(t, maps(base + off, pa + 16 * PAGE_SIZE + off,
				    PROT_READ | PROT_WRITE | PROT_NC));
		KTAP_EXPECT(t, !arch_lookup((unsigned long)base + off, &map) &&
				       map.leaf == (off < 32 * PAGE_SIZE ? arch_vmap_leaf()
									 : PAGE_SIZE));
	}
	iounmap(base);
	vm_unmap_aliases();
}

static void test_refused(struct ktap *t)
{
	phys_addr_t ram = __pa_symbol(test_refused), pa = outside();
	phys_addr_t start = memblock_start_of_DRAM();
	unsigned long nr = vmalloc_validate();
	const struct memblock_region *m;

	KTAP_EXPECT(t, !ioremap(pa, 0));
	KTAP_EXPECT(t, !ioremap(~(phys_addr_t)0 - 5, 7));
	KTAP_EXPECT(t, !ioremap(arch_phys_end() - 1, 2));
	KTAP_EXPECT(t, !ioremap(arch_phys_end(), 1));
	KTAP_EXPECT(t, !ioremap(pa, ~(size_t)0));
	KTAP_EXPECT(t, !ioremap(ram, 1) && !ioremap_wc(ram, 1));
	KTAP_EXPECT(t, !memremap(ram, 1, MEMREMAP_WT | MEMREMAP_WC));
	KTAP_EXPECT(t, !memremap(pa, 1, 0));
	for_each_mem_range(m) {
		if (m->flags & MEMBLOCK_NOMAP)
			continue;
		KTAP_EXPECT(t, !ioremap(m->base, 1) && !ioremap(m->base + m->size - 1, 1));
		if (m->base == start && start)
			KTAP_EXPECT(t,
				    !ioremap(start - 1, 2) && !memremap(start - 1, 2, MEMREMAP_WB));
	}
	KTAP_EXPECT_EQ(t, vmalloc_validate(), nr);
}

/* A range that shares its last page with memory, as where firmware's ends in one. */
static void test_rounded(struct ktap *t)
{
	struct memblock_region *m = memblock.memory.regions;
	unsigned long nr = vmalloc_validate();
	phys_addr_t base, size;

	while (m->flags & MEMBLOCK_NOMAP)
		m++;
	base = m->base;
	size = m->size;
	m->base += 8;
	m->size -= 8;
	KTAP_EXPECT(t, !ioremap(base, 4));
	KTAP_EXPECT(t, !memremap(base, 4, MEMREMAP_WC));
	m->base = base;
	m->size = size;
	KTAP_EXPECT_EQ(t, vmalloc_validate(), nr);
}

/* More than there are addresses; on rv32 also sizes that an address can't hold, whose low half
 * would do.  With areas, and before there are any. */
static void test_too_large(struct ktap *t)
{
	phys_addr_t pa = ALIGN_DOWN(arch_phys_end() - 1, (phys_addr_t)LARGE) / 2 + 16;
	size_t whole = va_layout.vmalloc_bytes, most = ~(size_t)0;
	unsigned long nr = vmalloc_validate();

	for (unsigned i = 0; i < 2; i++) {
		ioremap_makes_areas = !i;
		KTAP_EXPECT(t, !ioremap(pa, whole) && !ioremap(pa, whole - PAGE_SIZE));
		KTAP_EXPECT(t, !ioremap(pa, most) && !ioremap(pa, most - PAGE_SIZE));
	}
	ioremap_makes_areas = true;
	KTAP_EXPECT_EQ(t, vmalloc_validate(), nr);
}

/* Memory of the kernel's is found where it is. */
static void test_ram(struct ktap *t)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_HIGHMEM);
	unsigned long nr = vmalloc_validate(), seen;
	unsigned long *va;

	KTAP_ASSERT(t, page != NULL);
	va = memremap(page_to_phys(page), PAGE_SIZE, MEMREMAP_WB);
	KTAP_ASSERT(t, va != NULL);
	if (PageHighMem(page))
		KTAP_EXPECT(t, area_of(va, page_to_phys(page)) && vmalloc_validate() == nr + 1);
	else
		KTAP_EXPECT(t, va == __va(page_to_phys(page)));
	va[7] = 0x5aa5;
	memcpy_from_page(&seen, page, 7 * sizeof(seen), sizeof(seen));
	KTAP_EXPECT_EQ(t, seen, 0x5aa5);
	memunmap(va);
	KTAP_EXPECT_EQ(t, vmalloc_validate(), nr);
	vm_unmap_aliases();
	__free_page(page);
}

/* What was mapped before there were areas is one, and goes like one. */
static void test_early(struct ktap *t)
{
	static struct vm_struct vm;
	struct vm_struct copy;
	unsigned long at = 0, nr = vmalloc_validate();
	phys_addr_t pa = outside();
	unsigned early = 0;

	while (vmalloc_next(&at, &copy))
		early += (copy.flags & VM_STATIC) != 0;
	ktap_diag(t, "%u mappings are from before", early);
	vm = (struct vm_struct){ .size = 2 * PAGE_SIZE,
				 .flags = VM_IOREMAP | VM_STATIC,
				 .pages = vm.few,
				 .phys_addr = pa };
	vm.node.start = ALIGN_UP(vmap_state.tree.high.prev->end, LARGE);
	vm.node.end = vm.node.start + vm.size;
	if (va_layout.vmalloc_base + va_layout.vmalloc_bytes - vm.node.start < vm.size)
		return ktap_skip(t, "the region is full");
	KTAP_EXPECT_EQ(
		t,
		arch_map(vm.node.start, pa, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_IO, PAGE_SIZE),
		0);
	vmap_area_add(&vm);
	vmap_set_ready(&vm, 0);
	KTAP_EXPECT(t, area_of(vm.addr, pa) == &vm);
	KTAP_EXPECT_EQ(t, vmalloc_validate(), nr + 1);
	iounmap(vm.addr);
	KTAP_EXPECT(t, !find_vm_area(vm.addr));
	KTAP_EXPECT_EQ(t, vmalloc_validate(), nr);
	vm_unmap_aliases();
	KTAP_EXPECT(t, !accessible((unsigned long)vm.addr));
}

static const struct ktap_case cases[] = {
	{ "registers", test_registers },
	{ "kinds", test_kinds },
	{ "large", test_large },
	{ "refused", test_refused },
	{ "rounded", test_rounded },
	{ "too-large", test_too_large },
	{ "ram", test_ram },
	{ "early", test_early },
	{},
};

static const struct ktap_suite suite_ioremap = { "ioremap", cases };
TABLE_ENTRY(ktap_suite, suite_ioremap);
