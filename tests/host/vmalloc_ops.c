/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmalloc_ops.c - see vmalloc_ops.h
 */
#include "vmalloc_ops.h"

#include "vmalloc_model.h"

#include <asm/vmap.h>
#include <kernel/smp.h>
#include <mm/folio.h>
#include <mm/kmalloc.h>

#include <string.h>

#define POOL	 48 /* pages that vmap() is given, which stay */
#define MAP_MOST 70

static unsigned grow;
static struct page *pool[POOL];
static bool atomic_now;
static unsigned long nr_meanwhile;

/* ---- making ---- */

static gfp_t random_gfp(void)
{
	static const gfp_t base[] = { GFP_KERNEL, GFP_KERNEL, GFP_NOIO, GFP_KERNEL | __GFP_DMA32,
				      GFP_KERNEL | __GFP_HIGHMEM };

	return base[rnd_below(ARRAY_SIZE(base))] | __GFP_NOWARN;
}

/* Mostly a few pages, from a block. */
static size_t random_bytes(void)
{
	size_t pages;

	switch (rnd_below(8)) {
	case 0:
		pages = 1 + (size_t)rnd_below(MODEL_MOST);
		break;
	case 1:
	case 2:
		pages = 12 + (size_t)rnd_below(24);
		break;
	default:
		pages = 1 + (size_t)rnd_below(6);
	}
	return pages * PAGE_SIZE - (size_t)rnd_below(PAGE_SIZE);
}

static int random_node(void)
{
	return (int)rnd_below(nr_nodes + 1) - 1;
}

static void do_plain(void)
{
	size_t bytes = random_bytes();
	unsigned what = (unsigned)rnd_below(6);

	switch (what) {
	case 0:
		return model_own_memory(vzalloc(bytes), bytes, 1, true);
	case 1:
		return model_own_memory(vmalloc_node(bytes, random_node()), bytes, 1, false);
	case 2:
		return model_own_memory(vzalloc_node(bytes, random_node()), bytes, 1, true);
	case 3:
		return model_own_memory(__vmalloc(bytes, random_gfp()), bytes, 1, false);
	default:
		model_own_memory(vmalloc(bytes), bytes, 1, false);
	}
}

static void do_aligned(void)
{
	unsigned long align = 1UL << rnd_below(rnd_below(4) ? 4 : 8);
	bool clear = rnd_below(2);
	size_t bytes = random_bytes();

	model_own_memory(__vmalloc_node(bytes, align * PAGE_SIZE,
					random_gfp() | (clear ? __GFP_ZERO : 0), random_node(),
					NULL),
			 bytes, align, clear);
}

static void do_huge(void)
{
	size_t bytes = (size_t)rnd_range(300, MODEL_MOST) * PAGE_SIZE;
	unsigned long leaf = arch_vmap_huge_leaf();

	model_own_memory(vmalloc_huge(bytes, GFP_KERNEL | __GFP_NOWARN), bytes,
			 bytes >= leaf ? leaf / PAGE_SIZE : 1, false);
}

/* Each of its pages can be given away alone. */
static void do_user(void)
{
	size_t bytes = random_bytes();
	void *addr = vmalloc_user(bytes);

	for (size_t i = 0; addr && i < bytes; i += PAGE_SIZE)
		EXPECT(!PageCompound(vmalloc_to_page((char *)addr + i)));
	model_own_memory(addr, bytes, 1, true);
}

static void do_kvmalloc(void)
{
	size_t bytes = random_bytes();
	bool clear = rnd_below(2);
	void *object = kvmalloc_node(bytes, random_gfp() | (clear ? __GFP_ZERO : 0), random_node());

	if (object && is_vmalloc_addr(object))
		model_own_memory(object, bytes, 1, clear);
	else
		kvfree(object);
}

/* ---- mapping ---- */

static void own_map(void *addr, struct page **pages, unsigned nr, enum kind kind)
{
	unsigned at = model_own(addr, kind, nr, 1);

	if (at == MODEL_AREAS)
		return;
	for (unsigned i = 0; i < nr; i++)
		model_area[at]->pfn[i] = page_to_pfn(pages[i]);
	model_fill(model_area[at]);
	model_expect_area(model_area[at]);
}

