/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smp.h - harts: which there are, and work for all of them
 *
 * The kernel numbers the harts that it uses 0, 1, 2, ... ("cpu"); 0 is the one that booted.
 * What SBI and the device tree call them is the hart id, which can be any number.
 */
#ifndef KERNEL_SMP_H
#define KERNEL_SMP_H

#include <asm/csr.h>
#include <base/compiler.h>

enum hart_state {
	HART_OFFLINE, /* not started: maxcpus= or `harts off` */
	HART_STARTING,
	HART_ONLINE,
	HART_STOPPED, /* told to stop: panic, power off */
	HART_FAILED,  /* the firmware refused, or it can't run this paging mode */
};

struct hart_info {
	unsigned long hartid;
	unsigned int isa; /* enum dt_isa bits */
	u8 asid_bits;	  /* how many an ASID has on this hart */
	u8 ad_updates;	  /* enum ad_updates */
	int nid;	  /* the node of its memory */
	enum hart_state state;
	struct hart_local *local; /* its per-hart data */
	unsigned long stack;	  /* lowest address of its stack; a guard page lies below */
	unsigned long ipis;	  /* software interrupts taken */
};

extern unsigned int nr_harts;

/* The hart with logical number @cpu < nr_harts. */
struct hart_info *hart_info(unsigned int cpu);

/* The number of the hart that SBI and the device tree call @hartid, or -1 if the kernel has none.
 */
int smp_cpu_of_hartid(u64 hartid);

/* "online", ... */
const char *hart_state_name(enum hart_state state);

/* @cpu, an unsigned int, through the numbers of the harts that are online. */
#define for_each_online_hart(cpu)                  \
	for ((cpu) = 0; (cpu) < nr_harts; (cpu)++) \
		if (hart_info(cpu)->state == HART_ONLINE)

unsigned int num_online_harts(void);

/* The harts in the table, set once at boot (mm/harts.c); the boot hart is entry 0 and online. */
void smp_set_harts(struct hart_info *table, unsigned int n);

/* How many of them to start: all, or as many as maxcpus= allows. */
unsigned int smp_wanted_harts(void);

/* Start every other hart (at most maxcpus= in all) and wait for each, at most ten seconds. */
void smp_start(void);

/*
 * on_each_hart - run @fn(@arg) on every online hart, this one included, and wait for all
 * Any context but an interrupt handler; interrupts may be off.  No spin lock held that @fn or an
 * interrupt handler takes.  @fn runs with interrupts off and may not sleep.
 */
void on_each_hart(void (*fn)(void *arg), void *arg);

/*
 * on_each_hart_cond - the same on those online harts for which @cond(cpu, @arg) is true
 * @cond is called here, before @fn runs anywhere, and may be NULL: all of them.  @wait: until @fn
 * has run on each; without it @arg must live until then, and the next call waits for this one.
 */
void on_each_hart_cond(bool (*cond)(unsigned int cpu, void *arg), void (*fn)(void *arg), void *arg,
		       bool wait);

/* The same on hart @cpu alone; 0, or -EINVAL if it isn't online. */
int smp_call_function_single(unsigned int cpu, void (*fn)(void *arg), void *arg);
/* Without waiting (but for this hart's call before).  @arg must live until @fn has run. */
int smp_call_function_single_nowait(unsigned int cpu, void (*fn)(void *arg), void *arg);

/* smp_send_reschedule - interrupt hart @cpu and have the scheduler look.  Any context. */
void smp_send_reschedule(unsigned int cpu);
void smp_set_reschedule_hook(void (*fn)(void));

/* current_thread_id - the number of the thread that runs here (`ps`), 0 before there are any.  Any
 * context; what an interrupt handler does is its interrupted thread's.  The scheduler sets it. */
unsigned int current_thread_id(void);
void smp_set_thread_id_hook(unsigned int (*fn)(void));

/* smp_interrupt_self - a software interrupt here, as soon as interrupts are on. Any context. */
static inline void smp_interrupt_self(void)
{
	csr_set(sip, SIE_SSIE);
}

/* This hart takes part from now on; called by a starting hart.  False: it was given up before. */
bool smp_hart_online(void) __must_check;

/* smp_stop_here - this hart rests for good.  Any context. */
void smp_stop_here(void) __noreturn;

/*
 * Harts that go off and come back; the steps around these are hart_off()'s and hart_on()'s
 * (kernel/sched/hotplug.c).
 * smp_hart_up - start hart @cpu, which is off and has a stack; 0, or -EIO with the reason logged
 * smp_hart_leave - this hart stops; interrupts off, nothing runs here or will
 * smp_hart_wait_stopped - wait until the firmware has @cpu, at most 30 s; true if it has
 */
int smp_hart_up(unsigned int cpu);
void smp_hart_leave(void) __noreturn;
bool smp_hart_wait_stopped(unsigned int cpu);

/*
 * smp_firmware_begin, smp_firmware_end - around a call in which the firmware waits for others
 * Between the two a hart that is found online doesn't stop: firmware that has asked a hart for
 * something (RFENCE) would wait for its answer for ever.  begin is a full barrier, before which
 * nothing is
 * known of the harts' states.  Preemption off, not nested.
 */
void smp_firmware_begin(void);
void smp_firmware_end(void);

/* Send the others to sleep for good, from any context; waits at most a second for them. */
void smp_stop_others(void);

/* smp_stop_if_told - stop here if that was put off because this hart was writing to the console;
 * smp_told_to_stop - it was.  The console's. */
void smp_stop_if_told(void);
bool smp_told_to_stop(void);

/* The software interrupt handler, called by the trap code. */
void smp_handle_ipi(void);

#endif
