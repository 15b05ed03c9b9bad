/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.h - kernel threads and the scheduler
 *
 * A thread runs on one hart at a time, from that hart's run queue: 32 priorities, 0 the most
 * urgent, a list each and a bitmap; the first of the most urgent list runs, threads of one
 * priority take turns of SCHED_SLICE_NS.  A woken thread goes to an idle hart that it may run
 * on, else to the hart where it last ran; a hart that would go idle takes a thread from the
 * hart that has most waiting.
 *
 * A thread's stack and its struct thread come from alloc_pages(): the struct lies at the top of
 * the stack, below which a guard page catches an overflow.
 *
 *     guard | stack ......... <- sp grows down | struct thread |
 *
 * Sleeping: set_current_state(THREAD_SLEEPING), look once more whether there is anything to wait
 * for, schedule().  wake_up_process() after making the condition true can't be lost that way.
 */
#ifndef SCHED_THREAD_H
#define SCHED_THREAD_H

#include <asm/switch.h>
#include <base/list.h>
#include <kernel/preempt.h>
#include <kernel/spinlock.h>
#include <mm/mm_thread.h>

#define SCHED_PRIORITIES   32
#define SCHED_PRIO_HIGHEST 0 /* nothing preempts it */
#define SCHED_PRIO_IRQ	   4 /* threaded interrupt handlers */
#define SCHED_PRIO_DEFAULT 16
#define SCHED_PRIO_LOWEST  31
#define SCHED_SLICE_NS	   10000000ull
#define THREAD_NAME_LEN	   16

enum thread_state {
	THREAD_RUNNING,	 /* on a run queue or running */
	THREAD_SLEEPING, /* until wake_up_process() */
	THREAD_PARKED,	 /* created, never woken, or parked */
	THREAD_DEAD,
};

struct completion;
struct mutex_waiter;

/* Letters: Q under the lock of the run queue of .cpu; W under .wake_lock; O the thread itself;
 * C constant after creation. */
struct thread {
	struct switch_context context; /* Q registers while it doesn't run; first: switch.S */
	struct mm_thread mm;	       /* O second: mm finds it there */
	unsigned long stack_lo;	       /* C lowest address of its stack */
	u32 state;		       /* enum thread_state; W to RUNNING, O otherwise */
	u32 on_queue;		       /* Q on a run queue, or running */
	u32 on_hart;		       /* 1 while a hart has its registers; cleared with release */
	u8 prio;		       /* Q the priority it runs at */
	u8 base_prio;		       /* W its own, without what mutexes lend */
	u8 must_leave;		       /* Q it runs where it may not: see leave_hart() */
	u8 flags;
	unsigned int cpu;		 /* W and Q the hart whose queue it's on, or was last */
	struct list_head queue;		 /* Q */
	u64 slice_end;			 /* Q when its turn is over, in ticks */
	spinlock_t wake_lock;		 /* rank WAKE */
	struct mutex_waiter *blocked_on; /* W its place in the queue for a mutex, or NULL */
	struct list_head pi_waiters;	 /* W the first waiter of each mutex it has, by priority */
	unsigned int id;		 /* C 1, 2, 3 ... */
	char name[THREAD_NAME_LEN];	 /* C */
	unsigned long *allowed;		 /* W a bit for each hart that it may run on */
	u64 runtime;			 /* Q ticks on a hart, till run_start */
	u64 run_start;			 /* Q */
	unsigned long switches;		 /* Q times it was switched in */
	int (*fn)(void *arg);		 /* C */
	void *arg;			 /* C */
	int exit_code;			 /* O before DEAD */
	struct list_head all;		 /* threads.lock */
	struct completion *ended;	 /* where kthread_join() waits */
	void *debug;			 /* lock debugging's, or NULL */
};

_Static_assert(offsetof(struct thread, mm) == sizeof(struct switch_context), "mm_current()");

/* The thread that runs here. */
static inline struct thread *get_current(void)
{
	return thread_here();
}
#define current get_current()

