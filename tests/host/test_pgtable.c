/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_pgtable.c - the page table's code in every mode, against a model and a walker of its own
 *
 * arch/riscv/mm/{pgtable,leaves}.c as they are; here are the pages that tables are made of, a
 * batch that frees them, and walk(), which reads the tables as the privileged spec says a hart
 * does ("Virtual Address Translation Process"), strict about what must not be in them.
 *
 * A table waiting for its flush may be walked but not touched by the code any more; after
 * the flush it is poisoned.
 */
#include "harness.h"

#include <asm/mmu.h>
#include <base/errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../arch/riscv/mm/pt.h"

#define NR_TABLES 4096
#define TABLES_PA 0x80000000u
#define RW	  (PROT_READ | PROT_WRITE)
#define NOTHING	  (~0ull)

enum { FREE, LIVE, PENDING };

static pte_t root[PTRS_PER_TABLE] __aligned(4096);
static pte_t (*tables)[PTRS_PER_TABLE];
static u8 table_state[NR_TABLES];
static unsigned int nr_live, nr_pending, next_table;
static unsigned int fail_one_in;       /* 0: never */
static unsigned int tables_left = ~0u; /* until no more can be taken */

const struct paging_mode *paging;
u32 pt_isa;

#ifdef CONFIG_ARCH_RV32I
static const struct paging_mode modes[] = { { "sv32", SATP_MODE_32, 2, 32, root } };
#else
static const struct paging_mode modes[] = { { "sv39", SATP_MODE_39, 3, 39, root },
					    { "sv48", SATP_MODE_48, 4, 48, root },
					    { "sv57", SATP_MODE_57, 5, 57, root } };
#endif

/* ---- what paging.c, tlb.c and mm are in the kernel ---- */

static unsigned int table_nr(phys_addr_t pa)
{
	EXPECT(pa >= TABLES_PA && pa < TABLES_PA + NR_TABLES * PAGE_SIZE);
	return (unsigned int)((pa - TABLES_PA) >> PAGE_SHIFT);
}

pte_t *pt_table(phys_addr_t pa, int level)
{
	EXPECT(level >= 0 && level < paging->levels - 1);
	EXPECT_EQ(table_state[table_nr(pa)], LIVE);
	return tables[table_nr(pa)];
}

static phys_addr_t take_table(void)
{
	if (!tables_left || (fail_one_in && !rnd_below(fail_one_in)))
		return 0;
	tables_left--;
	for (unsigned int i = 0; i < NR_TABLES; i++) {
		unsigned int nr = next_table++ % NR_TABLES;

		if (table_state[nr] != FREE)
			continue;
		table_state[nr] = LIVE;
		memset(tables[nr], 0xa5, PAGE_SIZE);
		nr_live++;
		return TABLES_PA + nr * PAGE_SIZE;
	}
	return 0;
}

static void give_table(phys_addr_t pa)
{
	EXPECT_EQ(table_state[table_nr(pa)], PENDING);
	table_state[table_nr(pa)] = FREE;
	memset(tables[table_nr(pa)], 0x5a, PAGE_SIZE);
	nr_pending--;
}

void tlb_batch_add(struct tlb_batch *tlb, unsigned long va, unsigned long bytes)
{
	EXPECT(bytes && va + (bytes - 1) >= va);
	tlb->start = min(tlb->start, va);
	tlb->end = max(tlb->end, va + bytes - 1);
}

void tlb_batch_add_table(struct tlb_batch *tlb, phys_addr_t pa)
{
	EXPECT(tlb->nr_tables < TLB_BATCH_TABLES);
	EXPECT_EQ(table_state[table_nr(pa)], LIVE);
	table_state[table_nr(pa)] = PENDING;
	nr_live--;
	nr_pending++;
	tlb->table[tlb->nr_tables++] = pa;
	tlb->all = true;
}

void tlb_batch_flush(struct tlb_batch *tlb)
{
	for (unsigned int i = 0; i < tlb->nr_tables; i++)
		pt_free(tlb->table[i]);
	*tlb = (struct tlb_batch)TLB_BATCH_INIT;
}

void tlb_batch_make_room(struct tlb_batch *tlb, unsigned int n)
{
	if (tlb->nr_tables + n > TLB_BATCH_TABLES)
		tlb_batch_flush(tlb);
}

