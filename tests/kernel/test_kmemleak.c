/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kmemleak.c - what nothing leads to is a leak, and nothing else is
 *
 * Needs kmemleak=on and skips without: tests/system/test_kmemleak.py gives it.
 */
#include <base/errno.h>
#include <mm/kmemleak.h>
#include <sched/kmemleak.h>
#include <shell/ktap.h>

#ifdef CONFIG_DEBUG_KMEMLEAK

#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/sysctl.h>
#include <mm/page_alloc.h>
#include <sched/thread.h>
#include <sched/wait.h>

#include "leak_tools.h"
#include "slab_tools.h"

#include <stdio.h>
#include <string.h>

#define LARGE (3 * KMALLOC_MAX_CACHE_SIZE)

/* Roots. */
static void *volatile in_bss;
static void *volatile in_data[2] = { planted.inverted };
static DEFINE_PER_CPU(void *, per_hart);
static void **dynamic;

/* Plant @how, scan: of @nr objects those in the mask @leaks are leaks.  They're freed. */
static void check(struct ktap *t, int (*how)(void *arg), unsigned nr, unsigned leaks)
{
	unsigned found = 0;

	KTAP_ASSERT(t, planted_by(how));
	scan_twice();
	for (unsigned i = 0; i < nr; i++)
		found |= (unsigned)is_leak(i) << i;
	KTAP_EXPECT_EQ(t, found, leaks);
	for (unsigned i = 0; i < nr; i++)
		uproot(i);
	KTAP_EXPECT_STREQ(t, kmemleak_validate() ? kmemleak_validate() : "", "");
}

/* ---- leaks ---- */

static int plant_single(void *arg)
{
	plant(0, sizeof(struct node));
	return 0;
}

static int plant_cycle(void *arg)
{
	struct node *a = plant(0, sizeof(*a)), *b = plant(1, sizeof(*b));

	if (a && b) {
		a->to[3] = b;
		b->to[0] = &a->to[5];
	}
	return 0;
}

static int plant_chain(void *arg)
{
	for (unsigned i = 0; i < 4; i++)
		if (plant(i, sizeof(struct node)) && i && !planted.failed)
			node_nr(i - 1)->to[i] = node_nr(i);
	return 0;
}

/* Some: of so much memory a part was another's, and a word may lead there still. */
static int plant_large(void *arg)
{
	for (unsigned i = 0; i < ARRAY_SIZE(planted.inverted); i++)
		plant(i, LARGE);
	return 0;
}

static void test_small(struct ktap *t)
{
	if (!leaks_ready(t))
		return;
	check(t, plant_single, 1, 1);
	check(t, plant_cycle, 2, 3);
	check(t, plant_chain, 4, 15);
}

static void test_large(struct ktap *t)
{
	unsigned found = 0;

	if (!leaks_ready(t) || !KTAP_EXPECT(t, planted_by(plant_large)))
		return;
	scan_twice();
	for (unsigned i = 0; i < ARRAY_SIZE(planted.inverted); i++) {
		found += is_leak(i);
		uproot(i);
	}
	KTAP_EXPECT(t, found > 0);
}

/* The report says how much, who, and where. */
static void test_report(struct ktap *t)
{
	struct kmemleak_report r = { 0 };
	char text[KMEMLEAK_TEXT], size[24];
	unsigned long at;

	if (!leaks_ready(t))
		return;
	KTAP_ASSERT(t, planted_by(plant_single));
	msleep(20);
	scan_twice();
	at = (unsigned long)node_nr(0);
	KTAP_EXPECT(t, kmemleak_next(&at, &r) && r.start == (unsigned long)node_nr(0));
	kmemleak_text(&r, text);
	snprintf(size, sizeof(size), "%lu bytes at ",
		 (unsigned long)kmalloc_size_roundup(sizeof(struct node)));
	KTAP_EXPECT(t, strstr(text, size) == text);
	KTAP_EXPECT(t, r.age_ms >= 15 && r.age_ms < 600000);
	KTAP_EXPECT(t, r.thread > current->id && r.thread != 0);
#ifdef CONFIG_KALLSYMS
	KTAP_EXPECT(t, strstr(text, ": plant+0x") && strstr(text, " < plant_single+0x"));
#endif
	ktap_diag(t, "%s", text);
	memset(&r, 0, sizeof(r));
	uproot(0);
	KTAP_EXPECT(t, !is_leak(0));
}

