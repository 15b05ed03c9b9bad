/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmstat.h - what the memory manager counts
 *
 * Events: each hart counts its own, so counting takes no lock and no atomic operation; a reader
 * adds up the harts (all_vm_events()), those that are off too.  A count is an unsigned long and
 * wraps.  Hits on a hart's page lists are not counted: what is counted of allocating and freeing is
 * blocks that leave a zone for a hart or a caller, and blocks that come back.
 *
 * NUMA: the same blocks by the node that they came from, in Linux's terms:
 *
 *     hit         came from the node where it was wanted      (the node that gave it)
 *     miss        wanted elsewhere, came from here            (the node that gave it)
 *     foreign     wanted here, came from elsewhere            (the node where it was wanted)
 *     interleave  wanted here by turns, and came from here    (the node that gave it)
 *     local       came to a hart of this node                 (the node that gave it)
 *     other       came to a hart of another node              (the node that gave it)
 *
 * On a machine of one node all of them stay 0: nobody asks.
 */
#ifndef MM_VMSTAT_H
#define MM_VMSTAT_H

#include <kernel/percpu.h>
#include <mm/zone.h>

/*
 * Every event; `vmstat` prints the names in small letters.  Pages, where nothing else is said.
 */
#define VM_EVENTS(X)                                                                          \
	X(PGALLOC)		   /* that left a zone: for a caller, or for a hart's list */ \
	X(PGFREE)		   /* that came back to a zone */                             \
	X(PCP_REFILL)		   /* batches that a hart's list took from a zone */          \
	X(PCP_DRAIN)		   /* batches that a hart's list gave back */                 \
	X(PGSTEAL_BLOCK)	   /* blocks taken from another migrate type's lists */       \
	X(PAGEBLOCK_CLAIM)	   /* pageblocks that changed their migrate type so */        \
	X(ALLOCSTALL)		   /* allocations that reclaimed for themselves */            \
	X(PAGEOUTRUN)		   /* times that a node's reclaim thread began to work */     \
	X(KSWAPD_WAKE)		   /* times that it was asked to */                           \
	X(PGSCAN_KSWAPD)	   /* objects that it had shrinkers look at */                \
	X(PGSCAN_DIRECT)	   /* and an allocation */                                    \
	X(PGSTEAL_KSWAPD)	   /* pages that it got back */                               \
	X(PGSTEAL_DIRECT)	   /* and an allocation */                                    \
	X(SLABS_SCANNED)	   /* objects that shrinkers looked at, whoever asked */      \
	X(DRAIN_ALL)		   /* times that all harts gave back what they kept */        \
	X(OOM_REPORTS)		   /* times that memory ran out */                            \
	X(COMPACTSTALL)		   /* allocations that compacted for themselves */            \
	X(COMPACTFAIL)		   /* in vain */                                              \
	X(COMPACTSUCCESS)	   /* and got a block */                                      \
	X(COMPACT_MIGRATE_SCANNED) /* looked at for something to move */                      \
	X(COMPACT_FREE_SCANNED)	   /* looked at for room to move to */                        \
	X(COMPACT_ISOLATED)	   /* taken out for a move, from both ends */                 \
	X(KCOMPACTD_WAKE)	   /* times that a node's compaction thread began to work */  \
	X(PGMIGRATE_SUCCESS)	   /* moved */                                                \
	X(PGMIGRATE_FAIL)	   /* not moved */                                            \
	X(CMA_ALLOC_SUCCESS)	   /* allocations from contiguous areas, not pages */         \
	X(CMA_ALLOC_FAIL)

#define VM_EVENT_ENUM(name) name,
enum vm_event_item { VM_EVENTS(VM_EVENT_ENUM) NR_VM_EVENT_ITEMS };

struct vm_event_state {
	unsigned long event[NR_VM_EVENT_ITEMS];
};
DECLARE_PER_CPU(struct vm_event_state, vm_event_states);

/*
 * count_vm_events - add @n to this hart's count of @item; any context.
 * The plain ones keep interrupts off for the addition, which is a load, an add and a store; those
 * with __ leave that to a caller that has them off already (or holds a lock that says so).
 */
static inline void __count_vm_events(enum vm_event_item item, unsigned long n)
{
	this_cpu_ptr(&vm_event_states)->event[item] += n;
}

static inline void count_vm_events(enum vm_event_item item, unsigned long n)
{
	this_cpu_add(vm_event_states.event[item], n);
}

#define __count_vm_event(item) __count_vm_events(item, 1)
#define count_vm_event(item)   count_vm_events(item, 1)

/* all_vm_events - every count, added up over all harts.  Not of one moment.  Any context. */
void all_vm_events(unsigned long sum[NR_VM_EVENT_ITEMS]);

/* vm_event_sum - one of them. */
unsigned long vm_event_sum(enum vm_event_item item);

/* vm_event_name - in small letters, into @name of VM_EVENT_NAME_LEN bytes; returns it. */
#define VM_EVENT_NAME_LEN 32
char *vm_event_name(enum vm_event_item item, char *name);

enum numa_stat_item {
	NUMA_HIT,
	NUMA_MISS,
	NUMA_FOREIGN,
	NUMA_INTERLEAVE_HIT,
	NUMA_LOCAL,
	NUMA_OTHER,
	NR_NUMA_STAT_ITEMS
};

/* numa_stat_add - @n more for node @nid.  Any context; an atomic addition. */
void numa_stat_add(int nid, enum numa_stat_item item, unsigned long n);
unsigned long numa_stat_read(int nid, enum numa_stat_item item);
void __zone_statistics(int preferred_nid, const struct zone *zone, unsigned long nr);

/*
 * zone_statistics - @nr blocks left @zone for this hart, where the first zone that could have
 * served lies on node @preferred_nid.  Any context.  Nothing but a compare on one node.
 */
static inline void zone_statistics(int preferred_nid, const struct zone *zone, unsigned long nr)
{
	if (unlikely(nr_nodes > 1))
		__zone_statistics(preferred_nid, zone, nr);
}

/* ---- how torn free memory is; @nr: zone_free_blocks() ---- */

/*
 * unusable_index - how much of the free memory is no use for @order: 0 nothing to 1000 all of it.
 */
unsigned unusable_index(const unsigned long nr[NR_ORDERS], unsigned order);

/*
 * fragmentation_index - why a block of @order can't be had: towards 0 too little is free,
 * towards 1000 it lies in too many pieces; -1000: there is one, nothing fails.
 */
int fragmentation_index(const unsigned long nr[NR_ORDERS], unsigned order);

/* extfrag_for_order - unusable_index() in per cent, of @zone now.  Takes zone->lock. */
unsigned extfrag_for_order(struct zone *zone, unsigned order);

#endif