/* ---- a hart's walk ---- */

struct seen {
	u64 pa; /* NOTHING: a page fault */
	unsigned int prot;
	unsigned long leaf;
};

static struct seen walk_leaf(pte_t pte, int level, unsigned long va)
{
	unsigned long mask = level_bytes(level) - 1;
	struct seen s = { pte_pa(pte) + (va & mask), 0, mask + 1 };

	EXPECT(pte.val & PTE_A && pte.val & PTE_D && pte.val & PTE_G && !(pte.val & PTE_U));
	EXPECT(!(pte_pa(pte) & mask));			  /* a misaligned superpage */
	EXPECT(!(pte.val & PTE_W) || pte.val & PTE_R);	  /* reserved */
	EXPECT(!(pte.val & PTE_W) || !(pte.val & PTE_X)); /* W^X */
	s.prot = (pte.val & PTE_R ? PROT_READ : 0U) | (pte.val & PTE_W ? PROT_WRITE : 0U) |
		 (pte.val & PTE_X ? PROT_EXEC : 0U) | (pte.val & PTE_IO ? PROT_IO : 0U) |
		 (pte.val & PTE_NC ? PROT_NC : 0U);
	return s;
}

static struct seen walk(unsigned long va)
{
	const pte_t *table = root;

	for (int level = paging->levels - 1; level >= 0; level--) {
		pte_t pte = table[table_index(va, level)];

		if (!pte_valid(pte)) {
			EXPECT_EQ(pte.val, 0);
			break;
		}
		if (pte_is_leaf(pte))
			return walk_leaf(pte, level, va);
		EXPECT(!(pte.val & (PTE_A | PTE_D | PTE_U | PTE_G)));
		EXPECT_EQ(table_state[table_nr(pte_pa(pte))], LIVE);
		table = tables[table_nr(pte_pa(pte))];
	}
	return (struct seen){ NOTHING, 0, 0 };
}

/* ---- the model: each page of a window ---- */

static struct {
	unsigned long va, nr; /* the window, its pages */
	unsigned long big;    /* the largest leaf used, bytes */
	u64 *pa;
	u8 *prot;
} model;

static void model_begin(const struct paging_mode *mode)
{
	paging = mode;
	model.big = level_bytes(min(mode->levels - 1, 2));
	model.nr = 2 * model.big / PAGE_SIZE + 100;
	/* Across a root entry, as far as there are any. */
	model.va = kernel_half() + 4 * level_bytes(mode->levels - 1) - model.big;
	model.pa = malloc(model.nr * sizeof(*model.pa));
	model.prot = calloc(model.nr, 1);
	for (unsigned long i = 0; i < model.nr; i++)
		model.pa[i] = NOTHING;
	tables = aligned_alloc(PAGE_SIZE, NR_TABLES * PAGE_SIZE);
	arch_map_set_allocator(take_table, give_table);
	fail_one_in = 0;
}

static void model_end(void)
{
	for (unsigned long i = 0; i < PTRS_PER_TABLE; i++)
		EXPECT_EQ(root[i].val, 0);
	EXPECT_EQ(nr_live, 0);
	EXPECT_EQ(nr_pending, 0);
	free(model.pa);
	free(model.prot);
	free(tables);
}

static unsigned long va_of(unsigned long page)
{
	return model.va + page * PAGE_SIZE;
}

static void check_page(unsigned long page)
{
	struct seen s = walk(va_of(page) + 0x123);
	struct arch_mapping map;
	int err = arch_lookup(va_of(page) + 0x123, &map);

	if (model.pa[page] == NOTHING) {
		EXPECT_EQ(s.pa, NOTHING);
		EXPECT_EQ(err, -ENOENT);
		return;
	}
	EXPECT_EQ(s.pa, model.pa[page] + 0x123);
	EXPECT_EQ(s.prot, model.prot[page]);
	EXPECT_EQ(err, 0);
	EXPECT_EQ(map.pa, s.pa);
	EXPECT_EQ(map.prot, s.prot);
	EXPECT_EQ(map.leaf, s.leaf);
}

static unsigned long mapped_of(unsigned long first, unsigned long n)
{
	unsigned long mapped = 0;

	for (unsigned long i = first; i < first + n; i++)
		mapped += model.pa[i] != NOTHING;
	return mapped;
}

