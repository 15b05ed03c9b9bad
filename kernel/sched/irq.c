/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * irq.c - interrupts handled: by whom, how often, and no more if nobody wants them
 *
 * A line is unmasked at its controller while it has a handler, isn't disabled, isn't a storm and
 * its thread has nothing to do (settle()).
 *
 * One hart at a time runs a line's handler (RUNNING).  If the line comes once more on another
 * hart meanwhile, that one leaves AGAIN and the first runs the handler again.  If it comes while
 * it's disabled, enable_irq() runs the handler (PENDING): edges aren't lost.
 *
 * A thread's line stays masked from IRQ_WAKE_THREAD until the thread function has returned; if it
 * comes all the same, the handler runs after that (PENDING too).
 *
 * Storm: IRQ_STORM_STREAK interrupts in a row that the handler doesn't want (IRQ_NONE), none of
 * them IRQ_STORM_GAP_NS after the one before: the line is masked until it's requested anew.
 *
 * Invariant: UNMASKED in flags <=> the chip was last told to unmask.
 * Locking: irq_desc.lock (rank IRQ_DESC), interrupts off; not held while a handler runs.  Wait
 *   queues are woken under it.
 * Cost: about 90 instructions an interrupt besides chip and handler.
 * Not here: numbers, controllers, the device tree (irq_domain.c).
 */
#define LOG_PREFIX "irq: "
#include "irq_internal.h"

#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <sched/hotplug.h>

/* ---- the line at its controller; d->lock is held ---- */

/* Mask or unmask, whichever should be. */
static void settle(struct irq_desc *d)
{
	bool open = d->handler && !d->depth && !(d->flags & (IRQ_THREAD | IRQ_STORM));

	if (open == !!(d->flags & IRQ_UNMASKED))
		return;
	d->flags ^= IRQ_UNMASKED;
	if (open)
		d->domain->chip->unmask(d);
	else
		d->domain->chip->mask(d);
}

static int move_to(struct irq_desc *d, unsigned int cpu)
{
	int err;

	if (d->cpu == cpu)
		return 0;
	err = d->domain->chip->set_affinity(d, cpu);
	if (!err)
		d->cpu = cpu;
	return err;
}

static unsigned int going = IRQ_NO_CPU; /* this hart goes off */

static bool is_online(unsigned int cpu)
{
	return cpu < nr_harts && hart_info(cpu)->state == HART_ONLINE && cpu != READ_ONCE(going);
}

/* Deliver to the hart that it's delivered to if that's on, else to the first that can take it. */
static int choose_hart(struct irq_desc *d)
{
	unsigned int cpu;
	int err = -EINVAL;

	if (is_online(d->cpu))
		return 0;
	for_each_online_hart(cpu) {
		if (!is_online(cpu))
			continue;
		err = move_to(d, cpu);
		if (err != -EINVAL)
			return err;
	}
	return err;
}

/* ---- handling ---- */

/* Nobody wanted it. True if that's enough of it. */
static bool is_storm(struct irq_desc *d)
{
	u64 now = ktime_ns();

	d->unwanted++;
	if (now - d->last_unwanted_ns > IRQ_STORM_GAP_NS)
		d->streak = 0;
	d->last_unwanted_ns = now;
	return ++d->streak == IRQ_STORM_STREAK;
}

/* What the handler said. True: it's a storm. */
static bool note_result(struct irq_desc *d, enum irqreturn said)
{
	if (said == IRQ_NONE)
		return is_storm(d);
	d->streak = 0;
	if (said == IRQ_WAKE_THREAD && d->thread_fn) {
		d->flags |= IRQ_THREAD;
		settle(d);
		wake_up(&d->work);
	}
	return false;
}

/* It isn't the handler's turn now: disabled, or the thread has it. */
static bool must_wait(const struct irq_desc *d)
{
	return d->depth || d->flags & IRQ_THREAD;
}

/* Run the handler until nothing came meanwhile; true if that was a storm.  d->lock is dropped for
 * each call.  What came while the thread was already asked waits for it: the thread may be past
 * looking, and wouldn't begin again. */
static bool run_handler(struct irq_desc *d)
{
	bool storm = false;

	d->flags |= IRQ_RUNNING;
	do {
		irq_handler_t handler = d->handler;
		void *dev = d->dev;
		enum irqreturn said;

		d->flags &= ~(unsigned int)IRQ_AGAIN;
		spin_unlock(&d->lock);
		said = handler(d->irq, dev);
		spin_lock(&d->lock);
		storm = note_result(d, said);
	} while (d->flags & IRQ_AGAIN && d->handler && !must_wait(d) && !storm);
	if (d->flags & IRQ_AGAIN && must_wait(d))
		d->flags |= IRQ_PENDING;
	d->flags &= ~(unsigned int)IRQ_RUNNING;
	if (storm)
		d->flags |= IRQ_STORM;
	settle(d);
	if (!list_empty(&d->idle.waiters))
		wake_up_all(&d->idle);
	return storm;
}

