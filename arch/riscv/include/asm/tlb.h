/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlb.h - making harts forget translations (privileged spec, "SFENCE.VMA")
 *
 * Changes to the table are collected in a batch and made known by one flush:
 *
 *     struct tlb_batch tlb = TLB_BATCH_INIT;
 *     arch_unmap_batch(&tlb, va, bytes);        ... any number of them ...
 *     tlb_batch_flush(&tlb);                    now no hart reaches the pages any more
 *
 * A table page that a change made empty waits in the batch, and is freed after its flush:
 * until then a hart may still walk through it.
 */
#ifndef ASM_TLB_H
#define ASM_TLB_H

#include <base/compiler.h>
#include <base/types.h>

#define TLB_BATCH_TABLES 16

/* A batch belongs to one thread; it lies on its stack. */
struct tlb_batch {
	unsigned long start, end; /* changed addresses lie in [start, end], empty if start > end */
	bool all; /* entries above the leaves changed: a fence by address won't do */
	unsigned int nr_tables;
	phys_addr_t table[TLB_BATCH_TABLES]; /* to be freed after the flush */
};
#define TLB_BATCH_INIT        \
	{                     \
		.start = ~0UL \
	}

/* tlb_batch_add - the translation of [@va, @va + @bytes) changed. */
void tlb_batch_add(struct tlb_batch *tlb, unsigned long va, unsigned long bytes);

/* tlb_batch_add_table - the table at @pa isn't linked any more. There is room for it. */
void tlb_batch_add_table(struct tlb_batch *tlb, phys_addr_t pa);

/* tlb_batch_make_room - have room for @n tables; flushes if there is none. As tlb_batch_flush(). */
void tlb_batch_make_room(struct tlb_batch *tlb, unsigned int n);

/*
 * tlb_batch_flush - fence on every online hart, then free the tables; the batch is empty after
 * Not in an interrupt handler; no spin lock held that one takes (it may have to call the harts).
 */
void tlb_batch_flush(struct tlb_batch *tlb);

/* tlb_flush_all, tlb_flush_range - the fence alone, on every online hart. As tlb_batch_flush(). */
void tlb_flush_all(void);
void tlb_flush_range(unsigned long va, unsigned long bytes);

/* The fence on this hart alone. Any context. */
void tlb_flush_local_all(void);
void tlb_flush_local_range(unsigned long va, unsigned long bytes);

/*
 * tlb_hart_quirks - look at a hart's node of the device tree, and at the root
 * Where `compatible` names a core whose fence by address doesn't work (FU540), every fence on
 * this machine is a full one from here on.  Boot.
 */
void tlb_hart_quirks(int node);

/* tlb_set_isa - all harts have @isa (enum dt_isa bits).  Boot. */
void tlb_set_isa(u32 isa);

/* tlb_how - how a hart fences, in words. */
const char *tlb_how(void);

/* tlb_by_address - this machine's fences by address work (tlb_hart_quirks). */
bool tlb_by_address(void);

/* What tlb_force() can change, for tests. */
enum tlb_force {
	TLB_FORCE_FULL = 1,   /* never fence by address */
	TLB_FORCE_IPI = 2,    /* call the other harts instead of asking the firmware */
	TLB_FORCE_SFENCE = 4, /* no Svinval */
};

/* tlb_force - fence in the way that other machines need; returns what was set before. */
unsigned int tlb_force(unsigned int force);

/* What happened since boot.  For `tlb` and tests. */
struct tlb_counts {
	unsigned long flushes; /* of all harts */
	unsigned long full;    /* of these, of all addresses */
	unsigned long by_ipi;  /* and by calling the harts */
	unsigned long asked;   /* other harts that had to flush, over all flushes */
	unsigned long retried; /* page faults whose entry allowed the access */
	unsigned long marked;  /* of these, entries that lacked A or D */
};
void tlb_read_counts(struct tlb_counts *counts);

#endif
