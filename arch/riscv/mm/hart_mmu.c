/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hart_mmu.c - what each hart's MMU can do, found out as the hart starts
 *
 * ASIDs: their width is whatever sticks of ones written to satp's field.  Harts may differ, and
 * what all of them have counts.  None is used yet: every translation of the kernel is global.
 *
 * Accessed and dirty: by the tree, a hart with Svadu alone sets the bits itself; with Svade alone
 * an access that would have to set one is a page fault; with both it begins with faults and the
 * firmware can change that (SBI FWFT); with neither, either may be.  So nothing relies on any of
 * it: leaves of the kernel come with both bits set, and a fault for one that hasn't is met by
 * setting them (fault.c).
 *
 * Locking: none; each hart writes its own entry of hart_info(), before it is online.
 */
#include <asm/mmu.h>

#include <asm/csr.h>
#include <asm/sbi.h>
#include <asm/tlb.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <lib/dt.h>

/* Interrupts are off; what the kernel maps is global, so the ASID of the moment doesn't matter. */
static unsigned int probe_asid_bits(void)
{
	unsigned long satp = csr_read(satp), stuck;
	unsigned int bits = 0;

	csr_write(satp, satp | SATP_ASID_MASK);
	stuck = (csr_read(satp) & SATP_ASID_MASK) / (SATP_ASID_MASK & -SATP_ASID_MASK);
	csr_write(satp, satp);
	tlb_flush_local_all();
	for (; stuck & 1; stuck >>= 1)
		bits++;
	return bits;
}

static enum ad_updates probe_ad_updates(unsigned int isa)
{
	if (!(isa & DT_ISA_SVADU))
		return isa & DT_ISA_SVADE ? AD_BY_FAULT : AD_UNKNOWN;
	if (isa & DT_ISA_SVADE && sbi_fwft_set(SBI_FWFT_PTE_AD_HW_UPDATING, 1))
		return AD_BY_FAULT;
	tlb_flush_local_all();
	return AD_BY_HARDWARE;
}

void arch_hart_init(void)
{
	struct hart_info *h = hart_info(smp_processor_id());

	h->asid_bits = (u8)probe_asid_bits();
	h->ad_updates = (u8)probe_ad_updates(h->isa);
}

unsigned int arch_asid_bits(void)
{
	unsigned int cpu, least = ~0u;

	for_each_online_hart(cpu)
		least = min(least, (unsigned int)hart_info(cpu)->asid_bits);
	return least;
}
