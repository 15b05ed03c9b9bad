/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hart_local.h - host stand-in: a hart is a thread
 *
 * All threads share one copy of each per-CPU variable (percpu_off is 0).
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
	bool irqs_off;
	struct thread *thread;
	struct pcp_list *pcp_first[32];
	struct zone_pcp *pcp_zone[256];
};

extern _Thread_local struct hart_local host_hart;
#define this_hart      (&host_hart)
#define hart_barrier() ((void)0)

#endif
