/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_page_threads.c - the page allocator under several threads at once
 *
 * Each thread allocates and frees at random and passes blocks on to the others; one also
 * walks and validates.  What a block holds tells whether anybody else had it too.
 */
#include "mm_world.h"

#include <asm/memory.h>
#include <mm/kmap.h>
#include <mm/memmap.h>
#include <pthread.h>

#define THREADS 4
#define STEPS	60000
#define HELD	48
#define SHARED	16

static struct page *shared[SHARED];
static unsigned long nr_spoiled, nr_faults, nr_refs_wrong;

static u32 next_random(u32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void count(unsigned long *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static u32 stamp_of(struct page *page)
{
	return (u32)page_to_pfn(page) * 2654435761u;
}

static struct page *obtain(u32 *state)
{
	unsigned order = next_random(state) % 6;
	gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN | (next_random(state) & 1 ? __GFP_COMP : 0);
	struct page *page = alloc_pages(gfp, order);

	if (!page)
		return NULL;
	for (unsigned long i = 0; i < 1UL << order; i++)
		*(u32 *)kmap_local_page(page + i) = stamp_of(page + i);
	page->index = order;
	return page;
}

static void release(struct page *page, u32 *state)
{
	unsigned order = page->index;

	for (unsigned long i = 0; i < 1UL << order; i++)
		if (*(u32 *)kmap_local_page(page + i) != stamp_of(page + i))
			count(&nr_spoiled);
	if (next_random(state) & 1) {
		get_page(page);
		if (page_count(page) != 2)
			count(&nr_refs_wrong);
		put_page(page);
	}
	__free_pages(page, order);
}

static void look_around(void)
{
	char fault[192];
	struct zone *zone;

	for_each_zone(zone)
		if (zone_validate(zone, fault, sizeof(fault)))
			count(&nr_faults);
	drain_all_pages();
}

static void *worker(void *arg)
{
	struct page *held[HELD] = { 0 };
	unsigned cpu = (unsigned)(unsigned long)arg;
	u32 state = 12345 + 77 * cpu;

	world_run_as(cpu);
	for (int i = 0; i < STEPS; i++) {
		struct page **slot = &held[next_random(&state) % HELD];

		if (*slot)
			release(*slot, &state);
		*slot = obtain(&state);
		if (*slot && !(next_random(&state) & 3))
			*slot = __atomic_exchange_n(&shared[next_random(&state) % SHARED], *slot,
						    __ATOMIC_ACQ_REL);
		if (!cpu && i % 500 == 0)
			look_around();
	}
	for (int i = 0; i < HELD; i++)
		if (held[i])
			release(held[i], &state);
	return NULL;
}

static void run_threads(const struct world *w)
{
	pthread_t thread[THREADS];
	unsigned long before;
	u32 state = 1;

	world_build(w);
	before = nr_free_pages();
	world_parallel = true;
	for (unsigned long i = 0; i < THREADS; i++)
		EXPECT_EQ(pthread_create(&thread[i], NULL, worker, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	world_parallel = false;
	for (int i = 0; i < SHARED; i++)
		if (shared[i])
			release(shared[i], &state);
	__builtin_memset(shared, 0, sizeof(shared));
	EXPECT_EQ(nr_spoiled, 0);
	EXPECT_EQ(nr_faults, 0);
	EXPECT_EQ(nr_refs_wrong, 0);
	EXPECT_EQ(page_reports.bad_free, 0);
	EXPECT_EQ(nr_free_pages(), before);
	world_check();
	drain_all_pages();
	world_check();
}

/* Room for all. */
TEST(threads_share_a_zone)
{
	struct world w = { .base = 0x80000000,
			   .bytes = 32 * MiB,
			   .bank = { { 0x80000000, 0x82000000, 0 } } };

	run_threads(&w);
	EXPECT_EQ(page_reports.failed, 0);
}

/* Memory runs out all the time, over two zones of two nodes. */
TEST(threads_in_little_memory)
{
	struct world w = { .base = 0x80000000,
			   .bytes = 8 * MiB,
			   .bank = { { 0x80000000, 0x80280000, 0 }, { 0x80300000, 0x80500000, 1 } },
			   .cut = { 0x80200000 } };

	run_threads(&w);
	EXPECT(page_reports.failed > 100);
}

/* Of two frees of one page at the same time, one is found. */
static void *free_page_of(void *page)
{
	world_run_as(1);
	__free_page((struct page *)page);
	return NULL;
}

TEST(racing_double_frees_are_found)
{
	struct world w = { .base = 0x80000000,
			   .bytes = 8 * MiB,
			   .bank = { { 0x80000000, 0x80800000, 0 } } };
	unsigned long before;

	world_build(&w);
	before = nr_free_pages();
	page_reports_expect(true);
	for (int i = 0; i < 300; i++) {
		struct page *page = alloc_page(GFP_KERNEL);
		pthread_t thread;

		EXPECT(page);
		EXPECT_EQ(pthread_create(&thread, NULL, free_page_of, page), 0);
		__free_page(page);
		pthread_join(thread, NULL);
		EXPECT_EQ(nr_free_pages(), before);
		EXPECT_EQ(page_reports.bad_free, (unsigned long)i + 1);
	}
	page_reports_expect(false);
	world_check();
}
