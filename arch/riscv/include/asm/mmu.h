/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmu.h - the kernel's own page table, as mm/ and drivers see it
 *
 * Each hook says what it needs; none of them knows struct page.
 */
#ifndef ASM_MMU_H
#define ASM_MMU_H

#include <asm/memory.h>
#include <base/compiler.h>

enum prot {
	PROT_READ = 1,
	PROT_WRITE = 2,
	PROT_EXEC = 4,
	PROT_IO = 8, /* a device: never speculated, uncached where Svpbmt says so */
};

/*
 * arch_paging_early - learn the running mode and where the image lies
 * Boot hart, first thing in C: panic messages and __pa_symbol() need it.
 */
void arch_paging_early(void);

/* Fill the address constants of a hart's struct hart_local; after arch_paging_init(). */
void arch_hart_constants(struct hart_local *hl);

/* All harts have Svpbmt and the firmware enabled it: device mappings say so. Before ioremap(). */
void arch_set_svpbmt(bool on);

/*
 * arch_paging_init - lay out the address space for the mode found at boot
 * @lowest: the first address of RAM, from the device tree
 * @max_mode: name of the deepest mode wanted ("sv39" ...), or NULL. One that this machine or
 *   this build hasn't is named in the log and ignored.
 * Boot hart alone, before any arch_map(). Sets va_layout and the constants of this hart.
 */
void arch_paging_init(phys_addr_t lowest, const char *max_mode);

/*
 * arch_map_set_allocator - where page tables come from
 * @alloc: returns the physical address of a page, whose content is the caller's to clear, or 0.
 * First memblock's, later the page allocator's; set by mm (a declared upward hook).
 */
void arch_map_set_allocator(phys_addr_t (*alloc)(void));

/*
 * arch_map - map [va, va + bytes) to [pa, pa + bytes) for the kernel
 * All page aligned. @prot: enum prot bits; never both W and X (-EINVAL).
 * @max_leaf: the largest leaf allowed, in bytes (PAGE_SIZE, 2 MiB, ... ); larger ones are used
 *   where addresses and length allow it.
 * Returns 0, -EEXIST if something is mapped there already, or -ENOMEM; what was mapped up to
 * that address stays.  May allocate tables.  Fences this hart and, once
 * they run, the others.  Callers serialise calls for the same range; boot and drivers only.
 */
int __must_check arch_map(unsigned long va, phys_addr_t pa, unsigned long bytes, unsigned int prot,
			  unsigned long max_leaf);

/*
 * arch_linear_done - every bank is mapped
 * From here on page tables are reached through the linear map.
 */
void arch_linear_done(void);

/* True if the linear map's address range reaches [start, end) (whether RAM is there or not). */
bool arch_linear_reaches(phys_addr_t start, phys_addr_t end);

/* The size of the largest leaf of the current mode that the linear map may use, in bytes. */
unsigned long arch_largest_leaf(void);

/* The largest leaf that may cover memory of the firmware's, in bytes (FU540: not 1 GiB). */
unsigned long arch_shared_leaf(void);

/* "sv48" etc. of the running mode. */
const char *arch_paging_name(void);

/*
 * arch_image_prot - protection of a physical range that the kernel image occupies
 * Sets *end to where that protection ends. For mapping the image's pages in the linear map
 * without a writable alias of text or rodata.
 */
unsigned int arch_image_prot(phys_addr_t pa, phys_addr_t *end);

/*
 * ioremap - map a device's registers
 * @pa: any alignment; @bytes > 0.  Returns an address with the same offset in its page, or NULL.
 * Boot and probe time; may allocate a page table. early_ioremap is the same call.
 */
void *ioremap(phys_addr_t pa, size_t bytes);
#define early_ioremap ioremap

/*
 * arch_stack_map - give stack number @nr its address range
 * @pa: STACK_SIZE bytes of memory. Returns the lowest address of the mapped stack, 0 if the
 * area or memory is full.  A guard of at least a page lies below and above it.
 */
unsigned long arch_stack_map(unsigned int nr, phys_addr_t pa);

/* Map the blob at @pa read-only; NULL with *why set if its header is no device tree. */
const void *arch_map_fdt(phys_addr_t pa, size_t *bytes, const char **why);

/* The blob has been copied: take the mapping of arch_map_fdt() down. */
void arch_unmap_fdt(void);

/*
 * arch_wx_check - no physical page is executable in one mapping and writable in another
 * Walks the whole kernel table. Returns 0 or -EPERM with the two addresses in the log.
 */
int arch_wx_check(void);

/* Read @bytes (1, 2, 4 or 8, aligned) in one access; -EFAULT where that traps. Any context. */
int probe_read(void *dst, const void *src, size_t bytes);
/* The same for a store. */
int probe_write(void *dst, const void *src, size_t bytes);

#endif
