/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipi.c - interrupts and calls between harts
 *
 * Interrupts carry reasons: bits in the target's ipi_reasons, set before the interrupt is sent,
 * taken all at once by the handler.
 *
 * Calls: each hart has a list of calls that others want of it, pushed without a lock (a new call
 * points to the old head) and taken whole by the handler.  Who waits spins on call.done.
 *   Invariant: a call that is on a list will be run once by that hart, or, if that one goes off
 *   meanwhile, is marked ABANDONED: the hart says OFFLINE and then looks at its list, who calls
 *   pushes and then looks whether it's OFFLINE.
 * Locking: on_each_hart() takes broadcast_lock.  A hart that waits, for it or for a call, with
 *   interrupts on answers calls meanwhile; with interrupts off it runs what is asked of it itself.
 * Not here: which harts there are, and their states (smp.c).
 * Specification: SBI, IPI extension.
 */
#include <kernel/smp.h>

#include <asm/barrier.h>
#include <asm/csr.h>
#include <asm/sbi.h>
#include <base/errno.h>
#include <kernel/console.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <kernel/trace.h>

#include "smp_internal.h"

#define STOP_TIMEOUT_NS 1000000000ull

enum ipi_reason {
	IPI_CALL = 1,
	IPI_RESCHEDULE = 2,
	IPI_STOP = 4,
};

static DEFINE_PER_CPU(u32, ipi_reasons);

/* One function to be run by one hart. */
struct call {
	struct call *next;
	void (*fn)(void *arg);
	void *arg;
	u32 done; /* enum call_state */
};
enum call_state { CALL_WAITS, CALL_DONE, CALL_ABANDONED };
static DEFINE_PER_CPU(struct call *, calls);
static DEFINE_PER_CPU(struct call, nowait_call); /* of the hart that calls without waiting */
static DEFINE_PER_CPU(struct call,
		      broadcast_call); /* of the hart that is called (broadcast_lock) */
static spinlock_t broadcast_lock = SPINLOCK_RANKED(LOCK_CALL); /* one on_each_hart() at a time */

static void (*reschedule_hook)(void) __ro_after_init; /* the scheduler's part of an IPI */

TRACEPOINT(ipi_send, "to hart %u, reason %lu");

static void send_ipi(unsigned int cpu, enum ipi_reason reason)
{
	/* A reason that is there already has an interrupt on its way. */
	if (__atomic_fetch_or(per_cpu_ptr(&ipi_reasons, cpu), reason, __ATOMIC_SEQ_CST) & reason)
		return;
	trace(ipi_send, cpu, reason, 0);
	if (cpu == smp_processor_id() && !preemptible()) {
		smp_interrupt_self(); /* without the firmware */
		return;
	}
	if (sbi_send_ipi(hart_info(cpu)->hartid) && hart_state(cpu) == HART_ONLINE)
		panic("the firmware refuses an IPI to hart %lu", hart_info(cpu)->hartid);
}

void __init smp_set_reschedule_hook(void (*fn)(void))
{
	reschedule_hook = fn;
}

void smp_send_reschedule(unsigned int cpu)
{
	send_ipi(cpu, IPI_RESCHEDULE);
}

void ipi_run_calls(void)
{
	struct call *list = __atomic_exchange_n(this_cpu_ptr(&calls), NULL, __ATOMIC_ACQUIRE);
	struct call *oldest = NULL;

	while (list) {
		struct call *next = list->next;

		list->next = oldest;
		oldest = list;
		list = next;
	}
	while (oldest) {
		struct call *next = oldest->next;

		oldest->fn(oldest->arg);
		__atomic_store_n(&oldest->done, CALL_DONE, __ATOMIC_RELEASE);
		oldest = next;
	}
}

void ipi_forget(unsigned int cpu)
{
	__atomic_store_n(per_cpu_ptr(&ipi_reasons, cpu), 0, __ATOMIC_SEQ_CST);
}

/* Hart @cpu is off: nobody will run what is on its list. */
static void abandon_calls(unsigned int cpu)
{
	struct call *c = __atomic_exchange_n(per_cpu_ptr(&calls, cpu), NULL, __ATOMIC_SEQ_CST);

	while (c) {
		struct call *next = c->next;

		__atomic_store_n(&c->done, CALL_ABANDONED, __ATOMIC_RELEASE);
		c = next;
	}
}

static void push_call(unsigned int cpu, struct call *c)
{
	struct call **head = per_cpu_ptr(&calls, cpu);

	c->next = __atomic_load_n(head, __ATOMIC_RELAXED);
	smp_wmb(); /* base/compiler.h */
	while (!__atomic_compare_exchange_n(head, &c->next, c, true, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED))
		;
	smp_mb();
	if (unlikely(hart_state(cpu) != HART_ONLINE))
		abandon_calls(cpu);
	else
		send_ipi(cpu, IPI_CALL);
}

