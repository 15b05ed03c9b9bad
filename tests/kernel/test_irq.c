/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_irq.c - interrupts, with the real-time clock's alarm as the device
 *
 * An alarm for a time that has passed interrupts at once, on whatever controller the machine has,
 * until it's cleared.  Without such a clock everything but "refused" is skipped.
 */
#include <sched/irq.h>

#include <base/errno.h>
#include <drivers/rtc.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <sched/thread.h>
#include <sched/timer.h>
#include <shell/ktap.h>

#define LIMIT_NS    KTAP_PATIENCE_NS /* for what should come at once */
#define ALIVE	    0x616c6976u
#define NO_SUCH	    0x7fffffffu
#define PAUSE_AT    10		     /* unwanted ones: the next begins a new streak */
#define RACE_NS	    400000000ull     /* of racing at least, */
#define RACE_TURNS  30		     /* and so many turns, */
#define RACE_MAX_NS KTAP_PATIENCE_NS /* but not longer */
#define MAX_RACERS  4 /* more harts than the host has cores wait for each other's time slices */

/* A device that requested the alarm. */
struct dev {
	u32 alive; /* ALIVE while it may be called */
	unsigned int calls, thread_calls;
	unsigned int cpu; /* of the last call */
	bool right_context;
	const struct irq_desc *flooded; /* the handler doesn't want what comes on this line */
	unsigned int refused;		/* calls for it, */
	unsigned int streak;		/* of these in a row, as the handler has seen it, */
	unsigned int forgotten;		/* and those that came too long before the next to count */
	struct completion done;
};

static const struct rtc *rtc;

static void dev_init(struct dev *d)
{
	*d = (struct dev){ .alive = ALIVE, .right_context = true };
	init_completion(&d->done);
}

/* The line's streak says how many came before this one.  If it says less than it should, the kernel
 * began anew with the one before this: the host had stood still for too long. */
static enum irqreturn refuse(struct dev *d)
{
	unsigned int streak = d->flooded->streak;

	if (streak < d->streak)
		d->forgotten += d->streak - streak;
	d->streak = streak + 1;
	if (++d->refused == PAUSE_AT)
		udelay(IRQ_STORM_GAP_NS / 1000 + 1000);
	return IRQ_NONE;
}

static enum irqreturn on_alarm(unsigned int irq, void *arg)
{
	struct dev *d = arg;

	if (d->alive != ALIVE || irq != rtc->irq || !in_interrupt() || !irqs_disabled())
		d->right_context = false;
	if (d->flooded)
		return refuse(d);
	if (!rtc->is_raised())
		return IRQ_NONE;
	rtc->clear();
	d->cpu = smp_processor_id();
	d->calls++;
	complete(&d->done);
	return IRQ_HANDLED;
}

static enum irqreturn wake_only(unsigned int irq, void *arg)
{
	(void)irq;
	((struct dev *)arg)->calls++;
	return IRQ_WAKE_THREAD;
}

static enum irqreturn on_alarm_thread(unsigned int irq, void *arg)
{
	struct dev *d = arg;

	(void)irq;
	if (in_interrupt() || irqs_disabled() || current->base_prio != SCHED_PRIO_IRQ)
		d->right_context = false;
	msleep(5); /* it may, and the line is quiet meanwhile */
	if (!rtc->is_raised())
		return IRQ_NONE;
	rtc->clear();
	d->thread_calls++;
	complete(&d->done);
	return IRQ_HANDLED;
}

static bool came(struct dev *d)
{
	return wait_for_completion_timeout_ns(&d->done, LIMIT_NS) != 0;
}

static bool stays_away(struct dev *d)
{
	return wait_for_completion_timeout_ns(&d->done, 20000000) == 0;
}

static bool fire(struct dev *d)
{
	rtc->set_alarm(0);
	return came(d);
}

/* The clock, or NULL after saying why not. */
static bool have_clock(struct ktap *t)
{
	rtc = rtc_get();
	if (rtc && rtc->irq)
		return true;
	ktap_skip(t, "no clock with an alarm");
	return false;
}

static void find_desc(const struct irq_desc *d, void *arg)
{
	const struct irq_desc **found = arg;

	if (d->irq == rtc->irq)
		*found = d;
}

static const struct irq_desc *alarm_desc(void)
{
	const struct irq_desc *d = NULL;

	irq_for_each(find_desc, &d);
	return d;
}

