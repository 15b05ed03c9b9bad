/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page.h - struct page, the 32-byte descriptor of a page frame
 *
 * Descriptors stand in vmemmap, one for each frame, and are written lazily: a
 * descriptor means something only
 *   - if its frame heads a block (free, used or reserved),
 *   - if it is a tail of a compound page (PG_tail), or
 *   - if it is one of the single frames that split_page() or boot made (boot writes
 *     every descriptor of a top-order block that a bank's edge, a reservation or a
 *     zone boundary cuts; whole free or reserved top-order blocks get one descriptor).
 * All others hold what the memory held before the kernel ran.  So nobody walks
 * descriptors by +1: walkers step from head to head (mm/memmap.h).
 *
 * Layout, rv32 and rv64 alike, by byte.  flags have the zone in their top byte; "own": the owner's;
 * "-": means nothing; a word that isn't named is as in the line "used".
 *
 *              0          4        8       12      16          20        24        28
 *              flags      refs     next    prev    mapping               index     block
 *
 *   on a free list
 *              0          0        list    list    -                     -         FREE|type|order
 *   on a hart's list
 *              0          0        -       -       -                     -         USED|type|order
 *   used       PG_*       count    own     own     own                   own       USED|... + maps
 *   reserved   reserved   1        0       0       0                     0         USED|order
 *   tail       tail|maps  head     own     own     own                   own       own
 *
 * What is used, by whom.  To come, but for the movable, ZONE_DEVICE and compound page:
 *
 *   file       found      count    LRU     LRU     address_space * |0    page of file
 *    private   private                             { address_space *, private } * |0
 *   anonymous  swapbacked          LRU     LRU     anon id |1  0         page of area
 *    in swap   ...dirty                            anon id |1  entry     page of area
 *   shmem in   swapbacked          LRU     LRU     0           entry     page of file
 *    swap
 *   movable    found      count    own,            movable_operations * |2
 *                                  or the migrator's            own (rv32) own
 *   KSM        swapbacked          LRU     LRU     stable node |3  entry page of area
 *   slab       slab                partial list    cache *               used, free
 *   page table table               lock            address space *       entries
 *   device     0          users    driver's        dev_pagemap *         driver's
 *
 *   compound   head       count    as above        as above              as above  ... + all maps
 *    1st tail  tail|maps  head     deferred        entire_maps head_maps pins      -
 *                                  split list
 *    2nd tail  tail|maps  head     -               hugetlb: subpool *    reserve   -
 *    others    tail|maps  head     -               -                     -         -
 *
 *   lock       spinlock_t: 4 bytes, 8 with CONFIG_DEBUG_LOCKS; so the count of entries is in index
 *   maps       mappings: of a block's head in units of 1 << BLOCK_MARK_SHIFT, of a tail in
 *              TAIL_MAPS_MASK of its flags (0 from the store that makes it one); mm/folio.h
 *   entry      where in swap: 32 bits, 27 of them an offset: 512 GiB a device
 *   anon id    whose, times 4: an index, as pointers don't fit beside an entry
 *
 * What has no room, and where it goes: what options add for each page (its last owner, its control
 * group, the node that used it last) stands in a table beside (mm/page_ext.h).  A page of a device
 * that is a file's or a process's at the same time keeps these in mapping; its region is found by
 * its frame number.  An ageing reclaim has active, referenced and workingset to tell eight
 * generations apart.
 *
 * block: bits 0-3 order, 4-5 kind, 7-9 migrate type (of a free block: the list that it is on; of a
 * used one: which of a hart's lists takes it back), 10-31 a mark that differs by zone and by boot,
 * plus the mappings.  An exact compare of the word on free finds double frees, wrong orders, frees
 * of tails and of frames that were never handed out, and pages still mapped, for one load.  Kind 0
 * is "no head".
 */
#ifndef MM_PAGE_H
#define MM_PAGE_H

#include <asm/memory.h>
#include <base/compiler.h>
#include <base/types.h>

/* The largest block is 2^MAX_ORDER pages. */
#ifdef CONFIG_PAGE_MAX_ORDER
#define MAX_ORDER CONFIG_PAGE_MAX_ORDER
#else
#define MAX_ORDER 10
#endif
#define NR_ORDERS (MAX_ORDER + 1)
#define MAX_BLOCK (1UL << MAX_ORDER) /* pages */
_Static_assert(MAX_ORDER >= 9 && MAX_ORDER <= 15, "the block word has four bits for the order");

struct page {
	union {
		u64 word0; /* flags and refcount in one store */
		struct {
			u32 flags; /* PG_* bits; zone number in the top byte */
			union {
				s32 _refcount; /* users; 0: free.  Atomic where PG_found */
				u32 head;      /* of a tail: index of the compound's head */
			};
		};
	};
	union {
		u64 links;
		struct {
			u32 next, prev; /* indices (page_index), 0 ends a list */
		};
		u32 lock_space[2]; /* of a page table */
	};
	union {
		u64 mapping_word; /* 0 when handed out */
		void *mapping;	  /* the owner's */
		unsigned long private;
		struct {
			u32 anon;	/* an anonymous page's owner * 4 + PAGE_MAPPING_ANON */
			u32 swap_entry; /* and where in swap it stands */
		};
		struct {
			u32 entire_maps; /* of a first tail: mappings of the whole compound page */
			u32 head_maps;	 /* and those of its head alone */
		};
	};
	union {
		u32 index; /* the owner's */
		u32 pins;  /* of a first tail: references that are for long */
		struct {
			u16 objects_used, object_free; /* of a slab */
		};
	};
	u32 block; /* see above; the allocator's, and mapcount's */
};
#define PAGE_AT(member, byte) _Static_assert(offsetof(struct page, member) == (byte), "drawn above")
PAGE_AT(flags, 0);
PAGE_AT(_refcount, 4);
PAGE_AT(head, 4);
PAGE_AT(next, 8);
PAGE_AT(prev, 12);
PAGE_AT(lock_space, 8);
PAGE_AT(mapping, 16);
PAGE_AT(private, 16);
PAGE_AT(anon, 16);
PAGE_AT(swap_entry, 20);
PAGE_AT(entire_maps, 16);
PAGE_AT(head_maps, 20);
PAGE_AT(index, 24);
PAGE_AT(pins, 24);
PAGE_AT(objects_used, 24);
PAGE_AT(object_free, 26);
PAGE_AT(block, 28);
_Static_assert(sizeof(struct page) == 32, "struct page is 32 bytes on every machine");
_Static_assert(sizeof(struct page) == 1UL << PAGE_STRUCT_SHIFT, "asm/memory.h agrees");

/* Flags.  A page goes back with none of them set, or its free takes the slow path. */
enum page_flag {
	PG_locked,
	PG_writeback,
	PG_referenced,
	PG_uptodate,
	PG_dirty,
	PG_lru,
	PG_active,
	PG_workingset,
	PG_owner_priv,
	PG_private,
	PG_reclaim,
	PG_swapbacked,
	PG_unevictable,
	PG_mlocked,
	PG_waiters,
	PG_slab, /* holds small objects; the highest bit of a byte (page_is_slab()) */
	PG_isolated,
	PG_table,    /* is a page table */
	PG_reserved, /* not the allocator's: firmware, kernel image, early allocations, holes */
	PG_head,     /* first page of a compound page */
	PG_tail,     /* any other page of one; .head leads to the first */
	PG_found,    /* strangers may find and pin it: references are dropped atomically */
	PG_hwpoison,
	NR_PAGE_FLAGS
};
#define PAGE_ZONE_SHIFT 24
#define PAGE_FLAGS_MASK ((1U << PAGE_ZONE_SHIFT) - 1)
_Static_assert(NR_PAGE_FLAGS <= PAGE_ZONE_SHIFT, "flags and zone number share a word");

/* Of a tail, whose flags nobody sets: mappings of this page alone (mm/folio.h). */
#define TAIL_MAPS_MASK ((1U << PG_reserved) - 1)

/* The lowest bits of mapping say what it is. */
#define PAGE_MAPPING_FILE    0 /* struct address_space *, with PG_private an object that has it */
#define PAGE_MAPPING_ANON    1 /* anon and swap_entry */
#define PAGE_MAPPING_MOVABLE 2 /* struct movable_operations * */
#define PAGE_MAPPING_KSM     3 /* anonymous, several owners' */
#define PAGE_MAPPING_FLAGS   3UL

/* Still set when a page is freed, these mean that somebody uses it: reported, not freed. */
#define PAGE_FLAGS_BUSY                                                               \
	(1U << PG_locked | 1U << PG_writeback | 1U << PG_lru | 1U << PG_active |      \
	 1U << PG_private | 1U << PG_unevictable | 1U << PG_mlocked | 1U << PG_slab | \
	 1U << PG_table | 1U << PG_reserved | 1U << PG_hwpoison)

static inline bool page_flag(const struct page *page, enum page_flag flag)
{
	return READ_ONCE(page->flags) >> flag & 1;
}

/* Atomic: several owners' flags share the word. */
static inline void page_set_flag(struct page *page, enum page_flag flag)
{
	__atomic_fetch_or(&page->flags, 1U << flag, __ATOMIC_RELAXED);
}

static inline void page_clear_flag(struct page *page, enum page_flag flag)
{
	__atomic_fetch_and(&page->flags, ~(1U << flag), __ATOMIC_RELAXED);
}

static inline unsigned page_zone_id(const struct page *page)
{
	return page->flags >> PAGE_ZONE_SHIFT;
}

/*
 * Links between descriptors are 32-bit indices, counted from the frame below the
 * lowest one so that 0 is no page.  They span 16 TiB.
 */
extern struct page *memmap_base; /* index 0; not a descriptor */

static inline unsigned long page_index(const struct page *page)
{
	return ((unsigned long)page - (unsigned long)memmap_base) >> PAGE_STRUCT_SHIFT;
}

static inline struct page *index_page(unsigned long index)
{
	return (struct page *)((unsigned long)memmap_base + (index << PAGE_STRUCT_SHIFT));
}

/* The block word. */
#define BLOCK_ORDER_MASK 0x0fU
#define BLOCK_KIND_MASK	 0x30U
#define BLOCK_FREE	 0x10U /* on a free list of its zone */
#define BLOCK_USED	 0x30U /* handed out, on a hart's list, or reserved (PG_reserved) */
#define BLOCK_TYPE_SHIFT 7
#define BLOCK_TYPE_MASK	 0x380U
#define BLOCK_MARK_SHIFT 10

static inline unsigned block_order(const struct page *page)
{
	return page->block & BLOCK_ORDER_MASK;
}

static inline unsigned block_kind(const struct page *page)
{
	return page->block & BLOCK_KIND_MASK;
}

/* enum migratetype. */
static inline unsigned block_type(const struct page *page)
{
	return (page->block & BLOCK_TYPE_MASK) >> BLOCK_TYPE_SHIFT;
}

/* Is this the word of a used block of this order and of any type, in the zone with @mark? */
static inline bool block_word_is_used(u32 word, u32 mark, unsigned order)
{
	return !((word - (mark + BLOCK_USED + order)) & ~BLOCK_TYPE_MASK);
}

/* ---- compound pages ---- */

static inline bool PageCompound(const struct page *page)
{
	return READ_ONCE(page->flags) & (1U << PG_head | 1U << PG_tail);
}

static inline bool PageHead(const struct page *page)
{
	return page_flag(page, PG_head);
}

static inline bool PageTail(const struct page *page)
{
	return page_flag(page, PG_tail);
}

static inline bool PageReserved(const struct page *page)
{
	return page_flag(page, PG_reserved);
}

/* The head of @page's compound page; @page itself if it is no tail. */
static inline struct page *compound_head(struct page *page)
{
	return unlikely(PageTail(page)) ? index_page(page->head) : page;
}

/* Of a head, or of a page that is in no compound page: 0. */
static inline unsigned compound_order(const struct page *page)
{
	return PageHead(page) ? block_order(page) : 0;
}

#endif
