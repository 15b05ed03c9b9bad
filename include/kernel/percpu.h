/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * percpu.h - a copy of a variable for each hart
 *
 * DEFINE_PER_CPU variables live in a template section; each hart's area is a copy of it in
 * memory of the hart's node, with room behind it for alloc_percpu().  A variable's address on a
 * hart is its template address plus that hart's offset, which the hart finds at tp.
 *
 *     template (data) [ hart_local | variables ]
 *     hart n's area   [ hart_local | variables | dynamic ]     tp -> hart_local
 *
 * Until harts_prepare() the boot hart works on the template itself.
 *
 * A pointer from this_cpu_ptr() is right as long as the code stays on its hart: with interrupts
 * off, or between get_cpu_var() and put_cpu_var().
 */
#ifndef KERNEL_PERCPU_H
#define KERNEL_PERCPU_H

#include <asm/hart_local.h>
#include <asm/irqflags.h>
#include <base/compiler.h>
#include <kernel/preempt.h>

#ifndef PERCPU_SECTION
#define PERCPU_SECTION ".data..percpu"
#endif

#define DEFINE_PER_CPU(type, name) __section(PERCPU_SECTION) __typeof__(type) name
/* One in which pointers are only mentioned, like a copy of a stack (mm/kmemleak.h). */
#define DEFINE_PER_CPU_NO_SCAN(type, name) __section(".data..percpu..no_scan") __typeof__(type) name
#define DECLARE_PER_CPU(type, name)	   extern __typeof__(type) name

/* percpu_offset[cpu]: that hart's area minus the template's address. */
extern unsigned long *percpu_offset;

#define PERCPU_SHIFT(ptr, offset) ((__typeof__(ptr))((unsigned long)(ptr) + (offset)))

#define this_cpu_ptr(ptr)     PERCPU_SHIFT(ptr, this_hart->percpu_off)
#define per_cpu_ptr(ptr, cpu) PERCPU_SHIFT(ptr, percpu_offset[cpu])

#define this_cpu_read(var) READ_ONCE(*this_cpu_ptr(&(var)))
#define this_cpu_op(var, op)               \
	do {                               \
		unsigned long _flags;      \
		local_irq_save(_flags);    \
		*this_cpu_ptr(&(var)) op;  \
		local_irq_restore(_flags); \
	} while (0)
#define this_cpu_write(var, val) this_cpu_op(var, = (val))
#define this_cpu_add(var, val)	 this_cpu_op(var, += (val))
#define this_cpu_sub(var, val)	 this_cpu_op(var, -= (val))
#define this_cpu_inc(var)	 this_cpu_add(var, 1)
#define this_cpu_dec(var)	 this_cpu_sub(var, 1)

#define get_cpu_var(var)              \
	(*({                          \
		preempt_disable();    \
		this_cpu_ptr(&(var)); \
	}))
#define put_cpu_var(var)          \
	do {                      \
		(void)&(var);     \
		preempt_enable(); \
	} while (0)

#define smp_processor_id() (this_hart->cpu)

/*
 * alloc_percpu - a zeroed object for each hart, from the dynamic part of the areas
 * Returns a pointer for this_cpu_ptr()/per_cpu_ptr(), or NULL if the dynamic part
 * (CONFIG_PERCPU_DYNAMIC bytes a hart) has no room, with a line in the log.
 * After harts_prepare(). Any context; a spin lock inside.
 */
void *__alloc_percpu(size_t bytes, size_t align) __must_check;
#define alloc_percpu(type) ((__typeof__(type) *)__alloc_percpu(sizeof(type), __alignof__(type)))

/* Give back what alloc_percpu() returned; @ptr may be NULL. A foreign pointer panics. */
void free_percpu(void *ptr);

/* Check the map of the dynamic part; panics with what is wrong.  Returns bytes in use a hart. */
size_t percpu_validate(void);

#endif
