/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_tlb.c - translations that a hart may have kept: fences reach who has to be reached, faults
 * that are none are met, and A and D bits are noted
 *
 * Faults are injected: a look-out in the handler (arch_fault_watch) makes the entry good between
 * the fault and the look at the entry, as another hart could; or bad in a way that only the
 * hardware sees.
 * Not here: maps, protections and leaves on every hart with each kind of fence (pgtable-random).
 */
#include "pgtable.h"

#include <base/errno.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <sched/hotplug.h>

#include "../../arch/riscv/mm/pt.h"

#define RW (PROT_READ | PROT_WRITE)

static unsigned long page_at(unsigned long n)
{
	return va_layout.scratch_base + n * PAGE_SIZE;
}

/* ---- what a hart has kept ---- */

struct look {
	unsigned long va, nr;
	u32 first; /* what the first of @nr pages holds; the others go on */
	unsigned int wrong;
};

/* Each page holds the number of its frame. */
static void look_here(void *arg)
{
	struct look *l = arg;
	u32 word = 0;

	for (u32 i = 0; i < l->nr; i++) {
		if (probe_read(&word, (void *)(l->va + i * PAGE_SIZE), 4) || word != l->first + i)
			__atomic_fetch_add(&l->wrong, 1, __ATOMIC_RELAXED);
	}
}

/* All harts find frames from @first on at the @nr pages of @va. */
static void expect_all_see(struct ktap *t, unsigned long va, unsigned long nr, u32 first)
{
	struct look l = { va, nr, first, 0 };

	on_each_hart(look_here, &l);
	KTAP_EXPECT_EQ(t, l.wrong, 0);
}

/* All harts have read @nr pages, which become others, by one batch of two ranges. */
static void change_pages(struct ktap *t, unsigned long nr)
{
	struct tlb_batch tlb = TLB_BATCH_INIT;
	unsigned long va = page_at(0), bytes = nr * PAGE_SIZE;

	for (u32 first = 0; first < 4; first++) {
		phys_addr_t pa = frames.pa + first * PAGE_SIZE;

		KTAP_EXPECT_EQ(t, arch_map_batch(&tlb, va, pa, bytes, RW, PAGE_SIZE), 0);
		tlb_batch_flush(&tlb);
		expect_all_see(t, va, nr, first);
		KTAP_EXPECT_EQ(t, arch_unmap_batch(&tlb, va + PAGE_SIZE, bytes - PAGE_SIZE), 0);
		KTAP_EXPECT_EQ(t, arch_unmap_batch(&tlb, va, PAGE_SIZE), 0);
		tlb_batch_flush(&tlb);
	}
}

/* With each kind of fence, below and above the number of pages from which one is of all. */
static void test_stale(struct ktap *t)
{
	static const unsigned int forces[] = { 0,
					       TLB_FORCE_SFENCE,
					       TLB_FORCE_FULL,
					       TLB_FORCE_IPI,
					       TLB_FORCE_IPI | TLB_FORCE_SFENCE,
					       TLB_FORCE_IPI | TLB_FORCE_FULL };

	if (!setup(t))
		return;
	/* The table stays meanwhile: where one goes, each fence is of all addresses. */
	KTAP_EXPECT_EQ(t, arch_map(page_at(300), frames.pa, PAGE_SIZE, RW, PAGE_SIZE), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(forces); i++) {
		unsigned int old = tlb_force(forces[i]);

		change_pages(t, 2);
		change_pages(t, 64);
		change_pages(t, 65);
		tlb_force(old);
	}
	KTAP_EXPECT_EQ(t, arch_unmap(page_at(300), PAGE_SIZE), 0);
	teardown(t);
}

/* How many harts don't notice a change of an entry until they are fenced; that all do then. */
static void test_without_fence(struct ktap *t)
{
	struct look l = { page_at(0), 1, 1, 0 };
	pte_t *slot;

	if (!setup(t))
		return;
	KTAP_EXPECT_EQ(t, arch_map(l.va, frames.pa, PAGE_SIZE, RW, PAGE_SIZE), 0);
	expect_all_see(t, l.va, 1, 0);
	slot = pt_find(l.va).slot;
	pte_set(slot, (pte_t){ slot->val + (1UL << PTE_PPN_SHIFT) });
	on_each_hart(look_here, &l);
	ktap_diag(t, "%u of %u harts have kept the old translation", l.wrong, num_online_harts());
	tlb_flush_range(l.va, PAGE_SIZE);
	expect_all_see(t, l.va, 1, 1);
	KTAP_EXPECT_EQ(t, arch_unmap(l.va, PAGE_SIZE), 0);
	teardown(t);
}

