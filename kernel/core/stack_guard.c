/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack_guard.c - the word behind arrays on the stack
 *
 * The compiler (-fstack-protector-strong) has a function with an array, or with a local whose
 * address goes elsewhere, store the guard between its locals and what it saved of its caller, and
 * compare before it returns.  gcc reads the guard at tp, where each hart has a copy;
 * clang reads __stack_chk_guard.  It's the same for all threads, so they move between harts freely,
 * and doesn't change once it is drawn.  Its lowest byte is 0, which a string that runs over can't
 * write and go on.
 */
#include <kernel/stack_guard.h>

#include <asm/hart_local.h>
#include <base/compiler.h>
#include <kernel/panic.h>
#include <kernel/random.h>
#include <kernel/symbols.h>

extern unsigned long __stack_chk_guard;
unsigned long __stack_chk_guard __ro_after_init;
void __stack_chk_fail(void);

void __no_stack_protector __init stack_guard_init(void)
{
	unsigned long guard = get_random_long() & ~0xfful;

	/* The template's: the areas of all harts are copies of it. */
	this_hart->canary = guard;
	__stack_chk_guard = guard;
}

/* What the compiler calls. */
void __no_stack_protector __stack_chk_fail(void)
{
	char name[KSYM_NAME];

	panic("stack of %s: something was written behind an array",
	      symbol_format(name, sizeof(name), (unsigned long)__builtin_return_address(0) - 1));
}
