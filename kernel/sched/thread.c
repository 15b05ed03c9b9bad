/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.c - threads are made, end, and are joined
 *
 * A thread's memory is its stack (mm/kstack.h), at whose top lies struct thread, and above that
 * the bits of the harts that it may run on:
 *
 *     guard | stack ... <- sp | struct thread | allowed[] |
 *
 * The end: kthread_exit() leaves the code, wakes the joiner and schedules for the last time; the
 * joiner waits until no hart uses the stack any more and gives it back.  A detached thread is
 * handed to the reaper, a thread that joins such.
 *
 * Locking: threads.lock (rank THREADS) for the list of all; a thread in the list may be looked at
 *   only under it.
 */
#include "sched.h"

#include <asm/layout.h>
#include <asm/timer.h>
#include <asm/trap.h>
#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <lib/dt.h>
#include <mm/kmap.h>
#include <mm/kstack.h>
#include <mm/memblock.h>
#include <kernel/time.h>
#include <sched/irq.h>
#include <sched/rcu.h>
#include <sched/wait.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define THREAD_STOP	BIT(0) /* kthread_stop() was called */
#define THREAD_DETACHED BIT(1)

static struct {
	spinlock_t lock;
	struct list_head all;
	unsigned int last_id;
	struct list_head dead; /* detached threads that ended, by thread.queue */
	struct wait_queue reaper_wait;
} threads = {
	.lock = SPINLOCK_RANKED(LOCK_THREADS),
	.all = LIST_HEAD_INIT(threads.all),
	.dead = LIST_HEAD_INIT(threads.dead),
	.reaper_wait = WAIT_QUEUE_INIT(threads.reaper_wait),
};

static struct thread main_thread;		   /* the boot code of hart 0 */
static DEFINE_PER_CPU(struct thread, idle_thread); /* the boot code of the others */

static void thread_init_fields(struct thread *t, const char *name)
{
	INIT_LIST_HEAD(&t->queue);
	INIT_LIST_HEAD(&t->pi_waiters);
	spin_lock_init_ranked(&t->wake_lock, LOCK_WAKE);
	t->base_prio = SCHED_PRIO_DEFAULT;
	t->prio = SCHED_PRIO_DEFAULT;
	snprintf(t->name, sizeof(t->name), "%s", name);
}

static void thread_list_add(struct thread *t)
{
	unsigned long flags;

	spin_lock_irqsave(&threads.lock, flags);
	t->id = ++threads.last_id;
	list_add_tail(&t->all, &threads.all);
	spin_unlock_irqrestore(&threads.lock, flags);
}

static size_t allowed_bytes(void)
{
	return ALIGN_UP(DIV_ROUND_UP(nr_harts, 8u), 16u);
}

/* A thread structure at the top of a new stack. */
static struct thread *thread_alloc(int nid)
{
	unsigned long stack = kstack_alloc(nid);
	struct thread *t;

	if (!stack)
		return NULL;
	t = (void *)(stack + STACK_SIZE - allowed_bytes() - ALIGN_UP(sizeof(*t), 16));
	memset(t, 0, stack + STACK_SIZE - (unsigned long)t);
	t->allowed = (void *)(stack + STACK_SIZE - allowed_bytes());
	t->stack_lo = stack;
	if (!kmap_thread_init(&t->mm)) {
		kstack_free(stack);
		return NULL;
	}
	kstack_own(stack, t->name);
	return t;
}

static void thread_free(struct thread *t)
{
	unsigned long flags;

	while (__atomic_load_n(&t->on_hart, __ATOMIC_ACQUIRE))
		cpu_relax();
	spin_lock_irqsave(&threads.lock, flags);
	list_del(&t->all);
	spin_unlock_irqrestore(&threads.lock, flags);
	kmap_thread_gone(&t->mm);
	kstack_free(t->stack_lo);
}

/* The one hart that @t may run on, or ANY_HART. Idle threads, which have no set, are bound too. */
#define ANY_HART ~0u
static unsigned int binding_of(const struct thread *t)
{
	unsigned int found = ANY_HART;

	if (!t->allowed)
		return t->cpu;
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		if (!may_run_on(t, cpu))
			continue;
		if (found != ANY_HART)
			return ANY_HART;
		found = cpu;
	}
	return found;
}

