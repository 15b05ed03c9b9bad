/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kfence_timer.c - when the next object is watched (mm/kfence.h)
 *
 * A work item of its own accord, one hart after another, so that each one's caches have their turn.
 * It isn't there while the interval is 0, so nothing wakes an idle machine.
 */
#include <sched/kfence_timer.h>

#include <kernel/log.h>
#include <kernel/smp.h>
#include <mm/kfence.h>
#include <sched/workqueue.h>

static void tick(struct work *w);

static struct delayed_work work;
static unsigned period_ms, cpu;

static void sample(void *unused)
{
	kfence_sample();
}

static void tick(struct work *w)
{
	unsigned ms = READ_ONCE(period_ms);

	/* One that is off is passed by. */
	for (unsigned i = 0; i < nr_harts; i++) {
		cpu = (cpu + 1) % nr_harts;
		if (!smp_call_function_single(cpu, sample, NULL))
			break;
	}
	if (ms)
		queue_delayed_work(system_unbound_wq, &work, ms * 1000000ull);
}

static void set_period(unsigned ms)
{
	WRITE_ONCE(period_ms, ms);
	if (ms)
		queue_delayed_work(system_unbound_wq, &work, ms * 1000000ull);
	else
		cancel_delayed_work_sync(&work);
}

void __init kfence_timer_init(void)
{
	delayed_work_init(&work, tick);
	kfence_timer = set_period;
	if (kfence_interval && kfence_start())
		pr_err("kfence: no memory for its pool");
}