static __cold void report_storm(const struct irq_desc *d)
{
	pr_err("irq %u (%s, %s line %u): %d interrupts in a row that its handler doesn't want: "
	       "masked",
	       d->irq, d->name ? d->name : "freed", d->domain->name, d->hwirq, IRQ_STORM_STREAK);
}

/* Another hart runs the handler.  A level would interrupt this one until that is done: mask it. */
static void come_again(struct irq_desc *d, bool edge)
{
	d->flags |= IRQ_AGAIN;
	if (edge || !(d->flags & IRQ_UNMASKED))
		return;
	d->flags ^= IRQ_UNMASKED;
	d->domain->chip->mask(d);
}

void irq_handle_desc(struct irq_desc *d)
{
	const struct irq_chip *chip = d->domain->chip;
	bool storm = false, edge;

	spin_lock(&d->lock);
	edge = d->type & IRQ_TYPE_EDGE;
	d->count[smp_processor_id()]++;
	if (edge)
		chip->eoi(d);
	if (unlikely(d->flags & IRQ_RUNNING))
		come_again(d, edge);
	else if (likely(d->flags & IRQ_UNMASKED))
		storm = run_handler(d);
	else if (d->handler)
		d->flags |= IRQ_PENDING; /* it was on its way when it was masked */
	else
		d->unwanted++;
	if (!edge)
		chip->eoi(d);
	spin_unlock(&d->lock);
	if (unlikely(storm))
		report_storm(d);
}

/* Handle what came while the line was disabled. */
static void replay(struct irq_desc *d)
{
	bool storm = false;
	unsigned long flags;

	local_irq_save(flags);
	this_hart->preempt_count += HARDIRQ_OFFSET;
	spin_lock(&d->lock);
	if (d->flags & IRQ_PENDING && d->flags & IRQ_UNMASKED) {
		d->flags &= ~(unsigned int)IRQ_PENDING;
		if (d->flags & IRQ_RUNNING)
			d->flags |= IRQ_AGAIN;
		else
			storm = run_handler(d);
	}
	spin_unlock(&d->lock);
	this_hart->preempt_count -= HARDIRQ_OFFSET;
	if (need_resched())
		smp_interrupt_self(); /* who was woken runs when the caller allows it */
	local_irq_restore(flags);
	if (storm)
		report_storm(d);
}

/* ---- threads ---- */

static enum irqreturn only_wake(unsigned int irq, void *dev)
{
	(void)irq;
	(void)dev;
	return IRQ_WAKE_THREAD;
}

static bool has_work(struct irq_desc *d)
{
	return READ_ONCE(d->flags) & IRQ_THREAD;
}

static int irq_thread(void *arg)
{
	struct irq_desc *d = arg;

	for (;;) {
		unsigned long flags;

		wait_event(d->work, has_work(d) || kthread_should_stop());
		if (!has_work(d))
			return 0;
		d->thread_fn(d->irq, d->dev);
		spin_lock_irqsave(&d->lock, flags);
		d->flags &= ~(unsigned int)IRQ_THREAD;
		settle(d);
		wake_up_all(&d->idle);
		spin_unlock_irqrestore(&d->lock, flags);
		replay(d);
	}
}

/* ---- request and free ---- */

/* Give the line to a handler. d->lock is held. */
static int take_line(struct irq_desc *d, irq_handler_t handler, irq_handler_t thread_fn,
		     const char *name, void *dev)
{
	int err;

	if (d->handler || d->thread)
		return -EBUSY;
	err = choose_hart(d);
	if (err)
		return err;
	d->handler = handler;
	d->thread_fn = thread_fn;
	d->name = name;
	d->dev = dev;
	d->depth = 0;
	d->streak = 0;
	d->flags &= IRQ_RUNNING | IRQ_UNMASKED;
	return 0;
}

static int request(unsigned int irq, irq_handler_t handler, irq_handler_t thread_fn,
		   const char *name, void *dev)
{
	struct irq_desc *d = irq_desc_of(irq);
	struct thread *thread = NULL;
	unsigned long flags;
	int err;

	might_sleep();
	if (!d || (!handler && !thread_fn))
		return -EINVAL;
	if (thread_fn) {
		thread = kthread_create(irq_thread, d, "irq/%u-%s", irq, name);
		if (!thread)
			return -ENOMEM;
		set_priority(thread, SCHED_PRIO_IRQ);
	}
	spin_lock_irqsave(&d->lock, flags);
	err = take_line(d, handler ? handler : only_wake, thread_fn, name, dev);
	if (!err) {
		d->thread = thread;
		settle(d);
	}
	spin_unlock_irqrestore(&d->lock, flags);
	if (err && err != -EBUSY)
		pr_err("irq %u (%s): %s line %u can't be delivered to any hart: error %d", irq,
		       name, d->domain->name, d->hwirq, -err);
	if (!thread)
		return err;
	if (err)
		kthread_stop(thread);
	else
		wake_up_process(thread);
	return err;
}

