/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init.c - memory, from the device tree to the page allocator
 */
#define LOG_PREFIX "memory: "

#include <mm/init.h>

#include <asm/mmu.h>
#include <base/errno.h>
#include <kernel/bootargs.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <lib/parse.h>
#include <mm/cma.h>
#include <mm/discover.h>
#include <mm/highmem.h>
#include <mm/memblock.h>
#include <mm/page_alloc.h>
#include <string.h>

extern char _start[], _end[];

static struct {
	u64 mem_limit; /* mem=, bytes; 0: all */
	struct zone_wishes wish;
	struct zone_plan plan;
} state = { .wish = { .movablecore = CORE_UNSET, .kernelcore = CORE_UNSET } };

static int __init parse_mem(const char *value)
{
	u64 bytes;

	if (parse_size(value, &bytes) || !bytes)
		return -EINVAL;
	state.mem_limit = bytes;
	return 0;
}

static const struct bootarg arg_mem __initconst = { "mem", parse_mem,
						    "a size like 64M: use no more memory" };
TABLE_ENTRY(bootarg, arg_mem);

static int __init parse_dma_zone(const char *value)
{
	return zone_plan_parse_bits(value, &state.wish.dma_zone);
}

static const struct bootarg arg_dma_zone __initconst = {
	"dma_zone", parse_dma_zone, "address bits between 12 and 56, like 28,30"
};
TABLE_ENTRY(bootarg, arg_dma_zone);

static int __init parse_movablecore(const char *value)
{
	return zone_plan_parse_core(value, &state.wish.movablecore);
}

static int __init parse_kernelcore(const char *value)
{
	return zone_plan_parse_core(value, &state.wish.kernelcore);
}

static const char core_help[] = "a size, or a part of memory like 40%";
static const struct bootarg arg_movablecore __initconst = { "movablecore", parse_movablecore,
							    core_help };
static const struct bootarg arg_kernelcore __initconst = { "kernelcore", parse_kernelcore,
							   core_help };
TABLE_ENTRY(bootarg, arg_movablecore);
TABLE_ENTRY(bootarg, arg_kernelcore);

static void __init reserve(phys_addr_t start, phys_addr_t bytes, u32 kind, const char *what)
{
	if (memblock_reserve_kind(start, bytes, kind))
		panic("can't reserve %s at 0x%llx: the list of reservations is full", what,
		      PA(start));
}

void __init mm_init_memblock(phys_addr_t fdt_pa, size_t fdt_bytes)
{
	phys_addr_t image = va_layout.image_pa, image_end = __pa_symbol(_end);
	struct dt_error err;

	if (discover_memory(&err))
		panic("%s", err.text);
	reserve(image, image_end - image, MEMBLOCK_RSRV_KERNEL, "the kernel");
	reserve(fdt_pa, fdt_bytes, MEMBLOCK_RSRV_DT, "the device tree");
	if (state.mem_limit && memblock_enforce_memory_limit(state.mem_limit))
		panic("mem=: the list of memory ranges is full");
	if (discover_check_image(image, image_end, &err))
		panic("%s", err.text);
}

void __init mm_init_reserve(void)
{
	struct dt_error err;

	if (discover_reserve_dynamic(&err))
		panic("%s", err.text);
	cma_reserve();
}

static void __init forget(void *value, size_t bytes)
{
	memset(value, 0, bytes);
}

void __init mm_init_fdt(void)
{
	size_t bytes = dt_blob_bytes();
	void *copy = memblock_alloc(bytes, 8);

	memcpy(copy, dt_blob(), bytes);
	dt_each_seed(arch_erase_fdt); /* their use is over: nobody may find them */
	dt_set_blob(copy);
	dt_each_seed(forget);
	arch_unmap_fdt();
}

static phys_addr_t table_from_pages(void)
{
	struct page *page = alloc_page(GFP_ATOMIC);

	return page ? page_to_phys(page) : 0;
}

/* A table of boot's is reserved memory. */
static void table_to_pages(phys_addr_t pa)
{
	struct page *page = phys_to_page(pa);

	if (PageReserved(page))
		free_reserved_area(pa, pa + PAGE_SIZE);
	else
		__free_page(page);
}

void __init mm_init_pages(void)
{
	struct dt_error err;

	for (int from = 0; from < dt_nr_nids(); from++) {
		for (int to = 0; to < dt_nr_nids(); to++)
			node_set_distance(from, to, dt_distance(from, to));
	}
	if (state.wish.movablecore == CORE_UNSET && state.wish.kernelcore == CORE_UNSET)
		state.wish.movablecore = CORE_PERCENT(CONFIG_MOVABLE_CORE);
	state.wish.high = highmem_start();
	if (discover_dma(&err) || discover_zones(&state.wish, &state.plan, &err))
		panic("%s", err.text);
	kmap_init();
	page_alloc_init(&state.plan);
	cma_init();
	arch_map_set_allocator(table_from_pages, table_to_pages);
	fault_text_init();
	if (arch_share_roots())
		panic("no memory for the page tables that address spaces share");
}

void mm_free_init(void)
{
	unsigned long nr = 0;
	phys_addr_t start, end;
	int err = arch_seal_image();

	for (unsigned int i = 0; !err; i++) {
		err = arch_release_image(i, &start, &end);
		if (!err)
			nr += free_reserved_area(start, end);
	}
	if (err != -ENOENT)
		panic("no memory to seal the image and to free what boot alone needed");
	pr_info("%lu KiB that only boot needed are free", nr * (PAGE_SIZE / 1024));
}

const struct zone_plan *mm_zone_plan(void)
{
	return &state.plan;
}