static unsigned long count_on(unsigned int cpu)
{
	return READ_ONCE(alarm_desc()->count[cpu]);
}

/* ---- cases ---- */

static void test_refused(struct ktap *t)
{
	struct dev d;

	dev_init(&d);
	KTAP_EXPECT_EQ(t, request_irq(NO_SUCH, on_alarm, "test", &d), -EINVAL);
	KTAP_EXPECT_EQ(t, request_irq(0, on_alarm, "test", &d), -EINVAL);
	KTAP_EXPECT_EQ(t, irq_set_affinity(NO_SUCH, 0), -EINVAL);
	KTAP_EXPECT_EQ(t, irq_of_node(0, 0), -ENOENT); /* the root has none */
	disable_irq(NO_SUCH);
	enable_irq(NO_SUCH);
}

static void test_alarm(struct ktap *t)
{
	struct dev d;
	unsigned long before = 0;
	u64 asked;

	if (!have_clock(t))
		return;
	dev_init(&d);
	KTAP_ASSERT_EQ(t, request_irq(rtc->irq, on_alarm, "test", &d), 0);
	KTAP_EXPECT_EQ(t, request_irq(rtc->irq, on_alarm, "again", &d), -EBUSY);
	before = count_on(alarm_desc()->cpu);
	for (unsigned int i = 1; i <= 50; i++) {
		KTAP_EXPECT(t, fire(&d));
		KTAP_EXPECT_EQ(t, d.calls, i);
	}
	KTAP_EXPECT(t, count_on(alarm_desc()->cpu) >= before + 50);
	asked = rtc->now_ns() + 20000000;
	rtc->set_alarm(asked);
	KTAP_EXPECT(t, came(&d));
	KTAP_EXPECT(t, rtc->now_ns() >= asked);
	KTAP_EXPECT(t, d.right_context);
	free_irq(rtc->irq, &d);
	rtc->set_alarm(0);
	KTAP_EXPECT(t, stays_away(&d));
	rtc->clear();
}

static void test_thread(struct ktap *t)
{
	struct dev d;

	if (!have_clock(t))
		return;
	dev_init(&d);
	KTAP_ASSERT_EQ(t, request_threaded_irq(rtc->irq, NULL, on_alarm_thread, "test", &d), 0);
	for (unsigned int i = 1; i <= 5; i++) {
		KTAP_EXPECT(t, fire(&d));
		KTAP_EXPECT_EQ(t, d.thread_calls, i);
	}
	free_irq(rtc->irq, &d);
	dev_init(&d);
	KTAP_ASSERT_EQ(t, request_threaded_irq(rtc->irq, wake_only, on_alarm_thread, "test", &d),
		       0);
	KTAP_EXPECT(t, fire(&d));
	/* The wire was up for 5 ms: an unmasked line would have interrupted thousands of times. */
	KTAP_EXPECT(t, d.calls <= 3);
	KTAP_EXPECT(t, d.right_context);
	rtc->set_alarm(0);
	free_irq(rtc->irq, &d); /* waits for the thread, if it runs already */
	rtc->clear();
}

/* ---- once more, while the thread works on the first ---- */

struct twice {
	unsigned int calls, thread_calls;
	unsigned int seen; /* calls, as the thread function saw them last */
};

/* As if the line came on another hart just now. */
static void come_meanwhile(void)
{
	struct irq_desc *d = (struct irq_desc *)alarm_desc();

	spin_lock(&d->lock);
	d->flags |= IRQ_AGAIN;
	spin_unlock(&d->lock);
}

static bool until(const unsigned int *value, unsigned int least)
{
	u64 start = ktime_ns();

	while (READ_ONCE(*value) < least && ktime_ns() - start < 50000000)
		cpu_relax();
	return READ_ONCE(*value) >= least;
}

static enum irqreturn on_twice(unsigned int irq, void *arg)
{
	struct twice *w = arg;

	(void)irq;
	rtc->clear();
	if (w->calls == 0)
		come_meanwhile();
	else
		until(&w->thread_calls, 1); /* the thread has begun */
	WRITE_ONCE(w->calls, w->calls + 1);
	return IRQ_WAKE_THREAD;
}

static enum irqreturn on_twice_thread(unsigned int irq, void *arg)
{
	struct twice *w = arg;

