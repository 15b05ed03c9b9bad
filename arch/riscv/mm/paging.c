/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * paging.c - the kernel's page table: regions, map, walk
 *
 * A table page is reached at its image address if it is part of the image, through the
 * fixmap (one slot a level) until the linear map stands, and through the linear map after.
 *
 * Invariants: a valid entry is never changed here, only invalid ones are filled, so other
 *   harts can walk at any time; no entry is both writable and executable.
 * Locking: map_lock (rank PGTABLE) serialises arch_map(); walkers take nothing.
 * Cost: a run of leaves in one table is one descent and a store each.
 * Not here: what is mapped where (mm/linear_map.c, mm/vmemmap.c, ioremap.c).
 */
#define LOG_PREFIX "paging: "

#include <asm/pgtable.h>

#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <string.h>

const struct paging_mode *paging;
struct va_layout va_layout;

extern char _start[], _end[], _erodata[];

static struct {
	spinlock_t map_lock;
	bool linear_done;
	unsigned long io_bits;		      /* PTE bits of device memory beyond R and W */
	phys_addr_t (*alloc)(void);	      /* a page for a table, by physical address */
	phys_addr_t fixmap_pa[MAX_LEVELS];    /* what the fixmap slot of each level shows */
} state;

const char *arch_paging_name(void)
{
	return paging->name;
}

void arch_map_set_allocator(phys_addr_t (*alloc)(void))
{
	state.alloc = alloc;
}

void arch_linear_done(void)
{
	state.linear_done = true;
	for (unsigned int i = FIX_PT; i < FIX_PT + MAX_LEVELS; i++)
		pte_set(&early_fixmap[i], (pte_t){ 0 });
	local_sfence_all();
}

void arch_set_svpbmt(bool on)
{
	state.io_bits = on ? PTE_PBMT_IO : 0;
}

bool arch_linear_reaches(phys_addr_t start, phys_addr_t end)
{
	return start >= va_layout.phys_base &&
	       end - va_layout.phys_base <= (phys_addr_t)va_layout.linear_bytes;
}

unsigned long arch_largest_leaf(void)
{
	/* Leaves above 1 GiB would reach past the end of any board's banks. */
	return level_bytes(min((int)paging->levels - 1, 2));
}

unsigned long arch_shared_leaf(void)
{
	return level_bytes(1);
}

unsigned int arch_image_prot(phys_addr_t pa, phys_addr_t *end)
{
	phys_addr_t rodata_end = __pa_symbol(_erodata);

	if (pa < rodata_end) {
		*end = rodata_end;
		return PROT_READ;
	}
	*end = __pa_symbol(_end);
	return PROT_READ | PROT_WRITE;
}

/* Where the table at @pa can be read and written. */
static pte_t *table_va(phys_addr_t pa, int level)
{
	unsigned long va = FIXMAP_ADDR + ((FIX_PT + (unsigned long)level) << PAGE_SHIFT);

	if (pa >= va_layout.image_pa && pa < __pa_symbol(_end))
		return (pte_t *)(va_layout.image_va + (unsigned long)(pa - va_layout.image_pa));
	if (state.linear_done)
		return __va(pa);
	if (state.fixmap_pa[level] != pa) {
		state.fixmap_pa[level] = pa;
		pte_set(&early_fixmap[FIX_PT + level],
			pte_make(pa, PTE_R | PTE_W | PTE_A | PTE_D | PTE_G));
		local_sfence_all(); /* not by address: the FU540 ignores that */
	}
	return (pte_t *)va;
}

static unsigned long prot_bits(unsigned int prot)
{
	unsigned long bits = PTE_A | PTE_D | PTE_G;

	if (prot & PROT_READ)
		bits |= PTE_R;
	if (prot & PROT_WRITE)
		bits |= PTE_W;
	if (prot & PROT_EXEC)
		bits |= PTE_X;
	if (prot & PROT_IO)
		bits |= state.io_bits;
	return bits;
}

