/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kmap_threads.c - windows of kmap_local_page() across interrupts, switches and moves
 *
 * Without high memory all cases skip.
 */
#include <kernel/smp.h>
#include <mm/kmalloc.h>
#include <sched/mutex.h>
#include <sched/thread.h>
#include <sched/timer.h>

#include "high_pages.h"

#define CROWD  24
#define THRONG 220
#define ROUNDS 100

static struct {
	struct page *page[2];
	unsigned int taken, wrong;
} handler;

static void in_handler(struct timer *timer)
{
	u32 *first = kmap_local_page(handler.page[0]), *second = kmap_local_page(handler.page[1]);

	handler.wrong += first[2] != handler.taken || second[2] != ~handler.taken;
	handler.taken++;
	first[2] = handler.taken;
	second[2] = ~handler.taken;
	kunmap_local(second);
	kunmap_local(first);
	if (handler.taken < ROUNDS && timer_start(timer, ktime_ns() + 20000))
		handler.wrong++;
}

static void test_interrupts(struct ktap *t)
{
	static struct timer timer = TIMER_INIT(in_handler);
	struct page *page[2];
	u32 turns = 0;
	bool same = true;

	if (!high_pages(t, handler.page, 2))
		return;
	if (!high_pages(t, page, 2))
		goto out;
	handler.taken = handler.wrong = 0;
	set_word(handler.page[0], 0);
	set_word(handler.page[1], ~0U);
	KTAP_EXPECT_EQ(t, timer_start(&timer, ktime_ns()), 0);
	while (READ_ONCE(handler.taken) < ROUNDS && turns < 100000000) {
		u32 *first = kmap_local_page(page[0]), *second = kmap_local_page(page[1]);

		first[2] = ++turns;
		second[2] = ~turns;
		barrier();
		same &= first[2] == turns && second[2] == ~turns;
		kunmap_local(second);
		kunmap_local(first);
	}
	timer_cancel_sync(&timer);
	KTAP_EXPECT(t, same);
	KTAP_EXPECT_EQ(t, handler.taken, ROUNDS);
	KTAP_EXPECT_EQ(t, handler.wrong, 0);
	free_pages_of(page, 2);
out:
	free_pages_of(handler.page, 2);
}

struct walker {
	struct ktap *t;
	struct thread *thread;
	struct page *page[4];
	u32 seed;
	unsigned int harts_seen, wrong;
};

/* With windows open from hart to hart.  The last shows another page each time, so that a hart that
 * remembers what it showed there the last time is found out. */
static int go_round(void *arg)
{
	struct walker *w = arg;
	u32 *word[3], shown = 0;

	for (u32 i = 0; i < 4; i++)
		set_word(w->page[i], i);
	for (u32 i = 0; i < 3; i++)
		word[i] = kmap_local_page(w->page[i]);
	for (u32 round = 0; round < 40; round++) {
		if (kthread_bind(current, round % num_online_harts()))
			w->wrong++;
		yield();
		w->harts_seen |= 1u << smp_processor_id() % 32;
		for (u32 i = 0; i < 2; i++) {
			w->wrong += word[i][2] != round * 4 + i;
			word[i][2] += 4;
		}
		w->wrong += word[2][2] != 2 + shown;
		shown = (round ^ round >> 3) & 1;
		kunmap_local(word[2]);
		word[2] = kmap_local_page(w->page[2 + shown]);
		w->wrong += word[2][2] != 2 + shown;
	}
	for (u32 i = 3; i--;)
		kunmap_local(word[i]);
	for (u32 i = 0; i < 4; i++)
		w->wrong += word_of(w->page[i]) != (i < 2 ? 160 + i : i);
	return 0;
}

static void test_moves(struct ktap *t)
{
	struct walker w = { .t = t };

	if (!high_pages(t, w.page, 4))
		return;
	w.thread = kthread_run(go_round, &w, "kmap-round");
	if (KTAP_EXPECT(t, w.thread != NULL))
		kthread_join(w.thread);
	KTAP_EXPECT_EQ(t, w.wrong, 0);
	KTAP_EXPECT_EQ(t, w.harts_seen, (u32)((1ull << num_online_harts()) - 1));
	free_pages_of(w.page, 4);
}

