/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmap.c - windows through which a thread sees high memory
 *
 * Each thread has a block of addresses with KMAP_DEPTH windows, a stack: it opens and closes the
 * top one without a lock and without telling other harts.  Interrupt handlers go on on top of what
 * the thread has open.  Addresses are the thread's own, so they stay right wherever it goes, and
 * threads that sleep with windows open take nothing from others: opening one never waits or fails.
 * What can fail is to make a thread.
 *
 *     thread a  -> | w0 |  | w1 |  | ... | w14 |  |    an area of vmalloc()'s region
 *     thread b  -> | w0 |  | w1 |  | ... | w14 |  |    another
 *
 * What runs before there are threads, and the boot code of each hart, which becomes a thread, have
 * blocks that were made at boot.  A few blocks of threads that ended are kept for the next.
 *
 * Invariants: mm.windows says how many windows of the thread's block are open: the lowest ones.  It
 *   is stored before the window is opened, and after it was closed, so handlers find free ones.
 *   window_limit is 0 where a fence by address won't do: then each opening goes the slow way.
 * Translations: a hart fences a window when it opens it, and those that are open when their thread
 *   comes to it; for the latter the switch compares two words that it compares anyway
 *   (mm/mm_thread.h).  No other hart has a reason to know of it: what it remembers is of windows
 *   that it will fence before they're used there.  Debug kernels fence when one is closed, too.
 * An empty page lies behind each window: what runs over faults; so does what is late, at once in a
 *   debug kernel.
 * Locking: state.lock (rank KMAP) for the spare blocks, when threads are made and end.
 * Cost: 21 instructions to open, one of them the fence; 9 to close.  128 KiB of addresses a thread.
 * Not here: kmap() (kmap_pool.c), what is high (highmem.c), entries (asm/windows.h).
 */
#define LOG_PREFIX "kmap: "

#include "kmap.h"

#include <asm/trap.h>
#include <asm/vmap.h>
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
#include "vmap.h"

#define BLOCK_PAGES 32U /* the last is the area's guard */
#define BLOCK_BYTES (BLOCK_PAGES * PAGE_SIZE)
#define STRIDE	    (2 * sizeof(long)) /* of entries: a window and the empty page behind it */
#define FULL	    (KMAP_DEPTH * STRIDE)
#define MAX_SPARE   8U

_Static_assert(FULL <= 255 && KMAP_DEPTH * 2 < BLOCK_PAGES, "mm.windows, and the block, has room");

unsigned long kmap_misuses;

static struct {
	spinlock_t lock;
	unsigned long spare[MAX_SPARE]; /* addresses of blocks that are no thread's */
	unsigned int nr_spare;
	unsigned long *entries; /* C of the windows made at boot; NULL: there is no high memory */
} state = { .lock = SPINLOCK_RANKED(LOCK_KMAP) };

/* ---- opening and closing ---- */

static __cold __noreturn void too_deep(void)
{
	panic("kmap: more than %u windows are open at once", KMAP_DEPTH);
}

/* The entry behind @windows open ones of @mm. */
static __always_inline unsigned long *behind(const struct mm_thread *mm, unsigned long windows)
{
	return (unsigned long *)((unsigned long)mm->window_entry + windows);
}

/* The window is counted already. */
static __noinline void *open_slowly(struct mm_thread *mm, const struct page *page)
{
	unsigned long windows = mm->windows - STRIDE;

	if (windows >= FULL)
		too_deep();
	return arch_window_open_anyhow(mm->window_base, behind(mm, windows), page);
}

/* @mm: of the thread that runs here. */
static __always_inline void *window_open(struct mm_thread *mm, const struct page *page)
{
	unsigned long windows = mm->windows;

	mm->windows = (u8)(windows + STRIDE);
	barrier();
	if (unlikely(windows >= this_hart->window_limit))
		return open_slowly(mm, page);
	return arch_window_open(mm->window_base, behind(mm, windows), page);
}

static __always_inline void window_close(struct mm_thread *mm)
{
	unsigned long windows = mm->windows - STRIDE, *entry = behind(mm, windows);

	arch_window_close(entry);
#ifdef CONFIG_DEBUG_VM
	tlb_flush_local_range(arch_window_va(mm->window_base, entry), PAGE_SIZE);
#endif
	barrier();
	mm->windows = (u8)windows;
}

