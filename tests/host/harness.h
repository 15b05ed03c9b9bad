/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * harness.h - running the kernel's own source files on the host
 *
 * A test file is a list of
 *
 *     TEST(name_of_case)
 *     {
 *             EXPECT_EQ(f(2), 4);
 *     }
 *
 * linked with the sources under test and harness.c, which has main(), the log
 * and panic().  Cases run in order of the file, each in the state the last one
 * left; a failed EXPECT ends its case.  Output is KTAP version 1.
 *
 *     test_x [-v] [CASE...]      -v: kernel messages go to stderr
 *     HOST_SEED=N                start of the random numbers (printed in any case)
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <base/table.h>
#include <base/types.h>
#include <setjmp.h>

struct host_test {
	const char *name;
	void (*run)(void);
};
TABLE_DECLARE(host_test);

#define TEST(fn)                                                    \
	static void fn(void);                                       \
	static const struct host_test host_test_##fn = { #fn, fn }; \
	TABLE_ENTRY(host_test, host_test_##fn);                     \
	static void fn(void)

/* Ends the running case as failed. */
void host_fail(const char *file, int line, const char *fmt, ...) __printf(3, 4) __noreturn;

#define EXPECT(cond)                                                \
	do {                                                        \
		if (!(cond))                                        \
			host_fail(__FILE__, __LINE__, "%s", #cond); \
	} while (0)

/* Integers of any type; compared and shown as 64 bits. */
#define EXPECT_EQ(a, b)                                                                            \
	do {                                                                                       \
		s64 _a = (s64)(a), _b = (s64)(b);                                                  \
		if (_a != _b)                                                                      \
			host_fail(__FILE__, __LINE__,                                              \
				  "%s is %lld (0x%llx), not %s, %lld (0x%llx)", #a, (long long)_a, \
				  (unsigned long long)_a, #b, (long long)_b,                       \
				  (unsigned long long)_b);                                         \
	} while (0)

#define EXPECT_STR(a, b) host_expect_str(__FILE__, __LINE__, #a, a, b)
void host_expect_str(const char *file, int line, const char *what, const char *a, const char *b);

/* @stmt panics, and the message contains @text. */
#define EXPECT_PANIC(text, stmt)                                                 \
	do {                                                                     \
		host_panic_expected = true;                                      \
		if (!setjmp(host_panic_jmp)) {                                   \
			stmt;                                                    \
			host_panic_expected = false;                             \
			host_fail(__FILE__, __LINE__, "no panic: %s", #stmt);    \
		}                                                                \
		host_expect_contains(__FILE__, __LINE__, host_panic_text, text); \
	} while (0)
extern jmp_buf host_panic_jmp;
extern bool host_panic_expected;
extern char host_panic_text[512];
void host_expect_contains(const char *file, int line, const char *text, const char *part);

/* The kernel's messages since host_log_clear(), and since the case began. */
void host_log_clear(void);
bool host_log_contains(const char *part);
const char *host_log(void);
extern unsigned host_warnings; /* warn_at() calls since the case began */
extern bool host_verbose;

/* Random numbers that a seed repeats. */
u64 rnd(void);
u64 rnd_below(u64 n);	       /* 0 .. n - 1; n > 0 */
u64 rnd_range(u64 lo, u64 hi); /* lo .. hi - 1 */

/*
 * Physical memory [base, base + bytes) with contents and descriptors, all zero; what was there
 * before is gone.  Costs only what is touched.
 */
void host_memory_init(phys_addr_t base, u64 bytes);

/* host_memory_high - from @high on it is high memory, which only windows reach; until the next
 * host_memory_init(). */
void host_memory_high(phys_addr_t high);
unsigned int host_windows(void); /* open now, of this thread */

/*
 * host_addresses - @bytes of addresses of the test's own, at which nothing is mapped
 * host_memory_map: there [@pa, @pa + @bytes) can be reached as @prot of <sys/mman.h> says.
 * host_memory_unmap: nothing again.  host_memory_shared: to be set before host_memory_init().
 */
extern bool host_memory_shared;
unsigned long host_addresses(unsigned long bytes);
void host_memory_map(unsigned long va, phys_addr_t pa, unsigned long bytes, int prot);
void host_memory_unmap(unsigned long va, unsigned long bytes);

/*
 * The same for what memblock has: some memory near its top gets contents, and the rest is
 * reserved, so that memblock_alloc() works whatever addresses a device tree came up with.
 */
void host_memory_for_memblock(void);

/* The whole file @path, malloc'ed, with its length; ends the case if it can't be read. */
void *host_read_file(const char *path, size_t *bytes);

#endif
