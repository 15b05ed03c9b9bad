/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmemleak_scan.c - looking for objects that nothing leads to
 *
 *     data, bss, harts' areas, stacks, owners' words in page descriptors, objects told not to leak
 *         |  each word that is an address in an object finds it
 *     found objects, read in turn: each of their words ...
 *
 * Everything goes on meanwhile.  A pointer may be moved from what isn't read yet to what has been,
 * or stand in a register.  So an object that isn't found is only a suspect; those are taken for
 * found, whereby what hangs on them is.  It is a leak if the next scan doesn't find it either, its
 * contents are as they were (their first CHECKED bytes), and it isn't young.
 *
 * Locking: leak_state.lock, with interrupts off, for BATCH words and objects at a time.  An object
 *   that is freed while it's found or read stays as a record (LEAK_GONE), its memory isn't read.
 * Cost: some 10 instructions for a word, 10 * log(objects) for one that looks like an address.
 */
#define LOG_PREFIX "kmemleak: "
#include "kmemleak.h"

#include <asm/sections.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/symbols.h>
#include <kernel/sysctl.h>
#include <kernel/tables.h>
#include <mm/memmap.h>
#include <mm/page_alloc.h>

#include <stdio.h>

#define BATCH	     64	  /* words and objects, together */
#define CHECKED	     1024 /* bytes of an object */
#define LEAKS_LOGGED 8

extern char __per_cpu_start[], __per_cpu_end[], __per_cpu_no_scan[], __per_cpu_no_scan_end[];
extern char boot_stack_guard[], boot_stack_top[];

void (*kmemleak_scan_stacks)(void);

static unsigned int kmemleak_min_age_ms = 5000;
SYSCTL(vm, kmemleak_min_age_ms, kmemleak_min_age_ms, 0, 86400000, NULL,
       "younger objects are no leaks yet");

/* ---- reading ---- */

/* @o is read in this scan, once. */
static void find(struct leak_object *o)
{
	if (o->flags & (LEAK_IGNORED | LEAK_NO_SCAN | LEAK_FOUND))
		return;
	o->flags |= LEAK_FOUND;
	o->next = leak_state.found;
	leak_state.found = o;
}

/* A pointer leads to @o. */
static void count(struct leak_object *o)
{
	if (o->scan != leak_state.scan) {
		o->scan = leak_state.scan;
		o->count = 0;
	}
	if (leak_is_reached(o))
		return;
	o->count++;
	if (leak_is_reached(o)) {
		leak_is_none(o);
		o->flags &= (u8)~LEAK_SUSPECT;
		find(o);
	}
}

static void look(unsigned long word)
{
	struct leak_object *o;

	if (likely(word - leak_state.lowest >= leak_state.highest - leak_state.lowest))
		return;
	o = leak_find(word);
	if (o)
		count(o);
}

/* Read [start, end), of @o or NULL, as long as that exists. */
static void read_range(unsigned long start, unsigned long end, const struct leak_object *o)
{
	unsigned long flags;
	bool more = true;

	start = ALIGN_UP(start, sizeof(long));
	end &= ~(sizeof(long) - 1);
	while (more && start < end) {
		spin_lock_irqsave(&leak_state.lock, flags);
		more = !o || !(o->flags & LEAK_GONE);
		for (unsigned i = 0; more && i < BATCH && start < end; i++) {
			look(READ_ONCE(*(unsigned long *)start));
			start += sizeof(long);
		}
		spin_unlock_irqrestore(&leak_state.lock, flags);
	}
}

void kmemleak_scan_range(const void *start, const void *end)
{
	read_range((unsigned long)start, (unsigned long)end, NULL);
}

/* Areas are only added, in front.  No lock: what is in one was stored before what leads to it
 * (kmemleak_scan_area), and is loaded from an address that is loaded first. */
static void read_object(const struct leak_object *o)
{
	const struct leak_area *a = READ_ONCE(o->areas);

	if (!a)
		read_range(o->start, o->start + o->bytes, o);
	for (; a; a = a->next)
		read_range(a->start, a->start + a->bytes, o);
}

