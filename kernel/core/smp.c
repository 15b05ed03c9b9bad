/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smp.c - the harts: numbered, started, off and on, stopped
 *
 * The table has an entry for each usable hart of the device tree, the boot hart first, the
 * others in tree order.  A hart comes up on its own stack and area, says ONLINE, and rests in
 * wfi until a software interrupt brings it work.  A hart that goes off says OFFLINE, runs what it
 * was asked until then, and waits for those who may ask the firmware to reach it.
 *
 * Invariant: one hart at a time changes an entry's state, but for STARTING, which the hart itself
 *   makes ONLINE and who gave it up FAILED: by compare and exchange.
 * Locking: none; the caller's, of starting and of hotplug.
 * Not here: interrupts and calls between harts (ipi.c); areas and stacks, which take memory
 *   (mm/harts.c); what moves off a hart (sched/hotplug.c).
 * Specification: SBI, Hart State Management extension.
 */
#define LOG_PREFIX "smp: "

#include <kernel/smp.h>

#include <asm/barrier.h>
#include <asm/csr.h>
#include <asm/mmu.h>
#include <asm/sbi.h>
#include <asm/tlb.h>
#include <base/errno.h>
#include <kernel/bootargs.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/time.h>
#include <lib/parse.h>

#include "smp_internal.h"

/* Generous ones: an emulated hart may not get its host's time for seconds. */
#define START_TIMEOUT_NS   10000000000ull
#define STOPPED_TIMEOUT_NS 30000000000ull

unsigned int nr_harts __ro_after_init;

extern char _start[];
extern void secondary_start(void);
extern volatile unsigned long late_release[2];
void secondary_start_kernel(void);
void hart_main(void) __noreturn; /* kernel/main.c: the rest of a hart's start */

static struct hart_info *harts __ro_after_init;
static unsigned long max_harts = ~0ul; /* maxcpus= */

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

void __init smp_set_thread_id_hook(unsigned int (*fn)(void))
{
	thread_id_hook = fn;
}

unsigned int current_thread_id(void)
{
	return thread_id_hook ? thread_id_hook() : 0;
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
	ipi_run_calls();
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
	ipi_forget(cpu);
	return true;
}
