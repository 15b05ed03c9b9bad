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
	/* Kinds of memory, where the harts have Svpbmt; without it, what the platform has fixed for
	 * the address (PMA) decides. */
	PROT_IO = 8,  /* a device: never speculated, not cached, accesses stay in order */
	PROT_NC = 16, /* memory that isn't cached: of a device that doesn't snoop, or shows it */
};

/*
 * arch_paging_early - learn the running mode and where the image lies
 * Boot hart, first thing in C: panic messages and __pa_symbol() need it.
 */
void arch_paging_early(void);

/* arch_described_end - frames from here on have no place for a descriptor, and can't be used. */
phys_addr_t arch_described_end(void);

/* Fill the address constants of a hart's struct hart_local; after arch_paging_init(). */
void arch_hart_constants(struct hart_local *hl);

/* arch_set_isa - what page tables and fences may use: @isa, enum dt_isa bits, is what all harts
 * have.  Boot hart, after arch_paging_init(), before anything is mapped. */
void arch_set_isa(u32 isa);

/*
 * arch_paging_init - lay out the address space for the mode found at boot
 * @lowest, @end: where RAM begins and ends, from the device tree
 * @ram_bytes: how much of it there is.
 * @max_mode: name of the deepest mode wanted ("sv39" ...), or NULL. One that this machine or
 *   this build hasn't is named in the log and ignored.
 * Boot hart alone, before any arch_map(). Sets va_layout and the constants of this hart.
 */
void arch_paging_init(phys_addr_t lowest, phys_addr_t end, phys_addr_t ram_bytes,
		      const char *max_mode);

/*
 * arch_map_set_allocator - where page tables come from, and go to
 * @alloc: returns the physical address of a page, whose content is the caller's to clear, or 0.
 * @free: gives one back that @alloc, or an earlier one, returned; NULL: tables stay.
 * First memblock's, later the page allocator's; set by mm (declared upward hooks).  Both are
 * called in any context; @alloc under pt_lock.
 */
struct arch_table_source {
	phys_addr_t (*alloc)(void);
	void (*free)(phys_addr_t pa);
};
void arch_map_set_allocator(phys_addr_t (*alloc)(void), void (*free)(phys_addr_t pa));

/* arch_swap_tables - the same for a while: returns what was set, to be set again (suites). */
struct arch_table_source arch_swap_tables(struct arch_table_source source);

/*
 * The hooks that change the kernel's table.  What they have in common:
 *
 * Alignment: va, pa and bytes are multiples of PAGE_SIZE, bytes > 0, the range lies in the
 *   kernel's half; anything else is -EINVAL.
 * Locks: they take pt_lock (rank PGTABLE), and under it what the table allocator takes.
 *   Callers serialise calls for the same addresses; for others they run at once.
 * Context: any but an interrupt handler; interrupts may be off.  They don't sleep.
 * Allocation: tables, where it says so.
 * Flush: the plain form has fenced every online hart when it returns.  The _batch form leaves it
 *   to the caller's tlb_batch_flush() (asm/tlb.h); until then a hart may use the old
 *   translation or the new one.
 * Errors: all or nothing.  After an error every translation is what it was.
 */
struct tlb_batch;

/*
 * arch_map - map [va, va + bytes) to [pa, pa + bytes)
 * @prot: enum prot bits: READ, READ|WRITE, READ|EXEC or EXEC, and IO or NC; else -EINVAL.
 * @max_leaf: the largest leaf allowed, in bytes (PAGE_SIZE, 64 KiB, ...); larger ones are used
 *   where addresses and length allow it.
 * Allocates tables.  0, -EINVAL, -EEXIST if a page of the range is mapped already, -ENOMEM.
 */
int __must_check arch_map(unsigned long va, phys_addr_t pa, unsigned long bytes, unsigned int prot,
			  unsigned long max_leaf);
int __must_check arch_map_batch(struct tlb_batch *tlb, unsigned long va, phys_addr_t pa,
				unsigned long bytes, unsigned int prot, unsigned long max_leaf);

/*
 * arch_unmap - map [va, va + bytes) to nothing
 * Splits a larger leaf of which a part stays, so it may allocate up to two tables a level; those
 * that become empty are freed.  0, -EINVAL, -ENOENT if a page of the range isn't mapped, -ENOMEM.
 */
int arch_unmap(unsigned long va, unsigned long bytes);
int arch_unmap_batch(struct tlb_batch *tlb, unsigned long va, unsigned long bytes);

