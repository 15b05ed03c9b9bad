/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom.c - when memory has run out: who can give some back yet, and what to tell the user
 *
 * Notifiers are the last resort of those who keep something that isn't a cache.  Their chain runs
 * in one thread at a time; who comes meanwhile waits a moment and tries again, since memory is
 * being freed.  There are no programs to end yet; they come after the notifiers.
 *
 * Of a failed allocation it is recorded at once, in bounded time, what it was like: the request and
 * the zones' free blocks.  It is printed at once by a thread that may wait for the console, else by
 * kswapd.  There is one record; a failure that finds it in use isn't reported.
 *
 * Locking: chain.lock (rank SHRINK) to change the chain; a running chain is read without, and who
 *   takes a notifier out waits until none runs.  record.state is passed on atomically.
 * Not here: which failures are reported, wrong frees (page_report.c).
 */
#define LOG_PREFIX "page_alloc: "
#include <mm/oom.h>

#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/page_alloc.h>
#include <mm/shrinker.h>
#include <mm/vmscan.h>
#include <mm/vmstat.h>
#include <mm/watermark.h>

#include "internal.h"

#include <stdio.h>
#include <string.h>

#define REPORT_ZONES 4
#define OTHER_NS     1000000ull /* while another thread runs the chain */

const char *(*mm_thread_name)(void);

/* ---- notifiers ---- */

static struct {
	spinlock_t lock;
	struct notifier_block *first;
	u32 running;
} chain = { .lock = SPINLOCK_RANKED(LOCK_SHRINK) };

int register_oom_notifier(struct notifier_block *nb)
{
	struct notifier_block **at = &chain.first;
	unsigned long flags;

	spin_lock_irqsave(&chain.lock, flags);
	while (*at && (*at)->priority >= nb->priority)
		at = &(*at)->next;
	nb->next = *at;
	__atomic_store_n(at, nb, __ATOMIC_RELEASE);
	spin_unlock_irqrestore(&chain.lock, flags);
	return 0;
}

/* A chain that runs and stands on @nb finds its way on. */
int unregister_oom_notifier(struct notifier_block *nb)
{
	struct notifier_block **at = &chain.first;
	unsigned long flags;
	bool found;

	might_sleep();
	spin_lock_irqsave(&chain.lock, flags);
	while (*at && *at != nb)
		at = &(*at)->next;
	found = *at != NULL;
	if (found)
		WRITE_ONCE(*at, nb->next);
	spin_unlock_irqrestore(&chain.lock, flags);
	smp_mb(); /* a chain that begins after this doesn't find it */
	while (__atomic_load_n(&chain.running, __ATOMIC_ACQUIRE))
		arch_wait_ns(OTHER_NS);
	return found ? 0 : -ENOENT;
}

static unsigned long run_chain(void)
{
	unsigned int old = memalloc_noreclaim_save();
	unsigned long freed = 0;

	for (struct notifier_block *nb = __atomic_load_n(&chain.first, __ATOMIC_ACQUIRE); nb;
	     nb = __atomic_load_n(&nb->next, __ATOMIC_ACQUIRE))
		if (nb->notifier_call(nb, 0, &freed) & NOTIFY_STOP_MASK)
			break;
	memalloc_noreclaim_restore(old);
	return freed;
}

bool out_of_memory(const struct oom_control *oc)
{
	unsigned long freed;

	might_sleep();
	if (__atomic_exchange_n(&chain.running, 1, __ATOMIC_SEQ_CST)) {
		arch_wait_ns(OTHER_NS);
		return true;
	}
	freed = run_chain();
	__atomic_store_n(&chain.running, 0, __ATOMIC_RELEASE);
	if (freed)
		return true;
	count_vm_event(OOM_REPORTS);
	return false;
}

/* ---- the record ---- */

enum { RECORD_FREE, RECORD_WRITTEN, RECORD_FULL };

static struct {
	u32 state;
	u32 cpu;
	unsigned long nr; /* of the failure */
	struct oom_control oc;
	char thread[16];
	unsigned nr_zones;
	struct {
		struct zone *zone;
		unsigned long free;
		u32 blocks[NR_MIGRATETYPES][NR_ORDERS];
	} zone[REPORT_ZONES];
} record;

static void record_zone(struct zone *zone)
{
	unsigned long nr[NR_ORDERS];
	unsigned i = record.nr_zones++;

	record.zone[i].zone = zone;
	record.zone[i].free = READ_ONCE(zone->nr_free);
	for (unsigned type = 0; type < NR_MIGRATETYPES; type++) {
		zone_free_blocks_of(zone, type, nr);
		for (unsigned order = 0; order < NR_ORDERS; order++)
			record.zone[i].blocks[type][order] = (u32)nr[order];
	}
}

