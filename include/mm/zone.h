/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone.h - zones, nodes, and in which order an allocation tries them
 *
 * A zone is the memory of one node in one span of the zone plan.  Zones that would
 * be empty are not built.  Each node has one fallback order over all zones: its
 * own first, then the other nodes' by distance; within a node from the highest
 * zone down.  (Distance comes first, as in Linux: the limited zones of the near
 * node are guarded by reserves, not by sending everyone across the machine.)
 * From it the lists for each gfp zone mask are made at boot.
 */
#ifndef MM_ZONE_H
#define MM_ZONE_H

#include <kernel/percpu.h>
#include <kernel/spinlock.h>
#include <mm/gfp.h>
#include <mm/memblock.h>
#include <mm/page.h>
#include <mm/zone_plan.h>

struct zone;

/* What is kept apart, so that what can't be moved doesn't stand everywhere.  The first three are
 * what allocations ask for (gfp.h). */
enum migratetype {
	MIGRATE_UNMOVABLE,
	MIGRATE_MOVABLE,
	MIGRATE_RECLAIMABLE,
	MIGRATE_PCPTYPES,		       /* harts keep lists of those above */
	MIGRATE_HIGHATOMIC = MIGRATE_PCPTYPES, /* kept for large atomic allocations */
	MIGRATE_CMA,			       /* for movable pages until a device wants it */
	MIGRATE_ISOLATE,		       /* not to be taken at all */
	NR_MIGRATETYPES
};

/* The unit that has a type. */
#define PAGEBLOCK_ORDER	    9
#define PAGEBLOCK_TYPE_MASK 7U /* of its byte; the rest is page_isolation.c's */
#define pageblock_nr_pages  (1UL << PAGEBLOCK_ORDER)

#define PCP_ORDERS 5 /* each hart keeps free blocks of the orders 0 .. 4, and of PCP_TOP */
#define PCP_TOP	   9

enum zone_watermarks { WMARK_MIN, WMARK_LOW, WMARK_HIGH, NR_WMARK };

/* Why no free page stays on a hart's list (zone->bypass). */
#define BYPASS_PRESSURE 1U /* little is free */
#define BYPASS_ISOLATE	2U /* pageblocks are isolated: each page must come by */
#define BYPASS_DEBUG	4U /* a debugging option looks at each allocation and free */
#define BYPASS_DRAIN	8U /* what harts keep is on its way back */

/* Blocks of one order on the free list. */
struct free_area {
	union {
		u64 first_nr;
		struct {
			u32 first; /* index of the first block, 0 if there is none */
			u32 nr;	   /* blocks on the list */
		};
	};
};

/* Letters: L under lock; C constant after boot. */
struct zone {
	spinlock_t lock;       /* rank ZONE; taken with interrupts off */
	u32 mark;	       /* C block words of this zone are mark | kind | order */
	u64 word0;	       /* C word0 of a page when it is handed out: flags, refcount 1 */
	u64 word0_free;	       /* C of the head of a free block: the same with refcount 0 */
	unsigned long nr_free; /* L pages on free lists; read without for a hint */
	unsigned long plenty;  /* L with fewer free ones an allocation looks closer */
	u8 *pageblock;	       /* L enum migratetype of each pageblock; see pageblock_of() */
	u8 id;		       /* C page flags' top byte */
	u8 type;	       /* C index in the zone plan: bit in zone_mask_t */
	s8 nid;		       /* C */
	u8 bypass;	       /* L BYPASS_ bits */
	u16 drainers;	       /* L drain_all_pages() that run */
	u32 nr_depot;	       /* L blocks in its depot (mm/pcp.c) */
	u32 orders[NR_MIGRATETYPES];			   /* L bit o: area[][o].nr > 0 */
	struct free_area area[NR_MIGRATETYPES][NR_ORDERS]; /* L */
	unsigned long nr_highatomic; /* L pages of the pageblocks kept for large atomic requests */
	unsigned long nr_cma;	     /* L pages that may be lent to movable ones, free or not */
	/* What is left for whom, pages (mm/watermark.h).  L */
	unsigned long watermark[NR_WMARK];
	unsigned long watermark_boost;
	unsigned long batch_floor;		    /* what plenty is without bypass */
	unsigned long lowmem_reserve[MAX_NR_ZONES]; /* by the highest type that a request may use */

