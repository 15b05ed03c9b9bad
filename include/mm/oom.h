/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom.h - when memory has run out: the last who may give some back, and the report
 */
#ifndef MM_OOM_H
#define MM_OOM_H

#include <base/notifier.h>
#include <mm/zone.h>

/* Who wants what. */
struct oom_control {
	const struct pglist_data *node; /* near which */
	zone_mask_t reach;		/* from which zones, narrowed by gfp */
	unsigned order;
	gfp_t gfp;
	const void *caller;
};

/*
 * register_oom_notifier - have @nb called when memory has run out, before anything fails
 * It gets the number of pages freed so far as `unsigned long *data`, and adds those that it frees.
 * It may sleep, and allocate from the reserves.  0.  Thread context.
 */
int register_oom_notifier(struct notifier_block *nb);

/* unregister_oom_notifier - not called any more, and it doesn't run.  0; -ENOENT: it wasn't
 * registered.  Sleeps; not from a notifier. */
int unregister_oom_notifier(struct notifier_block *nb);

/*
 * out_of_memory - nothing can be reclaimed for this request: ask the notifiers
 * True if something was freed, or another thread is at it: try again.  Sleeps.
 */
bool out_of_memory(const struct oom_control *oc);

/*
 * report_out_of_memory - say all about failure number @nr: who wanted what, how full the zones are,
 * why it didn't do, who holds memory
 * In any context: where the console can't be waited for, it's recorded, and kswapd prints it.
 */
void report_out_of_memory(const struct oom_control *oc, unsigned long nr);

/* report_recorded_failure - print what was recorded.  A thread that may sleep. */
void report_recorded_failure(void);

/* What mm can't know: the running thread's name.  Or NULL. */
extern const char *(*mm_thread_name)(void);

#endif
