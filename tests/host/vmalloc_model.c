/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmalloc_model.c - see vmalloc_model.h
 */
#include "vmalloc_model.h"

#include "vmalloc_ops.h"

#include <asm/vmap.h>
#include <mm/kmap.h>

#include <stdlib.h>
#include <string.h>

#define LAST_WORD (PAGE_SIZE / sizeof(long) - 1)

struct area *model_area[MODEL_AREAS];
unsigned model_nr_areas;
u16 model_whose[REGION_MAX_PAGES + 1];
unsigned long model_pages, model_bytes_used;
bool model_keeps_some, model_others;
const void *model_freed[MODEL_FREED];
unsigned long vmalloc_ops_served, vmalloc_ops_failed;
static unsigned long last_word;

void model_begin(unsigned long pages)
{
	model_pages = pages;
	for (unsigned at = 0; at < MODEL_AREAS; at++) {
		free(model_area[at]);
		model_area[at] = NULL;
	}
	for (unsigned i = 0; i < MODEL_FREED; i++)
		model_freed[i] = (char *)va_layout.vmalloc_base + i * PAGE_SIZE;
	memset(model_whose, 0, sizeof(model_whose));
	model_nr_areas = 0;
	model_bytes_used = 0;
}

/* ---- addresses ---- */

unsigned long model_page(const void *addr)
{
	return ((unsigned long)addr - va_layout.vmalloc_base) / PAGE_SIZE;
}

/* The longest run of pages that are nobody's. */
unsigned long model_largest_run(void)
{
	unsigned long run = 0, most = 0;

	for (unsigned long i = 0; i < model_pages; i++) {
		run = model_whose[i] ? 0 : run + 1;
		most = max(most, run);
	}
	return most;
}

static void take_addresses(unsigned at, u16 value)
{
	unsigned long first = model_page(model_area[at]->addr);

	EXPECT(first + model_area[at]->nr + 1 <= model_pages);
	for (unsigned long i = first; i <= first + model_area[at]->nr; i++) {
		EXPECT(!model_whose[i] != !value);
		model_whose[i] = value;
	}
}

/* ---- contents ---- */

unsigned long model_word(const struct area *a, unsigned long i)
{
	return a->word ^ i << 20;
}

unsigned long *model_word_at(const struct area *a, unsigned long i)
{
	return (unsigned long *)(a->addr + i * PAGE_SIZE);
}

void model_fill(const struct area *a)
{
	if (a->kind == VMALLOC || a->kind == MAPPED_PUT)
		for (unsigned long i = 0; i < a->nr; i++)
			model_word_at(a, i)[0] = model_word_at(a, i)[LAST_WORD] = model_word(a, i);
}

/* By its own address, and by the area's. */
static void expect_page(const struct area *a, unsigned long i)
{
	struct page *page = pfn_to_page(a->pfn[i]);
	unsigned long *own = kmap_local_page(page), seen = *own;

	kunmap_local(own);
	EXPECT_EQ(*model_word_at(a, i), seen);
	if (a->kind == VMALLOC || a->kind == MAPPED_PUT) {
		EXPECT_EQ(seen, model_word(a, i));
		EXPECT_EQ(model_word_at(a, i)[LAST_WORD], seen);
	}
	EXPECT(vmalloc_to_page(model_word_at(a, i)) == page);
}

void model_expect_area(const struct area *a)
{
	const struct vm_struct *vm = find_vm_area(a->addr + rnd_below(a->nr + 1) * PAGE_SIZE);

	EXPECT(vm && vm->addr == a->addr);
	EXPECT_EQ(get_vm_area_size(vm), a->nr * PAGE_SIZE);
	if (a->kind != BARE && a->kind != ARRAY)
		for (unsigned long i = 0; i < a->nr; i++)
			expect_page(a, i);
	EXPECT(!vmalloc_to_page(a->addr + a->nr * PAGE_SIZE));
}