/* One stretch to map, consumed from the front. */
struct map_request {
	unsigned long va;
	phys_addr_t pa;
	unsigned long bytes;
	unsigned long bits;
	unsigned long max_leaf;
};

static bool leaf_fits(const struct map_request *r, int level)
{
	unsigned long size = level_bytes(level);

	if (level == 0)
		return true;
	return size <= r->max_leaf && r->bytes >= size && IS_ALIGNED(r->va, size) &&
	       IS_ALIGNED(r->pa, size);
}

/* The table below @slot, made if there is none; NULL with *err set if it can't be. */
static pte_t *next_table(pte_t *slot, int level, int *err)
{
	pte_t *table;
	phys_addr_t pa;

	if (pte_valid(*slot)) {
		if (pte_is_leaf(*slot)) {
			*err = -EEXIST;
			return NULL;
		}
		return table_va(pte_pa(*slot), level - 1);
	}
	pa = state.alloc ? state.alloc() : 0;
	if (!pa) {
		*err = -ENOMEM;
		return NULL;
	}
	table = table_va(pa, level - 1);
	memset(table, 0, PAGE_SIZE);
	smp_wmb(); /* a walker must not see the table before its zeroes */
	pte_set(slot, pte_table(pa));
	return table;
}

/* Fill leaves of one table until the request no longer fits this level or the table ends. */
static int fill_leaves(struct map_request *r, pte_t *table, int level)
{
	unsigned long size = level_bytes(level);
	pte_t *slot = &table[table_index(r->va, level)];

	do {
		if (pte_valid(*slot))
			return pte_is_leaf(*slot) ? -EEXIST : -EAGAIN;
		pte_set(slot++, pte_make(r->pa, r->bits));
		r->va += size;
		r->pa += size;
		r->bytes -= size;
	} while (slot < table + PTRS_PER_TABLE && r->bytes && leaf_fits(r, level));
	return 0;
}

/* Map from the front of @r as far as one descent reaches. */
static int map_step(struct map_request *r)
{
	int level = paging->levels - 1, err = 0;
	pte_t *table = paging->root;

	for (;; level--) {
		if (leaf_fits(r, level)) {
			err = fill_leaves(r, table, level);
			if (err != -EAGAIN)
				return err;
		}
		table = next_table(&table[table_index(r->va, level)], level, &err);
		if (!table)
			return err;
	}
}

int arch_map(unsigned long va, phys_addr_t pa, unsigned long bytes, unsigned int prot,
	     unsigned long max_leaf)
{
	struct map_request r = { va, pa, bytes, prot_bits(prot), max_leaf };
	unsigned long flags;
	int err = 0;

	if ((prot & PROT_WRITE && prot & PROT_EXEC) || !IS_ALIGNED(va | bytes, PAGE_SIZE) ||
	    !IS_ALIGNED(pa, PAGE_SIZE))
		return -EINVAL;
	spin_lock_irqsave(&state.map_lock, flags);
	while (r.bytes && !err)
		err = map_step(&r);
	spin_unlock_irqrestore(&state.map_lock, flags);
	local_sfence_all();
	smp_remote_sfence(va, bytes);
	return err;
}

/* The first entry from @i on that isn't empty: most tables are nearly, so four at a step. */
static unsigned long skip_empty(const pte_t *table, unsigned long i)
{
	const pte_t *at = &table[i];

	for (; i < PTRS_PER_TABLE && i % 4; i++, at++)
		if (at->val)
			return i;
	for (; i < PTRS_PER_TABLE; i += 4, at += 4)
		if (at[0].val | at[1].val | at[2].val | at[3].val)
			break;
	while (i < PTRS_PER_TABLE && !at->val) {
		i++;
		at++;
	}
	return i;
}

