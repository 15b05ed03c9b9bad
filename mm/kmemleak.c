/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmemleak.c - which objects exist, for the leak detector
 *
 * Record: what is known of an object that was handed out and hasn't come back.  Records are a tree
 * by address, a treap: ordered by start from left to right, and from top to bottom by a number that
 * is mixed from start, so that it's as deep as a random tree whatever the addresses are.  Objects
 * don't overlap, so one descent finds the one that an address lies in.
 *
 *     pool: pages cut into records; a page with free ones is on a list, object_free is the first of
 *     them, in which stands the number of the next; a page without used ones goes back at once
 *
 * What takes a record may be called by the slab allocator and allocates pages only, with no lock
 * held.  If there is none, the allocation that it's for fails, so that none is unknown.
 *
 * Invariants: a page of the pool is on the list if and only if object_free != NO_RECORD;
 *   counts.objects is the number of objects in the tree.              (kmemleak_validate)
 * Locking: leak_state.lock (rank KMEMLEAK), a leaf but for the log.
 * Cost: O(log objects); with the backtrace 8,500 instructions for an allocation and its release.  A
 *   record is 104 bytes (rv32: 80).  Caches have no magazines.
 * Not here: looking for leaks (kmemleak_scan.c), the thread that does (kernel/sched/kmemleak.c).
 */
#include "kmemleak.h"

#include <asm/memory.h>
#include <asm/trap.h>
#include <base/errno.h>
#include <kernel/bootargs.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/page_alloc.h>

#include <string.h>

extern char _start[];

bool kmemleak_on;
struct leak_state leak_state = { .lock = SPINLOCK_RANKED(LOCK_KMEMLEAK), .lowest = ~0UL };

static int parse_kmemleak(const char *value)
{
	if (strcmp(value, "on") && strcmp(value, "off"))
		return -EINVAL;
	kmemleak_on = value[1] == 'n';
	return 0;
}

static const struct bootarg arg_kmemleak __initconst = { "kmemleak", parse_kmemleak, "on or off" };
TABLE_ENTRY(bootarg, arg_kmemleak);

u32 leak_now(void)
{
	return (u32)(ktime_ns() >> LEAK_TIME_SHIFT);
}

/* ---- the pool ---- */

union record {
	struct leak_object object;
	struct leak_area area;
	u16 next; /* of a free one: the number of the next in its page */
};

#define RECORDS	  (PAGE_SIZE / sizeof(union record)) /* of a page */
#define NO_RECORD 0xffffU

/* What an allocation may do for its record, of all that it may do. */
#define MAY(gfp)                                                                               \
	(((gfp) & (__GFP_WAIT | __GFP_IO | __GFP_FS | __GFP_HIGH | __GFP_NOFAIL |              \
		   __GFP_RETRY_MAYFAIL | __GFP_NORETRY | __GFP_MEMALLOC | __GFP_NOMEMALLOC)) | \
	 __GFP_NOWARN)

static union record *records_of(const struct page *page)
{
	return page_address(page);
}

/* All free.  Nobody else knows the page. */
static void pool_prepare(struct page *page)
{
	union record *records = records_of(page);

	for (unsigned i = 0; i < RECORDS; i++)
		records[i].next = (u16)(i + 1 < RECORDS ? i + 1 : NO_RECORD);
	page->object_free = 0;
	page->objects_used = 0;
}

static void *pool_pop(void)
{
	struct page *page;
	union record *r;

	if (!leak_state.pages.first)
		return NULL;
	page = index_page(leak_state.pages.first);
	r = &records_of(page)[page->object_free];
	page->object_free = r->next;
	page->objects_used++;
	if (r->next == NO_RECORD)
		page_list_del(&leak_state.pages, page);
	return r;
}

/* A page that may go when the lock doesn't protect it any more, or NULL. */
static struct page *pool_push(void *record)
{
	struct page *page = virt_to_page(record);
	union record *r = record;

	if (page->object_free == NO_RECORD)
		page_list_add(&leak_state.pages, page);
	r->next = page->object_free;
	page->object_free = (u16)(r - records_of(page));
	if (--page->objects_used)
		return NULL;
	page_list_del(&leak_state.pages, page);
	leak_state.counts.pages--;
	return page;
}

static void *record_get(gfp_t gfp)
{
	struct page *page = NULL;
	unsigned long flags;
	void *r;

	for (;;) {
		spin_lock_irqsave(&leak_state.lock, flags);
		if (page) {
			page_list_add(&leak_state.pages, page);
			leak_state.counts.pages++;
		}
		r = pool_pop();
		spin_unlock_irqrestore(&leak_state.lock, flags);
		if (r)
			return r;
		page = alloc_page(MAY(gfp));
		if (!page)
			return NULL;
		pool_prepare(page);
	}
}

