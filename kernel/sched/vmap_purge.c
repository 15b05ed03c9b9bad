/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmap_purge.c - areas that were freed where no fence of all harts can be made (mm/vmap.c)
 *
 * A worker makes it.  Before there are any, or if none gets to run, the next thread that frees or
 * wants addresses does.
 */
#include "sched.h"

#include <mm/vmalloc.h>
#include <sched/workqueue.h>

static void purge(struct work *w)
{
	vmap_purge_work();
}

static struct work work = WORK_INIT(work, purge);

void vmap_purge_poll(void)
{
	if (system_unbound_wq)
		queue_work(system_unbound_wq, &work);
}
