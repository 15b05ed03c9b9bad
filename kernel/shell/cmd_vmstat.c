/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_vmstat.c - what the memory manager counted, and how torn free memory is: vmstat, extfrag
 *
 * Figures are read one after the other while harts go on.  Names and formats follow Linux's
 * /proc/vmstat, vmstat(8) and debugfs' extfrag/.
 */
#include <kernel/smp.h>
#include <lib/parse.h>
#include <mm/page_alloc.h>
#include <mm/vmstat.h>
#include <sched/thread.h>
#include <sched/timer.h>
#include <shell/shell.h>

#include <string.h>

static void print_all(void)
{
	static const char numa_names[NR_NUMA_STAT_ITEMS][11] = {
		"hit", "miss", "foreign", "interleave", "local", "other",
	};
	char name[VM_EVENT_NAME_LEN];
	unsigned long cma = 0;
	struct zone *z;
	int nid;

	for_each_zone(z)
		cma += zone_free_of(z, MIGRATE_CMA);
	shell_printf("nr_free_pages %lu\nnr_free_cma %lu\n", nr_free_pages(), cma);
	for (int i = 0; i < NR_NUMA_STAT_ITEMS; i++) {
		unsigned long sum = 0;

		for_each_node_id(nid)
			sum += numa_stat_read(nid, (enum numa_stat_item)i);
		shell_printf("numa_%s %lu\n", numa_names[i], sum);
	}
	for (int i = 0; i < NR_VM_EVENT_ITEMS; i++)
		shell_printf("%s %lu\n", vm_event_name((enum vm_event_item)i, name),
			     vm_event_sum((enum vm_event_item)i));
}

/* What a line of `vmstat N` shows of the time since the last one. */
static const struct {
	const char *title;
	enum vm_event_item a, b; /* added up; twice the same: once */
} columns[] = {
	{ "alloc", PGALLOC, PGALLOC },
	{ "free", PGFREE, PGFREE },
	{ "refill", PCP_REFILL, PCP_REFILL },
	{ "drain", PCP_DRAIN, PCP_DRAIN },
	{ "scan", PGSCAN_KSWAPD, PGSCAN_DIRECT },
	{ "steal", PGSTEAL_KSWAPD, PGSTEAL_DIRECT },
	{ "migr", PGMIGRATE_SUCCESS, PGMIGRATE_SUCCESS },
	{ "stall", ALLOCSTALL, COMPACTSTALL },
};

static unsigned long switches(void)
{
	unsigned long sum = 0;

	for (unsigned int cpu = 0; cpu < nr_harts; cpu++) {
		struct hart_load load;

		sched_hart_load(cpu, &load);
		sum += load.switches;
	}
	return sum;
}

static void print_interval(unsigned long last[NR_VM_EVENT_ITEMS], unsigned long *last_switches)
{
	unsigned long now[NR_VM_EVENT_ITEMS], sw = switches();

	all_vm_events(now);
	shell_printf("%10lu", nr_free_pages() << (PAGE_SHIFT - 10));
	for (unsigned i = 0; i < ARRAY_SIZE(columns); i++) {
		unsigned long n = now[columns[i].a] - last[columns[i].a];

		if (columns[i].b != columns[i].a)
			n += now[columns[i].b] - last[columns[i].b];
		shell_printf(" %8lu", n);
	}
	shell_printf(" %8lu\n", sw - *last_switches);
	memcpy(last, now, sizeof(now));
	*last_switches = sw;
}

static void run_interval(unsigned long seconds, unsigned long count)
{
	unsigned long last[NR_VM_EVENT_ITEMS] = { 0 }, last_switches = 0;

	shell_puts("   free kB");
	for (unsigned i = 0; i < ARRAY_SIZE(columns); i++)
		shell_printf(" %8s", columns[i].title);
	shell_puts("   switch\n");
	/* The first line: since boot. */
	for (;;) {
		print_interval(last, &last_switches);
		if (!--count)
			return;
		for (unsigned long s = 0; s < 10 * seconds; s++) {
			msleep(100);
			if (shell_interrupted())
				return;
		}
	}
}

static int run_vmstat(int argc, char **argv)
{
	unsigned long seconds, count = 0;

	if (argc == 1) {
		print_all();
		return 0;
	}
	if (argc > 3 || parse_ulong(argv[1], &seconds) || !seconds || seconds > 3600 ||
	    (argc == 3 && parse_ulong(argv[2], &count)))
		return SHELL_USAGE;
	run_interval(seconds, count);
	return 0;
}

static const struct shell_cmd cmd_vmstat = {
	.name = "vmstat",
	.usage = "[SECONDS [LINES]]",
	.help = "what the memory manager counted: since boot, or in each interval",
	.run = run_vmstat,
};
TABLE_ENTRY(shell_cmd, cmd_vmstat);

static void print_thousandths(int n)
{
	shell_printf(" %s%d.%03d", n < 0 ? "-" : "", (n < 0 ? -n : n) / 1000,
		     (n < 0 ? -n : n) % 1000);
}

static int run_extfrag(int argc, char **argv)
{
	struct zone *z;

	(void)argv;
	if (argc != 1)
		return SHELL_USAGE;
	for_each_zone(z) {
		unsigned long nr[NR_ORDERS];

		zone_free_blocks(z, nr);
		shell_printf("Node %d, zone %8s unusable", z->nid, z->name);
		for (unsigned order = 0; order < NR_ORDERS; order++)
			print_thousandths((int)unusable_index(nr, order));
		shell_printf("\nNode %d, zone %8s extfrag ", z->nid, z->name);
		for (unsigned order = 0; order < NR_ORDERS; order++)
			print_thousandths(fragmentation_index(nr, order));
		shell_puts("\n");
	}
	return 0;
}

static const struct shell_cmd cmd_extfrag = {
	.name = "extfrag",
	.usage = "",
	.help = "by order, share of free memory that is too torn, and why an order can't be had",
	.run = run_extfrag,
};
TABLE_ENTRY(shell_cmd, cmd_extfrag);