static void fill_record(const struct oom_control *oc, unsigned long nr)
{
	const char *thread = in_interrupt()   ? "an interrupt"
			     : mm_thread_name ? mm_thread_name()
					      : "boot";

	record.oc = *oc;
	record.nr = nr;
	record.cpu = this_hart->cpu;
	snprintf(record.thread, sizeof(record.thread), "%s", thread);
	record.nr_zones = 0;
	for (struct zone **z = oc->node->zonelists[gfp_zonelist(oc->gfp)];
	     *z && record.nr_zones < REPORT_ZONES; z++)
		if (oc->reach >> (*z)->type & 1)
			record_zone(*z);
}

/* ---- printing it ---- */

static void print_blocks(const char *type, const u32 *nr)
{
	char text[NR_ORDERS * 11 + 1];
	size_t at = 0;
	bool any = false;

	for (unsigned order = 0; order < NR_ORDERS && at < sizeof(text); order++) {
		at += (size_t)snprintf(text + at, sizeof(text) - at, " %5lu",
				       (unsigned long)nr[order]);
		any |= nr[order] != 0;
	}
	if (any)
		pr_err("    %-11s%s", type, text);
}

static void print_zone(unsigned i, unsigned highest)
{
	static const char *const types[] = { "unmovable",  "movable", "reclaimable",
					     "highatomic", "cma",     "isolated" };
	struct zone *zone = record.zone[i].zone;

	pr_err("  node %d zone %s: %lu of %lu pages free (present %lu), min %lu low %lu high %lu, "
	       "reserve %lu; harts keep %lu",
	       zone->nid, zone->name, record.zone[i].free, zone->managed_pages, zone->present_pages,
	       zone->watermark[WMARK_MIN], wmark_pages(zone, WMARK_LOW),
	       wmark_pages(zone, WMARK_HIGH), zone->lowmem_reserve[highest],
	       zone_listed_pages(zone));
	for (unsigned type = 0; type < NR_MIGRATETYPES; type++)
		print_blocks(types[type], record.zone[i].blocks[type]);
}

/* The reason, as far as the figures show one. */
static const char *reason(unsigned highest)
{
	bool some = false;

	if (!record.nr_zones)
		return "no zone of this board may serve it";
	for (unsigned i = 0; i < record.nr_zones; i++) {
		const struct zone *zone = record.zone[i].zone;
		unsigned long kept = zone->watermark[WMARK_MIN] + zone->lowmem_reserve[highest];

		if (record.zone[i].free > kept + (1UL << record.oc.order))
			return "enough is free, but not in one piece that this request may have";
		some |= record.zone[i].free != 0;
	}
	return some ? "what is free is kept for those who free memory, or can only have such pages"
		    : "nothing is free";
}

static void print_caches(void)
{
	for (struct shrinker *s = shrinker_next(NULL); s; s = shrinker_next(s)) {
		unsigned long nr = 0;

		for (int nid = 0; nid < MAX_NUMNODES; nid++)
			nr += READ_ONCE(s->nr_objects[nid]);
		pr_err("  cache %s: %lu objects when last counted", s->name, nr);
	}
}

static void print_record(void)
{
	const struct oom_control *oc = &record.oc;
	struct zone *const *list = oc->node->zonelists[gfp_zonelist(oc->gfp)];
	unsigned highest = *list ? zonelist_highest(list) : 0;
	char text[GFP_TEXT_LEN];

	gfp_describe(oc->gfp, text, sizeof(text));
	pr_err("no block of order %u, %lu KiB (%s) for %p in %s on hart %u near node %d; "
	       "failure %lu",
	       oc->order, (PAGE_SIZE / 1024) << oc->order, text, oc->caller, record.thread,
	       (unsigned)record.cpu, oc->node->nid, record.nr);
	pr_err("  %s", reason(highest));
	for (unsigned i = 0; i < record.nr_zones; i++)
		print_zone(i, highest);
	print_caches();
	report_holders();
	__atomic_store_n(&record.state, RECORD_FREE, __ATOMIC_RELEASE);
}

void report_recorded_failure(void)
{
	u32 state = RECORD_FULL;

	if (__atomic_compare_exchange_n(&record.state, &state, RECORD_WRITTEN, false,
					__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		print_record();
}

/* The node of a thread that can print; -1: there is none yet. */
static int printing_node(void)
{
	int nid;

	for_each_node_id(nid)
		if (kswapd.state[nid].thread)
			return nid;
	return -1;
}

void report_out_of_memory(const struct oom_control *oc, unsigned long nr)
{
	u32 state = RECORD_FREE;
	int nid = -1;

	if (!__atomic_compare_exchange_n(&record.state, &state, RECORD_WRITTEN, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	fill_record(oc, nr);
	if (!preemptible())
		nid = printing_node();
	if (nid < 0) {
		print_record();
		return;
	}
	__atomic_store_n(&record.state, RECORD_FULL, __ATOMIC_RELEASE);
	node_daemon_wake(&kswapd, nid);
}
