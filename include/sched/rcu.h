/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rcu.h - readers that take no lock, writers that wait until the old readers have gone
 *
 *     reader                             writer
 *     rcu_read_lock();                   new = copy of old, changed;
 *     p = rcu_dereference(head);         rcu_assign_pointer(head, new);
 *     ... p->field ...                   synchronize_rcu();
 *     rcu_read_unlock();                 free(old);
 *
 * A reader isn't preempted, so a hart that has switched threads, or is idle, has none left that
 * began before.  When that has been so once on every hart, a grace period is over, and nobody can
 * hold what was unlinked before it.  Interrupt handlers, and code with preemption or interrupts
 * off, are readers without saying so.  Readers don't sleep and may nest.
 */
#ifndef SCHED_RCU_H
#define SCHED_RCU_H

#include <base/list.h>
#include <kernel/preempt.h>

#define rcu_read_lock()	  preempt_disable()
#define rcu_read_unlock() preempt_enable()

/* Read a pointer that is changed under RCU; what it points to is read after it. */
#define rcu_dereference(p) READ_ONCE(p)
/* Make *(p) point to @v, whose contents were written before. */
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)

struct rcu_head {
	struct rcu_head *next;
	void (*fn)(struct rcu_head *head);
};

/*
 * call_rcu - call @fn(@head) after a grace period, from a thread; it should be short
 * In the order of the calls.  @head lies in the object and is free again when @fn is called.  Any
 * context.
 */
void call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *head));

/* synchronize_rcu - sleep until all readers that are there now have gone.  Not in a reader, nor
 * in a function that call_rcu() calls. */
void synchronize_rcu(void);

/* rcu_barrier - sleep until every function handed to call_rcu() before has returned. */
void rcu_barrier(void);

/* Grace periods so far. */
unsigned long rcu_grace_periods(void);

/* rcu_init - start the thread that waits.  After sched_init(). */
void rcu_init(void);

/* Lists that are read under RCU; those who change one keep each other out. */
static inline void list_add_rcu(struct list_head *item, struct list_head *prev)
{
	item->next = prev->next;
	item->prev = prev;
	prev->next->prev = item;
	rcu_assign_pointer(prev->next, item);
}

/* Readers that stand on @item still find the way on. */
static inline void list_del_rcu(struct list_head *item)
{
	item->next->prev = item->prev;
	WRITE_ONCE(item->prev->next, item->next);
}

#define list_for_each_entry_rcu(pos, head, member)                                      \
	for (pos = list_entry(rcu_dereference((head)->next), __typeof__(*pos), member); \
	     &pos->member != (head);                                                    \
	     pos = list_entry(rcu_dereference(pos->member.next), __typeof__(*pos), member))

#endif