/* Read what was found until nothing more is. */
static void read_found(void)
{
	struct page_list pages = { 0 };
	struct leak_object *o;
	unsigned long flags;

	for (;;) {
		spin_lock_irqsave(&leak_state.lock, flags);
		o = leak_state.found;
		leak_state.found = o ? o->next : NULL;
		spin_unlock_irqrestore(&leak_state.lock, flags);
		if (!o)
			return;
		read_object(o);
		spin_lock_irqsave(&leak_state.lock, flags);
		o->flags &= (u8)~LEAK_FOUND;
		if (o->flags & LEAK_GONE)
			leak_release(o, &pages);
		spin_unlock_irqrestore(&leak_state.lock, flags);
		leak_free_pages(&pages);
	}
}

/* ---- where it begins ---- */

/* The word of a used block's descriptor that is its owner's, without what its low bits say. */
static bool read_descriptor(const struct memmap_block *block, void *arg)
{
	const struct page *page = pfn_to_page(block->pfn);
	unsigned long word;

	if (block->state == BLOCK_IS_USED && !(block->flags & 1U << PG_slab)) {
		word = READ_ONCE(page->private) & ~PAGE_MAPPING_FLAGS;
		kmemleak_scan_range(&word, &word + 1);
	}
	return false;
}

/* Without what trap entry put there for a moment: it stands until the next trap. */
static void read_hart(const struct hart_local *hart)
{
	size_t bytes = (size_t)(__per_cpu_end - __per_cpu_start) + CONFIG_PERCPU_DYNAMIC;
	const char *area = (const char *)hart;

	kmemleak_scan_range(area, hart->scratch);
	kmemleak_scan_range(&hart->scratch[ARRAY_SIZE(hart->scratch)],
			    area + (__per_cpu_no_scan - __per_cpu_start));
	kmemleak_scan_range(area + (__per_cpu_no_scan_end - __per_cpu_start), area + bytes);
}

/* All but what is our own, the template of the harts' areas, and the boot's stack. */
static void read_roots(void)
{
	kmemleak_scan_range(__ro_after_init_start, __ro_after_init_end);
	kmemleak_scan_range(_sdata, __per_cpu_start);
	kmemleak_scan_range(__per_cpu_end, &leak_state);
	kmemleak_scan_range(&leak_state + 1, __tables_start);
	kmemleak_scan_range(__bss_start, boot_stack_guard);
	kmemleak_scan_range(boot_stack_top, __init_bss_start);
	kmemleak_scan_range(__init_bss_end, __bss_end);
	for (unsigned cpu = 0; cpu < nr_harts; cpu++)
		read_hart(hart_info(cpu)->local);
	if (kmemleak_scan_stacks)
		kmemleak_scan_stacks();
	memmap_walk(0, ~0UL, read_descriptor, NULL);
}

/* ---- judging ---- */

/* @fn for each object, those that come and go meanwhile or not.  It reads *@left words at most, and
 * counts them down; false: not all that it wants, so it's called again in the next hold. */
static void each_object(bool (*fn)(struct leak_object *o, unsigned *left))
{
	struct leak_object *o = NULL;
	unsigned long at = 0, flags;

	do {
		unsigned left = BATCH;

		spin_lock_irqsave(&leak_state.lock, flags);
		while (left && (o = leak_next(at))) {
			left--;
			if (fn(o, &left))
				at = o->start + 1;
		}
		spin_unlock_irqrestore(&leak_state.lock, flags);
	} while (o);
}

static bool find_if_not_leak(struct leak_object *o, unsigned *left)
{
	if (!o->min_count)
		find(o);
	return true;
}

static bool is_lost(const struct leak_object *o)
{
	return !(o->flags & LEAK_IGNORED) && !leak_is_reached(o);
}

/* Sum @o's words up, *@left at most; false: there are more. */
static bool sum_up(const struct leak_object *o, unsigned *left)
{
	const unsigned long *word = (void *)ALIGN_UP(o->start, sizeof(long));
	unsigned long nr = min(o->bytes, (unsigned long)CHECKED) / sizeof(long);
	struct leak_sum *s = &leak_state.sum;

	if (s->of != o->start)
		*s = (struct leak_sum){ .of = o->start, .sum = 1 };
	for (; s->words < nr && *left; --*left)
		s->sum = (s->sum << 5 ^ s->sum >> 27) + READ_ONCE(word[s->words++]);
	return s->words >= nr;
}

static u32 take_sum(void)
{
	unsigned long sum = leak_state.sum.sum;

	leak_state.sum.of = 0;
	return (u32)(sum ^ (u64)sum >> 32);
}

/* One that isn't found for the first time, or has changed, is taken for found.  So is another that
 * has taken the place of one whose sum wasn't complete. */
