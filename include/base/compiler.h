/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compiler.h - what the kernel asks of gcc and clang beyond C, and bit arithmetic
 */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <base/types.h>

/* picolibc's <sys/cdefs.h> has some of these, with the same meaning. */
#undef __section
#undef __aligned
#undef __packed
#undef __used
#undef __unused
#undef __noreturn
#undef __noinline
#undef __always_inline
#undef __weak

#define __section(name)	   __attribute__((section(name)))
#define __aligned(n)	   __attribute__((aligned(n)))
#define __packed	   __attribute__((packed))
#define __used		   __attribute__((used))
#define __unused	   __attribute__((unused))
#define __must_check	   __attribute__((warn_unused_result))
#define __noreturn	   __attribute__((noreturn))
#define __noinline	   __attribute__((noinline))
#define __always_inline	   inline __attribute__((always_inline))
#define __weak		   __attribute__((weak))
#define __cold		   __attribute__((cold, noinline))
#define __printf(fmt, arg) __attribute__((format(printf, fmt, arg)))

/*
 * What boot alone needs: functions, constants that only they mention, and variables that are 0 at
 * first.  The memory of functions and variables is free once boot is over (arch_release_image);
 * constants stay, among the others.  Nobody else may mention any of it (tools/tables.py looks), but
 * for a function marked __ref, which knows when it may.
 * __ro_after_init: a variable that nobody writes once boot is over.
 */
#ifdef __riscv
#define __init		__attribute__((section(".init.text"), cold, no_stack_protector))
#define __initconst	__section(".rodata..init")
#define __initdata	__section(".bss..init")
#define __ref		__attribute__((section(".ref.text"), noinline))
#define __ro_after_init __section(".data..ro_after_init")
#else
#define __init
#define __initconst
#define __initdata
#define __ref
#define __ro_after_init
#endif

#define __no_stack_protector __attribute__((no_stack_protector))

/* No copy of it for some of its callers; clang makes none. */
#ifdef __clang__
#define __noclone
#else
#define __noclone __attribute__((noclone))
#endif

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define barrier()   __asm__ volatile("" ::: "memory")

/*
 * Atomics are the compilers' own, __atomic_...().  Beware of compare and exchange: up to version
 * 13 gcc takes the order for RISC-V from the failure's alone.  So ACQUIRE stands in both places,
 * and a release is a fence before an exchange that is RELAXED.
 */
#define READ_ONCE(x)	   (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, val) (*(volatile __typeof__(x) *)&(x) = (val))

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define min(a, b)                       \
	({                              \
		__typeof__(a) _a = (a); \
		__typeof__(b) _b = (b); \
		_a < _b ? _a : _b;      \
	})
#define max(a, b)                       \
	({                              \
		__typeof__(a) _a = (a); \
		__typeof__(b) _b = (b); \
		_a > _b ? _a : _b;      \
	})

/* n is a power of two, of any integer type. */
#define ALIGN_DOWN(x, n)   ((x) & ~((__typeof__(x))(n)-1))
#define ALIGN_UP(x, n)	   ALIGN_DOWN((x) + ((__typeof__(x))(n)-1), n)
#define IS_ALIGNED(x, n)   (((x) & ((__typeof__(x))(n)-1)) == 0)
#define DIV_ROUND_UP(x, n) (((x) + (n)-1) / (n))
#define BIT(n)		   (1UL << (n))
#define BIT_ULL(n)	   (1ULL << (n))

#define KiB 1024ULL
#define MiB (1024 * KiB)
#define GiB (1024 * MiB)

#define __stringify_1(x) #x
#define __stringify(x)	 __stringify_1(x)

#endif
