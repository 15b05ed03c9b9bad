/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm_hold.h - asking the allocator for blocks and giving them back, checked by the model
 *
 * Each page of a held block is stamped with the block's number; giving it back checks
 * that nobody else wrote there.
 */
#ifndef MM_HOLD_H
#define MM_HOLD_H

#include "mm_world.h"

#define MAX_HELD 4096

struct held {
	struct page *page;
	unsigned order;
	gfp_t gfp;
	u32 id;		/* the model's owner, and the stamp */
	int extra_refs; /* by get_page */
};
extern struct held held[MAX_HELD];
extern unsigned nr_held;

struct request {
	gfp_t gfp;
	unsigned order;
	int nid;	   /* NUMA_NO_NODE: this hart's */
	zone_mask_t reach; /* 0: not by reach */
};

/* request_may_use - may @r be served from @zone, were all of it free? */
bool request_may_use(const struct request *r, const struct zone *zone);

/* request - ask, and hold what comes: it must be free, come from the first zone that could serve
 * it, and not be missing where merging would have made it.  NULL if there is none. */
struct page *request(const struct request *r);
struct page *take(gfp_t gfp, unsigned order);

/* give - drop all references to held[n], in one of the ways there are. */
void give(unsigned n);
void give_all(void);

void random_request(void);

/* check_merged - after everything came back: no larger blocks could be made. */
void check_merged(void);

#endif
