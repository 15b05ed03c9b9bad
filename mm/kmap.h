/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmap.h - what kmap.c and kmap_pool.c share: who has which part of the windows
 *
 *     window_base   pool of kmap(): KMAP_POOL pages, the last of them never used
 *                   blocks of what runs before there are threads, and of the boot code's threads
 */
#ifndef MM_KMAP_PRIVATE_H
#define MM_KMAP_PRIVATE_H

#include <mm/kmap.h>

#define KMAP_POOL 512U

/* kmap_pool_init - kmap()'s windows have these entries. */
void kmap_pool_init(unsigned long *entries);

#endif
