/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmalloc.c - memory of any size, from caches of classes of sizes, or pages
 *
 * kmalloc_caches[row][class] is what a hit needs of a cache: where the harts' stacks of it are.  As
 * long as nobody has asked there, that is a stack that's always empty, and who asks makes the
 * cache, in whatever context.  Rows by place in the source lead to fewer caches where memory is
 * tight: there each one's last slab is felt.
 *
 * While one hart writes a handle, others hit through it, without a fence.  So a hit needs nothing
 * of it but the offset of the stacks, which is written last (kmalloc_aim) and says where all else
 * is: a load whose address comes from another load isn't done before it (RVWMO's address
 * dependency), so who finds the new stacks finds them as they were made.  The mark's place is the
 * same for all caches here whose objects are hit (MARK_AT), and is written at boot.  The cache may
 * be read as it was before: only when the stack is empty is it asked for, and then NULL means that
 * it has to be looked up in cache_of; an object's cache is its page's.
 *
 * Larger than KMALLOC_MAX_CACHE_SIZE: a compound page, whose mapping says so.
 *
 * Not here: what needs nothing but kmalloc() and kfree() (kmalloc_util.c).
 */
#include <mm/kmalloc.h>

#include <asm/barrier.h>
#include <asm/memory.h>
#include <kernel/panic.h>
#include <kernel/percpu.h>
#include <kernel/random.h>
#include <mm/folio.h>
#include <mm/highmem.h>
#include <mm/kfence.h>
#include <mm/page_alloc.h>

#include "internal.h"
#include "slab.h"

#include <stdio.h>
#include <string.h>

#ifdef CONFIG_RANDOM_KMALLOC_CACHES
#define BY_SITE 1
#else
#define BY_SITE 0
#endif

struct slab_handle kmalloc_caches[KMALLOC_ROWS][KMALLOC_CLASSES];

/* Which row's caches a site's are, after kmalloc_init(). */
static u8 row_of_site[KMALLOC_SITES];

/* The caches themselves, by row.  A site's handles stand in kmalloc_caches where the site is. */
static struct kmem_cache *cache_of[KMALLOC_ROWS][KMALLOC_CLASSES];

/* The mapping of a page of kmalloc()'s that is in no slab. */
static const char large_tag[4];

static const u16 class_size[KMALLOC_CLASSES] = {
	8,    16,   24,	  32,	40,   48,   56,	  64,	80,   96,   112,  128,
	160,  192,  224,  256,	320,  384,  448,  512,	640,  768,  896,  1024,
	1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192,
};

u8 kmalloc_small_class[128];

/* Likewise of (size - 1) / 256. */
static u8 large_class[32];

static inline unsigned class_of(size_t size)
{
	return size <= 1024 ? kmalloc_small_class[(size - 1) >> 3] : large_class[(size - 1) >> 8];
}

/* ---- caches when they are needed ---- */

static const char *row_name(unsigned row)
{
	return row == KMALLOC_RECLAIM ? "kmalloc-rcl"
	       : row == KMALLOC_DMA32 ? "dma32-kmalloc"
	       : row == KMALLOC_DMA   ? "dma-kmalloc"
				      : "kmalloc";
}

static slab_flags_t row_flags(unsigned row)
{
	return row == KMALLOC_RECLAIM ? SLAB_RECLAIM_ACCOUNT
	       : row == KMALLOC_DMA32 ? SLAB_CACHE_DMA32
	       : row == KMALLOC_DMA   ? SLAB_CACHE_DMA
				      : 0;
}

static struct kmem_cache *make(unsigned row, unsigned class, gfp_t gfp)
{
	unsigned size = class_size[class], align = size & (size - 1) ? 8 : size;
	char name[SLAB_NAME_LEN];
	struct kmem_cache *s;

	if (row && row < KMALLOC_SITES)
		snprintf(name, sizeof(name), "kmalloc-rnd-%02u-%u", row, size);
	else
		snprintf(name, sizeof(name), "%s-%u", row_name(row), size);
	s = slab_create(name, size, align, row_flags(row) | SLAB_NO_MERGE | SLAB_KMALLOC, NULL,
			gfp & ~(GFP_ZONEMASK | __GFP_RECLAIMABLE | __GFP_THISNODE));
	if (s) {
		s->usersize = size;
		BUG_ON(s->rounds && s->handle.mark != MARK_AT);
	}
	return s;
}

