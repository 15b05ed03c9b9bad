/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ioremap.h - addresses for devices' registers, and for memory that isn't the kernel's
 *
 *     base = ioremap(reg.start, bytes);        registers: in order, one by one
 *     base = ioremap_wc(start, bytes);         a frame buffer: stores may be merged
 *     text = memremap(start, bytes, MEMREMAP_WB);        memory with a log of the firmware's
 *
 * A mapping is an area (mm/vmalloc.h): it's in vmallocinfo with its caller, a page behind it is
 * never mapped, and an access to that page names it.
 *
 * Memory that the kernel manages is refused, since it's mapped already, and differently; memremap()
 * with MEMREMAP_WB finds it where it is.
 */
#ifndef MM_IOREMAP_H
#define MM_IOREMAP_H

#include <base/compiler.h>
#include <base/types.h>

/*
 * ioremap - map [pa, pa + @bytes), of any alignment, strongly ordered (Svpbmt: IO)
 * ioremap_wc: uncached, but stores may be merged and reordered (Svpbmt: NC); without Svpbmt, what
 * the machine says of these addresses.
 * Returns an address with the offset in its page that @pa has; or NULL, with a line in the log: for
 * no bytes, addresses that wrap around or that no hart reaches, no addresses or memory left, and if
 * a page that it lies in has a byte of the kernel's memory, or is one of memremap_pages()'s.  At
 * boot, from when the regions are laid out, or in a thread; may sleep and fence all harts.
 */
void *ioremap(phys_addr_t pa, size_t bytes) __must_check;
void *ioremap_wc(phys_addr_t pa, size_t bytes) __must_check;

/* Uncached is what ioremap() is. */
#define ioremap_uc ioremap

/* Before there are areas, for EARLY_MAX mappings (mm/ioremap.c). */
#define early_ioremap ioremap

/* ioremap_np - stores that have arrived when they're done: RISC-V has no such mapping, so NULL, and
 * the caller goes on with ioremap(). */
static inline void *ioremap_np(phys_addr_t pa, size_t bytes)
{
	(void)pa;
	(void)bytes;
	return NULL;
}

/* iounmap - undo ioremap(); @addr: any address in the first page.  NULL: nothing; anything else is
 * reported.  Any context. */
void iounmap(const volatile void *addr);

/* How memremap() maps, the first that can be had. */
#define MEMREMAP_WB 1ul /* cached */
#define MEMREMAP_WT 2ul /* every store gets there: as ioremap() */
#define MEMREMAP_WC 4ul /* as ioremap_wc() */

/*
 * memremap - an address for what behaves like memory at [pa, pa + @bytes)
 * @flags: MEMREMAP_ bits, tried in the order above.  WB of the kernel's memory is its address in
 * the linear map, or an area for high memory; WT and WC are refused for it, and for pages of
 * memremap_pages().  As ioremap().
 * memunmap: undo it; NULL: nothing.  Any context.
 */
void *memremap(phys_addr_t pa, size_t bytes, unsigned long flags) __must_check;
void memunmap(const void *addr);

/* ioremap_init - what was mapped so far becomes areas.  vmalloc_init() calls it. */
void ioremap_init(void);

#endif