static unsigned int live_before; /* tables, when the operation began */

/* @err is @expected, or memory ran out; true if it happened. */
static bool happened(int err, int expected)
{
	if (err != -ENOMEM || !fail_one_in)
		EXPECT_EQ(err, expected);
	if (err)
		EXPECT_EQ(nr_live, live_before); /* nothing is half done */
	return !err;
}

static unsigned int random_prot(void)
{
	static const unsigned int prots[] = { PROT_READ, RW,	       PROT_READ | PROT_EXEC,
					      PROT_EXEC, RW | PROT_IO, RW | PROT_NC };

	return prots[rnd_below(ARRAY_SIZE(prots))];
}

static void op_map(unsigned long first, unsigned long n)
{
	unsigned int prot = random_prot(), level = (unsigned int)rnd_below(3);
	u64 pa = (u64)rnd_below(1 << 18) << PAGE_SHIFT;
	bool taken;

	if (rnd_below(4)) /* congruent to the address, and aligned for the largest leaf */
		pa = (rnd_below(4) + 1) * (u64)model.big + (va_of(first) & (model.big - 1));
	taken = mapped_of(first, n);
	if (!happened(arch_map(va_of(first), pa, n * PAGE_SIZE, prot,
			       min(model.big, level_bytes((int)level % paging->levels))),
		      taken ? -EEXIST : 0))
		return;
	for (unsigned long i = 0; i < n; i++) {
		model.pa[first + i] = pa + (u64)i * PAGE_SIZE;
		model.prot[first + i] = (u8)prot;
	}
}

static void op_change(unsigned long first, unsigned long n, bool unmap)
{
	unsigned int prot = random_prot();
	int expected = mapped_of(first, n) == n ? 0 : -ENOENT, err;

	err = unmap ? arch_unmap(va_of(first), n * PAGE_SIZE)
		    : arch_protect(va_of(first), n * PAGE_SIZE, prot);
	if (!happened(err, expected))
		return;
	for (unsigned long i = first; i < first + n; i++) {
		if (unmap)
			model.pa[i] = NOTHING;
		else
			model.prot[i] = (u8)prot;
	}
}

static void op_split(unsigned long page)
{
	unsigned long leaf = level_bytes((int)rnd_below(2));
	int expected = model.pa[page] == NOTHING ? -ENOENT : 0;
	struct seen before = walk(va_of(page));

	if (happened(arch_split(va_of(page), leaf), expected))
		EXPECT(walk(va_of(page)).leaf <= leaf);
	else
		EXPECT_EQ(walk(va_of(page)).leaf, before.leaf); /* as it was */
}

/* Is the block of @bytes around @page one run of frames, aligned, of one protection? */
static bool can_join(unsigned long page, unsigned long bytes)
{
	unsigned long n = bytes / PAGE_SIZE, off = (va_of(page) & (bytes - 1)) / PAGE_SIZE;
	unsigned long first = page - off;

	if (off > page || first + n > model.nr || model.pa[first] & (bytes - 1))
		return false;
	for (unsigned long i = 0; i < n; i++) {
		if (model.pa[first + i] != model.pa[first] + (u64)i * PAGE_SIZE ||
		    model.prot[first + i] != model.prot[first])
			return false;
	}
	return model.pa[first] != NOTHING;
}

static void op_join(unsigned long page)
{
	unsigned long leaf = level_bytes((int)rnd_below((u64)min(paging->levels - 1, 2)) + 1);
	bool can = can_join(page, leaf);
	int err = arch_join(va_of(page), leaf);

	EXPECT_EQ(!err, can);
	if (can)
		EXPECT(walk(va_of(page)).leaf >= leaf);
}

/* Short ranges, whole leaves, anything. */
static unsigned long random_range(unsigned long *n)
{
	unsigned long first = (unsigned long)rnd_below(model.nr), leaf;

	leaf = level_bytes((int)rnd_below(3) % paging->levels) / PAGE_SIZE;
	leaf = min(leaf, model.big / PAGE_SIZE);
	*n = (unsigned long)rnd_below(rnd_below(2) ? 6 : model.nr) + 1;
	if (rnd_below(2)) {
		unsigned long off = (va_of(first) / PAGE_SIZE) & (leaf - 1);

		first -= min(first, off);
		*n = leaf;
	}
	*n = min(*n, model.nr - first);
	return first;
}

