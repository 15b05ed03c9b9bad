/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmap_world.c - see vmap_world.h
 *
 * Table: a page for each table_bytes of the region, or a leaf of that size, or neither.  Entries
 * stand beside each other whatever tables there are; one that is written needs its table.
 * Invariants: a table that goes has no entry, and until its flush no address of it is used.
 */
#include "vmap_world.h"

#include <asm/tlb.h>
#include <asm/trap.h>
#include <asm/vmap.h>
#include <base/errno.h>
#include <mm/ioremap.h>
#include <mm/kmalloc.h>
#include <mm/node_daemon.h>

#include <string.h>

#define TABLES_MAX 64

struct table {
	struct page *page; /* NULL: there is none */
	bool huge;	   /* a leaf is in its place */
	bool pending;	   /* unlinked, and not flushed yet */
};

struct va_layout va_layout;
unsigned long vmap_world_fences, vmap_world_stale, vmap_world_tables, vmap_world_kicks;
unsigned long vmap_world_huge, vmap_world_leaves;
void (*vmap_world_meanwhile)(void);

static struct vmap_region region;
static unsigned long entry[REGION_MAX_PAGES]; /* frame number; 0: nothing is mapped */
static bool stale[REGION_MAX_PAGES];	      /* some hart may remember what was there */
static bool in_leaf[REGION_MAX_PAGES];	      /* of region.leaf bytes, or will be */
static struct table tables[TABLES_MAX];

/* ---- addresses ---- */

static unsigned long entry_number(unsigned long va)
{
	EXPECT(va - va_layout.vmalloc_base < va_layout.vmalloc_bytes && IS_ALIGNED(va, PAGE_SIZE));
	return (va - va_layout.vmalloc_base) / PAGE_SIZE;
}

static unsigned long address_of(unsigned long index)
{
	return va_layout.vmalloc_base + index * PAGE_SIZE;
}

static unsigned long table_pages(void)
{
	return region.table_bytes / PAGE_SIZE;
}

static struct table *table_of(unsigned long index)
{
	return &tables[index / table_pages()];
}

static void expect_range(unsigned long va, unsigned long bytes)
{
	EXPECT(bytes && IS_ALIGNED(bytes, PAGE_SIZE));
	entry_number(va);
	entry_number(va + bytes - PAGE_SIZE);
}

unsigned long vmap_world_pfn(const void *addr)
{
	return entry[entry_number((unsigned long)addr & PAGE_MASK)];
}

bool world_area_lookup(unsigned long va, struct arch_mapping *map)
{
	unsigned long pfn;

	if (!is_vmalloc_addr((void *)va))
		return false;
	pfn = vmap_world_pfn((void *)va);
	map->pa = PFN_PHYS(pfn) | (va & ~PAGE_MASK);
	return pfn;
}

/* ---- fences ---- */

static void forget(unsigned long from, unsigned long to)
{
	for (unsigned long i = from; i < to; i++) {
		vmap_world_stale -= stale[i];
		stale[i] = false;
	}
}

void tlb_batch_add(struct tlb_batch *tlb, unsigned long va, unsigned long bytes)
{
	expect_range(va, bytes);
	tlb->start = min(tlb->start, va);
	tlb->end = max(tlb->end, va + bytes - 1);
}

void tlb_batch_add_table(struct tlb_batch *tlb, phys_addr_t pa)
{
	EXPECT(tlb->nr_tables < TLB_BATCH_TABLES);
	tlb->table[tlb->nr_tables++] = pa;
	tlb->all = true;
}

void tlb_batch_make_room(struct tlb_batch *tlb, unsigned int n)
{
	if (tlb->nr_tables + n > TLB_BATCH_TABLES)
		tlb_batch_flush(tlb);
}

