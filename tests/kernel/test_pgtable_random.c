/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_pgtable_random.c - the page table against a model, on every hart, and seen by every hart
 *
 * Each player has a window of addresses and an array that says of each of its pages which frame
 * it is mapped to and how.  It does random operations, predicts the result of each from the
 * array, and compares the window with it by arch_lookup() and by accesses.
 *
 * The remote cases change a page here and touch it on another hart, whose TLB must have
 * forgotten what it knew.
 */
#include "pgtable.h"

#include <asm/vmap.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <sched/thread.h>
#include <string.h>

#define RW	   (PROT_READ | PROT_WRITE)
#define NOT_MAPPED 0xffff
#define ALONE	   2000 /* operations of a player alone */
#define TOGETHER   250	/* of each of several */
/* Fewer, but so many, once the time is over: flushes are slow where the host has fewer CPUs. */
#define LEAST	24
#define PLAY_NS 3000000000ull
#define ROUNDS	40 /* of a remote case, over all harts */

struct player {
	struct ktap *t;
	unsigned long va; /* its window, aligned to a large leaf */
	unsigned long nr; /* pages of it */
	u32 seed;
	unsigned int turns;
	u16 *frame; /* of each page, or NOT_MAPPED */
	u8 *prot;
	unsigned order; /* of the pages that the arrays lie in */
};

static u32 random_below(struct player *p, unsigned long n)
{
	p->seed ^= p->seed << 13;
	p->seed ^= p->seed >> 17;
	p->seed ^= p->seed << 5;
	return (u32)(p->seed % n);
}

static unsigned long page_va(const struct player *p, unsigned long page)
{
	return p->va + page * PAGE_SIZE;
}

/* ---- the model agrees with the table and the machine ---- */

static void check_page(struct player *p, unsigned long page)
{
	struct arch_mapping map;
	unsigned long va = page_va(p, page);
	int err = arch_lookup(va, &map);
	u32 word = 0;

	if (p->frame[page] == NOT_MAPPED) {
		KTAP_EXPECT_EQ(p->t, err, -ENOENT);
		KTAP_EXPECT_EQ(p->t, probe_read(&word, (void *)va, 4), -EFAULT);
		return;
	}
	KTAP_EXPECT_EQ(p->t, err, 0);
	KTAP_EXPECT_EQ(p->t, map.pa, frames.pa + p->frame[page] * PAGE_SIZE);
	KTAP_EXPECT_EQ(p->t, map.prot, p->prot[page]);
	KTAP_EXPECT_EQ(p->t, probe_read(&word, (void *)va, 4), 0);
	KTAP_EXPECT_EQ(p->t, word, p->frame[page]);
	KTAP_EXPECT_EQ(p->t, probe_write((void *)va, &word, 4),
		       p->prot[page] & PROT_WRITE ? 0 : -EFAULT);
}

static void check_all(struct player *p)
{
	for (unsigned long page = 0; page < p->nr; page++)
		check_page(p, page);
}

/* ---- operations; each returns what it should and notes what it did ---- */

/* How many of the pages are mapped. */
static unsigned long count_mapped(const struct player *p, unsigned long first, unsigned long n)
{
	unsigned long mapped = 0;

	for (unsigned long i = first; i < first + n; i++)
		mapped += p->frame[i] != NOT_MAPPED;
	return mapped;
}

static unsigned int random_prot(struct player *p)
{
	static const unsigned int prots[] = { PROT_READ, RW, RW, PROT_READ | PROT_EXEC,
					      PROT_READ | PROT_IO };

	return prots[random_below(p, ARRAY_SIZE(prots))];
}

static void op_map(struct player *p, unsigned long first, unsigned long n)
{
	unsigned int prot = random_prot(p);
	unsigned long frame = random_below(p, nr_frames()), leaf = leaf_bytes(1);
	bool taken;

	/* Often so that a large leaf fits. */
	if (random_below(p, 2))
		frame = first % nr_frames();
	n = min(n, nr_frames() - frame);
	taken = count_mapped(p, first, n);
	KTAP_EXPECT_EQ(p->t,
		       arch_map(page_va(p, first), frames.pa + frame * PAGE_SIZE, n * PAGE_SIZE,
				prot, random_below(p, 4) ? leaf : PAGE_SIZE),
		       taken ? -EEXIST : 0);
	for (unsigned long i = 0; i < n && !taken; i++) {
		p->frame[first + i] = (u16)(frame + i);
		p->prot[first + i] = (u8)prot;
	}
}