static void one_operation(void)
{
	unsigned long n, first = random_range(&n);

	fail_one_in = rnd_below(4) ? 0 : (unsigned int)rnd_below(6) + 1;
	live_before = nr_live;
	switch (rnd_below(8)) {
	case 0:
	case 1:
	case 2:
		op_map(first, n);
		break;
	case 3:
	case 4:
		op_change(first, n, true);
		break;
	case 5:
		op_change(first, n, false);
		break;
	case 6:
		op_split(first);
		break;
	case 7:
		op_join(first);
		break;
	}
	EXPECT_EQ(nr_pending, 0);
	check_page(first);
	check_page(first + n - 1);
	for (int i = 0; i < 8; i++)
		check_page((unsigned long)rnd_below(model.nr));
}

static void unmap_all(void)
{
	unsigned long n;

	fail_one_in = 0;
	for (unsigned long page = 0; page < model.nr; page += n) {
		n = 1;
		if (model.pa[page] == NOTHING)
			continue;
		while (page + n < model.nr && model.pa[page + n] != NOTHING)
			n++;
		op_change(page, n, true);
	}
}

/* pgtable_walk() hands out what is mapped, once, by rising address. */
static unsigned long walked_to, walked_pages;

static int note_run(const struct leaf_run *run, void *arg)
{
	unsigned long page = (run->va - model.va) / PAGE_SIZE;

	EXPECT(run->va >= walked_to && page < model.nr);
	EXPECT_EQ(run->pa, model.pa[page]);
	EXPECT_EQ(walk(run->va).leaf, level_bytes(run->level));
	walked_to = run->va + run->bytes;
	walked_pages += run->bytes / PAGE_SIZE;
	return 0;
}

static void check_walk(void)
{
	walked_to = 0;
	walked_pages = 0;
	EXPECT_EQ(pgtable_walk(note_run, NULL), 0);
	EXPECT_EQ(walked_pages, mapped_of(0, model.nr));
}

TEST(random_operations)
{
	for (unsigned int m = 0; m < ARRAY_SIZE(modes); m++) {
		model_begin(&modes[m]);
		for (int round = 0; round < 30; round++) {
			for (int i = 0; i < 40; i++)
				one_operation();
			fail_one_in = 0;
			check_walk();
			for (unsigned long page = 0; page < model.nr; page += 37)
				check_page(page);
			if (round % 5 == 4)
				unmap_all();
		}
		model_end();
	}
}

/* A table is joined only if each entry goes on where the one before ended. */
TEST(join_looks_at_every_entry)
{
	for (unsigned int m = 0; m < ARRAY_SIZE(modes); m++) {
		unsigned long va, bytes;

		model_begin(&modes[m]);
		bytes = level_bytes(1);
		va = kernel_half() + 8 * level_bytes(paging->levels - 1);
		for (unsigned long i = 0; i < PTRS_PER_TABLE;
		     i += 1 + (unsigned long)rnd_below(9)) {
			unsigned long page = va + i * PAGE_SIZE;
			u64 pa = bytes + i * PAGE_SIZE;

			EXPECT_EQ(arch_map(va, bytes, bytes, RW, PAGE_SIZE), 0);
			EXPECT_EQ(arch_protect(page, PAGE_SIZE, PROT_READ), 0);
			EXPECT_EQ(arch_join(va, bytes), -EINVAL);
			EXPECT_EQ(arch_unmap(page, PAGE_SIZE), 0);
			EXPECT_EQ(arch_join(va, bytes), -ENOENT);
			EXPECT_EQ(arch_map(page, pa ^ bytes, PAGE_SIZE, RW, PAGE_SIZE), 0);
			EXPECT_EQ(arch_join(va, bytes), -EINVAL);
			EXPECT_EQ(arch_unmap(page, PAGE_SIZE), 0);
			EXPECT_EQ(arch_map(page, pa, PAGE_SIZE, RW, PAGE_SIZE), 0);
			EXPECT_EQ(arch_join(page, bytes), 0);
			EXPECT_EQ(walk(page).pa, pa);
			EXPECT_EQ(walk(page).leaf, bytes);
			EXPECT_EQ(arch_unmap(va, bytes), 0);
		}
		model_end();
	}
}