	(void)irq;
	w->seen = READ_ONCE(w->calls);
	WRITE_ONCE(w->thread_calls, w->thread_calls + 1);
	until(&w->calls, 2);
	msleep(2); /* until the handler has returned */
	return IRQ_HANDLED;
}

/* Each time that the handler asks for its thread, the thread function begins after that. */
static void test_thread_again(struct ktap *t)
{
	struct twice w = { 0 };

	if (!have_clock(t))
		return;
	KTAP_ASSERT_EQ(t, request_threaded_irq(rtc->irq, on_twice, on_twice_thread, "test", &w), 0);
	rtc->set_alarm(0);
	KTAP_EXPECT(t, until(&w.calls, 1));
	msleep(200);
	free_irq(rtc->irq, &w);
	KTAP_EXPECT(t, w.calls >= 2);
	KTAP_EXPECT_EQ(t, w.seen, w.calls);
	rtc->clear();
}

static void test_disable(struct ktap *t)
{
	struct dev d;

	if (!have_clock(t))
		return;
	dev_init(&d);
	KTAP_ASSERT_EQ(t, request_irq(rtc->irq, on_alarm, "test", &d), 0);
	disable_irq(rtc->irq);
	disable_irq_nosync(rtc->irq);
	rtc->set_alarm(0);
	KTAP_EXPECT(t, stays_away(&d));
	enable_irq(rtc->irq);
	KTAP_EXPECT(t, stays_away(&d));
	enable_irq(rtc->irq);
	KTAP_EXPECT(t, came(&d));
	KTAP_EXPECT_EQ(t, d.calls, 1);
	KTAP_EXPECT(t, fire(&d));
	free_irq(rtc->irq, &d);
}

static void test_affinity(struct ktap *t)
{
	unsigned int cpu, moved = 0;
	struct dev d;

	if (!have_clock(t))
		return;
	dev_init(&d);
	KTAP_ASSERT_EQ(t, request_irq(rtc->irq, on_alarm, "test", &d), 0);
	for_each_online_hart(cpu) {
		unsigned long before = count_on(cpu);

		if (irq_set_affinity(rtc->irq, cpu))
			continue; /* another node's PLIC has it */
		moved++;
		for (unsigned int i = 0; i < 10; i++) {
			KTAP_EXPECT(t, fire(&d));
			KTAP_EXPECT_EQ(t, d.cpu, cpu);
		}
		KTAP_EXPECT(t, count_on(cpu) >= before + 10);
	}
	KTAP_EXPECT(t, moved >= 1);
	KTAP_EXPECT_EQ(t, irq_set_affinity(rtc->irq, nr_harts), -EINVAL);
	(void)!irq_set_affinity(rtc->irq, 0);
	free_irq(rtc->irq, &d);
}

/* Nobody clears it: it's masked after a while, says so, and works again for the next who asks. */
static void test_storm(struct ktap *t)
{
	const struct irq_desc *desc;
	unsigned long before;
	u64 start;
	struct dev d;

	if (!have_clock(t))
		return;
	dev_init(&d);
	desc = alarm_desc();
	before = desc->unwanted;
	d.flooded = desc;
	KTAP_ASSERT_EQ(t, request_irq(rtc->irq, on_alarm, "test", &d), 0);
	start = ktime_ns();
	while (!(READ_ONCE(desc->flags) & IRQ_STORM) && ktime_ns() - start < LIMIT_NS) {
		/* Once would do, but QEMU's PLIC doesn't see that a wire is still up. */
		rtc->set_alarm(0);
		udelay(10);
	}
	KTAP_EXPECT(t, desc->flags & IRQ_STORM);
	KTAP_EXPECT(t, ktap_becomes(!(READ_ONCE(desc->flags) & IRQ_UNMASKED)));
	/* Masked by the very one that makes it a storm, whatever harts they came on. */
	KTAP_EXPECT(t, d.forgotten >= PAUSE_AT - 1);
	KTAP_EXPECT_EQ(t, desc->streak, IRQ_STORM_STREAK);
	KTAP_EXPECT_EQ(t, d.refused, IRQ_STORM_STREAK + d.forgotten);
	KTAP_EXPECT_EQ(t, desc->unwanted - before, d.refused);
	rtc->set_alarm(0);
	KTAP_EXPECT(t, stays_away(&d));
	KTAP_EXPECT_EQ(t, desc->unwanted - before, IRQ_STORM_STREAK + d.forgotten);
	free_irq(rtc->irq, &d);
	rtc->clear();
	dev_init(&d);
	KTAP_ASSERT_EQ(t, request_irq(rtc->irq, on_alarm, "test", &d), 0);
	KTAP_EXPECT(t, fire(&d));
	free_irq(rtc->irq, &d);
}

