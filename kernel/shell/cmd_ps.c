/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_ps.c - ps: the threads
 *
 * The list of threads is copied while it is held and printed after.  A thread's fields are read
 * while it runs, so a line may be a moment old.
 */
#include <kernel/time.h>
#include <mm/page_alloc.h>
#include <sched/thread.h>
#include <shell/shell.h>
#include <string.h>

struct row {
	unsigned int id;
	char name[THREAD_NAME_LEN];
	const char *state;
	unsigned int prio, base_prio;
	unsigned int cpu;
	u64 ticks;
	unsigned long switches;
};

struct rows {
	struct row *row; /* NULL: count only */
	unsigned int nr, max;
	u64 now;
};

static const char *state_name(const struct thread *t)
{
	static const char *const names[] = { "ready", "sleeping", "parked", "dead" };

	if (t->on_hart)
		return "running";
	return names[READ_ONCE(t->state)];
}

static void note_thread(struct thread *t, void *arg)
{
	struct rows *rows = arg;
	struct row *r = &rows->row[rows->nr];

	if (!rows->row || rows->nr == rows->max) {
		rows->nr += !rows->row;
		return;
	}
	r->id = t->id;
	memcpy(r->name, t->name, sizeof(r->name));
	r->state = state_name(t);
	r->prio = t->prio;
	r->base_prio = t->base_prio;
	r->cpu = t->cpu;
	r->ticks = t->runtime;
	if (t->on_hart && rows->now > t->run_start)
		r->ticks += rows->now - t->run_start;
	r->switches = t->switches;
	rows->nr++;
}

static void print_row(const struct row *r)
{
	u64 us = r->ticks * 1000000 / ns_to_ticks(1000000000ull);
	char lent = r->prio < r->base_prio ? '+' : ' ';

	shell_printf("%4u  %-15s %-8s %4u%c %4u %6llu.%06llu %9lu\n", r->id, r->name, r->state,
		     r->prio, lent, r->cpu, (unsigned long long)(us / 1000000),
		     (unsigned long long)(us % 1000000), r->switches);
}

static int run_ps(int argc, char **argv)
{
	struct rows rows = { .now = read_time() };
	unsigned int order = 0;

	(void)argv;
	if (argc != 1)
		return SHELL_USAGE;
	sched_for_each(note_thread, &rows);
	/* A few more may be created meanwhile. */
	while ((PAGE_SIZE << order) < (rows.nr + 8) * sizeof(*rows.row))
		order++;
	rows.row = (struct row *)__get_free_pages(GFP_KERNEL, order);
	if (!rows.row)
		return -ENOMEM;
	rows.max = (unsigned int)((PAGE_SIZE << order) / sizeof(*rows.row));
	rows.nr = 0;
	sched_for_each(note_thread, &rows);
	shell_puts("  id  name            state    prio  hart      run time  switches\n");
	for (unsigned int i = 0; i < rows.nr && !shell_interrupted(); i++)
		print_row(&rows.row[i]);
	free_pages((unsigned long)rows.row, order);
	return 0;
}

static const struct shell_cmd cmd_ps = {
	.name = "ps",
	.usage = "",
	.help = "the threads: state, priority (+: lent by a mutex), hart, run time, switches",
	.run = run_ps,
};
TABLE_ENTRY(shell_cmd, cmd_ps);
