/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_high.c - all of high memory, written through windows and read again
 *
 * A thread a hart takes what is free and writes every word of it: each page has
 * words of its own, made of its frame's number. When there's none left, each hart reads what
 * another one wrote. So two frames that are one for the hardware, a window that shows another page
 * than it should, and a hart that remembers the last one, all are found out.
 */
#include <kernel/smp.h>
#include <kernel/time.h>
#include <mm/highmem.h>
#include <mm/init.h>
#include <mm/kmalloc.h>
#include <mm/zone_plan.h>
#include <sched/thread.h>
#include <shell/shell.h>
#include <shell/stress.h>

#include "page_chain.h"
#include "page_stamp.h"

#define GFP_ALL_HIGH (__GFP_HIGHMEM | __GFP_MEMALLOC | __GFP_NOWARN) /* nobody frees any for it */
#define LEFT	     2048U /* pages, so that nobody else runs short */
#define NEXT	     0x9e3779b1U
#define WORDS	     (PAGE_SIZE / sizeof(u32))

/* What a thread has, and found. */
struct part {
	struct page_chain taken;
	const struct page_chain *reads;
	struct thread *thread;
	u32 salt;
	unsigned long pages, wrong;
	phys_addr_t end; /* of the highest frame */
};

/* Eight words a turn: it's gigabytes. */
#define EIGHT(do) \
	do        \
	(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7)

static void write_page(struct page *page, u32 salt)
{
	u32 *word = kmap_local_page(page), value = stamp_of(page, salt);

	for (u32 *end = word + WORDS; word < end; word += 8, value += 8 * NEXT) {
#define WRITE(i) word[i] = value + (i)*NEXT;
		EIGHT(WRITE)
	}
	kunmap_local(word - WORDS);
}

static bool page_is_written(struct page *page, u32 salt)
{
	const u32 *word = kmap_local_page(page);
	u32 value = stamp_of(page, salt), differs = 0;

	for (const u32 *end = word + WORDS; word < end; word += 8, value += 8 * NEXT) {
#define READ(i) differs |= word[i] ^ (value + (i)*NEXT);
		EIGHT(READ)
	}
	kunmap_local(word - WORDS);
	return !differs;
}

/* The largest blocks first: gigabytes in single pages would mostly be the allocator's work. */
static int fill(void *arg)
{
	zone_mask_t high = mm_zone_plan()->mask_high;
	struct part *part = arg;

	for (unsigned int order = NR_ORDERS; order--;) {
		while (nr_free_highpages() > LEFT + (1UL << order)) {
			struct page *page = alloc_pages_for_reach(high, GFP_ALL_HIGH, order);

			if (!page)
				break;
			chain_push(&part->taken, page);
			for (unsigned long i = 0; i < 1UL << order; i++)
				write_page(page + i, part->salt);
			part->pages += 1UL << order;
			part->end = max(part->end, PFN_PHYS(page_to_pfn(page) + (1UL << order)));
		}
	}
	return 0;
}

static int verify(void *arg)
{
	struct part *part = arg;
	u32 at = part->reads->first;

	for (unsigned long i = 0; i < part->reads->nr; i++) {
		struct page *page = index_page(at);

		for (unsigned long k = 0; k < 1UL << block_order(page); k++)
			part->wrong += !page_is_written(page + k, part->salt);
		at = page->index;
	}
	return 0;
}

/* @fn on each part, a thread and a hart each. */
static int on_parts(int (*fn)(void *arg), struct part *part, unsigned int nr)
{
	int err = 0;

	for (unsigned int i = 0; i < nr; i++) {
		part[i].thread = kthread_create(fn, &part[i], "high/%u", i);
		if (!part[i].thread) {
			err = -ENOMEM;
			continue;
		}
		if (kthread_bind(part[i].thread, i))
			err = -EINVAL;
		wake_up_process(part[i].thread);
	}
	for (unsigned int i = 0; i < nr; i++)
		if (part[i].thread)
			kthread_join(part[i].thread);
	return err;
}

static int fill_and_verify(struct part *part, unsigned int nr, u32 salt)
{
	unsigned long pages = 0, wrong = 0;
	phys_addr_t end = 0;
	int err;

	for (unsigned int i = 0; i < nr; i++)
		part[i] = (struct part){ .salt = salt, .reads = &part[(i + 1) % nr].taken };
	err = on_parts(fill, part, nr);
	if (!err)
		err = on_parts(verify, part, nr);
	for (unsigned int i = 0; i < nr; i++) {
		pages += part[i].pages;
		wrong += part[i].wrong;
		end = max(end, part[i].end);
		chain_free(&part[i].taken);
	}
	shell_printf("stress high: %lu MiB up to 0x%llx, %lu pages wrong\n",
		     pages / (unsigned long)(MiB / PAGE_SIZE), PA(end), wrong);
	if (!wrong && !err && !pages) {
		shell_printf("stress high: only %lu pages are free: that's too few\n",
			     nr_free_highpages());
		return -ENOMEM;
	}
	return wrong ? -EIO : err;
}

static int run_high(unsigned long seconds, u32 seed)
{
	u64 end = ktime_ns() + seconds * 1000000000ull;
	unsigned int nr = num_online_harts();
	struct part *part;
	int err;

	if (!totalhigh_pages()) {
		shell_printf("stress high: no high memory\n");
		return -ENODEV;
	}
	part = kcalloc(nr, sizeof(*part), GFP_KERNEL);
	if (!part)
		return -ENOMEM;
	do
		err = fill_and_verify(part, nr, seed++);
	while (!err && ktime_ns() < end);
	kfree(part);
	return err;
}

static const struct stress stress_high = {
	"high", "all of high memory, written through windows and read again", run_high
};
TABLE_ENTRY(stress, stress_high);
