/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap.h - the registers of what was interrupted, as the trap entry saves them
 */
#ifndef ASM_TRAP_H
#define ASM_TRAP_H

/* Offsets for assembly, in registers: x[n] at n, then the CSRs. trap.c checks them. */
#define FRAME_SEPC    32
#define FRAME_SSTATUS 33
#define FRAME_SCAUSE  34
#define FRAME_STVAL   35
#define FRAME_REGS    36

#ifndef __ASSEMBLER__

#include <base/types.h>

struct trap_frame {
	unsigned long x[32]; /* x[0] is unused */
	unsigned long sepc;
	unsigned long sstatus;
	unsigned long scause;
	unsigned long stval;
};

enum {
	REG_RA = 1,
	REG_SP = 2,
	REG_GP = 3,
	REG_TP = 4,
	REG_S0 = 8,
};

/* Print the registers and the calls that led to them, at LOG_EMERG. */
void trap_show(const struct trap_frame *frame);

/* What interrupts mean to the layers above: the timer's, the controllers', and the moment after
 * any when another thread may run.  Boot hart, once. */
void trap_set_hooks(void (*timer)(void), void (*external)(void), void (*preempt)(void));

/* trap_set_thread - @fn names the thread that runs here, and says where its stack begins, for the
 * report of an overflow. */
void trap_set_thread(const char *(*fn)(unsigned long *stack_lo));

/* trap_set_fault_text - @fn may say more about a bad address: it writes a sentence to @text, or
 * leaves it "". Boot hart, once. */
void trap_set_fault_text(void (*fn)(unsigned long va, char *text, size_t bytes));

/*
 * trap_describe - what @va, that couldn't be accessed, is: whoever trap_set_fault_text() told knows
 * it, or what the page table says of it.  Never "".  @bytes: TRAP_TEXT is enough.  Any context.
 */
#define TRAP_TEXT 192
void trap_describe(unsigned long va, char *text, size_t bytes);

/*
 * trap_set_fault_handler - @fn is asked about loads and stores that fault where nobody expects it:
 * true if it has mapped the page, and the access is tried again.  In the trap: interrupts off, any
 * lock held.  NULL: nobody is.
 */
void trap_set_fault_handler(bool (*fn)(const struct trap_frame *frame));

/*
 * backtrace - print the calls that led to @pc, one line each, innermost first
 * With CONFIG_KALLSYMS as name+offset/size; tools/symbolize adds source lines.
 * Reads the stack through probe_read(), so a broken one ends the list. Any context.
 */
void backtrace(unsigned long pc, unsigned long sp, unsigned long ra);

/* The same, where @bytes of the stack from @sp on have changed since, and were saved at @saved. */
void backtrace_saved(unsigned long pc, unsigned long sp, const void *saved, size_t bytes);

/* The same for the caller. */
void backtrace_here(void);

/*
 * page_user_trace - who asked the page or the slab allocator
 * Writes up to @max code addresses to @pcs, each inside the call that it stands for, innermost
 * first and without the allocators' own functions.  Returns how many.  Any context; some
 * 1,500 instructions a call.
 */
unsigned int page_user_trace(unsigned long *pcs, unsigned int max);

/* May the code that @frame was in fault (probe_read, asm/extable.h)?  Then @frame is where it goes
 * on. */
bool extable_fixup(struct trap_frame *frame);

#endif
#endif
