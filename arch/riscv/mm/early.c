/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * early.c - the tables that paging starts with
 *
 * One chain serves every mode, since the last 2 GiB of virtual addresses are the same in all:
 *
 *     sv57 root [511] -> sv48 root [511] -> sv39 root [510] -> image, 2 MiB a table, anywhere
 *                                                     [511] -> fixmap
 *     sv32 root [1020..] -> image, 4 MiB a table;  [1022] -> fixmap
 *
 * The root of the mode that runs stays the kernel's root for good.
 *
 * early_map_image() runs at the load address with paging off: it may use pc-relative
 * addresses only, so no initialised pointer, no switch table, no call through a pointer.
 *
 * Invariants: text is R+X, rodata R, data and bss RW, and the guard page under the boot
 * stack is not mapped.  (arch_wx_check)
 */
#include <asm/pgtable.h>

/* A random address isn't aligned to what a table maps. */
#ifdef CONFIG_RANDOMIZE_BASE
#define NR_TABLES (IMAGE_TABLES + 1)
#else
#define NR_TABLES IMAGE_TABLES
#endif

#define __page_table __section(".bss..page_aligned") __aligned(4096)

static pte_t image_tables[NR_TABLES][PTRS_PER_TABLE] __page_table;
pte_t early_fixmap[PTRS_PER_TABLE] __page_table;

#ifdef CONFIG_ARCH_RV32I
static pte_t root_sv32[PTRS_PER_TABLE] __page_table;

const struct paging_mode paging_modes[] = {
	{ "sv32", SATP_MODE_32, 2, 32, root_sv32 },
	{ .name = NULL },
};
#else
static pte_t root_sv39[PTRS_PER_TABLE] __page_table;
static pte_t root_sv48[PTRS_PER_TABLE] __page_table;
static pte_t root_sv57[PTRS_PER_TABLE] __page_table;
static pte_t image_level1[PTRS_PER_TABLE] __page_table;
static pte_t fixmap_level1[PTRS_PER_TABLE] __page_table;

const struct paging_mode paging_modes[] = {
	{ "sv57", SATP_MODE_57, 5, 57, root_sv57 },
	{ "sv48", SATP_MODE_48, 4, 48, root_sv48 },
	{ "sv39", SATP_MODE_39, 3, 39, root_sv39 },
	{ .name = NULL },
};
#endif

/* Values of satp to try, deepest mode first, 0 at the end: head.S reads them. */
unsigned long early_satp[4];
/* Where _start was loaded. */
unsigned long early_load_pa;

extern char _start[], _end[], _einittext[], __ro_after_init_start[], boot_stack_guard[];
int early_map_image(unsigned long load, unsigned long va);

static unsigned long satp_value(unsigned long mode, const pte_t *root)
{
	return mode << SATP_MODE_SHIFT | (unsigned long)root >> PAGE_SHIFT;
}

/* &table is a physical address here: paging is off. */
static pte_t table_at(const pte_t *table)
{
	return pte_table((unsigned long)table);
}

#ifdef CONFIG_ARCH_RV32I
static void link_tables(unsigned long va)
{
	for (unsigned int i = 0; i < NR_TABLES; i++)
		root_sv32[table_index(va, 1) + i] = table_at(image_tables[i]);
	root_sv32[table_index(FIXMAP_ADDR, 1)] = table_at(early_fixmap);
	early_satp[0] = satp_value(SATP_MODE_32, root_sv32);
}
#else
static void link_tables(unsigned long va)
{
	unsigned long first = table_index(va, 1);
	unsigned int n = 0;

	for (unsigned int i = 0; i < NR_TABLES && first + i < PTRS_PER_TABLE; i++)
		image_level1[first + i] = table_at(image_tables[i]);
	fixmap_level1[0] = table_at(early_fixmap);
	root_sv39[table_index(KERNEL_LINK_ADDR, 2)] = table_at(image_level1);
	root_sv39[table_index(FIXMAP_ADDR, 2)] = table_at(fixmap_level1);
	root_sv48[PTRS_PER_TABLE - 1] = table_at(root_sv39);
	root_sv57[PTRS_PER_TABLE - 1] = table_at(root_sv48);
	if (CONFIG_VM_MODE_MAX >= 57)
		early_satp[n++] = satp_value(SATP_MODE_57, root_sv57);
	if (CONFIG_VM_MODE_MAX >= 48)
		early_satp[n++] = satp_value(SATP_MODE_48, root_sv48);
	early_satp[n] = satp_value(SATP_MODE_39, root_sv39);
}
#endif

/*
 * early_map_image - fill the early tables
 * @load: where _start lies now; @va: where it is to run, a multiple of PAGE_SIZE.
 * Returns 0, or non-zero if the kernel can't run from there.
 * Boot hart, paging off, interrupts off.
 */
int early_map_image(unsigned long load, unsigned long va)
{
	unsigned long bytes = (unsigned long)(_end - _start);
	unsigned long text = (unsigned long)(_einittext - _start);
	unsigned long rodata = (unsigned long)(__ro_after_init_start - _start) & PAGE_MASK;
	unsigned long guard = (unsigned long)(boot_stack_guard - _start);

	if (load % KERNEL_ALIGN)
		return 1;
	/* Where load and run addresses overlap, turning paging on would swap code under the pc. */
	if (load != va && load + bytes > KERNEL_LINK_ADDR)
		return 1;
	for (unsigned long off = 0; off < bytes; off += PAGE_SIZE) {
		unsigned long bits = PTE_R | PTE_A | PTE_D | PTE_G;
		unsigned long page = table_index(va, 0) + (off >> PAGE_SHIFT);

		if (off == guard)
			continue;
		if (off < text)
			bits |= PTE_X;
		else if (off >= rodata)
			bits |= PTE_W;
		image_tables[page / PTRS_PER_TABLE][page % PTRS_PER_TABLE] =
			pte_make(load + off, bits);
	}
	early_load_pa = load;
	link_tables(va);
	return 0;
}