/* ---- who is asked, and for what ---- */

/* What flushing @bytes costs: other harts asked, fences of all addresses.  Threads that flush
 * meanwhile can only add to it. */
static struct tlb_counts flush_counts(unsigned long bytes)
{
	struct tlb_counts before, after, least = { .asked = ~0UL, .full = ~0UL };

	for (unsigned int i = 0; i < 20; i++) {
		tlb_read_counts(&before);
		tlb_flush_range(page_at(0), bytes);
		tlb_read_counts(&after);
		least.asked = min(least.asked, after.asked - before.asked);
		least.full = min(least.full, after.full - before.full);
	}
	return least;
}

static void test_threshold(struct ktap *t)
{
	unsigned int old = tlb_force(0);

	KTAP_EXPECT_EQ(t, flush_counts(PAGE_SIZE).full, !tlb_by_address());
	KTAP_EXPECT_EQ(t, flush_counts(64 * PAGE_SIZE).full, !tlb_by_address());
	KTAP_EXPECT_EQ(t, flush_counts(65 * PAGE_SIZE).full, 1);
	tlb_force(old);
}

/* Hart @cpu is off while the page at @l.va becomes @page. */
static void change_while_off(struct ktap *t, unsigned int cpu, struct look *l,
			     const struct page *page)
{
	unsigned long others = num_online_harts() - 1;
	struct hart_error why;

	if (hart_off(cpu, &why)) {
		ktap_skip(t, why.text);
		return;
	}
	KTAP_EXPECT_EQ(t, flush_counts(PAGE_SIZE).asked, others - 1);
	KTAP_EXPECT_EQ(t, arch_unmap(l->va, PAGE_SIZE), 0);
	KTAP_EXPECT_EQ(t, arch_map(l->va, page_to_phys(page), PAGE_SIZE, RW, PAGE_SIZE), 0);
	KTAP_EXPECT_EQ(t, hart_on(cpu, &why), 0);
	KTAP_EXPECT_EQ(t, flush_counts(PAGE_SIZE).asked, others);
	l->first = 1;
	KTAP_EXPECT_EQ(t, smp_call_function_single(cpu, look_here, l), 0);
	KTAP_EXPECT_EQ(t, l->wrong, 0);
}

/* A hart that is off isn't asked, and comes back without what it had kept.  (Tables aren't counted:
 * threads come and go.) */
static void test_asked(struct ktap *t)
{
	unsigned int cpu = nr_harts - 1;
	struct page *pages = alloc_pages(GFP_KERNEL, 1);
	struct look l = { page_at(0), 1, 0, 0 };

	KTAP_ASSERT(t, pages != NULL);
	KTAP_EXPECT_EQ(t, flush_counts(PAGE_SIZE).asked, num_online_harts() - 1);
	*(u32 *)page_address(pages) = 0;
	*(u32 *)page_address(pages + 1) = 1;
	KTAP_EXPECT_EQ(t, arch_map(l.va, page_to_phys(pages), PAGE_SIZE, RW, PAGE_SIZE), 0);
	on_each_hart(look_here, &l);
	if (!cpu || hart_info(cpu)->state != HART_ONLINE)
		ktap_skip(t, "no hart to switch off");
	else
		change_while_off(t, cpu, &l, pages + 1);
	KTAP_EXPECT_EQ(t, arch_unmap(l.va, PAGE_SIZE), 0);
	__free_pages(pages, 1);
}

static void test_asids(struct ktap *t)
{
	unsigned int cpu, most = sizeof(long) == 8 ? 16 : 9, bits = arch_asid_bits();

	KTAP_EXPECT(t, bits <= most);
	for_each_online_hart(cpu)
		KTAP_EXPECT(t, hart_info(cpu)->asid_bits >= bits);
	ktap_diag(t, "%u bits", bits);
}

