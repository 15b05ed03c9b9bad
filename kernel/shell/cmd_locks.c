/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_locks.c - lockstat, irqsoff: how long locks are held and interrupts are off
 *               lockbug: doing wrong what the checks must notice
 */
#include <kernel/lockdebug.h>
#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/spinlock.h>
#include <kernel/symbols.h>
#include <kernel/time.h>
#include <sched/mutex.h>
#include <shell/shell.h>
#include <string.h>

static unsigned long long ticks_to_ns(u64 ticks)
{
	u64 now = read_time();

	return ktime_of_ticks(now + ticks) - ktime_of_ticks(now);
}

/* -1 for arguments that make no sense, 1 for -c (clear), 0 for none. */
static int wants_clear(int argc, char **argv)
{
	if (argc == 1)
		return 0;
	return argc == 2 && !strcmp(argv[1], "-c") ? 1 : -1;
}

static int run_lockstat(int argc, char **argv)
{
	int clear = wants_clear(argc, argv);
	char place[KSYM_NAME];
	struct lock_stat s;

	if (clear < 0)
		return SHELL_USAGE;
	if (clear) {
		lock_stat_clear();
		return 0;
	}
	shell_puts("rank  name          taken      waited     longest  taken at\n");
	for (unsigned int rank = 0; rank < NR_LOCK_RANKS; rank++) {
		lock_stat_read(rank, &s);
		if (s.taken)
			shell_printf("%4u  %-10s  %9lu  %8lu  %7llu ns  %s\n", rank,
				     lock_rank_name(rank), s.taken, s.waited,
				     ticks_to_ns(s.longest),
				     symbol_format(place, sizeof(place), s.place));
	}
	return 0;
}

static const struct shell_cmd cmd_lockstat = {
	.name = "lockstat",
	.usage = "[-c]",
	.help = "locks by rank: how often taken, waited for, and held at most; -c clears",
	.run = run_lockstat,
};
TABLE_ENTRY(shell_cmd, cmd_lockstat);

static int run_irqsoff(int argc, char **argv)
{
	int clear = wants_clear(argc, argv);
	char from[KSYM_NAME], to[KSYM_NAME];
	struct irqsoff_stat s;

	if (clear < 0)
		return SHELL_USAGE;
	if (clear) {
		irqsoff_clear();
		return 0;
	}
	shell_puts("hart  longest        from ... to\n");
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		irqsoff_read(cpu, &s);
		if (s.longest)
			shell_printf("%4u  %10llu ns  %s ... %s\n", cpu, ticks_to_ns(s.longest),
				     symbol_format(from, sizeof(from), s.from),
				     symbol_format(to, sizeof(to), s.to));
	}
	return 0;
}

static const struct shell_cmd cmd_irqsoff = {
	.name = "irqsoff",
	.usage = "[-c]",
	.help = "the longest time that interrupts were off on each hart; -c clears",
	.run = run_irqsoff,
};
TABLE_ENTRY(shell_cmd, cmd_irqsoff);

/* ---- mistakes on purpose ---- */

static spinlock_t inner = SPINLOCK_RANKED(LOCK_ZONE), outer = SPINLOCK_RANKED(LOCK_WAIT);
static DEFINE_MUTEX_RANKED(inner_mutex, LOCK_RESOURCE);
static DEFINE_MUTEX_RANKED(outer_mutex, LOCK_DRIVERS);

static void bug_order(void)
{
	unsigned long flags;

	spin_lock_irqsave(&inner, flags);
	spin_lock_raw(&outer);
	spin_unlock_raw(&outer);
	spin_unlock_irqrestore(&inner, flags);
}

static void bug_mutex_order(void)
{
	mutex_lock(&inner_mutex);
	mutex_lock(&outer_mutex);
	mutex_unlock(&outer_mutex);
	mutex_unlock(&inner_mutex);
}

static void bug_twice(void)
{
	local_irq_disable();
	spin_lock_raw(&inner);
	spin_lock_raw(&inner);
}

static void bug_unlock(void)
{
	preempt_disable();
	spin_unlock(&inner);
}

static __noinline void disable_for_bug(void)
{
	preempt_disable();
}

static void bug_sleep(void)
{
	disable_for_bug();
	might_sleep();
	preempt_enable();
}

static void bug_sleep_irqs(void)
{
	unsigned long flags;

	local_irq_save(flags);
	might_sleep();
	local_irq_restore(flags);
}

static void bug_held(void)
{
	assert_held(&inner);
}

static int other_unlocks(void *arg)
{
	mutex_unlock(&inner_mutex);
	return 0;
}

static void bug_mutex_unlock(void)
{
	struct thread *t = kthread_create(other_unlocks, NULL, "other");

	mutex_lock(&inner_mutex);
	if (t) {
		wake_up_process(t);
		kthread_join(t);
	}
}

static void bug_mutex_twice(void)
{
	mutex_lock(&inner_mutex);
	mutex_lock(&inner_mutex);
}

static const struct {
	const char *name;
	void (*fn)(void);
} bugs[] = {
	{ "order", bug_order },
	{ "mutex-order", bug_mutex_order },
	{ "twice", bug_twice },
	{ "unlock", bug_unlock },
	{ "sleep", bug_sleep },
	{ "sleep-irqs", bug_sleep_irqs },
	{ "held", bug_held },
	{ "mutex-unlock", bug_mutex_unlock },
	{ "mutex-twice", bug_mutex_twice },
};

static int run_lockbug(int argc, char **argv)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(bugs); i++) {
		if (argc == 1) {
			shell_printf("%s\n", bugs[i].name);
		} else if (argc == 2 && !strcmp(argv[1], bugs[i].name)) {
			bugs[i].fn();
			return 0;
		}
	}
	return argc == 1 ? 0 : SHELL_USAGE;
}

static const struct shell_cmd cmd_lockbug = {
	.name = "lockbug",
	.usage = "[KIND]",
	.help = "make a mistake with locks, to see it reported; without KIND: which there are",
	.run = run_lockbug,
};
TABLE_ENTRY(shell_cmd, cmd_lockbug);
