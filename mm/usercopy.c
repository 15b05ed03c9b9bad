/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usercopy.c - is a copy to or from a user inside of what was meant?
 *
 * The address tells what it is: an object of a slab or of the watched pool (then its cache says
 * which region), larger pieces of kmalloc() (compound pages), an area of vmalloc(), this thread's
 * stack, the image's code, by either of its two mappings.  What is none of these is nobody's to
 * judge: it passes.
 *
 * Locking: none; the caller has the object.  Not here: the copy itself.
 */
#define LOG_PREFIX "usercopy: "
#include <mm/usercopy.h>

#include <asm/layout.h>
#include <asm/memory.h>
#include <asm/sections.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <mm/folio.h>
#include <mm/kfence.h>
#include <mm/memmap.h>
#include <mm/vmalloc.h>

#include "internal.h"
#include "slab.h"

unsigned long usercopy_refused;

struct kmem_cache *kmem_cache_create_usercopy(const char *name, unsigned size, unsigned align,
					      slab_flags_t flags, unsigned useroffset,
					      unsigned usersize, void (*ctor)(void *))
{
	struct kmem_cache *s;

	if (useroffset > size || usersize > size - useroffset) {
		if (flags & SLAB_PANIC)
			panic("the cache %s of %u bytes lets users copy %u from %u on", name, size,
			      usersize, useroffset);
		if (!page_reports_expected())
			pr_err("no cache %s of %u bytes: users can't copy %u from %u on", name,
			       size, usersize, useroffset);
		return NULL;
	}
	s = kmem_cache_create(name, size, align, usersize ? flags | SLAB_NO_MERGE : flags, ctor);
	if (s && usersize) {
		s->useroffset = useroffset;
		s->usersize = usersize;
	}
	return s;
}

/* Do [@at, @at + @n) and [@start, @end) have a byte in common? */
static bool overlap(unsigned long at, unsigned long n, unsigned long start, unsigned long end)
{
	return at < end && at + n > start;
}

static bool in_code(unsigned long at, unsigned long n)
{
	unsigned long start = (unsigned long)_stext, end = (unsigned long)_etext;
	unsigned long alias = (unsigned long)__va(__pa_symbol(_stext));

	return overlap(at, n, start, end) || overlap(at, n, alias, alias + (end - start));
}

/* Of the stack below @sp nothing is anybody's. */
static const char *judge_stack(unsigned long at, unsigned long n, unsigned long sp)
{
	return at >= sp && at + n <= this_hart->stack_lo + STACK_SIZE
		       ? NULL
		       : "outside of the stack that is in use";
}

/* @offset is that of the first byte in an object of @s. */
static const char *judge_object(const struct kmem_cache *s, unsigned long offset, unsigned long n)
{
	unsigned long in = offset - s->useroffset;

	if (offset >= s->object_size || n > s->object_size - offset)
		return "beyond the object";
	return offset >= s->useroffset && in <= s->usersize && n <= s->usersize - in
		       ? NULL
		       : "outside of what users may copy";
}

static const char *judge_slab(struct page *page, const void *ptr, unsigned long n)
{
	const struct kmem_cache *s = page->mapping;
	u32 offset = (u32)((const char *)ptr - slab_first(s, compound_head(page)));
	u32 nr = (u32)((u64)offset * s->reciprocal >> 32);

	return nr < s->objects ? judge_object(s, offset - nr * s->size - s->pad, n)
			       : "beyond the object";
}

static const char *judge_watched(const void *ptr, unsigned long n)
{
	const struct kmem_cache *s;
	size_t bytes;
	const char *start = kfence_find(ptr, &bytes, &s);

	return start ? judge_object(s, (unsigned long)((const char *)ptr - start), n)
		     : "beyond the object";
}

/* The head of the compound block that @page is in, else @page: a tail's flag may be of one that is
 * gone, its head's isn't. */
static struct page *head_if_any(struct page *page)
{
	struct page *head = page;

	if (PageTail(page))
		head = compound_head(page);
	return PageHead(head) && (unsigned long)(page - head) >> compound_order(head) == 0 ? head
											   : page;
}

/* Memory of the linear map. */
static const char *judge_page(const void *ptr, unsigned long n)
{
	struct page *page, *head;
	const char *end;

	if (is_kfence_address(ptr))
		return judge_watched(ptr, n);
	if (!memmap_segment(PFN_DOWN(__pa(ptr))))
		return "no memory";
	page = virt_to_page(ptr);
	if (page_flag(page, PG_slab))
		return judge_slab(page, ptr, n);
	head = head_if_any(page);
	if (!PageHead(head))
		return NULL;
	end = (const char *)page_address(head) + (PAGE_SIZE << compound_order(head));
	return n <= (unsigned long)(end - (const char *)ptr) ? NULL : "beyond the pages";
}

/* Of an area, all but its guard. */
static const char *judge_area(const void *ptr, unsigned long n)
{
	const struct vm_struct *vm = find_vm_area(ptr);
	unsigned long offset;

	if (!vm || vm->flags & VM_STACK)
		return vm ? "another stack" : "no area";
	offset = (unsigned long)ptr - (unsigned long)vm->addr;
	return offset + n <= get_vm_area_size(vm) ? NULL : "beyond the area";
}

static const char *judge(const void *ptr, unsigned long n, unsigned long sp)
{
	unsigned long at = (unsigned long)ptr, stack = this_hart->stack_lo;

	if (at + n < at)
		return "beyond all addresses";
	if (ZERO_OR_NULL_PTR(ptr))
		return "nothing";
	if (in_code(at, n))
		return "the kernel's code";
	if (overlap(at, n, stack, stack + STACK_SIZE))
		return judge_stack(at, n, sp);
	if (is_vmalloc_addr(ptr))
		return judge_area(ptr, n);
	return va_is_linear(ptr) ? judge_page(ptr, n) : NULL;
}

__noinline bool __check_object_size(const void *ptr, unsigned long n, bool to_user)
{
	const char *why;
	unsigned long sp;

	__asm__ volatile("mv %0, sp" : "=r"(sp));
	why = n ? judge(ptr, n, sp) : NULL;
	if (likely(!why))
		return true;
	__atomic_fetch_add(&usercopy_refused, 1, __ATOMIC_RELAXED);
	if (!page_reports_expected())
		warn_at(__FILE__, __LINE__, "BUG: usercopy: %lu bytes %s user %s %p refused: %s", n,
			to_user ? "to a" : "from a", to_user ? "from" : "to", ptr, why);
	return false;
}