/* The same page may be there twice. */
static void do_map(void)
{
	unsigned nr = 1 + (unsigned)rnd_below(rnd_below(3) ? 8 : MAP_MOST);
	bool read_only = rnd_below(2);
	struct page *pages[MAP_MOST];

	for (unsigned i = 0; i < nr; i++)
		pages[i] = pool[rnd_below(POOL)];
	own_map(vmap(pages, nr, VM_MAP, read_only ? PAGE_KERNEL_RO : PAGE_KERNEL), pages, nr,
		MAPPED);
}

/* The pages and their array become the area's. */
static void do_map_put(void)
{
	unsigned nr = 1 + (unsigned)rnd_below(MAP_MOST), got = 0;
	struct page **pages = kmalloc(nr * sizeof(*pages), GFP_KERNEL | __GFP_NOWARN);
	void *addr = NULL;

	if (!pages)
		return;
	while (got < nr && (pages[got] = alloc_page(GFP_KERNEL | __GFP_NOWARN)))
		got++;
	if (got == nr)
		addr = vmap(pages, nr, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
	own_map(addr, pages, nr, MAPPED_PUT);
	if (addr)
		return;
	while (got)
		__free_page(pages[--got]);
	kfree(pages);
}

static void do_bare(void)
{
	unsigned long nr = 1 + rnd_below(rnd_below(3) ? 20 : MODEL_MOST);
	unsigned long align = 1UL << rnd_below(4);
	struct vm_struct *vm = get_vm_area_caller(nr * PAGE_SIZE, align * PAGE_SIZE, VM_IOREMAP,
						  random_gfp(), NULL);

	model_own(vm ? vm->addr : NULL, BARE, nr, align);
}

static void do_make(void)
{
	static void (*const makers[])(void) = { do_plain, do_plain, do_plain,	do_plain,
						do_map,	  do_map,   do_map_put, do_user,
						do_bare,  do_huge,  do_aligned, do_kvmalloc };

	makers[rnd_below(ARRAY_SIZE(makers))]();
}

/* ---- giving back ---- */

static void give_back(unsigned at)
{
	struct area *a = model_area[at];

	model_expect_area(a);
	a->busy = true;
	if (a->kind == VMALLOC && rnd_below(2))
		kvfree(a->addr);
	else if (a->kind == VMALLOC || a->kind == MAPPED_PUT)
		vfree(a->addr);
	else if (a->kind == MAPPED)
		vunmap(a->addr);
	else
		EXPECT(remove_vm_area(a->addr));
	model_disown(at);
}

/* MODEL_AREAS: there is none. */
static unsigned random_area(void)
{
	unsigned at = (unsigned)rnd_below(MODEL_AREAS);

	for (unsigned i = 0; i < MODEL_AREAS; i++, at = (at + 1) % MODEL_AREAS)
		if (model_area[at] && model_area[at]->kind != ARRAY && !model_area[at]->busy)
			return at;
	return MODEL_AREAS;
}

/* What waits for a fence isn't too much then, or a thread was asked. */
static void do_free(void)
{
	unsigned at = random_area();
	unsigned long others = nr_meanwhile;

	if (at == MODEL_AREAS)
		return;
	give_back(at);
	model_settle();
	EXPECT(vmap_work_asked || nr_meanwhile != others || vmap_state.purging ||
	       vmap_state.lazy_bytes <= va_layout.vmalloc_bytes / 8);
}

/* Page @i of @old is at @moved now. */
static void expect_moved(const struct area *old, unsigned long i, const unsigned long *moved)
{
	EXPECT_EQ(moved[0], model_word(old, i));
	EXPECT_EQ(moved[PAGE_SIZE / sizeof(long) - 1], moved[0]);
}

static void do_krealloc(void)
{
	unsigned at = random_area();
	size_t bytes = random_bytes();
	struct area old;
	char *moved;

	if (at == MODEL_AREAS || model_area[at]->kind != VMALLOC)
		return;
	old = *model_area[at];
	model_area[at]->busy = true;
	moved = kvrealloc(old.addr, bytes, GFP_KERNEL | __GFP_NOWARN);
	model_area[at]->busy = false;
	if (!moved)
		return model_expect_area(&old);
	if (moved == old.addr) {
		EXPECT(bytes <= old.nr * PAGE_SIZE);
		return;
	}
	EXPECT(bytes > old.nr * PAGE_SIZE);
	for (unsigned long i = 0; i < old.nr; i++)
		expect_moved(&old, i, (unsigned long *)(moved + i * PAGE_SIZE));
	model_disown(at);
	if (is_vmalloc_addr(moved))
		model_own_memory(moved, bytes, 1, false);
	else
		kvfree(moved);
}

/* An address at which no area begins is refused, and nothing happens. */
static void expect_refused(const void *addr)
{
	unsigned long at = model_page(addr);
	unsigned before = host_warnings;

	if (at < model_pages && model_whose[at] && model_area[model_whose[at] - 1]->addr == addr)
		return;
	rnd_below(2) ? vfree(addr) : vunmap(addr);
	EXPECT_EQ(host_warnings, before + 1);
	EXPECT(!remove_vm_area(addr));
}

/* An area of another kind is refused, too. */
static void expect_kept(const struct area *a)
{
	unsigned before = host_warnings;

	if (a->kind != VMALLOC && a->kind != BARE)
		return;
	vunmap(a->addr);
	if (a->kind == BARE)
		vfree(a->addr);
	EXPECT_EQ(host_warnings, before + (a->kind == BARE) + 1);
}

static void do_wrong_free(void)
{
	unsigned at = random_area();

	expect_refused(model_freed[rnd_below(MODEL_FREED)]);
	if (at == MODEL_AREAS)
		return;
	expect_refused(model_area[at]->addr + (1 + rnd_below(model_area[at]->nr)) * PAGE_SIZE);
	expect_refused(model_area[at]->addr + 8);
	expect_kept(model_area[at]);
	model_expect_area(model_area[at]);
}

/* ---- looking ---- */

static void do_find(void)
{
	unsigned long at = (unsigned long)rnd_below(model_pages);
	char *addr = (char *)va_layout.vmalloc_base + at * PAGE_SIZE + (size_t)rnd_below(PAGE_SIZE);
	const struct vm_struct *vm = find_vm_area(addr);
	char text[160];

	EXPECT(vm ? model_whose[at] && vm->addr == model_area[model_whose[at] - 1]->addr
		  : !model_whose[at]);
	vmalloc_describe((unsigned long)addr, text, sizeof(text));
	if (!vm)
		EXPECT(!strncmp(text, "in the freed ", 13) ||
		       !strcmp(text, "in the vmalloc region, where no area is"));
	else
		EXPECT_EQ(!strncmp(text, "behind the ", 11),
			  at + 1 == model_pages || model_whose[at + 1] != model_whose[at]);
}

/* All areas, in the order of their addresses. */
static void expect_list(void)
{
	struct vm_struct copy;
	unsigned long at = 0, last = 0;
	unsigned nr = 0;

	for (; vmalloc_next(&at, &copy); nr++) {
		const struct area *a;

		EXPECT((unsigned long)copy.addr > last && model_whose[model_page(copy.addr)]);
		last = (unsigned long)copy.addr;
		a = model_area[model_whose[model_page(copy.addr)] - 1];
		EXPECT(a->addr == copy.addr && get_vm_area_size(&copy) == a->nr * PAGE_SIZE);
	}
	EXPECT_EQ(nr, model_nr_areas);
}

static void expect_figures(void)
{
	struct vmalloc_info info;

	vmalloc_info(&info);
	EXPECT_EQ(info.areas, model_nr_areas);
	EXPECT_EQ(info.used, model_bytes_used);
	EXPECT_EQ(info.total, va_layout.vmalloc_bytes);
	EXPECT(info.largest <= model_largest_run() * PAGE_SIZE);
}

/* After a fence what is nobody's is free, unless another hart frees in the meantime. */
static void do_aliases(void)
{
	unsigned long before = nr_meanwhile;
	struct vmalloc_info info;

	if (atomic_now)
		return;
	vm_unmap_aliases();
	model_settle();
	if (nr_meanwhile != before)
		return;
	vmalloc_info(&info);
	EXPECT_EQ(info.largest, model_largest_run() * PAGE_SIZE);
	EXPECT_EQ(info.lazy, 0);
	EXPECT_EQ(info.blocks, 0);
	EXPECT_EQ(vmap_world_stale, 0);
}

/* ---- contexts ---- */

/* Another hart frees something just after a fence. */
static void meanwhile(void)
{
	unsigned me = this_hart->cpu;

	if (nr_harts == 1 || rnd_below(4))
		return;
	world_run_as((me + 1) % nr_harts);
	vmap_world_meanwhile = NULL;
	for (unsigned i = 0; i < 3; i++)
		do_free();
	vmap_world_meanwhile = meanwhile;
	nr_meanwhile++;
	model_others = true;
	world_run_as(me);
}

/* No thread, where no fence can be made; or a thread again. */
static void do_context(void)
{
	atomic_now = !atomic_now;
	preempt_count_add(atomic_now ? (int)HARDIRQ_OFFSET : -(int)HARDIRQ_OFFSET);
}

/* The worker, if it was asked. */
static void do_work(void)
{
	if (atomic_now || !vmap_work_asked)
		return;
	EXPECT(vmap_world_kicks);
	vmap_work();
	model_settle();
	EXPECT(!vmap_work_asked && !vmap_state.deferred);
}

static void do_rare(void)
{
	switch (rnd_below(8)) {
	case 0:
		slab_fail_percent = rnd_below(3) ? 0 : (unsigned)rnd_below(40);
		break;
	case 1:
		grow = 40 + (unsigned)rnd_below(30);
		break;
	case 2:
		do_aliases();
		break;
	case 3:
		do_context();
		break;
	case 4:
		expect_figures();
		break;
	default:
		do_wrong_free();
	}
}

void vmalloc_ops_step(void)
{
	unsigned what = (unsigned)rnd_below(128);
	unsigned long fences = vmap_world_fences;

	model_others = vmap_state.deferred; /* somebody was to free */
	if (what < grow) {
		if (model_nr_areas < MODEL_AREAS - 1 && !atomic_now)
			do_make();
	} else if (what < 104) {
		do_free();
		EXPECT(!atomic_now || vmap_world_fences == fences);
	} else if (what < 110) {
		do_work();
	} else if (what < 113 && !atomic_now) {
		do_krealloc();
	} else if (what < 118) {
		do_find();
	} else if (what < 123) {
		world_run_as((unsigned)rnd_below(nr_harts));
	} else {
		do_rare();
	}
}

void vmalloc_ops_check(void)
{
	EXPECT_EQ(vmalloc_validate(), model_nr_areas);
	for (unsigned at = 0; at < MODEL_AREAS; at++)
		if (model_area[at])
			model_expect_area(model_area[at]);
	expect_list();
	expect_figures();
	slab_world_check();
}

void vmalloc_ops_begin(const struct world *w, const struct vmap_region *r)
{
	nr_harts = (unsigned)rnd_range(1, WORLD_HARTS + 1);
	vmap_world_build(w, r);
	model_begin(r->bytes / PAGE_SIZE);
	vmap_world_meanwhile = meanwhile;
	grow = 55;
	atomic_now = false;
	model_keeps_some = w->reserves || w->high;
	page_reports_expect(true);
	for (unsigned i = 0; i < POOL; i++)
		EXPECT((pool[i] = alloc_page(GFP_KERNEL)));
}

void vmalloc_ops_end(void)
{
	vmap_world_meanwhile = NULL;
	vmalloc_ops_check();
	slab_fail_percent = 0;
	if (atomic_now)
		do_context();
	while (model_nr_areas)
		do_free();
	for (unsigned i = 0; i < POOL; i++)
		__free_page(pool[i]);
	vmap_world_end();
	page_reports_expect(false);
	nr_harts = WORLD_HARTS;
}