	unsigned long start_pfn;     /* C first frame of its memory */
	unsigned long end_pfn;	     /* C frame after its last */
	unsigned long present_pages; /* C memory in it, reserved or not; no-map is not in it */
	unsigned long managed_pages; /* L handed to the buddy allocator at some time */
	struct pglist_data *node;    /* C */
	char name[ZONE_NAME_LEN];    /* C */
} __aligned(64);

/* gfp_zonelist(gfp) is the index. */
#define NR_ZONELISTS 32

struct pglist_data {
	struct zone **zonelists[NR_ZONELISTS]; /* C each ended by NULL; empty: can't be served */
	struct zone **fallback;		  /* C all zones, in the order tried from here, NULL ends */
	int nid;			  /* C */
	unsigned nr_zones;		  /* C its own zones */
	struct zone *zone[MAX_NR_ZONES];  /* C its own, by type, NULL where it has none */
	unsigned long start_pfn, end_pfn; /* C */
	unsigned long present_pages;	  /* C */
};
typedef struct pglist_data pg_data_t;

/* The zone DEVICE of node 0 (mm/memremap.h); the other nodes' follow.  for_each_zone() has none of
 * them. */
#define ZONE_DEVICE_ID 240U

#define MAX_ZONES (MAX_NUMNODES * MAX_NR_ZONES)

/*
 * By zone id; sorted by node, then type.  As long as a descriptor's byte can say, and the rest
 * lead to a zone that no page belongs to: a descriptor that was never written is no trap.
 */
extern struct zone *zone_table[256];
extern unsigned nr_zones;
extern struct pglist_data *node_data[MAX_NUMNODES]; /* by node id; all set after boot */
extern unsigned nr_nodes;			    /* with memory or a hart */
DECLARE_PER_CPU(int, numa_node);

#define NODE_DATA(nid) (node_data[nid])

/* for_each_zone - @z through all zones: by node, and ascending by address in it. */
#define for_each_zone(z) for (unsigned _z = 0; _z < nr_zones && ((z) = zone_table[_z], 1); _z++)

/* for_each_node_id - @nid, an int, through all nodes. */
#define for_each_node_id(nid) for ((nid) = 0; (nid) < (int)nr_nodes; (nid)++)

/* zonelist_highest - the highest type of zone on @list, which isn't empty. */
unsigned zonelist_highest(struct zone *const *list);

static inline struct zone *page_zone(const struct page *page)
{
	return zone_table[page_zone_id(page)];
}

static inline int page_to_nid(const struct page *page)
{
	return page_zone(page)->nid;
}

/* node_set_distance - tell the distance between two nodes (10: the same, 20: the default for
 * others).  Before page_alloc_init. */
void node_set_distance(int from, int to, unsigned distance);
unsigned node_distance(int from, int to);

/* node_set_hart - logical hart @cpu is near node @nid: its allocations start there.  Before
 * page_alloc_init, when the hart's per-CPU area stands. */
void node_set_hart(unsigned cpu, int nid);

/* numa_node_id - the node of the hart that runs this. */
int numa_node_id(void);

/* The pageblock that @page lies in, counted from address 0; and its byte. */
static inline unsigned long pageblock_index(const struct page *page)
{
	return (unsigned long)page >> (PAGE_STRUCT_SHIFT + PAGEBLOCK_ORDER);
}

static inline u8 *pageblock_of(const struct zone *zone, const struct page *page)
{
	return (u8 *)((unsigned long)zone->pageblock + pageblock_index(page));
}

/* The type of the pageblock that @page lies in; set it with zone->lock held. */
unsigned get_pageblock_migratetype(const struct page *page);
void set_pageblock_migratetype(struct page *page, unsigned type);

/* zone_free_of - pages on @zone's lists of @type, not of one moment. */
unsigned long zone_free_of(const struct zone *zone, unsigned type);

/* zone_bypass - from now on frees in @zone go to its own lists (@on), or to the harts' again if
 * no other reason is left.  zone->lock held. */
void zone_bypass(struct zone *zone, unsigned reason, bool on);

/* zone_free_blocks - how many free blocks of each order @zone has, of all types or of @type.
 * Takes zone->lock for a moment; any context. */
void zone_free_blocks(struct zone *zone, unsigned long nr[NR_ORDERS]);
void zone_free_blocks_of(struct zone *zone, unsigned type, unsigned long nr[NR_ORDERS]);

#endif