static int change(void *nr)
{
	node_nr(0)->to[7] = (void *)1;
	return 0;
}

static int lead_to(void *nr)
{
	in_bss = node_nr(0);
	return 0;
}

/* One scan is not enough, nor is a young object, nor one that changes. */
static void test_patience(struct ktap *t)
{
	if (!leaks_ready(t) || !KTAP_EXPECT(t, planted_by(plant_single)))
		return;
	kmemleak_scan_now();
	KTAP_EXPECT(t, !is_leak(0));
	elsewhere(change, 0);
	kmemleak_scan_now();
	KTAP_EXPECT(t, !is_leak(0));
	KTAP_EXPECT(t, set_min_age("86400000"));
	kmemleak_scan_now();
	KTAP_EXPECT(t, !is_leak(0));
	KTAP_EXPECT(t, set_min_age("0"));
	kmemleak_scan_now();
	KTAP_EXPECT(t, is_leak(0));
	/* It was none after all. */
	elsewhere(lead_to, 0);
	kmemleak_scan_now();
	KTAP_EXPECT(t, !is_leak(0));
	kmemleak_erase((void **)&in_bss);
	scan_twice();
	KTAP_EXPECT(t, is_leak(0));
	uproot(0);
}

static int plant_longer(void *arg)
{
	plant(0, 1024);
	return 0;
}

static int change_end(void *nr)
{
	((char *)node_nr(0))[1023]++;
	return 0;
}

/* All of its first 1024 bytes count. */
static void test_contents(struct ktap *t)
{
	if (!leaks_ready(t) || !KTAP_EXPECT(t, planted_by(plant_longer)))
		return;
	kmemleak_scan_now();
	elsewhere(change_end, 0);
	kmemleak_scan_now();
	KTAP_EXPECT(t, !is_leak(0));
	kmemleak_scan_now();
	KTAP_EXPECT(t, is_leak(0));
	uproot(0);
}

static void test_clear(struct ktap *t)
{
	if (!leaks_ready(t) || !KTAP_EXPECT(t, planted_by(plant_single)))
		return;
	scan_twice();
	KTAP_EXPECT(t, is_leak(0));
	kmemleak_clear();
	KTAP_EXPECT(t, !is_leak(0));
	scan_twice();
	KTAP_EXPECT(t, !is_leak(0));
	uproot(0);
}

/* ---- no leaks ---- */

static int plant_data(void *arg)
{
	in_data[1] = plant(0, sizeof(struct node));
	in_bss = plant(1, sizeof(struct node));
	return 0;
}

static void test_data(struct ktap *t)
{
	if (!leaks_ready(t))
		return;
	check(t, plant_data, 2, 0);
	in_data[1] = in_bss = NULL;
}

static int plant_harts(void *arg)
{
	this_cpu_write(per_hart, plant(0, sizeof(struct node)));
	*per_cpu_ptr(dynamic, nr_harts - 1) = plant(1, sizeof(struct node));
	return 0;
}

static void test_per_hart(struct ktap *t)
{
	if (!leaks_ready(t))
		return;
	dynamic = alloc_percpu(void *);
	KTAP_ASSERT(t, dynamic != NULL);
	check(t, plant_harts, 2, 0);
	*per_cpu_ptr(dynamic, nr_harts - 1) = NULL;
	free_percpu(dynamic);
	for (unsigned cpu = 0; cpu < nr_harts; cpu++)
		*per_cpu_ptr(&per_hart, cpu) = NULL;
}

/* Into the middle and to the last byte; from an object of pages. */
static int plant_middle(void *arg)
{
	struct node *a = plant(0, LARGE), *b = plant(1, sizeof(*b)), *c = plant(2, sizeof(*c));

	in_bss = a;
	if (planted.failed)
		return 0;
	a = (void *)((char *)a + LARGE - sizeof(*a));
	a->to[WORDS - 1] = &b->to[5];
	b->to[2] = (char *)c + sizeof(*c) - 1;
	return 0;
}

static void test_middle(struct ktap *t)
{
	if (leaks_ready(t))
		check(t, plant_middle, 3, 0);
	in_bss = NULL;
}

/* ---- what owners say ---- */

static int plant_not_leak(void *arg)
{
	struct node *a = plant(0, sizeof(*a)), *b = plant(1, sizeof(*b));

	if (a)
		a->to[0] = b;
	kmemleak_not_leak(a);
	return 0;
}

