/* SPDX-License-Identifier: BSD-2-Clause */
#include "stress_crew.h"

#include <kernel/fault_inject.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <sched/hotplug.h>
#include <shell/shell.h>
#include <stdio.h>

#define PERIOD_NS 300000

/* Where an emulator runs harts by turns, one waits for a lock until the hart before it in the queue
 * has run; what takes milliseconds otherwise takes half a minute then. */
#define STUCK_NS 180000000000ull

void crew_expect(struct crew *crew, bool ok, const char *what)
{
	if (likely(ok))
		return;
	__atomic_fetch_add(&crew->faults, 1, __ATOMIC_RELAXED);
	pr_err("stress: %s", what);
}

void crew_fail(struct crew *crew, const char *point, unsigned percent)
{
	char word[24], *words[] = { word };
	const struct fault_point *fault = fault_find(point);
	const char *bad;

	snprintf(word, sizeof(word), "probability=%u", percent);
	if (fault)
		crew_expect(crew, !fault_set(fault, 1, words, &bad), "faults can't be set");
}

static int act(void *arg)
{
	struct actor *a = arg;

	while (!READ_ONCE(a->crew->stop)) {
		WRITE_ONCE(a->since_ns, ktime_ns());
		a->crew->act(a);
	}
	WRITE_ONCE(a->since_ns, ~0ull);
	return 0;
}

/* With long breaks: harts that an emulator runs by turns wait long for a lock. */
static void arm(void *arg)
{
	struct actor *a = arg;
	u64 now = ktime_ns(), took = a->since_ns ? now - a->since_ns : 0;
	u64 wait = PERIOD_NS / 2 + stress_random(&a->random) % PERIOD_NS + 8 * took;

	if (!READ_ONCE(a->crew->stop) && timer_start(&a->timer, now + wait))
		a->failed++; /* the heap couldn't grow */
}

static void ring(struct timer *timer)
{
	struct actor *a = container_of(timer, struct actor, timer);

	a->since_ns = ktime_ns();
	a->crew->ring(a);
	arm(a);
}

bool crew_start(struct crew *crew, u32 seed)
{
	unsigned harts = min(num_online_harts(), (unsigned)CREW_TIMERS);

	for (; crew->nr_actors < 2 * harts; crew->nr_actors++) {
		struct actor *a = &crew->actor[crew->nr_actors];

		a->crew = crew;
		a->random = seed * 2654435761u + crew->nr_actors + 1;
		a->since_ns = ktime_ns();
		a->thread = kthread_run(act, a, "actor/%u", crew->nr_actors);
		if (!a->thread)
			return false;
	}
	for (unsigned i = 0; i < CREW_TIMERS; i++) {
		struct actor *a = &crew->handler[i];

		a->crew = crew;
		timer_setup(&a->timer, ring);
		a->random = seed * 40503u + i + 1;
		if (i < nr_harts)
			smp_call_function_single(i, arm, a);
	}
	return true;
}

void crew_blink(struct crew *crew, u32 *random)
{
	unsigned cpu = 1 + stress_random(random) % nr_harts;
	struct hart_error why;

	if (cpu >= nr_harts || hart_info(cpu)->state != HART_ONLINE)
		return;
	crew_expect(crew, !hart_off(cpu, &why) || why.text[0],
		    "a hart didn't go, and nobody says why");
	msleep(1 + *random % 20);
	while (hart_info(cpu)->state == HART_OFFLINE && hart_on(cpu, &why) && !shell_interrupted())
		msleep(1); /* no memory for its stack */
	if (cpu < CREW_TIMERS)
		smp_call_function_single(cpu, arm, &crew->handler[cpu]);
}

/* It has a hart, or sleeps.  One that waits for a hart may wait for who looks: that's ahead of the
 * actors, and busy harts take no others' threads. */
static bool does_something(const struct thread *t)
{
	return !READ_ONCE(t->on_queue) || READ_ONCE(t->on_hart);
}

void crew_check(const struct crew *crew)
{
	u64 now = ktime_ns();

	for (unsigned i = 0; i < crew->nr_actors; i++) {
		u64 since = READ_ONCE(crew->actor[i].since_ns);
		const struct thread *t = crew->actor[i].thread;

		if (since < now && now - since > STUCK_NS && does_something(t))
			panic("stress: %s is stuck", t->name);
	}
}

static void give_all_back(struct actor *a, bool handler)
{
	struct crew *crew = a->crew;

	if (!crew) /* never began */
		return;
	crew->nr[handler] += a->operations;
	crew->nr_failed[handler] += a->failed;
	for (unsigned i = 0; i < CREW_KEPT; i++) {
		if (a->kept[i])
			crew->give_back(a, a->kept[i]);
		a->kept[i] = NULL; /* leads nowhere for kmemleak */
	}
}

void crew_stop(struct crew *crew)
{
	WRITE_ONCE(crew->stop, 1);
	for (unsigned i = 0; i < CREW_TIMERS; i++) {
		if (crew->handler[i].crew)
			timer_cancel_sync(&crew->handler[i].timer);
		give_all_back(&crew->handler[i], true);
	}
	for (unsigned i = 0; i < crew->nr_actors; i++) {
		kthread_join(crew->actor[i].thread);
		give_all_back(&crew->actor[i], false);
	}
}
