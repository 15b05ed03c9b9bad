/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_page_harts.c - page_contention: how often harts meet at a zone's lock
 *
 * A thread on each hart does the same operations at the same time, for each of the patterns below,
 * and each allocation and each free is one operation.  What is counted, and by whom:
 *
 *     locks      each hart, from its events: a refill or a drain is one hold of a zone's lock
 *     all locks  the zones' ticket locks: tickets drawn by all harts, whatever for
 *     refills, drains, steals, IPIs   all harts
 *
 * For each pattern one line, "contention PATTERN HARTS OPS MOST ALL REFILLS DRAINS STEALS IPIS":
 * OPS operations on each hart; MOST, zone locks for 1,000 operations on the hart that took most;
 * ALL the same by tickets, the harts' average.  Nothing is counted on the hit paths, and
 * instructions mean nothing here: run it without -icount.
 */
#include <kernel/smp.h>
#include <mm/vmstat.h>
#include <shell/bench.h>
#include <shell/shell.h>
#include "bench_harts.h"
#include "page_chain.h"

#include <string.h>

#define PAIRS 8000 /* of all harts, for each pattern; 2000 of each hart at least */
#define HELD  256

struct pattern {
	const char *name;
	u8 order;
	u16 batch;   /* 1: pairs; 0: mixed orders at random */
	bool remote; /* another hart frees */
};

static const struct pattern patterns[] = {
	{ "page0_pair", 0, 1, false },	{ "page0_batch1000", 0, 1000, false },
	{ "page3_pair", 3, 1, false },	{ "page3_batch64", 3, 64, false },
	{ "page4_pair", 4, 1, false },	{ "page4_batch64", 4, 64, false },
	{ "mixed0-4", 0, 0, false },	{ "page0_remote", 0, 1, true },
	{ "page3_remote", 3, 1, true }, { "page4_remote", 4, 1, true },
};

/* One hart's: the box is filled by its neighbour. */
static struct hart_run {
	const struct pattern *pattern;
	struct bench_box box;
	unsigned long refills, drains, steals, ipis;
	unsigned long failed;
} __aligned(64) hart_run[BENCH_HARTS];

static unsigned nr_running, nr_pairs;

static struct page *take(struct hart_run *r, unsigned order)
{
	struct page *page = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, order);

	r->failed += !page;
	return page;
}

static void batches(struct hart_run *r, const struct pattern *p)
{
	for (unsigned done = 0; done < nr_pairs; done += p->batch) {
		struct page_chain held = { 0 };

		for (unsigned i = 0; i < p->batch; i++) {
			struct page *page = take(r, p->order);

			if (page)
				chain_push(&held, page);
		}
		chain_free(&held);
	}
}

static void mixed(struct hart_run *r, u32 random)
{
	struct page_chain held[PCP_ORDERS] = { 0 };

	for (unsigned i = 0; i < nr_pairs * 2; i++) {
		struct page *page;
		unsigned order;

		random = random * 1664525 + 1013904223;
		order = (random >> 16) % PCP_ORDERS;
		if ((random >> 31) && held[order].nr < HELD / PCP_ORDERS) {
			page = take(r, order);
			if (page)
				chain_push(&held[order], page);
		} else if (held[order].nr) {
			page = index_page(held[order].first);
			held[order].first = page->index;
			held[order].nr--;
			__free_pages(page, order);
		}
	}
	for (unsigned order = 0; order < PCP_ORDERS; order++)
		chain_free(&held[order]);
}

static void *take_one(void *arg)
{
	struct hart_run *r = arg;

	return take(r, r->pattern->order);
}

static void give_one(void *page, void *arg)
{
	struct hart_run *r = arg;

	__free_pages(page, r->pattern->order);
}

/* Every second hart frees what the one before it allocates. */
static void remote(struct hart_run *r)
{
	if ((r - hart_run) % 2)
		bench_receive(&r->box, give_one, r);
	else if (r + 1 < hart_run + nr_running)
		bench_send(&r[1].box, nr_pairs * 2, take_one, r);
}

static void note(struct hart_run *r, int sign)
{
	const struct vm_event_state *s = this_cpu_ptr(&vm_event_states);

	r->refills += (unsigned long)sign * s->event[PCP_REFILL];
	r->drains += (unsigned long)sign * s->event[PCP_DRAIN];
	r->steals += (unsigned long)sign * s->event[PGSTEAL_BLOCK];
	r->ipis += (unsigned long)sign * hart_info(smp_processor_id())->ipis;
}

static void run_hart(unsigned cpu)
{
	struct hart_run *r = &hart_run[cpu];
	const struct pattern *p = r->pattern;

	note(r, -1);
	if (p->remote)
		remote(r);
	else if (p->batch)
		batches(r, p);
	else
		mixed(r, 12345 + cpu);
	note(r, 1);
}

static u16 tickets(void)
{
	struct zone *zone;
	u16 sum = 0;

	for_each_zone(zone)
		sum = (u16)(sum + READ_ONCE(zone->lock.next));
	return sum;
}

static int run_harts(const struct pattern *p)
{
	memset(hart_run, 0, sizeof(hart_run));
	for (unsigned cpu = 0; cpu < nr_running; cpu++)
		hart_run[cpu].pattern = p;
	return bench_harts(nr_running, run_hart);
}

/* Locks for 1,000 operations, of which each hart did two a pair. */
static unsigned long rate(unsigned long locks, unsigned harts)
{
	return (locks * 1000 + harts * nr_pairs) / (harts * nr_pairs * 2);
}

static u64 run_page_contention(void)
{
	u64 worst = 0;

	nr_running = min(nr_harts, (unsigned)BENCH_HARTS);
	nr_pairs = max(PAIRS / nr_running, 2000u);
	for (unsigned i = 0; i < ARRAY_SIZE(patterns); i++) {
		unsigned long most = 0, refills = 0, drains = 0, steals = 0, ipis = 0, failed = 0;
		u16 all;

		if (patterns[i].remote && nr_running == 1)
			break;
		drain_all_pages();
		all = tickets();
		if (run_harts(&patterns[i]))
			return BENCH_FAILED;
		all = (u16)(tickets() - all);
		for (const struct hart_run *r = hart_run; r < hart_run + nr_running; r++) {
			most = max(most, r->refills + r->drains);
			refills += r->refills;
			drains += r->drains;
			steals += r->steals;
			ipis += r->ipis;
			failed += r->failed;
		}
		shell_printf("contention %s %u %u %lu %lu %lu %lu %lu %lu\n", patterns[i].name,
			     nr_running, nr_pairs * 2, rate(most, 1), rate(all, nr_running),
			     refills, drains, steals, ipis);
		if (failed)
			return BENCH_FAILED;
		worst = max(worst, (u64)rate(most, 1));
	}
	return worst;
}

static const struct bench bench_page_contention = {
	.key = "page_contention",
	.run = run_page_contention,
	.help = "zone locks for 1,000 operations on the worst hart, all at once",
};
TABLE_ENTRY(bench, bench_page_contention);
