/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmap.c - windows through which a thread sees high memory
 *
 * Windows come in blocks of KMAP_DEPTH, each a stack.  A hart has a block at hand, and what runs
 * there opens and closes the windows of it without a lock and without telling other harts.
 *
 *     hart 0 -> block 3      hart 1 -> block 0      spare: 1, 2, 4 ...
 *
 * A thread that is switched out with windows open keeps the block, and the hart takes a spare one;
 * when the thread is back, on any hart, its block replaces that hart's, which is spare again.  So
 * addresses stay right wherever the thread goes, and nothing is saved or restored.  Threads without
 * windows leave the block where it is: the switch compares two words that it compares anyway
 * (mm/mm_thread.h).
 *
 * When no block is spare, the hart goes on with its reserve. Handlers use that like any other:
 * they are done before the next switch; a thread that opens its first window there waits for a
 * spare block. Only one that can't wait, and keeps the window when it could again, takes the
 * reserve along; so a panic is left for more such threads than there are harts.
 *
 * Invariants: mm.windows of the running thread says how many windows of the hart's block are open;
 *   a hart's block is its own, a waiting thread's, or spare, and closed entirely if spare.
 *   A thread stores its new count before it looks for the block, so from then on the block goes
 *   with it.  Interrupt handlers put the count back to what they found.
 *   window_limit is 0 on a hart that uses its reserve, and where a fence by address won't do: then
 *   each opening goes the slow way.  Looked at after the count is stored, for the same reason.
 * Translations: a hart fences a window when it opens it, and a whole block when it takes one.  No
 *   other hart has a reason to know of it.  Debug kernels fence when it's closed, too.
 * An empty page lies behind each window: what runs over faults; so does what is late, at once in a
 *   debug kernel.
 * Locking: state.lock (rank KMAP) for the spare ones, at a switch only.
 * Cost: 21 instructions to open, one of them the fence; 9 to close.
 * Not here: kmap() (kmap_pool.c), what is high (highmem.c), entries (asm/windows.h).
 */
#define LOG_PREFIX "kmap: "

#include "kmap.h"

#include <asm/trap.h>
#include <asm/windows.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <mm/highmem.h>
#include <mm/memblock.h>
#include <mm/mm_thread.h>
#include <stdio.h>

#include "internal.h"

#define BLOCK_PAGES 32U
#define STRIDE	    (2 * sizeof(long)) /* of entries: a window and the empty page behind it */
#define FULL	    (KMAP_DEPTH * STRIDE)
#define MIN_SPARE   64U /* threads that may wait with windows open: that many, and one a hart */
#define WAIT_NS	    4000000U

_Static_assert(FULL <= 255 && KMAP_DEPTH * 2 <= BLOCK_PAGES, "mm.windows, and the block, has room");

unsigned long kmap_misuses;

static struct {
	spinlock_t lock;
	unsigned long **spare; /* a stack of blocks, by their first entries */
	unsigned int nr_spare;
	unsigned int nr_blocks;	      /* C */
	const unsigned long *entries; /* C of all windows */
	unsigned long **reserve;      /* by hart; NULL: with a thread that waits */
} state = { .lock = SPINLOCK_RANKED(LOCK_KMAP) };

/* ---- opening and closing ---- */

static __cold __noreturn void too_deep(void)
{
	panic("kmap: more than %u windows are open at once", KMAP_DEPTH);
}

/* The entry behind @windows open ones of the thread that runs here. */
static __always_inline unsigned long *behind(unsigned long windows)
{
	barrier();
	hart_barrier(); /* with a window open the block goes with the thread */
	return (unsigned long *)((unsigned long)this_hart->windows + windows);
}

static void *open_slowly(u8 *open, const struct page *page);

/* @open: mm.windows of the thread that runs here. */
static __always_inline void *window_open(u8 *open, const struct page *page)
{
	unsigned long windows = *open;

	*open = (u8)(windows + STRIDE);
	barrier();
	if (unlikely(windows >= this_hart->window_limit))
		return open_slowly(open, page);
	return arch_window_open(behind(windows), page);
}