static int plant_ignored(void *arg)
{
	plant_not_leak(arg);
	kmemleak_ignore(node_nr(0));
	return 0;
}

static int plant_no_scan(void *arg)
{
	plant_not_leak(arg);
	in_bss = node_nr(0);
	kmemleak_no_scan(node_nr(0));
	return 0;
}

static int plant_areas(void *arg)
{
	struct node *a = plant(0, sizeof(*a));

	in_bss = a;
	for (unsigned i = 1; a && i < 4; i++)
		a->to[3 * i] = plant(i, sizeof(*a));
	if (a) {
		kmemleak_scan_area(&a->to[1], 3 * sizeof(void *), GFP_KERNEL);
		kmemleak_scan_area(&a->to[8], 1000000, GFP_KERNEL);
	}
	return 0;
}

static void test_annotations(struct ktap *t)
{
	if (!leaks_ready(t))
		return;
	check(t, plant_not_leak, 2, 0);
	check(t, plant_ignored, 2, 2);
	check(t, plant_no_scan, 2, 2);
	in_bss = NULL;
	check(t, plant_areas, 4, 4); /* words 3 and 9 are read, 6 isn't */
	in_bss = NULL;
}

static void (*const said[])(const void *start) = { kmemleak_not_leak, kmemleak_ignore,
						   kmemleak_no_scan };

static int say(void *what)
{
	said[(unsigned long)what](node_nr(0));
	return 0;
}

/* What is said of an object that is reported already counts at once, if it's said to be no leak. */
static void check_late(struct ktap *t, unsigned long what, unsigned long leaks)
{
	struct kmemleak_counts before, after;

	if (!KTAP_EXPECT(t, planted_by(plant_single)))
		return;
	scan_twice();
	KTAP_EXPECT(t, is_leak(0));
	kmemleak_count(&before);
	elsewhere(say, what);
	kmemleak_count(&after);
	KTAP_EXPECT_EQ(t, is_leak(0), leaks);
	KTAP_EXPECT_EQ(t, after.leaks, before.leaks - 1 + leaks);
	kmemleak_scan_now();
	KTAP_EXPECT_EQ(t, is_leak(0), leaks);
	uproot(0);
	kmemleak_count(&after);
	KTAP_EXPECT_EQ(t, after.leaks, before.leaks - 1);
}

static void test_late(struct ktap *t)
{
	if (!leaks_ready(t))
		return;
	check_late(t, 0, 0);
	check_late(t, 1, 0);
	check_late(t, 2, 1);
}

/* Blocks of pages: an owner's word; made known, and with more pointers wanted than there are. */
static int plant_pages(void *arg)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	struct node *in_page;

	planted.inverted[3] = ~(unsigned long)page;
	if (!page)
		return -ENOMEM;
	in_page = page_address(page);
	in_page->to[1] = plant(0, sizeof(*in_page));
	page->private = (unsigned long)plant(1, sizeof(*in_page));
	kmemleak_alloc(in_page, PAGE_SIZE, 2, GFP_KERNEL);
	in_bss = in_page;
	return 0;
}

static void uproot_pages(void)
{
	struct page *page = (struct page *)node_nr(3);

	kmemleak_free(page_address(page));
	page->private = 0;
	__free_page(page);
	planted.inverted[3] = ~0UL;
	in_bss = NULL;
}

static void test_pages(struct ktap *t)
{
	if (!leaks_ready(t) || !KTAP_EXPECT(t, planted_by(plant_pages)))
		return;
	scan_twice();
	KTAP_EXPECT(t, is_leak(0) && !is_leak(1));
	KTAP_EXPECT(t, kmemleak_is_leak(page_address((struct page *)node_nr(3))));
	in_data[1] = in_bss;
	kmemleak_scan_now();
	KTAP_EXPECT(t, !is_leak(0) && !is_leak(1));
	in_data[1] = NULL;
	uproot_pages();
	uproot(0);
	uproot(1);
}

/* ---- meanwhile ---- */

static void (*scan_stacks)(void);

/* What data and bss lead to has been found by now, and wasn't read. */
static void replace_found(void)
{
	kfree(in_bss);
	in_bss = get(sizeof(struct node), GFP_KERNEL | __GFP_ZERO);
	scan_stacks();
}

static int plant_found(void *arg)
{
	struct node *a = plant(0, sizeof(*a));

	in_data[1] = a;
	if (a)
		a->to[0] = plant(1, sizeof(*a));
	in_bss = get(sizeof(*a), GFP_KERNEL | __GFP_ZERO);
	return 0;
}