int request_irq(unsigned int irq, irq_handler_t handler, const char *name, void *dev)
{
	return request(irq, handler, NULL, name, dev);
}

int request_threaded_irq(unsigned int irq, irq_handler_t handler, irq_handler_t thread_fn,
			 const char *name, void *dev)
{
	return request(irq, handler, thread_fn, name, dev);
}

static bool is_idle(struct irq_desc *d)
{
	unsigned long flags;
	bool idle;

	spin_lock_irqsave(&d->lock, flags);
	idle = !(d->flags & (IRQ_RUNNING | IRQ_THREAD));
	spin_unlock_irqrestore(&d->lock, flags);
	return idle;
}

void free_irq(unsigned int irq, void *dev)
{
	struct irq_desc *d = irq_desc_of(irq);
	struct thread *thread;
	unsigned long flags;

	might_sleep();
	if (!d)
		return;
	spin_lock_irqsave(&d->lock, flags);
	if (!d->handler || d->dev != dev) {
		spin_unlock_irqrestore(&d->lock, flags);
		pr_err("irq %u is freed by who doesn't have it", irq);
		return;
	}
	d->handler = NULL;
	settle(d);
	thread = d->thread;
	if (!thread)
		d->thread = current; /* nobody may request it before its handler has returned */
	spin_unlock_irqrestore(&d->lock, flags);

	wait_event(d->idle, is_idle(d));
	if (thread)
		kthread_stop(thread);
	spin_lock_irqsave(&d->lock, flags);
	d->thread = NULL;
	d->name = NULL;
	d->dev = NULL;
	d->flags &= IRQ_UNMASKED;
	spin_unlock_irqrestore(&d->lock, flags);
}

/* ---- disabling, moving ---- */

void disable_irq_nosync(unsigned int irq)
{
	struct irq_desc *d = irq_desc_of(irq);
	unsigned long flags;

	if (!d)
		return;
	spin_lock_irqsave(&d->lock, flags);
	d->depth++;
	settle(d);
	spin_unlock_irqrestore(&d->lock, flags);
}

void disable_irq(unsigned int irq)
{
	struct irq_desc *d = irq_desc_of(irq);

	might_sleep();
	disable_irq_nosync(irq);
	if (d)
		wait_event(d->idle, is_idle(d));
}

void enable_irq(unsigned int irq)
{
	struct irq_desc *d = irq_desc_of(irq);
	unsigned long flags;
	bool unbalanced, pending;

	if (!d)
		return;
	spin_lock_irqsave(&d->lock, flags);
	unbalanced = !d->depth;
	if (!unbalanced)
		d->depth--;
	settle(d);
	pending = d->flags & IRQ_PENDING;
	spin_unlock_irqrestore(&d->lock, flags);
	if (unbalanced)
		pr_err("irq %u is enabled more often than disabled", irq);
	if (pending)
		replay(d);
}

int irq_set_affinity(unsigned int irq, unsigned int cpu)
{
	struct irq_desc *d = irq_desc_of(irq);
	unsigned long flags;
	int err;

	if (!d || !is_online(cpu))
		return -EINVAL;
	spin_lock_irqsave(&d->lock, flags);
	err = move_to(d, cpu);
	spin_unlock_irqrestore(&d->lock, flags);
	return err;
}

/* ---- harts that go off ---- */

/* Give the line to another hart if the one that goes has it; *@arg: what was in the way. */
static void leave(const struct irq_desc *line, void *arg)
{
	struct irq_desc *d = irq_desc_of(line->irq);
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&d->lock, flags);
	if (d->cpu == going)
		err = choose_hart(d);
	if (err && !d->handler)
		err = 0;
	spin_unlock_irqrestore(&d->lock, flags);
	if (err) {
		pr_err("irq %u (%s) can't be delivered to any hart but %u", d->irq, d->name, going);
		*(int *)arg = -EBUSY;
	}
}

static void hart_stays(unsigned int cpu)
{
	(void)cpu;
	WRITE_ONCE(going, IRQ_NO_CPU);
}

static int hart_goes(unsigned int cpu)
{
	int err = 0;

	WRITE_ONCE(going, cpu);
	irq_for_each(leave, &err);
	if (err)
		hart_stays(cpu);
	return err;
}

/* A message may have reached the hart after it stopped listening: ask every device. */
static void ask_again(const struct irq_desc *line, void *arg)
{
	struct irq_desc *d = irq_desc_of(line->irq);
	unsigned long flags;

	(void)arg;
	spin_lock_irqsave(&d->lock, flags);
	if (d->flags & IRQ_UNMASKED)
		d->flags |= IRQ_PENDING;
	spin_unlock_irqrestore(&d->lock, flags);
	replay(d);
}

static void hart_dead(unsigned int cpu)
{
	hart_stays(cpu);
	irq_for_each(ask_again, NULL);
}

static const struct hart_notifier irq_harts = {
	.name = "irq", .going = hart_goes, .staying = hart_stays, .dead = hart_dead
};
TABLE_ENTRY(hart_notifier, irq_harts);
