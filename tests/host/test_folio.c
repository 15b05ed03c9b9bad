/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_folio.c - folios against a model: references, mappings, flags, making and unmaking
 *
 * Each random operation is done to a folio and to its model, wrong ones too: these must be counted
 * in page_reports and change nothing.
 */
#include "mm_world.h"

#include <asm/memory.h>
#include <base/errno.h>
#include <mm/folio.h>

#define NR_FOLIOS 48
#define MAX_PAGES 32
#define STEPS	  1500000

#ifdef CONFIG_DEBUG_VM
static const bool checked = true;
#else
static const bool checked; /* a release kernel looks at fewer things */
#endif

static const struct world plain = { .base = 0x80000000,
				    .bytes = 32 * MiB,
				    .bank = { { 0x80000000, 0x82000000, 0 } } };

/* What a folio should be; refs has one for each mapping. */
struct model {
	struct folio *folio;
	unsigned order;
	int refs;
	u32 flags;
	int entire;
	int maps[MAX_PAGES];
};
static struct model models[NR_FOLIOS];
static unsigned long bad_page, bad_free, nr_held;

/* ---- flags: all functions of each ---- */

struct flag_ops {
	enum page_flag flag;
	bool (*test)(const struct page *);
	void (*set)(struct page *), (*clear)(struct page *);
	void (*set_alone)(struct page *), (*clear_alone)(struct page *);
	bool (*test_set)(struct page *), (*test_clear)(struct page *);
	bool (*folio_test)(const struct folio *);
	void (*folio_set)(struct folio *), (*folio_clear)(struct folio *);
	void (*folio_set_alone)(struct folio *), (*folio_clear_alone)(struct folio *);
	bool (*folio_test_set)(struct folio *), (*folio_test_clear)(struct folio *);
};

