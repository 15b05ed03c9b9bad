/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_trace.c - trace: turn tracepoints on, show what they wrote
 *
 * The first `trace on` brings a ring for each hart; they stay, with what is in them, until
 * `trace clear` finds every tracepoint off.
 *
 * --raw prints for tools/trace:
 *     trace-begin 1 TICKS_A_SECOND HARTS
 *     thread ID PRIORITY NAME
 *     site ADDRESS NAME                 a function that a B after it is in (tools/slabtrace.py)
 *     e HART TICKS EVENT WHO A B        (A and B in hexadecimal), in order of time
 *     trace-end RECORDS
 */
#include <kernel/trace.h>

#include <kernel/percpu.h>
#include <kernel/smp.h>
#include <kernel/symbols.h>
#include <kernel/time.h>
#include <lib/parse.h>
#include <mm/page_alloc.h>
#include <sched/thread.h>
#include <shell/shell.h>
#include <stdio.h>
#include <string.h>

#define RING_ORDER CONFIG_TRACE_RING_ORDER
/* A record's size is rounded up to a power of two for this: on rv32 it is 24 bytes. */
#define RING_RECORDS ((unsigned int)((PAGE_SIZE << RING_ORDER) / 32))
_Static_assert(sizeof(struct trace_record) <= 32, "RING_RECORDS");
#define SHOW_DEFAULT 40
#define SITES_SEEN   64

/* One hart's part of what is shown. */
struct reading {
	unsigned long first; /* `trace clear` was at this record */
	unsigned long pos, end;
	struct trace_record next;
	bool valid; /* next is the record before pos */
};
static DEFINE_PER_CPU(struct reading, reading);
static bool have_rings;

static void nothing(void *arg)
{
	(void)arg;
}

static void drop_rings(void)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		struct trace_record *ring = trace_set_ring(cpu, NULL, 0);

		on_each_hart(nothing, NULL); /* no record is half written after that */
		free_pages((unsigned long)ring, RING_ORDER);
		per_cpu_ptr(&reading, cpu)->first = 0;
	}
	have_rings = false;
}

static int bring_rings(void)
{
	for (unsigned int cpu = 0; cpu < nr_harts && !have_rings; cpu++) {
		unsigned long pages = __get_free_pages(GFP_KERNEL | __GFP_NOWARN, RING_ORDER);

		if (!pages) {
			shell_printf("trace: no memory for the ring of hart %u, %lu KiB\n", cpu,
				     (unsigned long)(PAGE_SIZE << RING_ORDER) / 1024);
			drop_rings();
			return -ENOMEM;
		}
		trace_set_ring(cpu, (struct trace_record *)pages, RING_RECORDS);
	}
	have_rings = true;
	return 0;
}

/* ---- turning on and off ---- */

static int list(void)
{
	const struct tracepoint *tp;

	for_each_table(tracepoint, tp)
		shell_printf("%-14s %-4s %s\n", tp->name, *tp->on ? "on" : "off", tp->format);
	return 0;
}

static bool any_on(void)
{
	const struct tracepoint *tp;

	for_each_table(tracepoint, tp)
		if (*tp->on)
			return true;
	return false;
}

/* @name: a tracepoint, the beginning of some names followed by '*', or "all". */
static int enable(const char *name, bool on)
{
	size_t len = strlen(name);
	bool prefix = len && name[len - 1] == '*', found = false;
	const struct tracepoint *tp;

	for_each_table(tracepoint, tp) {
		if (strcmp(name, "all") && strcmp(name, tp->name) &&
		    !(prefix && !strncmp(name, tp->name, len - 1)))
			continue;
		trace_enable(tp, on);
		found = true;
	}
	if (!found)
		shell_printf("trace: there is no tracepoint %s; trace list shows them\n", name);
	return found ? 0 : -ENOENT;
}

static int enable_all(int argc, char **argv, bool on)
{
	int err = on ? bring_rings() : 0;

	if (!argc && !err)
		err = enable("all", on);
	for (int i = 0; i < argc && !err; i++)
		err = enable(argv[i], on);
	return err;
}

static int clear(void)
{
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++)
		per_cpu_ptr(&reading, cpu)->first = trace_head(cpu);
	if (have_rings && !any_on())
		drop_rings();
	return 0;
}

/* ---- showing ---- */

static void look_ahead(unsigned int cpu)
{
	struct reading *r = per_cpu_ptr(&reading, cpu);

	r->valid = trace_read(cpu, &r->pos, r->end, &r->next);
}

/* Begin with what there is now; how many records that is, at most. */
static unsigned long begin(void)
{
	unsigned long total = 0;

	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		struct reading *r = per_cpu_ptr(&reading, cpu);

		r->pos = r->first;
		r->end = trace_head(cpu);
		look_ahead(cpu);
		if (r->valid)
			total += r->end - r->pos + 1;
	}
	return total;
}

