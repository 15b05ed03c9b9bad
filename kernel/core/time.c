/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * time.c - the time CSR in nanoseconds
 */
#include <kernel/time.h>

#include <asm/barrier.h>
#include <asm/csr.h>
#include <asm/irqflags.h>
#include <asm/sbi.h>
#include <kernel/preempt.h>

#define NSEC_PER_SEC 1000000000ull

extern unsigned long boot_instret; /* head.S */

static struct {
	u32 hz;	  /* ticks a second, 0 until time_init() */
	u64 boot; /* ticks at boot */
} clock __ro_after_init;

u64 read_time(void)
{
	return csr_read_counter(time, timeh);
}

u64 read_instret(void)
{
	return csr_read_counter(instret, instreth);
}

unsigned long instructions_since_start(void)
{
	return (unsigned long)read_instret() - boot_instret;
}

void __init time_init(u32 hz)
{
	clock.boot = read_time();
	clock.hz = hz;
}

u64 ktime_of_ticks(u64 ticks)
{
	if (!clock.hz || ticks < clock.boot)
		return 0;
	ticks -= clock.boot;
	return ticks / clock.hz * NSEC_PER_SEC + ticks % clock.hz * NSEC_PER_SEC / clock.hz;
}

u64 ktime_ns(void)
{
	return ktime_of_ticks(read_time());
}

u64 ns_to_ticks(u64 ns)
{
	return ns / NSEC_PER_SEC * clock.hz + ns % NSEC_PER_SEC * clock.hz / NSEC_PER_SEC;
}

u64 ktime_to_ticks(u64 ns)
{
	/* One more: the interrupt must not come before the time. */
	return ns == ~0ull ? ns : clock.boot + ns_to_ticks(ns) + 1;
}

void udelay(unsigned int us)
{
	u64 end = read_time() + ns_to_ticks(us * 1000ull) + 1;

	while (read_time() < end)
		cpu_relax();
}

static void (*sleep_hook)(u64 ns) __ro_after_init;

void __init wait_set_sleep(void (*sleep)(u64 ns))
{
	sleep_hook = sleep;
}

void arch_wait_ns(u64 ns)
{
	unsigned long flags;

	if (sleep_hook && preemptible()) {
		sleep_hook(ns);
		return;
	}
	/* wfi ends on a pending interrupt that sie enables, whether sstatus.SIE is on or not. */
	local_irq_save(flags);
	sbi_set_timer(read_time() + ns_to_ticks(ns));
	csr_set(sie, SIE_STIE);
	irqs_go_on();
	wait_for_interrupt();
	irqs_went_off();
	csr_clear(sie, SIE_STIE);
	local_irq_restore(flags);
}
