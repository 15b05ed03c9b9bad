/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout32.c - where regions lie in Sv32: in the upper GiB, one after the other
 *
 *     KERNEL_SPACE  first MiBs  vmemmap  windows  vmalloc  scratch  linear map ...  image  fixmap
 *
 * Locking: none; boot hart.  Not here: what their roots are (paging.c).
 */
#include <asm/mmu.h>

#include <asm/memory.h>

#include "pt.h"

#define PHYS_END ((phys_addr_t)1 << 34) /* of what an entry can name */

/* @bytes of addresses from *@at on, which moves behind them. */
static unsigned long __init place(unsigned long *at, unsigned long bytes)
{
	unsigned long base = *at;

	*at += bytes;
	return base;
}

/* What the others don't use is the linear map's. */
void __init pt_place_regions(struct va_layout *v, phys_addr_t end, phys_addr_t ram_bytes)
{
	unsigned long at = KERNEL_SPACE + level_bytes(1);
	phys_addr_t memory = min(end, PHYS_END) - min(v->phys_base, PHYS_END);

	/* The descriptors of addresses in the linear map, or above, need 8 MiB. */
	v->vmemmap_bytes = ALIGN_UP((unsigned long)(memory >> (PAGE_SHIFT - PAGE_STRUCT_SHIFT)),
				    level_bytes(1));
	v->vmemmap_bytes = max(v->vmemmap_bytes, 2 * level_bytes(1));
	v->vmemmap_base = place(&at, v->vmemmap_bytes);
	v->window_bytes = WINDOW_SPACE;
	v->window_base = place(&at, WINDOW_SPACE);
	v->vmalloc_base = place(&at, 0x0e000000);
	v->scratch_bytes = 0x02000000;
	v->scratch_base = place(&at, v->scratch_bytes);
	v->linear_base = at;
	v->linear_bytes = KERNEL_LINK_ADDR - at;
}
