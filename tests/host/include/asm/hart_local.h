/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hart_local.h - host stand-in: a hart is a thread
 *
 * All threads share one copy of each per-CPU variable (percpu_off is 0), unless a test gives each
 * hart its own (slab_world.c).
 */
#ifndef ASM_HART_LOCAL_H
#define ASM_HART_LOCAL_H

#include <base/compiler.h>

struct thread;
struct pcp_list;
struct zone_pcp;

struct hart_local {
	unsigned long percpu_off;
	unsigned int cpu;
	u32 preempt_count;
	u32 no_resched;
	unsigned long page_base; /* struct page of address va: page_base + (va >> 12) * 32 */
	bool irqs_off;
	struct thread *thread;
	struct pcp_list *pcp_first[32];
	struct zone_pcp *pcp_zone[256];
};

/* A name that the linker makes __start_ and __stop_ of. */
#define PERCPU_SECTION "percpu"

/* Of a thread that is no hart with variables of its own. */
extern _Thread_local struct hart_local host_hart;
extern _Thread_local struct hart_local *host_area; /* NULL: none */
#define this_hart      (host_area ? host_area : &host_hart)
#define thread_here()  (this_hart->thread)
#define hart_barrier() ((void)0)

#endif
