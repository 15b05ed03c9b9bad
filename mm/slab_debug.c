/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slab_debug.c - looking at each object that chosen caches hand out and take back
 *
 * A debugged cache has no magazines, so each object comes from its slab and goes back there.  What
 * a slab is cut into is larger than the object by what its flags ask for:
 *
 *     |<- pad --------->|                 | 8 bytes or more |    link, tracks      |         |
 *     |  red zone       |  object         |  red zone       |  next, who, who last | padding |
 *     used  cc cc cc cc   5a 5a ... 5a 5a   cc cc cc cc                              5a 5a 5a
 *     free  bb bb bb bb   6b 6b ... 6b a5   bb bb bb bb                              5a 5a 5a
 *
 * What is between the objects of a slab and its end is padding too.  Where a byte isn't what it
 * must be, the object is reported, once, and the bytes are set right.
 *
 * When: an object is checked as a free one when it's handed out, as a used one when it comes back,
 * as whichever it is by validate_slab_cache(), and all of a slab that goes back to the page
 * allocator.  An object that comes back must not be in its slab's chain.
 *
 * Invariant, under the node's lock: what is in a slab's chain looks like a free object, all others
 *   like used ones; a slab that has no free object is on n->whole.
 * Locking: the node's, while objects are checked and reported.
 * Cost: none for other caches, but a test where a magazine goes to or comes from slabs.  A pair of
 *   192 bytes: 930 instructions, red zones 1,200 more, poison 2,800, owners 17,000.
 * Not here: what is said (slab_debug_report.c).
 */
#include "slab_debug.h"

#include <asm/trap.h>
#include <base/errno.h>
#include <kernel/bootargs.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/kasan.h>
#include <mm/page_alloc.h>

#include "internal.h"
#include "slab_track.h"

#include <string.h>

#define RED_LEAST   8U /* bytes */
#define RED_FREE    0xbb
#define RED_USED    0xcc
#define POISON_NEW  0x5a /* used, and not written to as yet; padding */
#define POISON_FREE 0x6b
#define POISON_END  0xa5 /* the last byte of a free one */
#define DEBUG_ALL   (SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)

extern char _start[];

/* ---- which caches ---- */

/* slub_debug=, or NULL. */
#ifdef CONFIG_KASAN
static const char *asked = "ZU";
#else
static const char *asked;
#endif

/* The flags at *@at, which moves behind them; ~0: a letter that means nothing. */
static slab_flags_t scan_flags(const char **at)
{
	static const struct {
		char letter;
		slab_flags_t flag;
	} letters[] = {
		{ 'f', SLAB_CONSISTENCY_CHECKS }, { 'z', SLAB_RED_ZONE }, { 'p', SLAB_POISON },
		{ 'u', SLAB_STORE_USER },	  { 't', SLAB_TRACE },	  { '-', 0 },
	};
	slab_flags_t flags = 0;
	const char *p = *at;

	for (; *p && *p != ',' && *p != ';'; p++) {
		unsigned i = 0;

		while (i < ARRAY_SIZE(letters) && letters[i].letter != (*p | 0x20) &&
		       letters[i].letter != *p)
			i++;
		if (i == ARRAY_SIZE(letters))
			return ~(slab_flags_t)0;
		flags |= letters[i].flag;
	}
	if (p == *at)
		flags = DEBUG_ALL;
	*at = p;
	return flags;
}

static int __init parse_slub_debug(const char *value)
{
	for (const char *at = value;; at++) {
		if (scan_flags(&at) == ~(slab_flags_t)0)
			return -EINVAL;
		at += strcspn(at, ";");
		if (!*at)
			break;
	}
	asked = value;
	return 0;
}

static const struct bootarg arg_slub_debug __initconst = {
	"slub_debug", parse_slub_debug, "FZPUT,cache,cache*;..., or - for none"
};
TABLE_ENTRY(bootarg, arg_slub_debug);

/* Is @name what stands from @from to @end, where a '*' is anything? */
static bool matches(const char *name, const char *from, const char *end)
{
	for (; from < end; from++, name++) {
		if (*from == '*') {
			for (;; name++) {
				if (matches(name, from + 1, end))
					return true;
				if (!*name)
					return false;
			}
		}
		if (*name != *from)
			return false;
	}
	return !*name;
}

/* Is @name in the list at *@at, which moves behind it? */
static bool in_list(const char *name, const char **at)
{
	bool found = false;

	while (**at == ',') {
		const char *from = *at + 1, *end = from + strcspn(from, ",;");

		found |= matches(name, from, end);
		*at = end;
	}
	return found;
}

slab_flags_t slab_debug_flags(const char *name, slab_flags_t flags)
{
	slab_flags_t all = 0;

	for (const char *at = asked; at; at = *at ? at + 1 : NULL) {
		slab_flags_t these = scan_flags(&at);

		if (*at != ',')
			all = these;
		else if (in_list(name, &at))
			return flags | these;
	}
	return flags | all;
}

/* ---- where what lies ---- */

static inline char *object_of(const struct kmem_cache *s, void *block)
{
	return (char *)block + s->pad;
}

