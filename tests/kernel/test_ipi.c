/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_ipi.c - calls from hart to hart: one, some, all; waiting or not; everybody at once
 */
#include <kernel/smp.h>

#include <asm/irqflags.h>
#include <kernel/percpu.h>
#include <sched/thread.h>
#include <shell/ktap.h>

#define ROUNDS 10000
/* All harts together, while each waits by spinning: slow where the host has fewer CPUs. */
#define ROUNDS_AT_ONCE 1200

static DEFINE_PER_CPU(u32, visits);

static void visit(void *arg)
{
	this_cpu_write(visits, this_cpu_read(visits) + 1);
}

static u32 all_visits(void)
{
	u32 sum = 0;

	for (unsigned int cpu = 0; cpu < nr_harts; cpu++)
		sum += READ_ONCE(*per_cpu_ptr(&visits, cpu));
	return sum;
}

static void forget_visits(void)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++)
		*per_cpu_ptr(&visits, cpu) = 0;
}

static void test_refused(struct ktap *t)
{
	forget_visits();
	KTAP_EXPECT_EQ(t, smp_call_function_single(nr_harts, visit, NULL), -22);
	KTAP_EXPECT_EQ(t, smp_call_function_single_nowait(nr_harts, visit, NULL), -22);
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		if (hart_info(cpu)->state == HART_ONLINE)
			continue;
		KTAP_EXPECT_EQ(t, smp_call_function_single(cpu, visit, NULL), -22);
		KTAP_EXPECT_EQ(t, smp_call_function_single_nowait(cpu, visit, NULL), -22);
	}
	KTAP_EXPECT_EQ(t, all_visits(), 0);
}

struct context {
	struct ktap *t;
	unsigned int cpu;
};

static void look_around(void *arg)
{
	struct context *c = arg;

	KTAP_EXPECT_EQ(c->t, smp_processor_id(), c->cpu);
	KTAP_EXPECT(c->t, irqs_disabled());
	KTAP_EXPECT(c->t, in_atomic() || irqs_disabled());
}

/* On the hart asked for, with interrupts off, be it this one or another. */
static void test_context(struct ktap *t)
{
	struct context c = { t, 0 };

	for_each_online_hart(c.cpu)
		KTAP_EXPECT_EQ(t, smp_call_function_single(c.cpu, look_around, &c), 0);
	KTAP_EXPECT(t, !irqs_disabled());
}

static bool is_odd(unsigned int cpu, void *arg)
{
	return cpu % 2;
}

static bool is_none(unsigned int cpu, void *arg)
{
	return false;
}

static void test_some(struct ktap *t)
{
	unsigned int cpu;

	forget_visits();
	on_each_hart_cond(is_odd, visit, NULL, true);
	on_each_hart_cond(is_none, visit, NULL, true);
	for_each_online_hart(cpu)
		KTAP_EXPECT_EQ(t, *per_cpu_ptr(&visits, cpu), cpu % 2);
}

/* What isn't waited for comes all the same, each once and before the next of the same caller. */
static void test_nowait(struct ktap *t)
{
	unsigned int cpu, online = num_online_harts();
	unsigned long flags;

	forget_visits();
	for (unsigned int i = 0; i < 100; i++) {
		on_each_hart_cond(NULL, visit, NULL, false);
		for_each_online_hart(cpu)
			KTAP_EXPECT_EQ(t, smp_call_function_single_nowait(cpu, visit, NULL), 0);
	}
	local_irq_save(flags);
	on_each_hart_cond(NULL, visit, NULL, false);
	on_each_hart_cond(NULL, visit, NULL, false);
	local_irq_restore(flags);
	/* Calls are answered in their order: when these are done, those before are. */
	for_each_online_hart(cpu)
		KTAP_EXPECT_EQ(t, smp_call_function_single(cpu, visit, NULL), 0);
	KTAP_EXPECT_EQ(t, all_visits(), 203 * online);
}

static unsigned int next_online(unsigned int cpu)
{
	do
		cpu = (cpu + 1) % nr_harts;
	while (hart_info(cpu)->state != HART_ONLINE);
	return cpu;
}

static void test_rounds(struct ktap *t)
{
	unsigned int to = 0, failed = 0;

	forget_visits();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		to = next_online(to);
		failed += smp_call_function_single(to, visit, NULL) != 0;
	}
	KTAP_EXPECT_EQ(t, failed, 0);
	KTAP_EXPECT_EQ(t, all_visits(), ROUNDS);
}

/* ---- every hart calls the others at once ---- */

struct caller {
	struct thread *thread;
	unsigned int cpu, rounds, made;
};
static DEFINE_PER_CPU(struct caller, caller);

/* Round the harts, each third call with interrupts off: two that call each other both go on. */
static int call_round(void *arg)
{
	struct caller *c = arg;
	unsigned int to = c->cpu;

	for (unsigned int i = 0; i < c->rounds; i++) {
		unsigned long flags;
		int err;

		to = next_online(to);
		if (i % 3) {
			err = smp_call_function_single(to, visit, NULL);
		} else {
			local_irq_save(flags);
			err = smp_call_function_single(to, visit, NULL);
			local_irq_restore(flags);
		}
		if (err)
			return err;
		c->made++;
	}
	return 0;
}

static void test_at_once(struct ktap *t)
{
	unsigned int cpu, online = num_online_harts(), made = 0;

	forget_visits();
	for_each_online_hart(cpu) {
		struct caller *c = per_cpu_ptr(&caller, cpu);

		*c = (struct caller){ .cpu = cpu, .rounds = ROUNDS_AT_ONCE / online + 1 };
		c->thread = kthread_create(call_round, c, "ipi/%u", cpu);
		if (!KTAP_EXPECT(t, c->thread != NULL))
			continue;
		KTAP_EXPECT_EQ(t, kthread_bind(c->thread, cpu), 0);
		wake_up_process(c->thread);
	}
	for_each_online_hart(cpu) {
		struct caller *c = per_cpu_ptr(&caller, cpu);

		if (c->thread)
			KTAP_EXPECT_EQ(t, kthread_join(c->thread), 0);
		made += c->made;
	}
	KTAP_EXPECT(t, made >= ROUNDS_AT_ONCE);
	KTAP_EXPECT_EQ(t, all_visits(), made);
}

static const struct ktap_case cases[] = {
	{ "refused", test_refused },
	{ "context", test_context },
	{ "some", test_some },
	{ "nowait", test_nowait },
	{ "rounds", test_rounds },
	{ "at-once", test_at_once },
	{},
};

static const struct ktap_suite suite_ipi = { "ipi", cases };
TABLE_ENTRY(ktap_suite, suite_ipi);
