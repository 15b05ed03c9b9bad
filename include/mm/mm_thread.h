/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mm_thread.h - what the memory manager keeps for each thread
 *
 * Stands in struct thread behind the registers, so that mm finds it without knowing threads.  Only
 * the thread itself touches it.  Interrupt handlers see the thread's they interrupted: what is here
 * is asked for only outside of them.
 */
#ifndef MM_MM_THREAD_H
#define MM_MM_THREAD_H

#include <asm/hart_local.h>
#include <asm/switch.h>
#include <kernel/preempt.h>
#include <mm/gfp.h>

/* What the thread is doing. */
#define PF_MEMALLOC	 0x1U /* freeing memory: may use all reserves, and doesn't reclaim */
#define PF_MEMALLOC_NOIO 0x2U /* may not wait for I/O */
#define PF_MEMALLOC_NOFS 0x4U /* may not call file systems */
#define PF_KSWAPD	 0x8U /* a reclaim thread */

struct mm_thread {
	u32 flags;
	/* What a switch compares: leaving of who goes with entering of who comes.  If they are
	 * equal, nothing is to be done; if who comes has windows open they never are. */
	union {
		u32 leaving;
		struct {
			u16 policy; /* mm/mempolicy.h; 0: near this hart */
			u16 always_clear;
		};
	};
	union {
		u32 entering;
		struct {
			u16 policy_again;
			u8 windows; /* of kmap_local_page(), open now, in bytes of entries */
			u8 clear_too;
		};
	};
	u32 interleaved;	     /* the node whose turn it was last */
	unsigned long reclaimed;     /* pages that shrinkers gave back to it (mm/vmscan.h) */
	unsigned long *window_entry; /* of its first window (mm/kmap.c); NULL: no high memory */
	unsigned long window_base;   /* its windows' addresses - their entries', scaled */
};

/* What runs before there are threads. */
extern struct mm_thread mm_boot_thread;

static inline struct mm_thread *mm_current(void)
{
	unsigned long thread = (unsigned long)thread_here();

	return likely(thread) ? (struct mm_thread *)(thread + sizeof(struct switch_context))
			      : &mm_boot_thread;
}

/*
 * memalloc_nofs_save - until memalloc_nofs_restore() with what this returns, this thread's
 * allocations have no __GFP_FS, whatever they say.  noio: neither __GFP_IO; noreclaim: they don't
 * reclaim and may use the reserves (reclaim itself does this).  Thread context; they nest.
 */
static inline unsigned int memalloc_save(unsigned int flag)
{
	unsigned int old = mm_current()->flags & flag;

	mm_current()->flags |= flag;
	return old;
}

static inline void memalloc_restore(unsigned int flag, unsigned int old)
{
	mm_current()->flags = (mm_current()->flags & ~flag) | old;
}

#define memalloc_nofs_save()		memalloc_save(PF_MEMALLOC_NOFS)
#define memalloc_nofs_restore(old)	memalloc_restore(PF_MEMALLOC_NOFS, old)
#define memalloc_noio_save()		memalloc_save(PF_MEMALLOC_NOIO)
#define memalloc_noio_restore(old)	memalloc_restore(PF_MEMALLOC_NOIO, old)
#define memalloc_noreclaim_save()	memalloc_save(PF_MEMALLOC)
#define memalloc_noreclaim_restore(old) memalloc_restore(PF_MEMALLOC, old)

/* current_gfp_context - @gfp without what this thread may not do now. */
static inline gfp_t current_gfp_context(gfp_t gfp)
{
	unsigned int flags = in_interrupt() ? 0 : mm_current()->flags;

	if (flags & PF_MEMALLOC_NOIO)
		gfp &= ~(__GFP_IO | __GFP_FS);
	else if (flags & PF_MEMALLOC_NOFS)
		gfp &= ~__GFP_FS;
	return gfp;
}

/* mm_switch - @next runs here after @prev, and their words differ.  Interrupts off. */
void mm_switch(struct mm_thread *prev, struct mm_thread *next);

/* mempolicy_switch - a thread with @policy runs here next.  Interrupts off. */
void mempolicy_switch(u32 policy);

/* mm_wait - let others run for @ns; registered by the scheduler when it runs. */
extern void (*mm_wait_hook)(u64 ns);

#endif