/* ---- faults that are none ---- */

/* The entry at va, and what it becomes when a fault for it was seen. */
static struct {
	unsigned long va;
	pte_t *slot;
	pte_t good;
	unsigned int seen;
} inject;

static void make_good(unsigned long va)
{
	if (va >> PAGE_SHIFT != inject.va >> PAGE_SHIFT)
		return;
	inject.seen++;
	pte_set(inject.slot, inject.good);
}

struct
try {
	u32 word;
	bool store;
	unsigned long retried; /* by all harts, meanwhile */
};

/* A plain access, for which there is no way around a fault. */
static void access_here(void *arg)
{
	struct try *try = arg;
	struct tlb_counts before, after;

	tlb_read_counts(&before);
	if (try->store)
		*(volatile u32 *)(inject.va + 4) = try->word;
	else
		try->word = *(volatile u32 *)inject.va;
	tlb_read_counts(&after);
	try->retried = after.retried - before.retried;
}

/* The page's entry is @bad on all harts; then hart @cpu accesses it, and finds it good. */
static void fault_once(struct ktap *t, unsigned int cpu, pte_t bad, bool store)
{
	struct try try = { 0xa5a50000 + cpu, store, 0 };

	inject.seen = 0;
	pte_set(inject.slot, bad);
	tlb_flush_range(inject.va, PAGE_SIZE);
	KTAP_EXPECT_EQ(t, smp_call_function_single(cpu, access_here, &try), 0);
	KTAP_EXPECT(t, inject.seen >= 1);
	KTAP_EXPECT(t, try.retried >= 1);
	KTAP_EXPECT_EQ(t, store ? *(volatile u32 *)(inject.va + 4) : try.word,
		       store ? try.word : 3);
}

static void begin_inject(struct ktap *t)
{
	inject.va = page_at(3);
	KTAP_EXPECT_EQ(t, arch_map(inject.va, frames.pa + 3 * PAGE_SIZE, PAGE_SIZE, RW, PAGE_SIZE),
		       0);
	inject.slot = pt_find(inject.va).slot;
	inject.good = *inject.slot;
	arch_fault_watch(make_good);
}

static void end_inject(struct ktap *t)
{
	arch_fault_watch(NULL);
	pte_set(inject.slot, inject.good);
	tlb_flush_range(inject.va, PAGE_SIZE);
	KTAP_EXPECT_EQ(t, arch_unmap(inject.va, PAGE_SIZE), 0);
}

/* Real faults on each hart; the entry is valid, or writable, when it's looked at. */
static void test_retry(struct ktap *t)
{
	unsigned int cpu;

	if (!setup(t))
		return;
	begin_inject(t);
	for_each_online_hart(cpu) {
		fault_once(t, cpu, (pte_t){ 0 }, false);
		fault_once(t, cpu, (pte_t){ 0 }, true);
		fault_once(t, cpu, (pte_t){ inject.good.val & ~PTE_W }, true);
	}
	end_inject(t);
	teardown(t);
}

/* A store that the entry seems to allow and the hart doesn't, ever: W without R is reserved. */
static void test_retry_ends(struct ktap *t)
{
	pte_t good;
	u32 word = 1;

	if (!setup(t))
		return;
	begin_inject(t);
	good = inject.good;
	inject.good.val &= ~PTE_R;
	inject.seen = 0;
	pte_set(inject.slot, inject.good);
	tlb_flush_range(inject.va, PAGE_SIZE);
	for (unsigned int i = 0; i < 3; i++)
		KTAP_EXPECT_EQ(t, probe_write((void *)inject.va, &word, 4), -EFAULT);
	KTAP_EXPECT(t, inject.seen >= 16 && inject.seen < 100);
	ktap_diag(t, "%u faults of 3 stores", inject.seen);
	inject.good = good;
	end_inject(t);
	teardown(t);
}

/* ---- accessed and dirty ---- */

static int take_use(unsigned long va, unsigned int forget)
{
	struct tlb_batch tlb = TLB_BATCH_INIT;
	int use = arch_take_use(&tlb, va, forget);

	tlb_batch_flush(&tlb);
	return use;
}