/*
 * arch_protect - give [va, va + bytes) another protection
 * Splits as arch_unmap() does.  @prot as for arch_map(), IO and NC too.  Leaves keep their size:
 * arch_join() makes large ones where they are wanted again.  0, -EINVAL, -ENOENT, -ENOMEM.
 */
int __must_check arch_protect(unsigned long va, unsigned long bytes, unsigned int prot);
int __must_check arch_protect_batch(struct tlb_batch *tlb, unsigned long va, unsigned long bytes,
				    unsigned int prot);

/*
 * arch_change_prot_batch - take the rights @clear of [va, va + bytes) away, then give it @set
 * @clear, @set: of PROT_READ, PROT_WRITE, PROT_EXEC; what is in neither stays as each page has it.
 * As arch_protect_batch(); -EINVAL too if a page would be writable and executable, or have no
 * right, or be writable only.
 */
int __must_check arch_change_prot_batch(struct tlb_batch *tlb, unsigned long va,
					unsigned long bytes, unsigned int clear, unsigned int set);

/* What an address is mapped to. */
struct arch_mapping {
	phys_addr_t pa;	    /* of the very byte */
	unsigned int prot;  /* enum prot */
	unsigned long leaf; /* bytes of the leaf */
};

/*
 * arch_lookup - how the kernel's address @va, of any alignment, is mapped
 * 0, or -ENOENT if it isn't.  Allocates nothing, changes nothing.  Any context that doesn't hold
 * pt_lock.
 */
int __must_check arch_lookup(unsigned long va, struct arch_mapping *map);

/*
 * arch_split - the leaf that covers @va, and no other, has at most @leaf bytes from now on
 * @leaf: a size that this mode has (arch_leaf_sizes).  Translations stay.  Allocates a table
 * a level.  0, -EINVAL if there is no such size, -ENOENT if @va isn't mapped, -ENOMEM.
 */
int __must_check arch_split(unsigned long va, unsigned long leaf);

/*
 * arch_join - make one leaf of @leaf bytes of the smaller ones around @va
 * The block of that size and alignment that @va lies in must be mapped to contiguous frames,
 * aligned too, all with the same protection; else -EINVAL, or -ENOENT if there's a hole, and what
 * could be joined to leaves of the levels below is.  Translations stay.  Allocates nothing, frees
 * tables.  Only the caller knows whether a larger leaf is allowed (arch_shared_leaf()).
 */
int arch_join(unsigned long va, unsigned long leaf);

/*
 * arch_share_roots - fill the root entries that later address spaces share, once
 * 0 or -ENOMEM.  Boot hart, at the end of the memory's start: after it no root entry comes or goes
 * in vmalloc's region, vmemmap, windows, image and fixmap.
 */
int __must_check arch_share_roots(void);

/*
 * arch_hart_init - find out what this hart's MMU can do: hart_info()'s asid_bits and ad_updates
 * Each hart as it starts, interrupts off.
 */
void arch_hart_init(void);

/* Who notes that a page was accessed or written, in the A and D bits of its entry. */
enum ad_updates {
	AD_UNKNOWN,	/* the tree doesn't say */
	AD_BY_FAULT,	/* the kernel, at the page fault that the access is then (Svade) */
	AD_BY_HARDWARE, /* the hart (Svadu) */
};

/* arch_asid_bits - the width of ASIDs that all online harts have. */
unsigned int arch_asid_bits(void);

/* arch_has_kinds - entries say what kind of memory it is (Svpbmt), instead of the address alone. */
bool arch_has_kinds(void);

enum leaf_use { USE_ACCESSED = 1, USE_DIRTY = 2 };
/*
 * arch_take_use - has the leaf at @va been accessed, written, since this was forgotten?
 * @forget: enum leaf_use bits that are cleared.  Leaves begin with both.  A hart that keeps the
 * translation doesn't note anything before @tlb was flushed.  No leaf that a trap handler needs
 * (a stack, per-hart data), or who changes page tables, may forget that it was accessed.  Returns
 * enum leaf_use bits or -ENOENT.
 */
int arch_take_use(struct tlb_batch *tlb, unsigned long va, unsigned int forget);