/* Is @addr in the window that was opened last?  Said if it isn't. */
static bool in_order(const struct mm_thread *mm, const void *addr)
{
	unsigned long expected = 0;

	if (mm->windows)
		expected = arch_window_va(mm->window_base, behind(mm, mm->windows - STRIDE));
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
#define OWN_MM (&((struct thread_head *)thread_here())->mm)

/* Before there are threads. */
static __noinline void *open_early(const struct page *page)
{
	return window_open(&mm_boot_thread, page);
}

static __noinline void close_early(void)
{
	window_close(&mm_boot_thread);
}

void *kmap_local_high(const struct page *page)
{
	return likely(thread_here()) ? window_open(OWN_MM, page) : open_early(page);
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
		window_close(OWN_MM);
	else
		close_early();
}

void kmap_switch(const struct mm_thread *next)
{
	if (next->windows)
		tlb_flush_local_range(arch_window_va(next->window_base, next->window_entry),
				      next->windows / sizeof(long) * PAGE_SIZE);
}

/* ---- blocks ---- */

static void give(struct mm_thread *mm, unsigned long va, unsigned long *entries)
{
	mm->window_entry = entries;
	mm->window_base = arch_window_base(va, entries);
}

/* A block made at boot: 0 is of what runs before there are threads, 1 + n of hart n's boot code. */
static void give_early(struct mm_thread *mm, unsigned int nr)
{
	unsigned int page = KMAP_POOL + nr * BLOCK_PAGES;

	give(mm, va_layout.window_base + page * PAGE_SIZE, state.entries + page);
}

static unsigned long take_spare(void)
{
	unsigned long flags, va = 0;

	spin_lock_irqsave(&state.lock, flags);
	if (state.nr_spare)
		va = state.spare[--state.nr_spare];
	spin_unlock_irqrestore(&state.lock, flags);
	return va;
}

static bool keep_spare(unsigned long va)
{
	unsigned long flags;
	bool fits;

	spin_lock_irqsave(&state.lock, flags);
	fits = state.nr_spare < MAX_SPARE;
	if (fits)
		state.spare[state.nr_spare++] = va;
	spin_unlock_irqrestore(&state.lock, flags);
	return fits;
}

/* Addresses of a new block, and the table for them; 0: none, or no memory. */
static unsigned long make_block(void)
{
	const struct vm_struct *vm;

	vm = get_vm_area_caller(BLOCK_BYTES - PAGE_SIZE, BLOCK_BYTES, VM_WINDOWS, GFP_KERNEL,
				__builtin_return_address(0));
	if (!vm)
		return 0;
	if (arch_vmap_entries((unsigned long)vm->addr))
		return (unsigned long)vm->addr;
	remove_vm_area(vm->addr);
	return 0;
}

bool kmap_thread_init(struct mm_thread *mm)
{
	unsigned long va;

	if (!state.entries)
		return true;
	va = take_spare();
	if (!va)
		va = make_block();
	if (va) /* whose table is there already */
		give(mm, va, arch_vmap_entries(va));
	return va;
}

void kmap_thread_adopt(struct mm_thread *mm)
{
	if (state.entries)
		give_early(mm, 1 + smp_processor_id());
}

void kmap_thread_gone(struct mm_thread *mm)
{
	unsigned long va = arch_window_va(mm->window_base, mm->window_entry);

	if (mm->window_entry && !keep_spare(va))
		remove_vm_area((void *)va);
}

void kmap_drop_spare(void)
{
	unsigned long va;

	while ((va = take_spare()))
		remove_vm_area((void *)va);
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
		window_close(mm);
}

/* ---- boot ---- */

/* The block in the vmalloc region that @va lies in, or 0. */
static unsigned long block_at(unsigned long va)
{
	const struct vm_struct *vm = NULL;
	unsigned long flags, start = 0;

	if (!is_vmalloc_addr((void *)va))
		return 0;
	local_irq_save(flags);
	if (spin_trylock_raw(&vmap_state.lock)) {
		vm = vmap_area_at(va);
		if (vm && vm->flags & VM_WINDOWS && vm->node.state == VMAP_LIVE)
			start = vm->node.start;
		spin_unlock_raw(&vmap_state.lock);
	}
	local_irq_restore(flags);
	return start;
}

/* For the trap handler: an address is in page @page of blocks whose entries are @entries. */
static void tell_window(const unsigned long *entries, unsigned long page, char *text, size_t bytes)
{
	unsigned long nr = page % BLOCK_PAGES / 2;

	if (nr < KMAP_DEPTH)
		snprintf(text, bytes, "kmap_local_page() window %lu %s pfn 0x%lx", nr,
			 page % 2 ? "was run over: it has" : "is unmapped: it had",
			 arch_window_pfn(entries + (page & ~1UL)));
}

/* For the trap handler: which window is @va in? */
static void fault_text(unsigned long va, char *text, size_t bytes)
{
	unsigned long page = (va - va_layout.window_base) / PAGE_SIZE, start = block_at(va);
	const unsigned long *entries = start ? arch_vmap_entries(start) : state.entries;

	if (start)
		page = KMAP_POOL + (va - start) / PAGE_SIZE;
	else
		entries += KMAP_POOL;
	if (page < KMAP_POOL)
		snprintf(text, bytes, "kmap() window %lu is unmapped: it had pfn 0x%lx", page,
			 arch_window_pfn(state.entries + page));
	else if (page < KMAP_POOL + (1 + nr_harts) * BLOCK_PAGES)
		tell_window(entries, page - KMAP_POOL, text, bytes);
}

void __init kmap_init(void)
{
	unsigned long bytes = (KMAP_POOL + (1 + nr_harts) * BLOCK_PAGES) * PAGE_SIZE;

	if (memblock_end_of_DRAM() <= va_layout.low_end)
		return;
	if (bytes > va_layout.window_bytes)
		panic("kmap: %u harts need 0x%lx addresses for windows, expected 0x%lx at most",
		      nr_harts, bytes, va_layout.window_bytes);
	bytes = ALIGN_UP(bytes, WINDOW_TABLE_BYTES);
	state.entries = memblock_alloc(bytes / PAGE_SIZE * sizeof(long), PAGE_SIZE);
	if (arch_windows_init(va_layout.window_base, bytes, state.entries))
		panic("kmap: no memory for the page tables of windows");
	give_early(&mm_boot_thread, 0);
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++)
		hart_info(cpu)->local->window_limit = tlb_by_address() ? FULL : 0;
	kmap_pool_init(state.entries);
	trap_set_fault_text(fault_text);
}
