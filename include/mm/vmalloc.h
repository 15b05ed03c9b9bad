/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmalloc.h - memory that is contiguous for the kernel only, and mappings of pages
 *
 *     table = vmalloc(bytes);              pages from anywhere, at addresses in a row
 *     ...
 *     vfree(table);                        any context
 *
 * A page behind each area is never mapped: who runs over its end faults, and the report names the
 * area and who made it.  What was freed can be reached until all harts have been fenced, which is
 * done for many areas at once; its addresses aren't used again before (vm_unmap_aliases()).
 *
 * Sizes are rounded up to whole pages.  Memory comes in larger blocks where they're free.  A hart's
 * first access to a new area may fault and be tried again (asm/vmap.h): not for stacks.
 */
#ifndef MM_VMALLOC_H
#define MM_VMALLOC_H

#include <asm/memory.h>
#include <asm/mmu.h>
#include <mm/gfp.h>
#include <mm/vmap_tree.h>
#include <mm/zone.h>

struct page;
struct vmap_block;

/* What an area is. */
#define VM_IOREMAP	 0x01u
#define VM_ALLOC	 0x02u	/* vmalloc() */
#define VM_MAP		 0x04u	/* vmap() */
#define VM_USERMAP	 0x08u	/* pages are single ones: each can be given to user space */
#define VM_HUGE		 0x10u	/* aligned to large leaves, which may be used */
#define VM_MAP_PUT_PAGES 0x20u	/* vfree() drops pages and frees their array, which was vmap()'s */
#define VM_READY	 0x40u	/* all of it is mapped */
#define VM_STACK	 0x100u /* a thread's; the lower half is never mapped (kstack.c) */
#define VM_WINDOWS	 0x200u /* a thread's, of kmap_local_page() (kmap.c) */
#define VM_STATIC	 0x80u /* made before there were areas: the vm_struct is nobody's to free */

#define PAGE_KERNEL    (PROT_READ | PROT_WRITE)
#define PAGE_KERNEL_RO PROT_READ

/* So many of the first pages need no array of their own. */
#define VM_INLINE_PAGES 8

/* An area.  Who has one may read it, but for what is under the lock of mm/vmap.c. */
struct vm_struct {
	struct vmap_node node; /* its addresses, the page behind it among them; under the lock */
	void *addr;
	unsigned long size; /* bytes, with the page behind it */
	u32 flags;
	u32 nr_pages;		  /* of .pages */
	u32 nr_block_pages;	  /* so many of them, the first ones, belong to compound pages */
	struct page **pages;	  /* what is mapped; of a large block, all its pages */
	struct vmap_block *block; /* under the lock: of addresses, that it's a part of; or NULL */
	void *entries; /* where a small area's stand (asm/vmap.h); NULL: of a large one */
	union {
		phys_addr_t phys_addr; /* VM_IOREMAP */
		const char *owner;     /* VM_STACK: name of the thread, or NULL; under the lock */
	};
	const void *caller;
	struct vm_struct *next_lazy; /* under the lock */
	struct page *few[VM_INLINE_PAGES];
};

/* vmalloc_init - areas can be made from now on. */
void vmalloc_init(void);

/*
 * vmalloc - @size bytes, or NULL: no memory, no addresses, or @size is 0; said in the log then,
 * unless __GFP_NOWARN
 * vzalloc: cleared.  vmalloc_node: from node @nid, or others if it has none.  vmalloc_huge: large
 * leaves where there are blocks for them.  vmalloc_user: cleared, of single pages that can be given
 * to user space.  __vmalloc: @gfp says how hard to try, and whether to clear.
 * In a thread, or at boot: may sleep, unless @gfp says otherwise, and fence all harts.
 */