static void op_unmap(struct player *p, unsigned long first, unsigned long n)
{
	bool whole = count_mapped(p, first, n) == n;

	KTAP_EXPECT_EQ(p->t, arch_unmap(page_va(p, first), n * PAGE_SIZE), whole ? 0 : -ENOENT);
	for (unsigned long i = 0; i < n && whole; i++)
		p->frame[first + i] = NOT_MAPPED;
}

static void op_protect(struct player *p, unsigned long first, unsigned long n)
{
	bool whole = count_mapped(p, first, n) == n;
	unsigned int prot = random_prot(p);

	KTAP_EXPECT_EQ(p->t, arch_protect(page_va(p, first), n * PAGE_SIZE, prot),
		       whole ? 0 : -ENOENT);
	for (unsigned long i = 0; i < n && whole; i++)
		p->prot[first + i] = (u8)prot;
}

/* Can the block of a large leaf that @page lies in be one? */
static int join_result(const struct player *p, unsigned long page)
{
	unsigned long first = ALIGN_DOWN(page, nr_frames());

	if (count_mapped(p, first, nr_frames()) != nr_frames())
		return -ENOENT;
	for (unsigned long i = 0; i < nr_frames(); i++) {
		if (p->frame[first + i] != i || p->prot[first + i] != p->prot[first])
			return -EINVAL;
	}
	return 0;
}

static void op_join(struct player *p, unsigned long page)
{
	struct arch_mapping map;
	int expected, err;

	if (ALIGN_DOWN(page, nr_frames()) + nr_frames() > p->nr)
		return;
	expected = join_result(p, page);
	err = arch_join(page_va(p, page), leaf_bytes(1));
	/* With a hole and a stranger both, either is said. */
	KTAP_EXPECT_EQ(p->t, !err, !expected);
	if (!err && KTAP_EXPECT_EQ(p->t, arch_lookup(page_va(p, page), &map), 0))
		KTAP_EXPECT_EQ(p->t, map.leaf, leaf_bytes(1));
}

static void op_split(struct player *p, unsigned long page)
{
	unsigned long leaf = random_below(p, 2) ? arch_vmap_leaf() : PAGE_SIZE;
	bool there = p->frame[page] != NOT_MAPPED;
	struct arch_mapping map;

	KTAP_EXPECT_EQ(p->t, arch_split(page_va(p, page), leaf), there ? 0 : -ENOENT);
	if (there && KTAP_EXPECT_EQ(p->t, arch_lookup(page_va(p, page), &map), 0))
		KTAP_EXPECT(p->t, map.leaf <= leaf);
}

/* A range: often short, sometimes a whole large leaf. */
static unsigned long random_range(struct player *p, unsigned long *n)
{
	unsigned long first = random_below(p, p->nr);

	*n = 1 + random_below(p, random_below(p, 2) ? 8 : p->nr);
	if (!random_below(p, 3)) {
		first = ALIGN_DOWN(first, nr_frames());
		*n = nr_frames();
	}
	*n = min(*n, p->nr - first);
	return first;
}

static void turn(struct player *p)
{
	unsigned long n, first = random_range(p, &n);

	switch (random_below(p, 8)) {
	case 0:
	case 1:
	case 2:
		op_map(p, first, n);
		break;
	case 3:
	case 4:
		op_unmap(p, first, n);
		break;
	case 5:
		op_protect(p, first, n);
		break;
	case 6:
		op_join(p, first);
		break;
	case 7:
		op_split(p, first);
		break;
	}
	for (int i = 0; i < 4; i++)
		check_page(p, random_below(p, p->nr));
	check_page(p, first);
	check_page(p, first + n - 1);
}

/* Unmap what is mapped, a run at a time. */
static void begin_anew(struct player *p)
{
	unsigned long n;

	for (unsigned long page = 0; page < p->nr; page += n) {
		bool there = p->frame[page] != NOT_MAPPED;

		for (n = 1; page + n < p->nr && (p->frame[page + n] != NOT_MAPPED) == there; n++)
			;
		if (there)
			op_unmap(p, page, n);
	}
}

