/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kswapd.c - the threads that reclaim and compact (mm/node_daemon.h)
 *
 * One for each daemon and node with memory, more urgent than other threads unless they were given a
 * priority: those who allocate shall find pages, not reclaim them themselves.
 *
 * They are asked for under any lock but a zone's, and waking a thread must not take a lock that the
 * caller has, or that comes before it in the order.  So only who may be preempted, and thus holds
 * no spin lock, wakes the thread at once; others send their own hart a reschedule interrupt, which
 * comes when interrupts are on again: no lock is held then that waking takes.
 *
 * Invariants: asked != 0 => its thread works, is about to look, or an interrupt is on its way;
 *   asked or busy, without a gap, from the first request until its run ends.
 * Locking: none but what waking takes.
 * Not here: what they do (mm/vmscan.c, mm/compaction.c).
 */
#include <sched/kswapd.h>

#include "sched.h"

#include <kernel/panic.h>
#include <mm/node_daemon.h>
#include <mm/oom.h>
#include <mm/slab_rcu.h>
#include <mm/vmalloc.h>
#include <mm/zone.h>
#include <sched/wait.h>

#define PRIO (SCHED_PRIO_DEFAULT - 2)

static bool waiting; /* to be woken by a reschedule interrupt */
static u32 nr_runs;  /* that ended; atomic */
static DECLARE_WAIT_QUEUE(at_rest);

static void wake_asked(void)
{
	const struct node_daemon *d;
	int nid;

	WRITE_ONCE(waiting, false);
	smp_mb(); /* who asks after this sets it again */
	if (unlikely(READ_ONCE(slab_rcu_asked)))
		slab_rcu_poll();
	if (unlikely(READ_ONCE(vmap_work_asked)))
		vmap_purge_poll();
	for_each_table(node_daemon, d) {
		for_each_node_id(nid) {
			struct node_daemon_state *s = &d->state[nid];

			if (READ_ONCE(s->asked) && READ_ONCE(s->thread))
				wake_up_process(s->thread);
		}
	}
}

static void kick(void)
{
	if (preemptible()) {
		wake_asked();
		return;
	}
	smp_wmb(); /* who sees it sees who was asked */
	WRITE_ONCE(waiting, true);
	smp_send_reschedule(smp_processor_id());
}

/* The scheduler's part of a reschedule interrupt, and ours. */
static void reschedule_interrupt(void)
{
	if (unlikely(READ_ONCE(waiting)))
		wake_asked();
	sched_ipi();
}

static void wait_until_asked(struct node_daemon_state *s)
{
	u32 ms = s->daemon->period_ms ? s->daemon->period_ms() : 0;

	set_current_state(THREAD_SLEEPING);
	if (!READ_ONCE(s->asked)) {
		if (ms)
			schedule_timeout_ns(ms * 1000000ull);
		else
			schedule();
	}
	set_current_state(THREAD_RUNNING);
	WRITE_ONCE(s->busy, 1);
	smp_mb(); /* who sees that it isn't asked sees that it's busy */
	WRITE_ONCE(s->asked, 0);
	smp_mb(); /* what is asked from now on is for the next run */
}

static void run_ends(struct node_daemon_state *s)
{
	__atomic_fetch_add(&nr_runs, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&s->busy, 0, __ATOMIC_RELEASE);
	wake_up_all(&at_rest);
}

static __noreturn int node_daemon_thread(void *arg)
{
	struct node_daemon_state *s = arg;

	for (;;) {
		wait_until_asked(s);
		s->daemon->run(node_data[s->nid]);
		run_ends(s);
	}
}

static bool rests(const struct node_daemon_state *s)
{
	return !s->thread || (!__atomic_load_n(&s->asked, __ATOMIC_ACQUIRE) &&
			      !__atomic_load_n(&s->busy, __ATOMIC_ACQUIRE));
}

/* A run may end with a request to a thread that was looked at before: then look again. */
static bool all_rest(void)
{
	u32 runs = __atomic_load_n(&nr_runs, __ATOMIC_ACQUIRE);
	const struct node_daemon *d;
	int nid;

	for_each_table(node_daemon, d)
		for_each_node_id(nid)
			if (!rests(&d->state[nid]))
				return false;
	return runs == __atomic_load_n(&nr_runs, __ATOMIC_ACQUIRE);
}

bool node_daemons_rest(u64 ns)
{
	return wait_event_timeout_ns(at_rest, all_rest(), ns);
}

static void start(const struct node_daemon *d, int nid)
{
	struct node_daemon_state *s = &d->state[nid];
	struct thread *t = kthread_create(node_daemon_thread, s, "%s%d", d->name, nid);

	if (!t)
		panic("no memory for %s%d", d->name, nid);
	s->daemon = d;
	s->nid = nid;
	WRITE_ONCE(s->thread, t);
	set_priority(t, PRIO);
	wake_up_process(t);
}

static const char *name_of_current(void)
{
	return current->name;
}

void __init node_daemons_init(void)
{
	const struct node_daemon *d;
	int nid;

	for_each_table(node_daemon, d)
		for_each_node_id(nid)
			if (node_data[nid]->present_pages)
				start(d, nid);
	smp_set_reschedule_hook(reschedule_interrupt);
	mm_wait_hook = sleep_ns;
	mm_thread_name = name_of_current;
	WRITE_ONCE(node_daemon_kick, kick);
	slab_rcu_start();
}
