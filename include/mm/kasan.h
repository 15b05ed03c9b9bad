/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kasan.h - each access to a small object is checked, in a kernel that is built for it
 *
 * `make KASAN=1`: the compiler puts a call before each load and store, which looks whether the
 * bytes are in an object that is in use (docs/debugging-memory.md).
 */
#ifndef MM_KASAN_H
#define MM_KASAN_H

#include <base/compiler.h>
#include <base/types.h>

#define KASAN_FREE 0xfb /* of an object that was freed, or never allocated */
#define KASAN_ZONE 0xfc /* between objects, or behind what kmalloc() was asked for */

#ifdef CONFIG_KASAN

/* kasan_init - make the table; while memblock is open. */
void kasan_init(void);

/* kasan_poison - nobody may access [@at, @at + @bytes), a multiple of 8 at a multiple of 8: @why.
 * kasan_unpoison - everybody may, any number of bytes, but not what else is in the last 8. */
void kasan_poison(const void *at, size_t bytes, u8 why);
void kasan_unpoison(const void *at, size_t bytes);

/* kasan_kmalloc - of @object only @size bytes were asked for; returns it. */
void *kasan_kmalloc(void *object, size_t size);

/* What was found, also while nothing is printed of it (page_reports_expect): how often, and the
 * first byte and its mark of the last time. */
struct kasan_found {
	unsigned long nr;
	const void *at;
	u8 why;
	bool is_write;
};
extern struct kasan_found kasan_found;

#else

static inline void kasan_init(void)
{
}

static inline void kasan_poison(const void *at, size_t bytes, u8 why)
{
}

static inline void kasan_unpoison(const void *at, size_t bytes)
{
}

static __always_inline void *kasan_kmalloc(void *object, size_t size)
{
	return object;
}

#endif
#endif