/* ---- races: up to MAX_RACERS harts request, free, disable, move and fire one line ---- */

struct racer {
	struct thread *thread;
	u32 random;
	unsigned int taken; /* times it had the line */
	bool broken;
	u64 start;
};

static unsigned int turns; /* of all */

static bool race_is_on(const struct racer *r)
{
	u64 passed = ktime_ns() - r->start;

	return passed < RACE_NS || (passed < RACE_MAX_NS && READ_ONCE(turns) < RACE_TURNS);
}

static u32 next_random(u32 *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Something that whoever has the line may do. */
static void use_line(struct racer *r)
{
	switch (next_random(&r->random) % 4) {
	case 0:
		disable_irq(rtc->irq);
		rtc->set_alarm(0);
		enable_irq(rtc->irq);
		break;
	case 1:
		disable_irq_nosync(rtc->irq);
		enable_irq(rtc->irq);
		break;
	case 2:
		usleep_range(50, 100);
		break;
	default:
		rtc->set_alarm(0);
		break;
	}
}

static int race(void *arg)
{
	struct racer *r = arg;
	struct dev d;

	while (race_is_on(r)) {
		bool threaded = next_random(&r->random) % 4 == 0;
		int err;

		(void)!irq_set_affinity(rtc->irq, next_random(&r->random) % nr_harts);
		rtc->set_alarm(0);
		dev_init(&d);
		err = threaded ? request_threaded_irq(rtc->irq, on_alarm, on_alarm_thread, "race",
						      &d)
			       : request_irq(rtc->irq, on_alarm, "race", &d);
		if (err == -EBUSY) {
			usleep_range(20, 50);
			continue;
		}
		for (unsigned int i = next_random(&r->random) % 8; i; i--)
			use_line(r);
		free_irq(rtc->irq, &d);
		/* From here on a call is a call to somebody who isn't there. */
		r->broken = r->broken || err || !d.right_context;
		d.alive = 0;
		r->taken++;
		__atomic_fetch_add(&turns, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

static void test_races(struct ktap *t)
{
	static struct racer racers[MAX_RACERS];
	unsigned int nr = 0, cpu, taken = 0;
	struct dev d;

	if (!have_clock(t))
		return;
	turns = 0;
	for_each_online_hart(cpu) {
		struct racer *r = &racers[nr];

		if (nr == MAX_RACERS)
			break;
		*r = (struct racer){ .random = cpu + 1, .start = ktime_ns() };
		r->thread = kthread_create(race, r, "race/%u", cpu);
		KTAP_ASSERT(t, r->thread);
		KTAP_EXPECT_EQ(t, kthread_bind(r->thread, cpu), 0);
		nr++;
	}
	for (unsigned int i = 0; i < nr; i++)
		wake_up_process(racers[i].thread);
	for (unsigned int i = 0; i < nr; i++) {
		kthread_join(racers[i].thread);
		KTAP_EXPECT(t, !racers[i].broken);
		taken += racers[i].taken;
	}
	ktap_diag(t, "the line was taken %u times", taken);
	KTAP_EXPECT(t, taken > nr);
	rtc->clear();
	dev_init(&d);
	KTAP_ASSERT_EQ(t, request_irq(rtc->irq, on_alarm, "test", &d), 0);
	KTAP_EXPECT(t, fire(&d));
	(void)!irq_set_affinity(rtc->irq, 0);
	KTAP_EXPECT(t, fire(&d));
	free_irq(rtc->irq, &d);
}

static const struct ktap_case cases[] = {
	{ "refused", test_refused },
	{ "alarm", test_alarm },
	{ "thread", test_thread },
	{ "thread-again", test_thread_again },
	{ "disable", test_disable },
	{ "affinity", test_affinity },
	{ "storm", test_storm },
	{ "races", test_races },
	{},
};

static const struct ktap_suite suite_irq = { "irq", cases };
TABLE_ENTRY(ktap_suite, suite_irq);