static void play(struct player *p)
{
	u64 until = ktime_ns() + PLAY_NS;

	for (unsigned int i = 0; i < p->turns && !p->t->nr_failed; i++) {
		if (i >= LEAST && ktime_ns() >= until)
			break;
		turn(p);
		if (i % 128 == 127)
			check_all(p);
		if (i % 256 == 255)
			begin_anew(p);
	}
	check_all(p);
	begin_anew(p);
	check_all(p);
}

static bool make_player(struct player *p, struct ktap *t, unsigned long va, unsigned long nr,
			unsigned int turns)
{
	unsigned long bytes = nr * (sizeof(*p->frame) + sizeof(*p->prot));

	*p = (struct player){ .t = t, .va = va, .nr = nr, .turns = turns };
	p->seed = (u32)read_time() * 2 + 1 + (u32)(va >> PAGE_SHIFT);
	while (PAGE_SIZE << p->order < bytes)
		p->order++;
	p->frame = (u16 *)__get_free_pages(GFP_KERNEL | __GFP_NOWARN, p->order);
	if (!p->frame) {
		*p = (struct player){ .t = t }; /* no window */
		return false;
	}
	p->prot = (u8 *)(p->frame + nr);
	memset(p->frame, 0xff, nr * sizeof(*p->frame));
	return true;
}

static void end_player(struct player *p)
{
	if (p->frame)
		free_pages((unsigned long)p->frame, p->order);
}

static void test_alone(struct ktap *t)
{
	struct player p;

	if (!setup(t))
		return;
	/* Two large leaves, and some pages more. */
	if (make_player(&p, t, va_layout.scratch_base, 2 * nr_frames() + 100, ALONE)) {
		ktap_diag(t, "seed %lu", (unsigned long)p.seed);
		play(&p);
		end_player(&p);
	} else {
		ktap_skip(t, "no memory for the model");
	}
	teardown(t);
}

/* ---- one player on every hart ---- */

#define MAX_PLAYERS 8

static int player_thread(void *arg)
{
	play(arg);
	return 0;
}

/* Players for the first @n threads; false if there is no memory for that. */
static bool make_players(struct ktap *t, struct player *players, unsigned int n)
{
	bool made = true;

	for (unsigned int i = 0; i < n && made; i++) {
		unsigned long va = va_layout.scratch_base + i * leaf_bytes(1);

		made = make_player(&players[i], t, va, nr_frames(), TOGETHER);
	}
	return made;
}

/* The threads are there before tables are counted: their stacks may need one. */
static void test_together(struct ktap *t)
{
	static struct player players[MAX_PLAYERS];
	struct thread *threads[MAX_PLAYERS] = { NULL };
	unsigned int n = min(num_online_harts(), (unsigned int)MAX_PLAYERS);
	bool ready;

	for (unsigned int i = 0; i < n; i++) {
		players[i] = (struct player){ .t = t };
		threads[i] = kthread_create(player_thread, &players[i], "player/%u", i);
		/* Where a hart is offline, anywhere. */
		if (threads[i] && kthread_bind(threads[i], i))
			pr_debug("player %u runs anywhere", i);
	}
	ready = setup(t);
	if (ready)
		KTAP_EXPECT(t, make_players(t, players, n));
	for (unsigned int i = 0; i < n; i++) {
		if (threads[i])
			wake_up_process(threads[i]); /* without a window it has nothing to do */
	}
	for (unsigned int i = 0; i < n; i++) {
		if (KTAP_EXPECT(t, threads[i] != NULL))
			kthread_join(threads[i]);
		end_player(&players[i]);
	}
	if (ready)
		teardown(t);
}

/* ---- one hart changes, another looks ---- */

struct look {
	unsigned long va;
	u32 word;
	int read, write;
};

static void look_here(void *arg)
{
	struct look *l = arg;

	l->read = probe_read(&l->word, (void *)l->va, 4);
	l->write = l->read ? l->read : probe_write((void *)l->va, &l->word, 4);
}

/* Hart @cpu finds @frame at @va, or nothing if @frame is NOT_MAPPED. */
static void expect_seen(struct ktap *t, unsigned int cpu, unsigned long va, u32 frame,
			bool writable)
{
	struct look l = { .va = va };

	KTAP_ASSERT_EQ(t, smp_call_function_single(cpu, look_here, &l), 0);
	KTAP_EXPECT_EQ(t, l.read, frame == NOT_MAPPED ? -EFAULT : 0);
	if (frame != NOT_MAPPED)
		KTAP_EXPECT_EQ(t, l.word, frame);
	KTAP_EXPECT_EQ(t, l.write, writable ? 0 : -EFAULT);
}

