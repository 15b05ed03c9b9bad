/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench_harts.h"

#include <base/compiler.h>
#include <base/errno.h>
#include <kernel/percpu.h>
#include <sched/thread.h>

static struct {
	void (*fn)(unsigned cpu);
	unsigned nr, started;
} run;

static int hart_thread(void *arg)
{
	__atomic_fetch_add(&run.started, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&run.started, __ATOMIC_ACQUIRE) < run.nr)
		yield();
	run.fn(smp_processor_id());
	return 0;
}

int bench_harts(unsigned nr, void (*fn)(unsigned cpu))
{
	struct thread *thread[BENCH_HARTS] = { 0 };
	int err = 0;

	run.fn = fn;
	run.nr = nr;
	run.started = 0;
	for (unsigned cpu = 0; cpu < nr; cpu++) {
		thread[cpu] = kthread_create(hart_thread, NULL, "bench");
		err = !thread[cpu] ? -ENOMEM : err ? err : kthread_bind(thread[cpu], cpu);
	}
	for (unsigned cpu = 0; cpu < nr; cpu++) {
		if (err && thread[cpu])
			kthread_stop(thread[cpu]);
		else if (!err)
			wake_up_process(thread[cpu]);
	}
	for (unsigned cpu = 0; cpu < nr && !err; cpu++)
		kthread_join(thread[cpu]);
	return err;
}

void bench_send(struct bench_box *box, unsigned nr, void *(*take)(void *arg), void *arg)
{
	while (nr) {
		void *thing;

		if (box->sent - __atomic_load_n(&box->taken, __ATOMIC_ACQUIRE) == BOX) {
			yield();
			continue;
		}
		thing = take(arg);
		if (!thing)
			break;
		box->slot[box->sent % BOX] = thing;
		__atomic_store_n(&box->sent, box->sent + 1, __ATOMIC_RELEASE);
		nr--;
	}
	__atomic_store_n(&box->all_sent, true, __ATOMIC_RELEASE);
}

void bench_receive(struct bench_box *box, void (*give)(void *thing, void *arg), void *arg)
{
	for (;;) {
		bool last = __atomic_load_n(&box->all_sent, __ATOMIC_ACQUIRE);
		u32 came = __atomic_load_n(&box->sent, __ATOMIC_ACQUIRE);

		if (came == box->taken) {
			if (last)
				return;
			yield();
		}
		while (box->taken != came) {
			give(box->slot[box->taken % BOX], arg);
			__atomic_store_n(&box->taken, box->taken + 1, __ATOMIC_RELEASE);
		}
	}
}