void tlb_batch_flush(struct tlb_batch *tlb)
{
	EXPECT(!irqs_disabled() && !spin_is_locked(&vmap_state.lock));
	if (tlb->all)
		forget(0, region.bytes / PAGE_SIZE);
	else if (tlb->start <= tlb->end)
		forget(entry_number(tlb->start), entry_number(tlb->end + 1 - PAGE_SIZE) + 1);
	vmap_world_fences += tlb->all || tlb->start <= tlb->end;
	for (unsigned i = 0; i < tlb->nr_tables; i++) {
		__free_page(phys_to_page(tlb->table[i]));
		vmap_world_tables--;
	}
	if (tlb->nr_tables)
		for (unsigned i = 0; i < TABLES_MAX; i++)
			tables[i].pending = false;
	*tlb = (struct tlb_batch)TLB_BATCH_INIT;
	if (vmap_world_meanwhile)
		vmap_world_meanwhile();
}

/* ---- tables ---- */

static bool make_table(struct table *t)
{
	EXPECT(!t->huge && !t->pending);
	if (t->page)
		return true;
	t->page = __alloc_pages(GFP_ATOMIC | __GFP_NOWARN, 0);
	vmap_world_tables += t->page != NULL;
	return t->page;
}

static void unlink_table(struct tlb_batch *tlb, struct table *t)
{
	unsigned long first = (unsigned long)(t - tables) * table_pages();

	for (unsigned long i = first; i < first + table_pages(); i++)
		EXPECT(!entry[i]);
	tlb_batch_add_table(tlb, page_to_phys(t->page));
	t->page = NULL;
	t->pending = true;
}

void arch_vmap_free_tables(struct tlb_batch *tlb, unsigned long va, unsigned long end)
{
	unsigned long size = region.table_bytes;

	expect_range(va, end - va);
	for (va = ALIGN_UP(va, size); va < end && end - va >= size; va += size) {
		struct table *t = table_of(entry_number(va));

		EXPECT(!t->huge);
		if (!t->page || region.fixed)
			continue;
		tlb_batch_make_room(tlb, 1);
		unlink_table(tlb, t);
	}
}

unsigned long arch_vmap_table_bytes(void)
{
	return region.table_bytes;
}

unsigned long arch_vmap_leaf(void)
{
	return max(region.leaf, PAGE_SIZE);
}

unsigned long arch_vmap_huge_leaf(void)
{
	return region.fixed ? PAGE_SIZE : region.table_bytes;
}

/* ---- entries ---- */

/* Nothing is mapped there, and no hart remembers that something was. */
static void note(unsigned long index, unsigned long pfn)
{
	EXPECT(pfn >= world_first && pfn < world_end);
	EXPECT(!entry[index]);
	EXPECT(!stale[index]);
	EXPECT(!table_of(index)->pending);
	entry[index] = pfn;
}

/* As many as fit. */
static void note_leaves(unsigned long index, unsigned long pfn, unsigned long nr)
{
	unsigned long size = arch_vmap_leaf() / PAGE_SIZE;

	for (unsigned long i = 0; i + size <= nr; i++)
		if (IS_ALIGNED(index + i, size) && IS_ALIGNED(pfn + i, size)) {
			memset(&in_leaf[index + i], size > 1, size);
			vmap_world_leaves += size > 1;
		}
}

/* No leaf reaches out of it. */
static void expect_whole(unsigned long index, unsigned long nr)
{
	unsigned long size = arch_vmap_leaf() / PAGE_SIZE;

	EXPECT(!in_leaf[index] || IS_ALIGNED(index, size));
	EXPECT(!in_leaf[index + nr - 1] || IS_ALIGNED(index + nr, size));
	memset(&in_leaf[index], 0, nr);
}

static void set_range(unsigned long index, unsigned long pfn, unsigned long nr, unsigned prot)
{
	for (unsigned long i = 0; i < nr; i++)
		note(index + i, pfn + i);
	note_leaves(index, pfn, nr);
	host_memory_map(address_of(index), PFN_PHYS(pfn), nr * PAGE_SIZE, (int)prot);
}

static void set_pages(unsigned long index, struct page *const *pages, unsigned long nr,
		      unsigned prot)
{
	for (unsigned long i = 0, run; i < nr; i += run) {
		unsigned long pfn = page_to_pfn(pages[i]);

		for (run = 1; i + run < nr && page_to_pfn(pages[i + run]) == pfn + run; run++)
			;
		set_range(index + i, pfn, run, prot);
	}
}

