/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap.c - what a trap means
 *
 * Interrupts go to their handler; the exceptions of probe_read() to its fixup; a load that may
 * fault (asm/extable.h) has read 0; every other exception is a panic with registers and the cause
 * in words.  A fault just below a stack is reported as the overflow that it is.  A page fault whose
 * entry is valid by now is no fault: the hart had an older state of it and tries again
 * (arch_fault_retry).
 *
 * Context: interrupts off; on the interrupted stack or the emergency stack (entry.S).
 * Specification: privileged spec, "Supervisor Cause Register".
 */
#include <asm/trap.h>

#include <asm/csr.h>
#include <asm/layout.h>
#include <asm/mmu.h>
#include <base/compiler.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/trace.h>

_Static_assert(offsetof(struct trap_frame, sepc) == FRAME_SEPC * sizeof(long), "entry.S");
_Static_assert(offsetof(struct trap_frame, stval) == FRAME_STVAL * sizeof(long), "entry.S");
_Static_assert(sizeof(struct trap_frame) == FRAME_REGS * sizeof(long), "entry.S");
_Static_assert(sizeof(struct trap_frame) % 16 == 0, "sp stays aligned to 16");
_Static_assert(offsetof(struct hart_local, stack_lo) == HL_STACK_LO, "asm/hart_local.h");
_Static_assert(offsetof(struct hart_local, emergency_top) == HL_EMERGENCY_TOP, "asm/hart_local.h");
_Static_assert(offsetof(struct hart_local, scratch) == HL_SCRATCH, "asm/hart_local.h");
_Static_assert(offsetof(struct hart_local, boot_satp) == HL_BOOT_SATP, "asm/hart_local.h");
_Static_assert(offsetof(struct hart_local, boot_sp) == HL_BOOT_SP, "asm/hart_local.h");
_Static_assert(offsetof(struct hart_local, boot_tp) == HL_BOOT_TP, "asm/hart_local.h");
_Static_assert(offsetof(struct hart_local, canary) == HL_CANARY, "Makefile");

void trap_handler(struct trap_frame *frame);
int probe_access(void *dst, const void *src, size_t bytes);
extern char probe_begin[], probe_end[], probe_fault[];
extern char boot_stack[];

static const char *const exception_names[] = {
	"instruction address misaligned",
	"instruction access fault",
	"illegal instruction",
	"breakpoint",
	"load address misaligned",
	"load access fault",
	"store address misaligned",
	"store access fault",
	"environment call from U-mode",
	"environment call from S-mode",
	"reserved (10)",
	"environment call from M-mode",
	"instruction page fault",
	"load page fault",
	"reserved (14)",
	"store page fault",
};

static const char *cause_name(unsigned long cause)
{
	return cause < ARRAY_SIZE(exception_names) ? exception_names[cause] : "unknown exception";
}

int probe_read(void *dst, const void *src, size_t bytes)
{
	return probe_access(dst, src, bytes);
}

int probe_write(void *dst, const void *src, size_t bytes)
{
	return probe_access(dst, src, bytes);
}

extern const s32 __start_tbl_ex[], __stop_tbl_ex[];

/* A load that may fault has read 0. */
static bool load_fixup(struct trap_frame *frame)
{
	for (const s32 *entry = __start_tbl_ex; entry < __stop_tbl_ex; entry++) {
		if ((unsigned long)entry + (unsigned long)(long)*entry != frame->sepc)
			continue;
		frame->x[*(const u16 *)frame->sepc >> 7 & 31] = 0; /* rd: bits 7 to 11 */
		frame->sepc += 4;
		return true;
	}
	return false;
}

bool extable_fixup(struct trap_frame *frame)
{
	if (load_fixup(frame))
		return true;
	if (frame->sepc < (unsigned long)probe_begin || frame->sepc >= (unsigned long)probe_end)
		return false;
	frame->sepc = (unsigned long)probe_fault;
	return true;
}

void trap_show(const struct trap_frame *frame)
{
	static const char names[][4] = { "",   "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
					 "s0", "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
					 "a6", "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
					 "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6" };
	int width = (int)sizeof(long) * 2;

	printk(LOG_EMERG, "epc %0*lx  status %0*lx  cause %0*lx  tval %0*lx", width, frame->sepc,
	       width, frame->sstatus, width, frame->scause, width, frame->stval);
	for (unsigned int i = 1; i < 31; i += 3)
		printk(LOG_EMERG, "%4s %0*lx %4s %0*lx %4s %0*lx", names[i], width, frame->x[i],
		       names[i + 1], width, frame->x[i + 1], names[i + 2], width, frame->x[i + 2]);
	printk(LOG_EMERG, "%4s %0*lx", names[31], width, frame->x[31]);
	backtrace(frame->sepc, frame->x[REG_SP], frame->x[REG_RA]);
}

#define FAULT_TEXTS 8 /* and a NULL behind the last */

