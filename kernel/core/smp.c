/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smp.c - the harts: numbered, started, called, stopped
 *
 * The table has an entry for each usable hart of the device tree, the boot hart first, the
 * others in tree order.  A hart comes up on its own stack and area, says ONLINE, and rests in
 * wfi until a software interrupt brings it work.
 *
 * Interrupts between harts carry reasons: bits in the target's ipi_reasons, set before the
 * interrupt is sent, taken all at once by the handler.
 *
 * Calls: each hart has a list of calls that others want of it, pushed without a lock (a new call
 * points to the old head) and taken whole by the handler.  Who waits spins on call.done.
 *   Invariant: a call that is on a list will be run once by that hart, or, if that one goes off
 *   meanwhile, is marked ABANDONED: the hart says OFFLINE and then looks at its list, who calls
 *   pushes and then looks whether it's OFFLINE.
 * Locking: on_each_hart() takes broadcast_lock.  A hart that waits, for it or for a call, with
 *   interrupts on answers calls meanwhile; with interrupts off it runs what is asked of it itself.
 * Not here: areas and stacks, which take memory (mm/harts.c).
 * Specification: SBI, Hart State Management and IPI extensions.
 */
#define LOG_PREFIX "smp: "

#include <kernel/smp.h>

#include <asm/csr.h>
#include <asm/mmu.h>
#include <asm/sbi.h>
#include <asm/tlb.h>
#include <base/errno.h>
#include <kernel/bootargs.h>
#include <kernel/console.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <kernel/trace.h>
#include <lib/parse.h>

/* Generous ones: an emulated hart may not get its host's time for seconds. */
#define START_TIMEOUT_NS   10000000000ull
#define STOPPED_TIMEOUT_NS 30000000000ull
#define STOP_TIMEOUT_NS	   1000000000ull

unsigned int nr_harts __ro_after_init;

extern char _start[];
extern void secondary_start(void);
extern volatile unsigned long late_release[2];
void secondary_start_kernel(void);
void hart_main(void) __noreturn; /* kernel/main.c: the rest of a hart's start */

static struct hart_info *harts __ro_after_init;
static unsigned long max_harts = ~0ul; /* maxcpus= */

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
static unsigned int (*thread_id_hook)(void) __ro_after_init;

static int __init parse_maxcpus(const char *value)
{
	unsigned long n;
	int err = parse_ulong(value, &n);

	if (err || !n)
		return -EINVAL;
	max_harts = n;
	return 0;
}

static const struct bootarg arg_maxcpus __initconst = { "maxcpus", parse_maxcpus,
							"a number of harts, 1 or more" };
TABLE_ENTRY(bootarg, arg_maxcpus);

#ifdef CONFIG_KTAP
static bool late_harts; /* late_harts */

static int __init parse_late_harts(const char *value)
{
	late_harts = true;
	return *value ? -EINVAL : 0;
}

static const struct bootarg arg_late_harts __initconst = {
	"late_harts", parse_late_harts,
	"nothing: a test, harts arrive at _start as from firmware without HSM"
};
TABLE_ENTRY(bootarg, arg_late_harts);

/* Let every other hart lose the lottery in head.S, as one does with OpenSBI before 1.3. */
static void send_to_lottery(void)
{
	for (unsigned int cpu = 1; late_harts && cpu < smp_wanted_harts(); cpu++)
		sbi_hart_start(harts[cpu].hartid, __pa_symbol(_start), 0);
}
#else
static void send_to_lottery(void)
{
}
#endif

struct hart_info *hart_info(unsigned int cpu)
{
	return &harts[cpu];
}

int smp_cpu_of_hartid(u64 hartid)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		if (harts[cpu].hartid == hartid)
			return (int)cpu;
	}
	return -1;
}

const char *hart_state_name(enum hart_state state)
{
	static const char *const names[] = { "offline", "starting", "online", "stopped", "failed" };

	return names[state];
}

static enum hart_state hart_state(unsigned int cpu)
{
	return __atomic_load_n(&harts[cpu].state, __ATOMIC_ACQUIRE);
}

