/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_crew.h - who takes and gives back in a stress run: two threads and a timer for each hart
 *
 * A run has a struct crew, whose functions say what a thread and a timer's handler do and how
 * something that was kept is given back.
 */
#ifndef TESTS_STRESS_CREW_H
#define TESTS_STRESS_CREW_H

#include <sched/thread.h>
#include <sched/timer.h>
#include <shell/stress.h>

#define CREW_TIMERS 16
#define CREW_KEPT   32

struct crew;

struct actor {
	struct crew *crew;
	struct thread *thread;
	struct timer timer;
	u32 random;
	u64 since_ns; /* it has been at something; ~0: it's done */
	unsigned long operations, failed;
	void *kept[CREW_KEPT]; /* what it holds, or NULL */
};

struct crew {
	void (*act)(struct actor *a);  /* a thread: once more */
	void (*ring)(struct actor *a); /* in an interrupt */
	void (*give_back)(struct actor *a, void *kept);
	u32 stop;
	unsigned faults;
	unsigned nr_actors;
	struct actor actor[2 * CREW_TIMERS];
	struct actor handler[CREW_TIMERS];
	unsigned long nr[2], nr_failed[2]; /* of threads, of handlers; when they have stopped */
};

/* crew_expect - what doesn't hold is a fault, and logged.  Any context. */
void crew_expect(struct crew *crew, bool ok, const char *what);

/* crew_fail - of a hundred calls of fault @point so many fail from now on; none without
 * CONFIG_FAULT_INJECTION.  In a thread. */
void crew_fail(struct crew *crew, const char *point, unsigned percent);

/* crew_start - let all begin; false: too little memory for all of them.  In a thread. */
bool crew_start(struct crew *crew, u32 seed);

/* crew_blink - turn a hart off and on again, if there is one.  In a thread. */
void crew_blink(struct crew *crew, u32 *random);

/* crew_check - panic if a thread has been at one thing for a minute. */
void crew_check(const struct crew *crew);

/* crew_stop - all end and give back what they keep.  In a thread. */
void crew_stop(struct crew *crew);

#endif
