/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmap_purge.c - areas that were freed where there is no time to end a large one, or no fence of
 * all harts can be made (mm/vmap_lazy.c)
 *
 * A worker does.  Before there are any, or if none gets to run, the next thread that frees or wants
 * addresses does.
 */
#include "sched.h"

#include <mm/vmalloc.h>
#include <sched/workqueue.h>

static void purge(struct work *w)
{
	vmap_work();
}

static struct work work = WORK_INIT(work, purge);

void vmap_purge_poll(void)
{
	if (system_unbound_wq)
		queue_work(system_unbound_wq, &work);
	else
		WRITE_ONCE(vmap_work_asked, false); /* so that whoever is next asks again */
}