static __always_inline void window_close(u8 *open)
{
	unsigned long windows = *open;

	arch_window_close(behind(windows) - STRIDE / sizeof(long));
	barrier();
	*open = (u8)(windows - STRIDE);
}

/* Is @addr in the window that was opened last?  Said if it isn't. */
static bool in_order(const struct mm_thread *mm, const void *addr)
{
	unsigned long expected = 0;

	if (mm->windows)
		expected = arch_window_va(behind(mm->windows - STRIDE));
	if (((unsigned long)addr & PAGE_MASK) == expected)
		return true;
	__atomic_fetch_add(&kmap_misuses, 1, __ATOMIC_RELAXED);
	if (!page_reports_expected())
		warn_at(__FILE__, __LINE__,
			"kmap: kunmap_local(%p), expected 0x%lx: the last that was mapped", addr,
			expected);
	return false;
}

/* What mm_current() finds, said so that the compiler sees one offset. */
struct thread_head {
	struct switch_context context;
	struct mm_thread mm;
};
#define OWN_WINDOWS (&((struct thread_head *)thread_here())->mm.windows)

/* Before there are threads. */
static __noinline void *open_early(const struct page *page)
{
	return window_open(&mm_boot_thread.windows, page);
}

static __noinline void close_early(void)
{
	window_close(&mm_boot_thread.windows);
}

void *kmap_local_high(const struct page *page)
{
	return likely(thread_here()) ? window_open(OWN_WINDOWS, page) : open_early(page);
}

void kunmap_local_high(const void *addr)
{
#ifdef CONFIG_DEBUG_VM
	if (!in_order(mm_current(), addr))
		return;
#else
	(void)addr;
	(void)in_order;
#endif
	if (likely(thread_here()))
		window_close(OWN_WINDOWS);
	else
		close_early();
}

void kmap_thread_exit(void)
{
	struct mm_thread *mm = mm_current();

	if (likely(!mm->windows))
		return;
	__atomic_fetch_add(&kmap_misuses, 1, __ATOMIC_RELAXED);
	if (!page_reports_expected())
		warn_at(__FILE__, __LINE__, "kmap: a thread ends with %u windows open, expected 0",
			(unsigned int)(mm->windows / STRIDE));
	while (mm->windows)
		window_close(&mm->windows);
}

/* ---- blocks ---- */

static unsigned long **reserve_here(void)
{
	return &state.reserve[this_hart->cpu];
}

/* NULL if there's none. */
static unsigned long *spare_take(void)
{
	unsigned long *block = NULL;

	spin_lock_raw(&state.lock);
	if (state.nr_spare)
		block = state.spare[--state.nr_spare];
	spin_unlock_raw(&state.lock);
	return block;
}

/* This hart doesn't use @block any more. */
static void block_leave(unsigned long *block)
{
	unsigned long **reserve = reserve_here();

	if (!*reserve)
		*reserve = block;
	if (*reserve == block)
		return;
	spin_lock_raw(&state.lock);
	state.spare[state.nr_spare++] = block;
	spin_unlock_raw(&state.lock);
}

/* This hart uses @block.  What it knows of it is from when it had it last. */
static void block_use(unsigned long *block)
{
	this_hart->windows = block;
	this_hart->window_limit = block == *reserve_here() || !tlb_by_address() ? 0 : FULL;
	tlb_flush_local_range(arch_window_va(block), BLOCK_PAGES * PAGE_SIZE);
}

/* Use a block that may stay with a thread, not the reserve; interrupts off.  false: no spare. */
static bool block_swap(void)
{
	unsigned long *block = spare_take();

	if (block)
		block_use(block);
	return block != NULL;
}

/* ---- switching ---- */

/* The window is counted already.  A thread's first on a reserve: not before there's a block to
 * keep, if it can wait. */
static __noinline void *open_slowly(u8 *open, const struct page *page)
{
	unsigned long windows = *open - STRIDE, flags;
	bool done;

	if (windows >= FULL)
		too_deep();
	local_irq_save(flags);
	done = windows || in_interrupt() || this_hart->windows != *reserve_here() || block_swap();
	local_irq_restore(flags);
	if (!done && mm_wait_hook && !in_atomic() && !irqs_disabled()) {
		*open = 0;
		mm_wait_hook(WAIT_NS);
		return kmap_local_high(page);
	}
	return arch_window_open_anyhow(behind(windows), page);
}

