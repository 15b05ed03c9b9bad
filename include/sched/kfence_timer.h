/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kfence_timer.h - the clock of the pool of watched objects (mm/kfence.h)
 */
#ifndef SCHED_KFENCE_TIMER_H
#define SCHED_KFENCE_TIMER_H

/* kfence_timer_init - watch objects from now on, if a boot argument says so.  Boot, once, when
 * there are work queues. */
#ifdef CONFIG_KFENCE
void kfence_timer_init(void);
#else
static inline void kfence_timer_init(void)
{
}
#endif

#endif