/* ---- the tree ---- */

/* A number that says nothing about the address. */
static u32 priority(const struct leak_object *o)
{
	u32 n = (u32)(o->start >> 3) ^ (u32)((u64)o->start >> 35);

	n = (n ^ n >> 16) * 0x85ebca6bU;
	n = (n ^ n >> 13) * 0xc2b2ae35U;
	return n ^ n >> 16;
}

struct leak_object *leak_find(unsigned long addr)
{
	struct leak_object *o = leak_state.root;

	while (o && addr - o->start >= o->bytes)
		o = addr < o->start ? o->left : o->right;
	return o;
}

struct leak_object *leak_next(unsigned long addr)
{
	struct leak_object *o = leak_state.root, *best = NULL;

	while (o) {
		if (o->start >= addr) {
			best = o;
			o = o->left;
		} else {
			o = o->right;
		}
	}
	return best;
}

/* Those of lower priority that stand where @o will are split at its start: they go below it. */
static void tree_insert(struct leak_object *o)
{
	struct leak_object **at = &leak_state.root, *rest, **left = &o->left, **right = &o->right;

	while (*at && priority(*at) >= priority(o))
		at = o->start < (*at)->start ? &(*at)->left : &(*at)->right;
	rest = *at;
	*at = o;
	while (rest) {
		if (rest->start < o->start) {
			*left = rest;
			left = &rest->right;
			rest = *left;
		} else {
			*right = rest;
			right = &rest->left;
			rest = *right;
		}
	}
	*left = *right = NULL;
}

/* What is below @o is joined, and stands where it stood. */
static void tree_remove(struct leak_object *o)
{
	struct leak_object **at = &leak_state.root, *left = o->left, *right = o->right;

	while (*at != o)
		at = o->start < (*at)->start ? &(*at)->left : &(*at)->right;
	while (left && right) {
		if (priority(left) >= priority(right)) {
			*at = left;
			at = &left->right;
			left = *at;
		} else {
			*at = right;
			at = &right->left;
			right = *at;
		}
	}
	*at = left ? left : right;
}

/* ---- objects come and go ---- */

void leak_is_none(struct leak_object *o)
{
	leak_state.counts.leaks -= !!(o->flags & LEAK_REPORTED);
	o->flags &= (u8) ~(LEAK_REPORTED | LEAK_NEW);
}

void leak_release(struct leak_object *o, struct page_list *pages)
{
	void *record = o;

	for (struct leak_area *a = o->areas; record; record = a, a = a ? a->next : NULL) {
		struct page *page = pool_push(record);

		if (page)
			page_list_add(pages, page);
	}
}

/* @o doesn't exist any more.  A scan that has it gives its record back later. */
static void forget(struct leak_object *o, struct page_list *pages)
{
	tree_remove(o);
	leak_state.counts.objects--;
	leak_is_none(o);
	if (o->flags & LEAK_FOUND)
		o->flags |= LEAK_GONE;
	else
		leak_release(o, pages);
}

void leak_free_pages(struct page_list *pages)
{
	struct page *page;

	while ((page = page_list_pop(pages)))
		__free_page(page);
}

/* Whatever was known where @o will be has gone without a word. */
static void forget_overlapped(const struct leak_object *o, struct page_list *pages)
{
	struct leak_object *old;

	while ((old = leak_find(o->start)) ||
	       ((old = leak_next(o->start)) && old->start - o->start < o->bytes))
		forget(old, pages);
}

static void describe(struct leak_object *o, const void *start, size_t bytes, int min_count)
{
	unsigned long pcs[KMEMLEAK_TRACE];
	unsigned nr = page_user_trace(pcs, KMEMLEAK_TRACE);

	memset(o, 0, sizeof(*o));
	o->start = (unsigned long)start;
	o->bytes = bytes;
	o->min_count = (u8)max(min_count, 0);
	o->flags = min_count < 0 ? LEAK_IGNORED : 0;
	o->born = leak_now();
	o->thread = current_thread_id();
	o->hart = (u16)smp_processor_id();
	for (unsigned i = 0; i < nr; i++)
		o->trace[i] = (u32)(pcs[i] - (unsigned long)_start);
}

bool kmemleak_track(const void *start, size_t bytes, int min_count, gfp_t gfp)
{
	struct page_list pages = { 0 };
	struct leak_object *o;
	unsigned long flags;

	if (likely(!kmemleak_on))
		return true;
	o = record_get(gfp);
	if (!o)
		return false;
	describe(o, start, bytes, min_count);
	spin_lock_irqsave(&leak_state.lock, flags);
	forget_overlapped(o, &pages);
	tree_insert(o);
	leak_state.lowest = min(leak_state.lowest, o->start);
	leak_state.highest = max(leak_state.highest, o->start + bytes);
	leak_state.counts.objects++;
	spin_unlock_irqrestore(&leak_state.lock, flags);
	leak_free_pages(&pages);
	return true;
}

