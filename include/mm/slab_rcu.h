/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_rcu.h - what slabs that wait for readers need of RCU, which is above the memory manager
 */
#ifndef MM_SLAB_RCU_H
#define MM_SLAB_RCU_H

#include <base/types.h>

/* Somebody wants slab_rcu_begin() called, where a grace period may begin; node_daemon_kick() has
 * been called since. */
extern bool slab_rcu_asked;

/*
 * slab_rcu_begin - begin a grace period, and call slab_rcu_end() after it?
 * False: nothing waits, or one is under way already.  Any context; no slab locked.
 * slab_rcu_end: the readers have gone.  In a thread; ask slab_rcu_begin() again then.
 */
bool slab_rcu_begin(void);
void slab_rcu_end(void);

/* Sleeps until every slab_rcu_end() that was to come has been.  NULL: there are no readers as
 * yet. */
extern void (*slab_rcu_barrier)(void);

#endif