static int walk_table(const pte_t *table, int level, unsigned long base,
		      int (*leaf)(unsigned long, pte_t, int, void *), void *arg)
{
	unsigned long i;

	for (i = skip_empty(table, 0); i < PTRS_PER_TABLE; i = skip_empty(table, i + 1)) {
		pte_t pte = table[i];
		unsigned long va = base + (i << level_shift(level));
		int err;

		if (!pte_valid(pte))
			continue;
		/* The root's upper half is sign-extended. */
		if (level == paging->levels - 1 && i >= PTRS_PER_TABLE / 2)
			va |= ~0UL << (paging->va_bits - 1);
		if (pte_is_leaf(pte))
			err = leaf(va, pte, level, arg);
		else
			err = walk_table(table_va(pte_pa(pte), level - 1), level - 1, va, leaf,
					 arg);
		if (err)
			return err;
	}
	return 0;
}

int pgtable_walk(int (*leaf)(unsigned long va, pte_t pte, int level, void *arg), void *arg)
{
	return walk_table(paging->root, paging->levels - 1, 0, leaf, arg);
}

/* Find the mode that head.S turned on, by what satp holds. */
static const struct paging_mode *running_mode(void)
{
	unsigned long mode = csr_read(satp) >> SATP_MODE_SHIFT;

	for (const struct paging_mode *m = paging_modes; m->name; m++) {
		if (m->satp_mode == mode)
			return m;
	}
	panic("satp holds mode %lu, which is none of ours", mode);
}

/* Go from the running mode to a shallower one; the image and fixmap stay where they are. */
static void cap_mode(const char *name)
{
	const struct paging_mode *m;

	for (m = paging_modes; m->name && strcmp(m->name, name); m++)
		;
	if (!m->name) {
		pr_err("paging=%s: this kernel has no such mode, %s stays", name, paging->name);
		return;
	}
	if (m->levels > paging->levels) {
		pr_warn("paging=%s: this hart, or this kernel, has %s at most", name, paging->name);
		return;
	}
	csr_write(satp, (unsigned long)m->satp_mode << SATP_MODE_SHIFT |
				(unsigned long)(__pa_symbol(m->root) >> PAGE_SHIFT));
	local_sfence_all();
	paging = m;
}

#ifdef CONFIG_ARCH_RV32I
static void place_regions(struct va_layout *v)
{
	v->vmemmap_base = 0x88000000;
	v->stack_base = 0x90000000;
	v->stack_bytes = 0x04000000;
	v->io_base = 0x94000000;
	v->io_bytes = 0x0c000000;
	v->linear_base = 0xc0000000;
	v->linear_bytes = KERNEL_LINK_ADDR - 0xc0000000;
}
#else
static void place_regions(struct va_layout *v)
{
	unsigned long slot = level_bytes(paging->levels - 1);
	unsigned long base = ~0UL << (paging->va_bits - 1);

	v->vmemmap_base = base + slot;
	v->stack_base = base + 2 * slot;
	v->stack_bytes = slot / 2;
	v->io_base = v->stack_base + slot / 2;
	v->io_bytes = slot / 2;
	v->linear_base = base + 64 * slot;
	v->linear_bytes = 128 * slot;
}
#endif

void arch_paging_early(void)
{
	paging = running_mode();
	va_layout.image_va = (unsigned long)_start;
	va_layout.image_pa = early_load_pa;
}

void arch_hart_constants(struct hart_local *hl)
{
	unsigned long base_pfn = PFN_DOWN(va_layout.phys_base);

	hl->vmemmap = va_layout.vmemmap_base - (base_pfn << PAGE_STRUCT_SHIFT);
	hl->page_base = va_layout.vmemmap_base -
			((va_layout.linear_base >> PAGE_SHIFT) << PAGE_STRUCT_SHIFT);
}

void arch_paging_init(phys_addr_t lowest, const char *max_mode)
{
	if (max_mode)
		cap_mode(max_mode);
	place_regions(&va_layout);
	va_layout.phys_base = ALIGN_DOWN(lowest, (phys_addr_t)arch_largest_leaf());
	arch_hart_constants(this_hart);
}