/* On the reserve, and the first window is counted, but not open: it will be looked for again. */
static bool has_none_yet(const struct mm_thread *mm, const unsigned long *block)
{
	return block == *reserve_here() && mm->windows == STRIDE && !arch_window_is_open(block);
}

static __cold __noreturn void none_left(void)
{
	panic("kmap: more than %u threads wait with windows open, some that could not wait before",
	      state.nr_blocks);
}

void kmap_switch(struct mm_thread *prev, struct mm_thread *next)
{
	unsigned long *block = this_hart->windows;
	bool leaves = prev->windows && !has_none_yet(prev, block);

	if (leaves) {
		prev->window_block = block;
		prev->windows_wait = 1;
		if (block == *reserve_here())
			*reserve_here() = NULL;
	}
	if (next->windows_wait) {
		if (!leaves)
			block_leave(block);
		block = next->window_block;
		next->windows_wait = 0;
	} else if (leaves) {
		block = spare_take();
		if (!block)
			block = *reserve_here();
		if (!block)
			none_left();
	}
	if (block != this_hart->windows)
		block_use(block);
}

/* ---- boot ---- */

/* For the trap handler: which window is @va in? */
static void fault_text(unsigned long va, char *text, size_t bytes)
{
	unsigned long page = (va - va_layout.window_base) / PAGE_SIZE;
	const unsigned long *entry;
	bool pool;

	if (page >= KMAP_POOL + state.nr_blocks * BLOCK_PAGES)
		return;
	entry = state.entries + page;
	pool = page < KMAP_POOL;
	snprintf(text, bytes, "%s window %lu %s pfn 0x%lx", pool ? "kmap()" : "kmap_local_page()",
		 pool ? page : (page - KMAP_POOL) % BLOCK_PAGES / 2,
		 !pool && page % 2 ? "was run over: it has" : "is unmapped: it had",
		 arch_window_pfn(!pool && page % 2 ? entry - 1 : entry));
}

/* Two blocks for each hart, and those that wait, as far as there are addresses. */
static unsigned int __init blocks_wanted(void)
{
	unsigned int most = (unsigned int)(va_layout.window_bytes / PAGE_SIZE) - KMAP_POOL;

	return min(most / BLOCK_PAGES, 3 * nr_harts + MIN_SPARE);
}

static void __init harts_init(unsigned long *entries)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		struct hart_local *hl = hart_info(cpu)->local;

		hl->window_va = arch_window_base(va_layout.window_base, entries);
		hl->windows = state.spare[--state.nr_spare];
		hl->window_limit = tlb_by_address() ? FULL : 0;
		state.reserve[cpu] = state.spare[--state.nr_spare];
	}
}

void __init kmap_init(void)
{
	unsigned long bytes, base = va_layout.window_base, *entries;

	if (memblock_end_of_DRAM() <= va_layout.low_end)
		return;
	state.nr_blocks = blocks_wanted();
	if (state.nr_blocks <= 2 * nr_harts)
		panic("kmap: %u blocks of windows, expected more than two for each of %u harts",
		      state.nr_blocks, nr_harts);
	bytes = ALIGN_UP((KMAP_POOL + state.nr_blocks * BLOCK_PAGES) * PAGE_SIZE,
			 WINDOW_TABLE_BYTES);
	entries = memblock_alloc(bytes / PAGE_SIZE * sizeof(*entries), PAGE_SIZE);
	state.entries = entries;
	if (arch_windows_init(base, bytes, entries))
		panic("kmap: no memory for the page tables of windows");
	state.spare = memblock_alloc(state.nr_blocks * sizeof(*state.spare), sizeof(long));
	for (unsigned int i = state.nr_blocks; i--;)
		state.spare[state.nr_spare++] = entries + KMAP_POOL + i * BLOCK_PAGES;
	state.reserve = memblock_alloc(nr_harts * sizeof(*state.reserve), sizeof(long));
	harts_init(entries);
	kmap_pool_init(entries);
	trap_set_fault_text(fault_text);
}