static const struct flag_ops flag_ops[] = {
#define OPS(X, x)             \
	{ PG_##x,             \
	  Page##X,            \
	  SetPage##X,         \
	  ClearPage##X,       \
	  __SetPage##X,       \
	  __ClearPage##X,     \
	  TestSetPage##X,     \
	  TestClearPage##X,   \
	  folio_test_##x,     \
	  folio_set_##x,      \
	  folio_clear_##x,    \
	  __folio_set_##x,    \
	  __folio_clear_##x,  \
	  folio_test_set_##x, \
	  folio_test_clear_##x },
	FOR_EACH_PAGE_FLAG(OPS)
};

#define HAS(f) (m->flags >> PG_##f & 1)

/* The rules, as sentences. */
static bool may_set(const struct model *m, enum page_flag flag)
{
	bool kind = HAS(slab) || HAS(table);
	u32 others = m->flags & ~(1u << PG_found | 1u << PG_hwpoison | 1u << flag);

	if (flag == PG_hwpoison || flag == PG_found)
		return true; /* whatever it is */
	if (flag == PG_slab || flag == PG_table)
		return !others; /* a kind of its own */
	if (kind)
		return false; /* not of a slab or a page table */
	if (flag == PG_writeback)
		return HAS(locked); /* who starts it holds the lock */
	if (flag == PG_lru)
		return !HAS(isolated);
	if (flag == PG_isolated)
		return !HAS(lru);
	if (flag == PG_active)
		return !HAS(unevictable);
	if (flag == PG_unevictable)
		return !HAS(active);
	return true;
}

/* What begins and ends does so by turns; a lock may be tried, but is dropped by who has it. */
static bool by_turns(enum page_flag flag, bool set)
{
	switch (flag) {
	case PG_slab:
	case PG_table:
	case PG_writeback:
	case PG_lru:
	case PG_isolated:
		return true;
	case PG_locked:
		return !set;
	default:
		return false;
	}
}

enum { ATOMIC, ALONE, TEST, NR_WAYS };

static bool is_right(const struct model *m, enum page_flag flag, bool set, int way)
{
	bool was = m->flags >> flag & 1;

	if (flag == PG_hwpoison)
		return true;
	if (way == ALONE && HAS(found))
		return false;
	if (way != TEST && was == set && by_turns(flag, set))
		return false;
	return !set || may_set(m, flag);
}

/* Do it; what a test form answered. */
static bool change(const struct flag_ops *o, struct model *m, bool set, int way)
{
	struct page *page = &m->folio->page;
	bool by_page = rnd() & 1;

	switch (way) {
	case TEST:
		if (by_page)
			return set ? o->test_set(page) : o->test_clear(page);
		return set ? o->folio_test_set(m->folio) : o->folio_test_clear(m->folio);
	case ALONE:
		if (by_page)
			(set ? o->set_alone : o->clear_alone)(page);
		else
			(set ? o->folio_set_alone : o->folio_clear_alone)(m->folio);
		return false;
	default:
		if (by_page)
			(set ? o->set : o->clear)(page);
		else
			(set ? o->folio_set : o->folio_clear)(m->folio);
		return false;
	}
}

static void change_flag(struct model *m)
{
	const struct flag_ops *o = &flag_ops[rnd_below(ARRAY_SIZE(flag_ops))];
	bool set = rnd() & 1, was = m->flags >> o->flag & 1, answer;
	int way = (int)rnd_below(NR_WAYS);
	bool right = is_right(m, o->flag, set, way);

	if (!right && !checked)
		return;
	answer = change(o, m, set, way);
	if (!right)
		bad_page++;
	if (way == TEST)
		EXPECT_EQ(answer, right ? was : set);
	if (right)
		m->flags = set ? m->flags | 1u << o->flag : m->flags & ~(1u << o->flag);
	EXPECT_EQ(o->folio_test(m->folio), m->flags >> o->flag & 1);
	if (o->flag != PG_hwpoison)
		EXPECT_EQ(o->test(&m->folio->page + rnd_below(1u << m->order)),
			  m->flags >> o->flag & 1);
}

/* Through a tail nothing changes. */
static void change_tail(struct model *m)
{
	const struct flag_ops *o = &flag_ops[rnd_below(ARRAY_SIZE(flag_ops))];

	if (!m->order || !checked || o->flag == PG_hwpoison)
		return;
	o->set(&m->folio->page + rnd_range(1, 1u << m->order));
	bad_page++;
}

/* ---- references ---- */

static struct page *any_page(const struct model *m)
{
	return folio_page(m->folio, rnd_below(1u << m->order));
}

static int nr_maps(const struct model *m)
{
	int nr = m->entire;

	for (unsigned i = 0; i < 1u << m->order; i++)
		nr += m->maps[i];
	return nr;
}

static void take_reference(struct model *m)
{
	m->refs++;
	switch (rnd_below(5)) {
	case 0:
		folio_get(m->folio);
		break;
	case 1:
		get_page(any_page(m));
		break;
	case 2:
		EXPECT(try_get_page(any_page(m)));
		break;
	case 3:
		EXPECT_EQ(page_ref_inc_return(&m->folio->page), m->refs);
		break;
	default:
		/* Strangers find only what may be found. */
		EXPECT_EQ(rnd() & 1 ? folio_try_get(m->folio)
				    : get_page_unless_zero(&m->folio->page),
			  HAS(found));
		m->refs -= !HAS(found);
	}
}

/* Never the last one, and none of a mapping's. */
static void drop_references(struct model *m)
{
	int spare = m->refs - nr_maps(m) - 1, nr;

	if (spare < 1)
		return;
	nr = 1 + (int)rnd_below((u64)spare);
	switch (rnd_below(4)) {
	case 0:
		folio_put_refs(m->folio, nr);
		break;
	case 1:
		EXPECT(!page_ref_sub_and_test(&m->folio->page, nr));
		break;
	case 2:
		folio_put(m->folio);
		nr = 1;
		break;
	default:
		put_page(any_page(m));
		nr = 1;
	}
	m->refs -= nr;
}

static void freeze(struct model *m)
{
	struct page *page = &m->folio->page;

	EXPECT(!page_ref_freeze(page, m->refs + 1));
	EXPECT(page_ref_freeze(page, m->refs));
	EXPECT_EQ(folio_ref_count(m->folio), 0);
	EXPECT(!folio_try_get(m->folio));
	EXPECT(!try_get_page(page));
	EXPECT(!page_ref_add_unless_zero(page, 1));
	if (checked) {
		folio_get(m->folio);
		put_page(page);
		bad_page++;
		bad_free++;
		EXPECT_EQ(folio_ref_count(m->folio), 0);
	}
	page_ref_unfreeze(page, m->refs);
}

/* ---- mappings ---- */

static void map(struct model *m)
{
	unsigned i = (unsigned)rnd_below(1u << m->order);

	folio_get(m->folio);
	m->refs++;
	if (m->order && !rnd_below(4)) {
		EXPECT(folio_add_entire_map(m->folio));
		m->entire++;
	} else {
		EXPECT(page_add_map(folio_page(m->folio, i)));
		m->maps[i]++;
	}
}

static void unmap(struct model *m, unsigned i, bool entire)
{
	int *maps = entire && m->order ? &m->entire : &m->maps[i];
	bool last = entire ? folio_remove_entire_map(m->folio)
			   : page_remove_map(folio_page(m->folio, i));

	EXPECT_EQ(last, *maps == 1);
	if (!*maps) {
		bad_page++;
		return;
	}
	--*maps;
	m->refs--;
	folio_put(m->folio);
}

/* A mapped page stays. */
static void free_mapped(struct model *m)
{
	if (!nr_maps(m))
		return;
	m->folio->_refcount = 1;
	folio_put(m->folio);
	__free_pages(&m->folio->page, m->order);
	bad_free += 2;
	EXPECT_EQ(folio_ref_count(m->folio), 1);
	m->folio->_refcount = m->refs;
}

/* ---- making and unmaking ---- */

static void make(struct model *m)
{
	unsigned order = (unsigned)rnd_below(6);
	struct page *page;

	switch (rnd_below(3)) {
	case 0:
		m->folio = folio_alloc(GFP_KERNEL, order);
		break;
	case 1:
		m->folio = folio_alloc_node(GFP_KERNEL, order, rnd() & 1 ? 0 : NUMA_NO_NODE);
		break;
	default:
		page = alloc_pages(GFP_KERNEL, order);
		EXPECT(page);
		if (order)
			prep_compound_page(page, order);
		m->folio = page_folio(page);
	}
	EXPECT(m->folio);
	m->order = order;
	m->refs = 1;
	m->flags = 0;
	nr_held += 1u << order;
}

static void forget(struct model *m)
{
	nr_held -= 1ul << m->order;
	*m = (struct model){ 0 };
}

/* No mapping, one reference, no flag that says that it's in use. */
static void rest(struct model *m)
{
	for (unsigned i = 0; i < 1u << m->order; i++)
		while (m->maps[i])
			unmap(m, i, false);
	while (m->entire)
		unmap(m, 0, true);
	while (m->refs > 1)
		drop_references(m);
	m->flags &= 1u << PG_found | 1u << PG_dirty | 1u << PG_uptodate;
	m->folio->flags &= ~(PAGE_FLAGS_MASK & ~(m->flags | 1u << PG_head));
}

static void give_back(struct model *m)
{
	rest(m);
	if (rnd() & 1)
		put_page(any_page(m));
	else
		folio_put(m->folio);
	forget(m);
}

static void split(struct model *m)
{
	u32 busy = 1u << PG_lru | 1u << PG_isolated | 1u << PG_writeback | 1u << PG_private |
		   1u << PG_slab | 1u << PG_table;
	struct page *page = &m->folio->page;
	unsigned long nr = 1ul << m->order;

	if (nr_maps(m) || (m->flags & busy)) {
		EXPECT_EQ(split_folio(m->folio), -EBUSY);
		return;
	}
	if (m->refs > 1 && m->order) {
		EXPECT_EQ(split_folio(m->folio), -EAGAIN);
		return;
	}
	rest(m);
	page->index = 77;
	page->mapping = m;
	EXPECT_EQ(split_folio(m->folio), 0);
	for (unsigned long i = 0; i < nr; i++) {
		EXPECT(!PageCompound(page + i));
		EXPECT_EQ(page_count(page + i), 1);
		EXPECT_EQ(page[i].flags & PAGE_FLAGS_MASK, m->flags);
		EXPECT(page[i].mapping == m);
		EXPECT_EQ(page[i].index, 77 + i);
		EXPECT_EQ(page_mapcount(page + i), 0);
	}
	for (unsigned long i = nr; i--;)
		put_page(page + i);
	forget(m);
}

/* A plain block again, and compound once more or freed. */
static void undo(struct model *m)
{
	struct page *page = &m->folio->page;

	rest(m);
	undo_compound_page(page);
	for (unsigned long i = 0; i < 1ul << m->order; i++)
		EXPECT(!PageCompound(page + i));
	EXPECT_EQ(page_count(page), 1);
	__free_pages(page, m->order);
	forget(m);
}

/* ---- all of it ---- */

static void check_model(const struct model *m)
{
	struct folio *folio = m->folio;
	int maps = nr_maps(m);

	EXPECT_EQ(folio_ref_count(folio), m->refs);
	EXPECT_EQ(folio->flags & PAGE_FLAGS_MASK & ~(1u << PG_head), m->flags);
	EXPECT_EQ(folio_order(folio), m->order);
	EXPECT_EQ(folio_test_large(folio), m->order > 0);
	EXPECT_EQ(folio_nr_pages(folio), 1ul << m->order);
	EXPECT_EQ(folio_size(folio), PAGE_SIZE << m->order);
	EXPECT_EQ(folio_mapcount(folio), maps);
	EXPECT_EQ(folio_mapped(folio), maps > 0);
	EXPECT_EQ(folio_entire_mapcount(folio), m->entire);
	for (unsigned i = 0; i < 1u << m->order; i++) {
		struct page *page = folio_page(folio, i);

		EXPECT(page_folio(page) == folio);
		EXPECT(pfn_folio(page_to_pfn(page)) == folio);
		EXPECT(virt_to_folio(page_address(page)) == folio);
		EXPECT_EQ(folio_page_idx(folio, page), i);
		EXPECT_EQ(page_mapcount(page), m->maps[i] + m->entire);
		EXPECT_EQ(page_mapped(page), maps > 0);
		EXPECT_EQ(page_count(page), m->refs);
	}
	EXPECT((char *)folio_next(folio) == (char *)folio + (sizeof(*folio) << m->order));
	EXPECT_EQ(page_reports.bad_page, bad_page);
	EXPECT_EQ(page_reports.bad_free, bad_free);
}

static void random_step(struct model *m)
{
	if (!m->folio) {
		make(m);
		return;
	}
	switch (rnd_below(40)) {
	case 0:
		give_back(m);
		return;
	case 1:
		split(m);
		return;
	case 2:
		undo(m);
		return;
	case 3:
		free_mapped(m);
		break;
	case 4:
		freeze(m);
		break;
	case 5:
		change_tail(m);
		break;
	case 6 ... 11:
		take_reference(m);
		break;
	case 12 ... 16:
		drop_references(m);
		break;
	case 17 ... 21:
		map(m);
		break;
	case 22 ... 25:
		unmap(m, (unsigned)rnd_below(1u << m->order), m->order && !rnd_below(4));
		break;
	default:
		change_flag(m);
	}
	if (m->folio)
		check_model(m);
}

static unsigned long build(void)
{
	world_build(&plain);
	page_reports.bad_page = page_reports.bad_free = 0;
	bad_page = bad_free = nr_held = 0;
	return nr_free_pages();
}

static void check_zones(void)
{
	char fault[192];
	struct zone *zone;

	for_each_zone(zone)
		if (zone_validate(zone, fault, sizeof(fault)))
			host_fail(__FILE__, __LINE__, "%s", fault);
}

TEST(random_operations_as_the_model_says)
{
	unsigned long before = build();

	page_reports_expect(true);
	for (int i = 0; i < STEPS; i++) {
		random_step(&models[rnd_below(NR_FOLIOS)]);
		if (i % 5000)
			continue;
		check_zones();
		EXPECT_EQ(nr_free_pages(), before - nr_held);
	}
	for (int i = 0; i < NR_FOLIOS; i++)
		if (models[i].folio)
			give_back(&models[i]);
	page_reports_expect(false);
	EXPECT(bad_page > 100 && bad_free > 100);
	EXPECT_EQ(page_reports.bad_page, bad_page);
	EXPECT_EQ(page_reports.bad_free, bad_free);
	EXPECT_EQ(nr_free_pages(), before);
	world_check();
}
