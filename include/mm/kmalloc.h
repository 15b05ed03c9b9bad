/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmalloc.h - memory of any size, contiguous
 *
 * Up to KMALLOC_MAX_CACHE_SIZE from caches of classes of sizes: multiples of 8 up to 64, of 16 up
 * to 128, then four for each doubling, so a fifth is wasted at most and a tenth as a rule.  A size
 * that is a power of two is aligned to itself, others to 8.  Larger: pages.
 *
 * Which cache: by size, by what gfp says of zones, and by the place in the source that asks, which
 * has a number from 0 to 15 when it's compiled.  Each boot gives the numbers other caches: whoever
 * can write behind the end of an object of one place, or to one that was freed, doesn't choose what
 * lies there.
 */
#ifndef MM_KMALLOC_H
#define MM_KMALLOC_H

#include <base/compiler.h>
#include <mm/kasan.h>
#include <mm/memblock.h>
#include <mm/slab.h>

#include <stdarg.h>

#define KMALLOC_MAX_CACHE_SIZE 8192UL
#define KMALLOC_CLASSES	       36
#define KMALLOC_SITES	       16

enum kmalloc_row {
	KMALLOC_NORMAL, /* the first of KMALLOC_SITES */
	KMALLOC_RECLAIM = KMALLOC_SITES,
	KMALLOC_DMA32,
	KMALLOC_DMA,
	KMALLOC_ROWS
};

extern struct slab_handle kmalloc_caches[KMALLOC_ROWS][KMALLOC_CLASSES];

/* The number of the place where this stands. */
#define KMALLOC_SITE ((__COUNTER__ * 7U + __LINE__) % KMALLOC_SITES)

static __always_inline unsigned kmalloc_row(gfp_t gfp, unsigned site)
{
	if (likely(!(gfp & (__GFP_DMA | __GFP_DMA32 | __GFP_RECLAIMABLE))))
		return site;
	return gfp & __GFP_DMA ? KMALLOC_DMA : gfp & __GFP_DMA32 ? KMALLOC_DMA32 : KMALLOC_RECLAIM;
}

/* The class of a constant @size, 1 .. KMALLOC_MAX_CACHE_SIZE. */
static __always_inline unsigned kmalloc_class(size_t size)
{
	if (size <= 64)
		return (unsigned)(size + 7) / 8 - 1;
	if (size <= 128)
		return 8 + (unsigned)(size - 65) / 16;
	for (unsigned step = 0; step < 6; step++)
		if (size <= 256UL << step)
			return 12 + 4 * step +
			       (unsigned)((size - (128UL << step) - 1) >> (5 + step));
	return KMALLOC_CLASSES;
}

/*
 * kmalloc - @size bytes, or NULL; 0: ZERO_SIZE_PTR
 * Any context; sleeps only if @gfp says so.  kfree: NULL and ZERO_SIZE_PTR are nothing.  What lies
 * in no slab and isn't pages of kmalloc()'s, whatever address that is, is reported with the caller,
 * and nothing happens.  Into an object's middle: as kmem_cache_free().
 */
void *__kmalloc(size_t size, gfp_t gfp, struct slab_handle *row) __must_check;
void *__kzalloc(size_t size, gfp_t gfp, struct slab_handle *row) __must_check;
void kfree(const void *object);

static __always_inline __must_check void *kmalloc_at(size_t size, gfp_t gfp, unsigned site)
{
	struct slab_handle *row = kmalloc_caches[kmalloc_row(gfp, site)];

	if (__builtin_constant_p(size) && size && size <= KMALLOC_MAX_CACHE_SIZE)
		return kasan_kmalloc(slab_get(&row[kmalloc_class(size)], gfp), size);
	return kasan_kmalloc(unlikely(gfp & __GFP_ZERO) ? __kzalloc(size, gfp, row)
							: __kmalloc(size, gfp, row),
			     size);
}

#define kmalloc(size, gfp) kmalloc_at(size, gfp, KMALLOC_SITE)
#define kzalloc(size, gfp) kmalloc_at(size, (gfp) | __GFP_ZERO, KMALLOC_SITE)

/*
 * kmalloc_node, kzalloc_node - the same from node @nid; NUMA_NO_NODE: the nearest.  Others' memory
 * if it has none, unless __GFP_THISNODE.  Slower: an object is taken from its slab.
 */
void *__kmalloc_node(size_t size, gfp_t gfp, int nid, struct slab_handle *row) __must_check;

static __always_inline __must_check void *kmalloc_node_at(size_t size, gfp_t gfp, int nid,
							  unsigned site)
{
	struct slab_handle *row = kmalloc_caches[kmalloc_row(gfp, site)];

	return kasan_kmalloc(__kmalloc_node(size, gfp, nid, row), size);
}

#define kmalloc_node(size, gfp, nid) kmalloc_node_at(size, gfp, nid, KMALLOC_SITE)
#define kzalloc_node(size, gfp, nid) kmalloc_node(size, (gfp) | __GFP_ZERO, nid)