/* Everything that can happen to one page, and to a large leaf around it. */
static void change_and_look(struct ktap *t, unsigned int cpu)
{
	unsigned long va = va_layout.scratch_base, large = leaf_bytes(1), at = va + 5 * PAGE_SIZE;
	phys_addr_t pa = frames.pa;

	expect_seen(t, cpu, at, NOT_MAPPED, false);
	KTAP_EXPECT_EQ(t, arch_map(at, pa + 9 * PAGE_SIZE, PAGE_SIZE, RW, PAGE_SIZE), 0);
	expect_seen(t, cpu, at, 9, true);
	KTAP_EXPECT_EQ(t, arch_protect(at, PAGE_SIZE, PROT_READ), 0);
	expect_seen(t, cpu, at, 9, false);
	KTAP_EXPECT_EQ(t, arch_protect(at, PAGE_SIZE, RW), 0);
	expect_seen(t, cpu, at, 9, true);
	KTAP_EXPECT_EQ(t, arch_unmap(at, PAGE_SIZE), 0);
	expect_seen(t, cpu, at, NOT_MAPPED, false);
	KTAP_EXPECT_EQ(t, arch_map(va, pa, large, RW, large), 0);
	expect_seen(t, cpu, at, 5, true);
	KTAP_EXPECT_EQ(t, arch_unmap(at, PAGE_SIZE), 0);
	expect_seen(t, cpu, at, NOT_MAPPED, false);
	expect_seen(t, cpu, at + PAGE_SIZE, 6, true);
	KTAP_EXPECT_EQ(t, arch_map(at, pa, PAGE_SIZE, RW, PAGE_SIZE), 0);
	expect_seen(t, cpu, at, 0, true);
	KTAP_EXPECT_EQ(t, arch_unmap(at, PAGE_SIZE), 0);
	KTAP_EXPECT_EQ(t, arch_map(at, pa + 5 * PAGE_SIZE, PAGE_SIZE, RW, PAGE_SIZE), 0);
	KTAP_EXPECT_EQ(t, arch_join(at, large), 0);
	expect_seen(t, cpu, at, 5, true);
	KTAP_EXPECT_EQ(t, arch_protect(va, large, PROT_READ), 0);
	expect_seen(t, cpu, at + PAGE_SIZE, 6, false);
	KTAP_EXPECT_EQ(t, arch_unmap(va, large), 0);
	expect_seen(t, cpu, at + PAGE_SIZE, NOT_MAPPED, false);
}

static void look_from_all(struct ktap *t, unsigned int force)
{
	struct tlb_counts before, after;
	unsigned int cpu, old;

	if (!setup(t))
		return;
	old = tlb_force(force);
	tlb_read_counts(&before);
	for (unsigned int i = 0; i <= ROUNDS / num_online_harts() && !t->nr_failed; i++) {
		for_each_online_hart(cpu)
			change_and_look(t, cpu);
	}
	tlb_read_counts(&after);
	tlb_force(old);
	if (force & TLB_FORCE_IPI)
		KTAP_EXPECT(t, after.by_ipi > before.by_ipi);
	if (force & TLB_FORCE_FULL || !tlb_by_address())
		KTAP_EXPECT_EQ(t, after.full - before.full, after.flushes - before.flushes);
	else
		KTAP_EXPECT(t, after.full - before.full < after.flushes - before.flushes);
	teardown(t);
}

static void test_remote(struct ktap *t)
{
	look_from_all(t, 0);
}

static void test_remote_full(struct ktap *t)
{
	look_from_all(t, TLB_FORCE_FULL);
}

static void test_remote_by_call(struct ktap *t)
{
	look_from_all(t, TLB_FORCE_IPI);
}

static const struct ktap_case cases[] = {
	{ "alone", test_alone },
	{ "together", test_together },
	{ "remote", test_remote },
	{ "remote-full", test_remote_full },
	{ "remote-by-call", test_remote_by_call },
	{},
};

static const struct ktap_suite suite_pgtable_random = { "pgtable-random", cases };
TABLE_ENTRY(ktap_suite, suite_pgtable_random);