static bool suspect(struct leak_object *o, unsigned *left)
{
	u32 checksum;

	if (!is_lost(o))
		return true;
	if (!sum_up(o, left))
		return false;
	checksum = take_sum();
	if (!(o->flags & LEAK_SUSPECT) || checksum != o->checksum) {
		o->flags |= LEAK_SUSPECT;
		o->checksum = checksum;
		o->scan = leak_state.scan;
		o->count = o->min_count;
		find(o);
	}
	return true;
}

static bool judge(struct leak_object *o, unsigned *left)
{
	u32 age = leak_now() - o->born;

	if (is_lost(o) && (o->flags & (LEAK_SUSPECT | LEAK_REPORTED)) == LEAK_SUSPECT &&
	    (u64)age << LEAK_TIME_SHIFT >= (u64)READ_ONCE(kmemleak_min_age_ms) * 1000000) {
		o->flags |= LEAK_REPORTED | LEAK_NEW;
		leak_state.counts.leaks++;
	}
	return true;
}

/* ---- telling ---- */

static void report_of(const struct leak_object *o, struct kmemleak_report *r)
{
	*r = (struct kmemleak_report){
		.start = o->start,
		.bytes = o->bytes,
		.age_ms = ((u64)(leak_now() - o->born) << LEAK_TIME_SHIFT) / 1000000,
		.thread = o->thread,
		.hart = o->hart,
	};
	for (unsigned i = 0; i < KMEMLEAK_TRACE; i++)
		r->trace[i] = o->trace[i];
}

/* The first object at *@at or above that has @flag, which is taken off if @clear. */
static bool next_with(unsigned long *at, u8 flag, bool clear, struct kmemleak_report *report)
{
	struct leak_object *o;
	unsigned long flags;
	bool found = false;

	do {
		spin_lock_irqsave(&leak_state.lock, flags);
		for (unsigned i = 0; i < BATCH && !found && (o = leak_next(*at)); i++) {
			*at = o->start + 1;
			found = o->flags & flag;
		}
		if (found)
			report_of(o, report);
		if (found && clear)
			o->flags &= (u8)~flag;
		spin_unlock_irqrestore(&leak_state.lock, flags);
	} while (o && !found);
	return found;
}

bool kmemleak_next(unsigned long *at, struct kmemleak_report *report)
{
	return next_with(at, LEAK_REPORTED, false, report);
}

bool kmemleak_is_leak(const void *start)
{
	unsigned long at = (unsigned long)start;
	struct kmemleak_report r;

	return kmemleak_next(&at, &r) && r.start == (unsigned long)start;
}

char *kmemleak_text(const struct kmemleak_report *r, char text[KMEMLEAK_TEXT])
{
	int at = snprintf(text, KMEMLEAK_TEXT,
			  "%lu bytes at 0x%lx, %lu.%03u s old, by thread %u on hart %u: ", r->bytes,
			  r->start, (unsigned long)(r->age_ms / 1000), (unsigned)(r->age_ms % 1000),
			  r->thread, r->hart);

	symbol_trace(r->trace, KMEMLEAK_TRACE, text + at, (size_t)(KMEMLEAK_TEXT - at));
	return text;
}

static unsigned long log_new(void)
{
	struct kmemleak_report r;
	unsigned long at = 0, nr = 0;
	char text[KMEMLEAK_TEXT];

	while (next_with(&at, LEAK_NEW, true, &r))
		if (nr++ < LEAKS_LOGGED)
			pr_warn("leak: %s", kmemleak_text(&r, text));
	if (nr > LEAKS_LOGGED)
		pr_warn("%lu leaks more; `kmemleak list` shows all", nr - LEAKS_LOGGED);
	return nr;
}

static bool no_leak(struct leak_object *o, unsigned *left)
{
	if (o->flags & LEAK_REPORTED) {
		leak_is_none(o);
		o->min_count = 0;
	}
	return true;
}

void kmemleak_clear(void)
{
	each_object(no_leak);
}

/* ---- all of it ---- */

unsigned long kmemleak_scan(void)
{
	unsigned long flags;

	spin_lock_irqsave(&leak_state.lock, flags);
	leak_state.scan++;
	leak_state.counts.scans++;
	spin_unlock_irqrestore(&leak_state.lock, flags);
	each_object(find_if_not_leak);
	read_roots();
	read_found();
	each_object(suspect);
	read_found();
	each_object(judge);
	return log_new();
}
