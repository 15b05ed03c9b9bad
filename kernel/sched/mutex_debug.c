/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutex_debug.c - which mutexes a thread has, and in which order it took them
 *
 * A thread's mutexes are chained through the mutexes themselves, the last taken first, from
 * thread.debug.  Only the thread looks at its chain.
 */
#include "sched.h"

#include <kernel/lockdebug.h>
#include <kernel/panic.h>
#include <kernel/symbols.h>
#include <kernel/time.h>
#include <sched/mutex.h>

void mutex_debug_take(struct mutex *m, unsigned long place)
{
	char at[KSYM_NAME], outer_at[KSYM_NAME];
	struct mutex *worst = NULL;

	for (struct mutex *h = current->debug; h; h = h->debug.next) {
		if (h == m)
			panic("thread %s locks mutex 0x%lx (%s) twice", current->name,
			      (unsigned long)m, lock_rank_name(m->debug.rank));
		if (h->debug.rank >= m->debug.rank && (!worst || h->debug.rank > worst->debug.rank))
			worst = h;
	}
	if (!worst || !m->debug.rank)
		return;
	lock_report(place, false,
		    "wrong order of locks: mutex %s (rank %u, 0x%lx) is taken at %s while the "
		    "thread has "
		    "%s (rank %u), taken at %s",
		    lock_rank_name(m->debug.rank), m->debug.rank, (unsigned long)m,
		    symbol_format(at, sizeof(at), place), lock_rank_name(worst->debug.rank),
		    worst->debug.rank,
		    symbol_format(outer_at, sizeof(outer_at), worst->debug.place));
}

void mutex_debug_taken(struct mutex *m, unsigned long place)
{
	m->debug.place = place;
	m->debug.since = read_time();
	m->debug.next = current->debug;
	current->debug = m;
	lock_stat_taken(m->debug.rank);
}

void mutex_debug_release(struct mutex *m)
{
	struct mutex **link = (struct mutex **)&current->debug;

	while (*link && *link != m)
		link = &(*link)->debug.next;
	if (!*link)
		return; /* not its own: mutex_unlock() says so */
	*link = m->debug.next;
	lock_stat_held(m->debug.rank, read_time() - m->debug.since, m->debug.place);
}

void mutex_debug_exit(void)
{
	struct mutex *m = current->debug;
	char at[KSYM_NAME];

	if (m)
		panic("thread %s ends with mutex 0x%lx, taken at %s", current->name,
		      (unsigned long)m, symbol_format(at, sizeof(at), m->debug.place));
}