/*
 * arch_fault_retry - can the access that faulted succeed when it's tried again?
 * @va: stval, @cause: scause (12, 13, 15), @pc: sepc.  True if the entry allows it by now: the hart
 * had kept an older state of it, or that it wasn't valid (privileged spec: implementations may);
 * it is fenced.  Also if it failed only for the entry's A or D bit, which is set.  From the trap
 * handler, any context; waits for no lock.  False after the same fault came again and again.
 */
bool arch_fault_retry(unsigned long va, unsigned long cause, unsigned long pc);

/* arch_fault_watch - for tests: @fn is told of each fault before its entry is looked at; NULL:
 * nobody is.  In the trap handler, any lock held. */
void arch_fault_watch(void (*fn)(unsigned long va));

/*
 * arch_linear_done - every bank is mapped
 * From here on page tables are reached through the linear map.
 */
void arch_linear_done(void);

/* True if the linear map's address range reaches [start, end) (whether RAM is there or not). */
bool arch_linear_reaches(phys_addr_t start, phys_addr_t end);

/* arch_linear_cap - the linear map ends at @end, at most where it would have.  Boot hart, before
 * anything is mapped there and before the other harts' constants are filled. */
void arch_linear_cap(phys_addr_t end);

/* arch_leaf_sizes - bytes of the leaves that can be made, as one bit each. */
unsigned long arch_leaf_sizes(void);

/* The size of the largest leaf of the current mode that the linear map may use, in bytes. */
unsigned long arch_largest_leaf(void);

/* The largest leaf that may cover memory of the firmware's, in bytes (FU540: not 1 GiB). */
unsigned long arch_shared_leaf(void);

/* arch_fault_text - what the page table says of @va, which can't be accessed as wanted, into @text.
 * Any context; takes no lock. */
void arch_fault_text(unsigned long va, char *text, size_t bytes);

/* arch_nr_tables - pages that are tables now, but for those of the image. */
unsigned long arch_nr_tables(void);

/* One byte beyond the highest physical address that an entry can hold. */
phys_addr_t arch_phys_end(void);

/* "sv48" etc. of the running mode. */
const char *arch_paging_name(void);

/*
 * arch_image_prot - protection of a physical range that the kernel image occupies
 * Sets *end to where that protection ends. For mapping the image's pages in the linear map
 * without a writable alias of text or rodata.
 */
unsigned int arch_image_prot(phys_addr_t pa, phys_addr_t *end);

/*
 * arch_seal_image - nobody writes what only boot wrote (__ro_after_init) any more
 * In neither of its mappings.  Once, when boot is over.  0 or -ENOMEM.
 */
int __must_check arch_seal_image(void);

/*
 * arch_release_image - take part @i, from 0 up, of what boot alone needed out of the image
 * [*start, *end): its memory, whole pages, perhaps none, which has only the linear map's mapping
 * then, R W.  An access by its old address is a fault that says what was there.  0, -ENOENT behind
 * the last part, -ENOMEM.  Once, when boot is over; free_reserved_area() is the caller's to do.
 */
int __must_check arch_release_image(unsigned int i, phys_addr_t *start, phys_addr_t *end);

/* Map the blob at @pa read-only; NULL with *why set if its header is no device tree. */
const void *arch_map_fdt(phys_addr_t pa, size_t *bytes, const char **why);

/* arch_erase_fdt - overwrite @bytes at @at, in the mapping of arch_map_fdt(), with 0, where it's
 * memory that can be written. */
void arch_erase_fdt(void *at, size_t bytes);

/* The blob has been copied: take the mapping of arch_map_fdt() down. */
void arch_unmap_fdt(void);

/*
 * arch_wx_check - no physical page is executable in one mapping and writable in the same or another
 * Nor writable anywhere if the image's own mapping has it read-only.  Walks the whole kernel table.
 * Returns 0 or -EPERM with the two addresses in the log.
 */
int arch_wx_check(void);

/*
 * arch_linear_valid - pages of the linear map can be reached, or can't
 * @addr: of the first, aligned.  Only pages that 4 KiB leaves map change.  Any context, locks or
 * not; the caller alone uses the pages.  This hart is fenced; another may still reach pages that
 * it shouldn't, and comes to those that it should by arch_fault_retry().
 */
void arch_linear_valid(const void *addr, unsigned long nr_pages, bool valid);

/* Read @bytes (1, 2, 4 or 8, aligned) in one access; -EFAULT where that traps. Any context. */
int probe_read(void *dst, const void *src, size_t bytes);
/* The same for a store. */
int probe_write(void *dst, const void *src, size_t bytes);

#endif