static void clear(unsigned long index, unsigned long nr)
{
	expect_whole(index, nr);
	for (unsigned long i = index; i < index + nr; i++) {
		if (!entry[i])
			continue; /* of an area that wasn't finished */
		entry[i] = 0;
		vmap_world_stale += !stale[i];
		stale[i] = true;
	}
	host_memory_unmap(address_of(index), nr * PAGE_SIZE);
}

/* How many of @nr pages from @index on are in the same table. */
static unsigned long pages_in_table(unsigned long index, unsigned long nr)
{
	return min(nr, table_pages() - index % table_pages());
}

void *arch_vmap_entries(unsigned long va)
{
	return make_table(table_of(entry_number(va))) ? &entry[entry_number(va)] : NULL;
}

static unsigned long index_of(const void *entries, unsigned long nr)
{
	unsigned long index = (unsigned long)((const unsigned long *)entries - entry);

	EXPECT(index + nr <= region.bytes / PAGE_SIZE);
	EXPECT_EQ(pages_in_table(index, nr), nr);
	EXPECT(table_of(index)->page);
	return index;
}

void arch_vmap_set(void *entries, struct page *const *pages, unsigned long nr, unsigned int prot)
{
	set_pages(index_of(entries, nr), pages, nr, prot);
}

bool arch_vmap_set_leaf(void *entries, const struct page *page)
{
	unsigned long nr = arch_vmap_leaf() / PAGE_SIZE, index = index_of(entries, nr);

	if (nr == 1)
		return false;
	EXPECT(IS_ALIGNED(index, nr) && IS_ALIGNED(page_to_pfn(page), nr));
	set_range(index, page_to_pfn(page), nr, PAGE_KERNEL);
	return true;
}

void arch_vmap_clear(void *entries, unsigned long nr)
{
	clear(index_of(entries, nr), nr);
}

int arch_vmap_pages(unsigned long va, struct page *const *pages, unsigned long nr,
		    unsigned int prot)
{
	unsigned long index = entry_number(va);

	expect_range(va, nr * PAGE_SIZE);
	while (nr) {
		unsigned long n = pages_in_table(index, nr);

		if (!make_table(table_of(index)))
			return -ENOMEM;
		set_pages(index, pages, n, prot);
		index += n;
		pages += n;
		nr -= n;
	}
	return 0;
}

static bool map_huge(struct tlb_batch *tlb, unsigned long index, phys_addr_t pa,
		     unsigned long bytes, unsigned long max_leaf)
{
	struct table *t = table_of(index);
	unsigned long size = region.table_bytes;

	if (min(max_leaf, arch_vmap_huge_leaf()) < size || bytes < size ||
	    !IS_ALIGNED(address_of(index) | pa, size))
		return false;
	EXPECT(!t->huge && !t->pending);
	if (t->page) {
		tlb_batch_make_room(tlb, 1);
		unlink_table(tlb, t);
		t->pending = false;
	}
	t->huge = true;
	vmap_world_huge++;
	return true;
}

int arch_vmap_range(struct tlb_batch *tlb, unsigned long va, phys_addr_t pa, unsigned long bytes,
		    unsigned int prot, unsigned long max_leaf)
{
	expect_range(va, bytes);
	while (bytes) {
		unsigned long index = entry_number(va);
		unsigned long n = pages_in_table(index, bytes / PAGE_SIZE);

		if (!map_huge(tlb, index, pa, bytes, max_leaf) && !make_table(table_of(index)))
			return -ENOMEM;
		set_range(index, PFN_DOWN(pa), n, prot);
		va += n * PAGE_SIZE;
		pa += n * PAGE_SIZE;
		bytes -= n * PAGE_SIZE;
	}
	return 0;
}

void arch_vunmap(unsigned long va, unsigned long bytes)
{
	expect_range(va, bytes);
	while (bytes) {
		unsigned long index = entry_number(va);
		unsigned long n = pages_in_table(index, bytes / PAGE_SIZE);
		struct table *t = table_of(index);

		if (t->huge) {
			EXPECT_EQ(n, table_pages());
			t->huge = false;
		}
		clear(index, n);
		va += n * PAGE_SIZE;
		bytes -= n * PAGE_SIZE;
	}
}

