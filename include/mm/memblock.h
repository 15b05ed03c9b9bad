/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memblock.h - what memory there is, before there is an allocator for it
 *
 * Two sorted lists of address ranges: memory (the banks) and reserved (what is
 * taken).  Free is memory minus reserved minus what is marked no-map.  Used on
 * the boot hart only, before the buddy allocator takes all free ranges over; no
 * locks.  The lists stay as a record of the board after that.
 */
#ifndef MM_MEMBLOCK_H
#define MM_MEMBLOCK_H

#include <base/compiler.h>
#include <base/types.h>

#define NUMA_NO_NODE (-1)
#define MAX_NUMNODES 8

/* Flags of a region.  Neighbours merge only if flags and node are equal. */
enum memblock_flags {
	/* of memory */
	MEMBLOCK_NOMAP = 0x01,	 /* /reserved-memory no-map: never mapped, never handed out */
	MEMBLOCK_HOTPLUG = 0x02, /* the bank may be removed later */
	/* of reserved ranges: who holds them */
	MEMBLOCK_RSRV_EARLY = 0x00,    /* memblock_alloc and friends */
	MEMBLOCK_RSRV_KERNEL = 0x10,   /* the kernel's image */
	MEMBLOCK_RSRV_DT = 0x20,       /* the device tree as it was handed over */
	MEMBLOCK_RSRV_INITRD = 0x30,   /* /chosen linux,initrd-start */
	MEMBLOCK_RSRV_FIRMWARE = 0x40, /* /memreserve/ */
	MEMBLOCK_RSRV_NODE = 0x50,     /* a /reserved-memory node */
	MEMBLOCK_RSRV_REUSABLE = 0x60, /* a /reserved-memory node with `reusable` (CMA) */
	MEMBLOCK_RSRV_MASK = 0xf0,
};

struct memblock_region {
	phys_addr_t base;
	phys_addr_t size; /* bytes, never 0 */
	u32 flags;	  /* enum memblock_flags */
	int nid;	  /* memory: its node. Reserved: NUMA_NO_NODE */
};

struct memblock_type {
	struct memblock_region *regions; /* sorted by base, disjoint, neighbours merged */
	unsigned nr;			 /* regions in use */
	unsigned max;			 /* room in @regions */
	phys_addr_t total;		 /* bytes in all regions */
	const char *name;
};

extern struct memblock {
	struct memblock_type memory;
	struct memblock_type reserved;
	phys_addr_t limit; /* allocations end at or below it */
	bool can_resize;   /* the linear map stands: full lists may move */
} memblock;

/* memblock_reset - forget everything (host tests and tools). */
void memblock_reset(void);

/*
 * memblock_add_node - [base, base + size) is memory of node @nid.  Parts that are
 * known already stay as they are.  0, -EINVAL if the range wraps around,
 * -ENOSPC if the list is full and may not grow yet (memblock_allow_resize), -ENOMEM
 * if it can't grow.  A size of 0 adds nothing.
 */
int memblock_add_node(phys_addr_t base, phys_addr_t size, int nid) __must_check;
int memblock_add(phys_addr_t base, phys_addr_t size) __must_check;

/* memblock_remove - the range is no memory (any more).  Errors as memblock_add_node. */
int memblock_remove(phys_addr_t base, phys_addr_t size) __must_check;

/* memblock_reserve - take the range, in memory or not, for @kind (MEMBLOCK_RSRV_*, default EARLY).
 * Parts taken already keep their kind.  Errors as memblock_add_node. */
int memblock_reserve_kind(phys_addr_t base, phys_addr_t size, u32 kind) __must_check;
int memblock_reserve(phys_addr_t base, phys_addr_t size) __must_check;

/* memblock_phys_free - give a reserved range back.  Errors as memblock_add_node. */
int memblock_phys_free(phys_addr_t base, phys_addr_t size) __must_check;

/* Set a flag on what memory lies in the range.  Errors as memblock_add_node. */
int memblock_mark_nomap(phys_addr_t base, phys_addr_t size) __must_check;
int memblock_mark_hotplug(phys_addr_t base, phys_addr_t size) __must_check;

