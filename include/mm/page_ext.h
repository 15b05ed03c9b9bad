/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_ext.h - what is kept about each page beside its descriptor, if a boot argument asks for it
 *
 * One entry of 64 bytes a frame (1.6 % of memory).  Of a block only the first page's is written, at
 * each allocation and release, so neither costs more for a large block.  The entries of its other
 * pages tell what became of the smaller blocks that began there earlier.
 */
#ifndef MM_PAGE_EXT_H
#define MM_PAGE_EXT_H

#include <mm/gfp.h>
#include <mm/page.h>

#define PAGE_TRACE 4 /* calls that are kept */

/* Times are in units of 16 ns since boot. */
#define PAGE_TIME_SHIFT 4

struct page_event {
	u32 trace[PAGE_TRACE]; /* offsets from _start, innermost first; 0 behind the last */
	u64 hart : 12, time : 52;
	u32 thread; /* current_thread_id() */
	union {
		u32 gfp; /* of an allocation */
		struct {
			u8 order;   /* of the block, free or used */
			bool used;  /* the allocation is the later of the two events */
			bool guard; /* nobody's: it lies behind the block below it */
		};		    /* of a release, whether there was one or not */
	};
};

/* The block that begins, or began, at a frame. time 0: there was no such event. */
struct page_ext {
	struct page_event alloc, free;
};
_Static_assert(sizeof(struct page_ext) == 64, "see above");

/* page_ext_init - make the table, zeroed.  While memblock is open. */
void page_ext_init(void);

/*
 * page_ext_get - @pfn's entry, until page_ext_put(); NULL without the table or if @pfn is no memory
 * O(log banks), any context.  Whoever has the page may write it; it may change while others read
 * it.  Of high memory it's seen through a window of kmap_local_page(), so the last that was got is
 * put first.
 */
struct page_ext *page_ext_get(unsigned long pfn);

/* page_ext_put - done with what page_ext_get() returned, or NULL. */
void page_ext_put(const struct page_ext *ext);

/*
 * page_ext_find - what tells of @pfn most recently: of a block that holds or held it
 * *@ext: a copy of its entry; *@head: that block's first frame.  false: there is none.  O(orders).
 */
bool page_ext_find(unsigned long pfn, struct page_ext *ext, unsigned long *head);

/* page_owner.c: note an event, as page_debug_alloc() and page_debug_free(). */
void page_owner_alloc(const struct page *page, unsigned order, gfp_t gfp);
void page_owner_free(const struct page *page, unsigned order);

#endif