static struct {
	void (*timer)(void);
	void (*external)(void);
	void (*preempt)(void);
	const char *(*thread)(unsigned long *stack_lo);
	void (*fault_text[FAULT_TEXTS])(unsigned long va, char *text, size_t bytes);
	bool (*fault)(const struct trap_frame *frame);
} hooks;

void __init trap_set_hooks(void (*timer)(void), void (*external)(void), void (*preempt)(void))
{
	hooks.timer = timer;
	hooks.external = external;
	hooks.preempt = preempt;
}

void __init trap_set_thread(const char *(*fn)(unsigned long *stack_lo))
{
	hooks.thread = fn;
}

void trap_set_fault_text(void (*fn)(unsigned long va, char *text, size_t bytes))
{
	unsigned int i = 0;

	while (hooks.fault_text[i])
		i++;
	BUG_ON(i == FAULT_TEXTS - 1);
	hooks.fault_text[i] = fn;
}

void trap_set_fault_handler(bool (*fn)(const struct trap_frame *frame))
{
	WRITE_ONCE(hooks.fault, fn);
}

TRACEPOINT(irq_entry, "cause %u at %#lx");
TRACEPOINT(irq_exit, "cause %u, reschedule %lu");

static void handle_interrupt(unsigned long irq, unsigned long pc)
{
	irqs_went_off();
	this_hart->preempt_count += HARDIRQ_OFFSET;
	trace(irq_entry, irq, pc, 0);
	if (irq == IRQ_S_SOFT)
		smp_handle_ipi();
	else if (irq == IRQ_S_TIMER && hooks.timer)
		hooks.timer();
	else if (irq == IRQ_S_EXT && hooks.external)
		hooks.external();
	else
		panic("interrupt %lu, for which there is no handler", irq);
	trace(irq_exit, irq, need_resched(), 0);
	this_hart->preempt_count -= HARDIRQ_OFFSET;
	/* Interrupts were on, or there had been none: a thread may take over here. */
	if (!preempt_count() && need_resched() && hooks.preempt)
		hooks.preempt();
	irqs_go_on();
}

/* Whose stack ran over, or NULL?  A guard lies below it; entry.S has moved to the emergency
 * stack. */
static const char *whose_overflow(const struct trap_frame *frame)
{
	unsigned long sp = frame->x[REG_SP], low = (unsigned long)boot_stack;
	const char *name = hooks.thread ? hooks.thread(&low) : "(boot)";

	if (this_hart->stack_lo != this_hart->emergency_top - STACK_SIZE)
		return NULL;
	return sp - (low - STACK_SIZE) < STACK_SIZE + sizeof(*frame) ? name : NULL;
}

void trap_describe(unsigned long va, char *text, size_t bytes)
{
	*text = '\0';
	for (unsigned int i = 0; hooks.fault_text[i] && !*text; i++)
		hooks.fault_text[i](va, text, bytes);
	if (!*text)
		arch_fault_text(va, text, bytes);
}

/* Access and page faults: stval is what was wanted. */
static bool has_address(unsigned long cause)
{
	const unsigned long those = BIT(1) | BIT(5) | BIT(7) | BIT(12) | BIT(13) | BIT(15);

	return cause < 16 && those >> cause & 1;
}

static __cold void die(const struct trap_frame *frame)
{
	unsigned long cause = frame->scause, tval = frame->stval;
	const char *owner = whose_overflow(frame);
	char text[TRAP_TEXT] = "";

	if (owner)
		panic_trap(frame, "kernel stack overflow: sp is 0x%lx, in thread %s",
			   frame->x[REG_SP], owner);
	if (cause >= 12 && tval < PAGE_SIZE)
		panic_trap(frame, "NULL pointer dereference: %s at 0x%lx", cause_name(cause), tval);
	if (has_address(cause))
		trap_describe(tval, text, sizeof(text));
	panic_trap(frame, "%s at pc 0x%lx, address 0x%lx%s%s", cause_name(cause), frame->sepc, tval,
		   *text ? ": " : "", text);
}

static bool is_page_fault(unsigned long cause)
{
	return cause == CAUSE_FETCH_PAGE_FAULT || cause == CAUSE_LOAD_PAGE_FAULT ||
	       cause == CAUSE_STORE_PAGE_FAULT;
}

void trap_handler(struct trap_frame *frame)
{
	if (frame->scause & CAUSE_INTERRUPT) {
		handle_interrupt(frame->scause & ~CAUSE_INTERRUPT, frame->sepc);
		return;
	}
	if (is_page_fault(frame->scause) &&
	    arch_fault_retry(frame->stval, frame->scause, frame->sepc))
		return;
	if (extable_fixup(frame))
		return;
	if ((frame->scause == CAUSE_LOAD_PAGE_FAULT || frame->scause == CAUSE_STORE_PAGE_FAULT) &&
	    hooks.fault && hooks.fault(frame))
		return;
	die(frame);
}