void trap_set_fault_text(void (*fn)(unsigned long va, char *text, size_t bytes))
{
	EXPECT(fn == vmalloc_describe);
}

/* Devices have no registers here. */
void ioremap_init(void)
{
}

/* ---- requests that fail, besides those for pages ---- */

void *__real_slab_alloc(struct slab_handle *handle, gfp_t gfp);
void *__wrap_slab_alloc(struct slab_handle *handle, gfp_t gfp);
void *__real___kmalloc(size_t size, gfp_t gfp, struct slab_handle *row);
void *__wrap___kmalloc(size_t size, gfp_t gfp, struct slab_handle *row);
void *__real___kmalloc_node(size_t size, gfp_t gfp, int nid, struct slab_handle *row);
void *__wrap___kmalloc_node(size_t size, gfp_t gfp, int nid, struct slab_handle *row);
unsigned long __real_alloc_pages_bulk(gfp_t gfp, unsigned long nr, struct page **pages);
unsigned long __wrap_alloc_pages_bulk(gfp_t gfp, unsigned long nr, struct page **pages);

void *__wrap_slab_alloc(struct slab_handle *handle, gfp_t gfp)
{
	return slab_world_fails() ? NULL : __real_slab_alloc(handle, gfp);
}

void *__wrap___kmalloc(size_t size, gfp_t gfp, struct slab_handle *row)
{
	return slab_world_fails() ? NULL : __real___kmalloc(size, gfp, row);
}

void *__wrap___kmalloc_node(size_t size, gfp_t gfp, int nid, struct slab_handle *row)
{
	return slab_world_fails() ? NULL : __real___kmalloc_node(size, gfp, nid, row);
}

/* A part of them can be had. */
unsigned long __wrap_alloc_pages_bulk(gfp_t gfp, unsigned long nr, struct page **pages)
{
	return __real_alloc_pages_bulk(gfp, slab_world_fails() ? nr / 2 : nr, pages);
}

/* ---- the world ---- */

static void kick(void)
{
	vmap_world_kicks++;
}

void vmap_world_build(const struct world *w, const struct vmap_region *r)
{
	if (!va_layout.vmalloc_base)
		va_layout.vmalloc_base = host_addresses(REGION_MAX_BYTES);
	host_memory_unmap(va_layout.vmalloc_base, REGION_MAX_BYTES);
	EXPECT(r->bytes <= REGION_MAX_BYTES && r->bytes / r->table_bytes <= TABLES_MAX);
	va_layout.vmalloc_bytes = r->bytes;
	region = *r;
	memset(entry, 0, sizeof(entry));
	memset(stale, 0, sizeof(stale));
	memset(in_leaf, 0, sizeof(in_leaf));
	memset(tables, 0, sizeof(tables));
	vmap_world_stale = vmap_world_tables = 0;
	vmap_world_meanwhile = NULL;
	host_memory_shared = true;
	slab_world_build(w);
	vmap_state = (struct vmap_state){ .lock = SPINLOCK_RANKED(LOCK_VMAP) };
	vmap_work_asked = false;
	node_daemon_kick = kick;
	vmalloc_init();
	for (unsigned i = 0; r->fixed && i < r->bytes / r->table_bytes; i++)
		EXPECT(make_table(&tables[i]));
}

void vmap_world_end(void)
{
	slab_fail_percent = slab_fail_nth = 0;
	vm_unmap_aliases();
	EXPECT_EQ(vmalloc_validate(), 0);
	EXPECT_EQ(vmap_world_stale, 0);
	for (unsigned i = 0; region.fixed && i < region.bytes / region.table_bytes; i++) {
		__free_page(tables[i].page);
		vmap_world_tables--;
	}
	EXPECT_EQ(vmap_world_tables, 0);
	node_daemon_kick = NULL;
	slab_world_end();
	host_memory_shared = false;
}

void tlb_flush_local_range(unsigned long va, unsigned long bytes)
{
}

void tlb_flush_range(unsigned long va, unsigned long bytes)
{
	EXPECT(!irqs_disabled() && !in_atomic());
}
