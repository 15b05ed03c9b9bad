/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kfence_tools.h - watched objects, for the suite and the command that misuse them
 */
#ifndef TESTS_KFENCE_TOOLS_H
#define TESTS_KFENCE_TOOLS_H

#include <mm/slab.h>

#define SIZE 192U /* of an object: ends where its page does */
#define LOW  0	  /* at the start of its page */
#define HIGH 1	  /* at the end */

/* watched - an object of @s, or of kmalloc(SIZE), at @side of its page; NULL: no luck.
 * give: it's freed.  Both are never inlined, so that reports name them. */
char *watched(struct kmem_cache *s, int side);
void give(void *object);

static inline char load(const char *at)
{
	return *(const volatile char *)at;
}

static inline void store(char *at, char value)
{
	*(volatile char *)at = value;
}

#endif
