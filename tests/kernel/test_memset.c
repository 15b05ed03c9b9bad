/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_memset.c - all of what is meant is filled, and nothing beside it
 */
#include <base/types.h>
#include <shell/ktap.h>

#include <string.h>

#define AROUND 24
#define MOST   100

static unsigned char memory[AROUND + MOST + AROUND] __attribute__((aligned(8)));

/* How many bytes of @memory aren't as they must be. */
static unsigned wrong(unsigned at, unsigned nr, unsigned char inside, unsigned char outside)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < sizeof(memory); i++)
		bad += memory[i] != (i >= at && i < at + nr ? inside : outside);
	return bad;
}

static void fill(unsigned char byte)
{
	for (unsigned i = 0; i < sizeof(memory); i++)
		*(volatile unsigned char *)&memory[i] = byte;
}

static void test_all_places(struct ktap *t)
{
	void *(*volatile set)(void *, int, size_t) = memset; /* not the compiler's */
	unsigned bad = 0;

	for (unsigned at = AROUND - 8; at < AROUND; at++)
		for (unsigned nr = 0; nr <= MOST; nr++) {
			fill(0xff);
			bad += set(memory + at, 0, nr) != memory + at;
			bad += wrong(at, nr, 0, 0xff);
			fill(0);
			set(memory + at, 0x1a5, nr); /* only its low byte counts */
			bad += wrong(at, nr, 0xa5, 0);
		}
	KTAP_EXPECT_EQ(t, bad, 0);
}

static const struct ktap_case cases[] = {
	{ "all_places", test_all_places },
	{ NULL, NULL },
};
static const struct ktap_suite suite_memset = { "memset", cases };
TABLE_ENTRY(ktap_suite, suite_memset);