static void expect_clear(const struct area *a)
{
	for (unsigned long i = 0; i < a->nr; i++)
		for (const u64 *at = (const u64 *)model_word_at(a, i), *end = at + PAGE_SIZE / 8;
		     at < end; at += 3)
			EXPECT_EQ(*at, 0);
}

/* ---- what there should be ---- */

/* Neither memory nor addresses were short, and nothing failed on purpose? */
static void expect_reason(unsigned long nr, unsigned long align)
{
	vmalloc_ops_failed++;
	if (slab_fail_percent || model_keeps_some || model_others)
		return;
	EXPECT(nr_free_pages() < 2 * nr + 100 ||
	       model_largest_run() < nr + 1 + max(align, arch_vmap_leaf() / PAGE_SIZE) - 1);
}

/* @addr, an area of @nr pages that was made now, or NULL.  Its number, or MODEL_AREAS. */
unsigned model_own(void *addr, enum kind kind, unsigned long nr, unsigned long align)
{
	unsigned at = 0;

	model_settle();
	if (!addr) {
		expect_reason(nr, align);
		return MODEL_AREAS;
	}
	vmalloc_ops_served++;
	EXPECT(is_vmalloc_addr(addr) && IS_ALIGNED((unsigned long)addr, align * PAGE_SIZE));
	while (model_area[at])
		at++;
	model_area[at] = malloc(sizeof(struct area));
	*model_area[at] =
		(struct area){ .addr = addr, .nr = nr, .kind = kind, .word = ~++last_word };
	take_addresses(at, (u16)(at + 1));
	model_nr_areas++;
	model_bytes_used += nr * PAGE_SIZE;
	return at;
}

/* The area of @a's own array, if it's an area. */
static void own_array(struct area *a)
{
	const struct vm_struct *vm = find_vm_area(a->addr);

	if (is_vmalloc_addr(vm->pages))
		a->array =
			(u16)(1 + model_own(vm->pages, ARRAY,
					    get_vm_area_size(find_vm_area(vm->pages)) / PAGE_SIZE,
					    1));
}

void model_own_memory(void *addr, size_t bytes, unsigned long align, bool clear)
{
	unsigned at = model_own(addr, VMALLOC, (bytes + PAGE_SIZE - 1) / PAGE_SIZE, align);
	struct area *a;

	if (at == MODEL_AREAS)
		return;
	a = model_area[at];
	for (unsigned long i = 0; i < a->nr; i++) {
		a->pfn[i] = vmalloc_to_pfn(model_word_at(a, i));
		EXPECT(a->pfn[i] >= world_first && a->pfn[i] < world_end);
	}
	if (clear)
		expect_clear(a);
	own_array(a);
	model_fill(a);
	model_expect_area(a);
}

void model_disown(unsigned at)
{
	struct area *a = model_area[at];
	bool deferred = vmap_state.deferred && vmap_state.deferred->addr == a->addr;

	if (a->array && deferred)
		model_area[a->array - 1U]->orphan = true;
	else if (a->array)
		model_disown(a->array - 1U);
	/* An orphan's addresses may be another's already. */
	EXPECT(a->orphan || (!find_vm_area(a->addr) && !find_vm_area(a->addr + a->nr * PAGE_SIZE)));
	for (unsigned long i = 0; i < a->nr; i++)
		EXPECT(deferred || a->orphan || !vmalloc_to_page(model_word_at(a, i)));
	model_freed[rnd_below(MODEL_FREED)] = a->addr;
	take_addresses(at, 0);
	model_bytes_used -= a->nr * PAGE_SIZE;
	model_nr_areas--;
	model_area[at] = NULL;
	free(a);
}

void model_settle(void)
{
	for (unsigned at = 0; !vmap_state.deferred && at < MODEL_AREAS; at++)
		if (model_area[at] && model_area[at]->orphan)
			model_disown(at);
}
