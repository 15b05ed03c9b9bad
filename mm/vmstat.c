/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmstat.c - adding up what each hart counted; nodes; how torn free memory is
 *
 * A hart that goes off keeps its per-CPU area, and so its counts: the sum runs over all harts.
 * A node's counters are words that all harts add to, atomically: on a machine of several nodes an
 * addition for each batch or block that leaves a zone, whose lock was an atomic operation already.
 *
 * Of free memory, by blocks[o] free blocks of order o:
 *
 *     free     = sum(blocks[o] << o)                   pages
 *     suitable = sum(blocks[o] << (o - order)), o >= order    blocks of order that could be had
 *     unusable_index      = (free - (suitable << order)) / free
 *     fragmentation_index = 1 - (1 + free / 2^order) / sum(blocks[o])    while suitable is 0
 *
 * both in thousandths, and not below 0: too little is free to make one block even in one piece.
 *
 * Locking: none; a word is read whole, and the words aren't of one moment.
 * Cost: harts * events for all_vm_events(), orders for an index.
 * Not here: counting itself (vmstat.h), how it's shown (kernel/shell/cmd_vmstat.c).
 */
#include <mm/vmstat.h>

#include <kernel/smp.h>

#include <stddef.h>

DEFINE_PER_CPU(struct vm_event_state, vm_event_states);

/* One string, so that there is no table of pointers to relocate. */
#define VM_EVENT_TEXT(name) #name "\0"
static const char names[] = VM_EVENTS(VM_EVENT_TEXT);

unsigned long vm_event_sum(enum vm_event_item item)
{
	unsigned long sum = 0;

	for (unsigned int cpu = 0; cpu < nr_harts; cpu++)
		sum += READ_ONCE(per_cpu_ptr(&vm_event_states, cpu)->event[item]);
	return sum;
}

void all_vm_events(unsigned long sum[NR_VM_EVENT_ITEMS])
{
	for (int item = 0; item < NR_VM_EVENT_ITEMS; item++)
		sum[item] = vm_event_sum((enum vm_event_item)item);
}

char *vm_event_name(enum vm_event_item item, char *name)
{
	const char *from = names;
	char *to = name;

	for (int skip = (int)item; skip; from++)
		skip -= !*from;
	do
		*to++ = (char)(*from | (*from >= 'A' && *from <= 'Z' ? 0x20 : 0));
	while (*from++);
	return name;
}

/* ---- nodes ---- */

static struct {
	unsigned long stat[NR_NUMA_STAT_ITEMS];
} __aligned(64) numa[MAX_NUMNODES];

void numa_stat_add(int nid, enum numa_stat_item item, unsigned long n)
{
	__atomic_fetch_add(&numa[nid].stat[item], n, __ATOMIC_RELAXED);
}

unsigned long numa_stat_read(int nid, enum numa_stat_item item)
{
	return READ_ONCE(numa[nid].stat[item]);
}

void __zone_statistics(int preferred_nid, const struct zone *zone, unsigned long nr)
{
	int nid = zone->nid;

	if (nid == preferred_nid) {
		numa_stat_add(nid, NUMA_HIT, nr);
	} else {
		numa_stat_add(nid, NUMA_MISS, nr);
		numa_stat_add(preferred_nid, NUMA_FOREIGN, nr);
	}
	numa_stat_add(nid, nid == numa_node_id() ? NUMA_LOCAL : NUMA_OTHER, nr);
}

/* ---- torn memory ---- */

struct pieces {
	unsigned long free;	/* pages */
	unsigned long blocks;	/* whatever their order */
	unsigned long suitable; /* blocks of the order asked for that they hold */
};

static struct pieces count_pieces(const unsigned long nr[NR_ORDERS], unsigned order)
{
	struct pieces p = { 0 };

	for (unsigned o = 0; o < NR_ORDERS; o++) {
		p.free += nr[o] << o;
		p.blocks += nr[o];
		if (o >= order)
			p.suitable += nr[o] << (o - order);
	}
	return p;
}

unsigned unusable_index(const unsigned long nr[NR_ORDERS], unsigned order)
{
	struct pieces p = count_pieces(nr, order);

	if (!p.free)
		return 1000;
	return (unsigned)((u64)(p.free - (p.suitable << order)) * 1000 / p.free);
}

int fragmentation_index(const unsigned long nr[NR_ORDERS], unsigned order)
{
	struct pieces p = count_pieces(nr, order);

	if (p.suitable)
		return -1000;
	if (!p.blocks)
		return 0;
	return max(1000 - (int)((1000 + ((u64)p.free * 1000 >> order)) / p.blocks), 0);
}

unsigned extfrag_for_order(struct zone *zone, unsigned order)
{
	unsigned long nr[NR_ORDERS];

	zone_free_blocks(zone, nr);
	return unusable_index(nr, order) / 10;
}
