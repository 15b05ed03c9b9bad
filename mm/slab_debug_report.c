/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_debug_report.c - what is said about an object of a debugged cache
 *
 *     WARN at mm/slab_report.c:32: BUG: slab: object 0x... of inode was written to behind its end
 *     Call trace: ...                                    who found it: mostly who frees it
 *       object 3 of 21, 64 bytes, in the slab of order 0 at pfn 0x8fe16
 *       allocated at 0.756241 by thread 1 on hart 0: inner+0x1/0x2 < outer+0x3/0x4
 *       freed at 0.756267 by thread 1 on hart 0: ...     the time before, if it was ever
 *       bytes 64 to 66 hold 41 42 43, expected cc; mended
 *           48: 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a 5a  ZZZZZZZZZZZZZZZZ
 *     >     64: 41 42 43 cc cc cc cc cc ...
 *
 * Offsets count from the object's start.  Locking: none; called under a node's lock too.
 */
#define LOG_PREFIX "slab: "
#include <asm/memory.h>
#include <kernel/log.h>
#include <kernel/symbols.h>
#include <mm/memmap.h>

#include "internal.h"
#include "slab_debug.h"
#include "slab_track.h"

#include <stdio.h>

#define ROW	    16 /* bytes of a line */
#define ROWS_MAX    6
#define SHOWN_BYTES 8

static void show_track(enum log_level level, const char *what, const struct slab_track *track)
{
	char calls[LOG_TEXT_MAX];
	u64 us = track->time / 1000;

	if (!track->time)
		return;
	printk(level, "  %s at %lu.%06lu by thread %u on hart %u: %s", what,
	       (unsigned long)(us / 1000000), (unsigned long)(us % 1000000),
	       (unsigned)track->thread, (unsigned)track->hart,
	       symbol_trace(track->trace, SLAB_TRACK_CALLS, calls, sizeof(calls)));
}

/* The block at @pfn, if it's a slab. */
static const struct page *slab_at(const void *at)
{
	unsigned long pfn = PFN_DOWN(__pa(at));
	const struct page *head;

	if (!va_is_linear(at))
		return NULL;
	head = memmap_block_of(pfn);
	return head && block_kind(head) == BLOCK_USED && page_flag(head, PG_slab) ? head : NULL;
}

void slab_debug_show(enum log_level level, const void *at)
{
	const struct page *slab = slab_at(at);
	const struct kmem_cache *s = slab ? slab->mapping : NULL;
	const struct slab_track *tracks;
	unsigned long offset;
	const char *block;
	unsigned nr;

	if (!s || !slab_debugged(s))
		return;
	nr = (unsigned)((unsigned long)((const char *)at - (char *)page_address(slab)) / s->size);
	if (nr >= s->objects)
		return;
	block = slab_object(s, slab, nr);
	offset = (unsigned long)((const char *)at - block) - s->pad;
	printk(level, "  object %u of %u, %u bytes, of %s, in the slab of order %u at pfn 0x%lx",
	       nr, (unsigned)s->objects, (unsigned)s->object_size, s->name, s->order,
	       page_to_pfn(slab));
	if (offset)
		printk(level, "  which begins at %p: that is its byte %ld", block + s->pad,
		       (long)offset);
	tracks = slab_tracks(s, block);
	if (!tracks)
		return;
	show_track(level, "allocated", &tracks[SLAB_ALLOCATED]);
	show_track(level, "freed", &tracks[SLAB_FREED]);
}

/* A line of bytes, from @at on, but not beyond @end. */
static void show_row(enum log_level level, const struct slab_damage *d, const u8 *at, const u8 *end)
{
	const u8 *object = (const u8 *)d->block + d->s->pad;
	bool hit = at < d->first + d->bytes && at + ROW > d->first;
	char hex[3 * ROW + 1], text[ROW + 1];
	unsigned i;

	for (i = 0; i < ROW && at + i < end; i++) {
		snprintf(hex + 3 * i, 4, " %02x", at[i]);
		text[i] = at[i] > ' ' && at[i] < 0x7f ? (char)at[i] : '.';
	}
	text[i] = '\0';
	printk(level, "%c %6ld:%s  %s", hit ? '>' : ' ', (long)(at - object), hex, text);
}

/* The lines around the bytes that are wrong. */
static void show_rows(enum log_level level, const struct slab_damage *d)
{
	const u8 *start = d->block, *object = start + d->s->pad;
	const u8 *end = (const u8 *)page_address(d->slab) + (PAGE_SIZE << d->s->order);
	long row = ALIGN_DOWN((long)(d->first - object), (long)ROW) - ROW;

	for (unsigned i = 0; i < ROWS_MAX; i++, row += ROW) {
		const u8 *at = object + row;

		if (at >= end || at >= d->first + d->bytes + ROW)
			break;
		if (at + ROW > start)
			show_row(level, d, max(at, start), end);
	}
}

void slab_debug_report(const struct slab_damage *d)
{
	const u8 *object = (const u8 *)d->block + d->s->pad;
	enum log_level level = slab_report_level();
	char hold[3 * SHOWN_BYTES + 1];
	long first = (long)(d->first - object);

	slab_report(d->s, object, d->what);
	for (unsigned i = 0; i < min(d->bytes, (unsigned)SHOWN_BYTES); i++)
		snprintf(hold + 3 * i, 4, " %02x", d->first[i]);
	printk(level, "  bytes %ld to %ld hold%s%s, expected %02x; mended", first,
	       first + (long)d->bytes - 1, hold, d->bytes > SHOWN_BYTES ? " ..." : "", d->expected);
	show_rows(level, d);
}

void slab_debug_trace(const struct kmem_cache *s, const void *object, const char *what,
		      const struct slab_track *track)
{
	char calls[LOG_TEXT_MAX];

	pr_notice("%s: %p %s by %s", s->name, object, what,
		  symbol_trace(track->trace, SLAB_TRACK_CALLS, calls, sizeof(calls)));
}
