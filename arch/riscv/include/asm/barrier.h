/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * barrier.h - ordering between harts and devices, and waiting politely
 */
#ifndef ASM_BARRIER_H
#define ASM_BARRIER_H

/* Memory accesses between harts. */
#define smp_mb()  __asm__ volatile("fence rw, rw" ::: "memory")
#define smp_rmb() __asm__ volatile("fence r, r" ::: "memory")
#define smp_wmb() __asm__ volatile("fence w, w" ::: "memory")

/* Memory and device accesses. */
#define mb() __asm__ volatile("fence iorw, iorw" ::: "memory")

/* This hart's fetches see what it, or who told it to, has written. */
#define instruction_barrier() __asm__ volatile("fence.i" ::: "memory")

/* Zihintpause's `pause`, a hint that older harts take for a fence without effect. */
#define cpu_relax() __asm__ volatile(".4byte 0x100000f" ::: "memory")

#define wait_for_interrupt() __asm__ volatile("wfi" ::: "memory")

#endif
