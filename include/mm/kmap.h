/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmap.h - reaching what is in a page
 *
 * High memory (mm/highmem.h) has no address of its own; these calls give it one for a time:
 *
 *     kmap_local_page / kunmap_local    any context, this thread alone (or this interrupt handler),
 *                                       innermost first, KMAP_DEPTH deep; never fails or waits
 *     kmap / kunmap                     for longer, for all harts; may sleep
 *
 * A page of the linear map, and without CONFIG_HIGHMEM every page, has its address anyway: then
 * both cost a test, or nothing.  Linux's names and meaning; docs/kmap.md.
 */
#ifndef MM_KMAP_H
#define MM_KMAP_H

#include <asm/memory.h>
#include <kernel/preempt.h>
#include <mm/page.h>
#include <string.h>

struct mm_thread;

/* Windows that a thread may have open at once, its interrupt handlers' included. */
#define KMAP_DEPTH 15U

#ifdef CONFIG_HIGHMEM
void *kmap_local_high(const struct page *page);
void kunmap_local_high(const void *addr);
void *kmap_high(struct page *page);
void kunmap_high(struct page *page);

/* kmap_flush_unused - kmap()'s windows without users show nothing any more, on any hart.  No lock
 * held; not in an interrupt handler. */
void kmap_flush_unused(void);

/* kmap_init - windows, where memory is high.  Boot hart, harts are numbered, memblock open. */
void kmap_init(void);

/*
 * kmap_thread_init - give @mm, all zero, of a thread that doesn't run yet, addresses for windows
 * False: no memory, or no addresses.  May sleep.  kmap_thread_gone: it ended or never ran.  Any
 * context.  kmap_thread_adopt: @mm is that of the boot code of this hart, which becomes a thread.
 */
bool kmap_thread_init(struct mm_thread *mm) __must_check;
void kmap_thread_gone(struct mm_thread *mm);
void kmap_thread_adopt(struct mm_thread *mm);

/* kmap_drop_spare - addresses that are kept for the next threads go back.  As vfree(). */
void kmap_drop_spare(void);

/* kmap_switch - @next comes to this hart.  For mm_switch(). */
void kmap_switch(const struct mm_thread *next);

/* kmap_thread_exit - the calling thread ends: windows that it left open are reported and closed. */
void kmap_thread_exit(void);

/* Misuse found since boot: unmapped out of order, left open by a thread that ended. */
extern unsigned long kmap_misuses;
#else
static inline void *kmap_local_high(const struct page *page)
{
	return NULL;
}
static inline void kunmap_local_high(const void *addr)
{
}
static inline void *kmap_high(struct page *page)
{
	return NULL;
}
static inline void kunmap_high(struct page *page)
{
}
static inline void kmap_flush_unused(void)
{
}
static inline void kmap_init(void)
{
}
static inline bool kmap_thread_init(struct mm_thread *mm)
{
	return true;
}
static inline void kmap_thread_gone(struct mm_thread *mm)
{
}
static inline void kmap_thread_adopt(struct mm_thread *mm)
{
}
static inline void kmap_drop_spare(void)
{
}
static inline void kmap_switch(const struct mm_thread *next)
{
}
static inline void kmap_thread_exit(void)
{
}
#endif

/* ---- for a moment ---- */

/*
 * kmap_local_page - an address for @page, for this thread, until kunmap_local
 * Any context.  The thread may sleep and go to another hart meanwhile; the address stays right.
 */
static inline void *kmap_local_page(const struct page *page)
{
	return unlikely(PageHighMem(page)) ? kmap_local_high(page) : lowmem_page_address(page);
}

/* kunmap_local - @addr, anywhere in the page, is what was mapped last and not yet unmapped. */
static inline void kunmap_local(const void *addr)
{
#ifdef CONFIG_HIGHMEM
	if (unlikely(va_is_window(addr)))
		kunmap_local_high(addr);
#else
	(void)addr;
#endif
}

/* kmap_local_folio - byte @offset of @folio; what is valid ends with the page. */
#define kmap_local_folio(folio, offset)                                                \
	((void *)((char *)kmap_local_page(folio_page(folio, (offset) >> PAGE_SHIFT)) + \
		  ((offset) & (PAGE_SIZE - 1))))

/* kmap_atomic - kmap_local_page with preemption off, as old code has it. */
static inline void *kmap_atomic(const struct page *page)
{
	preempt_disable();
	return kmap_local_page(page);
}

static inline void kunmap_atomic(const void *addr)
{
	kunmap_local(addr);
	preempt_enable();
}

/* ---- for longer ---- */

/* kmap - an address for @page that all harts may use, until as many kunmap(@page).  May sleep:
 * there are 511 of them.  page_address() finds it meanwhile. */
static inline void *kmap(struct page *page)
{
	might_sleep();
	return unlikely(PageHighMem(page)) ? kmap_high(page) : lowmem_page_address(page);
}

/* kunmap - any context. */
static inline void kunmap(struct page *page)
{
	if (unlikely(PageHighMem(page)))
		kunmap_high(page);
}

/* ---- contents; any context ---- */

/* clear_page - zero the PAGE_SIZE bytes at @addr, which is page-aligned. */
void clear_page(void *addr);

/* clear_highpage - zero @page, wherever it is. */
static inline void clear_highpage(struct page *page)
{
	void *addr = kmap_local_page(page);

	clear_page(addr);
	kunmap_local(addr);
}

/* memcpy_from_page, memcpy_to_page - @bytes from byte @offset on, which lie in one page. */
static inline void memcpy_from_page(void *to, const struct page *page, size_t offset, size_t bytes)
{
	const char *from = kmap_local_page(page);

	memcpy(to, from + offset, bytes);
	kunmap_local(from);
}

static inline void memcpy_to_page(struct page *page, size_t offset, const void *from, size_t bytes)
{
	char *to = kmap_local_page(page);

	memcpy(to + offset, from, bytes);
	kunmap_local(to);
}

/* zero_user - clear @bytes from byte @offset on, which lie in one page. */
static inline void zero_user(struct page *page, size_t offset, size_t bytes)
{
	char *to = kmap_local_page(page);

	memset(to + offset, 0, bytes);
	kunmap_local(to);
}

/* copy_highpage - @to holds what @from holds. */
static inline void copy_highpage(struct page *to, const struct page *from)
{
	const void *source = kmap_local_page(from);

	memcpy_to_page(to, 0, source, PAGE_SIZE);
	kunmap_local(source);
}

#endif