void kmalloc_aim(struct slab_handle *handle)
{
	s32 stack;

	do { /* until that's still it afterwards: slab_watch() may be at work */
		stack = READ_ONCE(handle->cache->handle.stack);
		__atomic_store_n(&handle->stack, stack, __ATOMIC_RELEASE);
		smp_mb();
	} while (stack != READ_ONCE(handle->cache->handle.stack));
}

void kmalloc_aim_all(void)
{
	for (unsigned i = 0; i < KMALLOC_ROWS * KMALLOC_CLASSES; i++) {
		struct slab_handle *handle = &kmalloc_caches[0][0] + i;

		if (__atomic_load_n(&handle->cache, __ATOMIC_ACQUIRE))
			kmalloc_aim(handle);
	}
}

/* The cache behind @handle, which is made if there is none as yet; NULL: no memory. */
struct kmem_cache *kmalloc_cache(struct slab_handle *handle, gfp_t gfp)
{
	unsigned at = (unsigned)(handle - &kmalloc_caches[0][0]);
	unsigned row = at / KMALLOC_CLASSES, class = at % KMALLOC_CLASSES;
	struct kmem_cache **its, *s;

	if (row < KMALLOC_SITES)
		row = row_of_site[row];
	its = &cache_of[row][class];
	s = __atomic_load_n(its, __ATOMIC_ACQUIRE);
	if (!s) {
		struct kmem_cache *none = NULL;

		s = make(row, class, gfp);
		if (!s)
			return NULL;
		if (!__atomic_compare_exchange_n(its, &none, s, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE)) {
			slab_discard(s); /* another hart was faster */
			s = none;
		}
	}
	__atomic_store_n(&handle->cache, s, __ATOMIC_RELEASE);
	smp_mb();
	kmalloc_aim(handle);
	return s;
}

void __init kmalloc_init(void)
{
	unsigned long mib = totallow_pages() >> (20 - PAGE_SHIFT);
	unsigned rows = mib < 32 || !BY_SITE ? 1 : mib < 128 ? 4 : KMALLOC_SITES;

	memset(cache_of, 0, sizeof(cache_of)); /* host tests begin anew */
	for (unsigned i = 0; i < KMALLOC_ROWS * KMALLOC_CLASSES; i++)
		(&kmalloc_caches[0][0])[i] =
			(struct slab_handle){ .stack = slab_no_stack_offset(), .mark = MARK_AT };
	for (unsigned i = 0, class = 0; i < ARRAY_SIZE(kmalloc_small_class); i++) {
		class += (i + 1) * 8 > class_size[class];
		kmalloc_small_class[i] = (u8) class;
	}
	for (unsigned i = 4, class = class_of(1024) + 1; i < ARRAY_SIZE(large_class); i++) {
		class += (i + 1) * 256 > class_size[class];
		large_class[i] = (u8) class;
	}
	for (unsigned i = 0; i < KMALLOC_SITES; i++)
		row_of_site[i] = (u8)i;
	for (unsigned i = KMALLOC_SITES - 1; i; i--) {
		unsigned other = (unsigned)(get_random_long() % (i + 1));
		u8 row = row_of_site[i];

		row_of_site[i] = row_of_site[other];
		row_of_site[other] = row;
	}
	for (unsigned i = 0; i < KMALLOC_SITES; i++)
		row_of_site[i] %= rows;
}

/* ---- pages ---- */

static unsigned order_of(size_t size)
{
	unsigned order = 0;

	while (order < NR_ORDERS && PAGE_SIZE << order < size)
		order++;
	return order;
}

