/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * barrier.h - host stand-in
 */
#ifndef ASM_BARRIER_H
#define ASM_BARRIER_H

#include <sched.h>

#define smp_mb()    __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb()   __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()   __atomic_thread_fence(__ATOMIC_RELEASE)
#define mb()	    smp_mb()
#define cpu_relax() sched_yield()

#endif
