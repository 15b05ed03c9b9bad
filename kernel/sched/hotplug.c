/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hotplug.c - harts go off and come back
 *
 * Off, all but the last two steps in the thread that asks:
 *   1  closing: nobody can be bound to the hart any more;
 *   2  notifiers: work queues end their threads there, interrupts go elsewhere;
 *   3  a thread that is bound to the hart all the same is named, and the hart stays;
 *   4  a thread bound there, the mover, shuts the run queue and sends its threads to others;
 *   5  the hart's idle thread finds the queue shut, says OFFLINE and stops (SBI HSM);
 *   6  its timers come to the hart that asked, and the notifiers hear that it's dead.
 * From step 4 on no thread but the idle one runs there; it touches only its stack, per-CPU data
 * and the image, and a hart that comes back flushes its TLB, so it may miss flushes meanwhile.
 *
 * On: the hart starts as at boot, on the stack and as the idle thread that it had.
 *
 * Hart 0 stays: it booted, others fall back to it.
 *
 * Locking: hotplug_lock, a mutex: one hart at a time.
 */
#define LOG_PREFIX "harts: "

#include <sched/hotplug.h>

#include "sched.h"

#include <asm/sbi.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <mm/init.h>
#include <mm/page_alloc.h>
#include <mm/slab.h>
#include <sched/mutex.h>
#include <stdarg.h>
#include <stdio.h>

#define OFF_TIMEOUT_NS 30000000000ull

static DEFINE_MUTEX_RANKED(hotplug_lock, LOCK_HOTPLUG);

static int refuse(struct hart_error *why, int err, const char *fmt, ...) __printf(3, 4);
static int refuse(struct hart_error *why, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return err;
}

/* ---- notifiers ---- */

typedef const struct hart_notifier *const *notifier_place;

static notifier_place notifiers_begin(void)
{
	return __start_tbl_hart_notifier;
}

static notifier_place notifiers_end(void)
{
	return __stop_tbl_hart_notifier;
}

/* Hart @cpu doesn't go after all: tell those from @n to the end. */
static void notify_staying(notifier_place n, unsigned int cpu)
{
	for (; n < notifiers_end(); n++) {
		if ((*n)->staying)
			(*n)->staying(cpu);
		else if ((*n)->online)
			(void)(*n)->online(cpu);
	}
}

/* *@last: the last that was asked and agreed. */
static int notify_going(unsigned int cpu, notifier_place *last, struct hart_error *why)
{
	for (*last = notifiers_end(); *last > notifiers_begin(); (*last)--) {
		const struct hart_notifier *n = (*last)[-1];
		int err = n->going ? n->going(cpu) : 0;

		if (err)
			return refuse(why, err, "%s needs hart %u (error %d)", n->name, cpu, err);
	}
	return 0;
}

/* Tell those before @n, last first. */
static void notify_dead(notifier_place n, unsigned int cpu)
{
	while (n-- > notifiers_begin()) {
		if ((*n)->dead)
			(*n)->dead(cpu);
	}
}

static int notify_coming(unsigned int cpu, struct hart_error *why)
{
	for (notifier_place n = notifiers_begin(); n < notifiers_end(); n++) {
		int err = (*n)->coming ? (*n)->coming(cpu) : 0;

		if (err) {
			notify_dead(n, cpu);
			return refuse(why, err, "%s can't have hart %u (error %d)", (*n)->name, cpu,
				      err);
		}
	}
	return 0;
}

static void notify_online(unsigned int cpu)
{
	for (notifier_place n = notifiers_begin(); n < notifiers_end(); n++) {
		if ((*n)->online)
			(void)(*n)->online(cpu);
	}
}

/* ---- off ---- */

/* Told to stop instead of woken: the hart stays. */
static int move_all(void *arg)
{
	unsigned long flags;

	if (kthread_should_stop())
		return 0;
	local_irq_save(flags);
	queue_close();
	local_irq_restore(flags);
	return 0;
}

void hart_leave(void)
{
	smp_hart_leave();
}

static int check_off(unsigned int cpu, struct hart_error *why)
{
	if (cpu >= nr_harts)
		return refuse(why, -EINVAL, "there is no hart %u, only 0 to %u", cpu, nr_harts - 1);
	if (cpu == 0)
		return refuse(why, -EBUSY,
			      "hart 0 stays: thread 1 (main) is bound to it, and what "
			      "harts that are off leave comes to it");
	if (hart_info(cpu)->state != HART_ONLINE)
		return refuse(why, -EINVAL, "hart %u is %s", cpu,
			      hart_state_name(hart_info(cpu)->state));
	if (sbi_hart_status(hart_info(cpu)->hartid) < 0)
		return refuse(why, -EOPNOTSUPP, "the firmware has no hart management (SBI HSM)");
	return 0;
}

