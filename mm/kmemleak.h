/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmemleak.h - what the files of the leak detector share
 */
#ifndef MM_KMEMLEAK_PRIVATE_H
#define MM_KMEMLEAK_PRIVATE_H

#include <kernel/spinlock.h>
#include <mm/kmemleak.h>
#include <mm/page_list.h>

/* Times are in units of about a millisecond since boot. */
#define LEAK_TIME_SHIFT 20

enum leak_flag {
	LEAK_IGNORED = 1, /* neither reported nor read */
	LEAK_NO_SCAN = 2, /* not read */
	LEAK_SUSPECT = 4, /* nothing led there the last time */
	LEAK_REPORTED = 8,
	LEAK_FOUND = 16, /* a scan will read it, or does */
	LEAK_NEW = 64,	 /* not logged as yet */
	LEAK_GONE = 32,	 /* with FOUND: it isn't in the tree any more */
};

/* A part of an object. */
struct leak_area {
	struct leak_area *next;
	unsigned long start, bytes;
};

/* An object that exists.  Letters: L under the lock; C constant. */
struct leak_object {
	struct leak_object *left, *right; /* L in the tree, by start */
	struct leak_object *next;	  /* L found, and to be read in this scan */
	struct leak_area *areas;	  /* L what may hold pointers; NULL: all of it */
	unsigned long start, bytes;	  /* C */
	u32 scan;		   /* L the number of the last one that found a pointer to it */
	u32 checksum;		   /* L of its contents, of a suspect */
	u32 born;		   /* C */
	u32 thread;		   /* C */
	u16 hart;		   /* C */
	u8 min_count;		   /* L so many pointers must lead there */
	u8 count;		   /* L so many did, up to min_count, in .scan */
	u8 flags;		   /* L enum leak_flag */
	u32 trace[KMEMLEAK_TRACE]; /* C */
};

/* A checksum that a scan is at; it goes on with it in its next hold. */
struct leak_sum {
	unsigned long of; /* its object's start; 0: none */
	unsigned long words, sum;
};

struct leak_state {
	spinlock_t lock;	       /* rank KMEMLEAK */
	struct leak_object *root;      /* L */
	unsigned long lowest, highest; /* L no object was ever outside of these */
	struct leak_object *found;     /* L chain of what is to be read */
	struct leak_sum sum;	       /* L */
	u32 scan;		       /* the number of this scan, or the last; 0: there was none */
	struct page_list pages;	       /* L with free records */
	struct kmemleak_counts counts; /* L */
};
extern struct leak_state leak_state;

/* The object that @addr lies in, or NULL.  The lock is held. */
struct leak_object *leak_find(unsigned long addr);

/* The first object at @addr or above.  Likewise. */
struct leak_object *leak_next(unsigned long addr);

/* Did pointers enough lead to @o in this scan?  Likewise. */
static inline bool leak_is_reached(const struct leak_object *o)
{
	return !o->min_count || (o->scan == leak_state.scan && o->count >= o->min_count);
}

/* @o isn't reported any more.  Likewise. */
void leak_is_none(struct leak_object *o);

/* leak_release - the records of @o, which is in no tree, go back to the pool; its pages without
 * records to @pages.  Likewise.  leak_free_pages: these go, without the lock. */
void leak_release(struct leak_object *o, struct page_list *pages);
void leak_free_pages(struct page_list *pages);

/* This moment, as ->born. */
u32 leak_now(void);

#endif
