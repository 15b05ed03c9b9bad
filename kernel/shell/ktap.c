/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ktap.c - running the suites in the kernel, with results in KTAP version 1
 *
 * The outer level has a line a suite, the nested level (four blanks) a line a case:
 *
 *     KTAP version 1
 *     1..1
 *         KTAP version 1
 *         # Subtest: buddy
 *         1..2
 *         ok 1 split
 *         # mm.c:10: expected nr == 3: found 2, expected 3
 *         not ok 2 merge
 *     not ok 1 buddy
 *     # totals: pass:1 fail:1 skip:0
 *
 * Locking: results are counted atomically, as cases may use several harts; the rest runs
 * on the shell's hart.  A suite must leave as many free pages as it found.
 */
#include <shell/ktap.h>

#include <base/errno.h>
#include <kernel/log.h>
#include <kernel/preempt.h>
#include <mm/kmemleak.h>
#include <mm/kstack.h>
#include <mm/page_alloc.h>
#include <mm/vmalloc.h>
#include <mm/slab_info.h>
#include <sched/kswapd.h>
#include <shell/shell.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define INDENT	      "    "
#define PAGES_BACK_NS 10000000000ull
#define SETTLE_MS     10

struct totals {
	unsigned pass, fail, skip;
};

void ktap_skip(struct ktap *t, const char *why)
{
	t->skip_why = why;
}

void ktap_diag(struct ktap *t, const char *fmt, ...)
{
	char text[200];
	va_list args;

	(void)t;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* A handler may not wait for the console. */
	if (in_interrupt())
		pr_notice("# %s", text);
	else
		shell_printf(INDENT "# %s\n", text);
}

static void count_failure(struct ktap *t)
{
	__atomic_fetch_add(&t->nr_failed, 1, __ATOMIC_RELAXED);
}

bool ktap_check(struct ktap *t, bool ok, const char *file, int line, const char *what)
{
	if (ok)
		return true;
	count_failure(t);
	ktap_diag(t, "%s:%d: expected %s: found false, expected true", file, line, what);
	return false;
}

bool ktap_check_eq(struct ktap *t, long long found, long long expected, const char *file, int line,
		   const char *what)
{
	if (found == expected)
		return true;
	count_failure(t);
	ktap_diag(t, "%s:%d: expected %s: found %lld (0x%llx), expected %lld (0x%llx)", file, line,
		  what, found, found, expected, expected);
	return false;
}

bool ktap_check_str(struct ktap *t, const char *found, const char *expected, const char *file,
		    int line, const char *what)
{
	if (!strcmp(found, expected))
		return true;
	count_failure(t);
	ktap_diag(t, "%s:%d: expected %s: found \"%s\", expected \"%s\"", file, line, what, found,
		  expected);
	return false;
}

static void run_case(const struct ktap_suite *suite, const struct ktap_case *c, unsigned nr,
		     struct totals *totals)
{
	struct ktap t = { .suite = suite->name, .name = c->name };

	c->run(&t);
	if (t.nr_failed) {
		totals->fail++;
		shell_printf(INDENT "not ok %u %s\n", nr, c->name);
	} else if (t.skip_why) {
		totals->skip++;
		shell_printf(INDENT "ok %u %s # SKIP %s\n", nr, c->name, t.skip_why);
	} else {
		totals->pass++;
		shell_printf(INDENT "ok %u %s\n", nr, c->name);
	}
}

/* Pages of caches themselves: kmalloc()'s are made when they are needed, and stay.  And what
 * describes areas and maps them, since a thread that was made anew has its stack elsewhere. */
static unsigned long pages_of_caches(void)
{
	static const char *const names[] = { "kmem_cache", "kmem_cache_node", "vm_struct" };
	unsigned long nr = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		struct kmem_cache *s = kmem_cache_find(names[i]);
		struct slab_info info;

		kmem_cache_info(s, &info);
		kmem_cache_leave(s);
		nr += info.all.slabs * info.pages;
	}
	return nr + arch_nr_tables();
}

/* How many of kmemleak's pages its records need varies with their order. */
static unsigned long pages_of_records(void)
{
	struct kmemleak_counts counts;

	kmemleak_count(&counts);
	return counts.pages;
}