/* Memory ends at the second split, at either end: both leaves are whole again. */
TEST(splits_are_undone)
{
	for (unsigned int m = 0; m < ARRAY_SIZE(modes); m++) {
		unsigned long va, big;

		model_begin(&modes[m]);
		big = model.big;
		va = kernel_half() + 8 * level_bytes(paging->levels - 1);
		EXPECT_EQ(arch_map(va, big, 2 * big, RW, big), 0);
		live_before = nr_live;
		for (unsigned int left = 0; left < 2u * (unsigned int)min(paging->levels - 1, 2);
		     left++) {
			tables_left = left;
			EXPECT_EQ(arch_unmap(va + PAGE_SIZE, big), -ENOMEM);
			EXPECT_EQ(nr_live, live_before);
			EXPECT_EQ(walk(va).leaf, big);
			EXPECT_EQ(walk(va + big).leaf, big);
		}
		for (tables_left = 0; tables_left < (unsigned int)min(paging->levels - 1, 2);) {
			unsigned int left = tables_left;

			EXPECT_EQ(arch_protect(va, big + PAGE_SIZE, PROT_READ), -ENOMEM);
			EXPECT_EQ(nr_live, live_before);
			EXPECT_EQ(walk(va + big).leaf, big);
			tables_left = left + 1;
		}
		tables_left = ~0u;
		EXPECT_EQ(arch_unmap(va, 2 * big), 0);
		model_end();
	}
}

/* A pinned table stays, empty; nothing else does. */
TEST(pinned_root)
{
	for (unsigned int m = 0; m < ARRAY_SIZE(modes); m++) {
		unsigned long va;

		model_begin(&modes[m]);
		va = kernel_half() + 8 * level_bytes(paging->levels - 1);
		EXPECT_EQ(pt_fill_root(va, 2 * level_bytes(paging->levels - 1)), 0);
		EXPECT_EQ(nr_live, 2);
		EXPECT_EQ(arch_map(va, TABLES_PA, 3 * PAGE_SIZE, RW, PAGE_SIZE), 0);
		EXPECT_EQ(arch_unmap(va, 3 * PAGE_SIZE), 0);
		EXPECT_EQ(nr_live, 2);
		/* No room for a leaf of the root's size; nor is a full table joined. */
		EXPECT_EQ(arch_map(va, 0, level_bytes(paging->levels - 1), PROT_READ, ~0UL), 0);
		EXPECT_EQ(walk(va).leaf, level_bytes(paging->levels - 2));
		EXPECT_EQ(arch_join(va, level_bytes(paging->levels - 1)), -EINVAL);
		EXPECT_EQ(arch_unmap(va, level_bytes(paging->levels - 1)), 0);
		EXPECT_EQ(nr_live, 2);
		memset(root, 0, sizeof(root));
		memset(table_state, FREE, sizeof(table_state));
		nr_live = 0;
		model_end();
	}
}

/* The largest leaf of each mode, down to a page and up again. */
TEST(every_leaf_size)
{
	for (unsigned int m = 0; m < ARRAY_SIZE(modes); m++) {
		int top;

		model_begin(&modes[m]);
		top = paging->levels - 1;
		for (int level = 0; level <= top; level++) {
			unsigned long va = kernel_half() + 8 * level_bytes(top);
			unsigned long page = va + level_bytes(level) - PAGE_SIZE;

			EXPECT_EQ(arch_map(va, 0, level_bytes(level), RW, ~0UL), 0);
			EXPECT_EQ(walk(page).leaf, level_bytes(level));
			EXPECT_EQ(walk(page).pa, level_bytes(level) - PAGE_SIZE);
			EXPECT_EQ(arch_protect(page, PAGE_SIZE, PROT_READ), 0);
			EXPECT_EQ(walk(page).leaf, PAGE_SIZE);
			EXPECT_EQ(walk(page).prot, PROT_READ);
			EXPECT_EQ(arch_protect(page, PAGE_SIZE, RW), 0);
			if (level && level <= 2)
				EXPECT_EQ(arch_join(page, level_bytes(level)), 0);
			if (level <= 2)
				EXPECT_EQ(walk(page).leaf, level_bytes(level));
			EXPECT_EQ(arch_unmap(va, level_bytes(level)), 0);
			EXPECT_EQ(nr_live, 0);
		}
		model_end();
	}
}
