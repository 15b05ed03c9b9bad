/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kfence_tools.c - see kfence_tools.h
 */
#include "kfence_tools.h"

#include <mm/kfence.h>
#include <mm/kmalloc.h>
#include <mm/page_alloc.h>

#ifdef CONFIG_KFENCE

#define HELD 200

static bool lies(const void *object, int side)
{
	return ((unsigned long)object & (PAGE_SIZE - 1) ? HIGH : LOW) == side;
}

__noinline __noclone char *watched(struct kmem_cache *s, int side)
{
	char *held[HELD], *found = NULL;
	unsigned nr = 0;

	for (unsigned i = 0; i < 8 * HELD && nr < HELD && !found; i++) {
		char *object;

		WRITE_ONCE(kfence_gate, 1);
		object = s ? kmem_cache_alloc(s, GFP_KERNEL) : kmalloc(SIZE, GFP_KERNEL);
		if (!object)
			break;
		if (!is_kfence_address(object))
			held[nr++] = object;
		else if (lies(object, side))
			found = object;
		else
			kfree(object);
	}
	while (nr)
		kfree(held[--nr]);
	WRITE_ONCE(kfence_gate, 0);
	return found;
}

__noinline __noclone void give(void *object)
{
	kfree(object);
	barrier();
}

#endif