/* Windows open over switches, at any depth, while others do the same. */
static int mix(void *arg)
{
	struct walker *w = arg;
	u32 *word[3];

	for (u32 round = 0; round < ROUNDS; round++) {
		u32 depth, i;

		w->seed = w->seed * 1664525u + 1013904223u;
		depth = 1 + (w->seed >> 16) % 3;
		for (i = 0; i < depth; i++) {
			word[i] = kmap_local_page(w->page[i]);
			word[i][2] = w->seed + i;
		}
		if (w->seed >> 28 == 0)
			msleep(1);
		else
			yield();
		while (i--) {
			w->wrong += word[i][2] != w->seed + i;
			kunmap_local(word[i]);
			if (w->seed >> 27 & 1)
				yield();
		}
	}
	return 0;
}

static void test_crowd(struct ktap *t)
{
	static struct walker crowd[CROWD];
	unsigned int n, wrong = 0;

	for (n = 0; n < CROWD; n++) {
		crowd[n] = (struct walker){ .t = t, .seed = n * 77777 + 1 };
		if (!high_pages(t, crowd[n].page, 3))
			break;
		crowd[n].thread = kthread_run(mix, &crowd[n], "kmap/%u", n);
		KTAP_EXPECT(t, crowd[n].thread != NULL);
	}
	while (n--) {
		if (crowd[n].thread)
			kthread_join(crowd[n].thread);
		wrong += crowd[n].wrong;
		free_pages_of(crowd[n].page, 3);
	}
	KTAP_EXPECT_EQ(t, wrong, 0);
}

static struct {
	struct mutex gate; /* held while the crowd gathers */
	unsigned int here; /* atomic: threads that have a window open and wait */
} throng;

static int hold(void *arg)
{
	struct walker *w = arg;
	u32 *word = kmap_local_page(w->page[0]);

	word[2] = w->seed;
	__atomic_add_fetch(&throng.here, 1, __ATOMIC_RELAXED);
	mutex_lock(&throng.gate);
	mutex_unlock(&throng.gate);
	w->wrong = word[2] != w->seed;
	kunmap_local(word);
	return 0;
}

/* @n threads with a page each; how many there are. */
static unsigned int gather(struct ktap *t, struct walker *w, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		w[i].seed = i * 100 + 1;
		if (!high_pages(t, w[i].page, 1))
			return i;
		w[i].thread = kthread_run(hold, &w[i], "hold/%u", i);
		if (!KTAP_EXPECT(t, w[i].thread != NULL)) {
			free_pages_of(w[i].page, 1);
			return i;
		}
	}
	return n;
}

/* So many as there may be wait with windows open, for a lock whose holder then opens its first. */
static void test_throng(struct ktap *t)
{
	struct walker *w = kcalloc(THRONG, sizeof(*w), GFP_KERNEL);
	unsigned int n, wrong = 0;

	KTAP_ASSERT(t, w != NULL);
	mutex_init(&throng.gate);
	throng.here = 0;
	mutex_lock(&throng.gate);
	n = gather(t, w, THRONG);
	KTAP_EXPECT(t, ktap_becomes(READ_ONCE(throng.here) == n));
	if (n && throng.here == n) {
		set_word(w[0].page[0], 7);
		KTAP_EXPECT_EQ(t, word_of(w[0].page[0]), 7);
		set_word(w[0].page[0], w[0].seed);
	}
	mutex_unlock(&throng.gate);
	while (n--) {
		kthread_join(w[n].thread);
		wrong += w[n].wrong;
		free_pages_of(w[n].page, 1);
	}
	KTAP_EXPECT_EQ(t, wrong, 0);
	kfree(w);
}

static const struct ktap_case cases[] = {
	{ "interrupts", test_interrupts },
	{ "moves", test_moves },
	{ "crowd", test_crowd },
	{ "throng", test_throng },
	{},
};

static const struct ktap_suite suite_kmap_threads = { "kmap_threads", cases };
TABLE_ENTRY(ktap_suite, suite_kmap_threads);
