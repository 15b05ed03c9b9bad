/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * harness.c - main() and random numbers of the host tests
 */
#include "harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jmp_buf fail_jmp;
static u64 rnd_state;
static char fail_text[1024];

void host_fail(const char *file, int line, const char *fmt, ...)
{
	size_t n;
	va_list ap;

	n = (size_t)snprintf(fail_text, sizeof(fail_text), "%s:%d: ", file, line);
	va_start(ap, fmt);
	vsnprintf(fail_text + n, sizeof(fail_text) - n, fmt, ap);
	va_end(ap);
	longjmp(fail_jmp, 1);
}

void host_expect_str(const char *file, int line, const char *what, const char *a, const char *b)
{
	if (!a || strcmp(a, b))
		host_fail(file, line, "%s is \"%s\", not \"%s\"", what, a ? a : "(null)", b);
}

void host_expect_contains(const char *file, int line, const char *text, const char *part)
{
	if (!strstr(text, part))
		host_fail(file, line, "\"%s\" isn't in \"%s\"", part, text);
}

/* splitmix64 */
u64 rnd(void)
{
	u64 z = (rnd_state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

u64 rnd_below(u64 n)
{
	return rnd() % n;
}

u64 rnd_range(u64 lo, u64 hi)
{
	return lo + rnd_below(hi - lo);
}

void *host_read_file(const char *path, size_t *bytes)
{
	FILE *f = fopen(path, "rb");
	char *buf = NULL;
	size_t n = 0, got;

	if (!f)
		host_fail(__FILE__, __LINE__, "can't open %s", path);
	do {
		buf = realloc(buf, n + 65536);
		got = fread(buf + n, 1, 65536, f);
		n += got;
	} while (got);
	fclose(f);
	*bytes = n;
	return realloc(buf, n ? n : 1);
}

static bool wanted(const char *name, int argc, char **argv)
{
	bool any = false;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			continue;
		any = true;
		if (!strcmp(argv[i], name))
			return true;
	}
	return !any;
}

/* Run one case; its failure text or NULL. */
static const char *run_case(const struct host_test *t)
{
	host_log_clear();
	host_warnings = 0;
	host_panic_expected = false;
	if (setjmp(fail_jmp))
		return fail_text;
	t->run();
	return NULL;
}

int main(int argc, char **argv)
{
	const struct host_test *t;
	const char *seed = getenv("HOST_SEED");
	int n = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	host_verbose = argc > 1 && !strcmp(argv[1], "-v");
	rnd_state = seed ? strtoull(seed, NULL, 0) : 1;
	printf("KTAP version 1\n# HOST_SEED=%llu\n", (unsigned long long)rnd_state);
	for_each_table(host_test, t)
		n += wanted(t->name, argc, argv);
	printf("1..%d\n", n);
	n = 0;
	for_each_table(host_test, t) {
		const char *why;

		if (!wanted(t->name, argc, argv))
			continue;
		why = run_case(t);
		if (why)
			printf("# %s\n", why);
		printf("%s %d %s\n", why ? "not ok" : "ok", ++n, t->name);
		failed += why != NULL;
	}
	printf("# totals: pass:%d fail:%d skip:0\n", n - failed, failed);
	return failed || !n;
}
