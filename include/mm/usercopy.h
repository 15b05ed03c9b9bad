/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usercopy.h - what of the kernel's memory may be copied to a user, or filled by one
 *
 * A length that a user chooses shall not reach beyond the object that was meant.  Whoever copies
 * asks first:
 *
 *     if (!check_object_size(buffer, bytes, true))
 *             return -EFAULT;
 */
#ifndef MM_USERCOPY_H
#define MM_USERCOPY_H

#include <base/compiler.h>
#include <mm/slab.h>

/*
 * kmem_cache_create_usercopy - kmem_cache_create() of objects of which the bytes
 * [@useroffset, @useroffset + @usersize) may be copied; of kmem_cache_create()'s none may, of
 * kmalloc()'s all.  Shares its slabs with no other cache.  May sleep.
 */
struct kmem_cache *kmem_cache_create_usercopy(const char *name, unsigned size, unsigned align,
					      slab_flags_t flags, unsigned useroffset,
					      unsigned usersize, void (*ctor)(void *)) __must_check;

/*
 * check_object_size - may [@ptr, @ptr + @n) be copied, @to_user or from one?
 * False, and reported: it reaches out of its object, or of the part of that which may be copied, of
 * its compound page, or of the part of this thread's stack that is in use; or it's the kernel's
 * code.  A constant @n is the compiler's to check.  Any context; some 150 instructions for an
 * object.
 */
bool __check_object_size(const void *ptr, unsigned long n, bool to_user) __must_check;

static __always_inline __must_check bool check_object_size(const void *ptr, unsigned long n,
							   bool to_user)
{
	return __builtin_constant_p(n) || __check_object_size(ptr, n, to_user);
}

/* How often it was false, also while none is printed (page_reports_expect). */
extern unsigned long usercopy_refused;

#endif