static void set_state(unsigned int cpu, enum hart_state state)
{
	__atomic_store_n(&harts[cpu].state, state, __ATOMIC_RELEASE);
}

/* For a step that the hart itself and the one that starts it may take at once. */
static bool change_state(unsigned int cpu, enum hart_state from, enum hart_state to)
{
	smp_mb(); /* base/compiler.h */
	return __atomic_compare_exchange_n(&harts[cpu].state, &from, to, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_ACQUIRE);
}

unsigned int num_online_harts(void)
{
	unsigned int cpu, n = 0;

	for_each_online_hart(cpu)
		n++;
	return n;
}

void __init smp_set_harts(struct hart_info *table, unsigned int n)
{
	harts = table;
	nr_harts = n;
	csr_set(sie, SIE_SSIE);
}

unsigned int __init smp_wanted_harts(void)
{
	return (unsigned int)min((unsigned long)nr_harts, max_harts);
}

/* Hart @cpu came up, or it said that it can't. */
static bool wait_online(unsigned int cpu)
{
	u64 start = ktime_ns();

	do {
		if (hart_state(cpu) == HART_ONLINE)
			return true;
		if (!READ_ONCE(harts[cpu].local->boot_satp)) {
			pr_err("hart %lu can't run %s: left out", harts[cpu].hartid,
			       arch_paging_name());
			return false;
		}
		cpu_relax();
	} while (ktime_ns() - start < START_TIMEOUT_NS);
	pr_err("hart %lu was started but didn't arrive within ten seconds: left out",
	       harts[cpu].hartid);
	return false;
}

/* Refused because it runs already, or is on its way: to _start, since we didn't send it. */
static bool comes_by_itself(unsigned long hartid)
{
	long status = sbi_hart_status(hartid);

	return status == SBI_HSM_STARTED || status == SBI_HSM_START_PENDING;
}

/*
 * A hart may come by _start instead: it lost the lottery, or OpenSBI before 1.3 sent it off
 * before it had noted where to.  It waits in head.S for its id, so every hart is released.
 */
static void release_late(unsigned long hartid, unsigned long opaque)
{
	late_release[1] = opaque;
	smp_mb();
	late_release[0] = hartid;
}

static bool start_hart(unsigned int cpu)
{
	struct hart_info *h = &harts[cpu];
	unsigned long opaque = (unsigned long)__pa(h->local);
	bool online = false;
	int err;

	set_state(cpu, HART_STARTING);
	release_late(h->hartid, opaque);
	err = sbi_hart_start(h->hartid, __pa_symbol((void *)secondary_start), opaque);
	if (err && !comes_by_itself(h->hartid)) {
		pr_err("the firmware refuses to start hart %lu: left out", h->hartid);
	} else {
		if (err)
			pr_info("hart %lu arrived by itself", h->hartid);
		online = wait_online(cpu);
	}
	release_late(~0UL, 0);
	return online;
}

void __init smp_start(void)
{
	u64 start = ktime_ns();

	send_to_lottery();
	for (unsigned int cpu = 1; cpu < smp_wanted_harts(); cpu++) {
		if (!start_hart(cpu))
			change_state(cpu, HART_STARTING, HART_FAILED);
	}
	pr_info("%u harts online after %llu us", num_online_harts(),
		(unsigned long long)((ktime_ns() - start) / 1000));
}

void smp_stop_here(void)
{
	local_irq_disable();
	csr_write(sie, 0);
	set_state(smp_processor_id(), HART_STOPPED);
	for (;;)
		wait_for_interrupt();
}

void secondary_start_kernel(void)
{
	csr_set(sie, SIE_SSIE);
	hart_main();
}

