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
 * Specification: SBI, Hart State Management and IPI extensions.
 */
#define LOG_PREFIX "smp: "

#include <kernel/smp.h>

#include <asm/csr.h>
#include <asm/layout.h>
#include <asm/mmu.h>
#include <asm/sbi.h>
#include <base/errno.h>
#include <kernel/bootargs.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <lib/dt.h>
#include <lib/parse.h>
#include <mm/memblock.h>
#include <string.h>

#define START_TIMEOUT_NS 1000000000ull
#define STOP_TIMEOUT_NS	 100000000ull

unsigned int nr_harts;

extern char __per_cpu_start[], __per_cpu_end[], boot_stack[];
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

static DEFINE_PER_CPU(bool, call_raised);

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

unsigned int num_online_harts(void)
{
	unsigned int cpu, n = 0;

	for_each_online_hart(cpu)
		n++;
	return n;
}

/* The per-CPU area of a hart: the template as it is now, in memory of its node. */
static void make_area(unsigned int cpu)
{
	struct hart_info *h = &harts[cpu];
	size_t bytes = (size_t)(__per_cpu_end - __per_cpu_start);
	struct hart_local *hl = memblock_alloc_node(bytes + CONFIG_PERCPU_DYNAMIC, 64, h->nid);

	memcpy(hl, __per_cpu_start, bytes);
	percpu_offset[cpu] = (unsigned long)hl - (unsigned long)__per_cpu_start;
	hl->percpu_off = percpu_offset[cpu];
	hl->cpu = cpu;
	hl->hartid = h->hartid;
	arch_hart_constants(hl);
	hl->emergency_top = (unsigned long)memblock_alloc_node(EMERGENCY_STACK, 16, h->nid) +
			    EMERGENCY_STACK;
	h->local = hl;
}

static void make_stack(unsigned int cpu)
{
	struct hart_info *h = &harts[cpu];
	phys_addr_t pa = memblock_phys_alloc_range(STACK_SIZE, PAGE_SIZE, 0, 0, h->nid);

	h->stack = pa ? arch_stack_map(cpu, pa) : 0;
	if (!h->stack)
		panic("no memory for the stack of hart %lu", h->hartid);
	h->local->stack_lo = h->stack;
	h->local->boot_sp = h->stack + STACK_SIZE;
	h->local->boot_tp = (unsigned long)h->local;
	h->local->boot_satp = csr_read(satp);
}

/* Go on with the boot hart's own area instead of the template. */
static void move_boot_hart(void)
{
	struct hart_local *hl = harts[0].local;

	hl->stack_lo = (unsigned long)boot_stack;
	harts[0].stack = hl->stack_lo;
	csr_write(sscratch, hl);
	this_hart = hl;
}

/* Number the usable harts, the boot hart first. */
static void number_harts(const struct dt_hart *list, unsigned int n, unsigned long bootid)
{
	harts[0].hartid = bootid;
	nr_harts = 0;
	for (unsigned int i = 0; i < n; i++) {
		struct hart_info *h;

		if (list[i].state != DT_HART_USABLE)
			continue;
		if (list[i].hartid == bootid) {
			h = &harts[0];
			h->state = HART_ONLINE;
		} else {
			h = &harts[++nr_harts];
		}
		h->hartid = (unsigned long)list[i].hartid;
		h->nid = list[i].nid;
		h->isa = list[i].isa;
	}
	if (harts[0].state != HART_ONLINE)
		panic("the firmware started hart %lu, which the device tree has not as usable",
		      bootid);
	nr_harts++;
}

void smp_prepare(unsigned long bootid)
{
	struct dt_error err;
	struct dt_hart *list;
	unsigned int n = 0, usable = 0;
	u32 timebase = 0;
	int ret;

	ret = dt_read_harts(NULL, 0, &n, &timebase, &err);
	if (ret && ret != -ENOSPC)
		panic("%s", err.text);
	list = memblock_alloc(n * sizeof(*list), sizeof(u64));
	if (dt_read_harts(list, n, &n, &timebase, &err))
		panic("%s", err.text);
	for (unsigned int i = 0; i < n; i++)
		usable += list[i].state == DT_HART_USABLE;
	/* One more: number_harts() puts a boot hart that isn't in the list first. */
	harts = memblock_alloc((usable + 1) * sizeof(*harts), sizeof(u64));
	number_harts(list, n, bootid);
	memblock_free(list, n * sizeof(*list));
	time_init(timebase);

	percpu_offset = memblock_alloc(nr_harts * sizeof(*percpu_offset), sizeof(long));
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++)
		make_area(cpu);
	move_boot_hart();
	for (unsigned int cpu = 1; cpu < nr_harts && cpu < max_harts; cpu++)
		make_stack(cpu);
	csr_set(sie, SIE_SSIE);
	pr_info("%u of %u harts usable, booted on hart %lu", nr_harts, n, bootid);
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
	pr_err("hart %lu was started but didn't arrive within a second: left out",
	       harts[cpu].hartid);
	return false;
}

static bool start_hart(unsigned int cpu)
{
	struct hart_info *h = &harts[cpu];
	unsigned long opaque = (unsigned long)__pa(h->local);
	int err;

	set_state(cpu, HART_STARTING);
	err = sbi_hart_start(h->hartid, __pa_symbol((void *)secondary_start), opaque);
	if (err == -EALREADY) {
		/* It lost the lottery in head.S and waits there for its id. */
		late_release[1] = opaque;
		smp_mb();
		late_release[0] = h->hartid;
	} else if (err) {
		pr_err("the firmware refuses to start hart %lu: left out", h->hartid);
		return false;
	}
	return wait_online(cpu);
}

void smp_start(void)
{
	u64 start = ktime_ns();

	for (unsigned int cpu = 1; cpu < nr_harts && cpu < max_harts; cpu++) {
		if (!start_hart(cpu))
			set_state(cpu, HART_FAILED);
	}
	pr_info("%u harts online after %llu us", num_online_harts(),
		(unsigned long long)((ktime_ns() - start) / 1000));
}

void secondary_start_kernel(void)
{
	csr_set(sie, SIE_SSIE);
	set_state(smp_processor_id(), HART_ONLINE);
	local_irq_enable();
	for (;;)
		wait_for_interrupt();
}

static void run_call(void)
{
	call.fn(call.arg);
	__atomic_fetch_sub(&call.pending, 1, __ATOMIC_RELEASE);
}

static __noreturn void stop_here(void)
{
	local_irq_disable();
	csr_write(sie, 0);
	set_state(smp_processor_id(), HART_STOPPED);
	for (;;)
		wait_for_interrupt();
}

void smp_handle_ipi(void)
{
	csr_clear(sip, SIE_SSIE);
	harts[smp_processor_id()].ipis++;
	smp_mb(); /* the pending bit is gone before the reasons are read */
	if (READ_ONCE(stopping))
		stop_here();
	if (__atomic_exchange_n(this_cpu_ptr(&call_raised), false, __ATOMIC_ACQUIRE))
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
		__atomic_store_n(per_cpu_ptr(&call_raised, cpu), true, __ATOMIC_RELEASE);
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
