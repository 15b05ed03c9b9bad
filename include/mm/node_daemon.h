/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * node_daemon.h - work that a thread for each node with memory does when asked to
 *
 *     static struct node_daemon_state state[MAX_NUMNODES];
 *     static const struct node_daemon kswapd = { "kswapd", run, state };
 *     TABLE_ENTRY(node_daemon, kswapd);
 *
 *     node_daemon_wake(&kswapd, nid);
 *
 * The threads, kswapd0 and so on, are made above mm (kernel/sched/kswapd.c).  Whoever asks while
 * the thread works is heard: it runs once more.
 */
#ifndef MM_NODE_DAEMON_H
#define MM_NODE_DAEMON_H

#include <base/compiler.h>
#include <base/table.h>
#include <base/types.h>

struct pglist_data;
struct thread;

struct node_daemon_state {
	u32 asked; /* set by whoever asks; cleared by the thread before it works, after */
	u32 busy;  /* was set by it, until it rests */
	/* Set when the thread is made: */
	int nid;
	const struct node_daemon *daemon;
	struct thread *thread;
};

struct node_daemon {
	const char *name;			     /* of its threads, without the node's number */
	void (*run)(const struct pglist_data *node); /* in the thread; may sleep */
	struct node_daemon_state *state;	     /* by node */
	u32 (*period_ms)(void); /* it also runs after so long unasked; 0 or NULL: no */
};
TABLE_DECLARE(node_daemon);

/* What lets the threads see that they were asked: any context, no zone locked.  Or NULL. */
extern void (*node_daemon_kick)(void);

/* node_daemon_wake - have @d run for node @nid, soon.  Any context, but no zone locked.  One load
 * if it has been asked already. */
static inline void node_daemon_wake(const struct node_daemon *d, int nid)
{
	struct node_daemon_state *s = &d->state[nid];

	if (READ_ONCE(s->asked))
		return;
	WRITE_ONCE(s->asked, 1);
	if (READ_ONCE(node_daemon_kick))
		node_daemon_kick();
}

#endif
