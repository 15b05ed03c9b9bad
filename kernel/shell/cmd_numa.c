/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_numa.c - nodes: numastat counts what came from where, numactl shows them and runs a command
 * under a policy
 *
 * Formats follow Linux's commands of the same names.
 */
#include <kernel/smp.h>
#include <lib/parse.h>
#include <mm/mempolicy.h>
#include <mm/vmstat.h>
#include <shell/shell.h>

#include <stdio.h>
#include <string.h>

static const char *const numa_names[NR_NUMA_STAT_ITEMS] = {
	"numa_hit", "numa_miss", "numa_foreign", "interleave_hit", "local_node", "other_node",
};

static int run_numastat(int argc, char **argv)
{
	int nid;

	(void)argv;
	if (argc != 1)
		return SHELL_USAGE;
	shell_printf("%-16s", "");
	for_each_node_id(nid)
		shell_printf("       node%d", nid);
	for (int i = 0; i < NR_NUMA_STAT_ITEMS; i++) {
		shell_printf("\n%-16s", numa_names[i]);
		for_each_node_id(nid)
			shell_printf(" %11lu", numa_stat_read(nid, (enum numa_stat_item)i));
	}
	shell_puts("\n");
	return 0;
}

static const struct shell_cmd cmd_numastat = {
	.name = "numastat",
	.usage = "",
	.help = "by node, blocks that left its zones: as wished, instead of others, near, far",
	.run = run_numastat,
};
TABLE_ENTRY(shell_cmd, cmd_numastat);

static void print_node(int nid)
{
	unsigned long managed = 0, free = 0;
	struct zone *z;

	shell_printf("node %d cpus:", nid);
	for (unsigned int cpu = 0; cpu < nr_harts; cpu++)
		if (*per_cpu_ptr(&numa_node, cpu) == nid)
			shell_printf(" %u", cpu);
	for_each_zone(z) {
		if (z->nid != nid)
			continue;
		managed += z->managed_pages;
		free += zone_free_pages(z);
	}
	shell_printf("\nnode %d size: %lu kB\nnode %d free: %lu kB\n", nid,
		     managed << (PAGE_SHIFT - 10), nid, free << (PAGE_SHIFT - 10));
}

static void print_nodes(void)
{
	int from, to;

	shell_printf("available: %u nodes (0-%u)\n", nr_nodes, nr_nodes - 1);
	for_each_node_id(from)
		print_node(from);
	shell_puts("node distances:\nnode ");
	for_each_node_id(to)
		shell_printf(" %3d", to);
	for_each_node_id(from) {
		shell_printf("\n %2d: ", from);
		for_each_node_id(to)
			shell_printf(" %3u", node_distance(from, to));
	}
	shell_puts("\n");
}

static const struct {
	const char *option;
	enum mpol_mode mode;
} policies[] = {
	{ "--preferred=", MPOL_PREFERRED },
	{ "--membind=", MPOL_BIND },
	{ "--interleave=", MPOL_INTERLEAVE },
};

/* The policy that --MODE=NODES stands for becomes this thread's. */
static int set_policy(const char *option)
{
	for (unsigned i = 0; i < ARRAY_SIZE(policies); i++) {
		size_t len = strlen(policies[i].option);
		u64 nid[MAX_NUMNODES];
		nodemask_t nodes = 0;
		int nr;

		if (strncmp(option, policies[i].option, len))
			continue;
		nr = parse_list(option + len, nid, MAX_NUMNODES);
		for (int n = 0; n < nr; n++)
			nodes |= nid[n] < MAX_NUMNODES ? 1u << nid[n] : 1u << MAX_NUMNODES;
		return nr < 0 ? nr : set_mempolicy(policies[i].mode, nodes);
	}
	return SHELL_USAGE;
}

static int run_numactl(int argc, char **argv)
{
	char line[256];
	size_t len = 0;
	int err;

	if (argc == 1) {
		print_nodes();
		return 0;
	}
	if (argc == 2)
		return SHELL_USAGE;
	for (int i = 2; i < argc && len < sizeof(line); i++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s ", argv[i]);
	if (len >= sizeof(line))
		return -E2BIG;
	err = set_policy(argv[1]);
	if (err) {
		if (err != SHELL_USAGE)
			shell_printf("numactl: %s: no list of nodes with memory of 0 to %u\n",
				     argv[1], nr_nodes - 1);
		return err;
	}
	err = shell_exec(line);
	return set_mempolicy(MPOL_DEFAULT, 0) ?: err;
}

static const struct shell_cmd cmd_numactl = {
	.name = "numactl",
	.usage = "[--membind=NODES|--preferred=NODE|--interleave=NODES COMMAND [ARGUMENT...]]",
	.help = "show nodes, or run a command whose pages come from NODES",
	.run = run_numactl,
};
TABLE_ENTRY(shell_cmd, cmd_numactl);
