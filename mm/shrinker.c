/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shrinker.c - asking caches to give memory back
 *
 * A shrinker is asked for its share of what it holds: of n objects at priority p it's 4n / 2^p,
 * divided by its seeks, so that a cache that is dear to fill again loses less.  Shares smaller than
 * a batch are put off: they gather in nr_deferred until a batch is due, so that neither small
 * caches are spared for ever, nor is a call made for each object.  What a scan couldn't do
 * (SHRINK_STOP) is put off too.
 *
 *     due      = deferred / 2^p + share, at most twice what there is
 *     deferred = deferred + share - scanned, at most twice what there is
 *
 * A scan may sleep, for long; no lock is held then.  A walk has a reference to the shrinker that it
 * stands on, and finds its way on from there, as one that was unregistered meanwhile stays in the
 * list until the last walk has left it.
 *
 * Invariant: a shrinker is in the list <=> it's registered or has users.
 * Locking: shrinkers.lock (rank SHRINK), for a step of a walk.
 * Not here: when to ask, and how hard (vmscan.c).
 */
#include <mm/shrinker.h>

#include <kernel/panic.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <mm/vmstat.h>
#include <mm/zone.h>

#define UNREGISTER_POLL_NS 1000000ull

static struct {
	spinlock_t lock;
	struct list_head all;
} shrinkers = { SPINLOCK_RANKED(LOCK_SHRINK), LIST_HEAD_INIT(shrinkers.all) };

int register_shrinker(struct shrinker *s, const char *name)
{
	unsigned long flags;

	BUG_ON(!s->count_objects || !s->scan_objects || s->registered);
	s->name = name;
	for (int nid = 0; nid < MAX_NUMNODES; nid++)
		s->nr_deferred[nid] = s->nr_objects[nid] = 0;
	spin_lock_irqsave(&shrinkers.lock, flags);
	s->registered = true;
	list_add_tail(&s->list, &shrinkers.all);
	spin_unlock_irqrestore(&shrinkers.lock, flags);
	return 0;
}

/* Is a walk standing on it?  If not, it's off the list, and nobody has its address. */
static bool is_in_use(struct shrinker *s)
{
	unsigned long flags;
	bool used;

	spin_lock_irqsave(&shrinkers.lock, flags);
	used = s->users != 0;
	if (s->registered && !used)
		list_del(&s->list);
	s->registered = false;
	spin_unlock_irqrestore(&shrinkers.lock, flags);
	return used;
}

void unregister_shrinker(struct shrinker *s)
{
	might_sleep();
	if (!s->registered)
		return;
	while (is_in_use(s))
		arch_wait_ns(UNREGISTER_POLL_NS);
}

struct shrinker *shrinker_next(struct shrinker *s)
{
	struct list_head *at = s ? &s->list : &shrinkers.all;
	struct shrinker *next = NULL;
	unsigned long flags;

	spin_lock_irqsave(&shrinkers.lock, flags);
	while (!next && (at = at->next) != &shrinkers.all) {
		next = list_entry(at, struct shrinker, list);
		if (next->registered)
			next->users++;
		else
			next = NULL;
	}
	if (s && !--s->users && !s->registered)
		list_del(&s->list);
	spin_unlock_irqrestore(&shrinkers.lock, flags);
	return next;
}

/* ---- one shrinker's share ---- */

static unsigned long share_of(const struct shrinker *s, unsigned long freeable, int priority)
{
	if (!s->seeks) /* they cost nothing: half of them */
		return freeable / 2;
	return min(freeable >> priority, ~0UL / 4) * 4 / (unsigned)s->seeks;
}

/* Scan up to @due of @freeable objects, by batches.  Adds to what was freed; returns how many. */
static unsigned long scan(struct shrinker *s, struct shrink_control *sc, unsigned long due,
			  unsigned long freeable, unsigned long *freed)
{
	unsigned long batch = s->batch > 0 ? (unsigned long)s->batch : SHRINK_BATCH, scanned = 0;

	/* Less than a batch only if that is all there is. */
	while (due && (due >= batch || due >= freeable)) {
		unsigned long nr;

		sc->nr_to_scan = sc->nr_scanned = min(batch, due);
		nr = s->scan_objects(s, sc);
		if (nr == SHRINK_STOP)
			break;
		*freed += nr;
		/* A scan that says it looked at none would be asked for ever. */
		nr = sc->nr_scanned ? sc->nr_scanned : sc->nr_to_scan;
		scanned += nr;
		due -= min(nr, due);
	}
	count_vm_events(SLABS_SCANNED, scanned);
	return scanned;
}

/* Returns how many objects were looked at. */
static unsigned long shrink_one(struct shrinker *s, struct shrink_control *sc, int priority,
				unsigned long *freed)
{
	int nid = s->flags & SHRINKER_NUMA_AWARE ? sc->nid : 0;
	unsigned long freeable = s->count_objects(s, sc);
	unsigned long most, deferred, share, scanned;

	if (freeable >= SHRINK_EMPTY)
		freeable = 0;
	WRITE_ONCE(s->nr_objects[nid], freeable);
	if (!freeable)
		return 0;
	most = 2 * min(freeable, ~0UL / 2);
	/* Taken, so that others who reclaim now don't do the same work; what is left goes back. */
	deferred = __atomic_exchange_n(&s->nr_deferred[nid], 0, __ATOMIC_RELAXED);
	share = share_of(s, freeable, priority);
	scanned = scan(s, sc, min((deferred >> priority) + share, most), freeable, freed);
	deferred = min(deferred + share, ~0UL / 2);
	deferred = min(deferred - min(scanned, deferred), most);
	__atomic_fetch_add(&s->nr_deferred[nid], deferred, __ATOMIC_RELAXED);
	return scanned;
}

unsigned long shrink_slab(gfp_t gfp, int nid, int priority, unsigned long *scanned)
{
	unsigned long freed = 0;

	might_sleep();
	for (struct shrinker *s = shrinker_next(NULL); s; s = shrinker_next(s)) {
		struct shrink_control sc = { .gfp_mask = gfp, .nid = nid };

		*scanned += shrink_one(s, &sc, priority, &freed);
	}
	return freed;
}

unsigned long drop_slab(void)
{
	unsigned long all = 0, scanned = 0, freed;
	int nid, shift = 0;

	/* Owners may go on filling their caches: less and less effort. */
	do {
		freed = 0;
		for_each_node_id(nid)
			freed += shrink_slab(GFP_KERNEL, nid, 0, &scanned);
		all += freed;
	} while (freed >> shift++ > 1);
	return all;
}