/* @cpu: a hart, or ANY_HART. @t's wake_lock is held. */
static void bind_locked(struct thread *t, unsigned int cpu)
{
	unsigned int bits = 8 * sizeof(*t->allowed);

	memset(t->allowed, 0, allowed_bytes());
	for (unsigned int i = 0; i < nr_harts; i++) {
		if (cpu == ANY_HART || cpu == i)
			t->allowed[i / bits] |= 1UL << i % bits;
	}
}

/* The first code of every thread: on its own stack, the queue's lock held, interrupts off. */
static void thread_begin(void)
{
	finish_switch();
	preempt_enable_no_resched();
	local_irq_enable();
	kthread_exit(current->fn(current->arg));
}

struct thread *kthread_create(int (*fn)(void *arg), void *arg, const char *name, ...)
{
	struct thread *t;
	char text[THREAD_NAME_LEN];
	va_list args;

	might_sleep();
	t = thread_alloc(NUMA_NO_NODE);
	if (!t)
		return NULL;
	va_start(args, name);
	vsnprintf(text, sizeof(text), name, args);
	va_end(args);
	thread_init_fields(t, text);
	bind_locked(t, ANY_HART);
	t->fn = fn;
	t->arg = arg;
	t->state = THREAD_PARKED;
	t->cpu = smp_processor_id();
	switch_prepare(&t->context, (unsigned long)t, thread_begin);
	thread_list_add(t);
	return t;
}

void kthread_exit(int code)
{
	struct thread *t = current;
	unsigned long flags;

	mutex_debug_exit();
	kmap_thread_exit();
	t->exit_code = code;
	preempt_disable();
	spin_lock_irqsave(&t->wake_lock, flags);
	t->state = THREAD_DEAD;
	if (t->flags & THREAD_DETACHED) {
		spin_lock(&threads.lock);
		list_add_tail(&t->queue, &threads.dead);
		spin_unlock(&threads.lock);
	}
	spin_unlock_irqrestore(&t->wake_lock, flags);
	if (t->flags & THREAD_DETACHED)
		wake_up(&threads.reaper_wait);
	else if (t->ended)
		complete(t->ended);
	/* Preemption stays off till the switch: the joiner waits for on_hart only. */
	leave_for_good();
	panic("dead thread %s was run again", t->name);
}

int kthread_join(struct thread *t)
{
	struct completion ended;
	unsigned long flags;
	bool wait;
	int code;

	might_sleep();
	init_completion(&ended);
	spin_lock_irqsave(&t->wake_lock, flags);
	wait = t->state != THREAD_DEAD;
	t->ended = &ended;
	spin_unlock_irqrestore(&t->wake_lock, flags);
	if (wait)
		wait_for_completion(&ended);
	code = t->exit_code;
	thread_free(t);
	return code;
}

void kthread_detach(struct thread *t)
{
	unsigned long flags;
	bool dead;

	spin_lock_irqsave(&t->wake_lock, flags);
	dead = t->state == THREAD_DEAD;
	t->flags |= THREAD_DETACHED;
	spin_unlock_irqrestore(&t->wake_lock, flags);
	if (dead)
		thread_free(t);
}

bool kthread_should_stop(void)
{
	/* What was done before kthread_stop() is seen by who sees that it was called. */
	return __atomic_load_n(&current->flags, __ATOMIC_ACQUIRE) & THREAD_STOP;
}

int kthread_stop(struct thread *t)
{
	unsigned long flags;

	spin_lock_irqsave(&t->wake_lock, flags);
	t->flags |= THREAD_STOP;
	spin_unlock_irqrestore(&t->wake_lock, flags);
	wake_up_process(t);
	return kthread_join(t);
}

int kthread_bind(struct thread *t, unsigned int cpu)
{
	unsigned int before;
	unsigned long flags;
	int err = 0;

	if (cpu >= nr_harts || hart_info(cpu)->state != HART_ONLINE)
		return -EINVAL;
	spin_lock_irqsave(&t->wake_lock, flags);
	before = binding_of(t);
	bind_locked(t, cpu);
	smp_mb(); /* whoever sees this hart closing from here on has missed the binding */
	if (queue_of(cpu)->online && !READ_ONCE(queue_of(cpu)->closing))
		leave_hart(t);
	else
		err = -EINVAL;
	if (err)
		bind_locked(t, before);
	spin_unlock_irqrestore(&t->wake_lock, flags);
	return err;
}

struct find_bound {
	unsigned int cpu;
	const struct thread *except, *found;
	char *name;
	unsigned int *id;
};

