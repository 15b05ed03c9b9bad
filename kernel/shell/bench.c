/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.c - running the benchmarks: "bench KEY N", a line each
 *
 * Figures are instructions, under QEMU's -icount with one hart; see bench.h.
 */
#include <shell/bench.h>

#include <base/errno.h>
#include <shell/shell.h>

#include <string.h>

static int run_one(const struct bench *b)
{
	u64 n = b->run();

	if (n == BENCH_SKIPPED) {
		shell_printf("bench %s skipped: not on this machine\n", b->key);
		return 0;
	}
	if (n == BENCH_FAILED) {
		shell_printf("bench %s failed\n", b->key);
		return -EIO;
	}
	shell_printf("bench %s %llu\n", b->key, (unsigned long long)n);
	return 0;
}

static const struct bench *find_bench(const char *key)
{
	const struct bench *b;

	for_each_table(bench, b)
		if (!strcmp(b->key, key))
			return b;
	return NULL;
}

int bench_run(int nr, char **keys)
{
	const struct bench *b;
	int ret = 0;

	for (int i = 0; i < nr; i++) {
		b = find_bench(keys[i]);
		if (!b) {
			shell_printf("bench: there is no key %s; bench -l lists them\n", keys[i]);
			return -ENOENT;
		}
		if (run_one(b))
			ret = -EIO;
	}
	if (!nr)
		for_each_table(bench, b)
			if (run_one(b))
				ret = -EIO;
	return ret;
}

static int run_bench(int argc, char **argv)
{
	const struct bench *b;

	if (argc == 2 && !strcmp(argv[1], "-l")) {
		for_each_table(bench, b)
			shell_printf("%-20s %s\n", b->key, b->help ? b->help : "instructions each");
		return 0;
	}
	if (argc > 1 && argv[1][0] == '-')
		return SHELL_USAGE;
	return bench_run(argc - 1, argv + 1);
}

static void complete_bench(const char *prefix, shell_offer_fn offer, void *ctx)
{
	const struct bench *b;

	for_each_table(bench, b)
		offer(ctx, b->key);
}

static const struct shell_cmd cmd_bench = {
	.name = "bench",
	.usage = "[-l | KEY...]",
	.help = "count instructions of kernel operations; -l lists the keys",
	.run = run_bench,
	.complete = complete_bench,
};
TABLE_ENTRY(shell_cmd, cmd_bench);