/*
 * kvmalloc - @size bytes, contiguous for the kernel but maybe not for a device; kvfree() them, in
 * any context
 * From kmalloc(), which above a page isn't asked to try hard; if it has none, and @gfp says that
 * the caller may sleep, from vmalloc() (mm/vmalloc.h).
 */
void *kvmalloc_area(size_t size, gfp_t gfp, int nid) __must_check;

static __always_inline __must_check void *kvmalloc_node_at(size_t size, gfp_t gfp, int nid,
							   unsigned site)
{
	gfp_t try = gfp;
	void *object;

	if (size > PAGE_SIZE) {
		try |= __GFP_NOWARN;
		if ((gfp & (__GFP_DIRECT_RECLAIM | __GFP_NOFAIL | __GFP_RETRY_MAYFAIL)) ==
		    __GFP_DIRECT_RECLAIM)
			try |= __GFP_NORETRY;
	}
	object = nid == NUMA_NO_NODE ? kmalloc_at(size, try, site)
				     : kmalloc_node_at(size, try, nid, site);
	return object || size <= PAGE_SIZE ? object : kvmalloc_area(size, gfp, nid);
}

#define kvmalloc_node(size, gfp, nid) kvmalloc_node_at(size, gfp, nid, KMALLOC_SITE)
#define kvzalloc_node(size, gfp, nid) kvmalloc_node(size, (gfp) | __GFP_ZERO, nid)
#define kvmalloc(size, gfp)	      kvmalloc_node(size, gfp, NUMA_NO_NODE)
#define kvzalloc(size, gfp)	      kvmalloc(size, (gfp) | __GFP_ZERO)
void kvfree(const void *object);

/* kmalloc_array - @n objects of @size; NULL also if that is more than there are addresses.
 * kcalloc: cleared.  kmalloc_array_node and so on as above. */
#define KMALLOC_TIMES(n, size, alloc, ...)                                                    \
	({                                                                                    \
		size_t _bytes;                                                                \
		__builtin_mul_overflow(n, size, &_bytes) ? NULL : alloc(_bytes, __VA_ARGS__); \
	})
#define kmalloc_array(n, size, gfp)	      KMALLOC_TIMES(n, size, kmalloc, gfp)
#define kcalloc(n, size, gfp)		      kmalloc_array(n, size, (gfp) | __GFP_ZERO)
#define kmalloc_array_node(n, size, gfp, nid) KMALLOC_TIMES(n, size, kmalloc_node, gfp, nid)
#define kcalloc_node(n, size, gfp, nid)	      kmalloc_array_node(n, size, (gfp) | __GFP_ZERO, nid)
#define kvmalloc_array(n, size, gfp)	      KMALLOC_TIMES(n, size, kvmalloc, gfp)
#define kvcalloc(n, size, gfp)		      kvmalloc_array(n, size, (gfp) | __GFP_ZERO)

/* ksize - bytes of @object that may be used: its class, or its pages; 0 of NULL and ZERO_SIZE_PTR,
 * and of what isn't kmalloc()'s or a cache's, which is reported.  kmalloc_size_roundup: of what
 * kmalloc(@size) would return; @size if that is too much. */
size_t ksize(const void *object);
size_t kmalloc_size_roundup(size_t size);

/*
 * krealloc - @object with @size bytes: where it is, or moved, with what it held
 * It never moves to become smaller.  NULL as @object: as kmalloc; 0 as @size: freed, and
 * ZERO_SIZE_PTR.  If it fails, also because it's no object, NULL, and @object stays.  What it grows
 * by is cleared if this and all calls before for the object had __GFP_ZERO.  krealloc_array: of @n
 * objects of @size.  kvrealloc: of kvmalloc()'s.
 */
void *krealloc(const void *object, size_t size, gfp_t gfp) __must_check;
#define krealloc_array(object, n, size, gfp)                                                     \
	({                                                                                       \
		size_t _bytes;                                                                   \
		__builtin_mul_overflow(n, size, &_bytes) ? NULL : krealloc(object, _bytes, gfp); \
	})

void *kvrealloc(const void *object, size_t size, gfp_t gfp) __must_check;

/* kfree_sensitive - what was in it is cleared first. */
void kfree_sensitive(const void *object);

/* kstrdup, kstrndup, kmemdup - a copy, or NULL; of a NULL, NULL.  kstrndup: of @max bytes at most,
 * and a 0 behind them. */
char *kstrdup(const char *text, gfp_t gfp) __must_check;
char *kstrndup(const char *text, size_t max, gfp_t gfp) __must_check;
void *kmemdup(const void *from, size_t bytes, gfp_t gfp) __must_check;

/* kasprintf - as long as it needs to be, or NULL. */
char *kvasprintf(gfp_t gfp, const char *format, va_list args) __must_check
	__attribute__((format(printf, 2, 0)));
char *kasprintf(gfp_t gfp, const char *format, ...) __must_check
	__attribute__((format(printf, 2, 3)));

#endif
