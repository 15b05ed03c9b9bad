/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backtrace.c - who called whom, without frame pointers
 *
 * The compiler keeps no chain of frames, so each function's code is read instead: between its
 * first instruction and the pc, every `addi sp, sp, -N` made the frame larger, and a store of
 * ra to the stack says where the return address lies.  A function that has not stored ra (a
 * leaf, or one stopped before its prologue's end) returns to the ra register; only the
 * innermost can be one.
 *
 * Limits: frames made by other instructions (alloca, frames above 2 KiB) end the list; a tail
 * call leaves no frame.  Nothing is trusted: the stack is read through probe_read(), a return
 * address must lie in the text.
 */
#include <asm/trap.h>

#include <asm/mmu.h>
#include <asm/sections.h>
#include <kernel/log.h>
#include <kernel/symbols.h>
#include <string.h>

#define MAX_CALLS 24

/* What the code of a function up to some pc did to the stack. */
struct prologue {
	unsigned long frame_bytes;
	long ra_offset; /* from sp; -1 if ra is still in its register */
};

/* The bytes by which a 16-bit instruction lowers sp, else 0. */
static unsigned long lowers_sp16(u16 insn)
{
	long imm = 0;

	if ((insn & 0xef83) == 0x0101) /* c.addi sp, imm */
		imm = (long)((insn >> 2 & 0x1f) | (insn & 0x1000 ? ~0x1fUL : 0));
	else if ((insn & 0xef83) == 0x6101) /* c.addi16sp imm */
		imm = (long)((insn >> 2 & 0x10) | (insn << 3 & 0x20) | (insn << 1 & 0x40) |
			     (insn << 4 & 0x180) | (insn & 0x1000 ? ~0x1ffUL : 0));
	return imm < 0 ? (unsigned long)-imm : 0;
}

/* The offset from sp at which a 16-bit instruction stores ra, or -1. */
static long stores_ra16(u16 insn)
{
	if ((insn >> 2 & 0x1f) != REG_RA)
		return -1;
	if (sizeof(long) == 8 && (insn & 0xe003) == 0xe002) /* c.sdsp */
		return (insn >> 7 & 0x38) | (insn >> 1 & 0x1c0);
	if (sizeof(long) == 4 && (insn & 0xe003) == 0xc002) /* c.swsp */
		return (insn >> 7 & 0x3c) | (insn >> 1 & 0xc0);
	return -1;
}

static unsigned long lowers_sp32(u32 insn)
{
	s32 imm = (s32)insn >> 20;

	if ((insn & 0xfffff) != 0x10113) /* addi sp, sp, imm */
		return 0;
	return imm < 0 ? (unsigned long)-imm : 0;
}

static long stores_ra32(u32 insn)
{
	u32 store = sizeof(long) == 8 ? 0x113023 : 0x112023; /* sd or sw ra, imm(sp) */

	if ((insn & 0x1fff07f) != store)
		return -1;
	return (long)((s32)insn >> 25 << 5) | (insn >> 7 & 0x1f);
}

/* Read the function's code from @start up to @pc; both lie in the text, which is mapped. */
static struct prologue read_prologue(unsigned long start, unsigned long pc)
{
	const u16 *at = (const u16 *)start, *end = (const u16 *)pc;
	struct prologue p = { 0, -1 };

	while (at < end) {
		u32 insn = at[0];

		if ((insn & 3) != 3) {
			p.frame_bytes += lowers_sp16((u16)insn);
			if (p.ra_offset < 0)
				p.ra_offset = stores_ra16((u16)insn);
			at++;
			continue;
		}
		insn |= (u32)at[1] << 16;
		p.frame_bytes += lowers_sp32(insn);
		if (p.ra_offset < 0)
			p.ra_offset = stores_ra32(insn);
		at += 2;
	}
	return p;
}

/* A part of the stack as it was. */
struct saved_stack {
	unsigned long start, bytes;
	const char *copy;
};

static int read_stack(unsigned long *word, unsigned long at, const struct saved_stack *saved)
{
	if (at - saved->start <= saved->bytes - sizeof(*word) && saved->bytes) {
		memcpy(word, saved->copy + (at - saved->start), sizeof(*word));
		return 0;
	}
	return probe_read(word, (void *)at, sizeof(*word));
}

/* Call @fn for each call, innermost first, until it returns false. */
static void walk_calls(unsigned long pc, unsigned long sp, unsigned long ra,
		       const struct saved_stack *saved,
		       bool (*fn)(void *arg, unsigned int depth, unsigned long pc), void *arg)
{
	/* A call to nowhere: go on with whoever made it. */
	if (!in_kernel_text(pc))
		pc = ra;
	for (unsigned int depth = 0; depth < MAX_CALLS && in_kernel_text(pc); depth++) {
		unsigned long start = symbol_start(depth ? pc - 1 : pc);
		struct prologue p;

		if (!fn(arg, depth, pc) || !start)
			return;
		p = read_prologue(start, pc);
		if (p.ra_offset >= 0) {
			if (read_stack(&pc, sp + (unsigned long)p.ra_offset, saved))
				return;
		} else {
			if (depth)
				return;
			pc = ra;
		}
		sp += p.frame_bytes;
	}
}

static bool show_call(void *arg, unsigned int depth, unsigned long pc)
{
	/* A return address may stand behind its function's last instruction. */
	unsigned long within = depth ? pc - 1 : pc;
	char name[KSYM_NAME];

	printk(LOG_EMERG, " #%u %0*lx %s", depth, (int)sizeof(long) * 2, pc,
	       symbol_format(name, sizeof(name), within));
	return true;
}

static void show_calls(unsigned long pc, unsigned long sp, unsigned long ra,
		       const struct saved_stack *saved)
{
	printk(LOG_EMERG, "Call trace:");
	walk_calls(pc, sp, ra, saved, show_call, NULL);
}

void backtrace(unsigned long pc, unsigned long sp, unsigned long ra)
{
	show_calls(pc, sp, ra, &(struct saved_stack){ 0 });
}

void backtrace_saved(unsigned long pc, unsigned long sp, const void *saved, size_t bytes)
{
	show_calls(pc, sp, 0, &(struct saved_stack){ sp, bytes, saved });
}

__noinline void backtrace_here(void)
{
	unsigned long sp, pc;

	__asm__ volatile("mv %0, sp\n\tauipc %1, 0" : "=r"(sp), "=r"(pc));
	backtrace(pc, sp, (unsigned long)__builtin_return_address(0));
}

/* What page_user_trace() fills. */
struct trace_out {
	unsigned long *pc;
	unsigned int nr, max;
};

/* The files of the page and slab allocators: kernel.lds.S. */
extern char _spage_alloc[], _epage_alloc[];

static bool keep_call(void *arg, unsigned int depth, unsigned long pc)
{
	struct trace_out *out = arg;

	if (!depth || (!out->nr && pc - 1 - (unsigned long)_spage_alloc <
					   (unsigned long)(_epage_alloc - _spage_alloc)))
		return true;
	out->pc[out->nr++] = pc - 1;
	return out->nr < out->max;
}

__noinline unsigned int page_user_trace(unsigned long *pcs, unsigned int max)
{
	struct trace_out out = { pcs, 0, max };
	unsigned long sp, pc;

	__asm__ volatile("mv %0, sp\n\tauipc %1, 0" : "=r"(sp), "=r"(pc));
	walk_calls(pc, sp, (unsigned long)__builtin_return_address(0), &(struct saved_stack){ 0 },
		   keep_call, &out);
	return out.nr;
}
