/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smp.c - the harts: numbered, started, called, stopped
 *
 * The table has an entry for each usable hart of the device tree, the boot hart first, the
 * others in tree order.  A hart comes up on its own stack and area, says ONLINE, and rests in
 * wfi until a software interrupt brings it work.
 *
 * Calls: one at a time (call.lock).  The caller fills call, raises each hart's flag, sends an
 * interrupt, and waits until call.pending is 0.
 *   Invariant: a raised flag means that its hart has yet to run call.fn and count down.
 * Locking: call.lock (rank CALL) is taken with interrupts on, so that whoever waits for it
 *   still answers the calls of its holder.
 * Not here: areas and stacks, which take memory (mm/harts.c).
 * Specification: SBI, Hart State Management and IPI extensions.
 */
#define LOG_PREFIX "smp: "

#include <kernel/smp.h>

#include <asm/csr.h>
#include <asm/mmu.h>
#include <asm/sbi.h>
#include <base/errno.h>
#include <kernel/bootargs.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <lib/parse.h>

#define START_TIMEOUT_NS 10000000000ull /* an emulated hart may stand still for seconds */
#define STOP_TIMEOUT_NS	 100000000ull

unsigned int nr_harts;

extern char _start[];
extern void secondary_start(void);
extern volatile unsigned long late_release[2];
void secondary_start_kernel(void);

static struct hart_info *harts;
static unsigned long max_harts = ~0ul; /* maxcpus= */
static bool stopping;

static struct {
	spinlock_t lock;
	void (*fn)(void *arg);
	void *arg;
	unsigned int pending; /* harts that have not finished fn */
} call;

static DEFINE_PER_CPU(u32, call_raised);

static int parse_maxcpus(const char *value)
{
	unsigned long n;
	int err = parse_ulong(value, &n);

	if (err || !n)
		return -EINVAL;
	max_harts = n;
	return 0;
}

static const struct bootarg arg_maxcpus = { "maxcpus", parse_maxcpus,
					     "a number of harts, 1 or more" };
TABLE_ENTRY(bootarg, arg_maxcpus);

#ifdef CONFIG_KTAP
static bool late_harts; /* late_harts */

static int parse_late_harts(const char *value)
{
	late_harts = true;
	return *value ? -EINVAL : 0;
}

static const struct bootarg arg_late_harts = {
	"late_harts", parse_late_harts, "nothing: a test, harts arrive at _start as from firmware without HSM"
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
	return __atomic_compare_exchange_n(&harts[cpu].state, &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

unsigned int num_online_harts(void)
{
	unsigned int cpu, n = 0;

	for_each_online_hart(cpu)
		n++;
	return n;
}

void smp_set_harts(struct hart_info *table, unsigned int n)
{
	harts = table;
	nr_harts = n;
	csr_set(sie, SIE_SSIE);
}

unsigned int smp_wanted_harts(void)
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

void smp_start(void)
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

static __noreturn void stop_here(void)
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
	/* Who was given up stays out: calls count on harts not coming up behind their back. */
	if (!change_state(smp_processor_id(), HART_STARTING, HART_ONLINE))
		stop_here();
	local_irq_enable();
	for (;;)
		wait_for_interrupt();
}

static void run_call(void)
{
	call.fn(call.arg);
	__atomic_fetch_sub(&call.pending, 1, __ATOMIC_RELEASE);
}

void smp_handle_ipi(void)
{
	csr_clear(sip, SIE_SSIE);
	harts[smp_processor_id()].ipis++;
	smp_mb(); /* the pending bit is gone before the reasons are read */
	if (READ_ONCE(stopping))
		stop_here();
	if (__atomic_exchange_n(this_cpu_ptr(&call_raised), 0, __ATOMIC_ACQUIRE))
		run_call();
}

void on_each_hart(void (*fn)(void *arg), void *arg)
{
	unsigned int cpu;
	unsigned long flags;

	WARN_ON(irqs_disabled());
	while (!spin_trylock(&call.lock))
		cpu_relax();
	call.fn = fn;
	call.arg = arg;
	__atomic_store_n(&call.pending, num_online_harts(), __ATOMIC_RELAXED);
	for_each_online_hart(cpu) {
		if (cpu == smp_processor_id())
			continue;
		__atomic_store_n(per_cpu_ptr(&call_raised, cpu), 1, __ATOMIC_RELEASE);
		if (sbi_send_ipi(harts[cpu].hartid))
			panic("the firmware refuses an IPI to hart %lu", harts[cpu].hartid);
	}
	local_irq_save(flags);
	run_call();
	local_irq_restore(flags);
	while (__atomic_load_n(&call.pending, __ATOMIC_ACQUIRE))
		cpu_relax();
	spin_unlock(&call.lock);
}

void smp_stop_others(void)
{
	u64 start = ktime_ns();
	unsigned int cpu, left;

	WRITE_ONCE(stopping, true);
	smp_mb();
	for_each_online_hart(cpu) {
		if (cpu != smp_processor_id())
			sbi_send_ipi(harts[cpu].hartid);
	}
	do {
		left = 0;
		for_each_online_hart(cpu)
			left += cpu != smp_processor_id();
		cpu_relax();
	} while (left && ktime_ns() - start < STOP_TIMEOUT_NS);
}

void smp_remote_sfence(unsigned long start, unsigned long bytes)
{
	unsigned int cpu;

	for_each_online_hart(cpu) {
		if (cpu != smp_processor_id())
			sbi_remote_sfence(harts[cpu].hartid, start, bytes);
	}
}
