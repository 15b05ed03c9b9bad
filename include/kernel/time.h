/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * time.h - what time it is, and how many instructions have gone by
 */
#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H

#include <base/types.h>

/* time_init - learn the tick rate. @hz: timebase-frequency of /cpus. Boot hart, once. */
void time_init(u32 hz);

/* Ticks of the time CSR, the same on all harts. */
u64 read_time(void);

/* Nanoseconds since the kernel's first instruction, 0 before time_init(). Monotonic. */
u64 ktime_ns(void);

/* Between durations. */
u64 ns_to_ticks(u64 ns);
/* Between times: of ktime_ns() and of the time CSR.  ~0 is never on both sides. */
u64 ktime_to_ticks(u64 ns);
u64 ktime_of_ticks(u64 ticks);

/* Instructions that this hart retired. Under -icount it counts all harts' together. */
u64 read_instret(void);

/* Instructions since _start; on rv32 modulo 2^32. */
unsigned long instructions_since_start(void);

/* Spin for at least that long. Any context. */
void udelay(unsigned int us);

/*
 * arch_wait_ns - rest until an interrupt is pending or the time is up
 * May return early. Interrupts may be on or off.  Never inside a lock.
 */
void arch_wait_ns(u64 ns);

/* Where threads can sleep, arch_wait_ns() lets them (set by the scheduler). */
void wait_set_sleep(void (*sleep)(u64 ns));

#endif
