/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.h - numbers that a boot doesn't share with the next
 *
 * Seeded by the firmware's rng-seed and kaslr-seed (/chosen), and the clock.  Good against one who
 * can't read the kernel's memory and has few tries; not for cryptography.
 */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include <base/types.h>

/* random_mix - each bit of @z in each bit of the result, and no two @z with the same. */
static inline u64 random_mix(u64 z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* random_init - from the seeds in the device tree, which may go then; random_add - mix in @bytes at
 * @from. */
void random_init(void);
void random_add(const void *from, size_t bytes);

/* get_random_u64, get_random_long - the next one.  Any context. */
u64 get_random_u64(void);

static inline unsigned long get_random_long(void)
{
	return (unsigned long)get_random_u64();
}

#endif
