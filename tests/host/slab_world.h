/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_world.h - small objects on the host: harts with per-CPU variables of their own
 */
#ifndef SLAB_WORLD_H
#define SLAB_WORLD_H

#include "mm_world.h"

#include "../../mm/slab.h"

/* slab_world_build - memory as @w says, and no cache but the first ones. */
void slab_world_build(const struct world *w);

/* slab_world_end - everything is sound, all caches but kmalloc()'s are gone and nothing is in use:
 * all pages are back but those of what caches consist of. */
void slab_world_end(void);

/* slab_world_check - all caches are sound, on each hart, and all zones. */
void slab_world_check(void);

/* Of a hundred requests for pages so many fail; and the so many-th from now on, 0: none.
 * slab_world_fails - does this request? */
extern unsigned slab_fail_percent, slab_fail_nth;
bool slab_world_fails(void);
extern unsigned long slab_nr_failed;

#endif