/*
 * kthread_create - make a thread that will run @fn(@arg), not yet woken
 * @name: a format. Priority SCHED_PRIO_DEFAULT, any hart.  May sleep.  NULL if memory or stack
 * addresses are used up.  Whoever creates a thread joins it, or detaches it.
 */
struct thread *kthread_create(int (*fn)(void *arg), void *arg, const char *name, ...)
	__printf(3, 4) __must_check;

/* kthread_run - the same, and wake it. */
#define kthread_run(fn, arg, ...)                                         \
	({                                                                \
		struct thread *_t = kthread_create(fn, arg, __VA_ARGS__); \
		if (_t)                                                   \
			wake_up_process(_t);                              \
		_t;                                                       \
	})

/* kthread_join - wait until @t has ended, free it, and return what its function returned. Sleeps.
 */
int kthread_join(struct thread *t);

/* kthread_detach - nobody will join @t: it frees itself at its end. */
void kthread_detach(struct thread *t);

/* kthread_exit - end the calling thread. */
void kthread_exit(int code) __noreturn;

/* kthread_stop - ask @t to end (kthread_should_stop() is true in it from now on), wake it, join
 * it. */
int kthread_stop(struct thread *t);
bool kthread_should_stop(void);

/* kthread_bind - @t runs on hart @cpu only.  0, or -EINVAL if there is no such hart online. */
int kthread_bind(struct thread *t, unsigned int cpu) __must_check;

/* set_priority - @t's own priority, 0 (most urgent) to 31.  Any context. */
void set_priority(struct thread *t, unsigned int prio);

/* Set the calling thread's state before a last look at what it waits for. A full barrier. */
#define set_current_state(s)                     \
	do {                                     \
		WRITE_ONCE(current->state, (s)); \
		smp_mb();                        \
	} while (0)

/* schedule - let the next thread run.  Returns when this one runs again.  Not in_atomic(). */
void schedule(void);

/* schedule_timeout_ns - schedule(), but be woken after @ns at the latest; ns left, 0 if it ran
 * out. */
u64 schedule_timeout_ns(u64 ns);

/* yield - let another thread of the same priority have its turn. */
void yield(void);

/* cond_resched - a preemption point; true if another thread ran. */
bool cond_resched(void);

/* wake_up_process - make @t runnable if it sleeps; true if it did.  Any context. */
bool wake_up_process(struct thread *t);

/* sched_for_each - call @fn for every thread, idle ones included; @fn may not sleep. */
void sched_for_each(void (*fn)(struct thread *t, void *arg), void *arg);

/* What a hart has done since it came up. */
struct hart_load {
	u64 now;	       /* when this was true; times are in ticks */
	u64 idle;	       /* of which it rested */
	unsigned long wakeups; /* times that it rested */
	unsigned long switches;
};

/* sched_hart_load - hart @cpu's.  Any context. */
void sched_hart_load(unsigned int cpu, struct hart_load *load);

/* sched_init - turn the boot code into hart 0's first thread ("main").  Boot hart. */
void sched_init(void);

/* sched_start_hart - the boot code of another hart becomes its idle thread. */
void sched_start_hart(void);

/* sched_stop_hart - this hart takes no threads any more: it came when it had been given up. */
void sched_stop_hart(void);

/* sched_start_services - threads that the scheduler needs itself.  After sched_init(), interrupts
 * on. */
void sched_start_services(void);

/* sched_idle - what a hart does when nothing is runnable; the end of its start-up. */
void sched_idle(void) __noreturn;

/* switch_hook - called at each switch, interrupts off: per-thread state beyond registers goes
 * here. */
static inline void switch_hook(struct thread *prev, struct thread *next)
{
	if (unlikely(prev->mm.leaving != next->mm.entering))
		mm_switch(&prev->mm, &next->mm);
}

/* For the trap exit: interrupts were on, the count is 0 and need_resched() is true. */
void preempt_schedule_irq(void);

/* sched_validate - check every run queue; panics naming what is wrong. */
void sched_validate(void);

#endif
