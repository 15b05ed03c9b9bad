/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_vmalloc.c - areas made and freed by threads on all harts, and freed in interrupts
 *
 *     a timer a hart    frees what it finds in the exchange: its purges are left to a thread
 *     two threads       areas of all kinds and sizes, looked up and looked at meanwhile
 *     a hart
 *     the watcher       keeps up to 100,000 areas more, of one page that all of them map, and turns
 *                       a part of them over; has some allocations fail, turns harts off and on
 *
 * Each page of an area holds its own address while somebody has the area.
 *
 * At the end there are as many areas as at the start, and all addresses are free again.
 */
#include "stress_crew.h"

#include <kernel/smp.h>
#include <mm/kstack.h>
#include <mm/page_alloc.h>
#include <shell/ktap.h>
#include <shell/shell.h>
#include <stdio.h>
#include <string.h>

#include "vmalloc_tools.h"

#define EXCHANGE 64
#define MANY	 100000u
#define TURNOVER 2000u /* of the many, at a time */
#define PHASE_MS 50

static struct {
	struct crew crew;
	void *exchange[EXCHANGE]; /* atomic */
	struct page *page;	  /* that the many map */
	struct vm_struct *many;	  /* chained by next_lazy, which is the owner's until it's freed */
	u32 nr_many;
	u32 most_many;
	unsigned long steps; /* vmalloc_steps(), with all of them */
	size_t most_bytes;
} stress;

static void expect(bool ok, const char *what)
{
	crew_expect(&stress.crew, ok, what);
}

/* ---- areas ---- */

static void give_back(void *area)
{
	const struct vm_struct *vm = find_vm_area(area);

	expect(vm && vm->addr == area, "an area can't be found");
	if (!vm)
		return;
	expect(is_marked(area, get_vm_area_size(vm)),
	       "somebody wrote to an area, or its page moved");
	expect(!vmalloc_to_page((char *)area + get_vm_area_size(vm)), "a guard is mapped");
	vfree(area);
}

static void *take(struct actor *a)
{
	u32 r = stress_random(&a->random);
	size_t bytes = (r >> 8 & 7 ? 1 + r % (8 * PAGE_SIZE) : 1 + r % stress.most_bytes);
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	void *area;

	a->operations++;
	switch (r >> 28) {
	case 0:
		area = vmalloc_huge(bytes, gfp);
		break;
	case 1:
		area = __vmalloc(bytes, gfp | __GFP_ZERO);
		break;
	case 2:
		area = __vmalloc_node(bytes, PAGE_SIZE << (r >> 4 & 7), gfp,
				      (int)((r >> 24) % nr_nodes), NULL);
		break;
	default:
		area = __vmalloc(bytes, gfp);
	}
	a->failed += !area;
	if (area)
		mark(area, ALIGN_UP(bytes, PAGE_SIZE));
	return area;
}

/* Put @area, or nothing, on a place of the exchange, and free what lay there. */
static void exchange(struct actor *a, void *area)
{
	unsigned at = stress_random(&a->random) % EXCHANGE;

	area = __atomic_exchange_n(&stress.exchange[at], area, __ATOMIC_ACQ_REL);
	if (!area)
		return;
	give_back(area);
	a->operations++;
}

static void ring(struct actor *a)
{
	for (int i = 0; i < 2; i++)
		exchange(a, NULL);
}

/* The same area that @kept is, whichever of its addresses is asked for. */
static void look(const void *kept, u32 random)
{
	const struct vm_struct *vm;
	struct vm_struct copy;
	unsigned long at = (unsigned long)kept;
	char text[160];

	if (!kept)
		return;
	vm = find_vm_area((const char *)kept + random % PAGE_SIZE);
	expect(vm && vm->addr == kept, "an address is another area's");
	expect(vmalloc_next(&at, &copy) && copy.addr == kept, "an area isn't listed");
	vmalloc_describe((unsigned long)kept, text, sizeof(text));
	expect(!*text || !strncmp(text, "in the ", 7), "an address isn't told");
}

static void act(struct actor *a)
{
	u32 r = stress_random(&a->random) % 1024;
	void **kept = &a->kept[stress_random(&a->random) % CREW_KEPT];

	if (r < 64) {
		look(*kept, a->random);
	} else if (!*kept) {
		*kept = take(a);
	} else {
		if (r & 3)
			give_back(*kept);
		else
			exchange(a, *kept);
		*kept = NULL;
	}
	/* There's one lock: where an emulator runs harts by turns, each waits for one whose turn it
	 * isn't. */
	if (r % 4 == 1)
		msleep(1);
}

/* ---- the many ---- */

static bool make_one(void)
{
	struct page *pages[] = { stress.page };
	void *area = vmap(pages, 1, VM_MAP, PAGE_KERNEL);
	struct vm_struct *vm = area ? find_vm_area(area) : NULL;

	if (!vm)
		return false;
	vm->next_lazy = stress.many;
	stress.many = vm;
	stress.nr_many++;
	return true;
}

static void free_one(void)
{
	struct vm_struct *vm = stress.many;

	stress.many = vm->next_lazy;
	stress.nr_many--;
	expect(vmalloc_to_page(vm->addr) == stress.page, "an area lost its page");
	vunmap(vm->addr);
}

