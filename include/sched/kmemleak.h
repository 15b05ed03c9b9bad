/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmemleak.h - the thread that looks for leaks (mm/kmemleak.h)
 */
#ifndef SCHED_KMEMLEAK_H
#define SCHED_KMEMLEAK_H

#ifdef CONFIG_DEBUG_KMEMLEAK
/* kmemleak_start - start the thread, with kmemleak=on.  After node_daemons_init(). */
void kmemleak_start(void);

/* kmemleak_scan_now - have the thread scan once, from now on, and wait for it.  How many leaks are
 * new.  Sleeps.  Only with kmemleak=on. */
unsigned long kmemleak_scan_now(void);
#else
static inline void kmemleak_start(void)
{
}

static inline unsigned long kmemleak_scan_now(void)
{
	return 0;
}
#endif
#endif