/* The oldest record that is left and its hart; false at the end. */
static bool next_record(struct trace_record *out, unsigned int *hart)
{
	struct reading *best = NULL;

	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		struct reading *r = per_cpu_ptr(&reading, cpu);

		if (r->valid && (!best || r->next.ticks < best->next.ticks)) {
			best = r;
			*hart = cpu;
		}
	}
	if (!best)
		return false;
	*out = best->next;
	look_ahead(*hart);
	return true;
}

static void print_record(const struct trace_record *r, unsigned int hart)
{
	const struct tracepoint *tp = trace_point(r->event);
	u64 us = ktime_of_ticks(r->ticks) / 1000;
	char text[120];

	if (!tp)
		return;
	snprintf(text, sizeof(text), tp->format, (unsigned int)r->who, r->a, r->b);
	shell_printf("[%5llu.%06llu] %2u  %-14s %s\n", (unsigned long long)(us / 1000000),
		     (unsigned long long)(us % 1000000), hart, tp->name, text);
}

static int show(unsigned long wanted)
{
	struct trace_record r;
	unsigned int hart = 0;
	unsigned long left = begin();

	while (next_record(&r, &hart) && !shell_interrupted()) {
		if (left-- <= wanted)
			print_record(&r, hart);
	}
	return 0;
}

/* Names are printed when the list of threads isn't held any more. */
struct name {
	unsigned int id;
	unsigned int prio;
	char name[THREAD_NAME_LEN];
};
struct names {
	struct name *name;
	unsigned int nr, max;
};

static void note_name(struct thread *t, void *arg)
{
	struct names *names = arg;
	struct name *n = &names->name[names->nr];

	if (names->nr == names->max)
		return;
	n->id = t->id;
	n->prio = t->prio;
	memcpy(n->name, t->name, sizeof(n->name));
	names->nr++;
}

/* Name @pc if it's code that wasn't named lately; @seen: SITES_SEEN of those that were. */
static void print_site(unsigned long pc, unsigned long *seen)
{
	unsigned long *place = &seen[pc / 2 % SITES_SEEN];
	char name[KSYM_NAME];

	if (*place == pc || !symbol_start(pc))
		return;
	*place = pc;
	shell_printf("site %lx %s\n", pc, symbol_format(name, sizeof(name), pc));
}

static int show_raw(void)
{
	unsigned long seen[SITES_SEEN] = { 0 };
	struct names names = { (struct name *)__get_free_page(GFP_KERNEL), 0,
			       PAGE_SIZE / sizeof(struct name) };
	unsigned long records = 0;
	struct trace_record r;
	unsigned int hart = 0;

	if (!names.name)
		return -ENOMEM;
	begin();
	sched_for_each(note_name, &names);
	shell_printf("trace-begin 1 %llu %u\n", (unsigned long long)ns_to_ticks(1000000000ull),
		     nr_harts);
	for (unsigned int i = 0; i < names.nr; i++)
		shell_printf("thread %u %u %s\n", names.name[i].id, names.name[i].prio,
			     names.name[i].name);
	free_page((unsigned long)names.name);
	while (next_record(&r, &hart) && !shell_interrupted()) {
		const struct tracepoint *tp = trace_point(r.event);

		if (!tp)
			continue;
		print_site(r.b, seen);
		shell_printf("e %u %llu %s %u %lx %lx\n", hart, (unsigned long long)r.ticks,
			     tp->name, (unsigned int)r.who, r.a, r.b);
		records++;
	}
	shell_printf("trace-end %lu\n", records);
	return 0;
}

static int run_trace(int argc, char **argv)
{
	unsigned long n = SHOW_DEFAULT;

	if (argc < 2)
		return SHELL_USAGE;
	if (!strcmp(argv[1], "list") && argc == 2)
		return list();
	if (!strcmp(argv[1], "on"))
		return enable_all(argc - 2, argv + 2, true);
	if (!strcmp(argv[1], "off"))
		return enable_all(argc - 2, argv + 2, false);
	if (!strcmp(argv[1], "clear") && argc == 2)
		return clear();
	if (!strcmp(argv[1], "--raw") && argc == 2)
		return show_raw();
	if (strcmp(argv[1], "show") || argc > 3 || (argc == 3 && parse_ulong(argv[2], &n)))
		return SHELL_USAGE;
	return show(n);
}

static void complete_trace(const char *prefix, shell_offer_fn offer, void *ctx)
{
	static const char *const words[] = { "list", "on", "off", "show", "clear", "--raw" };

	(void)prefix;
	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
		offer(ctx, words[i]);
}

static const struct shell_cmd cmd_trace = {
	.name = "trace",
	.usage = "list | on [NAME...] | off [NAME...] | show [N] | --raw | clear",
	.help = "write events of the scheduler, timers and interrupts into rings, and show them",
	.run = run_trace,
	.complete = complete_trace,
};
TABLE_ENTRY(shell_cmd, cmd_trace);
