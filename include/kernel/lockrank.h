/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lockrank.h - the order in which locks are taken
 *
 * A hart (for spin locks) or a thread (for mutexes) takes a lock only if its rank is higher than
 * those of all locks of that kind that it holds; two locks of one rank are never held together,
 * unless the second was only tried, or taken by spin_lock_raw_nested().  So no circle of waiting
 * can arise.  Checked with CONFIG_DEBUG_LOCKS.  Outermost first; docs/locking.md says what each
 * protects.
 */
#ifndef KERNEL_LOCKRANK_H
#define KERNEL_LOCKRANK_H

enum lock_rank {
	LOCK_UNRANKED, /* order isn't checked: tests, and structures whose owner didn't say */

	/* Mutexes. */
	LOCK_DRIVERS,  /* drivers' own */
	LOCK_HOTPLUG,  /* harts going on and off */
	LOCK_QUEUES,   /* the list of work queues */
	LOCK_RESOURCE, /* anything else that a thread may sleep with: one at a time */

	/* Spin locks. */
	LOCK_CALL,	/* ipi.c: one broadcast at a time */
	LOCK_WORKQUEUE, /* the items of one pool */
	LOCK_IRQ_DESC,	/* an interrupt's actions */
	LOCK_IRQ_CHIP,	/* an interrupt controller's registers */
	LOCK_RCU,	/* callbacks that wait for a grace period */
	LOCK_CONSOLE,	/* the port that output goes to */
	LOCK_INPUT,	/* what was typed */
	LOCK_SEMAPHORE,
	LOCK_WAIT,    /* wait queues, completions */
	LOCK_MUTEX,   /* who waits for a mutex */
	LOCK_WAKE,    /* a thread's state and priority */
	LOCK_THREADS, /* the list of all threads */
	LOCK_RUNQUEUE,
	LOCK_TIMER,	/* a hart's heap of timers */
	LOCK_KSTACK,	/* stacks that a hart keeps */
	LOCK_VMAP,	/* who has which addresses of the vmalloc region */
	LOCK_KMAP,	/* windows that no thread has, and kmap()'s */
	LOCK_PGTABLE,	/* the kernel's page table */
	LOCK_PERCPU,	/* the map of alloc_percpu() */
	LOCK_SHRINK,	/* which caches shrink */
	LOCK_CMA,	/* the bitmap of a contiguous area */
	LOCK_MEMPOOL,	/* elements set aside */
	LOCK_SLAB_LIST, /* which caches there are */
	LOCK_SLAB,	/* slabs of a cache on a node, its depot */
	LOCK_KFENCE,	/* the pool of watched objects */
	LOCK_ZONE,	/* free pages */
	LOCK_DEVMEM,	/* regions of devices' memory */
	LOCK_KMEMLEAK,	/* which objects exist */
	LOCK_RANDOM,	/* the state of random numbers */
	LOCK_LOG,	/* the ring of messages: a leaf */

	NR_LOCK_RANKS
};

#endif