struct touch {
	unsigned long va;
	bool store;
};

static void touch_here(void *arg)
{
	const struct touch *touch = arg;

	if (touch->store)
		*(volatile u32 *)touch->va = 0;
	else
		(void)*(volatile u32 *)touch->va;
}

/* Hart @cpu reads, then writes, some page of the leaf of @bytes at @va. */
static void use_leaf(struct ktap *t, unsigned int cpu, unsigned long va, unsigned long bytes)
{
	struct touch touch = { va + bytes - PAGE_SIZE + 64, false };
	unsigned char updates = hart_info(cpu)->ad_updates;
	struct tlb_counts before, after;

	tlb_read_counts(&before);
	KTAP_EXPECT_EQ(t, take_use(va, USE_ACCESSED | USE_DIRTY), USE_ACCESSED | USE_DIRTY);
	KTAP_EXPECT_EQ(t, take_use(va, 0), 0);
	KTAP_EXPECT_EQ(t, smp_call_function_single(cpu, touch_here, &touch), 0);
	KTAP_EXPECT_EQ(t, take_use(va, USE_ACCESSED), USE_ACCESSED);
	touch.store = true;
	KTAP_EXPECT_EQ(t, smp_call_function_single(cpu, touch_here, &touch), 0);
	KTAP_EXPECT_EQ(t, take_use(va, 0), USE_ACCESSED | USE_DIRTY);
	tlb_read_counts(&after);
	if (updates != AD_UNKNOWN)
		KTAP_EXPECT_EQ(t, after.marked > before.marked, updates == AD_BY_FAULT);
}

/* As if a load at @va had faulted for A, with pt_lock held by another hart if @busy.  A is set? */
static bool fault_for_a(unsigned long va, bool busy)
{
	unsigned long flags;
	bool again;

	local_irq_save(flags);
	if (busy)
		spin_lock_raw(&pt_lock);
	again = arch_fault_retry(va, CAUSE_LOAD_PAGE_FAULT, 3);
	if (busy)
		spin_unlock_raw(&pt_lock);
	local_irq_restore(flags);
	return !again || take_use(va, 0) & USE_ACCESSED;
}

/* A hart sets A if it can have the page table's lock at once, and faults again if it can't. */
static void use_locked(struct ktap *t, unsigned long va)
{
	unsigned int tries = 0;

	KTAP_EXPECT_EQ(t, take_use(va, USE_ACCESSED), USE_ACCESSED | USE_DIRTY);
	for (unsigned int i = 0; i < 20; i++)
		KTAP_EXPECT(t, !fault_for_a(va, true));
	while (!fault_for_a(va, false) && tries < 1000)
		tries++;
	KTAP_EXPECT_EQ(t, take_use(va, 0), USE_ACCESSED | USE_DIRTY);
}

static void test_use(struct ktap *t)
{
	unsigned long va = va_layout.scratch_base, sizes = arch_leaf_sizes();
	unsigned int cpu;

	if (!setup(t))
		return;
	for (unsigned long leaf = PAGE_SIZE; leaf <= leaf_bytes(1); leaf *= 2) {
		if (!(sizes & leaf))
			continue;
		KTAP_EXPECT_EQ(t, arch_map(va, frames.pa, leaf, RW, leaf), 0);
		for_each_online_hart(cpu)
			use_leaf(t, cpu, va, leaf);
		if (hart_info(0)->ad_updates != AD_BY_HARDWARE)
			use_locked(t, va);
		KTAP_EXPECT_EQ(t, arch_unmap(va, leaf), 0);
		KTAP_EXPECT_EQ(t, take_use(va, 0), -ENOENT);
	}
	teardown(t);
}

static const struct ktap_case cases[] = {
	{ "stale", test_stale },
	{ "without-fence", test_without_fence },
	{ "threshold", test_threshold },
	{ "asked", test_asked },
	{ "asids", test_asids },
	{ "retry", test_retry },
	{ "retry-ends", test_retry_ends },
	{ "use", test_use },
	{},
};

static const struct ktap_suite suite_tlb = { "tlb", cases };
TABLE_ENTRY(ktap_suite, suite_tlb);
