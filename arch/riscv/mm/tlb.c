/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlb.c - making harts forget translations
 *
 * A fence by address costs one instruction a page, so above TLB_CEILING pages a full one is
 * cheaper.  It also covers leaf entries only (privileged spec: "orders only reads and writes
 * made to leaf page table entries"), so a change of a table above them asks for a full one.
 *
 * Other harts: SBI RFENCE, a call for each XLEN hart ids; a machine without it calls
 * the harts (on_each_hart).  A hart that comes online fences itself after it said so, hence
 *   entry written; barrier; state read   meets   state written; barrier; fence
 * and either the hart is asked, or its own fence comes after the entry.
 *
 * With Svinval a range is fenced by one fence before, an invalidation a page, which the hart
 * needn't wait for, and one fence behind.
 *
 * The FU540's fence by address does nothing for some pages (its erratum "CIP-1200"): every
 * fence is a full one there.
 *
 * Locking: none; a batch belongs to its thread.  Counters are atomic.
 * Specification: SBI, RFENCE extension.
 */
#define LOG_PREFIX "paging: "

#include <asm/tlb.h>

#include <asm/memory.h>
#include <asm/sbi.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <lib/dt.h>

#include "pt.h"

#define TLB_CEILING 64 /* pages */
#define MASK_BITS   (8 * sizeof(unsigned long))
#define EVERYTHING  (~0UL)

static struct {
	bool no_address; /* fences by address don't work here */
	bool svinval;	 /* all harts have it */
	unsigned int force;
	struct tlb_counts counts;
} state;

static void count(unsigned long *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

void tlb_flush_local_all(void)
{
	__asm__ volatile("sfence.vma" ::: "memory");
}

static void fence_pages(unsigned long va, unsigned long bytes)
{
	for (unsigned long off = 0; off < bytes; off += PAGE_SIZE)
		__asm__ volatile("sfence.vma %0" : : "r"(va + off) : "memory");
}

/* sfence.w.inval; sinval.vma for each page; sfence.inval.ir: not every assembler knows them. */
static void invalidate_pages(unsigned long va, unsigned long bytes)
{
	__asm__ volatile(".4byte 0x18000073" ::: "memory");
	for (unsigned long off = 0; off < bytes; off += PAGE_SIZE)
		__asm__ volatile(".insn r 0x73, 0, 0x0b, x0, %0, x0" : : "r"(va + off) : "memory");
	__asm__ volatile(".4byte 0x18100073" ::: "memory");
}

void tlb_flush_local_range(unsigned long va, unsigned long bytes)
{
	if (state.no_address || state.force & TLB_FORCE_FULL || bytes > TLB_CEILING * PAGE_SIZE) {
		tlb_flush_local_all();
		return;
	}
	if (state.svinval && !(state.force & TLB_FORCE_SFENCE))
		invalidate_pages(va & PAGE_MASK, bytes + (va & ~PAGE_MASK));
	else
		fence_pages(va & PAGE_MASK, bytes + (va & ~PAGE_MASK));
}

/* One call of the firmware for the harts in @mask, counted from hart id @base. */
static bool fence_window(unsigned long mask, unsigned long base, unsigned long va,
			 unsigned long bytes)
{
	return !mask || !sbi_remote_sfence(mask, base, va, bytes);
}

/* Ask the firmware to fence on all online harts but this one; false if it can't. */
static bool fence_by_sbi(unsigned long va, unsigned long bytes)
{
	unsigned long mask = 0, base = 0;
	unsigned int cpu;

	for_each_online_hart(cpu) {
		unsigned long hartid = hart_info(cpu)->hartid;

		if (cpu == smp_processor_id())
			continue;
		if (!mask || hartid - base >= MASK_BITS) {
			if (!fence_window(mask, base, va, bytes))
				return false;
			mask = 0;
			base = hartid;
		}
		mask |= 1UL << (hartid - base);
		count(&state.counts.asked);
	}
	return fence_window(mask, base, va, bytes);
}

struct fence {
	unsigned long va, bytes;
	unsigned int caller;
};

static void fence_here(void *arg)
{
	const struct fence *f = arg;

	if (smp_processor_id() != f->caller)
		count(&state.counts.asked);
	tlb_flush_local_range(f->va, f->bytes);
}

static void fence_everywhere(unsigned long va, unsigned long bytes)
{
	struct fence f = { va, bytes, 0 };
	bool done = false;

	count(&state.counts.flushes);
	if (bytes == EVERYTHING)
		count(&state.counts.full);
	preempt_disable();
	f.caller = smp_processor_id();
	if (!(state.force & TLB_FORCE_IPI)) {
		/* the entries are written before the states of harts are read */
		smp_firmware_begin();
		done = fence_by_sbi(va, bytes);
		smp_firmware_end();
	}
	if (done) {
		fence_here(&f);
	} else {
		count(&state.counts.by_ipi);
		on_each_hart(fence_here, &f);
	}
	preempt_enable();
}

void tlb_flush_all(void)
{
	fence_everywhere(0, EVERYTHING);
}

void tlb_flush_range(unsigned long va, unsigned long bytes)
{
	if (state.no_address || state.force & TLB_FORCE_FULL || bytes > TLB_CEILING * PAGE_SIZE)
		tlb_flush_all();
	else
		fence_everywhere(va, bytes);
}

void tlb_batch_add(struct tlb_batch *tlb, unsigned long va, unsigned long bytes)
{
	tlb->start = min(tlb->start, va);
	tlb->end = max(tlb->end, va + bytes - 1);
}

void tlb_batch_add_table(struct tlb_batch *tlb, phys_addr_t pa)
{
	BUG_ON(tlb->nr_tables == TLB_BATCH_TABLES);
	tlb->table[tlb->nr_tables++] = pa;
	tlb->all = true;
}

void tlb_batch_make_room(struct tlb_batch *tlb, unsigned int n)
{
	if (tlb->nr_tables + n > TLB_BATCH_TABLES)
		tlb_batch_flush(tlb);
}

void tlb_batch_flush(struct tlb_batch *tlb)
{
	if (tlb->all)
		tlb_flush_all();
	else if (tlb->start <= tlb->end)
		tlb_flush_range(tlb->start, tlb->end - tlb->start + 1);
	for (unsigned int i = 0; i < tlb->nr_tables; i++)
		pt_free(tlb->table[i]);
	*tlb = (struct tlb_batch)TLB_BATCH_INIT;
}

void __init tlb_hart_quirks(int node)
{
	static const char *const cores[] = { "sifive,u54", "sifive,u54-mc" };
	static const char *const chips[] = { "sifive,fu540-c000", "sifive,fu540",
					     "sifive,hifive-unleashed-a00" };
	const char *found = NULL;

	for (unsigned int i = 0; i < ARRAY_SIZE(cores) && !found; i++)
		found = dt_compatible(node, cores[i]) ? cores[i] : NULL;
	for (unsigned int i = 0; i < ARRAY_SIZE(chips) && !found; i++)
		found = dt_compatible(0, chips[i]) ? chips[i] : NULL;
	if (!found || state.no_address)
		return;
	state.no_address = true;
	pr_info("%s: fences by address don't work, every fence is a full one", found);
}

void __init tlb_set_isa(u32 isa)
{
	state.svinval = isa & DT_ISA_SVINVAL;
}

const char *tlb_how(void)
{
	if (state.no_address)
		return "of all addresses: by address doesn't work";
	return state.svinval ? "by address (Svinval), of all above 64 pages"
			     : "by address, of all above 64 pages";
}

bool tlb_by_address(void)
{
	return !state.no_address;
}

unsigned int tlb_force(unsigned int force)
{
	return __atomic_exchange_n(&state.force, force, __ATOMIC_SEQ_CST);
}

void tlb_count_retry(bool marked)
{
	count(&state.counts.retried);
	if (marked)
		count(&state.counts.marked);
}

void tlb_read_counts(struct tlb_counts *counts)
{
	counts->flushes = READ_ONCE(state.counts.flushes);
	counts->full = READ_ONCE(state.counts.full);
	counts->by_ipi = READ_ONCE(state.counts.by_ipi);
	counts->asked = READ_ONCE(state.counts.asked);
	counts->retried = READ_ONCE(state.counts.retried);
	counts->marked = READ_ONCE(state.counts.marked);
}
