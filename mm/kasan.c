/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kasan.c - each access to a small object is checked
 *
 * The compiler calls __asan_load8_noabort(address) and the like before each access.  A byte of the
 * shadow stands for 8 of memory: 0: all may be accessed; 1..7: so many of the first; else none, and
 * why.  Objects have marks where their cache is debugged, as all are in this kernel: red zones keep
 * them apart (slab_debug.c), which also keeps who allocated and freed.
 *
 *     memory   | red zone | object of 20 bytes, asked for 13          | red zone | ...
 *     shadow     fc fc fc   00 05 fc                                    fc fc
 *
 * memcpy(), memset() and memmove() check the whole of their ranges in sources that are compiled so
 * (Makefile).  The allocators themselves aren't, and what is no slab's memory has no marks: pages,
 * the image, stacks, which gcc leaves alone on this target.
 *
 * Invariant: a byte is accessible unless it lies in a slab, outside of objects in use.
 * Locking: none; who has the memory marks it.
 * Cost: 30 instructions an access, an eighth of memory.  Not here: a quarantine of freed objects.
 */
#define LOG_PREFIX "kasan: "
#include <mm/kasan.h>

#include <asm/memory.h>
#include <asm/trap.h>
#include <kernel/log.h>
#include <kernel/symbols.h>
#include <mm/highmem.h>
#include <mm/memblock.h>
#include <mm/memmap.h>

#include "internal.h"
#include "slab.h"
#include "slab_debug.h"

#include <string.h>

#define SCALE 3 /* log2 of bytes that one of the shadow stands for */

static u8 **tables; /* by segment */
static u32 reporting;
struct kasan_found kasan_found;

void __init kasan_init(void)
{
	u8 **made = memblock_alloc(nr_mem_segments * sizeof(*made), sizeof(*made));

	for (unsigned i = 0; i < nr_mem_segments; i++) {
		const struct mem_segment *seg = &mem_segments[i];

		if (zone_is_high(seg->zone))
			continue; /* no object lies there */
		made[i] =
			memblock_alloc_node((seg->end_pfn - seg->start_pfn) << (PAGE_SHIFT - SCALE),
					    PAGE_SIZE, seg->zone->nid);
	}
	tables = made;
}

/* NULL: there's none. */
static u8 *shadow_of(unsigned long at)
{
	unsigned long offset = at - va_layout.linear_base;
	const struct mem_segment *seg;
	phys_addr_t pa;

	pa = va_layout.phys_base + offset;
	if (!tables || offset >= va_layout.linear_bytes || pa >= va_layout.low_end)
		return NULL;
	seg = memmap_segment(PFN_DOWN(pa));
	return seg ? &tables[seg - mem_segments][(pa - PFN_PHYS(seg->start_pfn)) >> SCALE] : NULL;
}

/* ---- marks ---- */

void kasan_poison(const void *at, size_t bytes, u8 why)
{
	u8 *shadow = shadow_of((unsigned long)at);

	if (shadow)
		memset(shadow, why, bytes >> SCALE);
}

void kasan_unpoison(const void *at, size_t bytes)
{
	u8 *shadow = shadow_of((unsigned long)at);

	if (!shadow)
		return;
	memset(shadow, 0, bytes >> SCALE);
	if (bytes % 8)
		shadow[bytes >> SCALE] = (u8)(bytes % 8);
}

void *kasan_kmalloc(void *object, size_t size)
{
	const struct page *page = virt_to_page(object);
	const struct kmem_cache *s;
	size_t used = ALIGN_UP(size, 8UL);

	if (ZERO_OR_NULL_PTR(object) || !page_flag(page, PG_slab))
		return object;
	s = page->mapping;
	if (slab_debugged(s) && size <= s->object_size) {
		kasan_unpoison(object, size);
		kasan_poison((char *)object + used, ALIGN_UP(s->object_size, 8UL) - used,
			     KASAN_ZONE);
	}
	return object;
}

/* ---- checks ---- */

static __cold void report(unsigned long at, u8 why, size_t bytes, bool write, unsigned long pc)
{
	char name[KSYM_NAME];

	if (__atomic_exchange_n(&reporting, 1, __ATOMIC_ACQUIRE))
		return; /* from the report, or another hart has one */
	kasan_found.nr++;
	kasan_found.at = (void *)at;
	kasan_found.why = why;
	kasan_found.is_write = write;
	if (!page_reports_expected()) {
		pr_err("BUG: %s %s of %lu bytes, at %p, by %s",
		       why == KASAN_FREE ? "use-after-free" : "out-of-bounds",
		       write ? "write" : "read", (unsigned long)bytes, (void *)at,
		       symbol_format(name, sizeof(name), pc - 1));
		slab_debug_show(LOG_ERR, (void *)at);
		backtrace_here();
	}
	__atomic_store_n(&reporting, 0, __ATOMIC_RELEASE);
}

static void check(unsigned long at, size_t bytes, bool write, unsigned long pc)
{
	const u8 *shadow = bytes ? shadow_of(at) : NULL;
	unsigned long end = at + bytes;

	if (!shadow)
		return;
	for (; at < end; at = (at | 7) + 1, shadow++) {
		unsigned long last = min(at | 7, end - 1);

		if (likely(!*shadow))
			continue;
		if (*shadow < 8 && (last & 7) < *shadow)
			continue;
		if (*shadow < 8)
			at = max(at, (at & ~7UL) + *shadow);
		report(at, *shadow < 8 ? KASAN_ZONE : *shadow, bytes, write, pc);
		return;
	}
}

#define CALLER (unsigned long)__builtin_return_address(0)

#define ACCESS(bytes)                                         \
	void __asan_load##bytes##_noabort(unsigned long at);  \
	void __asan_load##bytes##_noabort(unsigned long at)   \
	{                                                     \
		check(at, bytes, false, CALLER);              \
	}                                                     \
	void __asan_store##bytes##_noabort(unsigned long at); \
	void __asan_store##bytes##_noabort(unsigned long at)  \
	{                                                     \
		check(at, bytes, true, CALLER);               \
	}

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

void __asan_loadN_noabort(unsigned long at, size_t bytes);
void __asan_storeN_noabort(unsigned long at, size_t bytes);
void __asan_handle_no_return(void);
void *kasan_memcpy(void *to, const void *from, size_t bytes);
void *kasan_memmove(void *to, const void *from, size_t bytes);
void *kasan_memset(void *to, int value, size_t bytes);

void __asan_loadN_noabort(unsigned long at, size_t bytes)
{
	check(at, bytes, false, CALLER);
}

void __asan_storeN_noabort(unsigned long at, size_t bytes)
{
	check(at, bytes, true, CALLER);
}

void __asan_handle_no_return(void)
{
}

void *kasan_memcpy(void *to, const void *from, size_t bytes)
{
	check((unsigned long)from, bytes, false, CALLER);
	check((unsigned long)to, bytes, true, CALLER);
	return memcpy(to, from, bytes);
}

void *kasan_memmove(void *to, const void *from, size_t bytes)
{
	check((unsigned long)from, bytes, false, CALLER);
	check((unsigned long)to, bytes, true, CALLER);
	return memmove(to, from, bytes);
}

void *kasan_memset(void *to, int value, size_t bytes)
{
	check((unsigned long)to, bytes, true, CALLER);
	return memset(to, value, bytes);
}
