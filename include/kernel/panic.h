/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * panic.h - stopping, and asserting
 *
 * A broken invariant is a panic that names the object, the value found and the
 * value expected.  Bad input is never a panic in a running system; at boot a
 * board description that can't be used is one, with the reason in a sentence.
 */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include <base/compiler.h>

/* Print the message and a backtrace, stop every other hart, then halt, reboot or power off. */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn __cold;

/* The same for a trap: shows the registers and calls of what it interrupted. */
struct trap_frame;
void panic_trap(const struct trap_frame *frame, const char *fmt, ...)
	__printf(2, 3) __noreturn __cold;

/* With panic=poweroff, try @fn before the firmware; it returns if it can't. Boot, once. */
void panic_set_poweroff(void (*fn)(void));

/* Print "WARN at file:line" with a backtrace and go on. */
void warn_at(const char *file, int line, const char *fmt, ...) __printf(3, 4) __cold;

#define BUG_ON(cond)                                                          \
	do {                                                                  \
		if (unlikely(cond))                                           \
			panic("BUG at %s:%d: %s", __FILE__, __LINE__, #cond); \
	} while (0)

#define WARN_ON(cond)                                             \
	({                                                        \
		bool _w = !!(cond);                               \
		if (unlikely(_w))                                 \
			warn_at(__FILE__, __LINE__, "%s", #cond); \
		unlikely(_w);                                     \
	})

#ifdef CONFIG_DEBUG_VM
#define VM_BUG_ON(cond) BUG_ON(cond)
#else
#define VM_BUG_ON(cond) ((void)sizeof(!!(cond)))
#endif

#endif
