/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgtable_world.c - what the page table's code stands on in its test
 *
 * Here are the pages that tables are made of, a batch that frees them, and walk(), which reads the
 * tables as the privileged spec says a hart does ("Virtual Address Translation Process"), strict
 * about what must not be in them.
 *
 * A table waiting for its flush may be walked but not touched by the code any more; after
 * the flush it is poisoned.
 */
#include "pgtable_world.h"

#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define NR_TABLES 4096
#define TABLES_PA 0x80000000u

enum { FREE, LIVE, PENDING };

pte_t root[PTRS_PER_TABLE] __aligned(4096);
static pte_t (*tables)[PTRS_PER_TABLE];
static u8 table_state[NR_TABLES];
static unsigned int next_table;
unsigned int nr_live, nr_pending;
unsigned int fail_one_in;
unsigned int tables_left = ~0u;

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

/* One of 16 that are a leaf (Svnapot): all are the same, and none is like it elsewhere. */
static struct seen walk_napot(const pte_t *slot, int level, unsigned long va)
{
	unsigned long first = table_index(va, 0) % NAPOT_PAGES;
	pte_t pte = *slot;

	EXPECT(pt_isa & DT_ISA_SVNAPOT && !level);
	EXPECT_EQ(pte.val >> PTE_PPN_SHIFT & 15, 8);
	for (unsigned long i = 0; i < NAPOT_PAGES; i++)
		EXPECT_EQ(slot[i - first].val, pte.val);
	return (struct seen){ (pte_pa(pte) & ~(u64)(NAPOT_BYTES - 1)) + va % NAPOT_BYTES, 0,
			      NAPOT_BYTES };
}

static struct seen walk_leaf(const pte_t *slot, int level, unsigned long va)
{
	pte_t pte = *slot;
	unsigned long mask = level_bytes(level) - 1;
	struct seen s = { pte_pa(pte) + (va & mask), 0, mask + 1 };

	if (pte.val & PTE_N)
		s = walk_napot(slot, level, va);
	EXPECT(pte.val & PTE_A && pte.val & PTE_D && pte.val & PTE_G && !(pte.val & PTE_U));
	EXPECT(!(pte_pa(pte) & mask));			  /* a misaligned superpage */
	EXPECT(!(pte.val & PTE_W) || pte.val & PTE_R);	  /* reserved */
	EXPECT(!(pte.val & PTE_W) || !(pte.val & PTE_X)); /* W^X */
	s.prot = (pte.val & PTE_R ? PROT_READ : 0U) | (pte.val & PTE_W ? PROT_WRITE : 0U) |
		 (pte.val & PTE_X ? PROT_EXEC : 0U) | (pte.val & PTE_IO ? PROT_IO : 0U) |
		 (pte.val & PTE_NC ? PROT_NC : 0U);
	return s;
}

struct seen walk(unsigned long va)
{
	const pte_t *table = root;

	for (int level = paging->levels - 1; level >= 0; level--) {
		pte_t pte = table[table_index(va, level)];

		if (!pte_valid(pte)) {
			EXPECT_EQ(pte.val, 0);
			break;
		}
		if (pte_is_leaf(pte))
			return walk_leaf(&table[table_index(va, level)], level, va);
		EXPECT(!(pte.val & (PTE_A | PTE_D | PTE_U | PTE_G)));
		EXPECT_EQ(table_state[table_nr(pte_pa(pte))], LIVE);
		table = tables[table_nr(pte_pa(pte))];
	}
	return (struct seen){ NOTHING, 0, 0 };
}

void world_begin(unsigned int world)
{
	paging = &modes[world / 2];
	pt_isa = world % 2 ? DT_ISA_SVNAPOT : 0;
	tables = aligned_alloc(PAGE_SIZE, NR_TABLES * PAGE_SIZE);
	arch_map_set_allocator(take_table, give_table);
	fail_one_in = 0;
}

void world_end(void)
{
	for (unsigned long i = 0; i < PTRS_PER_TABLE; i++)
		EXPECT_EQ(root[i].val, 0);
	EXPECT_EQ(nr_live, 0);
	EXPECT_EQ(nr_pending, 0);
	free(tables);
}

void world_forget(void)
{
	memset(root, 0, sizeof(root));
	memset(table_state, FREE, sizeof(table_state));
	nr_live = 0;
}
