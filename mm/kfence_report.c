/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kfence_report.c - messages about what the pool of watched objects found
 *
 *     kfence: BUG: out-of-bounds read of 0x..., 1 byte behind the object
 *       object 0x... to 0x...: 64 bytes of kmalloc-64
 *       allocated at 3.141592 by thread 5 on hart 0: make_inode+0x.. < open_file+0x..
 *     Call trace: ...
 *
 * Counted, and kept in kfence_last, also while the log is silent (page_reports_expect).
 */
#define LOG_PREFIX "kfence: "
#include <mm/kfence.h>

#include <asm/trap.h>
#include <kernel/log.h>
#include <kernel/symbols.h>

#include "internal.h"
#include "slab.h"

#include <stdio.h>

struct kfence_report kfence_last;
unsigned long kfence_found[KFENCE_KINDS];

const char *kfence_kind_name(enum kfence_kind kind)
{
	static const char *const names[] = {
		[KFENCE_OUT_OF_BOUNDS] = "out-of-bounds",
		[KFENCE_USE_AFTER_FREE] = "use-after-free",
		[KFENCE_WILD_ACCESS] = "wild",
		[KFENCE_CORRUPTION] = "memory corruption",
		[KFENCE_DOUBLE_FREE] = "double free",
		[KFENCE_INVALID_FREE] = "invalid free",
	};

	return names[kind];
}

char *kfence_event_text(const struct kfence_event *event, const char *what, char *text,
			size_t bytes)
{
	unsigned long us = (unsigned long)(event->ns % 1000000000 / 1000);
	size_t at;

	at = (size_t)snprintf(text, bytes, "%s at %lu.%06lu by thread %lu on hart %lu: ", what,
			      (unsigned long)(event->ns / 1000000000), us,
			      (unsigned long)event->thread, (unsigned long)event->hart);
	if (at < bytes)
		symbol_trace(event->trace, KFENCE_TRACE, text + at, bytes - at);
	return text;
}

/* ", 3 bytes behind the object" */
static void where(const struct kfence_report *r, char *text, size_t bytes)
{
	const char *start = r->object.start, *end = start + r->object.size;
	unsigned long away = (unsigned long)(r->addr < start ? start - r->addr : r->addr - start);
	const char *side = "into";

	*text = '\0';
	if (!start || (away == 0 && r->kind != KFENCE_USE_AFTER_FREE))
		return;
	if (r->addr < start)
		side = "before";
	else if (r->addr >= end) {
		side = "behind";
		away = (unsigned long)(r->addr - end) + 1;
	}
	snprintf(text, bytes, ", %lu byte%s %s the object", away, away == 1 ? "" : "s", side);
}

static void show_bytes(const struct kfence_report *r)
{
	const u8 *at = (const u8 *)r->addr;
	const u8 *end = (const u8 *)((unsigned long)at | (PAGE_SIZE - 1)) + 1;
	char text[64] = "";
	size_t used = 0;

	if (r->addr < r->object.start)
		end = (const u8 *)r->object.start;
	for (unsigned i = 0; i < 16 && at + i < end; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %02x", at[i]);
	pr_err("  bytes from there on:%s, expected ac", text);
}

static void show_object(const struct kfence_object *o)
{
	char text[LOG_TEXT_MAX];

	pr_err("  object %p to %p: %lu bytes of %s", o->start, o->start + o->size,
	       (unsigned long)o->size, o->cache ? o->cache->name : "a cache that is destroyed");
	pr_err("  %s", kfence_event_text(&o->alloc, "allocated", text, sizeof(text)));
	if (o->free.ns)
		pr_err("  %s", kfence_event_text(&o->free, "freed", text, sizeof(text)));
}

void kfence_show(const struct kfence_report *r, const struct trap_frame *frame)
{
	bool is_access = r->kind <= KFENCE_WILD_ACCESS;
	char text[64];

	__atomic_fetch_add(&kfence_found[r->kind], 1, __ATOMIC_RELAXED);
	kfence_last = *r;
	if (page_reports_expected())
		return;
	where(r, text, sizeof(text));
	pr_err("BUG: %s%s of %p%s", kfence_kind_name(r->kind),
	       !is_access    ? ""
	       : r->is_write ? " write"
			     : " read",
	       r->addr, text);
	if (r->kind == KFENCE_CORRUPTION)
		show_bytes(r);
	if (r->object.start)
		show_object(&r->object);
	if (frame)
		backtrace(frame->sepc, frame->x[REG_SP], frame->x[REG_RA]);
	else
		backtrace_here();
}
