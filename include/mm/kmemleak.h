/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmemleak.h - memory that nobody can find any more (CONFIG_DEBUG_KMEMLEAK, kmemleak=on)
 *
 * Each object of a cache and each kmalloc() is known, with who allocated it.  Now and then all
 * memory that may hold pointers is read: an object that none leads to, to its start or into it, is
 * reported.  What holds pointers and comes from elsewhere, like alloc_pages(), is made known with
 * kmemleak_alloc().
 *
 * No pointers are numbers: a struct page found by page_index(), an address that is stored in parts,
 * XORed, or as a physical one.  Objects that only such lead to are told with kmemleak_not_leak().
 * A hart's data are read, objects of alloc_percpu() among them; these aren't tracked themselves.
 */
#ifndef MM_KMEMLEAK_H
#define MM_KMEMLEAK_H

#include <base/compiler.h>
#include <mm/gfp.h>

/* Calls that led to an allocation. */
#define KMEMLEAK_TRACE 8

/* What was found. */
struct kmemleak_report {
	unsigned long start, bytes;
	u64 age_ms;
	unsigned thread, hart;	   /* that allocated it (current_thread_id()) */
	u32 trace[KMEMLEAK_TRACE]; /* offsets from _start, innermost first; 0 behind the last */
};

/* Room for kmemleak_text(). */
#define KMEMLEAK_TEXT 512

struct kmemleak_counts {
	unsigned long objects; /* known */
	unsigned long leaks;   /* reported, and still there */
	unsigned long pages;   /* that the records take */
	unsigned long missed; /* blocks that there was no memory to know of: reports may be wrong */
	unsigned long scans;
};

#ifdef CONFIG_DEBUG_KMEMLEAK

extern bool kmemleak_on; /* constant after boot */

/* kmemleak_track - kmemleak_alloc() that says whether it worked: false, no memory.  For those who
 * then give @start back. */
bool kmemleak_track(const void *start, size_t bytes, int min_count, gfp_t gfp) __must_check;

/*
 * kmemleak_alloc - @bytes at @start exist, and hold pointers
 * They're a leak when fewer than @min_count pointers lead there: 0: never, -1: neither, and they
 * are not read.  @gfp: as for an allocation.  kmemleak_free: they go; an address that isn't known
 * is nothing.  Any context.
 */
void kmemleak_alloc(const void *start, size_t bytes, int min_count, gfp_t gfp);
void kmemleak_free(const void *start);

/*
 * kmemleak_not_leak - nothing need lead to the object at @start.  kmemleak_ignore: and it isn't
 * read.  kmemleak_no_scan: it isn't read.  kmemleak_scan_area: of its object only the @bytes at
 * @start and other such areas are; without memory for that, all of it.  Any context.
 */
void kmemleak_not_leak(const void *start);
void kmemleak_ignore(const void *start);
void kmemleak_no_scan(const void *start);
void kmemleak_scan_area(const void *start, size_t bytes, gfp_t gfp);

/*
 * kmemleak_scan - read memory once, and log what is a leak
 * What no pointer led to in this scan and the one before, didn't change between them, and is older
 * than vm.kmemleak_min_age_ms.  How many are new.  One at a time; sleeps.  For the thread
 * (kernel/sched/kmemleak.c): others call kmemleak_scan_now().
 */
unsigned long kmemleak_scan(void);

/* kmemleak_scan_range - while kmemleak_scan() runs: pointers may stand in [start, end). */
void kmemleak_scan_range(const void *start, const void *end);

/* Has kmemleak_scan_range() called for the stacks of all threads. */
extern void (*kmemleak_scan_stacks)(void);

/* kmemleak_next - the first leak at *@at or above; *@at moves behind it.  False: no more. */
bool kmemleak_next(unsigned long *at, struct kmemleak_report *report);

/* kmemleak_is_leak - is the object at @start reported? */
bool kmemleak_is_leak(const void *start);

/* kmemleak_text - @report in a line, into @text, which is returned. */
char *kmemleak_text(const struct kmemleak_report *report, char text[KMEMLEAK_TEXT]);

/* kmemleak_clear - what is reported so far isn't any more, nor will be. */
void kmemleak_clear(void);

void kmemleak_count(struct kmemleak_counts *counts);

/* kmemleak_validate - the tree is one, and the pool adds up: NULL, or what is wrong. */
const char *kmemleak_validate(void);

#else

#define kmemleak_on false

static inline bool kmemleak_track(const void *start, size_t bytes, int min_count, gfp_t gfp)
{
	return true;
}

static inline void kmemleak_alloc(const void *start, size_t bytes, int min_count, gfp_t gfp)
{
}

static inline void kmemleak_free(const void *start)
{
}

static inline void kmemleak_not_leak(const void *start)
{
}

static inline void kmemleak_ignore(const void *start)
{
}

static inline void kmemleak_no_scan(const void *start)
{
}

static inline void kmemleak_scan_area(const void *start, size_t bytes, gfp_t gfp)
{
}

static inline void kmemleak_count(struct kmemleak_counts *counts)
{
	*counts = (struct kmemleak_counts){ 0 };
}

#endif

/* kmemleak_erase - the pointer at @where doesn't count from now on. */
static inline void kmemleak_erase(void **where)
{
	WRITE_ONCE(*where, NULL);
}

#endif