/* memblock_set_limit - no allocation at or above @limit (the end of the linear map). */
void memblock_set_limit(phys_addr_t limit);

/* memblock_enforce_memory_limit - keep the lowest @bytes of memory, remove the rest (mem=). */
int memblock_enforce_memory_limit(phys_addr_t bytes) __must_check;

/* memblock_allow_resize - the linear map stands: from now on full lists are moved to bigger
 * ones, and memblock_alloc may be called. */
void memblock_allow_resize(void);

/*
 * memblock_phys_alloc_range - take @size bytes, aligned to @align (a power of two), from free
 * memory in [start, end): the highest such place on node @nid, or if there is none (or with
 * NUMA_NO_NODE) the highest on any node.  @end 0: up to the limit.  The limit always holds.  Page
 * frame 0 is never given out.  Not zeroed.  The physical address, or 0 if there is no room.
 */
phys_addr_t memblock_phys_alloc_range(phys_addr_t size, phys_addr_t align, phys_addr_t start,
				      phys_addr_t end, int nid) __must_check;

/*
 * memblock_phys_alloc_high - the same at or above the limit: memory without an address, for what is
 * mapped elsewhere.  Never below it: 0 if there is no room.
 */
phys_addr_t memblock_phys_alloc_high(phys_addr_t size, phys_addr_t align, int nid) __must_check;

/*
 * memblock_alloc - take @size zeroed bytes, aligned to @align (a power of two), below the limit,
 * and return their address in the linear map.  Panics with a message if there is no room: boot
 * can't go on without.  memblock_alloc_node prefers node @nid.
 */
void *memblock_alloc(phys_addr_t size, phys_addr_t align) __must_check;
void *memblock_alloc_node(phys_addr_t size, phys_addr_t align, int nid) __must_check;
/* The same, not zeroed. */
void *memblock_alloc_raw(phys_addr_t size, phys_addr_t align, int nid) __must_check;

/* memblock_free - give back what memblock_alloc returned; panics if it wasn't reserved. */
void memblock_free(void *ptr, phys_addr_t size);

/* Questions. */
phys_addr_t memblock_phys_mem_size(void); /* bytes of memory, no-map included */
phys_addr_t memblock_reserved_size(void); /* bytes in the reserved list */
phys_addr_t memblock_start_of_DRAM(void); /* 0 if there is no memory */
phys_addr_t memblock_end_of_DRAM(void);
bool memblock_is_memory(phys_addr_t pa);     /* in a bank, no-map included */
bool memblock_is_map_memory(phys_addr_t pa); /* in a bank and not no-map */
bool memblock_is_reserved(phys_addr_t pa);
bool memblock_is_region_memory(phys_addr_t base, phys_addr_t size);   /* all of it, mapped */
bool memblock_is_region_reserved(phys_addr_t base, phys_addr_t size); /* any of it */

/* memblock_validate - check both lists' invariants; panics naming what is broken. */
void memblock_validate(void);

/* for_each_mem_range - @r, a const struct memblock_region *, through memory; @r->flags tells
 * no-map ranges.  for_each_reserved_range: through reserved.  No changes meanwhile. */
#define for_each_mem_range(r)                                                                   \
	for ((r) = memblock.memory.regions; (r) < memblock.memory.regions + memblock.memory.nr; \
	     (r)++)
#define for_each_reserved_range(r)            \
	for ((r) = memblock.reserved.regions; \
	     (r) < memblock.reserved.regions + memblock.reserved.nr; (r)++)

/* A walk over free ranges, lowest first. */
struct memblock_free_iter {
	phys_addr_t start, end; /* the free range; lies in one memory region */
	int nid;
	unsigned mem, rsrv; /* where the walk stands in each list */
};

/* Move @it on; false at the end. */
bool memblock_next_free(struct memblock_free_iter *it);

/* for_each_free_range - @it, a struct memblock_free_iter, through memory that is neither reserved
 * nor no-map.  No changes meanwhile. */
#define for_each_free_range(it) \
	for ((it) = (struct memblock_free_iter){ 0 }; memblock_next_free(&(it));)

#endif
