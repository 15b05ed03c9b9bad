/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the boot, as a list
 *
 * head.S arrives here on the boot hart, in the upper half, on a small guarded stack, with
 * interrupts off and nothing but the image mapped.
 */
#define LOG_PREFIX "hartwood: "

#include <asm/irqflags.h>
#include <asm/mmu.h>
#include <asm/sbi.h>
#include <base/errno.h>
#include <drivers/driver.h>
#include <kernel/bootargs.h>
#include <kernel/console.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/random.h>
#include <kernel/smp.h>
#include <kernel/stack_guard.h>
#include <kernel/time.h>
#include <lib/dt.h>
#include <mm/init.h>
#include <mm/slab.h>
#include <mm/memblock.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>
#include <sched/irq.h>
#include <sched/kfence_timer.h>
#include <sched/kmemleak.h>
#include <sched/kswapd.h>
#include <sched/thread.h>
#include <sched/workqueue.h>
#include <shell/shell.h>
#include <string.h>

void start_kernel(unsigned long hartid, unsigned long fdt_pa);
void hart_main(void) __noreturn;

static const char *paging_cap; /* paging= */

static int __init parse_paging(const char *value)
{
	static const char *const modes[] = { "sv32", "sv39", "sv48", "sv57" };

	for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++) {
		if (!strcmp(value, modes[i])) {
			paging_cap = value;
			return 0;
		}
	}
	return -EINVAL;
}

static const struct bootarg arg_paging __initconst = { "paging", parse_paging,
						       "sv39, sv48 or sv57" };
TABLE_ENTRY(bootarg, arg_paging);

static void announce(unsigned long hartid)
{
	char firmware[80];

	sbi_describe(firmware, sizeof(firmware));
	pr_notice("booted by %s on hart %lu", firmware, hartid);
}

/* Check the firmware's device tree where it lies; returns its size. */
static size_t __init open_fdt(phys_addr_t pa)
{
	struct dt_error err;
	struct dt_chosen chosen;
	const char *why = "";
	size_t bytes = 0;
	const void *fdt = arch_map_fdt(pa, &bytes, &why);

	if (!fdt)
		panic("device tree at 0x%llx: %s", PA(pa), why);
	if (dt_init(fdt, bytes, &err))
		panic("%s", err.text);
	dt_read_chosen(&chosen);
	bootargs_parse(chosen.bootargs);
	return bytes;
}

static void report_memory(void)
{
	pr_info("%s, %llu MiB of memory, %lu KiB free", arch_paging_name(),
		PA(memblock_phys_mem_size() / MiB), nr_free_pages() * (PAGE_SIZE / 1024));
}

/* What runs when the guard is set must not look for the old one. */
static __noinline __no_stack_protector void __init boot(unsigned long hartid, unsigned long fdt_pa)
{
	size_t fdt_bytes;

	this_hart->hartid = hartid; /* of the template, until harts_prepare(): for a panic */
	sbi_init();		    /* which firmware calls there are */
	arch_paging_early();	    /* where the image lies */
	announce(hartid);
	fdt_bytes = open_fdt(fdt_pa);	     /* the tree is sound; boot arguments */
	random_init();			     /* from seeds that the tree loses later */
	stack_guard_init();		     /* calls from here on are guarded by a random word */
	mm_init_memblock(fdt_pa, fdt_bytes); /* banks, reservations */
	arch_paging_init(memblock_start_of_DRAM(), memblock_end_of_DRAM(), memblock_phys_mem_size(),
			 paging_cap);  /* regions */
	arch_set_isa(dt_common_isa()); /* what page tables may say */
	linear_map_limit();	       /* what is high memory */
	mm_init_reserve();	       /* before the linear map: some must never be mapped */
	linear_map_init();
	mm_init_fdt();	       /* the tree, copied to safety */
	harts_prepare(hartid); /* numbers, per-CPU areas, clock */
	console_init();	       /* the UART; the log so far goes out */
	mm_init_pages();       /* DMA ceilings, zones, page allocator */
	kmem_cache_init();     /* small objects */
	vmalloc_init();	       /* memory at addresses in a row */
	report_memory();
	sched_init();		    /* this code becomes the thread "main" */
	drivers_probe(DRIVER_CORE); /* interrupt controllers; how to end a failed run */
	local_irq_enable();
	sched_start_services();
	node_daemons_init(); /* kswapd and its like */
	harts_give_stacks();
	smp_start();		      /* the other harts */
	workqueues_init();	      /* their workers */
	kfence_timer_init();	      /* a sample of objects is watched */
	kmemleak_start();	      /* who looks for leaks, if anyone */
	drivers_probe(DRIVER_DEVICE); /* everything else; the console by interrupt */
}

void __no_stack_protector __ref start_kernel(unsigned long hartid, unsigned long fdt_pa)
{
	boot(hartid, fdt_pa);
	mm_free_init(); /* what boot() alone needed; what it alone wrote is read-only */
	if (arch_wx_check())
		panic("a page is both writable and executable");
	pr_info("%lu instructions from _start to the prompt", instructions_since_start());
	shell_main();
}

/* Where each other hart arrives, on its own stack, interrupts off. */
void hart_main(void)
{
	irqs_went_off(); /* for irqsoff: not since it went off the last time */
	sched_start_hart();
	irq_init_hart();
	if (!smp_hart_online()) {
		sched_stop_hart();
		smp_stop_here();
	}
	local_irq_enable();
	sched_idle();
}
