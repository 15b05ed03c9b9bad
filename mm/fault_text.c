/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_text.c - why an address of the linear map, or of a descriptor, can't be accessed
 *
 * For the report of a fault; areas, windows, pages that hide while they're free tell for
 * themselves (trap_set_fault_text).
 */
#include "internal.h"

#include <asm/trap.h>
#include <mm/init.h>
#include <mm/memblock.h>
#include <stdio.h>

/* Why the frame at @pa has no address; NULL: it has one. */
static const char *why_none(phys_addr_t pa)
{
	if (!memblock_is_memory(pa))
		return "where no memory is";
	if (!memblock_is_map_memory(pa))
		return "which is no-map memory";
	return pa >= va_layout.low_end ? "which is high memory" : NULL;
}

static void describe(unsigned long va, char *text, size_t bytes)
{
	unsigned long nr = (va - va_layout.vmemmap_base) / sizeof(struct page);
	phys_addr_t pa = __pa((void *)va);
	const char *why;

	if (va_is_linear((void *)va)) {
		why = why_none(pa);
		if (why)
			snprintf(text, bytes, "linear map of 0x%llx, %s", PA(pa), why);
	} else if (va - va_layout.vmemmap_base < va_layout.vmemmap_bytes) {
		pa = va_layout.phys_base + PFN_PHYS(nr);
		why = why_none(pa);
		snprintf(text, bytes, "descriptor of pfn 0x%lx, %s", PFN_DOWN(pa),
			 why ? why : "which is memory");
	}
}

void __init fault_text_init(void)
{
	trap_set_fault_text(describe);
}
