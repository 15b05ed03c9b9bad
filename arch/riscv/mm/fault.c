/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.c - faults that are none: the entry is valid by now
 *
 * A hart may keep that an entry wasn't valid, or was read-only, until it is fenced, and a page
 * fault can be on its way while another hart fills the entry.  So the entry is looked at again;
 * if it allows the access, the hart fences itself and goes on.
 *
 * The walk takes no lock, since whoever faulted may hold it.  A table on the way can be freed
 * meanwhile, by a purge on another hart, and be anybody's page; entries are read through
 * probe_read(), and what such a page holds makes the access be tried again at most.
 *
 * A hart without Svadu faults where it would have to set an entry's A or D bit (Svade).  The
 * kernel's entries have both, unless somebody made one forget (arch_take_use); then they are set
 * here, under pt_lock and after a second walk: what isn't a table any more isn't written.  If
 * another hart holds the lock, the access faults until it doesn't.  So what is touched with
 * pt_lock held may not forget.
 *
 * An access that faults although its entry allows it (a bit that the hardware wants and we
 * don't know) would be tried for ever: more than RETRIES of the same fault within a tenth of a
 * second are a fault.
 */
#include <asm/mmu.h>

#include <asm/csr.h>
#include <kernel/percpu.h>
#include <kernel/spinlock.h>
#include <kernel/symbols.h>
#include <kernel/time.h>
#include <stdio.h>

#include "pt.h"

#define RETRIES	  16
#define WINDOW_NS 100000000u

/* The last fault that was retried here. */
struct retry {
	unsigned long va, pc;
	u64 since; /* time of the first of them, ns */
	unsigned int times;
};

static DEFINE_PER_CPU(struct retry, last_retry);
static void (*watcher)(unsigned long va);

void arch_fault_watch(void (*fn)(unsigned long va))
{
	WRITE_ONCE(watcher, fn);
}

/* Read the entry that @va's walk ends at; where it stands, or NULL if the way there is no table. */
static pte_t *read_entry(unsigned long va, pte_t *pte)
{
	pte_t *table = paging->root;

	for (int level = paging->levels - 1; level >= 0; level--) {
		pte_t *slot = &table[table_index(va, level)];
		phys_addr_t pa;

		if (probe_read(pte, slot, sizeof(*pte)))
			return NULL;
		if (!pte_valid(*pte) || pte_is_leaf(*pte))
			return slot;
		pa = pte_pa(*pte);
		table = pt_table(pa, level - 1);
	}
	return NULL;
}

/* Set @bits in @slot, if that is still where @va's walk ends and @pte what stands there.  False: it
 * isn't.  True as well if pt_lock is taken: later. */
static bool set_bits(unsigned long va, pte_t *slot, pte_t pte, unsigned long bits)
{
	unsigned long flags;
	bool set = true;

	local_irq_save(flags);
	if (spin_trylock_raw(&pt_lock)) {
		set = pt_find(va).slot == slot &&
		      __atomic_compare_exchange_n(&slot->val, &pte.val, pte.val | bits, false,
						  __ATOMIC_RELAXED, __ATOMIC_RELAXED);
		spin_unlock_raw(&pt_lock);
	}
	local_irq_restore(flags);
	return set;
}

/* If the access needs bits that @slot, which was @pte, lacks: set them.  True: as set_bits(). */
static bool mark_use(unsigned long va, pte_t *slot, pte_t pte, unsigned long cause)
{
	unsigned long need = PTE_A | (cause == CAUSE_STORE_PAGE_FAULT ? PTE_D : 0);

	return (pte.val & need) != need && set_bits(va, slot, pte, need);
}

static bool allows(pte_t pte, unsigned long cause)
{
	if (!pte_valid(pte))
		return false;
	if (cause == CAUSE_FETCH_PAGE_FAULT)
		return pte.val & PTE_X;
	return pte.val & (cause == CAUSE_STORE_PAGE_FAULT ? PTE_W : PTE_R);
}

static bool too_often(struct retry *r, unsigned long va, unsigned long pc)
{
	u64 now = ktime_ns();

	if (r->va != va || r->pc != pc || now - r->since > WINDOW_NS)
		*r = (struct retry){ va, pc, now, 0 };
	return ++r->times > RETRIES;
}

bool arch_fault_retry(unsigned long va, unsigned long cause, unsigned long pc)
{
	void (*watch)(unsigned long) = READ_ONCE(watcher);
	pte_t pte, *slot;
	bool marked;

	if (unlikely(watch))
		watch(va);
	if (va < kernel_base())
		return false;
	slot = read_entry(va, &pte);
	if (!slot || !allows(pte, cause))
		return false;
	marked = mark_use(va, slot, pte, cause);
	if (!marked && too_often(this_cpu_ptr(&last_retry), va, pc))
		return false;
	tlb_count_retry(marked);
	tlb_flush_local_all();
	return true;
}

/* What nobody maps. */
static const char *nowhere(unsigned long va)
{
	if (va >= kernel_base())
		return "where nothing is mapped";
	return sizeof(long) == 4 || va < ~kernel_base() ? "a user address"
							: "no address of this paging mode";
}

void arch_fault_text(unsigned long va, char *text, size_t bytes)
{
	char who[KSYM_NAME];
	pte_t pte;

	if (va < kernel_base() || !read_entry(va, &pte) || !pte_valid(pte)) {
		snprintf(text, bytes, "%s", nowhere(va));
		return;
	}
	symbol_format(who, sizeof(who), va);
	snprintf(text, bytes, "mapped %c%c%c%s%s", pte.val & PTE_R ? 'r' : '-',
		 pte.val & PTE_W ? 'w' : '-', pte.val & PTE_X ? 'x' : '-', *who == '?' ? "" : ", ",
		 *who == '?' ? "" : who);
}