/* 0, or -EINVAL if the hart went off before it came to it. */
static int wait_call(struct call *c)
{
	u32 done;

	while ((done = __atomic_load_n(&c->done, __ATOMIC_ACQUIRE)) == CALL_WAITS) {
		/* With interrupts off nobody else would answer those who wait for us. */
		if (irqs_disabled())
			ipi_run_calls();
		cpu_relax();
	}
	return done == CALL_DONE ? 0 : -EINVAL;
}

static void wait_broadcast(void)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		struct call *c = per_cpu_ptr(&broadcast_call, cpu);

		if (c->fn)
			(void)wait_call(c);
	}
}

static void call_here(void (*fn)(void *arg), void *arg)
{
	unsigned long flags;

	local_irq_save(flags);
	fn(arg);
	local_irq_restore(flags);
}

int smp_call_function_single_nowait(unsigned int cpu, void (*fn)(void *arg), void *arg)
{
	struct call *c;
	int err = 0;

	preempt_disable();
	c = this_cpu_ptr(&nowait_call);
	if (cpu >= nr_harts || hart_state(cpu) != HART_ONLINE) {
		err = -EINVAL;
	} else if (cpu == smp_processor_id()) {
		call_here(fn, arg);
	} else {
		if (c->fn)
			wait_call(c); /* the one before */
		*c = (struct call){ .fn = fn, .arg = arg };
		push_call(cpu, c);
	}
	preempt_enable();
	return err;
}

int smp_call_function_single(unsigned int cpu, void (*fn)(void *arg), void *arg)
{
	struct call c = { .fn = fn, .arg = arg };
	int err = 0;

	preempt_disable();
	if (cpu >= nr_harts || hart_state(cpu) != HART_ONLINE) {
		err = -EINVAL;
	} else if (cpu == smp_processor_id()) {
		call_here(fn, arg);
	} else {
		push_call(cpu, &c);
		err = wait_call(&c);
	}
	preempt_enable();
	return err;
}

static DEFINE_PER_CPU(bool, told_to_stop); /* at the end of the line that is being written */

bool smp_told_to_stop(void)
{
	return this_cpu_read(told_to_stop);
}

void smp_stop_if_told(void)
{
	if (unlikely(smp_told_to_stop()))
		smp_stop_here();
}

void smp_handle_ipi(void)
{
	u32 reasons;

	csr_clear(sip, SIE_SSIE);
	hart_info(smp_processor_id())->ipis++;
	smp_mb(); /* the pending bit is gone before the reasons are read */
	reasons = __atomic_exchange_n(this_cpu_ptr(&ipi_reasons), 0, __ATOMIC_ACQUIRE);
	if (reasons & IPI_STOP) {
		this_cpu_write(told_to_stop, true);
		if (!console_held_here())
			smp_stop_here();
	}
	if (reasons & IPI_CALL)
		ipi_run_calls();
	if (reasons & IPI_RESCHEDULE && reschedule_hook)
		reschedule_hook();
}

/* The calls of the broadcast before are done, also if nobody waited for them then. */
static void lock_broadcast(void)
{
	while (!spin_trylock(&broadcast_lock)) {
		if (irqs_disabled())
			ipi_run_calls();
		cpu_relax();
	}
	wait_broadcast();
}

void on_each_hart_cond(bool (*cond)(unsigned int cpu, void *arg), void (*fn)(void *arg), void *arg,
		       bool wait)
{
	unsigned int cpu, me;
	bool here;

	preempt_disable();
	me = smp_processor_id();
	lock_broadcast();
	here = !cond || cond(me, arg);
	for (cpu = 0; cpu < nr_harts; cpu++) {
		struct call *c = per_cpu_ptr(&broadcast_call, cpu);

		if (cpu == me || hart_state(cpu) != HART_ONLINE || (cond && !cond(cpu, arg)))
			continue;
		*c = (struct call){ .fn = fn, .arg = arg };
		push_call(cpu, c);
	}
	if (here)
		call_here(fn, arg);
	if (wait)
		wait_broadcast();
	spin_unlock(&broadcast_lock);
	preempt_enable();
}

void on_each_hart(void (*fn)(void *arg), void *arg)
{
	on_each_hart_cond(NULL, fn, arg, true);
}

void smp_stop_others(void)
{
	u64 start = ktime_ns();
	unsigned int cpu, left;

	for_each_online_hart(cpu) {
		if (cpu != smp_processor_id())
			send_ipi(cpu, IPI_STOP);
	}
	do {
		left = 0;
		for_each_online_hart(cpu)
			left += cpu != smp_processor_id();
		cpu_relax();
	} while (left && ktime_ns() - start < STOP_TIMEOUT_NS);
}
