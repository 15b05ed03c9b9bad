/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ktap.h - suites that run in the kernel and report in KTAP version 1
 *
 *     static void test_split(struct ktap *t) { KTAP_EXPECT_EQ(t, order, 3); }
 *     static const struct ktap_case cases[] = { { "split", test_split }, {} };
 *     static const struct ktap_suite suite_buddy = { "buddy", cases };
 *     TABLE_ENTRY(ktap_suite, suite_buddy);
 *
 * EXPECT notes a failure and goes on; ASSERT also returns from the function it
 * stands in.  A failure's line names file and line, what was expected and what
 * was found.  A suite that ends with another number of free pages than it began
 * with fails.  Any hart may EXPECT: use the same struct ktap from on_each_hart().
 */
#ifndef SHELL_KTAP_H
#define SHELL_KTAP_H

#include <base/table.h>
#include <base/types.h>
#include <kernel/time.h>
#include <sched/timer.h>

struct ktap {
	const char *suite;
	const char *name;
	const char *skip_why; /* set by ktap_skip() */
	unsigned nr_failed;   /* expectations of this case; updated atomically */
};

/* A case of this name makes what stays: free pages are counted from its end on. */
#define KTAP_PREPARE "prepare"

struct ktap_case {
	const char *name; /* NULL ends the list */
	void (*run)(struct ktap *t);
};

struct ktap_suite {
	const char *name;
	const struct ktap_case *cases;
};
TABLE_DECLARE(ktap_suite);

/* ktap_skip - this case can't run here; @why is one phrase that stays valid. Then return. */
void ktap_skip(struct ktap *t, const char *why);

/* ktap_diag - a '#' line, for a figure worth having in the log. */
void ktap_diag(struct ktap *t, const char *fmt, ...) __printf(2, 3);

/*
 * ktap_quiet - sleep until kswapd and kcompactd have done what they were asked to; false if they
 * don't end.  They hold pages for a moment and free those of caches, so who counts pages to the
 * last one calls it first, if they may have been asked: by a case before, too.
 */
bool ktap_quiet(void);

/* ktap_free_pages - free pages when none is only on its way back: caches give back what they can,
 * and pages count as free that the caches themselves and kmemleak's records take.  May sleep. */
unsigned long ktap_free_pages(void);

/* Used by the macros. @ok is passed through. */
bool ktap_check(struct ktap *t, bool ok, const char *file, int line, const char *what);
bool ktap_check_eq(struct ktap *t, long long found, long long expected, const char *file, int line,
		   const char *what);
bool ktap_check_str(struct ktap *t, const char *found, const char *expected, const char *file,
		    int line, const char *what);

#define KTAP_EXPECT(t, cond) ktap_check(t, !!(cond), __FILE__, __LINE__, #cond)
/* Integers and pointers: the value found, then the value expected. */
#define KTAP_EXPECT_EQ(t, found, expected)                                              \
	ktap_check_eq(t, (long long)(found), (long long)(expected), __FILE__, __LINE__, \
		      #found " == " #expected)
#define KTAP_EXPECT_STREQ(t, found, expected) \
	ktap_check_str(t, found, expected, __FILE__, __LINE__, #found)

#define KTAP_ASSERT(t, cond)               \
	do {                               \
		if (!KTAP_EXPECT(t, cond)) \
			return;            \
	} while (0)
#define KTAP_ASSERT_EQ(t, found, expected)               \
	do {                                             \
		if (!KTAP_EXPECT_EQ(t, found, expected)) \
			return;                          \
	} while (0)

/*
 * How long to wait for what must come.  It's there against hanging, not to measure anything: an
 * emulator whose host has other things to do stands still for a second now and then.
 */
#define KTAP_PATIENCE_NS 60000000000ull

/* Sleep until @cond holds; its value, false once patience has run out. */
#define ktap_becomes(cond)                                      \
	({                                                      \
		u64 _end = ktime_ns() + KTAP_PATIENCE_NS;       \
		bool _holds;                                    \
                                                                \
		while (!(_holds = (cond)) && ktime_ns() < _end) \
			msleep(1);                              \
		_holds;                                         \
	})

/* Runs the suites named (all for nr == 0); 0, -EIO if one failed, -ENOENT for a bad name. */
int ktap_run(int nr, char **names);

#endif