static void find_if_bound(struct thread *t, void *arg)
{
	struct find_bound *f = arg;

	if (f->found || t == queue_of(f->cpu)->idle || t == f->except || t->state == THREAD_DEAD ||
	    binding_of(t) != f->cpu)
		return;
	f->found = t;
	memcpy(f->name, t->name, THREAD_NAME_LEN);
	*f->id = t->id;
}

bool find_bound_thread(unsigned int cpu, const struct thread *except, char *name, unsigned int *id)
{
	struct find_bound f = { .cpu = cpu, .except = except, .name = name, .id = id };

	sched_for_each(find_if_bound, &f);
	return f.found;
}

void sched_for_each(void (*fn)(struct thread *t, void *arg), void *arg)
{
	unsigned long flags;
	struct thread *t;

	spin_lock_irqsave(&threads.lock, flags);
	list_for_each_entry(t, &threads.all, all)
		fn(t, arg);
	spin_unlock_irqrestore(&threads.lock, flags);
}

/* A detached thread that ended, or NULL. */
static struct thread *next_dead(void)
{
	struct thread *t = NULL;
	unsigned long flags;

	spin_lock_irqsave(&threads.lock, flags);
	if (!list_empty(&threads.dead)) {
		t = list_first_entry(&threads.dead, struct thread, queue);
		list_del(&t->queue);
	}
	spin_unlock_irqrestore(&threads.lock, flags);
	return t;
}

static __noreturn int reaper(void *arg)
{
	for (;;) {
		struct thread *t;

		wait_event(threads.reaper_wait, (t = next_dead()) != NULL);
		thread_free(t);
	}
}

/* The code that runs now, on a boot stack, becomes thread @t of this hart. */
static void adopt(struct thread *t, const char *name)
{
	thread_init_fields(t, name);
	kmap_thread_adopt(&t->mm);
	t->stack_lo = this_hart->stack_lo;
	t->cpu = smp_processor_id();
	t->on_hart = 1;
	t->on_queue = 1;
	t->run_start = read_time();
	t->slice_end = t->run_start + slice_ticks;
	this_hart->thread = t;
	queue_of(t->cpu)->running = t;
	thread_list_add(t);
	kstack_own(t->stack_lo, t->name);
}

static void idle_begin(void)
{
	finish_switch();
	preempt_enable_no_resched();
	local_irq_enable();
	sched_idle();
}

/* Hart 0's idle thread: the boot code is "main", so it needs a stack of its own. */
static void make_first_idle(void)
{
	struct thread *t = thread_alloc(NUMA_NO_NODE);

	if (!t)
		panic("no memory for the idle thread");
	thread_init_fields(t, "idle/0");
	t->on_queue = 1;
	switch_prepare(&t->context, (unsigned long)t, idle_begin);
	thread_list_add(t);
	queue_of(0)->idle = t;
}

static bool all_have_sstc(void)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		if (!(hart_info(cpu)->isa & DT_ISA_SSTC))
			return false;
	}
	return true;
}

static const char *describe_current(unsigned long *stack_lo)
{
	*stack_lo = current->stack_lo;
	return current->name;
}

static unsigned int id_of_current(void)
{
	return current->id;
}

void __init sched_init(void)
{
	queues_init();
	timers_init();
	adopt(&main_thread, "main");
	main_thread.allowed = idle_mask_init();
	main_thread.allowed[0] = 1;
	make_first_idle();
	queue_of(0)->online = true;
	online_mask_set(0);
	arch_has_sstc = all_have_sstc();
	smp_set_reschedule_hook(sched_ipi);
	smp_set_thread_id_hook(id_of_current);
	wait_set_sleep(sleep_ns);
	trap_set_thread(describe_current);
	trap_set_hooks(timer_interrupt, handle_external_irq, preempt_schedule_irq);
}

void sched_start_hart(void)
{
	struct thread *idle = this_cpu_ptr(&idle_thread);
	struct run_queue *rq = this_cpu_ptr(&run_queue);
	char name[THREAD_NAME_LEN];

	if (rq->idle) { /* it was on before */
		idle->run_start = read_time();
		this_hart->thread = idle;
	} else {
		snprintf(name, sizeof(name), "idle/%u", smp_processor_id());
		adopt(idle, name);
		rq->idle = idle;
	}
	rq->closing = false;
	rq->online = true;
	online_mask_set(smp_processor_id());
}

void sched_stop_hart(void)
{
	queue_close();
}

void __init sched_start_services(void)
{
	struct thread *t = kthread_run(reaper, NULL, "reaper");

	if (!t)
		panic("no memory for the thread that buries threads");
	rcu_init();
}
