/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_rcu.c - grace periods for slabs whose objects readers may still look at (mm/slab_rcu.c)
 *
 * One at a time, for all that has gathered: one callback is enough.
 */
#include "sched.h"

#include <mm/slab_rcu.h>
#include <sched/rcu.h>

static struct rcu_head head;

static void end(struct rcu_head *h)
{
	slab_rcu_end();
	slab_rcu_poll();
}

void slab_rcu_poll(void)
{
	if (slab_rcu_begin())
		call_rcu(&head, end);
}

void slab_rcu_start(void)
{
	WRITE_ONCE(slab_rcu_barrier, rcu_barrier);
}
