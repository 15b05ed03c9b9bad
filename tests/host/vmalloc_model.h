/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmalloc_model.h - which addresses are whose, which page is mapped at each and what is in it
 *
 * For vmalloc_ops.c.  What is lazy is nobody's here; whether it's given out too early is seen by
 * vmap_world.c.  Each page of an area begins with a word that only this area and page have, written
 * by the area's address and read also by the page's.
 */
#ifndef VMALLOC_MODEL_H
#define VMALLOC_MODEL_H

#include "vmap_world.h"

#define MODEL_AREAS 400
#define MODEL_MOST  1200 /* pages of an area */
#define MODEL_FREED 8

/* ARRAY: of another's pages; the allocator made it where kmalloc() had no memory. */
enum kind { VMALLOC, MAPPED, MAPPED_PUT, BARE, ARRAY };

struct area {
	char *addr;
	unsigned long nr; /* pages, without the guard */
	unsigned long pfn[MODEL_MOST];
	unsigned long word;
	enum kind kind;
	bool busy;   /* about to be freed */
	bool orphan; /* goes with its area, which a thread will end */
	u16 array;   /* 1 + number of the ARRAY */
};

extern struct area *model_area[MODEL_AREAS];
extern unsigned model_nr_areas;
extern u16 model_whose[REGION_MAX_PAGES + 1]; /* 1 + number of the area, by page of the region */
extern unsigned long model_pages, model_bytes_used; /* of the region; of areas */
extern bool model_keeps_some; /* free pages don't mean that everybody gets one */
extern bool model_others;     /* others freed something while an area was to be made */
extern const void *model_freed[MODEL_FREED]; /* where areas began */

/* model_begin - there are none, in a region of @pages. */
void model_begin(unsigned long pages);

unsigned long model_page(const void *addr);
unsigned long model_largest_run(void); /* of pages that are nobody's */

/* Where page @i of @a begins, and the word that is there; model_fill - write all. */
unsigned long *model_word_at(const struct area *a, unsigned long i);
unsigned long model_word(const struct area *a, unsigned long i);
void model_fill(const struct area *a);

/* All that is known of @a. */
void model_expect_area(const struct area *a);

/*
 * model_own - @addr, an area of @nr pages at a multiple of @align, was made now; NULL: it wasn't,
 * and there must be a reason.  Its number, or MODEL_AREAS.  model_own_memory: of vmalloc()'s, whose
 * pages are looked up.  model_disown: it was freed.  model_settle: what a thread was to end may be
 * gone by now.
 */
unsigned model_own(void *addr, enum kind kind, unsigned long nr, unsigned long align);
void model_own_memory(void *addr, size_t bytes, unsigned long align, bool clear);
void model_disown(unsigned at);
void model_settle(void);

#endif