bool ktap_quiet(void)
{
	return node_daemons_rest(KTAP_PATIENCE_NS);
}

unsigned long ktap_free_pages(void)
{
	(void)ktap_quiet();
	kstack_flush();
	vm_unmap_aliases();
	kmem_cache_shrink_all();
	return nr_free_pages() + pages_of_caches() + pages_of_records();
}

/* Wait until nothing more comes back from what was before the first suite. */
static void settle(void)
{
	u64 end = ktime_ns() + PAGES_BACK_NS;
	unsigned long before;

	do {
		before = ktap_free_pages();
		msleep(SETTLE_MS);
	} while (ktap_free_pages() != before && ktime_ns() < end);
}

/* Wait until @wanted pages are free, as far as they still come back: a thread that has ended gives
 * its stack back in its own time. Returns how many there are. */
static unsigned long free_pages_become(unsigned long wanted)
{
	u64 end = ktime_ns() + PAGES_BACK_NS;
	unsigned long now;

	while ((now = ktap_free_pages()) != wanted && ktime_ns() < end)
		msleep(10);
	return now;
}

/* Runs one suite; false if a case failed or pages are missing afterwards. */
static bool run_suite(const struct ktap_suite *suite, struct totals *totals)
{
	unsigned long free_before = ktap_free_pages(), free_after;
	unsigned fail_before = totals->fail, nr = 0;

	while (suite->cases[nr].name)
		nr++;
	shell_printf(INDENT "KTAP version 1\n" INDENT "# Subtest: %s\n" INDENT "1..%u\n",
		     suite->name, nr);
	for (unsigned i = 0; i < nr; i++) {
		run_case(suite, &suite->cases[i], i + 1, totals);
		if (!strcmp(suite->cases[i].name, KTAP_PREPARE))
			free_before = ktap_free_pages();
	}
	free_after = free_pages_become(free_before);
	if (free_after != free_before) {
		shell_printf(INDENT "# %s: %lu free pages at the end, %lu at the start\n",
			     suite->name, free_after, free_before);
		totals->fail++;
	}
	return totals->fail == fail_before;
}

static const struct ktap_suite *find_suite(const char *name)
{
	const struct ktap_suite *s;

	for_each_table(ktap_suite, s)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

static bool is_chosen(const struct ktap_suite *suite, int nr, char **names)
{
	for (int i = 0; i < nr; i++)
		if (!strcmp(suite->name, names[i]))
			return true;
	return nr == 0;
}

int ktap_run(int nr, char **names)
{
	const struct ktap_suite *s;
	struct totals totals = { 0 };
	unsigned planned = 0, done = 0;

	for (int i = 0; i < nr; i++) {
		if (find_suite(names[i]))
			continue;
		shell_printf("test: there is no suite %s; test -l lists them\n", names[i]);
		return -ENOENT;
	}
	for_each_table(ktap_suite, s)
		planned += is_chosen(s, nr, names);

	settle();
	shell_printf("KTAP version 1\n1..%u\n", planned);
	for_each_table(ktap_suite, s) {
		bool ok;

		if (!is_chosen(s, nr, names))
			continue;
		ok = run_suite(s, &totals);
		shell_printf("%s %u %s\n", ok ? "ok" : "not ok", ++done, s->name);
	}
	shell_printf("# totals: pass:%u fail:%u skip:%u\n", totals.pass, totals.fail, totals.skip);
	return totals.fail ? -EIO : 0;
}

static int run_test(int argc, char **argv)
{
	const struct ktap_suite *s;

	if (argc == 2 && !strcmp(argv[1], "-l")) {
		for_each_table(ktap_suite, s)
			shell_printf("%s\n", s->name);
		return 0;
	}
	if (argc > 1 && argv[1][0] == '-')
		return SHELL_USAGE;
	return ktap_run(argc - 1, argv + 1);
}

static void complete_test(const char *prefix, shell_offer_fn offer, void *ctx)
{
	const struct ktap_suite *s;

	for_each_table(ktap_suite, s)
		offer(ctx, s->name);
}

static const struct shell_cmd cmd_test = {
	.name = "test",
	.usage = "[-l | SUITE...]",
	.help = "run test suites; -l lists them",
	.run = run_test,
	.complete = complete_test,
};
TABLE_ENTRY(shell_cmd, cmd_test);
