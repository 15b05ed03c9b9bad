/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shrinker.h - caches that give memory back when it runs short
 *
 *     static unsigned long count(struct shrinker *s, struct shrink_control *sc);
 *     static unsigned long scan(struct shrinker *s, struct shrink_control *sc);
 *     static struct shrinker shrinker = {
 *             .count_objects = count, .scan_objects = scan, .seeks = DEFAULT_SEEKS };
 *
 *     register_shrinker(&shrinker, "inodes");
 *
 * Names and meanings are Linux's.  Both functions are called in threads that may sleep, several
 * at once.  They may allocate, but nothing is reclaimed for them; nor may they unregister one.
 */
#ifndef MM_SHRINKER_H
#define MM_SHRINKER_H

#include <base/list.h>
#include <mm/gfp.h>
#include <mm/memblock.h>

struct shrink_control {
	gfp_t gfp_mask; /* what may be done for it: without __GFP_FS no file system is entered,
			 * without __GFP_IO no device's I/O begun or waited for */
	int nid;	/* the node that needs pages: for SHRINKER_NUMA_AWARE */
	unsigned long nr_to_scan; /* objects to look at */
	unsigned long nr_scanned; /* how many it were; nr_to_scan, if scan_objects() doesn't say */
};

#define SHRINK_STOP  (~0UL)	/* scan_objects(): nothing can be freed now; don't ask again soon */
#define SHRINK_EMPTY (~0UL - 1) /* count_objects(): there are none at all */

#define SHRINKER_NUMA_AWARE 1u /* it counts and scans by node */

#define DEFAULT_SEEKS 2
#define SHRINK_BATCH  128
#define DEF_PRIORITY  12 /* how hard it's tried at first: a 2^12th is looked at; 0: everything */

/* Letters: L under the list's lock; C constant while registered; A atomic. */
struct shrinker {
	/* C How many objects could be freed; 0: none now.  Cheap, and needn't be exact. */
	unsigned long (*count_objects)(struct shrinker *s, struct shrink_control *sc);
	/* C Look at sc->nr_to_scan objects and free what can be; how many were, or SHRINK_STOP. */
	unsigned long (*scan_objects)(struct shrinker *s, struct shrink_control *sc);
	long batch;	    /* C objects to look at in one call; 0: SHRINK_BATCH */
	int seeks;	    /* C what an object costs to make anew, DEFAULT_SEEKS; 0: nothing */
	unsigned flags;	    /* C SHRINKER_* */
	const char *name;   /* C */
	void *private_data; /* the owner's */

	struct list_head list;			 /* L */
	unsigned users;				 /* L walks that stand here */
	bool registered;			 /* L */
	unsigned long nr_deferred[MAX_NUMNODES]; /* A objects that should have been looked at */
	unsigned long nr_objects[MAX_NUMNODES];	 /* A what was counted last; for reports */
};

/* register_shrinker - @s is asked from now on.  @name stays valid.  0.  Any context. */
int register_shrinker(struct shrinker *s, const char *name);

/* unregister_shrinker - it's asked no more, and no function of it runs any more.  Sleeps while one
 * does; not from one. */
void unregister_shrinker(struct shrinker *s);

/*
 * shrink_slab - ask every shrinker for its share: of what it counts a 2^@priority'th, by its seeks
 * @gfp: what they may do; @nid: the node that needs pages.  How many objects were freed; those
 * looked at are added to *@scanned.  Sleeps.
 */
unsigned long shrink_slab(gfp_t gfp, int nid, int priority, unsigned long *scanned);

/* drop_slab - have every cache shrunk until hardly anything is left.  Objects freed.  Sleeps. */
unsigned long drop_slab(void);

/*
 * shrinker_next - the registered shrinker after @s (NULL: the first), NULL at the end
 * It can't go away until the next call, whose @s it is: walk to the end.  Any context.
 */
struct shrinker *shrinker_next(struct shrinker *s);

#endif
