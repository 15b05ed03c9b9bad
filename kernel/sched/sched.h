/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched.h - what the files of the scheduler share
 */
#ifndef KERNEL_SCHED_SCHED_H
#define KERNEL_SCHED_SCHED_H

#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <sched/thread.h>
#include <sched/timer.h>

/* One hart's runnable threads. Letters as in struct thread. */
struct run_queue {
	spinlock_t lock;	 /* rank RUNQUEUE, with interrupts off */
	u32 bitmap;		 /* Q bit p: queue[p] isn't empty */
	unsigned int waiting;	 /* Q threads in the lists; read without for a hint */
	struct thread *running;	 /* Q what the hart runs */
	struct thread *idle;	 /* C */
	struct thread *previous; /* Q whom the running one came after, until it's off the hart */
	bool slice_armed;	 /* Q the slice timer is pending */
	bool online;		 /* Q takes threads */
	bool closing;		 /* no thread is bound to it any more (hotplug.c) */
	bool steal_again;	 /* Q the queue to take from was busy */
	struct thread *leaving;	 /* Q switched out because it may not run here any more */
	u32 rcu_wants;		 /* somebody waits for this hart's next switch */
	unsigned long quiescent; /* Q times that no RCU reader was running here */
	unsigned long switches;	 /* Q */
	/* Written by the hart alone, odd sequence while it does (load.c): */
	u32 load_seq;
	unsigned long wakeups;			  /* times that wfi ended */
	u64 idle_ticks;				  /* time that the hart was idle, till idle_since */
	u64 idle_since;				  /* when wfi began, 0: it isn't idle */
	struct list_head queue[SCHED_PRIORITIES]; /* Q */
};
DECLARE_PER_CPU(struct run_queue, run_queue);

extern u64 slice_ticks;

static inline struct run_queue *queue_of(unsigned int cpu)
{
	return per_cpu_ptr(&run_queue, cpu);
}

static inline bool may_run_on(const struct thread *t, unsigned int cpu)
{
	unsigned int bits = 8 * sizeof(*t->allowed);

	return t->allowed[cpu / bits] >> cpu % bits & 1;
}

/* thread.on_queue */
enum { OFF_QUEUE, ON_QUEUE, BETWEEN_QUEUES };

/* Is some thread waiting that should run before @t? */
static inline bool more_urgent(const struct run_queue *rq, const struct thread *t)
{
	return rq->bitmap & ((1u << t->prio) - 1);
}

/* Is some thread waiting that should run before @t, or take turns with it? */
static inline bool has_rival(const struct run_queue *rq, const struct thread *t)
{
	return rq->bitmap << (31 - t->prio);
}

/* core.c. The queue's lock is held. */
void queue_add(struct run_queue *rq, struct thread *t);
void queue_remove(struct run_queue *rq, struct thread *t);
/* Others wait behind @t, which this hart runs: see to it that its turn ends. */
void arm_slice(struct run_queue *rq, struct thread *t);

/* balance.c: a thread for a hart that has none, taken from another hart's queue, or NULL.
 * @rq, this hart's, is locked. */
struct thread *steal_thread(struct run_queue *rq);
/* balance.c: where @t, which is woken now, should run. */
unsigned int select_hart(const struct thread *t);

/* balance.c: put a thread that waits on another hart, and may run here, on @rq, this hart's; true
 * if there is one, or could be.  Interrupts off. */
bool find_work(struct run_queue *rq);

/* balance.c: which harts are idle, a bit each. */
void idle_mask_set(unsigned int cpu);
void idle_mask_clear(unsigned int cpu);
bool hart_is_idle(unsigned int cpu);
/* ... and which take threads. */
void online_mask_set(unsigned int cpu);
void online_mask_clear(unsigned int cpu);
/* Returns as many zeroed words again, for a set of harts. */
unsigned long *idle_mask_init(void);
/* @t waits behind another thread: let an idle hart come for it. */
void kick_idle(const struct thread *t);

/* core.c: what a thread does first after being switched in: unlock the queue. */
void finish_switch(void);
void queues_init(void);
/* wake.c: the reschedule interrupt. */
void sched_ipi(void);
/* wake.c: @t may not run any more where it is; its wake_lock is held. */
void leave_hart(struct thread *t);
/* wake.c: put @t, which is between queues, on one of those that it may be on. Interrupts off. */
void move_thread(struct thread *t);
/* core.c: this hart takes no more threads, and those that wait go to others; interrupts off. */
void queue_close(void);
/* thread.c: a thread that is bound to hart @cpu, but for the idle one and @except: its name (a
 * buffer of THREAD_NAME_LEN) and id; false if there is none. */
bool find_bound_thread(unsigned int cpu, const struct thread *except, char *name, unsigned int *id);
/* core.c: the last switch of a dead thread; preemption is off already. */
void leave_for_good(void);
/* wake.c: run @t at priority @prio from now on; its wake_lock is held. */
void change_priority(struct thread *t, unsigned int prio);
/* mutex.c: @t's own priority, or what waits for a mutex of its if that is more urgent. */
unsigned int mutex_inherited_prio(const struct thread *t);
/* mutex.c: @t's priority has changed: tell whoever has the mutex that it waits for. */
void mutex_pass_priority(struct thread *t);

/* mutex_debug.c: a thread is about to take a mutex, has it, is about to give it back, ends. */
struct mutex;
#ifdef CONFIG_DEBUG_LOCKS
void mutex_debug_take(struct mutex *m, unsigned long place);
void mutex_debug_taken(struct mutex *m, unsigned long place);
void mutex_debug_release(struct mutex *m);
void mutex_debug_exit(void);
#else
static inline void mutex_debug_take(struct mutex *m, unsigned long place)
{
}
static inline void mutex_debug_taken(struct mutex *m, unsigned long place)
{
}
static inline void mutex_debug_release(struct mutex *m)
{
}
static inline void mutex_debug_exit(void)
{
}
#endif
/* lockdebug.c: figures for lockstat. */
void lock_stat_taken(unsigned int rank);
void lock_stat_held(unsigned int rank, u64 ticks, unsigned long place);
/* irqsoff.c: print who turned preemption off, if it is, and interrupts, if @irqs_off. */
void irqsoff_show_last(bool irqs_off);

/* load.c: around wfi. Interrupts off. */
void load_idle_begin(struct run_queue *rq);
void load_idle_end(struct run_queue *rq);

/* slab_rcu.c: the slab allocator may have slabs that wait for readers, and no lock is held that
 * waking takes; slab_rcu_start: from now on they do. */
void slab_rcu_poll(void);
void slab_rcu_start(void);

/* vmap_purge.c: freed areas wait for a fence, which a thread has to make.  As slab_rcu_poll(). */
void vmap_purge_poll(void);

/* Interrupt hart @cpu so that it looks at need_resched. */
void resched_hart(unsigned int cpu);

#endif
