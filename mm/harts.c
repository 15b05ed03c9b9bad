/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * harts.c - memory for each hart: its table entry, per-CPU area and stacks
 *
 * Entries and areas come from memblock, near the hart; stacks are areas (kstack.c).  A hart that
 * maxcpus= keeps off has an area, since its objects may be initialised, but no stack until it is
 * started all the same.
 */
#define LOG_PREFIX "smp: "

#include <mm/init.h>

#include <asm/layout.h>
#include <asm/mmu.h>
#include <asm/tlb.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/discover.h>
#include <mm/kstack.h>
#include <mm/memblock.h>
#include <mm/zone.h>
#include <string.h>

extern char __per_cpu_start[], __per_cpu_end[], boot_stack[];

/* The per-CPU area of a hart: the template as it is now, in memory of its node. */
static void make_area(struct hart_info *h, unsigned int cpu)
{
	size_t bytes = (size_t)(__per_cpu_end - __per_cpu_start);
	struct hart_local *hl = memblock_alloc_node(bytes + CONFIG_PERCPU_DYNAMIC, 64, h->nid);

	memcpy(hl, __per_cpu_start, bytes);
	percpu_offset[cpu] = (unsigned long)hl - (unsigned long)__per_cpu_start;
	hl->percpu_off = percpu_offset[cpu];
	hl->cpu = cpu;
	hl->hartid = h->hartid;
	arch_hart_constants(hl);
	hl->emergency_top =
		(unsigned long)memblock_alloc_node(EMERGENCY_STACK, 16, h->nid) + EMERGENCY_STACK;
	h->local = hl;
	node_set_hart(cpu, h->nid);
}

/* What the hart needs to begin on its stack with paging on (head.S). */
static void tell_stack(struct hart_info *h)
{
	h->local->stack_lo = h->stack;
	h->local->boot_sp = h->stack + STACK_SIZE;
	h->local->boot_tp = (unsigned long)h->local;
	h->local->boot_satp = csr_read(satp);
}

int hart_give_stack(unsigned int cpu)
{
	struct hart_info *h = hart_info(cpu);

	if (h->stack)
		return 0;
	h->stack = kstack_alloc(h->nid);
	if (!h->stack)
		return -ENOMEM;
	tell_stack(h);
	return 0;
}

void __init harts_give_stacks(void)
{
	for (unsigned int cpu = 1; cpu < smp_wanted_harts(); cpu++)
		if (hart_give_stack(cpu))
			panic("no memory for the stack of hart %lu", hart_info(cpu)->hartid);
}

/* Go on with the boot hart's own area instead of the template. */
static void move_boot_hart(struct hart_info *h)
{
	h->stack = (unsigned long)boot_stack;
	h->local->stack_lo = h->stack;
	csr_write(sscratch, h->local);
	/* Not by assignment: clang would restore tp at the end of the function, as a call keeps
	 * it. */
	__asm__ volatile("mv tp, %0" : : "r"(h->local) : "memory");
}

/* Number the usable harts, the boot hart first; returns how many. */
static unsigned int number_harts(struct hart_info *harts, const struct dt_hart *list,
				 unsigned int n, unsigned long bootid)
{
	unsigned int last = 0;

	for (unsigned int i = 0; i < n; i++) {
		bool boot = list[i].hartid == bootid;
		struct hart_info *h;

		if (list[i].state != DT_HART_USABLE)
			continue;
		h = boot ? &harts[0] : &harts[++last];
		h->state = boot ? HART_ONLINE : HART_OFFLINE;
		h->hartid = (unsigned long)list[i].hartid;
		h->nid = list[i].nid;
		h->isa = list[i].isa;
		tlb_hart_quirks(list[i].node);
	}
	if (harts[0].state != HART_ONLINE)
		panic("the firmware started hart %lu, which the device tree doesn't have as usable",
		      bootid);
	return last + 1;
}

void __init harts_prepare(unsigned long bootid)
{
	const struct dt_hart *list;
	struct hart_info *harts;
	struct dt_error err;
	unsigned int n, usable;
	u32 timebase;

	if (discover_harts(&list, &n, &timebase, &err))
		panic("%s", err.text);
	time_init(timebase);
	/* One more than can be: number_harts() keeps entry 0 for the boot hart. */
	harts = memblock_alloc((n + 1) * sizeof(*harts), sizeof(u64));
	usable = number_harts(harts, list, n, bootid);
	percpu_offset = memblock_alloc(usable * sizeof(*percpu_offset), sizeof(long));
	for (unsigned int cpu = 0; cpu < usable; cpu++)
		make_area(&harts[cpu], cpu);
	move_boot_hart(&harts[0]);
	smp_set_harts(harts, usable);
	arch_hart_init();
	pr_info("%u of %u harts usable, booted on hart %lu", usable, n, bootid);
}