void *vmalloc(size_t size) __must_check;
void *vzalloc(size_t size) __must_check;
void *vmalloc_node(size_t size, int nid) __must_check;
void *vzalloc_node(size_t size, int nid) __must_check;
void *vmalloc_huge(size_t size, gfp_t gfp) __must_check;
void *vmalloc_user(size_t size) __must_check;
void *__vmalloc(size_t size, gfp_t gfp) __must_check;
void *__vmalloc_node(size_t size, size_t align, gfp_t gfp, int nid,
		     const void *caller) __must_check;

/* vfree - @addr, which vmalloc() and its kin returned, and its memory; NULL: nothing.  Anything
 * else is reported and nothing happens.  Any context. */
void vfree(const void *addr);

/*
 * vmap - pages[0 .. @nr) at addresses in a row
 * @flags: VM_MAP, and VM_MAP_PUT_PAGES: vfree() then drops the pages and kvfree()s @pages.
 * NULL: no addresses or memory.  As vmalloc().  vunmap: the mapping goes, the pages stay.
 */
void *vmap(struct page **pages, unsigned int nr, unsigned long flags,
	   unsigned int prot) __must_check;
void vunmap(const void *addr);

/* is_vmalloc_addr - is that an address of the region, mapped or not? */
static inline bool is_vmalloc_addr(const void *addr)
{
	return (unsigned long)addr - va_layout.vmalloc_base < va_layout.vmalloc_bytes;
}

/* vmalloc_to_page - the page that is mapped at @addr, NULL: none.  vmalloc_to_pfn: its number, of
 * what is mapped.  Any context. */
struct page *vmalloc_to_page(const void *addr);
unsigned long vmalloc_to_pfn(const void *addr);

/*
 * get_vm_area - addresses for @size bytes, a multiple of PAGE_SIZE, at which nothing is mapped
 * @align: 0, or a power of two.  NULL: none, or no memory.  As vmalloc().  remove_vm_area: what is
 * mapped there isn't any more, and the addresses go back; false: there's no such area.  Any
 * context.
 */
struct vm_struct *get_vm_area_caller(unsigned long size, unsigned long align, u32 flags, gfp_t gfp,
				     const void *caller) __must_check;
bool remove_vm_area(const void *addr);

/* vm_front - bytes at the start of @vm that are never mapped. */
static inline unsigned long vm_front(const struct vm_struct *vm)
{
	return vm->flags & VM_STACK ? (vm->size - PAGE_SIZE) / 2 : 0;
}

static inline unsigned long get_vm_area_size(const struct vm_struct *vm)
{
	return vm->size - PAGE_SIZE;
}

/* find_vm_area - the area that @addr lies in, NULL: none.  For who knows that it stays. */
struct vm_struct *find_vm_area(const void *addr);

/*
 * vm_unmap_aliases - what was freed so far can't be reached any more, and its addresses are free
 * Fences every hart.  In a thread.
 */
void vm_unmap_aliases(void);

/* ---- the deferred part: see mm/node_daemon.h, whose kick is used ---- */

/* Somebody wants vmap_work() called in a thread: areas to end, or a purge. */
extern bool vmap_work_asked;
void vmap_work(void);

/* ---- looking ---- */

struct vmalloc_info {
	unsigned long total, used, largest; /* bytes: region, of live areas, the largest gap */
	unsigned long areas, blocks;	    /* live areas; blocks of addresses for small ones */
	unsigned long lazy;		    /* bytes of addresses that wait for a fence */
	unsigned long purges;		    /* fences for them so far */
};
void vmalloc_info(struct vmalloc_info *info);

/* vmalloc_next - a copy of the first area at *@at or above; *@at moves behind it.  False: none.
 * What .owner points to is a copy too, in .few. */
bool vmalloc_next(unsigned long *at, struct vm_struct *copy);

/* vmalloc_describe - what @addr has to do with areas ("behind the 16384 bytes of foo+0x1/0x2"),
 * into @text; empty if nothing.  Any context, locks held or not. */
void vmalloc_describe(unsigned long addr, char *text, size_t bytes);

/* vmalloc_validate - panics naming what is wrong.  Returns how many areas there are. */
unsigned long vmalloc_validate(void);

#endif