/* Behind the object: bytes of its red zone. */
static unsigned right_zone(const struct kmem_cache *s)
{
	return s->flags & SLAB_RED_ZONE ? (unsigned)ALIGN_UP(s->object_size, sizeof(long)) +
						  RED_LEAST - s->object_size
					: 0;
}

static unsigned tracks_at(const struct kmem_cache *s)
{
	return s->link + FREE_BYTES;
}

static struct slab_track *tracks_of(const struct kmem_cache *s, void *block)
{
	return (struct slab_track *)((char *)block + tracks_at(s));
}

const struct slab_track *slab_tracks(const struct kmem_cache *s, const void *block)
{
	return s->flags & SLAB_STORE_USER ? tracks_of(s, (void *)block) : NULL;
}

/* Where the padding behind an object begins. */
static unsigned padding_at(const struct kmem_cache *s)
{
	if (!(s->flags & SLAB_STORE_USER))
		return s->link + FREE_BYTES;
	return tracks_at(s) + 2 * (unsigned)sizeof(struct slab_track);
}

unsigned slab_debug_shape(struct kmem_cache *s, unsigned align)
{
	if (s->ctor || (s->flags & SLAB_TYPESAFE_BY_RCU)) /* free objects keep what's in them */
		s->flags &= ~SLAB_POISON;
	s->pad = (u16)(s->flags & SLAB_RED_ZONE ? max(align, RED_LEAST) : 0);
	s->link = (u16)ALIGN_UP(s->pad + s->object_size + right_zone(s), sizeof(u32));
	return padding_at(s);
}

/* ---- bytes ---- */

/* Set what of @block is of neither its user nor its chain, for an object that is used or free. */
static void set_block(struct kmem_cache *s, void *block, bool used)
{
	char *object = object_of(s, block);
	int red = used ? RED_USED : RED_FREE;

	if (s->flags & SLAB_RED_ZONE) {
		memset(block, red, s->pad);
		memset(object + s->object_size, red, right_zone(s));
	}
	if (s->flags & SLAB_POISON) {
		memset(object, used ? POISON_NEW : POISON_FREE, s->object_size);
		if (!used)
			object[s->object_size - 1] = (char)POISON_END;
	}
}

/* @bytes from @at on must be @expected.  If they aren't they become so, and unless @report is NULL,
 * that is filled in.  True if they are. */
static bool check_bytes(void *at, unsigned bytes, u8 expected, const char *what,
			struct slab_damage *report)
{
	u8 *first = at, *end = first + bytes, *last = end;

	while (first < end && *first == expected)
		first++;
	if (likely(first == end))
		return true;
	while (last[-1] == expected)
		last--;
	if (!report->what) {
		report->what = what;
		report->first = first;
		report->bytes = (unsigned)(last - first);
		report->expected = expected;
		slab_debug_report(report);
	}
	memset(first, expected, (size_t)(last - first));
	return false;
}

/* Is @block of @slab as it must be?  If not, it's reported and mended. */
static bool check_block(struct kmem_cache *s, struct page *slab, void *block, bool used)
{
	struct slab_damage d = { .s = s, .slab = slab, .block = block };
	unsigned from = padding_at(s), size = s->object_size;
	char *object = object_of(s, block);
	u8 red = used ? RED_USED : RED_FREE;

	if (s->flags & SLAB_RED_ZONE) {
		check_bytes(object + size, right_zone(s), red, "was written to behind its end", &d);
		check_bytes(block, s->pad, red, "was written to before its start", &d);
	}
	if (s->flags & SLAB_POISON) {
		if (!used) {
			check_bytes(object, size - 1, POISON_FREE,
				    "was written to after it was freed", &d);
			check_bytes(object + size - 1, 1, POISON_END,
				    "was written to after it was freed", &d);
		}
		check_bytes((char *)block + from, s->size - from, POISON_NEW,
			    "was written to far behind its end", &d);
	}
	return !d.what;
}

/* Behind the objects of @slab. */
static char *rest_of(const struct kmem_cache *s, const struct page *slab, unsigned *bytes)
{
	unsigned at = s->objects * s->size;

	*bytes = s->flags & SLAB_POISON ? (unsigned)(PAGE_SIZE << s->order) - at : 0;
	return (char *)page_address(slab) + at;
}

static bool check_rest(struct kmem_cache *s, struct page *slab)
{
	struct slab_damage d = { .s = s, .slab = slab };
	unsigned bytes;
	char *rest = rest_of(s, slab, &bytes);

	d.block = slab_object(s, slab, s->objects - 1U);
	return check_bytes(rest, bytes, POISON_NEW, "was written to far behind its end", &d);
}

/* ---- who ---- */

static void note_calls(struct slab_track *track)
{
	unsigned long pcs[SLAB_TRACK_CALLS];
	unsigned nr = page_user_trace(pcs, SLAB_TRACK_CALLS);

	for (unsigned i = 0; i < SLAB_TRACK_CALLS; i++)
		track->trace[i] = i < nr ? (u32)(pcs[i] - (unsigned long)_start) : 0;
	track->time = max(ktime_ns(), (u64)1);
	track->hart = smp_processor_id();
	track->thread = current_thread_id();
}