void kmemleak_alloc(const void *start, size_t bytes, int min_count, gfp_t gfp)
{
	if (!kmemleak_track(start, bytes, min_count, gfp))
		__atomic_fetch_add(&leak_state.counts.missed, 1, __ATOMIC_RELAXED);
}

/* The object that begins at @start, or NULL. */
static struct leak_object *object_at(const void *start)
{
	struct leak_object *o = leak_find((unsigned long)start);

	return o && o->start == (unsigned long)start ? o : NULL;
}

void kmemleak_free(const void *start)
{
	struct page_list pages = { 0 };
	struct leak_object *o;
	unsigned long flags;

	if (likely(!kmemleak_on))
		return;
	spin_lock_irqsave(&leak_state.lock, flags);
	o = object_at(start);
	if (o)
		forget(o, &pages);
	spin_unlock_irqrestore(&leak_state.lock, flags);
	leak_free_pages(&pages);
}

/* ---- what their owners say of them ---- */

static void say(const void *start, u8 flag)
{
	struct leak_object *o;
	unsigned long flags;

	spin_lock_irqsave(&leak_state.lock, flags);
	o = object_at(start);
	if (o && flag)
		o->flags |= flag;
	else if (o)
		o->min_count = 0;
	if (o && flag != LEAK_NO_SCAN)
		leak_is_none(o);
	spin_unlock_irqrestore(&leak_state.lock, flags);
}

void kmemleak_not_leak(const void *start)
{
	say(start, 0);
}

void kmemleak_ignore(const void *start)
{
	say(start, LEAK_IGNORED);
}

void kmemleak_no_scan(const void *start)
{
	say(start, LEAK_NO_SCAN);
}

void kmemleak_scan_area(const void *start, size_t bytes, gfp_t gfp)
{
	struct leak_area *a = kmemleak_on ? record_get(gfp) : NULL;
	struct page *page = NULL;
	struct leak_object *o;
	unsigned long flags;

	if (!a)
		return;
	spin_lock_irqsave(&leak_state.lock, flags);
	o = leak_find((unsigned long)start);
	if (o) {
		bytes = min(bytes, (size_t)(o->start + o->bytes - (unsigned long)start));
		*a = (struct leak_area){ o->areas, (unsigned long)start, bytes };
		__atomic_store_n(&o->areas, a, __ATOMIC_RELEASE); /* read_object() */
	} else {
		page = pool_push(a);
	}
	spin_unlock_irqrestore(&leak_state.lock, flags);
	if (page)
		__free_page(page);
}

/* ---- the whole ---- */

void kmemleak_count(struct kmemleak_counts *counts)
{
	unsigned long flags;

	spin_lock_irqsave(&leak_state.lock, flags);
	*counts = leak_state.counts;
	spin_unlock_irqrestore(&leak_state.lock, flags);
}

/* The number of objects below @o, which lie in [low, high); ~0: they don't, or are out of order. */
static unsigned long check_tree(const struct leak_object *o, unsigned long low, unsigned long high)
{
	unsigned long left, right;

	if (!o)
		return 0;
	if (o->start < low || o->bytes > high - o->start)
		return ~0UL;
	if ((o->left && priority(o->left) > priority(o)) ||
	    (o->right && priority(o->right) > priority(o)))
		return ~0UL;
	left = check_tree(o->left, low, o->start);
	right = check_tree(o->right, o->start + o->bytes, high);
	return left == ~0UL || right == ~0UL ? ~0UL : left + right + 1;
}

static const char *check_pool(void)
{
	u32 index = leak_state.pages.first;

	for (u32 i = 0; i < leak_state.pages.nr; i++) {
		const struct page *page = index_page(index);
		unsigned at = page->object_free, nr = 0;

		for (; at < RECORDS && nr < RECORDS; nr++)
			at = records_of(page)[at].next;
		if (at != NO_RECORD || !nr || nr + page->objects_used != RECORDS)
			return "a page of records doesn't add up";
		index = page->next;
	}
	return index ? "the list of pages is longer than it says" : NULL;
}

const char *kmemleak_validate(void)
{
	unsigned long flags, nr;
	const char *fault;

	spin_lock_irqsave(&leak_state.lock, flags);
	nr = check_tree(leak_state.root, 0, ~0UL);
	fault = nr == ~0UL			  ? "the tree is out of order"
		: nr != leak_state.counts.objects ? "the tree has another number of objects"
						  : check_pool();
	spin_unlock_irqrestore(&leak_state.lock, flags);
	return fault;
}