/* One goes that is to be read, and its record would be used again: nothing behind it is lost. */
static void test_found(struct ktap *t)
{
	if (!leaks_ready(t) || !KTAP_EXPECT(t, planted_by(plant_found)))
		return;
	scan_stacks = kmemleak_scan_stacks;
	kmemleak_scan_stacks = replace_found;
	kmemleak_scan_now();
	kmemleak_scan_stacks = scan_stacks;
	scan_twice();
	KTAP_EXPECT(t, !is_leak(0) && !is_leak(1));
	KTAP_EXPECT_STREQ(t, kmemleak_validate() ? kmemleak_validate() : "", "");
	in_data[1] = NULL;
	kfree(in_bss);
	in_bss = NULL;
	uproot(0);
	uproot(1);
}

#define KEPT	 64
#define CHURNERS 2

static struct {
	struct node *kept[KEPT];
	bool stop;
} churn;

static int churner(void *arg)
{
	for (unsigned i = 0; !READ_ONCE(churn.stop); i = (i + 7) % KEPT) {
		struct node *old = __atomic_exchange_n(&churn.kept[i], NULL, __ATOMIC_ACQ_REL);

		kfree(old);
		old = __atomic_exchange_n(&churn.kept[i], get(sizeof(*old), GFP_KERNEL),
					  __ATOMIC_ACQ_REL);
		kfree(old);
		if (!i)
			msleep(1);
	}
	return 0;
}

/* Objects come and go on all harts while memory is read.  A record that is left of one is a leak,
 * for nothing leads there. */
static void test_churn(struct ktap *t)
{
	unsigned id[CHURNERS] = { 0 };
	struct thread *thread[CHURNERS];
	struct kmemleak_counts after;

	if (!leaks_ready(t))
		return;
	KTAP_EXPECT(t, set_min_age("5000"));
	WRITE_ONCE(churn.stop, false);
	for (unsigned i = 0; i < CHURNERS; i++) {
		thread[i] = kthread_run(churner, NULL, "churn%u", i);
		id[i] = thread[i] ? thread[i]->id : 0;
	}
	for (unsigned i = 0; i < 4; i++) {
		KTAP_EXPECT_EQ(t, kmemleak_scan_now(), 0);
		msleep(5);
	}
	WRITE_ONCE(churn.stop, true);
	for (unsigned i = 0; i < CHURNERS; i++)
		if (KTAP_EXPECT(t, thread[i] != NULL))
			kthread_join(thread[i]);
	for (unsigned i = 0; i < KEPT; i++) {
		kfree(churn.kept[i]);
		churn.kept[i] = NULL;
	}
	KTAP_EXPECT(t, set_min_age("0"));
	scan_twice();
	KTAP_EXPECT_EQ(t, nr_reported(id, CHURNERS), 0);
	kmemleak_count(&after);
	KTAP_EXPECT_STREQ(t, kmemleak_validate() ? kmemleak_validate() : "", "");
	ktap_diag(t, "%lu objects, %lu pages of records", after.objects, after.pages);
}

static void test_end(struct ktap *t)
{
	if (kmemleak_on)
		KTAP_EXPECT(t, set_min_age("5000"));
	slab_settle();
}

#define CASE(name, fn)   \
	{                \
		name, fn \
	}
#else
static void skipped(struct ktap *t)
{
	ktap_skip(t, "needs CONFIG_DEBUG_KMEMLEAK");
}
#define CASE(name, fn)        \
	{                     \
		name, skipped \
	}
#endif

static const struct ktap_case cases[] = {
	CASE(KTAP_PREPARE, slab_prepare),
	CASE("small", test_small),
	CASE("large", test_large),
	CASE("report", test_report),
	CASE("patience", test_patience),
	CASE("contents", test_contents),
	CASE("clear", test_clear),
	CASE("data", test_data),
	CASE("per-hart", test_per_hart),
	CASE("middle", test_middle),
	CASE("annotations", test_annotations),
	CASE("late", test_late),
	CASE("pages", test_pages),
	CASE("found", test_found),
	CASE("churn", test_churn),
	CASE("end", test_end),
	{},
};
static const struct ktap_suite suite_kmemleak = { "kmemleak", cases };
TABLE_ENTRY(ktap_suite, suite_kmemleak);