/* Nobody but the idle thread and @mover may be bound to hart @cpu. */
static int check_bound(unsigned int cpu, const struct thread *mover, struct hart_error *why)
{
	char name[THREAD_NAME_LEN];
	unsigned int id;

	if (!find_bound_thread(cpu, mover, name, &id))
		return 0;
	return refuse(why, -EBUSY, "thread %u (%s) is bound to hart %u", id, name, cpu);
}

/* Steps 4 and 5. */
static int shut_down(unsigned int cpu, struct thread *mover, struct hart_error *why)
{
	u64 start = ktime_ns();

	wake_up_process(mover);
	kthread_join(mover);
	while (hart_info(cpu)->state == HART_ONLINE) {
		if (ktime_ns() - start > OFF_TIMEOUT_NS)
			panic("hart %u has no threads left and doesn't stop", cpu);
		sleep_ns(20000);
	}
	if (smp_hart_wait_stopped(cpu))
		return 0;
	return refuse(why, -EIO, "the firmware doesn't stop hart %u, which rests for good", cpu);
}

/* Steps 1 to 3. */
static int may_go(unsigned int cpu, const struct thread *mover, struct hart_error *why)
{
	notifier_place last;
	int err;

	WRITE_ONCE(queue_of(cpu)->closing, true);
	smp_mb(); /* a binding that we don't see below sees this (kthread_bind) */
	err = notify_going(cpu, &last, why);
	if (!err)
		err = check_bound(cpu, mover, why);
	if (err) {
		WRITE_ONCE(queue_of(cpu)->closing, false);
		notify_staying(last, cpu);
	}
	return err;
}

static int hart_off_locked(unsigned int cpu, struct hart_error *why)
{
	struct thread *mover;
	int err = check_off(cpu, why);

	if (err)
		return err;
	mover = kthread_create(move_all, NULL, "mover/%u", cpu);
	if (!mover)
		return refuse(why, -ENOMEM, "no memory for a thread");
	set_priority(mover, SCHED_PRIO_HIGHEST);
	BUG_ON(kthread_bind(mover, cpu));
	err = may_go(cpu, mover, why);
	if (err) {
		kthread_stop(mover);
		return err;
	}
	err = shut_down(cpu, mover, why);
	timers_migrate(cpu);
	notify_dead(notifiers_end(), cpu);
	return err;
}

int hart_off(unsigned int cpu, struct hart_error *why)
{
	int err;

	might_sleep();
	why->text[0] = '\0';
	mutex_lock(&hotplug_lock);
	err = hart_off_locked(cpu, why);
	mutex_unlock(&hotplug_lock);
	if (!err)
		pr_debug("hart %u is off", cpu);
	return err;
}

/* ---- on ---- */

static int hart_on_locked(unsigned int cpu, struct hart_error *why)
{
	int err;

	if (cpu >= nr_harts)
		return refuse(why, -EINVAL, "there is no hart %u, only 0 to %u", cpu, nr_harts - 1);
	if (hart_info(cpu)->state != HART_OFFLINE)
		return refuse(why, -EINVAL, "hart %u is %s", cpu,
			      hart_state_name(hart_info(cpu)->state));
	if (sbi_hart_status(hart_info(cpu)->hartid) != SBI_HSM_STOPPED)
		return refuse(why, -EBUSY, "the firmware hasn't stopped hart %u yet", cpu);
	err = hart_give_stack(cpu);
	if (err)
		return refuse(why, err, "no memory for the stack of hart %u", cpu);
	err = notify_coming(cpu, why);
	if (err)
		return err;
	err = smp_hart_up(cpu);
	if (err) {
		notify_dead(notifiers_end(), cpu);
		return refuse(why, err, "hart %u didn't start", cpu);
	}
	notify_online(cpu);
	return 0;
}

int hart_on(unsigned int cpu, struct hart_error *why)
{
	int err;

	might_sleep();
	why->text[0] = '\0';
	mutex_lock(&hotplug_lock);
	err = hart_on_locked(cpu, why);
	mutex_unlock(&hotplug_lock);
	if (!err)
		pr_debug("hart %u is on", cpu);
	return err;
}

/* What the hart kept of each zone's free pages is everybody's again. */
static const struct hart_notifier pages_harts = { .name = "pages", .dead = page_alloc_hart_dead };
TABLE_ENTRY(hart_notifier, pages_harts);

/* Likewise of each cache's objects. */
static const struct hart_notifier slab_harts = { .name = "slab", .dead = slab_hart_dead };
TABLE_ENTRY(hart_notifier, slab_harts);