bool smp_hart_online(void)
{
	arch_hart_init();
	/* Who was given up stays out: others count on harts not coming up behind their back. */
	if (!change_state(smp_processor_id(), HART_STARTING, HART_ONLINE))
		return false;
	smp_mb();
	tlb_flush_local_all(); /* what changed before others knew to ask this hart (tlb.c) */
	instruction_barrier(); /* and new code: set_memory_x() asks online harts only */
	/* A reason that came too late for the hart when it went off had an interrupt that's lost by
	 * now, and keeps others from sending one. */
	smp_interrupt_self();
	return true;
}

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
	if (sbi_send_ipi(harts[cpu].hartid) && hart_state(cpu) == HART_ONLINE)
		panic("the firmware refuses an IPI to hart %lu", harts[cpu].hartid);
}

void __init smp_set_reschedule_hook(void (*fn)(void))
{
	reschedule_hook = fn;
}

void __init smp_set_thread_id_hook(unsigned int (*fn)(void))
{
	thread_id_hook = fn;
}

unsigned int current_thread_id(void)
{
	return thread_id_hook ? thread_id_hook() : 0;
}

void smp_send_reschedule(unsigned int cpu)
{
	send_ipi(cpu, IPI_RESCHEDULE);
}

/* Run what others asked of this hart, oldest first.  Interrupts off. */
static void run_calls(void)
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
			run_calls();
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

int smp_hart_up(unsigned int cpu)
{
	if (start_hart(cpu))
		return 0;
	change_state(cpu, HART_STARTING, HART_FAILED);
	return -EIO;
}

/* Odd while the hart is between smp_firmware_begin() and smp_firmware_end(). */
static DEFINE_PER_CPU(u32, firmware_calls);

void smp_firmware_begin(void)
{
	u32 *calls_made = this_cpu_ptr(&firmware_calls);

	WRITE_ONCE(*calls_made, *calls_made + 1);
	smp_mb();
}

void smp_firmware_end(void)
{
	u32 *calls_made = this_cpu_ptr(&firmware_calls);

	__atomic_store_n(calls_made, *calls_made + 1, __ATOMIC_RELEASE);
}

/* Nobody who may have seen this hart online is in the firmware any more. */
static void wait_for_firmware_calls(void)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		u32 *theirs = per_cpu_ptr(&firmware_calls, cpu);
		u32 then = __atomic_load_n(theirs, __ATOMIC_ACQUIRE);

		while (then & 1 && __atomic_load_n(theirs, __ATOMIC_ACQUIRE) == then)
			cpu_relax();
	}
}

void smp_hart_leave(void)
{
	csr_write(sie, 0);
	set_state(smp_processor_id(), HART_OFFLINE);
	smp_mb(); /* from here on nobody pushes calls and expects them to run */
	run_calls();
	wait_for_firmware_calls();
	sbi_hart_stop();
	set_state(smp_processor_id(), HART_FAILED);
	for (;;)
		wait_for_interrupt();
}

bool smp_hart_wait_stopped(unsigned int cpu)
{
	u64 start = ktime_ns();

	while (sbi_hart_status(harts[cpu].hartid) != SBI_HSM_STOPPED) {
		if (ktime_ns() - start > STOPPED_TIMEOUT_NS)
			return false;
		cpu_relax();
	}
	/* Reasons of interrupts that it didn't take would keep new ones from being sent. */
	__atomic_store_n(per_cpu_ptr(&ipi_reasons, cpu), 0, __ATOMIC_SEQ_CST);
	return true;
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
	harts[smp_processor_id()].ipis++;
	smp_mb(); /* the pending bit is gone before the reasons are read */
	reasons = __atomic_exchange_n(this_cpu_ptr(&ipi_reasons), 0, __ATOMIC_ACQUIRE);
	if (reasons & IPI_STOP) {
		this_cpu_write(told_to_stop, true);
		if (!console_held_here())
			smp_stop_here();
	}
	if (reasons & IPI_CALL)
		run_calls();
	if (reasons & IPI_RESCHEDULE && reschedule_hook)
		reschedule_hook();
}

/* The calls of the broadcast before are done, also if nobody waited for them then. */
static void lock_broadcast(void)
{
	while (!spin_trylock(&broadcast_lock)) {
		if (irqs_disabled())
			run_calls();
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