/* This happens to an object of @s now: into @track. */
static void note(const struct kmem_cache *s, struct slab_track *track, const char *what,
		 const void *object)
{
	if (!(s->flags & (SLAB_STORE_USER | SLAB_TRACE)))
		return;
	note_calls(track);
	if (s->flags & SLAB_TRACE)
		slab_debug_trace(s, object, what, track);
}

/* ---- the hooks ---- */

void slab_debug_fresh(struct kmem_cache *s, struct page *slab)
{
	unsigned bytes;
	char *rest = rest_of(s, slab, &bytes);

	memset(page_address(slab), s->flags & SLAB_POISON ? POISON_NEW : 0,
	       (size_t)s->objects * s->size);
	memset(rest, POISON_NEW, bytes);
	kasan_poison(page_address(slab), PAGE_SIZE << s->order, KASAN_ZONE);
	for (unsigned nr = 0; nr < s->objects; nr++) {
		void *block = slab_object(s, slab, nr);

		set_block(s, block, false);
		if (s->ctor) /* is called next */
			kasan_unpoison(object_of(s, block), s->object_size);
		else
			kasan_poison(object_of(s, block), ALIGN_UP(s->object_size, 8UL),
				     KASAN_FREE);
		if (s->flags & SLAB_STORE_USER)
			memset(tracks_of(s, block), 0, 2 * sizeof(struct slab_track));
	}
}

void slab_debug_took(struct kmem_cache *s, void **object)
{
	void *block = *object;
	struct slab_track track;

	*object = object_of(s, block);
	check_block(s, compound_head(virt_to_page(block)), block, false);
	set_block(s, block, true);
	kasan_unpoison(*object, s->object_size);
	note(s, &track, "allocated", *object);
	if (s->flags & SLAB_STORE_USER)
		tracks_of(s, block)[SLAB_ALLOCATED] = track;
}

/* Why can't @object, which is in a slab of @s, be freed?  NULL: it can. */
static const char *bad_free(const struct kmem_cache *s, const struct page *slab, const void *object)
{
	unsigned nr = slab_number(s, slab, (const char *)object - s->pad);

	return nr == NO_OBJECT		    ? "doesn't begin there"
	       : slab_in_chain(s, slab, nr) ? "was freed before"
					    : NULL;
}

static void give(struct kmem_cache *s, char *object)
{
	struct page *slab = compound_head(virt_to_page(object));
	struct kmem_cache_node *n = slab_node(s, slab);
	char *block = object - s->pad;
	struct slab_track track;
	bool empty = false;
	unsigned long flags;
	const char *why;

	note(s, &track, "freed", object);
	spin_lock_irqsave(&n->lock, flags);
	why = bad_free(s, slab, object);
	if (why) {
		slab_report(s, object, why);
	} else {
		check_block(s, slab, block, true);
		if (s->flags & SLAB_STORE_USER)
			tracks_of(s, block)[SLAB_FREED] = track;
		set_block(s, block, false);
		if (slab_clears_free(s))
			memset(object, 0, s->object_size);
		if (!(s->flags & SLAB_TYPESAFE_BY_RCU)) /* of which readers may still look */
			kasan_poison(object, ALIGN_UP(s->object_size, 8UL), KASAN_FREE);
		empty = slab_give_one(s, n, slab, block);
	}
	spin_unlock_irqrestore(&n->lock, flags);
	if (empty)
		slab_release(s, slab);
}

void slab_debug_give(struct kmem_cache *s, void **object, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		give(s, object[i]);
}

/* How many of @slab's objects aren't as they must be. */
static unsigned long check_slab(struct kmem_cache *s, struct page *slab)
{
	unsigned long bad = !check_rest(s, slab);

	for (unsigned nr = 0; nr < s->objects; nr++)
		bad += !check_block(s, slab, slab_object(s, slab, nr), !slab_in_chain(s, slab, nr));
	return bad;
}

void slab_debug_release(struct kmem_cache *s, struct page *slab)
{
	check_slab(s, slab);
	kasan_unpoison(page_address(slab), PAGE_SIZE << s->order);
}

static unsigned long check_list(struct kmem_cache *s, const struct page_list *list)
{
	unsigned long bad = 0;

	for (u32 at = list->first; at; at = index_page(at)->next)
		bad += check_slab(s, index_page(at));
	return bad;
}

unsigned long validate_slab_cache(struct kmem_cache *s)
{
	unsigned long flags, bad = 0;

	if (!slab_debugged(s))
		return 0;
	for (unsigned nid = 0; nid < MAX_NUMNODES; nid++) {
		struct kmem_cache_node *n = s->node[nid];

		if (!n)
			continue;
		spin_lock_irqsave(&n->lock, flags);
		bad += check_list(s, &n->partial) + check_list(s, &n->empty) +
		       check_list(s, &n->whole);
		spin_unlock_irqrestore(&n->lock, flags);
	}
	return bad;
}
