/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * panic.c - the end
 *
 * The first hart that panics stops the others, writes its message past every lock, and does
 * what panic= or CONFIG_PANIC_* says.  A hart that panics while another does leaves its sentence
 * in the log, which the first writes out, and stops; one that panics inside its own panic goes
 * straight to the end.
 */
#include <kernel/panic.h>

#include <asm/barrier.h>
#include <asm/irqflags.h>
#include <asm/layout.h>
#include <asm/memory.h>
#include <asm/sbi.h>
#include <asm/trap.h>
#include <base/errno.h>
#include <kernel/bootargs.h>
#include <kernel/lockdebug.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum action { HALT, REBOOT, POWEROFF };

static const char *const action_names[] = { "halt", "reboot", "poweroff" };

static struct {
	enum action action;
	int hart;		/* logical number + 1 of the hart that panics; 0: none does */
	void (*poweroff)(void); /* says "failed" better than the firmware can */
	char text[256];
} state = {
#if defined(CONFIG_PANIC_REBOOT)
	.action = REBOOT,
#elif defined(CONFIG_PANIC_POWEROFF)
	.action = POWEROFF,
#else
	.action = HALT,
#endif
};

static int __init parse_panic(const char *value)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(action_names); i++) {
		if (!strcmp(value, action_names[i])) {
			state.action = (enum action)i;
			return 0;
		}
	}
	return -EINVAL;
}

static const struct bootarg arg_panic __initconst = { "panic", parse_panic,
						      "halt, reboot or poweroff" };
TABLE_ENTRY(bootarg, arg_panic);

void panic_set_poweroff(void (*fn)(void))
{
	state.poweroff = fn;
}

static __noreturn void finish(void)
{
	if (state.action == POWEROFF && state.poweroff)
		state.poweroff();
	if (state.action == POWEROFF)
		sbi_system_reset(SBI_RESET_SHUTDOWN, true);
	if (state.action != HALT)
		sbi_system_reset(SBI_RESET_COLD_REBOOT, true);
	local_irq_disable();
	for (;;)
		wait_for_interrupt();
}

/* The first hart here goes on; any other stops, and this one's second time is the end. */
static void enter_panic(int me, const char *fmt, va_list args)
{
	char text[160];
	int none = 0;

	local_irq_disable();
	lock_debug_stop();
	if (__atomic_compare_exchange_n(&state.hart, &none, me, false, __ATOMIC_ACQUIRE,
					__ATOMIC_ACQUIRE))
		return;
	if (none == me)
		finish();
	vsnprintf(text, sizeof(text), fmt, args);
	printk_deferred(LOG_EMERG, "hart %lu panics too: %s", this_hart->hartid, text);
	for (;;) {
		local_irq_enable(); /* for the stop */
		wait_for_interrupt();
	}
}

/* Those that spin with interrupts off, which may be the very cause. */
static void name_running_harts(void)
{
	unsigned int cpu;

	for_each_online_hart(cpu) {
		if (cpu != smp_processor_id())
			printk(LOG_EMERG, "hart %lu doesn't stop: its interrupts are off",
			       hart_info(cpu)->hartid);
	}
}

/* @frame: what was interrupted, or NULL for the caller. */
static __noreturn void vpanic(const struct trap_frame *frame, const char *fmt, va_list args)
{
	int me = (int)smp_processor_id() + 1;

	enter_panic(me, fmt, args);
	smp_stop_others();
	vsnprintf(state.text, sizeof(state.text), fmt, args);
	log_flush_emergency();
	printk(LOG_EMERG, "Kernel panic on hart %lu: %s", this_hart->hartid, state.text);
	if (frame)
		trap_show(frame);
	else
		backtrace_here();
	if (va_layout.image_va != KERNEL_LINK_ADDR && va_layout.image_va)
		printk(LOG_EMERG, "Kernel offset: 0x%lx from 0x%lx",
		       va_layout.image_va - KERNEL_LINK_ADDR, (unsigned long)KERNEL_LINK_ADDR);
	name_running_harts();
	printk(LOG_EMERG, "---[ end of panic: %s ]---", action_names[state.action]);
	log_flush_emergency();
	finish();
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vpanic(NULL, fmt, args);
}

void panic_trap(const struct trap_frame *frame, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vpanic(frame, fmt, args);
}

void warn_at(const char *file, int line, const char *fmt, ...)
{
	char text[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printk(LOG_ERR, "WARN at %s:%d: %s", file, line, text);
	backtrace_here();
}