/* Part of them is freed and made again. */
static void turn_over(void)
{
	u32 n = min(stress.nr_many / 4, TURNOVER);

	for (u32 i = 0; i < n; i++)
		free_one();
	for (u32 i = 0; i < n && make_one(); i++)
		;
	vm_unmap_aliases();
}

static void fill(void)
{
	u32 most = (u32)min((unsigned long)stress.most_many,
			    va_layout.vmalloc_bytes / (16 * PAGE_SIZE));

	most = min(most, (u32)(nr_free_pages() / 4 * (PAGE_SIZE / 512)));
	while (stress.nr_many < most && make_one())
		;
	stress.most_many = stress.nr_many;
	expect(stress.nr_many == most, "there was no room for as many areas");
	vm_unmap_aliases(); /* each of them is a node now */
	stress.steps = vmalloc_steps();
	expect(stress.steps < STEPS_MOST, "an area takes too many steps");
}

/* ---- the one who watches ---- */

static void have_fail(unsigned percent)
{
	crew_fail(&stress.crew, "fail_page_alloc", percent);
	crew_fail(&stress.crew, "failslab", percent);
}

static void watch(u64 ns, u32 random, bool harts)
{
	static const unsigned percent[] = { 0, 2, 20 };
	u64 end = ktime_ns() + ns;

	for (unsigned phase = 0; !phase || (ktime_ns() < end && !shell_interrupted()); phase++) {
		turn_over();
		have_fail(percent[phase % ARRAY_SIZE(percent)]);
		msleep(PHASE_MS);
		have_fail(0);
		if (harts && phase % 8 == 7)
			crew_blink(&stress.crew, &random);
		if (phase % 8 == 1)
			vmalloc_validate();
	}
}

static void give_kept_back(struct actor *a, void *kept)
{
	give_back(kept);
}

static void stop(void)
{
	crew_stop(&stress.crew);
	for (unsigned i = 0; i < EXCHANGE; i++)
		if (stress.exchange[i])
			give_back(stress.exchange[i]);
}

/* ---- all of it ---- */

static bool stress_for(u64 ns, u32 seed, u32 many, bool harts)
{
	struct vmalloc_info before, after;
	bool started;

	memset(&stress, 0, sizeof(stress));
	stress.crew.act = act;
	stress.crew.ring = ring;
	stress.crew.give_back = give_kept_back;
	stress.most_bytes =
		max((size_t)PAGE_SIZE,
		    min((size_t)MiB,
			nr_free_pages() / 4 / (num_online_harts() * CREW_KEPT) * PAGE_SIZE));
	stress.page = alloc_page(GFP_KERNEL);
	if (!stress.page)
		return false;
	kstack_flush();
	vmalloc_info(&before);
	stress.most_many = many;
	fill();
	started = crew_start(&stress.crew, seed);
	if (started)
		watch(ns, seed, harts);
	stop();
	while (stress.nr_many)
		free_one();
	__free_page(stress.page);
	kstack_flush();
	vmalloc_info(&after);
	vmalloc_validate();
	expect(after.lazy == 0, "addresses wait for ever");
	expect(after.areas == before.areas && after.used == before.used, "areas are left");
	return started;
}

static void results(char *text, size_t bytes)
{
	snprintf(text, bytes,
		 "%lu areas (%lu failed), %lu freed in interrupts, %u more at a time, %lu steps "
		 "each",
		 stress.crew.nr[0], stress.crew.nr_failed[0], stress.crew.nr[1],
		 (unsigned)stress.most_many, stress.steps);
}

static int run_vmalloc(unsigned long seconds, u32 seed)
{
	char text[160];

	if (!stress_for(seconds * 1000000000ull, seed, MANY, true)) {
		shell_printf("stress vmalloc: too little memory\n");
		return -ENOMEM;
	}
	results(text, sizeof(text));
	shell_printf("stress vmalloc: %s, %u faults\n", text, stress.crew.faults);
	return stress.crew.faults ? -EIO : 0;
}

static const struct stress stress_vmalloc = {
	"vmalloc",
	"areas by threads and interrupts among 100,000 others; some fail, harts come and go",
	run_vmalloc
};
TABLE_ENTRY(stress, stress_vmalloc);

/* ---- a short one among the suites ---- */

static void test_vmalloc(struct ktap *t)
{
	char text[160];

	if (num_online_harts() > 4) {
		ktap_skip(t, "an emulator's harts would wait for one lock by turns");
		return;
	}
	if (!stress_for(500000000ull, 20261122, MANY / 100, false)) {
		ktap_skip(t, "too little memory");
		return;
	}
	KTAP_EXPECT_EQ(t, stress.crew.faults, 0);
	results(text, sizeof(text));
	ktap_diag(t, "%s", text);
}

static const struct ktap_case cases[] = { { KTAP_PREPARE, prepare_areas },
					  { "vmalloc", test_vmalloc },
					  {} };
static const struct ktap_suite suite_vmalloc_stress = { "vmalloc_stress", cases };
TABLE_ENTRY(ktap_suite, suite_vmalloc_stress);