static void *kmalloc_large(size_t size, gfp_t gfp, int nid)
{
	unsigned order = order_of(size);
	struct page *page;

	if (order > MAX_ORDER) /* said by alloc_pages(), if anyone */
		return NULL;
	gfp = (gfp & ~(__GFP_HIGHMEM | __GFP_MOVABLE)) | (order ? __GFP_COMP : 0);
	page = nid == NUMA_NO_NODE ? alloc_pages(gfp, order) : alloc_pages_node(nid, gfp, order);
	if (!page)
		return NULL;
	if (!kmemleak_track(lowmem_page_address(page), PAGE_SIZE << order, 1, gfp)) {
		__free_pages(page, order);
		return NULL;
	}
	page->mapping = (void *)large_tag;
	slab_trace_alloc(true, PAGE_SIZE << order, lowmem_page_address(page));
	return lowmem_page_address(page);
}

static bool is_large(const struct page *page, const void *object)
{
	return page_owner_word(page) == large_tag && !PageTail(page) &&
	       lowmem_page_address(page) == object;
}

void kfree_large(const void *object, struct page *page)
{
	if (is_kfence_address(object)) {
		kfence_free(NULL, object);
		return;
	}
	if (!is_large(page, object)) {
		slab_report(NULL, object, "isn't kmalloc()'s");
		return;
	}
	kmemleak_free(object);
	slab_trace_free(true, PAGE_SIZE << compound_order(page), object);
	page->mapping = NULL;
	__free_pages(page, compound_order(page));
}

/* ---- any size ---- */

void *kmalloc_beyond(size_t size, gfp_t gfp, struct slab_handle *row)
{
	if (unlikely(!size))
		return ZERO_SIZE_PTR;
	if (unlikely(size > KMALLOC_MAX_CACHE_SIZE))
		return kmalloc_large(size, gfp, NUMA_NO_NODE);
	return slab_alloc(&row[class_of(size)], gfp);
}

void *__kzalloc(size_t size, gfp_t gfp, struct slab_handle *row)
{
	if (unlikely(size - 1 >= KMALLOC_MAX_CACHE_SIZE))
		return kmalloc_beyond(size, gfp, row); /* pages are cleared by who gives them */
	return slab_zalloc(&row[class_of(size)], gfp);
}

void *__kmalloc_node(size_t size, gfp_t gfp, int nid, struct slab_handle *row)
{
	struct slab_handle *handle;
	struct kmem_cache *s;

	if (unlikely(!size))
		return ZERO_SIZE_PTR;
	if (unlikely(size > KMALLOC_MAX_CACHE_SIZE))
		return kmalloc_large(size, gfp, nid);
	handle = &row[class_of(size)];
	s = __atomic_load_n(&handle->cache, __ATOMIC_ACQUIRE);
	if (!s)
		s = kmalloc_cache(handle, gfp);
	return s ? kmem_cache_alloc_node(s, gfp, nid) : NULL;
}

/* Of @object, which lies in a page of a slab; 0: there begins none. */
static size_t slab_bytes(struct page *page, const void *object)
{
	const struct kmem_cache *s = page->mapping;
	unsigned nr = slab_number(s, compound_head(page), (const char *)object - s->pad);

	return nr == NO_OBJECT ? 0 : s->object_size;
}

size_t ksize(const void *object)
{
	struct page *page;
	size_t bytes;

	if (ZERO_OR_NULL_PTR(object))
		return 0;
	if (is_kfence_address(object)) {
		if (kfence_find(object, &bytes, NULL) == object)
			return bytes;
	} else if (page_is_slab(page = virt_to_page(object))) {
		bytes = slab_bytes(page, object);
		if (unlikely(bytes && slab_was_freed(page->mapping, object))) {
			slab_report(page->mapping, object, "was freed before");
			return 0;
		}
		kasan_kmalloc((void *)object, bytes); /* who asks may use them */
		if (bytes)
			return bytes;
	} else if (is_large(page, object)) {
		return PAGE_SIZE << compound_order(page);
	}
	slab_report(NULL, object, "isn't kmalloc()'s");
	return 0;
}

size_t kmalloc_size_roundup(size_t size)
{
	if (!size || size > PAGE_SIZE << MAX_ORDER)
		return size;
	if (size > KMALLOC_MAX_CACHE_SIZE)
		return PAGE_SIZE << order_of(size);
	return class_size[class_of(size)];
}
