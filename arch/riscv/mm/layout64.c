/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout64.c - where regions lie in Sv39, Sv48 and Sv57
 *
 * An entry of the root is a slot; there are 256 of them:
 *
 *     1, 2 vmemmap    3 windows    4 to 55 vmalloc    56 scratch    64 linear map    255 image
 *
 * Bases are drawn within these (boot/kaslr.c).
 *
 * Locking: none; boot hart.  Not here: what their roots are (paging.c).
 */
#include <asm/mmu.h>

#include <asm/kaslr.h>
#include <asm/memory.h>

#include "pt.h"

/* asm/memory.h says what must stay free around vmemmap; the rest has its slots for itself. */
void __init pt_place_regions(struct va_layout *v, phys_addr_t end, phys_addr_t ram_bytes)
{
	unsigned long slot = level_bytes(paging->levels - 1), areas = 52 * slot;
	unsigned long base = ~0UL << (paging->va_bits - 1);
	/* Tables above the lowest are never given back: no more of them than needed. */
	unsigned long leaf = paging->levels > 3 ? GiB : 2 * MiB;

	v->vmemmap_base = base + slot + kaslr_draw(KASLR_VMEMMAP, slot / 2, 2 * MiB);
	v->vmemmap_bytes = slot;
	v->window_base = base + 3 * slot;
	v->window_bytes = WINDOW_SPACE;
	v->vmalloc_base =
		base + 4 * slot +
		kaslr_draw(KASLR_VMALLOC, areas - pt_areas_wanted(areas, ram_bytes), leaf);
	v->scratch_base = base + 56 * slot;
	v->scratch_bytes = 8 * slot;
	v->linear_base = base + 64 * slot + kaslr_draw(KASLR_LINEAR, 53 * slot, GiB);
	v->linear_bytes = 128 * slot;
}
