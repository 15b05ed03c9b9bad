/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hart_local.h - what each hart keeps at a constant offset from tp
 *
 * tp holds the address of this hart's struct hart_local from the first C function
 * on; sscratch holds it too, for the trap entry.  It is the first object of the
 * hart's per-CPU area, so (tp - address of the template) is the offset of every
 * DEFINE_PER_CPU variable (kernel/percpu.h).
 *
 * Only what hot paths or assembly need belongs here.  Assembly uses the HL_
 * offsets, which trap.c holds against the struct.
 */
#ifndef ASM_HART_LOCAL_H
#define ASM_HART_LOCAL_H

#ifdef CONFIG_ARCH_RV32I
#define HL_REG 4
#else
#define HL_REG 8
#endif
#define HL_STACK_LO	 (1 * HL_REG)
#define HL_EMERGENCY_TOP (2 * HL_REG)
#define HL_SCRATCH	 (3 * HL_REG)
#define HL_BOOT_SATP	 (5 * HL_REG)
#define HL_BOOT_SP	 (6 * HL_REG)
#define HL_BOOT_TP	 (7 * HL_REG)
#define HL_CANARY	 (8 * HL_REG) /* Makefile: STACK_FLAGS */

#ifndef __ASSEMBLER__

#include <base/compiler.h>

struct thread;
struct pcp_list;
struct zone_pcp;

struct hart_local {
	unsigned long percpu_off;    /* this hart's area - the template's address */
	unsigned long stack_lo;	     /* lowest address of the current stack; trap entry checks sp */
	unsigned long emergency_top; /* where sp goes when it doesn't lie in the current stack */
	unsigned long scratch[2];    /* trap entry's two free registers */
	unsigned long boot_satp;     /* handed to a starting hart, read with paging off */
	unsigned long boot_sp;
	unsigned long boot_tp;
	unsigned long canary;	 /* between locals and what a function saved: the same everywhere */
	unsigned long page_base; /* struct page of address va: page_base + (va >> 12) * 32 */
	unsigned long vmemmap;	 /* struct page of frame pfn: vmemmap + pfn * 32 */
	unsigned int cpu;	 /* logical number, 0 .. nr_harts - 1 */
	unsigned long hartid;	 /* what SBI calls this hart */
	struct thread *thread;	 /* the thread that runs here */
	u32 preempt_count;	 /* reasons why nothing else may run here (kernel/preempt.h) */
	u32 no_resched;		 /* 0: another thread should run */
#ifdef CONFIG_HIGHMEM
	unsigned long high_page;    /* descriptors from here on are of high memory */
	unsigned long linear_base;  /* windows lie below it */
	unsigned long window_limit; /* mm.windows from which opening one takes the slow way */
#endif
	struct pcp_list *pcp_first[32]; /* by gfp_pcp_key() (mm/pcp.h) */
	struct zone_pcp *pcp_zone[256]; /* by the top byte of a page's flags */
};

register struct hart_local *this_hart __asm__("tp");

/* The thread that runs here.  A checked access (KASAN) makes its address first, and when it's used
 * the thread may be on another hart; so no such access. */
static inline struct thread *thread_here(void)
{
#ifdef CONFIG_KASAN
	struct thread *thread;

	__asm__ volatile("ld %0, %1(tp)"
			 : "=r"(thread)
			 : "i"(__builtin_offsetof(struct hart_local, thread)));
	return thread;
#else
	return this_hart->thread;
#endif
}

/* What is computed from tp after this isn't computed before it: the hart can't change any more. */
#define hart_barrier() __asm__ volatile("" : "+r"(this_hart))

#endif
#endif
